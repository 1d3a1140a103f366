"""Recency, frequency and money: when, how often and for how much a customer ordered and returned."""

from __future__ import annotations

from collections.abc import Iterable

import narwhals as nw

from clm_ml.features.catalogue import FADING_DAYS, Feature, days_since_last, faded, sum_in

__all__ = ["rfm", "rfm_ratios"]

_ORDERED = nw.col("orders") > 0
_MINOR = 100.0


def rfm(as_of: int, windows_days: Iterable[int]) -> list[Feature]:
    """List the RFM features that are aggregates over a customer's orders.

    Grain: a snapshot's orders. Orders are counted on the day of their first line, and days since a day from its midnight
    to as_of's: 1 is yesterday. Money is in hundredths of the currency, so that sums are exact; a return is no
    order, and counts by the line. Days since are null where there was none.

    >>> [feature.name for feature in rfm(0, [30])][2:5]
    ['orders_ever', 'order_days_ever', 'orders_last_30d']
    """
    windows = list(windows_days)
    first = (nw.lit(as_of) - nw.when(_ORDERED).then(nw.col("day")).min()).cast(nw.Int64)
    return [
        Feature("days_since_last_order", "days since the last order", days_since_last(_ORDERED, as_of), "recency", None, sign=-1),
        Feature("days_since_first_order", "days since the first order", first, "tenure", None, learned=False),
        Feature("orders_ever", "orders so far", nw.col("orders").sum().cast(nw.Int64), "frequency", sign=1),
        Feature("order_days_ever", "days with an order so far", nw.col("order_days").sum().cast(nw.Int64), "frequency", sign=1),
        *(Feature(f"orders_last_{days}d", f"orders in the last {days} days", sum_in("orders", as_of, days), "frequency", sign=1, lookback_days=days) for days in windows),
        *(Feature(f"orders_faded_over_{days}d", f"orders in thousandths, one {days} days old counting half", faded(nw.col("orders"), as_of, days), "frequency", learned=False, sign=1) for days in FADING_DAYS),
        Feature("gross_minor_ever", "amount of all orders before returns, in hundredths", nw.col("gross_minor").sum().cast(nw.Int64), "money", learned=False),
        Feature("returned_minor_ever", "amount returned so far, in hundredths", nw.col("returned_minor").sum().cast(nw.Int64), "returns", learned=False),
        *(Feature(f"net_minor_last_{days}d", f"amount in the last {days} days after returns, in hundredths", sum_in("gross_minor", as_of, days) - sum_in("returned_minor", as_of, days), "money", learned=False, lookback_days=days) for days in windows),
        Feature("returns_last_365d", "returned lines in the last 365 days", sum_in("returns", as_of, 365), "returns", lookback_days=365),
        Feature("days_since_last_return", "days since the last return", days_since_last(nw.col("returns") > 0, as_of), "returns", None),
    ]  # fmt: skip


def rfm_ratios(windows_days: Iterable[int]) -> list[Feature]:
    """List the RFM features that are computed from others, row by row: money, means and shares.

    Money is in the currency. Amounts are after returns and can be negative; means and shares of nothing are null.
    """
    orders, gross, returned = nw.col("orders_ever"), nw.col("gross_minor_ever"), nw.col("returned_minor_ever")
    return [
        Feature("amount_ever", "amount of all orders, after returns", (gross - returned) / _MINOR, "money", sign=1),
        *(Feature(f"amount_last_{days}d", f"amount in the last {days} days, after returns", nw.col(f"net_minor_last_{days}d") / _MINOR, "money", sign=1) for days in windows_days),
        Feature("mean_order_amount", "mean amount of an order, before returns", nw.when(orders > 0).then(gross / _MINOR / orders), "money", None),
        Feature("returned_amount_share", "share of the amount ordered that was returned", nw.when(gross > 0).then(returned / gross), "returns", None),
        Feature("order_days_per_30d", "days with an order per 30 days since the first, 30 days added to each history", nw.when(orders > 0).then(nw.col("order_days_ever") * 30.0 / (nw.col("days_since_first_order") + 30)), "frequency", None, sign=1),
    ]  # fmt: skip
