"""Monitor: scores and what they were made of, held against what training saw and, once it is known, what came."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq

from clm_ml.artifacts import Box, as_path, json_text, open_box, refuse_existing_file, whole_file
from clm_ml.config import Config
from clm_ml.errors import ArtifactError, ModelError, TimelineError
from clm_ml.evaluation import calibration_error
from clm_ml.features import build_features, catalogue
from clm_ml.keeping import read_kept_tables
from clm_ml.labels import outcomes
from clm_ml.model import BOX_KIND, Model, load_model
from clm_ml.monitoring import (
    SCORE,
    Finding,
    Flow,
    Reference,
    Seen,
    active,
    arrived_by,
    compare_attributes,
    compare_outcomes,
    compare_rows,
    compare_spreads,
    in_order,
    not_known_yet,
    read_reference,
    spreads_of,
    values_of,
)
from clm_ml.pipeline.scores import SCORES, open_scores
from clm_ml.pipeline.scoring import find_model, usual_box
from clm_ml.plots import plot_drift
from clm_ml.progress import Progress, silent
from clm_ml.snapshot import Prepared, in_parts, orders_known_by, take_snapshot
from clm_ml.timeline import date_of, label_window, parse_day

__all__ = ["Monitored", "monitor"]

_READ = ["customer_id", "segment", "days_since_last_order", "order_probability", SCORE]


@dataclass(frozen=True)
class Monitored:
    """What has changed since training.

    Attributes:
        project: the config's.
        as_of: ISO day of the scores.
        reference_as_of: ISO day on which the model was learned.
        closes_on: ISO day from which on it is known what came.
        customers: the active ones that were scored.
        findings: alarms first; silent ones too.
        warnings: of the tables.
        files: what was written.
    """

    project: str
    as_of: str
    reference_as_of: str
    closes_on: str
    customers: int
    findings: tuple[Finding, ...] = field(repr=False)
    warnings: tuple[str, ...] = ()
    files: tuple[Path, ...] = ()

    @property
    def alarms(self) -> tuple[Finding, ...]:
        """What somebody should look at."""
        return tuple(finding for finding in self.findings if finding.level == "alarm")

    def facts(self) -> dict[str, Any]:
        """Tell it as plain data, as the JSON has it."""
        return {
            "project": self.project,
            "as_of": self.as_of,
            "reference_as_of": self.reference_as_of,
            "closes_on": self.closes_on,
            "customers": self.customers,
            "alarm": bool(self.alarms),
            "findings": [finding.facts() for finding in self.findings],
            "warnings": list(self.warnings),
        }

    def _repr_html_(self) -> str:
        told = [finding.facts() for finding in self.findings if finding.level != "silent"]
        table = pd.DataFrame(told).to_html(index=False) if told else "<p>Nothing has drifted.</p>"
        return f"<p>{self.as_of}, against training on {self.reference_as_of}</p>{table}"


def monitor(
    config: Config,
    scores: str | Path,
    *,
    model: str | None = None,
    out: str | Path | None = None,
    plot: str | Path | None = None,
    force: bool = False,
    fresh: bool = False,
    progress: Progress = silent,
) -> Monitored:
    """Hold scores, and the tables they were made of, against what training saw and, once it is known, what came.

    Args:
        config: the project, with the borders between what is silent, told and an alarm.
        scores: a scores box.
        model: the model that made them, where it is no longer at the place the box names: a box, or models:/NAME@ALIAS.
        out: a JSON file for what is found.
        plot: a PNG of what has drifted most.
        force: whether files that are there are replaced.
        fresh: whether everything is read again, whatever an earlier run has kept.
        progress: told how far it is.

    Raises:
        ArtifactError: if there is no scores box, or the model is of before there was a reference.
        ModelError: if the model that made the scores is not found, or answers another question than the config asks.
        TimelineError: if the scores are of a day before the model was learned.
    """
    out, plot = as_path(out), as_path(plot)
    for path in (out, plot):
        refuse_existing_file(path, force)
    box = open_scores(Path(scores), _READ)
    learned = _model_of(box, config, model)
    then, day = _reference(learned, box), parse_day(str(box.facts["as_of"]))
    kept = read_kept_tables(config, fresh=fresh, progress=progress)
    prepared = kept.prepare(progress)
    said = active(pq.read_table(box.path(SCORES), columns=_READ).to_pandas(), config.task)
    progress("comparing", 0, 1)
    findings = in_order(_findings(prepared, config, learned, then, said, day))
    kept.tables.engine.close()
    told = Monitored(
        project=config.project,
        as_of=date_of(day).isoformat(),
        reference_as_of=date_of(then.as_of).isoformat(),
        closes_on=date_of(day + config.task.horizon_days).isoformat(),
        customers=len(said),
        findings=tuple(findings),
        warnings=(*kept.tables.warnings, *_warned(box)),
    )
    progress("comparing", 1, 1)
    return replace(told, files=_written(told, {*then.features, *then.scores, "segments"}, out, plot, force))


def _warned(box: Box) -> tuple[str, ...]:
    if box.facts.get("scores_of", "everyone") == "everyone":
        return ()
    return (
        "the scores are of those who are permitted on a list, and the reference is of everybody: scores and segments "
        "may differ for that alone.",
    )


def _findings(
    prepared: Prepared, config: Config, model: Model, then: Reference, said: pd.DataFrame, day: int
) -> Iterator[Finding]:
    """Ask each room in turn: rows, attributes, features and scores, what came."""
    limits = config.monitor
    arrived, daily = arrived_by(prepared, day, then.arrived.recent_days)
    read = model.facts["data"]["tables"], prepared.tables.facts()["tables"]
    yield from compare_rows(Flow(then.arrived, arrived, daily, then.as_of, day, *read), limits)
    watched = [name for name in then.attributes if name in config.mapped_attributes()]
    values = values_of(prepared, watched, day, config.task.horizon_days)
    yield from compare_attributes(then.attributes, values, limits)
    features = {feature.name: feature for feature in catalogue(model.task, model.inputs)}
    yield from compare_spreads(then, _seen(prepared, config, then, said, day), features, day, limits)
    window = label_window(day, config.task.horizon_days)
    if window.is_closed_by(prepared.tables.complete_until):
        yield from _came(prepared, config, model, then, said, day)
    else:
        yield not_known_yet(window.end)


def _seen(prepared: Prepared, config: Config, then: Reference, said: pd.DataFrame, day: int) -> Seen:
    """Count how features and scores are spread; features are wide, and are counted as they are made."""
    engine = prepared.tables.engine
    described = (build_features(take_snapshot(part, day), config.task) for part in in_parts(prepared))
    batches = (batch.to_pandas() for features in described for batch in engine.batches(features, "customer_id"))
    features, typical = spreads_of((active(batch, config.task) for batch in batches), then.features)
    scores, typical_scores = spreads_of([said], then.scores)
    segments = {str(name): int(count) for name, count in said["segment"].value_counts().items()}
    return Seen(features | scores, typical | typical_scores, segments)


def _came(
    prepared: Prepared, config: Config, model: Model, then: Reference, said: pd.DataFrame, day: int
) -> Iterator[Finding]:
    """Put beside what was said what came."""
    orders = orders_known_by(prepared, prepared.tables.complete_until)
    window = label_window(day, config.task.horizon_days)
    came = outcomes(orders, window).select("customer_id", "ordered")
    found = prepared.tables.engine.collect(came, "customer_id").to_pandas()
    both = said.merge(found, on="customer_id", how="left").fillna({"ordered": 0})
    ordered, probability = both["ordered"].to_numpy(), both["order_probability"].to_numpy()
    judged = model.facts["evaluation"]
    training = {**judged.get("model", {}), "customers": judged.get("customers", 0)}
    ece = calibration_error(ordered, probability) if len(both) else 0.0
    yield from compare_outcomes(ordered, probability, ece, training, then, day, config.monitor)


def _model_of(box: Box, config: Config, asked: str | None) -> Model:
    """Load the model that made the scores; when another has become champion since, it lies where training left it."""
    at, facts = str(box.facts["model"]["at"]), box.facts["model"]["facts"]
    usual = usual_box(str(facts.get("project", config.project)), str(facts["as_of"]))
    places = [asked] if asked else [at, str(usual)]
    folder = next((found for place in places if (found := _found(config, place, facts)) is not None), None)
    if folder is None:
        raise ModelError(
            f"the model that made these scores is not at {' or '.join(places)}; name its box with --model, or score "
            "again."
        )
    learned = load_model(folder)
    if learned.task != config.task:
        raise ModelError("the scores were made for another task than the config has now; score again, or restore it.")
    return learned


def _found(config: Config, place: str, facts: Mapping[str, Any]) -> Path | None:
    """Find a model's box at a place; None if there is another, or none."""
    try:
        folder = find_model(config, place)
        return folder if dict(open_box(folder, BOX_KIND).facts) == dict(facts) else None
    except (ArtifactError, ModelError):
        return None


