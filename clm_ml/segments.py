"""Who a customer is now: R/F/M scores from 1 to 5, eleven segments, five phases.

All cut-points are fitted once, in training, and travel with the model; whoever is scored alone gets the same
segment as among a million. A score counts how large a share of customers has the same value or a lower one:
equal values score equal, and the best scores 5.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import product
from typing import Any, Literal

import numpy as np
import pandas as pd

from clm_ml.config import Lapse

__all__ = ["PHASES", "SEGMENTS", "CutPoints", "find_segments", "fit_cut_points", "place_in_segments", "segment_of"]

#: The segments, each with its phase, in the order of the lifecycle.
PHASES = {
    "engaged_visitor": "acquisition",
    "loyal_visitor": "acquisition",
    "first_time": "retention",
    "recent": "retention",
    "promising": "increased_value",
    "potential_loyalist": "increased_value",
    "loyal": "veneration",
    "champion": "veneration",
    "cannot_lose": "reactivation",
    "at_risk": "reactivation",
    "falling_asleep": "reactivation",
}
SEGMENTS = tuple(PHASES)

Codes = np.ndarray[Any, np.dtype[np.int64]]

STATES = ("active", "just_stopped", "gone")
TIERS = ("low", "middle", "high")


@dataclass(frozen=True)
class CutPoints:
    """The stored borders: four for each score, two for each tier.

    A value on a border of a score reaches it, so that the best value scores 5 however many share it; a value
    on a border of a tier stays below it, so that the commonest number of orders is low, not middle.
    """

    recency: tuple[float, ...]
    frequency: tuple[float, ...]
    money: tuple[float, ...]
    frequency_tiers: tuple[float, ...]
    value_tiers: tuple[float, ...]

    def facts(self) -> dict[str, list[float]]:
        """Tell the cut-points as plain data."""
        return {name: list(values) for name, values in asdict(self).items()}


def segment_of(state: str, orders: int, frequency: str, value: str) -> str:
    """Name the one segment of a customer who has ordered.

    Args:
        state: active, just_stopped or gone, by the overdue ratio.
        orders: the days with an order so far; 1 is a one-time buyer.
        frequency: low, middle or high, by orders among those with several.
        value: low, middle or high, by amount so far.

    >>> segment_of("active", 9, "high", "high"), segment_of("gone", 9, "high", "high")
    ('champion', 'cannot_lose')
    >>> segment_of("just_stopped", 1, "low", "high")
    'falling_asleep'
    """
    best = orders > 1 and (value == "high" or (frequency == "high" and value == "middle"))
    if state == "gone":
        return "cannot_lose" if best else "falling_asleep"
    if state == "just_stopped":
        return "at_risk" if best else "falling_asleep"
    if orders == 1:
        return "first_time"
    if frequency == "high":
        return "champion" if value == "high" else "loyal"
    if frequency == "middle":
        return "promising" if value == "low" else "potential_loyalist"
    return "recent"


def fit_cut_points(features: pd.DataFrame) -> CutPoints:
    """Fit the borders on customers who have ordered, at one as_of.

    Args:
        features: one row per customer, with `days_since_last_order`, `orders_ever`, `order_days_ever` and
            `amount_ever`; rows without an order are passed over.
    """
    ordered = features[features["order_days_ever"] > 0]
    several = ordered[ordered["order_days_ever"] > 1]
    fifths, thirds = (0.2, 0.4, 0.6, 0.8), (1 / 3, 2 / 3)
    return CutPoints(
        recency=_borders(-ordered["days_since_last_order"], fifths),
        frequency=_borders(ordered["orders_ever"], fifths),
        money=_borders(ordered["amount_ever"], fifths),
        frequency_tiers=_borders(several["orders_ever"], thirds),
        value_tiers=_borders(ordered["amount_ever"], thirds),
    )


def _borders(values: Any, shares: tuple[float, ...]) -> tuple[float, ...]:
    """Find, for each share, the smallest value that more than this share of values does not exceed."""
    ordered = np.sort(np.asarray(values, dtype=np.float64))
    if not len(ordered):
        return tuple(0.0 for _ in shares)
    found, counts = np.unique(ordered, return_counts=True)
    not_above = np.cumsum(counts) / len(ordered)
    return tuple(float(found[np.searchsorted(not_above, share, side="right")]) for share in shares)


def find_segments(features: pd.DataFrame, cuts: CutPoints, lapse: Lapse) -> pd.DataFrame:
    """Place everyone: `segment`, `phase`, `r_score`, `f_score`, `m_score` (null for those without an order).

    Args:
        features: one row per person, with the columns of `fit_cut_points`, `overdue_ratio` and `has_email`.
        cuts: the stored borders.
        lapse: from how many expected gaps on a customer has just stopped, and is gone.

    Returns:
        a frame of the same rows in the same order.
    """
    has_ordered = features["order_days_ever"].to_numpy(dtype=np.int64) > 0
    codes = place_in_segments(features, cuts, lapse)
    segments, phases = (np.asarray(list(words), dtype=object) for words in (SEGMENTS, PHASES.values()))
    scores = {
        "r_score": _place(-_numbers(features["days_since_last_order"]), cuts.recency),
        "f_score": _place(features["orders_ever"], cuts.frequency),
        "m_score": _place(features["amount_ever"], cuts.money),
    }
    placed = pd.DataFrame({"segment": segments[codes], "phase": phases[codes]}, index=features.index)
    for name, score in scores.items():
        placed[name] = pd.Series(pd.array(score + 1, dtype="Int8"), index=features.index).where(has_ordered)
    return placed


def place_in_segments(features: pd.DataFrame, cuts: CutPoints, lapse: Lapse) -> Codes:
    """Give each person's place in `SEGMENTS`, as `find_segments` names it, without the R/F/M columns."""
    has_ordered = features["order_days_ever"].to_numpy(dtype=np.int64) > 0
    visitors = features["has_email"].to_numpy(dtype=bool).astype(np.int64)
    return np.where(has_ordered, _customers(features, cuts, lapse), visitors)


def _customers(features: pd.DataFrame, cuts: CutPoints, lapse: Lapse) -> Codes:
    """Number the segment of each row as if all had ordered."""
    orders = features["order_days_ever"].to_numpy(dtype=np.int64)
    overdue = _numbers(features["overdue_ratio"])
    state = (overdue >= lapse.after_gaps).astype(np.int64) + (overdue >= lapse.gone_after_gaps)
    frequency = _place(features["orders_ever"], cuts.frequency_tiers, "left")
    value = _place(features["amount_ever"], cuts.value_tiers, "left")
    return _TABLE[state, np.clip(orders, 1, 2) - 1, frequency, value]


def _place(values: Any, borders: tuple[float, ...], side: Literal["left", "right"] = "right") -> Codes:
    """Count the borders that a value reaches (right) or passes (left); equal values get equal counts."""
    return np.searchsorted(np.asarray(borders), _numbers(values), side=side).astype(np.int64)


def _numbers(values: Any) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.asarray(pd.Series(values).to_numpy(dtype=np.float64, na_value=np.nan))


_TABLE = np.array(
    [SEGMENTS.index(segment_of(*row)) for row in product(STATES, (1, 2), TIERS, TIERS)], dtype=np.int64
).reshape(3, 2, 3, 3)
