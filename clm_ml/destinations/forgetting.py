"""Takes people out of the files of a list: by their ids in the list's own, by the digests of their rows in a CRM's.

A CRM may know people by an address, hashed or not; which row is whose, only the digests written beside it tell.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import IO

from clm_ml.destinations.delivery import DIGESTS, MEMBERS, UNKEYED
from clm_ml.destinations.state import RowDigest, key_of, read_state, write_state
from clm_ml.destinations.writing import MARK, defused

__all__ = ["TakenOut", "take_out_of_csv", "take_out_of_list"]

#: Says whose a row is, by its bytes and its cells; None: nobody's who is asked for.
Whose = Callable[[bytes, Sequence[str]], str | None]


@dataclass(frozen=True)
class TakenOut:
    """What was taken out, or would be: who was found, rows by file, and files of which nothing tells whose they are."""

    people: frozenset[str] = field(default=frozenset(), repr=False)
    rows: Mapping[str, int] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()


def take_out_of_list(folder: Path, customer_ids: Collection[str], *, dry_run: bool = False) -> TakenOut:
    """Take people out of every file of a list box, in place; ranks stay as they are.

    A destination's file that has no digests of its rows goes whole, if the list has any of these people.

    Args:
        folder: the box, or a copy of its files.
        customer_ids: who.
        dry_run: whether to look only.

    Raises:
        ArtifactError: if the digests of a destination cannot be read.
    """
    taking = _Taking(folder, customer_ids, dry_run)
    for path in sorted(folder.glob("*.csv")):
        taking.from_file(_Csv(path))
    for home in sorted(path for path in folder.iterdir() if path.is_dir() and path.name != DIGESTS):
        taking.from_destination(home)
    return taking.done()


def take_out_of_csv(path: Path, customer_ids: Collection[str], *, dry_run: bool = False) -> TakenOut:
    """Take the rows of people out of a CSV by its column `customer_id`, in place; without one it stays as it is."""
    taking = _Taking(path.parent, customer_ids, dry_run)
    taking.from_file(_Csv(path))
    return taking.done()


class _Taking:
    """Takes people out of one file after the other, and remembers what it took."""

    def __init__(self, folder: Path, customer_ids: Collection[str], dry_run: bool) -> None:
        self._folder, self._ids, self._dry_run = folder, customer_ids, dry_run
        self._people: set[str] = set()
        self._rows: dict[str, int] = {}
        self._unknown: list[Path] = []

    def done(self) -> TakenOut:
        """Give what was taken; a file that tells of nobody goes only if somebody was in the others."""
        unknown = self._unknown if self._people else []
        for path in () if self._dry_run else unknown:
            path.unlink()
        return TakenOut(frozenset(self._people), dict(self._rows), tuple(map(self._named, unknown)))

    def from_file(self, file: _Csv) -> None:
        """Take people out by their id, as it is or as it is written for people's eyes."""
        self._rewrite(file, self._by_id(file), {})

    def from_destination(self, home: Path) -> None:
        """Take people out of a destination's files, and last of its members, who are told by the others' keys."""
        theirs, cells = self._from_digests(home.name), dict[str, dict[str, str]]()
        files = [_Csv(path) for path in sorted(home.glob("*.csv"))]
        for file in [file for file in files if not file.path.stem.startswith(MEMBERS)]:
            if theirs is None and "customer_id" not in file.header:
                self._unknown.append(file.path)
            else:
                whose = _either(self._by_id(file), file.by_digest(theirs or {}))
                self._rewrite(file, whose, cells)
        for file in [file for file in files if file.path.stem.startswith(MEMBERS)]:
            keys = cells.get(file.header[1].removeprefix("Contact."), {})
            self._rewrite(file, _by_key(keys), {})

    def _from_digests(self, name: str) -> dict[bytes, str] | None:
        """Take people out of the digests of a destination's rows, and give theirs; None where there are none."""
        places = (self._folder / DIGESTS / f"{name}.parquet", self._folder / DIGESTS / UNKEYED / f"{name}.parquet")
        place = next((place for place in places if place.exists()), None)
        if place is None:
            return None
        state = read_state(place)
        keys = {key: customer for customer in self._ids if (key := key_of(customer)) in state}
        self._people.update(keys.values())
        if keys:
            self._rows[self._named(place)] = len(keys)
        if keys and not self._dry_run:
            write_state(place, {key: row for key, row in state.items() if key not in keys})
        return {state[key].digest: customer for key, customer in keys.items()}

    def _by_id(self, file: _Csv) -> Whose:
        if "customer_id" not in file.header:
            return lambda _, __: None
        place = file.header.index("customer_id")
        written = {text: customer for customer in self._ids for text in (customer, defused(customer))}
        return lambda _, cells: written.get(cells[place])

    def _rewrite(self, file: _Csv, whose: Whose, cells: dict[str, dict[str, str]]) -> None:
        """Leave out whoever's rows are asked for, and note their cells by column."""
        count = 0
        with file.rewritten(self._dry_run) as keep:
            for row, found in file.rows():
                if (customer := whose(row, found)) is None:
                    keep(row)
                    continue
                count += 1
                self._people.add(customer)
                for name, cell in zip(file.header, found, strict=True):
                    cells.setdefault(name, {}).setdefault(cell, customer)
        if count:
            self._rows[self._named(file.path)] = count

    def _named(self, path: Path) -> str:
        return path.relative_to(self._folder).as_posix()


class _Csv:
    """A CSV as `Parts` writes them, row by row, as bytes and as cells."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with path.open("rb") as file:
            self._first = next(_rows(file), b"")
        self.header = _cells(self._first.removeprefix(MARK))

    def by_digest(self, theirs: Mapping[bytes, str]) -> Whose:
        """Tell rows by their digests."""
        digest = RowDigest(self.header)
        return lambda row, _: theirs.get(digest(row))

    def rows(self) -> Iterator[tuple[bytes, list[str]]]:
        """Give the rows below the header."""
        with self.path.open("rb") as file:
            for row in islice(_rows(file), 1, None):
                yield row, _cells(row)

    @contextmanager
    def rewritten(self, dry_run: bool) -> Iterator[Callable[[bytes], object]]:
        """Put what is kept in the file's place once the block is through."""
        if dry_run:
            yield lambda _: None
            return
        new = self.path.with_name(f".{self.path.name}.new")
        with new.open("wb") as file:
            file.write(self._first)
            yield file.write
        new.replace(self.path)


def _rows(file: IO[bytes]) -> Iterator[bytes]:
    """Cut a file into rows: a line ends one if no quote is open."""
    row = b""
    for line in file:
        row += line
        if row.count(b'"') % 2 == 0:
            yield row
            row = b""


def _cells(row: bytes) -> list[str]:
    return next(csv.reader([row.decode()]), [])


def _either(one: Whose, other: Whose) -> Whose:
    return lambda row, cells: one(row, cells) or other(row, cells)


def _by_key(keys: Mapping[str, str]) -> Whose:
    """Tell members by the key in their second column."""
    return lambda _, cells: keys.get(cells[1])
