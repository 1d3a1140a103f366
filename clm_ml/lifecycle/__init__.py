"""The lifecycle: who stands where and who moves, what to do with whom, and how each stage and cohort is doing."""

from clm_ml.lifecycle.catalogue import Kpi, groups_of, kpi_catalogue
from clm_ml.lifecycle.census import STANDING, census, fit_lifecycle, grid, phases_of, place, tally
from clm_ml.lifecycle.cohorts import calendar, cohort_months, cohort_triangle
from clm_ml.lifecycle.doings import YEAR_DAYS
from clm_ml.lifecycle.known import known_before
from clm_ml.lifecycle.kpis import measure
from clm_ml.lifecycle.lapse import lapse_sensitivity, later_orders, long_gap
from clm_ml.lifecycle.migration import NEW, count_moves, flows_of, moved_between
from clm_ml.lifecycle.needs import lacks
from clm_ml.lifecycle.outlook import Expected, Past, size_forecast
from clm_ml.lifecycle.places import places, standing
from clm_ml.lifecycle.playbook import Play, playbook
from clm_ml.lifecycle.vocabularies import vocabularies
from clm_ml.lifecycle.wording import border_words, rule_words

__all__ = [
    "NEW", "STANDING", "YEAR_DAYS", "Expected", "Kpi", "Past", "Play", "border_words", "calendar", "census",
    "cohort_months", "cohort_triangle", "count_moves", "fit_lifecycle", "flows_of", "grid", "groups_of", "known_before",
    "kpi_catalogue", "lacks", "lapse_sensitivity", "later_orders", "long_gap", "measure", "moved_between", "phases_of",
    "place", "places", "playbook", "rule_words", "size_forecast", "standing", "tally", "vocabularies",
]  # fmt: skip
