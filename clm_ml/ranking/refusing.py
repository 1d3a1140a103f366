"""Which steps leave a customer out, from consent to what a contact would earn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from clm_ml.config import ListPlan
from clm_ml.lifecycle import Play, playbook
from clm_ml.model import BECOMES
from clm_ml.ranking.earning import Effects, with_profit
from clm_ml.ranking.permitting import Permits, among, find_barred, said_yes

__all__ = ["UNIVERSAL", "WORTH", "find_predicted", "find_refusals", "find_wanted"]

WORTH, UNIVERSAL = "not worth the contact", "universal holdout"


def find_refusals(
    scores: pd.DataFrame,
    plan: ListPlan,
    permits: Permits | None = None,
    *,
    effects: Effects | None = None,
    plays: Mapping[str, Play] | None = None,
) -> pd.DataFrame:
    """Tell of every customer which steps leave them out, whether or not an earlier one does.

    Grain: the rows of the scores. One boolean column a step, in the order of work; steps about consent, days of
    silence and the universal holdout only where there are such. The arguments are those of `rank_customers`; what is
    over the budget or a channel's capacity, only a whole list can tell. Whom the list may not hold is not scored for
    it: of them nobody asks what a contact would earn.
    """
    ids, plays, permits = scores["customer_id"], plays or playbook(), permits or Permits()
    is_new = ~among(ids, permits.members)
    forbidden = find_barred(scores, plays, permits)
    busy = {
        "in another live campaign": among(ids, permits.reserved) & is_new,
        "fatigued": among(ids, permits.fatigued) & is_new,
    }
    is_asked = ~forbidden.any(axis=1) & ~pd.DataFrame(busy).any(axis=1)
    profit = with_profit(scores[is_asked], plan, plays, effects or Effects())["expected_profit"]
    steps: dict[str, Any] = {
        **forbidden,
        "never ordered": scores["churn_probability"].isna(),
        "other segment": ~find_wanted(scores, plan, permits) & is_new,
        **_lately(scores, plan, is_new),
        **busy,
        WORTH: ~(profit > 0).reindex(scores.index, fill_value=True) & is_new,
    }
    if permits.is_held_back is not None:
        steps[UNIVERSAL] = [permits.is_held_back(customer) for customer in ids]
    return pd.DataFrame(steps, index=scores.index).astype(bool)


def find_wanted(scores: pd.DataFrame, plan: ListPlan, permits: Permits) -> pd.Series[bool]:
    """Find whom the list is for: by their segment, or by what they are likely to become."""
    return scores["segment"].isin(plan.segments) | find_predicted(scores, plan, permits)


def find_predicted(scores: pd.DataFrame, plan: ListPlan, permits: Permits) -> pd.Series[bool]:
    """Find who is of another segment, but likely to be in one of the list's when the horizon ends.

    Whoever is listed for nothing else has to have said yes to profiling, where that is asked.
    """
    likely = pd.Series(False, scores.index)
    for column, segment in BECOMES.items():
        if plan.also_predicted and segment in plan.segments and column in scores:
            likely |= scores[column].astype(np.float64) >= plan.predicted_from
    return likely & ~scores["segment"].isin(plan.segments) & said_yes(scores["customer_id"], "may_profile", permits)


def _lately(scores: pd.DataFrame, plan: ListPlan, is_new: pd.Series[bool]) -> dict[str, pd.Series[bool]]:
    """Find who has ordered too lately for the list; no step where it does not ask."""
    if not plan.silent_days:
        return {}
    return {"ordered lately": ~(scores["days_since_last_order"].astype(np.float64) >= plan.silent_days) & is_new}
