"""The cohort triangle: of the customers who first ordered in a month, how many ordered in each month since."""

from __future__ import annotations

from typing import Any

import narwhals as nw
import pandas as pd

from clm_ml.timeline import date_of, month_of, month_window

__all__ = ["calendar", "cohort_months", "cohort_triangle"]

Frame = nw.LazyFrame[Any]


def calendar(first_day: int, as_of: int) -> pd.DataFrame:
    """List the days from the first up to, not including, as_of, each with the number of its month.

    >>> calendar(29, 33).values.tolist()
    [[29, 0], [30, 0], [31, 1], [32, 1]]
    """
    days = range(first_day, as_of)
    return pd.DataFrame({"day": days, "month": [month_of(day) for day in days]}, dtype="int32")


def cohort_months(orders: Frame, days: Frame) -> Frame:
    """Count the customers by the month of their first order and each month in which they ordered.

    Args:
        orders: a row per customer, day and order: `customer_id, day, orders` (that begin with this row).
        days: the `calendar`, in the engine of the orders; an order of another day does not count.

    Returns:
        `first_month, month, ordered`, one row for each pair that somebody has.
    """
    ordered = orders.filter(nw.col("orders") > 0).join(days, on="day", how="inner")
    months = ordered.select("customer_id", "month").unique(["customer_id", "month"])
    firsts = months.group_by("customer_id").agg(nw.col("month").min().alias("first_month"))
    both = months.join(firsts, on="customer_id", how="inner")
    return both.group_by("first_month", "month").agg(nw.len().cast(nw.Int64).alias("ordered"))


def cohort_triangle(counts: pd.DataFrame, as_of: int) -> pd.DataFrame:
    """Lay counts out as a triangle, a row for each cohort and number of months since.

    Args:
        counts: `first_month, month, ordered`, of the orders before as_of.
        as_of: a month is closed if it ends by then; the customers of an open one are no cohort yet.

    Returns:
        `first_month` (its first day), `customers`, `months_since`, `ordered`, `ordered_share`, sorted. All cohorts have
        all months since; where such a month is not closed, `ordered` and the share are null. Of a cohort without
        customers, the share is null. In the log's first month, whoever orders is new: older customers are among them.
    """
    closed = month_of(as_of)  # months before as_of's own are: they end on its first day, or earlier
    found = counts[counts["first_month"] < closed].set_index(["first_month", "month"])["ordered"]
    firsts = range(int(counts["first_month"].min()), closed) if len(found) else range(0)
    rows = []
    for first in firsts:
        customers = int(found.get((first, first), 0))
        for since in range(len(firsts)):
            ordered = int(found.get((first, first + since), 0)) if first + since < closed else None
            share = ordered / customers if customers and ordered is not None else None
            rows.append((date_of(month_window(first).start), customers, since, ordered, share))
    triangle = pd.DataFrame(rows, columns=["first_month", "customers", "months_since", "ordered", "ordered_share"])
    return triangle.astype({"customers": "int64", "months_since": "int64", "ordered": "Int64", "ordered_share": float})
