"""Figures people look at."""

from clm_ml.plots.judging import plot_gains, plot_profit, plot_reliability
from clm_ml.plots.segments import plot_grid, segment_colours

__all__ = ["plot_gains", "plot_grid", "plot_profit", "plot_reliability", "segment_colours"]
