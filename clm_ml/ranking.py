"""Who is contacted, in what order and why, within which budget.

The order of work is fixed: suppressed, consent, eligible, worth it, affordable. Each customer who falls away does so at
the first step that applies, and is counted there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import lcm
from typing import Any

import numpy as np
import pandas as pd

from clm_ml.config import ListPlan
from clm_ml.errors import CampaignError
from clm_ml.lifecycle import Play, playbook

__all__ = ["Ranked", "find_forbidden", "find_refusals", "rank_customers"]

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
    plays: Mapping[str, Play] | None = None,
) -> Ranked:
    """Rank by expected profit, `churn_probability × save rate × margin × value if ordering − contact cost`.

    The save rate is assumed (`assumed_save_rate`), until a campaign has measured it: where all contacts cost the same,
    the order does not depend on it, the money does. Customers are taken while their expected profit is positive and the
    budget lasts, those first whose profit is the largest for what their contact costs; ties go to the larger profit,
    then to the smaller customer_id.

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
        plays: what to do with each segment, and what its contact costs where that is not `plan.contact_cost`; the
            playbook as it comes, if not given.

    Raises:
        CampaignError: if nobody is left, saying where they went.
    """
    kept, dropped, plays = [], Counter[str](), plays or playbook()
    consent = None if consent is None else consent.set_index("customer_id")  # once, for all frames
    who = {"suppressed": set(suppressed), "reserved": set(reserved), "members": set(members)}
    for part in [scores] if isinstance(scores, pd.DataFrame) else scores:
        falls = find_refusals(part, plan, consent=consent, plays=plays, **who)
        is_first = falls & (falls.cumsum(axis=1) == 1)
        dropped.update({str(step): int(count) for step, count in is_first.sum().items()})
        left = _with_profit(part[~falls.any(axis=1)], plan, plays)
        kept.append(left.assign(is_member=left["customer_id"].isin(who["members"])))
    frame = pd.concat(kept, ignore_index=True)
    taken = _within_budget(frame, plan)
    counts = {**dropped, "over the budget": len(frame) - len(taken)}
    if taken.empty:
        told = ", ".join(f"{step} {count:,}" for step, count in counts.items() if count)
        raise CampaignError(f"nobody is left to contact ({told or 'the scores have no rows'}); see list in the config.")
    return Ranked(_told(taken, plan, plays), counts)


def find_refusals(
    scores: pd.DataFrame,
    plan: ListPlan,
    *,
    suppressed: Iterable[str] = (),
    consent: pd.DataFrame | None = None,
    reserved: Iterable[str] = (),
    members: Iterable[str] = (),
    plays: Mapping[str, Play] | None = None,
) -> pd.DataFrame:
    """Tell of every customer which steps leave them out, whether or not an earlier one does.

    Grain: the rows of the scores. One boolean column a step, in the order of work; steps about consent only where it
    is known. The arguments are those of `rank_customers`; what is over the budget, only a whole list can tell. Whom
    the list may not hold is not scored for it: of them nobody asks what a contact would earn.
    """
    ids = scores["customer_id"]
    is_new, is_reserved = ~ids.isin(set(members)), ids.isin(set(reserved))
    forbidden = find_forbidden(ids, suppressed=suppressed, consent=consent)
    is_asked = ~forbidden.any(axis=1) & ~(is_reserved & is_new)
    profit = _with_profit(scores[is_asked], plan, plays or playbook())["expected_profit"]
    steps = {
        **forbidden,
        "never ordered": scores["churn_probability"].isna(),
        "other segment": ~scores["segment"].isin(plan.segments) & is_new,
        "in another live campaign": is_reserved & is_new,
        "not worth the contact": ~(profit > 0).reindex(scores.index, fill_value=True) & is_new,
    }
    return pd.DataFrame(steps, index=scores.index).astype(bool)


def find_forbidden(
    customer_ids: pd.Series[str], *, suppressed: Iterable[str] = (), consent: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Tell of every customer why no list may hold them, whatever they are worth: suppressed, no consent, objecting.

    Grain: the index of the ids. One boolean column a step, in the order of work; steps about consent only where it is
    known. Both arguments are those of `rank_customers`.
    """
    steps = {"suppressed": customer_ids.isin(set(suppressed)), **_without_consent(customer_ids, consent)}
    return pd.DataFrame(steps, index=customer_ids.index).astype(bool)


def _with_profit(scores: pd.DataFrame, plan: ListPlan, plays: Mapping[str, Play]) -> pd.DataFrame:
    """Add what a contact costs, and what it is expected to earn after that."""
    own = {name: play.contact_cost for name, play in plays.items() if play.contact_cost is not None}
    cost = scores["segment"].map(own).astype(np.float64).fillna(plan.contact_cost)
    effect = scores["churn_probability"].astype(np.float64) * plan.assumed_save_rate
    profit = effect * plan.margin * scores["expected_value_if_ordering"] - cost
    return scores.assign(expected_profit=profit, contact_cost=cost)


def _without_consent(ids: pd.Series[str], consent: pd.DataFrame | None) -> dict[str, Bools]:
    """Find who has not said yes to being contacted, and who objects to profiling."""
    if consent is None:
        return {}
    known = consent.set_index("customer_id") if "customer_id" in consent else consent
    known = known.reindex(ids)
    steps = {}
    if "may_contact" in known:
        steps["no consent"] = ~known["may_contact"].isin([True]).to_numpy()
    if "may_profile" in known:
        steps["objects to profiling"] = known["may_profile"].isin([False]).to_numpy()
    return steps


def _within_budget(frame: pd.DataFrame, plan: ListPlan) -> pd.DataFrame:
    """Take the best the money lasts for: members first, since they were promised; pass over the too dear."""
    by = {"earned": frame["expected_profit"] / frame["contact_cost"]}
    order = ["earned", "expected_profit", "customer_id"]
    ranked = frame.assign(**by).sort_values(order, ascending=[False, False, True]).drop(columns="earned")
    wholes, money = _in_wholes(ranked["contact_cost"], plan.budget)
    taken = _affordable(wholes, ranked["is_member"].tolist(), money)
    return ranked[np.asarray(taken, dtype=np.bool_)].drop(columns=["is_member", "contact_cost"])


def _in_wholes(costs: pd.Series[float], budget: float) -> tuple[list[int], int]:
    """Write money as whole numbers of one unit, in the decimals that were written: .3 pays for three of .1."""
    exact = {cost: Fraction(str(cost)) for cost in (*costs.unique().tolist(), budget)}
    unit = lcm(*(cost.denominator for cost in exact.values()))
    wholes = {cost: int(fraction * unit) for cost, fraction in exact.items()}
    return costs.map(wholes).tolist(), wholes[budget]


def _affordable(costs: Sequence[int], is_member: Sequence[bool], money: int) -> list[bool]:
    """Say of each, the best first, whether they are taken: members always, others while the rest of the money lasts."""
    money -= sum(cost for cost, old in zip(costs, is_member, strict=True) if old)
    taken = []
    for cost, old in zip(costs, is_member, strict=True):
        taken.append(old or cost <= money)
        money -= cost if taken[-1] and not old else 0
    return taken


def _told(taken: pd.DataFrame, plan: ListPlan, plays: Mapping[str, Play]) -> pd.DataFrame:
    return taken.assign(
        rank=np.arange(1, len(taken) + 1),
        play=taken["segment"].map({segment: play.plays[0] for segment, play in plays.items() if play.plays}),
        ranked_by=f"expected profit (assumed save rate {plan.assumed_save_rate:g})",
    ).reset_index(drop=True)
