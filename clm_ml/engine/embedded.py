"""Opens DuckDB, reads sources, and gives integer days and exact money to every table.

The only room that knows DuckDB. What leaves it are lazy Narwhals frames.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import narwhals as nw
import pyarrow as pa

from clm_ml.config import Config, Table
from clm_ml.engine.expression import as_literal, expression_to_sql, quoted
from clm_ml.errors import ConfigError, DataError

__all__ = ["BATCH_ROWS", "Engine", "Source", "open_engine"]

BATCH_ROWS = 65_536

_OFFSET = r"(Z|[+-]\d{2}(:?\d{2})?)$"


@dataclass(frozen=True)
class Source:
    """Rows as they lie in a file or table, before anything is believed of them."""

    sql: str
    types: Mapping[str, str] = field(repr=False)
    is_text: bool = False


class Engine:
    """One DuckDB connection, its settings, and the frames kept in it."""

    def __init__(self, connection: Any, zone: str) -> None:
        self._connection = connection
        self._zone = zone
        self._kept = 0

    def close(self) -> None:
        """Give back memory and spill files."""
        self._connection.close()

    # reading ---------------------------------------------------------------------------------------------

    def source(self, name: str, table: Table, config: Config) -> Source:
        """Find a table's rows: a file, folder, glob, a DuckDB table or a query; with `where` applied.

        Raises:
            DataError: if there is nothing there, or it cannot be read.
        """
        sql, is_text = self._origin(name, table, config)
        bare = Source(sql, self._describe(sql, name), is_text)
        if table.where is None:
            return bare
        condition = self.expression(table.where, bare, f"tables.{name}.where")
        return Source(f"SELECT * FROM ({sql}) WHERE {condition}", bare.types, is_text)

    def frame(self, rows: Any) -> Source:
        """Take a frame a notebook holds (pandas, Polars, Arrow, DuckDB) as a source."""
        name = f"given_{self._next()}"
        arrow = nw.from_native(rows).lazy().collect(backend="pyarrow").to_native()
        self._connection.register(name, arrow)
        sql = f"SELECT * FROM {name}"
        return Source(sql, self._describe(sql, "a given frame"))

    def _origin(self, name: str, table: Table, config: Config) -> tuple[str, bool]:
        if table.query is not None:
            return table.query.rstrip().rstrip(";"), False
        source = str(table.source)
        if config.engine.startswith("duckdb:///") and not source.endswith((".csv", ".csv.gz", ".parquet")):
            return f"SELECT * FROM {'.'.join(quoted(part) for part in ('shop', *source.split('.')))}", False
        path = config.path(source)
        if any(sign in source for sign in "*?["):
            found = any(path.parent.glob(path.name)) if not any(s in str(path.parent) for s in "*?[") else True
        else:
            found = path.exists()
        if not found:
            raise DataError(f"tables.{name}.source: there is no {path}.")
        if path.is_dir():
            path = path / "**" / "*.parquet"
        if str(path).endswith((".csv", ".csv.gz", ".tsv", ".tsv.gz", ".txt")):
            return f"SELECT * FROM read_csv({as_literal(str(path))}, all_varchar = true, header = true)", True
        return f"SELECT * FROM read_parquet({as_literal(str(path))}, union_by_name = true)", False

    def _describe(self, sql: str, name: str) -> dict[str, str]:
        with _in_words(f"tables.{name} cannot be read"):
            return {row[0]: row[1] for row in self.rows(f"DESCRIBE {sql}")}

    def expression(self, text: str, source: Source, where: str) -> str:
        """Turn a column's name or an expression of the config into SQL that is safe to run (see `expression`)."""
        return expression_to_sql(text, source.types, where, self.rows)

    # what every table gets ---------------------------------------------------------------------------------

    def as_text(self, sql: str, kind: str) -> str:
        """Read an id or a word as trimmed text; whole floats lose their `.0`; blanks become null."""
        if kind in ("DOUBLE", "FLOAT"):
            whole = f"CAST(TRY_CAST({sql} AS HUGEINT) AS VARCHAR)"
            return f"CASE WHEN {sql} = trunc({sql}) THEN {whole} ELSE CAST({sql} AS VARCHAR) END"
        return f"NULLIF(TRIM(CAST({sql} AS VARCHAR)), '')"

    def as_number(self, sql: str) -> str:
        """Read a finite number; anything else becomes null."""
        number = f"TRY_CAST({sql} AS DOUBLE)"
        return f"CASE WHEN isfinite({number}) THEN {number} END"

    def as_minor(self, sql: str) -> str:
        """Read money as a whole number of hundredths, so that sums are exact; beyond 10^13 is no money."""
        number = f"TRY_CAST({sql} AS DOUBLE)"
        return f"CASE WHEN abs({number}) < 1e13 THEN CAST(round({number} * 100) AS BIGINT) END"

    def as_claim(self, sql: str, kind: str) -> str:
        """Read a yes or no; anything else becomes null."""
        if kind == "BOOLEAN":
            return sql
        text = f"lower(trim(CAST({sql} AS VARCHAR)))"
        yes, no = "('true','t','yes','y','1','1.0')", "('false','f','no','n','0','0.0')"
        return f"CASE WHEN {text} IN {yes} THEN true WHEN {text} IN {no} THEN false END"

    def as_instant(self, sql: str, kind: str, date_format: str | None, where: str) -> str:
        """Read an instant as a timestamp in the business time zone; the unreadable becomes null.

        Instants without an offset are taken to be in the business time zone already.
        """
        zone = as_literal(self._zone)
        if date_format is not None:
            return f"try_strptime(CAST({sql} AS VARCHAR), {as_literal(date_format)})"
        if kind.startswith("TIMESTAMP WITH TIME ZONE"):
            return f"timezone({zone}, {sql})"
        if kind.startswith(("TIMESTAMP", "DATE")):
            return f"CAST({sql} AS TIMESTAMP)"
        if kind != "VARCHAR":
            raise ConfigError(f"{where}: {kind} is no date; say how it is written with date_format, as %Y%m%d.")
        has_offset = f"regexp_matches({sql}, {as_literal(_OFFSET)}) AND length({sql}) > 10"
        aware = f"timezone({zone}, TRY_CAST({sql} AS TIMESTAMPTZ))"
        return f"CASE WHEN {has_offset} THEN {aware} ELSE TRY_CAST({sql} AS TIMESTAMP) END"

    def day_of(self, instant: str) -> str:
        """Count an instant's days since 1970-01-01."""
        return f"CAST(date_diff('day', DATE '1970-01-01', CAST({instant} AS DATE)) AS INTEGER)"

    def second_of(self, instant: str) -> str:
        """Count an instant's seconds since 1970-01-01."""
        return f"CAST(epoch_ms({instant}) // 1000 AS BIGINT)"

    # running -----------------------------------------------------------------------------------------------

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Run a query and fetch its rows: for counts and facts, not for tables."""
        rows: list[tuple[Any, ...]] = self._connection.sql(sql).fetchall()
        return rows

    def lazy(self, sql: str) -> nw.LazyFrame[Any]:
        """See a query as a lazy frame; it runs again at every read."""
        return nw.from_native(self._connection.sql(sql))

    def keep(self, frame: nw.LazyFrame[Any], *order_by: str) -> nw.LazyFrame[Any]:
        """Run a frame once and keep its rows in the engine, spilled to disk when memory is short."""
        name = f"kept_{self._next()}"
        order = f" ORDER BY {', '.join(quoted(column) for column in order_by)}" if order_by else ""
        relation = frame.to_native()
        with _in_words("the tables cannot be read to their end"):
            self._connection.sql(f"CREATE TEMP TABLE {name} AS SELECT * FROM ({relation.sql_query()}){order}")
        return nw.from_native(self._connection.table(name))

    def sample(self, frame: nw.LazyFrame[Any], column: str, share: float) -> nw.LazyFrame[Any]:
        """Keep the rows whose text in `column` hashes (SHA-256) into the first `share` of all hashes."""
        limit = int(share * 2**32)
        digest = f"CAST('0x' || left(sha256({quoted(column)}), 8) AS BIGINT)"
        return self.keep(self.lazy(f"SELECT * FROM ({frame.to_native().sql_query()}) WHERE {digest} < {limit}"))

    def batches(self, frame: nw.LazyFrame[Any], *order_by: str) -> Iterator[pa.RecordBatch]:
        """Stream a frame's rows in order, some ten thousand at a time."""
        relation = frame.to_native()
        order = f" ORDER BY {', '.join(quoted(column) for column in order_by)}" if order_by else ""
        with _in_words("the tables cannot be read to their end"):
            yield from self._connection.sql(f"SELECT * FROM ({relation.sql_query()}){order}").to_arrow_reader(
                BATCH_ROWS
            )

    def collect(self, frame: nw.LazyFrame[Any], *order_by: str) -> pa.Table:
        """Fetch a whole frame, in order."""
        batches = list(self.batches(frame, *order_by))
        return pa.Table.from_batches(batches) if batches else frame.head(0).collect(backend="pyarrow").to_native()

    def _next(self) -> int:
        self._kept += 1
        return self._kept


