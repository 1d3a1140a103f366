"""The airlock: the world as known when as_of began.

`prepare` reads the raw rows once and folds them into days; `take_snapshot` cuts the days off at an as_of. What
is handed on holds no row of the as_of's day or later, nor one that was loaded only then: a feature builder
cannot see the future, because the future is not in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import narwhals as nw

from clm_ml.errors import TimelineError
from clm_ml.tables import Tables
from clm_ml.timeline import date_of

__all__ = ["Prepared", "Snapshot", "days_known_by", "prepare", "take_snapshot"]

Frame = nw.LazyFrame[Any]


@dataclass(frozen=True)
class Prepared:
    """The tables folded into days, kept in the engine.

    `order_days` has one row per customer and day with an order or a return; `event_days` one per customer and
    day with an event. Where rows can arrive late (`loaded_at` is mapped), `order_days` still has one row per
    order and day known, because which order came first depends on what had arrived.
    """

    tables: Tables
    order_days: Frame = field(repr=False)
    event_days: Frame | None = field(repr=False)
    customers: Frame | None = field(repr=False)

    @property
    def late(self) -> bool:
        """Whether rows can arrive after their day."""
        return self.tables.has_loaded_at


@dataclass(frozen=True)
class Snapshot:
    """Rows known before `as_of`, and nothing else.

    `order_days`: customer_id, day, orders, gap_days (since the previous order day; null on the first and on
    days with returns only), gross_minor, returned_minor, returns. `event_days`: customer_id, day, events and
    one count per meaning. `customers`: customer_id, created_day, has_email.
    """

    as_of: int
    order_days: Frame = field(repr=False)
    event_days: Frame | None = field(repr=False)
    customers: Frame | None = field(repr=False)
    meanings: tuple[str, ...] = ()

    def customer_ids(self) -> Frame:
        """List everyone known, one row each: by an order, an event, or having been created as a customer."""
        frames = [frame for frame in (self.order_days, self.event_days, self.customers) if frame is not None]
        return nw.concat([frame.select("customer_id") for frame in frames]).unique("customer_id")


def prepare(tables: Tables) -> Prepared:
    """Fold the tables into days: one pass over the raw rows, for any number of as_ofs.

    Each meaning an event type can have becomes a count of its own.
    """
    keep = tables.engine.keep
    parts = _order_parts(tables.orders, tables.has_loaded_at)
    order_days = keep(parts) if tables.has_loaded_at else keep(_daily(keep(parts)), "customer_id", "day")
    return Prepared(
        tables=tables,
        order_days=order_days,
        event_days=None
        if tables.events is None
        else keep(_event_days(tables.events, tables.meanings, tables.has_loaded_at), "customer_id", "day"),
        customers=None if tables.customers is None else _people(tables.customers),
    )


def take_snapshot(prepared: Prepared, as_of: int, customers: Frame | None = None) -> Snapshot:
    """Cut the prepared days off at the first instant of `as_of`.

    Args:
        prepared: the days.
        as_of: a day number; its own rows are already outcome.
        customers: if given, only these (a frame with `customer_id`), as when learning from a sample.

    Raises:
        TimelineError: if the tables are not complete until `as_of`.
    """
    if as_of > prepared.tables.complete_until:
        until = date_of(prepared.tables.complete_until)
        raise TimelineError(
            f"as_of {date_of(as_of)} is too late: data are complete until {until}. "
            f"Use {until} or earlier, or bring the tables up to date."
        )
    if as_of <= prepared.tables.first_day:
        first = date_of(prepared.tables.first_day)
        raise TimelineError(f"as_of {date_of(as_of)} is too early: the first order is of {first}. Use a later day.")
    known = [_known(frame, as_of, customers) for frame in (prepared.order_days, prepared.event_days)]
    order_days, event_days = known
    assert order_days is not None
    people = None if prepared.customers is None else _known(prepared.customers, as_of, customers)
    if prepared.late:
        order_days = _daily(order_days)
    return Snapshot(as_of, order_days, event_days, people, tuple(prepared.tables.meanings))


def days_known_by(prepared: Prepared, day: int) -> Frame:
    """Give the order days made of rows that had arrived before `day`: the outcomes one could know then."""
    known = prepared.order_days.filter(nw.col("known_day") < day)
    return _daily(known) if prepared.late else known


def _known(frame: Frame | None, as_of: int, customers: Frame | None) -> Frame | None:
    if frame is None:
        return None
    known = frame.filter(nw.col("known_day") < as_of)
    return known if customers is None else known.join(customers.select("customer_id"), on="customer_id", how="semi")


def _order_parts(lines: Frame, late: bool) -> Frame:
    """Fold lines into the parts of an order that share a day (and a day of becoming known)."""
    sale = ~nw.col("is_return")
    key = ["customer_id", "day", "known_day"] if late else ["customer_id", "day"]
    has_orders = "order_id" in lines.collect_schema().names()
    counted = nw.when(sale).then(nw.lit(1)).otherwise(nw.lit(0))
    folded = (
        lines.with_columns(
            sale=counted.cast(nw.Int64),
            gross_minor=nw.when(sale).then(nw.col("amount_minor")).otherwise(nw.lit(0)).cast(nw.Int64),
            returned_minor=nw.when(sale).then(nw.lit(0)).otherwise(-nw.col("amount_minor")).cast(nw.Int64),
        )
        .group_by([*key, "order_id"] if has_orders else key)
        .agg(
            nw.col("sale").sum().cast(nw.Int64).alias("sale_lines"),
            nw.col("sale").count().cast(nw.Int64).alias("lines"),
            nw.col("gross_minor").sum().cast(nw.Int64),
            nw.col("returned_minor").sum().cast(nw.Int64),
        )
    )
    return folded if late else folded.with_columns(known_day=nw.col("day"))


def _daily(parts: Frame) -> Frame:
    """Fold the parts of orders into days: an order counts on the day of its first line."""
    columns = parts.collect_schema().names()
    sold = parts.filter(nw.col("sale_lines") > 0)
    if "order_id" in columns:
        firsts = sold.group_by("customer_id", "order_id").agg(nw.col("day").min())
        per_day = firsts.group_by("customer_id", "day").agg(nw.len().cast(nw.Int64).alias("orders"))
    else:
        per_day = sold.group_by("customer_id", "day").agg(nw.col("sale_lines").sum().cast(nw.Int64).alias("orders"))
    sums = parts.group_by("customer_id", "day").agg(
        nw.col("gross_minor").sum().cast(nw.Int64),
        nw.col("returned_minor").sum().cast(nw.Int64),
        (nw.col("lines").sum() - nw.col("sale_lines").sum()).cast(nw.Int64).alias("returns"),
        nw.col("known_day").max(),
    )
    days = sums.join(per_day, on=["customer_id", "day"], how="left").with_columns(nw.col("orders").fill_null(0))
    return _with_gaps(days)


def _with_gaps(days: Frame) -> Frame:
    """Give each order day the days since the customer's previous one; a gap belongs to the day that ends it."""
    ordered = days.with_columns(is_order_day=nw.col("orders") > 0)
    previous = nw.col("day").shift(1).over("customer_id", "is_order_day", order_by="day")
    gap = nw.when(nw.col("is_order_day")).then((nw.col("day") - previous).cast(nw.Int64))
    return ordered.with_columns(gap_days=gap).drop("is_order_day")


