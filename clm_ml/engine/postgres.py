"""PostgreSQL as a place where tables lie: a transaction, rows as a stream of Arrow, and sentences for what goes wrong.

Features do not run there. Nothing said here holds a password, an address as it was given, or a row.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import pyarrow as pa

from clm_ml.config import Table
from clm_ml.engine.expression import quoted
from clm_ml.errors import ConfigError, DataError, did_you_mean

__all__ = ["Stream", "driver", "in_words", "is_postgres", "list_tables", "stream", "transaction"]

_READ_ONLY = "ISOLATION LEVEL REPEATABLE READ READ ONLY"
_WENT_AWAY = "the server went away"

#: Types that Arrow and DuckDB know as PostgreSQL does.
_AS_THEY_ARE = {
    "bool": "BOOLEAN", "int2": "SMALLINT", "int4": "INTEGER", "int8": "BIGINT", "float4": "FLOAT", "float8": "DOUBLE",
    "text": "VARCHAR", "varchar": "VARCHAR",
}  # fmt: skip
_INSTANTS = {"date": "DATE", "timestamp": "TIMESTAMP", "timestamptz": "TIMESTAMP WITH TIME ZONE"}
_NUMBERS = ("numeric", "money")

#: What a message of the server, or of the way to it, means.
_MEANINGS = (
    (r"password (auth|supp)|authentication|role .* not exist|_hba", "it does not let this user in with this password"),
    (r"database .* does not exist", "there is no such database"),
    (r"closed the connection|terminating connection|connection has been closed|could not (receive|send)", _WENT_AWAY),
    (r"canceling statement", "the server broke it off"),
    (r"refused|No such file|timeout|timed out|unreachable|translate host|No route", "no server answers there"),
    (r"too many|starting up|shutting down|not yet accepting|remaining connection", "it takes no connections now"),
    (r"invalid byte sequence", "a text of it is not UTF-8"),
    (r"ERROR:", "the server cannot compute or take a row"),
    (r"invalid|unexpected|missing|URI", "it is no address: postgresql://user:password@host/db, with % for signs in it"),
)

_TABLES = """
SELECT n.nspname::text, c.relname::text, pg_table_is_visible(c.oid)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname <> 'information_schema' AND left(n.nspname, 3) <> 'pg_'
"""


@dataclass(frozen=True)
class Stream:
    """Rows on their way: the engine's type of each column, and batches that hold the columns in this order."""

    types: Mapping[str, str]
    batches: Iterator[pa.RecordBatch] = field(repr=False)


def is_postgres(engine: str) -> bool:
    """Say whether a config's engine is a PostgreSQL server."""
    return engine.startswith("postgresql://")


def driver() -> ModuleType:
    """Find the driver, which is an extra.

    Raises:
        ConfigError: if it is not installed.
    """
    try:
        from adbc_driver_postgresql import dbapi  # noqa: PLC0415
    except ImportError:
        raise ConfigError("engine: PostgreSQL needs its driver; run: pip install clm-ml[postgres].") from None
    return dbapi


@contextmanager
def transaction(url: str, what: str, mode: str = _READ_ONLY) -> Iterator[Any]:
    """Open a connection and one transaction on it, as a cursor; what is not committed at its end is undone.

    Raises:
        DataError: starting with `what`, if the server cannot be reached, refuses, or goes away.
        ConfigError: if there is no driver.
    """
    connect = driver().connect
    with in_words(f"engine: {_place(url)} cannot be opened"):
        connection = connect(url)
    try:
        with in_words(what), connection.cursor() as cursor:
            cursor.execute(f"SET TRANSACTION {mode}")
            cursor.execute("SET client_encoding = 'UTF8'")
            yield cursor
    finally:
        connection.close()


def _place(url: str) -> str:
    """Say where a server is, if that can be told apart from a password.

    >>> _place("postgresql://me:secret@db.shop:5432/sales?sslmode=require"), _place("postgresql://me:a/b?c@db/sales")
    ('PostgreSQL at db.shop:5432/sales', 'PostgreSQL')
    """
    found = re.fullmatch(r"postgresql://(?:[^/?#@]*@)?([^/?#@:]+(?::\d+)?(?:/[^/?#@:]*)?)(?:\?[^@]*)?", url)
    return f"PostgreSQL at {found[1]}" if found else "PostgreSQL"


@contextmanager
def in_words(what: str) -> Iterator[None]:
    """Let what the server or the way to it says leave as one sentence; only of a config's text in its own words.

    Raises:
        DataError: if the server cannot be reached, refuses, or goes away.
    """
    try:
        yield
    except (driver().Error, OSError, pa.ArrowException) as error:
        raise DataError(f"{what}: {_meaning(error)}.") from None


def _meaning(error: Exception) -> str:
    state = getattr(error, "sqlstate", None) or ""
    if state[:2] in ("42", "25", "0A", "53"):
        return _first_words(error)
    meanings = (meaning for pattern, meaning in _MEANINGS if re.search(pattern, str(error)))
    return next(meanings, "the server refuses")


def _first_words(error: Exception) -> str:
    """Give what the server says first: of a config's text and of names, not of rows."""
    details = dict(getattr(error, "details", None) or ())
    told = details.get(b"PG_DIAG_MESSAGE_PRIMARY", b"").decode() or str(error).partition("ERROR:")[2] or "it refuses"
    return told.strip().splitlines()[0].rstrip(".")


