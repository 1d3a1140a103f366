"""What counts as coming back, and as spending: the outcome of a label window.

A frame of orders comes in and a frame of outcomes goes out; what was known before as_of is another room's
business, and the two meet in `examples`.
"""

from __future__ import annotations

from typing import Any

import narwhals as nw

from clm_ml.errors import TimelineError
from clm_ml.timeline import Window, date_of

__all__ = ["outcomes", "refuse_open"]


def outcomes(orders: nw.LazyFrame[Any], window: Window) -> nw.LazyFrame[Any]:
    """Tell who ordered in a window, and for how much.

    Args:
        orders: a row per customer, day and order: `customer_id, day, orders, gross_minor, returned_minor`.
        window: the days from as_of up to as_of + horizon_days.

    Returns:
        one row per customer with an order or a return in the window: `customer_id`, `ordered` (1 if at least
        one order, else 0) and `spent` (amount after returns, in the currency; can be negative). Who is not in
        it did neither.
    """
    inside = orders.filter(window.holds(nw.col("day"))).group_by("customer_id")
    sums = inside.agg(
        nw.col("orders").max().cast(nw.Int64).alias("most_orders"),
        (nw.col("gross_minor").sum() - nw.col("returned_minor").sum()).cast(nw.Int64).alias("net_minor"),
    )
    ordered = nw.when(nw.col("most_orders") > 0).then(nw.lit(1)).otherwise(nw.lit(0)).cast(nw.Int64)
    return sums.select("customer_id", ordered=ordered, spent=nw.col("net_minor") / 100.0)


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
