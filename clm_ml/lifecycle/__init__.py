"""Who stands where, what to do with whom, and when silence should count."""

from clm_ml.lifecycle.census import STANDING, census, fit_lifecycle, grid, phases_of, place, tally
from clm_ml.lifecycle.lapse import lapse_sensitivity, later_orders, long_gap
from clm_ml.lifecycle.migration import NEW, count_moves, flows_of, moved_between
from clm_ml.lifecycle.outlook import Expected, Past, size_forecast
from clm_ml.lifecycle.playbook import Play, playbook
from clm_ml.lifecycle.wording import border_words, rule_words

__all__ = [
    "NEW", "STANDING", "Expected", "Past", "Play", "border_words", "census", "count_moves", "fit_lifecycle", "flows_of",
    "grid", "lapse_sensitivity", "later_orders", "long_gap", "moved_between", "phases_of", "place", "playbook",
    "rule_words", "size_forecast", "tally",
]  # fmt: skip
