"""What a feature is, and the list of all of them: one definition for its name, its meaning and its value."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import narwhals as nw

from clm_ml.timeline import lookback

__all__ = ["FADING_DAYS", "Feature", "aggregate", "count_in", "days_since_first", "days_since_last", "faded", "sum_in"]

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
        lookback_days: how far back an aggregate looks; None is everything known.
    """

    name: str
    meaning: str
    value: nw.Expr = field(repr=False, compare=False)
    theme: str
    absent: int | None = 0
    learned: bool = True
    sign: int = 0
    lookback_days: int | None = None


def sum_in(column: str, as_of: int, days: int) -> nw.Expr:
    """Add up a whole-number column over the last `days` days before as_of; 0 where there is nothing.

    >>> import pandas as pd
    >>> orders = nw.from_native(pd.DataFrame({"day": [92, 93, 99], "orders": [1, 2, 4]}))
    >>> print(orders.select(sum_in("orders", as_of=100, days=7)).item())
    6
    """
    inside = lookback(as_of, days).holds(nw.col("day"))
    return nw.when(inside).then(nw.col(column)).otherwise(nw.lit(0)).sum().cast(nw.Int64)


def days_since_last(condition: nw.Expr, as_of: int) -> nw.Expr:
    """Count the days from the last day that meets a condition to as_of: 1 is yesterday; null if there is none.

    >>> import pandas as pd
    >>> orders = nw.from_native(pd.DataFrame({"day": [92, 97], "orders": [1, 0]}))
    >>> print(orders.select(days_since_last(nw.col("orders") > 0, as_of=100)).item())
    8
    """
    return (nw.lit(as_of) - nw.when(condition).then(nw.col("day")).max()).cast(nw.Int64)


def days_since_first(condition: nw.Expr, as_of: int) -> nw.Expr:
    """Count the days from the first day that meets a condition to as_of; null if there is none.

    >>> import pandas as pd
    >>> orders = nw.from_native(pd.DataFrame({"day": [92, 97], "orders": [1, 1]}))
    >>> print(orders.select(days_since_first(nw.col("orders") > 0, as_of=100)).item())
    8
    """
    return (nw.lit(as_of) - nw.when(condition).then(nw.col("day")).min()).cast(nw.Int64)


def count_in(condition: nw.Expr | None, as_of: int, days: int) -> nw.Expr:
    """Count the rows that meet a condition (all, if None) over the last `days` days before as_of.

    >>> import pandas as pd
    >>> events = nw.from_native(pd.DataFrame({"day": [92, 93, 99], "kind": [1, 1, 2]}))
    >>> print(events.select(count_in(nw.col("kind") == 1, as_of=100, days=7)).item())
    1
    """
    inside = lookback(as_of, days).holds(nw.col("day"))
    return nw.when(inside if condition is None else inside & condition).then(nw.lit(1)).count().cast(nw.Int64)


#: How fast what happened may count less: in this many days half.
FADING_DAYS = (30, 90)


def faded(amount: nw.Expr, as_of: int, days: int) -> nw.Expr:
    """Add up a whole number a row, each counting less the older it is: in thousandths `days / (days + age)`.

    Yesterday's age is 1, and what is `days` old counts half. Memory fades so too, slower and slower (Wickelgren
    1974); each row's thousandths are rounded down, so that sums are exact.

    >>> import pandas as pd
    >>> orders = nw.from_native(pd.DataFrame({"day": [70, 99], "orders": [2, 1]}))
    >>> print(orders.select(faded(nw.col("orders"), as_of=100, days=30)).item())
    1967
    """
    age = nw.lit(as_of) - nw.col("day").cast(nw.Int64)
    return (amount.cast(nw.Int64) * (nw.lit(1000 * days) // (age + days))).sum().cast(nw.Int64)


#: Features that look no farther back are folded from the rows of this time alone: in a long log these are few.
_SHORT_DAYS = 90


def aggregate(rows: Frame, features: Iterable[Feature], as_of: int) -> Frame:
    """Fold a customer's rows into one; who has no row is not there.

    Columns are the features', null for what looks back over days without a row.
    """
    short: list[Feature] = []
    long: list[Feature] = []
    for feature in features:
        is_short = feature.lookback_days is not None and feature.lookback_days <= _SHORT_DAYS
        (short if is_short else long).append(feature)
    recent = rows.filter(lookback(as_of, _SHORT_DAYS).holds(nw.col("day")))
    return _fold(rows, long).join(_fold(recent, short), on="customer_id", how="left")


def _fold(rows: Frame, features: Iterable[Feature]) -> Frame:
    return rows.group_by("customer_id").agg(*(feature.value.alias(feature.name) for feature in features))
