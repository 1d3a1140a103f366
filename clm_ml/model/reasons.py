"""Why the churn probability is what it is, in words a marketer can read.

The learners' own contributions (TreeSHAP, Lundberg et al. 2020, and the partner's terms) are added up by theme; the
three weightiest themes are told with the customer's own figures, against their own habit where they have one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from clm_ml.config import Task

__all__ = ["REASONS", "Teller", "reason_columns"]

REASONS = ("reason_1", "reason_2", "reason_3")

Row = Any


def reason_columns(index: pd.Index[Any]) -> pd.DataFrame:
    """Make reasons that say nothing: all null."""
    return pd.DataFrame(None, index=index, columns=list(REASONS), dtype="string")


@dataclass(frozen=True)
class Teller:
    """Turns contributions to the log-odds of an order into sentences."""

    task: Task
    currency: str

    def tell(self, features: pd.DataFrame, contributions: pd.DataFrame, themes: Mapping[str, str]) -> pd.DataFrame:
        """Tell the three weightiest themes of each row; fewer if fewer have any weight.

        Args:
            features: one row per person, with the catalogue's columns.
            contributions: each feature's share in the log-odds of an order, in the same rows.
            themes: what each feature speaks about.
        """
        told = reason_columns(features.index)
        if contributions.empty:
            return told
        spoken = [themes[column] for column in contributions.columns]
        weights = contributions.T.groupby(np.asarray(spoken)).sum().T  # one column a theme
        names, values = weights.columns.to_numpy(), weights.to_numpy()
        order = np.argsort(-np.abs(values), axis=1, kind="stable")[:, : len(REASONS)]
        rows = features.to_dict("records")
        for place, reason in enumerate(REASONS[: order.shape[1]]):
            chosen = order[:, place]
            weight = values[np.arange(len(rows)), chosen]
            sentences = [
                self._sentence(row, names[theme], share) if share else None
                for row, theme, share in zip(rows, chosen, weight, strict=True)
            ]
            told[reason] = pd.array(sentences, dtype="string")
        return told

    def _sentence(self, row: Row, theme: str, weight: float) -> str:
        fact = _FACTS.get(theme, _event_fact(theme))(row, self)
        return f"{fact} ({'lowers' if weight > 0 else 'raises'} the risk)"

    def amount(self, value: float) -> str:
        """Write money for people."""
        return f"{round(value):,} {self.currency}"

    @property
    def window(self) -> int:
        """The lookback a marketer thinks in: the one nearest to a quarter."""
        return min(self.task.windows_days, key=lambda days: abs(days - 90))


def _recency(row: Row, _: Teller) -> str:
    if _is_missing(row["days_since_last_order"]):
        return "has never ordered"
    since, gap = (_count(row[name], "day") for name in ("days_since_last_order", "expected_gap_days"))
    habit = f"the usual {gap}" if row["gaps_ever"] else f"the {gap} to be expected"
    return f"last order {since} ago, {row['overdue_ratio']:.1f} times {habit}"


def _tenure(row: Row, _: Teller) -> str:
    if _is_missing(row["days_since_first_order"]):
        return "has never ordered"
    return f"first order {_count(row['days_since_first_order'], 'day')} ago"


def _rhythm(row: Row, _: Teller) -> str:
    if _is_missing(row["mean_gap_days"]):
        return "has no rhythm of orders yet"
    spread = row["gap_spread_days"]
    give = "" if _is_missing(spread) else f", give or take {spread:.0f}"
    return f"orders every {_count(row['mean_gap_days'], 'day')}{give}"


def _frequency(row: Row, teller: Teller) -> str:
    if row["orders_ever"] < 2:
        return "a single order so far" if row["orders_ever"] else "no order so far"
    lately = row[f"orders_last_{teller.window}d"]
    return f"{row['orders_ever']:.0f} orders so far, {lately:.0f} in the last {teller.window} days"


def _money(row: Row, teller: Teller) -> str:
    lately = teller.amount(row[f"amount_last_{teller.window}d"])
    return f"spent {teller.amount(row['amount_ever'])} so far, {lately} in the last {teller.window} days"


def _returns(row: Row, _: Teller) -> str:
    share = row["returned_amount_share"]
    if _is_missing(share) or not share:
        return "has returned nothing"
    return f"returned {np.clip(share, 0.01, 1):.0%} of what was bought"


def _engagement(row: Row, teller: Teller) -> str:
    if _is_missing(row["days_since_last_event"]):
        return "nothing seen between orders"
    seen = f"last seen {_count(row['days_since_last_event'], 'day')} ago"
    return f"{seen}, {_count(row[f'events_last_{teller.window}d'], 'event')} in the last {teller.window} days"


def _campaigns(row: Row, _: Teller) -> str:
    if _is_missing(row["days_since_last_contact"]):
        return "never contacted by a campaign"
    since = f"last contacted {_count(row['days_since_last_contact'], 'day')} ago"
    sent, answered = (row[f"contacts_{name}last_365d"] for name in ("", "answered_"))
    return f"{since}, {_count(sent, 'time')} in the last 365 days, {answered:.0f} of them answered by an order"


def _event_fact(meaning: str) -> Callable[[Row, Teller], str]:
    """Tell of one meaning of events: the last 30 days against the two months before."""
    word = {"email_open": "opened e-mail", "email_click": "clicked e-mail"}.get(meaning, meaning.replace("_", " "))

    def fact(row: Row, _: Teller) -> str:
        since = row.get(f"days_since_last_{meaning}")
        if _is_missing(since):
            return f"no {word} yet"
        lately, quarter = row[f"{meaning}s_last_30d"], row[f"{meaning}s_last_90d"]
        ago = f"last {word} {_count(since, 'day')} ago"
        if not quarter:
            return f"{ago}, none in the last 90 days"
        return f"{ago}, {lately:.0f} in the last 30 days after {(quarter - lately) / 2:.1f} a month before"

    return fact


_FACTS: dict[str, Callable[[Row, Teller], str]] = {
    "recency": _recency,
    "tenure": _tenure,
    "rhythm": _rhythm,
    "frequency": _frequency,
    "money": _money,
    "returns": _returns,
    "engagement": _engagement,
    "campaigns": _campaigns,
}


def _count(number: float, word: str) -> str:
    return f"{number:.0f} {word}{'' if round(number) == 1 else 's'}"


def _is_missing(value: Any) -> bool:
    return value is None or bool(pd.isna(value))
