"""Judge and gate: what a model that has not seen it says of the last closed as_of, beside baselines and champion."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from clm_ml.config import Config
from clm_ml.errors import ArtifactError, ModelError
from clm_ml.evaluation import BASELINE_COLUMNS, LEAKAGE_AUC, Verdict, fit_baselines, metrics, pass_gate, value_metrics
from clm_ml.examples import Examples
from clm_ml.model import Model, load_model
from clm_ml.pipeline.foresight import foresee, foresight_figures
from clm_ml.segments import find_segments
from clm_ml.timeline import date_of
from clm_ml.tracking import fetch_box

__all__ = ["Judged", "alarms", "gate", "judge"]

Floats = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True)
class Judged:
    """What was said and what came, of the cohort at one as_of: one value a customer, in the cohort's order.

    `people` has what they are, by attribute, where fairness is asked for.
    """

    cohort: pd.DataFrame = field(repr=False)
    order_probability: Floats = field(repr=False)
    amount: Floats = field(repr=False)
    segments: Any = field(repr=False)
    baselines: Mapping[str, Floats] = field(repr=False)
    facts: Mapping[str, Any]
    foreseen: pd.DataFrame = field(default_factory=pd.DataFrame, repr=False)
    people: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def expected_value(self) -> Floats:
        """Give what each customer was expected to spend."""
        return self.order_probability * self.amount


def judge(model: Model, past: Examples, came: Examples) -> Judged:
    """Let a model speak of one as_of, beside the baselines; both know nothing but the past's examples.

    Args:
        model: learned from `past`.
        past: what the baselines learn from as well.
        came: the examples of the as_of that is judged.

    Raises:
        ModelError: if all customers had one outcome there.
    """
    cohort, day = _cohort(model, came.frame), came.as_ofs[-1]
    if cohort["ordered"].nunique() < 2:
        raise ModelError(f"nothing can be judged: all customers had one outcome after {date_of(day)}.")
    said, amount = model.order_probability(cohort), model.amount_if_ordering(cohort)
    known = past.frame
    baselines = fit_baselines(known.loc[known["orders_ever"] > 0, [*BASELINE_COLUMNS, "ordered"]], cohort, model.prior)
    foreseen = foresee(model, cohort, said, came.known_by or day + model.task.horizon_days)
    facts = {
        "as_of": date_of(day).isoformat(),
        "learned_until": date_of(past.as_ofs[-1]).isoformat(),
        "customers": len(cohort),
        "model": metrics(cohort["ordered"], said),
        "value": value_metrics(cohort["spent"], said * amount),
        "baselines": {name: metrics(cohort["ordered"], baseline) for name, baseline in baselines.items()},
        **foresight_figures(foreseen),
    }
    segments = find_segments(cohort, model.cuts, model.lapse, model.segments)["segment"].to_numpy()
    return Judged(cohort, said, amount, segments, baselines, facts, foreseen)


def _cohort(model: Model, frame: pd.DataFrame) -> pd.DataFrame:
    """Keep the customers whom the churn model is judged on: those with an order in the last active_days."""
    active = frame[frame["days_since_last_order"] <= model.task.active_days].reset_index(drop=True)
    return model.complete(active)


def gate(judged: Judged, config: Config) -> Verdict:
    """Decide whether the model may become champion; the reigning one is asked of the same customers."""
    champion = _champion(config, judged)
    return pass_gate(judged.cohort["ordered"], judged.order_probability, judged.baselines, champion, config.train.seed)


def _champion(config: Config, judged: Judged) -> Floats | None:
    """Ask the reigning champion, if there is one and it has not seen what came."""
    try:
        champion = load_model(fetch_box(config, f"models:/{config.project}@champion"))
        if champion.facts["as_of"] > judged.facts["as_of"] or champion.task != config.task:
            return None
        return champion.order_probability(champion.complete(judged.cohort))
    except (ModelError, ArtifactError):  # there is none, it knows other columns, or it is damaged
        return None


def alarms(judged: Judged) -> tuple[str, ...]:
    """Warn of what is too good to be true."""
    auc = judged.facts["model"]["auc"]
    if auc <= LEAKAGE_AUC:
        return ()
    return (f"AUC {auc:.3f} is too good for an order log: look for a column that knows the future.",)
