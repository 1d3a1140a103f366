"""What a query would read, asked of its plan before it runs: views and macros hide nothing there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import duckdb

from clm_ml.engine.expression import Rows
from clm_ml.errors import ConfigError

__all__ = ["refuse_other_than_tables"]

#: Where rows may come from: tables, constants, sequences, and what the query itself has made before.
_ORIGINS = frozenset({
    "COLUMN_DATA_SCAN", "CTE_SCAN", "DELIM_SCAN", "DUMMY_SCAN", "EMPTY_RESULT", "GENERATE_SERIES", "RANGE",
    "REC_CTE_SCAN", "REC_REC_CTE_SCAN", "SEQ_SCAN", "UNNEST",
})  # fmt: skip


def refuse_other_than_tables(sql: str, where: str, rows: Rows) -> None:
    """Refuse a query that reads anything but tables: files, addresses, settings, variables of this process.

    Args:
        sql: one SELECT.
        where: the config's key, for the error.
        rows: runs a query on the engine.

    Raises:
        ConfigError: if it does.
    """
    try:
        plans = json.loads(rows(f"EXPLAIN (FORMAT json) {sql}")[0][1])
    except duckdb.Error as error:
        if "requires the extension" not in str(error):
            raise
        raise ConfigError(f"{where}: a query reads tables of the engine only, and this one asks an address.") from None
    for plan in plans:
        for origin in _origins(plan):
            if origin not in _ORIGINS:
                raise ConfigError(
                    f"{where}: a query reads tables of the engine only, and this one asks {origin.lower()}."
                )


def _origins(node: dict[str, Any]) -> Iterator[str]:
    """Name the operators from which rows come: those without any below, and functions that make rows of rows."""
    told, below = node.get("extra_info") or {}, node.get("children") or []
    if isinstance(told, dict) and "Function" in told:
        yield str(told["Function"]).strip().upper()
    elif not below:
        yield str(node["name"]).strip()
    for child in below:
        yield from _origins(child)
