"""The KPIs of the lifecycle in one period: each one sum over another, of the people of a group.

A group is those who were in a phase or segment when the period began, those nobody knew then (newcomers), or all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from clm_ml.lifecycle.catalogue import ALL, NEWCOMER, Kpi, groups_of, kpi_catalogue
from clm_ml.segments import PHASES
from clm_ml.timeline import Window, date_of

__all__ = ["measure"]

_FIFTH = 5


def measure(
    people: pd.DataFrame,
    period: Window,
    active_days: int,
    currency: str,
    spent_minor: int = 0,
    lacking: Mapping[str, str] | None = None,
    phases: Mapping[str, str] = PHASES,
) -> pd.DataFrame:
    """Tell every KPI of every group it can be told of, in one period.

    Args:
        people: one row per person: `phase` and `segment` when the period began (null for who was not known then),
            `days_since_last_order` then, `phase_ahead` and `segment_ahead` when it ended, `orders_ever` and
            `lifetime_minor` by then, and the sums of the room `doings`, 0 where there is nothing.
        period: the window.
        active_days: within which somebody counts as active.
        currency: of all money.
        spent_minor: what marketing cost, in hundredths.
        lacking: for the KPIs whose input is lacking, what would give it.
        phases: the segments, each with its phase.

    Returns:
        `kpi, group, period_start, period_end` (dates; the end is not in it), `value, unit, of` (what was counted below
        the line; the value is null where it is 0) and `needs` (null where nothing is lacking; else value and `of` are).
    """
    totals, lacking = _totals(_with_claims(people, period, active_days), spent_minor, phases), lacking or {}
    phase_of = dict(phases) | {phase: phase for phase in phases.values()}
    rows = [
        (kpi, group, *_value(kpi, totals.loc[group], kpi.name in lacking), lacking.get(kpi.name))
        for kpi in kpi_catalogue()
        for group in totals.index
        if kpi.is_told_of(group, phase_of.get(group))
    ]
    return pd.DataFrame(
        {
            "kpi": [kpi.name for kpi, *_ in rows],
            "group": [group for _, group, *_ in rows],
            "period_start": date_of(period.start),
            "period_end": date_of(period.end),
            "value": pd.array([value for _, _, value, _, _ in rows], dtype="float64"),
            "unit": [currency if kpi.unit == "money" else kpi.unit for kpi, *_ in rows],
            "of": pd.array([of for _, _, _, of, _ in rows], dtype="Int64"),
            "needs": pd.Series([needs for *_, needs in rows], dtype=object),
        }
    )


def _value(kpi: Kpi, totals: pd.Series[float], is_lacking: bool) -> tuple[float, int | None]:
    if is_lacking:
        return np.nan, None
    total, of, counted = (int(totals[name]) for name in (kpi.total, kpi.of, kpi.counted or kpi.of))
    divided_by = kpi.per * (of if kpi.is_mean else 1)
    return total / divided_by if divided_by else np.nan, counted


def _with_claims(people: pd.DataFrame, period: Window, active_days: int) -> pd.DataFrame:
    """Add what sums are made of: who counts, and with what."""
    first, has_ordered, phase = people["first_order_day"], people["orders"] > 0, people["phase"].astype(object)
    is_active = people["days_since_last_order"] <= active_days
    ordered_before_too = has_ordered & (first < period.start)
    ordered_in_year, is_customer = people["orders_in_year"] > 0, people["orders_ever"] > 0
    claims = {
        "visitors": phase == "acquisition",
        "won": (phase == "acquisition") & period.holds(first),
        "first_ordered": period.holds(first),
        "ordered_in_year": ordered_in_year,
        "year_minor": people["net_minor_in_year"].where(ordered_in_year, 0),
        "customers": is_customer,
        "ever_minor": people["lifetime_minor"].where(is_customer, 0),
        "active": is_active,
        "stayed": is_active & has_ordered,
        "left": is_active & ~has_ordered,
        "ordered": has_ordered,
        "brought_minor": people["gross_minor"].where(has_ordered, 0),
        "ordered_again": people["order_days"] > 1,
        "ordered_before_too": ordered_before_too,
        "crossed": ordered_before_too & (people["new_categories"] > 0),
        "engaged": people["timed"] > 0,
    }
    return people.assign(**{name: claim.fillna(0).astype("int64") for name, claim in claims.items()})


def _totals(people: pd.DataFrame, spent_minor: int, phases: Mapping[str, str]) -> pd.DataFrame:
    """Add up what every group did: a row for each, in the order they are told in."""
    everybody = _sums(people.assign(group=ALL), "group")
    parts = [everybody.assign(spent_minor=spent_minor)]
    for by in ("phase", "segment"):
        names = [name for name in groups_of(phases)[by] if name != ALL and (by == "phase" or name != NEWCOMER)]
        parts.append(_sums(people, by).reindex(names, fill_value=0).join(_arrivals(people, by, names)))
    return pd.concat(parts).fillna(0)


def _sums(people: pd.DataFrame, by: str) -> pd.DataFrame:
    """Add up what KPIs are made of, group by group."""
    told = dict.fromkeys(name for kpi in kpi_catalogue() for name in (kpi.total, kpi.of))
    groups = people.groupby(people[by].astype(object).fillna(NEWCOMER), sort=False)
    sums = groups[[name for name in told if name in people]].sum()
    brought = {name: _top_fifth(group) for name, group in groups[["brought_minor", "ordered"]]}
    return sums.assign(top_fifth_minor=pd.Series(brought))


def _arrivals(people: pd.DataFrame, by: str, names: Iterable[str]) -> pd.DataFrame:
    """Count, of those known when the period began, who was elsewhere then, and who of these was there when it ended."""
    known = people.loc[people[by].notna(), [by, f"{by}_ahead"]].astype(object)
    was, moved = known[by].value_counts(), known[known[by] != known[f"{by}_ahead"]][f"{by}_ahead"].value_counts()
    rows = {name: (int(moved.get(name, 0)), len(known) - int(was.get(name, 0))) for name in names}
    return pd.DataFrame.from_dict(rows, orient="index", columns=["came", "elsewhere"])


def _top_fifth(people: pd.DataFrame) -> int:
    """Add up what the fifth of those who ordered that brought most did bring; a fifth of few is rounded up."""
    most = -(-int(people["ordered"].sum()) // _FIFTH)
    return int(people["brought_minor"].nlargest(most).sum())
