"""Measure the stages: the KPIs of each phase, segment and period, and who of each month's new customers came again."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import narwhals as nw
import pandas as pd

from clm_ml.config import RATED, Config, Lapse
from clm_ml.errors import TimelineError, UsageError
from clm_ml.features import against_habit, build_features, fit_rhythm
from clm_ml.lifecycle import (
    GROUPS,
    YEAR_DAYS,
    calendar,
    cohort_months,
    cohort_triangle,
    engaging,
    first_categories,
    kpi_catalogue,
    lacks,
    leads,
    measure,
    new_categories,
    ordering,
    spent,
)
from clm_ml.model import Model
from clm_ml.progress import Progress, silent
from clm_ml.segments import find_segments, fit_cut_points
from clm_ml.snapshot import Prepared, in_parts, orders_known_by, prepare, take_snapshot
from clm_ml.tables import Tables
from clm_ml.timeline import Window, as_ofs_before, date_of, label_window, parse_day

__all__ = ["By", "cohorts", "kpis", "told_by"]

Frame = nw.LazyFrame[Any]
By = Literal["phase", "segment", "period"]

#: What of the features is asked where people stand.
_STANDING = (
    "days_since_last_order", "orders_ever", "order_days_ever", "amount_ever", "gross_minor_ever", "returned_minor_ever",
    "gaps_ever", "gap_days_sum", "gap_days_square_sum", "has_email",
)  # fmt: skip


def kpis(
    tables: Tables,
    config: Config,
    as_of: Any = None,
    *,
    every: int | None = None,
    by: By | None = None,
    model: Model | None = None,
    progress: Progress = silent,
) -> pd.DataFrame:
    """Measure every stage of the lifecycle: conversion, value, cost, retention, satisfaction and the rest.

    A period is closed: it ends at as_of or before, its first day is in it and its end is not. Who belongs to a phase or
    segment is decided at its first instant, by cut-points fitted on what was known then, or a model's; who was not
    known then is a newcomer. Orders, events and cost count that are of the period's days and known before as_of.

    Args:
        tables: the validated inputs.
        config: for the tasks' horizon, which is the period's length, the lapse thresholds and the currency.
        as_of: an ISO day, date or day number; the day until which tables are complete, if it is not given.
        every: measure all closed periods of so many days, one after the other up to as_of, since the first order.
        by: tell only of phases, of segments, or of periods as a whole.
        model: whose cut-points, rhythm and thresholds say who stands where.
        progress: told how many periods are done.

    Returns:
        `kpi, group, period_start, period_end, value, unit, of, needs`, earliest period first (see `lifecycle.measure`).

    Raises:
        TimelineError: if tables are not complete until as_of, or no whole period lies between the first order and it.
    """
    day = tables.complete_until if as_of is None else parse_day(as_of)
    prepared = prepare(tables)
    told = measured(prepared, config, day, every, model, progress)
    prepared.drop()
    return told_by(told, by)


def told_by(kpis: pd.DataFrame, by: By | None) -> pd.DataFrame:
    """Keep the groups of one kind, beside all."""
    return kpis if by is None else kpis[kpis["group"].isin(GROUPS[by])].reset_index(drop=True)


def cohorts(tables: Tables, as_of: Any = None) -> pd.DataFrame:
    """Tell, of the customers who first ordered in each month, how many ordered in each month since.

    Args:
        tables: the validated inputs.
        as_of: an ISO day, date or day number; the day until which tables are complete, if it is not given. Only orders
            known before it count, and only months that end by it.

    Returns:
        `first_month, customers, months_since, ordered, ordered_share` (see `lifecycle.cohort_triangle`).

    Raises:
        TimelineError: if tables are not complete until as_of, or no order lies before it.
    """
    prepared = prepare(tables)
    told = triangle(prepared, tables.complete_until if as_of is None else parse_day(as_of))
    prepared.drop()
    return told


def triangle(prepared: Prepared, as_of: int) -> pd.DataFrame:
    """Lay out the cohorts of the orders known before as_of."""
    orders, engine = take_snapshot(prepared, as_of).orders, prepared.tables.engine
    days = engine.given(calendar(prepared.tables.first_day, as_of))
    counts: Any = engine.collect(cohort_months(orders, days), "first_month", "month").to_pandas()
    return cohort_triangle(counts, as_of)


def measured(
    prepared: Prepared, config: Config, as_of: int, every: int | None, model: Model | None, progress: Progress
) -> pd.DataFrame:
    """Measure every closed period up to as_of, of every group."""
    first_day = prepared.tables.first_day
    periods, known = _periods(prepared, as_of, every, config.task.horizon_days), _known(prepared, as_of)
    told, standing = [], _standing(prepared, periods[0].start, config)
    for done, period in enumerate(periods):
        progress("periods", done, len(periods))
        ahead = _standing(prepared, period.end, config)
        whole_year = period.end - YEAR_DAYS >= first_day
        lacking = {kpi.name: lacks(kpi.needs, config, has_whole_year=whole_year) for kpi in kpi_catalogue()}
        people = _people(_places(standing, ahead, config.lapse, model), known.doings(period))
        missing = {name: needs for name, needs in lacking.items() if needs is not None}
        told.append(
            measure(people, period, config.task.active_days, config.currency, known.spent_minor(period), missing)
        )
        standing = ahead
    progress("periods", len(periods), len(periods))
    return pd.concat(told, ignore_index=True)


def _periods(prepared: Prepared, as_of: int, every: int | None, horizon_days: int) -> list[Window]:
    """List the closed periods, earliest first: one before as_of, or all since the first order."""
    take_snapshot(prepared, as_of)
    if every is not None and every < 1:
        raise UsageError(f"--every is a number of days, at least 1; found {every}.")
    days, first_day = every or horizon_days, prepared.tables.first_day
    starts = as_ofs_before(as_of - days, first_day + 1, days, 1 if every is None else as_of)
    if not starts:
        raise TimelineError(
            f"the {days} days before {date_of(as_of)} begin no later than the first order ({date_of(first_day)}), when "
            "nobody was known; use a later --as-of, or shorter periods with --every."
        )
    return [label_window(start, days) for start in starts]


def _standing(prepared: Prepared, as_of: int, config: Config) -> pd.DataFrame:
    """Describe everyone known at as_of, as far as segments and values ask: sorted by customer_id, which is the index."""
    engine = prepared.tables.engine
    parts = [build_features(take_snapshot(part, as_of), config.task) for part in in_parts(prepared)]
    asked = nw.concat([part.select("customer_id", *_STANDING) for part in parts])
    frame: Any = engine.collect(asked, "customer_id").to_pandas()
    return frame.set_index("customer_id")


def _places(was: pd.DataFrame, ahead: pd.DataFrame, lapse: Lapse, model: Model | None) -> pd.DataFrame:
    """Place everyone when a period began and when it ended, both by what was fitted when it began, or by a model."""
    if model is None:
        cuts, rhythm = fit_cut_points(was), fit_rhythm(was["gaps_ever"], was["gap_days_sum"], was["gap_days_square_sum"])
    else:
        cuts, rhythm, lapse = model.cuts, model.rhythm, model.lapse
    placed = [
        find_segments(against_habit(frame, rhythm, lapse), cuts, lapse)[["phase", "segment"]].set_axis(
            frame.index, axis=0
        )
        for frame in (was, ahead)
    ]
    then = placed[0].assign(days_since_last_order=was["days_since_last_order"])
    lifetime = (ahead["gross_minor_ever"] - ahead["returned_minor_ever"]).rename("lifetime_minor")
    return then.join([placed[1].add_suffix("_ahead"), ahead["orders_ever"], lifetime], how="outer")


def _people(places: pd.DataFrame, doings: pd.DataFrame) -> pd.DataFrame:
    """Put together where people stood and what they did; what was not done is 0."""
    people = places.join(doings, how="outer")
    sums = [name for name in (*doings, "orders_ever", "lifetime_minor") if name != "first_order_day"]
    return people.assign(**people[sums].fillna(0).astype("int64"))


@dataclass(frozen=True)
class _Known:
    """The rows known before as_of that periods are measured by."""

    tables: Tables
    orders: Frame = field(repr=False)
    events: Frame | None = field(repr=False)
    first_categories: Frame | None = field(repr=False)

    def doings(self, period: Window) -> pd.DataFrame:
        """Tell what each person did in a period: the index is customer_id."""
        engine, meanings = self.tables.engine, self.tables.meanings
        frames = [ordering(self.orders, period)]
        if self.first_categories is not None:
            frames.append(new_categories(self.first_categories, period))
        if self.events is not None:
            rated = {meaning: meanings.get(meaning, ()) for meaning in RATED}
            frames.append(engaging(self.events, rated, period))
            frames.append(leads(self.events, meanings.get("lead", ()), meanings.get("first_response", ()), period))
        found: list[Any] = [
            engine.collect(frame, "customer_id").to_pandas().set_index("customer_id") for frame in frames
        ]
        together = found[0].join(found[1:], how="outer")
        return together.reindex(columns=[*together, *(name for name in _DOINGS if name not in together)])

    def spent_minor(self, period: Window) -> int:
        """Tell what marketing cost in a period, in hundredths; 0 if no table says."""
        if self.tables.spend is None:
            return 0
        return int(self.tables.engine.collect(spent(self.tables.spend, period))["spent_minor"][0].as_py())


_DOINGS = (
    "new_categories", "engaged_ms", "timed", *(f"{meaning}_{sum}" for meaning in RATED for sum in ("sum", "rated")),
    "leads", "leads_answered", "response_seconds",
)  # fmt: skip


def _known(prepared: Prepared, as_of: int) -> _Known:
    tables, orders = prepared.tables, orders_known_by(prepared, as_of)
    categories, events = None, tables.events
    if "category" in tables.orders.collect_schema().names():
        categories = tables.engine.keep(first_categories(tables.orders, as_of))
    return _Known(
        tables=tables,
        orders=orders if prepared.late_parts is None else tables.engine.keep(orders),
        events=None if events is None else events.filter(nw.col("known_day") < as_of),
        first_categories=categories,
    )
