"""What may be done to a text on its way into a column: `lower`, `digits`, `e164`, `sha256`."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable

__all__ = ["STEPS", "hash_email"]

_BETWEEN_DIGITS = re.compile(r"\(0\)|[\s().\-/]")
_INTERNATIONAL = re.compile(r"\+[1-9][0-9]{6,14}")


def _digits(text: str) -> str:
    """Keep the digits.

    >>> _digits("+420 777-123")
    '420777123'
    """
    return re.sub(r"[^0-9]", "", text)


def _e164(text: str) -> str:
    """Write a phone that names its country as + and digits; of any other nobody knows which country's it is.

    >>> _e164("+44 (0)7700 900-123"), _e164("00420 777 123 456"), _e164("0777 123 456")
    ('+447700900123', '+420777123456', '')
    """
    bare = re.sub(r"^00", "+", _BETWEEN_DIGITS.sub("", text))
    return bare if _INTERNATIONAL.fullmatch(bare) else ""


def _sha256(text: str) -> str:
    """Hash the stripped text, unsalted, so that the vendor's hash of the same text is equal; nothing stays nothing.

    >>> _sha256(" anna@example.org ")[:16], _sha256("")
    ('a3bf86238a1c59bd', '')
    """
    return hashlib.sha256(text.strip().encode()).hexdigest() if text.strip() else ""


def hash_email(address: str) -> str:
    """Hash an address as vendors do: the SHA-256 of it, stripped and in lower case.

    >>> hash_email(" Anna@Example.org") == _sha256("anna@example.org")
    True
    """
    return _sha256(address.strip().lower())


#: Each step from text to text.
STEPS: dict[str, Callable[[str], str]] = {"lower": str.lower, "digits": _digits, "e164": _e164, "sha256": _sha256}
