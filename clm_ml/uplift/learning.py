"""Learn uplift: from a frame of customers with arms and outcomes to whom a contact moves, and whether to believe it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from clm_ml.config import Measure, Train, UpliftPlan
from clm_ml.measuring import Interval, z_of
from clm_ml.uplift.deciles import by_decile
from clm_ml.uplift.experiment import read_experiment
from clm_ml.uplift.learners import LEARNERS, fit_learners
from clm_ml.uplift.qini import gain_curve
from clm_ml.uplift.uplift import Gate, Uplift
from clm_ml.uplift.validating import Validation, validate

__all__ = ["learn_uplift"]


def learn_uplift(
    frame: Any,
    *,
    features: Sequence[str] | None = None,
    arm: str = "arm",
    holdout: str = "holdout",
    ordered: str = "ordered",
    share: float | str | None = None,
    plan: UpliftPlan | None = None,
    confidence: float | None = None,
    seed: int | None = None,
) -> Uplift:
    """Learn whom a contact moves, from a randomised campaign or several, and ask whether that can be believed.

    Any experiment will do, whoever ran it. The same rows give the same bytes, in whatever order they come.

    Args:
        frame: one row a customer and campaign (pandas, Polars, Arrow, DuckDB), everyone who was assigned to an arm.
        features: the columns with what was known before the campaign, numbers or words; all others, if not given.
        arm: the column with the arm; every other than the holdout was contacted.
        holdout: what the arm that was deliberately not contacted is called.
        ordered: the column that says what came: 1 or 0. It is orders that are learned, not revenue: at the sizes of
            campaigns no learner finds what moves revenue.
        share: of customers that was meant to be held out, or the column that has it; that of the frame if not given.
        plan: the learner, the folds and the gate; those of the config's defaults if not given.
        confidence: of intervals; the config's default if not given.
        seed: of folds and trees; the config's default if not given.

    Raises:
        DataError: if a column is not there, has nulls, or values that it cannot have.
        CampaignError: if nobody was held out, or too few are in an arm to learn anything.

    >>> random = np.random.default_rng(1)
    >>> mailed, young = random.random(4000) < 0.5, random.random(4000) < 0.5
    >>> came = random.random(4000) < 0.1 + 0.2 * (mailed & young)  # mail moves the young alone
    >>> people = pd.DataFrame({"young": young, "arm": np.where(mailed, "mail", "holdout"), "ordered": came.astype(int)})
    >>> uplift = learn_uplift(people, share=0.5)
    >>> uplift.gate.passed, abs(uplift.effects(pd.DataFrame({"young": [True, False]}))).round(1).tolist()
    (True, [0.2, 0.0])
    """
    plan, z = plan or UpliftPlan(), z_of(confidence or Measure().confidence)
    drawn = Train().seed if seed is None else seed
    experiment = read_experiment(
        frame, features=features, arm=arm, holdout=holdout, ordered=ordered, share=share, folds=plan.folds, seed=drawn
    )
    found = validate(experiment, LEARNERS if plan.learner == "auto" else (plan.learner,), plan.folds, drawn)
    learned = fit_learners(experiment, drawn, with_trees=found.learner == "x")
    centre = float(learned.scores(experiment.features)[found.learner].mean())
    shares, gain = gain_curve(found.parts)
    return Uplift(
        learner=found.learner,
        learners=learned,
        mean=_mean(found.judged["psi"], z),
        slope=_slope(found),
        centre=round(centre, 9),
        gate=Gate(found.qini.z, plan.least_z),
        qini=found.qini.interval(z),
        each={name: qini.z for name, qini in found.each.items()},
        deciles=by_decile(found.judged, z),
        curve=pd.DataFrame({"share": shares, "gain": gain}),
        customers=(len(experiment), int(experiment.contacted.sum())),
        confidence=confidence or Measure().confidence,
    )


def _mean(psi: pd.Series, z: float) -> Interval:
    value, half = float(psi.mean()), z * float(psi.std()) / float(np.sqrt(len(psi)))
    return Interval(value, value - half, value + half)


def _slope(found: Validation) -> float:
    """Give by how much the effect rises with the score, on folds that it was not learned from; never a fall."""
    judged = found.judged
    score, psi = judged[f"score_{found.learner}"], judged["psi"]
    folds = judged["fold"]
    apart = score - score.groupby(folds).transform("mean")
    square = float((apart**2).sum())
    return 0.0 if square == 0 else round(max(0.0, float((apart * psi).sum()) / square), 9)
