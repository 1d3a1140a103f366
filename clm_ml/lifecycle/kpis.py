"""The KPIs of the lifecycle: one definition for each one's name, unit, words and value.

A KPI is one sum over another, of the people of a group: those who were in a phase or segment when the period began,
those nobody knew then (newcomers), or all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from clm_ml.lifecycle.needs import WHOLE_YEAR
from clm_ml.segments import PHASES
from clm_ml.timeline import Window, date_of

__all__ = ["ALL", "GROUPS", "NEWCOMER", "Kpi", "kpi_catalogue", "measure"]

#: Everybody; and who was not known when the period began.
ALL, NEWCOMER = "all", "newcomer"

_STAGES = tuple(dict.fromkeys(PHASES.values()))

#: The groups that are told, by what they are told by.
GROUPS: Mapping[str, tuple[str, ...]] = {
    "phase": (ALL, *_STAGES, NEWCOMER),
    "segment": (ALL, *PHASES, NEWCOMER),
    "period": (ALL,),
}

_VISITORS = ("acquisition", *(segment for segment, phase in PHASES.items() if phase == "acquisition"))
_CUSTOMERS = tuple(name for name in (*_STAGES, *PHASES) if name not in _VISITORS)
_MINOR = 100.0
_FIFTH = 5


@dataclass(frozen=True)
class Kpi:
    """A number about the people of a group in a period.

    Attributes:
        name: what it is called.
        unit: of its value; money stands for the config's currency.
        meaning: its definition in words.
        total: the sum that is divided.
        of: the sum it is divided by, which is told beside it.
        per: how many of the total's units make one of the value's.
        is_mean: whether the total is divided at all.
        counted: the count that is told beside it, if it is not what it is divided by.
        needs: keys of the config that give its input, each of which must be there; "a or b" is one of several.
        groups: the groups it can be told of; None is every one.
    """

    name: str
    unit: str
    meaning: str
    total: str
    of: str
    per: float = 1.0
    is_mean: bool = True
    counted: str | None = None
    needs: tuple[str, ...] = ()
    groups: tuple[str, ...] | None = None

    def is_told_of(self, group: str) -> bool:
        """Say whether it can be told of a group."""
        return self.groups is None or group in self.groups


def kpi_catalogue() -> tuple[Kpi, ...]:
    """List the KPIs, in the order of the lifecycle.

    >>> [kpi.name for kpi in kpi_catalogue()][:3]
    ['conversion_rate', 'first_order_rate', 'cost_per_acquisition']
    """
    event, told, columns = "tables.events.meanings.", "tables.events.columns.", "tables.orders.columns."
    return (
        Kpi("conversion_rate", "share", "of those who were known and elsewhere when the period began, who were in this phase or segment when it ended", "came", "elsewhere", groups=_CUSTOMERS),
        Kpi("first_order_rate", "share", "of the visitors when the period began, who first ordered in it", "won", "visitors", needs=("tables.events or tables.customers.columns.created_at",), groups=(ALL, *_VISITORS)),
        Kpi("cost_per_acquisition", "money", "what marketing cost in the period, for each customer whose first order was in it", "spent_minor", "first_ordered", _MINOR, needs=("tables.spend",), groups=(ALL,)),
        Kpi("lead_response_rate", "share", "of the leads of the period, those answered before it ended", "leads_answered", "leads", needs=(event + "lead", event + "first_response")),
        Kpi("lead_response_time", "hours", "mean time from a lead of the period to its first response, of those answered before it ended", "response_seconds", "leads_answered", 3600.0, needs=(event + "lead", event + "first_response")),
        Kpi("total_value", "money", "amount of the period, after returns; of so many orders", "net_minor", "orders", _MINOR, is_mean=False),
        Kpi("average_order_value", "money", "amount of the period, before returns, for each order that began in it", "gross_minor", "orders", _MINOR),
        Kpi("contract_value", "money", "what a customer brings a year: amount of the 365 days before the period's end, after returns, for each customer who ordered in them", "net_minor_in_year", "ordered_in_year", _MINOR, needs=(WHOLE_YEAR,)),
        Kpi("lifetime_value", "money", "mean amount of a customer's whole history till the period's end, after returns", "lifetime_minor", "customers", _MINOR),
        Kpi("retention_rate", "share", "of the customers whose last order was within active_days when the period began, who ordered in it", "stayed", "active", groups=(ALL, *_CUSTOMERS)),
        Kpi("churn_rate", "share", "of the customers whose last order was within active_days when the period began, who did not order in it", "left", "active", groups=(ALL, *_CUSTOMERS)),
        Kpi("repeat_rate", "share", "of the customers who ordered in the period, who did so on more than one day", "ordered_again", "ordered"),
        Kpi("cross_sell_rate", "share", "of the customers who ordered before and in the period, who bought in a category new to them", "crossed", "ordered_before_too", needs=(columns + "category",), groups=(ALL, *_CUSTOMERS)),
        Kpi("satisfaction", "rating", "mean value of the period's satisfaction events", "satisfaction_sum", "satisfaction_rated", 100.0, needs=(event + "satisfaction", told + "value")),
        Kpi("review", "rating", "mean value of the period's reviews", "review_sum", "review_rated", 100.0, needs=(event + "review", told + "value")),
        Kpi("engagement_time", "seconds", "time spent on events of the period that have a duration, for each person with one", "engaged_ms", "engaged", 1000.0, needs=(told + "duration_seconds",)),
        Kpi("revenue_concentration", "share", "of the period's amount before returns, what the fifth of the ordering customers brought that brought most", "top_fifth_minor", "gross_minor", counted="ordered"),
    )  # fmt: skip


def measure(
    people: pd.DataFrame,
    period: Window,
    active_days: int,
    currency: str,
    spent_minor: int = 0,
    lacking: Mapping[str, str] | None = None,
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

    Returns:
        `kpi, group, period_start, period_end` (dates; the end is not in it), `value, unit, of` (what was counted below
        the line; the value is null where it is 0) and `needs` (null where nothing is lacking; else value and `of` are).
    """
    totals, lacking = _totals(_with_claims(people, period, active_days), spent_minor), lacking or {}
    rows = [
        (kpi, group, *_value(kpi, totals.loc[group], kpi.name in lacking), lacking.get(kpi.name))
        for kpi in kpi_catalogue()
        for group in totals.index
        if kpi.is_told_of(group)
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
    """Add what sums are made of: who counts for what."""
    first, has_ordered, phase = people["first_order_day"], people["orders"] > 0, people["phase"].astype(object)
    is_active = people["days_since_last_order"] <= active_days
    ordered_before_too = has_ordered & (first < period.start)
    claims = {
        "visitors": phase == "acquisition",
        "won": (phase == "acquisition") & period.holds(first),
        "first_ordered": period.holds(first),
        "ordered_in_year": people["orders_in_year"] > 0,
        "customers": people["orders_ever"] > 0,
        "active": is_active,
        "stayed": is_active & has_ordered,
        "left": is_active & ~has_ordered,
        "ordered": has_ordered,
        "ordered_again": people["order_days"] > 1,
        "ordered_before_too": ordered_before_too,
        "crossed": ordered_before_too & (people["new_categories"] > 0),
        "engaged": people["timed"] > 0,
    }
    return people.assign(**{name: claim.astype("int64") for name, claim in claims.items()})


def _totals(people: pd.DataFrame, spent_minor: int) -> pd.DataFrame:
    """Add up what every group did: a row for each, in the order they are told in."""
    told = dict.fromkeys(name for kpi in kpi_catalogue() for name in (kpi.total, kpi.of))
    summed = [name for name in told if name in people]
    parts = [people[summed].sum().rename(ALL).to_frame().T.assign(top_fifth_minor=_top_fifth(people["gross_minor"], people["orders"]))]
    for by in ("phase", "segment"):
        groups = people.groupby(people[by].astype(object).fillna(NEWCOMER), sort=False)
        sums = groups[summed].sum()
        sums["top_fifth_minor"] = [_top_fifth(g["gross_minor"], g["orders"]) for _, g in groups[["gross_minor", "orders"]]]
        names = [name for name in GROUPS[by] if name != ALL and (by == "phase" or name != NEWCOMER)]
        parts.append(sums.reindex(names, fill_value=0).join(_arrivals(people, by, names)))
    return pd.concat(parts).assign(spent_minor=spent_minor).fillna(0)


def _arrivals(people: pd.DataFrame, by: str, names: Iterable[str]) -> pd.DataFrame:
    """Count, of those known when the period began, who was not in each group then, and who of these was when it ended."""
    known = people.loc[people[by].notna(), [by, f"{by}_ahead"]].astype(object)
    was, moved = known[by].value_counts(), known[known[by] != known[f"{by}_ahead"]][f"{by}_ahead"].value_counts()
    rows = {name: (int(moved.get(name, 0)), len(known) - int(was.get(name, 0))) for name in names}
    return pd.DataFrame.from_dict(rows, orient="index", columns=["came", "elsewhere"])


def _top_fifth(gross_minor: pd.Series[int], orders: pd.Series[int]) -> int:
    """Add up what the fifth of those who ordered that brought most did bring; a fifth of few is rounded up."""
    brought = gross_minor[orders > 0]
    return int(brought.nlargest(-(-len(brought) // _FIFTH)).sum())
