"""One table's way in: its source, its typed columns, and the first rule that each row breaks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import narwhals as nw

from clm_ml.config import Table
from clm_ml.engine import AnyEngine, Typed, quoted
from clm_ml.tables.columns import INSTANTS, Columns, beside, ours, read_columns, role_of
from clm_ml.tables.rules import rules
from clm_ml.tables.validated import Counts
from clm_ml.timeline import day_of

__all__ = ["Door", "Judged", "first_day", "ids_known_by", "judge", "last_day", "open_door"]

Frame = nw.LazyFrame[Any]

_REASON = ours("reason")
_IS_AGAIN = ours("is again")


@dataclass(frozen=True)
class Door:
    """A table's rows with the typed columns beside those of the source."""

    table: str
    plan: Table
    source: Typed
    columns: Columns
    engine: AnyEngine = field(repr=False)

    def rows(self, end: int | None) -> Frame:
        """Give the rows, each with the reason why it is rejected; `end` is the first day not allowed any more."""
        broken = rules(self.table, self.columns.given, day_of(self.plan.min_date), end)
        cases = " ".join(f"WHEN {condition} THEN '{reason}'" for condition, reason in broken)
        order = _least_first(self) if self.table == "customers" else {}
        signed = {f"signed {name}": sql for name, sql in self.columns.signed.items()}
        layers = (self.columns.typed, self.columns.days, {"reason": f"CASE {cases} END"}, signed, order)
        return self.engine.beside(self.source, *({ours(name): sql for name, sql in layer.items()} for layer in layers))


@dataclass(frozen=True)
class Judged:
    """A table's rows, each used or quarantined, and their counts."""

    counts: Counts
    used: Frame = field(repr=False)
    quarantined: Frame = field(repr=False)


def open_door(table: str, plan: Table, source: Typed, engine: AnyEngine) -> Door:
    """Map and type a table's columns.

    Raises:
        DataError: if a mapped column is not there.
        ConfigError: if an expression is none, or a number is to be a date and no format says how.
    """
    return Door(table, plan, source, read_columns(table, plan, source, engine), engine)


def last_day(door: Door) -> int | None:
    """Find the last day among rows that break no rule, so far as rules need no end."""
    _, day = INSTANTS[door.table]
    in_order = door.rows(None).filter(nw.col(_REASON).is_null())
    found: int | None = door.engine.collect(in_order.select(nw.col(ours(day)).max()))[ours(day)][0].as_py()
    return found


def first_day(door: Door, end: int) -> int | None:
    """Find the first day among rows that break no rule; duplicates, which it does not look for, change nothing."""
    _, day = INSTANTS[door.table]
    in_order = door.rows(end).filter(nw.col(_REASON).is_null())
    found: int | None = door.engine.collect(in_order.select(nw.col(ours(day)).min()))[ours(day)][0].as_py()
    return found


def ids_known_by(door: Door, end: int, day: int) -> Frame:
    """List the customers of rows that break no rule and were known before a day, each once for every row."""
    _, own = INSTANTS[door.table]
    when = "known_day" if "known_day" in door.columns.days else own
    in_order = door.rows(end).filter(nw.col(_REASON).is_null() & (nw.col(ours(when)) < day))
    return in_order.select(customer_id=nw.col(ours("customer_id")))


def judge(door: Door, end: int | None) -> Judged:
    """Judge every row once, and count."""
    rows = door.rows(end)
    rows = _without_repeats(door, rows) if door.table == "customers" else _without_duplicates(door, rows)
    counts = _count(door, rows, end)
    # Where all rows are in order, no rule has to be asked again.
    in_order = rows.filter(nw.col(_REASON).is_null()) if counts.rejected else rows
    return Judged(
        counts,
        used=in_order.select(**_used_columns(door)),
        quarantined=door.engine.named(rows.filter(~nw.col(_REASON).is_null()), _source_columns(door)),
    )


