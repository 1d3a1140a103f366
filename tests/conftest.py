"""Shops made of drawn tables."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import settings

from clm_ml.config import Config, load_config
from clm_ml.datasets import simulate
from clm_ml.engine.spark_session import open_session
from clm_ml.tables import Tables, read_tables

# A busy machine is slow, not wrong.
settings.register_profile("clm", deadline=None)
settings.load_profile("clm")

#: Spark's Java lives too short in a test for what its second compiler would bring, or a collector with threads.
JAVA_OPTIONS = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
os.environ.setdefault("JAVA_TOOL_OPTIONS", JAVA_OPTIONS)

#: Fixtures that take long to make, and are shared by tests of several files.
DEAR = ("spark",)
#: What takes longest, begun first: at the end nobody waits for it.
LONGEST = ("spark", "test_walk", "test_privacy", "test_notebooks", "test_spark", "test_postgres", "test_monitor_walk")

Rows = Sequence[Sequence[Any]]


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let a file's tests run in one process, so that what they share is made once, and the longest begin first."""
    for item in items:
        group = next((name for name in DEAR if name in getattr(item, "fixturenames", ())), item.path.stem)
        item.add_marker(pytest.mark.xdist_group(group))
    items.sort(key=lambda item: _place(item.get_closest_marker("xdist_group").args[0]))


def _place(group: str) -> int:
    return LONGEST.index(group) if group in LONGEST else len(LONGEST)


COLUMNS = {
    "orders": ["customer_id", "ordered_at", "amount", "order_id", "loaded_at", "is_return"],
    "events": ["customer_id", "occurred_at", "event_type", "loaded_at"],
    "customers": ["customer_id", "created_at", "email"],
    "contacts": ["customer_id", "contacted_at", "campaign", "arm", "channel"],
}


def make_shop(
    orders: Rows,
    events: Rows | None = None,
    customers: Rows | None = None,
    contacts: Rows | None = None,
    *,
    until: str = "2024-12-31",
    zone: str = "UTC",
    threads: int | None = 1,
) -> Tables:
    """Read tables drawn as rows: orders (customer, instant, amount[, order_id[, loaded_at[, is_return]]]) and so on."""
    tables = {"orders": orders, "events": events, "customers": customers, "contacts": contacts}
    given = {name: rows for name, rows in tables.items() if rows}
    frames = {name: pd.DataFrame(list(rows), columns=_columns(name, rows)) for name, rows in given.items()}
    config = make_config(frames, until, zone, threads)
    return read_tables(config, **frames)


def make_config(
    frames: dict[str, pd.DataFrame], until: str, zone: str = "UTC", threads: int | None = 1, **options: Any
) -> Config:
    """Map every column of the frames to itself; options are other keys of the config."""
    tables = {
        name: {"source": "given.parquet", "columns": {column: column for column in frame}, "max_rejected_share": 0.99}
        for name, frame in frames.items()
    }
    content = {"project": "drawn", "timezone": zone, "complete_until": until, "tables": tables, "threads": threads}
    return Config.model_validate_json(pd.io.json.ujson_dumps(content | options))


def _columns(name: str, rows: Rows) -> list[str]:
    return COLUMNS[name][: len(rows[0])]


def make_simulated(folder: Path, customers: int = 400) -> Config:
    """Draw a simulated shop, and learn from few as_ofs of it: enough to walk the whole way in seconds."""
    simulate(customers, seed=3, out=folder)
    config = load_config(folder / "shop.yaml")
    train = config.train.model_copy(update={"step_days": 56, "most_as_ofs": 3})
    return config.model_copy(update={"train": train, "threads": 1})


@pytest.fixture(scope="session")
def shop() -> Callable[..., Tables]:
    """Make a shop of drawn tables."""
    return make_shop


@pytest.fixture(scope="session")
def spark() -> Iterator[Any]:
    """Start one small Spark, as a notebook would have it; every engine that names Spark meanwhile uses it."""
    pytest.importorskip("pyspark", reason="the extra spark is not installed")
    if not (shutil.which("java") or os.environ.get("JAVA_HOME")):
        pytest.skip("Spark needs Java, and there is none")
    frames = {"orders": pd.DataFrame(columns=COLUMNS["orders"])}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JAVA_TOOL_OPTIONS", JAVA_OPTIONS)
        session = open_session(make_config(frames, "2024-12-31", threads=2, engine="spark", memory_limit="1GB"))
    session.spark.conf.set("spark.sql.shuffle.partitions", "2")
    session.spark.conf.set("spark.sql.codegen.wholeStage", "false")
    session.spark.conf.set("spark.sql.codegen.factoryMode", "NO_CODEGEN")
    yield session.spark
    session.stop()
