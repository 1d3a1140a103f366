"""Whether as many were held out as was meant: if not, something chose the arms, and no difference is news."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from scipy.stats import binomtest

__all__ = ["Ratio", "check_ratio"]


@dataclass(frozen=True)
class Ratio:
    """How the arms' sizes fit the share that was meant to be held out.

    Attributes:
        meant_share: of customers to hold out.
        found_share: of customers held out.
        chance: of a share at least as unlikely, were everyone assigned by the share that was meant.
        fits: whether that is likely enough to go on.
    """

    meant_share: float
    found_share: float
    chance: float
    fits: bool

    def facts(self) -> dict[str, Any]:
        """Tell it as plain data."""
        return asdict(self)


def check_ratio(held_out: int, customers: int, share: float, level: float) -> Ratio:
    """Ask, by the exact binomial test, whether so many held out of all customers fit the share that was meant.

    Arms assigned in blocks are nearer to the share than chance would have them, and never fail. Where customers had
    different shares, their mean is asked: the test then fails somewhat later than it could.

    Args:
        held_out: customers in the holdout.
        customers: in all arms together.
        share: that was meant to be held out, between 0 and 1.
        level: below this chance it does not fit.

    >>> check_ratio(1000, 10000, 0.1, 0.001).fits, check_ratio(880, 10000, 0.1, 0.001).fits
    (True, False)
    """
    chance = float(binomtest(held_out, customers, share).pvalue)
    return Ratio(share, held_out / customers, chance, chance >= level)
