"""The engine that is a cluster, or pretends to be one: Apache Spark.

What is read of a row is computed by DuckDB within Spark's workers, batch by batch, so that a row means the same as on
one machine; what concerns many rows at once (duplicates, orders, features) is Spark's own work.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import narwhals as nw
import pyarrow as pa
import pyarrow.parquet as pq

from clm_ml.config import Config, Table
from clm_ml.engine.batches import BATCH_ROWS, rechunked, write_batches
from clm_ml.engine.language import Language, beside_sql
from clm_ml.engine.sources import csv_dialects, find_files, is_text, names_a_table
from clm_ml.errors import ConfigError, DataError, did_you_mean

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

__all__ = ["SparkEngine", "open_spark", "spark_failure"]

Frame = nw.LazyFrame[Any]
Batches = Iterator[pa.RecordBatch]

_ROWS = "rows_of_a_batch"
_STOPPED = "Spark stopped before it had finished; look whether its processes still run, and what its log says"


@dataclass(frozen=True)
class SparkSource:
    """Rows of a Spark frame, before anything is believed of them."""

    rows: DataFrame = field(repr=False)
    types: Mapping[str, str] = field(repr=False)


class SparkEngine(Language):
    """One Spark session, and the frames kept in it."""

    def __init__(self, spark: SparkSession, zone: str, scratch: Path | None, is_ours: bool) -> None:
        connection = duckdb.connect(":memory:")
        connection.sql("SET TimeZone = 'UTC'")
        super().__init__(connection, zone)
        self._spark = spark
        self._scratch = scratch
        self._is_ours = is_ours

    def close(self) -> None:
        """Stop the session, if it was not there before."""
        self._connection.close()
        if self._is_ours:
            self._spark.stop()

    # reading ---------------------------------------------------------------------------------------------

    def files(self, *_: Any) -> dict[str, tuple[int, int]]:
        """List no files: on Spark nothing is kept between runs."""
        return {}

    def source(self, name: str, table: Table, config: Config, _: Any = ()) -> SparkSource:
        """Find a table's rows: files, a Spark table or a query; with `where` applied.

        Raises:
            DataError: if there is nothing there, or it cannot be read.
            ConfigError: if the query or `where` is none.
        """
        key = f"tables.{name}"
        with _in_words(f"{key} cannot be read"):
            return self._filtered(self._origin(key, table, config), table.where, f"{key}.where")

    def frame(self, name: str, rows: Any, table: Table) -> SparkSource:
        """Take a frame that a notebook holds (Spark, pandas, Polars, Arrow) as a source; with `where` applied."""
        native = nw.to_native(rows, pass_through=True)
        if not type(native).__module__.startswith("pyspark"):
            native = self.given(rows).to_native()
        return self._filtered(native, table.where, f"tables.{name}.where")

    def given(self, rows: Any) -> Frame:
        """Take rows held in memory as a lazy frame of this engine, to join with others."""
        table = nw.from_native(rows).lazy().collect(backend="pyarrow").to_native()
        return nw.from_native(self._spark.createDataFrame(table))

    def _origin(self, key: str, table: Table, config: Config) -> DataFrame:
        if table.query is not None:
            return self._query(table.query, f"{key}.query")
        source = str(table.source)
        if names_a_table(source):
            return self._table(source, f"{key}.source")
        files = find_files(config.path(source), config.home, f"{key}.source")
        if not is_text(files[0]):
            return self._spark.read.option("mergeSchema", "true").parquet(*map(str, files))
        return self._csv(files, f"{key}.source")

    def _query(self, query: str, where: str) -> DataFrame:
        """Run a query as a part of another, so that it can be nothing but a SELECT."""
        from pyspark.errors import AnalysisException, ParseException  # noqa: PLC0415

        try:
            return self._spark.sql(f"SELECT * FROM (\n{query.strip().rstrip(';')}\n)")
        except (ParseException, AnalysisException) as error:
            raise ConfigError(
                f"{where}: {_condition(error)}; this must be one SELECT that Spark understands."
            ) from None

    def _table(self, name: str, where: str) -> DataFrame:
        if not self._spark.catalog.tableExists(name):
            tables = [found.name for found in self._spark.catalog.listTables()]
            near = did_you_mean(name, tables) or f"; there are {', '.join(sorted(tables)[:12]) or 'none'}."
            raise DataError(f"{where}: Spark knows no table {name!r}{near}")
        return self._spark.table(name)

    def _csv(self, files: Sequence[Path], where: str) -> DataFrame:
        """Read CSV as the embedded engine does: RFC 4180, and all columns as text."""
        read = None
        for (delimiter, names), some in csv_dialects(files, where).items():
            schema = ", ".join(f"`{name.replace('`', '``')}` STRING" for name in names)
            reader = self._spark.read.options(
                header=True, sep=delimiter, quote='"', escape='"', multiLine=True, mode="FAILFAST", enforceSchema=True
            )
            rows = reader.schema(schema).csv([str(file) for file in some])
            read = rows if read is None else read.unionByName(rows, allowMissingColumns=True)
        assert read is not None, "find_files finds at least one"
        return read

    def _filtered(self, rows: DataFrame, condition: str | None, where: str) -> SparkSource:
        source = SparkSource(rows, self._types(rows))
        if condition is None:
            return source
        sql = self.expression(condition, source, where)
        if self.kind_of(sql, source, where) != "BOOLEAN":
            raise ConfigError(f"{where}: {condition!r} is no condition.")
        return SparkSource(self._by_row(rows, f"SELECT * FROM {_ROWS} WHERE {sql}"), source.types)

    def _types(self, rows: DataFrame) -> dict[str, str]:
        self._connection.register(_ROWS, _arrow_schema(rows).empty_table())
        return {row[0]: row[1] for row in self.asked(f"DESCRIBE SELECT * FROM {_ROWS}")}

    def beside(self, source: Any, *layers: Mapping[str, str]) -> Frame:
        """Give a source's rows with columns computed beside its own, layer by layer (see `beside_sql`)."""
        return nw.from_native(self._by_row(source.rows, beside_sql(f"SELECT * FROM {_ROWS}", layers)))

    def _by_row(self, rows: DataFrame, sql: str) -> DataFrame:
        """Run a query that looks at one row at a time within the workers."""
        from pyspark.sql.pandas.types import from_arrow_schema, to_arrow_schema  # noqa: PLC0415

        self._connection.register(_ROWS, _arrow_schema(rows).empty_table())
        told = from_arrow_schema(self._connection.sql(sql).to_arrow_table().schema)
        return rows.mapInArrow(_Rows(sql, to_arrow_schema(told, timezone="UTC")), told)

    # running -----------------------------------------------------------------------------------------------

    def keep(self, frame: Frame, *_: str) -> Frame:
        """Keep a frame's rows in Spark once they were computed, in memory or on disk."""
        from pyspark import StorageLevel  # noqa: PLC0415

        return nw.from_native(frame.to_native().persist(StorageLevel.MEMORY_AND_DISK))

    def drop(self, kept: Frame) -> None:
        """Give back the memory of a kept frame; whatever was made of it must have been computed."""
        kept.to_native().unpersist()

    def repeats(self, rows: Frame, columns: Sequence[str], flag: str) -> Frame:
        """Flag all but one of the rows that are equal in some columns."""
        from pyspark.sql import Window  # noqa: PLC0415
        from pyspark.sql import functions as f  # noqa: PLC0415

        equal = Window.partitionBy(*map(_quoted, columns)).orderBy(f.lit(1))
        return nw.from_native(rows.to_native().withColumn(flag, f.row_number().over(equal) > 1))

    def repeated(self, rows: Frame, *columns: str) -> Frame:
        """Find the keys that several rows have, each once."""
        counted = rows.group_by(*columns).agg(nw.len().alias("rows_of_a_key"))
        return counted.filter(nw.col("rows_of_a_key") > 1).select(*columns)

    def sample(self, frame: Frame, column: str, share: float) -> Frame:
        """Keep the rows whose text in `column` hashes (SHA-256) into the first `share` of all hashes."""
        from pyspark.sql import functions as f  # noqa: PLC0415

        digest = f.conv(f.substring(f.sha2(f.col(column), 256), 1, 8), 16, 10).cast("bigint")
        return self.keep(nw.from_native(frame.to_native().filter(digest < int(share * 2**32))))

    def count(self, frame: Frame) -> int:
        """Count a frame's rows."""
        with _in_words("the tables cannot be read to their end"):
            return int(frame.to_native().count())

    def collect(self, frame: Frame, *order_by: str) -> pa.Table:
        """Fetch a whole frame, in order."""
        with _in_words("the tables cannot be read to their end"):
            return _sorted(frame, order_by).toArrow()

    def batches(self, frame: Frame, *order_by: str) -> Batches:
        """Stream a frame's rows in order, `BATCH_ROWS` at a time."""
        yield from self._streamed(_sorted(frame, order_by))

    def mapped(
        self, frame: Frame, function: Callable[[pa.RecordBatch], pa.RecordBatch], schema: pa.Schema, *order_by: str
    ) -> Batches:
        """Apply a function to the batches of a frame within the workers, and stream what it gives, in order."""
        from pyspark.sql.pandas.types import from_arrow_schema  # noqa: PLC0415

        made = frame.to_native().mapInArrow(_Each(function), from_arrow_schema(schema))
        for batch in self._streamed(_sorted(nw.from_native(made), order_by)):
            yield pa.Table.from_batches([batch]).cast(schema).to_batches()[0]

    def _streamed(self, rows: DataFrame) -> Batches:
        """Let Spark write the rows, and read them from there: so neither side ever holds them all."""
        with tempfile.TemporaryDirectory(prefix="clm-ml-", dir=self._scratch) as folder:
            place = Path(folder) / "rows"
            with _in_words("the tables cannot be read to their end"):
                rows.write.parquet(place.resolve().as_uri())
            parts = (pq.ParquetFile(part) for part in sorted(place.glob("part-*")))
            yield from rechunked(batch for part in parts for batch in part.iter_batches(BATCH_ROWS))

    def write_parquet(self, frame: Frame, path: Path, *order_by: str) -> None:
        """Write a frame to one Parquet file (zstd), ordered by `order_by`, then by all other columns."""
        rest = [name for name in frame.collect_schema().names() if name not in order_by]
        write_batches(path, _arrow_schema(frame.to_native()), self.batches(frame, *order_by, *rest))


