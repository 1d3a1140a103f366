"""How people are spread over bins, then and now: the population stability index, and what chance makes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import chdtri

__all__ = ["FEWEST", "Bins", "by_chance", "fit_bins", "ordinary", "psi", "season_of"]

Floats = np.ndarray[Any, np.dtype[np.float64]]
Ints = np.ndarray[Any, np.dtype[np.int64]]
Counts = Sequence[int] | Ints | Floats

#: No bin is made for fewer people, and of fewer in one later nothing is kept but that they are few.
FEWEST = 20
_BINS = 10


@dataclass(frozen=True)
class Bins:
    """Borders between bins: a value belongs to the bin that ends at the first border not below it.

    The first bucket is that of nulls, so that there is one bucket more than bins.

    >>> Bins((0.0, 2.5)).count([0, 1, 2, 3, None])
    array([1, 1, 2, 1])
    """

    borders: tuple[float, ...]

    def count(self, values: Any) -> Ints:
        """Count the people in each bucket, nulls first."""
        numbers = np.asarray(values, dtype=np.float64)
        known = numbers[~np.isnan(numbers)]
        binned = np.bincount(np.searchsorted(self.borders, known, side="left"), minlength=len(self.borders) + 1)
        return np.concatenate([[len(numbers) - len(known)], binned]).astype(np.int64)


def fit_bins(values: Any) -> Bins:
    """Put borders at the deciles of what is not null; bins of fewer than 20 people join the next.

    A border has four digits, so that it is nobody's value; but for whole numbers up to 9999, which many have.

    >>> fit_bins([*[0] * 60, *range(1, 41)])
    Bins(borders=(0.0, 20.0))
    """
    numbers = np.asarray(values, dtype=np.float64)
    known = np.sort(numbers[~np.isnan(numbers)])
    if not len(known):
        return Bins(())
    deciles = known[np.ceil(np.arange(1, _BINS) * len(known) / _BINS).astype(np.int64) - 1]
    borders: list[float] = []
    below = 0
    for border in dict.fromkeys(float(f"{decile:.4g}") for decile in deciles):
        reached = int(np.searchsorted(known, border, side="right"))
        if reached - below >= FEWEST and len(known) - reached >= FEWEST:
            borders.append(border)
            below = reached
    return Bins(tuple(borders))


def psi(before: Counts, after: Counts) -> float:
    """Give the population stability index: how far two spreads over the same buckets are apart.

    The sum over buckets of the difference of shares times the logarithm of their ratio (the symmetric divergence of
    Jeffreys 1946, in scorecards called PSI: Siddiqi 2006; usual borders are .1 and .25). Half a person more in each
    bucket keeps empty ones finite. Nulls are a bucket like the others.

    >>> round(psi([50, 50], [50, 50]), 4), round(psi([500, 500], [300, 700]), 3)
    (0.0, 0.169)
    """
    then, now = _shares(before), _shares(after)
    return float(np.sum((now - then) * np.log(now / then)))


def _shares(counts: Any) -> Floats:
    smoothed = np.asarray(counts, dtype=np.float64) + 0.5
    return smoothed / smoothed.sum()


def by_chance(probability: float, *counted: Counts) -> float:
    """Give the PSI that chance alone exceeds with a probability, of samples from one population.

    (B − 1)(1/n + 1/m) is its mean, of B buckets and n and m people, and about chi-square its shape (Yurdakul &
    Naranjo 2020). Buckets that are empty in all do not count.

    >>> round(by_chance(0.001, [100] * 10, [10] * 10), 3)
    0.307
    """
    filled = sum(np.asarray(counts) > 0 for counts in counted)
    freedom = max(1, int(np.count_nonzero(filled)) - 1)
    return float(chdtri(freedom, probability)) * sum(1 / max(1, int(np.sum(counts))) for counts in counted)


def _mean_by_chance(*counted: Counts) -> float:
    filled = sum(np.asarray(counts) > 0 for counts in counted)
    return (int(np.count_nonzero(filled)) - 1) * sum(1 / max(1, int(np.sum(counts))) for counts in counted)


#: So many of the last pairs of days tell what is ordinary now, none of them older than so many days: a quarter's
#: campaigns are then among them, and a log's first months are not.
_PAIRS, _OLDEST = 13, 270


def ordinary(counted: Mapping[int, Counts], apart: int) -> float:
    """Give the largest PSI between days of training about so many days apart, beyond what chance makes of it.

    Of the last thirteen pairs, if there are any less than twice as far apart; where all are nearer, it is thought to
    grow with the square of the time between, as it does where a spread moves steadily.

    >>> ordinary({0: [80, 20], 30: [80, 20], 60: [80, 20]}, apart=30), ordinary({0: [80, 20], 90: [50, 50]}, apart=30)
    (0.0, 0.0)
    >>> round(ordinary({0: [8000, 2000], 30: [7000, 3000]}, apart=60), 3)
    0.215
    """
    oldest = max(counted) - _OLDEST
    gaps = {(a, b): b - a for a in counted for b in counted if a < b and b >= oldest and b - a <= 2 * apart}
    if not gaps:
        return 0.0
    gap = min(gaps.values(), key=lambda found: (abs(found - apart), -found))
    pairs = sorted((pair for pair, found in gaps.items() if found == gap), key=lambda pair: pair[1])[-_PAIRS:]
    told = [(counted[a], counted[b]) for a, b in pairs]
    most = max(psi(*both) - _mean_by_chance(*both) for both in told)
    return max(0.0, most) * max(1.0, apart / gap) ** 2


def season_of(before: Counts, a_year_ago: Counts, then: Counts) -> Floats:
    """Expect of those counted before the change that came in the same weeks a year ago, from `a_year_ago` to `then`.

    >>> season_of([60, 40], [50, 50], [25, 75]).round(1).tolist()
    [33.5, 66.5]
    """
    expected = _shares(before) * _shares(then) / _shares(a_year_ago)
    return expected / expected.sum() * float(np.sum(before))
