"""Who was forgotten, in digests: their rows are passed over wherever tables are read.

A digest is what there has to be, or the next night's source would bring them back. Each project's digests have a salt
of their own, so that they cannot be joined to another's; whoever has the file and a list of ids can still tell who is
in it. So it is for its owner's eyes, and holds nothing else.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from clm_ml.config import Config, Table
from clm_ml.engine import AnyEngine, as_literal
from clm_ml.errors import ConfigError

__all__ = ["Forgotten", "pass_over", "read_forgotten"]

FORMAT = 1


@dataclass(frozen=True)
class Forgotten:
    """The digests of those who were forgotten, and the salt that they were made with; empty: nobody was.

    >>> known = Forgotten("5a", frozenset()).with_ids(["12346"])
    >>> known.holds("12346"), known.holds("12347"), Forgotten().holds("12346")
    (True, False, False)
    """

    salt: str = ""
    digests: frozenset[str] = frozenset()

    def holds(self, customer_id: str) -> bool:
        """Say whether somebody was forgotten."""
        return bool(self.digests) and self._digest(customer_id) in self.digests

    def with_ids(self, customer_ids: Iterable[str]) -> Forgotten:
        """Add people; the first ones bring a salt."""
        salted = self if self.salt else Forgotten(secrets.token_hex(16))
        return replace(salted, digests=salted.digests | {salted._digest(customer) for customer in customer_ids})

    def facts(self) -> dict[str, Any]:
        """Tell it as plain data, for its file."""
        return {"format": FORMAT, "salt": self.salt, "digests": sorted(self.digests)}

    def _digest(self, customer_id: str) -> str:
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
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        if told["format"] != FORMAT:
            raise ConfigError(f"forgotten: {path} was written by another version of clm-ml; bring clm-ml up to date.")
        return Forgotten(str(told["salt"]), frozenset(map(str, told["digests"])))
    except FileNotFoundError:
        return Forgotten()
    except (OSError, ValueError, KeyError, TypeError):
        raise ConfigError(
            f"forgotten: {path} cannot be read, and without it people who were forgotten would come back; restore it."
        ) from None


def pass_over(forgotten: Forgotten, table: str, plan: Table, source: Any, engine: AnyEngine) -> Any:
    """Leave the rows of those who were forgotten out of a source, as `where` does: they are not even counted."""
    if not forgotten.digests or "customer_id" not in plan.columns:
        return source
    where = f"tables.{table}.columns.customer_id"
    sql = engine.expression(plan.columns["customer_id"], source, where)
    who = engine.as_id(sql, engine.kind_of(sql, source, where))
    return replace(source, sql=f"SELECT * FROM ({source.sql}) WHERE {forgotten.is_somebody_else(who)}")
