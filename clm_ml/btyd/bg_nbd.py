"""Customers who order at their own pace and may leave after any order: BG/NBD, and its modified sister.

Orders come as a Poisson process of a rate that differs between customers as Gamma(r, alpha) does; after an order a
customer leaves with a probability that differs as Beta(a, b) does, and nobody sees it.

BG/NBD (Fader, Hardie & Lee 2005, "Counting your customers" the easy way, Marketing Science 24) gives the chance to
leave after repeat orders only, so whoever never came back is still a customer, with certainty. MBG/NBD (Batislam,
Denizel & Filiztekin 2007, International Journal of Research in Marketing 24; Hoppe & Wagner 2007, Marketing JRM 29)
gives it after the first order too, and is the remedy where many never come back.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import numpy as np
from scipy.special import digamma, expit, gammaln

from clm_ml.btyd.fitting import RowLikelihood, check_numbers, climb_histories
from clm_ml.btyd.histories import Floats, Histories, Places
from clm_ml.btyd.integrals import mean_over_beta

__all__ = ["BgNbd", "MbgNbd", "bg_nbd_likelihood", "fit_bg_nbd", "fit_mbg_nbd"]


@dataclass(frozen=True)
class BgNbd:
    """The BG/NBD's four numbers, and how well they are known.

    `alpha` is in the unit of time of the histories it was fitted on; predictions ask the same unit. Of a one-time
    buyer it holds that they are still a customer: their `alive_probability` is 1, an assumption and not an estimate.
    """

    r: float
    alpha: float
    a: float
    b: float
    log_likelihood: float | None = None
    customers: int = 0
    is_regularised: bool = False

    #: Chances to leave before the first repeat order.
    early_chances: ClassVar[int] = 0

    def __post_init__(self) -> None:
        check_numbers(type(self).__name__, r=self.r, alpha=self.alpha, a=self.a, b=self.b)

    def alive_probability(self, histories: Histories) -> Floats:
        """Give each customer's probability to be still one."""
        return histories.each(self._alive(histories))

    def order_probability(self, histories: Histories, days: float) -> Floats:
        """Give each customer's probability of at least one order in the next days.

        Who is still a customer cannot leave before the next order, so it is the chance to be one, times one less
        the Poisson process's chance of no arrival, averaged over Gamma(r + x, alpha + T).
        """
        stretch = np.log1p(days / (self.alpha + histories.days_observed))
        coming = -np.expm1(-(self.r + histories.repeat_order_days) * stretch)
        return histories.each(self._alive(histories) * coming)

    def expected_orders(self, histories: Histories, days: float) -> Floats:
        """Give each customer's expected number of orders in the next days.

        Of a customer with rate v and probability p it is (1 - exp(-v p days)) / p, averaged over what is known of
        both: over v in closed form, over p by quadrature.
        """
        orders = histories.by_exposure(lambda repeats, observed: self._orders_alive(repeats, observed, days))
        return histories.each(self._alive(histories) * orders)

    def next_order_days(self, histories: Histories, quantile: float) -> Floats:
        """Give the days within which each customer's next order comes with the probability `quantile`.

        Infinite where it comes with a smaller probability even in an endless time.
        """
        with np.errstate(divide="ignore", over="ignore"):
            share = quantile / self._alive(histories)
            nats = -np.log1p(-np.minimum(share, 1.0)) / (self.r + histories.repeat_order_days)
            waits = (self.alpha + histories.days_observed) * np.expm1(nats)
        return histories.each(waits)

    def facts(self) -> dict[str, Any]:
        """Tell the numbers as plain data; the class called with them gives the model again."""
        return asdict(self)

    def _alive(self, histories: Histories) -> Floats:
        return expit(-_log_odds_gone((self.r, self.alpha, self.a, self.b), histories, self.early_chances))

    def _orders_alive(self, repeats: Floats, observed: Floats, days: float) -> Floats:
        shape, time = self.r + repeats, days / (self.alpha + observed)

        def orders(p: Floats, rows: Places) -> Floats:
            return -np.expm1(-shape[rows, None] * np.log1p(p * time[rows, None])) / p

        return mean_over_beta(self.a, self.b + repeats + self.early_chances, orders)


