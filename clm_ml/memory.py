"""Give memory back to the system: what was freed in small pieces is kept by those who handed it out."""

from __future__ import annotations

import ctypes

import pyarrow as pa

__all__ = ["give_back_memory"]


def give_back_memory() -> None:
    """Give back what is free, between steps of which each takes much: the next would not fit into the gaps.

    Arrow's pool and the C library (glibc; others do so by themselves) keep what was freed, a third of what training
    takes at its height.
    """
    pa.default_memory_pool().release_unused()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
