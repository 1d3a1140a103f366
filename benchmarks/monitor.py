"""How often an unchanged month raises an alarm: models of several shops and days, and the months after them.

python benchmarks/monitor.py --customers 3000 --seeds 1 2 3
"""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import clm_ml as clm
from clm_ml.artifacts import new_box
from clm_ml.config import Config
from clm_ml.model import BOX_KIND, save_model
from clm_ml.pipeline import Monitored
from clm_ml.timeline import date_of, parse_day

#: Days of training, and how many days later is scored: months without a holiday rush at their end.
SIMULATED = {"2025-03-01": (31, 61, 92), "2025-06-01": (30, 61, 92), "2025-08-01": (31, 61)}
REAL = {"2011-06-01": (30, 61), "2011-07-01": (31, 62), "2011-08-01": (31, 45), "2011-09-11": (30, 60, 90)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=3000)
    parser.add_argument("--seeds", type=int, nargs="*", default=[1, 2, 3])
    parser.add_argument("--real", action="store_true", help="Online Retail too")
    asked = parser.parse_args()
    print("| shop | trained on | scored on | alarms | notices | comparisons | named |\n|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for seed in asked.seeds:
            clm.simulate(asked.customers, seed, Path(folder) / str(seed))
            config = clm.load_config(Path(folder) / str(seed) / "shop.yaml")
            tell(f"simulated, seed {seed}", config, SIMULATED, Path(folder))
        if asked.real:
            tell("Online Retail", clm.load_config(clm.online_retail_config()), REAL, Path(folder))


def tell(shop: str, config: Config, days: dict[str, tuple[int, ...]], folder: Path) -> None:
    for trained_on, months in days.items():
        for told in watched(config, trained_on, months, folder / f"{shop} {trained_on}"):
            levels = Counter(finding.level for finding in told.findings)
            loud = [finding for finding in told.findings if finding.level != "silent"]
            named = "; ".join(f"{one.level}: {one.kind} {one.what} {one.value or 0:.2f}" for one in loud)
            counts = f"{levels['alarm']} | {levels['notice']} | {len(told.findings)}"
            print(f"| {shop} | {trained_on} | {told.as_of} | {counts} | {named} |", flush=True)


def watched(config: Config, trained_on: str, months: tuple[int, ...], folder: Path) -> Iterator[Monitored]:
    model = clm.train(clm.read_tables(config), config, as_of=trained_on)
    with new_box(folder / "model", BOX_KIND, {"as_of": trained_on}) as hidden:
        save_model(model, hidden)
    for later in months:
        day = date_of(parse_day(trained_on) + later).isoformat()
        clm.score(config, folder / day, as_of=day, model=str(folder / "model"), reasons=0)
        yield clm.monitor(config, folder / day)


if __name__ == "__main__":
    main()
