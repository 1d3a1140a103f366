"""Who a customer is now: R/F/M scores from 1 to 5, a segment by the config's rules (eleven by default), five phases.

All cut-points are fitted once, in training, and travel with the model; whoever is scored alone gets the same
segment as among a million. A score counts how large a share of customers has the same value or a lower one:
equal values score equal, and the best scores 5.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from clm_ml.config import ORDERS, STATES, TIERS, USUAL_SEGMENTS, Lapse, SegmentRules

__all__ = [
    "PHASES",
    "SEGMENTS",
    "CutPoints",
    "find_segments",
    "find_states",
    "fit_cut_points",
    "place_in_segments",
    "segment_of",
]

#: The usual segments, each with its phase, in the order of the lifecycle.
PHASES = USUAL_SEGMENTS.phases
SEGMENTS = USUAL_SEGMENTS.names

Codes = np.ndarray[Any, np.dtype[np.int64]]


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


def segment_of(state: str, orders: int, frequency: str, value: str, rules: SegmentRules = USUAL_SEGMENTS) -> str:
    """Name the one segment of a customer who has ordered.

    Args:
        state: active, just_stopped or gone, by the overdue ratio.
        orders: the days with an order so far; 1 is a one-time buyer.
        frequency: low, middle or high, by orders among those with several.
        value: low, middle or high, by amount so far.
        rules: who is in which segment.

    >>> segment_of("active", 9, "high", "high"), segment_of("gone", 9, "high", "high")
    ('champion', 'cannot_lose')
    >>> segment_of("just_stopped", 1, "low", "high")
    'falling_asleep'
    """
    where = (STATES.index(state), int(orders > 1), TIERS.index(frequency), TIERS.index(value))
    return rules.names[_table(rules)[where]]


def _table(rules: SegmentRules) -> Codes:
    """Lay out the place of every combination of a customer's facets."""
    return np.array(rules.places[2:], dtype=np.int64).reshape(len(STATES), len(ORDERS), len(TIERS), len(TIERS))


def fit_cut_points(features: pd.DataFrame, rules: SegmentRules = USUAL_SEGMENTS) -> CutPoints:
    """Fit the borders on customers who have ordered, at one as_of.

    Args:
        features: one row per customer, with `days_since_last_order`, `orders_ever`, `order_days_ever` and
            `amount_ever`; rows without an order are passed over.
        rules: at which shares the tiers begin.
    """
    ordered = features[features["order_days_ever"] > 0]
    several = ordered[ordered["order_days_ever"] > 1]
    fifths = (0.2, 0.4, 0.6, 0.8)
    return CutPoints(
        recency=_borders(-ordered["days_since_last_order"], fifths),
        frequency=_borders(ordered["orders_ever"], fifths),
        money=_borders(ordered["amount_ever"], fifths),
        frequency_tiers=_borders(several["orders_ever"], rules.frequency_shares),
        value_tiers=_borders(ordered["amount_ever"], rules.value_shares),
    )


def _borders(values: Any, shares: tuple[float, ...]) -> tuple[float, ...]:
    """Find, for each share, the smallest value that more than this share of values does not exceed."""
    ordered = np.sort(np.asarray(values, dtype=np.float64))
    if not len(ordered):
        return tuple(0.0 for _ in shares)
    found, counts = np.unique(ordered, return_counts=True)
    not_above = np.cumsum(counts) / len(ordered)
    return tuple(float(found[np.searchsorted(not_above, share, side="right")]) for share in shares)


def find_segments(
    features: pd.DataFrame, cuts: CutPoints, lapse: Lapse, rules: SegmentRules = USUAL_SEGMENTS
) -> pd.DataFrame:
    """Place everyone: `segment`, `phase`, `r_score`, `f_score`, `m_score` (null for those without an order).

    Args:
        features: one row per person, with the columns of `fit_cut_points`, `overdue_ratio` and `has_email`.
        cuts: the stored borders.
        lapse: from how many expected gaps on a customer has just stopped, and is gone.
        rules: who is in which segment.

    Returns:
        a frame of the same rows in the same order.
    """
    has_ordered = features["order_days_ever"].to_numpy(dtype=np.int64) > 0
    codes = place_in_segments(features, cuts, lapse, rules)
    segments, phases = (np.asarray(list(words), dtype=object) for words in (rules.names, rules.phases.values()))
    scores = {
        "r_score": _place(-_numbers(features["days_since_last_order"]), cuts.recency),
        "f_score": _place(features["orders_ever"], cuts.frequency),
        "m_score": _place(features["amount_ever"], cuts.money),
    }
    placed = pd.DataFrame({"segment": segments[codes], "phase": phases[codes]}, index=features.index)
    for name, score in scores.items():
        placed[name] = pd.Series(pd.array(score + 1, dtype="Int8"), index=features.index).where(has_ordered)
    return placed


def place_in_segments(
    features: pd.DataFrame, cuts: CutPoints, lapse: Lapse, rules: SegmentRules = USUAL_SEGMENTS
) -> Codes:
    """Give each person's place among the segments, as `find_segments` names it, without the R/F/M columns."""
    has_ordered = features["order_days_ever"].to_numpy(dtype=np.int64) > 0
    visitors = np.array(rules.places[:2])[features["has_email"].to_numpy(dtype=bool).astype(np.int64)]
    return np.where(has_ordered, _customers(features, cuts, lapse, rules), visitors)


def _customers(features: pd.DataFrame, cuts: CutPoints, lapse: Lapse, rules: SegmentRules) -> Codes:
    """Number the segment of each row as if all had ordered."""
    orders = features["order_days_ever"].to_numpy(dtype=np.int64)
    state = _states(features["overdue_ratio"], lapse)
    frequency = _place(features["orders_ever"], cuts.frequency_tiers, "left")
    value = _place(features["amount_ever"], cuts.value_tiers, "left")
    return _table(rules)[state, np.clip(orders, 1, 2) - 1, frequency, value]


def find_states(overdue_ratio: Any, lapse: Lapse) -> Any:
    """Name the state of each: active, just_stopped or gone; None where the ratio is null.

    >>> find_states([0.5, 2.0, None], Lapse()).tolist()
    ['active', 'just_stopped', None]
    """
    states = np.array([*STATES, None], dtype=object)
    return states[np.where(np.isnan(_numbers(overdue_ratio)), len(STATES), _states(overdue_ratio, lapse))]


def _states(overdue_ratio: Any, lapse: Lapse) -> Codes:
    overdue = _numbers(overdue_ratio)
    return (overdue >= lapse.after_gaps).astype(np.int64) + (overdue >= lapse.gone_after_gaps)


def _place(values: Any, borders: tuple[float, ...], side: Literal["left", "right"] = "right") -> Codes:
    """Count the borders that a value reaches (right) or passes (left); equal values get equal counts."""
    return np.searchsorted(np.asarray(borders), _numbers(values), side=side).astype(np.int64)


def _numbers(values: Any) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.asarray(pd.Series(values).to_numpy(dtype=np.float64, na_value=np.nan))
