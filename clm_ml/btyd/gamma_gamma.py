"""What a customer spends on an order day, learned from those who came back: Gamma-Gamma.

A customer's amounts scatter as Gamma(p, v) does, and v differs between customers as Gamma(q, gamma) does (Fader, Hardie
& Lee 2005, RFM and CLV, Journal of Marketing Research 42; Fader & Hardie's note 2013, The gamma-gamma model of monetary
value). It takes amounts to have nothing to do with how often people order: look whether they have.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import digamma, gammaln

from clm_ml.btyd.fitting import Likelihood, check_numbers, climb
from clm_ml.btyd.histories import Floats
from clm_ml.errors import ModelError

__all__ = ["GammaGamma", "fit_gamma_gamma", "gamma_gamma_likelihood"]


@dataclass(frozen=True)
class GammaGamma:
    """The Gamma-Gamma's three numbers, and how well they are known; `gamma` is in the currency of the amounts.

    `q` is above 1: otherwise the population would have no mean to expect of who has not come back.
    """

    p: float
    q: float
    gamma: float
    log_likelihood: float | None = None
    customers: int = 0
    is_regularised: bool = False

    def __post_init__(self) -> None:
        check_numbers("GammaGamma", p=self.p, q_above_1=self.q - 1.0, gamma=self.gamma)

    @property
    def population_mean(self) -> float:
        """The amount expected of somebody of whom nothing is known."""
        return self.p * self.gamma / (self.q - 1.0)

    def expected_amount(self, repeat_order_days: Any, mean_repeat_amount: Any) -> Floats:
        """Give each customer's expected mean amount of an order day.

        It lies between their own mean and the population's. Who has no repeat, or whose mean is null or not above
        zero, has the population's.
        """
        repeats, amounts = _numbers(repeat_order_days), _numbers(mean_repeat_amount)
        tells = _tells(repeats, amounts)
        known, mean = self.p * np.where(tells, repeats, 0.0), np.where(tells, amounts, 0.0)
        trust = known / (known + self.q - 1.0)
        return (1.0 - trust) * self.population_mean + trust * mean

    def facts(self) -> dict[str, Any]:
        """Tell the numbers as plain data; the class called with them gives the model again."""
        return asdict(self)


def fit_gamma_gamma(repeat_order_days: Any, mean_repeat_amount: Any) -> GammaGamma:
    """Learn a Gamma-Gamma by maximum likelihood; `is_regularised` tells that a weak prior was needed (see `fitting`).

    Args:
        repeat_order_days: days with an order after the first such day; of other customers nothing is learned.
        mean_repeat_amount: the mean amount of those days; rows that are null or not above zero are left out.

    Raises:
        ModelError: no customer is left.

    >>> model = fit_gamma_gamma([1, 2, 0, 4, 1], [20.0, 35.0, None, 31.0, 12.0])
    >>> model.customers, 10 < model.population_mean < 60
    (4, True)
    """
    repeats, amounts = _numbers(repeat_order_days), _numbers(mean_repeat_amount)
    tells = _tells(repeats, amounts)
    if not tells.any():
        raise ModelError(
            f"A model of amounts needs a customer with a repeat order and a mean amount above 0; found none among"
            f" {len(repeats)}. Bring amounts, or more orders."
        )
    order = np.lexsort((amounts[tells], repeats[tells]))
    repeats, amounts = repeats[tells][order], amounts[tells][order]
    unit = float(np.exp(np.log(amounts).mean()))
    some = slice(None, None, max(1, len(repeats) // 3000))
    whole, rough = (gamma_gamma_likelihood(repeats[k], amounts[k] / unit) for k in (slice(None), some))
    summit = climb(whole, rough, look=(2, 2, 1), starts=_STARTS)
    summit = summit.scaled((1.0, 1.0, unit), -len(repeats) * float(np.log(unit)))
    p, above_1, gamma = summit.numbers
    return GammaGamma(p, 1.0 + above_1, gamma, summit.log_likelihood, len(repeats), summit.is_regularised)


#: Where to climb from, as logarithms of factors on the first look at p, q - 1 and gamma.
_STARTS = ((0.0, 0.0, 0.0), (1.5, 0.5, -1.0), (-1.0, 1.5, 2.0))


def gamma_gamma_likelihood(repeats: Floats, amounts: Floats) -> Likelihood:
    """Give the likelihood of mean amounts of so many repeat order days, by the logarithms of p, q - 1 and gamma."""
    log_sums = np.log(repeats * amounts)

    def likelihood(logs: Floats) -> tuple[float, Floats]:
        p, above_1, gamma = np.exp(logs)
        q, shape = 1.0 + above_1, p * repeats
        log_all = np.log(gamma + repeats * amounts)
        values = gammaln(shape + q) - gammaln(shape) - gammaln(q) + q * np.log(gamma) + shape * log_sums
        values -= np.log(amounts) + (shape + q) * log_all
        of_shape, of_both = digamma(shape), digamma(shape + q)
        of_p = repeats * (of_both - of_shape + log_sums - log_all)
        of_q = of_both - digamma(q) + np.log(gamma) - log_all
        of_gamma = q / gamma - (shape + q) / (gamma + repeats * amounts)
        slopes = np.array([of_p.sum() * p, of_q.sum() * above_1, of_gamma.sum() * gamma])
        return float(values.sum()), slopes

    return likelihood


def _numbers(values: Any) -> Floats:
    return pd.Series(values).to_numpy(dtype=np.float64, na_value=np.nan)


def _tells(repeats: Floats, amounts: Floats) -> Any:
    return (repeats > 0) & (amounts > 0) & np.isfinite(repeats) & np.isfinite(amounts)
