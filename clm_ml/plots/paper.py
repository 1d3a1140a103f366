"""The paper figures are drawn on: one size, one grid, and the colours that mean something."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle
from typing import Any

from matplotlib.figure import Figure

__all__ = ["INK", "OTHER", "OWN", "RIVALS", "blank", "percent", "rival_lines", "thousands"]

#: What is ours, what stands beside it, and others to tell apart.
OWN, OTHER = "#1f5fa8", "#80868f"
INK = "#444444"
RIVALS = ("#c8691f", "#4a8a46", "#8d6cab", "#a8456b")
#: Lines that are told apart without colour too.
_DASHES = ("-", (0, (5, 1.5)), (0, (1.5, 1)), (0, (5, 1, 1, 1)))


def blank(x: str, y: str) -> tuple[Figure, Any]:
    """Give an empty figure and its axes, named."""
    figure = Figure(figsize=(6, 4.5), layout="constrained")
    axes = figure.add_subplot()
    axes.set(xlabel=x, ylabel=y)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25)
    return figure, axes


def rival_lines() -> Iterator[dict[str, Any]]:
    """Give colour and dashes of one rival after the other."""
    return cycle({"color": color, "linestyle": dashes} for color, dashes in zip(RIVALS, _DASHES, strict=True))


def percent(share: float, _: Any = None) -> str:
    """Write a share on an axis."""
    return f"{share:.0%}"


def thousands(value: float, _: Any = None) -> str:
    """Write a number on an axis, its thousands apart; halves only where they are needed.

    >>> thousands(1500), thousands(0.5), thousands(-2)
    ('1,500', '0.5', '−2')
    """
    return f"{value:,.10g}".replace("-", "−")
