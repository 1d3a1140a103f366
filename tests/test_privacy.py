"""Personal data planted in every field of every table: where they may lie is named here, and nowhere else do they."""

from __future__ import annotations

import hashlib
import io
import json
import logging
import stat
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
import yaml
from typer.testing import CliRunner

from clm_ml.cli import app
from clm_ml.config import DESTINATIONS
from clm_ml.datasets import simulate
from clm_ml.destinations import key_of

pytestmark = pytest.mark.slow

#: In every planted value, in whatever case it is written.
MARK = "plantd"
PASSWORD = "Sw0rdfish-of-the-database"

#: What holds people and is to hold them, by the first folder or file of its path: only its owner reads it.
MAY_HOLD = {
    "scores", "scores-permitted", "lists", "backtest", "quarantine", "history.parquet", "about.csv", "ledger.db",
    ".clm-ml", "reports",
}  # fmt: skip
#: The shop's own.
OWN = {"orders", "events", "customers.parquet", "contacts.csv", "spend.csv", "suppress.txt", "asked.txt"}


def planted(names: pd.Series, what: str) -> pd.Series:
    """Make of each value one that is recognised, whoever reads it; a null stays one."""
    return (MARK + what + names.astype(str)).where(names.notna())


def plant(folder: Path) -> dict[str, pd.DataFrame]:
    """Draw a shop, and plant in every text of it; some rows cannot be read."""
    simulate(400, seed=3, out=folder)
    tables = {name: pd.read_parquet(folder / f"{name}.parquet") for name in TABLES}
    for name, table in tables.items():
        for column in table.select_dtypes("str"):
            if column == "customer_id":
                table[column] = planted(table[column], "id")
            elif (name, column) not in PLAIN:
                table[column] = planted(table[column], f"{name}{column}")
    people = tables["customers"]
    people["email"] = people["customer_id"] + "@plantd.example"
    people["phone"] = [f"+4207776{number:05}" for number in range(len(people))]
    people["country"], people["name"] = "CZ", planted(people["customer_id"], "name")
    people["age_band"] = people["age_band"].where(people.index % 50 != 0, planted(people["customer_id"], "rare"))
    events = tables["events"]
    events["event_type"] = events["event_type"].where(events.index % 40 != 0, planted(events["customer_id"], "did"))
    for path in folder.glob("*.parquet"):
        path.unlink()
    return tables


TABLES = ("orders", "events", "customers", "contacts", "spend")
#: What a model learns of everybody: words that many share.
PLAIN = (("contacts", "arm"), ("events", "event_type"), ("customers", "age_band"))


def bad_rows(table: pd.DataFrame, instant: str) -> pd.DataFrame:
    """Spoil copies of the first rows, each in another way."""
    rows = table.head(6).astype(object).copy()
    rows.loc[rows.index[0], instant] = f"{MARK}day"
    rows.loc[rows.index[1], instant] = "9999-01-01"
    rows.loc[rows.index[2], "customer_id"] = None
    for column in {"amount", "value", "cost"} & {*rows}:
        rows.loc[rows.index[3], column] = f"{MARK}number"
    return pd.concat([table.astype(object), rows, table.astype(object).iloc[10:12]])


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """Walk every verb over the planted shop, at the most talkative, and keep all that it said."""
    folder = tmp_path_factory.mktemp("planted")
    tables = plant(folder)
    for name, instant in (("orders", "ordered_at"), ("events", "occurred_at")):
        (folder / name).mkdir()
        rows = bad_rows(tables[name], instant)
        days = pd.to_datetime(rows[instant], errors="coerce").fillna(pd.Timestamp("2025-12-01"))
        for part, half in rows.groupby((days < "2025-12-20").to_numpy()):
            half.to_csv(folder / name / f"{int(not part)}.csv", index=False)
    bad_rows(tables["contacts"], "contacted_at").to_csv(folder / "contacts.csv", index=False)
    tables["spend"].to_csv(folder / "spend.csv", index=False)
    people = pd.concat([tables["customers"], tables["customers"].head(3)])
    people.to_parquet(folder / "customers.parquet")
    write_config(folder)
    return Walked(folder, tables)


