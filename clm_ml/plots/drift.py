"""A figure of what has drifted since training: how far, and from where on it is told."""

from __future__ import annotations

import pandas as pd

from clm_ml.plots.paper import OTHER, OWN, RIVALS, Picture, blank

__all__ = ["plot_drift"]

_MOST = 15
_COLOURS = {"alarm": RIVALS[0], "notice": OWN, "silent": OTHER}


def plot_drift(drifts: pd.DataFrame, as_of: str, reference_as_of: str) -> Picture:
    """Draw the strongest drifts as bars, each with a mark from where on it is told, or an alarm.

    Args:
        drifts: `what`, `level`, `value` (a PSI) and `threshold`, as `monitor` finds them.
        as_of: ISO day of the scores.
        reference_as_of: ISO day of training.
    """
    strongest = drifts.assign(beyond=drifts["value"] / drifts["threshold"])
    strongest = strongest.sort_values(["beyond", "what"], ascending=[False, True]).head(_MOST).iloc[::-1]
    figure, axes = blank("Population stability index (PSI)", "")
    figure.set_size_inches(8, 1.6 + 0.3 * max(4, len(strongest)))
    places = range(len(strongest))
    axes.barh(places, strongest["value"], color=[_COLOURS[level] for level in strongest["level"]], height=0.6)
    axes.plot(strongest["threshold"], places, color="black", marker="|", markersize=12, linestyle="", label="border")
    for level, colour in _COLOURS.items():
        axes.barh([0], [0], color=colour, label=level)
    axes.set_yticks(list(places), list(strongest["what"]))
    axes.set(title=f"What has drifted by {as_of}, since training on {reference_as_of}", xlim=(0, None))
    axes.grid(visible=False, axis="y")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=4, frameon=False)
    return figure
