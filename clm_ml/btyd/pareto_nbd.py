"""Customers who order at their own pace and may leave at any moment: Pareto/NBD.

Orders come as a Poisson process of a rate that differs between customers as Gamma(r, alpha) does; a customer leaves
after an exponential time of a rate that differs as Gamma(s, beta) does, and nobody sees it (Schmittlein, Morrison &
Colombo 1987, Counting your customers, Management Science 33). The likelihood is the one of Fader & Hardie's note
(2005, A note on deriving the Pareto/NBD model and related expressions); its two hypergeometric functions are the
difference of one integral at two ends, which is what is computed here. So no branch by alpha and beta is left.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.special import digamma, expit, exprel, gammaln

from clm_ml.btyd.fitting import check_numbers, climb_histories
from clm_ml.btyd.histories import Floats, Histories
from clm_ml.btyd.integrals import FURTHEST, power_integral, power_moments

__all__ = ["ParetoNbd", "fit_pareto_nbd", "pareto_nbd_likelihood"]


@dataclass(frozen=True)
class ParetoNbd:
    """The Pareto/NBD's four numbers, and how well they are known.

    `alpha` and `beta` are in the unit of time of the histories they were fitted on; predictions ask the same unit.
    """

    r: float
    alpha: float
    s: float
    beta: float
    log_likelihood: float | None = None
    customers: int = 0
    is_regularised: bool = False

    def __post_init__(self) -> None:
        check_numbers(type(self).__name__, r=self.r, alpha=self.alpha, s=self.s, beta=self.beta)

    def alive_probability(self, histories: Histories) -> Floats:
        """Give each customer's probability to be still one."""
        return histories.each(self._alive(histories))

    def order_probability(self, histories: Histories, days: float) -> Floats:
        """Give each customer's probability of at least one order in the next days.

        The next order of a customer with rates v and w comes at u with density v exp(-(v + w) u): they must not have
        left before. Averaged over both rates that is a power integral.
        """
        first = histories.by_exposure(lambda x, observed: self._ordering(x, observed, np.full(len(x), days)))
        return histories.each(self._alive(histories) * first)

    def expected_orders(self, histories: Histories, days: float) -> Floats:
        """Give each customer's expected number of orders in the next days.

        The mean rate times how many of the days they are expected to stay: ((beta + T) / (beta + T + u))^s, summed.
        """
        rate = (self.r + histories.repeat_order_days) / (self.alpha + histories.days_observed)
        stretch = np.log1p(days / (self.beta + histories.days_observed))
        staying = (self.beta + histories.days_observed) * stretch * exprel((1.0 - self.s) * stretch)
        return histories.each(self._alive(histories) * rate * staying)

    def next_order_days(self, histories: Histories, quantile: float) -> Floats:
        """Give the days within which each customer's next order comes with the probability `quantile`.

        Infinite where it comes with a smaller probability, to nine digits, even in an endless time.
        """
        with np.errstate(divide="ignore"):
            share = quantile / self._alive(histories)
        ever = histories.by_exposure(self._ever)
        waits = np.full(len(share), np.inf)
        within = share < ever * (1.0 - 1e-9)
        x, observed = histories.repeat_order_days[within], histories.days_observed[within]
        waits[within] = self._waits(x, observed, share[within], ever[within])
        return histories.each(waits)

    def facts(self) -> dict[str, Any]:
        """Tell the numbers as plain data; the class called with them gives the model again."""
        return asdict(self)

    def _alive(self, histories: Histories) -> Floats:
        start, end, width = _ends(self.alpha, self.beta, histories)
        shape = self.r + histories.repeat_order_days
        integral = power_integral(start[0], shape, start[1], self.s + 1.0, width)
        return expit(-_log_odds_gone(shape, self.s, start, end, integral))

    def _ordering(self, repeats: Floats, observed: Floats, days: Floats) -> Floats:
        """Give the probability of an order in the days, for who is still a customer."""
        shape, of_orders, of_leaving = self.r + repeats, self.alpha + observed, self.beta + observed
        integral = power_integral(of_orders, shape + 1.0, of_leaving, self.s, days)
        return np.minimum(shape / of_orders * integral, 1.0)

    def _ever(self, repeats: Floats, observed: Floats) -> Floats:
        return self._ordering(repeats, observed, (min(self.alpha, self.beta) + observed) * np.expm1(FURTHEST))

    def _waits(self, repeats: Floats, observed: Floats, share: Floats, ever: Floats) -> Floats:
        """Find when the probability of an order is the share, which is below that of ever.

        Newton's steps in ln(1 + days / scale), on the logarithm of what is still to come, which is nearly straight
        there. Each row stops by itself, so that it has the same bits alone and among others.
        """
        scale, soonest = min(self.alpha, self.beta) + observed, self._soonest(repeats, observed, share)
        at, rows = soonest.copy(), np.arange(len(share))
        for _ in range(40):
            reached = self._ordering(repeats[rows], observed[rows], scale[rows] * np.expm1(at[rows]))
            # Rounding may have nothing left to come.
            left = np.maximum(ever[rows] - reached, 1e-12 * ever[rows])
            fall = left * np.log(left / (ever[rows] - share[rows]))
            step = fall / self._speed(repeats[rows], observed[rows], at[rows])
            before, at[rows] = at[rows], np.clip(at[rows] + step, soonest[rows], FURTHEST)
            rows = rows[np.abs(at[rows] - before) > 1e-10]
        return scale * np.expm1(at)

    def _soonest(self, repeats: Floats, observed: Floats, share: Floats) -> Floats:
        """Give ln(1 + days / scale) of a customer who would never leave: nobody's order comes sooner."""
        days = (self.alpha + observed) * np.expm1(-np.log1p(-share) / (self.r + repeats))
        return np.log1p(days / (min(self.alpha, self.beta) + observed))

    def _speed(self, repeats: Floats, observed: Floats, at: Floats) -> Floats:
        """Give by how much the probability of an order grows with ln(1 + days / scale)."""
        shape, of_orders, of_leaving = self.r + repeats, self.alpha + observed, self.beta + observed
        scale = np.minimum(of_orders, of_leaving)
        days = scale * np.expm1(at)
        fall = -(shape + 1.0) * np.log1p(days / of_orders) - self.s * np.log1p(days / of_leaving)
        return shape / of_orders * scale * np.exp(fall + at)


