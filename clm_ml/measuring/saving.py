"""What contacts brought back, of a customer who reads as much as the mean: the save rate, measured."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["SaveRate", "brought_back", "measure_save_rate"]

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

#: Those held out are told apart by silence into as many groups of equal size …
_GROUPS = 8
#: … of no fewer than this.
_FEWEST = 100


@dataclass(frozen=True)
class SaveRate:
    """By how much a contact raised the chance of an order.

    Attributes:
        rise: for a customer who reads as much as the mean; for another it is so many times as much as they read.
        error: its standard error.
        contacted: customers by whom it was measured …
        held_out: … in either arm.
    """

    rise: float
    error: float
    contacted: int
    held_out: int

    @property
    def z(self) -> float:
        """How many standard errors the rise lies above zero."""
        return self.rise / self.error if self.error > 0 else 0.0

    def __str__(self) -> str:
        sizes = f"{self.contacted:,} contacted, {self.held_out:,} held out"
        return f"{100 * self.rise:+.1f} points ± {100 * self.error:.1f}, {sizes}"


def measure_save_rate(is_contacted: Floats, contacted_share: Floats, beyond: Floats, reading: Floats) -> SaveRate:
    """Fit the rise to what randomised campaigns caused, in proportion to reading, by least squares.

    Each customer tells `(T − e) / (e (1 − e)) × beyond`, of which the mean is the effect of the contact on those alike
    (Horvitz and Thompson 1952), whatever they would have done without; its error is White's (1980), which takes nothing
    for granted about how it varies.

    Args:
        is_contacted: T, 1 or 0, a row a customer and campaign; both must be there.
        contacted_share: e, the share that was meant to be contacted.
        beyond: whether they ordered, 1 or 0, less the share of all like them who did, in both arms together.
        reading: how much likelier than the mean each reads what is sent; ones, if nothing is known of it.

    >>> sent = np.array([1.0, 1, 1, 1, 0, 0, 0, 0])
    >>> ordered = np.array([1.0, 1, 0, 1, 1, 0, 0, 0])  # three of four, and one of four
    >>> found = measure_save_rate(sent, np.full(8, 0.5), ordered - 0.5, np.ones(8))
    >>> found.rise, found.contacted, found.held_out
    (0.5, 4, 4)
    """
    told = (is_contacted - contacted_share) / (contacted_share * (1 - contacted_share)) * beyond
    weight = float(reading @ reading)
    rise = float(reading @ told) / weight if weight else 0.0
    error = float(np.sqrt(((reading * (told - rise * reading)) ** 2).sum())) / weight if weight else np.inf
    contacted = int(is_contacted.sum())
    return SaveRate(rise, error, contacted, len(is_contacted) - contacted)


def brought_back(came: Bools, is_contacted: Bools, silent_days: Floats, effect: Floats) -> Floats:
    """Tell how likely a contact caused the order that came after it; 0 where none came, or nobody was contacted.

    What it is expected to cause is held against that and what those held out do anyway who have been silent as long:
    `effect / (effect + anyway)`, the excess fraction of Greenland and Robins (1988).

    Args:
        came: who ordered soon after, a row a customer and campaign.
        is_contacted: or held out.
        silent_days: since the last order before; NaN counts as the longest silence.
        effect: expected of the contact; none below zero.

    >>> came, sent = np.array([True, True, False, True, False]), np.array([True, True, True, False, False])
    >>> brought_back(came, sent, np.zeros(5), np.array([0.5, 0.1, 0.1, 0.5, 0.5])).round(3).tolist()
    [0.5, 0.167, 0.0, 0.0, 0.0]
    """
    silent = np.nan_to_num(silent_days, nan=np.inf)
    held_out = silent[~is_contacted]
    groups = max(1, min(_GROUPS, len(held_out) // _FEWEST))
    edges = np.quantile(held_out, np.arange(1, groups) / groups, method="higher")
    group = np.searchsorted(edges, silent, side="right")
    of_group = group[~is_contacted]
    sizes = np.bincount(of_group, minlength=groups)
    orders = np.bincount(of_group, came[~is_contacted], minlength=groups)
    anyway = np.divide(orders, sizes, out=np.full(groups, float(came[~is_contacted].mean())), where=sizes > 0)[group]
    there = came & is_contacted & (effect > 0)
    return np.divide(effect, effect + anyway, out=np.zeros(len(came)), where=there)
