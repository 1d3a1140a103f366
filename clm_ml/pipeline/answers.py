"""What each customer answered to past campaigns: how often they were contacted, and how many orders that brought."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from clm_ml.measuring import brought_back
from clm_ml.ranking import Place

__all__ = ["find_answers"]


def find_answers(came: pd.DataFrame, rates: Mapping[Place, float]) -> dict[Place, pd.DataFrame]:
    """Count each customer's contacts where contacts are known to bring anybody back, and the orders these caused.

    Args:
        came: everyone in past campaigns: customer_id, channel, is_lapsed, is_contacted, saved, silent_days and reading,
            a row a customer and campaign.
        rates: what contacts bring back, by channel and whether customers had lapsed.

    Returns:
        `contacts` and `brought_back` by customer_id, in the places of `rates`.
    """
    answers = dict[Place, pd.DataFrame]()
    for (label, is_lapsed), theirs in came.groupby(["channel", "is_lapsed"], dropna=False, sort=True):
        place = (label if isinstance(label, str) else None, bool(is_lapsed))
        rate, is_contacted = rates.get(place, 0.0), theirs["is_contacted"].to_numpy() > 0
        if rate <= 0 or is_contacted.all():
            continue
        effect = np.minimum(rate * theirs["reading"].to_numpy(dtype=np.float64), 1.0)
        silent = theirs["silent_days"].to_numpy(dtype=np.float64)
        caused = brought_back(theirs["saved"].to_numpy() > 0, is_contacted, silent, effect)
        told = theirs.assign(contacts=1.0, brought_back=caused)[is_contacted]
        answers[place] = told.groupby("customer_id")[["contacts", "brought_back"]].sum()
    return answers
