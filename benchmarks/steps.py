"""Run one of our own steps on a shop and print its figures; what it made goes to a file, if asked, outside the time.

python benchmarks/steps.py features_1 DIR [--memory-limit 1GB] [--model BOX] [--values FILE]
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from measuring import cpu, timed

AS_OF = "2025-10-02"


@dataclass(frozen=True)
class Asked:
    """A step's shop, the engine's memory, the model to score with, and of a night where to, and whether afresh."""

    shop: Path
    memory_limit: str
    model: Path | None
    out: Path | None = None
    fresh: bool = False

    def config(self, **changes: Any) -> Any:
        """Load the shop's config, with the engine's memory and other keys changed."""
        from clm_ml.config import load_config

        return load_config(self.shop / "shop.yaml").model_copy(update={"memory_limit": self.memory_limit, **changes})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("step", choices=STEPS)
    parser.add_argument("shop", type=Path)
    parser.add_argument("--memory-limit", default="4GB")
    parser.add_argument("--model", type=Path)
    parser.add_argument("--values", type=Path)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--fresh", action="store_true")
    told = parser.parse_args()
    asked = Asked(told.shop, told.memory_limit, told.model, told.out, told.fresh)
    _import(told.step)
    figures = timed(lambda: STEPS[told.step](asked)) | NOTED
    if told.values is not None:
        _write(told.step, asked, told.values)
    print(json.dumps(figures | {"version": metadata.version("clm-ml")}))


def _import(step: str) -> None:
    """Import what a step needs: that is not what is timed."""
    import duckdb  # noqa: F401

    import clm_ml.features
    import clm_ml.model

    if step.startswith(("score", "train", "night")):
        import lightgbm  # noqa: F401
        import pandas  # noqa: F401
    if step == "train":
        import clm_ml.pipeline  # noqa: F401


def scan(asked: Asked) -> int:
    import duckdb

    connection = duckdb.connect()
    for table, what in (("orders", "sum(amount)"), ("events", "sum(value)")):
        source = f"read_parquet('{asked.shop / table}.parquet')"
        connection.sql(
            f"SELECT count(*) FROM (SELECT customer_id, count(*), {what} FROM {source} GROUP BY 1)"
        ).fetchall()
    return connection.sql(f"SELECT count(*) FROM read_parquet('{asked.shop}/orders.parquet')").fetchall()[0][0]


def read(asked: Asked) -> int:
    from clm_ml.tables import read_tables

    return sum(counts.read for counts in read_tables(asked.config()).counts.values())


def _described(asked: Asked, as_ofs: int) -> Any:
    """Describe everyone at one as_of after the other: the engine, and the features as a lazy frame."""
    from clm_ml.features import build_features
    from clm_ml.snapshot import in_parts, prepare, take_snapshot
    from clm_ml.tables import read_tables
    from clm_ml.timeline import parse_day

    config = asked.config()
    tables = read_tables(config)
    prepared = prepare(tables)
    for back in range(as_ofs):
        for part in in_parts(prepared):
            yield tables.engine, build_features(take_snapshot(part, parse_day(AS_OF) - 28 * back), config.task)


def features(asked: Asked, as_ofs: int = 1) -> int:
    return sum(_rows(engine, described) for engine, described in _described(asked, as_ofs))


def _rows(engine: Any, described: Any) -> int:
    return sum(batch.num_rows for batch in engine.batches(described))


def _orders_alone(asked: Asked) -> Any:
    from clm_ml.tables import read_tables

    every = asked.config().tables
    alone = every.model_copy(update=dict.fromkeys(set(every.named()) - {"orders"}))
    return read_tables(asked.config(tables=alone))


def read_orders(asked: Asked) -> int:
    return _orders_alone(asked).counts["orders"].read


def _summary(asked: Asked) -> Any:
    """Make the four columns of lifetimes, by the same door and engine, of orders alone."""
    import narwhals as nw

    from clm_ml.timeline import parse_day

    tables, as_of = _orders_alone(asked), parse_day(AS_OF)
    sold = tables.orders.filter(~nw.col("is_return"), nw.col("day") < as_of)
    days = sold.group_by("customer_id", "day").agg(nw.col("amount_minor").sum().cast(nw.Int64).alias("minor"))
    day, minor = nw.col("day"), nw.col("minor")
    folded = days.group_by("customer_id").agg(
        nw.len().alias("days"),
        day.min().alias("first_day"),
        day.max().alias("last_day"),
        minor.sum().cast(nw.Int64).alias("minor"),
        minor.first(order_by="day").alias("first_minor"),
    )
    again, later = nw.col("days") - 1, (minor - nw.col("first_minor")) / 100.0
    found = {
        "frequency": again,
        "recency": nw.col("last_day") - nw.col("first_day"),
        "T": nw.lit(as_of - 1) - nw.col("first_day"),
        "monetary_value": nw.when(again > 0).then(later / again).otherwise(nw.lit(0.0)),
    }
    return tables.engine, folded.select("customer_id", **found)


def summary(asked: Asked) -> int:
    return _rows(*_summary(asked))


def score(asked: Asked, reasons: int = 0) -> int:
    from clm_ml.pipeline import score as run

    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "scores"
        return run(asked.config(), out, as_of=AS_OF, model=str(asked.model), reasons=reasons).customers


def night(asked: Asked) -> int:
    """Score as a scheduler does, on the log's last day; notes the CPU seconds until all is prepared."""
    from clm_ml.pipeline import score as run

    begun = cpu()

    def note(step: str, *_: int) -> None:
        if step == "scoring" and "prepared" not in NOTED:
            NOTED["prepared"] = cpu() - begun

    return run(asked.config(), asked.out, model=str(asked.model), reasons=0, fresh=asked.fresh, progress=note).customers


def train(asked: Asked) -> int:
    from clm_ml.config import Tracking
    from clm_ml.pipeline import train_box

    with tempfile.TemporaryDirectory() as folder:
        tracking = Tracking(uri=f"sqlite:///{folder}/mlflow.db")
        return train_box(asked.config(tracking=tracking), folder=Path(folder) / "model").model.facts["examples"]


NOTED: dict[str, float] = {}
STEPS: dict[str, Callable[[Asked], int]] = {
    "scan": scan,
    "read": read,
    "features_1": features,
    "features_12": lambda asked: features(asked, as_ofs=12),
    "read_orders": read_orders,
    "summary": summary,
    "score": score,
    "score_with_reasons": lambda asked: score(asked, reasons=20_000),
    "train": train,
    "night": night,
}
TOLD = {
    "read": "validate, find duplicates, count",
    "features_1": "read, prepare, one as_of",
    "features_12": "read, prepare, twelve as_ofs",
    "read_orders": "the same of orders alone",
    "summary": "read orders, lifetimes' four columns",
    "score": "no reasons",
    "score_with_reasons": "of 20,000",
    "train": "24 as_ofs",
}


def _write(step: str, asked: Asked, values: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    parts = [_summary(asked)] if step == "summary" else _described(asked, 1)
    found = pa.concat_tables([engine.collect(part) for engine, part in parts])
    pq.write_table(found.sort_by("customer_id"), values)


if __name__ == "__main__":
    main()
