"""Do measured campaigns keep their promises?  Redrawn many times from a real e-mail test, of which the truth is known.

Prints the tables that are kept in README.md. `--draws` says how often; the data are looked for as quality.py does.
"""

from __future__ import annotations

import argparse
import os
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import norm

from clm_ml.measuring import (
    Arm,
    check_ratio,
    measure,
    newcombe,
    smallest_detectable_rise,
    spend_difference,
    spread_of,
    watch_buyers,
    z_of,
)

HERE = Path(__file__).parent
LISTS, SHARE, LEVEL, Z = (3_000, 10_000, 30_000), 0.1, 0.02, z_of(0.95)


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--draws", type=int, default=8_000, help="of each list; verdicts and interim take a tenth")
    asked.add_argument("--seed", type=int, default=1)
    told = asked.parse_args()
    rng, begun = np.random.default_rng(told.seed), time.process_time()
    mail = pd.read_parquet(find("hillstrom.parquet"))
    held, sent = (
        mail.loc[(mail["segment"] != "No E-Mail") == is_sent, "spend"].to_numpy() for is_sent in (False, True)
    )
    for rows in (
        coverage(sent, held, told.draws, rng),
        interim(told.draws // 10, rng),
        ratios(told.draws // 2, rng),
        verdicts(sent, held, told.draws // 20, rng),
    ):
        print(table(list(rows)), "\n")
    print(f"{time.process_time() - begun:,.0f} CPU seconds")


def find(name: str) -> Path:
    beside = (HERE / "data", HERE.parent.parent / "shared" / "data")
    folders = [Path(os.environ["CLM_BENCH_DATA"])] if "CLM_BENCH_DATA" in os.environ else beside
    return next(folder / name for folder in folders if (folder / name).exists())


def draw(spend: np.ndarray, customers: int, rng: np.random.Generator) -> Arm:
    buyers = spend[spend > 0]
    money = rng.choice(buyers, rng.binomial(customers, len(buyers) / len(spend)))
    return Arm(customers, len(money), len(money), float(money.sum()), float((money**2).sum()))


def coverage(sent: np.ndarray, held: np.ndarray, draws: int, rng: np.random.Generator) -> Iterator[dict]:
    """Count how often 95 % intervals hold the truth, and on which side they miss it."""
    truth = {"buyers": (sent > 0).mean() - (held > 0).mean(), "revenue": sent.mean() - held.mean()}
    for customers in LISTS:
        sides: dict[str, Counter[str]] = {name: Counter() for name in ("buyers", "revenue", "Welch")}
        for _ in range(draws):
            held_out = round(customers * SHARE)
            contacted, holdout = draw(sent, customers - held_out, rng), draw(held, held_out, rng)
            spread = spread_of((contacted, holdout))
            figures = {"buyers": newcombe(contacted, holdout, Z)}
            if spread is not None:
                figures["revenue"] = spend_difference(contacted, holdout, spread, Z)
            for name, figure in figures.items():
                sides[name][side(figure.low, figure.high, truth[name])] += 1
            sides["Welch"][side(*welch(contacted, holdout), truth["revenue"])] += 1
        for name, found in sides.items():
            whole = found.total()
            yield {
                "list": f"{customers:,}", "figure": "revenue, Welch" if name == "Welch" else name,
                "told": f"{whole / draws:.3f}", "coverage": f"{found['holds'] / whole:.3f}",
                "overstated": f"{found['over'] / whole:.3f}",
                "understated": f"{found['under'] / whole:.3f}",
            }  # fmt: skip


def side(low: float, high: float, truth: float) -> str:
    return "over" if truth < low else "under" if truth > high else "holds"


def welch(contacted: Arm, holdout: Arm) -> tuple[float, float]:
    """Give what the usual tools print, for comparison."""
    means = [arm.spent / arm.customers for arm in (contacted, holdout)]
    variances = [
        (arm.spent_squares / arm.customers - mean**2) / (arm.customers - 1)
        for arm, mean in zip((contacted, holdout), means, strict=True)
    ]
    half = Z * sum(variances) ** 0.5
    return means[0] - means[1] - half, means[0] - means[1] + half


def interim(draws: int, rng: np.random.Generator) -> Iterator[dict]:
    """Look after each of 1,000 buyers: how often does a campaign raise an alarm that does nothing, or something?"""
    days = np.arange(1000)
    for contacted_share in (0.5, 0.9):
        for ratio in (1.0, 1.25, 1.5, 2.0):
            chance = contacted_share * ratio / (contacted_share * ratio + 1 - contacted_share)
            bought = rng.random((draws, 1000)) < chance
            shares = np.full(1000, contacted_share)
            clear = [watch_buyers(days, row, shares, LEVEL).is_clear for row in bought]
            yield {
                "contacted share": f"{contacted_share:.0%}", "contacted buy times as often": f"{ratio:.2f}",
                "alarm": f"{np.mean(clear):.3f}",
                "alarm of a z test at each look": f"{naive(bought, contacted_share):.3f}",
            }  # fmt: skip


def naive(bought: np.ndarray, share: float) -> float:
    """Ask a z test after each buyer from the twentieth on, as people do who look at a dashboard."""
    count = np.arange(1, bought.shape[1] + 1)
    z = (bought.cumsum(axis=1) - share * count) / np.sqrt(share * (1 - share) * count)
    return float((np.abs(z[:, 19:]) > norm.ppf(0.975)).any(axis=1).mean())


def ratios(draws: int, rng: np.random.Generator) -> Iterator[dict]:
    """Refuse arms: as they were meant, and with a part of the holdout mailed and lost to it."""
    for customers in LISTS:
        for lost in (0.0, 0.1, 0.2, 0.3):
            held = rng.binomial(customers, SHARE, draws)
            gone = rng.binomial(held, lost)
            fits = [
                check_ratio(int(kept), int(customers - away), SHARE, 0.001).fits
                for kept, away in zip(held - gone, gone, strict=True)
            ]
            yield {
                "list": f"{customers:,}",
                "lost of the holdout": f"{lost:.0%}",
                "refused": f"{1 - np.mean(fits):.4f}",
            }


def verdicts(sent: np.ndarray, held: np.ndarray, draws: int, rng: np.random.Generator) -> Iterator[dict]:
    """Give verdicts where the truth is known: the mail as it was at three costs, and a mail that does nothing."""
    for customers in (10_000, 30_000, 100_000):
        rise = smallest_detectable_rise(round(customers * 0.9), customers // 10, (held > 0).mean(), 0.95)
        for name, spend, cost in (
            ("nothing, at no cost", held, 0.0),
            ("as it was, at .01", sent, 0.01),
            ("as it was, at what it brings", sent, 0.3 * (sent.mean() - held.mean())),
            ("as it was, at 1.00", sent, 1.0),
        ):
            words: Counter[str] = Counter()
            for _ in range(draws):
                words[verdict(spend, held, customers, cost, rng)] += 1
            shares = {word: f"{words[word] / draws:.3f}" for word in ("earned", "inconclusive", "lost")}
            truth = 0.3 * (spend.mean() - held.mean()) - cost
            yield {
                "list": f"{customers:,}", "the mail does": name, "true profit a customer": f"{truth:+.3f}", **shares,
                "detectable rise": f"{100 * rise:.2f} points",
            }  # fmt: skip


def verdict(spend: np.ndarray, held: np.ndarray, customers: int, cost: float, rng: np.random.Generator) -> str:
    held_out = customers // 10
    money = np.concatenate([rng.choice(spend, customers - held_out), rng.choice(held, held_out)])
    frame = pd.DataFrame({"arm": ["contact"] * (customers - held_out) + ["holdout"] * held_out, "spent": money})
    told = measure(frame.assign(ordered=(money > 0).astype(int)), spent="spent", margin=0.3, contact_cost=cost)
    return told.verdict.word


def table(rows: list[dict]) -> str:
    head = list(rows[0])
    lines = [head, ["---"] * len(head), *([str(row[name]) for name in head] for row in rows)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


if __name__ == "__main__":
    main()
