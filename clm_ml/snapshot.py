"""The airlock: the world as known when as_of began.

`prepare` reads the raw rows once and puts orders together; `take_snapshot` cuts all off at an as_of. What
is handed on holds no row of the as_of's day or later, nor one that was loaded only then: a feature builder
cannot see the future, because the future is not in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import narwhals as nw

from clm_ml.engine import AnyEngine
from clm_ml.errors import TimelineError
from clm_ml.tables import Tables
from clm_ml.timeline import date_of

__all__ = ["Before", "Prepared", "Snapshot", "orders_known_by", "prepare", "take_snapshot"]

Frame = nw.LazyFrame[Any]


@dataclass(frozen=True)
class Prepared:
    """The tables put together as far as no as_of matters, kept in the engine.

    `orders` has one row per customer, order and day with a line of it, `events` one per event, `customers` one per
    person of the customer table. Where rows can arrive late (`loaded_at` is mapped) orders have to be put together
    again at each as_of, because which line came first depends on what had arrived: from `late_parts`, one row per
    customer, order, day and day known. `added` has what this run has put to what an earlier one had prepared.
    """

    tables: Tables
    orders: Frame = field(repr=False)
    late_parts: Frame | None = field(repr=False)
    events: Frame | None = field(repr=False)
    customers: Frame | None = field(repr=False)
    added: Mapping[str, Frame] = field(default_factory=dict, repr=False)

    def drop(self) -> None:
        """Give back its memory, once no further as_of is asked for."""
        for frame in (*self.added.values(), self.customers):
            if frame is not None:
                self.tables.engine.drop(frame)


@dataclass(frozen=True)
class Snapshot:
    """Rows known before `as_of`, and nothing else.

    `orders`: customer_id, day, orders (that begin with this row), order_days (1 on one row of each day on which an
    order begins), gap_days (since the previous such day; null on the first, and where order_days is 0), gross_minor,
    returned_minor, returns (lines). `events`: customer_id, day, kind (a number
    for the event's type; `kinds` has those of each meaning). `customers`: customer_id, created_day, has_email; those
    whose day of creation nobody tells are among them, but only an order or an event makes them known.
    """

    as_of: int
    orders: Frame = field(repr=False)
    events: Frame | None = field(repr=False)
    customers: Frame | None = field(repr=False)
    kinds: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    def customer_ids(self) -> Frame:
        """List everyone known, one row each: by an order, a return, an event, or having been created."""
        created = None if self.customers is None else self.customers.filter(~nw.col("created_day").is_null())
        return _ids(self.orders, self.events, created)


@dataclass(frozen=True)
class Before:
    """What an earlier run has prepared of all rows that were known before `until`: some of a preparation's frames."""

    until: int
    frames: Mapping[str, Frame] = field(repr=False)

    def with_new(self, name: str, new: Frame) -> Frame:
        """Put new rows behind those there are."""
        return nw.concat([self.frames[name].select(*new.collect_schema().names()), new]) if name in self.frames else new


def prepare(tables: Tables, before: Before | None = None, *, keep_parts: bool = False) -> Prepared:
    """Put orders together: one pass over the raw rows, for any number of as_ofs.

    Events are few a day and stay as they are, but of each only what features ask is kept.

    Args:
        tables: the validated inputs; after an earlier run only their new rows.
        before: what that run has prepared.
        keep_parts: whether `added` is asked for.
    """
    engine, late, before = tables.engine, tables.has_loaded_at, before or Before(0, {})
    parts = engine.keep(_order_parts(tables.orders, late))
    added = {"parts": parts}
    if late:
        all_parts = before.with_new("parts", parts)
        orders = engine.keep(_with_beginnings(_known_parts(all_parts, tables.complete_until), engine))
    else:
        added["orders"] = engine.keep(_begun(parts, before, engine))
        orders = before.with_new("orders", added["orders"])
        if not keep_parts:
            engine.drop(added.pop("parts"))
    events, people = tables.events, tables.customers
    if events is not None:
        added["events"] = engine.keep(_with_kinds(events, tables.meanings))
    return Prepared(
        tables=tables,
        orders=orders,
        late_parts=all_parts if late else None,
        events=None if events is None else before.with_new("events", added["events"]),
        customers=None if people is None else engine.keep(_people(people)),
        added=added,
    )


def _begun(parts: Frame, before: Before, engine: AnyEngine) -> Frame:
    """Tell the beginnings of new parts: which order they continue and how long it has been, the earlier ones tell."""
    if "parts" not in before.frames:
        return _with_beginnings(parts, engine)
    theirs = before.frames["parts"].join(
        parts.select("customer_id").unique("customer_id"), on="customer_id", how="semi"
    )
    together = engine.keep(nw.concat([theirs.select(*parts.collect_schema().names()), parts]))
    return _with_beginnings(together, engine).filter(nw.col("known_day") >= before.until)


def take_snapshot(prepared: Prepared, as_of: int, customers: Frame | None = None) -> Snapshot:
    """Cut what is prepared off at the first instant of `as_of`.

    Args:
        prepared: the tables, folded.
        as_of: a day number; its own rows are already outcome.
        customers: if given, only these (a frame with `customer_id`), as when learning from a sample.

    Raises:
        TimelineError: if the tables are not complete until `as_of`, or no order lies before it.
    """
    _refuse_unknowable(as_of, prepared.tables)
    prepared = prepared if customers is None else _only(prepared, customers)
    events, people = prepared.events, prepared.customers
    created = nw.col("created_day")
    return Snapshot(
        as_of=as_of,
        orders=orders_known_by(prepared, as_of),
        events=None if events is None else events.filter(_known(as_of)),
        customers=None if people is None else people.filter(created.is_null() | (created < as_of)),
        kinds=_kinds(prepared.tables.meanings),
    )


def orders_known_by(prepared: Prepared, day: int) -> Frame:
    """Give the orders made of rows that had arrived before `day`: the outcomes one could know then."""
    if prepared.late_parts is not None:
        return _with_beginnings(_known_parts(prepared.late_parts, day), prepared.tables.engine)
    return prepared.orders.filter(_known(day))


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

    names = ("orders", "late_parts", "events", "customers")
    return replace(prepared, **{name: theirs(getattr(prepared, name)) for name in names})


def _known(by: int) -> nw.Expr:
    return nw.col("known_day") < by


def _ids(*frames: Frame | None) -> Frame:
    return nw.concat([frame.select("customer_id") for frame in frames if frame is not None]).unique("customer_id")


_SUMS = {"sale_lines": nw.Int32, "lines": nw.Int32, "gross_minor": nw.Int64, "returned_minor": nw.Int64}


def _order_parts(lines: Frame, late: bool) -> Frame:
    """Fold lines into the parts of an order that share a day (and a day of becoming known)."""
    sale = ~nw.col("is_return")
    key = ["customer_id", "day", "known_day"] if late else ["customer_id", "day"]
    has_orders = "order_id" in lines.collect_schema().names()
    amount = nw.col("amount_minor")
    folded = (
        lines.with_columns(
            sale=nw.when(sale).then(nw.lit(1)),
            gross_minor=nw.when(sale).then(amount).otherwise(nw.lit(0)).cast(nw.Int64),
            returned_minor=nw.when(sale).then(nw.lit(0)).otherwise(-amount).cast(nw.Int64),
        )
        .group_by([*key, "order_id"] if has_orders else key)
        .agg(
            nw.col("sale").count().cast(nw.Int32).alias("sale_lines"),
            nw.len().cast(nw.Int32).alias("lines"),
            *(nw.col(name).sum().cast(nw.Int64) for name in ("gross_minor", "returned_minor")),
        )
    )
    return folded if late else folded.with_columns(known_day=nw.col("day"))


def _known_parts(parts: Frame, by: int) -> Frame:
    """Put together what had arrived before a day, whenever it had."""
    key = [name for name in ("customer_id", "order_id", "day") if name in parts.collect_schema().names()]
    sums = (nw.col(name).sum().cast(kind) for name, kind in _SUMS.items())
    return parts.filter(_known(by)).group_by(key).agg(nw.col("known_day").max(), *sums)


def _with_beginnings(parts: Frame, engine: AnyEngine) -> Frame:
    """Tell how many orders begin with each part, and how long after the customer's previous order day.

    An order begins on the day of its first line; a line without an order_id is an order by itself. Of the orders that
    begin on one day, one bears its gap and counts the day: which one is nobody's business.
    """
    sold = nw.col("sale_lines")
    begins, continued = sold, None
    if "order_id" in parts.collect_schema().names():
        begins = nw.when(nw.col("order_id").is_null() | (sold == 0)).then(sold).otherwise(nw.lit(1))
        continued = _continued(parts, engine)
    if continued is not None:
        parts = parts.join(continued, on=["customer_id", "order_id", "day"], how="left")
        begins = nw.when(nw.col("is_continued").is_null()).then(begins).otherwise(nw.lit(0))
    counted = parts.with_columns(orders=begins.cast(nw.Int32)).with_columns(is_order=nw.col("orders") > 0)
    previous = nw.col("day").shift(1).over("customer_id", "is_order", order_by="day")
    since = nw.when(nw.col("is_order")).then(nw.col("day") - previous)
    is_new = nw.col("is_order") & (nw.col("since").is_null() | (nw.col("since") > 0))
    return counted.with_columns(since=since).select(
        "customer_id",
        "day",
        "known_day",
        "orders",
        order_days=nw.when(is_new).then(nw.lit(1)).otherwise(nw.lit(0)).cast(nw.Int32),
        gap_days=nw.when(nw.col("since") > 0).then(nw.col("since")).cast(nw.Int32),
        gross_minor=nw.col("gross_minor"),
        returned_minor=nw.col("returned_minor"),
        returns=nw.col("lines") - sold,
    )


def _continued(parts: Frame, engine: AnyEngine) -> Frame | None:
    """Find the parts of orders that had begun with an earlier part; None where every order has one part."""
    order = ["customer_id", "order_id"]
    sold = parts.filter(nw.col("sale_lines") > 0, ~nw.col("order_id").is_null())
    parted = engine.repeated(sold, *order)
    if parted is None:
        return None
    theirs = sold.join(parted, on=order, how="semi")
    firsts = theirs.group_by(order).agg(nw.col("day").min().alias("first_day"))
    later = theirs.join(firsts, on=order, how="inner").filter(nw.col("day") > nw.col("first_day"))
    return later.select(*order, "day", is_continued=nw.lit(True))


def _kinds(meanings: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[int, ...]]:
    """Number the event types that mean something, from 1 and in the order of the alphabet."""
    types = sorted({name for types in meanings.values() for name in types})
    return {meaning: tuple(types.index(name) + 1 for name in names) for meaning, names in meanings.items()}


def _with_kinds(events: Frame, meanings: Mapping[str, tuple[str, ...]]) -> Frame:
    """Keep of each event its customer, its days and its kind; 0 is a type without a meaning."""
    kinds = _kinds(meanings)
    kind = nw.lit(0)
    for meaning, types in meanings.items():
        for number, name in zip(kinds[meaning], types, strict=True):
            kind = nw.when(nw.col("event_type") == name).then(nw.lit(number)).otherwise(kind)
    return events.select("customer_id", "day", "known_day", kind=kind.cast(nw.Int16))


def _people(customers: Frame) -> Frame:
    """Tell when each person came to be, null where nobody knows, and whether there is an e-mail address."""
    columns = customers.collect_schema().names()
    created = nw.col("created_day") if "created_day" in columns else nw.lit(None)
    has_email = ~nw.col("email").is_null() if "email" in columns else nw.lit(False)
    return customers.select("customer_id", created_day=created.cast(nw.Int32), has_email=has_email)
