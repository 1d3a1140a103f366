"""What has changed since training: frames and a reference come in, findings go out.

The reference is counted in training and travels in the model box. What is held against it is what chance, an ordinary
month and the season do not explain; everything is told with what to do.
"""

from clm_ml.monitoring.arriving import Arrived, arrived_by, daily_rows
from clm_ml.monitoring.attributes import Values, compare_attributes, values_of
from clm_ml.monitoring.bins import Bins, by_chance, fit_bins, ordinary, psi
from clm_ml.monitoring.drifting import Seen, compare_spreads
from clm_ml.monitoring.findings import KINDS, LEVELS, Finding, in_order
from clm_ml.monitoring.flowing import Flow, compare_rows
from clm_ml.monitoring.outcome import compare_outcomes, not_known_yet
from clm_ml.monitoring.reference import SCORE, Came, Reference, Sampled, active, count_training, read_reference
from clm_ml.monitoring.spreads import Spread, spreads_of

__all__ = [
    "KINDS", "LEVELS", "SCORE", "Arrived", "Bins", "Came", "Finding", "Flow", "Reference", "Sampled", "Seen", "Spread",
    "Values", "active",
    "arrived_by", "by_chance", "compare_attributes", "compare_outcomes", "compare_rows", "compare_spreads",
    "count_training", "daily_rows", "fit_bins", "in_order", "not_known_yet", "ordinary", "psi", "read_reference",
    "spreads_of", "values_of",
]  # fmt: skip
