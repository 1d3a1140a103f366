"""Backtest: train as if at each of several days, and judge against what came after them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from matplotlib.figure import Figure

from clm_ml.artifacts import as_path, json_text, new_box, refuse_existing
from clm_ml.config import Config
from clm_ml.errors import TimelineError
from clm_ml.evaluation import compare_methods, metrics, profit_curve, reliability, value_metrics
from clm_ml.examples import collect_examples, refuse_short, training_as_ofs
from clm_ml.keeping import read_kept_tables
from clm_ml.labels import refuse_open
from clm_ml.model import learn
from clm_ml.pipeline.foresight import foresight_figures
from clm_ml.pipeline.judging import Judged, judge
from clm_ml.plots import plot_differences, plot_gains, plot_profit, plot_reliability
from clm_ml.progress import Progress, silent
from clm_ml.snapshot import Prepared
from clm_ml.tables import Tables
from clm_ml.timeline import date_of, label_window, parse_day
from clm_ml.tracking import log_backtest

__all__ = ["Backtested", "backtest"]

#: Days that are judged if none is named: so many, a horizon apart, as far as the log reaches.
_MOST_AS_OFS = 4
_OWN = "model"
_PREDICTIONS = "predictions.parquet"
#: The figures a notebook shows.
_SHOWN = ("auc", "log_loss", "brier", "ece", "top_decile_lift")


@dataclass(frozen=True)
class Backtested:
    """Where a backtest lies, and what it found.

    Attributes:
        box: its folder.
        figures: the content of `backtest.json`.
        run_id: of the run in MLflow.
        warnings: what to bear in mind.
        plots: the figures of the box, by file name.
    """

    box: Path
    figures: Mapping[str, Any] = field(repr=False)
    run_id: str
    warnings: tuple[str, ...] = ()
    plots: Mapping[str, Figure] = field(default_factory=dict, repr=False)

    def table(self) -> pd.DataFrame:
        """Lay out how the model and each baseline were judged: a row a method, all as_ofs together."""
        return pd.DataFrame(self.figures["pooled"]["methods"]).T

    def predictions(self) -> pd.DataFrame:
        """Read what each method said of each customer at each as_of, beside what came."""
        return pd.read_parquet(self.box / _PREDICTIONS)

    def _repr_html_(self) -> str:
        pooled = self.figures["pooled"]
        days = ", ".join(judged["as_of"] for judged in self.figures["as_ofs"])
        told = f"{pooled['customers']:,} predictions at {days}, {self.figures['horizon_days']} days ahead"
        return f"<p><b>backtest</b>: {told}</p>{self.table()[list(_SHOWN)].round(4).to_html()}"


def backtest(
    config: Config,
    as_ofs: Sequence[str] = (),
    out: str | Path | None = None,
    *,
    force: bool = False,
    fresh: bool = False,
    progress: Progress = silent,
) -> Backtested:
    """Learn at each as_of from nothing but what was known before it, and judge what was said of its label window.

    The box holds `backtest.json`, the plots, and `predictions.parquet`: one row a customer and as_of, ordered by both,
    with the churn probability of the model and of every baseline. MLflow gets a run with a child for each as_of.

    Args:
        config: the project.
        as_ofs: ISO days whose label windows are closed; if there are none, up to four, a horizon apart, the last the
            latest that can be judged.
        out: the folder of the box; backtests/PROJECT-DAY if it is not given.
        force: whether a box that is there is replaced.
        fresh: whether everything is read again, whatever an earlier run has kept.
        progress: told how far it is.

    Raises:
        TimelineError: if a label window is not closed, or there is too little history before one of the days.
        ModelError: if there is nothing to learn at one of them.
    """
    out = as_path(out)
    if out is not None:
        refuse_existing(out, force)
    asked = sorted({parse_day(day) for day in as_ofs})
    kept = read_kept_tables(config, fresh=fresh, progress=progress)
    days = asked or _latest(config, kept.tables)
    for day in days:
        refuse_open(label_window(day, config.task.horizon_days), kept.tables.complete_until)
    out = out or Path("backtests") / f"{config.project}-{date_of(days[-1])}"
    refuse_existing(out, force)
    prepared = kept.prepare(progress)
    progress("as_ofs", 0, len(days))
    judged = []
    for number, day in enumerate(days, start=1):
        judged.append(_judge_at(prepared, config, day))
        progress("as_ofs", number, len(days))
    kept.tables.engine.close()
    said = pd.concat([_said(one) for one in judged], ignore_index=True)
    figures = _figures(config, judged, said)
    plots = _plots(said, figures, config)
    facts = {name: figures[name] for name in ("project", "horizon_days", "as_ofs")}
    facts["delete_after"] = config.list.delete_after(date_of(days[-1]))
    with new_box(out, "backtest", facts, force=force, private=True) as hidden:
        (hidden / "backtest.json").write_text(json_text(figures), encoding="utf-8")
        rows = pa.Table.from_pandas(said, preserve_index=False)
        pq.write_table(rows, hidden / _PREDICTIONS, compression="zstd")
        for name, plot in plots.items():
            plot.savefig(hidden / name, dpi=150)
    progress("tracking", 0, 1)
    run_id = log_backtest(config, figures, plots)
    progress("tracking", 1, 1)
    return Backtested(out, figures, run_id, kept.tables.warnings, plots)


def _latest(config: Config, tables: Tables) -> list[int]:
    """Choose the days to judge: the latest, and those a horizon apart before it at which something can be learned."""
    horizon = config.task.horizon_days
    last = tables.complete_until - horizon
    refuse_short(config, tables.first_day, last)
    days = [last]
    while len(days) < _MOST_AS_OFS:
        try:
            refuse_short(config, tables.first_day, days[0] - horizon)
            training_as_ofs(config, tables.first_day, days[0] - horizon)
        except TimelineError:
            break
        days.insert(0, days[0] - horizon)
    return days


def _judge_at(prepared: Prepared, config: Config, day: int) -> Judged:
    tables = prepared.tables
    refuse_short(config, tables.first_day, day)
    as_ofs = training_as_ofs(config, tables.first_day, day)
    past = collect_examples(prepared, config, as_ofs, day, with_open=True)
    model = learn(past, config, tables.inputs)
    came = collect_examples(prepared, config, [day], tables.complete_until)
    return judge(model, past, came)


def _said(judged: Judged) -> pd.DataFrame:
    """Lay out what every method said of each customer, beside what came."""
    cohort = judged.cohort
    day = date_of(int(cohort["as_of"].iloc[0]))
    methods = {_OWN: judged.order_probability, **judged.baselines}
    return pd.DataFrame(
        {
            "customer_id": cohort["customer_id"],
            "as_of": day,
            "segment": judged.segments,
            "churned": (1 - cohort["ordered"]).astype("int8"),
            "spent": cohort["spent"],
            "expected_value": judged.expected_value,
            "expected_value_if_ordering": judged.amount,
            **judged.foreseen,
            **{f"churn_probability_{name}": 1 - said for name, said in methods.items()},
        }
    )


def _methods(said: pd.DataFrame) -> dict[str, Any]:
    """Take each method's churn probability out of the predictions."""
    prefix = "churn_probability_"
    names = [name for name in map(str, said) if name.startswith(prefix)]
    return {name.removeprefix(prefix): said[name].to_numpy() for name in names}


