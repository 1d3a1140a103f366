"""Who was forgotten, in digests: their rows are passed over wherever tables are read.

A digest is what there has to be, or the next night's source would bring them back. Each project's digests have a salt
of their own, so that they cannot be joined to another's; whoever has the file and a list of ids can still tell who is
in it. So it is for its owner's eyes, and holds nothing else.
"""

from __future__ import annotations

import hashlib
import secrets
import sqlite3
from collections.abc import Collection
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from clm_ml.config import Config, Table
from clm_ml.engine import AnyEngine, as_literal
from clm_ml.errors import ConfigError

__all__ = ["Forgotten", "pass_over", "read_forgotten", "remember_forgotten"]

FORMAT = 1
_WAIT_SECONDS = 30.0


@dataclass(frozen=True)
class Forgotten:
    """The digests of those who were forgotten, and the salt that they were made with; empty: nobody was.

    >>> known = Forgotten("5a", frozenset([Forgotten("5a").digest("12346")]))
    >>> known.holds("12346"), known.holds("12347"), Forgotten().holds("12346")
    (True, False, False)
    """

    salt: str = ""
    digests: frozenset[str] = frozenset()

    def holds(self, customer_id: str) -> bool:
        """Say whether somebody was forgotten."""
        return bool(self.digests) and self.digest(customer_id) in self.digests

    def digest(self, customer_id: str) -> str:
        """Digest an id with this salt."""
        return hashlib.sha256((self.salt + customer_id).encode()).hexdigest()

    def is_somebody_else(self, sql: str) -> str:
        """Write the condition that an id is nobody's who was forgotten; a row without an id is not theirs."""
        listed = ", ".join(map(as_literal, sorted(self.digests)))
        return f"coalesce(sha256({as_literal(self.salt)} || {sql}) NOT IN ({listed}), true)"


def read_forgotten(config: Config) -> Forgotten:
    """Read who was forgotten in a project; nobody if there is no file.

    Raises:
        ConfigError: if the file cannot be read as one: nothing is read without it.
    """
    path = config.path(config.forgotten)
    if not path.exists():
        return Forgotten()
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=_WAIT_SECONDS)) as file:
            return _read(file, path)
    except (sqlite3.Error, UnicodeDecodeError):
        raise _unreadable(path, "cannot be read") from None


def _read(file: sqlite3.Connection, path: Path) -> Forgotten:
    if (found := file.execute("PRAGMA user_version").fetchone()[0]) > FORMAT:
        raise _unreadable(path, f"is in format {found}, which this clm-ml does not know")
    if not found and not file.execute("SELECT 1 FROM sqlite_master").fetchone():  # a first run was stopped
        return Forgotten()
    salts = [salt for (salt,) in file.execute("SELECT salt FROM salt")]
    digests = [digest for (digest,) in file.execute("SELECT digest FROM people")]
    if len(salts) != 1 or not all(isinstance(text, str) for text in (*salts, *digests)):
        raise _unreadable(path, "was altered")
    return Forgotten(salts[0], frozenset(digests))


def _unreadable(path: Path, why: str) -> ConfigError:
    return ConfigError(
        f"forgotten: {path} {why}, and without it people who were forgotten would come back: restore it."
    )


def remember_forgotten(config: Config, customer_ids: Collection[str]) -> None:
    """Add people, all or none, to those who were forgotten; the first ones bring a salt.

    Raises:
        ConfigError: if the file cannot be written.
    """
    path = config.path(config.forgotten)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        with closing(sqlite3.connect(path, timeout=_WAIT_SECONDS)) as file, file:
            file.execute("BEGIN IMMEDIATE")
            if not file.execute("PRAGMA user_version").fetchone()[0]:
                file.execute(f"PRAGMA user_version = {FORMAT}")
            file.execute(
                "CREATE TABLE IF NOT EXISTS salt (one INTEGER PRIMARY KEY CHECK (one = 1), salt TEXT NOT NULL)"
            )
            file.execute("CREATE TABLE IF NOT EXISTS people (digest TEXT PRIMARY KEY) WITHOUT ROWID")
            file.execute("INSERT OR IGNORE INTO salt VALUES (1, ?)", (secrets.token_hex(16),))
            known = _read(file, path)
            file.executemany("INSERT OR IGNORE INTO people VALUES (?)", [(known.digest(who),) for who in customer_ids])
    except (sqlite3.Error, OSError) as error:
        raise ConfigError(
            f"forgotten: {path} cannot be written ({type(error).__name__}); nobody was forgotten."
        ) from None


def pass_over(forgotten: Forgotten, table: str, plan: Table, source: Any, engine: AnyEngine) -> Any:
    """Leave the rows of those who were forgotten out of a source, as `where` does: they are not even counted."""
    if not forgotten.digests or "customer_id" not in plan.columns:
        return source
    where = f"tables.{table}.columns.customer_id"
    sql = engine.expression(plan.columns["customer_id"], source, where)
    who = engine.as_id(sql, engine.kind_of(sql, source, where))
    return replace(source, sql=f"SELECT * FROM ({source.sql}) WHERE {forgotten.is_somebody_else(who)}")
