"""How many will be in each segment when the horizon ends, and how sure that is.

Three things make it unsure. Whether each one moves is chance, whatever their probability: the variance of a sum of
unequal coins. How good a season it will be nobody knows: that is how far past windows were from what was expected of
them, beyond such chance. And newcomers come as they please: past windows tell how far off it is to expect as many as
lately.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import ndtri

from clm_ml.config import SegmentRules

__all__ = ["Expected", "Past", "size_forecast"]

Floats = np.ndarray[Any, np.dtype[np.float64]]

_INTERVAL = 0.8
#: By how much windows usually vary, as the variance of a segment's share over the square of how unsure it is, on
#: simulated shops; and for how many windows that, and what all segments have in common, counts beside what was seen.
_USUAL, _WEIGHT = 0.1, 2.0
#: Newcomers are expected to be as many as in the last so many windows, on the mean.
_LATELY = 2


@dataclass(frozen=True)
class Expected:
    """What a model says of everyone known at one as_of.

    Attributes:
        now: how many are in each segment.
        matrix: how many are expected to be in each when the horizon ends: a row a segment at as_of.
        variance: of the number in each, if everyone moved by themselves: the sum of p × (1 − p).
    """

    now: Floats
    matrix: Floats
    variance: Floats

    @property
    def sizes(self) -> Floats:
        """How many of those known are expected in each segment."""
        return self.matrix.sum(axis=0)

    def __add__(self, other: Expected) -> Expected:
        return Expected(self.now + other.now, self.matrix + other.matrix, self.variance + other.variance)


@dataclass(frozen=True)
class Past:
    """A window that has closed: what was expected of those known, where they came to be, and who came new."""

    expected: Expected
    came: Floats
    new: Floats

    @property
    def error(self) -> Floats:
        """By which share of all known each segment was larger than expected."""
        return (self.came - self.expected.sizes) / self.expected.now.sum()

    @property
    def chance(self) -> Floats:
        """The variance of `error` if everyone moved by themselves."""
        return self.expected.variance / self.expected.now.sum() ** 2


def size_forecast(expected: Expected, past: Sequence[Past], rules: SegmentRules) -> pd.DataFrame:
    """Forecast the size of each segment when the horizon ends, with an 80 % interval.

    Args:
        expected: of everyone known at as_of.
        past: windows that had closed by then, the latest last; without two of them windows are taken to vary as they
            usually do, and without one no newcomers are expected.
        rules: the segments.

    Returns:
        a row a segment: `phase, segment, customers_now, expected_customers, lowest_customers, highest_customers,
        expected_new_customers`, newcomers being part of those expected. Bounds are not rounded, and never below 0.
    """
    new, new_variance = _newcomers(past)
    season = _season(expected, past) * expected.now.sum() ** 2
    middle = expected.sizes + new
    reach = ndtri((1 + _INTERVAL) / 2) * np.sqrt(expected.variance + season + new_variance)
    return pd.DataFrame(
        {
            "phase": list(rules.phases.values()),
            "segment": list(rules.names),
            "customers_now": expected.now.astype(np.int64),
            "expected_customers": middle,
            "lowest_customers": np.clip(middle - reach, 0, None),
            "highest_customers": middle + reach,
            "expected_new_customers": new,
        }
    )


def _newcomers(past: Sequence[Past]) -> tuple[Floats, Floats]:
    """Expect as many newcomers as lately, and tell the variance of that by how it did in past windows."""
    if not past:
        return np.array(0.0), np.array(0.0)
    came = np.array([window.new for window in past])
    lately = came[-_LATELY:].mean(axis=0)
    errors = [came[at] - came[max(0, at - _LATELY) : at].mean(axis=0) for at in range(1, len(came))]
    chance = lately * (1 + 1 / min(_LATELY, len(came)))
    return lately, np.maximum(np.mean(np.square(errors), axis=0), chance) if errors else chance


def _season(expected: Expected, past: Sequence[Past]) -> Floats:
    """Tell the variance of each segment's share by what is common to a window.

    What windows vary by on the mean, chance taken off, is compared with how unsure the segment is; few windows tell
    little of one segment, so its own variance is drawn to what that comparison gives over all, and that to the usual.
    """
    unsure = np.square(expected.variance / expected.now.sum())
    if len(past) < 2:
        return 2 * _USUAL * unsure
    errors, freedom = np.array([window.error for window in past]), len(past) - 1
    own = errors.var(axis=0, ddof=1) - np.mean([window.chance for window in past], axis=0)
    found = max(0.0, float(own.sum() / unsure.sum())) if unsure.any() else 0.0
    common = _drawn(found, _USUAL, freedom) * unsure
    return np.maximum(_drawn(own, common, freedom), 0.0) * (1 + 1 / len(past))


def _drawn(found: Any, to: Any, freedom: int) -> Any:
    """Draw what was found towards what is known beside it, the less the more was seen."""
    return (freedom * found + _WEIGHT * to) / (freedom + _WEIGHT)
