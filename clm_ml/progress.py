"""How a long walk tells where it is."""

from __future__ import annotations

from typing import Protocol

__all__ = ["Progress", "silent"]


class Progress(Protocol):
    """Told the step, how much of it is done, and how much there is."""

    def __call__(self, step: str, done: int, total: int) -> None:
        """Take note of a step's state; 0 of 1 when it begins."""


def silent(step: str, done: int, total: int) -> None:
    """Take no note."""
