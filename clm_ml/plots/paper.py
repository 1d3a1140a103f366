"""The paper figures are drawn on: one size, one grid, and the colours that mean something."""

from __future__ import annotations

from typing import Any

from matplotlib.figure import Figure

__all__ = ["OTHER", "OWN", "RIVALS", "blank"]

#: What is ours, what stands beside it, and others to tell apart.
OWN, OTHER = "#1f5fa8", "#8a8f98"
RIVALS = ("#d1762f", "#5b9a57", "#8d6cab")


def blank(x: str, y: str) -> tuple[Figure, Any]:
    """Give an empty figure and its axes, named."""
    figure = Figure(figsize=(6, 4.5), layout="constrained")
    axes = figure.add_subplot()
    axes.set(xlabel=x, ylabel=y)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25)
    return figure, axes