def write_config(folder: Path) -> None:
    content = yaml.safe_load((folder / "shop.yaml").read_text())
    sources = {"orders": "orders/", "events": "events/", "customers": "customers.parquet"}
    for name, table in content["tables"].items():
        table["source"] = sources.get(name, f"{name}.csv")
    content["tables"]["customers"]["columns"]["name"] = "name"
    content |= {
        "engine": f"postgresql://clm:{PASSWORD}@127.0.0.1:9/shop",  # no table is there, so nobody calls
        "train": {"step_days": 90, "most_as_ofs": 2, "attributes": ["age_band"]},
        "destinations": list(DESTINATIONS), "threads": 1,
        "list": {"budget": 60, "holdout_share": 0.3, "universal_holdout_share": 0.05, "suppress": "suppress.txt"},
    }  # fmt: skip
    (folder / "clm.yaml").write_text(yaml.safe_dump(content, sort_keys=False))


class Walked:
    """The shop, and what was said while all verbs were asked of it."""

    def __init__(self, folder: Path, tables: dict[str, pd.DataFrame]) -> None:
        self.folder, self.tables = folder, tables
        self.said = io.StringIO()
        self.codes: dict[str, int] = {}
        self.customer = str(tables["orders"]["customer_id"].iloc[0])
        first = tables["customers"]["customer_id"].iloc[7]
        (folder / "suppress.txt").write_text(f"{first}\n{first}@plantd.example\n")
        (folder / "asked.txt").write_text(f"{tables['customers']['customer_id'].iloc[9]}\n")
        with pytest.MonkeyPatch.context() as patch:
            (folder / "tmp").mkdir()
            patch.setattr("tempfile.tempdir", str(folder / "tmp"))
            patch.chdir(folder)
            self._listen()
            try:
                self._walk()
                self._stumble(patch)
            finally:
                logging.getLogger().removeHandler(self._ear)

    def _listen(self) -> None:
        self._ear = logging.StreamHandler(self.said)
        self._ear.setLevel(logging.DEBUG)
        logging.getLogger().addHandler(self._ear)
        logging.getLogger().setLevel(logging.DEBUG)

    def run(self, name: str, *arguments: str, says: bool = True) -> None:
        done = CliRunner().invoke(app, [str(argument) for argument in arguments])
        self.codes[name] = done.exit_code
        self.said.write(f"\n--- {name}\n{done.stdout if says else ''}\n{done.stderr}\n")
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception

    def _walk(self) -> None:
        listed = ("--scores", "scores", "--destination", "braze")
        self.run("init", "init", "orders/0.csv", "customers.parquet", "contacts.csv", "--out", "proposed.yaml")
        self.run("check", "check", "clm.yaml", "--quarantine", "quarantine")
        self.run("train", "train", "clm.yaml", "--model", "model", "--json")
        self.run("backtest", "backtest", "clm.yaml", "--as-of", "2025-08-01", "--out", "backtest")
        self.run("old", "score", "clm.yaml", "--model", "model", "--as-of", "2025-07-01", "--out", "scores/old")
        self.run("score", "score", "clm.yaml", "--model", "model", "--out", "scores/now", "--json")
        self.run(
            "segments", "segments", "clm.yaml", "--every", "180", "--history", "history.parquet", "--plot", "s.png"
        )
        self.run("transitions", "transitions", "clm.yaml", "--model", "model", "--plot", "t.png", "--out", "moves")
        self.run("about", "transitions", "clm.yaml", "--model", "model", "--about-to", "at_risk", "--out", "about.csv")
        self.run("kpis", "kpis", "clm.yaml", "--every", "180", "--out", "kpis.parquet", "--cohorts", "cohorts.csv")
        self.run("customer", "customer", "clm.yaml", self.customer, "--model", "model", "--json", says=False)
        for name in ("old", "now"):
            asked = ("--scores", f"scores/{name}", "--campaign", f"{name} list", "--out", f"lists/{name}")
            self.run(f"export {name}", "export", "clm.yaml", *asked, "--plot", f"{name}.png", "--json")
        self.run("delivered", "export", "clm.yaml", "--delivered", "lists/now")
        self.run("changed", "export", "clm.yaml", *listed[:1], "scores/now", *listed[2:], "--campaign", "now list",
                 "--out", "lists/changed", "--changed-only", "--strict")  # fmt: skip
        self.run("report", "report", "clm.yaml", "--scores", "scores/now", "--out", "page.html", "--json")
        self.run("report list", "report", "clm.yaml", "--scores", "scores/now", "--list", "lists/now", "--reveal",
                 "--out", "reports/listed.html")  # fmt: skip
        self.run("monitor", "monitor", "clm.yaml", "--scores", "scores/now", "--out", "m.json", "--plot", "drift.png")
        self.run("measure", "measure", "clm.yaml", "old list", "--out", "measured", "--plot", "m.png")
        self.run("universal", "measure", "clm.yaml", "universal")
        self.run("uplift", "uplift", "clm.yaml", "old list", "--out", "uplift")
        self.run("prune", "prune", "clm.yaml", "lists", "--as-of", "2026-01-01", "--dry-run")
        self.run("forget", "forget", "clm.yaml", "--from", "asked.txt", "--in", "scores", "--in", "lists", "--in",
                 "quarantine", "--in", "history.parquet", "--in", "about.csv", "--in", "backtest")  # fmt: skip

    def _stumble(self, patch: pytest.MonkeyPatch) -> None:
        """Do what cannot be done, wherever a row could be quoted."""
        content = yaml.safe_load(Path("clm.yaml").read_text())
        self.run("nobody", "customer", "clm.yaml", f"{MARK}nobody", "--model", "model")
        self.run("unknown", "forget", "clm.yaml", f"{MARK}nobody")
        for name, table, change in (
            ("number", "orders", {"columns": content["tables"]["orders"]["columns"] | {"amount": "category"}}),
            ("day", "orders", {"columns": content["tables"]["orders"]["columns"] | {"ordered_at": "order_id"}}),
            ("cast", "orders", {"where": "CAST(order_id AS INTEGER) > 0"}),
            ("format", "events", {"date_format": "%d.%m.%Y"}),
            ("strict", "events", {"max_rejected_share": 0.0}),
            ("header", "contacts", {"source": "headless.csv"}),
            ("ragged", "contacts", {"source": "ragged.csv"}),
            ("column", "customers", {"columns": content["tables"]["customers"]["columns"] | {"email": "Email-of"}}),
        ):
            changed = {**content["tables"], table: content["tables"][table] | change}
            Path("broken.yaml").write_text(yaml.safe_dump(content | {"tables": changed}))
            lines = Path("contacts.csv").read_text().splitlines()
            Path("headless.csv").write_text("\n".join(lines[1:]))
            Path("ragged.csv").write_text(
                "\n".join([*lines[:50], f"{MARK}id,{MARK}ragged", f'"{MARK}open', *lines[50:]])
            )
            self.run(f"broken {name}", "score", "broken.yaml", "--model", "model", "--out", "broken")
        for name in ("broken.yaml", "headless.csv", "ragged.csv"):
            Path(name).unlink()
        Path("suppress.txt").write_text(f"customer_id,email\n{MARK}id,{MARK}@,{MARK}\n")
        self.run("suppress", "export", "clm.yaml", "--scores", "scores/now", "--campaign", "bad", "--out", "bad")
        content["engine"] = f"postgresql://clm:{PASSWORD}@127.0.0.1:9/shop"
        content["tables"]["orders"] |= {"source": "sales.orders"}
        Path("server.yaml").write_text(yaml.safe_dump(content))
        self.run("server", "check", "server.yaml")
        Path("server.yaml").write_text(yaml.safe_dump(content | {"engine": f"postgres://clm:{PASSWORD}@host/db"}))
        self.run("engine", "check", "server.yaml")
        Path("server.yaml").unlink()
        Path("suppress.txt").unlink()
        patch.setattr("clm_ml.pipeline.scoring.write_scores", lambda *_: {}[0])
        self.run("bug", "score", "clm.yaml", "--model", "model", "--out", "never", "--fresh")


