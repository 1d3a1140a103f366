"""The front door: read, map columns, validate; what is rejected is kept with its reason.

Every row read is either used or quarantined, and the counts say so. Behind this door ids are text, time is
whole days and seconds in the business time zone, and money is whole hundredths of the currency.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import narwhals as nw

from clm_ml.config import COLUMNS, Config, Events, Table
from clm_ml.engine import Engine, Source, open_engine, quoted
from clm_ml.errors import DataError
from clm_ml.timeline import date_of, day_of

__all__ = ["Counts", "Tables", "read_tables"]

#: The instant of each table, and the column that holds its day behind the door.
INSTANTS = {
    "orders": ("ordered_at", "day"),
    "events": ("occurred_at", "day"),
    "contacts": ("contacted_at", "day"),
    "customers": ("created_at", "created_day"),
    "spend": ("spent_on", "day"),
}
_MONEY = {"orders": ("amount", "discount"), "contacts": ("cost",), "spend": ("amount",)}
_NUMBERS = {"orders": ("quantity",), "events": ("value", "duration_seconds")}
_CLAIMS = ("is_return", "may_contact", "may_profile")
_NEEDED_NUMBERS = ("amount",)


@dataclass(frozen=True)
class Counts:
    """What became of the rows of one table: `read == used + sum(rejected.values())`."""

    read: int
    used: int
    rejected: Mapping[str, int]
    first_day: int | None = None
    last_day: int | None = None

    @property
    def rejected_share(self) -> float:
        """The quarantined share of the rows read."""
        return (self.read - self.used) / self.read if self.read else 0.0

    def facts(self) -> dict[str, Any]:
        """Tell the counts as plain data, for manifests."""
        return {"read": self.read, "used": self.used, "rejected": dict(self.rejected)}


@dataclass(frozen=True)
class Tables:
    """The validated inputs as lazy frames, and the day before which they are complete.

    Grain: `orders` a line, `events` an event, `customers` a person, `contacts` a contact, `spend` a cost.
    All have `customer_id` as text (not `spend`), `day` (days since 1970-01-01) and, where rows have an
    instant, `second` and `known_day` (the later of the row's day and the day it was loaded). Money columns
    end in `_minor`: hundredths of the currency. `meanings` tells which event types mean what; it is empty
    without events.
    """

    engine: Engine = field(repr=False)
    orders: nw.LazyFrame[Any] = field(repr=False)
    events: nw.LazyFrame[Any] | None = field(repr=False)
    customers: nw.LazyFrame[Any] | None = field(repr=False)
    contacts: nw.LazyFrame[Any] | None = field(repr=False)
    spend: nw.LazyFrame[Any] | None = field(repr=False)
    complete_until: int
    counts: Mapping[str, Counts]
    quarantined: Mapping[str, nw.LazyFrame[Any]] = field(repr=False)
    meanings: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    has_loaded_at: bool = False
    warnings: tuple[str, ...] = ()

    @property
    def first_day(self) -> int:
        """The day of the log's first order."""
        day = self.counts["orders"].first_day
        assert day is not None, "a table of orders without a used row is refused at the door"
        return day

    def facts(self) -> dict[str, Any]:
        """Tell what was read, for manifests: counts and days, no row."""
        return {
            "complete_until": date_of(self.complete_until).isoformat(),
            "tables": {name: counts.facts() for name, counts in self.counts.items()},
        }


def read_tables(config: Config, engine: Engine | None = None, **frames: Any) -> Tables:
    """Read and validate the inputs of a project.

    Args:
        config: the project.
        engine: where to read them; opened from the config if not given.
        **frames: tables held in memory (pandas, Polars, Arrow, DuckDB), by name, instead of their sources;
            the config's column mapping applies to them all the same.

    Raises:
        DataError: if a source or a mapped column is missing, nothing is left, or more rows are rejected than
            `max_rejected_share` allows.
        ConfigError: if an expression is none, or uses what is not allowed.
    """
    engine = engine or open_engine(config)
    plans = config.tables.named()
    unknown = [name for name in frames if name not in plans]
    if unknown:
        raise DataError(f"a frame was given for {unknown[0]}, but the config maps no columns of it.")
    doors = {}
    for name, plan in plans.items():
        source = engine.frame(frames[name]) if name in frames else engine.source(name, plan, config)
        doors[name] = _Door(name, plan, _kept_if_text(engine, source), engine)
    complete_until, warnings = _complete_until(config, doors)
    counts: dict[str, Counts] = {}
    for name, door in doors.items():
        counts[name] = door.open(complete_until)
        _refuse_too_many_rejected(name, counts[name], plans[name])
    loaded = any("loaded_at" in plans[name].columns for name in ("orders", "events") if name in plans)
    return Tables(
        engine=engine,
        **{name: doors[name].used() if name in doors else None for name in COLUMNS},  # type: ignore[arg-type]
        complete_until=complete_until,
        counts=counts,
        quarantined={name: door.quarantined() for name, door in doors.items()},
        meanings={} if config.tables.events is None else _meanings(config.tables.events),
        has_loaded_at=loaded,
        warnings=warnings,
    )


def _meanings(events: Events) -> dict[str, tuple[str, ...]]:
    return {meaning: tuple(types) for meaning, types in events.meanings.items()}


def _kept_if_text(engine: Engine, source: Source) -> Source:
    """Read text files once: parsing them costs more than keeping their rows."""
    if not source.is_text:
        return source
    kept = engine.keep(engine.lazy(source.sql))
    return Source(kept.to_native().sql_query(), source.types)


def _complete_until(config: Config, doors: Mapping[str, _Door]) -> tuple[int, tuple[str, ...]]:
    if config.complete_until is not None:
        return day_of(config.complete_until), ()
    last = max(
        (day for name in ("orders", "events") if name in doors if (day := doors[name].last_day()) is not None),
        default=None,
    )
    if last is None:
        raise DataError("tables.orders: no row has a readable date; see date_format.")
    text = date_of(last + 1).isoformat()
    return last + 1, (f"complete_until is not declared; taken as {text}, the day after the log's last row.",)


def _refuse_too_many_rejected(name: str, counts: Counts, plan: Table) -> None:
    reasons = ", ".join(f"{reason} {count:,}" for reason, count in counts.rejected.items())
    if counts.read == 0:
        raise DataError(f"tables.{name}: the source has no rows.")
    if counts.rejected_share > plan.max_rejected_share or counts.used == 0:
        raise DataError(
            f"tables.{name}: {counts.read - counts.used:,} of {counts.read:,} rows are rejected ({reasons}), more than "
            f"max_rejected_share {plan.max_rejected_share:g} allows; mend the mapping or the data, or raise the share."
        )


class _Door:
    """One table's way in: its source, the typed columns, and the first rule that each row breaks."""

    def __init__(self, name: str, plan: Table, source: Source, engine: Engine) -> None:
        self._name, self._plan, self._source, self._engine = name, plan, source, engine
        self._raw = {column: self._expression(column, text) for column, text in plan.columns.items()}
        self._typed = self._typed_columns()
        self._sql = ""

    # columns -------------------------------------------------------------------------------------------------

    def _expression(self, column: str, text: str) -> str:
        return self._engine.expression(text, self._source, f"tables.{self._name}.columns.{column}")

    def _kinds(self) -> dict[str, str]:
        select = ", ".join(f"{sql} AS {quoted(column)}" for column, sql in self._raw.items())
        return {row[0]: row[1] for row in self._engine.rows(f"DESCRIBE SELECT {select} FROM ({self._source.sql})")}

    def _typed_columns(self) -> dict[str, str]:
        engine, kinds, typed = self._engine, self._kinds(), {}
        instant, day = INSTANTS[self._name]
        for column, sql in self._raw.items():
            if column in (instant, "loaded_at"):
                where = f"tables.{self._name}.columns.{column}"
                typed[column] = engine.as_instant(sql, kinds[column], self._plan.date_format, where)
            elif column in _MONEY.get(self._name, ()):
                typed[f"{column}_minor"] = engine.as_minor(sql)
            elif column in _NUMBERS.get(self._name, ()):
                typed[column] = engine.as_number(sql)
            elif column in _CLAIMS or column.startswith("contact_"):
                typed[column] = engine.as_claim(sql, kinds[column])
            else:
                typed[column] = engine.as_text(sql, kinds[column])
        return typed | self._days(typed, instant, day)

    def _days(self, typed: dict[str, str], instant: str, day: str) -> dict[str, str]:
        if instant not in typed:
            return {}
        days = {day: self._engine.day_of(typed[instant])}
        if self._name in ("orders", "events"):
            days["second"] = self._engine.second_of(typed[instant])
            loaded = self._engine.day_of(typed["loaded_at"]) if "loaded_at" in typed else days[day]
            days["known_day"] = f"greatest({days[day]}, {loaded})"
        return days

    # rules ---------------------------------------------------------------------------------------------------

    def _rules(self, complete_until: int | None) -> list[tuple[str, str]]:
        """List the rules in the order they are told: the first one broken is the row's reason."""
        typed, (instant, day) = self._typed, INSTANTS[self._name]
        rules = [(f"{typed['customer_id']} IS NULL", "no customer")] if "customer_id" in typed else []
        optional_date = self._name == "customers"
        for column in (instant, "loaded_at"):
            if column in typed:
                unreadable = f"{typed[column]} IS NULL"
                unreadable += f" AND {self._raw[column]} IS NOT NULL" if optional_date else ""
                rules.append((unreadable, "unreadable date"))
        if day in typed:
            end = f" OR {typed[day]} >= {complete_until}" if complete_until is not None else ""
            rules.append((f"({typed[day]} < {day_of(self._plan.min_date)}{end})", "date out of range"))
        for column in self._raw:
            for name in (column, f"{column}_minor"):
                if name in typed and column in (*_MONEY.get(self._name, ()), *_NUMBERS.get(self._name, ())):
                    given = "" if column in _NEEDED_NUMBERS else f" AND {self._raw[column]} IS NOT NULL"
                    rules.append((f"{typed[name]} IS NULL{given}", "unreadable number"))
        rules += (
            [(f"({typed['quantity']} = 0 OR abs({typed['quantity']}) > 1e9)", "impossible quantity")]
            if "quantity" in typed
            else []
        )
        rules += [
            (f"{typed[word]} IS NULL", f"no {word.replace('_', ' ')}")
            for word in ("event_type", "campaign")
            if word in typed and word in COLUMNS[self._name][0]
        ]
        return rules

    def _reason(self, complete_until: int | None) -> str:
        cases = " ".join(f"WHEN {broken} THEN '{reason}'" for broken, reason in self._rules(complete_until))
        return f"CASE {cases} END"

    def last_day(self) -> int | None:
        """Find the last day among rows that break no rule, so far as rules need no complete_until."""
        _, day = INSTANTS[self._name]
        sql = f"SELECT max({self._typed[day]}) FROM ({self._source.sql}) WHERE ({self._reason(None)}) IS NULL"
        found: int | None = self._engine.rows(sql)[0][0]
        return found

    # opening -------------------------------------------------------------------------------------------------

    def open(self, complete_until: int) -> Counts:
        """Judge every row once, and count."""
        reason, columns = self._reason(complete_until), [quoted(column) for column in self._source.types]
        base = f"SELECT *, {reason} AS clm_reason FROM ({self._source.sql})"
        if self._name == "customers":
            order = ", ".join(f"CAST({column} AS VARCHAR)" for column in columns)
            again = f"row_number() OVER (PARTITION BY {self._typed['customer_id']}, {reason} ORDER BY {order}) > 1"
            self._sql = _with_repeats(base, again, "repeated customer")
        else:
            self._sql = self._without_duplicates(base, columns)
        _, day = INSTANTS[self._name]
        when = self._typed.get(day, "NULL")
        found = self._engine.rows(
            f"SELECT clm_reason, count(*), min({when}), max({when}) FROM ({self._sql}) "
            "GROUP BY clm_reason ORDER BY clm_reason"
        )
        used = next((row for row in found if row[0] is None), (None, 0, None, None))
        rejected = {row[0]: row[1] for row in found if row[0] is not None}
        return Counts(sum(row[1] for row in found), used[1], rejected, used[2], used[3])

    def _without_duplicates(self, base: str, columns: list[str]) -> str:
        """Look for lines equal in every column: by their hash first, which is cheap, then to the letter."""
        digest = f"hash({', '.join(columns)})"
        suspects = self._engine.keep(
            self._engine.lazy(f"SELECT {digest} AS digest FROM ({self._source.sql}) GROUP BY ALL HAVING count(*) > 1")
        )
        table = suspects.to_native().sql_query()
        if not self._engine.rows(f"SELECT count(*) FROM ({table})")[0][0]:
            return base
        again = f"row_number() OVER (PARTITION BY {', '.join(columns)}) > 1"
        suspicious = _with_repeats(f"{base} WHERE {digest} IN (SELECT digest FROM ({table}))", again, "duplicate line")
        return f"{base} WHERE {digest} NOT IN (SELECT digest FROM ({table})) UNION ALL {suspicious}"

    def used(self) -> nw.LazyFrame[Any]:
        """See the rows that broke no rule, typed."""
        typed = dict(self._typed)
        if self._name == "orders":
            claimed = f"coalesce({typed['is_return']}, false) OR " if "is_return" in typed else ""
            typed["is_return"] = f"({claimed}{typed['amount_minor']} < 0)"
            typed["amount_minor"] = (
                f"CASE WHEN {typed['is_return']} THEN -abs({typed['amount_minor']}) ELSE {typed['amount_minor']} END"
            )
        instants = {INSTANTS[self._name][0], "loaded_at"}
        select = ", ".join(f"{sql} AS {quoted(column)}" for column, sql in typed.items() if column not in instants)
        return self._engine.lazy(f"SELECT {select} FROM ({self._sql}) WHERE clm_reason IS NULL")

    def quarantined(self) -> nw.LazyFrame[Any]:
        """See the rejected rows as they came, each with its reason."""
        columns = ", ".join(quoted(column) for column in self._source.types)
        return self._engine.lazy(
            f"SELECT clm_reason AS reason, {columns} FROM ({self._sql}) WHERE clm_reason IS NOT NULL"
        )


def _with_repeats(base: str, again: str, reason: str) -> str:
    told = f"CASE WHEN clm_reason IS NULL AND {again} THEN '{reason}' ELSE clm_reason END"
    return f"SELECT * REPLACE ({told} AS clm_reason) FROM ({base})"
