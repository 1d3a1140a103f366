"""Measure the stages: the KPIs of each phase, segment and period, and who of each month's new customers came again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from clm_ml.artifacts import whole_file
from clm_ml.config import Config
from clm_ml.destinations import write_csv
from clm_ml.errors import ArtifactError, TimelineError, UsageError
from clm_ml.lifecycle import (
    YEAR_DAYS,
    calendar,
    cohort_months,
    cohort_triangle,
    fit_lifecycle,
    groups_of,
    known_before,
    kpi_catalogue,
    lacks,
    measure,
    places,
    standing,
)
from clm_ml.model import Model
from clm_ml.pipeline.scoring import find_speaker
from clm_ml.plots import plot_cohorts
from clm_ml.progress import Progress, silent
from clm_ml.snapshot import Prepared, prepare, take_snapshot
from clm_ml.tables import Tables, read_tables
from clm_ml.timeline import Window, as_ofs_before, date_of, label_window, parse_day

__all__ = ["Staged", "cohorts", "kpis", "measure_stages"]

By = Literal["phase", "segment", "period"]


@dataclass(frozen=True)
class Staged:
    """The KPIs, and the cohorts if they were asked for; the groups there are, and the files all went to."""

    as_of: str
    kpis: pd.DataFrame = field(repr=False)
    cohorts: pd.DataFrame | None = field(repr=False)
    groups: Mapping[str, tuple[str, ...]] = field(repr=False)
    files: tuple[Path, ...] = ()
    warnings: tuple[str, ...] = ()


def kpis(
    tables: Tables,
    config: Config,
    as_of: Any = None,
    *,
    every: int | None = None,
    by: By | None = None,
    model: Model | None = None,
) -> pd.DataFrame:
    """Measure every stage of the lifecycle: conversion, value, cost, retention, satisfaction and the rest.

    A period is closed: it ends at as_of or before; its first day is in it, its end is not. Who belongs to a phase or
    segment is decided at its first instant, by cut-points fitted on what was known then, or by a model's; who was not
    known then is a newcomer. Orders, events and cost count that are of the period's days and were known before as_of.

    Args:
        tables: the validated inputs.
        config: for the horizon, which is the period's length, the lapse thresholds and the currency.
        as_of: an ISO day, date or day number; the day until which the tables are complete, if it is not given.
        every: measure all closed periods of so many days, one after the other up to as_of, since the first order.
        by: tell only of phases, of segments, or of everybody; all three, if it is not given.
        model: whose cut-points, rhythm and thresholds say who stands where.

    Returns:
        `kpi, group, period_start, period_end, value, unit, of, needs`, the earliest period first (see
        `lifecycle.measure`).

    Raises:
        TimelineError: if the tables are not complete until as_of, or no period lies between the first order and it.
        UsageError: if `every` is no number of days, or there are no such groups as `by`.
    """
    _refuse_asked(every, by)
    day, prepared = _day(tables, as_of), prepare(tables)
    told = _measured(prepared, config, day, every, model, silent)
    prepared.drop()
    return _told_by(told, by, config)


def cohorts(tables: Tables, as_of: Any = None) -> pd.DataFrame:
    """Tell, of the customers who first ordered in each month, how many ordered in each month since.

    Args:
        tables: the validated inputs.
        as_of: an ISO day, date or day number; the day until which the tables are complete, if it is not given. Only
            orders known before it count, and only months that end by it.

    Returns:
        `first_month, customers, months_since, ordered, ordered_share` (see `lifecycle.cohort_triangle`).

    Raises:
        TimelineError: if the tables are not complete until as_of, or no order lies before it.
    """
    day, prepared = _day(tables, as_of), prepare(tables)
    told = _cohorts(prepared, day)
    prepared.drop()
    return told


def measure_stages(
    config: Config,
    *,
    as_of: str | None = None,
    every: int | None = None,
    by: By | None = None,
    model: str | None = None,
    out: Path | None = None,
    cohorts_out: Path | None = None,
    plot: Path | None = None,
    force: bool = False,
    progress: Progress = silent,
) -> Staged:
    """Measure the stages of a project, and write what is asked for: KPIs, cohorts, and a heat map of these.

    Raises:
        UsageError: if a file's name ends in what is not written.
        ModelError: if the model is of another task, other inputs or other segments than the config's.
        ArtifactError: if a file exists and is not to be replaced, or cannot be written.
    """
    _refuse_asked(every, by)
    asked = None if as_of is None else parse_day(as_of)
    _refuse_files({out: _TABLES, cohorts_out: _TABLES, plot: (".png",)}, force)
    tables = read_tables(config, progress=progress)
    learned = None if model is None else find_speaker(config, model, tables)[0]
    prepared, day = prepare(tables), _day(tables, asked)
    told = _told_by(_measured(prepared, config, day, every, learned, progress), by, config)
    triangle = None if cohorts_out is None and plot is None else _cohorts(prepared, day)
    tables.engine.close()
    for path, rows in ((out, told), (cohorts_out, triangle)):
        if path is not None and rows is not None:
            _write(rows, path, force)
    if plot is not None and triangle is not None:
        with whole_file(plot, force=force) as hidden:
            plot_cohorts(triangle).savefig(hidden, dpi=150)
    files = tuple(path for path in (out, cohorts_out, plot) if path is not None)
    return Staged(date_of(day).isoformat(), told, triangle, groups_of(config.segments.phases), files, tables.warnings)


def _day(tables: Tables, as_of: Any) -> int:
    return tables.complete_until if as_of is None else parse_day(as_of)


def _told_by(kpis: pd.DataFrame, by: By | None, config: Config) -> pd.DataFrame:
    """Keep the groups of one kind, beside all."""
    if by is None:
        return kpis
    return kpis[kpis["group"].isin(groups_of(config.segments.phases)[by])].reset_index(drop=True)


def _cohorts(prepared: Prepared, as_of: int) -> pd.DataFrame:
    orders, engine = take_snapshot(prepared, as_of).orders, prepared.tables.engine
    days = engine.given(calendar(prepared.tables.first_day, as_of))
    counts: Any = engine.collect(cohort_months(orders, days), "first_month", "month").to_pandas()
    return cohort_triangle(counts, as_of)


def _measured(
    prepared: Prepared, config: Config, as_of: int, every: int | None, model: Model | None, progress: Progress
) -> pd.DataFrame:
    """Measure every closed period up to as_of, of every group: where one ends the next begins."""
    periods = _periods(prepared, as_of, every, config.task.horizon_days)
    known, was, told = known_before(prepared, as_of), standing(prepared, periods[0].start, config.task), []
    for done, period in enumerate(periods):
        progress("periods", done, len(periods))
        ahead = standing(prepared, period.end, config.task)
        lifecycle = fit_lifecycle(was, config) if model is None else model.lifecycle
        people = places(was, ahead, lifecycle).join(known.doings(period), how="outer")
        lacking, spent = _lacking(config, period, prepared.tables.first_day), known.spent_minor(period)
        asked = (config.task.active_days, config.currency, spent, lacking, lifecycle.rules.phases)
        told.append(measure(people, period, *asked))
        was = ahead
    progress("periods", len(periods), len(periods))
    known.drop()
    return pd.concat(told, ignore_index=True)


def _periods(prepared: Prepared, as_of: int, every: int | None, horizon_days: int) -> list[Window]:
    """List the closed periods, earliest first: the last one before as_of, or all since the first order."""
    take_snapshot(prepared, as_of)  # it says in words what no as_of can be
    days, first_day = every or horizon_days, prepared.tables.first_day
    starts = as_ofs_before(as_of - days, first_day + 1, days, 1 if every is None else as_of - first_day)
    if not starts:
        raise TimelineError(
            f"a period of {days} days before {date_of(as_of)} would begin before anybody was known: the first order is "
            f"of {date_of(first_day)}. Use a later --as-of, or shorter periods with --every."
        )
    return [label_window(start, days) for start in starts]


def _lacking(config: Config, period: Window, first_day: int) -> dict[str, str]:
    has_whole_year = period.end - YEAR_DAYS >= first_day
    lacking = {kpi.name: lacks(kpi.needs, config, has_whole_year=has_whole_year) for kpi in kpi_catalogue()}
    return {name: needs for name, needs in lacking.items() if needs is not None}


def _refuse_asked(every: int | None, by: str | None) -> None:
    if every is not None and every < 1:
        raise UsageError(f"every is a number of days, at least 1; found {every}.")
    if by is not None and by not in (names := get_args(By)):
        raise UsageError(f"by is {', '.join(names)} or nothing; found {by!r}.")


_TABLES = (".csv", ".parquet")


def _refuse_files(endings: dict[Path | None, tuple[str, ...]], force: bool) -> None:
    """Refuse before the work what could not be written after it."""
    for path, known in endings.items():
        if path is None:
            continue
        if path.suffix not in known:
            raise UsageError(f"{path} is to end in {' or '.join(known)}.")
        if path.exists() and not force:
            raise ArtifactError(f"{path} exists already; choose another name, or replace it with --force.")


def _write(rows: pd.DataFrame, path: Path, force: bool) -> None:
    """Write a table to one file; equal rows make equal bytes."""
    with whole_file(path, force=force) as hidden:
        if path.suffix == ".csv":
            write_csv(rows, hidden)
        else:
            pq.write_table(pa.Table.from_pandas(rows, preserve_index=False), hidden, compression="zstd")
