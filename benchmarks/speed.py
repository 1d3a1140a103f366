"""Time and memory of features, scoring and training on a simulated shop, beside peers, as multiples of a plain scan.

    python benchmarks/speed.py --customers 1000000 [--shop DIR] [--steps scan features_1] [--peers] [--repeat 3]

The plain scan is DuckDB's count and sum by customer over the same Parquet files. Every step runs in a process of its
own, so that its memory is its own; CPU seconds are the process's and its children's, imports not counted. pandas and
Polars run in this environment, featuretools and lifetimes in one of their own, which `--peers` makes.
"""

from __future__ import annotations

import argparse
import platform
import subprocess
import sys
import tempfile
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from equal import DIFFER, columns_equal
from goals import print_goals
from measuring import Failed, Figures, run
from peers import PEERS
from steps import AS_OF, STEPS, TOLD

HERE = Path(__file__).parent
SMALL_SHOP = 5_000
ELSEWHERE = {"lifetimes", "featuretools"}  # they need another pandas than we do
BESIDE_LIFETIMES = {"read_orders", "summary"}


def main() -> None:
    asked = _asked()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        shop = asked.shop or home / "shop"
        if not (shop / "shop.yaml").exists():
            draw(asked.customers, shop)
        if any(step.startswith("score") for step in asked.steps):
            learn(home / "small", home / "model")
        names = [step for step in asked.steps if step not in BESIDE_LIFETIMES or "lifetimes" in asked.peers]
        names += [peer for peer in asked.peers if peer != "featuretools"]
        went_well = [print_table(Bench(shop, home, asked.memory_limit, asked.repeat), names, "scan")]
        for customers in asked.peer_customers if "featuretools" in asked.peers else ():
            few = Bench(draw(customers, home / f"{customers}-customers"), home, asked.memory_limit, asked.repeat)
            went_well.append(print_table(few, ["features_1", "featuretools"], "features_1"))
    if not all(went_well):
        raise SystemExit("something failed, or a peer's values are not ours: the tables are not to be kept")


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, default=100_000)
    parser.add_argument("--shop", type=Path, help="a simulated shop; drawn into this folder if it is not there")
    parser.add_argument("--memory-limit", default="4GB", help="the engine's; the process needs some more")
    parser.add_argument(
        "--steps", nargs="+", choices=list(STEPS), default=[step for step in STEPS if step not in ("train", "night")]
    )
    parser.add_argument("--peers", nargs="*", choices=PEERS, help="all, if none is named")
    parser.add_argument("--peer-customers", type=int, nargs="+", default=(1_000, 10_000), help="for featuretools")
    parser.add_argument("--repeat", type=int, default=1, help="run each step so often, and tell the medians")
    asked = parser.parse_args()
    asked.peers = PEERS if asked.peers == [] else asked.peers or []
    return asked


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
    with tempfile.TemporaryDirectory(dir=path.parent) as spill:
        engine = duckdb.connect(config={"memory_limit": "4GB", "temp_directory": spill})
        engine.execute("SET enable_progress_bar = false")
        engine.sql(f"COPY ({rows}) TO '{path}.sorted' (FORMAT parquet, COMPRESSION zstd)")
        engine.close()
    Path(f"{path}.sorted").replace(path)


def learn(small: Path, model: Path) -> None:
    """Learn the model to score with from a smaller shop: learning is not what is timed here."""
    config = draw(SMALL_SHOP, small) / "shop.yaml"
    command = [sys.executable, "-m", "clm_ml", "train", str(config), "--as-of", AS_OF, "--model", str(model)]
    subprocess.run(command, stdout=subprocess.DEVNULL, check=False)  # a challenger will do


