"""Judge what is said of transitions: each next segment beside the Markov matrix, and the size of segments by coverage.

    python benchmarks/transitions.py [--shops 3] [--customers 1500]

The first asks, forward in time, the log loss on CDNOW, Online Retail and a simulated shop, where the model must be
below the Markov matrix. The second learns at several as_ofs of simulated shops, and counts how often the size that came
lay in the 80 % interval: it should be between 75 and 85 of a hundred.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
from quality_shop import SHOP
from quality_tasks import TASKS, QualityTask

import clm_ml as clm
from clm_ml.config import Config
from clm_ml.examples import Examples, collect_examples, training_as_ofs
from clm_ml.model import Model, learn
from clm_ml.pipeline.judging import judge
from clm_ml.snapshot import Prepared, prepare
from clm_ml.tables import read_tables
from clm_ml.timeline import parse_day

LOGS = {"CDNOW": "S1", "Online Retail": "S4b", "simulated shop": "shop"}
AS_OFS = ("2025-01-20", "2025-03-15", "2025-05-10", "2025-07-01", "2025-08-20", "2025-10-01")
HORIZON_DAYS = 90


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shops", type=int, default=3, help="simulated shops for the coverage; 0 leaves it out")
    parser.add_argument("--customers", type=int, default=1500)
    asked = parser.parse_args()
    by_name = {task.name: task for task in (*TASKS, SHOP)}
    print("| log | customers | log loss | Markov matrix |\n|---|---|---|---|")
    is_beaten = [name for name, task in LOGS.items() if not is_below(name, by_name[task])]
    if asked.shops:
        covered = coverage(asked.shops, asked.customers)
        print(f"\n{covered.mean():.1%} of {covered.size} sizes lay in their 80 % interval")
    if is_beaten:
        raise SystemExit(f"the Markov matrix is as good on {', '.join(is_beaten)}")


def is_below(name: str, task: QualityTask) -> bool:
    """Print the two log losses, over all as_ofs, and say whether the model's is the smaller."""
    with tempfile.TemporaryDirectory() as folder:
        config = task.read(Path(folder)).config(task.horizon_days)
        prepared = prepare(read_tables(config))
        told = [next_segment_at(prepared, config, day) for day in task.days]
        prepared.tables.engine.close()
    customers = [one["customers"] for one in told]
    model, markov = (
        np.average([one[who]["log_loss"] for one in told], weights=customers) for who in ("model", "markov")
    )
    print(f"| {name} | {sum(customers):,} | {model:.4f} | {markov:.4f} |", flush=True)
    return model < markov


def next_segment_at(prepared: Prepared, config: Config, day: int) -> dict:
    """Learn from what was known at a day, and judge what is said of the next segment by what came."""
    past = examples_at(prepared, config, day)
    came = collect_examples(prepared, config, [day], prepared.tables.complete_until)
    return judge(learn(past, config, prepared.tables.inputs), past, came).facts["next_segment"]


def examples_at(prepared: Prepared, config: Config, day: int) -> Examples:
    as_ofs = training_as_ofs(config, prepared.tables.first_day, day)
    return collect_examples(prepared, config, as_ofs, day, with_open=True)


def coverage(shops: int, customers: int) -> np.ndarray:
    """Say of each shop, as_of and segment whether the size that came lay within its interval."""
    within = []
    for seed in range(1, shops + 1):
        with tempfile.TemporaryDirectory() as folder:
            clm.simulate(customers, seed, Path(folder) / "shop")
            config = clm.load_config(Path(folder) / "shop" / "shop.yaml")
            train = config.train.model_copy(update={"step_days": 28, "most_as_ofs": 8})
            config = config.model_copy(update={"train": train})
            tables = clm.read_tables(config)
            prepared = prepare(tables)
            for day in AS_OFS:
                model = learn(examples_at(prepared, config, parse_day(day)), config, tables.inputs)
                within.append(is_within(tables, config, model, day))
                print(f"shop {seed}, {day}: {within[-1].mean():.0%}", flush=True)
            tables.engine.close()
    return np.array(within)


def is_within(tables: clm.Tables, config: Config, model: Model, day: str) -> np.ndarray:
    forecast = clm.transitions(tables, config, day, model).forecast
    came = clm.segment(tables, config, parse_day(day) + HORIZON_DAYS, model).table["customers"]
    return ((forecast["lowest_customers"] <= came) & (came <= forecast["highest_customers"])).to_numpy()


if __name__ == "__main__":
    main()
