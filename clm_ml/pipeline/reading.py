"""How likely customers read what is sent to them: by the e-mails they opened while they were customers."""

from __future__ import annotations

import narwhals as nw
import numpy as np
import pandas as pd

from clm_ml.tables import Tables

__all__ = ["find_reading", "reading_of"]

_READ = ("email_open", "email_click")


def find_reading(tables: Tables, day: int, days: int) -> pd.Series[float] | None:
    """Give how much likelier than customers on the mean each reads an e-mail, by customer_id; 1 is the mean.

    None where the log has no e-mail that was opened or clicked, or `days` is 0.

    Args:
        tables: the orders and events.
        day: as_of; only what was known before it counts.
        days: within which an e-mail is to be opened.
    """
    types = [name for meaning in _READ for name in tables.meanings.get(meaning, ())]
    if tables.events is None or not types or not days:
        return None
    orders = tables.orders.filter(nw.col("known_day") < day, ~nw.col("is_return"))
    spans = orders.group_by("customer_id").agg(nw.col("day").min().alias("first"), nw.col("day").max().alias("last"))
    opens = tables.events.filter(nw.col("known_day") < day, nw.col("event_type").is_in(types))
    while_there = opens.join(spans, on="customer_id", how="inner").filter(
        nw.col("day") >= nw.col("first"), nw.col("day") < nw.col("last") + days
    )
    counts = while_there.group_by("customer_id").agg(nw.len().alias("opens"))
    found = tables.engine.collect(spans.join(counts, on="customer_id", how="left"), "customer_id").to_pandas()
    found = found.set_index("customer_id")
    opened = found["opens"].fillna(0).astype(np.float64)
    return reading_of(opened, (found["last"] + days).clip(upper=day) - found["first"], days) if opened.sum() else None


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
