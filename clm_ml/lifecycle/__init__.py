"""Who stands where, what to do with whom, and when silence should count."""

from clm_ml.lifecycle.census import STANDING, census, fit_lifecycle, grid, phases_of, place, tally
from clm_ml.lifecycle.lapse import lapse_sensitivity, later_orders, long_gap
from clm_ml.lifecycle.playbook import Play, playbook
from clm_ml.lifecycle.wording import border_words, rule_words

__all__ = [
    "STANDING", "Play", "border_words", "census", "fit_lifecycle", "grid", "lapse_sensitivity", "later_orders",
    "long_gap", "phases_of", "place", "playbook", "rule_words", "tally",
]  # fmt: skip
