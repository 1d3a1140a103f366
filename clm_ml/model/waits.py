"""How long until the next order: two shapes of the wait, one from a process of orders, one counted.

Both say only what share of a wait lies where; how likely an order is at all within the horizon is the business of the
order probability, to which `next_order` bends them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any, Protocol

import numpy as np
import pandas as pd

from clm_ml.btyd import Histories, MbgNbd, collect_histories, fit_mbg_nbd

__all__ = ["WAITS_ON", "Counted", "Process", "Waits", "fit_counted", "fit_process", "read_waits"]

#: The columns that tell the wait.
WAITS_ON = (
    "order_days_ever", "days_since_first_order", "days_since_last_order", "expected_gap_days", "overdue_ratio",
)  # fmt: skip

Floats = np.ndarray[Any, np.dtype[np.float64]]
Places = np.ndarray[Any, np.dtype[np.intp]]


class Waits(Protocol):
    """The wait for the next order, of customers told by features and what is held against their habit."""

    def hazard(self, complete: pd.DataFrame, days: float) -> Floats:
        """Give each customer's cumulative hazard: minus the logarithm of the chance of no order within the days."""

    def days(self, complete: pd.DataFrame, hazard: Floats) -> Floats:
        """Give the days within which each customer's cumulative hazard is reached; infinite if it never is."""

    def facts(self) -> dict[str, Any]:
        """Tell the numbers as plain data."""


@dataclass(frozen=True)
class Process:
    """The wait under MBG/NBD: who is still a customer orders at their own pace, and some are gone for good."""

    process: MbgNbd

    def hazard(self, complete: pd.DataFrame, days: float) -> Floats:
        """See `Waits`."""
        return -np.log1p(-self.process.order_probability(_histories(complete), days))

    def days(self, complete: pd.DataFrame, hazard: Floats) -> Floats:
        """See `Waits`."""
        return self.process.next_order_days(_histories(complete), -np.expm1(-hazard))

    def facts(self) -> dict[str, Any]:
        """See `Waits`."""
        return {"shape": "process", "numbers": self.process.facts()}


@dataclass(frozen=True)
class Counted:
    """The wait as it was: hazards by day, of customers alike in their gap and in how overdue they are.

    Attributes:
        gaps: borders of the expected gap, in days.
        ends: the days at which the cumulative hazards are known, from 0 on; between them they are straight.
        hazards: a row per kind of customer.
    """

    gaps: tuple[float, ...]
    ends: tuple[float, ...]
    hazards: tuple[tuple[float, ...], ...]

    def hazard(self, complete: pd.DataFrame, days: float) -> Floats:
        """See `Waits`."""
        told = np.array([np.interp(days, self.ends, hazards) for hazards in self.hazards])
        return told[_kinds(complete, self.gaps)]

    def days(self, complete: pd.DataFrame, hazard: Floats) -> Floats:
        """See `Waits`."""
        kinds, waits = _kinds(complete, self.gaps), np.empty(len(hazard))
        for kind in np.unique(kinds):
            mine = kinds == kind
            waits[mine] = np.interp(hazard[mine], self.hazards[kind], self.ends, right=np.inf)
        return waits

    def facts(self) -> dict[str, Any]:
        """See `Waits`."""
        return {"shape": "counted", **asdict(self)}


def read_waits(facts: Mapping[str, Any]) -> Process | Counted:
    """Make it again of its facts."""
    if facts["shape"] == "process":
        return Process(MbgNbd(**facts["numbers"]))
    return Counted(tuple(facts["gaps"]), tuple(facts["ends"]), tuple(tuple(row) for row in facts["hazards"]))


def fit_process(customers: pd.DataFrame) -> Process:
    """Learn the process from the histories of those who have ordered, at one as_of."""
    columns = (_numbers(customers, name) for name in ("order_days_ever", *_DAYS))
    order_days, first, last = columns
    return Process(fit_mbg_nbd(collect_histories(order_days - 1, first - last, first)))


