"""Attributes of people as numbers: how much likelier an order is with each value, as far as many people tell.

A value that few share, that training never saw, or that is missing, says nothing: it counts as the mean.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from clm_ml.examples import put_beside

__all__ = ["Attributes", "fit_attributes"]

#: Fewer people with a value could be told apart by it, and teach nothing that lasts.
_FEWEST = 50
#: So many examples of the mean are added to those of each value.
_PRIOR = 100.0


@dataclass(frozen=True)
class Attributes:
    """Of each attribute's column, the log-odds of an order that its values add to the mean."""

    log_odds: Mapping[str, Mapping[str, float]]

    def columns(self) -> list[str]:
        """Name the numbers that are made."""
        return [_number_of(column) for column in self.log_odds]

    def add_to(self, features: pd.DataFrame) -> pd.DataFrame:
        """Put beside each attribute its number; 0.0 where the value says nothing."""
        made = {
            _number_of(column): features[column].astype(object).map(told).astype("float64").fillna(0.0)
            for column, told in self.log_odds.items()
        }
        return put_beside(features, **made) if made else features


def _number_of(column: str) -> str:
    """Name the number made of an attribute.

    >>> _number_of("customer_country")
    'order_log_odds_by_country'
    """
    return f"order_log_odds_by_{column.removeprefix('customer_')}"


def fit_attributes(frame: pd.DataFrame, columns: Sequence[str]) -> Attributes:
    """Learn what values tell, from the examples of customers who have ordered.

    Args:
        frame: with `customer_id`, `ordered` and the columns, which are text.
        columns: the attributes; those in which no two values are common tell nothing, and are kept all the same.

    Returns:
        for each value of at least fifty customers the log-odds of an order less those of all, shrunken towards them.
    """
    if not columns or frame.empty:
        return Attributes({column: {} for column in columns})
    rate = (frame["ordered"].sum() + 0.5) / (len(frame) + 1.0)
    return Attributes({column: _log_odds(frame, column, float(rate)) for column in columns})


def _log_odds(frame: pd.DataFrame, column: str, rate: float) -> dict[str, float]:
    by = frame.groupby(frame[column].astype(object), sort=True)
    told = pd.DataFrame({"people": by["customer_id"].nunique(), "came": by["ordered"].sum(), "rows": by.size()})
    common = told[told["people"] >= _FEWEST]
    shrunken = (common["came"] + _PRIOR * rate) / (common["rows"] + _PRIOR)
    found: Any = np.log(shrunken / (1 - shrunken)) - np.log(rate / (1 - rate))
    return {str(value): round(float(odds), 6) for value, odds in found.items()}
