"""Takes people's rows out of what clm-ml has written: boxes, rejected rows, and single files."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import narwhals as nw
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from clm_ml.artifacts import Box, find_boxes, new_box, open_box, whole_file
from clm_ml.config import Config, Table
from clm_ml.destinations import TakenOut, take_out_of_csv, take_out_of_list
from clm_ml.engine import BATCH_ROWS, Engine, open_embedded, parquet_writer
from clm_ml.errors import ArtifactError

__all__ = ["Place", "find_places"]

#: The kinds of boxes that hold people; models, measurements, uplift and transitions hold none.
_KINDS = ("scores", "list", "backtest")
_WHO = "customer_id"
_MAY_TELL = (".csv", ".parquet", ".html")

#: Takes people's rows out, whole or not at all, or only looks.
TakeOut = Callable[[Collection[str], bool], TakenOut]


@dataclass(frozen=True)
class Place:
    """Where people's rows may lie, and how they are taken out of it."""

    path: Path
    is_box: bool
    take_out: TakeOut = field(repr=False)


def find_places(config: Config, asked: Sequence[Path]) -> tuple[list[Place], list[str]]:
    """Find where people's rows may lie, and say what nobody can look through.

    In folders these are boxes and rejected rows, at any depth: other files there may be the shop's own, and are counted
    only. A file that is named itself is taken for one of ours, by its column `customer_id`.

    Raises:
        ArtifactError: if something that was asked for is not there.
    """
    places, troubles, others = list[Place](), list[str](), set[Path]()
    for path in asked:
        if path.is_dir():
            boxes, damaged = _boxes(path)
            rejected, rest = _beside_boxes(config, path)
            places += [*boxes, *rejected]
            troubles += damaged
            others |= {file.resolve() for file in rest}
        elif path.is_file():
            places.append(_rejected(config, path) or _file(path))
        else:
            raise ArtifactError(f"there is no file or folder {path}.")
    delivered = config.path(config.delivery.state).resolve()
    others -= {delivered / file.name for file in others} | {place.path.resolve() for place in places}
    if others:
        troubles.append(
            f"{len(others):,} other files (CSV, Parquet, HTML) in these folders were not looked at: the shop's own are "
            "yours to mend, tables that clm-ml wrote can be named one by one, and pages are made again."
        )
    return list({place.path.resolve(): place for place in places}.values()), troubles


def _boxes(folder: Path) -> tuple[list[Place], list[str]]:
    found, damaged = [], []
    for kind in _KINDS:
        for path, _ in find_boxes(folder, kind):
            try:
                found.append(Place(path, is_box=True, take_out=_BoxOfPeople(open_box(path, kind))))
            except ArtifactError as error:
                damaged.append(f"{error} Nobody was taken out of it: remove it by hand.")
    return found, damaged


@dataclass(frozen=True)
class _BoxOfPeople:
    """Takes people out of a box, which is written anew; its manifest tells how many rows went."""

    box: Box

    def __call__(self, people: Collection[str], dry_run: bool) -> TakenOut:
        if dry_run:
            return self._from(self.box.folder, people, dry_run)
        facts, box = dict(self.box.facts), self.box
        with new_box(box.folder, box.kind, facts, force=True, private=True, instead_of=box) as hidden:
            _copy_files(box, hidden)
            taken = self._from(hidden, people, dry_run)
            facts |= _counted_without(facts, taken)
        return taken

    def _from(self, folder: Path, people: Collection[str], dry_run: bool) -> TakenOut:
        if self.box.kind == "list":
            return take_out_of_list(folder, people, dry_run=dry_run)
        (file,) = folder.glob("*.parquet")
        return _out_of_parquet(file, file, people, dry_run)


def _copy_files(box: Box, folder: Path) -> None:
    """Copy a box's files one by one: of a whole folder `shutil` would not tell which could not be written, and why."""
    for name in box.files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        try:
            shutil.copyfile(box.path(name), folder / name)
        except FileNotFoundError:
            raise ArtifactError(f"{box.folder} was replaced by another run meanwhile; run this again.") from None


def _counted_without(facts: Mapping[str, Any], taken: TakenOut) -> dict[str, Any]:
    """Count what is in the box now, and what went, of this time and of earlier ones."""
    counts = {"customers": "scores.parquet", "contact": "contact.csv", "holdout": "holdout.csv"}
    told = {name: facts[name] - taken.rows.get(file, 0) for name, file in counts.items() if name in facts}
    before = facts.get("forgotten", {"people": 0, "rows": {}})
    rows = {name: before["rows"].get(name, 0) + taken.rows.get(name, 0) for name in {**before["rows"], **taken.rows}}
    return told | {"forgotten": {"people": before["people"] + len(taken.people), "rows": rows}}


