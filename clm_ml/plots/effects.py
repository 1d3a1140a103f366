"""A figure people look at: what contacting brought, with its interval, for all and for each segment."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from clm_ml.plots.paper import OTHER, OWN, RIVALS, Picture

__all__ = ["plot_effects"]

#: What is drawn, by the figure's name: its heading, and what it is multiplied by and divided by.
_LONGEST = 24
_PANELS = {"rate": ("More buyers in 100 contacted", 100.0), "revenue": ("More revenue a contacted customer", 1.0)}


def plot_effects(rows: pd.DataFrame, title: str, currency: str = "", break_even: float | None = None) -> Picture:
    """Draw each line's effect as a point between its limits; what lies clear of nothing is in colour.

    The point for all is a diamond, and its limits run through the figure as a band: a line that the band does not
    touch is the rare one. Revenue has a panel of its own where it is known.

    Args:
        rows: `kind` (all, play or segment), `name`, `contacted`, `held_out`, and `rate` and `revenue` with `_low` and
            `_high`, as `Measured.table` gives them; a row a line, the first at the top.
        title: of the figure.
        currency: of revenue.
        break_even: the revenue a contacted customer that pays for contacting them, if it is known.
    """
    names = [name for name in _PANELS if rows[name].notna().any()]
    size = (4.2 + 3.6 * len(names), 1.5 + 0.42 * len(rows))
    figure = Picture(figsize=size, layout="constrained")
    panels = figure.subplots(1, len(names), sharey=True, squeeze=False)[0]
    for axes, name in zip(panels, names, strict=True):
        heading, factor = _PANELS[name]
        scaled = _scaled(rows, name, factor)
        _draw(axes, scaled, rows["kind"])
        _tell(figure, axes, scaled, rows["name"])
        _part(axes, rows["kind"])
        axes.set(xlabel=f"{heading}, {currency}" if name == "revenue" and currency else heading)
        if name == "revenue" and break_even is not None:
            axes.axvline(break_even, color=RIVALS[0], linewidth=1.2, linestyle=":")
            axes.text(
                break_even, 1.01, "pays for itself", transform=axes.get_xaxis_transform(), color=RIVALS[0], size=8
            )
    _name_lines(panels[0], rows)
    figure.suptitle(title, x=0.01, ha="left", fontweight="bold")
    return figure


def _scaled(rows: pd.DataFrame, name: str, factor: float) -> pd.DataFrame:
    """Give value, low and high of a figure as drawn: revenue is that of one customer."""
    scale = factor if name == "rate" else factor / rows["contacted"]
    columns = {"value": name, "low": f"{name}_low", "high": f"{name}_high"}
    return pd.DataFrame({word: rows[column] * scale for word, column in columns.items()})


def _draw(axes: Any, figures: pd.DataFrame, kinds: pd.Series) -> None:
    places = np.arange(len(figures))[::-1]
    all_low, all_high = figures.loc[kinds == "all", ["low", "high"]].iloc[0] if (kinds == "all").any() else (0, 0)
    axes.axvspan(all_low, all_high, color=OWN, alpha=0.08, linewidth=0)
    axes.axvline(0, color=OTHER, linewidth=1, linestyle="--")
    for place, kind, (value, low, high) in zip(places, kinds, figures.to_numpy(), strict=True):
        color = OWN if low > 0 else RIVALS[0] if high < 0 else OTHER
        axes.plot([low, high], [place, place], color=color, linewidth=2.4, solid_capstyle="round")
        axes.plot(value, place, marker="D" if kind == "all" else "o", color=color, markersize=8 if kind == "all" else 6)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", alpha=0.25)
    axes.set_ylim(-0.6, len(figures) - 0.4)


def _tell(figure: Picture, axes: Any, figures: pd.DataFrame, names: pd.Series[str]) -> None:
    """Let the pointer find each line's figures at its point."""
    told = zip(names, figures.to_numpy(), strict=True)
    words = [f"{name}: {value:+,.2f}, between {low:+,.2f} and {high:+,.2f}" for name, (value, low, high) in told]
    figure.tell_along(axes, figures["value"], np.arange(len(figures))[::-1], words)


def _name_lines(axes: Any, rows: pd.DataFrame) -> None:
    """Name each line, with how many were contacted and held out; a long name leaves room for the lines."""
    places = np.arange(len(rows))[::-1]
    names = [name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…" for name in map(str, rows["name"])]
    sizes = zip(names, rows["contacted"], rows["held_out"], strict=True)
    axes.set_yticks(places, [f"{name}\n{contacted:,} against {held:,}" for name, contacted, held in sizes])
    for label, kind in zip(axes.get_yticklabels(), rows["kind"], strict=True):
        label.set_fontweight("bold" if kind == "all" else "normal")


def _part(axes: Any, kinds: pd.Series) -> None:
    """Rule a line between all, plays and segments."""
    for number, (above, kind) in enumerate(pairwise(kinds), start=1):
        if kind != above:
            axes.axhline(len(kinds) - number - 0.5, color=OTHER, linewidth=0.8)
