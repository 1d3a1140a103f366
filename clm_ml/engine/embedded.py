"""The engine that runs inside the process: one DuckDB connection.

The only room that knows DuckDB. What leaves it are lazy Narwhals frames, Arrow and Parquet.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import ceil
from pathlib import Path
from typing import Any

import duckdb
import narwhals as nw
import pyarrow as pa

from clm_ml.config import Config
from clm_ml.engine.batches import BATCH_ROWS, OnBatch, write_batches
from clm_ml.engine.expression import as_literal, quoted
from clm_ml.engine.language import OF_THE_CONFIG, beside_sql
from clm_ml.engine.origins import ALL_OF, UNREAD, Origins
from clm_ml.engine.repeats import repeated
from clm_ml.engine.sources import SHOP
from clm_ml.engine.watching import watched
from clm_ml.engine.words import first_sentence, in_words
from clm_ml.errors import ConfigError, DataError

__all__ = ["Engine", "open_embedded"]

Frame = nw.LazyFrame[Any]

_DIGESTS = 1_000_000

#: What describing a customer takes of the memory, about.
_BYTES_FOLDED = 800
_PART = "part_of_customers"


class Engine(Origins):
    """One DuckDB connection, its settings, and the frames kept in it.

    A frame may be used by the engine that made it, as long as that is open. While `batches` are being read the
    engine answers nothing else.
    """

    def __init__(self, connection: Any, zone: str, spill: Path) -> None:
        super().__init__(connection, zone)
        self._spill = spill
        self._divided: dict[str, tuple[int, tempfile.TemporaryDirectory[str]]] = {}

    def close(self) -> None:
        """Give back memory and spill files."""
        self._connection.close()
        for _, folder in self._divided.values():
            folder.cleanup()

    @contextmanager
    def watched(self, tell: Callable[[float], None], queries: int = 1) -> Iterator[None]:
        """Tell now and then, while the block runs, which share of it is done, if it runs so many long queries."""
        with watched(self._connection, tell, queries):
            yield

    def execute(self, sql: str) -> None:
        """Run a statement that gives no rows."""
        self._connection.sql(sql)

    def keep(self, frame: Frame, *order_by: str) -> Frame:
        """Run a frame once and keep its rows in the engine, spilled to disk when memory is short."""
        with in_words(UNREAD):
            return self.lazy(self._kept_as(_ordered(frame, order_by)))

    def keep_in_parts(self, frame: Frame, parts: int) -> Frame:
        """Keep a frame as `keep` does; with several parts its customers lie apart, for `in_parts`, in files."""
        if parts == 1:
            return self.keep(frame)
        folder = self._place_for_parts()
        rows = f"SELECT *, {_part_of(parts)} AS {quoted(_PART)} FROM ({_ordered(frame)})"
        how = f"FORMAT parquet, COMPRESSION uncompressed, PARTITION_BY ({quoted(_PART)})"
        try:
            with in_words(UNREAD):
                self._connection.sql(f"COPY ({rows}) TO {as_literal(folder.name)} ({how})")
        except BaseException:
            folder.cleanup()
            raise
        if not any(Path(folder.name).iterdir()):  # there are no rows
            folder.cleanup()
            return self.keep(frame)
        kept = self.lazy(_files_of(Path(folder.name)))
        self._divided[_ordered(kept)] = parts, folder
        return kept

    def _place_for_parts(self) -> tempfile.TemporaryDirectory[str]:
        """Make a folder for rows of people, its owner's alone; it goes with the engine."""
        try:
            self._spill.mkdir(parents=True, exist_ok=True)
            return tempfile.TemporaryDirectory(prefix="clm-ml-parts-", dir=self._spill, ignore_cleanup_errors=True)
        except OSError as error:
            raise ConfigError(f"temp_dir: {self._spill} cannot be written: {error.strerror}.") from None

    def drop(self, kept: Frame) -> None:
        """Give back the memory of a kept frame; it and what was made of it can be read no more."""
        if (sql := _ordered(kept)) in self._divided:
            self._divided.pop(sql)[1].cleanup()
            return
        self._connection.sql(f"DROP TABLE {kept.to_native().sql_query().removeprefix(ALL_OF)}")

    def beside(self, source: Any, *layers: Mapping[str, str]) -> Frame:
        """Give a source's rows with columns computed beside its own, layer by layer (see `beside_sql`)."""
        return self.lazy(beside_sql(source.sql, layers))

    def named(self, rows: Frame, columns: Mapping[str, str]) -> Frame:
        """Select columns (the source's too) under new names; as SQL, since frames take long over thousands of them."""
        listed = ", ".join(f"{quoted(column)} AS {quoted(name)}" for name, column in columns.items())
        return self.lazy(f"SELECT {listed} FROM ({_ordered(rows)})")

    def repeats(self, rows: Frame, columns: Sequence[str], flag: str, telling: Sequence[str] = ()) -> Frame | None:
        """Flag all but one of the rows that are equal in some columns; None if there are none.

        They are looked for by the hash of those that tell rows apart best (`telling`), which is cheap, then by the
        hash of all columns among the rows found, then to the letter.
        """
        sql, key, first = _ordered(rows), _listed(columns), _listed(telling or columns)
        digests = self.repeated_digests(sql, telling or columns)
        if digests is not None and telling:
            suspects = f"SELECT * FROM ({sql}) WHERE hash({first}) IN ({digests})"
            equal = self.repeated_digests(suspects, columns)
            found = f"SELECT DISTINCT hash({first}) FROM ({suspects}) WHERE hash({key}) IN ({equal})"
            digests = None if equal is None else self._kept_as(found)
        if digests is None:
            return None
        is_again = f"row_number() OVER (PARTITION BY {key}) > 1 AS {quoted(flag)}"
        return self.lazy(
            f"SELECT *, false AS {quoted(flag)} FROM ({sql}) WHERE hash({first}) NOT IN ({digests}) "
            f"UNION ALL SELECT *, {is_again} FROM ({sql}) WHERE hash({first}) IN ({digests})"
        )

    def repeated(self, rows: Frame, *columns: str) -> Frame | None:
        """Find the keys that several rows have, each once; None if there are none."""
        key, sql = _listed(columns), _ordered(rows)
        digests = self.repeated_digests(sql, columns)
        if digests is None:
            return None
        suspects = f"SELECT {key} FROM ({sql}) WHERE hash({key}) IN ({digests})"
        return self.keep(self.lazy(f"{suspects} GROUP BY ALL HAVING count(*) > 1"))

    def repeated_digests(self, sql: str, columns: Iterable[str]) -> str | None:
        """Find the hashes of columns that several rows of a query have, as a query; None if there are none."""
        digests = self._connection.sql(f"SELECT hash({_listed(columns)}) FROM ({sql})")
        with in_words(UNREAD):
            found = repeated((batch.column(0).to_numpy() for batch in digests.to_arrow_reader(_DIGESTS)), self._spill)
        return self._kept_as(self.given(pa.table({"digest": found})).to_native().sql_query()) if len(found) else None

    def sample(self, frame: Frame, column: str, share: float) -> Frame:
        """Keep the rows whose text in `column` hashes (SHA-256) into the first `share` of all hashes.

        Whether a row is in depends on nothing but that text, so a larger share holds all of a smaller one.
        """
        limit = int(share * 2**32)
        digest = f"CAST('0x' || left(sha256({quoted(column)}), 8) AS BIGINT)"
        return self.keep(self.lazy(f"SELECT * FROM ({_ordered(frame)}) WHERE {digest} < {limit}"))

    def batches(self, frame: Frame, *order_by: str) -> Iterator[pa.RecordBatch]:
        """Stream a frame's rows in order, at most `BATCH_ROWS` at a time."""
        with in_words(UNREAD):
            yield from self._reader(frame, order_by)

    def parts(self, *frames: Frame) -> int:
        """Tell among how many parts customers are divided, so that each part is described in memory."""
        limit = int(self.rows("SELECT parse_formatted_bytes(current_setting('memory_limit'))")[0][0])
        many = [sql for sql in map(_ordered, frames) if self._rows_in(sql) * _BYTES_FOLDED > limit]
        customers = [self.rows(f"SELECT approx_count_distinct(customer_id) FROM ({sql})")[0][0] for sql in many]
        return ceil(max(customers, default=1) * _BYTES_FOLDED / limit)

    def in_parts(self, frames: Mapping[str, Frame]) -> list[dict[str, Any]]:
        """Divide frames among parts of customers, each wholly in one: as many as it takes to fold them in memory.

        Those that were kept in parts are read by the part, of the others every part reads all rows.
        """
        sql = {name: _ordered(frame) for name, frame in frames.items()}
        known = [self._divided[rows][0] for rows in sql.values() if rows in self._divided]
        of = known[0] if known else self.parts(*frames.values())
        if of == 1:
            return [dict(frames)]
        return [{name: self.lazy(self._part(rows, part, of)) for name, rows in sql.items()} for part in range(of)]

    def _part(self, sql: str, part: int, of: int) -> str:
        parts, folder = self._divided.get(sql, (0, None))
        if folder is None or parts != of:
            return f"SELECT * FROM ({sql}) WHERE {_part_of(of)} = {part}"
        there = Path(folder.name) / f"{_PART}={part}"
        return _files_of(there) if there.exists() else f"SELECT * FROM ({sql}) WHERE false"

    def _rows_in(self, sql: str) -> int:
        return int(self.rows(f"SELECT count(*) FROM ({sql})")[0][0])

    @contextmanager
    def mapped(self, frames: Sequence[Frame], function: OnBatch, schema: pa.Schema, near: Path) -> Iterator[Frame]:
        """Apply a function to the batches of frames, as they come; what it gives lasts as long as the block.

        It is kept in a file in the folder `near`: while batches are read the engine takes nothing in.
        """
        with tempfile.TemporaryDirectory(prefix=".mapped-", dir=near) as folder:
            file = Path(folder) / "rows.parquet"
            made = (function(batch) for frame in frames for batch in self.batches(frame))
            write_batches(file, schema, made, compression="none")  # it is read once
            yield self.lazy(f"SELECT * FROM read_parquet({as_literal(str(file))})")

    def rows_of(self, source: Any) -> int:
        """Count a source's rows, which of a file without `where` costs nothing."""
        return self._rows_in(source.sql)

    def count(self, frame: Frame) -> int:
        """Count a frame's rows."""
        return self._rows_in(_ordered(frame))

    def collect(self, frame: Frame, *order_by: str) -> pa.Table:
        """Fetch a whole frame, in order."""
        with in_words(UNREAD):
            return self._reader(frame, order_by).read_all()

    def _reader(self, frame: Frame, order_by: tuple[str, ...]) -> pa.RecordBatchReader:
        return self._connection.sql(_ordered(frame, order_by)).to_arrow_reader(BATCH_ROWS)

    def write_parquet(self, frame: Frame, path: Path, *order_by: str) -> None:
        """Write a frame to one Parquet file (zstd) without holding it in memory.

        Rows are ordered by `order_by`, then by all other columns, so equal rows make equal bytes, whatever their
        order before and the number of threads. A frame without rows makes a file without rows.

        Raises:
            DataError: if the rows cannot be read, or the file cannot be written.
        """
        rest = [name for name in frame.collect_schema().names() if name not in order_by]
        rows = _ordered(frame, (*order_by, *rest))
        with in_words(f"{path} cannot be written"):
            self._connection.sql(f"COPY ({rows}) TO {as_literal(str(path))} (FORMAT parquet, COMPRESSION zstd)")


