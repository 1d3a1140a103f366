"""A small project in which every verb has something to do, runs of verbs in forks, and what must hold of its folder.

One process imports all there is and does nothing else, so that it has no threads and can be forked: a verb then costs
what it does, and not the seconds that its imports take. The project always lies at the same place, since MLflow's store
remembers where its files are.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import signal
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from clm_ml.artifacts import open_box
from clm_ml.errors import ClmError

__all__ = ["VERBS", "Ended", "State", "Trials", "Verb"]

DAY, EARLIER = "2025-12-31", "2025-08-01"
#: Hidden folders of runs that have not ended; a killed one leaves them.
UNFINISHED = re.compile(r"\.(.+\.[a-z0-9_]{8}\.(partial|replaced)|simulated-.+)")
#: Holds run ids, instants and pages as they came to be written: compared by what is in it, or not at all.
_OWN_ORDER = re.compile(r"(mlflow|ledger|forgotten)\.db(-journal|-wal|-shm)?|mlartifacts|.+\.duckdb(\.wal)?")
_CHANGES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.chmod", "os.truncate", "os.link", "os.symlink"}
#: Threads of allocators, which mend themselves in a fork, and one that waits for files that nobody here makes.
_HARMLESS = {"jemalloc_bg_thd", "polars-ooc-clea"}
#: Ends that are well: done, a gate that was not passed, an alarm.
WELL = (0, 17, 18)


@dataclass(frozen=True)
class Verb:
    """What is run, what is taken away before, as a first run does not have it, and which file it removes first."""

    words: Sequence[str]
    without: Sequence[str] = ()
    has_force: bool = True
    removes: Sequence[str] = ()


_CLM = "clm.yaml"
VERBS = {
    "init": Verb(("init", "shop/orders.parquet", "shop/events.parquet", "--out", "proposed.yaml")),
    "check": Verb(("check", _CLM, "--quarantine", "kept")),
    "train": Verb(("train", _CLM, "--model", "models/new")),
    "train, the first": Verb(("train", _CLM, "--model", "models/new"), ("mlflow.db", "mlartifacts", ".clm-ml")),
    "backtest": Verb(("backtest", _CLM, "--as-of", EARLIER, "--out", "backtests/new")),
    "features, score": Verb(("score", _CLM, "--model", "models/first", "--out", "scores/new"), (".clm-ml",)),
    "score by name": Verb(("score", _CLM, "--model", "models:/small@ALIAS", "--out", "scores/new")),
    "segments": Verb(
        ("segments", _CLM, "--every", "365", "--history", "history.parquet", "--plot", "segments.png"),
    ),
    "transitions": Verb(("transitions", _CLM, "--out", "moves", "--plot", "moves.png")),
    "about to": Verb(
        ("transitions", _CLM, "--model", "models/first", "--about-to", "falling_asleep", "--out", "soon.csv")
    ),
    "kpis": Verb(("kpis", _CLM, "--out", "kpis.csv", "--cohorts", "cohorts.csv", "--plot", "cohorts.png")),
    "export": Verb(
        (
            "export", _CLM, "--scores", "scores/first", "--campaign", "autumn", "--out", "lists/new",
            "--plot", "promise.png",
        ),
    ),
    "export --delivered": Verb(("export", _CLM, "--delivered", "lists/first"), ("delivered",), has_force=False),
    "measure": Verb(("measure", _CLM, "spring", "--out", "measured", "--plot", "measured.png")),
    "uplift": Verb(("uplift", _CLM, "june", "--contacts", "june.csv", "--out", "uplift", "--plot", "uplift.png")),
    "report": Verb(("report", _CLM, "--scores", "scores/first", "--list", "lists/first", "--out", "page.html")),
    "monitor": Verb(("monitor", _CLM, "--scores", "scores/first", "--out", "drift.json", "--plot", "drift.png")),
    "prune": Verb(("prune", _CLM, ".", "--as-of", "2030-01-01"), has_force=False),
    "forget": Verb(("forget", _CLM, "--from", "people.txt", "--in", "."), has_force=False),
    "simulate": Verb(
        ("simulate", "--customers", "300", "--seed", "5", "--out", "shop", "--force"), (), False, ("shop/shop.yaml",)
    ),
    "simulate, the first": Verb(
        ("simulate", "--customers", "300", "--seed", "5", "--out", "drawn"), removes=("drawn/shop.yaml",)
    ),
    "demo": Verb(("demo", "demo"), has_force=False),
}  # fmt: skip


@dataclass(frozen=True)
class State:
    """What is to be seen in a project's folder.

    Attributes:
        files: the digest of each visible file, but for those that have an order of their own.
        unfinished: hidden folders of runs that have not ended.
        ledger: rows of the ledger, each with its table.
        forgotten: how many people were forgotten.
        runs: ids of MLflow's runs that are finished.
        troubles: what cannot be opened, or is not what it was when it was written.
    """

    files: Mapping[str, str]
    unfinished: Sequence[str]
    ledger: frozenset[Any]
    forgotten: int
    runs: frozenset[Any]
    troubles: Sequence[str] = ()

    def refuse_half(self, before: State, after: State, removes: Sequence[str] = ()) -> list[str]:
        """Tell what a killed run must not have left: anything that is neither as before nor as it would be."""
        told = [*self.troubles]
        for name, digest in self.files.items():
            if digest not in (before.files.get(name), after.files.get(name)):
                told.append(f"{name} is neither what it was nor what it was to be")
        aside = [re.sub(r"^\.|\.[a-z0-9_]{8}\.replaced$", "", Path(name).name) for name in self.unfinished]
        for name in before.files.keys() & after.files.keys() - self.files.keys() - {*removes}:
            if not {*aside} & {*Path(name).parts}:
                told.append(f"{name} is lost")
        if not before.ledger & after.ledger <= self.ledger <= before.ledger | after.ledger:
            told.append("the ledger has lost rows, or has strange ones")
        if not min(before.forgotten, after.forgotten) <= self.forgotten <= max(before.forgotten, after.forgotten):
            told.append("some were forgotten, others not")
        if not before.runs <= self.runs:
            told.append("MLflow has lost runs")
        return told

    def refuse_other(self, after: State) -> list[str]:
        """Tell in what a run that came to its end differs from one that nothing disturbed."""
        names = self.files.keys() | after.files.keys()
        told = [*self.troubles, *(f"{name} was left" for name in self.unfinished)]
        told += [f"{name} differs" for name in sorted(names) if self.files.get(name) != after.files.get(name)]
        if self.ledger != after.ledger:
            told.append("the ledger differs")
        if self.forgotten != after.forgotten:
            told.append("others were forgotten")
        if len(self.runs) < len(after.runs):
            told.append("MLflow lacks a run")
        return told


@dataclass(frozen=True)
class Ended:
    """How a run ended: its exit code, minus the signal that killed it; what it said; seconds; changes of files."""

    code: int
    said: str
    seconds: float
    changes: int = 0

    @property
    def is_well(self) -> bool:
        """Say whether it did what it was asked."""
        return self.code in WELL

    def told(self) -> str:
        """Give the error it told, or else the end of what it said."""
        errors = [line for line in self.said.splitlines() if line.startswith("error: ")]
        return " ".join(errors) or self.said[-300:].strip()

    @property
    def is_one_sentence(self) -> bool:
        """Say whether it was refused in one sentence: ours, or that of the command line for an argument."""
        errors = [line for line in self.said.splitlines() if line.lower().startswith("error: ")]
        return (self.code == 2 or 11 <= self.code <= 16) and len(errors) == 1 and "Traceback" not in self.said


@dataclass
class Trials:
    """A project, the states it starts from, and runs of verbs in it; made of a folder that is to be empty."""

    home: Path
    customers: int = 300
    verbs: dict[str, Verb] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
            os.environ[variable] = "1"  # a library that starts threads when it is imported cannot be forked after
        os.environ |= {"TMPDIR": str(self.home / "tmp"), "MPLCONFIGDIR": str(self.home / "matplotlib")}
        for folder in ("tmp", "matplotlib", "states", "project"):
            (self.home / folder).mkdir(parents=True)
        self._hear: dict[int, int] = {}
        tempfile.tempdir = str(self.home / "tmp")
        self.project = self.home / "project"

    def prepare(self, names: Sequence[str]) -> None:
        """Make the project, by the verbs themselves, and import whatever they have imported."""
        self._well(self._aside(lambda: _draw_project(self.project, self.customers)))
        runs = (
            ("check", _CLM, "--quarantine", "rejected"),
            ("train", _CLM, "--model", "models/first"),
            ("score", _CLM, "--model", "models/first", "--as-of", EARLIER, "--out", "scores/earlier"),
            ("export", _CLM, "--scores", "scores/earlier", "--campaign", "spring", "--out", "lists/first"),
            ("export", _CLM, "--delivered", "lists/first"),
            ("score", _CLM, "--model", "models/first", "--out", "scores/first"),
            ("backtest", _CLM, "--as-of", EARLIER, "--out", "backtests/first"),
        )
        for words in runs:
            self._well(self.run(words))
            self._import_all()
        alias = "champion" if self._has_alias("champion") else "challenger"
        for name in names:
            words = [word.replace("ALIAS", alias) for word in VERBS[name].words]
            self.verbs[name] = Verb(words, VERBS[name].without, VERBS[name].has_force, VERBS[name].removes)
        self.keep("base")
        for name in names:  # each once, for what it imports
            self.begin(name)
            self._well(self.run(self.verbs[name].words))
            self._import_all()

    def begin(self, name: str) -> None:
        """Put the project into the state from which a verb's trials start."""
        self.restore("base")
        for place in self.verbs[name].without:
            there = self.project / place
            shutil.rmtree(there) if there.is_dir() else there.unlink(missing_ok=True)

    def keep(self, state: str) -> None:
        """Keep the project as it is, under a name."""
        shutil.rmtree(self.home / "states" / state, ignore_errors=True)
        shutil.copytree(self.project, self.home / "states" / state, symlinks=True)

    def restore(self, state: str) -> None:
        """Put the project back into a state that was kept."""
        for folder in (self.project, self.home / "tmp"):  # they stay themselves: a disk may be mounted there
            for there in folder.iterdir():
                shutil.rmtree(there) if there.is_dir() else there.unlink()
        shutil.copytree(self.home / "states" / state, self.project, symlinks=True, dirs_exist_ok=True)

    def again(self, name: str) -> Sequence[str]:
        """Tell what is asked of a verb where something may stand already."""
        verb = self.verbs[name]
        return (*verb.words, "--force") if verb.has_force else verb.words

    def run(self, words: Sequence[str], before: Callable[[], None] | None = None) -> Ended:
        """Run a verb to its end."""
        child, begun = self.start(words, before), time.monotonic()
        return self.wait(child, begun)

    def start(self, words: Sequence[str], before: Callable[[], None] | None = None, dies_at: int = 0) -> int:
        """Fork a run of a verb; `before` is done in it first; it may kill itself before its n-th change of files."""
        hear, said = os.pipe()  # a full disk does not silence it, and no verb says more than a pipe holds
        child = os.fork()
        if child:
            os.close(said)
            self._hear[child] = hear
            return child
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(said, 1)
        os.dup2(said, 2)
        code = 70
        try:
            os.chdir(self.project)
            changes = _count_changes(dies_at)
            if before is not None:
                before()
            code = _main(words)
            sys.stdout.flush()
            os.write(said, f"changes: {changes()}\n".encode())
            with suppress(OSError):  # of a disk that is full, or somebody else's
                _note_modules(self.home / "modules")
        finally:
            os._exit(code)

    def wait(self, child: int, begun: float) -> Ended:
        """Wait for a run to end, and read what it said."""
        status = os.waitpid(child, 0)[1]
        seconds = time.monotonic() - begun
        with os.fdopen(self._hear.pop(child), encoding="utf-8", errors="replace") as heard:
            said = heard.read()
        told = re.search(r"^changes: (\d+)$", said, re.MULTILINE)
        return Ended(os.waitstatus_to_exitcode(status), said, seconds, int(told[1]) if told else 0)

    def kill(self, words: Sequence[str], after: float) -> Ended:
        """Kill a run after so many seconds, if it has not ended by then."""
        child, begun = self.start(words), time.monotonic()
        time.sleep(after)
        os.kill(child, signal.SIGKILL)
        return self.wait(child, begun)

    def die(self, words: Sequence[str], change: int) -> Ended:
        """Let a run kill itself just before a change of files."""
        begun = time.monotonic()
        return self.wait(self.start(words, dies_at=change), begun)

    def look(self) -> State:
        """See what is there; databases are looked at as copies, so that it is the next run that mends them."""
        files, unfinished, troubles = dict[str, str](), list[str](), list[str]()
        for folder, below, names in os.walk(self.project):
            hidden = [name for name in below if UNFINISHED.fullmatch(name)]
            unfinished += [str((Path(folder) / name).relative_to(self.project)) for name in hidden]
            below[:] = [name for name in below if name not in hidden and not _OWN_ORDER.fullmatch(name)]
            for name in (name for name in names if not _OWN_ORDER.fullmatch(name)):
                path = Path(folder) / name
                files[str(path.relative_to(self.project))] = hashlib.sha256(path.read_bytes()).hexdigest()
            if "manifest.json" in names:
                troubles += _trouble_of_box(Path(folder))
        ledgers = sorted(self.project.glob("**/ledger.db"))
        rows = [row for path in ledgers for row in _rows(path, self.home / "copies", troubles)]
        forgotten = _rows(self.project / "forgotten.db", self.home / "copies", troubles, ("people",))
        runs = _rows(self.project / "mlflow.db", self.home / "copies", troubles, ("runs",))
        ended = frozenset(row[1] for row in runs if "FINISHED" in row)
        return State(files, sorted(unfinished), frozenset(rows), len(forgotten), ended, troubles)

    def _has_alias(self, alias: str) -> bool:
        rows = _rows(self.project / "mlflow.db", self.home / "copies", [], ("registered_model_aliases",))
        return any(alias in row for row in rows)

    def _aside(self, work: Callable[[], None]) -> Ended:
        """Do some work in a fork, so that nothing heavy runs here."""
        child = os.fork()
        if child:
            self._hear[child] = os.open(os.devnull, os.O_RDONLY)
            return self.wait(child, time.monotonic())
        try:
            work()
            _note_modules(self.home / "modules")
            os._exit(0)
        finally:
            os._exit(70)

    def _well(self, done: Ended) -> None:
        if not done.is_well:
            raise SystemExit(f"the project could not be made (exit code {done.code}): {done.said}")

    def _import_all(self) -> None:
        """Import what the verbs did, each anew; a module that starts threads would make forks unsafe."""
        for name in (self.home / "modules").read_text().split():
            with suppress(ImportError):
                import_module(name)
        if strange := _threads() - _HARMLESS:
            raise SystemExit(f"what was imported has started threads, and forks would not be safe: {strange}")


