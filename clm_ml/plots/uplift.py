"""A figure people look at: what contacting gains in the order of uplift, and what it changed in each tenth."""

from __future__ import annotations

from typing import Any

import pandas as pd

from clm_ml.plots.paper import OTHER, OWN, RIVALS, Picture

__all__ = ["plot_uplift"]


def plot_uplift(curve: pd.DataFrame, deciles: pd.DataFrame, title: str) -> Picture:
    """Draw the gain over the share contacted beside chance order, and the effect in each tenth between its limits.

    Args:
        curve: share (0 to 1, moved most first) and gain (in orders a customer of the list), as `Uplift.curve` has it.
        deciles: decile, effect, effect_low and effect_high, as `Uplift.deciles` has them; tenths without an effect are
            left empty.
        title: of the figure.
    """
    figure = Picture(figsize=(10.5, 4.6), layout="constrained")
    gains, tenths = figure.subplots(1, 2)
    _draw_gain(gains, curve, figure)
    _draw_tenths(tenths, deciles, float(curve["gain"].iloc[-1]), figure)
    for axes in (gains, tenths):
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.25)
    figure.suptitle(title, x=0.01, ha="left", fontweight="bold")
    return figure


def _draw_gain(axes: Any, curve: pd.DataFrame, figure: Picture) -> None:
    share, gain = 100 * curve["share"], 100 * curve["gain"]
    chance = gain.iloc[-1] * curve["share"]
    axes.fill_between(share, chance, gain, color=OWN, alpha=0.08, linewidth=0)
    axes.plot(share, gain, color=OWN, linewidth=2.4, label="moved most first")
    axes.plot(share, chance, color=OTHER, linestyle="--", label="in any order")
    axes.set(
        title="Does its order beat chance?", xlabel="Customers contacted, %", ylabel="More buyers in 100 customers"
    )
    axes.set_xlim(0, 100)
    axes.legend(frameon=False, loc="best")
    words = [
        f"{part:.0f} % contacted: {more:+.2f} buyers in 100 customers" for part, more in zip(share, gain, strict=True)
    ]
    figure.tell_along(axes, share[::5], gain[::5], words[::5])


def _draw_tenths(axes: Any, deciles: pd.DataFrame, mean: float, figure: Picture) -> None:
    known = deciles.dropna(subset=["effect"])
    axes.axhline(0, color=OTHER, linewidth=1, linestyle="--")
    for row in known.to_dict("records"):
        value, low, high = (100 * row[name] for name in ("effect", "effect_low", "effect_high"))
        color = OWN if low > 0 else RIVALS[0] if high < 0 else OTHER
        axes.plot([row["decile"]] * 2, [low, high], color=color, linewidth=2.4, solid_capstyle="round")
        point = axes.plot(row["decile"], value, marker="o", color=color, markersize=6)
        figure.tell(point[0], f"tenth {row['decile']:.0f}: {value:+.2f}, between {low:+.2f} and {high:+.2f}")
    axes.axhline(100 * mean, color=OWN, linewidth=1, linestyle=":")
    axes.text(1.01, 100 * mean, "mean", transform=axes.get_yaxis_transform(), color=OWN, ha="left", va="center", size=8)
    axes.set_xticks(deciles["decile"].astype(int))
    axes.set(title="What a contact changed; grey may be nothing")
    axes.set(xlabel="Tenth of customers; 1 is thought to be moved most", ylabel="More buyers in 100 contacted")