def open_engine(config: Config) -> Engine:
    """Open an engine with the config's memory, threads and spill folder.

    Raises:
        DataError: if the config's DuckDB file cannot be opened.
    """
    spill = config.path(config.temp_dir) if config.temp_dir else Path(tempfile.gettempdir()) / "clm_ml_spill"
    settings: dict[str, Any] = {"temp_directory": str(spill), "preserve_insertion_order": False}
    settings |= {"memory_limit": config.memory_limit or "50%"}
    settings |= {"threads": config.threads} if config.threads else {}
    with _in_words("the engine does not start"):
        connection = duckdb.connect(":memory:", config=settings)
        connection.sql("SET TimeZone = 'UTC'")
    if config.engine != "duckdb":
        file = config.path(config.engine.removeprefix("duckdb:///"))
        if not file.exists():
            raise DataError(f"engine: there is no {file}.")
        with _in_words(f"engine: {file} cannot be opened"):
            connection.sql(f"ATTACH {as_literal(str(file))} AS shop (READ_ONLY)")
    return Engine(connection, config.timezone)


@contextmanager
def _in_words(what: str) -> Iterator[None]:
    """Turn what the engine says of a person's input into one sentence without a row in it."""
    try:
        yield
    except (duckdb.ConversionException, duckdb.InvalidInputException) as error:
        raise DataError(f"{what}: a value does not have its column's type ({type(error).__name__}).") from None
    except duckdb.Error as error:
        first = str(error).splitlines()[0].removesuffix(".")
        raise DataError(f"{what}: {first}.") from None
