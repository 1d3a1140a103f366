"""Ledgers and digests of the forgotten that are no more what was written: cut, of another schema, another database."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from random import Random
from typing import Any

import pandas as pd
import yaml
from fuzz_shop import DAY, draw_shop
from fuzz_tables import run
from fuzz_verdicts import Case, Ended, ended, refuse

from clm_ml.campaign import open_ledger
from clm_ml.config import load_config
from clm_ml.tables import read_forgotten, remember_forgotten

__all__ = ["ledger_cases"]

_COLUMNS = (
    "campaign", "customer_id", "arm", "share", "stratum", "rank", "score", "ranked_by", "assigned_at", "sent_on",
    "horizon_days",
    "delete_after", "play",
)  # fmt: skip
_CODES = {2, 12, 13, 14, 15, 16, 11}
_VERBS = (
    ("export", "--scores", "@scores", "--campaign", "autumn", "--out", "@list"),
    ("export", "--scores", "@scores", "--campaign", "winter", "--out", "@list"),
    ("measure", "winter"),
    ("prune", "--as-of", "2025-01-01"),
    ("prune", "--as-of", "2026-12-01"),
    ("customer", "klara-1"),
    ("forget", "klara-1"),
    ("uplift", "winter", "--out", "@uplift"),
)

#: Values that a column of SQLite may hold, whatever its type says.
_VALUES: tuple[Any, ...] = (
    "", "x", "klara", -1, 0, 10**15, 0.5, -0.0, 1e300, float("inf"), b"klara", b"", "2024-02-30", "9999-12-31",
    "0001-01-01", "contact",
    "holdout", "90", "ninety", "1e3", " 2024-05-01", 2**62, "Contact", "2024-05-01T00:00:00", "a\u0000b",
)  # fmt: skip


def ledger_cases(home: Path) -> Case:
    """Draw a shop with a ledger and somebody forgotten, once; each case bends a copy of one of both."""
    content = draw_shop(home / "shop")
    (home / "shop/clm.yaml").write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    config = load_config(home / "shop/clm.yaml")
    remember_forgotten(config, ["klara-11"])
    with open_ledger(home / "shop/ledger.db") as ledger:
        ledger.forget_people(["klara-11"])
    for name in ("ledger.db", "forgotten.db"):
        shutil.copy(home / "shop" / name, home / name)
    return lambda draw: _bent(home, draw)


def _bent(home: Path, draw: Random) -> Ended:
    shop = home / "shop"
    for name in ("ledger.db", "forgotten.db"):
        _remove(shop / name)
        shutil.copy(home / name, shop / name)
    for made in ("list", "uplift", "delivered"):
        shutil.rmtree(shop / made, ignore_errors=True)
    name = draw.choice(("ledger.db", "ledger.db", "ledger.db", "forgotten.db"))
    bend = draw.choice((_cut, _flip, _bend_schema, _bend_rows, _bend_rows, _replace))
    bend(shop / name, draw)
    before = _held_out(shop / "ledger.db")
    done = ended(lambda: _everything(shop), {11, 16})
    if draw.random() < 1 / 25:
        verb, *arguments = draw.choice(_VERBS)
        words = [str(shop / word[1:]) if word.startswith("@") else word for word in arguments]
        done = run(verb, str(shop / "clm.yaml"), *words, codes=_CODES)
        if verb == "export" and not done.code and before is not None:
            listed = pd.read_csv(shop / "list/contact.csv", dtype=str)["customer_id"]
            campaign = arguments[arguments.index("--campaign") + 1]
            refuse(bool(before.get(campaign, set()) & set(listed)), "somebody held out is to be contacted")
    return Ended(done.code, done.told)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)


def _held_out(path: Path) -> dict[str, set[str]] | None:
    """Read who is held out of which campaign, by SQLite alone; None if it cannot tell."""
    try:
        with closing(sqlite3.connect(path)) as file:
            rows = file.execute("SELECT campaign, customer_id FROM assignments WHERE arm = 'holdout'").fetchall()
    except (sqlite3.Error, UnicodeDecodeError):
        return None
    held: dict[str, set[str]] = {}
    for campaign, customer in rows:
        held.setdefault(campaign, set()).add(customer)
    return held


def _everything(shop: Path) -> None:
    """Ask a ledger, and who was forgotten, all there is to ask."""
    read_forgotten(load_config(shop / "clm.yaml")).holds("klara-1")
    with open_ledger(shop / "ledger.db") as ledger:
        for campaign in [*ledger.campaigns(), "autumn"]:
            told = ledger.assignments(campaign)
            refuse(len(told) != len(ledger.arms(campaign)), "as many assignments as arms are told")
            refuse(not set(ledger.arms(campaign).values()) <= {"contact", "holdout"}, "an arm that is none")
            ledger.plays(campaign)
            ledger.share(campaign)
            ledger.forgotten(campaign)
            ledger.refuse_pruned(campaign)
        ledger.reserved(None, DAY.isoformat())
        ledger.contacted("autumn", DAY.isoformat(), 2, 90)
        ledger.of("klara-1")
        ledger.of_people(["klara-1"])
        terms = ledger.terms()
        pd.to_datetime(terms["ends_on"], format="%Y-%m-%d", errors="raise")
        refuse(
            bool(len(terms)) and not terms["customers"].ge(terms["held_out"]).all(), "more are held out than assigned"
        )
        ledger.record(ledger.assignments("winter").assign(campaign="spring"))


# What bends a database -------------------------------------------------------------------------------------------


def _cut(path: Path, draw: Random) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: draw.randrange(len(content))])


def _flip(path: Path, draw: Random) -> None:
    content = bytearray(path.read_bytes())
    for _ in range(draw.choice((1, 3, 50))):
        content[draw.randrange(len(content))] = draw.randrange(256)
    path.write_bytes(bytes(content))


def _tables(file: sqlite3.Connection) -> list[str]:
    return [name for (name,) in file.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]


def _bend_schema(path: Path, draw: Random) -> None:
    with closing(sqlite3.connect(path)) as file, file, suppress(sqlite3.OperationalError):
        table = draw.choice(_tables(file))
        column = draw.choice([row[1] for row in file.execute(f"PRAGMA table_info({table})")])
        change = draw.choice((
            f"DROP TABLE {table}", f"ALTER TABLE {table} RENAME TO other",
            f"ALTER TABLE {table} RENAME COLUMN {column} TO other",
            f"ALTER TABLE {table} DROP COLUMN {column}", f"ALTER TABLE {table} ADD COLUMN more TEXT",
            "PRAGMA user_version = 9",
            f"CREATE TABLE copied AS SELECT * FROM {table}", f"DELETE FROM {table}", "PRAGMA user_version = 0",
            f"CREATE TRIGGER t BEFORE INSERT ON {table} BEGIN SELECT RAISE(ABORT, 'no'); END",
        ))  # fmt: skip
        file.execute(change)
        if change.startswith("CREATE TABLE copied"):
            file.execute(f"DROP TABLE {table}")
            file.execute(f"ALTER TABLE copied RENAME TO {table}")


def _bend_rows(path: Path, draw: Random) -> None:
    with closing(sqlite3.connect(path)) as file, file, suppress(sqlite3.IntegrityError):
        table = "assignments" if path.name == "ledger.db" and draw.random() < 0.8 else draw.choice(_tables(file))
        columns = [row[1] for row in file.execute(f"PRAGMA table_info({table})")]
        some = draw.choice(
            ("", f" WHERE {columns[0]} = (SELECT min({columns[0]}) FROM {table})", " WHERE customer_id = 'klara-1'")
        )
        some = some if table == "assignments" else ""
        file.execute(f"UPDATE {table} SET {draw.choice(columns)} = ?{some}", (draw.choice(_VALUES),))


def _replace(path: Path, draw: Random) -> None:
    _remove(path)
    how = draw.randrange(4)
    if how == 0:
        path.mkdir()
    elif how == 1:
        path.write_bytes(
            draw.choice((b"", b"klara", b"SQLite format 3\0", b"SQLite format 3\0" + b"\0" * 84, b"\xff" * 4096))
        )
    elif how == 2:
        with closing(sqlite3.connect(path)) as file, file:
            file.execute(
                draw.choice(("CREATE TABLE runs (id TEXT)", "CREATE VIEW assignments AS SELECT 1 AS campaign"))
            )
    else:
        with closing(sqlite3.connect(path)) as file, file:
            columns = ", ".join(_COLUMNS[: draw.randrange(1, 13)])
            file.execute(f"CREATE TABLE assignments ({columns})")
