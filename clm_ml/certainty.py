"""How sure a figure is that was counted on so many customers: limits that hold the truth 95 times in a hundred."""

from __future__ import annotations

from math import sqrt
from typing import Any

import numpy as np
from scipy.special import expit, logit

__all__ = ["auc_limits", "ece_by_chance", "slope_limits", "wilson"]

Floats = np.ndarray[Any, np.dtype[np.float64]]
Limits = tuple[float, float, float]

#: So many standard errors each way.
Z = 1.959964


def wilson(successes: Any, trials: Any, z: float = Z) -> tuple[Any, Any]:
    """Give Wilson's limits of a share (1927); neither number has to be whole, and both may be arrays.

    >>> [round(limit, 4) for limit in wilson(5, 10, 1.96)]
    [0.2366, 0.7634]
    """
    share, square = successes / trials, z * z
    middle = (share + square / (2 * trials)) / (1 + square / trials)
    half = z * (share * (1 - share) / trials + square / (4 * trials * trials)) ** 0.5 / (1 + square / trials)
    return middle - half, middle + half


def auc_limits(came: Any, said: Any, z: float = Z) -> Limits:
    """Give the area under the ROC curve and its limits (DeLong, DeLong & Clarke-Pearson 1988); ties count half.

    Args:
        came: 1 or 0, a customer each.
        said: what is to order them.
        z: standard errors each way.

    Returns:
        value, lower and upper limit; NaN without both outcomes.

    >>> [round(limit, 3) for limit in auc_limits([1, 1, 0, 0], [0.9, 0.6, 0.6, 0.1])]
    [0.875, 0.529, 1.0]
    """
    outcome, score = np.asarray(came) == 1, np.asarray(said, dtype=np.float64)
    hits, misses = np.sort(score[outcome]), np.sort(score[~outcome])
    if not len(hits) or not len(misses):
        return (float("nan"),) * 3
    above = _below(misses, hits) / len(misses)  # of each hit: the share of misses it is above
    beaten = 1 - _below(hits, misses) / len(hits)
    value = float(above.mean())
    half = z * sqrt(sum(float(part.var(ddof=1)) / len(part) for part in (above, beaten) if len(part) > 1))
    return value, max(0.0, value - half), min(1.0, value + half)


def _below(among: Floats, values: Floats) -> Floats:
    """Count how many of sorted numbers are below each value, equal ones by half."""
    both = [np.searchsorted(among, values, side) for side in ("left", "right")]
    return (both[0] + both[1]) / 2


def slope_limits(came: Any, said: Any, z: float = Z) -> Limits:
    """Give the calibration slope, what log-odds are to be multiplied by to fit what came, and its limits (Wald).

    Returns:
        value, lower and upper limit; NaN where it cannot be told: one outcome, one probability, or all told apart.

    >>> [round(limit, 2) for limit in slope_limits([1, 1, 0, 1, 0, 0, 1, 0], [0.9, 0.8, 0.7, 0.6, 0.4, 0.3, 0.2, 0.1])]
    [0.8, -0.48, 2.09]
    """
    outcome = np.asarray(came, dtype=np.float64)
    odds = logit(np.clip(np.asarray(said, dtype=np.float64), 1e-12, 1 - 1e-12))
    if not 0 < outcome.sum() < len(outcome):
        return (float("nan"),) * 3
    given, at = np.column_stack([np.ones(len(odds)), odds]), np.array([0.0, 1.0])
    for _ in range(25):
        fitted = expit(given @ at)
        weighted = given * (fitted * (1 - fitted))[:, None]
        information = given.T @ weighted
        if not np.isfinite(information).all() or np.linalg.cond(information) > 1e12:
            return (float("nan"),) * 3
        step = np.linalg.solve(information, given.T @ (outcome - fitted))
        at = at + step
        if np.abs(step).max() < 1e-8:
            break
    else:  # a probability tells all apart, and no slope is steep enough
        return (float("nan"),) * 3
    half = z * sqrt(float(np.linalg.inv(information)[1, 1]))
    return float(at[1]), float(at[1]) - half, float(at[1]) + half


def ece_by_chance(said: Any, bins: int = 10) -> float:
    """Give the calibration error (ECE, bins of equal count) that true probabilities have on the mean, by chance alone.

    Of each bin it is the mean absolute deviation of a normal number, √(2/π) standard errors.

    >>> round(ece_by_chance([0.5] * 1000), 4)
    0.0399
    """
    values = np.sort(np.asarray(said, dtype=np.float64))
    groups = np.array_split(values, min(bins, len(values)))
    return float(sum(sqrt(2 / np.pi * float((group * (1 - group)).sum())) for group in groups) / len(values))
