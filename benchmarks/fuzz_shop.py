"""A shop small enough for a verb to take tenths of a second: five tables, scores, a ledger, its whole config."""

from __future__ import annotations

import sqlite3
from datetime import date, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from clm_ml.artifacts import new_box
from clm_ml.campaign import open_ledger
from clm_ml.config import Config
from clm_ml.pipeline.scores import scores_schema

__all__ = ["DAY", "draw_shop", "write_scores"]

DAY = date(2025, 1, 1)
_PEOPLE = [f"klara-{number}" for number in range(12)]

_COLUMNS = {
    "orders": ("customer_id", "ordered_at", "amount", "order_id", "quantity", "is_return"),
    "events": ("customer_id", "occurred_at", "event_type", "value"),
    "customers": ("customer_id", "email", "phone", "country", "created_at", "may_contact"),
    "contacts": ("customer_id", "campaign", "contacted_at", "arm", "cost"),
    "spend": ("spent_on", "amount", "channel"),
}


def draw_shop(home: Path) -> dict[str, Any]:
    """Write the tables of a shop, scores of all its people and a campaign; give its whole config as plain data."""
    home.mkdir(parents=True)
    draw = Random("shop")
    days = [(DAY - timedelta(days=draw.randrange(1, 700))).isoformat() for _ in range(60)]
    rows = {
        "orders": [
            (draw.choice(_PEOPLE), day, 5.0 + n, f"o{n}", 1.0 + n % 3, n % 17 == 0) for n, day in enumerate(days)
        ],
        "events": [(draw.choice(_PEOPLE), day, draw.choice(("visit", "email_open")), 1.0) for day in days],
        "customers": [(who, f"{who}@example.org", "+420777000111", "CZ", "2022-01-01", True) for who in _PEOPLE],
        "contacts": [(who, "summer", "2024-06-01", draw.choice(("contact", "holdout")), 1.0) for who in _PEOPLE],
        "spend": [(day, 10.0, "ads") for day in sorted(set(days))],
    }
    for name, drawn in rows.items():
        columns = {column: [row[place] for row in drawn] for place, column in enumerate(_COLUMNS[name])}
        pq.write_table(pa.table(columns), home / f"{name}.parquet")
    write_scores(home / "scores", _PEOPLE)
    with open_ledger(home / "ledger.db"):
        pass
    with sqlite3.connect(home / "ledger.db") as file:
        file.executemany(f"INSERT INTO assignments VALUES ({', '.join('?' * 13)})", list(map(_assigned, range(12))))
    file.close()
    tables = {
        name: {"source": f"{name}.parquet", "columns": dict(zip(of, of, strict=True))} for name, of in _COLUMNS.items()
    }
    config = Config(project="fuzz", complete_until=DAY, threads=1, tables=tables, destinations=("table", "hubspot"))  # type: ignore[arg-type]
    whole: dict[str, Any] = config.model_dump(mode="json", by_alias=True)
    return whole


def _assigned(number: int) -> tuple[Any, ...]:
    arm = "holdout" if number % 4 == 0 else "contact"
    played = ("score", "2024-05-01", "2024-05-01", 90, "2026-05-01", 1)
    return ("winter", _PEOPLE[number], arm, 0.25, "at_risk", number + 1, 1.0 - number / 20, *played)


def write_scores(folder: Path, people: list[str]) -> None:
    """Write a scores box: everyone at risk, the first worth the most."""
    count = len(people)
    told: dict[str, list[Any]] = {
        "customer_id": people,
        "as_of": [DAY] * count,
        "segment": ["at_risk"] * count,
        "phase": ["reactivation"] * count,
        "days_since_last_order": [90] * count,
        "churn_probability": [0.5] * count,
        "expected_value_if_ordering": [1000.0 + count - place for place in range(count)],
        "value_at_risk": [500.0] * count,
        "reason_1": ["quiet for long (raises the risk)"] * count,
    }
    arrays = [pa.array(told.get(column.name, [None] * count), column.type) for column in scores_schema()]
    model = {"at": "model", "facts": {"project": "fuzz", "as_of": DAY.isoformat()}}
    facts = {"as_of": DAY.isoformat(), "customers": count, "project": "fuzz", "model": model}
    with new_box(folder, "scores", facts, force=True) as hidden:
        pq.write_table(pa.Table.from_arrays(arrays, schema=scores_schema()), hidden / "scores.parquet")
