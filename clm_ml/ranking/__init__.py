"""Who is contacted, in what order and why, within which budget and how many of each channel.

The order of work is fixed: suppressed, consent, eligible, fatigue, worth it, universal holdout, affordable. Each
customer who falls away does so at the first step that applies, and is counted there.
"""

from clm_ml.ranking.earning import Effects, Place, SaveRates
from clm_ml.ranking.lookup import look_up
from clm_ml.ranking.permitting import Permits, find_barred, find_forbidden
from clm_ml.ranking.ranked import Floats, Ranked, rank_customers
from clm_ml.ranking.refusing import find_refusals, find_wanted
from clm_ml.ranking.taking import give_away

__all__ = [
    "Effects", "Floats", "Permits", "Place", "Ranked", "SaveRates", "find_barred", "find_forbidden",
    "find_refusals", "find_wanted", "give_away", "look_up", "rank_customers",
]  # fmt: skip
