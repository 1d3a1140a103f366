"""Figures in words: amounts, shares, days, and the names of columns."""

from __future__ import annotations

from typing import Any

import pandas as pd

__all__ = ["amount_or_nothing", "counted", "figure", "in_words", "money", "or_dash", "percent", "yes"]


def or_dash(value: Any) -> str:
    """Write a value, or a dash where there is none."""
    return "–" if value is None or pd.isna(value) else str(value)


def in_words(name: str) -> str:
    """Turn a column's name into words.

    >>> in_words("tickets_last_365d"), in_words("created_on")
    ('tickets in the last 365 days', 'created on')
    """
    head, _, days = name.partition("_last_")
    window = f" in the last {days.removesuffix('d')} days" if days.endswith("d") and days[:-1].isdigit() else ""
    return (head + window if window else name).replace("_", " ")


def money(value: float, currency: str) -> str:
    """Write an amount in its currency."""
    return f"{value:,.2f} {currency}"


def amount_or_nothing(value: float, currency: str) -> str:
    """Write an amount; nothing where there is none."""
    return "" if pd.isna(value) else money(value, currency)


def figure(value: float, unit: str, currency: str) -> str:
    """Write a figure in its unit: days, money, or a number; a dash where there is none."""
    if pd.isna(value):
        return "–"
    return money(value, currency) if unit == "money" else f"{value:,.0f} days" if unit == "days" else f"{value:,.1f}"


def percent(share: float | None) -> str:
    """Write a share as a percentage; a dash where there is none, and no certainty where there is only a likelihood.

    >>> percent(0.934), percent(0.001), percent(0.999), percent(1.0), percent(None)
    ('93%', 'under 1%', 'over 99%', '100%', '–')
    """
    if share is None or pd.isna(share):
        return "–"
    if 0 < share < 0.005:
        return "under 1%"
    return "over 99%" if 0.995 <= share < 1 else f"{share:.0%}"


def counted(number: int, word: str) -> str:
    """Write a number with its word."""
    return f"{number:,} {word}{'' if number == 1 else 's'}"


def yes(said: bool | None) -> str:
    """Write what was said, if anything was."""
    return {True: "yes", False: "no", None: "not said"}[said]
