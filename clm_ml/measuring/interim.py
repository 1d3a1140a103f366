"""What may be said before the horizon has closed, however often one looks.

If a campaign does nothing, each buyer is a coin that shows "contacted" with the share of customers that were. A bet
against that, on every share near it at once (a beta mixture), can grow large only rarely: the chance that it ever
reaches 1/level is at most the level, whenever one stops (Ville 1939).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from math import fsum
from typing import Any

import numpy as np
from scipy.special import betaln, xlog1py, xlogy

__all__ = ["Interim", "watch_buyers"]

Floats = np.ndarray[Any, np.dtype[np.float64]]

#: How many buyers the bet is worth beforehand: most sure of itself where campaigns change buying by a tenth to a half.
_PRIOR_BUYERS = 100.0


@dataclass(frozen=True)
class Interim:
    """What the buyers so far say.

    Attributes:
        buyers: so far, in all arms.
        contacted_buyers: those of them who were contacted.
        expected: how many of them would be among the contacted if the campaign did nothing.
        chance: of buyers that ever tell so much against that, if it does nothing; it holds at every look.
        ratio: how many times as often the contacted buy: the lowest and the highest that the buyers allow, at every
            look; 1 is nothing.
        is_clear: whether the chance is below the level.
    """

    buyers: int
    contacted_buyers: int
    expected: float
    chance: float
    ratio: tuple[float, float]
    is_clear: bool

    def facts(self) -> dict[str, Any]:
        """Tell it as plain data."""
        return asdict(self) | {"ratio": list(self.ratio)}


def watch_buyers(days: Any, is_contacted: Any, contacted_share: Any, level: float) -> Interim:
    """Watch buyers in the order of time, day by day.

    Args:
        days: of each buyer's first order, in any order; a buyer a row.
        is_contacted: whether the buyer is in a contacted arm.
        contacted_share: of the customers who had the same chance of being held out as the buyer; between 0 and 1.
        level: the chance of a false alarm, however often one looks.

    >>> told = watch_buyers([1, 1, 2, 3], [True, False, True, True], [0.5] * 4, level=0.02)
    >>> told.buyers, told.contacted_buyers, told.is_clear
    (4, 3, False)
    """
    when, arm = np.asarray(days), np.asarray(is_contacted, dtype=bool)
    share = np.asarray(contacted_share, dtype=np.float64)
    counts = list(_counts(when, arm, share))
    bets = sum((_bet(came, bought, chance) for came, bought, chance in counts), np.zeros(1))
    chance = float(np.exp(-max(0.0, bets.max())))
    return Interim(len(when), int(arm.sum()), fsum(share), chance, _ratio(counts, level), chance < level)


def _counts(when: Any, arm: Any, share: Floats) -> Iterator[tuple[Floats, Floats, float]]:
    """Count, for each share, the buyers and the contacted among them until the end of each day.

    Within a day nobody knows who came first, and looking only when it is over breaks no promise.
    """
    days = np.unique(when)
    for value in np.unique(share):
        rows = share == value
        ends = np.searchsorted(np.sort(when[rows]), days, side="right")
        bought = np.searchsorted(np.sort(when[rows & arm]), days, side="right")
        yield ends.astype(np.float64), bought.astype(np.float64), float(value)


def _bet(buyers: Floats, contacted: Floats, share: float, null: Any = None) -> Any:
    """Give the logarithm of the bet against a share of the contacted among buyers; the one if nothing happens."""
    said = share if null is None else null
    mine, theirs = _PRIOR_BUYERS * share, _PRIOR_BUYERS * (1 - share)
    won = betaln(mine + contacted, theirs + buyers - contacted) - betaln(mine, theirs)
    return won - xlogy(contacted, said) - xlog1py(buyers - contacted, -said)


def _ratio(counts: list[tuple[Floats, Floats, float]], level: float) -> tuple[float, float]:
    """Find how many times as often the contacted may buy, by what the bets against each number have won by now."""
    ratios = np.exp(np.linspace(-5, 5, 4001))
    won = np.zeros(len(ratios))
    for buyers, contacted, share in counts:
        if len(buyers):
            null = share * ratios / (share * ratios + 1 - share)
            won += _bet(buyers[-1], contacted[-1], share, null)
    allowed = ratios[won < -np.log(level)]
    return (float(allowed.min()), float(allowed.max())) if len(allowed) else (float("nan"), float("nan"))
