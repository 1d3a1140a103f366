"""Whether rows still arrive as they did: tables that are gone, late or thinner, other rates, more that is rejected."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import exp, log, sqrt
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import ndtri

from clm_ml.config import Monitor
from clm_ml.monitoring.arriving import DELAYS, Arrived
from clm_ml.monitoring.findings import Finding, graded

__all__ = ["compare_rows"]

#: A year of whole weeks; how many weeks tell what is ordinary; and of what length the end of a log is looked at.
_YEAR, _WEEKS, _END = 364, 13, 3

#: With fewer rows lately nothing is said of a rate.
_FEWEST_ROWS = 20

#: Which kinds of rows a table has; contacts come by campaigns, and at no rate.
_TABLES = {"orders": ("orders",), "customers": ("new customers",)}


def compare_rows(
    then: Arrived, now: Arrived, daily: pd.DataFrame, days: tuple[int, int], limits: Monitor
) -> Iterator[Finding]:
    """Tell how what arrived until one day differs from what had arrived when the model was trained.

    Args:
        then: what had arrived by the day of learning.
        now: what has by the day of the scores.
        daily: rows of each kind and day that had arrived by then, as `daily_rows` counts them.
        days: both days.
        limits: from where on a difference is told.
    """
    gone = [name for name in then.tables if name not in now.tables]
    for name in gone:
        words = (
            f"the table {name} is missing: training had {then.tables[name]['used']:,} rows of it, and the config maps none "
            "now. Map it again, or train without it."
        )
        yield Finding("table", name, "alarm", 0.0, float(then.tables[name]["used"]), words)
    still = daily[~daily["kind"].map(_table_of).isin(gone)]
    empty = yield from _empty(then, now, gone)
    for table in ("orders", "events", "customers"):
        rows = still[still["kind"].map(_table_of) == table].groupby("day")["rows"].sum()
        if table not in empty and not rows.empty:
            yield from _missing_end(table, rows, days[1], limits)
    for kind in sorted({*then.rows, *now.rows}):
        if _table_of(kind) not in (*gone, *empty, "contacts"):
            yield from _rate(kind, then, still[still["kind"] == kind], days, limits)
    for name, told in then.tables.items():
        if name in now.tables:
            yield from _rejected(name, told, now.tables[name], limits)
    for name, delays in then.delays.items():
        if name in now.delays:
            yield from _delayed(name, delays, now.delays[name], limits)


def _table_of(kind: str) -> str:
    if kind in ("orders", "returns", "contacts"):
        return "contacts" if kind == "contacts" else "orders"
    return "customers" if kind == "new customers" else "events"


def _empty(then: Arrived, now: Arrived, gone: list[str]) -> Any:
    """Tell of tables that are there and have had no row lately, and give their names."""
    empty = []
    for table in ("orders", "events", "customers"):
        were, are = (
            sum(count for kind, count in rows.items() if _table_of(kind) == table) for rows in (then.rows, now.rows)
        )
        if table not in gone and not are and were >= _FEWEST_ROWS:
            empty.append(table)
            words = (
                f"no row of {table} has arrived for {then.recent_days} days; there were {were:,} in as many days before "
                "training. Find out why the table is no longer filled; scores made without it mean little."
            )
            yield Finding("table", table, "alarm", 0.0, float(were), words)
    return empty


def _missing_end(table: str, rows: pd.Series[int], day: int, limits: Monitor) -> Iterator[Finding]:
    """Tell whether the last days before a day have arrived: whether there are rows, and as many as usual."""
    had = rows.index.to_numpy()
    silent, longest = day - 1 - int(had[-1]), int(np.diff(had).max(initial=1)) - 1
    level, threshold = graded(silent - longest, limits.missing_days_notice, limits.missing_days_alarm)
    words = f"{table}: rows go on until the day before the scores, as ever."
    if level != "silent":
        words = (
            f"{table} are late: the last row lies {silent} days before the scores, and before there were never more than "
            f"{longest} days without one. Whoever ordered since looks as if they had not; score again once the rows are there."
        )
    yield Finding("late", f"{table}: last row", level, float(silent - longest), float(threshold), words)
    if level == "silent":
        yield from _thin_end(table, rows, day, limits)


def _thin_end(table: str, rows: pd.Series[int], day: int, limits: Monitor) -> Iterator[Finding]:
    counts = rows.reindex(range(int(rows.index[0]), day), fill_value=0).to_numpy(dtype=np.float64)
    if len(counts) < 28 + _END:
        return
    sums = np.convolve(counts, np.ones(_END), "valid")  # of the days that end with each
    usual = sum(sums[28 - 7 * week : len(sums) - 7 * week] for week in range(1, 5)) / 4
    ends = sums[28:]
    missing = 1 - np.divide(ends, usual, out=np.ones_like(ends), where=usual > 0)
    by_chance = _z(limits) * np.sqrt(1.25 / np.maximum(usual, 1e-9))
    ordinary = float(np.quantile(missing[-365:-_END], 1 - limits.chance)) if len(missing) > 2 * _END else 0.0
    found = float(missing[-1])
    granted = max(float(by_chance[-1]), ordinary)
    level, threshold = graded(
        found if found > granted else 0.0, limits.missing_share_notice, limits.missing_share_alarm
    )
    if level != "silent":
        words = (
            f"{table} are late: of the last {_END} days {found:.0%} of the rows are missing that these weekdays had in the "
            "four weeks before. Find out whether all has been loaded, and score again."
        )
        yield Finding("late", f"{table}: last days", level, found, threshold, words)


def _rate(kind: str, then: Arrived, daily: pd.DataFrame, days: tuple[int, int], limits: Monitor) -> Iterator[Finding]:
    """Tell whether rows of a kind come at another rate than before training, than is ordinary, and than a year ago."""
    span, rows = then.recent_days, daily.set_index("day")["rows"]

    def until(day: int) -> int:
        return int(rows[(rows.index >= day - span) & (rows.index < day)].sum())

    before, now = then.rows.get(kind, 0), until(days[1])
    if max(before, now) < _FEWEST_ROWS:
        return
    apart, change = days[1] - days[0], _log_ratio(before, now)
    first = int(rows.index.min()) + span if len(rows) else days[0]
    ends = [day for day in range(days[0], days[0] - 7 * _WEEKS, -7) if day - apart >= first]
    usual = [_log_ratio(until(day - apart), until(day)) for day in ends]
    ordinary = limits.ordinary_times * max(map(abs, usual), default=0.0)
    by_chance = _z(limits) * sqrt(1 / (before + 0.5) + 1 / (now + 0.5))
    borders = [max(log(times), ordinary) + by_chance for times in (limits.rate_notice, limits.rate_alarm)]
    level, threshold = graded(abs(change), *borders)
    value, border = exp(change), exp(threshold if change > 0 else -threshold)
    told = f"{kind}: {now:,} rows in {span} days, where {before:,} came in as many before training ({value:.2f} times)"
    if level == "silent":
        yield Finding("rate", kind, level, value, border, f"{told}, which is nothing out of the ordinary.")
        return
    if (
        days[0] - _YEAR >= first
        and abs(change - (a_year_ago := _log_ratio(until(days[0] - _YEAR), until(days[1] - _YEAR)))) < borders[0]
    ):
        words = f"{told}; in the same weeks a year ago they changed {exp(a_year_ago):.2f} times: it is the season. Nothing to mend."
        yield Finding("season", kind, "notice", value, border, words)
        return
    usually = f"; as far apart it was {exp(max(map(abs, usual))):.2f} times at most" if usual else ""
    words = f"{told}{usually}. Find out whether something is logged twice or no longer, or the shop itself has changed."
    yield Finding("rate", kind, level, value, border, words)


def _log_ratio(before: int, now: int) -> float:
    return log((now + 0.5) / (before + 0.5))


def _z(limits: Monitor) -> float:
    return float(ndtri(1 - limits.chance / 2))


def _rejected(table: str, then: Mapping[str, Any], now: Mapping[str, Any], limits: Monitor) -> Iterator[Finding]:
    """Tell which reasons reject a larger share than in training: of the rows that are new, where these are many."""
    is_new = now["read"] - then["read"] >= max(100, 0.01 * then["read"])
    for reason in sorted({*then["rejected"], *now["rejected"]}):
        before, after = (told["rejected"].get(reason, 0) for told in (then, now))
        was = before / max(1, then["read"])
        count, of = (after - before, now["read"] - then["read"]) if is_new and after >= before else (after, now["read"])
        share = count / max(1, of)
        by_chance = _z(limits) * sqrt(max(was, share) / max(1, of))
        value = share - was
        level, threshold = graded(value - by_chance, limits.rejected_notice, limits.rejected_alarm)
        words = f"{table}: {share:.1%} of the rows are rejected for {reason}; it was {was:.1%}."
        if level != "silent":
            words += " Look at them with clm-ml check --quarantine, and mend the source or the mapping."
        yield Finding("rejected", f"{table}: {reason}", level, value, threshold, words)


def _delayed(table: str, then: list[int], now: list[int], limits: Monitor) -> Iterator[Finding]:
    """Tell whether more rows arrive later than nearly all did in training."""
    if min(sum(then), sum(now)) < _FEWEST_ROWS:
        return
    share = np.asarray(then) / sum(then)
    usual = int(np.searchsorted(np.cumsum(share), 0.95 - 1e-12))
    was, late = float(share[usual + 1 :].sum()), sum(now[usual + 1 :]) / sum(now)
    by_chance = _z(limits) * sqrt(max(was, late, 1 / sum(now)) / sum(now))
    level, threshold = graded(late - was - by_chance, limits.late_share_notice, limits.late_share_alarm)
    beyond = DELAYS[min(usual + 1, len(DELAYS) - 1)]
    words = f"{table}: {late:.1%} of the rows took {beyond} days or longer to arrive; it was {was:.1%}."
    if level != "silent":
        words += " Scores do not know yet what is under way: score later in the day, or find out what holds it up."
    yield Finding("late", f"{table}: delay", level, late - was, threshold, words)
