"""A figure people look at before sending: what a list of any length would be expected to earn, and the one chosen."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from clm_ml.plots.paper import OTHER, OWN, blank, thousands

__all__ = ["plot_list", "plot_promise"]


def plot_list(profits: Any, listed: int, profit: float, currency: str, *, is_assumed: bool = True) -> Figure:
    """Draw expected profit against the length of a list, and mark the list that was made.

    The mark may lie below the curve: a channel that is full, or a contact too dear for what is left, is passed over.

    Args:
        profits: expected profit of everybody who may be contacted, in the order in which a budget takes them.
        listed: how many are on the list, those held out included.
        profit: what they are expected to earn if all are contacted.
        currency: of the profit.
        is_assumed: whether a save rate was assumed for it.
    """
    curve = np.concatenate([[0.0], np.cumsum(np.asarray(profits, dtype=np.float64))])
    best = int(np.argmax(curve))
    by = " (save rate assumed)" if is_assumed else ""
    figure, axes = blank("Customers contacted, best expected profit for its cost first", f"Profit, {currency}{by}")
    lengths = np.unique(np.linspace(0, len(curve) - 1, 2_000).astype(np.int64))
    axes.plot(lengths, curve[lengths], color=OWN, linewidth=2.2, label="expected profit of a list of this length")
    axes.plot(
        best, curve[best], color=OTHER, marker="o", linestyle="", label=f"the most: {curve[best]:,.0f} with {best:,}"
    )
    axes.plot(listed, profit, color=OWN, marker="D", linestyle="", label=f"this list: {profit:,.0f} with {listed:,}")
    axes.axvline(listed, color=OWN, linewidth=0.8, linestyle=":")
    axes.axhline(0, color=OTHER, linestyle="--", linewidth=1)
    axes.set(
        title="What the list is expected to earn, by its length",
        xlim=(0, min(len(curve) - 1, 3 * max(best, listed, 1))),
    )
    visible = curve[: int(axes.get_xlim()[1]) + 1]
    axes.set_ylim(min(0.0, visible.min()) * 1.08 - 0.02 * np.ptp(visible), visible.max() * 1.12)
    axes.legend(frameon=False, loc="lower center")
    return figure


def plot_promise(profits: Any, currency: str, *, is_assumed: bool = True) -> Figure:
    """Draw what a list is expected to earn as one goes down it: of those on it, and of nobody else.

    Args:
        profits: expected profit of everybody to contact, in the order of their ranks.
        currency: of the profit.
        is_assumed: whether a save rate was assumed for it.
    """
    curve = np.concatenate([[0.0], np.cumsum(np.asarray(profits, dtype=np.float64))])
    by = " (save rate assumed)" if is_assumed else ""
    figure, axes = blank("Customers contacted, in the order of the list", f"Expected profit, {currency}{by}")
    lengths = np.unique(np.linspace(0, len(curve) - 1, 300).astype(np.int64))
    axes.fill_between(lengths, 0, curve[lengths], color=OWN, alpha=0.1, linewidth=0)
    axes.plot(lengths, curve[lengths], color=OWN, linewidth=2.2)
    half = int(np.searchsorted(curve, curve[-1] / 2))
    axes.plot(half, curve[half], color=OWN, marker="o")
    axes.annotate(
        f"half of it from the first {half:,}",
        (half, curve[half]),
        (10, -4),
        textcoords="offset points",
        va="top",
    )
    axes.set(title="What the list is expected to earn", xlim=(0, len(curve) - 1))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_ylim(min(0.0, curve.min() * 1.08), max(curve.max() * 1.1, 1.0))
    axes.xaxis.set_major_formatter(thousands)
    axes.yaxis.set_major_formatter(thousands)
    return figure
