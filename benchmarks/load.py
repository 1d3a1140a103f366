"""Does scoring ten times as many customers cost ten times as much, in the same memory?

    python benchmarks/load.py [--customers 1000000] [--copies 10] [--memory-limit 2GB] [--kept FOLDER]

A shop is drawn, and a second one of so many copies of each of its customers, under ids of their own, in one log in the
order of time. Both are scored by one model, without reasons, each in a process of its own; the smaller three times, of
which the median is told. What lies in `--kept` is not drawn again.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from pathlib import Path

from measuring import run
from speed import HERE, draw, learn, rows_of

#: Which columns of a table tell one copy from another.
OWN = {"orders": ("customer_id", "order_id"), "events": ("customer_id",), "contacts": ("customer_id",)}
OWN["customers"] = ("customer_id", "email", "phone")
DEAREST = 1.3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--copies", type=int, default=10)
    parser.add_argument("--memory-limit", default="2GB", help="the engine's; the process needs some more")
    parser.add_argument("--kept", type=Path, help="where the shops are kept")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = asked.kept or Path(folder)
        small, large = home / "once", home / f"{asked.copies}-times"
        if not (small / "shop.yaml").exists():
            draw(asked.customers, small)
        if not (large / "shop.yaml").exists():
            copy(small, large, asked.copies)
        learn(Path(folder) / "learned", Path(folder) / "model")
        print(f"\nThe engine's memory is {asked.memory_limit}.\n")
        print("| order lines | events | customers scored | CPU s | wall s | CPU µs a line | peak MB |")
        print("|---|---|---|---|---|---|---|")
        a_line = [score(shop, Path(folder) / "model", asked.memory_limit, n) for shop, n in ((small, 3), (large, 1))]
    times = a_line[1] / a_line[0]
    print(f"\n- a line costs {times:.2f} times as much (at most {DEAREST}: {_holds(times <= DEAREST)})")
    if times > DEAREST:
        raise SystemExit("more customers cost more each")


def copy(small: Path, large: Path, copies: int) -> None:
    """Write each row so many times, under an id of each copy's own; the order of time stays."""
    import duckdb

    large.mkdir(parents=True, exist_ok=True)
    engine = duckdb.connect(config={"memory_limit": "4GB", "temp_directory": str(large)})
    engine.execute("SET enable_progress_bar = false")
    for table, own in OWN.items():
        renamed = ", ".join(f"{name} || '-' || copy AS {name}" for name in own)
        rows = f"SELECT * EXCLUDE (copy) REPLACE ({renamed})"
        rows += f" FROM (SELECT *, unnest(range({copies})) AS copy FROM read_parquet('{small / table}.parquet'))"
        engine.sql(f"COPY ({rows}) TO '{large / table}.parquet' (FORMAT parquet, COMPRESSION zstd)")
    engine.close()
    for name in ("spend.parquet", "shop.yaml"):  # the config comes last: a shop that has one is whole
        shutil.copy(small / name, large)


def score(shop: Path, model: Path, memory_limit: str, repeat: int) -> float:
    """Score a shop and print what it took; tell the CPU seconds a line."""
    words = ("score", str(shop), "--memory-limit", memory_limit, "--model", str(model))
    told = run(HERE / "steps.py", *words, repeat=repeat)
    lines, events = (rows_of(shop / f"{table}.parquet") for table in ("orders", "events"))
    costs = f"{told['cpu']:,.0f} | {told['wall']:,.0f} | {told['cpu'] / lines * 1e6:.2f} | {told['mb']:,.0f}"
    print(f"| {lines:,} | {events:,} | {told['rows']:,.0f} | {costs} |", flush=True)
    return told["cpu"] / lines


def _holds(is_so: bool) -> str:
    return "holds" if is_so else "does not hold"


if __name__ == "__main__":
    main()
