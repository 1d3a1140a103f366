"""Figures people look at: whether probabilities mean what they say, and how many churners a short list finds."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import cycle
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from clm_ml.plots.paper import OTHER, OWN, RIVALS, blank

__all__ = ["plot_gains", "plot_profit", "plot_reliability"]


def plot_reliability(bins: pd.DataFrame) -> Figure:
    """Draw predicted against happened churn, a point a bin; on the diagonal a probability means what it says.

    Args:
        bins: `predicted`, `happened`, `customers`, as `evaluation.reliability` gives them.
    """
    figure, axes = blank("Predicted churn probability", "Share that churned")
    axes.plot([0, 1], [0, 1], color=OTHER, linestyle="--", linewidth=1, label="as predicted")
    error = 1.96 * np.sqrt(bins["happened"] * (1 - bins["happened"]) / bins["customers"])
    axes.errorbar(bins["predicted"], bins["happened"], yerr=error, color=OWN, marker="o", label="happened, ± 95 %")
    axes.set(xlim=(0, 1), ylim=(0, 1), title="Does a probability mean what it says?")
    axes.legend(frameon=False)
    return figure


def plot_gains(churned: Any, estimates: dict[str, Any]) -> Figure:
    """Draw the share of churners found against the share of customers contacted, a line a method.

    Args:
        churned: 1 or 0, a customer each.
        estimates: a churn probability of the same customers, by method; the model's is called `model`.
    """
    came = np.asarray(churned, dtype=np.float64)
    figure, axes = blank("Share of customers, riskiest first", "Share of all churners found")
    share = np.arange(len(came) + 1) / len(came)
    rivals = cycle(RIVALS)
    for name, estimate in estimates.items():
        found = np.concatenate([[0], np.cumsum(came[np.argsort(-np.asarray(estimate), kind="stable")])]) / came.sum()
        is_own = name == "model"
        axes.plot(share, found, color=OWN if is_own else next(rivals), linewidth=2.2 if is_own else 1.1, label=name)
    axes.plot([0, 1], [0, 1], color=OTHER, linestyle="--", linewidth=1, label="at random")
    axes.set(xlim=(0, 1), ylim=(0, 1.02), title="How many churners a short list finds")
    axes.legend(frameon=False)
    return figure


def plot_profit(curves: Mapping[str, Any], currency: str) -> Figure:
    """Draw what a list would have earned against how many are contacted, a line a method; its best length is marked.

    Args:
        curves: each method's profit from nobody contacted on, as `evaluation.profit_curve` gives it; the model's is
            called `model`.
        currency: of the profit.
    """
    figure, axes = blank("Customers contacted, best expected profit first", f"Profit, {currency} (save rate assumed)")
    rivals = cycle(RIVALS)
    for name, curve in curves.items():
        is_own = name == "model"
        color = OWN if is_own else next(rivals)
        axes.plot(np.arange(len(curve)), curve, color=color, linewidth=2.2 if is_own else 1.1, label=name)
        best = int(np.argmax(curve))
        axes.plot(best, curve[best], color=color, marker="o")
    axes.axhline(0, color=OTHER, linestyle="--", linewidth=1, label="nobody")
    axes.set(title="What a list earns, by its length")
    axes.legend(frameon=False)
    return figure