#: Where hazards change, in days; the horizon and the end of what could be watched come in between.
_ENDS = (
    1,
    2,
    3,
    5,
    7,
    10,
    14,
    21,
    28,
    35,
    42,
    56,
    70,
    84,
    98,
    112,
    126,
    140,
    161,
    182,
    210,
    240,
    273,
    320,
    365,
    548,
    730,
)
_GAPS = (0.25, 0.5, 1.0, 2.0)  # of the horizon
_OVERDUE = (0.25, 0.5, 1.0, 2.0, 4.0)
_DOUBT = 20.0  # orders that all customers together lend to each kind
_DAYS = ("days_since_first_order", "days_since_last_order")


def fit_counted(customers: pd.DataFrame, watched_days: Any, horizon_days: int) -> Counted:
    """Count orders by days watched: a piecewise constant hazard, of all and of each kind as far as it can tell.

    Args:
        customers: examples of those who have ordered, with `next_order_days`.
        watched_days: for each, the days from as_of until what is known ends: an order after them is not seen yet.
        horizon_days: the unit of gaps.
    """
    watched = np.asarray(watched_days, dtype=np.float64)
    ends = np.unique([0.0, *(end for end in (*_ENDS, horizon_days) if end < watched.max()), watched.max()])
    gaps = tuple(round(share * horizon_days, 6) for share in _GAPS)
    orders, exposed = _count(_numbers(customers, "next_order_days"), watched, ends, _kinds(customers, gaps))
    of_all = orders.sum(axis=0) / np.maximum(exposed.sum(axis=0), 1e-9)
    expected = exposed * of_all
    level = (orders.sum(axis=1) + 1.0) / (expected.sum(axis=1) + 1.0)
    lent = _DOUBT * orders.sum(axis=0) / max(orders.sum(), 1.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        own = (orders + level[:, None] * lent) / (exposed + np.where(of_all > 0, lent / of_all, 1.0))
    hazards = np.cumsum(own * np.diff(ends), axis=1)
    rows = tuple((0.0, *(float(f"{hazard:.6g}") for hazard in row)) for row in hazards)
    return Counted(gaps, tuple(float(end) for end in ends), rows)


def _count(next_order: Floats, watched: Floats, ends: Floats, kinds: Places) -> tuple[Floats, Floats]:
    """Count orders and days watched, by kind and stretch of days; an order is in the middle of its day."""
    came = next_order < watched
    until = np.where(came, next_order + 0.5, watched)
    many, last = (len(_GAPS) + 1) * (len(_OVERDUE) + 1), len(ends) - 1
    stretch = np.clip(np.searchsorted(ends, until, side="right") - 1, 0, last - 1)
    orders = np.bincount((kinds * last + stretch)[came], minlength=many * last).reshape(many, last)
    exposed = [
        np.bincount(kinds, np.clip(until - start, 0.0, end - start), minlength=many) for start, end in pairwise(ends)
    ]
    return orders.astype(np.float64), np.stack(exposed, axis=1)


def _kinds(complete: pd.DataFrame, gaps: tuple[float, ...]) -> Places:
    """Number each customer's kind: by the border of the gap they reach, then by that of being overdue."""
    gap, overdue = (_numbers(complete, name) for name in ("expected_gap_days", "overdue_ratio"))
    steps = np.searchsorted(gaps, gap, side="right"), np.searchsorted(_OVERDUE, overdue, side="right")
    return steps[0] * (len(_OVERDUE) + 1) + steps[1]


def _histories(complete: pd.DataFrame) -> Histories:
    """Take each row as a history: to find the equal ones among a batch costs more than to ask them all."""
    order_days, first, last = (_numbers(complete, name) for name in ("order_days_ever", *_DAYS))
    rows = len(complete)
    return Histories(order_days - 1, first - last, first, np.ones(rows), np.arange(rows))


def _numbers(frame: pd.DataFrame, name: str) -> Floats:
    return frame[name].to_numpy(dtype=np.float64, na_value=np.nan)