def _figures(config: Config, judged: Sequence[Judged], said: pd.DataFrame) -> dict[str, Any]:
    return {
        "project": config.project,
        "horizon_days": config.task.horizon_days,
        "as_ofs": [dict(one.facts) for one in judged],
        "pooled": {
            "customers": len(said),
            "methods": _by_method(said),
            "value": value_metrics(said["spent"], said["expected_value"]),
            **foresight_figures(said),
            "differences": _differences(said, config),
            "profit": _profits(said, config),
        },
        "segments": list(_by_segment(said)),
    }


def _by_method(said: pd.DataFrame) -> dict[str, dict[str, float]]:
    ordered = 1 - said["churned"]
    return {name: metrics(ordered, 1 - probability) for name, probability in _methods(said).items()}


def _differences(said: pd.DataFrame, config: Config) -> dict[str, Any]:
    """Tell how much better the model is than each baseline, with intervals: a customer is drawn with all their rows."""
    methods = _methods(said)
    own = methods.pop(_OWN)
    people, seed = said["customer_id"], config.train.seed
    return {name: compare_methods(said["churned"], own, other, people, seed) for name, other in methods.items()}


def _profits(said: pd.DataFrame, config: Config) -> dict[str, Any]:
    """Tell the best list each method would have made, at the save rate that the config assumes."""
    told = {}
    for name, curve in _curves(said, config).items():
        best = int(np.argmax(curve))
        told[name] = {"most": float(curve[best]), "contacted": best}
    return told


def _curves(said: pd.DataFrame, config: Config) -> dict[str, Any]:
    """Give each method's profit for every length of list; what somebody spends who orders is the model's estimate."""
    value = said["expected_value_if_ordering"].to_numpy()
    return {name: profit_curve(said["churned"], risk, value, config.list) for name, risk in _methods(said).items()}


def _by_segment(said: pd.DataFrame) -> Iterator[dict[str, Any]]:
    for segment, rows in said.groupby("segment", sort=True):
        churned, own = rows["churned"], rows[f"churn_probability_{_OWN}"]
        has_both = churned.nunique() == 2
        yield {
            "segment": segment,
            "customers": len(rows),
            "churned_share": float(churned.mean()),
            "mean_churn_probability": float(own.mean()),
            "metrics": metrics(1 - churned, 1 - own) if has_both else None,
        }


def _plots(said: pd.DataFrame, figures: Mapping[str, Any], config: Config) -> dict[str, Any]:
    ordered, methods = 1 - said["churned"], _methods(said)
    return {
        "reliability.png": plot_reliability(reliability(ordered, 1 - methods[_OWN])),
        "gains.png": plot_gains(said["churned"], methods),
        "differences.png": plot_differences(figures["pooled"]["differences"]),
        "profit.png": plot_profit(_curves(said, config), config.currency),
    }
