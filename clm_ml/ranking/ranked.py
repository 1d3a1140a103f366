"""The ranking: who would be sent, best first, and how many fell away at each step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from clm_ml.config import ListPlan
from clm_ml.errors import CampaignError
from clm_ml.lifecycle import Play, playbook
from clm_ml.memory import give_back_memory
from clm_ml.model import BECOMES
from clm_ml.ranking.earning import Effects, with_profit
from clm_ml.ranking.permitting import Permits, among
from clm_ml.ranking.refusing import UNIVERSAL, WORTH, find_predicted, find_refusals
from clm_ml.ranking.taking import give_away, in_order, take

__all__ = ["Floats", "Ranked", "rank_customers"]

Floats = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True)
class Ranked:
    """The customers who would be sent, best first, and how many fell away at each step.

    Attributes:
        customers: rank, customer_id, segment, phase, play, churn_probability, expected_value_if_ordering,
            value_at_risk, expected_effect (orders that a contact adds), order_amount (of one), contact_cost,
            expected_profit, ranked_by, as_of, days_since_last_order and the reasons that the scores have;
            `becomes_at_risk_probability` and `becomes_cannot_lose_probability` of those who are listed for them, null
            for the others.
        dropped: customers who fell away, by step.
        programme: customer_id, segment and expected_profit of all who could have been listed but for the budget, the
            capacity and the universal holdout; a row a customer, members among them.
        profits: expected profit of everybody who may be contacted, in the order in which the budget takes them: also of
            those not worth it, who come last.
    """

    customers: pd.DataFrame
    dropped: Mapping[str, int]
    programme: pd.DataFrame = field(repr=False)
    profits: Floats = field(repr=False)


def rank_customers(
    scores: pd.DataFrame | Iterable[pd.DataFrame],
    plan: ListPlan,
    permits: Permits | None = None,
    *,
    effects: Effects | None = None,
    plays: Mapping[str, Play] | None = None,
) -> Ranked:
    """Rank by expected profit, `effect × margin × amount of an order − contact cost`.

    The effect is `churn_probability × assumed_save_rate`, until past campaigns have measured what contacts bring back
    (`effects.save_rates`), or proved whom they move (`effects.uplift`); `ranked_by` says which. Where all contacts cost
    the same, the order does not depend on what is assumed, the money does. What is brought back is one order, not a
    habit: of scores without `expected_order_amount` the whole `expected_value_if_ordering` counts. Customers are taken
    while their expected profit is positive and the budget and the capacity of their play's channel last, those first
    whose profit is the largest for what their contact costs; ties go to the larger profit, then to the smaller
    customer_id.

    Args:
        scores: one row a customer, as a scores box has them; or many such frames, of which only those who are left
            are held.
        plan: whom the list may hold, what it may cost, what it assumes.
        permits: whom the list may hold, and who is on it already; they forbid nobody, if not given.
        effects: what is known of what a contact does; nothing, if not given.
        plays: what to do with each segment, by which channel, and what its contact costs where that is not
            `plan.contact_cost`; the playbook as it comes, if not given.

    Raises:
        CampaignError: if nobody is left, saying where they went.
    """
    kept, offered, dropped, plays = [], [], Counter[str](), plays or playbook()
    permits, known = permits or Permits(), effects or Effects()
    for part in [scores] if isinstance(scores, pd.DataFrame) else scores:
        falls = find_refusals(part, plan, permits, effects=known, plays=plays)
        is_first = falls & (falls.cumsum(axis=1) == 1)
        dropped.update({str(step): int(count) for step, count in is_first.sum().items()})
        may_be = ~falls.drop(columns=[WORTH, UNIVERSAL], errors="ignore").any(axis=1)
        told = with_profit(part[may_be], plan, plays, known)
        told = told.assign(
            is_member=among(told["customer_id"], permits.members),
            is_predicted=find_predicted(told, plan, permits),
            is_held_back=falls.loc[may_be, UNIVERSAL] if UNIVERSAL in falls else False,
        )
        offered.append(told[["expected_profit", "contact_cost"]])
        kept.append(told[~falls.loc[may_be, WORTH]])
    if not kept:
        raise CampaignError("nobody is left to contact (the scores have no rows); see list in the config.")
    frame = pd.concat(kept, ignore_index=True)
    kept.clear()  # of a long list no row is to be held twice
    give_back_memory()
    programme = frame[["customer_id", "segment", "expected_profit"]]
    if (is_held := frame.pop("is_held_back")).any():
        frame = frame[~is_held].reset_index(drop=True)
    taken, too_many = take(frame, plan, plays)
    counts = {**dropped, **too_many}
    if taken.empty:
        where = ", ".join(f"{step} {count:,}" for step, count in counts.items() if count)
        raise CampaignError(
            f"nobody is left to contact ({where or 'the scores have no rows'}); see list in the config."
        )
    profits = in_order(pd.concat(offered, ignore_index=True))["expected_profit"].to_numpy()
    (listed,) = give_away(frame, taken)
    return Ranked(_told(listed), counts, programme, profits)


def _told(taken: pd.DataFrame) -> pd.DataFrame:
    becomes = {name: taken[name].where(taken["is_predicted"]) for name in BECOMES if name in taken}
    return (
        taken.drop(columns=["is_member", "is_predicted"])
        .assign(rank=np.arange(1, len(taken) + 1), **becomes)
        .reset_index(drop=True)
    )
