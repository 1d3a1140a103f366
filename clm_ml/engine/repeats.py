"""Finds the numbers that occur more than once among very many, in bounded memory.

Sorting plain numbers costs a third of what grouping them in the database does. Those beyond `MOST_HELD` go to
files, one for each range of values, which are then sorted one by one.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["MOST_HELD", "repeated"]

MOST_HELD = 32_000_000
_RANGES = 64

Numbers = np.ndarray[Any, np.dtype[np.uint64]]


def repeated(batches: Iterable[Numbers], spill: Path) -> Numbers:
    """Find the values that occur more than once, each told once, in ascending order.

    Args:
        batches: hashes, so that values are spread evenly.
        spill: a folder for what does not fit into memory; nothing is left there.

    >>> repeated([np.array([7, 1, 9], np.uint64), np.array([1, 7, 7], np.uint64)], Path("."))
    array([1, 7], dtype=uint64)
    """
    held: list[Numbers] = []
    batches = iter(batches)
    for batch in batches:
        held.append(batch)
        if sum(map(len, held)) > MOST_HELD:
            return _spilled(held, batches, spill)
    return _sorted_out(held)


def _sorted_out(held: list[Numbers]) -> Numbers:
    numbers = np.concatenate([np.empty(0, np.uint64), *held])
    held.clear()
    numbers.sort()
    return np.unique(numbers[1:][numbers[1:] == numbers[:-1]])


def _spilled(held: list[Numbers], batches: Iterable[Numbers], spill: Path) -> Numbers:
    spill.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="clm-ml-", dir=spill) as folder:
        places = [Path(folder) / str(number) for number in range(_RANGES)]
        files = [place.open("wb") for place in places]
        try:
            while held:
                _write(held.pop(), files)
            for batch in batches:
                _write(batch, files)
        finally:
            for file in files:
                file.close()
        return np.concatenate([_sorted_out([np.fromfile(place, np.uint64)]) for place in places])


def _write(batch: Numbers, files: list[Any]) -> None:
    """Append each number to its range's file: the first six bits say which."""
    batch = np.sort(batch)
    borders = np.searchsorted(batch, np.arange(1, _RANGES, dtype=np.uint64) << np.uint64(58))
    for part, file in zip(np.split(batch, borders), files, strict=True):
        part.tofile(file)
