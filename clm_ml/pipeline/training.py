"""Train: examples of many as_ofs, models, a judgement forward in time, the gate, the box, the run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from clm_ml.artifacts import new_box, refuse_existing
from clm_ml.config import Config
from clm_ml.errors import ClmError, ModelError
from clm_ml.evaluation import (
    LEAKAGE_AUC,
    Verdict,
    fit_baselines,
    judge_as_of,
    metrics,
    pass_gate,
    reliability,
    value_metrics,
)
from clm_ml.examples import Examples, collect_examples, training_as_ofs
from clm_ml.features import against_habit
from clm_ml.model import BOX_KIND, Model, learn, load_model, save_model
from clm_ml.pipeline.progress import Progress, silent
from clm_ml.plots import plot_gains, plot_reliability
from clm_ml.snapshot import prepare
from clm_ml.tables import Tables, read_tables
from clm_ml.timeline import date_of, parse_day
from clm_ml.tracking import Run, Tracked, fetch_box, log_run

__all__ = ["Trained", "train", "train_box"]

Floats = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True)
class Trained:
    """A model, how it was judged, where its box lies and where it was tracked."""

    model: Model
    box: Path
    verdict: Verdict
    tracked: Tracked
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Judged:
    """What was said and what came, of the cohort at the last closed as_of."""

    cohort: pd.DataFrame = field(repr=False)
    order_probability: Floats = field(repr=False)
    baselines: Mapping[str, Floats] = field(repr=False)
    facts: Mapping[str, Any]


def train(tables: Tables, config: Config, as_of: Any = None, progress: Progress = silent) -> Model:
    """Learn all models from what was known before `as_of`, and judge them on the last closed label window.

    Args:
        tables: the validated inputs.
        config: the project.
        as_of: an ISO day, date or day number; the day until which the tables are complete, if not given.
        progress: told how far it is.

    Raises:
        TimelineError: if there is not enough history before `as_of`.
        ModelError: if there is nothing to learn.
    """
    return _learn_and_judge(tables, config, as_of, progress)[0]


def train_box(
    config: Config,
    as_of: str | None = None,
    folder: Path | None = None,
    force: bool = False,
    progress: Progress = silent,
) -> Trained:
    """Train from the config's sources; write the box, log the run, and promote the model if it passes the gate."""
    if folder is not None:
        refuse_existing(folder, force)
    progress("reading tables", 0, 1)
    tables = read_tables(config)
    day = tables.complete_until if as_of is None else parse_day(as_of)
    folder = folder or Path("models") / f"{config.project}-{date_of(day)}"
    refuse_existing(folder, force)
    model, judged = _learn_and_judge(tables, config, day, progress)
    progress("judging", 0, 1)
    verdict = _gate(judged, config)
    model = replace(model, facts={**model.facts, "gate": {"passed": verdict.passed, "why": verdict.why}})
    with new_box(folder, BOX_KIND, _box_facts(model), force=force) as hidden:
        save_model(model, hidden)
    progress("tracking", 0, 1)
    tracked = log_run(config, _run(model, judged, folder), "champion" if verdict.passed else "challenger")
    tables.engine.close()
    progress("tracking", 1, 1)
    return Trained(model, folder, verdict, tracked, (*tables.warnings, *_alarms(judged)))


def _learn_and_judge(tables: Tables, config: Config, as_of: Any, progress: Progress) -> tuple[Model, _Judged]:
    day = tables.complete_until if as_of is None else parse_day(as_of)
    as_ofs = training_as_ofs(config, tables.first_day, day)
    progress("preparing days", 0, 1)
    prepared = prepare(tables)
    done = iter(range(1, len(as_ofs) + 1))
    progress("examples", 0, len(as_ofs))
    examples = collect_examples(prepared, config, as_ofs, day, lambda _: progress("examples", next(done), len(as_ofs)))
    early, last = judge_as_of(examples.as_ofs, config.task.horizon_days)
    meanings = tables.meanings if tables.events is not None else None
    progress("learning", 0, 2)
    judged = _judge(learn(examples.at(early), config, meanings), examples, early, last)
    progress("learning", 1, 2)
    model = learn(examples, config, meanings)
    progress("learning", 2, 2)
    return replace(model, facts=_facts(config, tables, examples, day, judged)), judged


