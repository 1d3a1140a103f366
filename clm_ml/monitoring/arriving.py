"""How many rows arrived of late, of which kind, and how late."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd

from clm_ml.snapshot import Prepared, orders_known_by
from clm_ml.timeline import lookback

__all__ = ["DELAYS", "Arrived", "arrived_by", "daily_rows", "rows_between", "table_of"]

Frame = nw.LazyFrame[Any]

#: A row's delay in days is told as the last of these that it reaches.
DELAYS = (0, 1, 2, 4, 8, 31)

#: So far back rows are counted: two years and a bit, so that every change has its like a year before.
_DAYS = 2 * 364 + 56


@dataclass(frozen=True)
class Arrived:
    """What had arrived of each table by a day.

    Attributes:
        rows: of each kind of row, how many were of the last `recent_days`.
        recent_days: how many days those are.
        delays: of the rows that arrived on those days, how many did so after how long (`DELAYS`), by table; empty where
            nobody tells when rows were loaded.
    """

    rows: Mapping[str, int]
    recent_days: int
    delays: Mapping[str, list[int]]

    def facts(self) -> dict[str, Any]:
        """Tell it as plain data."""
        return asdict(self)


def arrived_by(prepared: Prepared, as_of: int, recent_days: int) -> tuple[Arrived, pd.DataFrame]:
    """Count what had arrived of each table by a day, and the rows of each day before it, as `daily_rows` does."""
    daily = daily_rows(prepared, as_of)
    recent = rows_between(daily, as_of - recent_days, as_of)
    delays = _delays(prepared, as_of, recent_days) if prepared.tables.has_loaded_at else {}
    return Arrived(recent, recent_days, delays), daily


def daily_rows(prepared: Prepared, as_of: int) -> pd.DataFrame:
    """Count the rows of each kind and day that were known before a day: `kind, day, rows`, sorted by these.

    A kind is `orders`, `returns` (lines), `contacts`, `new customers` (by the day they were created), or an event type;
    types that mean nothing are one, `other events`. Days without a row are left out, and so is what is more than two
    years and two months old.
    """
    since = lookback(as_of, _DAYS).holds(nw.col("day"))
    orders = orders_known_by(prepared, as_of).filter(since)
    counted = {
        "orders": orders.group_by("day").agg(rows=nw.col("orders").sum().cast(nw.Int64)),
        "returns": orders.group_by("day").agg(rows=nw.col("returns").sum().cast(nw.Int64)),
    }
    if prepared.contacts is not None:
        counted["contacts"] = _per_day(prepared.contacts.filter(since))
    if prepared.customers is not None:
        people = prepared.customers.filter(~nw.col("created_day").is_null())
        counted["new customers"] = _per_day(people.select(day=nw.col("created_day")).filter(since))
    engine = prepared.tables.engine
    found = [engine.collect(rows, "day").to_pandas().assign(kind=kind) for kind, rows in counted.items()]
    if prepared.events is not None:
        known = prepared.events.filter(since, nw.col("known_day") < as_of)
        events = engine.collect(known.group_by("day", "kind").agg(rows=nw.len().cast(nw.Int64)), "day").to_pandas()
        found.append(events.assign(kind=events["kind"].map(_event_types(prepared))))
    rows = pd.concat(found, ignore_index=True)[["kind", "day", "rows"]]
    return rows[rows["rows"] > 0].sort_values(["kind", "day"]).reset_index(drop=True)


def _per_day(rows: Frame) -> Frame:
    return rows.group_by("day").agg(rows=nw.len().cast(nw.Int64))


def _event_types(prepared: Prepared) -> dict[int, str]:
    types = sorted({name for types in prepared.tables.meanings.values() for name in types})
    return {0: "other events"} | {number: f"event {name}" for number, name in enumerate(types, start=1)}


def rows_between(daily: pd.DataFrame, start: int, end: int) -> dict[str, int]:
    """Add up the rows of each kind from a day until another, 0 for kinds that had some only at other times."""
    kinds = sorted(daily["kind"].unique())
    inside = daily[(daily["day"] >= start) & (daily["day"] < end)].groupby("kind")["rows"].sum()
    return {str(kind): int(inside.get(kind, 0)) for kind in kinds}


def table_of(kind: str) -> str:
    """Name the table that rows of a kind come from.

    >>> [table_of(kind) for kind in ("returns", "event visit", "new customers")]
    ['orders', 'events', 'customers']
    """
    known = {"orders": "orders", "returns": "orders", "contacts": "contacts", "new customers": "customers"}
    return known.get(kind, "events")


def _delays(prepared: Prepared, as_of: int, recent_days: int) -> dict[str, list[int]]:
    """Count the rows that arrived lately by how long they took."""
    frames = {"orders": prepared.late_parts, "events": prepared.events}
    told = {}
    for name, frame in frames.items():
        if frame is None:
            continue
        lately = frame.filter(lookback(as_of, recent_days).holds(nw.col("known_day")))
        by_delay = lately.select(delay=nw.col("known_day") - nw.col("day")).group_by("delay")
        counts = prepared.tables.engine.collect(by_delay.agg(rows=nw.len().cast(nw.Int64)), "delay").to_pandas()
        bucket = np.searchsorted(DELAYS, counts["delay"], side="right") - 1
        told[name] = np.bincount(bucket, weights=counts["rows"], minlength=len(DELAYS)).astype(np.int64).tolist()
    return told