def _main(words: Sequence[str]) -> int:
    from clm_ml.cli import main

    sys.argv = ["clm-ml", *words]
    if words[0] == "demo":
        _shorten_demo()
    try:
        main()
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 1
    except BaseException:
        import traceback

        traceback.print_exc()
        return 1
    return 0


def _shorten_demo() -> None:
    """Let the demo walk with every twentieth customer of its shop, on few days: the same steps in less time."""
    from clm_ml.cli import demo

    small = Path("small.parquet").absolute()
    written = demo._demo_config
    demo.online_retail_path = lambda: small
    demo._demo_config = lambda: written() + "\ntrain: {step_days: 28, most_as_ofs: 2}\nthreads: 1\n"


def _count_changes(dies_at: int) -> Callable[[], int]:
    """Count each change that Python makes to files, and die just before one of them."""
    count = 0

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal count
        writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)
        if writes or event in _CHANGES:
            count += 1
            if count == dies_at:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)
    return lambda: count


def _threads() -> set[str]:
    tasks = Path("/proc/self/task")
    return {(task / "comm").read_text().strip() for task in tasks.iterdir() if task.name != str(os.getpid())}


def _note_modules(path: Path) -> None:
    known = path.read_text().split() if path.exists() else []
    path.write_text("\n".join(dict.fromkeys([*known, *(name for name in sys.modules if name != "__main__")])))


