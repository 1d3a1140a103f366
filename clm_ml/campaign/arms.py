"""Who is held out: a function of the campaign's name and the customer's id, so that who joins later moves nobody."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from typing import Literal

from clm_ml.errors import CampaignError

__all__ = ["CONTACT", "HOLDOUT", "UNIVERSAL", "assign_arms", "assign_plays", "place_of", "refuse_bad_name"]

CONTACT, HOLDOUT = "contact", "holdout"

#: The whole programme as a campaign of the ledger, in which somebody is held out of all others.
UNIVERSAL = "universal"


def place_of(campaign: str, customer_id: str) -> float:
    """Place a customer between 0 and 1 for one campaign, the same for ever.

    >>> round(place_of("autumn", "12346"), 6)
    0.635471
    """
    return int(hashlib.sha256(f"{campaign}|{customer_id}".encode()).hexdigest()[:16], 16) / 2**64


def assign_arms(
    customer_ids: Sequence[str],
    strata: Sequence[str],
    campaign: str,
    share: float,
    assignment: Literal["blocks", "hash"] = "blocks",
) -> list[str]:
    """Assign each customer of a ranked list to be contacted or held out.

    `blocks`: within each stratum, along the ranking, of every 1/share customers the one with the lowest place is held
    out; in the last, incomplete block whoever has a place below the share. So the share is exact at every rank, and the
    arms are alike in score. `hash`: held out is whoever has a place below the share.

    Args:
        customer_ids: in the order of their rank.
        strata: the stratum of each.
        campaign: its name; another campaign holds out others.
        share: of customers to hold out, from 0 to below 1.
        assignment: blocks for a list that is sent once, hash for one that is always on.
    """
    places = [place_of(campaign, customer) for customer in customer_ids]
    if assignment == "hash" or share == 0:
        return [HOLDOUT if place < share else CONTACT for place in places]
    arms = [CONTACT] * len(places)
    for stratum in dict.fromkeys(strata):
        members = [place for place, name in enumerate(strata) if name == stratum]
        for held in _held_out(members, places, share):
            arms[held] = HOLDOUT
    return arms


def _held_out(members: Sequence[int], places: Sequence[float], share: float) -> Iterator[int]:
    """Choose in blocks whose ends are whole multiples of 1/share, so that any share comes out exact."""
    start, block = 0, 1
    while (end := round(min(block / share, len(members) + 1))) <= len(members):
        yield min(members[start:end], key=lambda member: places[member])
        start, block = end, block + 1
    yield from (member for member in members[start:] if places[member] < share)


def assign_plays(customer_ids: Sequence[str], strata: Sequence[str], campaign: str, plays: int) -> list[int]:
    """Assign each customer to contact one of so many plays, by its number from 1 on.

    Within each stratum, along the ranking, of as many customers as there are plays each gets another one, in the order
    of their places; so plays reach customers who are alike in score.

    Args:
        customer_ids: those to contact, in the order of their rank.
        strata: the stratum of each.
        campaign: its name; another campaign assigns others.
        plays: how many there are.

    >>> sorted(assign_plays(["c1", "c2", "c3", "c4"], ["at_risk"] * 4, "autumn", 2)[:2])
    [1, 2]
    """
    places = [place_of(f"{campaign}|play", customer) for customer in customer_ids]
    assigned = [1] * len(places)
    for stratum in dict.fromkeys(strata):
        members = [place for place, name in enumerate(strata) if name == stratum]
        for start in range(0, len(members), plays):
            block = members[start : start + plays]
            for number, member in enumerate(sorted(block, key=lambda each: places[each])):
                # In the last, incomplete block the place itself chooses: else the first plays would get more.
                whole = len(block) == plays
                assigned[member] = 1 + (number if whole else int(places[member] * plays))
    return assigned


def refuse_bad_name(campaign: str) -> None:
    """Refuse a name that cannot be told apart in files and CRMs.

    Raises:
        CampaignError: if it is empty, too long, or has other than letters, digits, spaces, `.`, `_` and `-`; or is the
            programme's.
    """
    if campaign.casefold() == UNIVERSAL:
        raise CampaignError(f"{UNIVERSAL!r} is the name of the whole programme in the ledger; choose another.")
    letters = re.sub(r"[ ._-]", "", campaign)
    if not letters.isalnum() or len(campaign) > 100 or campaign != campaign.strip():
        raise CampaignError(
            "a campaign's name is at most 100 letters, digits, spaces, '.', '_' or '-'; choose another."
        )
