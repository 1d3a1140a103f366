"""Whether a peer's features are ours: the same customers, and the same value in every column both have."""

from __future__ import annotations

from pathlib import Path

import duckdb

DIFFER = "; not "

#: What lifetimes means by its columns, said with ours.
SUMMARY = {
    "frequency": "order_days_ever - 1",
    "recency": "days_since_first_order - days_since_last_order",
    "T": "days_since_first_order - 1",
}


def columns_equal(ours: Path, theirs: Path) -> str:
    """Compare every customer that both describe; say how many columns are equal, and which are not.

    Numbers are equal if they differ by less than a billionth of themselves.
    """
    engine = duckdb.connect()
    columns = {path: engine.sql(f"SELECT * FROM read_parquet('{path}')").columns for path in (ours, theirs)}
    said = {name: name for name in columns[theirs] if name in columns[ours] and name != "customer_id"}
    if not said:
        said = {name: mine for name, mine in SUMMARY.items() if name in columns[theirs]}
    differ = [
        f"count(*) FILTER ({_differ(_ours(mine, columns[ours]), f'theirs.{name}')})" for name, mine in said.items()
    ]
    both = f"read_parquet('{ours}') AS ours JOIN read_parquet('{theirs}') AS theirs USING (customer_id)"
    customers, *counts = engine.sql(f"SELECT count(*), {', '.join(differ)} FROM {both}").fetchall()[0]
    wrong = [f"{name} ({count:,})" for name, count in zip(said, counts, strict=True) if count]
    return f"{len(said) - len(wrong)} of {len(said)} for {customers:,}" + (
        f"{DIFFER}{', '.join(wrong)}" if wrong else ""
    )


def _ours(expression: str, columns: list[str]) -> str:
    words = (f"ours.{word}" if word in columns else word for word in expression.split())
    return f"({' '.join(words)})"


def _differ(one: str, other: str) -> str:
    one, other = f"{one}::DOUBLE", f"{other}::DOUBLE"
    other = f"CASE WHEN isnan({other}) THEN NULL ELSE {other} END"
    return f"({one} IS NULL) <> ({other} IS NULL) OR abs({one} - {other}) > 1e-9 * greatest(1, abs({one}))"
