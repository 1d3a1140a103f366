"""What a second nightly run costs after one more day, against the first, and whether it makes the same bytes.

    python benchmarks/nightly.py --customers 1000000 [--shop DIR] [--merge 10] [--memory-limit 1GB]

The shop's orders and events are cut into files as a log grows them: the years before, the last months, and one more
day, which comes between the runs. `--merge 10` makes one customer of ten, so that each has ten times as many lines, as
a grocer's customers do: scoring costs by the customer, reading by the line. Every run is `score` in a process of its
own, without reasons.
"""

from __future__ import annotations

import argparse
import filecmp
import shutil
import tempfile
from pathlib import Path

from measuring import Figures, run
from speed import HERE, draw, learn, rows_of

DAY, NEXT_DAY, LONG_AGO = "2025-10-01", "2025-10-02", "2024-06-01"
GROWING = (("orders", "ordered_at"), ("events", "occurred_at"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, default=50_000)
    parser.add_argument("--shop", type=Path, help="a simulated shop; drawn into this folder if it is not there")
    parser.add_argument("--merge", type=int, default=1, help="how many customers become one")
    parser.add_argument("--memory-limit", default="4GB")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        drawn = asked.shop or home / "drawn"
        if not (drawn / "shop.yaml").exists():
            draw(asked.customers, drawn)
        learn(home / "small", home / "model")
        figures = nights(drawn, home, asked.merge, asked.memory_limit)
        is_equal = filecmp.cmp(home / "second" / "scores.parquet", home / "fresh" / "scores.parquet", shallow=False)
        print_table(figures, rows_of(drawn / "orders.parquet"))
    print(f"- the second night's scores equal a fresh run's to the byte: {'yes' if is_equal else 'no'}")
    if not is_equal:
        raise SystemExit("the second night's scores are not those of a fresh run")


def nights(drawn: Path, home: Path, merge: int, memory_limit: str) -> dict[str, Figures]:
    shop = home / "shop"
    as_a_log(drawn, shop, merge)
    figures = {"first": _night(shop, home, "first", memory_limit)}
    for table, instant in GROWING:
        _copy(drawn / f"{table}.parquet", shop / table / f"{DAY}.parquet", instant, DAY, NEXT_DAY, merge)
    figures["second"] = _night(shop, home, "second", memory_limit)
    return figures | {"fresh": _night(shop, home, "fresh", memory_limit, "--fresh")}


def as_a_log(drawn: Path, shop: Path, merge: int) -> None:
    """Cut orders and events into files by time, up to the first night, and let the log's last day tell the as_of."""
    for table, instant in GROWING:
        (shop / table).mkdir(parents=True)
        _copy(drawn / f"{table}.parquet", shop / table / "0.parquet", instant, "1970-01-01", LONG_AGO, merge)
        _copy(drawn / f"{table}.parquet", shop / table / "1.parquet", instant, LONG_AGO, DAY, merge)
    _merge_people(drawn / "customers.parquet", shop / "customers.parquet", merge)
    for table in ("contacts", "spend"):
        shutil.copy(drawn / f"{table}.parquet", shop)
    lines = (drawn / "shop.yaml").read_text().splitlines(keepends=True)
    text = "".join(line for line in lines if not line.startswith("complete_until"))
    for table, _ in GROWING:
        text = text.replace(f"{table}.parquet", table)
    (shop / "shop.yaml").write_text(text)


def _copy(source: Path, target: Path, instant: str, start: str, end: str, merge: int) -> None:
    import duckdb

    rows = f"SELECT * REPLACE ({_whose(merge)} AS customer_id) FROM read_parquet('{source}')"
    rows += f" WHERE {instant} >= '{start}' AND {instant} < '{end}' ORDER BY {instant}"
    duckdb.sql(f"COPY ({rows}) TO '{target}' (FORMAT parquet, COMPRESSION zstd)")


def _merge_people(source: Path, target: Path, merge: int) -> None:
    import duckdb

    first = f"QUALIFY row_number() OVER (PARTITION BY {_whose(merge)} ORDER BY customer_id) = 1"
    rows = f"SELECT * REPLACE ({_whose(merge)} AS customer_id) FROM read_parquet('{source}') {first}"
    duckdb.sql(f"COPY ({rows}) TO '{target}' (FORMAT parquet, COMPRESSION zstd)")


def _whose(merge: int) -> str:
    return f"'C' || lpad((substr(customer_id, 2)::INTEGER // {merge})::VARCHAR, 7, '0')"


def _night(shop: Path, home: Path, name: str, memory_limit: str, *more: str) -> Figures:
    words = ("night", str(shop), "--memory-limit", memory_limit, "--model", str(home / "model"))
    return run(HERE / "steps.py", *words, "--out", str(home / name), *more)


def print_table(figures: dict[str, Figures], lines: int) -> None:
    print(f"\n{lines:,} order lines in all, {figures['first']['rows']:,.0f} customers scored\n")
    print("| run | CPU s | share of the first | reading and preparing, CPU s | share | peak MB |")
    print("|---|---|---|---|---|---|")
    first = figures["first"]
    for name, told in figures.items():
        shares = (told["cpu"] / first["cpu"], told["prepared"] / first["prepared"])
        cells = (told["cpu"], shares[0], told["prepared"], shares[1], told["mb"])
        print("| {} | {:.2f} | {:.1%} | {:.2f} | {:.1%} | {:.0f} |".format(name, *cells))
    share = figures["second"]["cpu"] / first["cpu"]
    print(f"\n- the second night's share of the first: {share:.1%} (at most 20%: {_holds(share <= 0.2)})")


def _holds(is_so: bool) -> str:
    return "holds" if is_so else "does not hold"


if __name__ == "__main__":
    main()