def _listed(columns: Iterable[str]) -> str:
    return ", ".join(map(quoted, columns))


def _ordered(frame: Frame, order_by: tuple[str, ...] = ()) -> str:
    order = f" ORDER BY {', '.join(quoted(column) for column in order_by)}" if order_by else ""
    return f"SELECT * FROM ({frame.to_native().sql_query()}){order}"


def _part_of(parts: int) -> str:
    return f"(hash(customer_id) % {parts})::INTEGER"


def _files_of(folder: Path) -> str:
    pattern = as_literal(f"{folder}/**/*.parquet")
    return f"SELECT * FROM read_parquet({pattern}, hive_partitioning = false)"


def open_embedded(config: Config) -> Engine:
    """Open an engine with the config's memory, threads and spill folder.

    Raises:
        ConfigError: if a setting is none that the engine knows.
        DataError: if the config's DuckDB file cannot be opened.
    """
    spill = config.path(config.temp_dir) if config.temp_dir else tempfile.gettempdir()
    settings: dict[str, Any] = {"temp_directory": str(spill), "preserve_insertion_order": False}
    settings |= {"memory_limit": config.memory_limit or "50%"}
    settings |= {"threads": config.threads} if config.threads else {}
    settings |= dict.fromkeys(
        ("autoinstall_known_extensions", "autoload_known_extensions"), False
    )  # nothing is fetched
    try:
        connection = duckdb.connect(":memory:", config=settings)
        connection.sql("SET TimeZone = 'UTC'")
        connection.sql("SET python_enable_replacements = false")  # no query sees a variable of this process
        connection.sql(f"SELECT timezone({as_literal(config.timezone)}, TIMESTAMPTZ 'epoch')").fetchall()
    except (*OF_THE_CONFIG, duckdb.OutOfRangeException) as error:
        raise ConfigError(f"the engine does not start: {first_sentence(error)}.") from None
    if config.engine.startswith("duckdb:///"):
        _attach(connection, config.path(config.engine.removeprefix("duckdb:///")))
    return Engine(connection, config.timezone, Path(spill))


def _attach(connection: Any, file: Path) -> None:
    """Open the config's DuckDB file for reading; a query names its tables as they are called there."""
    if not file.is_file():
        raise DataError(f"engine: there is no {file}.")
    try:
        connection.sql(f"ATTACH {as_literal(str(file))} AS {SHOP} (READ_ONLY)")
        connection.sql(f"USE {SHOP}")
    except duckdb.Error as error:
        why = f": {first_sentence(error)}" if isinstance(error, duckdb.IOException) else ""
        raise DataError(f"engine: {file} cannot be opened as a DuckDB file{why}.") from None