def _trouble_of_box(folder: Path) -> list[str]:
    try:
        open_box(folder, json.loads((folder / "manifest.json").read_bytes())["kind"])
    except (ClmError, ValueError, KeyError) as error:
        return [str(error)]
    return []


def _rows(path: Path, copies: Path, troubles: list[str], tables: Sequence[str] = ()) -> list[Any]:
    """Read a SQLite file's tables from a copy, with the journal that a killed run may have left."""
    if not path.exists():
        return []
    shutil.rmtree(copies, ignore_errors=True)
    copies.mkdir()
    for file in path.parent.glob(f"{path.name}*"):
        shutil.copy(file, copies)
    with closing(sqlite3.connect(copies / path.name)) as opened:
        try:
            if opened.execute("PRAGMA quick_check").fetchall() != [("ok",)]:
                troubles.append(f"{path.name} is damaged")
            there = [name for (name,) in opened.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            wanted = [name for name in there if not tables or name in tables]
            return [(name, *row) for name in wanted for row in opened.execute(f"SELECT * FROM {name}")]
        except sqlite3.Error as error:
            troubles.append(f"{path.name}: {error}")
            return []


def _draw_project(project: Path, customers: int) -> None:
    """Draw a shop whose orders lie in several files, with rows that are rejected, and write its config."""
    import pandas as pd
    import yaml

    from clm_ml import online_retail_path
    from clm_ml.datasets import simulate

    shop = project / "shop"
    simulate(customers, 3, shop)
    content = yaml.safe_load((shop / "shop.yaml").read_text())
    orders = pd.read_parquet(shop / "orders.parquet")
    orders.loc[orders.index[:20], "customer_id"] = None
    (project / "orders").mkdir()
    for month, rows in orders.groupby(orders["ordered_at"].astype("datetime64[s]").dt.year):
        rows.to_parquet(project / "orders" / f"{month}.parquet")
    content["tables"] = {name: content["tables"][name] for name in ("orders", "customers")}  # few features: fast runs
    shutil.copy(shop / "customers.parquet", project)
    content["tables"]["orders"]["source"] = "orders/*.parquet"
    content["task"] = {"horizon_days": 90, "windows_days": [90]}
    content |= {
        "project": "small",
        "train": {"step_days": 90, "most_as_ofs": 3},
        "threads": 1,
        "complete_until": DAY,
        "destinations": ["table", "braze"],
        "list": {**content["list"], "holdout_share": 0.3, "contact_cost": 0.1},
    }
    (project / _CLM).write_text(yaml.safe_dump(content, sort_keys=False))
    (project / "people.txt").write_text("\n".join(orders["customer_id"].dropna().unique()[3:9]) + "\n")
    retail = pd.read_parquet(online_retail_path())
    ids = retail["CustomerID"].dropna().unique()
    retail[retail["CustomerID"].isin(ids[::20])].to_parquet(project / "small.parquet")
    june = pd.DataFrame({"customer_id": orders["customer_id"].dropna().unique(), "campaign": "june"})
    june["arm"] = ["contact" if place % 2 else "holdout" for place in range(len(june))]
    june.assign(contacted_at="2025-06-01").to_csv(project / "june.csv", index=False)