@dataclass(frozen=True)
class _Rows:
    """Runs a query in a worker, on a batch at a time."""

    sql: str
    schema: pa.Schema

    def __call__(self, batches: Batches) -> Batches:
        connection = duckdb.connect(":memory:", config={"threads": 1})
        connection.sql("SET TimeZone = 'UTC'")
        for batch in batches:
            connection.register(_ROWS, pa.Table.from_batches([batch]))
            yield from connection.sql(self.sql).to_arrow_table().cast(self.schema).to_batches()


@dataclass(frozen=True)
class _Each:
    """Applies a function in a worker, to a batch at a time."""

    function: Callable[[pa.RecordBatch], pa.RecordBatch]

    def __call__(self, batches: Batches) -> Batches:
        return map(self.function, batches)


def _arrow_schema(rows: DataFrame) -> pa.Schema:
    from pyspark.sql.pandas.types import to_arrow_schema  # noqa: PLC0415

    return to_arrow_schema(rows.schema, timezone="UTC")


def _sorted(frame: Frame, order_by: Sequence[str]) -> DataFrame:
    rows: DataFrame = frame.to_native()
    return rows.orderBy(*map(_quoted, order_by)) if order_by else rows


def _quoted(name: str) -> str:
    return f"`{name.replace('`', '``')}`"