def stream(url: str, table: Table, key: str) -> Stream:
    """Read a table, a view or one SELECT in a read-only transaction, in batches as they come.

    Text stays text; so become json, uuid, enums and whatever else the engine does not know. Numerics are decimals
    of their own digits, or of 28 before and 10 after the point where they declare none; NaN and what is larger is
    null. Days and instants before year 1 or after 9999 become 9999-12-31, which no table takes for a day.

    Raises:
        DataError: if the server cannot be reached, there is no such table, or the rows cannot be read to their end.
        ConfigError: if the query is not one SELECT.
    """
    rows = _rows(url, table, key)
    types: Any = next(rows)
    return Stream(types, rows)


def _rows(url: str, table: Table, key: str) -> Iterator[Any]:
    """Give the types first, then the batches; the transaction is as long as this is read."""
    with transaction(url, f"{key} cannot be read") as cursor:
        sql = _query(cursor, table.query, f"{key}.query") if table.query else _table(cursor, table, f"{key}.source")
        fields = list(cursor.adbc_execute_schema(sql))
        columns = [_column(f"c{place}", found) for place, found in enumerate(fields)]
        yield dict(zip(_names(fields), (kind for _, kind in columns), strict=True))
        given = ", ".join(f"c{place}" for place in range(len(fields)))
        taken = ", ".join(f"{column} AS c{place}" for place, (column, _) in enumerate(columns))
        cursor.execute(f"SELECT {taken} FROM ({sql}) AS given({given})")
        yield from cursor.fetch_record_batch()


def _query(cursor: Any, query: str, where: str) -> str:
    """Take a query if it is one SELECT: if the server understands it, alone and within another."""
    sql = query.strip().rstrip("; \t\r\n")
    for asked in (sql, f"SELECT * FROM (\n{sql}\n) AS given"):
        try:
            columns = list(cursor.adbc_execute_schema(asked)) if sql else []
        except cursor.connection.ProgrammingError as error:
            if asked is sql and "multiple commands" not in str(error):
                raise ConfigError(f"{where}: {_first_words(error)}{_near(cursor, error)}") from None
            columns = []
        except cursor.connection.NotSupportedError:
            columns = []
        if not columns:
            raise ConfigError(f"{where}: this must be one SELECT.")
    return f"\n{sql}\n"


def _near(cursor: Any, error: Exception) -> str:
    """Name what is nearest to a table or column that a query asks for and is not there; the transaction is over."""
    missing = re.search(r'relation "(.+?)" does not exist', str(error))
    if missing:
        cursor.connection.rollback()
        return did_you_mean(missing[1], list_tables(cursor)) or "."
    hint = re.search(r'HINT:.*column "(?:.*[.])?(.+?)"', str(error))
    return f"; did you mean {hint[1]!r}?" if hint else "."


def _table(cursor: Any, table: Table, where: str) -> str:
    name, tables = str(table.source), list_tables(cursor)
    if name not in tables:
        short = sorted({place: name for name, place in reversed(tables.items())}.values())
        near = did_you_mean(name, short) or f"; there are {', '.join(short[:12]) or 'none'}."
        raise DataError(f"{where}: there is no table {name!r} in the engine's database{near}")
    return f"SELECT * FROM {'.'.join(map(quoted, tables[name]))}"


def list_tables(cursor: Any) -> dict[str, tuple[str, str]]:
    """List tables and views by the name a config gives them: the schema may be left out where the server needs none."""
    cursor.execute(_TABLES)
    found = cursor.fetchall()
    bare = {table: (schema, table) for schema, table, is_visible in found if is_visible}
    return bare | {f"{schema}.{table}": (schema, table) for schema, table, _ in found}


def _names(fields: list[pa.Field]) -> list[str]:
    """Name columns so that none differs from another only in case."""
    names: dict[str, str] = {}
    for place, found in enumerate(fields):
        name = found.name
        while name.casefold() in names:
            name += f"_{place}"
        names[name.casefold()] = name
    return list(names.values())


def _column(name: str, found: pa.Field) -> tuple[str, str]:
    """Write a column as the server is to send it, and the type the engine reads it as."""
    kind = found.metadata[b"POSTGRESQL:type"].decode()
    if kind in _AS_THEY_ARE:
        return name, _AS_THEY_ARE[kind]
    if kind in _INSTANTS:
        in_years = f"{name} >= '0001-01-01' AND {name} < '10000-01-01' OR {name} IS NULL"
        return f"CASE WHEN {in_years} THEN {name} ELSE '9999-12-31' END", _INSTANTS[kind]
    if kind in _NUMBERS:
        digits, scale = _digits(int(found.metadata.get(b"POSTGRESQL:typmod", b"-1")))
        number = f"{name}::numeric"
        is_held = f"abs({number}) < 1e{digits - scale}::numeric"
        return f"CASE WHEN {is_held} THEN {number}::text END", f"DECIMAL({digits},{scale})"
    return f"{name}::text", "VARCHAR"


def _digits(declared: int) -> tuple[int, int]:
    """Find a numeric's digits, all and after the point, from PostgreSQL's one number for both."""
    digits, scale = (declared - 4) >> 16, (declared - 4) & 0x7FF
    return (digits, scale) if declared >= 4 and scale <= digits <= 38 else (38, 10)
