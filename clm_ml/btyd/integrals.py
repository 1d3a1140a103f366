"""The two integrals for which the published formulas ask Gauss's hypergeometric function.

Libraries' `hyp2f1` loses its digits, or returns infinity, for a customer with hundreds of orders. Both integrands are
positive and smooth on a logarithmic scale, so a few dozen nodes there give some ten digits for every customer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import numpy as np
from scipy.special import expit

from clm_ml.btyd.histories import Floats, Places

__all__ = ["FURTHEST", "Moments", "mean_over_beta", "power_integral", "power_moments"]

#: The longest wait that is told apart from for ever, as the logarithm of its ratio to the shorter time scale.
FURTHEST = 50.0

#: An integral, and under its integrand as a density the means of ln(1 + u/a), 1/(a + u), ln(1 + u/b) and 1/(b + u).
Moments = tuple[Floats, Floats, Floats, Floats, Floats]

_NATS = 37.0  # e to the minus this is a float's last digit
_BATCH = 4096


def mean_over_beta(a: float, b: Floats, value: Callable[[Floats, Places], Floats]) -> Floats:
    """Average a function of a probability over Beta(a, b), for each b.

    Args:
        a: above zero.
        b: above zero, one for each row.
        value: the function, smooth in the log-odds; it is handed probabilities (row by node), and which rows they are.

    The trapezoidal rule in the log-odds y, stretched by a hyperbolic sine: it takes narrow peaks as well as the tails,
    which fall like exp(a y) and exp(-b y). Dividing by the sum of the weights makes constants exact.

    >>> mean_over_beta(2.0, np.array([3.0]), lambda probability, rows: probability).round(12)
    array([0.4])
    """
    answers = np.empty(len(b))
    for rows in _batches(np.arange(len(b))):
        log_odds, weights = _beta_nodes(a, b[rows, None])
        # Below this (1e-100) every function here has long been constant, and products would soon underflow.
        probabilities = expit(np.maximum(log_odds, -230.0))
        answers[rows] = (weights * value(probabilities, rows)).sum(axis=1) / weights.sum(axis=1)
    return answers


def _beta_nodes(a: float, b: Floats) -> tuple[Floats, Floats]:
    peak, curvature = np.log(a) - np.log(b), a * b / (a + b)
    scale = np.minimum(1.0, curvature**-0.5)
    left, right = (np.arcsinh((np.sqrt(80.0 / curvature) + 40.0 / slope) / scale) for slope in (a, b))
    stretched = -left + (left + right) * np.linspace(0.0, 1.0, 161)
    log_odds = peak + scale * np.sinh(stretched)
    density = _log_beta_density(a, b, log_odds) - _log_beta_density(a, b, peak)
    return log_odds, np.exp(density) * np.cosh(stretched)


def _log_beta_density(a: float, b: Floats, log_odds: Floats) -> Floats:
    return -a * np.logaddexp(0.0, -log_odds) - b * np.logaddexp(0.0, log_odds)


def power_integral(a: Floats, p: Any, b: Floats, q: Any, width: Floats) -> Floats:
    """Integrate (1 + u/a)^-p (1 + u/b)^-q over u from 0 to the width, row by row.

    Gauss and Legendre's rule in ln(1 + u/min(a, b)), where the integrand's nearest pole is pi away, up to where
    nothing is left of it. `a` is the smaller in every row, or in none.

    >>> one = np.array([1.0])
    >>> power_integral(one, 2.0, one, 1.0, one).round(12)
    array([0.375])
    """
    answers = np.empty(len(a))
    for rows, *_, weights in _power_batches(a, p, b, q, width):
        answers[rows] = weights.sum(axis=1)
    return answers


def power_moments(a: Floats, p: Any, b: Floats, q: Any, width: Floats) -> Moments:
    """Give the integral and the means under its integrand that its derivatives ask for; without width all are 0."""
    if len(a) and a[0] > b[0]:
        integral, log_b, inverse_b, log_a, inverse_a = power_moments(b, q, a, p, width)
        return integral, log_a, inverse_a, log_b, inverse_b
    answers = np.zeros((5, len(a)))
    for rows, short, log_a, log_b, weights in _power_batches(a, p, b, q, width):
        integral = weights.sum(axis=1)
        shares = weights / np.maximum(integral, np.finfo(np.float64).tiny)[:, None]
        asked = (log_a, np.exp(-log_a) / short, log_b, np.exp(-log_b) / b[rows, None])
        answers[:, rows] = [integral, *((shares * one).sum(axis=1) for one in asked)]
    integral, log_a, inverse_a, log_b, inverse_b = answers
    return integral, log_a, inverse_a, log_b, inverse_b


def _power_batches(
    a: Floats, p: Any, b: Floats, q: Any, width: Floats
) -> Iterator[tuple[Places, Floats, Floats, Floats, Floats]]:
    """Give, for some rows at a time, the smaller scale, ln(1 + u/a) and ln(1 + u/b) at the nodes, and the weights.

    What is called a here is the smaller of the two. How many nodes a row has depends on that row alone, so that it
    has the same bits alone and among others.
    """
    if len(a) and a[0] > b[0]:
        a, p, b, q = b, q, a, p
    p, q = np.broadcast_to(p, a.shape), np.broadcast_to(q, a.shape)
    reaches = _reach(a, p, b, q, width)
    sizes = np.ceil(0.375 * reaches).astype(np.intp)
    for size in np.unique(sizes):
        nodes, shares = _legendre(24 + 8 * int(size))
        for rows in _batches(np.flatnonzero(sizes == size)):
            short, reach = a[rows, None], reaches[rows, None]
            log_a = reach * nodes
            log_b = np.log1p(np.expm1(log_a) * (short / b[rows, None]))
            weights = np.exp((1.0 - p[rows, None]) * log_a - q[rows, None] * log_b) * (reach * short * shares)
            yield rows, short, log_a, log_b, weights


def _reach(a: Floats, p: Floats, b: Floats, q: Floats, width: Floats) -> Floats:
    """Give ln(1 + u/a) at the width, or before it where the integrand has fallen by all its digits."""
    with np.errstate(over="ignore", divide="ignore"):
        of_a = _NATS / np.maximum(p - 1.0, 0.0)
        of_b = np.log1p(np.expm1(_NATS / np.maximum(q - 1.0, 0.0)) * (b / a))
    return np.minimum(np.log1p(width / a), np.minimum(of_a, of_b))


@cache
def _legendre(count: int) -> tuple[Floats, Floats]:
    """Give the nodes and weights of Gauss and Legendre's rule on 0 to 1."""
    nodes, weights = np.polynomial.legendre.leggauss(count)
    return (nodes + 1.0) / 2.0, weights / 2.0


def _batches(rows: Places) -> Iterator[Places]:
    """Cut rows into pieces whose nodes stay in the processor's cache, or near it."""
    for first in range(0, len(rows), _BATCH):
        yield rows[first : first + _BATCH]
