"""Train: examples of many as_ofs, models, a judgement forward in time, the gate, the box, the run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from html import escape
from math import ceil
from pathlib import Path
from typing import Any

from clm_ml.artifacts import as_path, new_box, refuse_existing
from clm_ml.config import Config, Inputs
from clm_ml.errors import TimelineError
from clm_ml.evaluation import Verdict, judge_as_of, reliability
from clm_ml.examples import Examples, collect_examples, refuse_short, training_as_ofs
from clm_ml.keeping import Kept, read_kept_tables
from clm_ml.model import BOX_KIND, Model, Tuned, learn, save_model, tune
from clm_ml.monitoring import Sampled, arrived_by, count_training, values_of
from clm_ml.pipeline.carding import read_people, with_card, with_people
from clm_ml.pipeline.curves import curves
from clm_ml.pipeline.foresight import is_beaten
from clm_ml.pipeline.judging import Judged, alarms, gate, judge
from clm_ml.pipeline.scoring import usual_box
from clm_ml.plots import plot_gains, plot_reliability
from clm_ml.progress import Progress, silent
from clm_ml.tables import Tables
from clm_ml.timeline import date_of, parse_day
from clm_ml.tracking import Run, Tracked, log_run

__all__ = ["Trained", "train", "train_box"]


@dataclass(frozen=True)
class Trained:
    """A model, how it was judged, where its box lies and where it was tracked.

    Attributes:
        model: as it was learned.
        box: the folder it lies in.
        verdict: whether it passed the gate, and why.
        tracked: the run, and the version and alias it is registered with.
        warnings: what to bear in mind.
    """

    model: Model
    box: Path
    verdict: Verdict
    tracked: Tracked
    warnings: tuple[str, ...] = ()

    def _repr_html_(self) -> str:
        told = f"{self.tracked.alias}, version {self.tracked.version}: {self.verdict.why}"
        lines = "".join(f"<li>{escape(line)}</li>" for line in (told, f"box: {self.box}", *self.warnings))
        return f"{self.model._repr_html_()}<ul>{lines}</ul>"


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
    model, judged, _ = _learn_and_judge(Kept(tables, config), as_of, progress)
    return with_card(model, judged, config)


def train_box(
    config: Config,
    as_of: str | None = None,
    folder: str | Path | None = None,
    force: bool = False,
    progress: Progress = silent,
    *,
    fresh: bool = False,
    tune_minutes: float | None = None,
) -> Trained:
    """Train from the config's sources; write the box, log the run, and promote the model if it passes the gate.

    With `tune_minutes` it is searched so long, on earlier as_ofs, for how the trees of the churn model should grow.
    """
    folder = as_path(folder)
    if folder is not None:
        refuse_existing(folder, force)
    asked = None if as_of is None else parse_day(as_of)
    kept = read_kept_tables(config, fresh=fresh, progress=progress)
    tables = kept.tables
    day = tables.complete_until if asked is None else asked
    folder = folder or usual_box(config.project, date_of(day).isoformat())
    refuse_existing(folder, force)
    model, judged, tuned = _learn_and_judge(kept, day, progress, closing=True, tune_minutes=tune_minutes)
    progress("judging", 0, 1)
    unjudged = model.facts["evaluation"].get("unjudged")
    verdict = Verdict(False, f"it could not be judged: {unjudged}") if judged is None else gate(judged, config)
    model = replace(model, facts={**model.facts, "gate": {"passed": verdict.passed, "why": verdict.why}})
    model = with_card(model, judged, config)
    with new_box(folder, BOX_KIND, _box_facts(model), force=force) as hidden:
        save_model(model, hidden)
    progress("tracking", 0, 1)
    tracked = log_run(config, _run(model, judged, tuned, folder), "champion" if verdict.passed else "challenger")
    progress("tracking", 1, 1)
    warned = _warned(model) if judged is None else alarms(judged)
    return Trained(model, folder, verdict, tracked, (*tables.warnings, *warned))


def _warned(model: Model) -> tuple[str, ...]:
    """Say what a model that could not be judged was learned from, and why."""
    from_what = "from order histories alone (BG/NBD)" if model.customers is None else "from overlapping label windows"
    return (f"learned {from_what}, and not judged: {model.facts['evaluation']['unjudged']}",)


def _why_unjudged(config: Config, first_day: int, day: int) -> str | None:
    try:
        refuse_short(config, first_day, day)
    except TimelineError as refused:
        return str(refused)
    return None


def _learn_and_judge(
    kept: Kept, as_of: Any, progress: Progress, *, closing: bool = False, tune_minutes: float | None = None
) -> tuple[Model, Judged | None, Tuned | None]:
    """Learn, and judge if the log is long enough.

    With `closing` the engine is closed before learning, which takes all memory there is.
    """
    tables, config = kept.tables, kept.config
    day = tables.complete_until if as_of is None else parse_day(as_of)
    _refuse_late(day, tables.complete_until)
    examples, seen, people = _collected(kept, day, progress, closing)
    unjudged = _why_unjudged(config, tables.first_day, day)
    if unjudged is not None:
        if tune_minutes is not None:
            raise TimelineError(unjudged)
        progress("learning", 0, 1)
        model = learn(examples, config, tables.inputs)
        progress("learning", 1, 1)
        facts = _facts(config, tables, examples, day, {"unjudged": unjudged}, None)
        return replace(model, facts=facts, reference=seen.told_by(model).facts()), None, None
    speaker, judged, tuned = _judged(examples, config, tables.inputs, tune_minutes, progress)
    judged = with_people(judged, people)
    del people
    facts, handed = _facts(config, tables, examples, day, dict(judged.facts), tuned), [examples]
    del examples  # whoever learns holds them alone, and can give them back
    model = learn(handed.pop(), config, tables.inputs, None if tuned is None else tuned.growth)
    if model.next_segment is not None and is_beaten(judged.facts):
        model = replace(model, next_segment=model.next_segment.refused())
    progress("learning", 2, 2)
    facts = {**facts, "curves": curves(judged, speaker, model, config)}
    return replace(model, facts=facts, reference=seen.told_by(model).facts()), judged, tuned


def _collected(kept: Kept, day: int, progress: Progress, closing: bool) -> tuple[Examples, Sampled, Any]:
    """Collect what can be learned from on a day, count it, and read what people are; prepared tables are given back.

    With `closing` the engine is too.
    """
    config = kept.config
    as_ofs = training_as_ofs(config, kept.tables.first_day, day)
    prepared = kept.prepare(progress)
    arrived, _ = arrived_by(prepared, day, config.monitor.recent_days)
    values = values_of(prepared, config.watched_attributes(), day, config.task.horizon_days)
    people = read_people(kept.tables, config.train.fairness)
    done = iter(range(1, len(as_ofs) + 1))
    progress("examples", 0, len(as_ofs))

    def tick(_: str) -> None:
        progress("examples", next(done), len(as_ofs))

    when_read = kept.tables.engine.close if closing else lambda: None
    examples = collect_examples(
        prepared, config, as_ofs, day, tick, with_open=True, giving_back=True, when_read=when_read
    )
    return examples, count_training(examples, config.task, kept.tables.inputs, day, arrived, values), people


def _judged(
    examples: Examples, config: Config, inputs: Inputs, tune_minutes: float | None, progress: Progress
) -> tuple[Model, Judged, Tuned | None]:
    """Judge on the last as_of what was learned, and searched for, on those whose windows had closed by then."""
    early, last = judge_as_of(examples.as_ofs, config.task.horizon_days)
    past = examples.at(early, last)
    tuned = None if tune_minutes is None else _tune(past, config, inputs, tune_minutes, progress)
    progress("learning", 0, 2)
    model = learn(past, config, inputs, None if tuned is None else tuned.growth)
    judged = judge(model, past, examples.at([last]))
    progress("learning", 1, 2)
    return model, judged, tuned


def _tune(past: Examples, config: Config, inputs: Inputs, minutes: float, progress: Progress) -> Tuned:
    seconds = ceil(60 * minutes)
    progress("tuning", 0, seconds)
    return tune(past, config, inputs, minutes, lambda share: progress("tuning", int(share * seconds), seconds))


def _refuse_late(day: int, complete_until: int) -> None:
    """Refuse to learn labels from days that have not arrived: silence there is no churn."""
    if day > complete_until:
        until = date_of(complete_until)
        raise TimelineError(
            f"as_of {date_of(day)} is too late: data are complete until {until}. "
            f"Use {until} or earlier, or bring the tables up to date."
        )


def _facts(
    config: Config,
    tables: Tables,
    examples: Examples,
    day: int,
    evaluation: Mapping[str, Any],
    tuned: Tuned | None,
) -> dict[str, Any]:
    return {
        "project": config.project,
        "as_of": date_of(day).isoformat(),
        "as_ofs": [date_of(as_of).isoformat() for as_of in examples.as_ofs],
        "examples": len(examples.frame),
        "sampled_share": examples.sampled_share,
        "seed": config.train.seed,
        "data": tables.facts(),
        "tuned": None if tuned is None else tuned.facts(),
        "evaluation": evaluation,
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
        "judged_on": evaluation.get("as_of"),
        "auc": evaluation.get("model", {}).get("auc"),
        "log_loss": evaluation.get("model", {}).get("log_loss"),
        "gate": model.facts["gate"],
    }


def _run(model: Model, judged: Judged | None, tuned: Tuned | None, box: Path) -> Run:
    params = {
        **{f"task.{name}": value for name, value in model.task.model_dump(mode="json").items()},
        **{f"lapse.{name}": value for name, value in model.lapse.model_dump(mode="json").items()},
        "seed": model.facts["seed"],
        "as_of": model.facts["as_of"],
        "as_ofs": len(model.facts["as_ofs"]),
        "examples": model.facts["examples"],
    }
    figures, plots = ({}, {}) if judged is None else (_figures(judged), _plots(judged))
    name = f"{model.facts['project']} {model.facts['as_of']}"
    facts = {**model.facts["data"], "gate": model.facts["gate"]}
    trials = () if tuned is None else tuple(trial.facts() for trial in tuned.trials)
    texts = {"model_card.md": model.card}
    return Run(name, params, figures, facts, plots, box, model.features(), trials, texts)


def _figures(judged: Judged) -> dict[str, float]:
    figures = dict(judged.facts["model"]) | {f"value.{name}": value for name, value in judged.facts["value"].items()}
    for name in ("next_segment", "next_order"):
        figures |= {f"{name}.{figure}": value for figure, value in judged.facts[name]["model"].items()}
    for baseline, judged_figures in judged.facts["baselines"].items():
        figures |= {f"{baseline}.{name}": value for name, value in judged_figures.items()}
    return figures


def _plots(judged: Judged) -> dict[str, Any]:
    churned = 1 - judged.cohort["ordered"]
    said = {"model": 1 - judged.order_probability} | {name: 1 - other for name, other in judged.baselines.items()}
    return {
        "reliability.png": plot_reliability(reliability(judged.cohort["ordered"], judged.order_probability)),
        "gains.png": plot_gains(churned, said),
    }