def _beside_boxes(config: Config, folder: Path) -> tuple[list[Place], list[Path]]:
    """Find rejected rows that were kept below a folder, and files there that may tell of people and are in no box."""
    boxes = {path.parent for path in folder.rglob("manifest.json")}
    files = [path for path in sorted(folder.rglob("*")) if path.suffix in _MAY_TELL and path.is_file()]
    loose = [path for path in files if not boxes & {*path.parents}]
    rejected = {path: _rejected(config, path) for path in loose if _is_rejected(config, path)}
    return [place for place in rejected.values() if place], [path for path in loose if path not in rejected]


def _file(path: Path) -> Place:
    """Take a file by its column `customer_id`."""

    def take_out(people: Collection[str], dry_run: bool) -> TakenOut:
        if dry_run:
            return _out_of_file(path, path, people, dry_run)
        with whole_file(path, force=True) as hidden:
            taken = _out_of_file(path, hidden, people, dry_run)
            hidden.chmod(0o600)
        return taken

    return Place(path, is_box=False, take_out=take_out)


def _out_of_file(path: Path, new: Path, people: Collection[str], dry_run: bool) -> TakenOut:
    if path.suffix == ".parquet":
        return _out_of_parquet(path, new, people, dry_run)
    if new != path:
        shutil.copyfile(path, new)
    return take_out_of_csv(new, people, dry_run=dry_run)


def _out_of_parquet(path: Path, new: Path, people: Collection[str], dry_run: bool) -> TakenOut:
    """Take people's rows out of a Parquet file with a column `customer_id`, a batch at a time."""
    found: list[str] = []
    with _opened(path) as file:
        if _WHO not in file.schema_arrow.names:
            return TakenOut()
        if dry_run:
            for batch in file.iter_batches(BATCH_ROWS, columns=[_WHO]):
                found += _theirs(batch, people)[1]
        else:
            written = new.with_name(f".{new.name}.new")
            with parquet_writer(written, file.schema_arrow) as writer:
                for batch in file.iter_batches(BATCH_ROWS):
                    others, theirs = _theirs(batch, people)
                    found += theirs
                    writer.write_batch(others)
            written.replace(new)
    return TakenOut(frozenset(found), {new.name: len(found)} if found else {})


@contextmanager
def _opened(path: Path) -> Iterator[pq.ParquetFile]:
    refusal = ArtifactError(f"{path} cannot be read as Parquet; nobody was taken out of it.")
    try:
        opened = pq.ParquetFile(path)
    except (OSError, pa.ArrowException):
        raise refusal from None
    with opened as file:
        try:
            yield file
        except pa.ArrowException:
            raise refusal from None


def _theirs(batch: pa.RecordBatch, people: Collection[str]) -> tuple[pa.RecordBatch, list[str]]:
    """Divide a batch into the rows of others, and the ids of theirs."""
    ids = batch.column(_WHO).cast(pa.string())
    is_theirs = pc.is_in(ids, pa.array(sorted(people), pa.string()))
    return batch.filter(pc.invert(is_theirs)), ids.filter(is_theirs).to_pylist()


def _rejected(config: Config, path: Path) -> Place | None:
    """Take a file for the rejected rows of a table; None if it is none, or its rows are nobody's."""
    plan = config.tables.named().get(path.stem)
    if plan is None or _WHO not in plan.columns or not _is_rejected(config, path):
        return None
    told = plan.model_copy(update={"source": str(path.absolute()), "query": None, "where": None})

    def take_out(people: Collection[str], dry_run: bool) -> TakenOut:
        with _opened(path):  # a file that is no Parquet is told before anything else
            pass
        engine = open_embedded(config)
        try:
            rows, who = _with_ids(engine, path.stem, told, config)
            theirs = engine.collect(rows.filter(nw.col(who).is_in(sorted(people))).select(who)).column(0).to_pylist()
            if theirs and not dry_run:
                others = rows.filter(~nw.col(who).is_in(sorted(people)) | nw.col(who).is_null()).drop(who)
                with whole_file(path, force=True) as hidden:
                    engine.write_parquet(others, hidden, "reason")
                    hidden.chmod(0o600)
        finally:
            engine.close()
        return TakenOut(frozenset(theirs), {path.name: len(theirs)} if theirs else {})

    return Place(path, is_box=False, take_out=take_out)


def _is_rejected(config: Config, path: Path) -> bool:
    """Say whether a file has a table's name, and first of all a reason for each row."""
    if path.stem in config.tables.named() and path.suffix == ".parquet":
        with suppress(ArtifactError), _opened(path) as file:
            return file.schema_arrow.names[:1] == ["reason"]
    return False


def _with_ids(engine: Engine, table: str, plan: Table, config: Config) -> tuple[nw.LazyFrame[Any], str]:
    """Read rejected rows with each one's id beside, as the door reads it."""
    who, where = "clm customer_id", f"tables.{table}.columns.customer_id"
    source = engine.source(table, plan, config)
    sql = engine.expression(plan.columns[_WHO], source, where)
    return engine.beside(source, {who: engine.as_id(sql, engine.kind_of(sql, source, where))}), who
