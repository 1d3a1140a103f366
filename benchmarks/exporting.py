"""What exporting a long list to every destination costs: time, peak memory, and rows.

    python benchmarks/exporting.py --customers 1000000 [--memory-limit 512MB] [--read braze hubspot]

Everyone is scored, worth a contact and has an address, so the list is as long as it can be; ids and reasons are all
that cells can be: formulas, phones, leading zeros, quotes, line breaks, emoji, text from right to left. Two in five
were in an earlier campaign that brought some of them back, and two in three open e-mails, so that all is measured by
which lists are ranked. Each step is a process of its own: the whole verb to all destinations, saying that it was
delivered, and the same again with --changed-only. With --read the files of some destinations are then read by the
tests' readers, which were written from the vendors' rules: minutes, and all rows in memory.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from functools import partial
from pathlib import Path

from measuring import Figures, run, timed

from clm_ml.config import DESTINATIONS

HERE = Path(__file__).parent
DAY = "2025-12-31"
#: The shop's tables, in SQL; of those who were contacted in May, three in ten order within ten days.
TABLES = {
    "customers": """
        SELECT customer_id, 'person' || n || '@example.org' AS email, '+420' || (600000000 + n) AS phone,
            'CZ' AS country, true AS may_contact
        FROM ({whose})""",
    "orders": """
        SELECT customer_id, day AS ordered_at, 10.0 AS amount
        FROM ({whose}), (VALUES (DATE '2024-12-01'), (DATE '2025-05-10'), (DATE '2025-10-02')) AS days(day)
        WHERE day <> DATE '2025-05-10' OR n % 5 = 0 AND hash(n) % 10 < 3""",
    "contacts": """
        SELECT customer_id, DATE '2025-05-01' AS contacted_at, 'spring' AS campaign, 'email' AS channel,
            CASE n % 5 WHEN 0 THEN 'contact' ELSE 'holdout' END AS arm
        FROM ({whose}) WHERE n % 5 < 2""",
    "events": """
        SELECT customer_id, DATE '2025-06-01' AS occurred_at, 'email_open' AS event_type
        FROM ({whose}) WHERE n % 3 < 2""",
}
#: What ids and reasons begin with.
NASTY = ["C", "00", "=SUM(A1)+", "+420 ", "-", "@", 'say "hi", ', "line\nbreak ", "cr\rhere ", "😀 ", "مرحبا "]
MOST_MB = 2000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, default=100_000)
    parser.add_argument("--memory-limit", default="512MB", help="the engine's")
    parser.add_argument(
        "--read", nargs="*", default=[], choices=DESTINATIONS, help="read their files by their vendors' rules"
    )
    parser.add_argument("--step", help=argparse.SUPPRESS)
    parser.add_argument("--shop", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.step:
        print(json.dumps((STEPS | READING)[asked.step](asked.shop)))
        return
    with tempfile.TemporaryDirectory() as folder:
        shop = Path(folder)
        draw(shop, asked.customers, asked.memory_limit)
        told = {step: run(HERE / "exporting.py", "--step", step, "--shop", str(shop)) for step in STEPS}
        read = {step: run(HERE / "exporting.py", "--step", step, "--shop", str(shop)) for step in asked.read}
        size = sum(path.stat().st_size for path in (shop / "list").rglob("*") if path.is_file()) / 1e6
    print_table(told)
    peak = max(figures["mb"] for figures in told.values())
    holds = "holds" if peak <= MOST_MB else "does not hold"
    print(f"\n- MB written by the first export: {size:,.0f}")
    if read:
        print(f"- rows taken by the vendors' readers: {sum(figures['rows'] for figures in read.values()):,}")
    print(f"- MB at the peak: {peak:,.0f} (at most {MOST_MB:,}: {holds})")


def draw(shop: Path, customers: int, memory_limit: str) -> None:
    """Draw a scores box of customers who are all worth a contact, the shop they are of, and its config."""
    import duckdb
    import yaml

    from clm_ml.artifacts import new_box

    whose = f"SELECT {NASTY}[1 + range % {len(NASTY)}] || range AS customer_id, range AS n FROM range({customers})"
    for name, rows in TABLES.items():
        _copy(rows.format(whose=whose), shop / f"{name}.parquet")
    with new_box(shop / "scores", "scores", {"as_of": DAY, "customers": customers}) as hidden:
        _copy(f"SELECT {_scores()} FROM ({whose}) ORDER BY customer_id", hidden / "scores.parquet")
    tables = {}
    for name in TABLES:
        columns = duckdb.sql(f"SELECT * FROM '{shop / name}.parquet'").columns
        tables[name] = {"source": f"{name}.parquet", "columns": {column: column for column in columns}}
    content = {"project": "long-list", "complete_until": DAY, "tables": tables, "memory_limit": memory_limit}
    content |= {"destinations": list(DESTINATIONS), "list": {"budget": 1e9, "contact_cost": 1.0}}
    content["delivery"] = {"campaign_ids": {"autumn": "701000000000001AAA"}}
    (shop / "clm.yaml").write_text(yaml.safe_dump(content))


def _scores() -> str:
    """Write the columns of scores in SQL; what a list does not need is null."""
    from clm_ml.pipeline.scores import scores_schema

    told = {
        "customer_id": "customer_id",
        "as_of": f"DATE '{DAY}'",
        "segment": "['at_risk', 'cannot_lose', 'falling_asleep'][1 + n % 3]",
        "phase": "'reactivation'",
        "days_since_last_order": "90",
        "churn_probability": ".2 + .7 * (hash(n) % 1000) / 1000",
        "expected_value_if_ordering": "1000.0 + n % 977",
        "value_at_risk": "500.0",
        "reason_1": f"{NASTY}[1 + n % {len(NASTY)}] || ' last order ' || (60 + n % 300) || ' days ago, 2.5 times the "
        "49 days expected (raises the risk)'",
        "reason_2": "'spent ' || (n % 5000) || ' EUR so far, 0 EUR in the last 90 days (lowers the risk)'",
        "reason_3": "'2 orders so far, 0 in the last 90 days (raises the risk)'",
    }
    kinds = {"string": "VARCHAR", "date32[day]": "DATE", "int8": "TINYINT", "int64": "BIGINT", "double": "DOUBLE"}
    return ", ".join(f"({told.get(at.name, 'NULL')})::{kinds[str(at.type)]} AS {at.name}" for at in scores_schema())


def _copy(rows: str, path: Path) -> None:
    import duckdb

    duckdb.sql(f"COPY ({rows}) TO '{path}' (FORMAT parquet, COMPRESSION zstd)")


def _export(shop: Path, out: str, changed_only: bool) -> Figures:
    from clm_ml.config import load_config
    from clm_ml.pipeline import export

    config = load_config(shop / "clm.yaml")

    def work() -> int:
        done = export(config, shop / "scores", "autumn", shop / out, changed_only=changed_only)
        return sum(sum(outcome.rows.values()) for outcome in done.outcomes.values())

    return timed(work)


def _deliver(shop: Path) -> Figures:
    from clm_ml.config import load_config
    from clm_ml.pipeline import confirm_delivered

    config = load_config(shop / "clm.yaml")
    return timed(lambda: sum(confirm_delivered(config, shop / "list").values()))


def _read(shop: Path, name: str) -> Figures:
    sys.path.insert(0, str(HERE.parent))
    from tests.vendor_readers import read_all

    return timed(lambda: sum(map(len, read_all(shop / "list", name).values())))


STEPS = {
    "export": lambda shop: _export(shop, "list", False),
    "delivered": _deliver,
    "changed_only": lambda shop: _export(shop, "again", True),
}
READING = {name: partial(_read, name=name) for name in DESTINATIONS}
NAMES = {
    "export": "export to all destinations",
    "delivered": "say that it was delivered",
    "changed_only": "the same again with --changed-only",
}


def print_table(told: dict[str, Figures]) -> None:
    print("\n| step | rows of all destinations | CPU s | wall s | peak MB |")
    print("|---|---|---|---|---|")
    for step, figures in told.items():
        cells = (NAMES[step], figures["rows"], figures["cpu"], figures["wall"], figures["mb"])
        print("| {} | {:,} | {:.1f} | {:.1f} | {:,.0f} |".format(*cells))


if __name__ == "__main__":
    main()
