"""Figures people look at before they choose: how long a silence is usual, and what calling it lapsed would cost."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from clm_ml.plots.paper import OTHER, OWN, RIVALS, Picture, blank

__all__ = ["plot_gaps", "plot_lapse"]

#: Gaps are drawn up to the days by which so many have ended: the last few would fill the paper.
_DRAWN_SHARE = 0.995


def plot_gaps(gap_days: Any, horizon_days: int) -> Picture:
    """Draw which share of the gaps between orders had ended by each day, and mark the horizon.

    A silence that outlasts nearly all gaps is news; a horizon much shorter calls customers churned who are only between
    two orders.

    Args:
        gap_days: days from one order day of a customer to the next, one a gap; nulls are left out.
        horizon_days: of the task.

    >>> plot_gaps([10, 20, 30, 40], horizon_days=30).axes[0].get_title()
    '75% of gaps between orders end within 30 days'
    """
    gaps = np.sort(np.asarray(gap_days, dtype=np.float64))
    gaps = gaps[~np.isnan(gaps)]
    figure, axes = blank("Days from an order to the next", "Share of gaps that had ended")
    axes.set(title="Nobody has ordered twice", ylim=(0, 1.02))
    axes.yaxis.set_major_formatter("{x:.0%}")
    if not len(gaps):
        return figure
    days = np.arange(0, max(np.quantile(gaps, _DRAWN_SHARE), 1.2 * horizon_days) + 1)
    ended = np.searchsorted(gaps, days, side="right") / len(gaps)
    axes.step(days, ended, where="post", color=OWN, linewidth=2.2)
    axes.axvline(horizon_days, color=RIVALS[0], linewidth=1.2, linestyle=":")
    axes.text(horizon_days, 0.04, " the horizon", color=RIVALS[0])
    within = ended[horizon_days]
    axes.plot(horizon_days, within, color=OWN, marker="o")
    axes.set(title=f"{within:.0%} of gaps between orders end within {horizon_days} days", xlim=(0, days[-1]))
    places = np.unique(np.linspace(1, days[-1], 40).astype(np.int64))
    words = [f"{ended[day]:.0%} of gaps end within {day} days" for day in places]
    figure.tell_along(axes, places, ended[places], words)
    return figure


def plot_lapse(table: pd.DataFrame, after_gaps: float | None = None) -> Picture:
    """Draw what each threshold calls lapsed, and which share of the orders that then came were theirs.

    A good threshold calls many lapsed (above) and loses few orders (below); both fall as it rises.

    Args:
        table: `after_gaps, lapsed_share, later_orders_share`, as `check` gives it (`Checked.lapse`).
        after_gaps: the threshold in use, to be marked; None marks none.
    """
    figure, axes = blank("Called lapsed after so many of one's own expected gaps", "Share")
    thresholds = table["after_gaps"]
    drawn = {
        "lapsed_share": ("of customers are called lapsed", OWN),
        "later_orders_share": ("of the orders that came were theirs", RIVALS[0]),
    }
    for column, (words, color) in drawn.items():
        axes.plot(thresholds, table[column], color=color, marker="o", linewidth=2.2, label=words)
        told = [
            f"after {gaps:g} gaps: {share:.1%} {words}" for gaps, share in zip(thresholds, table[column], strict=True)
        ]
        figure.tell_along(axes, thresholds, table[column], told)
    if after_gaps is not None:
        axes.axvline(after_gaps, color=OTHER, linewidth=1.2, linestyle=":", label=f"in use: {after_gaps:g} gaps")
    axes.set(title="How long a silence should count as lapsed", ylim=(0, None), xticks=thresholds)
    axes.set_xticklabels([f"{gaps:g}" for gaps in thresholds])
    axes.yaxis.set_major_formatter("{x:.0%}")
    axes.legend(frameon=False)
    return figure
