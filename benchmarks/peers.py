"""Run one peer on a simulated shop and print its figures; its features go to a Parquet file, outside the time.

    python benchmarks/peers.py polars DIR 2025-10-02 [--values FILE]

Nothing of clm_ml is imported, so that the interpreter may be another environment's.
"""

from __future__ import annotations

import argparse
import json
import warnings
from datetime import date
from importlib import import_module, metadata
from pathlib import Path

from measuring import timed

PEERS = ("pandas", "polars", "lifetimes", "featuretools")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("peer", choices=PEERS)
    parser.add_argument("shop", type=Path)
    parser.add_argument("as_of", type=date.fromisoformat)
    parser.add_argument("--values", type=Path)
    asked = parser.parse_args()
    warnings.filterwarnings("ignore")
    peer, frames = import_module(f"peer_{asked.peer}"), []

    def work() -> int:
        frames.append(peer.describe(asked.shop, asked.as_of))
        return len(frames[0])

    figures = timed(work)
    if asked.values is not None:
        write = getattr(frames[0], "write_parquet", None) or frames[0].to_parquet
        write(asked.values)
    print(json.dumps(figures | {"version": metadata.version(asked.peer)}))


if __name__ == "__main__":
    main()
