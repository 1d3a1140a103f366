"""Export killed at random moments: nobody's arm moves, nothing half-written stands, and the next run is the same."""

from __future__ import annotations

import csv
import json
import shutil
import sqlite3
import subprocess
import sys

import pytest

from clm_ml.artifacts import open_box
from clm_ml.config import load_config
from clm_ml.pipeline import export
from tests.test_delivering import draw_people, draw_scores, draw_shop, everything

#: Imports all there is once, then forks a child for each export and kills it, three times in a row before one is let
#: finish: after a share of the time that a whole export takes, every other pair of trials of the part from ranking on.
KILLING = """
import os, random, shutil, signal, sys, time
from contextlib import suppress
from importlib import import_module
from pathlib import Path
import duckdb, narwhals, numpy, pandas, pyarrow.parquet
from clm_ml.config import load_config
from clm_ml.pipeline import export

def start(folder):
    child = os.fork()
    if child:
        return child
    def note(step, done, total):
        if (step, done) == ("ranking", 0):
            (folder / "ranking").write_text(str(time.monotonic()))
    try:
        config = load_config(folder / "clm.yaml")
        export(config, folder / "scores", "autumn", folder / "list", force=True, progress=note)
        (home / "modules").write_text(" ".join(sys.modules))
        os._exit(0)
    except BaseException as error:
        print(repr(error), file=sys.stderr, flush=True)
        os._exit(1)

def finish(folder):
    began = time.monotonic()
    assert os.waitpid(start(folder), 0)[1] == 0
    ended = time.monotonic()
    return float((folder / "ranking").read_text()) - began, ended - began

home, kills = Path(sys.argv[1]), int(sys.argv[2])
finish(home / "new")
for module in (home / "modules").read_text().split():  # whatever a child would import, each anew
    with suppress(ImportError):
        import_module(module)
took = {name: finish(home / name) for name in ("new", "again")}
print({name: [round(float(t), 3) for t in times] for name, times in took.items()}, file=sys.stderr)
draw, killed, number = random.Random(7), 0, 0
while killed < kills and number < kills:
    name, number = ("new", "again")[number % 2], number + 1
    ranking, whole = took[name]
    trial = home / f"{name}-{number}"
    shutil.copytree(home / f"before {name}", trial)
    for time_again in range(3):
        child = start(trial)
        time.sleep(draw.uniform(ranking if number % 4 < 2 else 0, whole))
        os.kill(child, signal.SIGKILL)
        if os.WIFSIGNALED(os.waitpid(child, 0)[1]):
            killed += 1
            shutil.copytree(trial, home / f"killed {trial.name} {time_again}")
    finish(trial)
print(killed)
"""


def arms_of(folder):
    with sqlite3.connect(folder / "ledger.db") as connection:
        there = connection.execute("SELECT count(*) FROM sqlite_master").fetchone() != (0,)
        rows = connection.execute("SELECT * FROM assignments ORDER BY customer_id").fetchall() if there else []
    return {row[1]: row for row in rows}


def written(folder):
    """Read whoever is in a file of those to contact, of every run, hidden folders and torn lines too."""
    found = set()
    for path in folder.rglob("contact*.csv"):
        with path.open(encoding="utf-8", newline="") as file:
            found |= {cell for row in csv.reader(file) for cell in row}
    return found


@pytest.mark.slow
def test_an_export_killed_anywhere_moves_nobody_and_the_next_is_as_if_nothing_had_been(tmp_path):
    people = draw_people(count=400)
    keys = {"destinations": ["braze"], "list": {"holdout_share": 0.25, "budget": 2000.0}}
    for name, first in (("before new", 0), ("before again", 250)):
        folder = tmp_path / name
        folder.mkdir()
        draw_shop(folder, people, **keys)
        draw_scores(people["customer_id"][: first or None], folder / "scores")
    config = load_config(tmp_path / "before again/clm.yaml")
    export(config, tmp_path / "before again/scores", "autumn", tmp_path / "before again/list")
    draw_scores(people["customer_id"], tmp_path / "before again/scores")  # more have come since
    first = arms_of(tmp_path / "before again")
    for name in ("new", "again"):
        shutil.copytree(tmp_path / f"before {name}", tmp_path / name)
    asked = [sys.executable, "-c", KILLING, str(tmp_path), "50"]
    done = subprocess.run(asked, check=True, timeout=300, capture_output=True, text=True)
    assert json.loads(done.stdout) >= 50, done.stderr
    wanted = {name: (everything(tmp_path / name / "list"), arms_of(tmp_path / name)) for name in ("new", "again")}
    assert first.items() <= wanted["again"][1].items()
    assert len(wanted["again"][1]) == len(wanted["new"][1]) == 400 > len(first) == 250
    moments = set()
    for killed in tmp_path.glob("killed *"):
        name = killed.name.split()[1].partition("-")[0]
        files, arms = wanted[name]
        held = {customer for customer, row in arms.items() if row[2] == "holdout"}
        left = arms_of(killed) if (killed / "ledger.db").exists() else {}
        assert left in ({}, first if name == "again" else {}, arms), "all are assigned, or nobody is"
        assert not written(killed) & held
        if (killed / "list").exists():
            open_box(killed / "list", "list")
        hidden = sorted(path.suffix for path in killed.iterdir() if path.name.startswith(".") and path.is_dir())
        moments.add((len(left), (killed / "list").exists(), *hidden))
        again = tmp_path / killed.name.split()[1]
        assert everything(again / "list") == files
        assert arms_of(again) == arms
        assert not [path for path in again.iterdir() if path.name.startswith(".")]
    assert len(moments) >= 4, f"too few different moments: {moments}"
