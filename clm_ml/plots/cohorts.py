"""A figure people look at: how many of each month's new customers came again."""

from __future__ import annotations

from typing import Any

import pandas as pd

from clm_ml.plots.paper import Picture, blank

__all__ = ["plot_cohorts"]

#: The most months across that a cell's share can be read in.
_LEGIBLE = 13
_INCH = {"month": 0.55, "cohort": 0.32, "words": 2.2}


def plot_cohorts(triangle: pd.DataFrame) -> Picture:
    """Draw the cohorts as a heat map: a row a month of first orders, a column for each month since; open cells blank.

    The month of the first order itself, in which everybody ordered, is left out.

    Args:
        triangle: `first_month, customers, months_since, ordered_share`, as `lifecycle.cohort_triangle` gives them.
    """
    figure, axes = blank("Months since the first order", "Month of the first order (customers)")
    axes.set(title="How many of each month's new customers ordered again")
    shares = triangle[triangle["months_since"] > 0].pivot_table(
        index="first_month", columns="months_since", values="ordered_share", dropna=False
    )
    if shares.empty or shares.isna().all(axis=None):
        axes.text(0.5, 0.5, "no month after a first order is closed yet", ha="center", transform=axes.transAxes)
        return figure
    wide, high = (max(6.0, _INCH["words"] + _INCH["month"] * len(shares.columns)), 1.6 + _INCH["cohort"] * len(shares))
    figure.set_size_inches(min(wide, 16.0), max(3.5, min(high, 16.0)))
    drawn = axes.imshow(shares.to_numpy(), cmap="Blues", vmin=0, aspect="auto")
    _name(axes, shares, triangle.groupby("first_month")["customers"].first())
    if len(shares.columns) <= _LEGIBLE:
        _write_shares(axes, shares, float(drawn.get_clim()[1]))
    figure.colorbar(drawn, ax=axes, format=lambda share, _: f"{share:.0%}", label="Share that ordered in the month")
    return figure


def _name(axes: Any, shares: pd.DataFrame, customers: pd.Series[int]) -> None:
    every = -(-len(shares.columns) // 24)
    axes.set_xticks(range(0, len(shares.columns), every), [str(month) for month in shares.columns[::every]])
    labels = [f"{month:%Y-%m} ({customers[month]:,})" for month in shares.index]
    every = -(-len(labels) // 40)
    axes.set_yticks(range(0, len(labels), every), labels[::every])
    axes.grid(visible=False)


def _write_shares(axes: Any, shares: pd.DataFrame, most: float) -> None:
    for (row, column), share in (
        ((row, column), share) for row, line in enumerate(shares.to_numpy()) for column, share in enumerate(line)
    ):
        if not pd.isna(share):
            color = "white" if share > 0.6 * most else "black"
            axes.text(column, row, f"{share:.0%}", ha="center", va="center", fontsize=8, color=color)
