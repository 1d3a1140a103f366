"""Who is contacted, in what order and why, within which budget.

The order of work is fixed: suppressed, consent, eligible, worth it, affordable. Each customer who falls away does so at
the first step that applies, and is counted there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd

from clm_ml.config import USUAL_SEGMENTS, ListPlan, SegmentRules
from clm_ml.errors import CampaignError
from clm_ml.lifecycle import playbook

__all__ = ["Ranked", "rank_customers"]

Bools = np.ndarray[Any, np.dtype[np.bool_]]


@dataclass(frozen=True)
class Ranked:
    """The customers who would be sent, best first, and how many fell away at each step.

    `customers`: rank, customer_id, segment, phase, play, churn_probability, expected_value_if_ordering, value_at_risk,
    expected_profit, ranked_by, as_of, days_since_last_order and the reasons that the scores have.
    """

    customers: pd.DataFrame
    dropped: Mapping[str, int]


def rank_customers(
    scores: pd.DataFrame | Iterable[pd.DataFrame],
    plan: ListPlan,
    *,
    suppressed: Iterable[str] = (),
    consent: pd.DataFrame | None = None,
    reserved: Iterable[str] = (),
    members: Iterable[str] = (),
    rules: SegmentRules = USUAL_SEGMENTS,
) -> Ranked:
    """Rank by expected profit, `churn_probability × save rate × margin × value if ordering − contact cost`.

    The save rate is assumed (`assumed_save_rate`), until a campaign has measured it: the order does not depend on it,
    the money does. Customers are taken while their expected profit is positive and the budget lasts; ties go to the
    smaller customer_id.

    Args:
        scores: one row a customer, as a scores box has them; or many such frames, of which only those who are left
            are held.
        plan: whom the list may hold, what it may cost, what it assumes.
        suppressed: customers never to list.
        consent: `customer_id`, and `may_contact` and `may_profile` where they are known; whoever has not said yes to
            contact, or has said no to profiling, is left out. None: the shop keeps no consent, and nobody is left out
            for it.
        reserved: customers in another campaign that is still going on.
        members: customers who are in this campaign already: they stay, but for suppression and consent.
        rules: the segments and their plays; null is the play of a segment that has none.

    Raises:
        CampaignError: if nobody is left, saying where they went.
    """
    kept, dropped = [], Counter[str]()
    known = None if consent is None else consent.set_index("customer_id")
    who = {"suppressed": set(suppressed), "reserved": set(reserved), "members": set(members)}
    for part in [scores] if isinstance(scores, pd.DataFrame) else scores:
        left, fallen = _left(part, plan, known, **who)
        kept.append(left)
        dropped.update(fallen)
    frame = pd.concat(kept, ignore_index=True)
    taken = _within_budget(frame, plan)
    counts = {**dropped, "over the budget": len(frame) - len(taken)}
    if taken.empty:
        told = ", ".join(f"{step} {count:,}" for step, count in counts.items() if count)
        raise CampaignError(f"nobody is left to contact ({told or 'the scores have no rows'}); see list in the config.")
    return Ranked(_told(taken, plan, rules), counts)


def _left(
    scores: pd.DataFrame,
    plan: ListPlan,
    consent: pd.DataFrame | None,
    *,
    suppressed: set[str],
    reserved: set[str],
    members: set[str],
) -> tuple[pd.DataFrame, dict[str, int]]:
    """Leave out, step by step, whoever may not or need not be contacted, and count them by the first step."""
    frame = scores.assign(expected_profit=_expected_profit(scores, plan)).reset_index(drop=True)
    ids = frame["customer_id"]
    is_member = ids.isin(members).to_numpy()
    steps = {
        "suppressed": ids.isin(suppressed).to_numpy(),
        **_without_consent(ids, consent),
        "never ordered": frame["churn_probability"].isna().to_numpy(),
        "other segment": ~frame["segment"].isin(plan.segments).to_numpy() & ~is_member,
        "in another live campaign": ids.isin(reserved).to_numpy() & ~is_member,
        "not worth the contact": ~(frame["expected_profit"] > 0).to_numpy() & ~is_member,
    }
    left, dropped = np.ones(len(frame), dtype=np.bool_), {}
    for step, falls in steps.items():
        dropped[step] = int((left & falls).sum())
        left &= ~falls
    return frame.assign(is_member=is_member)[left], dropped


def _expected_profit(scores: pd.DataFrame, plan: ListPlan) -> pd.Series[float]:
    effect = scores["churn_probability"].astype(np.float64) * plan.assumed_save_rate
    return effect * plan.margin * scores["expected_value_if_ordering"] - plan.contact_cost


def _without_consent(ids: pd.Series[str], consent: pd.DataFrame | None) -> dict[str, Bools]:
    """Find who has not said yes to being contacted, and who objects to profiling."""
    if consent is None:
        return {}
    known = consent.reindex(ids)
    steps = {}
    if "may_contact" in known:
        steps["no consent"] = ~known["may_contact"].isin([True]).to_numpy()
    if "may_profile" in known:
        steps["objects to profiling"] = known["may_profile"].isin([False]).to_numpy()
    return steps


def _within_budget(frame: pd.DataFrame, plan: ListPlan) -> pd.DataFrame:
    """Take the best the money lasts for: members first, since they were promised."""
    affordable = max(0, _contacts(plan) - int(frame["is_member"].sum()))
    ranked = frame.sort_values(["expected_profit", "customer_id"], ascending=[False, True])
    is_new = ~ranked["is_member"]
    return ranked[~is_new | (is_new.cumsum() <= affordable)].drop(columns="is_member")


def _contacts(plan: ListPlan) -> int:
    """Count the contacts the budget pays for, in the decimals that were written: .3 pays for three of .1."""
    return int(Fraction(str(plan.budget)) / Fraction(str(plan.contact_cost)))


def _told(taken: pd.DataFrame, plan: ListPlan, rules: SegmentRules) -> pd.DataFrame:
    plays = {segment: play.plays[0] for segment, play in playbook(rules).items() if play.plays}
    return taken.assign(
        rank=np.arange(1, len(taken) + 1),
        play=taken["segment"].map(plays),
        ranked_by=f"expected profit (assumed save rate {plan.assumed_save_rate:g})",
    ).reset_index(drop=True)
