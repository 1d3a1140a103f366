"""What a list promises before it is sent: what it is expected to earn, and whether that could be told afterwards."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from clm_ml.campaign import CONTACT
from clm_ml.config import Config
from clm_ml.measuring import smallest_detectable_rise

__all__ = ["Promise", "promise", "smallest_share"]

_LEAST, _MOST = 5, 50  # of a hundred to hold out


@dataclass(frozen=True)
class Promise:
    """What contacting those to contact is expected to add, and what the holdout can show of it.

    Attributes:
        orders: more orders of those to contact than without it.
        revenue: of these orders, in the currency.
        profit: their margin, less what contacting costs.
        cost: of contacting.
        holdout_cost: profit that those held out would be expected to bring.
        base_rate: share of the customers who will order without a contact, by their scores.
        expected_rise: of the share who order, by contacting.
        break_even_rise: the rise that pays for a contact.
        detectable_rise: the smallest rise that these arms tell from nothing, four times in five; None without a
            holdout, and where none would do.
        assumed: what of this is assumed and not measured.
        assumed_of: of how many customers, in both arms …
        customers: … of how many there are.
    """

    orders: float
    revenue: float
    profit: float
    cost: float
    holdout_cost: float
    base_rate: float
    expected_rise: float
    break_even_rise: float
    detectable_rise: float | None
    assumed: tuple[str, ...]
    assumed_of: int
    customers: int

    def facts(self) -> dict[str, Any]:
        """Tell it as plain data: money to the cent, shares to six digits."""
        money = {"orders", "revenue", "profit", "cost", "holdout_cost"}
        return {
            name: round(value, 2 if name in money else 6) if isinstance(value, float) else value
            for name, value in (asdict(self) | {"assumed": list(self.assumed)}).items()
        }

    def lines(self, held_out: int, currency: str) -> Iterator[str]:
        """Tell it in sentences, with the word assumed where it belongs."""
        is_all = self.assumed_of == self.customers
        of = "" if is_all else f" for {self.assumed_of:,} of {self.customers:,}"
        by = f" ({' and '.join(self.assumed)} assumed{of})" if self.assumed else ""
        yield (
            f"expected{by}: {self.orders:,.1f} more orders, {self.revenue:,.0f} {currency} more revenue, "
            f"{self.profit:,.0f} {currency} profit after {self.cost:,.0f} {currency} for contacting"
        )
        rises = f"a rise of {_points(self.expected_rise)} is {'assumed' if self.assumed and is_all else 'expected'}"
        pays = f"{_points(self.break_even_rise)} would pay for the contacts"
        if not held_out:
            yield f"nobody is held out: what contacting did will not be known; {rises}, {pays}"
            return
        yield f"the holdout of {held_out:,} costs {self.holdout_cost:,.0f} {currency} of that profit"
        if self.detectable_rise is None:
            yield f"it is too small to show any rise; {rises}, {pays}"
            return
        yield f"the smallest rise it shows, four times in five, is {_points(self.detectable_rise)}; {rises}, {pays}"


def _points(share: float) -> str:
    return f"{100 * share:.1f} points"


def promise(customers: pd.DataFrame, arms: pd.Series[str], config: Config) -> Promise:
    """Add up what a list promises.

    Args:
        customers: as `Ranked.customers`.
        arms: the arm of each, with the same index.
        config: its margin, and the confidence with which it measures.
    """
    money = customers[["expected_effect", "order_amount", "expected_profit", "contact_cost"]]
    sent, kept = money[arms == CONTACT], money[arms != CONTACT]
    rate = _base_rate(customers)
    arms_told = len(sent) > 0 and len(kept) > 0
    confidence = config.measure.confidence
    is_assumed = customers["ranked_by"].str.contains("assumed")
    return Promise(
        orders=float(sent["expected_effect"].sum()),
        revenue=float((sent["expected_effect"] * sent["order_amount"]).sum()),
        profit=float(sent["expected_profit"].sum()),
        cost=float(sent["contact_cost"].sum()),
        holdout_cost=float(kept["expected_profit"].sum()),
        base_rate=rate,
        expected_rise=float(customers["expected_effect"].mean()),
        break_even_rise=_break_even(customers, config),
        detectable_rise=smallest_detectable_rise(len(sent), len(kept), rate, confidence) if arms_told else None,
        assumed=("save rate",) if is_assumed.any() else (),
        assumed_of=int(is_assumed.sum()),
        customers=len(customers),
    )


def smallest_share(customers: pd.DataFrame, config: Config) -> float:
    """Find the smallest share to hold out, in whole percent from 5 to 50, that shows a rise below break-even.

    Where none does it is 50 %: there is no better.
    """
    rate, even, people = _base_rate(customers), _break_even(customers, config), len(customers)

    def shows(percent: int) -> bool:
        held = round(people * percent / 100)
        if not 0 < held < people:
            return False
        rise = smallest_detectable_rise(people - held, held, rate, config.measure.confidence)
        return rise is not None and rise < even

    return (_LEAST + bisect_left(range(_LEAST, _MOST), True, key=shows)) / 100


def _base_rate(customers: pd.DataFrame) -> float:
    return float(1 - customers["churn_probability"].mean())


def _break_even(customers: pd.DataFrame, config: Config) -> float:
    """Give the rise, the same for all, whose margin is what contacting them costs."""
    value = config.list.margin * float(customers["order_amount"].sum())
    return float(customers["contact_cost"].sum()) / value if value > 0 else 1.0
