"""Giving back what is free."""

import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from clm_ml.memory import give_back_memory

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells how much is held, in /proc")

MIB = 2**20


def held() -> int:
    told = Path("/proc/self/status").read_text().split("VmRSS:")[1].split()[0]
    return int(told) * 1024


def test_what_was_freed_in_small_pieces_goes_back_to_the_system() -> None:
    pieces = [np.ones(10_000) for _ in range(4_000)]  # 305 MiB, each piece too small for the system to hand out itself
    last = np.ones(10_000)  # lies above them, so that what is below is not given back on its own
    pieces.clear()
    before = held()
    give_back_memory()
    assert held() < before - 200 * MIB
    assert last.sum() == 10_000


def test_arrows_pool_gives_back_as_well() -> None:
    parts = [pa.array(np.arange(8_192)).take(pa.array(np.arange(8_192))) for _ in range(4_000)]  # 250 MiB
    parts.clear()
    before = held()
    give_back_memory()
    assert held() < before - 150 * MIB
