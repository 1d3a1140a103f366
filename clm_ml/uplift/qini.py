"""How much more is gained by contacting in the order of a score than in any order: Qini, with an interval.

Contacting the top f by score gains, a customer of the whole, `f × (mean contacted − mean held out)` of those; Qini is
how far this lies above what chance order gains, in the mean over all f from 0 to 1 (Radcliffe 2007). By doubly robust
scores ψ, whose mean is the effect on whomever they are taken over, it is the mean of `(½ − f) × ψ`, f being each
customer's place from the top: so it has the standard error of a mean (by its Hájek projection, since places are
estimated too).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import rankdata

from clm_ml.measuring import Interval
from clm_ml.uplift.experiment import Floats

__all__ = ["Part", "Qini", "gain_curve", "places_of", "qini_of"]


@dataclass(frozen=True)
class Part:
    """Customers who are judged by a score that none of them has taught.

    Attributes:
        place: of each, from 0 (top of the score) to 1; ties have their mean place.
        psi: the doubly robust score of each.
    """

    place: Floats
    psi: Floats


@dataclass(frozen=True)
class Qini:
    """The gain over chance order, as orders a customer of the list; times 10,000, in basis points."""

    value: float
    error: float

    @property
    def z(self) -> float:
        """How many standard errors it lies above zero."""
        return self.value / self.error if self.error > 0 else 0.0

    def interval(self, z: float) -> Interval:
        """Give it with limits."""
        return Interval(self.value, self.value - z * self.error, self.value + z * self.error)


def places_of(score: Floats) -> Floats:
    """Give each row's place from the top, between 0 and 1.

    >>> places_of(np.array([0.3, 0.1, 0.2, 0.2])).tolist()
    [0.125, 0.875, 0.5, 0.5]
    """
    return np.asarray((rankdata(-score) - 0.5) / len(score))


def qini_of(parts: Sequence[Part]) -> Qini:
    """Give Qini over all parts together, each counting by its customers.

    >>> found = qini_of([Part(np.array([0.125, 0.375, 0.625, 0.875]), np.array([2.0, 1.0, 1.0, 0.0]))])
    >>> round(found.value, 4)
    0.1875
    """
    customers = sum(len(part.psi) for part in parts)
    value = sum(float(((0.5 - part.place) * part.psi).sum()) for part in parts) / customers
    square = sum(float((_influence(part) ** 2).sum()) for part in parts)
    return Qini(value, float(np.sqrt(square)) / customers)


def _influence(part: Part) -> Floats:
    """Give what each customer adds to Qini: by their own score, and by the places they give to others."""
    psi = part.psi - part.psi.mean()
    order = np.argsort(part.place, kind="stable")
    gained = np.empty(len(psi))
    gained[order] = np.cumsum(psi[order]) / len(psi)
    both = (0.5 - part.place) * psi + gained
    return np.asarray(both - both.mean())


def gain_curve(parts: Sequence[Part], points: int = 101) -> tuple[Floats, Floats]:
    """Give what contacting the top f gains, in orders a customer of the list: f, and the gain.

    >>> share, gain = gain_curve([Part(np.array([0.25, 0.75]), np.array([0.2, 0.0]))], points=3)
    >>> share.tolist(), gain.tolist()
    ([0.0, 0.5, 1.0], [0.0, 0.1, 0.1])
    """
    place = np.concatenate([part.place for part in parts])
    psi: Any = np.concatenate([part.psi for part in parts])
    order = np.argsort(place, kind="stable")
    gain = np.concatenate([[0.0], np.cumsum(psi[order])]) / len(psi)
    shares = np.linspace(0, 1, points)
    return shares, np.interp(shares, np.arange(len(gain)) / len(psi), gain)
