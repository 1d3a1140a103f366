"""The one language in which columns are read: DuckDB's SQL, whatever engine holds the rows.

Expressions of a config are parsed and typed by DuckDB on every engine, and what is read of a row (text, money,
instants, the rules it breaks) is computed by it on every engine too, so that a row means the same everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import duckdb

from clm_ml.engine.expression import expression_to_sql, quoted
from clm_ml.engine.reading import Reading
from clm_ml.engine.words import first_sentence
from clm_ml.errors import ConfigError

__all__ = ["OF_THE_CONFIG", "Language", "Typed", "beside_sql"]

#: What DuckDB raises where a config's text is at fault.
OF_THE_CONFIG = (
    duckdb.BinderException,
    duckdb.CatalogException,
    duckdb.InvalidInputException,
    duckdb.NotImplementedException,
    duckdb.ParserException,
)


class Typed(Protocol):
    """Rows of which the columns and their types are known, in DuckDB's words."""

    @property
    def types(self) -> Mapping[str, str]:
        """Each column's type."""


class Language(Reading):
    """A DuckDB connection to ask about text and types."""

    def __init__(self, connection: Any, zone: str) -> None:
        super().__init__(zone)
        self._connection = connection

    def expression(self, text: str, source: Typed, where: str) -> str:
        """Turn a column's name or an expression of the config into SQL that is safe to run (see `expression`)."""
        sql = expression_to_sql(text, source.types, where, self.asked)
        self.kind_of(sql, source, where)
        return sql

    def kind_of(self, sql: str, source: Typed, where: str) -> str:
        """Find the type of an expression over a source's columns, without reading a row.

        Raises:
            ConfigError: if its parts do not fit together.
        """
        columns = ", ".join(f"CAST(NULL AS {kind}) AS {quoted(name)}" for name, kind in source.types.items())
        try:
            kind: str = self.asked(f"DESCRIBE SELECT {sql} FROM (SELECT {columns})")[0][1]
        except OF_THE_CONFIG as error:
            raise ConfigError(f"{where}: {first_sentence(error)}.") from None
        return kind

    def asked(self, sql: str) -> list[tuple[Any, ...]]:
        """Fetch the rows of a query."""
        rows: list[tuple[Any, ...]] = self._connection.sql(sql).fetchall()
        return rows


def beside_sql(rows: str, layers: Sequence[Mapping[str, str]]) -> str:
    """Write columns beside those of a query, layer by layer: each may use those of the layers before.

    >>> beside_sql("orders", [{"x": "a + 1"}, {"y": "x * 2"}])
    'SELECT *, x * 2 AS "y" FROM (SELECT *, a + 1 AS "x" FROM (orders))'
    """
    for layer in layers:
        rows = f"SELECT *{''.join(f', {sql} AS {quoted(name)}' for name, sql in layer.items())} FROM ({rows})"
    return rows