class Bench:
    """Runs steps and peers on one shop, and compares what the peers made with ours."""

    def __init__(self, shop: Path, home: Path, memory_limit: str, repeat: int) -> None:
        self.shop, self.home, self.memory_limit, self.repeat = shop, home, memory_limit, repeat

    def measure(self, name: str) -> Figures:
        """Measure a step or a peer; what failed says so instead."""
        try:
            return self._peer(name) if name in PEERS else self._step(name, self.repeat)
        except Failed as why:
            return {"failed": str(why)}

    def _step(self, name: str, repeat: int, *more: str) -> Figures:
        words = (name, str(self.shop), "--memory-limit", self.memory_limit, "--model", str(self.home / "model"))
        return run(HERE / "steps.py", *words, *more, repeat=repeat)

    def _peer(self, name: str) -> Figures:
        python, lacking = own_environment() if name in ELSEWHERE else (Path(sys.executable), "")
        if lacking:
            return {"lacking": lacking}
        theirs = self._values(name)
        words = (name, str(self.shop), AS_OF, "--values", str(theirs))
        figures = run(HERE / "peers.py", *words, python=python, repeat=self.repeat)
        ours = ("summary", "features_1") if name == "lifetimes" else ("features_1",)
        return figures | {"equal": "; ".join(columns_equal(self._ours(step), theirs) for step in ours)}

    def _ours(self, step: str) -> Path:
        values = self._values(step)
        if not values.exists():
            self._step(step, 1, "--values", str(values))
        return values

    def _values(self, name: str) -> Path:
        return self.home / f"{self.shop.name}-{name}.parquet"


def own_environment() -> tuple[Path, str]:
    """Make the peers' environment if it is not there; tell its interpreter, and why it could not be made."""
    home, asked = HERE / ".peers", HERE / "peers.txt"
    python, made = home / "bin" / "python", home / "made.txt"
    if made.exists() and made.read_text() == asked.read_text():
        return python, ""
    uv = ["-m", "uv", "pip", "install", "--python", str(python)]
    install = [sys.executable, *uv] if find_spec("uv") else [str(python), "-m", "pip", "install"]
    for command in ([sys.executable, "-m", "venv", "--clear", str(home)], [*install, "-q", "-r", str(asked)]):
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        if done.returncode:
            return python, f"not installed: {(done.stderr.strip().splitlines() or ['no reason is given'])[-1]}"
    made.write_text(asked.read_text())
    return python, ""


def print_table(bench: Bench, names: list[str], unit: str) -> bool:
    """Measure and print one row a step; say whether all went well, and every peer's values are ours.

    CPU seconds are also told as multiples of the unit's, and for each order line of the shop.
    """
    lines, events = (rows_of(bench.shop / f"{table}.parquet") for table in ("orders", "events"))
    versions = f"Python {platform.python_version()}, DuckDB {metadata.version('duckdb')}"
    print(f"\n{lines:,} order lines, {events:,} events; engine's memory {bench.memory_limit}; {versions}\n")
    print(f"| step | rows | CPU s | times {unit} (CPU) | CPU µs a line | wall s | peak MB | columns equal to ours |")
    print("|---|---|---|---|---|---|---|---|")
    figures: dict[str, Figures] = {}
    for name in names:
        figures[name] = told = bench.measure(name)
        print("|", " | ".join([_named(name, told), *_cells(told, figures.get(unit, {}), lines)]), "|", flush=True)
    print_goals(figures, lines)
    return all(DIFFER not in told.get("equal", "") and "failed" not in told for told in figures.values())


def rows_of(path: Path) -> int:
    import pyarrow.parquet as pq

    return pq.read_metadata(path).num_rows


def _named(step: str, told: Figures) -> str:
    if step in PEERS:
        return f"{step} {told.get('version', '')}".strip()
    return f"{step} ({TOLD[step]})" if step in TOLD else step


def _cells(told: Figures, unit: Figures, lines: int) -> list[str]:
    if "cpu" not in told:
        return ["–"] * 6 + [told.get("failed") or told["lacking"]]
    cpu = told["cpu"]
    figures = (
        f"{told['rows']:,.0f}",
        f"{cpu:.2f}",
        f"{cpu / unit['cpu']:.1f}" if unit else "",
        f"{cpu / lines * 1e6:.2f}",
    )
    return [*figures, f"{told['wall']:.2f}", f"{told['mb']:.0f}", told.get("equal", "")]


if __name__ == "__main__":
    main()
