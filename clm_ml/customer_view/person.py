"""Who a customer is, with contact fields masked, and whether they may be contacted, and why not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from clm_ml.lifecycle import Play
from clm_ml.timeline import date_of

__all__ = ["Permission", "channel_trouble", "find_permission", "masked", "who"]

#: What may be read without being revealed: not how to reach somebody, nor what might be a name.
_OPEN = ("country",)
_CONSENTS = ("may_contact", "may_profile")

#: The steps that leave somebody out of lists, in words; the first ones forbid, the others only do not ask for it.
_FORBIDS = {
    "suppressed": "is on the file of those never to contact",
    "no consent": "has not said yes to being contacted",
    "objects to profiling": "objects to profiling",
    "no consent to the channel": "has not said yes to the channel by which their segment is contacted",
    "in another live campaign": "is in a campaign that is still going on",
    "fatigued": "was contacted too lately, or too often",
    "universal holdout": "is in the universal holdout, which no campaign contacts",
}
_NOT_LISTED = {
    "never ordered": "has never ordered",
    "other segment": "this project's lists are for other segments",
    "ordered lately": "has ordered too lately for this project's lists",
    "not worth the contact": "at the assumed save rate, a contact would cost more than it brings",
}


@dataclass(frozen=True)
class Permission:
    """Whether somebody may be contacted, by which channel, and what speaks against it.

    Attributes:
        is_allowed: whether nothing forbids it: no suppression, no missing consent, no objection, no live
            campaign, no fatigue, no universal holdout.
        forbids: why not, in words.
        not_listed: why a list would leave them out all the same, in words.
        may_contact: consent as it is kept: yes, no, or None where nobody has said or the shop keeps none.
        may_profile: the same of profiling.
        channels: the same of each channel that has a consent of its own, by name.
        is_kept: whether the shop keeps consent at all.
    """

    is_allowed: bool
    forbids: tuple[str, ...]
    not_listed: tuple[str, ...]
    may_contact: bool | None
    may_profile: bool | None
    channels: Mapping[str, bool | None] = field(default_factory=dict)
    is_kept: bool = True


def find_permission(steps: Iterable[str], person: Mapping[str, Any], mapped: Sequence[str]) -> Permission:
    """Say whether somebody may be contacted.

    Args:
        steps: those of ranking that would leave them out.
        person: their row of the customer table; empty if there is none.
        mapped: the columns of that table; none where the shop has none.
    """
    found = list(steps)
    forbids = tuple(words for step, words in _FORBIDS.items() if step in found)
    channels = {name.removeprefix("contact_"): person.get(name) for name in mapped if name.startswith("contact_")}
    return Permission(
        is_allowed=not forbids,
        forbids=forbids,
        not_listed=tuple(words for step, words in _NOT_LISTED.items() if step in found),
        may_contact=person.get("may_contact"),
        may_profile=person.get("may_profile"),
        channels=channels,
        is_kept="may_contact" in mapped,
    )


def channel_trouble(play: Play, permission: Permission, person: Mapping[str, Any], mapped: Sequence[str]) -> str | None:
    """Say why the play's own channel will not do, though contact may be allowed; None if it will."""
    channel = play.channel
    if channel in permission.channels and permission.channels[channel] is not True:
        return f"has not said yes to {channel}"
    if channel in ("email", "phone") and channel in mapped and person.get(channel) is None:
        return f"has left no {channel}"
    return None


def who(person: Mapping[str, Any], reveal: bool) -> dict[str, Any]:
    """Tell who somebody is: each field of the customer table but consent; masked, unless it may be revealed.

    >>> who({"customer_id": "7", "email": "ann@shop.example", "country": "FR", "created_day": 1}, reveal=False)
    {'email': 'a…@….example', 'country': 'FR', 'created_on': '1970-01-02'}
    """
    told: dict[str, Any] = {}
    for name, value in person.items():
        if name == "created_day":
            told["created_on"] = None if value is None else date_of(value).isoformat()
        elif name != "customer_id" and name not in _CONSENTS and not name.startswith("contact_"):
            told[name] = value if reveal or name in _OPEN else masked(value)
    return told


def masked(value: str | None) -> str | None:
    """Tell that there is a value, and of an address as much as lets one who has it recognise it.

    >>> masked("ann@shop.example"), masked("+33 1 234"), masked(None)
    ('a…@….example', '…', None)
    """
    if value is None:
        return None
    name, at, place = value.partition("@")
    return f"{name[:1]}…@….{place.rpartition('.')[2]}" if at and "." in place else "…"