@dataclass(frozen=True)
class MbgNbd(BgNbd):
    """The MBG/NBD's four numbers: as BG/NBD, but one may also leave after the first order."""

    early_chances: ClassVar[int] = 1


def fit_bg_nbd(histories: Histories) -> BgNbd:
    """Learn a BG/NBD by maximum likelihood; `is_regularised` tells that a weak prior was needed (see `fitting`).

    Raises:
        ModelError: there is no customer, or nobody was observed for any time.

    >>> from clm_ml.btyd.histories import collect_histories
    >>> model = fit_bg_nbd(collect_histories([0, 1, 5, 2], [0, 10, 90, 20], [95, 90, 95, 80]))
    >>> model.is_regularised
    True
    """
    return BgNbd(**_learned(histories, BgNbd.early_chances))


def fit_mbg_nbd(histories: Histories) -> MbgNbd:
    """Learn an MBG/NBD by maximum likelihood, as `fit_bg_nbd` does a BG/NBD."""
    return MbgNbd(**_learned(histories, MbgNbd.early_chances))


#: Where to climb from, as logarithms of factors on the first look at r, alpha, a and b.
_STARTS = ((0.0, 0.0, 0.0, 0.0), (-1.5, -1.5, 0.0, 0.0), (1.0, 1.0, -2.0, 1.0), (-0.5, -2.0, 1.0, 0.0))


def _learned(histories: Histories, early_chances: int) -> dict[str, Any]:
    rows = bg_nbd_likelihood(early_chances)
    summit = climb_histories(rows, histories, look=(1, 1, 1, 3), times=(0, 1, 0, 0), starts=_STARTS)
    r, alpha, a, b = summit.numbers
    told = {"customers": len(histories.places), "is_regularised": summit.is_regularised}
    return {"r": r, "alpha": alpha, "a": a, "b": b, "log_likelihood": summit.log_likelihood, **told}


def bg_nbd_likelihood(early_chances: int) -> RowLikelihood:
    """Give the likelihood of order histories under BG/NBD (0 early chances to leave) or MBG/NBD (1).

    It is the density of the order days: what staying till the end contributes, times one and the odds to have left.
    """

    def likelihood(numbers: Floats, histories: Histories) -> tuple[Floats, Floats]:
        r, alpha, a, b = numbers
        last, end = alpha + histories.days_from_first_to_last, alpha + histories.days_observed
        shape, stayed = r + histories.repeat_order_days, histories.repeat_order_days + early_chances
        odds = _log_odds_gone((r, alpha, a, b), histories, early_chances)
        gone = expit(odds)
        silence = np.log(end / last)
        ordering = histories.by_repeats(lambda x: gammaln(r + x) - gammaln(r) + _log_stayed(a, b, x + early_chances))
        values = ordering + r * np.log(alpha) - shape * np.log(end) + np.logaddexp(0.0, odds)
        of_r = histories.by_repeats(lambda x: digamma(r + x) - digamma(r)) + np.log(alpha / end) + gone * silence
        of_alpha = r / alpha - shape / end + gone * shape * (1 / end - 1 / last)
        both = histories.by_repeats(lambda x: digamma(a + b) - digamma(a + b + x + early_chances))
        of_b = both + histories.by_repeats(lambda x: digamma(b + x + early_chances) - digamma(b))
        of_b -= gone / (b + np.maximum(stayed, 1) - 1)
        return values, np.stack([of_r, of_alpha, both + gone / a, of_b])

    return likelihood


def _log_stayed(a: float, b: float, chances: Floats) -> Floats:
    """Give the log-probability to stay at so many chances to leave."""
    return gammaln(b + chances) - gammaln(b) - gammaln(a + b + chances) + gammaln(a + b)


def _log_odds_gone(numbers: tuple[float, ...], histories: Histories, early_chances: int) -> Floats:
    """Give the log-odds to have left after the last order; minus infinity for who had no chance to."""
    r, alpha, a, b = numbers
    chances = histories.repeat_order_days + early_chances
    first_to_last = histories.days_from_first_to_last
    silence = np.log1p((histories.days_observed - first_to_last) / (alpha + first_to_last))
    odds = np.log(a / (b + np.maximum(chances, 1) - 1)) + (r + histories.repeat_order_days) * silence
    return np.where(chances > 0, odds, -np.inf)