def open_spark(config: Config) -> SparkEngine:
    """Start a Spark session, or take the one there is.

    Raises:
        ConfigError: if PySpark or Java is missing, or the master cannot be reached.
    """
    try:
        from pyspark.sql import SparkSession  # noqa: PLC0415
    except ImportError:
        raise ConfigError("engine: spark needs PySpark; install it with: pip install 'clm-ml[spark]'.") from None
    _refuse_without_java()
    os.environ["PYSPARK_PYTHON"] = os.environ["PYSPARK_DRIVER_PYTHON"] = sys.executable
    scratch = config.path(config.temp_dir) if config.temp_dir else None
    master = f"local[{config.threads or '*'}]" if config.engine == "spark" else config.engine
    is_ours = SparkSession.getActiveSession() is None
    builder = SparkSession.builder.appName(f"clm-ml {config.project}").master(master)
    for key, value in _settings(config, scratch).items():
        builder = builder.config(key, value)
    try:
        session = builder.getOrCreate()
    except Exception as error:
        raise ConfigError(f"engine: Spark does not start at {master} ({type(error).__name__}).") from None
    session.sparkContext.setLogLevel("OFF")
    return SparkEngine(session, config.timezone, scratch, is_ours)


def _refuse_without_java() -> None:
    home = os.environ.get("JAVA_HOME")
    if not (shutil.which("java") or (home and (Path(home) / "bin" / "java").exists())):
        raise ConfigError("engine: spark needs Java 17 or later, and none is found; install it, or set JAVA_HOME.")


def _settings(config: Config, scratch: Path | None) -> dict[str, str]:
    partitions = 4 * (config.threads or os.cpu_count() or 1)
    local = {"spark.sql.shuffle.partitions": str(partitions)} if config.engine == "spark" else {}
    memory = {"spark.driver.memory": _java_memory(config.memory_limit)} if config.memory_limit else {}
    spill = {"spark.local.dir": str(scratch)} if scratch else {}
    return local | memory | spill | {
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.execution.arrow.pyspark.enabled": "true",
        "spark.sql.execution.arrow.maxRecordsPerBatch": str(BATCH_ROWS),
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
    }  # fmt: skip


def _java_memory(limit: str) -> str:
    """Write a memory limit as Java reads it: `2GB` is `2g`."""
    return limit.lower().replace("ib", "").removesuffix("b").replace(" ", "")


@contextmanager
def _in_words(what: str) -> Iterator[None]:
    """Let failures of Spark leave as a `DataError` that starts with `what`: never a message that may hold a row."""
    try:
        yield
    except (ConfigError, DataError):
        raise
    except Exception as error:
        if (failure := spark_failure(error)) is not None:
            raise DataError(f"{what}: {failure}.") from None
        raise


def spark_failure(error: BaseException) -> str | None:
    """Say what an exception of Spark means; None if it is none of Spark's."""
    room = type(error).__module__.split(".")[0]
    if isinstance(error, ConnectionError) or (room == "py4j" and "Network" in type(error).__name__):
        return _STOPPED
    if room == "pyspark":
        return f"Spark says {_condition(error)}"
    return "Spark failed, and its log says why" if room == "py4j" else None


def _condition(error: Any) -> str:
    """Give the name of what went wrong, which Spark puts before each message: `TABLE_OR_VIEW_NOT_FOUND`."""
    told = getattr(error, "getCondition", lambda: None)()
    return str(told or type(error).__name__)
