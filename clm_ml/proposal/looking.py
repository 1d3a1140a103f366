"""What a file holds, column by column: counts and shares, no value of any row."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from clm_ml.config import COLUMNS, Config
from clm_ml.engine import Engine, Source, quoted
from clm_ml.errors import DataError, UsageError
from clm_ml.proposal.dates import Dated, dated
from clm_ml.proposal.vocabulary import NAMES, strength, these

__all__ = ["Column", "Look", "any_config", "look", "spelled"]

MOST_ROWS = 1_000_000  # a larger file is judged by a sample of its rows

_SUFFIXES = (".csv", ".csv.gz", ".tsv", ".tsv.gz", ".txt", ".parquet")
_RESERVED = these(
    "all and any array as asc both case cast check collate column constraint create cross date default desc distinct "
    "do else end except false for foreign from full grant group having in inner interval intersect into is join left "
    "like limit natural not null offset on only or order outer primary references right select some table then time "
    "timestamp to trailing true union unique user using values when where window with"
)

#: A number in text that is more than digits, and how an expression reads it: 1,234.50 and $12; 1.234,50 and 12 €.
_DRESSED = (
    (r"[^\d(,.]{0,4}-?\d{1,3}(,?\d{3})*(\.\d+)?[^\d)]{0,4}", "CAST(regexp_replace({}, '[^0-9.-]', '', 'g') AS DOUBLE)"),
    (
        r"[^\d(,.]{0,4}-?\d{1,3}([. ]?\d{3})*(,\d+)?[^\d)]{0,4}",
        "CAST(replace(regexp_replace({}, '[^0-9,-]', '', 'g'), ',', '.') AS DOUBLE)",
    ),
)


@dataclass(frozen=True)
class Column:
    """A column's facts: its rows, and how many of them can be read as what."""

    name: str
    kind: str
    rows: int
    filled: int
    distinct: int
    numbers: int
    fractional: int
    low: float | None
    high: float | None
    positive: int
    claims: int = 0  # only counted where there are hardly any values
    number: str | None = None  # how an expression reads it as a number, if it is one
    dated: Dated | None = None
    rows_each: float = 0.0  # rows of the whole file for each value there is

    @property
    def spelled(self) -> str:
        """The column as an expression spells it."""
        return spelled(self.name)

    @property
    def empty_share(self) -> float:
        """The share of rows without a value."""
        return 1 - self.filled / self.rows if self.rows else 1.0


@dataclass(frozen=True)
class Look:
    """One file: where it lies, its rows, and its columns."""

    path: Path
    source: Source = field(repr=False)
    sample: Source = field(repr=False)
    rows: int
    columns: tuple[Column, ...] = field(repr=False)

    @property
    def name(self) -> str:
        """The file's name, without its folder."""
        return self.path.name


def spelled(name: str) -> str:
    """Write a column's name as an expression may: in quotes only where it must be.

    >>> print(spelled("UnitPrice"), spelled("Unit Price"), spelled("date"))
    UnitPrice "Unit Price" "date"
    """
    plain = re.fullmatch(r"[A-Za-z_]\w*", name, re.ASCII) and name.lower() not in _RESERVED
    return name if plain else quoted(name)


def any_config(path: Path) -> Config:
    """Make a config around one file, since the engine asks for one and there is none yet."""
    columns = {column: column for column in COLUMNS["orders"][0]}
    return Config.model_validate({"project": "init", "tables": {"orders": {"source": str(path), "columns": columns}}})


def look(engine: Engine, path: Path) -> Look:
    """Read a file once and tell what its columns hold.

    Raises:
        UsageError: if there is no such file, or it is neither CSV nor Parquet.
        DataError: if it cannot be read, or has no rows.
    """
    source = _source(engine, path)
    rows = engine.rows(f"SELECT count(*) FROM ({source.sql})")[0][0]
    if not rows:
        raise DataError(f"{path.name} has no rows.")
    sample = _sample(engine, source, rows)
    columns = list(_columns(engine, sample))
    if rows > columns[0].rows:
        columns = [_counted_in_all(engine, source, column) for column in columns]
    return Look(path, source, sample, rows, tuple(columns))


