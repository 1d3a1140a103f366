"""How a model does for each group of customers: by segment, or by what somebody is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from clm_ml.certainty import auc_limits, ece_by_chance, wilson
from clm_ml.evaluation import calibration_error

__all__ = ["Group", "compare_groups", "would_be_listed"]

Floats = np.ndarray[Any, np.dtype[np.float64]]
Limits = tuple[float, float, float]


@dataclass(frozen=True)
class Group:
    """How a model does for some customers: figures, with limits that hold the truth 95 times in a hundred.

    Attributes:
        name: of the group.
        customers: how many there are.
        happened: the share that ordered.
        predicted: the mean probability of an order.
        auc: how well churners are told from others within the group; NaN where all had one outcome.
        ece: the calibration error, and what chance makes of it.
        listed: the share that a list by risk would hold.
    """

    name: str
    customers: int
    happened: Limits
    predicted: float
    auc: Limits
    ece: tuple[float, float]
    listed: Limits

    @property
    def predicted_to_happened(self) -> Limits:
        """Give the ratio, with the limits that come from those of what happened; NaN if nobody ordered."""
        if not self.happened[0]:
            return (float("nan"),) * 3
        share, high, low = (self.predicted / rate for rate in self.happened)
        return share, low, high


def would_be_listed(churn_probability: Any, places: int) -> Any:
    """Say of each customer whether they are among so many with the highest churn probability; ties to the first.

    >>> would_be_listed([0.2, 0.9, 0.5, 0.9], 2).tolist()
    [False, True, False, True]
    """
    said = np.asarray(churn_probability, dtype=np.float64)
    listed = np.zeros(len(said), dtype=np.bool_)
    listed[np.argsort(-said, kind="stable")[:places]] = True
    return listed


def compare_groups(
    names: Sequence[Any], ordered: Any, order_probability: Any, listed: Any, at_least: int
) -> tuple[list[Group], int]:
    """Judge each group that is large enough, the largest first, then by name.

    Args:
        names: the group of each customer; null is a group of its own, called unknown.
        ordered: 1 or 0, a customer each.
        order_probability: what was said of each.
        listed: whether a list by risk would hold them.
        at_least: smaller groups are not told of.

    Returns:
        the groups, and how many customers are in groups that are not told of.
    """
    rows = pd.DataFrame(
        {
            "name": pd.Series(list(names), dtype=object),
            "came": np.asarray(ordered, dtype=np.float64),
            "said": np.asarray(order_probability, dtype=np.float64),
            "listed": np.asarray(listed, dtype=np.bool_),
        }
    )
    rows["name"] = rows["name"].where(rows["name"].notna(), "unknown").astype(str)
    told = [_judged(str(name), theirs) for name, theirs in rows.groupby("name") if len(theirs) >= at_least]
    left = len(rows) - sum(group.customers for group in told)
    return sorted(told, key=lambda group: (-group.customers, group.name)), left


def _judged(name: str, rows: pd.DataFrame) -> Group:
    came, said = rows["came"].to_numpy(), rows["said"].to_numpy()
    auc, ece = (float("nan"),) * 3, float("nan")
    if 0 < came.sum() < len(came):
        auc, ece = auc_limits(1 - came, 1 - said), calibration_error(came, said)
    return Group(
        name=name,
        customers=len(rows),
        happened=_share(came),
        predicted=float(said.mean()),
        auc=auc,
        ece=(ece, ece_by_chance(said)),
        listed=_share(rows["listed"].to_numpy(dtype=np.float64)),
    )


def _share(is_so: Floats) -> Limits:
    low, high = wilson(float(is_so.sum()), len(is_so))
    return float(is_so.mean()), float(low), float(high)
