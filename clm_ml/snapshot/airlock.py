"""The airlock itself: everything is cut off at the first instant of an as_of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import narwhals as nw

from clm_ml.errors import TimelineError
from clm_ml.snapshot.contacts import with_answers
from clm_ml.snapshot.orders import known, known_parts, with_beginnings
from clm_ml.snapshot.preparing import Prepared, kinds_of, name_of_attribute
from clm_ml.tables import Tables
from clm_ml.timeline import date_of

__all__ = ["Snapshot", "in_parts", "only", "orders_known_by", "refuse_unknowable", "take_snapshot"]

Frame = nw.LazyFrame[Any]


@dataclass(frozen=True)
class Snapshot:
    """Rows known before `as_of`, and nothing else.

    `orders`: customer_id, day, orders (that begin with this row), order_days (1 on one row of each day on which an
    order begins), gap_days (since the previous such day; null on the first, and where order_days is 0), gross_minor,
    returned_minor, returns (lines). `events`: customer_id, day, kind (a number for the event's type; `kinds` has those
    of each meaning) and, of the meanings `rated`, rating (in hundredths). `customers`: customer_id, created_day,
    has_email, and a column for each of `attributes`; those whose day of creation nobody tells are among them, but only
    an order or an event makes them known. `contacts`: customer_id, day, answered_day (null if nothing was known to
    answer it).
    """

    as_of: int
    orders: Frame = field(repr=False)
    events: Frame | None = field(repr=False)
    customers: Frame | None = field(repr=False)
    contacts: Frame | None = field(default=None, repr=False)
    attributes: tuple[str, ...] = ()
    rated: tuple[str, ...] = ()
    kinds: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    def rated_events(self) -> Frame | None:
        """Give the few events that say how content somebody was; None if no event log tells."""
        return self.events.filter(~nw.col("rating").is_null()) if self.events is not None and self.rated else None

    def customer_ids(self) -> Frame:
        """List everyone known, one row each: by an order, a return, an event, or having been created."""
        created = None if self.customers is None else self.customers.filter(~nw.col("created_day").is_null())
        return _ids(self.orders, self.events, created)


def take_snapshot(prepared: Prepared, as_of: int, customers: Frame | None = None) -> Snapshot:
    """Cut what is prepared off at the first instant of `as_of`.

    Args:
        prepared: the tables, folded.
        as_of: a day number; its own rows are already outcome.
        customers: if given, only these (a frame with `customer_id`), as when learning from a sample.

    Raises:
        TimelineError: if the tables are not complete until `as_of`, or no order lies before it.
    """
    refuse_unknowable(as_of, prepared.tables)
    prepared = prepared if customers is None else replace(prepared, **_theirs(prepared, customers))
    events, people = prepared.events, prepared.customers
    created, orders = nw.col("created_day"), orders_known_by(prepared, as_of)
    return Snapshot(
        as_of=as_of,
        orders=orders,
        events=None if events is None else events.filter(known(as_of)),
        customers=None if people is None else people.filter(created.is_null() | (created < as_of)),
        contacts=None if prepared.contacts is None else _contacts(prepared, orders, as_of),
        attributes=tuple(map(name_of_attribute, prepared.tables.attributes)),
        rated=prepared.tables.inputs.rated,
        kinds=kinds_of(prepared.tables.meanings),
    )


def _contacts(prepared: Prepared, orders: Frame, as_of: int) -> Frame:
    """Cut contacts off, and their answers."""
    assert prepared.contacts is not None
    made, answered = prepared.contacts.filter(nw.col("day") < as_of), nw.col("answered_day")
    if prepared.late_parts is not None:
        return with_answers(made, orders)
    return made.with_columns(answered_day=nw.when(answered < as_of).then(answered))


def orders_known_by(prepared: Prepared, day: int) -> Frame:
    """Give the orders made of rows that had arrived before `day`: the outcomes one could know then."""
    if prepared.late_parts is not None:
        return with_beginnings(known_parts(prepared.late_parts, day), prepared.tables.engine)
    return prepared.orders.filter(known(day))


def refuse_unknowable(as_of: int, tables: Tables) -> None:
    """Refuse a day of which not everything is known yet, or before which nothing was.

    Raises:
        TimelineError: naming the days there are.
    """
    if as_of > tables.complete_until:
        until = date_of(tables.complete_until)
        raise TimelineError(
            f"as_of {date_of(as_of)} is too late: data are complete until {until}. "
            f"Use {until} or earlier, or bring the tables up to date."
        )
    if as_of <= tables.first_day:
        first = date_of(tables.first_day)
        raise TimelineError(f"as_of {date_of(as_of)} is too early: the first order is of {first}. Use a later day.")


def only(prepared: Prepared, customers: Frame) -> Prepared:
    """Keep of what is prepared only some customers' (a frame with `customer_id`), beside it.

    Of a log that is far larger than what is asked of it, each as_of then costs no more than theirs.
    """
    kept: dict[str, Any] = {
        name: prepared.tables.engine.keep(frame) for name, frame in _theirs(prepared, customers).items()
    }
    return replace(prepared, **kept, added={name: kept[name] for name in kept if name not in ("customers", "contacts")})


def in_parts(prepared: Prepared) -> list[Prepared]:
    """Divide what is prepared among parts of customers, as many as the engine's memory asks for.

    A row stands alone: described part by part everyone gets the row that all together would give them.
    """
    return [replace(prepared, **frames) for frames in prepared.tables.engine.in_parts(_frames(prepared))]


def _theirs(prepared: Prepared, customers: Frame) -> dict[str, Any]:
    ids = customers.select("customer_id")
    return {name: rows.join(ids, on="customer_id", how="semi") for name, rows in _frames(prepared).items()}


def _frames(prepared: Prepared) -> dict[str, Frame]:
    frames = {name: getattr(prepared, name) for name in ("orders", "late_parts", "events", "customers", "contacts")}
    return {name: rows for name, rows in frames.items() if rows is not None}


def _ids(*frames: Frame | None) -> Frame:
    return nw.concat([frame.select("customer_id") for frame in frames if frame is not None]).unique("customer_id")
