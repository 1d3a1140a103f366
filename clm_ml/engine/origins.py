"""Where the embedded engine's rows come from: files, a table, a query, a stream, a notebook's frame."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import duckdb
import narwhals as nw
import pyarrow as pa

from clm_ml.config import Config, Table
from clm_ml.engine.expression import as_literal, quoted
from clm_ml.engine.language import OF_THE_CONFIG, Language
from clm_ml.engine.plans import refuse_other_than_tables
from clm_ml.engine.postgres import Stream, is_postgres, stream
from clm_ml.engine.sources import Source, files_to_sql, find_files, is_text, names_a_table, table_to_sql
from clm_ml.engine.words import first_sentence, in_words
from clm_ml.errors import ConfigError, DataError

__all__ = ["ALL_OF", "UNREAD", "Origins"]

ALL_OF = "SELECT * FROM "
UNREAD = "the tables cannot be read to their end"


class Origins(Language):
    """A DuckDB connection that finds rows, and keeps those that are dear to make again."""

    def __init__(self, connection: Any, zone: str) -> None:
        super().__init__(connection, zone)
        self._names = 0

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Run a query and fetch its rows: for counts and facts, not for tables."""
        with in_words(UNREAD):
            return self.asked(sql)

    def lazy(self, sql: str) -> nw.LazyFrame[Any]:
        """See a query as a lazy frame; it runs again at every read."""
        return nw.from_native(self._connection.sql(sql))

    def files(self, name: str, table: Table, config: Config) -> dict[str, tuple[int, int]]:
        """List the files of a table with their sizes and times of change; none if it lies in no files."""
        source = str(table.source)
        if table.query is not None or (config.engine != "duckdb" and names_a_table(source)):
            return {}
        with in_words(f"tables.{name} cannot be read"):
            found = find_files(config.path(source), config.home, f"tables.{name}.source")
        return {str(file): (file.stat().st_size, file.stat().st_mtime_ns) for file in found}

    def source(
        self, name: str, table: Table, config: Config, but: Collection[str] = (), customer: str | None = None
    ) -> Source:
        """Find a table's rows: files (all but some), a table of the engine's or a query; with `where` applied.

        The rows of a CSV, a query or of PostgreSQL are kept in the engine: to make them again costs more. So are those
        of one `customer`, if only theirs are asked for: the others are passed over while the source is read.

        Raises:
            DataError: if there is nothing there, or it cannot be read.
            ConfigError: if the query or `where` is none.
        """
        key = f"tables.{name}"
        with in_words(f"{key} cannot be read"):
            found = self._filtered(self._origin(key, table, config, but), table.where, f"{key}.where")
            if customer is not None:
                return self._of_customer(found, table.columns["customer_id"], customer, f"{key}.columns.customer_id")
            if not found.is_text and (table.query is None or is_postgres(config.engine)):
                return found
            return Source(self._kept_as(found.sql), found.types, found.is_text)

    def frame(self, name: str, rows: Any, table: Table) -> Source:
        """Take a frame that a notebook holds (pandas, Polars, Arrow, DuckDB) as a source; with `where` applied.

        Raises:
            DataError: if a column of it mixes types, or two have the same name.
            ConfigError: if `where` is no condition.
        """
        view = f"given_{self._next()}"
        try:
            arrow = nw.from_native(rows).lazy().collect(backend="pyarrow").to_native()
        except pa.ArrowException:
            raise DataError(f"tables.{name}: a column of the given frame mixes values of different types.") from None
        except nw.exceptions.DuplicateError:
            raise DataError(f"tables.{name}: two columns of the given frame have the same name.") from None
        self._connection.register(view, arrow)
        return self._filtered(self._described(f"SELECT * FROM {view}"), table.where, f"tables.{name}.where")

    def given(self, rows: Any) -> nw.LazyFrame[Any]:
        """Take rows held in memory as a lazy frame of this engine, to join with others."""
        view = f"given_{self._next()}"
        self._connection.register(view, nw.from_native(rows).lazy().collect(backend="pyarrow").to_native())
        return self.lazy(f"SELECT * FROM {view}")

    def _origin(self, key: str, table: Table, config: Config, but: Collection[str]) -> Source:
        if is_postgres(config.engine) and (table.query is not None or names_a_table(str(table.source))):
            return self._streamed(stream(config.engine, table, key))
        if table.query is not None:
            return self._query(table.query, f"{key}.query")
        source = str(table.source)
        if config.engine != "duckdb" and names_a_table(source):
            return self._of_tables(table_to_sql(source, f"{key}.source", self.rows), f"{key}.source")
        files = find_files(config.path(source), config.home, f"{key}.source")
        asked = [file for file in files if str(file) not in but]
        rows = files_to_sql(asked or files[:1], f"{key}.source")
        return self._described(rows if asked else f"SELECT * FROM ({rows}) WHERE false", is_text(files[0]))

    def _query(self, query: str, where: str) -> Source:
        try:
            kinds = [statement.type for statement in self._connection.extract_statements(query)]
            if kinds == [duckdb.StatementType.SELECT]:
                return self._of_tables(f"SELECT * FROM (\n{query.strip().rstrip(';')}\n)", where)
        except OF_THE_CONFIG as error:
            raise ConfigError(f"{where}: {first_sentence(error)}.") from None
        raise ConfigError(f"{where}: this must be one SELECT.")

    def _of_tables(self, sql: str, where: str) -> Source:
        """Describe a query or a view that reads tables; a view may lie in a file that came from elsewhere."""
        refuse_other_than_tables(sql, where, self.asked)
        return self._described(sql)

    def _streamed(self, rows: Stream) -> Source:
        name, given = f"kept_{self._next()}", f"given_{self._next()}"
        columns = ", ".join(f"{quoted(column)} {kind}" for column, kind in rows.types.items())
        self._connection.sql(f"CREATE TEMP TABLE {name} ({columns})")
        for batch in rows.batches:
            self._connection.register(given, batch)
            self._connection.sql(f"INSERT INTO {name} FROM {given}")
            self._connection.unregister(given)
        return Source(f"SELECT * FROM {name}", rows.types)

    def _described(self, sql: str, text: bool = False) -> Source:
        return Source(sql, {row[0]: row[1] for row in self.asked(f"DESCRIBE {sql}")}, text)

    def _filtered(self, source: Source, condition: str | None, where: str) -> Source:
        if condition is None:
            return source
        sql = self.expression(condition, source, where)
        if self.kind_of(sql, source, where) != "BOOLEAN":
            raise ConfigError(f"{where}: {condition!r} is no condition.")
        return Source(f"SELECT * FROM ({source.sql}) WHERE {sql}", source.types, source.is_text)

    def _of_customer(self, source: Source, column: str, customer: str, where: str) -> Source:
        """Keep the rows whose id is read as this one; of text, looking for it costs a third of reading every id."""
        sql, who = self.expression(column, source, where), as_literal(customer)
        kind = self.kind_of(sql, source, where)
        may_be = f"contains({sql}, {who}) AND " if kind == "VARCHAR" else ""
        theirs = f"SELECT * FROM ({source.sql}) WHERE {may_be}{self.as_id(sql, kind)} = {who}"
        return Source(self._kept_as(theirs), source.types, source.is_text)

    def _kept_as(self, sql: str) -> str:
        name = f"kept_{self._next()}"
        self._connection.sql(f"CREATE TEMP TABLE {name} AS {sql}")
        return f"{ALL_OF}{name}"

    def _next(self) -> int:
        self._names += 1
        return self._names
