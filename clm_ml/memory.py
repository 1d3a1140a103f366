"""Give memory back to the system: what was freed in small pieces is kept by those who handed it out."""

from __future__ import annotations

import ctypes
import sys

import pyarrow as pa

__all__ = ["give_back_memory"]


def give_back_memory() -> None:
    """Give back what is free, between steps of which each takes much: the next would not fit into the gaps.

    Arrow's pool and glibc keep what was freed; other C libraries are not asked.
    """
    pa.default_memory_pool().release_unused()
    if sys.platform == "linux" and (trim := getattr(ctypes.CDLL(None), "malloc_trim", None)) is not None:
        trim(0)
