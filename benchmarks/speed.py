"""Time and memory of features and scoring on a simulated shop, as multiples of a plain scan in the same run.

    python benchmarks/speed.py --customers 1000000 [--shop DIR]

The plain scan is DuckDB's count and sum by customer over the same Parquet files. Every step runs in a process of its
own, so that its memory is its own; CPU seconds are the process's and its children's.
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from clm_ml.config import Config

HERE = Path(__file__).parent
STEPS = ("scan", "read", "features_1", "features_12", "score", "score_with_reasons")
AS_OF, SMALL_SHOP = "2025-10-02", 5_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=100_000)
    parser.add_argument("--shop", type=Path, help="a simulated shop that is there already")
    parser.add_argument("--memory-limit", default="4GB", help="the engine's; the process needs some more")
    parser.add_argument("--step", choices=STEPS, help=argparse.SUPPRESS)
    parser.add_argument("--model", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.step:
        run_step(asked.step, asked.shop, asked.model, asked.memory_limit)
        return
    with tempfile.TemporaryDirectory() as folder:
        shop, model = asked.shop or draw(asked.customers, Path(folder) / "shop"), Path(folder) / "model"
        learn(Path(folder) / "small", model)
        print_table(shop, {step: measure(step, shop, model, asked.memory_limit) for step in STEPS})


def draw(customers: int, shop: Path) -> Path:
    from clm_ml.datasets import simulate

    simulate(customers, 1, shop)
    for table, instant in (("orders", "ordered_at"), ("events", "occurred_at")):
        in_order_of_time(shop / f"{table}.parquet", instant)
    return shop


def in_order_of_time(path: Path, instant: str) -> None:
    """Sort a file as a log is written: sorted by customer it would be too easy to scan."""
    import duckdb

    rows = f"SELECT * FROM read_parquet('{path}') ORDER BY {instant}"
    duckdb.sql(f"COPY ({rows}) TO '{path}.sorted' (FORMAT parquet, COMPRESSION zstd)")
    Path(f"{path}.sorted").replace(path)


def learn(small: Path, model: Path) -> None:
    """Learn the model to score with from a smaller shop: learning is not what is timed here."""
    config = draw(SMALL_SHOP, small) / "shop.yaml"
    command = [sys.executable, "-m", "clm_ml", "train", str(config), "--as-of", AS_OF, "--model", str(model)]
    subprocess.run(command, stdout=subprocess.DEVNULL, check=False)  # a challenger will do


def measure(step: str, shop: Path, model: Path, limit: str) -> dict[str, float]:
    """Run one step in a process of its own: CPU and wall seconds after imports, and peak memory in MB."""
    command = [sys.executable, __file__, "--step", step, "--shop", str(shop), "--model", str(model)]
    command += ["--memory-limit", limit]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def run_step(step: str, shop: Path, model: Path, limit: str) -> None:
    work = {"scan": scan, "read": read, "features_1": features, "features_12": features_12}.get(step) or score
    if work is score:
        import lightgbm  # noqa: F401  (importing is not what is timed)
        import pandas  # noqa: F401
    import duckdb  # noqa: F401

    import clm_ml.features
    import clm_ml.model  # noqa: F401

    before, wall = cpu(), time.perf_counter()
    rows = work(config_of(shop, limit), model, step)
    figures = {"cpu": cpu() - before, "wall": time.perf_counter() - wall, "rows": rows}
    print(json.dumps(figures | {"mb": peak_mb()}))


def peak_mb() -> float:
    """Read this process's own peak; what getrusage tells may be its parent's."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def cpu() -> float:
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def config_of(shop: Path, limit: str) -> Config:
    from clm_ml.config import load_config

    return load_config(shop / "shop.yaml").model_copy(update={"memory_limit": limit})


def scan(config: Config, _: Path, __: str) -> int:
    import duckdb

    shop = config.home

    connection = duckdb.connect()
    for table, what in (("orders", "sum(amount)"), ("events", "sum(value)")):
        source = f"read_parquet('{shop / table}.parquet')"
        connection.sql(
            f"SELECT count(*) FROM (SELECT customer_id, count(*), {what} FROM {source} GROUP BY 1)"
        ).fetchall()
    return connection.sql(f"SELECT count(*) FROM read_parquet('{shop}/orders.parquet')").fetchall()[0][0]


def read(config: Config, _: Path, __: str) -> int:
    from clm_ml.tables import read_tables

    return sum(counts.read for counts in read_tables(config).counts.values())


def features(config: Config, _: Path, __: str, as_ofs: int = 1) -> int:
    from clm_ml.features import build_features
    from clm_ml.snapshot import prepare, take_snapshot
    from clm_ml.tables import read_tables
    from clm_ml.timeline import parse_day

    tables = read_tables(config)
    prepared, rows = prepare(tables), 0
    for back in range(as_ofs):
        described = build_features(take_snapshot(prepared, parse_day(AS_OF) - 28 * back), config.task)
        rows += sum(batch.num_rows for batch in tables.engine.batches(described))
    return rows


def features_12(config: Config, model: Path, step: str) -> int:
    return features(config, model, step, as_ofs=12)


def score(config: Config, model: Path, step: str) -> int:
    from clm_ml.pipeline import score as run

    with tempfile.TemporaryDirectory() as folder:
        reasons = 20_000 if step == "score_with_reasons" else 0
        out = Path(folder) / "scores"
        return run(config, out, as_of=AS_OF, model=str(model), reasons=reasons).customers


def print_table(shop: Path, figures: dict[str, dict[str, float]]) -> None:
    plain = figures["scan"]["cpu"]
    size = sum((shop / f"{table}.parquet").stat().st_size for table in ("orders", "events")) / 1e6
    print(f"{figures['scan']['rows']:,.0f} order lines; {size:,.0f} MB of orders and events; {platform.machine()}")
    print("| step | rows | CPU s | plain scans (CPU) | wall s | peak MB |")
    print("|---|---|---|---|---|---|")
    for step, told in figures.items():
        figures_told = (f"{told['rows']:,.0f}", f"{told['cpu']:.1f}", f"{told['cpu'] / plain:.1f}")
        print("|", " | ".join((step, *figures_told, f"{told['wall']:.1f}", f"{told['mb']:.0f}")), "|")


if __name__ == "__main__":
    main()
