"""The way up a likelihood: several starts, a polished top, and a weak prior where there is no top.

Numbers are positive and sought as logarithms, within twelve of what a quick look suggests. A likelihood that is flat
or rises for ever has no top: nobody came back, nobody left, five customers. It is recognised by its own information:
where some direction's standard error is above three (a factor of twenty), less is known than a vague guess would say.
Only then that guess is added: a normal prior of deviation three about the first look, for each logarithm.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import minimize

from clm_ml.btyd.histories import Floats, Histories
from clm_ml.errors import ModelError

__all__ = ["Likelihood", "RowLikelihood", "Summit", "check_numbers", "climb", "climb_histories"]

#: Gives the log-likelihood and its gradient at the numbers' logarithms.
Likelihood = Callable[[Floats], tuple[float, Floats]]

#: Gives each history's log-likelihood, and its gradient by each number (one row per number), at the numbers.
RowLikelihood = Callable[[Floats, Histories], tuple[Floats, Floats]]

#: Where to climb from, as logarithms of factors on the first look.
Starts = Sequence[Sequence[float]]

_FURTHEST = 12.0
_PRIOR_PRECISION = 1.0 / 9.0
_ROUGHLY = 3000


@dataclass(frozen=True)
class Summit:
    """The numbers with the greatest likelihood, that likelihood without any prior, and whether a prior was needed."""

    numbers: tuple[float, ...]
    log_likelihood: float
    is_regularised: bool

    def scaled(self, factors: Sequence[float], log_factor: float) -> Summit:
        """Tell the numbers and the likelihood in another unit."""
        # As many digits as the evidence has; the last ones would differ between machines.
        numbers = (float(f"{number * factor:.6g}") for number, factor in zip(self.numbers, factors, strict=True))
        return Summit(tuple(numbers), round(self.log_likelihood + log_factor, 4), self.is_regularised)


def climb_histories(
    rows: RowLikelihood, histories: Histories, look: Sequence[float], times: Sequence[float], starts: Starts
) -> Summit:
    """Find the numbers of a model of order histories.

    Args:
        rows: the likelihood of histories.
        histories: what to learn from; inside, time is in mean days observed, so that its unit does not matter.
        look: a first look at the numbers where there is one order per mean days observed; the second is made longer
            or shorter by how many there are, and one more. It is the prior's centre, should that be needed.
        times: 1 for the numbers that are times, 0 for the others.
        starts: from where to climb.

    Raises:
        ModelError: there is no customer, or nobody was observed for any time.
    """
    customers, orders, unit = _size(histories)
    inside = histories.scaled(1.0 / unit)
    first, second, *others = look
    look = (first, second * customers / (orders + 1.0), *others)
    summit = climb(_total(rows, inside), _total(rows, inside.thinned(_ROUGHLY)), look, starts)
    return summit.scaled([unit**time for time in times], -orders * float(np.log(unit)))


def _size(histories: Histories) -> tuple[float, float, float]:
    """Count customers and repeat orders, and give the mean days observed."""
    columns = (histories.repeat_order_days, histories.days_observed)
    customers, (orders, days) = float(histories.customers.sum()), (float(histories.customers @ one) for one in columns)
    if days > 0:
        return customers, orders, days / customers
    raise ModelError(
        f"A model of orders needs customers observed for longer than no time; found {customers:.0f} customers and"
        f" {days:.0f} days. Use a later as_of, or bring more orders."
    )


def climb(likelihood: Likelihood, rough: Likelihood, look: Sequence[float], starts: Starts) -> Summit:
    """Find the greatest likelihood: from every start on the rough one, from the best of those tops on the whole."""
    centre = np.log(np.asarray(look, dtype=np.float64))
    tops = [_ascend(rough, centre + np.asarray(start), centre) for start in starts]
    begin = max(tops, key=lambda top: rough(top)[0])
    top, weakest = _polish(likelihood, _ascend(likelihood, begin, centre))
    missing = weakest < _PRIOR_PRECISION
    if missing:
        prior = _with_prior(likelihood, centre)
        top, _ = _polish(prior, _ascend(prior, (begin + centre) / 2, centre))
    return Summit(tuple(np.exp(top).tolist()), float(likelihood(top)[0]), missing)


def check_numbers(model: str, **numbers: float) -> None:
    """Refuse a model's numbers unless they are finite and above zero."""
    wrong = {name: number for name, number in numbers.items() if not (np.isfinite(number) and number > 0)}
    if wrong:
        found = ", ".join(f"{name} {number}" for name, number in wrong.items())
        raise ModelError(f"{model} needs finite numbers above 0; found {found}. Fit it again.")


def _total(rows: RowLikelihood, histories: Histories) -> Likelihood:
    def likelihood(logs: Floats) -> tuple[float, Floats]:
        numbers = np.exp(logs)
        values, slopes = rows(numbers, histories)
        return float(histories.customers @ values), (slopes @ histories.customers) * numbers

    return likelihood


def _with_prior(likelihood: Likelihood, centre: Floats) -> Likelihood:
    def posterior(logs: Floats) -> tuple[float, Floats]:
        value, slope = likelihood(logs)
        away = logs - centre
        return value - 0.5 * _PRIOR_PRECISION * float(away @ away), slope - _PRIOR_PRECISION * away

    return posterior


def _ascend(likelihood: Likelihood, start: Floats, centre: Floats) -> Floats:
    # Divided by the size at the start, tolerances mean the same for five customers and for five million.
    size = max(abs(likelihood(start)[0]), 1.0)

    def descent(logs: Floats) -> tuple[float, Floats]:
        value, slope = likelihood(logs)
        return -value / size, -slope / size

    bounds = [(middle - _FURTHEST, middle + _FURTHEST) for middle in centre]
    options: dict[str, Any] = {"ftol": 1e-12, "gtol": 1e-8, "maxiter": 500}
    found = minimize(descent, start, jac=True, bounds=bounds, method="L-BFGS-B", options=options)
    return np.asarray(found.x, dtype=np.float64)


def _polish(likelihood: Likelihood, top: Floats) -> tuple[Floats, float]:
    """Take Newton's last steps, and tell the information in the direction of which least is known."""
    information = _information(likelihood, top)
    weakest = float(np.linalg.eigvalsh(information)[0])
    slope = likelihood(top)[1]
    for _ in range(4 if weakest > 1e-6 else 0):
        step = np.linalg.solve(information, slope)
        if np.abs(step).max() > 1.0:
            break
        flatter = likelihood(top + step)[1]
        # Judged by the slope: near the top the likelihood itself only changes in digits that rounding has spoilt.
        if np.abs(flatter).max() >= np.abs(slope).max():
            break
        top, slope = top + step, flatter
    return top, weakest


def _information(likelihood: Likelihood, top: Floats, step: float = 1e-4) -> Floats:
    """Give the curvature downwards at the top: differences of the gradient."""
    steps = np.eye(len(top)) * step
    rows = [(likelihood(top - one)[1] - likelihood(top + one)[1]) / (2 * step) for one in steps]
    curvature = np.asarray(rows)
    return (curvature + curvature.T) / 2
