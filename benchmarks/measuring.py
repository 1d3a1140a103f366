"""CPU and wall seconds of a piece of work, and the peak memory of the process it ran in."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

Figures = dict[str, Any]


def timed(work: Callable[[], int]) -> Figures:
    """Do some work once; it tells how many rows it made or read."""
    before, wall = cpu(), time.perf_counter()
    rows = work()
    return {"cpu": cpu() - before, "wall": time.perf_counter() - wall, "rows": rows, "mb": _peak_mb()}


class Failed(Exception):
    """A step did not end well; says how."""


def run(script: Path, *words: str, python: str | Path = sys.executable, repeat: int = 1) -> Figures:
    """Run a script that prints its figures last, in a process of its own; told to repeat, take the medians."""
    told = [_run_once([str(python), str(script), *words]) for _ in range(repeat)]
    return told[0] | {name: median(figures[name] for figures in told) for name in ("cpu", "wall", "mb")}


def _run_once(command: Sequence[str]) -> Figures:
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        sys.stderr.write(done.stderr[-4000:])
        raise Failed((done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1])
    return json.loads(done.stdout.splitlines()[-1])


def cpu() -> float:
    """Tell the CPU seconds of this process and its children so far."""
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def _peak_mb() -> float:
    """Read this process's own peak; what getrusage tells may be its parent's."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024
