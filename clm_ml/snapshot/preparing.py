"""What no as_of matters for: the tables put together once, for any number of as_ofs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import narwhals as nw

from clm_ml.config import Inputs
from clm_ml.engine import AnyEngine
from clm_ml.snapshot.contacts import contacted, with_answers
from clm_ml.snapshot.orders import known_parts, order_parts, with_beginnings
from clm_ml.tables import Tables

__all__ = ["Before", "Prepared", "kinds_of", "name_of_attribute", "prepare"]

Frame = nw.LazyFrame[Any]


@dataclass(frozen=True)
class Prepared:
    """The tables put together as far as no as_of matters, kept in the engine.

    `orders` has one row per customer, order and day with a line of it, `events` one per event, `customers` one per
    person of the customer table, `contacts` one per contact, with the day of its answer. Where rows can arrive late
    (`loaded_at` is mapped) orders have to be put together again at each as_of, because which line came first depends on
    what had arrived: from `late_parts`, one row per customer, order, day and day known; and so do answers. `added` has
    what this run has put to what an earlier one had prepared.
    """

    tables: Tables
    orders: Frame = field(repr=False)
    late_parts: Frame | None = field(repr=False)
    events: Frame | None = field(repr=False)
    customers: Frame | None = field(repr=False)
    contacts: Frame | None = field(default=None, repr=False)
    added: Mapping[str, Frame] = field(default_factory=dict, repr=False)

    def drop(self) -> None:
        """Give back its memory, once no further as_of is asked for."""
        for frame in (*self.added.values(), self.customers, self.contacts):
            if frame is not None:
                self.tables.engine.drop(frame)


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
    parts = engine.keep(order_parts(tables.orders, late))
    added, of = {"parts": parts}, engine.parts(parts)
    if late:
        all_parts = before.with_new("parts", parts)
        begun = with_beginnings(known_parts(all_parts, tables.complete_until), engine)
        orders = engine.keep_in_parts(begun, of)
    else:
        added["orders"] = engine.keep_in_parts(_begun(parts, before, engine), of)
        orders = before.with_new("orders", added["orders"])
        if not keep_parts:
            engine.drop(added.pop("parts"))
    events, people, contacts = tables.events, tables.customers, tables.contacts
    if events is not None:
        added["events"] = engine.keep_in_parts(_with_kinds(events, tables.inputs), of)
    return Prepared(
        tables=tables,
        orders=orders,
        late_parts=all_parts if late else None,
        events=None if events is None else before.with_new("events", added["events"]),
        customers=None if people is None else engine.keep_in_parts(_people(people, tables.attributes), of),
        contacts=None if contacts is None else engine.keep_in_parts(_answered(contacts, orders, late), of),
        added=added,
    )


def _begun(parts: Frame, before: Before, engine: AnyEngine) -> Frame:
    """Tell the beginnings of new parts: which order they continue and how long it has been, the earlier ones tell."""
    if "parts" not in before.frames:
        return with_beginnings(parts, engine)
    theirs = before.frames["parts"].join(
        parts.select("customer_id").unique("customer_id"), on="customer_id", how="semi"
    )
    together = engine.keep(nw.concat([theirs.select(*parts.collect_schema().names()), parts]))
    return with_beginnings(together, engine).filter(nw.col("known_day") >= before.until)


def _answered(contacts: Frame, orders: Frame, late: bool) -> Frame:
    """Tell when contacts were answered, unless that depends on what had arrived."""
    return contacted(contacts) if late else with_answers(contacted(contacts), orders)


def kinds_of(meanings: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[int, ...]]:
    """Number the event types that mean something, from 1 and in the order of the alphabet."""
    types = sorted({name for types in meanings.values() for name in types})
    return {meaning: tuple(types.index(name) + 1 for name in names) for meaning, names in meanings.items()}


def _with_kinds(events: Frame, inputs: Inputs) -> Frame:
    """Keep of each event its customer, its days, its kind (0 is a type without a meaning) and its rating, if any is."""
    meanings = inputs.meanings or {}
    kinds = kinds_of(meanings)
    kind = nw.lit(0)
    for meaning, types in meanings.items():
        for number, name in zip(kinds[meaning], types, strict=True):
            kind = nw.when(nw.col("event_type") == name).then(nw.lit(number)).otherwise(kind)
    kept = {"kind": kind.cast(nw.Int16)}
    if inputs.rated:
        is_rated = nw.col("event_type").is_in([name for meaning in inputs.rated for name in meanings[meaning]])
        hundredths = (nw.col("value") * 100 + 0.5).floor().cast(nw.Int32)
        kept["rating"] = nw.when(is_rated).then(hundredths).otherwise(nw.lit(None, nw.Int32))
    return events.select("customer_id", "day", "known_day", **kept)


def _people(customers: Frame, attributes: Sequence[str]) -> Frame:
    """Tell when each person came to be, null where nobody knows, whether there is an e-mail address, and attributes."""
    columns = customers.collect_schema().names()
    created = nw.col("created_day") if "created_day" in columns else nw.lit(None)
    has_email = ~nw.col("email").is_null() if "email" in columns else nw.lit(False)
    told = {name_of_attribute(name): nw.col(name) for name in attributes}
    return customers.select("customer_id", created_day=created.cast(nw.Int32), has_email=has_email, **told)


def name_of_attribute(attribute: str) -> str:
    """Name an attribute among features, so that it is taken for none of them.

    >>> name_of_attribute("country")
    'customer_country'
    """
    return f"customer_{attribute}"