def _reference(model: Model, box: Box) -> Reference:
    if not model.reference:
        raise ArtifactError(
            f"the model of {box.folder} was trained before models carried a reference of what training saw; train "
            "again, score with that model, and monitor those scores."
        )
    then = read_reference(model.reference)
    if parse_day(str(box.facts["as_of"])) < then.as_of:
        raise TimelineError(
            f"the scores are of {box.facts['as_of']}, but their model was learned on {date_of(then.as_of)} and knows "
            "what came in between; monitor scores of that day or later."
        )
    return then


def _written(told: Monitored, spreads: set[str], out: Path | None, plot: Path | None, force: bool) -> tuple[Path, ...]:
    if out is not None:
        with whole_file(out, force=force) as hidden:
            hidden.write_text(json_text(told.facts()), encoding="utf-8")
    if plot is not None:
        with whole_file(plot, force=force) as hidden:
            plot_drift(_drifts(told, spreads), told.as_of, told.reference_as_of).savefig(hidden, dpi=150, format="png")
    return tuple(path for path in (out, plot) if path is not None)


def _drifts(told: Monitored, spreads: set[str]) -> pd.DataFrame:
    """Lay out what is drawn: everything that has a PSI."""
    rows = [finding.facts() for finding in told.findings if finding.what in spreads and finding.value is not None]
    return pd.DataFrame(rows, columns=["what", "level", "value", "threshold"])
