"""What came of the customers of one arm, as counts and sums: all that intervals need to know."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

__all__ = ["Arm", "Pair", "count_arm", "sum_arms"]


@dataclass(frozen=True)
class Arm:
    """Everyone assigned to an arm, whether or not a message reached them.

    Attributes:
        customers: how many.
        buyers: who of them ordered.
        spenders: who of them spent anything, or got money back for a return.
        spent: what all of them spent, in the currency; None if nobody knows.
        spent_squares: the sum of the squares of it.
    """

    customers: int
    buyers: int
    spenders: int = 0
    spent: float | None = None
    spent_squares: float = 0.0

    @property
    def rate(self) -> float:
        """The share that bought."""
        return self.buyers / self.customers

    def facts(self) -> dict[str, float | int | None]:
        """Tell it as plain data."""
        return {"customers": self.customers, "buyers": self.buyers, "rate": self.rate, "spent": self.spent}


@dataclass(frozen=True)
class Pair:
    """A contacted arm beside the holdout, of customers who had the same chance of being held out."""

    contacted: Arm
    holdout: Arm


def count_arm(ordered: pd.Series, spent: pd.Series | None) -> Arm:
    """Count what came, a row a customer.

    >>> count_arm(pd.Series([1, 0, 1]), pd.Series([30.0, 0.0, 10.0]))
    Arm(customers=3, buyers=2, spenders=2, spent=40.0, spent_squares=1000.0)
    """
    buyers = int(ordered.sum())
    if spent is None:
        return Arm(len(ordered), buyers)
    money = spent.to_numpy(dtype=np.float64)
    return Arm(len(ordered), buyers, int(np.count_nonzero(money)), float(money.sum()), float((money**2).sum()))


def sum_arms(arms: Iterable[Arm]) -> Arm:
    """Add arms up: all of them together.

    >>> sum_arms([Arm(3, 2, 2, 40.0, 1000.0), Arm(1, 0, 0, 0.0)])
    Arm(customers=4, buyers=2, spenders=2, spent=40.0, spent_squares=1000.0)
    """
    found = list(arms)
    money = [arm.spent for arm in found if arm.spent is not None]
    return Arm(
        sum(arm.customers for arm in found),
        sum(arm.buyers for arm in found),
        sum(arm.spenders for arm in found),
        sum(money) if len(money) == len(found) else None,
        sum(arm.spent_squares for arm in found),
    )
