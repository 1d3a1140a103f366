"""What nightly runs cost after one more day each, against the first, and whether they make the same bytes.

    python benchmarks/nightly.py --customers 1000000 [--nights 7] [--shop DIR] [--merge 10] [--memory-limit 1GB]

The shop's orders and events are cut into files as a log grows them: the years before, the last months, and a day more
between any two runs. `--merge 10` makes one customer of ten, so that each has ten times as many lines, as
a grocer's customers do: scoring costs by the customer, reading by the line. Every run is `score` in a process of its
own, without reasons.
"""

from __future__ import annotations

import argparse
import filecmp
import shutil
import tempfile
from datetime import date, timedelta
from pathlib import Path

from measuring import Figures, run
from speed import HERE, draw, learn, rows_of

DAY, LONG_AGO = date(2025, 10, 1), "2024-06-01"
GROWING = (("orders", "ordered_at"), ("events", "occurred_at"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, default=50_000)
    parser.add_argument("--shop", type=Path, help="a simulated shop; drawn into this folder if it is not there")
    parser.add_argument("--nights", type=int, default=2)
    parser.add_argument("--merge", type=int, default=1, help="how many customers become one")
    parser.add_argument("--memory-limit", default="4GB")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        drawn = asked.shop or home / "drawn"
        if not (drawn / "shop.yaml").exists():
            draw(asked.customers, drawn)
        learn(home / "small", home / "model")
        figures = nights(drawn, home, asked.nights, asked.merge, asked.memory_limit)
        last = home / f"night {asked.nights}" / "scores.parquet"
        is_equal = filecmp.cmp(last, home / "fresh" / "scores.parquet", shallow=False)
        print_table(figures, rows_of(drawn / "orders.parquet"))
    print(f"- the last night's scores equal a fresh run's to the byte: {'yes' if is_equal else 'no'}")
    if not is_equal:
        raise SystemExit("the last night's scores are not those of a fresh run")


def nights(drawn: Path, home: Path, count: int, merge: int, memory_limit: str) -> dict[str, Figures]:
    shop, figures = home / "shop", dict[str, Figures]()
    as_a_log(drawn, shop, merge)
    for night in range(count):
        start, end = (str(DAY + timedelta(days=night - more)) for more in (1, 0))
        for table, instant in GROWING if night else ():
            _copy(drawn / f"{table}.parquet", shop / table / f"{start}.parquet", instant, start, end, merge)
        figures[f"night {night + 1}"] = _night(shop, home, f"night {night + 1}", memory_limit)
    return figures | {"fresh": _night(shop, home, "fresh", memory_limit, "--fresh")}


def as_a_log(drawn: Path, shop: Path, merge: int) -> None:
    """Cut orders and events into files by time, up to the first night, and let the log's last day tell the as_of."""
    for table, instant in GROWING:
        (shop / table).mkdir(parents=True)
        _copy(drawn / f"{table}.parquet", shop / table / "0.parquet", instant, "1970-01-01", LONG_AGO, merge)
        _copy(drawn / f"{table}.parquet", shop / table / "1.parquet", instant, LONG_AGO, str(DAY), merge)
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
    print(f"\n{lines:,} order lines in all, {figures['night 1']['rows']:,.0f} customers scored\n")
    print("| run | CPU s | share of the first | reading and preparing, CPU s | share | peak MB |")
    print("|---|---|---|---|---|---|")
    first = figures["night 1"]
    for name, told in figures.items():
        shares = (told["cpu"] / first["cpu"], told["prepared"] / first["prepared"])
        cells = (told["cpu"], shares[0], told["prepared"], shares[1], told["mb"])
        print("| {} | {:.2f} | {:.1%} | {:.2f} | {:.1%} | {:.0f} |".format(name, *cells))
    share = figures["night 2"]["cpu"] / first["cpu"]
    later = [told["mb"] for name, told in figures.items() if name not in ("night 1", "fresh")]
    print(f"\n- MB at the peak of the later nights: {min(later):,.0f} to {max(later):,.0f}, {later[-1]:,.0f} the last")
    print(f"- the second night's share of the first: {share:.1%} (at most 20%: {_holds(share <= 0.2)})")


def _holds(is_so: bool) -> str:
    return "holds" if is_so else "does not hold"


if __name__ == "__main__":
    main()
