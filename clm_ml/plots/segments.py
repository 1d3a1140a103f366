"""Figures of the lifecycle: who is where by recency and frequency."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle
from matplotlib.ticker import MaxNLocator

from clm_ml.plots.paper import INK, OTHER, Picture, blank, thousands

__all__ = ["plot_at_risk", "plot_grid", "segment_colours"]

#: The colours of each phase's first and last segment, which stand out from white by 3 to 1 at least.
_HUES = {
    "acquisition": ("#8b929d", "#565c66"),
    "retention": ("#4596cf", "#1d5c93"),
    "increased_value": ("#2f9a8b", "#155d54"),
    "veneration": ("#9673c7", "#4f3379"),
    "reactivation": ("#a31d16", "#d67a26"),
}
_SCORES = range(1, 6)


def segment_colours(phases: Mapping[str, str]) -> dict[str, Any]:
    """Give each segment a colour, between those of the first and the last segment of its phase.

    Args:
        phases: each segment's phase, in the order of the lifecycle.

    >>> from clm_ml.segments import PHASES
    >>> len(set(segment_colours(PHASES).values()))
    11
    """
    colours = {}
    for segment, phase in phases.items():
        siblings = [name for name, other in phases.items() if other == phase]
        share = siblings.index(segment) / max(1, len(siblings) - 1)
        first, last = (np.array(to_rgb(hue)) for hue in _HUES[phase])
        colours[segment] = tuple(((1 - share) * first + share * last).tolist())
    return colours


def plot_at_risk(table: pd.DataFrame, currency: str) -> Picture:
    """Draw the value at risk of each segment as a bar in its colour, with its share of all.

    Args:
        table: `phase, segment, value_at_risk`, a row a segment, the first of the lifecycle at the top.
        currency: of the value.
    """
    colours = segment_colours(dict(zip(table["segment"], table["phase"], strict=True)))
    shown = table[table["value_at_risk"] > 0]
    figure, axes = blank(f"Value at risk, {currency}", "")
    figure.set_size_inches(6, 1.2 + 0.44 * len(shown))
    places, total = np.arange(len(shown))[::-1], shown["value_at_risk"].sum()
    bars = axes.barh(places, shown["value_at_risk"], 0.62, color=[colours[name] for name in shown["segment"]])
    for bar, name, value in zip(bars, shown["segment"], shown["value_at_risk"], strict=True):
        figure.tell(bar, f"{name.replace('_', ' ')}: {value:,.0f} {currency}, {value / total:.0%}")
        axes.text(
            value + shown["value_at_risk"].max() * 0.02,
            bar.get_y() + 0.31,
            "<1%" if value < total / 200 else f"{value / total:.0%}",
            va="center",
        )
    axes.set_yticks(places, [name.replace("_", " ") for name in shown["segment"]])
    axes.set(xlim=(0, max(1.0, shown["value_at_risk"].max() * 1.16)), title="Where the value at risk lies")
    axes.xaxis.set_major_formatter(thousands)
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    return figure


def plot_grid(grid: pd.DataFrame, table: pd.DataFrame, as_of: str, *, legend: bool = True) -> Picture:
    """Draw customers by R score (across) and F score (upwards): the area of a square is how many, its strips which.

    Args:
        grid: `r_score, f_score, segment, customers`, as `lifecycle.grid` gives them.
        table: `phase, segment, customers` of every segment, in the order of the lifecycle.
        as_of: ISO day, for the title.
        legend: whether segments are named beside the grid, as they have to be where nothing else does.
    """
    figure = Picture(figsize=(8.4 if legend else 6, 6), layout="constrained")
    axes = figure.add_subplot()
    colours = segment_colours(dict(zip(table["segment"], table["phase"], strict=True)))
    most = grid.groupby(["r_score", "f_score"])["customers"].sum().max()
    for x, y in product(_SCORES, _SCORES):
        here = grid[(grid["r_score"] == x) & (grid["f_score"] == y)].set_index("segment")["customers"]
        _draw_cell(axes, x, y, 0.64 * np.sqrt(here.sum() / most), here, colours)
    axes.set(xlim=(0.5, 5.5), ylim=(0.5, 5.5), xticks=_SCORES, yticks=_SCORES, aspect="equal")
    axes.set(xlabel="R score: 5 ordered most lately", ylabel="F score: 5 ordered most often")
    axes.set_title(f"Where customers stand, as of {as_of}")
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    for border in np.arange(0.5, 6):
        axes.axhline(border, color=OTHER, linewidth=0.5, alpha=0.4)
        axes.axvline(border, color=OTHER, linewidth=0.5, alpha=0.4)
    if legend:
        _draw_legend(figure, table, colours)
    return figure


def _draw_cell(axes: Any, x: int, y: int, side: float, customers: pd.Series[Any], colours: Mapping[str, Any]) -> None:
    """Draw one square, a strip for each segment in it, in the order of the lifecycle, and its count."""
    count = f"{customers.sum():,}" if len(customers) else ""
    axes.text(x + 0.47, y - 0.48, count, ha="right", va="bottom", fontsize="small", color=INK, zorder=3)
    left = x - side / 2
    for segment in (name for name in colours if name in customers.index):
        width = side * customers[segment] / customers.sum()
        strip = axes.add_patch(
            Rectangle((left, y + 0.07 - side / 2), width, side, facecolor=colours[segment], linewidth=0)
        )
        name, of = segment.replace("_", " "), f"of {customers.sum():,}"
        axes.figure.tell(strip, f"{name}: {customers[segment]:,} {of} with R score {x} and F score {y}")
        left += width


def _draw_legend(figure: Figure, table: pd.DataFrame, colours: Mapping[str, Any]) -> None:
    counts = dict(zip(table["segment"], table["customers"], strict=True))
    handles = [Patch(facecolor=colour, label=f"{name}  {counts[name]:,}") for name, colour in colours.items()]
    figure.legend(handles=handles, loc="outside right center", frameon=False, title="segment, people", fontsize=9)
