"""The whole programme: who may be contacted, by which campaigns of late, and who by none, to judge all of them by."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import date, timedelta

import numpy as np
import pandas as pd

from clm_ml.campaign import CONTACT, HOLDOUT, UNIVERSAL, Ledger, place_of
from clm_ml.config import ListPlan

__all__ = ["find_fatigued", "find_held_back", "programme_rows"]


def find_fatigued(ledger: Ledger, plan: ListPlan, campaign: str | None, day: str) -> set[str]:
    """List whom other campaigns have contacted too lately, or too often, to be contacted on a day (ISO)."""
    lately = ledger.contacted(campaign, day, 1, plan.min_gap_days)
    return lately | ledger.contacted(campaign, day, plan.max_contacts.n, plan.max_contacts.days)


def find_held_back(ledger: Ledger, plan: ListPlan, members: Collection[str] = ()) -> Callable[[str], bool] | None:
    """Give what says whether a customer is in the universal holdout; None where there is none, nor ever was.

    The ledger wins: whoever it holds out stays so, whatever the share says now. Others are placed by their id alone,
    but for members of the campaign, who were listed before there was a universal holdout.
    """
    arms, share = ledger.arms(UNIVERSAL), plan.universal_holdout_share
    if not arms and not share:
        return None

    def is_held_back(customer: str) -> bool:
        if customer in arms:
            return arms[customer] == HOLDOUT
        return customer not in members and place_of(UNIVERSAL, customer) < share

    return is_held_back


def programme_rows(
    programme: pd.DataFrame,
    ledger: Ledger,
    plan: ListPlan,
    is_held_back: Callable[[str], bool] | None,
    members: Collection[str],
    day: date,
) -> pd.DataFrame:
    """Make the ledger's rows of those who could be listed for the first time, in both arms; none without a share.

    So the arms are alike: nothing that a campaign did has chosen them. They are kept as long after the programme's
    horizon as a list's rows are.

    Args:
        programme: as `Ranked.programme`.
        ledger: whose rows are not made again.
        plan: the share and the horizon.
        is_held_back: as `find_held_back` gives it.
        members: of the campaign that is listed: they are not new.
        day: on which they could be listed.
    """
    new = programme.iloc[:0]
    if is_held_back is not None and plan.universal_holdout_share:
        known = ledger.arms(UNIVERSAL)
        is_new = [name not in known and name not in members for name in programme["customer_id"]]
        new = programme[np.array(is_new, dtype=np.bool_)]
    days = timedelta(days=plan.universal_horizon_days + plan.delete_after_days)
    return pd.DataFrame(
        {
            "campaign": UNIVERSAL,
            "customer_id": new["customer_id"],
            "arm": [HOLDOUT if is_held_back and is_held_back(customer) else CONTACT for customer in new["customer_id"]],
            "share": plan.universal_holdout_share,
            "stratum": new["segment"],
            "rank": 0,
            "score": new["expected_profit"],
            "ranked_by": "not ranked: everyone who could be listed",
            "assigned_at": day.isoformat(),
            "sent_on": day.isoformat(),
            "horizon_days": plan.universal_horizon_days,
            "delete_after": (day + days).isoformat(),
            "play": 1,
        }
    )
