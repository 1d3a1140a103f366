"""The trees' partner: a logistic regression on recency, frequency, money and tenure, and on how these bend.

A few numbers hold what is true of every order log, and drift less than three dozen do. Blended with the trees they
won forward in time on every log tried, where either alone lost somewhere. Trees are kept from tenure, since they cut
where a log that begins somewhere happened to be; a smooth curve carries it on. The straight regression on recency,
frequency and money is also a baseline in the gate.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from clm_ml.examples import draw_evenly
from clm_ml.features import FADING_DAYS
from clm_ml.model.blocks import blocks
from clm_ml.model.prior import PRIOR_LOG_ODDS

__all__ = ["BENT_TERMS", "ENGAGED_TERMS", "PARTNER_COLUMNS", "RFM_TERMS", "Partner", "fit_partner"]

Floats = np.ndarray[Any, np.dtype[np.float64]]


def _log(column: str, less: int = 0, scale: float = 1.0) -> Callable[[pd.DataFrame], Floats]:
    def values(features: pd.DataFrame) -> Floats:
        number = features[column].to_numpy(dtype=np.float64, na_value=np.nan)
        return np.log1p(np.clip(number / scale - less, 0, None))

    return values


def _silent_share(features: pd.DataFrame) -> Floats:
    """Give the silence as a share of the time since the first order; whoever first ordered today is not here."""
    silence, tenure = (
        features[column].to_numpy(dtype=np.float64, na_value=np.nan)
        for column in ("days_since_last_order", "days_since_first_order")
    )
    return silence / np.maximum(tenure, 1)


def _times(*factors: Callable[[pd.DataFrame], Floats]) -> Callable[[pd.DataFrame], Floats]:
    return lambda features: np.prod([factor(features) for factor in factors], axis=0)


_silence, _repeats = _log("days_since_last_order"), _log("order_days_ever", less=1)
_tenure = _log("days_since_first_order")


def _last_trace(features: pd.DataFrame) -> Floats:
    """Give the logarithm of the days since the last order or event, whichever came later."""
    return np.minimum(_silence(features), np.nan_to_num(_log("days_since_last_event")(features), nan=np.inf))


_FADED = {
    f"{what} faded over {days} days": (answering, _log(f"{what}_faded_over_{days}d", scale=1000.0))
    for what, answering in (("orders", "orders_ever"), ("events", "days_since_last_event"))
    for days in FADING_DAYS
}

#: What a term is, and the feature that answers for it when reasons are told.
_TERMS: dict[str, tuple[str, Callable[[pd.DataFrame], Floats]]] = {
    "silence": ("days_since_last_order", _silence),
    "orders": ("orders_ever", _log("orders_ever")),
    "amount": ("amount_ever", _log("amount_ever")),
    "repeats": ("order_days_ever", _repeats),
    "tenure": ("order_days_per_30d", _tenure),
    "silence squared": ("days_since_last_order", _times(_silence, _silence)),
    "repeats squared": ("order_days_ever", _times(_repeats, _repeats)),
    "silence by repeats": ("days_since_last_order", _times(_silence, _repeats)),
    "repeats by tenure": ("order_days_per_30d", _times(_repeats, _tenure)),
    "silent share": ("days_since_last_order", _silent_share),
    "silent share by repeats": ("days_since_last_order", _times(_silent_share, _repeats)),
    **_FADED,
    "prior": ("days_since_last_order", lambda features: features[PRIOR_LOG_ODDS].to_numpy(dtype=np.float64)),
    "last trace": ("days_since_last_event", _last_trace),
}

RFM_TERMS = ("silence", "orders", "amount")
ENGAGED_TERMS = tuple(name for name in _TERMS if name != "orders")
BENT_TERMS = tuple(name for name in ENGAGED_TERMS if _TERMS[name][0] != "days_since_last_event")

#: What terms are made of, where there is an event log.
PARTNER_COLUMNS = (
    PRIOR_LOG_ODDS, "days_since_last_order", "days_since_first_order", "orders_ever", "order_days_ever", "amount_ever",
    "days_since_last_event", *(f"{what}_faded_over_{days}d" for what in ("orders", "events") for days in FADING_DAYS),
)  # fmt: skip


_MOST = 500_000  # examples that are learned from


@dataclass(frozen=True)
class Partner:
    """A logistic regression on terms, each centred and scaled as in training."""

    terms: tuple[str, ...]
    means: tuple[float, ...]
    scales: tuple[float, ...]
    weights: tuple[float, ...]
    intercept: float

    def __post_init__(self) -> None:
        """Refuse numbers that would be stretched over all terms."""
        if {*map(len, (self.means, self.scales, self.weights))} != {len(self.terms)}:
            raise ValueError("every term has a mean, a scale and a weight")

    def contributions(self, features: pd.DataFrame) -> pd.DataFrame:
        """Give each feature's share in each row's log-odds; the intercept is the mean row's."""
        shares = pd.DataFrame(self._shares(features), index=features.index)
        return shares.T.groupby([_TERMS[term][0] for term in self.terms], sort=False).sum().T

    def raw(self, features: pd.DataFrame) -> Floats:
        """Give each row's log-odds of an order."""
        shares = (self._shares(features.iloc[block]).sum(axis=1) for block in blocks(len(features)))
        return np.concatenate([np.empty(0), *shares]) + self.intercept

    def facts(self) -> dict[str, Any]:
        """Tell the numbers as plain data."""
        return asdict(self)

    def _shares(self, features: pd.DataFrame) -> Floats:
        return (_values(features, self.terms) - self.means) / self.scales * self.weights


def fit_partner(features: pd.DataFrame, ordered: Any, terms: Sequence[str] = RFM_TERMS) -> Partner:
    """Learn a partner from customers who have ordered; both outcomes must occur.

    So many examples say enough of so few numbers, and are drawn evenly from those sorted by as_of and customer.
    """
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 - takes long, and only learning needs it

    rows = draw_evenly(features.assign(ordered=np.asarray(ordered)), _MOST)
    values = _values(rows, terms)
    centres, spreads = values.mean(axis=0), values.std(axis=0)
    spreads[spreads == 0] = 1.0
    fitted = LogisticRegression(max_iter=3000).fit((values - centres) / spreads, rows["ordered"].to_numpy())
    numbers = (centres, spreads, fitted.coef_[0])
    # As many digits as the evidence has; the last ones would differ between machines.
    means, scales, weights = (tuple(round(float(x), 9) for x in values) for values in numbers)
    return Partner(tuple(terms), means, scales, weights, round(float(fitted.intercept_[0]), 9))


def _values(features: pd.DataFrame, terms: Sequence[str]) -> Floats:
    return np.column_stack([_TERMS[term][1](features) for term in terms])
