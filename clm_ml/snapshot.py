"""The airlock: the world as known when as_of began.

`prepare` reads the raw rows once and folds them into days; `take_snapshot` cuts the days off at an as_of. What
is handed on holds no row of the as_of's day or later, nor one that was loaded only then: a feature builder
cannot see the future, because the future is not in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
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

    `order_days` has one row per customer and day with an order or a return, `event_days` one per customer and
    day with an event, `customers` one per person of the customer table. Where rows can arrive late (`loaded_at`
    is mapped) days have to be folded again at each as_of, because which line of an order came first depends on
    what had arrived: from `order_parts`, one row per customer, day, day known and order.
    """

    tables: Tables
    order_days: Frame = field(repr=False)
    order_parts: Frame | None = field(repr=False)
    event_days: Frame | None = field(repr=False)
    customers: Frame | None = field(repr=False)


@dataclass(frozen=True)
class Snapshot:
    """Rows known before `as_of`, and nothing else.

    `order_days`: customer_id, day, orders, gap_days (since the previous order day; null on the first and on
    days without an order), gross_minor, returned_minor, returns (lines). `event_days`: customer_id, day, events
    and one count per meaning. `customers`: customer_id, created_day, has_email; those whose day of creation
    nobody tells are among them, but only an order or an event makes them known.
    """

    as_of: int
    order_days: Frame = field(repr=False)
    event_days: Frame | None = field(repr=False)
    customers: Frame | None = field(repr=False)
    meanings: tuple[str, ...] = ()

    def customer_ids(self) -> Frame:
        """List everyone known, one row each: by an order, a return, an event, or having been created."""
        created = None if self.customers is None else self.customers.filter(~nw.col("created_day").is_null())
        return _ids(self.order_days, self.event_days, created)


def prepare(tables: Tables) -> Prepared:
    """Fold the tables into days: one pass over the raw rows, for any number of as_ofs.

    Each meaning an event type can have becomes a count of its own.
    """
    keep, late = tables.engine.keep, tables.has_loaded_at
    parts = keep(_order_parts(tables.orders, late))
    events, people = tables.events, tables.customers
    return Prepared(
        tables=tables,
        order_days=keep(_daily(parts), "customer_id", "day"),
        order_parts=parts if late else None,
        event_days=None if events is None else keep(_event_days(events, tables.meanings, late), "customer_id", "day"),
        customers=None if people is None else keep(_people(people), "customer_id"),
    )


def take_snapshot(prepared: Prepared, as_of: int, customers: Frame | None = None) -> Snapshot:
    """Cut the prepared days off at the first instant of `as_of`.

    Args:
        prepared: the days.
        as_of: a day number; its own rows are already outcome.
        customers: if given, only these (a frame with `customer_id`), as when learning from a sample.

    Raises:
        TimelineError: if the tables are not complete until `as_of`, or no order lies before it.
    """
    _refuse_unknowable(as_of, prepared.tables)
    prepared = prepared if customers is None else _only(prepared, customers)
    event_days, people = prepared.event_days, prepared.customers
    created = nw.col("created_day")
    return Snapshot(
        as_of=as_of,
        order_days=days_known_by(prepared, as_of),
        event_days=None if event_days is None else event_days.filter(_known(as_of)),
        customers=None if people is None else people.filter(created.is_null() | (created < as_of)),
        meanings=tuple(prepared.tables.meanings),
    )


def days_known_by(prepared: Prepared, day: int) -> Frame:
    """Give the order days made of rows that had arrived before `day`: the outcomes one could know then."""
    if prepared.order_parts is not None:
        return _daily(prepared.order_parts.filter(_known(day)))
    return prepared.order_days.filter(_known(day))


def _refuse_unknowable(as_of: int, tables: Tables) -> None:
    if as_of > tables.complete_until:
        until = date_of(tables.complete_until)
        raise TimelineError(
            f"as_of {date_of(as_of)} is too late: data are complete until {until}. "
            f"Use {until} or earlier, or bring the tables up to date."
        )
    if as_of <= tables.first_day:
        first = date_of(tables.first_day)
        raise TimelineError(f"as_of {date_of(as_of)} is too early: the first order is of {first}. Use a later day.")


def _only(prepared: Prepared, customers: Frame) -> Prepared:
    def theirs(frame: Any) -> Any:
        return None if frame is None else frame.join(customers.select("customer_id"), on="customer_id", how="semi")

    names = ("order_days", "order_parts", "event_days", "customers")
    return replace(prepared, **{name: theirs(getattr(prepared, name)) for name in names})


def _known(by: int) -> nw.Expr:
    return nw.col("known_day") < by


def _ids(*frames: Frame | None) -> Frame:
    return nw.concat([frame.select("customer_id") for frame in frames if frame is not None]).unique("customer_id")


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
    """Fold the parts of orders into days: an order counts on the day of its first line.

    A line without an order_id is an order by itself.
    """
    key, named = ["customer_id", "day"], "order_id" in parts.collect_schema().names()
    alone = nw.when(nw.col("order_id").is_null()).then(nw.col("sale_lines")).otherwise(nw.lit(0))
    days = parts.group_by(key).agg(
        (alone if named else nw.col("sale_lines")).sum().cast(nw.Int64).alias("orders"),
        nw.col("gross_minor").sum().cast(nw.Int64),
        nw.col("returned_minor").sum().cast(nw.Int64),
        (nw.col("lines").sum() - nw.col("sale_lines").sum()).cast(nw.Int64).alias("returns"),
        nw.col("known_day").max(),
    )
    if named:
        begun = nw.col("orders_begun").fill_null(0)
        days = days.join(_orders_begun(parts), on=key, how="left").with_columns(orders=nw.col("orders") + begun)
    return _with_gaps(days.drop("orders_begun", strict=False))


def _orders_begun(parts: Frame) -> Frame:
    """Count the orders whose first line is of each day."""
    sold = parts.filter(nw.col("sale_lines") > 0, ~nw.col("order_id").is_null())
    firsts = sold.group_by("customer_id", "order_id").agg(nw.col("day").min())
    return firsts.group_by("customer_id", "day").agg(nw.len().cast(nw.Int64).alias("orders_begun"))


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
    """Tell when each person came to be, null where nobody knows, and whether there is an e-mail address."""
    columns = customers.collect_schema().names()
    created = nw.col("created_day") if "created_day" in columns else nw.lit(None)
    has_email = ~nw.col("email").is_null() if "email" in columns else nw.lit(False)
    return customers.select("customer_id", created_day=created.cast(nw.Int32), has_email=has_email)