def _judge(model: Model, examples: Examples, early: list[int], last: int) -> _Judged:
    """Let a model that knows only the early as_ofs speak of the last, beside the baselines."""
    cohort = _cohort(model, examples.at([last]).frame)
    if cohort["ordered"].nunique() < 2:
        raise ModelError(f"nothing can be judged: all customers had one outcome after {date_of(last)}.")
    said = model.order_probability(cohort)
    past = examples.at(early).frame
    baselines = fit_baselines(past[past["orders_ever"] > 0], cohort)
    value = said * model.amount.predict(cohort)
    facts = {
        "as_of": date_of(last).isoformat(),
        "learned_until": date_of(max(early)).isoformat(),
        "customers": len(cohort),
        "model": metrics(cohort["ordered"], said),
        "value": value_metrics(cohort["spent"], value),
        "baselines": {name: metrics(cohort["ordered"], baseline) for name, baseline in baselines.items()},
    }
    return _Judged(cohort, said, baselines, facts)


def _cohort(model: Model, frame: pd.DataFrame) -> pd.DataFrame:
    """Keep the customers whom the churn model is judged on: those with an order in the last active_days."""
    active = frame[frame["days_since_last_order"] <= model.task.active_days].reset_index(drop=True)
    return against_habit(active, model.rhythm, model.lapse)


def _gate(judged: _Judged, config: Config) -> Verdict:
    champion = _champion(config, judged)
    return pass_gate(judged.cohort["ordered"], judged.order_probability, judged.baselines, champion, config.train.seed)


def _champion(config: Config, judged: _Judged) -> Floats | None:
    """Ask the reigning champion, if there is one and it has not seen what came."""
    try:
        champion = load_model(fetch_box(config, f"models:/{config.project}@champion"))
        if champion.facts["as_of"] > judged.facts["as_of"] or champion.task != config.task:
            return None
        cohort = judged.cohort.drop(columns=["expected_gap_days", "overdue_ratio"])
        return champion.order_probability(champion.complete(cohort))
    except ClmError:
        return None


def _facts(config: Config, tables: Tables, examples: Examples, day: int, judged: _Judged) -> dict[str, Any]:
    return {
        "project": config.project,
        "as_of": date_of(day).isoformat(),
        "as_ofs": [date_of(as_of).isoformat() for as_of in examples.as_ofs],
        "examples": len(examples.frame),
        "sampled_share": examples.sampled_share,
        "seed": config.train.seed,
        "data": tables.facts(),
        "evaluation": dict(judged.facts),
    }


def _box_facts(model: Model) -> dict[str, Any]:
    """Tell in the manifest what made the model and how good it is; scores and lists copy it forward."""
    evaluation = model.facts["evaluation"]
    return {
        "project": model.facts["project"],
        "as_of": model.facts["as_of"],
        "horizon_days": model.task.horizon_days,
        "examples": model.facts["examples"],
        "data": model.facts["data"],
        "judged_on": evaluation["as_of"],
        "auc": evaluation["model"]["auc"],
        "log_loss": evaluation["model"]["log_loss"],
        "gate": model.facts["gate"],
    }


def _run(model: Model, judged: _Judged, box: Path) -> Run:
    params = {
        **{f"task.{name}": value for name, value in model.task.model_dump(mode="json").items()},
        **{f"lapse.{name}": value for name, value in model.lapse.model_dump(mode="json").items()},
        "seed": model.facts["seed"],
        "as_of": model.facts["as_of"],
        "as_ofs": len(model.facts["as_ofs"]),
        "examples": model.facts["examples"],
    }
    figures = dict(judged.facts["model"]) | {f"value.{name}": value for name, value in judged.facts["value"].items()}
    for baseline, judged_figures in judged.facts["baselines"].items():
        figures |= {f"{baseline}.{name}": value for name, value in judged_figures.items()}
    churned = 1 - judged.cohort["ordered"]
    said = {"model": 1 - judged.order_probability} | {name: 1 - other for name, other in judged.baselines.items()}
    plots = {
        "reliability.png": plot_reliability(reliability(judged.cohort["ordered"], judged.order_probability)),
        "gains.png": plot_gains(churned, said),
    }
    name = f"{model.facts['project']} {model.facts['as_of']}"
    facts = {**model.facts["data"], "gate": model.facts["gate"]}
    return Run(name, params, figures, facts, plots, box, tuple(model.features()))


def _alarms(judged: _Judged) -> tuple[str, ...]:
    auc = judged.facts["model"]["auc"]
    if auc <= LEAKAGE_AUC:
        return ()
    return (f"AUC {auc:.3f} is too good for an order log: look for a column that knows the future.",)
