"""How far a query is, told while it runs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import duckdb

__all__ = ["watched"]

_LOOK_SECONDS, _FALL_PERCENT = 0.3, 20.0


@contextmanager
def watched(connection: Any, tell: Callable[[float], None], queries: int = 1) -> Iterator[None]:
    """Tell now and then, while the block runs, which share of it is done, if it runs so many long queries."""
    if not _knows_how_far(connection):
        yield
        return
    ended, state = threading.Event(), [0, 0.0]

    def look() -> None:
        while not ended.wait(_LOOK_SECONDS):
            percent = connection.query_progress()
            if percent < state[1] - _FALL_PERCENT:  # the next query has begun
                state[0] = min(state[0] + 1, queries - 1)
            state[1] = max(percent, 0.0)
            tell((state[0] + state[1] / 100) / queries)

    watcher = threading.Thread(target=look, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()


def _knows_how_far(connection: Any) -> bool:
    """Let DuckDB take note of how far a query is, without a bar of its own; a notebook may lack what that needs."""
    try:
        connection.sql("SET enable_progress_bar = true")
        connection.sql("SET enable_progress_bar_print = false")
    except duckdb.InvalidInputException:
        return False
    return True
