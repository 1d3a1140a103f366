"""What contacts brought back, of a customer who reads as much as the mean: the save rate, measured."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["SaveRate", "measure_save_rate"]

Floats = npt.NDArray[np.float64]


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