def everything_said(path: Path) -> bytes:
    """Read a file, what is compressed in it too."""
    raw = path.read_bytes()
    if path.suffix == ".parquet":
        cells = pq.read_table(path).to_pydict()
        return json.dumps(cells, default=lambda cell: cell.hex() if isinstance(cell, bytes) else str(cell)).encode()
    if path.suffix == ".png":
        return raw + b"".join(chunk for chunk in raw.split(b"tEXt"))
    return raw


def traces(people: pd.DataFrame) -> set[bytes]:
    """List what tells of anybody without the mark: hashes, and phones."""
    told = [hashlib.sha256(text.encode()).hexdigest() for text in (*people["email"], *people["customer_id"])]
    return {text.encode() for text in (*told, *people["phone"].str.strip("+"))}


def test_every_verb_did_what_it_should(shop):
    stumbled = {name: code for name, code in shop.codes.items() if code not in (0, 17, 18)}
    assert stumbled == {
        "nobody": 12, "unknown": 12, "broken number": 12, "broken day": 12, "broken format": 12, "broken strict": 12,
        "broken header": 12, "broken ragged": 12, "broken column": 12, "broken cast": 12, "suppress": 11, "server": 12,
        "engine": 11, "bug": 1, "uplift": 16,
    }  # fmt: skip


