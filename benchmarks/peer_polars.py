"""The catalogue's features of a simulated shop at one as_of, in Polars: one lazy plan, run by its streaming engine."""

from __future__ import annotations

from datetime import date, datetime, time
from pathlib import Path

import polars as pl

WINDOWS, MEANT_WINDOWS, FADING_DAYS = (7, 30, 90, 180, 365), (30, 90), (30, 90)
HABITS = ("visit", "email_open")
KINDS = (
    *("visit", "email_open", "email_click", "ticket", "satisfaction"),
    *("review", "referral", "lead", "first_response", "redemption"),
)
_NOT_COUNTED = "^(days_since_.*|has_email|customer_id)$"
AGE, MINOR = pl.col("age"), pl.col("minor")


def describe(shop: Path, as_of: date) -> pl.DataFrame:
    midnight = datetime.combine(as_of, time())
    lines = (
        _before(shop / "orders.parquet", "ordered_at", midnight)
        .with_columns(minor=(pl.col("amount") * 100).round().cast(pl.Int64))
        .select("customer_id", "order_id", "age", "minor", "is_return")
    )
    events = _before(shop / "events.parquet", "occurred_at", midnight).select("customer_id", "age", "event_type")
    people = pl.scan_parquet(shop / "customers.parquet").filter(
        pl.col("created_at").is_null() | (pl.col("created_at") < midnight)
    )
    known = people.select("customer_id", has_email=pl.col("email").is_not_null(), is_new=pl.col("created_at").is_null())
    frame = _with_all(_with_all(_orders(lines), _amounts(lines)), _events(events)).with_columns(is_active=True)
    frame = _with_all(frame, known).filter(pl.col("is_active") | ~pl.col("is_new")).drop("is_active", "is_new")
    frame = frame.with_columns(pl.col("has_email").fill_null(False), pl.exclude(_NOT_COUNTED).fill_null(0))
    return frame.with_columns(_ratios()).collect(engine="streaming")


def _before(path: Path, instant: str, midnight: datetime) -> pl.LazyFrame:
    """Read the rows before as_of, with their age in days: 1 is yesterday."""
    day = pl.lit(midnight).dt.epoch("d") - pl.col(instant).dt.epoch("d")
    return pl.scan_parquet(path).filter(pl.col(instant) < midnight).with_columns(age=day.cast(pl.Int32))


def _with_all(frame: pl.LazyFrame, other: pl.LazyFrame) -> pl.LazyFrame:
    return frame.join(other, on="customer_id", how="full", coalesce=True)


def _orders(lines: pl.LazyFrame) -> pl.LazyFrame:
    orders = lines.filter(~pl.col("is_return")).group_by("customer_id", "order_id").agg(AGE.max())
    gaps = orders.group_by("customer_id").agg(gaps=AGE.unique().sort().diff().drop_nulls().cast(pl.Int64))
    gap = pl.col("gaps")
    found = gaps.select(
        "customer_id",
        order_days_ever=gap.list.len() + 1,
        gaps_ever=gap.list.len(),
        gap_days_sum=gap.list.sum(),
        gap_days_square_sum=gap.list.eval(pl.element() * pl.element()).list.sum(),
    )
    counted = orders.group_by("customer_id").agg(
        AGE.min().alias("days_since_last_order"),
        AGE.max().alias("days_since_first_order"),
        pl.len().alias("orders_ever"),
        *((days >= AGE).sum().alias(f"orders_last_{days}d") for days in WINDOWS),
        *_faded("orders"),
    )
    return counted.join(found, on="customer_id")


def _faded(what: str) -> list[pl.Expr]:
    age = AGE.cast(pl.Int64)
    return [(1000 * days // (age + days)).sum().alias(f"{what}_faded_over_{days}d") for days in FADING_DAYS]


def _amounts(lines: pl.LazyFrame) -> pl.LazyFrame:
    returned = pl.col("is_return")
    return lines.group_by("customer_id").agg(
        MINOR.filter(~returned).sum().alias("gross_minor_ever"),
        -MINOR.filter(returned).sum().alias("returned_minor_ever"),
        *(MINOR.filter(days >= AGE).sum().alias(f"net_minor_last_{days}d") for days in WINDOWS),
        (returned & (AGE <= 365)).sum().alias("returns_last_365d"),
        AGE.filter(returned).min().alias("days_since_last_return"),
    )


def _events(events: pl.LazyFrame) -> pl.LazyFrame:
    def is_(kind: str) -> pl.Expr:
        return pl.col("event_type") == kind

    return events.group_by("customer_id").agg(
        AGE.min().alias("days_since_last_event"),
        *((days >= AGE).sum().alias(f"events_last_{days}d") for days in WINDOWS),
        *_faded("events"),
        *(AGE.filter(is_(kind)).min().alias(f"days_since_last_{kind}") for kind in KINDS),
        *((is_(kind) & (days >= AGE)).sum().alias(f"{kind}s_last_{days}d") for kind in KINDS for days in MEANT_WINDOWS),
        *(AGE.filter(is_(kind)).max().alias(f"days_since_first_{kind}") for kind in HABITS),
        *(is_(kind).sum().alias(f"{kind}s_ever") for kind in HABITS),
    )


def _habit(kind: str) -> list[pl.Expr]:
    last, ever = pl.col(f"days_since_last_{kind}").cast(pl.Int64), pl.col(f"{kind}s_ever").cast(pl.Int64)
    days = pl.col(f"days_since_first_{kind}").cast(pl.Int64) - last + 30
    return [
        pl.when(ever > 0).then(days / ever).alias(f"mean_{kind}_gap_days"),
        pl.when(ever > 0).then(last * ever / days).alias(f"{kind}_overdue_ratio"),
    ]


def _ratios() -> list[pl.Expr]:
    orders, gross, returned = pl.col("orders_ever"), pl.col("gross_minor_ever"), pl.col("returned_minor_ever")
    n, total, squares = (pl.col(name).cast(pl.Int64) for name in ("gaps_ever", "gap_days_sum", "gap_days_square_sum"))
    shares = [(pl.col(f"events_last_{short}d"), pl.col(f"events_last_{long}d"), short, long)
              for short, long in ((7, 90), (30, 180), (90, 365))]  # fmt: skip
    return [
        ((gross - returned) / 100).alias("amount_ever"),
        *((pl.col(f"net_minor_last_{days}d") / 100).alias(f"amount_last_{days}d") for days in WINDOWS),
        pl.when(orders > 0).then(gross / 100 / orders).alias("mean_order_amount"),
        pl.when(gross > 0).then(returned / gross).alias("returned_amount_share"),
        (pl.col("order_days_ever") * 30 / (pl.col("days_since_first_order") + 30)).alias("order_days_per_30d"),
        pl.when(n > 0).then(total / n).alias("mean_gap_days"),
        pl.when(n > 1).then((n * squares - total * total) / (n * (n - 1))).sqrt().alias("gap_spread_days"),
        *(pl.when(whole > 0).then(part / whole).alias(f"events_last_{short}d_share_of_{long}d")
          for part, whole, short, long in shares),
        *(ratio for kind in HABITS for ratio in _habit(kind)),
    ]  # fmt: skip
