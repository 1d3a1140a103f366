"""Figures people look at: whether probabilities mean what they say, and how many churners a short list finds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.ticker import MaxNLocator

from clm_ml.plots.paper import OTHER, OWN, RIVALS, Picture, blank, percent, rival_lines, thousands

__all__ = ["plot_differences", "plot_gain_curves", "plot_gains", "plot_profit", "plot_reliability"]

#: So many places along a line answer the pointer.
_PLACES = 20


def plot_reliability(bins: pd.DataFrame) -> Picture:
    """Draw predicted against happened churn, a point a bin; on the diagonal a probability means what it says.

    Args:
        bins: `predicted`, `happened`, `customers`, as `evaluation.reliability` gives them.
    """
    figure, axes = blank("Predicted churn probability", "Share that churned")
    axes.plot([0, 1], [0, 1], color=OTHER, linestyle="--", linewidth=1, label="as predicted")
    error = 1.96 * np.sqrt(bins["happened"] * (1 - bins["happened"]) / bins["customers"])
    axes.errorbar(bins["predicted"], bins["happened"], yerr=error, color=OWN, marker="o", label="happened, ± 95 %")
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.04), title="Does a probability mean what it says?")
    told = zip(bins["predicted"], bins["happened"], bins["customers"], strict=True)
    words = [f"{size:,} customers: {said:.0%} predicted, {came:.0%} churned" for said, came, size in told]
    figure.tell_along(axes, bins["predicted"], bins["happened"], words)
    _in_percent(axes)
    axes.legend(frameon=False)
    return figure


def plot_gains(churned: Any, estimates: dict[str, Any]) -> Picture:
    """Draw the share of churners found against the share of customers contacted, a line a method.

    Of customers with equal estimates churners are found evenly: in which order their rows lie says nothing.

    Args:
        churned: 1 or 0, a customer each.
        estimates: a churn probability of the same customers, by method; the model's is called `model`.
    """
    came = np.asarray(churned, dtype=np.float64)
    share = np.arange(len(came) + 1) / len(came)
    return plot_gain_curves(
        {
            name: pd.Series(_found(came, np.asarray(estimate, dtype=np.float64)), share)
            for name, estimate in estimates.items()
        }
    )


def plot_gain_curves(curves: Mapping[str, pd.Series[Any]]) -> Picture:
    """Draw gains that were counted elsewhere.

    Args:
        curves: each method's share of churners found, indexed by the share of customers contacted; the model's is
            called `model`.
    """
    figure, axes = blank("Share of customers, riskiest first", "Share of all churners found")
    rivals = rival_lines()
    for name, curve in curves.items():
        axes.plot(curve.index, curve, **_line(name, rivals))
        seen = curve.iloc[_places(len(curve))]
        words = [f"{name}: {found:.0%} of churners in {share:.0%} of customers" for share, found in seen.items()]
        figure.tell_along(axes, seen.index, seen, words)
    axes.plot([0, 1], [0, 1], color=OTHER, linestyle="--", linewidth=1, label="at random")
    axes.set(xlim=(0, 1), ylim=(0, 1.02), title="How many churners a short list finds")
    _in_percent(axes)
    axes.legend(frameon=False)
    return figure


def _found(came: Any, estimate: Any) -> Any:
    """Give the share of churners found among nobody, the first, the first two … riskiest; evenly among equals."""
    riskiest = np.argsort(-estimate, kind="stable")
    ends = np.concatenate([[0], np.flatnonzero(np.diff(estimate[riskiest])) + 1, [len(came)]])
    churners = np.concatenate([[0], np.cumsum(came[riskiest])])
    return np.interp(np.arange(len(came) + 1), ends, churners[ends]) / came.sum()


def plot_profit(curves: Mapping[str, Any], currency: str) -> Picture:
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
    for name, whole in lines.items():
        line, style = whole[whole.index <= shown], _line(name, rivals)
        axes.plot(line.index, line, **style)
        axes.plot(line.idxmax(), line.max(), color=style["color"], marker="o")
        seen = line.iloc[_places(len(line))]
        words = [f"{name}: {profit:,.0f} {currency} with {contacted:,} contacted" for contacted, profit in seen.items()]
        figure.tell_along(axes, seen.index, seen, words)
    axes.axhline(0, color=OTHER, linestyle="--", linewidth=1, label="nobody")
    axes.set(title="What a list earns, by its length")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.xaxis.set_major_formatter(thousands)
    axes.yaxis.set_major_formatter(thousands)
    axes.legend(frameon=False)
    return figure


def plot_differences(differences: Mapping[str, Mapping[str, Sequence[float]]]) -> Picture:
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


def _curve(values: Any) -> pd.Series[Any]:
    return values if isinstance(values, pd.Series) else pd.Series(np.asarray(values))


def _places(length: int) -> Any:
    """Choose places along a line that answer the pointer: not its start."""
    return np.unique(np.linspace(0, length - 1, _PLACES + 1).astype(np.int64))[1:]


def _in_percent(axes: Any) -> None:
    axes.xaxis.set_major_formatter(percent)
    axes.yaxis.set_major_formatter(percent)


def _line(name: str, rivals: Any) -> dict[str, Any]:
    """Say how a method's line looks: ours stands out."""
    is_own = name == "model"
    style = {"color": OWN, "linewidth": 2.4, "zorder": 3} if is_own else {"linewidth": 1.3, **next(rivals)}
    return {**style, "label": name.replace("_", " ")}
