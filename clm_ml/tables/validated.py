"""What has passed the front door: the tables, and what became of their rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from typing import Any

import narwhals as nw

from clm_ml.config import RATED, Inputs
from clm_ml.engine import AnyEngine
from clm_ml.timeline import date_of

__all__ = ["Counts", "Doubt", "Earlier", "Tables", "counts_html"]


@dataclass(frozen=True)
class Counts:
    """What became of the rows of one table: `read == used + sum(rejected.values())`.

    `first_day` and `last_day` are those of the used rows; `beyond` counts the rows, used or not, that nobody knew
    before the day until which the tables are complete, and `first_known` is the first day on which one was known.
    """

    read: int
    used: int
    rejected: Mapping[str, int]
    first_day: int | None = None
    last_day: int | None = None
    beyond: int = 0
    first_known: int | None = None

    def __add__(self, other: Counts) -> Counts:
        """Count the rows of two parts of a table."""
        reasons = sorted({*self.rejected, *other.rejected})
        rejected = {reason: self.rejected.get(reason, 0) + other.rejected.get(reason, 0) for reason in reasons}
        first = [day for day in (self.first_day, other.first_day) if day is not None]
        last = [day for day in (self.last_day, other.last_day) if day is not None]
        read, used, beyond = self.read + other.read, self.used + other.used, self.beyond + other.beyond
        known = [day for day in (self.first_known, other.first_known) if day is not None]
        days = (min(first, default=None), max(last, default=None), beyond, min(known, default=None))
        return Counts(read, used, rejected, *days)

    @property
    def rejected_share(self) -> float:
        """The quarantined share of the rows read."""
        return (self.read - self.used) / self.read if self.read else 0.0

    def facts(self) -> dict[str, Any]:
        """Tell the counts as plain data, for manifests."""
        return {"read": self.read, "used": self.used, "rejected": dict(self.rejected)}


def counts_html(counts: Mapping[str, Counts]) -> str:
    """Show what became of the rows of each table, as a notebook shows it: counts and days, no row.

    >>> "<td>no customer 1</td>" in counts_html({"orders": Counts(read=3, used=2, rejected={"no customer": 1})})
    True
    """
    head = "".join(f"<th>{name}</th>" for name in ("table", "read", "used", "first day", "last day", "in quarantine"))
    body = "".join(f"<tr>{_cells(name, each)}</tr>" for name, each in counts.items())
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _cells(name: str, counts: Counts) -> str:
    days = ("–" if day is None else str(date_of(day)) for day in (counts.first_day, counts.last_day))
    rejected = ", ".join(f"{reason} {number:,}" for reason, number in counts.rejected.items()) or "–"
    cells = (name, f"{counts.read:,}", f"{counts.used:,}", *days, rejected)
    return "".join(f"<td>{escape(cell)}</td>" for cell in cells)


@dataclass(frozen=True)
class Earlier:
    """What an earlier run has read of a table: files, all of whose rows were known before `until`."""

    until: int
    files: Mapping[str, tuple[int, int]] = field(repr=False)
    types: Mapping[str, str] = field(repr=False)
    counts: Counts

    def is_untouched(self, files: Mapping[str, tuple[int, int]]) -> bool:
        """Say whether its files are all there still, with the same size and time of change."""
        return all(files.get(name) == told for name, told in self.files.items())


class Doubt(Exception):
    """What an earlier run has read may not be what is there now: everything has to be read again."""


@dataclass(frozen=True)
class Tables:
    """The validated inputs as lazy frames, and the day before which they are complete.

    Grain: `orders` a line, `events` an event, `customers` a person, `contacts` a contact, `spend` a cost.
    All have `customer_id` as text (not `spend`), `day` (days since 1970-01-01; `created_day` of customers) and,
    where rows have an instant, `second` and `known_day` (the later of the row's day and the day it was loaded).
    Money columns end in `_minor`: hundredths of the currency. `meanings` tells which event types mean what; it
    is empty without events. `attributes` are the columns of `customers` that are learned from.

    `is_return` is never null in `orders`: a line is a return if it says so, or if its amount or its quantity is
    negative. A return's amount and quantity are negative, whatever their sign in the source.

    Of a table that an earlier run has read, only the rows of new files are in the frame; its counts tell of all.

    `types` are those of the sources' columns. `quarantined` has the rejected rows as they came, and each one's
    `reason`; a source's own column `reason` is called `source_reason` there.
    """

    engine: AnyEngine = field(repr=False)
    orders: nw.LazyFrame[Any] = field(repr=False)
    events: nw.LazyFrame[Any] | None = field(repr=False)
    customers: nw.LazyFrame[Any] | None = field(repr=False)
    contacts: nw.LazyFrame[Any] | None = field(repr=False)
    spend: nw.LazyFrame[Any] | None = field(repr=False)
    complete_until: int
    counts: Mapping[str, Counts]
    quarantined: Mapping[str, nw.LazyFrame[Any]] = field(repr=False)
    meanings: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    attributes: tuple[str, ...] = ()
    has_loaded_at: bool = False
    warnings: tuple[str, ...] = ()
    types: Mapping[str, Mapping[str, str]] = field(default_factory=dict, repr=False)

    def _repr_html_(self) -> str:
        until = f"<p>complete until {date_of(self.complete_until)}</p>"
        return until + counts_html(self.counts) + "".join(f"<p>{escape(line)}</p>" for line in self.warnings)

    @property
    def first_day(self) -> int:
        """The day of the log's first order."""
        day = self.counts["orders"].first_day
        assert day is not None, "a table of orders without a used row is refused at the door"
        return day

    @property
    def inputs(self) -> Inputs:
        """Tell what features can be made of, besides orders."""
        if self.events is None:
            return Inputs(None, (), self.contacts is not None, self.attributes)
        has_value = "value" in self.events.collect_schema().names()
        rated = tuple(meaning for meaning in RATED if meaning in self.meanings) if has_value else ()
        return Inputs(dict(self.meanings), rated, self.contacts is not None, self.attributes)

    def facts(self) -> dict[str, Any]:
        """Tell what was read, for manifests: counts and days, no row."""
        return {
            "complete_until": date_of(self.complete_until).isoformat(),
            "tables": {name: counts.facts() for name, counts in self.counts.items()},
        }
