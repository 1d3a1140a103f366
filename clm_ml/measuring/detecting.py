"""The smallest rise that a list and its holdout can show: what a campaign has to do before anybody could tell."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.stats import binom

from clm_ml.certainty import wilson
from clm_ml.measuring.intervals import z_of

__all__ = ["smallest_detectable_rise"]


def smallest_detectable_rise(
    contacted: int, held_out: int, rate: float, confidence: float, power: float = 0.8
) -> float | None:
    """Find the smallest rise of the share of buyers that will be told apart from nothing so often.

    Exactly, by the interval that will be used, and not by a formula for large holdouts.

    Args:
        contacted: customers to contact.
        held_out: customers to hold out.
        rate: the share of the holdout that will buy, between 0 and 1.
        confidence: of the interval.
        power: how often the rise has to be found.

    Returns:
        the rise as a share (.01 is a point); None if even everybody buying would not be told.

    >>> round(smallest_detectable_rise(18_000, 2_000, 0.02, confidence=0.95), 4)
    0.0107
    """
    few, many = binom.ppf((1e-9, 1 - 1e-9), held_out, rate)
    buyers = np.arange(int(few), int(many) + 1)
    chances, enough = binom.pmf(buyers, held_out, rate), _enough(buyers, contacted, held_out, z_of(confidence))

    def found(rise: float) -> float:
        """Give the chance that the interval lies above zero, over all numbers of buyers in the holdout."""
        return float((chances * binom.sf(enough - 1, contacted, rate + rise)).sum())

    low, high = 0.0, 1 - rate
    if found(high) < power:
        return None
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (low, middle) if found(middle) >= power else (middle, high)
    return high


def _enough(buyers: Any, contacted: int, held_out: int, z: float) -> Any:
    """Find the fewest contacted buyers told apart from so many in the holdout; one more than all where none are."""
    share = buyers / held_out
    above = wilson(buyers, held_out, z)[1] - share

    def is_told(number: Any) -> Any:
        rate = number / contacted
        return rate - share > np.hypot(rate - wilson(number, contacted, z)[0], above)

    low, high = share * contacted, np.full(len(buyers), float(contacted))
    never = ~is_told(high)
    for _ in range(40):
        middle = (low + high) / 2
        low, high = np.where(is_told(middle), low, middle), np.where(is_told(middle), middle, high)
    return np.where(never, contacted + 1, np.ceil(high))
