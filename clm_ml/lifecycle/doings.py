"""What each person did in a period: sums of whole numbers, one row a person, from the tables' lines.

Everything is folded in the engine, so that what is fetched is as long as there are customers, not lines; and added
up in whole numbers, so that every engine gives the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import narwhals as nw

from clm_ml.timeline import Window, lookback

__all__ = ["YEAR_DAYS", "engaging", "first_categories", "leads", "new_categories", "ordering", "spent"]

Frame = nw.LazyFrame[Any]
Types = Mapping[str, Sequence[str]]

#: The days before a period's end in which what a customer brings a year is counted.
YEAR_DAYS = 365


def ordering(orders: Frame, period: Window) -> Frame:
    """Tell what everybody ordered in a period, in the year before it ended, and when they first did.

    Args:
        orders: a row per customer, day and order: `customer_id, day, orders, order_days, gross_minor, returned_minor`.
        period: orders count on the day of their first line, amounts on that of each line.

    Returns:
        one row per customer with an order or return before the period's end: `customer_id`, `first_order_day` (null
        without an order), `orders`, `order_days`, `gross_minor` (before returns) and `net_minor` (after them) of the
        period, `orders_in_year` and `net_minor_in_year` of the 365 days before its end.
    """
    year = lookback(period.end, YEAR_DAYS)
    gross, net = nw.col("gross_minor"), nw.col("gross_minor") - nw.col("returned_minor")
    sums = {
        "orders": (nw.col("orders"), period),
        "order_days": (nw.col("order_days"), period),
        "gross_minor": (gross, period),
        "net_minor": (net, period),
        "orders_in_year": (nw.col("orders"), year),
        "net_minor_in_year": (net, year),
    }
    known = orders.filter(nw.col("day") < period.end)
    return known.group_by("customer_id").agg(
        nw.when(nw.col("orders") > 0).then(nw.col("day")).min().alias("first_order_day"),
        *(_sum(amount, within.holds(nw.col("day"))).alias(name) for name, (amount, within) in sums.items()),
    )


def first_categories(lines: Frame, as_of: int) -> Frame:
    """Tell when everybody first bought in each category: `customer_id, category, first_day`.

    Args:
        lines: the validated lines of orders, with `category`; returns and lines without one say nothing.
        as_of: what became known from this day on is left out.
    """
    bought = lines.filter(nw.col("known_day") < as_of, ~nw.col("is_return"), ~nw.col("category").is_null())
    return bought.group_by("customer_id", "category").agg(nw.col("day").min().alias("first_day"))


def new_categories(firsts: Frame, period: Window) -> Frame:
    """Count the categories in which somebody first bought in a period: `customer_id, new_categories`."""
    inside = firsts.filter(period.holds(nw.col("first_day")))
    return inside.group_by("customer_id").agg(nw.len().cast(nw.Int64).alias("new_categories"))


def engaging(events: Frame, types: Types, period: Window) -> Frame:
    """Tell how long everybody was engaged, and how they rated.

    Args:
        events: the validated events.
        types: the event types of each rated meaning.
        period: on whose days events count.

    Returns:
        one row per person with an event in the period: `customer_id`, `engaged_ms` and `timed` (thousandths of seconds
        of events with a duration, and how many these are), and for each meaning `<meaning>_sum` (in hundredths) and
        `<meaning>_rated` (of events with a value). Without a duration or value column these are 0.
    """
    there = events.collect_schema().names()
    duration, value = (
        (nw.col(name) if name in there else nw.lit(None, nw.Float64)).alias(name)
        for name in ("duration_seconds", "value")
    )
    inside = events.filter(period.holds(nw.col("day"))).select("customer_id", "event_type", duration, value)
    duration, value = nw.col("duration_seconds"), nw.col("value")
    sums = {"engaged_ms": _sum(_parts(duration, 1000), ~duration.is_null()), "timed": duration.count().cast(nw.Int64)}
    for meaning, names in types.items():
        is_rating = nw.col("event_type").is_in(list(names)) & ~value.is_null()
        sums |= {f"{meaning}_sum": _sum(_parts(value, 100), is_rating), f"{meaning}_rated": _sum(nw.lit(1), is_rating)}
    return inside.group_by("customer_id").agg(*(total.alias(name) for name, total in sums.items()))


def _parts(amount: nw.Expr, per_unit: int) -> nw.Expr:
    """Round to the nearest whole part, so that sums are exact."""
    return (amount * per_unit + 0.5).floor().cast(nw.Int64)


def leads(events: Frame, lead: Sequence[str], response: Sequence[str], period: Window) -> Frame:
    """Tell how often and how fast everybody's leads were answered in a period.

    A lead is answered by the person's first response from its second on, if that came before the period ended.

    Returns:
        one row per person with a lead in the period: `customer_id, leads, leads_answered, response_seconds` (added up
        over those answered).
    """
    key = ["customer_id", "lead_second"]
    came = events.filter(nw.col("event_type").is_in(list(lead)), period.holds(nw.col("day")))
    came = came.group_by("customer_id", "second").agg(nw.len().cast(nw.Int64).alias("leads"))
    came = came.select("customer_id", "leads", lead_second=nw.col("second"))
    told = events.filter(nw.col("event_type").is_in(list(response)), nw.col("day") < period.end)
    told = told.select("customer_id", response_second=nw.col("second"))
    pairs = came.select(*key).join(told, on="customer_id", how="inner")
    pairs = pairs.filter(nw.col("response_second") >= nw.col("lead_second"))
    firsts = pairs.group_by(*key).agg(nw.col("response_second").min())
    both = came.join(firsts, on=key, how="left")
    is_answered = ~nw.col("response_second").is_null()
    waited = nw.col("leads") * (nw.col("response_second") - nw.col("lead_second"))
    return both.group_by("customer_id").agg(
        nw.col("leads").sum().cast(nw.Int64),
        _sum(nw.col("leads"), is_answered).alias("leads_answered"),
        _sum(waited, is_answered).alias("response_seconds"),
    )


def spent(spend: Frame, period: Window) -> Frame:
    """Add up what marketing cost in a period: one row, `spent_minor`; 0 where nothing was spent."""
    return spend.select(_sum(nw.col("amount_minor"), period.holds(nw.col("day"))).fill_null(0).alias("spent_minor"))


def _sum(amount: nw.Expr, counts: nw.Expr) -> nw.Expr:
    return nw.when(counts).then(amount).otherwise(nw.lit(0)).sum().cast(nw.Int64)
