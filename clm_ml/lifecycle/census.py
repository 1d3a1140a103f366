"""How many are in which segment at one as_of, and what they have spent: counted batch by batch, so of any number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from clm_ml.config import Config, SegmentRules
from clm_ml.features import against_habit, fit_rhythm
from clm_ml.model import Lifecycle
from clm_ml.segments import find_segments, find_states, fit_cut_points

__all__ = ["STANDING", "census", "fit_lifecycle", "grid", "phases_of", "place", "tally"]

#: The features that say where somebody stands.
STANDING = (
    "customer_id", "days_since_last_order", "orders_ever", "order_days_ever", "amount_ever", "gaps_ever",
    "gap_days_sum", "gap_days_square_sum", "has_email",
)  # fmt: skip
_KEY = ["segment", "r_score", "f_score"]


def fit_lifecycle(standing: pd.DataFrame, config: Config) -> Lifecycle:
    """Fit rhythm and borders on everyone at one as_of; rules and thresholds are the config's.

    Args:
        standing: one row a customer with the features of `STANDING`, sorted by customer_id.
        config: for the rules, the lapse thresholds and the horizon.
    """
    return Lifecycle(
        cuts=fit_cut_points(standing, config.segments),
        lapse=config.lapse,
        rhythm=fit_rhythm(standing["gaps_ever"], standing["gap_days_sum"], standing["gap_days_square_sum"]),
        horizon_days=config.task.horizon_days,
        rules=config.segments,
    )


def place(standing: pd.DataFrame, lifecycle: Lifecycle) -> pd.DataFrame:
    """Place people: `customer_id, segment, state, r_score, f_score, m_score, amount_minor`, spent so far.

    The state and the scores of those without an order are null.

    Args:
        standing: one row a customer with the features of `STANDING`; everyone is placed as if alone.
        lifecycle: the borders, rhythm and rules.
    """
    complete = against_habit(standing, lifecycle.rhythm, lifecycle.lapse)
    placed = find_segments(complete, lifecycle.cuts, lifecycle.lapse, lifecycle.rules)
    minor = np.round(standing["amount_ever"].to_numpy(dtype=np.float64) * 100).astype(np.int64)
    states = find_states(complete["overdue_ratio"], lifecycle.lapse)
    return placed.drop(columns="phase").assign(customer_id=standing["customer_id"], state=states, amount_minor=minor)


def tally(placed: pd.DataFrame) -> pd.DataFrame:
    """Count a batch of those placed: `segment, r_score, f_score, customers, amount_minor`."""
    grouped = placed.groupby(_KEY, dropna=False, as_index=False, observed=True)
    return grouped.agg(customers=("amount_minor", "size"), amount_minor=("amount_minor", "sum"))


def census(tallies: Sequence[pd.DataFrame], rules: SegmentRules) -> pd.DataFrame:
    """Add the tallies of all batches up: a row a segment, in the order of the lifecycle, also where nobody is.

    Returns:
        `phase, segment, customers, customers_share, amount, amount_share`: who is there, their share of all, what they
        have spent so far, after returns and in the currency, and its share. A share of nothing is null.
    """
    sums = pd.concat(tallies).groupby("segment")[["customers", "amount_minor"]].sum()
    sums = sums.reindex(rules.names, fill_value=0)
    told = {"phase": list(rules.phases.values()), "segment": list(rules.names)}
    return _with_shares(pd.DataFrame(told), sums)


def phases_of(segments: pd.DataFrame) -> pd.DataFrame:
    """Add a census up by phase, in the order in which they first appear; its columns without `segment`."""
    sums = segments.assign(amount_minor=np.round(segments["amount"] * 100).astype(np.int64))
    sums = sums.groupby("phase", sort=False)[["customers", "amount_minor"]].sum()
    return _with_shares(pd.DataFrame({"phase": list(sums.index)}), sums)


def _with_shares(names: pd.DataFrame, sums: pd.DataFrame) -> pd.DataFrame:
    customers, minor = (sums[name].to_numpy(dtype=np.int64) for name in ("customers", "amount_minor"))
    return names.assign(
        customers=customers, customers_share=_shares(customers), amount=minor / 100, amount_share=_shares(minor)
    )


def _shares(values: Any) -> Any:
    total = values.sum()
    return values / total if total else np.full(len(values), np.nan)


def grid(tallies: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Add up who is where by R and F score: `r_score, f_score, segment, customers`; people without an order are not."""
    rows = pd.concat(tallies).dropna(subset=["r_score"])
    return rows.groupby(["r_score", "f_score", "segment"], as_index=False).agg(customers=("customers", "sum"))
