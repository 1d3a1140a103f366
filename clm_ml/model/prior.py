"""The prior: what order histories alone say of a customer, before anything is learned from what came.

Customers order at their own pace and leave unseen (BG/NBD); what they spend scatters about their own mean
(Gamma-Gamma). Both are fitted on what is known on the day of learning, so that no label window need be closed: on a
log hardly longer than the horizon they are all there is, on others the prior's log-odds are one of the partner's terms.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import logit

from clm_ml.btyd import BgNbd, GammaGamma, Histories, collect_histories, fit_bg_nbd, fit_gamma_gamma
from clm_ml.examples import put_beside
from clm_ml.model.blocks import blocks

__all__ = ["PRIOR_LOG_ODDS", "Prior", "fit_prior", "read_prior"]

Floats = np.ndarray[Any, np.dtype[np.float64]]

#: The column that carries what the prior says.
PRIOR_LOG_ODDS = "prior_log_odds"

#: What tells an order history.
_TELLING = ("order_days_ever", "days_since_first_order", "days_since_last_order")
_LEAST = 1e-6  # no probability is nearer to 0 or 1


@dataclass(frozen=True)
class Prior:
    """Two models of order histories, and how far ahead they are asked.

    Attributes:
        ordering: of days with an order.
        spending: of the amount of such a day; None if nobody spent anything.
        horizon_days: how far ahead.
        orders_a_day: how many orders a day with any has, on the mean.
    """

    ordering: BgNbd
    spending: GammaGamma | None
    horizon_days: int
    orders_a_day: float = 1.0

    def order_probability(self, features: pd.DataFrame) -> Floats:
        """Give each row's probability of an order in the horizon; NaN for who has not ordered."""
        told = features[list(_TELLING)]
        return np.concatenate([np.empty(0), *(self._said(told.iloc[block]) for block in blocks(len(told)))])

    def _said(self, features: pd.DataFrame) -> Floats:
        who = _ordered(features)
        said = np.full(len(features), np.nan)
        if who.any():
            said[who] = np.clip(self._probability(_histories(features[who])), _LEAST, 1 - _LEAST)
        return said

    def with_log_odds(self, features: pd.DataFrame) -> pd.DataFrame:
        """Add the log-odds of an order in the horizon, null for who has not ordered."""
        return put_beside(features, **{PRIOR_LOG_ODDS: logit(self.order_probability(features))})

    def orders_if_ordering(self, features: pd.DataFrame) -> Floats:
        """Give the expected orders in the horizon of who orders at all; of who has not ordered before, one day's."""
        return self.orders_a_day * self._days_if_ordering(features)

    def _days_if_ordering(self, features: pd.DataFrame) -> Floats:
        who = _ordered(features)
        days = np.ones(len(features))
        if who.any():
            histories = _histories(features[who])
            expected = self.ordering.expected_orders(histories, self.horizon_days)
            days[who] = np.maximum(1.0, expected / np.maximum(self._probability(histories), _LEAST))
        return days

    def amount(self, features: pd.DataFrame) -> Floats:
        """Give the expected amount in the horizon of who orders at all, before returns."""
        return self._days_if_ordering(features) * self._day_amount(features)

    def order_amount(self, features: pd.DataFrame) -> Floats:
        """Give the expected amount of one order, before returns; of who has not ordered, the population's."""
        return self._day_amount(features) / self.orders_a_day

    def _day_amount(self, features: pd.DataFrame) -> Floats:
        if self.spending is None:
            return np.zeros(len(features))
        return self.spending.expected_amount(*_spent(features))

    def facts(self) -> dict[str, Any]:
        """Tell the numbers as plain data; `read_prior` gives the prior again."""
        spending = None if self.spending is None else self.spending.facts()
        rest = {"horizon_days": self.horizon_days, "orders_a_day": self.orders_a_day}
        return {"ordering": self.ordering.facts(), "spending": spending, **rest}

    def _probability(self, histories: Histories) -> Floats:
        return self.ordering.order_probability(histories, self.horizon_days)


def read_prior(facts: Mapping[str, Any]) -> Prior:
    """Make a prior of its plain data."""
    spending = facts["spending"]
    rest = {name: facts[name] for name in ("horizon_days", "orders_a_day")}
    return Prior(BgNbd(**facts["ordering"]), None if spending is None else GammaGamma(**spending), **rest)


def fit_prior(features: pd.DataFrame, horizon_days: int) -> Prior:
    """Fit the prior on everyone who has ordered by one as_of.

    Args:
        features: one row per person; who has not ordered is passed over.
        horizon_days: how far ahead it will be asked.

    Raises:
        ModelError: nobody has ordered.
    """
    customers = features[_ordered(features)]
    days, means = _spent(customers)
    spending = fit_gamma_gamma(days, means) if (means > 0).any() else None
    orders_a_day = round(float(_numbers(customers, "orders_ever").sum() / max(days.sum(), 1)), 6)
    return Prior(fit_bg_nbd(_histories(customers)), spending, horizon_days, orders_a_day)


def _ordered(features: pd.DataFrame) -> np.ndarray[Any, np.dtype[np.bool_]]:
    return _numbers(features, "order_days_ever") > 0


def _histories(customers: pd.DataFrame) -> Histories:
    days, first, last = (_numbers(customers, name) for name in _TELLING)
    return collect_histories(days - 1, first - last, first)


def _spent(features: pd.DataFrame) -> tuple[Floats, Floats]:
    """Give the days with an order, the first among them, and the mean amount of one; 0 without any."""
    days = _numbers(features, "order_days_ever")
    return days, _numbers(features, "gross_minor_ever") / 100.0 / np.maximum(days, 1)


def _numbers(features: pd.DataFrame, column: str) -> Floats:
    return features[column].to_numpy(dtype=np.float64, na_value=np.nan)
