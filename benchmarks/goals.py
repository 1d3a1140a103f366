"""What speed is held against: multiples of a plain scan and of peers in the same run, and memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from measuring import Figures

Table = dict[str, Figures]


@dataclass(frozen=True)
class Goal:
    """A figure made of a table's rows, and the most (or the least) it should be."""

    words: str
    steps: tuple[str, ...]
    figure: Callable[[Table], float]
    bound: float
    is_least: bool = False

    def told(self, table: Table) -> str | None:
        """Say whether it holds; None where one of its steps was not measured."""
        if any("cpu" not in table.get(step, {}) for step in self.steps):
            return None
        figure = self.figure(table)
        holds = figure >= self.bound if self.is_least else figure <= self.bound
        bound = f"at {'least' if self.is_least else 'most'} {self.bound:,g}"
        return f"- {self.words}: {figure:,.1f} ({bound}: {'holds' if holds else 'does not hold'})"


def _times(step: str, other: str) -> Callable[[Table], float]:
    return lambda table: table[step]["cpu"] / table[other]["cpu"]


def _further(table: Table) -> float:
    return (table["features_12"]["cpu"] - table["features_1"]["cpu"]) / 11 / table["scan"]["cpu"]


def _unchecked(table: Table) -> float:
    return table["lifetimes"]["cpu"] / (table["summary"]["cpu"] - table["read_orders"]["cpu"])


GOALS = (
    Goal("plain scans for the first as_of", ("scan", "features_1"), _times("features_1", "scan"), 14),
    Goal("plain scans for each further as_of", ("scan", "features_1", "features_12"), _further, 3),
    Goal("plain scans for twelve as_ofs", ("scan", "features_12"), _times("features_12", "scan"), 45),
    Goal("plain scans to score without reasons", ("scan", "score"), _times("score", "scan"), 15),
    Goal("times as fast as lifetimes, its columns", ("summary", "lifetimes"), _times("lifetimes", "summary"), 5, True),
    Goal("the same, our checks of the rows not counted", ("read_orders", "summary", "lifetimes"), _unchecked, 5, True),
    Goal(
        "times as fast as featuretools", ("features_1", "featuretools"), _times("featuretools", "features_1"), 30, True
    ),
    *(
        Goal(f"MB at the peak of {step}", (step,), lambda table, step=step: table[step]["mb"], 2_000)
        for step in ("features_12", "score", "train")
    ),
)


def print_goals(table: Table, lines: int) -> None:
    """Say of every goal whose steps were measured whether it holds.

    A small shop is scanned in no time, and what any run costs is then many scans: those goals are for large ones.
    """
    is_large = lines >= 10_000_000
    told = [goal.told(table) for goal in GOALS if is_large or "scan" not in goal.steps]
    print("", *(words for words in told if words is not None), sep="\n")
    if not is_large and "scan" in table:
        print("- goals in plain scans are judged from 10 million order lines on")
