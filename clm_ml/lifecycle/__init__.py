"""The lifecycle: what to do with whom, when silence should count, and how each stage and cohort is doing."""

from clm_ml.lifecycle.catalogue import Kpi, groups_of, kpi_catalogue
from clm_ml.lifecycle.cohorts import calendar, cohort_months, cohort_triangle
from clm_ml.lifecycle.doings import YEAR_DAYS
from clm_ml.lifecycle.known import known_before
from clm_ml.lifecycle.kpis import measure
from clm_ml.lifecycle.lapse import lapse_sensitivity, later_orders, long_gap
from clm_ml.lifecycle.needs import lacks
from clm_ml.lifecycle.places import places, standing
from clm_ml.lifecycle.playbook import Play, playbook
from clm_ml.lifecycle.vocabularies import vocabularies

__all__ = [
    "YEAR_DAYS", "Kpi", "Play", "calendar", "cohort_months", "cohort_triangle", "groups_of", "known_before",
    "kpi_catalogue", "lacks", "lapse_sensitivity", "later_orders", "long_gap", "measure", "places", "playbook",
    "standing", "vocabularies",
]  # fmt: skip
