"""Writes a box of each kind, as this version writes them, for later ones to read: python -m tests.boxes.write.

To be run once for each format of boxes, never to replace one that is there: boxes of yesterday cannot be made today.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from typer.testing import CliRunner

from clm_ml.artifacts import FORMAT, new_box, open_box
from clm_ml.cli import app
from clm_ml.model import load_model
from clm_ml.uplift import learn_uplift, save_uplift

HERE = Path(__file__).parent


def example_rows(model) -> pd.DataFrame:
    """Draw the same features for whichever model, told by their names alone: a later version may know more of them."""
    numbers = {name: [float((sum(name.encode()) + row) % 7) for row in range(4)] for name in model.numbers()}
    rows = pd.DataFrame(numbers | {"customer_id": [f"c{row}" for row in range(4)]})
    texts = {name: None for name in model.features() if name not in rows}
    orders = {"orders_ever": [0.0, 1.0, 2.0, 3.0], "order_days_ever": [0.0, 1.0, 2.0, 3.0]}
    days = {"days_since_last_order": [0.0, 3.0, 4.0, 5.0], "days_since_first_order": [0.0, 3.0, 40.0, 90.0]}
    return rows.assign(as_of=20_000, has_email=1.0, **orders, **days, **texts)


def told(model) -> list[dict[str, object]]:
    """Tell what a model says of these rows, in six digits."""
    scores = model.score(example_rows(model), reasons=False)
    kept = scores[["segment", "order_probability", "expected_value", "next_segment"]]
    return json.loads(kept.to_json(orient="records", double_precision=6))


def random_campaign() -> pd.DataFrame:
    """Draw a campaign that moves those with a high x."""
    rng = np.random.default_rng(1)
    x, arm = rng.normal(size=1500), np.where(rng.random(1500) < 1 / 3, "holdout", "contact")
    chance = 0.3 + 0.2 * (x > 0) * (arm == "contact")
    return pd.DataFrame({"x": x, "arm": arm, "ordered": (rng.random(1500) < chance).astype(int), "share": 1 / 3})


def write_boxes(folder: Path) -> None:
    """Walk a simulated shop, and keep what it wrote."""

    def run(*arguments: object) -> None:
        done = CliRunner().invoke(app, [str(argument) for argument in arguments])
        assert done.exit_code in (0, 17), done.output

    run("simulate", "--customers", 150, "--seed", 3, "--out", folder)
    content = yaml.safe_load((folder / "shop.yaml").read_text())
    content |= {
        "train": {"step_days": 120, "most_as_ofs": 2},
        "list": {"budget": 20, "holdout_share": 0.3},
        "threads": 1,
    }
    config = folder / "clm.yaml"
    config.write_text(yaml.safe_dump(content, sort_keys=False))
    asked, day = ("--model", folder / "model"), ("--as-of", "2025-07-01")
    run("train", config, *asked)
    run("score", config, *asked, *day, "--out", folder / "scores")
    run("export", config, "--scores", folder / "scores", "--campaign", "autumn", "--out", folder / "list")
    run("measure", config, "autumn", "--out", folder / "measurement")
    run("transitions", config, *asked, "--out", folder / "transitions")
    run("backtest", config, "--as-of", "2025-07-01", "--out", folder / "backtest")
    uplift = learn_uplift(random_campaign(), features=["x"], share="share")
    with new_box(folder / "uplift", "uplift", {"as_of": "2025-07-01"}) as hidden:
        save_uplift(uplift, hidden)


def without_figures(folder: Path, kind: str) -> None:
    """Seal a box anew without its pictures, which are most of its size."""
    facts, whole = dict(open_box(folder, kind).facts), folder.with_suffix(".whole")
    folder.rename(whole)
    with new_box(folder, kind, facts) as hidden:
        shutil.copytree(whole, hidden, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.png", "manifest.json"))


def pack(folder: Path, kind: str, place: Path) -> None:
    """Keep a box in one file."""
    with zipfile.ZipFile(place, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as kept:
        for path in sorted(path for path in (folder / kind).rglob("*") if path.is_file()):
            kept.write(path, path.relative_to(folder))


def main() -> None:
    """Write the boxes of this format beside those of others."""
    home = HERE / f"format-{FORMAT}"
    if home.exists():
        sys.exit(f"{home} is there: what it holds cannot be made again")
    home.mkdir()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_boxes(folder)
        without_figures(folder / "backtest", "backtest")
        for kind in ("model", "scores", "list", "measurement", "transitions", "backtest", "uplift"):
            pack(folder, kind, home / f"{kind}.zip")
        (home / "told.json").write_text(json.dumps(told(load_model(folder / "model")), indent=2) + "\n")


if __name__ == "__main__":
    main()
