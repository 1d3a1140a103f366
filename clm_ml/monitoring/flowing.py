"""Whether rows still arrive as they did: tables that are gone or late, other rates, more that is rejected."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import exp, log, sqrt
from typing import Any

import numpy as np
import pandas as pd

from clm_ml.config import Monitor
from clm_ml.monitoring.arriving import DELAYS, Arrived, table_of
from clm_ml.monitoring.findings import A_YEAR, THE_SEASON, Finding, graded, z_of
from clm_ml.monitoring.punctual import look_at_end

__all__ = ["Flow", "compare_rows"]

#: So many weeks tell what is ordinary; with fewer rows lately nothing is said of a rate.
_WEEKS, _FEWEST_ROWS = 13, 20

#: Tables whose rows come day by day; contacts come by campaigns, and spend is no input of a model.
_STEADY = ("orders", "events", "customers")


@dataclass(frozen=True)
class Flow:
    """What had arrived by the day of learning and by the day of the scores, and the rows of each day before that.

    Attributes:
        then: what had arrived when the model was learned.
        now: what had on the day of the scores.
        daily: what `daily_rows` counts on the day of the scores.
        learned_on: the one day.
        as_of: the other.
        tables_then: rows read, used and rejected of each table, by reason, as the facts of a model tell them.
        tables_now: the same now.
    """

    then: Arrived
    now: Arrived
    daily: pd.DataFrame
    learned_on: int
    as_of: int
    tables_then: Mapping[str, Mapping[str, Any]]
    tables_now: Mapping[str, Mapping[str, Any]]

    @property
    def gone(self) -> tuple[str, ...]:
        """Tables that training had and the config has no longer."""
        return tuple(name for name in self.tables_then if name not in self.tables_now)

    @property
    def empty(self) -> tuple[str, ...]:
        """Tables that are there and had rows before training, and none lately."""
        return tuple(
            table
            for table in _STEADY
            if table not in self.gone and self.rows(table)[0] >= _FEWEST_ROWS and not self.rows(table)[1]
        )

    def rows(self, table: str) -> tuple[int, int]:
        """Count the rows of a table in the days before training, and before the scores."""
        both = (self.then.rows, self.now.rows)
        before, now = (sum(count for kind, count in rows.items() if table_of(kind) == table) for rows in both)
        return before, now

    def flowing(self) -> list[str]:
        """List the tables whose rows still come."""
        return [table for table in _STEADY if table not in (*self.gone, *self.empty)]


def compare_rows(flow: Flow, limits: Monitor) -> Iterator[Finding]:
    """Tell how what arrived until the day of the scores differs from what had arrived when the model was trained.

    Args:
        flow: what arrived.
        limits: from where on a difference is told.
    """
    yield from _missing(flow)
    flowing = flow.flowing()
    of_table = flow.daily["kind"].map(table_of)
    for table in flowing:
        rows = flow.daily[of_table == table].groupby("day")["rows"].sum()
        if not rows.empty:
            yield from look_at_end(table, rows, flow.as_of, limits)
    for kind in sorted({*flow.then.rows, *flow.now.rows}):
        if table_of(kind) in flowing:
            yield from _rate(flow, kind, limits)
    for name, told, found in _in_both(flow.tables_then, flow.tables_now):
        yield from _rejected(name, told, found, limits)
    for name, told, found in _in_both(flow.then.delays, flow.now.delays):
        yield from _delayed(name, told, found, limits)


def _in_both(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    return [(name, then[name], now[name]) for name in then if name in now]


def _missing(flow: Flow) -> Iterator[Finding]:
    """Tell of tables that are not there, or not filled."""
    for name in flow.gone:
        words = (
            f"the table {name} is missing: training had {flow.tables_then[name]['used']:,} rows of it, and the config "
            "maps none now. Map it again, or train without it."
        )
        yield Finding("table", name, "alarm", 0.0, 1.0, words)
    for table in flow.empty:
        words = (
            f"no row of {table} has arrived for {flow.then.recent_days} days, and {flow.rows(table)[0]:,} did in as "
            "many before training. Find out why it is no longer filled; scores made without it mean little."
        )
        yield Finding("table", table, "alarm", 0.0, 1.0, words)


@dataclass(frozen=True)
class _Kind:
    """The rows of one kind by day, and how many days are counted together."""

    rows: pd.Series[int]
    span: int

    def until(self, day: int) -> int:
        """Count the rows of the days before a day."""
        return int(self.rows[(self.rows.index >= day - self.span) & (self.rows.index < day)].sum())

    def change(self, first: int, last: int) -> float:
        """Tell by which factor, in logarithms, there were more before one day than before another."""
        return _log_ratio(self.until(first), self.until(last))

    def reaches(self, day: int) -> bool:
        """Say whether there are rows of all the days before a day, so that they can be counted."""
        return not self.rows.empty and day - self.span >= int(self.rows.index[0])

    def usual(self, day: int, apart: int) -> float:
        """Tell the largest change between days so far apart, the later ones of the quarter before a day."""
        ends = [day - 7 * week for week in range(_WEEKS) if self.reaches(day - 7 * week - apart)]
        return max((abs(self.change(end - apart, end)) for end in ends), default=0.0)


def _rate(flow: Flow, kind: str, limits: Monitor) -> Iterator[Finding]:
    """Tell whether rows of a kind come at another rate than before training, than is ordinary, and than a year ago."""
    counted = _Kind(flow.daily[flow.daily["kind"] == kind].set_index("day")["rows"], flow.then.recent_days)
    before, now = flow.then.rows.get(kind, 0), counted.until(flow.as_of)
    if max(before, now) < _FEWEST_ROWS:
        return
    found, usual = _log_ratio(before, now), counted.usual(flow.learned_on, flow.as_of - flow.learned_on)
    granted, chance = limits.ordinary_times * usual, z_of(limits) * sqrt(1 / (before + 0.5) + 1 / (now + 0.5))
    borders = [max(log(times), granted) + chance for times in (limits.rate_notice, limits.rate_alarm)]
    level, threshold = graded(abs(found), *borders)
    value, border = exp(found), exp(threshold if found > 0 else -threshold)
    told = f"{kind}: {now:,} rows in {counted.span} days, and {before:,} in as many before training ({value:.2f} times)"
    a_year_ago = [day - A_YEAR for day in (flow.learned_on, flow.as_of)]
    if level == "silent":
        yield Finding("rate", kind, level, value, border, f"{told}, which is nothing out of the ordinary.")
    elif counted.reaches(a_year_ago[0]) and abs(found - counted.change(*a_year_ago)) < borders[0]:
        yield Finding("season", kind, "notice", value, border, f"{told}. {THE_SEASON}")
    else:
        usually = f"; as far apart it was {exp(usual):.2f} times at most" if usual else ""
        words = f"{told}{usually}. Find out whether something is logged twice, or no longer, or the shop has changed."
        yield Finding("rate", kind, level, value, border, words)


def _log_ratio(before: int, now: int) -> float:
    return log((now + 0.5) / (before + 0.5))


def _rejected(table: str, then: Mapping[str, Any], now: Mapping[str, Any], limits: Monitor) -> Iterator[Finding]:
    """Tell which reasons reject a larger share than in training: of the rows that are new, where these are many."""
    new_rows = now["read"] - then["read"]
    for reason in sorted({*then["rejected"], *now["rejected"]}):
        before, after = (told["rejected"].get(reason, 0) for told in (then, now))
        is_new = new_rows >= max(100, 0.01 * then["read"]) and after >= before
        count, of = (after - before, new_rows) if is_new else (after, now["read"])
        was, share = before / max(1, then["read"]), count / max(1, of)
        chance = z_of(limits) * sqrt(max(was, share) / max(1, of))
        level, threshold = graded(share - was - chance, limits.rejected_notice, limits.rejected_alarm)
        words = f"{table}: {share:.1%} of the rows are rejected for {reason}; it was {was:.1%}."
        if level != "silent":
            words += " Look at them with clm-ml check --quarantine, and mend the source or the mapping."
        yield Finding("rejected", f"{table}: {reason}", level, share - was, threshold, words)


def _delayed(table: str, then: list[int], now: list[int], limits: Monitor) -> Iterator[Finding]:
    """Tell whether more rows arrive later than nearly all did in training."""
    if min(sum(then), sum(now)) < _FEWEST_ROWS:
        return
    shares = np.asarray(then) / sum(then)
    usual = int(np.searchsorted(np.cumsum(shares), 0.95 - 1e-12))
    was, late = float(shares[usual + 1 :].sum()), sum(now[usual + 1 :]) / sum(now)
    chance = z_of(limits) * sqrt(max(was, late, 1 / sum(now)) / sum(now))
    level, threshold = graded(late - was - chance, limits.late_share_notice, limits.late_share_alarm)
    days = DELAYS[min(usual + 1, len(DELAYS) - 1)]
    words = f"{table}: {late:.1%} of the rows took {days} days or longer to arrive; it was {was:.1%}."
    if level != "silent":
        words = (
            f"{words} They are late: scores know nothing of what is under way. Find out what holds it up, and score "
            "again."
        )
    yield Finding("late", f"{table}: delay", level, late - was, threshold, words)
