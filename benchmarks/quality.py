"""Judge clm-ml forward in time on public logs, beside its peers, in one run: prints the table of benchmarks/README.md.

    python benchmarks/quality.py [--tasks S1 S4a] [--validate] [--out FOLDER]

The data lie in the folder CLM_BENCH_DATA names, else in benchmarks/data. Every estimate is made as at a test as_of:
from rows before it, with labels closed by it, by the door and the defaults of the package. `--validate` asks earlier
as_ofs instead: whatever is chosen is chosen there.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
from quality_figures import differences, figures
from quality_peers import PEERS, Peer, btyd_peers, lifetimes_peer
from quality_shop import SHOP, noise_floor
from quality_steady import STEADY
from quality_tasks import TASKS, Log, QualityTask, validating
from scipy.stats import binomtest
from speed import own_environment

from clm_ml.config import Config
from clm_ml.evaluation import metrics
from clm_ml.examples import collect_examples, training_as_ofs
from clm_ml.features import build_features
from clm_ml.model import learn
from clm_ml.snapshot import Prepared, prepare, take_snapshot
from clm_ml.tables import read_tables
from clm_ml.timeline import date_of

#: Segments of fewer say nothing of calibration.
_LARGE = 300
EVERY = (*TASKS, SHOP, STEADY)
OURS, ORACLE = "clm-ml", "oracle"
_HIGHER = ("auc", "gini", "spearman")
_NEAR_ONE = {"order_count_bias", "bias"}


def ask_us(task: QualityTask, log: Log) -> Iterator[tuple[int, pd.DataFrame]]:
    """Let clm-ml learn and score as at each as_of: read once, learn again for each."""
    config = log.config(task.horizon_days)
    tables = read_tables(config)
    prepared = prepare(tables)
    for as_of in task.days:
        yield as_of, score_at(prepared, config, as_of)
    tables.engine.close()


def score_at(prepared: Prepared, config: Config, as_of: int) -> pd.DataFrame:
    """Learn what `train` would have learned at as_of, and score everyone who has ordered."""
    tables = prepared.tables
    examples = collect_examples(
        prepared, config, training_as_ofs(config, tables.first_day, as_of), as_of, with_open=True
    )
    model = learn(examples, config, tables.inputs)
    features = build_features(take_snapshot(prepared, as_of), config.task)
    people = tables.engine.collect(features, "customer_id").to_pandas()
    customers = model.complete(people[people["orders_ever"] > 0].reset_index(drop=True))
    return model.score(customers, reasons=False).assign(expected_orders=model.expected_orders(customers))


def ask_everyone(task: QualityTask, log: Log, with_peers: bool) -> tuple[pd.DataFrame, dict[str, pd.DataFrame]]:
    """Put beside what came what each method said of it: frames of the same rows, pooled over as_ofs."""
    came = pd.concat([log.outcomes(day, task.horizon_days) for day in task.days], ignore_index=True)
    said: dict[str, list[pd.DataFrame]] = {OURS: []}
    began = time.process_time()
    for as_of, scores in ask_us(task, log):
        said[OURS].append(scores.assign(as_of=as_of))
    tell(f"  {OURS}: {time.process_time() - began:.0f} CPU s")
    if log.oracle is not None:
        said[ORACLE] = [log.oracle(day, task.horizon_days).assign(as_of=day) for day in task.days]
    for name, peer in peers().items() if with_peers else ():
        began = time.process_time()
        said[name] = [peer(log, day, task.horizon_days).assign(as_of=day) for day in task.days]
        tell(f"  {name}: {time.process_time() - began:.0f} CPU s")
    key = ["as_of", "customer_id"]
    once = pd.concat([pd.DataFrame({"as_of": day, "customer_id": log.bought_once(day)}) for day in task.days])
    came = came.merge(once.assign(bought_once=True), on=key, how="left").fillna({"bought_once": False})
    return came, {
        name: came[key].merge(pd.concat(parts), on=key, how="left", validate="one_to_one")
        for name, parts in said.items()
    }


def peers() -> dict[str, Peer]:
    """List the peers: ours of order histories, lifetimes' if its environment can be had, and the others."""
    python, missing = own_environment()
    if missing:
        tell(f"  lifetimes is {missing}")
    witness = {} if missing else {"lifetimes BG/NBD": lifetimes_peer(python)}
    return {**btyd_peers(), **witness, **PEERS}


def table_of(task: QualityTask, came: pd.DataFrame, said: dict[str, pd.DataFrame]) -> tuple[str, pd.DataFrame]:
    """Write a task as a Markdown table: a line a method, then what is held against the goals and the best peer."""
    rows = pd.DataFrame({name: figures(came, frame) for name, frame in said.items()}).T
    shown = rows.map(lambda value: "" if np.isnan(value) else f"{value:.4f}")
    as_ofs = ", ".join(task.as_ofs)
    lines = [
        f"### {task.name}: {task.words}",
        "",
        f"{len(came):,} customers at {as_ofs}; ordered {came['ordered'].mean():.4f}",
        "",
    ]
    lines += ["| | " + " | ".join(rows.columns) + " |", "|---" * (len(rows.columns) + 1) + "|"]
    lines += [f"| {name} | " + " | ".join(shown.loc[name]) + " |" for name in rows.index]
    lines += ["", *_held(task, rows.loc[OURS]), *_of_one_time_buyers(came, said[OURS])]
    lines += [*_against_oracle(task, said, rows), *_by_segment(came, said), *_against_best(came, said, rows)]
    return "\n".join(lines) + "\n", rows


