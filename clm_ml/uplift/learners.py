"""Learners of uplift: what a contact changes, from customers some of whom were contacted by chance.

All start from two ridge logistic regressions, of the contacted and of those held out. Their difference is a learner
(T-learner), and so is the first alone (response: who buys more if contacted is often moved more). The third is the
X-learner (Künzel et al. 2019) over boosted trees: each arm's orders less what the other arm would have done, learned
again, and weighed by the known chance of being contacted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import expit, logit

from clm_ml.model.trees import Growth, Trees, fit_trees
from clm_ml.uplift.experiment import Experiment, Floats
from clm_ml.uplift.layout import Layout, fit_layout

__all__ = ["LEARNERS", "Learners", "Logistic", "fit_learners"]

#: The learners, by name; the first is the one that is used as long as nothing speaks for another.
LEARNERS = ("x", "t", "response")


@dataclass(frozen=True)
class Logistic:
    """A ridge logistic regression on standardised numbers."""

    weights: tuple[float, ...]
    intercept: float

    def rates(self, standard: Floats) -> Floats:
        """Give each row's chance of an order."""
        return expit((standard * np.array(self.weights)).sum(axis=1) + self.intercept)


@dataclass(frozen=True)
class Learners:
    """What was learned from one set of rows: the rate of each arm, and the X-learner's trees if they were asked for.

    Attributes:
        layout: how features become numbers.
        contacted: the chance of an order of somebody contacted.
        held_out: and of somebody not contacted.
        effects: the X-learner's two estimates of the effect, from the contacted and from those held out.
        chance: of being contacted, in the mean; it weighs them.
    """

    layout: Layout
    contacted: Logistic
    held_out: Logistic
    effects: tuple[Trees, Trees] | None
    chance: float

    def rates(self, features: pd.DataFrame) -> tuple[Floats, Floats]:
        """Give each row's chance of an order if contacted, and if not."""
        standard = self.layout.standard(self.layout.numbers(features))
        return self.contacted.rates(standard), self.held_out.rates(standard)

    def scores(self, features: pd.DataFrame) -> dict[str, Floats]:
        """Give what each learner says of each row; the higher, the more a contact is thought to change."""
        numbers = self.layout.numbers(features)
        standard = self.layout.standard(numbers)
        one, other = self.contacted.rates(standard), self.held_out.rates(standard)
        told = {"t": one - other, "response": one}
        if self.effects is not None:
            by_place = _by_place(numbers)
            of_contacted, of_held_out = (trees.raw(by_place) for trees in self.effects)
            told["x"] = self.chance * of_held_out + (1 - self.chance) * of_contacted
        return told


def fit_learners(experiment: Experiment, seed: int, *, with_trees: bool = True) -> Learners:
    """Learn all learners from the same rows; the same rows give the same bytes, whatever the machine's threads."""
    layout = fit_layout(experiment.features)
    numbers = layout.numbers(experiment.features)
    standard = layout.standard(numbers)
    contacted = experiment.contacted
    rates = [_fit_logistic(standard[arm], experiment.ordered[arm]) for arm in (contacted, ~contacted)]
    effects = _fit_effects(_by_place(numbers), experiment, seed) if with_trees else None
    return Learners(layout, rates[0], rates[1], effects, float(experiment.chance.mean()))


def _fit_logistic(standard: Floats, ordered: Floats) -> Logistic:
    if ordered.min() == ordered.max():
        rate = (ordered.sum() + 0.5) / (len(ordered) + 1)
        return Logistic((0.0,) * standard.shape[1], round(float(logit(rate)), 9))
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 - takes long, and only learning needs it

    fitted = LogisticRegression(C=1.0, solver="newton-cholesky", tol=1e-9, max_iter=100).fit(standard, ordered)
    # As many digits as the evidence has; the last ones would differ between machines.
    weights = tuple(round(float(weight), 9) for weight in fitted.coef_[0])
    return Logistic(weights, round(float(fitted.intercept_[0]), 9))


def _fit_effects(numbers: pd.DataFrame, experiment: Experiment, seed: int) -> tuple[Trees, Trees]:
    """Learn the X-learner: what each arm did beyond what the other one would have done."""
    contacted, ordered = experiment.contacted, experiment.ordered
    arms = {name: numbers[rows].reset_index(drop=True) for name, rows in (("one", contacted), ("other", ~contacted))}
    one = _grow(arms["one"], ordered[contacted], "binary", seed)
    other = _grow(arms["other"], ordered[~contacted], "binary", seed)
    gained = ordered[contacted] - expit(other.raw(arms["one"]))
    missed = expit(one.raw(arms["other"])) - ordered[~contacted]
    return _grow(arms["one"], gained, "regression", seed), _grow(arms["other"], missed, "regression", seed)


def _grow(numbers: pd.DataFrame, label: Floats, objective: str, seed: int) -> Trees:
    growth = Growth(
        leaves=7, rounds=100, seeds=1, rows_a_leaf=max(20, min(200, len(numbers) // 50)), learning_rate=0.05
    )
    return fit_trees(numbers, numbers.columns.tolist(), label, {}, objective, seed, growth, num_threads=1)


def _by_place(numbers: pd.DataFrame) -> pd.DataFrame:
    """Name numbers by their place: names with blanks or signs are not for LightGBM's text."""
    return numbers.set_axis([f"f{place}" for place in range(numbers.shape[1])], axis=1)
