"""A customer's own rhythm: their gaps between order days, and how long the present silence is against it.

The expected gap is a credibility mean (Bühlmann 1967): the customer's own mean gap and the population's,
weighted by how much one customer's gaps scatter against how much customers differ. The population's numbers
are fitted once, in training, and travel with the model, so that a row stands alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import narwhals as nw
import numpy as np

from clm_ml.config import Lapse
from clm_ml.features.catalogue import Feature

__all__ = ["Rhythm", "cadence", "cadence_ratios", "fit_rhythm", "habit"]


def cadence() -> list[Feature]:
    """List the cadence features that are aggregates over a customer's orders.

    Grain: a snapshot's orders. A gap is from one order day to the next, so at least 1 day, and belongs to the later one;
    the silence since the last order is no gap.
    """
    gap = nw.col("gap_days").cast(nw.Int64)
    return [
        Feature("gaps_ever", "gaps between order days so far", gap.count().cast(nw.Int64), "rhythm", learned=False),
        Feature("gap_days_sum", "sum of the gaps between order days", gap.sum().cast(nw.Int64), "rhythm", learned=False),
        Feature("gap_days_square_sum", "sum of the squared gaps", (gap * gap).sum().cast(nw.Int64), "rhythm", learned=False),
    ]  # fmt: skip


def cadence_ratios() -> list[Feature]:
    """List the cadence features computed from others: the customer's own mean gap and its spread.

    The mean is null without a gap, the spread (of a sample: divided by n - 1) with fewer than two.
    """
    count, total, squares = nw.col("gaps_ever"), nw.col("gap_days_sum"), nw.col("gap_days_square_sum")
    spread = nw.when(count > 1).then((count * squares - total * total) / (count * (count - 1) * 1.0))
    return [
        Feature("mean_gap_days", "mean days between order days", nw.when(count > 0).then(total / (count * 1.0)), "rhythm", None),
        Feature("gap_spread_days", "standard deviation of the days between order days", spread.sqrt(), "rhythm", None),
    ]  # fmt: skip


_NO_GAP_DAYS = 90.0


@dataclass(frozen=True)
class Rhythm:
    """The population's gap and how much it weighs: `weight` gaps of one's own count as much as it does."""

    gap_days: float
    weight: float


def fit_rhythm(gaps_ever: Any, gap_days_sum: Any, gap_days_square_sum: Any) -> Rhythm:
    """Fit the population's rhythm from each customer's count, sum and sum of squares of gaps.

    The weight is the variance of gaps within customers over the variance between customers' means (the
    Bühlmann–Straub estimators), between 0.001 and 20. Where gaps cannot tell it (fewer than two customers have
    some, or nobody has two) it is 1; without any gap the population's is taken to be 90 days. Sums of floats
    depend on the order of rows in their last digits: give them sorted.

    >>> fit_rhythm([2, 2, 0], [20, 60, 0], [202, 1802, 0])
    Rhythm(gap_days=20.0, weight=0.01...)
    """
    n, total, squares = (
        np.asarray(values, dtype=np.float64) for values in (gaps_ever, gap_days_sum, gap_days_square_sum)
    )
    has = n > 0
    n, total, squares = n[has], total[has], squares[has]
    whole, freedom = n.sum(), (n - 1).sum()
    if len(n) < 2 or freedom == 0:
        return Rhythm(float(total.sum() / whole) if whole else _NO_GAP_DAYS, 1.0)
    means = total / n
    within = float((squares - total * means).sum() / freedom)
    spread = float((n * (means - total.sum() / whole) ** 2).sum())
    between = (spread - (len(n) - 1) * within) / (whole - (n**2).sum() / whole)
    weight = float(np.clip(within / between, 1e-3, 20.0)) if between > 0 else 20.0
    trust = n / (n + weight)
    return Rhythm(float((trust * means).sum() / trust.sum()), weight)


def habit(rhythm: Rhythm, lapse: Lapse) -> list[Feature]:
    """List the features that hold a customer's silence against their expected gap.

    Everyone who has ordered gets them; a one-time buyer has the population's gap. `at_least_days` keeps the
    frequent ones from lapsing over a weekend: the gap is never taken shorter than lets them lapse only then.
    """
    own = nw.col("gap_days_sum") + rhythm.weight * rhythm.gap_days
    shrunken = own / (nw.col("gaps_ever") + rhythm.weight)
    least = lapse.at_least_days / lapse.after_gaps
    ordered = nw.col("orders_ever") > 0
    expected = nw.when(shrunken > least).then(shrunken).otherwise(nw.lit(float(least)))
    return [
        Feature("expected_gap_days", "expected days between orders", nw.when(ordered).then(expected), "rhythm", None),
        Feature("overdue_ratio", "days since the last order, in expected gaps", nw.when(ordered).then(nw.col("days_since_last_order") / expected), "recency", None, sign=-1),
    ]  # fmt: skip
