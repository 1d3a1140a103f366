"""What is known of one customer before an as_of, row by row: order lines, events, contacts, and who they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import narwhals as nw
import pandas as pd

from clm_ml.tables import Tables

__all__ = ["Known", "known_rows"]

Frame = nw.LazyFrame[Any]


@dataclass(frozen=True)
class Known:
    """One customer's rows that were known before the as_of, in the order of time.

    `lines`: day, amount_minor, is_return, and order_id, product_id, category, channel where they are mapped. `events`:
    day, event_type, and value, channel, campaign where mapped. `contacts`: day, campaign, and arm, channel, cost_minor.
    A table that the shop lacks has no rows and only its `day`. `person` is the row of the customer table, empty if
    there is none. `first_day` is the first day on which anything made them known, None if nothing did; of an event or
    an order that was loaded late this is the day it was loaded.
    """

    as_of: int
    lines: pd.DataFrame = field(repr=False)
    events: pd.DataFrame = field(repr=False)
    contacts: pd.DataFrame = field(repr=False)
    person: Mapping[str, Any] = field(repr=False)
    first_day: int | None


def known_rows(tables: Tables, as_of: int) -> Known:
    """Collect what was known before `as_of` of the one customer whose rows the tables hold.

    Args:
        tables: as `read_customer` gives them.
        as_of: a day number; its own rows are outcome.
    """
    lines, events = (_collect(tables, rows, "known_day", as_of) for rows in (tables.orders, tables.events))
    contacts = _collect(tables, tables.contacts, "day", as_of)
    person = _person(tables)
    created = person.get("created_day")
    days = [int(rows["known_day"].min()) for rows in (lines, events) if len(rows)]
    days += [created] if created is not None and created < as_of else []
    return Known(as_of, lines, events, contacts, person, min(days, default=None))


def _collect(tables: Tables, rows: Frame | None, known: str, as_of: int) -> pd.DataFrame:
    if rows is None:
        return pd.DataFrame({"day": pd.Series([], dtype="int64")})
    columns = [name for name in rows.collect_schema().names() if name != "customer_id"]
    before = rows.filter(nw.col(known) < as_of).select(*columns)
    order = [name for name in ("day", "second", *columns) if name in columns]
    frame: pd.DataFrame = tables.engine.collect(before, *dict.fromkeys(order)).to_pandas()
    return frame


def _person(tables: Tables) -> dict[str, Any]:
    if tables.customers is None:
        return {}
    found: list[dict[str, Any]] = tables.engine.collect(tables.customers).to_pylist()
    return found[0] if found else {}
