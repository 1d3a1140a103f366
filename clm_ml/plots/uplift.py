"""A figure people look at: what contacting gains in the order of uplift, and what it changed in each tenth."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from clm_ml.plots.paper import OTHER, OWN, RIVALS

__all__ = ["plot_uplift"]


def plot_uplift(curve: pd.DataFrame, deciles: pd.DataFrame, title: str) -> Figure:
    """Draw the gain over the share contacted beside chance order, and the effect in each tenth between its limits.

    Args:
        curve: share (0 to 1, moved most first) and gain (in orders a customer of the list), as `Uplift.curve` has it.
        deciles: decile, effect, effect_low and effect_high, as `Uplift.deciles` has them; tenths without an effect are
            left empty.
        title: of the figure.
    """
    figure = Figure(figsize=(10.5, 4.6), layout="constrained")
    gains, tenths = figure.subplots(1, 2)
    _draw_gain(gains, curve)
    _draw_tenths(tenths, deciles)
    for axes in (gains, tenths):
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.25)
    figure.suptitle(title, x=0.01, ha="left", fontweight="bold")
    return figure


def _draw_gain(axes: Any, curve: pd.DataFrame) -> None:
    share, gain = 100 * curve["share"], 100 * curve["gain"]
    chance = gain.iloc[-1] * curve["share"]
    axes.fill_between(share, chance, gain, color=OWN, alpha=0.08, linewidth=0)
    axes.plot(share, gain, color=OWN, linewidth=2.4, label="by uplift")
    axes.plot(share, chance, color=OTHER, linestyle="--", label="in any order")
    axes.set(xlabel="Contacted, moved most first, in 100 customers", ylabel="More buyers in 100 customers")
    axes.set_xlim(0, 100)
    axes.legend(frameon=False, loc="upper left")


def _draw_tenths(axes: Any, deciles: pd.DataFrame) -> None:
    known = deciles.dropna(subset=["effect"])
    axes.axhline(0, color=OTHER, linewidth=1, linestyle="--")
    for row in known.to_dict("records"):
        low, high = 100 * row["effect_low"], 100 * row["effect_high"]
        color = OWN if low > 0 else RIVALS[0] if high < 0 else OTHER
        axes.plot([row["decile"]] * 2, [low, high], color=color, linewidth=2.4, solid_capstyle="round")
        axes.plot(row["decile"], 100 * row["effect"], marker="o", color=color, markersize=6)
    axes.set_xticks(deciles["decile"].astype(int))
    axes.set(xlabel="Tenth of customers, 1 is thought to be moved most", ylabel="More buyers in 100 contacted")
