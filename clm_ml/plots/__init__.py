"""Figures people look at."""

from clm_ml.plots.cohorts import plot_cohorts
from clm_ml.plots.judging import plot_gains, plot_profit, plot_reliability

__all__ = ["plot_cohorts", "plot_gains", "plot_profit", "plot_reliability"]
