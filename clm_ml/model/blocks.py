"""Rows in blocks: what is computed of a few at a time needs little memory, and comes out the same."""

from __future__ import annotations

from collections.abc import Iterator

__all__ = ["blocks"]

_AT_ONCE = 65_536


def blocks(rows: int) -> Iterator[slice]:
    """Divide so many rows, in their order.

    >>> list(blocks(70_000))
    [slice(0, 65536, None), slice(65536, 131072, None)]
    """
    return (slice(start, start + _AT_ONCE) for start in range(0, rows, _AT_ONCE))
