"""Fuzz the door: tables, configs, boxes and ledgers that are wrong in every way, told apart from those that are right.

    python benchmarks/fuzz.py [--cases N] [--seed S] [--only csv parquet config boxes ledger] [--case K]

Every case ends in success, with the numbers that plain Python has reckoned from the same rows, or in one sentence with
the right exit code; all else is a defect, told with the number that draws the case again (`--only KIND --case K`).
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from fuzz_boxes import box_cases
from fuzz_configs import config_cases
from fuzz_csv import csv_cases
from fuzz_ledgers import ledger_cases
from fuzz_parquet import parquet_cases
from fuzz_verdicts import Case, Defect

#: What is fuzzed, how its cases are made in a folder of their own, and their share of all.
KINDS: dict[str, tuple[Callable[[Path], Case], float]] = {
    "csv": (csv_cases, 0.25),
    "parquet": (parquet_cases, 0.2),
    "config": (config_cases, 0.35),
    "boxes": (box_cases, 0.1),
    "ledger": (ledger_cases, 0.1),
}


@dataclass
class Tally:
    """How the cases of a kind ended."""

    cases: int = 0
    codes: Counter[int] = field(default_factory=Counter)
    sentences: Counter[str] = field(default_factory=Counter)
    defects: dict[int, str] = field(default_factory=dict)
    seconds: float = 0.0

    def row(self, kind: str) -> str:
        """Write a row of the table."""
        refused = ", ".join(f"{code}: {count:,}" for code, count in sorted(self.codes.items()) if code)
        told = f"{sum(self.codes.values()) - self.codes[0]:,} ({refused})" if refused else "0"
        return f"| {kind} | {self.cases:,} | {self.codes[0]:,} | {told} | {len(self.defects)} | {self.seconds:,.0f} |"


def fuzz(kind: str, numbers: range, seed: int, home: Path) -> Tally:
    """Try the cases of a kind, each drawn by its own number."""
    tally, began = Tally(), time.process_time()
    case = KINDS[kind][0](home)
    for number in numbers:
        tally.cases += 1
        try:
            done = case(Random(f"{seed} {kind} {number}"))
        except Defect as defect:
            tally.defects[number] = str(defect)
            print(f"--- {kind} {number}: {defect}", file=sys.stderr, flush=True)
        else:
            tally.codes[done.code] += 1
            tally.sentences[done.told] += 1
    tally.seconds = time.process_time() - began
    return tally


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--case", type=int, help="only this one")
    parser.add_argument("--sentences", action="store_true", help="list what was told")
    asked = parser.parse_args()
    whole = sum(KINDS[kind][1] for kind in asked.only)
    print("| fuzzed | cases | succeeded | refused (by exit code) | defects | CPU s |\n|---|---|---|---|---|---|")
    tallies = []
    for kind in asked.only:
        count = round(asked.cases * KINDS[kind][1] / whole)
        numbers = range(count) if asked.case is None else range(asked.case, asked.case + 1)
        with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
            tally = fuzz(kind, numbers, asked.seed, Path(folder))
        tallies.append(tally)
        print(tally.row(kind), flush=True)
        if asked.sentences:
            for told, count in tally.sentences.most_common():
                print(f"    {count:>6} {told}", file=sys.stderr)
    sys.exit(any(tally.defects for tally in tallies))


if __name__ == "__main__":
    main()
