"""Figures people look at."""

from clm_ml.plots.effects import plot_effects
from clm_ml.plots.judging import plot_gains, plot_profit, plot_reliability

__all__ = ["plot_effects", "plot_gains", "plot_profit", "plot_reliability"]