def _source(engine: Engine, path: Path) -> Source:
    if not path.exists():
        raise UsageError(f"there is no {path}.")
    if not path.is_dir() and not path.name.lower().endswith(_SUFFIXES):
        raise UsageError(f"{path.name} is neither CSV (.csv, .csv.gz) nor Parquet; export it as one of them.")
    try:
        config = any_config(path.resolve())
        return engine.source(path.name, config.tables.orders, config)
    except DataError as error:
        told = str(error).replace(f"tables.{path.name}.source: ", "").replace(f"tables.{path.name}", path.name)
        raise DataError(told) from None


def _sample(engine: Engine, source: Source, rows: int) -> Source:
    """Keep the rows, or of a large file those whose hash falls into a share: the same ones every time."""
    every = -(-rows // MOST_ROWS)
    if source.is_text and every == 1:
        return source  # the engine keeps the rows of a CSV
    digest = f"hash({', '.join(quoted(name) for name in source.types)})"
    where = f" WHERE {digest} % {every} = 0" if every > 1 else ""
    kept = engine.keep(engine.lazy(f"SELECT * FROM ({source.sql}){where}"))
    return Source(kept.to_native().sql_query(), source.types, source.is_text)


def _columns(engine: Engine, sample: Source) -> Iterator[Column]:
    facts = [_facts(engine, name, kind) for name, kind in sample.types.items()]
    flat = ", ".join(fact for of_column in facts for fact in of_column)
    rows, *found = engine.rows(f"SELECT count(*), {flat} FROM ({sample.sql})")[0]
    for place, (name, kind) in enumerate(sample.types.items()):
        width = len(facts[0])
        bare = Column(name, kind, rows, *found[place * width : (place + 1) * width])
        claims, number = _claims(engine, sample, bare), _number(engine, sample, bare)
        found_dates = dated(engine, sample, name, bare.spelled, bare.filled)
        each = bare.filled / bare.distinct if bare.distinct else 0.0
        yield replace(bare, claims=claims, number=number, dated=found_dates, rows_each=each)


def _counted_in_all(engine: Engine, source: Source, column: Column) -> Column:
    """Count in all rows how often an id comes again: in a sample of rows it hardly would."""
    if not strength(column.name, NAMES["customers.customer_id"]):
        return column
    text = engine.as_text(quoted(column.name), column.kind)
    filled, distinct = engine.rows(f"SELECT count({text}), approx_count_distinct({text}) FROM ({source.sql})")[0]
    return replace(column, rows_each=filled / distinct if distinct else 0.0)


def _facts(engine: Engine, name: str, kind: str) -> list[str]:
    text = engine.as_text(quoted(name), kind)
    has_numbers = kind == "VARCHAR" or kind.startswith(("DECIMAL", "DOUBLE", "FLOAT")) or "INT" in kind
    number = engine.as_number(quoted(name)) if has_numbers and kind != "INTERVAL" else "CAST(NULL AS DOUBLE)"
    return [
        f"count({text})",
        f"count(DISTINCT {text})",
        f"count({number})",
        f"count(*) FILTER ({number} <> floor({number}))",
        f"min({number})",
        f"max({number})",
        f"count(*) FILTER ({number} > 0)",
    ]


def _claims(engine: Engine, sample: Source, column: Column) -> int:
    """Count what can be read as yes or no."""
    if column.distinct > 4:
        return 0
    claims: int = engine.rows(f"SELECT count({engine.as_claim(quoted(column.name), column.kind)}) FROM ({sample.sql})")[
        0
    ][0]
    return claims


def _number(engine: Engine, sample: Source, column: Column) -> str | None:
    """Say how nine in ten of a column's values can be read as numbers, bare or in their dress; else None."""
    if not column.filled:
        return None
    if column.numbers >= 0.9 * column.filled:
        return column.spelled
    if column.kind != "VARCHAR":
        return None
    text = engine.as_text(quoted(column.name), column.kind)
    counts = ", ".join(f"count(*) FILTER (regexp_full_match({text}, '{shape}'))" for shape, _ in _DRESSED)
    fitting = engine.rows(f"SELECT {counts} FROM ({sample.sql})")[0]
    best = max(range(len(_DRESSED)), key=lambda place: fitting[place])
    return _DRESSED[best][1].format(column.spelled) if fitting[best] >= 0.9 * column.filled else None
