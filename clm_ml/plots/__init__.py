"""Figures people look at."""

from clm_ml.plots.cohorts import plot_cohorts
from clm_ml.plots.effects import plot_effects
from clm_ml.plots.flows import plot_flows
from clm_ml.plots.judging import plot_gain_curves, plot_gains, plot_profit, plot_reliability
from clm_ml.plots.lists import plot_list, plot_promise
from clm_ml.plots.risk import plot_drivers, plot_risk_by_score, plot_risk_by_silence
from clm_ml.plots.segments import plot_at_risk, plot_grid, segment_colours
from clm_ml.plots.uplift import plot_uplift

__all__ = [
    "plot_at_risk", "plot_cohorts", "plot_drivers", "plot_effects", "plot_flows", "plot_gain_curves", "plot_gains",
    "plot_grid", "plot_list", "plot_profit", "plot_promise", "plot_reliability", "plot_risk_by_score",
    "plot_risk_by_silence", "plot_uplift", "segment_colours",
]  # fmt: skip
