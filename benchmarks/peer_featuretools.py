"""Deep feature synthesis at one cutoff: what featuretools' own primitives make of the same tables and windows.

One synthesis over all that is known, and one for each window, since a window belongs to a whole synthesis. Gaps come
from a table of order days, returns and event types from `where`. Means, spreads and shares are left out.
"""

from __future__ import annotations

import warnings
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

warnings.filterwarnings("ignore")
import featuretools as ft  # noqa: E402

WINDOWS, MEANT_WINDOWS = (7, 30, 90, 180, 365), (30, 90)
DAY_SECONDS = 86_400
_ONLY = {
    "avg_time_between": {"include_dataframes": ["order_days"]},
    "time_since_first": {"include_dataframes": ["order_days"]},
    "time_since_last": {"include_dataframes": ["order_days", "lines", "events"]},
    "sum": {"include_dataframes": ["lines"]},
}


def describe(shop: Path, as_of: date) -> pd.DataFrame:
    tables = _entities(shop)
    ever = _synthesis(tables, as_of, None, ["count", "sum", "time_since_last", "time_since_first", "avg_time_between"])
    frames = [_told_ever(ever)]
    frames += [_told_in(days, _synthesis(tables, as_of, days, ["count", "sum"])) for days in WINDOWS]
    frame = pd.concat(frames, axis=1)
    return frame.rename_axis("customer_id").reset_index()


def _told_ever(found: pd.DataFrame) -> pd.DataFrame:
    """Name what coincides with the catalogue's features as they are named there."""

    def days(column: str) -> pd.Series:
        return np.ceil(found[column] / DAY_SECONDS)

    sold, returned = (f"SUM(lines.amount WHERE is_return = {is_return})" for is_return in (False, True))
    kinds = {
        name: name.split(" = ")[1][:-1] for name in found if name.startswith("TIME_SINCE_LAST(events") and "=" in name
    }
    told = {
        "days_since_last_order": days("TIME_SINCE_LAST(order_days.day)"),
        "days_since_first_order": days("TIME_SINCE_FIRST(order_days.day)"),
        "orders_ever": found["COUNT(orders)"],
        "order_days_ever": found["COUNT(order_days)"],
        "gross_minor_ever": _minor(found[sold]),
        "returned_minor_ever": -_minor(found[returned]),
        "amount_ever": _minor(found["SUM(lines.amount)"]) / 100,
        "days_since_last_return": days("TIME_SINCE_LAST(lines.ordered_at WHERE is_return = True)"),
        "mean_gap_days": found["AVG_TIME_BETWEEN(order_days.day)"] / DAY_SECONDS,
        "days_since_last_event": days("TIME_SINCE_LAST(events.occurred_at)"),
    }
    return pd.DataFrame(told | {f"days_since_last_{kind}": days(name) for name, kind in kinds.items()})


def _told_in(days: int, found: pd.DataFrame) -> pd.DataFrame:
    told = {
        f"orders_last_{days}d": found["COUNT(orders)"],
        f"net_minor_last_{days}d": _minor(found["SUM(lines.amount)"]),
        f"events_last_{days}d": found["COUNT(events)"],
    }
    if days in MEANT_WINDOWS:
        kinds = _kinds(found, "COUNT(events WHERE event_type = ")
        told |= {f"{kind}s_last_{days}d": found[name] for name, kind in kinds.items()}
    if days == 365:
        told |= {"returns_last_365d": found["COUNT(lines WHERE is_return = True)"]}
    return pd.DataFrame(told)


def _kinds(found: pd.DataFrame, start: str) -> dict[str, str]:
    return {name: name.removeprefix(start)[:-1] for name in found if name.startswith(start)}


def _minor(amount: pd.Series) -> pd.Series:
    return (amount.astype(float) * 100).round()


def _entities(shop: Path) -> ft.EntitySet:
    lines = pd.read_parquet(
        shop / "orders.parquet", columns=["customer_id", "order_id", "ordered_at", "amount", "is_return"]
    )
    events = pd.read_parquet(shop / "events.parquet", columns=["customer_id", "occurred_at", "event_type"])
    people = pd.read_parquet(shop / "customers.parquet", columns=["customer_id"])
    ids = pd.concat([people["customer_id"], lines["customer_id"], events["customer_id"]]).drop_duplicates()
    sold = lines[~lines["is_return"]]
    orders = sold.groupby(["order_id", "customer_id"], as_index=False)["ordered_at"].min()
    days = orders.assign(day=orders["ordered_at"].dt.floor("D"))[["customer_id", "day"]].drop_duplicates()
    tables = ft.EntitySet("shop")
    tables.add_dataframe(dataframe_name="customers", dataframe=ids.to_frame(), index="customer_id")
    _add(tables, "lines", lines.drop(columns="order_id"), "ordered_at")
    _add(tables, "orders", orders.drop(columns="order_id"), "ordered_at")
    _add(tables, "order_days", days, "day")
    _add(tables, "events", events, "occurred_at")
    tables.add_interesting_values(dataframe_name="lines", values={"is_return": [True, False]})
    kinds = sorted(events["event_type"].unique())
    tables.add_interesting_values(dataframe_name="events", values={"event_type": kinds})
    return tables


def _add(tables: ft.EntitySet, name: str, frame: pd.DataFrame, instant: str) -> None:
    tables.add_dataframe(
        dataframe_name=name,
        dataframe=frame,
        index="row",
        make_index=True,
        time_index=instant,
        logical_types=_types(frame),
    )
    tables.add_relationship("customers", "customer_id", name, "customer_id")


def _types(frame: pd.DataFrame) -> dict[str, str]:
    known = {"event_type": "Categorical", "is_return": "Boolean", "amount": "Double"}
    return {name: kind for name, kind in known.items() if name in frame}


def _synthesis(tables: ft.EntitySet, as_of: date, days: int | None, primitives: list[str]) -> pd.DataFrame:
    found, _ = ft.dfs(
        entityset=tables,
        target_dataframe_name="customers",
        cutoff_time=pd.Timestamp(as_of),
        training_window=None if days is None else ft.Timedelta(days, "d"),
        include_cutoff_time=False,
        agg_primitives=primitives,
        trans_primitives=[],
        where_primitives=[name for name in primitives if name in {"count", "sum", "time_since_last"}],
        primitive_options={name: only for name, only in _ONLY.items() if name in primitives},
        max_depth=1,
    )
    return found
