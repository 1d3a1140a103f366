"""What counts as coming back, and as spending: the outcome of a label window.

A frame of orders comes in and a frame of outcomes goes out; what was known before as_of is another room's
business, and the two meet in `examples`.
"""

from __future__ import annotations

from typing import Any

import narwhals as nw

from clm_ml.errors import TimelineError
from clm_ml.timeline import Window, date_of

__all__ = ["last_orders", "next_orders", "on_own_clock", "outcomes", "refuse_open"]


def outcomes(orders: nw.LazyFrame[Any], window: Window) -> nw.LazyFrame[Any]:
    """Tell who ordered in a window, how often, for how much, and when last.

    Args:
        orders: a row per customer, day and order: `customer_id, day, orders, order_days, gross_minor, returned_minor`.
        window: the days from as_of up to as_of + horizon_days.

    Returns:
        one row per customer with an order or a return in the window: `customer_id`, `ordered` (1 if at least
        one order, else 0), `spent` (amount after returns, in the currency; can be negative), `orders_ahead`,
        `order_days_ahead` and `last_order_days` (days from as_of to the last order; 0 without one). Who is not in
        it did neither.
    """
    inside = orders.filter(window.holds(nw.col("day"))).group_by("customer_id")
    is_order = nw.col("orders") > 0
    sums = inside.agg(
        nw.col("orders").sum().cast(nw.Int64).alias("orders_ahead"),
        nw.col("order_days").sum().cast(nw.Int64).alias("order_days_ahead"),
        nw.when(is_order).then(nw.col("day")).max().alias("last_day"),
        (nw.col("gross_minor").sum() - nw.col("returned_minor").sum()).cast(nw.Int64).alias("net_minor"),
    )
    ordered = nw.when(nw.col("orders_ahead") > 0).then(nw.lit(1)).otherwise(nw.lit(0)).cast(nw.Int64)
    return sums.select(
        "customer_id",
        "orders_ahead",
        "order_days_ahead",
        ordered=ordered,
        spent=nw.col("net_minor") / 100.0,
        last_order_days=(nw.col("last_day") - window.start).fill_null(0).cast(nw.Int64),
    )


def on_own_clock(orders: nw.LazyFrame[Any], starts: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """Count days from a day of each customer's own, such as the one a campaign was sent to them.

    Args:
        orders: as for `outcomes`.
        starts: one row a customer: `customer_id`, `start_day`.

    Returns:
        the orders of these customers, whose `day` is 0 on the start day, and below it before.
    """
    theirs = orders.join(starts, on="customer_id", how="inner")
    return theirs.with_columns(day=nw.col("day") - nw.col("start_day")).drop("start_day")


def next_orders(orders: nw.LazyFrame[Any], as_of: int) -> nw.LazyFrame[Any]:
    """Tell when customers next ordered, as far as orders are known, whether or not in a window.

    Args:
        orders: as for `outcomes`; where they end decides whose next order is not seen yet.
        as_of: a day number.

    Returns:
        one row per customer with an order from as_of on: `customer_id` and `next_order_days` (days from as_of to
        the first of them; 0 is as_of's own day).
    """
    later = orders.filter((nw.col("day") >= as_of) & (nw.col("orders") > 0)).group_by("customer_id")
    return later.agg(next_order_days=(nw.col("day").min() - as_of).cast(nw.Int64))


def last_orders(orders: nw.LazyFrame[Any], as_of: int) -> nw.LazyFrame[Any]:
    """Tell when customers had last ordered.

    Args:
        orders: as for `outcomes`.
        as_of: a day number.

    Returns:
        one row per customer with an order before as_of: `customer_id` and `silent_days` (days from the last of them to
        as_of; 1 is the day before it).
    """
    earlier = orders.filter((nw.col("day") < as_of) & (nw.col("orders") > 0)).group_by("customer_id")
    return earlier.agg(silent_days=(as_of - nw.col("day").max()).cast(nw.Int64))


def refuse_open(window: Window, complete_until: int) -> None:
    """Refuse a window that is not wholly before `complete_until`: only a closed label exists.

    Raises:
        TimelineError: naming the day the window closes.
    """
    if not window.is_closed_by(complete_until):
        raise TimelineError(
            f"the label window of as_of {date_of(window.start)} closes on {date_of(window.end)}, but data are known "
            f"only until {date_of(complete_until)}. "
            f"Use {date_of(window.start - window.end + complete_until)} or earlier."
        )
