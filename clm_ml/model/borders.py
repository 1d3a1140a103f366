"""How near a customer is to the borders of tiers, in their own orders and amounts: what an order may carry them over.

A border at hand is passed with one order, one far away with many; how many orders a horizon has room for, the
customer's rhythm tells.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from clm_ml.segments import CutPoints

__all__ = ["Near", "find_near", "near_rows"]

Floats = np.ndarray[Any, np.dtype[np.float64]]

#: Further than so many orders is far.
_FURTHEST = (-10.0, 20.0)
_SMALLEST = 0.01  # amount that is one


@dataclass(frozen=True)
class Near:
    """The amount of an order, and the days between orders, of those who have none of their own: training's medians."""

    order_amount: float
    gap_days: float


def find_near(features: pd.DataFrame) -> Near:
    """Find the medians of training."""
    amounts, gaps = (_numbers(features, name) for name in ("mean_order_amount", "expected_gap_days"))
    amount, gap = _median(amounts[amounts > 0]), _median(gaps[gaps > 0])
    return Near(round(amount, 6), round(gap, 6))


def near_rows(features: pd.DataFrame, cuts: CutPoints, horizon_days: int, near: Near) -> Floats:
    """Give the numbers that tell what an order may change: a row per number, a column per person, none missing.

    Args:
        features: with those against the habit.
        cuts: the borders.
        horizon_days: the time there is.
        near: what stands for what somebody lacks.
    """
    amount = _or_else(features, "mean_order_amount", near.order_amount)
    gap = _or_else(features, "expected_gap_days", near.gap_days)
    spent, orders = (_numbers(features, name) for name in ("amount_ever", "orders_ever"))
    away = [_signed_log(np.clip((cut - spent) / amount, *_FURTHEST)) for cut in cuts.value_tiers]
    away += [_signed_log(cut - orders) for cut in cuts.frequency_tiers]
    pace = np.log(gap / horizon_days)
    silence = np.log1p(np.nan_to_num(_numbers(features, "days_since_last_order")) / gap)
    spread = np.nan_to_num(_numbers(features, "gap_spread_days"), nan=-1.0) / gap
    habit = np.log1p(_numbers(features, "gaps_ever"))
    several = np.clip(_numbers(features, "order_days_ever"), 0, 3)
    # The regression bends where a border, or the horizon's length, is reached.
    bends = [np.maximum(number, 0.0) for number in (*away, pace)]
    together = [pace * number for number in (*away, silence)]
    return np.stack([*away, pace, silence, several, spread, habit, *bends, *together])


def _signed_log(number: Floats) -> Floats:
    return np.sign(number) * np.log1p(np.abs(number))


def _or_else(features: pd.DataFrame, name: str, lacking: float) -> Floats:
    values = _numbers(features, name)
    return np.where(values >= _SMALLEST, values, lacking)


def _median(values: Floats) -> float:
    return float(np.median(values)) if len(values) else 1.0


def _numbers(features: pd.DataFrame, name: str) -> Floats:
    return features[name].to_numpy(dtype=np.float64, na_value=np.nan)
