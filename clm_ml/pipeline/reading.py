"""How likely customers read what is sent to them: by the e-mails they opened while they gave signs of life."""

from __future__ import annotations

from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd

from clm_ml.tables import Tables

__all__ = ["find_reading", "reading_of"]

#: What tells that an e-mail was read: the first of these that the log has.
_READ = ("email_open", "email_click")
#: What somebody does who is still there.
_SIGNS = ("visit", *_READ)


def find_reading(tables: Tables, day: int, days: int) -> pd.Series[float] | None:
    """Give how much likelier than customers on the mean each reads an e-mail, by customer_id; 1 is the mean.

    Somebody is watched from their first sign of life, an order, a visit or an e-mail opened, until `days` after their
    last order or until their last sign, whichever is later: who has left opens none, and is still whom they were. None
    where the log has no e-mail that was opened or clicked, or `days` is 0.

    Args:
        tables: the orders and events.
        day: as_of; only what was known before it counts.
        days: within which an e-mail is to be opened.
    """
    read = next((types for meaning in _READ if (types := tables.meanings.get(meaning))), None)
    if tables.events is None or read is None or not days:
        return None
    signs = [name for meaning in _SIGNS for name in tables.meanings.get(meaning, ())]
    spans = _order_spans(tables, day)
    events = tables.events.filter(nw.col("known_day") < day, nw.col("event_type").is_in(signs))
    lives = (
        events.with_columns(opened=nw.col("event_type").is_in(list(read)).cast(nw.Int64))
        .group_by("customer_id")
        .agg(nw.col("day").min().alias("seen"), nw.col("day").max().alias("gone"), nw.col("opened").sum())
    )
    found = tables.engine.collect(spans.join(lives, on="customer_id", how="left"), "customer_id").to_pandas()
    found = found.set_index("customer_id").astype(np.float64)
    opens = found["opened"].fillna(0.0)
    until = np.fmax(found["last"] + days, found["gone"] + 1).clip(upper=day)
    watched = until - np.fmin(found["first"], found["seen"])
    return reading_of(opens, watched, days) if opens.sum() else None


def _order_spans(tables: Tables, day: int) -> nw.LazyFrame[Any]:
    """Give the first and the last day with an order known before a day: customer_id, first, last, a row a customer."""
    orders = tables.orders.filter(nw.col("known_day") < day, ~nw.col("is_return"))
    return orders.group_by("customer_id").agg(nw.col("day").min().alias("first"), nw.col("day").max().alias("last"))


def reading_of(opens: pd.Series[float], watched_days: pd.Series[float], days: int) -> pd.Series[float]:
    """Hold the chance that somebody opens an e-mail within so many days against its mean over all.

    Opens come at a steady rate of their own, of which somebody watched for `days` has told one half, and all customers
    together the other.

    >>> reading_of(pd.Series([0.0, 3.0]), pd.Series([30.0, 30.0]), 30).round(2).tolist()
    [0.74, 1.26]
    """
    rate = (opens + days * opens.sum() / watched_days.sum()) / (watched_days + days)
    chance = -np.expm1(-days * rate)
    return chance / chance.mean()
