"""The trees' partner: a logistic regression on recency, frequency and money.

Three numbers hold what is true of every order log, and drift less than three dozen do. Blended with the trees it
won forward in time on short logs, where either alone lost somewhere. It is also a baseline in the gate.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression

__all__ = ["RFM_COLUMNS", "Partner", "fit_partner"]

Floats = np.ndarray[Any, np.dtype[np.float64]]

RFM_COLUMNS = ("days_since_last_order", "orders_ever", "amount_ever")


@dataclass(frozen=True)
class Partner:
    """A logistic regression on the logarithms of R, F and M, each centred and scaled as in training."""

    means: tuple[float, ...]
    scales: tuple[float, ...]
    weights: tuple[float, ...]
    intercept: float

    def contributions(self, features: pd.DataFrame) -> Floats:
        """Give each column's share in each row's log-odds; the intercept is the mean row's."""
        return (_logs(features) - self.means) / self.scales * self.weights

    def raw(self, features: pd.DataFrame) -> Floats:
        """Give each row's log-odds of an order."""
        return self.contributions(features).sum(axis=1) + self.intercept

    def facts(self) -> dict[str, Any]:
        """Tell the numbers as plain data."""
        return asdict(self)


def fit_partner(features: pd.DataFrame, ordered: Any) -> Partner:
    """Learn the partner from customers who have ordered; both outcomes must occur."""
    logs = _logs(features)
    centres, spreads = logs.mean(axis=0), logs.std(axis=0)
    spreads[spreads == 0] = 1.0
    fitted = LogisticRegression().fit((logs - centres) / spreads, np.asarray(ordered))
    numbers = (centres, spreads, fitted.coef_[0])
    # As many digits as the evidence has; the last ones would differ between machines.
    means, scales, weights = (tuple(round(float(x), 9) for x in values) for values in numbers)
    return Partner(means, scales, weights, round(float(fitted.intercept_[0]), 9))


def _logs(features: pd.DataFrame) -> Floats:
    values = features[list(RFM_COLUMNS)].to_numpy(dtype=np.float64, na_value=np.nan)
    return np.log1p(np.clip(values, 0, None))
