"""Who may be on a list at all, whatever they are worth: neither suppressed, nor without consent, nor objecting."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet

import numpy as np
import pandas as pd

from clm_ml.lifecycle import Play

__all__ = ["among", "find_barred", "find_forbidden", "said_yes"]

#: What a column of consent by channel begins with: `contact_email`.
_CHANNEL = "contact_"


def find_forbidden(
    customer_ids: pd.Series[str], *, suppressed: Iterable[str] = (), consent: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Tell of every customer why no list may hold them, whatever they are worth: suppressed, no consent, objecting.

    Grain: the index of the ids. One boolean column a step, in the order of work; steps about consent only where it is
    known. Both arguments are those of `rank_customers`.
    """
    steps = {"suppressed": among(customer_ids, suppressed).to_numpy()}
    claims = _claims(customer_ids, consent)
    if "may_contact" in claims:
        steps["no consent"] = ~claims["may_contact"].isin([True]).to_numpy()
    if "may_profile" in claims:
        steps["objects to profiling"] = claims["may_profile"].isin([False]).to_numpy()
    return pd.DataFrame(steps, index=customer_ids.index).astype(bool)


def among(customer_ids: pd.Series[str], names: Iterable[str]) -> pd.Series[bool]:
    """Find who is among some; a set is asked as it is, since frames are many and sets may be long."""
    known = names if isinstance(names, AbstractSet) else set(names)
    return pd.Series([name in known for name in customer_ids], customer_ids.index, dtype=bool)


def find_barred(
    scores: pd.DataFrame,
    plays: Mapping[str, Play],
    *,
    suppressed: Iterable[str] = (),
    consent: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Tell why no list may hold them, as `find_forbidden`, and who has not said yes to the channel of their play."""
    forbidden = find_forbidden(scores["customer_id"], suppressed=suppressed, consent=consent)
    return forbidden.assign(**_unreachable(scores, plays, consent))


def _unreachable(
    scores: pd.DataFrame, plays: Mapping[str, Play], consent: pd.DataFrame | None
) -> dict[str, pd.Series[bool]]:
    """Find who has not said yes to the channel of their segment's play; no step where no channel is asked about."""
    claims = _claims(scores["customer_id"], consent)
    asked = [name for name in map(str, claims) if name.startswith(_CHANNEL)]
    if not asked:
        return {}
    channels = scores["segment"].map({name: play.channel for name, play in plays.items()})
    is_refused = np.zeros(len(scores), dtype=np.bool_)
    for name in asked:
        is_asked = channels.eq(name.removeprefix(_CHANNEL)).to_numpy()
        is_refused |= is_asked & ~claims[name].isin([True]).to_numpy()
    return {"no consent to the channel": pd.Series(is_refused, scores.index)}


def said_yes(customer_ids: pd.Series[str], claim: str, consent: pd.DataFrame | None) -> pd.Series[bool]:
    """Find who has said yes to something; everybody, where nobody is asked about it."""
    claims = _claims(customer_ids, consent)
    if claim not in claims:
        return pd.Series(True, customer_ids.index)
    return pd.Series(claims[claim].isin([True]).to_numpy(), customer_ids.index)


def _claims(customer_ids: pd.Series[str], consent: pd.DataFrame | None) -> pd.DataFrame:
    """Give what each has allowed; null of whom nothing is known."""
    if consent is None:
        return pd.DataFrame(index=customer_ids)
    known = consent.set_index("customer_id") if "customer_id" in consent else consent
    return known.reindex(customer_ids)
