"""Score: the same stairs to features as in training, then the model, then the reasons for those who matter most."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from clm_ml.artifacts import Box, as_path, new_box, open_box, refuse_existing
from clm_ml.config import Config
from clm_ml.engine import Target, open_target
from clm_ml.errors import ModelError
from clm_ml.keeping import read_kept_tables
from clm_ml.model import BOX_KIND, Model, load_model
from clm_ml.pipeline.permission import find_permitted
from clm_ml.pipeline.scores import SCORES, scores_schema, write_scores
from clm_ml.progress import Progress, silent
from clm_ml.tables import Tables
from clm_ml.timeline import date_of, parse_day
from clm_ml.tracking import fetch_box

__all__ = [
    "Scored",
    "find_model",
    "find_same_model",
    "find_speaker",
    "refuse_other_task",
    "score",
    "usual_box",
]


@dataclass(frozen=True)
class Scored:
    """A scores box, and what it holds.

    Attributes:
        box: the folder it lies in.
        as_of: ISO day.
        customers: people who were scored.
        segments: a row a segment, the most value at risk first.
        warnings: what to bear in mind.
        table: the table that took the scores too, if one did.
        not_scored: whom no list may hold, counted by reason, where only others are scored.
    """

    box: Path
    as_of: str
    customers: int
    segments: pd.DataFrame
    warnings: tuple[str, ...] = ()
    table: str | None = None
    not_scored: Mapping[str, int] = field(default_factory=dict)

    def _repr_html_(self) -> str:
        told = f"{self.customers:,} customers as of {self.as_of}, in {escape(str(self.box))}"
        return f"<p><b>scores</b>: {told}</p>{self.segments.to_html(index=False, float_format='{:,.2f}'.format)}"


def score(
    config: Config,
    out: str | Path,
    *,
    as_of: str | None = None,
    model: str | None = None,
    reasons: int | Literal["all"] = 20_000,
    force: bool = False,
    fresh: bool = False,
    to_table: str | None = None,
    if_exists: Literal["replace", "append"] = "replace",
    progress: Progress = silent,
) -> Scored:
    """Score everyone known at `as_of` into a scores box, with reasons for those with the most value at risk.

    With `list.scores_of: permitted` whoever no list may hold has no row: nothing is estimated of them.

    With `fresh` everything is read again, whatever an earlier run has kept.

    With `to_table` the scores also go to a table of the config's PostgreSQL, made if it is not there, in one
    transaction. With `if_exists="replace"` they take the place of the rows of this as_of, with `append` an as_of
    that is there is refused; other as_ofs stay. The table is tried before the long work, and filled once the box
    is whole.

    Raises:
        DataError: if the table cannot take the scores; it is then as it was, and the box stays if it was written.
        ConfigError: if a table is asked for, and the config's engine is no PostgreSQL.
    """
    out = as_path(out)
    refuse_existing(out, force)
    asked = None if as_of is None else parse_day(as_of)
    target = None if to_table is None else open_target(config, to_table, scores_schema(config.segments), if_exists)
    _rehearse(target, asked)
    kept = read_kept_tables(config, fresh=fresh, progress=progress)
    tables = kept.tables
    day = tables.complete_until if asked is None else asked
    place = model or f"models:/{config.project}@champion"
    box = find_model(config, place)
    _rehearse(target, day)
    learned = load_model(box)
    refuse_other_task(learned, config, tables)
    prepared = kept.prepare(progress)
    only, not_scored = (None, {}) if config.list.scores_of == "everyone" else find_permitted(config, prepared, day)
    facts: dict[str, Any] = {
        "as_of": date_of(day).isoformat(),
        "data": tables.facts(),
        "model": {
            "at": place if place.startswith("models:/") else str(box.resolve()),
            "facts": dict(open_box(box, BOX_KIND).facts),
        },
        "delete_after": config.list.delete_after(date_of(day)),
        "scores_of": config.list.scores_of,
        "not_scored": not_scored,
    }
    with new_box(out, "scores", facts, force=force, private=True) as hidden:
        segments = write_scores(hidden / SCORES, learned, prepared, day, reasons, progress, only)
        facts["customers"] = customers = int(segments["customers"].sum())
    tables.engine.close()
    if target is not None:
        progress("table", 0, 1)
        target.deliver(out / SCORES, facts["as_of"])
    return Scored(out, facts["as_of"], customers, segments, tables.warnings, to_table, not_scored)


def _rehearse(target: Target | None, day: int | None) -> None:
    if target is not None:
        target.rehearse(None if day is None else date_of(day).isoformat())


def find_speaker(config: Config, model: Model | str | Path, tables: Tables) -> tuple[Model, str]:
    """Take a model, or load the one at a place, and say what to call it; refuse one of another question.

    Raises:
        ModelError: if it is of another task, other inputs or other segments than the config's.
        ArtifactError: if there is none at that place.
    """
    if isinstance(model, Model):
        learned, name = model, f"the model of {model.facts.get('as_of', 'no day')}"
    else:
        learned, name = load_model(find_model(config, str(model))), str(model)
    refuse_other_task(learned, config, tables)
    return learned, name


def find_model(config: Config, place: str) -> Path:
    """Find a model box: a folder, or a registered model such as `models:/shop@champion`."""
    return fetch_box(config, place) if place.startswith("models:/") else Path(place)


def usual_box(project: str, as_of: str) -> Path:
    """Name the folder where training leaves a model if it is told of none.

    >>> usual_box("shop", "2025-09-01").as_posix()
    'models/shop-2025-09-01'
    """
    return Path("models") / f"{project}-{as_of}"


def find_same_model(box: Box, config: Config) -> Model | None:
    """Find the model that made the scores of a box; None if what is in its place now is another."""
    place = find_model(config, box.facts["model"]["at"])
    if dict(open_box(place, BOX_KIND).facts) != box.facts["model"]["facts"]:
        return None
    return load_model(place)


def refuse_other_task(model: Model, config: Config, tables: Tables) -> None:
    """Refuse a model that was learned for another question, or from other tables."""
    if model.task != config.task:
        asked, learned = config.task.model_dump(), model.task.model_dump()
        names = [name for name in asked if asked[name] != learned[name]]
        raise ModelError(
            f"the model was learned with another task ({', '.join(names)} differs); train again, or restore the config."
        )
    if not model.segments.place_alike(config.segments):
        raise ModelError(
            "the model was learned with other segments than the config has now; train again, or restore them."
        )
    if model.inputs != tables.inputs:
        raise ModelError(
            "the model was learned with other events, contacts or attributes than the config maps now; train again, or "
            "restore it."
        )
