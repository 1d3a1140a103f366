"""The words other people's configs rely on: columns of tables, meanings of events, channels, where lists can go."""

from __future__ import annotations

__all__ = ["CHANNELS", "COLUMNS", "DESTINATIONS", "MEANINGS", "RATED"]

#: The columns of each table: what is needed, then what is optional.
COLUMNS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "orders": (
        ("customer_id", "ordered_at", "amount"),
        ("order_id", "product_id", "category", "quantity", "discount", "channel", "is_return", "loaded_at"),
    ),
    "events": (
        ("customer_id", "occurred_at", "event_type"),
        ("value", "channel", "campaign", "duration_seconds", "loaded_at"),
    ),
    "customers": (("customer_id",), ("email", "phone", "country", "created_at", "may_contact", "may_profile")),
    "contacts": (("customer_id", "campaign", "contacted_at"), ("arm", "channel", "cost")),
    "spend": (("spent_on", "amount"), ("channel", "campaign")),
}

#: What an event can mean to the features; any other type still counts as an event.
MEANINGS = (
    "visit",
    "email_open",
    "email_click",
    "ticket",
    "satisfaction",
    "review",
    "referral",
    "lead",
    "first_response",
    "redemption",
)

#: Meanings whose events carry a value worth a mean.
RATED = ("satisfaction", "review")

#: How the playbook that comes with the package reaches customers; a project's own may name others.
CHANNELS = ("email", "phone", "site")

#: The destinations that come with the package, each with a YAML in the room `destinations`.
DESTINATIONS = (
    "table",
    "hubspot",
    "salesforce",
    "klaviyo",
    "braze",
    "bloomreach",
    "mailchimp",
    "google_customer_match",
    "meta_audience",
)
