"""Whom a list may hold, whatever they are worth: neither suppressed, nor without consent, nor objecting."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from clm_ml.lifecycle import Play
from clm_ml.ranking.lookup import look_up

__all__ = ["Permits", "among", "find_barred", "find_forbidden", "said_yes"]

#: What a column of consent by channel begins with: `contact_email`.
_CHANNEL = "contact_"


@dataclass(frozen=True)
class Permits:
    """What customers, ledger and suppression files say of whom a list may hold; as it comes, they forbid nobody.

    Attributes:
        suppressed: customers never to list.
        consent: `customer_id`, and `may_contact`, `may_profile` and consent by channel (`contact_email`) where they are
            known; whoever has not said yes to contact or to the channel of their play, or has said no to profiling, is
            left out; whoever has not said yes to profiling is not listed for what they are likely to become. None: the
            shop keeps no consent, and nobody is left out for it.
        reserved: customers in another campaign that is still going on.
        fatigued: customers whom other campaigns have contacted lately, or often enough.
        members: customers who are in this campaign already: they stay, but for suppression, consent and the universal
            holdout.
        is_held_back: says of a customer_id whether it is in the universal holdout; nobody is, if not given.
    """

    suppressed: Collection[str] = field(default=(), repr=False)
    consent: pd.DataFrame | None = field(default=None, repr=False)
    reserved: Collection[str] = field(default=(), repr=False)
    fatigued: Collection[str] = field(default=(), repr=False)
    members: Collection[str] = field(default=(), repr=False)
    is_held_back: Callable[[str], bool] | None = None

    def __post_init__(self) -> None:
        """Make ready once what is asked for each of many frames: sets of customers, consent by customer_id."""
        for name in ("suppressed", "reserved", "fatigued", "members"):
            object.__setattr__(self, name, frozenset(getattr(self, name)))
        if self.consent is not None and "customer_id" in self.consent:
            object.__setattr__(self, "consent", self.consent.set_index("customer_id"))


def find_forbidden(customer_ids: pd.Series[str], permits: Permits) -> pd.DataFrame:
    """Tell of every customer why no list may hold them, whatever they are worth: suppressed, no consent, objecting.

    Grain: the index of the ids. One boolean column a step, in the order of work; steps about consent only where it is
    known.
    """
    steps = {"suppressed": among(customer_ids, permits.suppressed).to_numpy()}
    claims = _claims(customer_ids, permits)
    if "may_contact" in claims:
        steps["no consent"] = ~claims["may_contact"].isin([True]).to_numpy()
    if "may_profile" in claims:
        steps["objects to profiling"] = claims["may_profile"].isin([False]).to_numpy()
    return pd.DataFrame(steps, index=customer_ids.index).astype(bool)


def among(customer_ids: pd.Series[str], names: Collection[str]) -> pd.Series[bool]:
    """Find who is among some, given as a set: frames are many, and sets may be long."""
    return pd.Series([name in names for name in customer_ids], customer_ids.index, dtype=bool)


def find_barred(scores: pd.DataFrame, plays: Mapping[str, Play], permits: Permits) -> pd.DataFrame:
    """Tell why no list may hold them, as `find_forbidden`, and who has not said yes to the channel of their play."""
    forbidden = find_forbidden(scores["customer_id"], permits)
    return forbidden.assign(**_unreachable(scores, plays, permits))


def _unreachable(scores: pd.DataFrame, plays: Mapping[str, Play], permits: Permits) -> dict[str, pd.Series[bool]]:
    """Find who has not said yes to the channel of their segment's play; no step where no channel is asked about."""
    claims = _claims(scores["customer_id"], permits)
    asked = [name for name in map(str, claims) if name.startswith(_CHANNEL)]
    if not asked:
        return {}
    channels = scores["segment"].map({name: play.channel for name, play in plays.items()})
    is_refused = np.zeros(len(scores), dtype=np.bool_)
    for name in asked:
        is_asked = channels.eq(name.removeprefix(_CHANNEL)).to_numpy()
        is_refused |= is_asked & ~claims[name].isin([True]).to_numpy()
    return {"no consent to the channel": pd.Series(is_refused, scores.index)}


def said_yes(customer_ids: pd.Series[str], claim: str, permits: Permits) -> pd.Series[bool]:
    """Find who has said yes to something; everybody, where nobody is asked about it."""
    claims = _claims(customer_ids, permits)
    if claim not in claims:
        return pd.Series(True, customer_ids.index)
    return pd.Series(claims[claim].isin([True]).to_numpy(), customer_ids.index)


def _claims(customer_ids: pd.Series[str], permits: Permits) -> pd.DataFrame:
    """Give what each has allowed; null of whom nothing is known."""
    return pd.DataFrame(index=customer_ids.index) if permits.consent is None else look_up(customer_ids, permits.consent)
