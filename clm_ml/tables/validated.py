"""What has passed the front door: the tables, and what became of their rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import narwhals as nw

from clm_ml.engine import AnyEngine
from clm_ml.timeline import date_of

__all__ = ["Counts", "Tables"]


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
    All have `customer_id` as text (not `spend`), `day` (days since 1970-01-01; `created_day` of customers) and,
    where rows have an instant, `second` and `known_day` (the later of the row's day and the day it was loaded).
    Money columns end in `_minor`: hundredths of the currency. `meanings` tells which event types mean what; it
    is empty without events.

    `is_return` is never null in `orders`: a line is a return if it says so, or if its amount or its quantity is
    negative. A return's amount and quantity are negative, whatever their sign in the source.

    `quarantined` has the rejected rows as they came, and each one's `reason`; a source's own column `reason` is
    called `source_reason` there.
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
