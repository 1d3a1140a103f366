"""Figures people look at: what moves the churn probability, and how it runs with silence and with the scores."""

from __future__ import annotations

import numpy as np
import pandas as pd

from clm_ml.plots.paper import OTHER, OWN, RIVALS, Picture, blank, percent, rival_lines

__all__ = ["plot_drivers", "plot_risk_by_score", "plot_risk_by_silence"]


def plot_drivers(drivers: pd.DataFrame) -> Picture:
    """Draw how far each theme lowers the churn probability of some customers, and raises that of others.

    Args:
        drivers: `theme, raises, lowers`, as `model.risk_drivers` gives them; a row a theme, the first at the top.
    """
    figure, axes = blank("Points of churn probability, in the mean", "")
    figure.set_size_inches(6, 1.4 + 0.5 * len(drivers))
    places = np.arange(len(drivers))[::-1]
    raises, lowers = (100 * drivers[name].to_numpy(dtype=np.float64) for name in ("raises", "lowers"))
    axes.barh(places, raises, 0.55, color=RIVALS[0], label="raises the risk")
    axes.barh(places, -lowers, 0.55, color=OWN, label="lowers the risk")
    reach = max(1.0, raises.max(initial=0), lowers.max(initial=0)) * 1.75
    for place, up, down in zip(places, raises, lowers, strict=True):
        axes.text(up + reach * 0.02, place, f"+{up:.1f}", va="center")
        axes.text(-down - reach * 0.02, place, f"−{down:.1f}", va="center", ha="right")
    axes.axvline(0, color=OTHER, linewidth=1)
    axes.set_yticks(places, drivers["theme"])
    axes.set(xlim=(-reach, reach), title="What moves the risk")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:+.0f}".replace("-", "−") if value else "0")
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.grid(visible=False, axis="y")
    figure.legend(loc="outside lower center", ncols=2, frameon=False)
    return figure


def plot_risk_by_silence(bands: pd.DataFrame) -> Picture:
    """Draw the mean churn probability by how long somebody has been silent, in their own gaps between orders.

    Args:
        bands: `band`, `customers` and `churn_probability`, a row a band, the shortest silence first; null where nobody
            is.
    """
    figure, axes = blank("Silence, in one's own usual gaps between orders", "Mean churn probability")
    places, heights = np.arange(len(bands)), bands["churn_probability"].fillna(0)
    bars = axes.bar(places, heights, 0.7, color=OWN)
    for bar, band in zip(bars, bands.to_dict("records"), strict=True):
        if band["customers"]:
            told = f"{band['churn_probability']:.0%} of {band['customers']:,} customers"
            figure.tell(bar, f"{band['band']} gaps: {told}")
            axes.text(bar.get_x() + 0.35, bar.get_height() + 0.015, f"{band['churn_probability']:.0%}", ha="center")
    axes.set_xticks(places, bands["band"])
    axes.set(ylim=(0, 1.05), title="How risk grows with silence")
    axes.yaxis.set_major_formatter(percent)
    axes.grid(visible=False, axis="x")
    return figure


def plot_risk_by_score(scores: pd.DataFrame) -> Picture:
    """Draw the mean churn probability by R, F and M score, a line each.

    Args:
        scores: columns R, F and M, a row for each score from 1 to 5: mean churn probabilities; null where nobody is.
    """
    figure, axes = blank("Score: 5 is the best", "Mean churn probability")
    words = {"R": "R, how lately", "F": "F, how often", "M": "M, how much"}
    rivals = rival_lines()
    styles = [{"color": OWN, "linestyle": "-"}, next(rivals), next(rivals)]
    for (name, word), style, marker in zip(words.items(), styles, "osD", strict=True):
        axes.plot(scores.index, scores[name], marker=marker, linewidth=2, label=word, **style)
    axes.set(ylim=(0, 1), xticks=range(1, 6), title="How risk falls with the scores")
    axes.yaxis.set_major_formatter(percent)
    axes.legend(frameon=False)
    return figure
