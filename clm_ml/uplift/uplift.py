"""Who can be persuaded: the effect of a contact on each customer, and whether it is to be believed."""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape
from typing import Any

import numpy as np
import pandas as pd

from clm_ml.measuring import Interval
from clm_ml.uplift.experiment import Floats
from clm_ml.uplift.learners import Learners

__all__ = ["Gate", "Uplift"]

_NAMES = {
    "x": "X-learner over boosted trees",
    "t": "difference of two logistic regressions",
    "response": "logistic regression of those contacted",
}


@dataclass(frozen=True)
class Gate:
    """Whether what was learned orders customers better than chance, on those who did not teach it.

    Attributes:
        z: how many standard errors the gain over chance order lies above zero, folds judged one after the other.
        least_z: that it has to reach.
    """

    z: float
    least_z: float

    @property
    def passed(self) -> bool:
        """Whether uplift may rank customers."""
        return self.z >= self.least_z

    @property
    def sentence(self) -> str:
        """What follows, in words.

        >>> print(Gate(1.2, 2.33).sentence)
        The gate is not passed: the gain over chance order is 1.20 standard errors above zero, and has to be 2.33.
        """
        word = "passed" if self.passed else "not passed"
        gain = f"the gain over chance order is {self.z:.2f} standard errors above zero"
        return f"The gate is {word}: {gain}, and has to be {self.least_z:g}."

    def facts(self) -> dict[str, Any]:
        """Tell it as plain data."""
        return {"passed": self.passed, "z": self.z, "least_z": self.least_z}


@dataclass(frozen=True)
class Uplift:
    """What was learned from randomised campaigns about whom a contact moves.

    Attributes:
        learner: the one that is used: x, t or response.
        learners: learned from all customers.
        mean: the effect on customers as they were, as more orders a contacted customer.
        slope: by how much an effect rises with the learner's score; found on customers who did not teach it.
        centre: the score at which the effect is the mean one.
        gate: whether it may be used.
        qini: the gain over chance order in the mean over all budgets, as orders a customer.
        each: how many standard errors each learner's own gain lies above zero.
        deciles: what contacting changed in each tenth.
        curve: share contacted, from those thought to be moved most on, and gain in orders a customer.
        customers: from which it was learned, and how many of them were contacted.
        confidence: of all intervals.
    """

    learner: str
    learners: Learners = field(repr=False)
    mean: Interval
    slope: float
    centre: float
    gate: Gate
    qini: Interval
    each: dict[str, float]
    deciles: pd.DataFrame = field(repr=False)
    curve: pd.DataFrame = field(repr=False)
    customers: tuple[int, int]
    confidence: float

    def effects(self, features: pd.DataFrame) -> Floats:
        """Give the effect of a contact on each row: by how much it raises the chance of an order.

        It is the best straight line in the learner's score (Chernozhukov et al. 2018), so that it is right in the mean
        of those alike, whatever the score is.

        Raises:
            ModelError: if a feature is missing.
        """
        if features.empty:
            return np.empty(0)
        score = self.learners.scores(features)[self.learner]
        return np.clip(self.mean.value + self.slope * (score - self.centre), -1.0, 1.0)

    def facts(self) -> dict[str, Any]:
        """Tell what was found as plain data, for JSON."""
        return {
            "gate": self.gate.facts(),
            "learner": self.learner,
            "learners_z": self.each,
            "customers": self.customers[0],
            "contacted": self.customers[1],
            "effect": self.mean.facts(),
            "qini": self.qini.facts(),
            "slope": self.slope,
            "centre": self.centre,
            "deciles": self.deciles.astype(object).where(self.deciles.notna(), None).to_dict("records"),
            "curve": self.curve.to_dict("records"),
            "confidence": self.confidence,
        }

    def lines(self) -> list[str]:
        """Tell it in sentences."""
        everyone, contacted = self.customers
        learned = f"Learned from {everyone:,} customers, {contacted:,} of them contacted; by: {_NAMES[self.learner]}"
        points, basis = _times(self.mean, 100, 2), _times(self.qini, 10_000, 1)
        use = "Lists may be ranked by it." if self.gate.passed else "Lists go on by the assumed save rate."
        return [
            f"{self.gate.sentence} {use}",
            f"{learned}.",
            f"In the mean a contact changes the chance of an order by {points} points.",
            f"Qini, the mean gain over chance order: {basis} basis points.",
        ]

    def rows(self) -> list[tuple[str, ...]]:
        """Lay the tenths out as text, the heading first."""
        heading = ("decile", "contacted", "held out", "contacted bought", "held out bought", "more buyers, points")
        return [heading, *map(_row, self.deciles.to_dict("records"))]

    def _repr_html_(self) -> str:
        first, *others = map(escape, self.lines())
        head, *body = ("".join(f"<td>{escape(cell)}</td>" for cell in row) for row in self.rows())
        told = "".join(f"<tr>{row}</tr>" for row in body)
        items = "".join(f"<li>{line}</li>" for line in others)
        table = f"<table><thead><tr>{head.replace('td>', 'th>')}</tr></thead><tbody>{told}</tbody></table>"
        return f"<p><b>{first}</b></p><ul>{items}</ul>{table}"


def _row(decile: dict[Any, Any]) -> tuple[str, ...]:
    sizes = (f"{decile['decile']:.0f}", f"{decile['contacted']:,.0f}", f"{decile['held_out']:,.0f}")
    if pd.isna(decile["effect"]):
        return (*sizes, "–", "–", "–")
    effect = Interval(decile["effect"], decile["effect_low"], decile["effect_high"])
    return (*sizes, f"{decile['contacted_rate']:.2%}", f"{decile['holdout_rate']:.2%}", _times(effect, 100, 2))


def _times(figure: Interval, factor: float, digits: int) -> str:
    value, low, high = (f"{factor * number:+.{digits}f}" for number in (figure.value, figure.low, figure.high))
    return f"{value} [{low}, {high}]"
