"""What to do with whom, and when silence should count: the playbook and the lapse thresholds."""

from clm_ml.lifecycle.lapse import lapse_sensitivity, later_orders, long_gap
from clm_ml.lifecycle.playbook import Play, playbook
from clm_ml.lifecycle.vocabularies import vocabularies

__all__ = ["Play", "lapse_sensitivity", "later_orders", "long_gap", "playbook", "vocabularies"]
