"""Who is contacted, in what order and why, within which budget and how many of each channel.

The order of work is fixed: suppressed, consent, eligible, fatigue, worth it, universal holdout, affordable. Each
customer who falls away does so at the first step that applies, and is counted there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from math import inf, lcm
from typing import Any, Literal

import numpy as np
import pandas as pd

from clm_ml.config import ListPlan
from clm_ml.errors import CampaignError
from clm_ml.lifecycle import Play, playbook
from clm_ml.model import BECOMES

__all__ = ["Ranked", "find_forbidden", "find_refusals", "find_wanted", "rank_customers"]

Bools = np.ndarray[Any, np.dtype[np.bool_]]
Floats = np.ndarray[Any, np.dtype[np.float64]]

_WORTH, _UNIVERSAL = "not worth the contact", "universal holdout"


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
    *,
    suppressed: Iterable[str] = (),
    consent: pd.DataFrame | None = None,
    reserved: Iterable[str] = (),
    fatigued: Iterable[str] = (),
    members: Iterable[str] = (),
    reading: pd.Series[float] | None = None,
    uplift: pd.Series[float] | None = None,
    is_held_back: Callable[[str], bool] | None = None,
    plays: Mapping[str, Play] | None = None,
) -> Ranked:
    """Rank by expected profit, `churn_probability × save rate × margin × amount of an order − contact cost`.

    The save rate is assumed (`assumed_save_rate`), until campaigns have proved whom a contact moves: then `uplift`
    takes the place of `churn_probability × save rate`, and `ranked_by` says so. Where all contacts cost the same, the
    order does not depend on what is assumed, the money does. What is brought back is one order, not a habit: of scores
    without `expected_order_amount` the whole `expected_value_if_ordering` counts. Customers are taken while their
    expected profit is positive and the budget and the capacity of their play's channel last, those first whose profit
    is the largest for what their contact costs; ties go to the larger profit, then to the smaller customer_id.

    Args:
        scores: one row a customer, as a scores box has them; or many such frames, of which only those who are left
            are held.
        plan: whom the list may hold, what it may cost, what it assumes.
        suppressed: customers never to list.
        consent: `customer_id`, and `may_contact` and `may_profile` where they are known; whoever has not said yes to
            contact, or has said no to profiling, is left out; whoever has not said yes to profiling is not listed for
            what they are likely to become. None: the shop keeps no consent, and nobody is left out for it.
        reserved: customers in another campaign that is still going on.
        fatigued: customers whom other campaigns have contacted lately, or often enough.
        members: customers who are in this campaign already: they stay, but for suppression, consent and the universal
            holdout.
        reading: how much likelier than others a customer reads an e-mail, by customer_id, 1 being the mean; so much
            likelier is an e-mail to bring them back. 1 for whom it does not tell, and for other channels.
        uplift: by how much a contact is proved to raise the chance of an order, by customer_id; whom it does not tell
            of is ranked by what is assumed. It knows who reads e-mails, so `reading` adds nothing to it.
        is_held_back: says of a customer_id whether it is in the universal holdout; nobody is, if not given.
        plays: what to do with each segment, by which channel, and what its contact costs where that is not
            `plan.contact_cost`; the playbook as it comes, if not given.

    Raises:
        CampaignError: if nobody is left, saying where they went.
    """
    kept, offered, dropped, plays = [], [], Counter[str](), plays or playbook()
    consent = None if consent is None else consent.set_index("customer_id")  # once, for all frames
    who = {"suppressed": set(suppressed), "reserved": set(reserved), "fatigued": set(fatigued), "members": set(members)}
    for part in [scores] if isinstance(scores, pd.DataFrame) else scores:
        falls = find_refusals(
            part, plan, consent=consent, plays=plays, reading=reading, uplift=uplift, is_held_back=is_held_back, **who
        )
        is_first = falls & (falls.cumsum(axis=1) == 1)
        dropped.update({str(step): int(count) for step, count in is_first.sum().items()})
        may_be = ~falls.drop(columns=[_WORTH, _UNIVERSAL], errors="ignore").any(axis=1)
        told = _with_profit(part[may_be], plan, plays, reading, uplift)
        told = told.assign(
            is_member=told["customer_id"].isin(who["members"]),
            is_predicted=_predicted(told, plan, consent),
            is_held_back=falls.loc[may_be, _UNIVERSAL] if _UNIVERSAL in falls else False,
        )
        offered.append(told[["expected_profit", "contact_cost"]])
        kept.append(told[~falls.loc[may_be, _WORTH]])
    if not kept:
        raise CampaignError("nobody is left to contact (the scores have no rows); see list in the config.")
    programme = pd.concat(kept, ignore_index=True)
    frame = programme[~programme.pop("is_held_back")]
    ways = _ways(frame, plan, plays)
    counts = {**dropped, **{f"over the {way}": int((ways == way).sum()) for way in ("budget", "capacity")}}
    taken = _in_order(frame[ways == "taken"])
    if taken.empty:
        where = ", ".join(f"{step} {count:,}" for step, count in counts.items() if count)
        raise CampaignError(
            f"nobody is left to contact ({where or 'the scores have no rows'}); see list in the config."
        )
    profits = _in_order(pd.concat(offered, ignore_index=True))["expected_profit"].to_numpy()
    return Ranked(_told(taken), counts, programme[["customer_id", "segment", "expected_profit"]], profits)


def find_refusals(
    scores: pd.DataFrame,
    plan: ListPlan,
    *,
    suppressed: Iterable[str] = (),
    consent: pd.DataFrame | None = None,
    reserved: Iterable[str] = (),
    fatigued: Iterable[str] = (),
    members: Iterable[str] = (),
    reading: pd.Series[float] | None = None,
    uplift: pd.Series[float] | None = None,
    is_held_back: Callable[[str], bool] | None = None,
    plays: Mapping[str, Play] | None = None,
) -> pd.DataFrame:
    """Tell of every customer which steps leave them out, whether or not an earlier one does.

    Grain: the rows of the scores. One boolean column a step, in the order of work; steps about consent, days of
    silence and the universal holdout only where there are such. The arguments are those of `rank_customers`; what is
    over the budget or a channel's capacity, only a whole list can tell. Whom the list may not hold is not scored for
    it: of them nobody asks what a contact would earn.
    """
    ids = scores["customer_id"]
    is_new = ~ids.isin(set(members))
    is_wanted = find_wanted(scores, plan, consent)
    forbidden = find_forbidden(ids, suppressed=suppressed, consent=consent)
    busy = {
        "in another live campaign": ids.isin(set(reserved)) & is_new,
        "fatigued": ids.isin(set(fatigued)) & is_new,
    }
    is_asked = ~forbidden.any(axis=1) & ~pd.DataFrame(busy).any(axis=1)
    profit = _with_profit(scores[is_asked], plan, plays or playbook(), reading, uplift)["expected_profit"]
    steps: dict[str, Any] = {
        **forbidden,
        "never ordered": scores["churn_probability"].isna(),
        "other segment": ~is_wanted & is_new,
        **_lately(scores, plan, is_new),
        **busy,
        _WORTH: ~(profit > 0).reindex(scores.index, fill_value=True) & is_new,
    }
    if is_held_back is not None:
        steps[_UNIVERSAL] = [is_held_back(customer) for customer in ids]
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


def _lately(scores: pd.DataFrame, plan: ListPlan, is_new: pd.Series[bool]) -> dict[str, pd.Series[bool]]:
    """Find who has ordered too lately for the list; no step where it does not ask."""
    if not plan.silent_days:
        return {}
    return {"ordered lately": ~(scores["days_since_last_order"].astype(np.float64) >= plan.silent_days) & is_new}


def find_wanted(scores: pd.DataFrame, plan: ListPlan, consent: pd.DataFrame | None) -> pd.Series[bool]:
    """Find whom the list is for: by their segment, or by what they are likely to become."""
    return scores["segment"].isin(plan.segments) | _predicted(scores, plan, consent)


def _predicted(scores: pd.DataFrame, plan: ListPlan, consent: pd.DataFrame | None) -> Bools:
    """Find who is of another segment, but likely to be in one of the list's when the horizon ends.

    Whoever is listed for nothing else has to have said yes to profiling, where that is asked.
    """
    likely = np.zeros(len(scores), dtype=np.bool_)
    for column, segment in BECOMES.items():
        if plan.also_predicted and segment in plan.segments and column in scores:
            likely |= (scores[column].astype(np.float64) >= plan.predicted_from).to_numpy()
    likely &= ~scores["segment"].isin(plan.segments).to_numpy()
    if consent is None or "may_profile" not in consent:
        return likely
    return likely & _said(scores["customer_id"], consent)["may_profile"].isin([True]).to_numpy()


def _with_profit(
    scores: pd.DataFrame,
    plan: ListPlan,
    plays: Mapping[str, Play],
    reading: pd.Series[float] | None,
    uplift: pd.Series[float] | None,
) -> pd.DataFrame:
    """Add the orders a contact is expected to add, what one is worth, and what a contact costs and earns after that."""
    own = {name: play.contact_cost for name, play in plays.items() if play.contact_cost is not None}
    cost = scores["segment"].map(own).astype(np.float64).fillna(plan.contact_cost)
    effect = scores["churn_probability"].astype(np.float64) * plan.assumed_save_rate
    if reading is not None:
        by_email = scores["segment"].map({name: play.channel == "email" for name, play in plays.items()})
        effect = (effect * scores["customer_id"].map(reading).fillna(1.0).where(by_email.eq(True), 1.0)).clip(upper=1.0)
    ranked_by = pd.Series(f"expected profit (assumed save rate {plan.assumed_save_rate:g})", scores.index)
    if uplift is not None:
        proved = scores["customer_id"].map(uplift).astype(np.float64)
        effect, ranked_by = proved.fillna(effect), ranked_by.where(proved.isna(), "expected profit (proved uplift)")
    worth = scores["expected_value_if_ordering"].astype(np.float64)
    if "expected_order_amount" in scores:
        worth = scores["expected_order_amount"].astype(np.float64).fillna(worth)
    profit = effect * plan.margin * worth - cost
    told = {"expected_effect": effect, "order_amount": worth, "expected_profit": profit, "contact_cost": cost}
    return scores.assign(**told, ranked_by=ranked_by)


def _said(ids: pd.Series[str], consent: pd.DataFrame) -> pd.DataFrame:
    """Give what each has allowed; null of whom nothing is known."""
    known = consent.set_index("customer_id") if "customer_id" in consent else consent
    return known.reindex(ids)


def _without_consent(ids: pd.Series[str], consent: pd.DataFrame | None) -> dict[str, Bools]:
    """Find who has not said yes to being contacted, and who objects to profiling."""
    if consent is None:
        return {}
    known, steps = _said(ids, consent), {}
    if "may_contact" in known:
        steps["no consent"] = ~known["may_contact"].isin([True]).to_numpy()
    if "may_profile" in known:
        steps["objects to profiling"] = known["may_profile"].isin([False]).to_numpy()
    return steps


def _in_order(frame: pd.DataFrame) -> pd.DataFrame:
    """Put first whose contact earns most for what it costs."""
    by = [name for name in ("earned", "expected_profit", "customer_id") if name == "earned" or name in frame]
    earned = frame["expected_profit"] / frame["contact_cost"]
    return frame.assign(earned=earned).sort_values(by, ascending=[name == "customer_id" for name in by])


def _ways(frame: pd.DataFrame, plan: ListPlan, plays: Mapping[str, Play]) -> pd.Series[str]:
    """Say of each whether they are taken, or what does not last: members first, since they were promised."""
    ranked = _in_order(frame)
    wholes, money = _in_wholes(ranked["contact_cost"], plan.budget)
    channels = ranked["segment"].map({name: play.channel for name, play in plays.items()})
    ways = _affordable(wholes, ranked["is_member"].tolist(), money, channels.tolist(), plan.capacity)
    return pd.Series(ways, index=ranked.index, dtype=object).reindex(frame.index)


def _in_wholes(costs: pd.Series[float], budget: float) -> tuple[list[int], int]:
    """Write money as whole numbers of one unit, in the decimals that were written: .3 pays for three of .1."""
    exact = {cost: Fraction(str(cost)) for cost in (*costs.unique().tolist(), budget)}
    unit = lcm(*(cost.denominator for cost in exact.values()))
    wholes = {cost: int(fraction * unit) for cost, fraction in exact.items()}
    return costs.map(wholes).tolist(), wholes[budget]


def _affordable(
    costs: Sequence[int], is_member: Sequence[bool], money: int, channels: Sequence[str], capacity: Mapping[str, int]
) -> list[Literal["taken", "budget", "capacity"]]:
    """Say of each, the best first, whether they are taken, or else what they were too many for.

    Members are always taken; others, while the rest of the money and of their channel's capacity last.
    """
    free: dict[str, float] = dict(capacity)
    for cost, channel, old in zip(costs, channels, is_member, strict=True):
        if old:
            money, free[channel] = money - cost, free.get(channel, inf) - 1
    ways: list[Literal["taken", "budget", "capacity"]] = []
    for cost, channel, old in zip(costs, channels, is_member, strict=True):
        fits = old or (cost <= money and free.get(channel, inf) >= 1)
        ways.append("taken" if fits else "budget" if cost > money else "capacity")
        if fits and not old:
            money, free[channel] = money - cost, free.get(channel, inf) - 1
    return ways


def _told(taken: pd.DataFrame) -> pd.DataFrame:
    becomes = {name: taken[name].where(taken["is_predicted"]) for name in BECOMES if name in taken}
    return (
        taken.drop(columns=["is_member", "is_predicted", "earned"])
        .assign(rank=np.arange(1, len(taken) + 1), **becomes)
        .reset_index(drop=True)
    )
