"""The engine that is a cluster, or pretends to be one: Apache Spark.

What is read of a row is computed by DuckDB within Spark's workers, batch by batch, so that a row means the same as on
one machine; what concerns many rows at once (duplicates, orders, features) is Spark's own work.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import narwhals as nw
import pyarrow as pa
import pyarrow.parquet as pq

from clm_ml.config import Config
from clm_ml.engine.batches import BATCH_ROWS, OnBatch, rechunked, write_batches
from clm_ml.engine.spark_reading import SparkReading, persisted, plain
from clm_ml.engine.spark_session import in_words_of_spark, open_session
from clm_ml.engine.spark_workers import Each, arrow_schema, in_workers

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

__all__ = ["SparkEngine", "open_spark"]

Frame = nw.LazyFrame[Any]
Batches = Iterator[pa.RecordBatch]

_UNREAD = "the tables cannot be read to their end"


class SparkEngine(SparkReading):
    """One Spark session, and the frames kept in it.

    A session that was there before is used as it is: its settings stay, and it is not stopped.
    """

    def close(self) -> None:
        """Stop the session, if it was not there before."""
        self._connection.close()
        self._session.stop()

    @contextmanager
    def watched(self, tell: Callable[[float], None], queries: int = 1) -> Iterator[None]:  # noqa: ARG002
        """Tell nothing: Spark does not say how far it is."""
        yield

    def keep(self, frame: Frame, *_: str) -> Frame:
        """Run a frame once and keep its rows in Spark, in memory or on disk."""
        with in_words_of_spark(_UNREAD):
            return nw.from_native(self._kept(frame.to_native()))

    def drop(self, kept: Frame) -> None:
        """Give back the memory of a kept frame."""
        kept.to_native().unpersist()

    def repeats(self, rows: Frame, columns: Sequence[str], flag: str, _: Sequence[str] = ()) -> Frame:
        """Flag all but one of the rows that are equal in some columns; they are kept, once they were computed."""
        from pyspark.sql import Window  # noqa: PLC0415
        from pyspark.sql import functions as f  # noqa: PLC0415

        equal = Window.partitionBy(*(_quoted(plain(name)) for name in columns)).orderBy(f.lit(1))
        return nw.from_native(persisted(rows.to_native().withColumn(flag, f.row_number().over(equal) > 1)))

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

    def keep_in_parts(self, frame: Frame, _: int) -> Frame:
        """Keep a frame as `keep` does."""
        return self.keep(frame)

    def parts(self, *_: Frame) -> int:
        """Tell among how many parts customers are divided: Spark does so itself, among its workers."""
        return 1

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


def _sorted(frame: Frame, order_by: Sequence[str]) -> DataFrame:
    rows: DataFrame = frame.to_native()
    return rows.orderBy(*map(_quoted, order_by)) if order_by else rows


def _quoted(name: str) -> str:
    return f"`{name.replace('`', '``')}`"


def open_spark(config: Config) -> SparkEngine:
    """Start a Spark session, or take the one there is.

    Raises:
        ConfigError: if PySpark or Java is missing, a setting is none that Spark knows, or the master cannot be reached.
    """
    return SparkEngine(open_session(config), config.timezone)
