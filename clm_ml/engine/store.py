"""Frames kept between runs: a DuckDB file that the engine opens beside its own memory.

One run at a time has it; what a run changes is there whole or not at all.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import duckdb
import narwhals as nw

from clm_ml.engine.embedded import Engine
from clm_ml.engine.expression import as_literal

__all__ = ["Store", "open_store"]

_NAME = "kept_between_runs"
_UNREADABLE = (
    r"not a valid DuckDB|read enough bytes|[Cc]orrupt|[Ss]erialization|version number|newer version|older version|"
    r"checksum"
)


class Store:
    """The file's frames, by name, and plain facts about them."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def facts(self) -> dict[str, Any]:
        """Read the facts; nothing where there are none, or they cannot be read."""
        with suppress(duckdb.Error, ValueError):
            told: dict[str, Any] = json.loads(self._engine.asked(f"SELECT facts FROM {_NAME}.facts")[0][0])
            return told
        return {}

    def frame(self, name: str) -> nw.LazyFrame[Any]:
        """See one of the frames."""
        return self._engine.lazy(f"SELECT * FROM {_NAME}.{name}")

    def write(
        self, frames: Mapping[str, nw.LazyFrame[Any]], facts: Mapping[str, Any], append: Collection[str] = ()
    ) -> bool:
        """Put some frames behind those that are there, others in their place, and the facts: all or nothing.

        Returns:
            whether it could be done: a full disk keeps nothing, and is no reason not to go on.
        """
        steps = [f"CREATE OR REPLACE TABLE {_NAME}.facts AS SELECT {as_literal(json.dumps(facts))} AS facts"]
        for name, frame in frames.items():
            how = f"INSERT INTO {_NAME}.{name}" if name in append else f"CREATE OR REPLACE TABLE {_NAME}.{name} AS"
            steps.append(f"{how} SELECT * FROM ({frame.to_native().sql_query()})")
        self._engine.execute("BEGIN")
        try:
            for sql in steps:
                self._engine.execute(sql)
            self._engine.execute("COMMIT")
        except BaseException as error:
            with suppress(duckdb.Error):
                self._engine.execute("ROLLBACK")
            # the last of a commit that could not be written: nobody else is there to be in conflict with
            if isinstance(error, (duckdb.IOException, duckdb.OutOfMemoryException, duckdb.TransactionException)):
                return False
            raise
        return True


def open_store(engine: Engine, path: Path) -> Store | None:
    """Open a file of kept frames, made if it is not there; None if another run has it, or it cannot be opened here.

    A file that cannot be read is replaced: it holds nothing that could not be made again. One that is somebody else's
    is neither believed nor touched.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if path.exists():
            path.chmod(0o600)  # only its owner may
        return _attach(engine, path)
    except OSError:
        return None


def _attach(engine: Engine, path: Path) -> Store | None:
    for _ in range(2):
        try:
            engine.execute(f"ATTACH {as_literal(str(path))} AS {_NAME}")
            path.chmod(0o600)
            return Store(engine)
        except duckdb.Error as error:
            if not re.search(_UNREADABLE, str(error)):
                return None
            for file in (path, path.with_name(f"{path.name}.wal")):
                file.unlink(missing_ok=True)
    return None
