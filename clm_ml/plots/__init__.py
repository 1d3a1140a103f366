"""Figures people look at."""

from clm_ml.plots.cohorts import plot_cohorts
from clm_ml.plots.drift import plot_drift
from clm_ml.plots.effects import plot_effects
from clm_ml.plots.flows import plot_flows
from clm_ml.plots.judging import plot_gains, plot_profit, plot_reliability
from clm_ml.plots.lists import plot_list
from clm_ml.plots.segments import plot_grid, segment_colours
from clm_ml.plots.uplift import plot_uplift

__all__ = [
    "plot_cohorts", "plot_drift", "plot_effects", "plot_flows", "plot_gains", "plot_grid", "plot_list",
    "plot_profit", "plot_reliability", "plot_uplift", "segment_colours",
]  # fmt: skip
