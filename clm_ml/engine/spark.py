"""The engine that is a cluster, or pretends to be one: Apache Spark.

What is read of a row is computed by DuckDB within Spark's workers, batch by batch, so that a row means the same as on
one machine; what concerns many rows at once (duplicates, orders, features) is Spark's own work.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import narwhals as nw
import pyarrow as pa
import pyarrow.parquet as pq

from clm_ml.config import Config, Table
from clm_ml.engine.batches import BATCH_ROWS, OnBatch, rechunked, write_batches
from clm_ml.engine.language import Language, beside_sql
from clm_ml.engine.sources import files_to_sql, find_files, is_text, names_a_table
from clm_ml.engine.spark_session import Session, in_words_of_spark, open_session, spark_says
from clm_ml.engine.spark_workers import (
    ALL_ROWS,
    ROWS,
    Each,
    ReadFiles,
    RunQuery,
    arrow_schema,
    for_spark,
    in_workers,
    open_worker,
    spark_schema,
)
from clm_ml.engine.words import in_words
from clm_ml.errors import ConfigError, DataError, did_you_mean

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

__all__ = ["SparkEngine", "open_spark"]

Frame = nw.LazyFrame[Any]
Batches = Iterator[pa.RecordBatch]

_UNREAD = "the tables cannot be read to their end"

#: What Parquet files may hold and Spark cannot read, but DuckDB can: nanoseconds, times of day.
_NOT_OF_SPARK = ("PARQUET_TYPE_ILLEGAL", "UNSUPPORTED_TIME_TYPE")


@dataclass(frozen=True)
class SparkSource:
    """Rows of a Spark frame, before anything is believed of them, and the query that chooses among them."""

    rows: DataFrame = field(repr=False)
    types: Mapping[str, str] = field(repr=False)
    sql: str = ALL_ROWS


class SparkEngine(Language):
    """One Spark session, and the frames kept in it.

    A session that was there before is used as it is: its settings stay, and it is not stopped.
    """

    def __init__(self, session: Session, zone: str) -> None:
        super().__init__(open_worker(), zone)
        self._session = session
        self._spark = session.spark

    def close(self) -> None:
        """Stop the session, if it was not there before."""
        self._connection.close()
        self._session.stop()

    # reading ---------------------------------------------------------------------------------------------

    def files(self, *_: Any) -> dict[str, tuple[int, int]]:
        """List no files: on Spark nothing is kept between runs."""
        return {}

    def source(self, name: str, table: Table, config: Config, _: Any = ()) -> SparkSource:
        """Find a table's rows: files, a Spark table or a query; with `where` applied.

        The rows of a CSV or a query are kept in the engine: to make them again costs more.

        Raises:
            DataError: if there is nothing there, or it cannot be read.
            ConfigError: if the query or `where` is none.
        """
        key = f"tables.{name}"
        with in_words_of_spark(f"{key} cannot be read"), in_words(f"{key} cannot be read"):
            rows, is_dear = self._origin(key, table, config)
            found = self._filtered(rows, table.where, f"{key}.where")
            return SparkSource(self._kept(self._by_row(found, found.sql)), found.types) if is_dear else found

    def frame(self, name: str, rows: Any, table: Table) -> SparkSource:
        """Take a frame that a notebook holds (Spark, pandas, Polars, Arrow) as a source; with `where` applied.

        Raises:
            DataError: if a column of it mixes types, or two have the same name.
            ConfigError: if `where` is no condition.
        """
        native = nw.to_native(rows, pass_through=True)
        if not type(native).__module__.startswith("pyspark"):
            try:
                native = self.given(rows).to_native()
            except pa.ArrowException:
                raise DataError(
                    f"tables.{name}: a column of the given frame mixes values of different types."
                ) from None
            except nw.exceptions.DuplicateError:
                raise DataError(f"tables.{name}: two columns of the given frame have the same name.") from None
        return self._filtered(native, table.where, f"tables.{name}.where")

    def given(self, rows: Any) -> Frame:
        """Take rows held in memory as a lazy frame of this engine, to join with others."""
        table = for_spark(nw.from_native(rows).lazy().collect(backend="pyarrow").to_native())
        return nw.from_native(self._spark.createDataFrame(table, spark_schema(table.schema)))

    def _origin(self, key: str, table: Table, config: Config) -> tuple[DataFrame, bool]:
        """Find the rows, and say whether to make them again costs more than to keep them."""
        if table.query is not None:
            return self._query(table.query, f"{key}.query"), True
        source = str(table.source)
        if names_a_table(source):
            return self._table(source, f"{key}.source"), False
        files = find_files(config.path(source), config.home, f"{key}.source")
        if is_text(files[0]):
            return self._by_file(files, key), True
        from pyspark.errors import AnalysisException  # noqa: PLC0415

        try:
            places = [file.resolve().as_uri() for file in files]
            return self._spark.read.option("mergeSchema", len(places) > 1).parquet(*places), False
        except AnalysisException as error:
            if spark_says(error).startswith(_NOT_OF_SPARK):
                return self._by_file(files, key), False
            raise

    def _query(self, query: str, where: str) -> DataFrame:
        """Run a query as a part of another, so that it can be nothing but a SELECT."""
        from pyspark.errors import AnalysisException, ParseException  # noqa: PLC0415

        try:
            return self._spark.sql(f"SELECT * FROM (\n{query.strip().rstrip(';')}\n)")
        except (ParseException, AnalysisException) as error:
            raise ConfigError(
                f"{where}: Spark says {spark_says(error)}; this must be one SELECT that it understands."
            ) from None

    def _table(self, name: str, where: str) -> DataFrame:
        from pyspark.errors import AnalysisException, ParseException  # noqa: PLC0415

        try:
            return self._spark.table(name)
        except (ParseException, AnalysisException):
            tables = [found.name for found in self._spark.catalog.listTables()]
            near = did_you_mean(name, tables) or f"; there are {', '.join(sorted(tables)[:12]) or 'none'}."
            raise DataError(f"{where}: Spark knows no table {name!r}{near}") from None

    def _by_file(self, files: Sequence[Path], key: str) -> DataFrame:
        """Read files within the workers, as the embedded engine does."""
        listed = self.given(pa.table({"file": [str(file.resolve()) for file in files]})).to_native()
        found = self._connection.sql(f"{files_to_sql(files, f'{key}.source')} LIMIT 0").to_arrow_table()
        schema = for_spark(found).schema
        return in_workers(listed.repartition(len(files)), ReadFiles(schema, key), schema)

    def _filtered(self, rows: DataFrame, condition: str | None, where: str) -> SparkSource:
        source = SparkSource(rows, self._types(rows))
        if condition is None:
            return source
        sql = self.expression(condition, source, where)
        if self.kind_of(sql, source, where) != "BOOLEAN":
            raise ConfigError(f"{where}: {condition!r} is no condition.")
        return SparkSource(rows, source.types, f"{ALL_ROWS} WHERE {sql}")

    def _types(self, rows: DataFrame) -> dict[str, str]:
        self._connection.register(ROWS, arrow_schema(rows).empty_table())
        return {row[0]: row[1] for row in self.asked(f"DESCRIBE {ALL_ROWS}")}

    def beside(self, source: Any, *layers: Mapping[str, str]) -> Frame:
        """Give a source's rows with columns computed beside its own, layer by layer (see `beside_sql`).

        A column of the source is asked for by `column`.
        """
        rows = self._by_row(source, beside_sql(source.sql, layers))
        return nw.from_native(rows.toDF(*map(_plain, rows.columns)))

    def column(self, name: str) -> nw.Expr:
        """Refer to a column of the source in the rows beside it."""
        return nw.col(_plain(name))

    def _by_row(self, source: SparkSource, sql: str) -> DataFrame:
        """Run a query that looks at one row at a time within the workers."""
        if sql == ALL_ROWS:
            return source.rows
        self._connection.register(ROWS, arrow_schema(source.rows).empty_table())
        schema = for_spark(self._connection.sql(sql).to_arrow_table()).schema
        return in_workers(source.rows, RunQuery(sql, schema), schema)

    @contextmanager
    def watched(self, tell: Callable[[float], None], queries: int = 1) -> Iterator[None]:  # noqa: ARG002
        """Tell nothing: Spark does not say how far it is."""
        yield

    # running -----------------------------------------------------------------------------------------------

    def keep(self, frame: Frame, *_: str) -> Frame:
        """Run a frame once and keep its rows in Spark, in memory or on disk."""
        with in_words_of_spark(_UNREAD):
            return nw.from_native(self._kept(frame.to_native()))

    def _kept(self, rows: DataFrame) -> DataFrame:
        kept = _persisted(rows)
        kept.count()
        return kept

    def drop(self, kept: Frame) -> None:
        """Give back the memory of a kept frame."""
        kept.to_native().unpersist()

    def repeats(self, rows: Frame, columns: Sequence[str], flag: str, _: Sequence[str] = ()) -> Frame:
        """Flag all but one of the rows that are equal in some columns; they are kept, once they were computed."""
        from pyspark.sql import Window  # noqa: PLC0415
        from pyspark.sql import functions as f  # noqa: PLC0415

        equal = Window.partitionBy(*(_quoted(_plain(name)) for name in columns)).orderBy(f.lit(1))
        return nw.from_native(_persisted(rows.to_native().withColumn(flag, f.row_number().over(equal) > 1)))

    def repeated(self, rows: Frame, *columns: str) -> Frame:
        """Find the keys that several rows have, each once."""
        counted = rows.group_by(*columns).agg(nw.len().alias("rows_of_a_key"))
        return counted.filter(nw.col("rows_of_a_key") > 1).select(*columns)

    def sample(self, frame: Frame, column: str, share: float) -> Frame:
        """Keep the rows whose text in `column` hashes (SHA-256) into the first `share` of all hashes."""
        from pyspark.sql import functions as f  # noqa: PLC0415

        digest = f.conv(f.substring(f.sha2(f.col(_quoted(column)), 256), 1, 8), 16, 10).cast("bigint")
        return self.keep(nw.from_native(frame.to_native().filter(digest < int(share * 2**32))))

    def rows_of(self, source: Any) -> int:  # noqa: ARG002
        """Count nothing: it would cost as much as reading."""
        return 1

    def count(self, frame: Frame) -> int:
        """Count a frame's rows."""
        with in_words_of_spark(_UNREAD):
            return int(frame.to_native().count())

    def collect(self, frame: Frame, *order_by: str) -> pa.Table:
        """Fetch a whole frame, in order."""
        with in_words_of_spark(_UNREAD):
            found = frame.to_native().toArrow()
        return found.sort_by([(name, "ascending") for name in order_by]) if order_by else found

    def batches(self, frame: Frame, *order_by: str) -> Batches:
        """Stream a frame's rows in order, `BATCH_ROWS` at a time."""
        yield from self._streamed(_sorted(frame, order_by))

    def in_parts(self, frames: Mapping[str, Frame]) -> list[dict[str, Any]]:
        """Divide nothing: Spark does, among its workers."""
        return [dict(frames)]

    @contextmanager
    def mapped(self, frames: Sequence[Frame], function: OnBatch, schema: pa.Schema, _: Path) -> Iterator[Frame]:
        """Apply a function to the batches of frames within the workers; what it gives lasts as long as the block."""
        rows = nw.concat(list(frames)).to_native()
        kept = self.keep(nw.from_native(in_workers(rows, Each(function), schema)))
        yield kept
        self.drop(kept)

    def _streamed(self, rows: DataFrame) -> Batches:
        """Let Spark write the rows, and read them from there: so neither side ever holds them all."""
        with tempfile.TemporaryDirectory(prefix="clm-ml-", dir=self._session.scratch) as folder:
            place = Path(folder) / "rows"
            with in_words_of_spark(_UNREAD):
                rows.write.parquet(place.resolve().as_uri())
            parts = (pq.ParquetFile(part) for part in sorted(place.glob("part-*")))
            yield from rechunked(batch for part in parts for batch in part.iter_batches(BATCH_ROWS))

    def write_parquet(self, frame: Frame, path: Path, *order_by: str) -> None:
        """Write a frame to one Parquet file (zstd), ordered by `order_by`, then by all other columns."""
        rest = [name for name in frame.collect_schema().names() if name not in order_by]
        write_batches(path, arrow_schema(frame.to_native()), self.batches(frame, *order_by, *rest))


def _persisted(rows: DataFrame) -> DataFrame:
    from pyspark import StorageLevel  # noqa: PLC0415

    return rows.persist(StorageLevel.MEMORY_AND_DISK)


def _sorted(frame: Frame, order_by: Sequence[str]) -> DataFrame:
    rows: DataFrame = frame.to_native()
    return rows.orderBy(*map(_quoted, order_by)) if order_by else rows


def _plain(name: str) -> str:
    """Name a column so that Spark takes no part of its name for a struct's.

    >>> _plain("paid on"), _plain("order.paid"), _plain("a`b")
    ('paid on', 'clm order|46|paid', 'clm a|96|b')
    """
    plain = name.replace(".", "|46|").replace("`", "|96|")
    return name if plain == name else f"clm {plain}"


def _quoted(name: str) -> str:
    return f"`{name.replace('`', '``')}`"


def open_spark(config: Config) -> SparkEngine:
    """Start a Spark session, or take the one there is.

    Raises:
        ConfigError: if PySpark or Java is missing, a setting is none that Spark knows, or the master cannot be reached.
    """
    return SparkEngine(open_session(config), config.timezone)
