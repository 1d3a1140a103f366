"""Figures people look at: whether probabilities mean what they say, and how many churners a short list finds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from clm_ml.plots.paper import OTHER, OWN, RIVALS, Picture, blank

__all__ = ["plot_differences", "plot_gains", "plot_profit", "plot_reliability"]

#: So many places along a line answer the pointer.
_PLACES = 20


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
    told = zip(bins["predicted"], bins["happened"], bins["customers"], strict=True)
    words = [f"{size:,} customers: {said:.0%} predicted, {came:.0%} churned" for said, came, size in told]
    figure.tell_along(axes, bins["predicted"], bins["happened"], words)
    axes.legend(frameon=False)
    return figure


def plot_gains(churned: Any, estimates: dict[str, Any]) -> Figure:
    """Draw the share of churners found against the share of customers contacted, a line a method.

    Of customers with equal estimates churners are found evenly: in which order their rows lie says nothing.

    Args:
        churned: 1 or 0, a customer each.
        estimates: a churn probability of the same customers, by method; the model's is called `model`.
    """
    came = np.asarray(churned, dtype=np.float64)
    figure, axes = blank("Share of customers, riskiest first", "Share of all churners found")
    share = np.arange(len(came) + 1) / len(came)
    rivals = cycle(RIVALS)
    for name, estimate in estimates.items():
        found = _found(came, np.asarray(estimate, dtype=np.float64))
        is_own = name == "model"
        axes.plot(share, found, color=OWN if is_own else next(rivals), linewidth=2.2 if is_own else 1.1, label=name)
        at = np.linspace(0, len(came), _PLACES + 1).astype(np.int64)[1:-1]
        words = [f"{name}: {found[place]:.0%} of churners in {share[place]:.0%} of customers" for place in at]
        figure.tell_along(axes, share[at], found[at], words)
    axes.plot([0, 1], [0, 1], color=OTHER, linestyle="--", linewidth=1, label="at random")
    axes.set(xlim=(0, 1), ylim=(0, 1.02), title="How many churners a short list finds")
    axes.legend(frameon=False)
    return figure


def _found(came: Any, estimate: Any) -> Any:
    """Give the share of churners found among nobody, the first, the first two … riskiest; evenly among equals."""
    riskiest = np.argsort(-estimate, kind="stable")
    ends = np.concatenate([[0], np.flatnonzero(np.diff(estimate[riskiest])) + 1, [len(came)]])
    churners = np.concatenate([[0], np.cumsum(came[riskiest])])
    return np.interp(np.arange(len(came) + 1), ends, churners[ends]) / came.sum()


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
        at = np.linspace(0, len(curve) - 1, _PLACES + 1).astype(np.int64)[1:]
        words = [f"{name}: {curve[place]:,.0f} {currency} with {place:,} contacted" for place in at]
        figure.tell_along(axes, at, np.asarray(curve)[at], words)
    axes.axhline(0, color=OTHER, linestyle="--", linewidth=1, label="nobody")
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.yaxis.set_major_formatter("{x:,.0f}")
    axes.set(title="What a list earns, by its length")
    axes.legend(frameon=False)
    return figure


def plot_differences(differences: Mapping[str, Mapping[str, Sequence[float]]]) -> Figure:
    """Draw how much better the model is than each baseline, with its interval; what is clear of nothing is in colour.

    Args:
        differences: of each baseline `log_loss` and `auc`, each the difference model − baseline with its limits, as
            `evaluation.compare_methods` gives them. Less log loss is better, so that panel shows by how much it fell.

    >>> plot_differences({"rule": {"log_loss": (-0.1, -0.2, 0.0), "auc": (0.05, 0.01, 0.09)}}).axes[1].get_xlabel()
    'AUC more than the baseline by'
    """
    figure = Picture(figsize=(9, 1.6 + 0.5 * len(differences)), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    signs = {"log_loss": (-1, "Log loss less than the baseline by"), "auc": (1, "AUC more than the baseline by")}
    places = np.arange(len(differences))[::-1]
    for axes, (name, (sign, words)) in zip(panels, signs.items(), strict=True):
        axes.axvline(0, color=OTHER, linewidth=1, linestyle="--")
        for place, (baseline, told) in zip(places, differences.items(), strict=True):
            value, low, high = sign * told[name][0], *sorted(sign * limit for limit in told[name][1:])
            color = OWN if low > 0 else RIVALS[0] if high < 0 else OTHER
            axes.plot([low, high], [place, place], color=color, linewidth=2.4, solid_capstyle="round")
            point = axes.plot(value, place, color=color, marker="o")
            figure.tell(point[0], f"{baseline}: {value:+.4f}, between {low:+.4f} and {high:+.4f}")
        axes.set(xlabel=words, ylim=(-0.6, len(differences) - 0.4))
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="x", alpha=0.25)
    panels[0].set_yticks(places, list(differences))
    figure.suptitle("How much better the model is than each baseline", x=0.01, ha="left", fontweight="bold")
    return figure
