"""How one number is spread over customers: counted by the borders of the day of learning, on that day and any other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from clm_ml.monitoring.bins import FEWEST, Bins, fit_bins
from clm_ml.timeline import date_of, parse_day

__all__ = ["Spread", "few_as_ten", "fit_spread", "numbers_of", "read_spread", "spreads_of", "typical_of"]

Floats = np.ndarray[Any, np.dtype[np.float64]]
Ints = np.ndarray[Any, np.dtype[np.int64]]


@dataclass(frozen=True)
class Spread:
    """How one number was spread over the active customers of each day of training.

    `counts` are of the buckets of `bins`, by day; `typical` is the geometric mean of what was above zero on the last.
    """

    bins: Bins
    typical: float | None
    counts: Mapping[int, tuple[int, ...]]

    def with_day(self, day: int, numbers: Floats) -> Spread:
        """Add what was counted on another day, by the same borders."""
        return replace(self, counts={**self.counts, day: _counted(self.bins, numbers)})

    def facts(self) -> dict[str, Any]:
        """Tell it as plain data."""
        counts = {date_of(day).isoformat(): list(counts) for day, counts in self.counts.items()}
        return {"borders": list(self.bins.borders), "typical": self.typical, "counts": counts}


def read_spread(facts: Mapping[str, Any]) -> Spread:
    """Read a spread back from plain data."""
    counts = {parse_day(day): tuple(counted) for day, counted in facts["counts"].items()}
    return Spread(Bins(tuple(facts["borders"])), facts["typical"], counts)


def fit_spread(day: int, numbers: Floats) -> Spread:
    """Fit borders to the numbers of the day of learning, and count them.

    A bucket tells how many people there are if there are none or at least 20, else ten.

    >>> fit_spread(7, np.arange(40.0)).with_day(0, np.array([1.0, np.nan])).counts
    {7: (0, 20, 20), 0: (10, 10, 0)}
    """
    bins = fit_bins(numbers)
    return Spread(bins, typical_of([numbers]), {day: _counted(bins, numbers)})


def _counted(bins: Bins, numbers: Floats) -> tuple[int, ...]:
    return tuple(map(few_as_ten, bins.count(numbers).tolist()))


def few_as_ten(people: int) -> int:
    """Tell how many people there are, but of few no more than that.

    >>> [few_as_ten(people) for people in (0, 1, 19, 20)]
    [0, 10, 10, 20]
    """
    return people if people == 0 or people >= FEWEST else FEWEST // 2


def spreads_of(
    frames: Iterable[pd.DataFrame], spreads: Mapping[str, Spread]
) -> tuple[dict[str, Ints], dict[str, float | None]]:
    """Count people by the borders of a reference, batch by batch, and find what is typical of them now.

    Numbers that the frames lack are left out.

    Args:
        frames: a row a customer, with the columns of the spreads.
        spreads: those of training.

    Returns:
        people in each bucket, and the geometric mean of what is above zero, by name.
    """
    counts: dict[str, Ints] = {}
    logs: dict[str, tuple[float, int]] = {}
    for frame in frames:
        for name in (name for name in spreads if name in frame):
            numbers = numbers_of(frame[name])
            counts[name] = counts.get(name, 0) + spreads[name].bins.count(numbers)
            total, count = logs.get(name, (0.0, 0))
            above = np.log(numbers[numbers > 0])
            logs[name] = (total + float(above.sum()), count + len(above))
    return counts, {name: _geometric_mean(*told) for name, told in logs.items()}


def typical_of(parts: Sequence[Floats]) -> float | None:
    """Give the geometric mean of all numbers above zero, four digits of it; None if there are none.

    A change of unit multiplies it by just that.

    >>> typical_of([np.array([0.0, 1.0]), np.array([100.0, np.nan])])
    10.0
    """
    logs = [np.log(part[part > 0]) for part in parts]
    return _geometric_mean(sum(float(part.sum()) for part in logs), sum(map(len, logs)))


def _geometric_mean(logs: float, count: int) -> float | None:
    return float(f"{np.exp(logs / count):.4g}") if count else None


def numbers_of(column: pd.Series[Any]) -> Floats:
    """Give a column as floats, NaN where it says nothing."""
    return column.to_numpy(dtype=np.float64, na_value=np.nan)
