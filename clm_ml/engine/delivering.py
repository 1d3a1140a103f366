"""Delivers a Parquet file to a table in PostgreSQL: the rows of one as_of, in one transaction, whole or not at all."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from clm_ml.config import Config
from clm_ml.engine.batches import BATCH_ROWS
from clm_ml.engine.expression import as_literal, quoted
from clm_ml.engine.postgres import in_words, is_postgres, transaction
from clm_ml.errors import ConfigError, DataError, UsageError, did_you_mean

__all__ = ["IfExists", "Target", "open_target"]

IfExists = Literal["replace", "append"]

_KEY = ("as_of", "customer_id")
_LONGEST_NAME = 63  # in bytes; PostgreSQL cuts off what is longer
_TYPES = {
    pa.string(): "text",
    pa.date32(): "date",
    pa.int8(): "smallint",
    pa.int64(): "bigint",
    pa.float64(): "double precision",
}


@dataclass(frozen=True)
class Target:
    """A table that takes one as_of after another; grain: a customer at an as_of, the key of a table made here.

    With `replace` the rows of an as_of take the place of those that are there; with `append` an as_of that is there
    is refused. Rows of other as_ofs stay in either case.
    """

    url: str = field(repr=False)
    name: str
    columns: pa.Schema = field(repr=False)
    if_exists: IfExists

    def rehearse(self, as_of: str | None) -> None:
        """Do all but the rows, and undo it: so nothing that can be known before is told only after long work.

        Raises:
            DataError: if the table cannot be made, has other columns, may not be written, or holds what would be
                appended.
        """
        with transaction(self.url, f"table {self.name!r} cannot take scores", "READ WRITE") as cursor:
            self._make_room(cursor, as_of if self.if_exists == "append" else None)

    def deliver(self, file: Path, as_of: str) -> int:
        """Write all rows of a file, which are of one as_of, in batches; tell how many.

        Raises:
            DataError: as `rehearse`, or if the rows do not all arrive; the table is then as it was.
        """
        what = f"the scores are in {file.parent}, but table {self.name!r} is as it was"
        with pq.ParquetFile(file) as rows, transaction(self.url, what, "READ WRITE") as cursor:
            schema, table = self._make_room(cursor, as_of)
            batches = pa.RecordBatchReader.from_batches(rows.schema_arrow, rows.iter_batches(BATCH_ROWS))
            cursor.adbc_ingest(table, batches, mode="append", db_schema_name=schema)
            with in_words(f"table {self.name!r} may have taken the scores or not; look, or score again"):
                cursor.connection.commit()
            return int(rows.metadata.num_rows)

    def _make_room(self, cursor: Any, as_of: str | None) -> tuple[str, str]:
        """Find or make the table, alone until the transaction ends; take away the rows of the as_of to replace."""
        schema, table = self._place(cursor)
        place = f"{quoted(schema)}.{quoted(table)}"
        _asked(cursor, f"SELECT pg_advisory_xact_lock(hashtext({as_literal(place)}))::text")
        self._make(cursor, schema, table, place)
        day = "NULL" if as_of is None else f"DATE {as_literal(as_of)}"
        if self.if_exists == "replace":
            cursor.execute(f"DELETE FROM {place} WHERE as_of = {day}")
        elif _asked(cursor, f"SELECT 1 FROM {place} WHERE as_of = {day} LIMIT 1"):
            raise DataError(f"table {self.name!r} holds scores of {as_of} already; replace them instead.")
        cursor.execute(f"INSERT INTO {place} (customer_id) SELECT NULL WHERE false")
        return schema, table

    def _place(self, cursor: Any) -> tuple[str, str]:
        """Find the schema: the one named, or the server's own choice."""
        schema, _, table = self.name.rpartition(".")
        if not schema:
            ((found,),) = _asked(cursor, "SELECT current_schema()::text")
            if found is None:
                raise DataError(f"table {self.name!r} needs a schema: schema.{self.name}.")
            return found, table
        schemas = [name for (name,) in _asked(cursor, "SELECT nspname::text FROM pg_namespace")]
        if schema not in schemas:
            near = did_you_mean(schema, schemas) or "."
            raise DataError(f"table {self.name!r} cannot be made: there is no schema {schema!r}{near}")
        return schema, table

    def _make(self, cursor: Any, schema: str, table: str, place: str) -> None:
        """Make the table, or refuse one that is not as this would be."""
        wanted = {column.name: _TYPES[column.type] for column in self.columns}
        found = _asked(
            cursor,
            "SELECT c.relkind::text, a.attname::text, format_type(a.atttypid, a.atttypmod) FROM pg_class c "
            "LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped "
            f"WHERE c.relnamespace = {as_literal(quoted(schema))}::regnamespace AND c.relname = {as_literal(table)}",
        )
        if not found:
            key = ", ".join(_KEY)
            columns = ", ".join(f"{quoted(name)} {kind}" for name, kind in wanted.items())
            cursor.execute(f"CREATE TABLE {place} ({columns}, PRIMARY KEY ({key}))")
        elif found[0][0] not in ("r", "p"):
            raise DataError(f"{self.name!r} is no table; name another.")
        else:
            _refuse_other_columns(self.name, wanted, {name: kind for _, name, kind in found})


def open_target(config: Config, name: str, columns: pa.Schema, if_exists: str = "replace") -> Target:
    """Name a table of the config's PostgreSQL, as `scores` or `schema.scores`; the server is not asked yet.

    Raises:
        ConfigError: if the config's engine is no PostgreSQL.
        UsageError: if the name or `if_exists` is none.
    """
    if not is_postgres(config.engine):
        raise ConfigError("engine: scores go to a table of PostgreSQL only; engine must be postgresql://….")
    parts = name.split(".")
    if len(parts) > 2 or not all(0 < len(part.encode()) <= _LONGEST_NAME and part.isprintable() for part in parts):
        raise UsageError(f"a table is named as scores or schema.scores; found {name!r}.")
    if if_exists not in ("replace", "append"):
        raise UsageError(f"a table's as_of is replaced or appended: replace or append; found {if_exists!r}.")
    return Target(config.engine, name, columns, if_exists)  # type: ignore[arg-type]


def _asked(cursor: Any, sql: str) -> list[tuple[Any, ...]]:
    cursor.execute(sql)
    return list(cursor.fetchall())


def _refuse_other_columns(name: str, wanted: dict[str, str], found: dict[str, str]) -> None:
    told = [f"{column} is missing" for column in wanted if column not in found]
    told += [f"{column} is unknown" for column in found if column not in wanted]
    told += [
        f"{column} is {found[column]} and not {kind}"
        for column, kind in wanted.items()
        if found.get(column, kind) != kind
    ]
    if told:
        raise DataError(f"table {name!r} has other columns ({', '.join(told[:4])}); name another, or drop it.")
