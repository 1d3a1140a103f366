"""Whether segments differ in what a campaign did to them, or only as much as chance makes any segments differ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from scipy.stats import chi2

from clm_ml.measuring.intervals import Interval

__all__ = ["Differing", "ask_whether_they_differ", "holm"]


@dataclass(frozen=True)
class Differing:
    """Cochran's Q of several differences, and the chance of one as large if all were the same.

    `sentence` says what follows for whoever reads the lines one by one.
    """

    q: float
    chance: float
    groups: int
    differ: bool
    sentence: str

    def facts(self) -> dict[str, Any]:
        """Tell it as plain data."""
        return asdict(self)


def ask_whether_they_differ(
    differences: Mapping[str, Interval], z: float, confidence: float, what: str = "segments"
) -> Differing | None:
    """Ask whether differences are all the same, by Cochran's Q (1954); None with fewer than two.

    Each is weighed by how wide its interval is, which is wide enough where nobody bought at all.

    Args:
        differences: of each segment, with its limits.
        z: of these limits, as `z_of` gives it.
        confidence: from which on they are said to differ.
        what: they are, in the plural.

    >>> both = {"at_risk": Interval(0.05, 0.03, 0.07), "loyal": Interval(0.0, -0.02, 0.02)}
    >>> told = ask_whether_they_differ(both, 1.96, 0.95)
    >>> round(told.q, 1), told.differ
    (12.0, True)
    """
    if len(differences) < 2:
        return None
    parts = list(differences.values())
    weights = [(2 * z / (part.high - part.low)) ** 2 for part in parts]
    mean = sum(weight * part.value for weight, part in zip(weights, parts, strict=True)) / sum(weights)
    q = sum(weight * (part.value - mean) ** 2 for weight, part in zip(weights, parts, strict=True))
    chance = float(chi2.sf(q, len(parts) - 1))
    differ = chance < 1 - confidence
    return Differing(q, chance, len(parts), differ, _sentence(what, len(parts), chance, differ))


def _sentence(what: str, groups: int, chance: float, differ: bool) -> str:
    odds = f"Cochran's Q, p {shown(chance)}"
    if differ:
        return f"The {groups} {what} differ ({odds}): read each line, and decide by it."
    return (
        f"Nothing shows that the {groups} {what} differ ({odds}): what holds for all is the best guess for each, and "
        "no line by itself is a reason to treat one otherwise."
    )


def shown(chance: float) -> str:
    """Write a chance as people read it.

    >>> shown(0.0312), shown(0.00004), shown(0.5)
    ('.031', 'below .001', '.500')
    """
    return "below .001" if chance < 0.001 else f"{chance:.3f}".removeprefix("0")


def holm(chances: Mapping[str, float]) -> dict[str, float]:
    """Correct chances for having looked at several, by Holm's steps (1979).

    >>> holm({"call": 0.01, "mail": 0.04, "gift": 0.03})
    {'call': 0.03, 'mail': 0.06, 'gift': 0.06}
    """
    corrected, worst = dict.fromkeys(chances, 1.0), 0.0
    for done, name in enumerate(sorted(chances, key=lambda key: chances[key])):
        worst = max(worst, min(1.0, chances[name] * (len(chances) - done)))
        corrected[name] = worst
    return corrected