def _event_days(events: Frame, meanings: Mapping[str, tuple[str, ...]], late: bool) -> Frame:
    """Count a day's events, and those of each meaning: as short integers, since a day's counts are small."""
    means = {meaning: nw.col("event_type").is_in(list(types)) for meaning, types in meanings.items()}
    folded = (
        events.with_columns(**{meaning: nw.when(does).then(nw.lit(1)) for meaning, does in means.items()})
        .group_by(["customer_id", "day", "known_day"] if late else ["customer_id", "day"])
        .agg(
            nw.len().cast(nw.Int32).alias("events"),
            *(nw.col(meaning).count().cast(nw.Int32) for meaning in meanings),
        )
    )
    return folded if late else folded.with_columns(known_day=nw.col("day"))


def _people(customers: Frame) -> Frame:
    """Keep those whose day of creation is told: of the others nobody knows when they came to be."""
    columns = customers.collect_schema().names()
    has_email = ~nw.col("email").is_null() if "email" in columns else nw.lit(False)
    if "created_day" not in columns:
        never = nw.lit(None, dtype=nw.Int32)
        return customers.select("customer_id", created_day=never, known_day=never, has_email=has_email)
    return customers.select("customer_id", "created_day", known_day=nw.col("created_day"), has_email=has_email)
