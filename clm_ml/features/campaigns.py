"""What a customer was sent, and whether they answered."""

from __future__ import annotations

import narwhals as nw

from clm_ml.features.catalogue import Feature, count_in, days_since_last

__all__ = ["campaign_ratios", "campaigns"]

_WINDOWS = (30, 90, 365)


def campaigns(as_of: int) -> list[Feature]:
    """List the features of contacts: how many, how long ago, and how many were followed by an order in a fortnight.

    Grain: contacts. An order that was not known before as_of answers nothing.

    >>> [feature.name for feature in campaigns(0)][-1]
    'contacts_answered_last_365d'
    """
    answered = ~nw.col("answered_day").is_null()
    return [
        Feature("days_since_last_contact", "days since the last contact by a campaign", days_since_last(nw.lit(True), as_of), "campaigns", None),
        *(Feature(f"contacts_last_{days}d", f"contacts in the last {days} days", count_in(None, as_of, days), "campaigns", lookback_days=days) for days in _WINDOWS),
        Feature("contacts_answered_last_365d", "contacts in the last 365 days that an order followed within a fortnight", count_in(answered, as_of, 365), "campaigns", lookback_days=365),
    ]  # fmt: skip


def campaign_ratios() -> list[Feature]:
    """List the share of a year's contacts that were answered; null where there was none."""
    contacts, answered = nw.col("contacts_last_365d"), nw.col("contacts_answered_last_365d")
    return [
        Feature("contacts_answered_share_last_365d", "share of the last 365 days' contacts that an order followed", nw.when(contacts > 0).then(answered / (contacts * 1.0)), "campaigns", None),
    ]  # fmt: skip
