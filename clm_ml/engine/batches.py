"""Rows on their way out: in Arrow batches of one size, whoever made them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

__all__ = ["BATCH_ROWS", "OnBatch", "parquet_writer", "rechunked", "write_batches"]

BATCH_ROWS = 65_536

OnBatch = Callable[[pa.RecordBatch], pa.RecordBatch]


def rechunked(batches: Iterable[pa.RecordBatch], rows: int = BATCH_ROWS) -> Iterator[pa.RecordBatch]:
    """Cut a stream into batches of one size, the last of which may be smaller.

    >>> [len(batch) for batch in rechunked(pa.record_batch({"x": range(n)}) for n in (1, 5, 2))]
    [8]
    >>> [len(batch) for batch in rechunked((pa.record_batch({"x": range(n)}) for n in (1, 5, 2)), rows=3)]
    [3, 3, 2]
    """
    held: list[pa.RecordBatch] = []
    count = 0
    for batch in batches:
        held.append(batch)
        count += batch.num_rows
        while count >= rows:
            whole = pa.Table.from_batches(held)
            yield whole.slice(0, rows).combine_chunks().to_batches()[0]
            held, count = whole.slice(rows).to_batches(), count - rows
    if count:
        yield pa.Table.from_batches(held).combine_chunks().to_batches()[0]


def parquet_writer(path: Path, schema: pa.Schema, compression: str = "zstd") -> pq.ParquetWriter:
    """Open a Parquet file for batches of rows; only words that repeat are kept in dictionaries.

    Numbers hardly repeat, and looking for those that do took longer than all else that is written.
    """
    words = [field.name for field in schema if pa.types.is_string(field.type) and field.name != "customer_id"]
    return pq.ParquetWriter(path, schema, compression=compression, use_dictionary=words)


def write_batches(path: Path, schema: pa.Schema, batches: Iterable[pa.RecordBatch], compression: str = "zstd") -> None:
    """Write a stream to one Parquet file, a row group a batch."""
    with parquet_writer(path, schema, compression) as writer:
        for batch in batches:
            writer.write_table(pa.Table.from_batches([batch]).cast(schema))
