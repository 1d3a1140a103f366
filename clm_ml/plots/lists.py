"""A figure people look at before sending: what a list of any length would be expected to earn, and the one chosen."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.ticker import MaxNLocator

from clm_ml.plots.paper import OTHER, OWN, Picture, blank, thousands

__all__ = ["plot_list", "plot_promise"]

#: So many places along the curve answer the pointer.
_PLACES = 40


def plot_list(profits: Any, listed: int, profit: float, currency: str, *, is_assumed: bool = True) -> Picture:
    """Draw expected profit against the length of a list, mark the list that was made, and the length that earns most.

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
    figure, axes = blank("Customers contacted, best for their cost first", f"Expected profit, {currency}{by}")
    most = min(len(curve) - 1, 3 * max(best, listed, 1))
    lengths = np.unique(np.linspace(0, most, 2_000).astype(np.int64))
    axes.plot(lengths, curve[lengths], color=OWN, linewidth=2.2, label="a list of this length")
    axes.fill_between(lengths[lengths <= listed], curve[lengths[lengths <= listed]], color=OWN, alpha=0.1, linewidth=0)
    axes.axhline(0, color=OTHER, linestyle="--", linewidth=1)
    axes.plot(best, curve[best], color=OTHER, marker="o", markersize=7, linestyle="", clip_on=False)
    axes.plot(listed, profit, color=OWN, marker="D", markersize=8, linestyle="", clip_on=False)
    if best != listed:
        _say(axes, f"the most: {curve[best]:,.0f} with {best:,}", (best, curve[best]), above=True, most=most)
    _say(axes, f"this list:\n{profit:,.0f} with {listed:,}", (listed, profit), above=False, most=most)
    title = f"A list of {listed:,} is expected to bring {profit:,.0f} {currency}"
    axes.set(title=title, xlim=(0, most), ylim=_limits(curve[: most + 1], profit))
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.yaxis.set_major_formatter("{x:,.0f}")
    places = lengths[:: -(-len(lengths) // _PLACES)]
    words = [f"{place:,} contacted: {curve[place]:,.0f} {currency} expected" for place in places]
    figure.tell_along(axes, places, curve[places], words)
    return figure


def _say(axes: Any, words: str, at: tuple[float, float], *, above: bool, most: int) -> None:
    """Write what a mark is: the top above itself, where nothing is drawn, the list below, towards the middle."""
    is_left = at[0] < 0.6 * most
    axes.annotate(
        words, at, xytext=((-4 if above else 10) * (1 if is_left else -1), 9 if above else -9),
        textcoords="offset points", ha="left" if is_left else "right", va="bottom" if above else "top",
        color="#4a4e57" if above else OWN, fontweight="normal" if above else "bold",
    )  # fmt: skip


def _limits(seen: Any, profit: float) -> tuple[float, float]:
    """Leave room below nothing, and above the top for its words."""
    low, high = min(0.0, float(seen.min()), profit), max(float(seen.max()), profit)
    room = high - low or 1.0
    return low - 0.06 * room, high + 0.13 * room


def plot_promise(profits: Any, currency: str, *, is_assumed: bool = True) -> Picture:
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
