"""Killed runs and full disks: nothing half-written stands, nobody's arm moves, and the next run is the same.

`benchmarks/killing.py` does so to every verb a hundred times; here is what fits into a minute.
"""

from __future__ import annotations

import csv
import json
import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys

import pandas as pd
import pytest
import yaml

from clm_ml.artifacts import open_box
from clm_ml.config import load_config
from clm_ml.pipeline import export
from tests.test_delivering import draw_people, draw_scores, draw_shop, everything
from tests.test_walk import is_one_sentence, run, run_process

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


#: Imports once what takes long, and then runs a verb in a fork for each line it is given.
FORKING = """
import json, os, sys
import duckdb, lightgbm, matplotlib.figure, mlflow, narwhals, pandas, pyarrow.parquet, sklearn.linear_model
from clm_ml.artifacts import boxes
from clm_ml.cli import main
for line in sys.stdin:
    before, words = json.loads(line)
    child = os.fork()
    if child == 0:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        code = 70
        try:
            exec(before)
            sys.argv = ["clm-ml", *words]
            main()
        except SystemExit as ended:
            code = ended.code
        finally:
            os._exit(code)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@pytest.fixture(scope="module")
def forked():
    """Run a verb in a fork of a process that has imported all there is, and tell its exit code."""
    with subprocess.Popen(
        [sys.executable, "-c", FORKING], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:

        def run_forked(*words, before):
            process.stdin.write(json.dumps([before, [str(word) for word in words]]) + "\n")
            process.stdin.flush()
            return int(process.stdout.readline())

        yield run_forked
        process.stdin.close()


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """Walk to a list in a shop of few customers and features: enough to see what is left of a run."""
    folder = tmp_path_factory.mktemp("small")
    assert run("simulate", "--customers", 200, "--seed", 3, "--out", folder).code == 0
    content = yaml.safe_load((folder / "shop.yaml").read_text())
    content["tables"] = {name: content["tables"][name] for name in ("orders", "customers")}
    content |= {"task": {"horizon_days": 90, "windows_days": [90]}, "threads": 1}
    content |= {"train": {"step_days": 90, "most_as_ofs": 3}}
    (folder / "clm.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    assert run("train", folder / "clm.yaml", "--model", folder / "model").code in (0, 17)
    assert run("score", folder / "clm.yaml", "--model", folder / "model", "--out", folder / "scores").code == 0
    asked = ("--scores", folder / "scores", "--campaign", "autumn", "--out", folder / "list")
    assert run("export", folder / "clm.yaml", *asked).code == 0
    return folder


def asked_of(verb, small, folder):
    """Ask a verb for the box that the small shop has of it already, with a ledger and a store of its own."""
    content = yaml.safe_load((small / "clm.yaml").read_text())
    for name, table in content["tables"].items():
        table["source"] = str(small / f"{name}.parquet")
    path = folder / "clm.yaml"
    path.write_text(yaml.safe_dump(content))
    box = folder / "box"
    return {
        "check": ("check", path, "--quarantine", box),
        "train": ("train", path, "--model", box),
        "score": ("score", path, "--model", small / "model", "--out", box),
        "export": ("export", path, "--scores", small / "scores", "--campaign", "autumn", "--out", box),
    }[verb]


KILL = "kill = lambda *a, **k: os.kill(os.getpid(), 9)\n"
MOMENTS = {
    "half-way": "boxes.seal = kill",
    "before the name": "boxes._put_in_place = kill",
    "between two names": "rename = boxes.Path.rename\n"
    "boxes.Path.rename = lambda self, to: kill() if self.suffix == '.partial' else rename(self, to)",
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("verb", "moment"),
    [("score", "half-way"), ("score", "between two names"), ("export", "before the name"), ("train", "half-way")],
)
def test_a_killed_run_leaves_no_half_box_and_the_next_one_the_same_bytes(small, forked, tmp_path, verb, moment):
    asked, out = asked_of(verb, small, tmp_path), tmp_path / "box"
    whole = small / {"score": "scores", "export": "list", "train": "model"}[verb]
    if moment == "between two names":
        shutil.copytree(whole, out)
    assert forked(*asked, "--force", before=f"{KILL}\n{MOMENTS[moment]}") == -signal.SIGKILL
    assert not out.exists()
    assert len([place for place in tmp_path.iterdir() if place.name.startswith(".")]) >= 1
    assert run(*asked, "--force").code in (0, 17)
    assert not [place.name for place in tmp_path.iterdir() if place.name.startswith(".")]
    for name in {path.relative_to(whole) for path in whole.rglob("*") if path.is_file()}:
        if name.name != "manifest.json":
            assert (out / name).read_bytes() == (whole / name).read_bytes(), name


@pytest.mark.slow
@pytest.mark.parametrize("verb", ["check", "train", "score", "export"])
def test_a_full_disk_is_told_and_leaves_nothing(small, tmp_path, verb):
    orders = pd.read_parquet(small / "orders.parquet")
    orders.loc[: len(orders) // 2, "customer_id"] = None
    orders.to_parquet(tmp_path / "orders.parquet")
    asked = asked_of(verb, small, tmp_path)
    if verb == "check":
        content = yaml.safe_load((tmp_path / "clm.yaml").read_text())
        content["tables"]["orders"] |= {"source": str(tmp_path / "orders.parquet"), "max_rejected_share": 1}
        (tmp_path / "clm.yaml").write_text(yaml.safe_dump(content))
    if verb == "export":
        shutil.copy(small / "ledger.db", tmp_path)
    before, limits = everything(tmp_path), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, limits[1]))
    try:
        done = run(*asked)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert is_one_sentence(done, 15, "cannot be written")
    assert everything(tmp_path) == before
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


@pytest.mark.slow
def test_a_ledger_that_cannot_be_written_is_told(small, tmp_path):
    if os.geteuid() == 0 and shutil.which("setpriv") is None:
        pytest.skip("root may write everything, and setpriv is not there to forbid it")
    wrapper = ("setpriv", "--bounding-set=-dac_override") if os.geteuid() == 0 else ()
    (tmp_path / "ledger.db").touch(mode=0o400)
    asked = asked_of("export", small, tmp_path)
    before = everything(tmp_path)
    assert is_one_sentence(run_process(*asked, wrapper=wrapper), 16, "the ledger")
    assert everything(tmp_path) == before
