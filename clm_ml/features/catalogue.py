"""What a feature is, and the list of all of them: one definition for its name, its meaning and its value."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import narwhals as nw

from clm_ml.timeline import lookback

__all__ = ["Feature", "aggregate", "days_since_last", "sum_in"]

Frame = nw.LazyFrame[Any]


@dataclass(frozen=True)
class Feature:
    """A fact known before as_of, one value a customer.

    Attributes:
        name: the specification: what, unit or aggregate, window.
        meaning: the name in words.
        value: the aggregate over the customer's days that gives it, or an expression over other features.
        theme: what a reason made of it speaks about; features of one theme are weighed together.
        absent: the value for a customer with no row in the family's table: 0 for counts, None where there is
            nothing to tell.
        learned: whether the models learn from it. Tenure and plain sums are kept from them, since they mean
            something else at every as_of of a log that begins somewhere.
        sign: what the fact does to the chance of an order: 1 raises, -1 lowers, 0 unknown beforehand.
    """

    name: str
    meaning: str
    value: nw.Expr = field(repr=False, compare=False)
    theme: str
    absent: int | None = 0
    learned: bool = True
    sign: int = 0


def sum_in(column: str, as_of: int, days: int) -> nw.Expr:
    """Add up a whole-number column over the last `days` days before as_of; 0 where there is nothing.

    >>> import pandas as pd
    >>> order_days = nw.from_native(pd.DataFrame({"day": [92, 93, 99], "orders": [1, 2, 4]}))
    >>> print(order_days.select(sum_in("orders", as_of=100, days=7)).item())
    6
    """
    inside = lookback(as_of, days).holds(nw.col("day"))
    return nw.when(inside).then(nw.col(column)).otherwise(nw.lit(0)).sum().cast(nw.Int64)


def days_since_last(condition: nw.Expr, as_of: int) -> nw.Expr:
    """Count the days from the last day that meets a condition to as_of: 1 is yesterday; null if there is none.

    >>> import pandas as pd
    >>> order_days = nw.from_native(pd.DataFrame({"day": [92, 97], "orders": [1, 0]}))
    >>> print(order_days.select(days_since_last(nw.col("orders") > 0, as_of=100)).item())
    8
    """
    return (nw.lit(as_of) - nw.when(condition).then(nw.col("day")).max()).cast(nw.Int64)


def aggregate(days: Frame, features: Iterable[Feature]) -> Frame:
    """Fold days into one row per customer of theirs; who has no day has no row."""
    return days.group_by("customer_id").agg(*(feature.value.alias(feature.name) for feature in features))
