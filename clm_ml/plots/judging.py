"""Figures people look at: whether probabilities mean what they say, and how many churners a short list finds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from clm_ml.plots.paper import OTHER, OWN, blank, percent, rival_lines, thousands

__all__ = ["plot_gain_curves", "plot_gains", "plot_profit", "plot_reliability"]


def plot_reliability(bins: pd.DataFrame) -> Figure:
    """Draw predicted against happened churn, a point a bin; on the diagonal a probability means what it says.

    Args:
        bins: `predicted`, `happened`, `customers`, as `evaluation.reliability` gives them.
    """
    figure, axes = blank("Predicted churn probability", "Share that churned")
    axes.plot([0, 1], [0, 1], color=OTHER, linestyle="--", linewidth=1, label="as predicted")
    error = 1.96 * np.sqrt(bins["happened"] * (1 - bins["happened"]) / bins["customers"])
    axes.errorbar(bins["predicted"], bins["happened"], yerr=error, color=OWN, marker="o", label="happened, ± 95 %")
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.04), title="Does a probability mean what it says?")
    _in_percent(axes)
    axes.legend(frameon=False)
    return figure


def plot_gains(churned: Any, estimates: dict[str, Any]) -> Figure:
    """Draw the share of churners found against the share of customers contacted, a line a method.

    Args:
        churned: 1 or 0, a customer each.
        estimates: a churn probability of the same customers, by method; the model's is called `model`.
    """
    came = np.asarray(churned, dtype=np.float64)
    share = np.arange(len(came) + 1) / len(came)
    ranked = {name: came[np.argsort(-np.asarray(said), kind="stable")] for name, said in estimates.items()}
    return plot_gain_curves(
        {name: pd.Series(np.concatenate([[0], np.cumsum(hits)]) / came.sum(), share) for name, hits in ranked.items()}
    )


def plot_gain_curves(curves: Mapping[str, pd.Series[Any]]) -> Figure:
    """Draw gains that were counted elsewhere.

    Args:
        curves: each method's share of churners found, indexed by the share of customers contacted; the model's is
            called `model`.
    """
    figure, axes = blank("Share of customers, riskiest first", "Share of all churners found")
    rivals = rival_lines()
    for name, curve in curves.items():
        axes.plot(curve.index, curve, **_line(name, rivals))
    axes.plot([0, 1], [0, 1], color=OTHER, linestyle="--", linewidth=1, label="at random")
    axes.set(xlim=(0, 1), ylim=(0, 1.02), title="How many churners a short list finds")
    _in_percent(axes)
    axes.legend(frameon=False)
    return figure


def plot_profit(curves: Mapping[str, Any], currency: str) -> Figure:
    """Draw what a list would have earned against how many are contacted, a line a method; its best length is marked.

    Where lists pay, those thrice as long as the best are drawn, since what comes then is loss.

    Args:
        curves: each method's profit from nobody contacted on, as `evaluation.profit_curve` gives it, or as a Series
            indexed by how many are contacted; the model's is called `model`.
        currency: of the profit.
    """
    figure, axes = blank("Customers contacted, best expected profit first", f"Profit, {currency} (save rate assumed)")
    rivals, lines = rival_lines(), {name: _curve(values) for name, values in curves.items()}
    best = max(int(line.index.to_numpy()[line.argmax()]) for line in lines.values())
    longest = max(int(line.index[-1]) for line in lines.values())
    shown = min(3 * best, longest) or longest
    seen = {name: line[line.index <= shown] for name, line in lines.items()}
    for name, line in seen.items():
        style = _line(name, rivals)
        axes.plot(line.index, line, **style)
        axes.plot(line.idxmax(), line.max(), color=style["color"], marker="o")
    axes.axhline(0, color=OTHER, linestyle="--", linewidth=1, label="nobody")
    axes.set(title="What a list earns, by its length")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.xaxis.set_major_formatter(thousands)
    axes.yaxis.set_major_formatter(thousands)
    axes.legend(frameon=False)
    return figure


def _curve(values: Any) -> pd.Series[Any]:
    return values if isinstance(values, pd.Series) else pd.Series(np.asarray(values))


def _in_percent(axes: Any) -> None:
    axes.xaxis.set_major_formatter(percent)
    axes.yaxis.set_major_formatter(percent)


def _line(name: str, rivals: Any) -> dict[str, Any]:
    """Say how a method's line looks: ours stands out."""
    is_own = name == "model"
    style = {"color": OWN, "linewidth": 2.4, "zorder": 3} if is_own else {"linewidth": 1.3, **next(rivals)}
    return {**style, "label": name.replace("_", " ")}
