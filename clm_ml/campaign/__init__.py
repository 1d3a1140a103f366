"""Who is held out, who is spoken for, and the ledger that remembers it."""

from clm_ml.campaign.arms import CONTACT, HOLDOUT, UNIVERSAL, assign_arms, assign_plays, place_of, refuse_bad_name
from clm_ml.campaign.ledger import Ledger, open_ledger

__all__ = [
    "CONTACT", "HOLDOUT", "UNIVERSAL", "Ledger", "assign_arms", "assign_plays", "open_ledger", "place_of",
    "refuse_bad_name",
]  # fmt: skip
