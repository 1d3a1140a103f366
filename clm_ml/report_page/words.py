"""Numbers and days as a page says them."""

from __future__ import annotations

from datetime import date
from math import floor, log10
from typing import Any

import pandas as pd

__all__ = [
    "about", "count", "day", "in_words", "method", "money", "number", "points", "share", "steady", "times_in_hundred",
]  # fmt: skip

#: Not by the locale, which would make the same page twice two pages.
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
_METHODS = {"bg_nbd": "BG/NBD", "logistic_rfm": "logistic RFM"}


def in_words(name: str) -> str:
    """Write a name of the code for people: `at_risk` is at risk."""
    return name.replace("_", " ")


#: Characters that turn the direction of whatever follows them.
_STEERING = dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F, 0x061C])


def steady(text: str) -> str:
    """Take out of a text what would turn the direction of the words after it; letters of any script stay.

    >>> steady("a\u202eb")
    'ab'
    """
    return text.translate(_STEERING)


def method(name: str) -> str:
    """Write a method that was judged, for people."""
    return _METHODS.get(name, in_words(name))


def day(iso: Any) -> str:
    """Write a day.

    >>> day("2011-09-11")
    '11 September 2011'
    """
    when = date.fromisoformat(str(iso))
    return f"{when.day} {_MONTHS[when.month - 1]} {when.year}"


def about(value: float) -> str:
    """Write an amount to three digits, for a sentence.

    >>> about(784258.2), about(91.4), about(0)
    ('784,000', '91', '0')
    """
    if abs(value) < 100:
        return f"{value:,.0f}"
    return f"{round(value, 2 - floor(log10(abs(value)))):,.0f}"


def money(value: Any, currency: str, digits: int = 0) -> str:
    """Write an amount in its currency; a dash where there is none."""
    return "–" if value is None or pd.isna(value) else f"{value:,.{digits}f} {currency}"


def number(value: Any, digits: int = 0) -> str:
    """Write a number; a dash where there is none."""
    return "–" if value is None or pd.isna(value) else f"{value:,.{digits}f}"


def share(value: Any, digits: int = 0) -> str:
    """Write a share as a percentage; a dash where there is none, and nothing as nought that is not.

    >>> share(0.42), share(0.0004), share(None)
    ('42%', 'under 1%', '–')
    """
    if value is None or pd.isna(value):
        return "–"
    return "under 1%" if digits == 0 and 0 < value < 0.005 else f"{value:.{digits}%}"


def points(value: float) -> str:
    """Write a difference of shares."""
    return f"{100 * value:.1f} points"


def count(value: int, word: str) -> str:
    """Write so many of something."""
    return f"{value:,} {word}{'' if value == 1 else 's'}"


def times_in_hundred(value: float) -> str:
    """Write a probability as so many times in a hundred."""
    return f"{100 * value:.0f} times in a hundred"
