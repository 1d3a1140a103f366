"""Finds where a table's rows lie: files, a folder, a glob, or a table of the engine's DuckDB file."""

from __future__ import annotations

import csv
import glob
import gzip
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from io import TextIOWrapper
from pathlib import Path

from clm_ml.engine.expression import Rows, as_literal, quoted
from clm_ml.errors import DataError, did_you_mean

__all__ = ["SHOP", "Source", "csv_dialects", "files_to_sql", "find_files", "is_text", "names_a_table", "table_to_sql"]

SHOP = "shop"  # what the engine calls the config's DuckDB file

_TEXTS = (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz", ".txt.gz")
_DELIMITERS = ",;\t|"
_LONGEST_HEADER = 100_000
_PART = 1 << 20


@dataclass(frozen=True)
class Source:
    """Rows as they lie in a file or table, before anything is believed of them."""

    sql: str
    types: Mapping[str, str] = field(repr=False)
    is_text: bool = False


def is_text(path: Path) -> bool:
    """Say whether a file is read as CSV; all others are taken for Parquet."""
    return path.name.lower().endswith(_TEXTS)


def names_a_table(source: str) -> bool:
    """Say whether a source, where there is a DuckDB file, is one of its tables and not a file.

    >>> names_a_table("sales.orders"), names_a_table("orders.csv"), names_a_table("data/orders")
    (True, False, False)
    """
    return not (is_text(Path(source)) or source.endswith(".parquet") or any(sign in source for sign in "/\\*?["))


def table_to_sql(name: str, where: str, rows: Rows) -> str:
    """Read a table or view of the DuckDB file, named as `orders` or `schema.orders`.

    Raises:
        DataError: if there is none of that name.
    """
    listed = rows(f"SELECT table_schema, table_name FROM information_schema.tables WHERE table_catalog = '{SHOP}'")
    tables = {table if schema == "main" else f"{schema}.{table}": (SHOP, schema, table) for schema, table in listed}
    if name not in tables:
        near = did_you_mean(name, tables) or f"; there are {', '.join(sorted(tables)[:12]) or 'none'}."
        raise DataError(f"{where}: there is no table {name!r} in the engine's file{near}")
    return f"SELECT * FROM {'.'.join(quoted(part) for part in tables[name])}"


def find_files(path: Path, root: Path, where: str) -> list[Path]:
    """List the files of a source in order; in a folder, hidden ones and those that start with _ do not count.

    Raises:
        DataError: if there is none, one is empty, or some are CSV and some are not.
    """
    try:
        files = [path] if path.is_file() else _in_folder(path) if path.is_dir() else _matching(path, root)
        empty = next((file for file in files if file.stat().st_size == 0), None)
    except OSError as error:
        raise DataError(f"{where}: {path} cannot be read: {error.strerror}.") from None
    if not files:
        what = f"no Parquet or CSV file in {path}" if path.is_dir() else f"no {path}"
        raise DataError(f"{where}: there is {what}.")
    if empty is not None:
        raise DataError(f"{where}: {empty} is empty.")
    if len({is_text(file) for file in files}) > 1:
        raise DataError(f"{where}: {path} holds both CSV and other files; name those of one kind.")
    return files


def _in_folder(folder: Path) -> list[Path]:
    files = [file for file in folder.rglob("*") if not _is_hidden(file.relative_to(folder)) and file.is_file()]
    parquet = [file for file in files if file.suffix == ".parquet"]
    return sorted(parquet or [file for file in files if is_text(file)])


def _is_hidden(path: Path) -> bool:
    return any(part.startswith((".", "_")) for part in path.parts)


def _matching(pattern: Path, root: Path) -> list[Path]:
    """List what a glob matches but hidden files; signs of globs in the config's own folder are taken to the letter."""
    inside = pattern.relative_to(root) if pattern.is_relative_to(root) else pattern
    found = glob.glob(str(inside), root_dir=root, recursive=True)  # noqa: PTH207 - a Path's glob finds hidden files too
    return sorted(file for name in found if (file := root / name).is_file())


def files_to_sql(files: Sequence[Path], where: str) -> str:
    """Read files of one kind as one table; columns are matched by name.

    CSV is read as RFC 4180 has it, and all columns as text: nothing is guessed but the delimiter.

    Raises:
        DataError: if a CSV has no readable header.
    """
    if not is_text(files[0]):
        return f"SELECT * FROM read_parquet({_listed(files)}, union_by_name = true)"
    dialects = csv_dialects(files, where).items()
    return " UNION ALL BY NAME ".join(_csv_to_sql(some, *dialect) for dialect, some in dialects)


def csv_dialects(files: Sequence[Path], where: str) -> dict[tuple[str, tuple[str, ...]], list[Path]]:
    """Group CSV files by their delimiter and the names of their columns.

    Raises:
        DataError: if one has no readable header.
    """
    alike: dict[tuple[str, tuple[str, ...]], list[Path]] = {}
    for file in files:
        alike.setdefault(_dialect(file, where), []).append(file)
    return alike


def _listed(files: Sequence[Path]) -> str:
    return f"[{', '.join(as_literal(str(file)) for file in files)}]"


def _csv_to_sql(files: Sequence[Path], delimiter: str, names: tuple[str, ...]) -> str:
    columns = ", ".join(f"{as_literal(name)}: 'VARCHAR'" for name in names)
    return (
        f"SELECT * FROM read_csv({_listed(files)}, auto_detect = false, header = true, columns = {{{columns}}}, "
        f"""delim = {as_literal(delimiter)}, quote = '"', escape = '"')"""
    )


def _dialect(file: Path, where: str) -> tuple[str, tuple[str, ...]]:
    """Find a CSV's delimiter, the sign that stands most often in its header outside of quotes, and its columns."""
    header = _header(file, where)
    unquoted = re.sub(r'"[^"]*"', "", header)
    delimiter = max(_DELIMITERS, key=unquoted.count)
    names: dict[str, str] = {}
    for place, cell in enumerate(next(csv.reader([header], delimiter=delimiter))):
        name = cell.strip() or f"column{place}"
        name = name if name.casefold() not in names else f"{name}_{place}"
        names[name.casefold()] = name
    return delimiter, tuple(names.values())


def _read_through(file: Path) -> None:
    """Compare a gzip file with its checksum: the engine does not, and would take what is damaged for what was meant."""
    with gzip.open(file) as packed:
        while packed.read(_PART):
            pass


def _header(file: Path, where: str) -> str:
    try:
        if file.suffix.lower() == ".gz":
            _read_through(file)
        with gzip.open(file) if file.suffix.lower() == ".gz" else file.open("rb") as raw:
            header = TextIOWrapper(raw, encoding="utf-8-sig").readline(_LONGEST_HEADER)
    except UnicodeDecodeError:
        raise DataError(f"{where}: {file} is not UTF-8 text.") from None
    except (gzip.BadGzipFile, EOFError, zlib.error):
        raise DataError(f"{where}: {file} is no gzip file, or only a part of one.") from None
    except OSError as error:
        raise DataError(f"{where}: {file} cannot be read: {error.strerror}.") from None
    if not header.strip() or "\0" in header or len(header) == _LONGEST_HEADER:
        raise DataError(f"{where}: {file} has no header in its first line.")
    return header.rstrip("\n")