def _count(door: Door, rows: Frame, end: int | None) -> Counts:
    _, day = INSTANTS[door.table]
    nothing = nw.lit(None, dtype=nw.Int32)
    when = nw.col(ours(day)) if day in door.columns.days else nothing
    known = nw.col(ours("known_day")) if "known_day" in door.columns.days else when
    beyond = nw.when(nw.col("known_day") >= end).then(nw.lit(1)) if end is not None else nothing
    told = rows.select(reason=nw.col(_REASON), day=when, known_day=known).with_columns(beyond=beyond)
    counted = told.group_by("reason").agg(
        nw.len().alias("rows"),
        nw.col("day").min().alias("first_day"),
        nw.col("day").max().alias("last_day"),
        nw.col("known_day").min().alias("first_known"),
        nw.col("beyond").count().alias("beyond"),
    )
    found = {row["reason"]: row for row in door.engine.collect(counted, "reason").to_pylist()}
    beyond_all = sum(int(row["beyond"]) for row in found.values())
    used = found.pop(None, {"rows": 0, "first_day": None, "last_day": None, "first_known": None})
    rejected = {reason: int(row["rows"]) for reason, row in found.items()}
    kept, first_known = int(used["rows"]), used["first_known"]
    read = kept + sum(rejected.values())
    return Counts(read, kept, rejected, used["first_day"], used["last_day"], beyond_all, first_known)


def _least_first(door: Door) -> dict[str, str]:
    """Write what rows of one customer are ordered by: the one that permits least, then the first as text."""
    consents = [beside(column) for column in door.columns.given if role_of(door.table, column) == "consent"]
    least = [f"CASE WHEN {consent} THEN 2 WHEN {consent} IS NULL THEN 1 ELSE 0 END" for consent in consents]
    text = [f"coalesce(CAST({quoted(column)} AS VARCHAR), chr(1114111))" for column in door.source.types]
    return {f"order {number}": sql for number, sql in enumerate([*least, *text])}


def _without_repeats(door: Door, rows: Frame) -> Frame:
    """Reject all rows of a customer but one."""
    who, order = ours("customer_id"), [ours(name) for name in _least_first(door)]
    if door.engine.repeated(rows.filter(nw.col(_REASON).is_null()).select(who), who) is None:
        return rows
    number = nw.col(ours("one")).cum_sum().over(who, _REASON, order_by=order)
    numbered = rows.with_columns(**{ours("one"): nw.lit(1)}).with_columns(**{_IS_AGAIN: number > 1})
    return _with_reason(numbered, "repeated customer")


def _without_duplicates(door: Door, rows: Frame) -> Frame:
    """Reject lines equal to another in every column."""
    mapped = [door.plan.columns.get(column) for column in (*_TELLING, INSTANTS[door.table][0])]
    telling = [name for name in mapped if name is not None and name in door.source.types][:_FEW]
    flagged = door.engine.repeats(rows, list(door.source.types), _IS_AGAIN, telling)
    return rows if flagged is None else _with_reason(flagged, "duplicate line")


#: What tells lines apart best, and how many columns of it are enough to find those that may be equal.
_TELLING, _FEW = ("order_id", "product_id", "amount", "customer_id", "event_type"), 3


def _with_reason(rows: Frame, reason: str) -> Frame:
    """Give a reason to the flagged rows that have none yet."""
    told = nw.col(_REASON)
    broken = told.is_null() & nw.col(_IS_AGAIN)
    return rows.with_columns(**{_REASON: nw.when(broken).then(nw.lit(reason)).otherwise(told)})


def _used_columns(door: Door) -> dict[str, nw.Expr]:
    """Select the typed columns under their own names; instants have become days and seconds."""
    instants = {column for column in door.columns.given if role_of(door.table, column) == "instant"}
    names = [name for name in (*door.columns.typed, *door.columns.days) if name not in instants]
    columns: dict[str, nw.Expr] = {name: nw.col(ours(name)) for name in names}
    return columns | {name: nw.col(ours(f"signed {name}")) for name in door.columns.signed}


def _source_columns(door: Door) -> Mapping[str, str]:
    """List the reason and the columns of the source, by the names they have in quarantine."""
    named = {"source_reason" if column.casefold() == "reason" else column: column for column in door.source.types}
    return {"reason": _REASON} | named
