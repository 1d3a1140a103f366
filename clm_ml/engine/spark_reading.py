"""What is read on Spark: files, tables, queries and frames, and what is computed of a row within the workers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import narwhals as nw
import pyarrow as pa

from clm_ml.config import Config, Table
from clm_ml.engine.language import Language, beside_sql
from clm_ml.engine.sources import files_to_sql, find_files, is_text, names_a_table
from clm_ml.engine.spark_session import Session, in_words_of_spark, spark_says
from clm_ml.engine.spark_workers import (
    ALL_ROWS,
    ROWS,
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

__all__ = ["SparkReading", "SparkSource", "persisted", "plain"]

Frame = nw.LazyFrame[Any]

#: What Parquet files may hold and Spark cannot read, but DuckDB can: nanoseconds, times of day.
_NOT_OF_SPARK = ("PARQUET_TYPE_ILLEGAL", "UNSUPPORTED_TIME_TYPE")


@dataclass(frozen=True)
class SparkSource:
    """Rows of a Spark frame, before anything is believed of them, and the query that chooses among them."""

    rows: DataFrame = field(repr=False)
    types: Mapping[str, str] = field(repr=False)
    sql: str = ALL_ROWS


class SparkReading(Language):
    """The half of the engine that finds rows, and computes of one at a time."""

    def __init__(self, session: Session, zone: str) -> None:
        super().__init__(open_worker(), zone)
        self._session = session
        self._spark = session.spark

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

        A column of the source is selected by `named`.
        """
        rows = self._by_row(source, beside_sql(source.sql, layers))
        return nw.from_native(rows.toDF(*map(plain, rows.columns)))

    def named(self, rows: Frame, columns: Mapping[str, str]) -> Frame:
        """Select columns (the source's too) under new names."""
        return rows.select(**{name: nw.col(plain(column)) for name, column in columns.items()})

    def _by_row(self, source: SparkSource, sql: str) -> DataFrame:
        """Run a query that looks at one row at a time within the workers."""
        if sql == ALL_ROWS:
            return source.rows
        self._connection.register(ROWS, arrow_schema(source.rows).empty_table())
        schema = for_spark(self._connection.sql(sql).to_arrow_table()).schema
        return in_workers(source.rows, RunQuery(sql, schema), schema)

    def _kept(self, rows: DataFrame) -> DataFrame:
        """Run a frame once and keep its rows."""
        kept = persisted(rows)
        kept.count()
        return kept


def persisted(rows: DataFrame) -> DataFrame:
    """Keep rows once they are computed, in memory or on disk."""
    from pyspark import StorageLevel  # noqa: PLC0415

    return rows.persist(StorageLevel.MEMORY_AND_DISK)


def plain(name: str) -> str:
    """Name a column so that Spark takes no part of its name for a struct's.

    >>> plain("paid on"), plain("order.paid"), plain("a`b")
    ('paid on', 'clm order|46|paid', 'clm a|96|b')
    """
    plain = name.replace(".", "|46|").replace("`", "|96|")
    return name if plain == name else f"clm {plain}"