def test_nothing_that_was_said_or_logged_tells_of_anybody(shop):
    said = shop.said.getvalue()
    assert len(said) > 10_000
    told = {line for line in said.splitlines() if MARK in line.casefold()}
    assert told == set()
    assert not [trace for trace in traces(shop.tables["customers"]) if trace.decode() in said]


def test_nothing_that_was_written_tells_of_anybody_but_what_is_to(shop):
    known = traces(shop.tables["customers"])
    found = set()
    for path in (path for path in shop.folder.rglob("*") if path.is_file()):
        first = path.relative_to(shop.folder).parts[0]
        said = everything_said(path).lower()
        tells = MARK.encode() in said or any(trace in said for trace in known)
        if tells and first not in OWN and (first not in MAY_HOLD or path.name == "manifest.json"):
            found.add(path.relative_to(shop.folder).as_posix())
    assert found == set()


def test_the_guard_sees_somebody_wherever_they_are_to_be(shop):
    for first in MAY_HOLD - {".clm-ml", "scores-permitted"}:
        place = shop.folder / first
        files = [place] if place.is_file() else [path for path in place.rglob("*") if path.is_file()]
        assert any(MARK.encode() in everything_said(path).lower() for path in files), first


def test_what_holds_people_is_for_its_owner_alone(shop):
    open_to_others = []
    for path in (path for path in shop.folder.rglob("*") if path.is_file()):
        first = path.relative_to(shop.folder).parts[0]
        modes = [stat.S_IMODE(place.stat().st_mode) for place in (path, path.parent)]  # a closed folder will do
        if first in MAY_HOLD | {"delivered", "forgotten.db", "tmp"} and all(mode & 0o077 for mode in modes):
            open_to_others.append(path.relative_to(shop.folder).as_posix())
    assert open_to_others == []


def test_no_secret_is_said_logged_or_written(shop):
    assert PASSWORD not in shop.said.getvalue()
    found = [path for path in shop.folder.rglob("*") if path.is_file() and PASSWORD.encode() in path.read_bytes()]
    assert [path.name for path in found] == ["clm.yaml"]


def test_delivered_and_forgotten_hold_digests_alone(shop):
    whose = {key_of(customer).hex() for customer in shop.tables["customers"]["customer_id"]}
    states = list((shop.folder / "delivered").glob("*.parquet"))
    assert len(states) == 6
    for path in states:
        said = everything_said(path)
        assert MARK.encode() not in said.lower()
        assert any(key.encode() in said for key in whose)
    assert MARK.encode() not in (shop.folder / "forgotten.db").read_bytes().lower()
