"""What came of everyone assigned in a campaign: the model's own label, on each customer's own clock."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import narwhals as nw
import pandas as pd

from clm_ml.config import Config
from clm_ml.engine import AnyEngine
from clm_ml.labels import next_orders, on_own_clock, outcomes
from clm_ml.pipeline.assigned import Assigned
from clm_ml.snapshot import orders_known_by, prepare
from clm_ml.tables import Tables
from clm_ml.timeline import label_window, lookback

__all__ = ["collect_outcomes"]


def collect_outcomes(assigned: Assigned, tables: Tables, config: Config, day: int) -> pd.DataFrame:
    """Put what came of each customer, as far as it was known before a day, beside their arm.

    Of a long log only their orders are put together.

    Returns:
        the customers of `assigned`, with `ordered` (1 or 0) and `spent` (in the currency, after returns) within
        their horizon, `spent_before` in the days before it, 0 for who did neither, and `first_order_day`, null
        without an order from the start day on.
    """
    engine, customers = tables.engine, assigned.customers
    starts = engine.keep(engine.given(customers[["customer_id", "start_day"]]))
    theirs = tables.orders.join(starts.select("customer_id"), on="customer_id", how="semi")
    prepared = prepare(replace(tables, orders=theirs, events=None, customers=None, contacts=None))
    orders = engine.keep(on_own_clock(orders_known_by(prepared, day), starts))
    parts = [
        part.merge(
            _came(orders, cast("int", days), config.measure.pre_period_days, engine), on="customer_id", how="left"
        )
        for days, part in customers.groupby("horizon_days", sort=True)
    ]
    told = pd.concat(parts, ignore_index=True).fillna({"ordered": 0, "spent": 0.0, "spent_before": 0.0})
    return told.assign(first_order_day=told["start_day"] + told["next_order_days"]).drop(columns="next_order_days")


def _came(orders: nw.LazyFrame[Any], horizon_days: int, before_days: int, engine: AnyEngine) -> pd.DataFrame:
    """Collect what came within a horizon from day 0 on, and what had been spent before, of who did anything."""
    before = outcomes(orders, lookback(0, before_days)).select("customer_id", spent_before=nw.col("spent"))
    ahead = outcomes(orders, label_window(0, horizon_days)).select("customer_id", "ordered", "spent")
    frames = [engine.collect(frame, "customer_id").to_pandas() for frame in (ahead, before, next_orders(orders, 0))]
    ahead_rows, before_rows, first_rows = frames
    return ahead_rows.merge(before_rows, on="customer_id", how="outer").merge(first_rows, on="customer_id", how="outer")
