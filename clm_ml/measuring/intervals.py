"""Intervals that hold the truth as often as they promise, though one arm is small and few of it buy.

Shares have Wilson's limits (1927), differences of shares Newcombe's hybrid of them (1998), and what cannot be had so
directly is joined from limits of its parts by square-and-add (Zou and Donner 2008): the lower limit of a sum is as far
below it as the root of the summed squares of how far each part's own lower limit is below that part.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import sqrt

from scipy.special import ndtr, ndtri

from clm_ml.certainty import wilson
from clm_ml.measuring.arms import Arm

__all__ = [
    "FEWEST_BUYERS",
    "Interval",
    "Spread",
    "add_up",
    "chance_of",
    "newcombe",
    "spend_difference",
    "spread_of",
    "z_of",
]

#: With fewer buyers in both arms together nothing is said of revenue; with fewer in one, its own spend per buyer tells
#: too little to measure how uncertain it is.
FEWEST_BUYERS = 5


@dataclass(frozen=True)
class Interval:
    """A figure and the limits between which the truth lies, as often as the confidence says."""

    value: float
    low: float
    high: float

    def times(self, factor: float, less: float = 0.0) -> Interval:
        """Multiply by a factor of at least zero, and take a known amount away.

        >>> Interval(2.0, 1.0, 4.0).times(10, less=5)
        Interval(value=15.0, low=5.0, high=35.0)
        """
        return Interval(*(number * factor - less for number in (self.value, self.low, self.high)))

    def excludes(self, number: float = 0.0) -> bool:
        """Say whether a number lies outside of the limits.

        >>> Interval(2.0, 0.0, 4.0).excludes(), Interval(2.0, 0.1, 4.0).excludes()
        (False, True)
        """
        return self.low > number or self.high < number

    def facts(self) -> dict[str, float]:
        """Tell it as plain data."""
        return {"value": self.value, "low": self.low, "high": self.high}


def z_of(confidence: float) -> float:
    """Give how many standard errors each way hold the truth so often.

    >>> round(z_of(0.95), 3)
    1.96
    """
    return float(ndtri((1 + confidence) / 2))


def newcombe(contacted: Arm, holdout: Arm, z: float) -> Interval:
    """Give the difference of two arms' shares of buyers, contacted − holdout (Newcombe 1998, method 10).

    >>> both = newcombe(Arm(70, 56), Arm(80, 48), 1.96)  # a textbook's 56 of 70 and 48 of 80
    >>> round(both.value, 4), round(both.low, 4), round(both.high, 4)
    (0.2, 0.0524, 0.3339)
    """
    parts = [(arm.rate, *wilson(arm.buyers, arm.customers, z)) for arm in (contacted, holdout)]
    return _difference(*(Interval(*part) for part in parts))


@dataclass(frozen=True)
class Spread:
    """How spend differs from buyer to buyer, in both arms together: its mean, and the square of its variation."""

    mean: float
    cv_square: float


def spread_of(arms: Iterable[Arm]) -> Spread | None:
    """Find how spend differs from buyer to buyer; None below five buyers, or if they spent nothing all in all.

    >>> spread_of([Arm(100, 3, 3, 60.0, 1400.0), Arm(100, 2, 2, 40.0, 1000.0)])
    Spread(mean=20.0, cv_square=0.25)
    """
    known = [(arm.spenders, arm.spent, arm.spent_squares) for arm in arms if arm.spent is not None]
    buyers, spent, squares = (sum(column) for column in zip(*known, strict=True)) if known else (0, 0.0, 0.0)
    if buyers < FEWEST_BUYERS or spent <= 0:
        return None
    mean = spent / buyers
    variance = max(0.0, squares - spent * mean) / (buyers - 1)
    return Spread(mean, variance / mean**2)


def spend_difference(contacted: Arm, holdout: Arm, spread: Spread, z: float) -> Interval:
    """Give the difference of two arms' spend a customer, contacted − holdout.

    Each arm has Wilson's limits of its share of buyers, counted as if they were fewer, since each tells less the more
    spend differs from buyer to buyer: of `n / (1 + cv²)` customers `k / (1 + cv²)`; times its spend per buyer. The
    combination is this project's own, and checked by simulation (see benchmarks). An arm of fewer than five buyers may
    have a spend per buyer that is small by chance: the distance to its limits is then measured by that of both arms,
    if it is larger.

    Args:
        contacted: of the one arm, with what it spent.
        holdout: of the other.
        spread: of spend among the buyers of both.
        z: as `z_of` gives it.
    """
    return _difference(*(_spend(arm, spread, z) for arm in (contacted, holdout)))


def _spend(arm: Arm, spread: Spread, z: float) -> Interval:
    """Give what an arm spent a customer, with limits."""
    assert arm.spent is not None
    rate, worth = arm.spenders / arm.customers, 1 + spread.cv_square
    own = arm.spent / arm.spenders if arm.spenders else spread.mean
    scale = abs(own) if arm.spenders >= FEWEST_BUYERS else max(abs(own), spread.mean)
    low, high = wilson(arm.spenders / worth, arm.customers / worth, z)
    return Interval(rate * own, rate * own - scale * (rate - low), rate * own + scale * (high - rate))


def _difference(one: Interval, other: Interval) -> Interval:
    return add_up((one, Interval(-other.value, -other.high, -other.low)))


def add_up(parts: Iterable[Interval]) -> Interval:
    """Join figures that are independent of each other into their sum, by square-and-add.

    >>> add_up([Interval(10.0, 7.0, 14.0), Interval(5.0, 1.0, 8.0)])
    Interval(value=15.0, low=10.0, high=20.0)
    """
    found = list(parts)
    value = sum(part.value for part in found)
    below = sqrt(sum((part.value - part.low) ** 2 for part in found))
    above = sqrt(sum((part.high - part.value) ** 2 for part in found))
    return Interval(value, value - below, value + above)


def chance_of(interval_at: Callable[[float], Interval]) -> float:
    """Give the chance of a figure at least as far from zero if the truth is zero: where its interval just touches it.

    Args:
        interval_at: the figure's interval for so many standard errors.

    >>> round(chance_of(lambda z: Interval(1.96, 1.96 - z, 1.96 + z)), 3)
    0.05
    """
    low, high = 0.0, 40.0
    if not interval_at(1e-9).excludes():
        return 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if interval_at(middle).excludes() else (low, middle)
    return float(2 * ndtr(-low))
