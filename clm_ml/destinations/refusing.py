"""Which rows a destination cannot take, and why: they are invalid, and kept beside its files with the reason.

Rows come with those held out first, so that nobody is contacted by an address that somebody held out has too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from clm_ml.destinations.fields import FIELDS
from clm_ml.destinations.schema import Destination

__all__ = ["Doorkeeper", "is_email", "is_like_a_formula", "is_usable"]

_EMAIL = re.compile(
    r"(?=.{1,64}@)[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z][A-Za-z0-9-]{0,61}[A-Za-z0-9]"
)


def is_email(text: str) -> bool:
    """Say whether a text is an e-mail address that CRMs take: unquoted, in ASCII, with a dot in its domain.

    >>> is_email("anna+shop@example.org"), is_email("anna@localhost"), is_email("anna@@example.org")
    (True, False, False)
    """
    return len(text) <= 254 and _EMAIL.fullmatch(text) is not None


def is_usable(field: str, text: str) -> bool:
    """Say whether an audience can be matched by a text: an e-mail address has to be one, a country a code.

    >>> is_usable("country", "CZ"), is_usable("country", "Czech Republic"), is_usable("phone", "555")
    (True, False, True)
    """
    if field == "country":
        return re.fullmatch(r"[A-Za-z]{2}", text) is not None
    return field != "email" or is_email(text)


def is_like_a_formula(text: str) -> bool:
    r"""Say whether a spreadsheet would take an id for a formula if somebody opened the file with it.

    >>> is_like_a_formula("=SUM(A1)"), is_like_a_formula("-3"), is_like_a_formula("007")
    (True, True, False)
    """
    return text.startswith(("=", "+", "-", "@", "\t", "\r"))


class Doorkeeper:
    """Lets rows into one destination's files, or says why not; it remembers whom it has seen.

    `doubtful` counts the keys let in that begin like a formula.
    """

    def __init__(self, destination: Destination, strict: bool = False) -> None:
        self._destination, self._strict = destination, strict
        self._seen: set[str] = set()
        self._held: set[str] = set()
        self.doubtful = 0

    def refusals(self, found: Sequence[str], cells: Mapping[str, Sequence[str]], arm: str) -> list[str | None]:
        """Say of each row why it is refused; None if it is not.

        Args:
            found: each row's key as the shop has it, before any step.
            cells: the columns as they would be written.
            arm: contact or holdout, or none for customers who have left.
        """
        if (key := self._destination.key) is not None:
            check = _check_email if key.from_ == "email" else _check_any
            keys = self._folded(cells[key.column], key.from_)
            most = self._destination.max_bytes.get(key.column), self._destination.max_chars.get(key.column)
            return [self._of_key(check(raw, cell, most), cell, arm) for raw, cell in zip(found, keys, strict=True)]
        if self._destination.any_of:
            matches = zip(*(cells[name] for name in self._destination.any_of), strict=True)
            return [self._of_matches({cell for cell in row if cell}, arm) for row in matches]
        return [None] * len(found)

    @staticmethod
    def _folded(keys: Sequence[str], field: str) -> Sequence[str]:
        """Take addresses that differ in case only as one; ids are told apart by it."""
        return [key.casefold() for key in keys] if FIELDS[field].kind == "contact" else keys

    def _of_key(self, why: str | None, key: str, arm: str) -> str | None:
        if why is None and arm == "contact" and key in self._held:
            why = "key of somebody held out"
        elif why is None and key in self._seen:
            why = "repeated key"
        elif why is None and self._strict and is_like_a_formula(key):
            why = "begins like a formula"
        if why is None:
            self.doubtful += is_like_a_formula(key)
            self._seen.add(key)
        if key and arm == "holdout":
            self._held.add(key)
        return why

    def _of_matches(self, matches: set[str], arm: str) -> str | None:
        if arm == "holdout":
            self._held |= matches
        if not matches:
            return "nothing to match by"
        return "key of somebody held out" if arm == "contact" and matches & self._held else None


Most = tuple[int | None, int | None]


def _check_any(found: str, key: str, most: Most) -> str | None:
    most_bytes, most_chars = most
    if not found.strip() or not key:
        return "missing key"
    is_long = len(key.encode()) > (most_bytes or len(key.encode())) or len(key) > (most_chars or len(key))
    return "key too long" if is_long else None


def _check_email(found: str, key: str, most: Most) -> str | None:
    if found and not is_email(found):
        return "bad e-mail"
    return _check_any(found, key, most)
