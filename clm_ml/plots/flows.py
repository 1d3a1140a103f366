"""The flow of customers between segments, as ribbons between columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.patches import Rectangle

from clm_ml.plots.paper import OTHER, Picture
from clm_ml.plots.segments import segment_colours

__all__ = ["plot_flows"]

_WIDTH, _GAP = 0.035, 0.012
#: How far apart words are at least, as a share of the column.
_APART = 0.048
#: By how many columns there are: width and height in inches, and the room for words at either side, in columns.
_SIZES = {2: ((7.0, 6.6), 1.0), 3: ((11.0, 7.0), 0.42)}


def plot_flows(
    observed: pd.DataFrame, predicted: pd.DataFrame | None, phases: Mapping[str, str], days: Sequence[str]
) -> Picture:
    """Draw who moved between the first two days, and who is expected to between the last two.

    Args:
        observed: customers: a row a segment and, last, one of newcomers if there are any; a column a segment.
        predicted: the same of what is expected, without newcomers; None draws two columns.
        phases: each segment's phase, in the order of the lifecycle.
        days: ISO days of the columns; the last is not drawn without `predicted`.
    """
    matrices = [observed] if predicted is None else [observed, predicted]
    size, aside = _SIZES[len(matrices) + 1]
    figure = Picture(figsize=size, layout="constrained")
    axes = figure.add_subplot()
    colours = dict.fromkeys(map(str, observed.index), OTHER) | segment_colours(phases)
    sizes = [observed.sum(axis=1), *(matrix.sum(axis=0) for matrix in matrices)]
    most = max(column.sum() for column in sizes)
    nodes = [_nodes(column / most) for column in sizes]
    for at, matrix in enumerate(matrices):
        _draw_ribbons(axes, at, matrix, most, nodes[at], nodes[at + 1], colours)
    for at, column in enumerate(sizes):
        _draw_nodes(axes, at, column, nodes[at], colours, is_last=at == len(matrices))
        axes.text(at, 1.02 + _GAP * 11, _title(at, days), ha="center", va="bottom", fontsize=10)
    axes.set(xlim=(-aside, len(matrices) + aside), ylim=(-0.03, 1.1 + _GAP * 11))
    axes.axis("off")
    ahead = "" if predicted is None else ", and who is expected to"
    figure.suptitle(f"Who moved between segments{ahead}", x=0.01, ha="left", fontweight="bold")
    return figure


def _title(at: int, days: Sequence[str]) -> str:
    return f"{days[2]}\nexpected of those of {days[1]}" if at == 2 else days[at]


def _nodes(shares: pd.Series[Any]) -> dict[str, tuple[float, float]]:
    """Stack the segments from the top down, the first of the lifecycle highest: the bottom and height of each."""
    top, places = 1.0 + _GAP * 11, {}
    for name, share in shares.items():
        places[str(name)] = (top - share, share)
        top -= share + (_GAP if share else 0)
    return places


def _draw_ribbons(
    axes: Any,
    at: int,
    moved: pd.DataFrame,
    most: float,
    left: Mapping[str, tuple[float, float]],
    right: Mapping[str, tuple[float, float]],
    colours: Mapping[str, Any],
) -> None:
    """Draw each flow from the colour of where it comes from; those that stay are fainter than those that move."""
    across = np.linspace(0, 1, 40)
    bend = across**2 * (3 - 2 * across)
    x = at + _WIDTH / 2 + across * (1 - _WIDTH)
    leaving = {name: bottom + height for name, (bottom, height) in left.items()}
    coming = {name: bottom + height for name, (bottom, height) in right.items()}
    for source, row in zip(map(str, moved.index), moved.to_numpy(), strict=True):
        for target, customers in zip(map(str, moved.columns), row, strict=True):
            if not customers:
                continue
            share = customers / most
            upper = leaving[source] + (coming[target] - leaving[source]) * bend
            alpha = 0.28 if source == target else 0.55
            ribbon = axes.fill_between(x, upper - share, upper, color=colours[source], alpha=alpha, linewidth=0)
            axes.figure.tell(ribbon, f"{customers:,.0f} of {sum(row):,.0f} {_words(source)}: {_went(source, target)}")
            leaving[source] -= share
            coming[target] -= share


def _went(source: str, target: str) -> str:
    return "stayed" if source == target else f"to {_words(target)}"


def _draw_nodes(
    axes: Any,
    at: int,
    sizes: pd.Series[Any],
    nodes: Mapping[str, tuple[float, float]],
    colours: Mapping[str, Any],
    *,
    is_last: bool,
) -> None:
    told = [str(name) for name, size in sizes.items() if round(size)]
    places = dict(zip(told, _apart([sum(nodes[name]) - nodes[name][1] / 2 for name in told]), strict=True))
    for name, size in zip(map(str, sizes.index), sizes, strict=True):
        bottom, height = nodes[name]
        node = Rectangle((at - _WIDTH / 2, bottom), _WIDTH, height, facecolor=colours[name], linewidth=0)
        axes.figure.tell(axes.add_patch(node), f"{_words(name)}: {size:,.0f}")
        if name not in places:
            continue
        is_left = at == 0
        x = at - _WIDTH if is_left else at + _WIDTH
        words = f"{_words(name)}  {size:,.0f}" if is_left or is_last else f"{size:,.0f}"
        axes.text(x, places[name], words, ha="right" if is_left else "left", va="center", fontsize="medium")


def _words(name: str) -> str:
    return name.replace("_", " ")


def _apart(places: Sequence[float]) -> list[float]:
    """Move places that go downwards apart, so that words on them do not lie on each other, and none leaves the column.

    >>> [round(place, 3) for place in _apart([0.9, 0.5, 0.49, 0.0])]
    [0.9, 0.5, 0.452, 0.0]
    """
    moved, lowest = list(places), 0.0
    for at in range(1, len(moved)):
        moved[at] = min(moved[at], moved[at - 1] - _APART)
    for at in reversed(range(len(moved))):
        moved[at] = max(moved[at], lowest)
        lowest = moved[at] + _APART
    return moved
