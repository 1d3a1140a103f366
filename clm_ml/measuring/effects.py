"""What contacting brought: more buyers, more revenue, and the profit that is left after its cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from clm_ml.measuring.arms import Arm, Pair, sum_arms
from clm_ml.measuring.intervals import Interval, Spread, add_up, newcombe, spend_difference, spread_of

__all__ = ["Effect", "Terms", "compare"]


@dataclass(frozen=True)
class Terms:
    """What makes a profit of revenue: the share of it that is margin, and what contacting cost; None is not known."""

    margin: float | None = None
    cost: float | None = None


@dataclass(frozen=True)
class Effect:
    """What contacting some customers caused, as assigned: they against those held out.

    Attributes:
        name: of the arm, the segment or the campaign.
        contacted: what came of those to contact.
        holdout: what came of those held out.
        rate: contacted rate − holdout rate, as a share.
        buyers: how many more bought, of all to contact.
        revenue: how much more all of them spent, in the currency; None if spend is not known, or below five buyers.
        profit: the margin of that after what contacting cost; None if either is not known.
        terms: the margin, and the cost.
    """

    name: str
    contacted: Arm
    holdout: Arm
    rate: Interval
    buyers: Interval
    revenue: Interval | None
    profit: Interval | None
    terms: Terms

    @property
    def deciding(self) -> tuple[str, Interval | None]:
        """What the verdict is about, and its figure – profit if it can be known, else revenue, else buyers.

        Where spend is known but too few have bought, nothing decides.
        """
        if self.contacted.spent is None:
            return "buyers", self.buyers
        return ("revenue", self.revenue) if None in (self.terms.margin, self.terms.cost) else ("profit", self.profit)

    @property
    def break_even(self) -> float | None:
        """The revenue a contacted customer has to bring to pay for contacting them; None if money is not known."""
        if not self.terms.margin or self.terms.cost is None or self.contacted.spent is None:
            return None
        return self.terms.cost / self.terms.margin / self.contacted.customers

    @property
    def return_on_spend(self) -> Interval | None:
        """The revenue that each unit of money spent on contacting brought."""
        if self.revenue is None or not self.terms.cost:
            return None
        return self.revenue.times(1 / self.terms.cost)

    def facts(self) -> dict[str, Any]:
        """Tell it as plain data."""
        figures = {
            "rate": self.rate,
            "buyers": self.buyers,
            "revenue": self.revenue,
            "profit": self.profit,
            "return_on_spend": self.return_on_spend,
        }
        return {
            "name": self.name,
            "contacted": self.contacted.facts(),
            "holdout": self.holdout.facts(),
            "cost": self.terms.cost,
            **{name: None if figure is None else figure.facts() for name, figure in figures.items()},
        }


def compare(name: str, pairs: Sequence[Pair], terms: Terms, z: float) -> Effect:
    """Compare those to contact with those held out.

    Args:
        name: what to call it.
        pairs: the arms, a pair for each group of customers who had the same chance of being held out; only within one
            are they alike, so each is compared by itself and the differences are added up.
        terms: what makes a profit of it.
        z: as `z_of` gives it.

    >>> told = compare("mail", [Pair(Arm(900, 90), Arm(100, 8))], Terms(), 1.96)
    >>> round(told.rate.value, 3), round(told.buyers.value, 1), round(told.buyers.low, 1)
    (0.02, 18.0, -47.0)
    """
    contacted, holdout = sum_arms(pair.contacted for pair in pairs), sum_arms(pair.holdout for pair in pairs)
    buyers = add_up(newcombe(pair.contacted, pair.holdout, z).times(pair.contacted.customers) for pair in pairs)
    spread = spread_of((contacted, holdout))
    revenue = None if spread is None else _revenue(pairs, spread, z)
    return Effect(
        name=name,
        contacted=contacted,
        holdout=holdout,
        rate=buyers.times(1 / contacted.customers),
        buyers=buyers,
        revenue=revenue,
        profit=_profit(revenue, terms),
        terms=terms,
    )


def _revenue(pairs: Sequence[Pair], spread: Spread, z: float) -> Interval:
    return add_up(
        spend_difference(pair.contacted, pair.holdout, spread, z).times(pair.contacted.customers) for pair in pairs
    )


def _profit(revenue: Interval | None, terms: Terms) -> Interval | None:
    if revenue is None or terms.margin is None or terms.cost is None:
        return None
    return revenue.times(terms.margin, less=terms.cost)
