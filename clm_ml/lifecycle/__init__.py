"""The lifecycle: what to do with whom, when silence should count, and how each stage and cohort is doing."""

from clm_ml.lifecycle.cohorts import calendar, cohort_months, cohort_triangle
from clm_ml.lifecycle.doings import (
    YEAR_DAYS,
    engaging,
    first_categories,
    leads,
    new_categories,
    ordering,
    spent,
)
from clm_ml.lifecycle.kpis import GROUPS, Kpi, kpi_catalogue, measure
from clm_ml.lifecycle.lapse import lapse_sensitivity, later_orders, long_gap
from clm_ml.lifecycle.needs import lacks
from clm_ml.lifecycle.playbook import Play, playbook

__all__ = [
    "GROUPS", "YEAR_DAYS", "Kpi", "Play", "calendar", "cohort_months", "cohort_triangle", "engaging",
    "first_categories", "kpi_catalogue", "lacks", "lapse_sensitivity", "later_orders", "leads", "long_gap", "measure",
    "new_categories", "ordering", "playbook", "spent",
]  # fmt: skip
