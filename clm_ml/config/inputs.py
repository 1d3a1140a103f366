"""What features can be made of, besides orders."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["Inputs"]


@dataclass(frozen=True)
class Inputs:
    """Which inputs there are: what is missing switches off the features that need it.

    Attributes:
        meanings: which event types mean what, by name; None if there is no event log.
        rated: those of them whose events have a value, as satisfaction.
        has_contacts: whether contacts of past campaigns are known.
        attributes: columns of the customer table that are learned from, as text.
    """

    meanings: Mapping[str, tuple[str, ...]] | None = None
    rated: tuple[str, ...] = ()
    has_contacts: bool = False
    attributes: tuple[str, ...] = ()
