"""When silence should count as lapsed: what each threshold would have said, and what then came."""

from __future__ import annotations

from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd

from clm_ml.timeline import Window

__all__ = ["THRESHOLDS", "lapse_sensitivity", "later_orders", "long_gap"]

THRESHOLDS = (1.0, 1.5, 2.0, 3.0, 4.0, 6.0)
LONG = 0.85


def lapse_sensitivity(features: pd.DataFrame, orders_later: pd.Series[Any]) -> pd.DataFrame:
    """Tell, for each threshold, how many customers it calls lapsed, and which share of later orders came from them.

    Args:
        features: one row per customer with `customer_id`, `overdue_ratio` (null: never ordered).
        orders_later: orders in the label window, by customer_id.

    Returns:
        `after_gaps, lapsed_customers, lapsed_share, later_orders_share`; a good threshold calls many lapsed and
        few of the later orders theirs. The last column is null if no order came.
    """
    known = features[features["overdue_ratio"].notna()]
    came = known["customer_id"].map(orders_later).fillna(0).to_numpy(dtype=np.float64)
    rows = []
    for after_gaps in THRESHOLDS:
        lapsed = (known["overdue_ratio"] >= after_gaps).to_numpy()
        share = float(came[lapsed].sum() / came.sum()) if came.sum() else float("nan")
        rows.append((after_gaps, int(lapsed.sum()), float(lapsed.mean()) if len(known) else float("nan"), share))
    return pd.DataFrame(rows, columns=["after_gaps", "lapsed_customers", "lapsed_share", "later_orders_share"])


def later_orders(orders: nw.LazyFrame[Any], window: Window) -> nw.LazyFrame[Any]:
    """Count each customer's orders in a window: `customer_id, orders`."""
    inside = orders.filter(window.holds(nw.col("day")))
    return inside.group_by("customer_id").agg(nw.col("orders").sum().cast(nw.Int64))


def long_gap(gap_days: Any) -> float:
    """Give the days within which 85 % of the gaps between a customer's order days end; NaN without a gap.

    >>> long_gap([10, 20, 30, 40])
    40.0
    """
    gaps = np.asarray(gap_days, dtype=np.float64)
    gaps = gaps[~np.isnan(gaps)]
    return float(np.quantile(gaps, LONG, method="inverted_cdf")) if len(gaps) else float("nan")
