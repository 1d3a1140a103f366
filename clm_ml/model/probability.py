"""The probability of an order in the horizon: trees and their partner, blended, calibrated out of time.

Learners fitted on the earlier as_ofs predict the later ones; there the blend's weight and the calibration's
slope are found (a sigmoid on log-odds, Platt 1999). Then the learners are fitted again on all as_ofs. The weight
goes half-way to equal weights, because a weight estimated on a few as_ofs is worse than none (the forecast
combination puzzle, Stock & Watson 2004). The slope leaves the mean probability of training as it is: the level of
one late as_of is its season, and carrying it over to the next cost log loss on every log tried. The level goes part of
the way to what the prior says of the people there are on the day of learning: half-way where learning saw a single
label window, less the more of them it saw, since the prior's errors are others than those of the learners.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from scipy.optimize import brentq, minimize
from scipy.special import expit

from clm_ml.model.partner import BENT_TERMS, ENGAGED_TERMS, Partner, fit_partner
from clm_ml.model.trees import Growth, Trees, fit_trees

__all__ = ["Blend", "Probability", "early_and_late", "fit_probability", "has_enough"]

Floats = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True)
class Blend:
    """The weight of the trees against their partner, the slope about the centre, and what keeps the level."""

    weight: float
    slope: float
    centre: float
    shift: float = 0.0


@dataclass(frozen=True)
class Probability:
    """A calibrated probability; without trees (too few orders to learn from) it is the rate that was seen."""

    trees: Trees | None
    partner: Partner | None
    blend: Blend

    def raw(self, features: pd.DataFrame) -> Floats:
        """Give the calibrated log-odds, which are what people are ordered by: no ties that the features lack."""
        if self.trees is None:
            return np.full(len(features), self.blend.centre)
        mixed = self.trees.raw(features)
        if self.partner is not None:
            mixed = self.blend.weight * mixed + (1 - self.blend.weight) * self.partner.raw(features)
        return self.blend.centre + self.blend.shift + self.blend.slope * (mixed - self.blend.centre)

    def levelled(self, features: pd.DataFrame, rate: float, trust: float) -> Probability:
        """Go a share of the way, `trust`, to where the mean probability of these people is `rate`, in log-odds."""
        shift = self.blend.shift + trust * _shift_to(self.raw(features), rate)
        return replace(self, blend=replace(self.blend, shift=round(shift, 4)))

    def moved(self, shift: float) -> Probability:
        """Move the level by so much log-odds."""
        return replace(self, blend=replace(self.blend, shift=round(self.blend.shift + shift, 4)))

    def shift_of(self, rows: pd.DataFrame) -> float:
        """Give what added to the log-odds would make their mean probability the rate that came; both outcomes did."""
        return _shift_to(self.raw(rows), float(rows["ordered"].mean()))

    def predict(self, features: pd.DataFrame) -> Floats:
        """Give each row's probability of at least one order in the horizon."""
        return expit(self.raw(features))

    def contributions(self, features: pd.DataFrame) -> pd.DataFrame:
        """Give each feature's share in each row's calibrated log-odds, against the mean of training."""
        if self.trees is None:
            return pd.DataFrame(index=features.index)
        shares = pd.DataFrame(self.trees.contributions(features)[:, :-1], columns=list(self.trees.columns))
        shares *= self.blend.weight if self.partner is not None else 1.0
        if self.partner is not None:
            theirs = self.partner.contributions(features).reset_index(drop=True)
            shares[theirs.columns] += (1 - self.blend.weight) * theirs
        return (shares * self.blend.slope).set_index(features.index)


def fit_probability(
    frame: pd.DataFrame,
    columns: Sequence[str],
    signs: Mapping[str, int],
    seed: int,
    with_partner: bool,
    growth: Growth | None = None,
) -> Probability:
    """Learn from examples of several as_ofs.

    Args:
        frame: examples, sorted by as_of and customer: the columns, `as_of` and `ordered`.
        columns: the features to learn from; without any the rate is all there is to know.
        signs: the sign of a feature's effect, where it is known.
        seed: of the trees.
        with_partner: whether the rows have R, F and M.
        growth: how trees grow; the usual way, if it is not given.
    """
    if not columns or not has_enough(frame):
        rate = (frame["ordered"].sum() + 0.5) / (len(frame) + 1.0)
        return Probability(None, None, Blend(1.0, 1.0, float(np.log(rate / (1 - rate)))))
    early, late = early_and_late(frame)
    weight, slope = (0.5 if with_partner else 1.0), 1.0
    if has_enough(early) and has_enough(late):
        learners = _learners(early, columns, signs, seed, with_partner, growth)
        weight, slope = _find_blend([learner.raw(late) for learner in learners], late["ordered"])
    learners = _learners(frame, columns, signs, seed, with_partner, growth)
    logits = [learner.raw(frame) for learner in learners]
    mixed = weight * logits[0] + (1 - weight) * logits[-1]
    partner = learners[1] if with_partner else None
    centre = float(mixed.mean())
    kept = _shift_to(centre + slope * (mixed - centre), float(expit(mixed).mean()))
    return Probability(learners[0], partner, Blend(weight, slope, centre, round(kept, 4)))


def early_and_late(frame: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Split examples that are sorted by as_of, without a copy: the last third of the as_ofs is late."""
    as_ofs = frame["as_of"].unique()
    split = int(np.searchsorted(frame["as_of"], as_ofs[-max(1, len(as_ofs) // 3)]))
    return frame.iloc[:split], frame.iloc[split:]


_FURTHEST = 20.0  # beyond it all probabilities are 0 or 1


def _shift_to(raw: Floats, rate: float) -> float:
    """Find what added to log-odds makes `rate` their mean probability."""
    return float(brentq(lambda shift: expit(raw + shift).mean() - rate, -_FURTHEST, _FURTHEST, xtol=1e-6))


#: With fewer of either outcome there is nothing to learn but the rate.
_FEWEST = 25


def has_enough(frame: pd.DataFrame) -> bool:
    """Say whether each outcome is there often enough to learn more than their rate."""
    return bool(min(frame["ordered"].sum(), (1 - frame["ordered"]).sum()) >= _FEWEST)


def _learners(
    frame: pd.DataFrame,
    columns: Sequence[str],
    signs: Mapping[str, int],
    seed: int,
    with_partner: bool,
    growth: Growth | None,
) -> list[Any]:
    trees = fit_trees(frame, columns, frame["ordered"], signs, "binary", seed, growth)
    if not with_partner:
        return [trees]
    terms = ENGAGED_TERMS if "days_since_last_event" in frame else BENT_TERMS
    return [trees, fit_partner(frame, frame["ordered"], terms)]


def _find_blend(logits: Sequence[Floats], ordered: Any) -> tuple[float, float]:
    """Find the weight and the slope with the least log loss; the level is free here, and then forgotten."""
    trees, partner, came = logits[0], logits[-1], np.asarray(ordered, dtype=np.float64)

    def loss(numbers: Floats) -> float:
        level, slope, weight = numbers
        mixed = level + slope * (weight * trees + (1 - weight) * partner)
        return float(np.mean(np.logaddexp(0, mixed) - came * mixed))

    found = minimize(loss, np.array([0.0, 1.0, 0.5]), bounds=[(-3, 3), (0.5, 1.5), (0, 1)], method="L-BFGS-B").x
    weight = (float(found[2]) + 0.5) / 2 if len(logits) > 1 else 1.0
    # As many digits as the evidence has; the last ones would differ between machines.
    return round(weight, 4), round(float(found[1]), 4)
