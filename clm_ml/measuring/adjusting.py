"""The same difference once more, steadied by what customers did before: what was known beforehand is no news."""

from __future__ import annotations

from typing import Any

import numpy as np

from clm_ml.measuring.intervals import Interval

__all__ = ["adjusted_difference"]

Floats = np.ndarray[Any, np.dtype[np.float64]]


def adjusted_difference(outcome: Any, is_contacted: Any, before: Any, z: float) -> Interval:
    """Give the difference of two arms' means, contacted − holdout, adjusted for what was known before.

    A regression in each arm on what was known, centred in both together (Lin 2013), with standard errors that allow
    for unequal spread (HC2). It needs many customers: for a second line, beside an interval that does not.

    Args:
        outcome: a number a customer.
        is_contacted: True or False, a customer each; both must occur, more often than there are columns before.
        before: one number a customer, or a row of several, known before the campaign; no nulls. Columns that say
            nothing new are passed over.
        z: as `z_of` gives it.

    >>> before = [0.0, 1.0, 2.0, 3.0] * 2
    >>> told = adjusted_difference([1, 2, 3, 4.5, 0, 1, 2, 3], [True] * 4 + [False] * 4, before, 1.96)
    >>> round(told.value, 3), round(told.low, 3), round(told.high, 3)
    (1.125, 0.924, 1.326)
    """
    came, arm = np.asarray(outcome, dtype=np.float64), np.asarray(is_contacted, dtype=bool)
    known = np.asarray(before, dtype=np.float64).reshape(len(came), -1)
    centred = known - known.mean(axis=0)
    (one, one_error), (other, other_error) = (_mean_at_centre(came[rows], centred[rows]) for rows in (arm, ~arm))
    half = z * float(np.sqrt(one_error + other_error))
    return Interval(one - other, one - other - half, one - other + half)


def _mean_at_centre(came: Floats, centred: Floats) -> tuple[float, float]:
    """Fit one arm, and give its mean where what was known is that of both arms, and the variance of it.

    Fitting the arms apart is the regression with all products of arm and columns, and costs a quarter.
    """
    design = np.column_stack([np.ones(len(came)), centred])
    inverse = np.linalg.pinv(design.T @ design)
    fitted = inverse @ (design.T @ came)
    leverage = np.clip(np.einsum("ij,jk,ik->i", design, inverse, design), 0.0, 1 - 1e-9)
    weighted = (came - design @ fitted) ** 2 / (1 - leverage)
    middle = design.T @ (design * weighted[:, None])
    return float(fitted[0]), float((inverse @ middle @ inverse)[0, 0])
