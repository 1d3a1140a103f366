"""The catalogue's features of a simulated shop at one as_of, in pandas: columns of categories, grouped as a whole."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

WINDOWS, MEANT_WINDOWS, FADING_DAYS = (365, 180, 90, 30, 7), (90, 30), (30, 90)
HABITS = ("visit", "email_open")


def describe(shop: Path, as_of: date) -> pd.DataFrame:
    lines = _lines(shop, as_of)
    people = _people(shop, as_of)
    frame = pd.concat([_orders(lines), _returns(lines), _events(shop, as_of), people[["is_known"]]], axis=1)
    frame["has_email"] = people["has_email"].reindex(frame.index, fill_value=False)
    frame = frame[frame["is_known"].isna() | (frame["is_known"] == True)].drop(columns="is_known")  # noqa: E712
    counted = [name for name in frame if not name.startswith("days_since_")]
    frame[counted] = frame[counted].fillna(0)
    _add_ratios(frame)
    return frame.rename_axis("customer_id").reset_index()


def _lines(shop: Path, as_of: date) -> pd.DataFrame:
    """Read the order lines before as_of, with their age in days (1 is yesterday) and exact amounts."""
    lines = pd.read_parquet(
        shop / "orders.parquet",
        columns=["customer_id", "order_id", "ordered_at", "amount", "is_return"],
        filters=[("ordered_at", "<", pd.Timestamp(as_of))],
        read_dictionary=["customer_id", "order_id"],
    )
    lines["age"] = _age(lines.pop("ordered_at"), as_of)
    lines["minor"] = (lines.pop("amount") * 100).round().astype(np.int64)
    return lines


def _age(instants: pd.Series, as_of: date) -> pd.Series:
    days = instants.to_numpy().astype("datetime64[D]").astype(np.int64)
    return pd.Series((np.datetime64(as_of).astype(np.int64) - days).astype(np.int32), index=instants.index)


def _by_customer(rows: pd.DataFrame) -> pd.api.typing.DataFrameGroupBy:
    return rows.groupby("customer_id", observed=True, sort=False)


def _orders(lines: pd.DataFrame) -> pd.DataFrame:
    sold = lines[~lines["is_return"]]
    orders = (
        sold.groupby(["customer_id", "order_id"], observed=True, sort=False)["age"].max().reset_index("customer_id")
    )
    days = orders.drop_duplicates().sort_values(["customer_id", "age"], ascending=[True, False])
    gap = (days["age"].shift() - days["age"]).where(days["customer_id"] == days["customer_id"].shift())
    days = days.assign(gap=gap, square=gap * gap)
    found, grouped = {"orders_ever": _by_customer(orders).size()}, _by_customer(days)
    found |= {"days_since_last_order": grouped["age"].min(), "days_since_first_order": grouped["age"].max()}
    found |= {"order_days_ever": grouped.size(), "gaps_ever": grouped["gap"].count()}
    found |= {"gap_days_sum": grouped["gap"].sum(), "gap_days_square_sum": grouped["square"].sum()}
    found |= {"gross_minor_ever": _by_customer(sold)["minor"].sum()}
    found |= _faded("orders", orders)
    for window in WINDOWS:
        orders = orders[orders["age"] <= window]
        found[f"orders_last_{window}d"] = _by_customer(orders).size()
    return _named(found)


def _returns(lines: pd.DataFrame) -> pd.DataFrame:
    returned = lines[lines["is_return"]]
    grouped = _by_customer(returned)
    found = {"returned_minor_ever": -grouped["minor"].sum(), "days_since_last_return": grouped["age"].min()}
    found["returns_last_365d"] = _by_customer(returned[returned["age"] <= 365]).size()
    for window in WINDOWS:
        lines = lines[lines["age"] <= window]
        found[f"net_minor_last_{window}d"] = _by_customer(lines)["minor"].sum()
    return _named(found)


def _events(shop: Path, as_of: date) -> pd.DataFrame:
    events = pd.read_parquet(
        shop / "events.parquet",
        columns=["customer_id", "occurred_at", "event_type"],
        filters=[("occurred_at", "<", pd.Timestamp(as_of))],
        read_dictionary=["customer_id", "event_type"],
    )
    events["age"] = _age(events.pop("occurred_at"), as_of)
    kinds = events.groupby(["customer_id", "event_type"], observed=True, sort=False)["age"].min().unstack()
    found = {"days_since_last_event": kinds.min(axis=1)}
    found |= {f"days_since_last_{kind}": kinds[kind] for kind in kinds}
    for kind in HABITS:
        ages = _by_customer(events[events["event_type"] == kind])["age"]
        found |= {f"days_since_first_{kind}": ages.max(), f"{kind}s_ever": ages.size()}
    found |= _faded("events", events)
    for window in WINDOWS:
        events = events[events["age"] <= window]
        found[f"events_last_{window}d"] = _by_customer(events).size()
        if window in MEANT_WINDOWS:
            counts = events.groupby(["customer_id", "event_type"], observed=True, sort=False).size().unstack()
            found |= {f"{kind}s_last_{window}d": counts[kind] for kind in counts}
    return _named(found)


def _faded(what: str, rows: pd.DataFrame) -> dict[str, pd.Series]:
    shares = {days: 1000 * days // (days + rows["age"].astype(np.int64)) for days in FADING_DAYS}
    return {
        f"{what}_faded_over_{days}d": _by_customer(rows.assign(share=share))["share"].sum()
        for days, share in shares.items()
    }


def _people(shop: Path, as_of: date) -> pd.DataFrame:
    people = pd.read_parquet(shop / "customers.parquet", columns=["customer_id", "email", "created_at"])
    people = people[people["created_at"].isna() | (people["created_at"] < pd.Timestamp(as_of))]
    known = {"is_known": people["created_at"].notna(), "has_email": people["email"].notna()}
    return pd.DataFrame(known).set_axis(people["customer_id"], axis=0)


def _named(found: dict[str, pd.Series]) -> pd.DataFrame:
    """Put columns side by side; each file has categories of its own, so customers are told by their names."""
    frame = pd.concat(found, axis=1)
    return frame.set_axis(frame.index.astype(str), axis=0)


def _add_ratios(frame: pd.DataFrame) -> None:
    """Add, in place, what is computed from the columns there are."""
    orders, gross, returned = frame["orders_ever"], frame["gross_minor_ever"], frame["returned_minor_ever"]
    frame["amount_ever"] = (gross - returned) / 100
    for window in WINDOWS:
        frame[f"amount_last_{window}d"] = frame[f"net_minor_last_{window}d"] / 100
    frame["mean_order_amount"] = (gross / 100 / orders).where(orders > 0)
    frame["returned_amount_share"] = (returned / gross).where(gross > 0)
    frame["order_days_per_30d"] = frame["order_days_ever"] * 30 / (frame["days_since_first_order"] + 30)
    n, total, squares = frame["gaps_ever"], frame["gap_days_sum"], frame["gap_days_square_sum"]
    frame["mean_gap_days"] = (total / n).where(n > 0)
    frame["gap_spread_days"] = np.sqrt(((n * squares - total * total) / (n * (n - 1))).where(n > 1))
    for short, long in ((7, 90), (30, 180), (90, 365)):
        part, whole = frame[f"events_last_{short}d"], frame[f"events_last_{long}d"]
        frame[f"events_last_{short}d_share_of_{long}d"] = (part / whole).where(whole > 0)
    for kind in HABITS:
        last, ever = frame[f"days_since_last_{kind}"], frame[f"{kind}s_ever"]
        days = frame[f"days_since_first_{kind}"] - last + 30
        frame[f"mean_{kind}_gap_days"] = (days / ever).where(ever > 0)
        frame[f"{kind}_overdue_ratio"] = (last * ever / days).where(ever > 0)
