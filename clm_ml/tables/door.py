"""One table's way in: its source, its typed columns, and the first rule that each row breaks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import narwhals as nw

from clm_ml.config import Table
from clm_ml.engine import Engine, Source, quoted
from clm_ml.tables.columns import INSTANTS, Columns, beside, read_columns, role_of
from clm_ml.tables.rules import rules
from clm_ml.tables.validated import Counts
from clm_ml.timeline import day_of

__all__ = ["Door", "Judged", "judge", "last_day", "open_door"]

_REASON = beside("reason")


@dataclass(frozen=True)
class Door:
    """A table's rows with the typed columns beside those of the source."""

    table: str
    plan: Table
    source: Source
    columns: Columns
    engine: Engine = field(repr=False)

    def rows(self, end: int | None) -> str:
        """Write the rows, each with the reason why it is rejected; `end` is the first day not allowed any more."""
        broken = rules(self.table, self.columns.given, day_of(self.plan.min_date), end)
        cases = " ".join(f"WHEN {condition} THEN '{reason}'" for condition, reason in broken)
        typed = f"SELECT *{_beside(self.columns.typed)} FROM ({self.source.sql})"
        days = f"SELECT *{_beside(self.columns.days)} FROM ({typed})"
        return f"SELECT *, CASE {cases} END AS {_REASON} FROM ({days})"


def _beside(columns: Mapping[str, str]) -> str:
    return "".join(f", {sql} AS {beside(name)}" for name, sql in columns.items())


@dataclass(frozen=True)
class Judged:
    """A table's rows, each used or quarantined, and their counts."""

    counts: Counts
    used: nw.LazyFrame[Any] = field(repr=False)
    quarantined: nw.LazyFrame[Any] = field(repr=False)


def open_door(table: str, plan: Table, source: Source, engine: Engine) -> Door:
    """Map and type a table's columns.

    Raises:
        DataError: if a mapped column is not there.
        ConfigError: if an expression is none, or a number is to be a date and no format says how.
    """
    return Door(table, plan, source, read_columns(table, plan, source, engine), engine)


def last_day(door: Door) -> int | None:
    """Find the last day among rows that break no rule, so far as rules need no end."""
    _, day = INSTANTS[door.table]
    found: int | None = door.engine.rows(f"SELECT max({beside(day)}) FROM ({door.rows(None)}) WHERE {_REASON} IS NULL")[
        0
    ][0]
    return found


def judge(door: Door, end: int | None) -> Judged:
    """Judge every row once, and count."""
    rows = door.rows(end)
    rows = _without_repeats(door, rows) if door.table == "customers" else _without_duplicates(door, rows)
    _, day = INSTANTS[door.table]
    when = beside(day) if day in door.columns.days else "NULL"
    found = door.engine.rows(
        f"SELECT {_REASON}, count(*), min({when}), max({when}) FROM ({rows}) GROUP BY {_REASON} ORDER BY {_REASON}"
    )
    used = next((row for row in found if row[0] is None), (None, 0, None, None))
    rejected = {row[0]: row[1] for row in found if row[0] is not None}
    in_order = f" WHERE {_REASON} IS NULL" if rejected else ""  # where all are, no rule has to be asked again
    return Judged(
        Counts(sum(row[1] for row in found), used[1], rejected, used[2], used[3]),
        used=door.engine.lazy(f"SELECT {_used_columns(door)} FROM ({rows}){in_order}"),
        quarantined=door.engine.lazy(f"SELECT {_source_columns(door)} FROM ({rows}) WHERE {_REASON} IS NOT NULL"),
    )


def _without_repeats(door: Door, rows: str) -> str:
    """Reject all rows of a customer but one: the one that permits least, then the first as text."""
    if door.engine.repeated(door.engine.lazy(f"SELECT {beside('customer_id')} AS id FROM ({rows})"), "id") is None:
        return rows
    consents = [beside(column) for column in door.columns.given if role_of(door.table, column) == "consent"]
    least = [f"CASE WHEN {consent} THEN 2 WHEN {consent} IS NULL THEN 1 ELSE 0 END" for consent in consents]
    text = [f"CAST({quoted(column)} AS VARCHAR)" for column in door.source.types]
    order = ", ".join([*least, *text])
    again = f"row_number() OVER (PARTITION BY {beside('customer_id')}, {_REASON} ORDER BY {order}) > 1"
    return _with_reason(rows, again, "repeated customer")


def _without_duplicates(door: Door, rows: str) -> str:
    """Reject lines equal to another in every column: looked for by their hash, which is cheap, then to the letter."""
    columns = ", ".join(quoted(column) for column in door.source.types)
    digest, digests = f"hash({columns})", door.engine.repeated_digests(door.source.sql, door.source.types)
    if digests is None:
        return rows
    again = f"row_number() OVER (PARTITION BY {columns}) > 1"
    suspicious = _with_reason(f"SELECT * FROM ({rows}) WHERE {digest} IN ({digests})", again, "duplicate line")
    return f"SELECT * FROM ({rows}) WHERE {digest} NOT IN ({digests}) UNION ALL {suspicious}"


def _with_reason(rows: str, broken: str, reason: str) -> str:
    """Give a reason to rows that have none yet."""
    told = f"CASE WHEN {_REASON} IS NULL AND {broken} THEN '{reason}' ELSE {_REASON} END"
    return f"SELECT * REPLACE ({told} AS {_REASON}) FROM ({rows})"


def _used_columns(door: Door) -> str:
    """Select the typed columns under their own names; instants have become days and seconds."""
    instants = {column for column in door.columns.given if role_of(door.table, column) == "instant"}
    columns = {name: beside(name) for name in (*door.columns.typed, *door.columns.days) if name not in instants}
    if door.table == "orders":
        columns |= _returns(columns)
    return ", ".join(f"{sql} AS {quoted(name)}" for name, sql in columns.items())


def _returns(columns: Mapping[str, str]) -> dict[str, str]:
    """Tell returns apart: a line that says so, or whose amount or quantity is negative; both then are."""
    signs = [f"{columns['amount_minor']} < 0"]
    signs += [f"coalesce({columns['is_return']}, false)"] if "is_return" in columns else []
    signs += [f"coalesce({columns['quantity']} < 0, false)"] if "quantity" in columns else []
    is_return = f"({' OR '.join(signs)})"
    amounts = {name: columns[name] for name in ("amount_minor", "quantity") if name in columns}
    return {"is_return": is_return} | {
        name: f"CASE WHEN {is_return} THEN -abs({sql}) ELSE {sql} END" for name, sql in amounts.items()
    }


def _source_columns(door: Door) -> str:
    """Select the reason and the columns of the source."""
    named = {column: "source_reason" if column.casefold() == "reason" else column for column in door.source.types}
    columns = ", ".join(f"{quoted(column)} AS {quoted(name)}" for column, name in named.items())
    return f"{_REASON} AS reason, {columns}"
