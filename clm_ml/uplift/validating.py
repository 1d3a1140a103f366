"""Whether a learner of uplift can be believed: judged fold by fold by those who were not learned from.

Each fold is judged by what was learned from the folds before it, so that no customer teaches what judges them and no
fold is used twice; the folds' results are then uncorrelated, and their sum over its standard error is a z. Tests that
learn on all other folds and pool what they find are not valid: they raise false alarms far above their level. Among
several learners, each fold is judged by the one that led on the folds before: that choice, too, has not seen the fold.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from clm_ml.uplift.experiment import Experiment, Floats
from clm_ml.uplift.learners import LEARNERS, Learners, fit_learners
from clm_ml.uplift.qini import Part, Qini, places_of, qini_of

__all__ = ["Validation", "doubly_robust", "validate"]


@dataclass(frozen=True)
class Validation:
    """How learners did on folds that they had not seen.

    Attributes:
        judged: one row a customer of those folds: fold, contacted, ordered, chance, psi, and `score_` and `place_` of
            each learner, and `place`, that of the learner that led before the fold.
        leaders: the learner by which each fold was judged.
        learner: that leads after all folds.
        qini: of the leaders' path.
        each: Qini of each learner by itself; for comparison, not for the gate.
    """

    judged: pd.DataFrame = field(repr=False)
    leaders: tuple[str, ...]
    learner: str
    qini: Qini
    each: Mapping[str, Qini]

    @property
    def parts(self) -> list[Part]:
        """The folds, each in the order of its leader."""
        return _parts(self.judged, "place")


def validate(experiment: Experiment, learners: Sequence[str], folds: int, seed: int) -> Validation:
    """Judge each fold but the first by what was learned from those before it.

    Args:
        experiment: with its folds.
        learners: among which the leader is found, by how many standard errors its Qini lies above zero; ties and the
            first judged fold go to the first in `LEARNERS`.
        folds: how many there are.
        seed: of the trees.
    """
    asked = [name for name in LEARNERS if name in learners]
    told: list[pd.DataFrame] = []
    leaders: list[str] = []
    for fold in range(1, folds):
        leaders.append(_leader(told, asked))
        learned = fit_learners(experiment.where(experiment.fold < fold), seed, with_trees="x" in asked)
        rows = _judge(experiment.where(experiment.fold == fold), learned, asked)
        told.append(rows.assign(place=rows[f"place_{leaders[-1]}"]))
    judged = pd.concat(told, ignore_index=True)
    each = {name: qini_of(_parts(judged, f"place_{name}")) for name in asked}
    return Validation(judged, tuple(leaders), _leader(told, asked), qini_of(_parts(judged, "place")), each)


def doubly_robust(experiment: Experiment, learned: Learners) -> Floats:
    """Give each customer's doubly robust score, whose mean over any customers is the effect on them.

    `m1 − m0 + T (Y − m1) / e − (1 − T)(Y − m0) / (1 − e)` (Robins and Rotnitzky 1995). The chance e of being contacted
    is known, so it holds whatever the rates m1 and m0 are; good ones make it less noisy.
    """
    one, other = learned.rates(experiment.features)
    contacted, chance, ordered = experiment.contacted, experiment.chance, experiment.ordered
    rest = np.where(contacted, (ordered - one) / chance, -(ordered - other) / (1 - chance))
    return np.asarray(one - other + rest)


def _judge(unseen: Experiment, learned: Learners, asked: Sequence[str]) -> pd.DataFrame:
    scores = learned.scores(unseen.features)
    columns = {"fold": unseen.fold, "contacted": unseen.contacted, "ordered": unseen.ordered, "chance": unseen.chance}
    columns["psi"] = doubly_robust(unseen, learned)
    columns |= {f"score_{name}": scores[name] for name in asked}
    return pd.DataFrame(columns | {f"place_{name}": places_of(scores[name]) for name in asked})


def _leader(told: Sequence[pd.DataFrame], asked: Sequence[str]) -> str:
    if not told or len(asked) == 1:
        return asked[0]
    judged = pd.concat(told, ignore_index=True)
    return max(asked, key=lambda name: qini_of(_parts(judged, f"place_{name}")).z)


def _parts(judged: pd.DataFrame, place: str) -> list[Part]:
    folds = judged.groupby("fold", sort=True)
    return [Part(rows[place].to_numpy(), rows["psi"].to_numpy()) for _, rows in folds]