def _held(task: QualityTask, ours: pd.Series) -> Iterator[str]:
    for name, goal in task.goals.items():
        found = ours.get(name, np.nan)
        value = abs(found - 1) if name in _NEAR_ONE else found
        holds = value >= goal if name in _HIGHER else value <= goal
        bound = "at least" if name in _HIGHER else "at most"
        told = "not told" if np.isnan(value) else f"{value:.4f}"
        yield f"- {name}: {told} ({bound} {goal}: {'holds' if holds else 'does not hold'})"


def _of_one_time_buyers(came: pd.DataFrame, ours: pd.DataFrame) -> Iterator[str]:
    """Hold the mean probability of those who had ordered once against the binomial interval of what came."""
    once = came["bought_once"].astype(bool).to_numpy()
    if once.any():
        happened = binomtest(int(came.loc[once, "ordered"].sum()), int(once.sum()))
        low, high = happened.proportion_ci(0.95, method="wilson")
        said = float(ours.loc[once, "order_probability"].mean())
        inside = "inside" if low <= said <= high else "outside"
        yield (
            f"- {once.sum():,} one-time buyers: {said:.4f} said, {happened.statistic:.4f} came back "
            f"[{low:.4f}, {high:.4f}] ({inside})"
        )


def _against_oracle(task: QualityTask, said: dict[str, pd.DataFrame], rows: pd.DataFrame) -> Iterator[str]:
    if ORACLE not in said:
        return
    ours = rows.loc[OURS]
    floor = noise_floor(said[OURS]["order_probability"], lambda came, said: metrics(came, said)["ece"])
    share = ours["auc"] / rows.loc[ORACLE, "auc"]
    if task.least_of_oracle is None:
        yield f"- AUC, as a share of the oracle's, who knows everybody's rate: {share:.4f}"
    else:
        holds = "holds" if share >= task.least_of_oracle else "does not hold"
        yield f"- AUC, as a share of the oracle's: {share:.4f} (at least {task.least_of_oracle}: {holds})"
    for words, value, low, high in (
        ("ECE, in noise floors", ours["ece"] / floor, 0.0, 2.0),
        ("calibration slope", ours["calibration_slope"], 0.9, 1.1),
    ):
        yield f"- {words}: {value:.4f} (from {low} to {high}: {'holds' if low <= value <= high else 'does not hold'})"


def _by_segment(came: pd.DataFrame, said: dict[str, pd.DataFrame]) -> Iterator[str]:
    """Hold the calibration of each segment that is large enough against what chance alone would make of it."""
    if ORACLE not in said:
        return
    ours = said[OURS]
    for segment, rows in ours.groupby("segment", sort=True):
        if len(rows) < _LARGE or not 0 < (ordered := came.loc[rows.index, "ordered"]).sum() < len(rows):
            continue
        told = rows["order_probability"]
        ece = metrics(ordered, told)["ece"] / noise_floor(told, lambda came, said: metrics(came, said)["ece"])
        yield (
            f"- {segment}: {len(rows):,} customers, {told.mean():.4f} said, {ordered.mean():.4f} came; "
            f"ECE, in noise floors, {ece:.2f}; "
            f"calibration slope {metrics(ordered, told)['calibration_slope']:.2f} ± {_slope_error(told):.2f}"
        )


def _slope_error(told: pd.Series) -> float:
    """Give the standard error of a calibration slope of 1: by the information in the log-odds that were said."""
    said = told.clip(1e-6, 1 - 1e-6).to_numpy()
    weight, odds = said * (1 - said), np.log(said / (1 - said))
    return float((weight * (odds - np.average(odds, weights=weight)) ** 2).sum() ** -0.5)


def _against_best(came: pd.DataFrame, said: dict[str, pd.DataFrame], rows: pd.DataFrame) -> Iterator[str]:
    peers = rows.drop(index=[OURS, ORACLE], errors="ignore")
    if peers.empty:
        return
    for name, best in (("log_loss", peers["log_loss"].idxmin()), ("auc", peers["auc"].idxmax())):
        gain, error = differences(came, said[OURS], said[best])[name]
        worse = gain > 2 * error if name == "log_loss" else gain < -2 * error
        yield f"- {name} against {best}: {gain:+.4f} ± {error:.4f} ({'worse' if worse else 'not worse'} by two errors)"


def tell(words: str) -> None:
    """Say on stderr where it is."""
    print(words, file=sys.stderr, flush=True)


def run(task: QualityTask, with_peers: bool, out: Path | None) -> str:
    """Ask one task, keep what was said, and give its table."""
    tell(f"{task.name} at {', '.join(str(date_of(day)) for day in task.days)}")
    with tempfile.TemporaryDirectory() as folder:
        came, said = ask_everyone(task, task.read(Path(folder)), with_peers)
    words, rows = table_of(task, came, said)
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        rows.to_csv(out / f"{task.name}.csv", index_label="method")
    return words


def main() -> None:
    """Run the tasks asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", nargs="*", default=[task.name for task in EVERY], help="which tasks; all, if none")
    parser.add_argument("--validate", action="store_true", help="ask earlier as_ofs, on which choices may be made")
    parser.add_argument("--no-peers", action="store_true", help="ask clm-ml alone")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="tasks at once; as many as cores by default")
    parser.add_argument("--out", type=Path, help="a folder for the figures, as CSV")
    asked = parser.parse_args()
    wanted = [task for task in EVERY if task.name in asked.tasks]
    tasks = [validating(task) if asked.validate else task for task in wanted]
    if not asked.no_peers:
        own_environment()  # made once, before several ask for it
    with ProcessPoolExecutor(asked.jobs, multiprocessing.get_context("spawn")) as several:
        for words in [several.submit(run, task, not asked.no_peers, asked.out) for task in tasks]:
            print(words.result(), flush=True)


if __name__ == "__main__":
    main()
