"""Order histories as three numbers a customer, each different one kept once.

Repeat order days, the days from the first to the last order day, and the days observed since the first: under
every model of this room nothing else about a customer's orders matters. A million customers share a few ten
thousand of them, so both fitting and predicting go over the different ones.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from clm_ml.errors import ModelError

__all__ = ["Floats", "Histories", "Places", "collect_histories"]

Floats = np.ndarray[Any, np.dtype[np.float64]]
Places = np.ndarray[Any, np.dtype[np.intp]]


@dataclass(frozen=True, eq=False)
class Histories:
    """Different order histories, how many customers have each, and which one each customer has.

    Grain: one row per different history, in their order; `places` has one row per customer, as they were given.
    """

    repeat_order_days: Floats
    days_from_first_to_last: Floats
    days_observed: Floats
    customers: Floats
    places: Places

    def each(self, values: Floats) -> Floats:
        """Give every customer the value of their history, in the order the customers came in."""
        return values[self.places]

    def scaled(self, factor: float) -> Histories:
        """Tell the same histories in another unit of time."""
        first_to_last, observed = self.days_from_first_to_last * factor, self.days_observed * factor
        return replace(self, days_from_first_to_last=first_to_last, days_observed=observed)

    def thinned(self, most: int) -> Histories:
        """Draw at most so many customers, evenly along the sorted histories; fewer stay as they are."""
        whole = float(self.customers.sum())
        if whole <= most:
            return self
        drawn = np.diff(np.floor(np.cumsum(self.customers) * (most / whole)), prepend=0.0)
        kept = drawn > 0
        columns = (self.repeat_order_days, self.days_from_first_to_last, self.days_observed, drawn)
        repeats, first_to_last, observed, customers = (column[kept] for column in columns)
        return Histories(repeats, first_to_last, observed, customers, places=np.empty(0, dtype=np.intp))

    def by_repeats(self, function: Callable[[Floats], Floats]) -> Floats:
        """Ask a function of the repeat order days once for each number of them."""
        different, places = self._repeats
        return function(different)[places]

    def by_exposure(self, function: Callable[[Floats, Floats], Floats]) -> Floats:
        """Ask a function of repeat order days and days observed once for each pair.

        On nothing else does the future depend of somebody who is known to be still a customer.
        """
        (repeats, observed), places = self._exposures
        return function(repeats, observed)[places]

    @cached_property
    def _repeats(self) -> tuple[Floats, Places]:
        return np.unique(self.repeat_order_days, return_inverse=True)

    @cached_property
    def _exposures(self) -> tuple[list[Floats], Places]:
        different, places, _ = _different([self.repeat_order_days, self.days_observed])
        return different, places


def collect_histories(repeat_order_days: Any, days_from_first_to_last: Any, days_observed: Any) -> Histories:
    """Collect customers' histories, checked, each different one once.

    Args:
        repeat_order_days: days with an order after the first such day; whole numbers (print calls it frequency, or x).
        days_from_first_to_last: from the first to the last order day; 0 without a repeat (recency, or t_x).
        days_observed: from the first order day to the end of what is known (T).

    The unit of time may be another one, if it is the same for all and for what is asked later.

    Raises:
        ModelError: a row is null, endless or cannot be; the sentence counts the rows of each breach.

    >>> histories = collect_histories([0, 2, 0], [0, 21, 0], [30, 30, 30])
    >>> histories.customers, histories.places
    (array([2., 1.]), array([0, 1, 0]))
    """
    given = (repeat_order_days, days_from_first_to_last, days_observed)
    columns = [pd.Series(values).to_numpy(dtype=np.float64, na_value=np.nan) for values in given]
    if len({len(column) for column in columns}) > 1:
        raise ModelError(f"Order histories need one row per customer in each column; found {_lengths(columns)} rows.")
    _check(*columns)
    (repeats, first_to_last, observed), places, customers = _different(columns)
    return Histories(repeats, first_to_last, observed, customers.astype(np.float64), places)


def _different(columns: list[Floats]) -> tuple[list[Floats], Places, Places]:
    """Find the different rows in their order, the place of each row among them, and how often each occurs."""
    order = np.lexsort(columns[::-1])
    laid = [column[order] for column in columns]
    starts = np.ones(len(order), dtype=bool)
    starts[1:] = np.logical_or.reduce([column[1:] != column[:-1] for column in laid])
    places = np.empty(len(order), dtype=np.intp)
    places[order] = np.cumsum(starts) - 1
    return [column[starts] for column in laid], places, np.bincount(places)


def _check(repeats: Floats, first_to_last: Floats, observed: Floats) -> None:
    known = np.isfinite(repeats) & np.isfinite(first_to_last) & np.isfinite(observed)
    breaches = {
        "with a number that is null or endless": ~known,
        "with repeat_order_days that are no whole number from 0 on": known & ((repeats < 0) | (repeats % 1 != 0)),
        "with days_from_first_to_last below 0 or above days_observed": known
        & ((first_to_last < 0) | (first_to_last > observed)),
        "with a repeat and no days_from_first_to_last, or the other way round": known
        & ((repeats > 0) != (first_to_last > 0)),
    }
    found = [f"{rows.sum()} {what}" for what, rows in breaches.items() if rows.any()]
    if found:
        raise ModelError(f"Order histories must be possible; found rows: {', '.join(found)}. Count days, not orders.")


def _lengths(columns: list[Floats]) -> str:
    return ", ".join(str(len(column)) for column in columns)
