"""What is found: a difference, how large it is, from where on it matters, and what to do, in words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal

from scipy.special import ndtri

from clm_ml.config import Monitor

__all__ = [
    "A_YEAR", "KINDS", "LEVELS", "THE_SEASON", "Finding", "Level", "a_year_before", "graded", "in_order", "z_of",
]  # fmt: skip

Level = Literal["silent", "notice", "alarm"]
LEVELS: tuple[Level, ...] = ("silent", "notice", "alarm")

#: What a finding can be about, in the order in which it is to be looked at: what lies behind others comes first.
KINDS = (
    "table", "late", "rejected", "unit", "rate", "attribute", "feature", "segment", "score", "base_rate", "calibration",
    "discrimination", "season", "outcome",
)  # fmt: skip

#: A year of whole weeks, and how near to it a day of training has to lie to tell of the same season.
A_YEAR, _NEAR = 364, 10

THE_SEASON = "The same weeks a year ago changed alike: it is the season. Nothing to mend."


@dataclass(frozen=True)
class Finding:
    """One comparison of training with now.

    Attributes:
        kind: what it is about, of `KINDS`.
        what: the table, feature, value or figure.
        level: silent, notice or alarm.
        value: what was found; None where there is no number.
        threshold: from where on it is told, for a silent one and a notice, or an alarm.
        words: what it means and what to do.
    """

    kind: str
    what: str
    level: Level
    value: float | None
    threshold: float | None
    words: str

    def facts(self) -> dict[str, Any]:
        """Tell it as plain data."""
        return asdict(self)


def graded(value: float, notice: float, alarm: float) -> tuple[Level, float]:
    """Give the level of a value, and the border that decided it.

    >>> graded(0.25, notice=0.1, alarm=0.25), graded(0.2, notice=0.1, alarm=0.25), graded(0.0, notice=0.1, alarm=0.25)
    (('alarm', 0.25), ('notice', 0.1), ('silent', 0.1))
    """
    if value >= alarm:
        return "alarm", alarm
    return ("notice" if value >= notice else "silent"), notice


def in_order(findings: Iterable[Finding]) -> list[Finding]:
    """Put alarms first, then by kind, then what is farthest beyond its border, then by name."""

    def key(finding: Finding) -> tuple[int, int, float, str]:
        beyond = 0.0 if finding.value is None or not finding.threshold else abs(finding.value) / abs(finding.threshold)
        return -LEVELS.index(finding.level), KINDS.index(finding.kind), -beyond, finding.what

    return sorted(findings, key=key)


def z_of(limits: Monitor) -> float:
    """Give how many standard errors chance alone exceeds as seldom as is granted.

    >>> round(z_of(Monitor(chance=0.05)), 2)
    1.96
    """
    return float(ndtri(1 - limits.chance / 2))


def a_year_before(days: Iterable[int], day: int) -> int | None:
    """Find the one of some days that lies nearest to a year before a day; None if none is within ten days of it.

    >>> a_year_before([0, 14, 28], 374), a_year_before([0, 14, 28], 500)
    (14, None)
    """
    nearest = min(days, key=lambda known: (abs(known - (day - A_YEAR)), known), default=None)
    return nearest if nearest is not None and abs(nearest - (day - A_YEAR)) <= _NEAR else None
