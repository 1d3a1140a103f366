"""What runs within Spark's workers: DuckDB, a batch at a time, so that a row means the same as on one machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa

from clm_ml.engine.batches import BATCH_ROWS, OnBatch
from clm_ml.engine.expression import quoted
from clm_ml.engine.sources import files_to_sql
from clm_ml.engine.spark_session import quietly
from clm_ml.engine.words import in_words

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

__all__ = [
    "ALL_ROWS",
    "ROWS",
    "Each",
    "ReadFiles",
    "RunQuery",
    "arrow_schema",
    "for_spark",
    "in_workers",
    "open_worker",
    "spark_schema",
]

Batches = Iterator[pa.RecordBatch]

ROWS = "rows_of_a_batch"
ALL_ROWS = f"SELECT * FROM {ROWS}"


@dataclass(frozen=True)
class RunQuery:
    """Runs a query in a worker, on a batch at a time."""

    sql: str
    schema: pa.Schema

    def __call__(self, batches: Batches) -> Batches:
        """Give the query's rows."""
        connection = open_worker()
        for batch in batches:
            connection.register(ROWS, pa.Table.from_batches([batch]))
            yield from for_spark(connection.sql(self.sql).to_arrow_table()).cast(self.schema).to_batches()


@dataclass(frozen=True)
class ReadFiles:
    """Reads files in a worker; columns that one lacks are empty there."""

    schema: pa.Schema
    key: str

    def __call__(self, batches: Batches) -> Batches:
        """Give the rows of the files whose names are in the batches."""
        connection = open_worker()
        connection.register(ROWS, self.schema.empty_table())
        columns = ", ".join(map(quoted, self.schema.names))
        for file in (Path(name) for batch in batches for name in batch.column(0).to_pylist()):
            with in_words(f"{self.key} cannot be read"):
                rows = f"{ALL_ROWS} UNION ALL BY NAME {files_to_sql([file], f'{self.key}.source')}"
                for batch in connection.sql(f"SELECT {columns} FROM ({rows})").to_arrow_reader(BATCH_ROWS):
                    yield from for_spark(pa.Table.from_batches([batch])).cast(self.schema).to_batches()


@dataclass(frozen=True)
class Each:
    """Applies a function in a worker, to a batch at a time."""

    function: OnBatch

    def __call__(self, batches: Batches) -> Batches:
        """Give what the function makes of each batch."""
        return map(self.function, batches)


def open_worker() -> Any:
    """Open a DuckDB that holds nothing and writes nowhere."""
    connection = duckdb.connect(":memory:", config={"threads": 1, "temp_directory": ""})
    connection.sql("SET TimeZone = 'UTC'")
    return connection


@dataclass(frozen=True)
class _Named:
    """Gives a worker's batches the names that PySpark could not bear: it takes a dot for a struct's."""

    names: list[str]
    function: Callable[[Batches], Batches]

    def __call__(self, batches: Batches) -> Batches:
        return self.function(batch.rename_columns(self.names) for batch in batches)


def in_workers(rows: DataFrame, function: Callable[[Batches], Batches], schema: pa.Schema) -> DataFrame:
    """See what a function makes of a frame's batches, which have `schema` then, as another frame."""
    numbered = rows.toDF(*(f"column_{place}" for place in range(len(rows.columns))))
    with quietly():
        return numbered.mapInArrow(_Named(rows.columns, function), spark_schema(schema))


def arrow_schema(rows: DataFrame) -> pa.Schema:
    """Tell a frame's columns in Arrow's types."""
    from pyspark.sql.pandas.types import to_arrow_schema  # noqa: PLC0415

    return to_arrow_schema(rows.schema, timezone="UTC")


def spark_schema(schema: pa.Schema) -> Any:
    """Tell columns in Spark's types."""
    from pyspark.sql.pandas.types import from_arrow_schema  # noqa: PLC0415

    return from_arrow_schema(schema, prefer_timestamp_ntz=True)


def for_spark(table: pa.Table) -> pa.Table:
    """Give every column a type that Spark has: the next wider number, microseconds, days."""
    wider = {pa.uint8(): pa.int16(), pa.uint16(): pa.int32(), pa.uint32(): pa.int64(), pa.uint64(): pa.decimal128(20)}
    wider |= {pa.string_view(): pa.string(), pa.binary_view(): pa.binary(), pa.date64(): pa.date32()}
    fields = [column.with_type(wider.get(column.type, _in_micros(column.type))) for column in table.schema]
    return table.cast(pa.schema(fields), safe=False)  # what is finer than a microsecond is cut off


def _in_micros(kind: pa.DataType) -> pa.DataType:
    return pa.timestamp("us", kind.tz) if pa.types.is_timestamp(kind) else kind
