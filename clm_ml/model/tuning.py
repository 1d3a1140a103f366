"""Search for how the trees of the churn model should grow, on earlier as_ofs and within a time budget.

Nothing of the as_of on which a model is judged is seen: what is chosen is chosen on label windows closed before it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from clm_ml.config import Config, Inputs
from clm_ml.errors import ModelError, TimelineError
from clm_ml.examples import Examples
from clm_ml.features import against_habit, catalogue, name_of_attribute
from clm_ml.model.attributes import fit_attributes
from clm_ml.model.learning import fit_rhythm_at
from clm_ml.model.partner import PARTNER_COLUMNS
from clm_ml.model.prior import fit_prior
from clm_ml.model.probability import fit_probability
from clm_ml.model.trees import Growth, usual_growth

__all__ = ["Trial", "Tuned", "tune"]

#: Judged on at most so many of the latest as_ofs.
_MOST_JUDGED = 3
#: A trial is given up on a part of the customers, if it does badly there.
_FIRST_LOOK = 0.25


@dataclass(frozen=True)
class Trial:
    """One way of growing, and the log loss it had on the later as_ofs; None if it was given up early."""

    growth: Growth
    log_loss: float | None

    def facts(self) -> dict[str, Any]:
        """Tell it as plain data."""
        return asdict(self.growth) | {"log_loss": self.log_loss}


@dataclass(frozen=True)
class Tuned:
    """The best way of growing that was found, and everything tried: the usual way first."""

    growth: Growth
    trials: tuple[Trial, ...]

    def facts(self) -> dict[str, Any]:
        """Tell what was found, and how it and the usual way did on the as_ofs it was chosen on."""
        losses = [trial.log_loss for trial in self.trials if trial.log_loss is not None]
        figures = {"log_loss": min(losses), "usual_log_loss": self.trials[0].log_loss}
        return {"trials": len(self.trials), "growth": asdict(self.growth)} | figures


def tune(
    past: Examples,
    config: Config,
    inputs: Inputs,
    minutes: float,
    tick: Callable[[float], None] = lambda _: None,
) -> Tuned:
    """Search for so many minutes; a trial that has begun is ended, so the search takes a little longer.

    The sampler is Optuna's tree-structured Parzen estimator with the config's seed: as many trials, the same result.

    Args:
        past: examples of several as_ofs, those that are learned from before the model is judged.
        config: for the task, the lapse thresholds and the seed.
        inputs: what the features are made of, besides orders.
        minutes: the time budget.
        tick: told the share of it that is spent.

    Raises:
        ModelError: if Optuna is not installed.
        TimelineError: if the as_ofs are too few to learn on some and choose on others.
    """
    optuna = _optuna()
    early, late = _early_and_late(past, config.task.horizon_days)
    learning = _Learning.of(past.at(early), past.at(late), config, inputs)
    trials: list[Trial] = []
    begun = time.monotonic()

    def objective(trial: Any) -> float:
        growth = _suggested(trial, learning.usual)
        first = learning.log_loss(growth, _FIRST_LOOK)
        trial.report(first, step=0)
        trials.append(Trial(growth, None))
        if trial.should_prune():
            raise optuna.TrialPruned
        trials[-1] = Trial(growth, learning.log_loss(growth))
        return float(trials[-1].log_loss or 0)

    study = optuna.create_study(
        sampler=optuna.samplers.TPESampler(seed=config.train.seed),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=4),
    )
    study.enqueue_trial(_known(learning.usual))
    spent = lambda *_: tick(min(1.0, (time.monotonic() - begun) / (60 * minutes)))  # noqa: E731
    study.optimize(objective, timeout=60 * minutes, callbacks=[spent])
    best = min((trial for trial in trials if trial.log_loss is not None), key=lambda trial: trial.log_loss or 0)
    return Tuned(best.growth, tuple(trials))


def _optuna() -> Any:
    try:
        import optuna  # noqa: PLC0415
    except ImportError:
        raise ModelError("tuning needs Optuna: pip install 'clm-ml[tune]'.") from None
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna


def _early_and_late(past: Examples, horizon_days: int) -> tuple[list[int], list[int]]:
    """Split as_ofs into those to learn from and the latest, to choose on: no label window of the first reaches it."""
    as_ofs = past.as_ofs
    for count in range(min(_MOST_JUDGED, len(as_ofs) - 1), 0, -1):
        late = as_ofs[-count:]
        early = [day for day in as_ofs if day + horizon_days <= late[0]]
        if early:
            return early, late
    raise TimelineError(
        f"the log is too short to tune: it takes two label windows of {horizon_days} days before the one the model is "
        "judged on. Train without --tune, or use a shorter horizon."
    )


@dataclass(frozen=True)
class _Learning:
    """What a trial learns from and is judged on: customers who have ordered."""

    early: pd.DataFrame
    late: pd.DataFrame
    columns: tuple[str, ...]
    signs: Mapping[str, int]
    seed: int

    @classmethod
    def of(cls, early: Examples, late: Examples, config: Config, inputs: Inputs) -> _Learning:
        features = catalogue(config.task, inputs)
        has_ordered = early.frame["orders_ever"] > 0
        attributes = fit_attributes(early.frame[has_ordered], [name_of_attribute(name) for name in inputs.attributes])
        columns = (*(feature.name for feature in features if feature.learned), *attributes.columns())
        rhythm, prior = fit_rhythm_at(early.frame, early.as_ofs[-1]), fit_prior(early.latest, config.task.horizon_days)
        asked = dict.fromkeys([*columns, *PARTNER_COLUMNS, "customer_id", "as_of", "ordered"])

        def buyers(examples: Examples) -> pd.DataFrame:
            frame = against_habit(examples.frame[examples.frame["orders_ever"] > 0], rhythm, config.lapse)
            frame = prior.with_log_odds(attributes.add_to(frame))
            return frame[[name for name in asked if name in frame]].reset_index(drop=True)

        signs = {feature.name: feature.sign for feature in features}
        return cls(buyers(early), buyers(late), columns, signs, config.train.seed)

    @property
    def usual(self) -> Growth:
        return usual_growth(len(self.early))

    def log_loss(self, growth: Growth, share: float = 1.0) -> float:
        """Learn from the earlier as_ofs, of every n-th customer if not of all, and judge on the later ones."""
        rows = self.early
        if share < 1:
            rows = rows[pd.factorize(rows["customer_id"], sort=True)[0] % round(1 / share) == 0].reset_index(drop=True)
        learned = fit_probability(rows, self.columns, self.signs, self.seed, with_partner=True, growth=growth)
        logits, came = learned.raw(self.late), self.late["ordered"].to_numpy(dtype=np.float64)
        return float(np.mean(np.logaddexp(0, logits) - came * logits))


def _suggested(trial: Any, usual: Growth) -> Growth:
    return Growth(
        leaves=trial.suggest_int("leaves", 4, 31),
        rounds=trial.suggest_int("rounds", 50, 400),
        seeds=usual.seeds,
        rows_a_leaf=trial.suggest_int("rows_a_leaf", 10, 500, log=True),
        learning_rate=trial.suggest_float("learning_rate", 0.01, 0.1, log=True),
        feature_share=trial.suggest_float("feature_share", 0.3, 1.0),
        l2=trial.suggest_float("l2", 0.1, 100.0, log=True),
    )


def _known(growth: Growth) -> dict[str, Any]:
    return {name: value for name, value in asdict(growth).items() if name != "seeds"}
