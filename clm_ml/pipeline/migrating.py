"""Transitions: who moved between the segments over the last horizon, who will over the next, and who is about to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from clm_ml.artifacts import json_text, new_box, refuse_existing, refuse_existing_file, whole_file
from clm_ml.config import Config
from clm_ml.destinations import write_csv
from clm_ml.errors import ModelError, UsageError, did_you_mean
from clm_ml.keeping import read_kept_tables
from clm_ml.lifecycle import (
    Past,
    count_moves,
    flows_of,
    moved_between,
    size_forecast,
)
from clm_ml.model import Model
from clm_ml.pipeline.scoring import find_speaker
from clm_ml.pipeline.standing import Looked, fitted_at, in_order, look
from clm_ml.plots import plot_flows
from clm_ml.progress import Progress, silent
from clm_ml.snapshot import Prepared, prepare
from clm_ml.tables import Tables
from clm_ml.timeline import as_ofs_before, date_of, parse_day

__all__ = ["Migrated", "transitions", "transitions_files"]

Floats = np.ndarray[Any, np.dtype[np.float64]]

#: So many windows tell how far off what is expected may be.
_MOST_WINDOWS = 8


@dataclass(frozen=True)
class Migrated:
    """Who moved where, and who will.

    Attributes:
        since: ISO day, a horizon before `as_of`.
        as_of: ISO day.
        until: ISO day, a horizon after it.
        observed: customers who moved from `since` to `as_of`: a row a segment and one of newcomers, a column a segment.
        moves: who came and who went, as `count_moves` says.
        predicted: how many are expected to move from `as_of` to `until`; None without a model.
        forecast: the size of each segment at `until`, as `size_forecast` says; None without a model.
        windows: the closed windows that the forecast's interval and newcomers come from.
        about_to: who is about to be in the segment asked for, as `transitions` says; None if none was asked for.
        model: the model whose borders and words these are; None if the borders were fitted at `since`.
        phases: each segment's phase.
        files: what was written.
    """

    since: str
    as_of: str
    until: str
    observed: pd.DataFrame = field(repr=False)
    moves: Mapping[str, int]
    predicted: pd.DataFrame | None = field(repr=False)
    forecast: pd.DataFrame | None = field(repr=False)
    windows: int
    about_to: pd.DataFrame | None = field(repr=False)
    model: str | None
    phases: Mapping[str, str] = field(repr=False)
    files: tuple[Path, ...] = ()
    warnings: tuple[str, ...] = ()

    def figure(self) -> Figure:
        """Draw the flows: those observed, and with a model those expected."""
        return plot_flows(self.observed, self.predicted, self.phases, (self.since, self.as_of, self.until))

    def _repr_html_(self) -> str:
        told = (
            f"<p>customers by segment on {self.since} (down) and on {self.as_of} (across)</p>{self.observed.to_html()}"
        )
        if self.forecast is None:
            return told
        return f"{told}<p>expected at {self.until}</p>{self.forecast.round(1).to_html(index=False)}"


def transitions(
    tables: Tables,
    config: Config,
    as_of: Any = None,
    model: Model | str | Path | None = None,
    about_to: str | None = None,
    progress: Progress = silent,
) -> Migrated:
    """Tell who moved between segments over the last horizon, and with a model who will over the next.

    Args:
        tables: the validated inputs.
        config: for the task, the rules and the lapse thresholds.
        as_of: an ISO day, date or day number; the day until which the tables are complete, if not given.
        model: itself, its box or models:/NAME@ALIAS; without one the borders are fitted a horizon before as_of, and
            nothing is said of what comes.
        about_to: a segment; tells who is not in it and is likelier to be in it when the horizon ends than in any other:
            `customer_id, segment, becomes_SEGMENT_probability, churn_probability, value_at_risk`, the most value at
            risk first, then the greater probability, then the smaller customer_id. Where the customer table maps
            may_profile, only those who have said yes are told, and nobody whom `list.suppress` names.
        progress: told how far it is.

    Raises:
        TimelineError: if the tables are not complete until `as_of`, or no order lies a horizon before it.
        ModelError: if the model is of another task, other inputs or segments, or tells no next segment.
        UsageError: if there is no segment `about_to`, or no model to tell.
    """
    _refuse_usage(config, model, about_to)
    day = tables.complete_until if as_of is None else parse_day(as_of)
    prepared = prepare(tables)
    told = _migrated(prepared, config, day, model, about_to, progress)
    prepared.drop()
    return told


def transitions_files(
    config: Config,
    as_of: str | None = None,
    *,
    model: str | None = None,
    about_to: str | None = None,
    out: Path | None = None,
    plot: Path | None = None,
    force: bool = False,
    fresh: bool = False,
    progress: Progress = silent,
) -> Migrated:
    """Do as `transitions`, and write what was found.

    Args:
        config: the project.
        as_of: as for `transitions`.
        model: as for `transitions`.
        about_to: as for `transitions`; `out` is then the CSV of the list.
        out: otherwise a box with the matrices and the forecast.
        plot: the PNG of flows.
        force: whether what is there is replaced.
        fresh: whether everything is read again, whatever an earlier run has kept.
        progress: told how far it is.
    """
    _refuse_usage(config, model, about_to)
    if out is not None:
        (refuse_existing_file if about_to else refuse_existing)(out, force)
    refuse_existing_file(plot, force)
    asked = None if as_of is None else parse_day(as_of)
    kept = read_kept_tables(config, fresh=fresh, progress=progress)
    day = kept.tables.complete_until if asked is None else asked
    told = _migrated(kept.prepare(progress), config, day, model, about_to, progress)
    kept.tables.engine.close()
    if out is not None and told.about_to is not None:
        _write_list(told.about_to, out, force)
    elif out is not None:
        _write_box(told, out, force)
    if plot is not None:
        with whole_file(plot, force=force) as hidden:
            told.figure().savefig(hidden, dpi=150, format="png")
    return replace(told, files=tuple(path for path in (out, plot) if path is not None))


def _refuse_usage(config: Config, model: Any, about_to: str | None) -> None:
    if about_to is None:
        return
    if about_to not in (known := config.segments.names):
        near = did_you_mean(about_to, known) or f"; there are {', '.join(known)}."
        raise UsageError(f"there is no segment {about_to!r}{near}")
    if model is None:
        raise UsageError(f"who is about to be in {about_to} a model must tell: name it with --model.")


def _migrated(
    prepared: Prepared,
    config: Config,
    day: int,
    model: Model | str | Path | None,
    about_to: str | None,
    progress: Progress,
) -> Migrated:
    speaker, name = (None, None) if model is None else _speaker(prepared, config, model)
    days = _days(prepared.tables, config, day, most=1 if speaker is None else _MOST_WINDOWS)
    lifecycle = fitted_at(prepared, config, days[-2]) if speaker is None else speaker.lifecycle
    looked, moved = None, None
    past: list[Past] = []
    moves: dict[str, int] = {}
    progress("as_ofs", 0, len(days))
    for number, at in enumerate(days, start=1):
        before, looked = looked, look(prepared, config, at, lifecycle, speaker, about_to if at == day else None)
        if before is not None:
            moved = moved_between(before.placed, looked.placed, lifecycle.rules)
            moves = count_moves(before.placed, looked.placed) if at == day else {}
            past += _past(before, moved)
        progress("as_ofs", number, len(days))
    assert looked is not None, "there are two days"
    assert moved is not None, "there are two days"
    rules, expected = lifecycle.rules, looked.expected
    return Migrated(
        since=date_of(days[-2]).isoformat(),
        as_of=date_of(day).isoformat(),
        until=date_of(day + config.task.horizon_days).isoformat(),
        observed=moved,
        moves=moves,
        predicted=None if expected is None else pd.DataFrame(expected.matrix, list(rules.names), list(rules.names)),
        forecast=None if expected is None else size_forecast(expected, past, rules),
        windows=len(past),
        about_to=None if about_to is None else in_order(looked.listed, prepared.tables, config, about_to),
        model=name,
        phases=rules.phases,
        warnings=(*prepared.tables.warnings, *_warned(speaker, day)),
    )


def _speaker(prepared: Prepared, config: Config, model: Model | str | Path) -> tuple[Model, str]:
    speaker, name = find_speaker(config, model, prepared.tables)
    if speaker.next_segment is None:
        raise ModelError(
            "the model was learned from order histories alone and tells no next segment; train it on a longer log, or "
            "leave it out to see only who moved."
        )
    return speaker, name


def _warned(speaker: Model | None, day: int) -> tuple[str, ...]:
    if speaker is None or "as_of" not in speaker.facts or parse_day(str(speaker.facts["as_of"])) <= day:
        return ()
    return (f"the model has learned from what was known by {speaker.facts['as_of']}: it knows some of what came.",)


def _days(tables: Tables, config: Config, day: int, most: int) -> Sequence[int]:
    """Step back from a day by horizons: one at least, and as far as there is history."""
    horizon = config.task.horizon_days
    first = tables.first_day + config.train.at_least_history_days
    return as_ofs_before(day, min(first, day - horizon), horizon, most + 1)


def _past(before: Looked, moved: pd.DataFrame) -> list[Past]:
    """Put beside what was expected at one as_of what had come by the next; nothing without a model."""
    if before.expected is None:
        return []
    came = moved.to_numpy(dtype=np.float64)
    return [Past(before.expected, came[:-1].sum(axis=0), came[-1])]


def _write_list(listed: pd.DataFrame, out: Path, force: bool) -> None:
    with whole_file(out, force=force) as hidden:
        write_csv(listed.round({str(listed.columns[2]): 6}), hidden)
        hidden.chmod(0o600)  # it tells of people


def _write_box(told: Migrated, out: Path, force: bool) -> None:
    facts = {"since": told.since, "as_of": told.as_of, "until": told.until, "model": told.model}
    with new_box(out, "transitions", facts, force=force) as hidden:
        write_csv(flows_of(told.observed), hidden / "observed.csv")
        if told.predicted is not None and told.forecast is not None:
            write_csv(flows_of(told.predicted), hidden / "predicted.csv")
            write_csv(told.forecast, hidden / "forecast.csv")
        (hidden / "moves.json").write_text(json_text(dict(told.moves)), encoding="utf-8")
