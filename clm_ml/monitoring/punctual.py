"""Whether the last days of a log have arrived: whether there are rows, and as many as these weekdays usually have."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from clm_ml.config import Monitor
from clm_ml.monitoring.findings import Finding, graded, z_of

__all__ = ["look_at_end"]

Floats = np.ndarray[Any, np.dtype[np.float64]]

#: So many days are the end of a log, and are held against the same weekdays of so many weeks before.
_END, _WEEKS = 3, 4


def look_at_end(table: str, rows: pd.Series[int], day: int, limits: Monitor) -> Iterator[Finding]:
    """Tell whether the days before a day have arrived.

    Args:
        table: its name.
        rows: how many rows each day has, by day and sorted by it; a day without any may be left out.
        day: the day of the scores.
        limits: from where on a difference is told.
    """
    had = rows.index.to_numpy(dtype=np.int64)
    silent, longest = day - 1 - int(had[-1]), int(np.diff(had).max(initial=1)) - 1
    level, threshold = graded(silent - longest, limits.missing_days_notice, limits.missing_days_alarm)
    words = f"{table}: rows go on until the day before the scores, as ever."
    if level != "silent":
        words = (
            f"{table} are late: the last row lies {silent} days before the scores, and there were never more than "
            f"{longest} days without one. Who came since looks as if they had not; score again once the rows are "
            "there."
        )
    yield Finding("late", f"{table}: last row", level, float(silent - longest), float(threshold), words)
    counts = np.asarray(rows.reindex(range(int(had[0]), day), fill_value=0), dtype=np.float64)
    if level == "silent" and len(counts) >= 7 * _WEEKS + _END:
        yield _thin(table, counts, limits)


def _thin(table: str, counts: Floats, limits: Monitor) -> Finding:
    """Tell which share of the last days' rows is missing, if neither chance nor any end of a year explains it."""
    sums = np.convolve(counts, np.ones(_END), "valid")  # of the days that end with each
    weeks = [sums[7 * (_WEEKS - back) : len(sums) - 7 * back] for back in range(1, _WEEKS + 1)]
    usual, ends = np.mean(weeks, axis=0), sums[7 * _WEEKS :]
    short = 1 - np.divide(ends, usual, out=np.ones_like(ends), where=usual > 0)
    chance = z_of(limits) * float(np.sqrt((1 + 1 / _WEEKS) / max(usual[-1], 1.0)))
    ordinary = float(short[-365:-_END].max(initial=0.0))
    found = float(short[-1])
    counted = found if found > max(chance, ordinary) else 0.0
    level, threshold = graded(counted, limits.missing_share_notice, limits.missing_share_alarm)
    words = f"{table}: the last {_END} days have as many rows as these weekdays usually have."
    if level != "silent":
        words = (
            f"{table} are late: of the last {_END} days {found:.0%} of the rows are missing that these weekdays had "
            "in the four weeks before. Find out whether all has been loaded, and score again."
        )
    return Finding("late", f"{table}: last days", level, found, threshold, words)
