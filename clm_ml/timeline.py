"""The only date arithmetic in the house: days as integers, and one half-open window.

A day is the number of days since 1970-01-01 in the business time zone. An `as_of` stands for the first
instant of its day: what lies before it is known, what lies from it on is outcome. Since an as_of is a
midnight, whole days are exact, and no edge is ever split between two sides.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from clm_ml.errors import TimelineError

__all__ = [
    "HORIZONS",
    "Window",
    "as_ofs_before",
    "date_of",
    "day_of",
    "label_window",
    "lookback",
    "month_of",
    "month_window",
    "parse_day",
    "sensible_horizon",
]

EPOCH = date(1970, 1, 1)


def day_of(when: date) -> int:
    """Count the days from 1970-01-01 to `when`.

    >>> day_of(date(1970, 1, 2))
    1
    """
    return (date(when.year, when.month, when.day) - EPOCH).days


def date_of(day: int) -> date:
    """Give back the calendar date of a day number.

    >>> date_of(15253)
    datetime.date(2011, 10, 6)
    """
    return EPOCH + timedelta(days=int(day))


def parse_day(text: str | date | int) -> int:
    """Read an ISO date (`2011-12-10`), a date or a day number as a day number.

    >>> parse_day("1970-01-31")
    30
    >>> parse_day("10.12.2011")
    Traceback (most recent call last):
    ...
    clm_ml.errors.TimelineError: a day is written YYYY-MM-DD, as in 2011-12-10; found '10.12.2011'.
    """
    if isinstance(text, date):
        return day_of(text)
    if isinstance(text, int):
        return text
    try:
        when = date.fromisoformat(text)
    except ValueError:
        when = None
    if when is None or when.isoformat() != text:  # Python reads other forms of ISO too, as 2011-W49-6
        raise TimelineError(f"a day is written YYYY-MM-DD, as in 2011-12-10; found {text!r}.")
    return day_of(when)


@dataclass(frozen=True)
class Window:
    """The days from `start` up to, not including, `end`.

    >>> w = Window(10, 12)
    >>> [w.holds(day) for day in (9, 10, 11, 12)]
    [False, True, True, False]
    """

    start: int
    end: int

    def holds(self, day: Any) -> Any:
        """Say whether a day, or each day of a column or expression, lies inside."""
        return (day >= self.start) & (day < self.end)

    def is_closed_by(self, day: int) -> bool:
        """Say whether every day of the window lies before `day`."""
        return self.end <= day


def lookback(as_of: int, days: int) -> Window:
    """Open the window of the `days` days known just before `as_of`.

    >>> lookback(100, 7)
    Window(start=93, end=100)
    """
    return Window(as_of - days, as_of)


def label_window(as_of: int, horizon_days: int) -> Window:
    """Open the window in which the outcome of `as_of` falls.

    >>> label_window(100, 90)
    Window(start=100, end=190)
    """
    return Window(as_of, as_of + horizon_days)


def as_ofs_before(last: int, first: int, step_days: int, most: int) -> tuple[int, ...]:
    """Step back from `last`, never before `first`, at most `most` times; earliest first.

    >>> as_ofs_before(last=100, first=70, step_days=14, most=24)
    (72, 86, 100)
    >>> as_ofs_before(last=60, first=70, step_days=14, most=24)
    ()
    """
    steps = max(0, min(most, (last - first) // step_days + 1))
    return tuple(last - step_days * back for back in reversed(range(steps)))


def month_of(day: int) -> int:
    """Number the calendar month of a day: months since 1970-01.

    >>> month_of(0), month_of(30), month_of(31), month_of(-1)
    (0, 0, 1, -1)
    """
    when = date_of(day)
    return (when.year - EPOCH.year) * 12 + when.month - 1


def month_window(month: int) -> Window:
    """Open the window of a calendar month, which ends where the next begins.

    >>> month_window(0), month_window(1)
    (Window(start=0, end=31), Window(start=31, end=59))
    """
    first, following = (day_of(date(EPOCH.year + number // 12, number % 12 + 1, 1)) for number in (month, month + 1))
    return Window(first, following)


HORIZONS = (30, 60, 90, 180)


def sensible_horizon(long_gap_days: float, span_days: int) -> int:
    """Suggest a horizon: the usual number of days nearest, by ratio, to the gap within which most have come back.

    At most a third of the log, so that there are windows to learn from and one to be judged on.

    >>> sensible_horizon(long_gap_days=104, span_days=730), sensible_horizon(long_gap_days=104, span_days=200)
    (90, 60)
    """
    fitting = [days for days in HORIZONS if days * 3 <= span_days] or [HORIZONS[0]]
    gap = max(long_gap_days, 1)
    nearest = min(HORIZONS, key=lambda days: max(days / gap, gap / days))
    return nearest if nearest in fitting else fitting[-1]
