"""What a nightly run need not do again: tables read and prepared by the run before it.

Where a table lies in several files (a folder or a glob, as a log is that gets a file a day), what was prepared of them
is kept in a DuckDB file beside the project, and the next run reads only the files that are new. The result is the same
to the byte, because nothing that is known later changes what was known before; wherever that may not hold – another
config, a file that has changed or is gone, a new row of a day that was closed already – everything is read again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import narwhals as nw

from clm_ml.config import Config
from clm_ml.engine import Engine, Store, open_engine, open_store
from clm_ml.progress import Progress, silent
from clm_ml.snapshot import Before, Prepared, prepare
from clm_ml.tables import Counts, Doubt, Earlier, Tables, read_forgotten, read_tables

__all__ = ["Kept", "drop_kept", "read_kept_tables"]

_GROWING = ("orders", "events")
_QUERIES = 4  # long ones: the parts of orders, their beginnings, what is written; events
_PLACES = {"parts": "late_parts", "orders": "orders", "events": "events"}  # of the kept frames in a preparation
Frame = nw.LazyFrame[Any]
Files = Mapping[str, Mapping[str, tuple[int, int]]]


@dataclass(frozen=True)
class Kept:
    """The tables, and what an earlier run has prepared of them, if it is to be used."""

    tables: Tables
    config: Config = field(repr=False)
    files: Files = field(default_factory=dict, repr=False)
    store: Store | None = field(default=None, repr=False)
    earlier: Mapping[str, Earlier] = field(default_factory=dict, repr=False)

    def prepare(self, progress: Progress = silent) -> Prepared:
        """Prepare the tables, and keep for the next run what it will not have to do again."""
        rows = sum(counts.used for counts in self.tables.counts.values())
        progress("preparing", 0, rows)
        with self.tables.engine.watched(lambda share: progress("preparing", int(share * rows), rows), queries=_QUERIES):
            prepared = self._prepared()
        progress("preparing", rows, rows)
        return prepared

    def _prepared(self) -> Prepared:
        if self.store is None:
            return prepare(self.tables)
        frames = {name: self.store.frame(name) for name in self._usable()}
        before = Before(self.earlier["orders"].until, frames) if frames else None
        prepared = prepare(self.tables, before, keep_parts=True)
        kept = {name: frame for name, frame in prepared.added.items() if name in self._frames()}
        is_kept = self.store.write(kept, self._facts(), append=frames)
        return self._from_store(prepared, kept) if is_kept else prepared

    def _from_store(self, prepared: Prepared, kept: Mapping[str, Frame]) -> Prepared:
        """Read from the file what is in it now, and give back the memory it took to make it."""
        assert self.store is not None
        frames: dict[str, Any] = {_PLACES[name]: self.store.frame(name) for name in kept}
        if not self.tables.has_loaded_at:
            frames.pop("late_parts")
        for frame in kept.values():
            self.tables.engine.drop(frame)
        left = {name: frame for name, frame in prepared.added.items() if name not in kept}
        return replace(prepared, **frames, added=left)

    def _usable(self) -> list[str]:
        return [name for name in self._frames() if ("events" if name == "events" else "orders") in self.earlier]

    def _frames(self) -> list[str]:
        """List what is kept: where rows can be late, orders are put together again every time."""
        orders = [] if self.tables.has_loaded_at else ["orders"]
        return ["parts", *orders, *(["events"] if "events" in self.files else [])]

    def _facts(self) -> dict[str, Any]:
        """Tell what is kept, but for tables with rows that nobody knew yet: the next run could not use it."""
        tables = {
            name: {
                "files": {place: list(told) for place, told in files.items()},
                "types": dict(self.tables.types[name]),
                "counts": _counts_as_facts(self.tables.counts[name]),
            }
            for name, files in self.files.items()
            if self.tables.counts[name].beyond == 0
        }
        return {"key": _key(self.config), "until": self.tables.complete_until, "tables": tables}


def read_kept_tables(config: Config, *, fresh: bool = False, progress: Progress = silent) -> Kept:
    """Read a project's tables; what an earlier run has kept of them is not read again.

    Args:
        config: the project.
        fresh: whether everything is read again, whatever is kept.
        progress: told of each table how many of how many rows are read.

    Raises:
        DataError, ConfigError: as `read_tables`.
    """
    engine = open_engine(config)
    plans = config.tables.named()
    found = {name: engine.files(name, plans[name], config) for name in _GROWING if name in plans}
    files = {name: told for name, told in found.items() if len(told) > 1}
    store = None
    if "orders" in files and isinstance(engine, Engine):
        store = open_store(engine, _place(config))
    earlier = {} if store is None or fresh else _earlier(store.facts(), config, files)
    if earlier:
        with suppress(Doubt):
            return Kept(read_tables(config, engine, earlier, progress), config, files, store, earlier)
    return Kept(read_tables(config, engine, progress=progress), config, files, store)


def drop_kept(config: Config, *, dry_run: bool = False) -> bool:
    """Remove what is kept of a project, and say whether there was anything; the next run reads everything again.

    It holds rows as they were read, and a database only marks those it deletes as free.
    """
    place = _place(config)
    there = [path for path in (place, place.with_name(f"{place.name}.wal")) if path.exists()]
    for path in () if dry_run else there:
        path.unlink(missing_ok=True)
    return bool(there)


def _place(config: Config) -> Path:
    return config.home / ".clm-ml" / f"{config.project}.duckdb"


def _earlier(facts: Mapping[str, Any], config: Config, files: Files) -> dict[str, Earlier]:
    """Find what can be used of what was kept: orders at least, or nothing."""
    if facts.get("key") != _key(config):
        return {}
    told = {
        name: Earlier(
            facts["until"],
            {place: (size, changed) for place, (size, changed) in kept["files"].items()},
            kept["types"],
            Counts(**kept["counts"]),
        )
        for name, kept in facts["tables"].items()
        if name in files
    }
    usable = {name: earlier for name, earlier in told.items() if earlier.is_untouched(files[name])}
    return usable if "orders" in usable else {}


def _counts_as_facts(counts: Counts) -> dict[str, Any]:
    return {name: dict(told) if isinstance(told, Mapping) else told for name, told in vars(counts).items()}


def _key(config: Config) -> str:
    """Tell apart whatever else decides what is prepared: mapping, time zone, who was forgotten, and clm-ml itself."""
    asked = config.model_dump(mode="json", include={"timezone", "tables"})
    told = {"config": asked, "clm-ml": version("clm-ml"), "duckdb": version("duckdb"), "format": 2}
    told |= {"forgotten": sorted(read_forgotten(config).digests)}
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
