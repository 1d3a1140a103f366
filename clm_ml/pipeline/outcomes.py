"""What came of everyone assigned in a campaign: the model's own label, on each customer's own clock."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import narwhals as nw
import pandas as pd

from clm_ml.config import Config
from clm_ml.engine import AnyEngine
from clm_ml.labels import last_orders, next_orders, on_own_clock, outcomes
from clm_ml.snapshot import orders_known_by, prepare
from clm_ml.tables import Tables
from clm_ml.timeline import label_window, lookback

__all__ = ["collect_outcomes"]


def collect_outcomes(assigned: pd.DataFrame, tables: Tables, config: Config, day: int) -> pd.DataFrame:
    """Put what came of each assignment, as far as it was known before a day, beside it.

    Of a long log only the orders of those assigned are put together, once, however many campaigns there are.

    Args:
        assigned: customer_id, start_day, horizon_days and whatever else is told, a row a customer and campaign.
        tables: the log.
        config: its `measure.pre_period_days` are looked back on.
        day: what was known before it counts.

    Returns:
        `assigned`, with `ordered` (1 or 0) and `spent` (in the currency, after returns) within their horizon,
        `spent_before` in the days before it, 0 for who did neither, `first_order_day`, null without an order from the
        start day on, and `silent_days` since the last order before it, null without one.
    """
    engine = tables.engine
    rows = assigned.assign(assignment=[str(number) for number in range(len(assigned))])
    starts = engine.keep(engine.given(rows[["customer_id", "assignment", "start_day"]]))
    known = tables.orders.join(starts.select("customer_id", "assignment"), on="customer_id", how="inner")
    theirs = known.with_columns(customer_id=nw.col("assignment")).drop("assignment")  # each assignment has its own log
    prepared = prepare(replace(tables, orders=theirs, events=None, customers=None, contacts=None))
    clocks = starts.select("start_day", customer_id=nw.col("assignment"))
    orders = engine.keep(on_own_clock(orders_known_by(prepared, day), clocks))
    parts = [
        part.merge(
            _came(orders, cast("int", days), config.measure.pre_period_days, engine), on="assignment", how="left"
        )
        for days, part in rows.groupby("horizon_days", sort=True)
    ]
    told = pd.concat(parts, ignore_index=True).fillna({"ordered": 0, "spent": 0.0, "spent_before": 0.0})
    first = told["start_day"] + told["next_order_days"]
    return told.assign(first_order_day=first).drop(columns=["assignment", "next_order_days"])


def _came(orders: nw.LazyFrame[Any], horizon_days: int, before_days: int, engine: AnyEngine) -> pd.DataFrame:
    """Collect what came within a horizon from day 0 on, and what had been before, of who did anything."""
    before = outcomes(orders, lookback(0, before_days)).select("customer_id", spent_before=nw.col("spent"))
    ahead = outcomes(orders, label_window(0, horizon_days)).select("customer_id", "ordered", "spent")
    came = pd.DataFrame({"customer_id": []}, dtype=object)
    for frame in (ahead, before, next_orders(orders, 0), last_orders(orders, 0)):
        came = came.merge(engine.collect(frame, "customer_id").to_pandas(), on="customer_id", how="outer")
    return came.rename(columns={"customer_id": "assignment"})
