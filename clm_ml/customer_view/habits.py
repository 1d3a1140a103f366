"""A customer against their own habit: what they do lately, beside what is usual for them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from clm_ml.config import Task

__all__ = ["habits"]

Habit = tuple[str, str, float | None, float | None]  # what, unit, lately, usually

_QUARTER = 90


def habits(features: Mapping[str, Any], task: Task, meanings: Mapping[str, Any]) -> pd.DataFrame:
    """Hold what a customer does lately against what is usual for them.

    Grain: one row a habit. Columns: `what`, `unit` (days, a number, or money), `lately`, `usually`, and `ratio` of the
    two; null where there is nothing to compare. What is usual is the customer's own: the expected gap between orders,
    the mean since the first order in as many days, and of visits and the like the two months before the last one.

    Args:
        features: one customer's row, with what is held against the habit, as `Model.complete` gives it.
        task: for the lookback windows; the one nearest to a quarter is called lately.
        meanings: what the log's events mean.
    """
    window = min(task.windows_days, key=lambda days: abs(days - _QUARTER))
    rows = [*_of_orders(features, window), *_of_events(features, meanings)]
    table = pd.DataFrame(rows, columns=["what", "unit", "lately", "usually"])
    table[["lately", "usually"]] = table[["lately", "usually"]].astype("float64")
    usual = table["usually"]
    return table.assign(ratio=(table["lately"] / usual.where(usual > 0)).to_numpy())


def _of_orders(features: Mapping[str, Any], window: int) -> Iterator[Habit]:
    since, first = _number(features, "days_since_last_order"), _number(features, "days_since_first_order")
    if since is None or first is None:
        return
    yield "days since the last order, beside the expected gap", "days", since, _number(features, "expected_gap_days")
    if first <= window:  # there is no habit yet beside which the window could be put
        return
    share = window / first
    for name, unit in (("orders", "number"), ("amount", "money")):
        ever = _number(features, f"{name}_ever")
        lately = _number(features, f"{name}_last_{window}d")
        yield f"{name} in the last {window} days", unit, lately, None if ever is None else ever * share


def _of_events(features: Mapping[str, Any], meanings: Mapping[str, Any]) -> Iterator[Habit]:
    for meaning in meanings:
        month, quarter = (_number(features, f"{meaning}s_last_{days}d") for days in (30, _QUARTER))
        if month is not None and quarter:
            word = meaning.replace("_", " ")
            yield f"{word}s in the last 30 days", "number", month, (quarter - month) / 2


def _number(features: Mapping[str, Any], name: str) -> float | None:
    value = features.get(name)
    return None if value is None or pd.isna(value) else float(value)