def fit_pareto_nbd(histories: Histories) -> ParetoNbd:
    """Learn a Pareto/NBD by maximum likelihood; `is_regularised` tells that a weak prior was needed (see `fitting`).

    Raises:
        ModelError: there is no customer, or nobody was observed for any time.

    >>> from clm_ml.btyd.histories import collect_histories
    >>> histories = collect_histories([0, 1, 5, 2], [0, 10, 90, 20], [95, 90, 95, 80])
    >>> fit_pareto_nbd(histories).order_probability(histories, days=30) > 0.1
    array([False, False,  True, False])
    """
    summit = climb_histories(pareto_nbd_likelihood, histories, look=(1, 1, 1, 1), times=(0, 1, 0, 1), starts=_STARTS)
    r, alpha, s, beta = summit.numbers
    return ParetoNbd(r, alpha, s, beta, summit.log_likelihood, len(histories.places), summit.is_regularised)


#: Where to climb from, as logarithms of factors on the first look at r, alpha, s and beta.
_STARTS = ((0.0, 0.0, 0.0, 0.0), (-1.0, -1.5, -0.5, -1.0), (1.0, 1.0, 0.0, 2.0), (-0.5, -2.0, -1.0, -3.0))


def pareto_nbd_likelihood(numbers: Floats, histories: Histories) -> tuple[Floats, Floats]:
    """Give each history's log-likelihood at r, alpha, s and beta, and its gradient by them.

    It is the density of the order days: what staying till the end contributes, times one and the odds to have left.
    """
    r, alpha, s, beta = numbers
    start, end, width = _ends(alpha, beta, histories)
    shape = r + histories.repeat_order_days
    integral, log_a, inverse_a, log_b, inverse_b = power_moments(start[0], shape, start[1], s + 1.0, width)
    odds = _log_odds_gone(shape, s, start, end, integral)
    gone = expit(odds)
    silence_a, silence_b = np.log(end[0] / start[0]), np.log(end[1] / start[1])
    ordering = histories.by_repeats(lambda x: gammaln(r + x) - gammaln(r)) - shape * np.log(end[0])
    values = ordering + r * np.log(alpha) + s * np.log(beta / end[1]) + np.logaddexp(0.0, odds)
    of_r = histories.by_repeats(lambda x: digamma(r + x) - digamma(r)) + np.log(alpha / end[0])
    of_r += gone * (silence_a - log_a)
    of_alpha = r / alpha - shape / end[0] + gone * shape * (1.0 / end[0] - inverse_a)
    of_s = np.log(beta / end[1]) + gone * (1.0 / s + silence_b - log_b)
    of_beta = s / beta - s / end[1] + gone * (s / end[1] - (s + 1.0) * inverse_b)
    return values, np.stack([of_r, of_alpha, of_s, of_beta])


#: alpha and beta, each with some days added.
Both = tuple[Floats, Floats]


def _ends(alpha: float, beta: float, histories: Histories) -> tuple[Both, Both, Floats]:
    """Give alpha and beta with the days to the last order, both with the days observed, and the days between."""
    last, observed = histories.days_from_first_to_last, histories.days_observed
    return (alpha + last, beta + last), (alpha + observed, beta + observed), observed - last


def _log_odds_gone(shape: Floats, s: float, start: Both, end: Both, integral: Floats) -> Floats:
    """Give the log-odds to have left between the last order and the end; minus infinity if there is nothing between."""
    with np.errstate(divide="ignore"):
        leaving = np.log(s * integral / start[1])
    return leaving + shape * np.log(end[0] / start[0]) + s * np.log(end[1] / start[1])
