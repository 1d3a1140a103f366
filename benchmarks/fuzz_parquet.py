"""Parquet as it comes: columns of every type, years nobody meant, nested values, names that repeat, cut files."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq
from fuzz_csv import word
from fuzz_oracle import ANY, OUT_OF_YEARS, UNSURE, Expected, Plan, expect
from fuzz_tables import KEPT_NAMES, Drawn, draw_names, draw_plan, judged
from fuzz_verdicts import Case, some

__all__ = ["parquet_cases"]

_INF, _NAN = float("inf"), float("nan")
_NEW_YORK = ZoneInfo("America/New_York")

#: Types that ids, words and numbers have, and values of each.
_VALUES: dict[pa.DataType, Sequence[Any]] = {
    pa.int8(): (1, 2, 0, -1, 127, -128),
    pa.int16(): (1, 2, 17850 % 32767, 0, -5),
    pa.int32(): (17850, 17851, 0, -1, 2**31 - 1, -(2**31)),
    pa.int64(): (17850, 17851, 1, 0, -1, 2**63 - 1, -(2**63), 10**13, 10**15),
    pa.uint8(): (1, 2, 0, 255),
    pa.uint64(): (17850, 1, 0, 2**64 - 1),
    pa.float64(): (17850.0, 5.0, 19.9, 0.1, -0.0, 0.0, -5.0, _INF, -_INF, _NAN, 1e13, 1e300, 5e-324, 1.005, 2.675,
    0.005, 1e9 + 1,
                   123456789012.345, 9999999999999.99),
    pa.decimal128(10, 2): tuple(map(Decimal, ("5.00", "19.90", "-5.00", "0.00", "99999999.99"))),
    pa.decimal128(38, 4): tuple(map(Decimal, ("5.0000", "19.9000", "0.0050", "9999999999999.9900", "-1.0050"))),
    pa.bool_(): (True, False),
}  # fmt: skip
_DATES = tuple(
    map(
        date.fromisoformat,
        (
            "2024-01-05",
            "2024-06-01",
            "2024-12-31",
            "2025-01-01",
            "1989-12-31",
            "0001-01-01",
            "9999-12-31",
            "9998-12-31",
        ),
    )
)
_TIMES = (
    datetime(2024, 1, 5), datetime(2024, 3, 31, 1, 30), datetime(2024, 6, 1, 23, 30), datetime(2024, 10, 27, 1, 30),
    datetime(2024, 12, 31, 23, 59, 59, 999999), datetime(2011, 12, 30, 10), datetime(2018, 11, 4, 3), datetime(1, 1, 1),
    datetime(9998, 12, 31, 23, 59), datetime(9999, 12, 31), datetime(1969, 12, 31, 23, 59, 59), datetime(1989, 12,
    31, 23),
    datetime(2025, 1, 1), datetime(2024, 3, 10, 7), datetime(2024, 2, 29),
)  # fmt: skip

#: Types that no column of ours has, and what may be in them; what they are read as nobody has promised.
_ODD: tuple[tuple[pa.DataType, Sequence[Any]], ...] = (
    (pa.null(), (None,)),
    (pa.list_(pa.int64()), ([1, 2], [], None)),
    (pa.list_(pa.string()), (["klara"], [None], None)),
    (pa.struct([("klara", pa.int64())]), ({"klara": 1}, None)),
    (pa.map_(pa.string(), pa.int64()), ([("klara", 1)], [], None)),
    (pa.binary(), (b"klara", b"\xff\x00", b"", None)),
    (pa.binary(16), (b"klara-klara-klar", None)),
    (pa.time64("us"), (time(12, 30), time(0), None)),
    (pa.time32("s"), (time(23, 59, 59), None)),
    (pa.duration("us"), (timedelta(days=1), timedelta(-5), None)),
    (pa.float16(), (1.0, 2.5, None)),
    (pa.float32(), (1.0, 0.1, 17850.0, _INF, _NAN, 1e30, None)),
    (pa.date64(), (date(2024, 1, 5), None)),
    (pa.decimal256(60, 5), (Decimal("5.00000"), Decimal(10**50), None)),
    (pa.list_(pa.struct([("x", pa.list_(pa.int8()))])), ([{"x": [1]}], None)),
)


def parquet_cases(home: Path) -> Case:
    """Write Parquet files, most of them with something wrong."""
    return lambda draw: judged(draw_parquet(draw, home), draw, home)


def draw_parquet(draw: Random, home: Path) -> Drawn:
    """Draw a Parquet file, and what has to become of the values that were written to it."""
    plan = draw_plan(draw)
    count = draw.choice((0, 1, 2, 3, 5, 8))
    columns = [_column(draw, column, count) for column in plan.columns]
    for _ in range(some(draw, [0, 0, 1, 2], [5000], 0.001)):
        columns.append(_of_type(draw, pa.int64(), count) if draw.random() < 0.8 else _odd(draw, count))
    if count and draw.random() < 0.3:
        columns = [
            (kind, [*values, *[values[-1]] * 2], told and [*told, *[told[-1]] * 2]) for kind, values, told in columns
        ]
    names = draw_names(draw, plan.columns)
    header = [names[column] for column in plan.columns]
    header += [f"extra {place}" for place in range(len(columns) - len(header))]
    path = home / "table.parquet"
    schema = pa.schema([pa.field(name, kind) for name, (kind, _, _) in zip(header, columns, strict=True)])
    table = pa.Table.from_arrays([pa.array(values, kind) for kind, values, _ in columns], schema=schema)
    bend = some(draw, [_as_it_is], _BENDS, 0.35)
    expected = bend(table, path, draw)
    if expected is _LEFT:
        told = [dict(enumerate(row)) for row in zip(*(told for *_, told in columns), strict=True)]
        rows = [{**dict(zip(plan.columns, row.values(), strict=False)), **row} for row in told]
        expected = _without_guesses(expect(rows, plan), plan)
    return Drawn(plan, names, path, expected, may_refuse=bend not in (_as_it_is, _in_row_groups))


def _without_guesses(expected: Expected, plan: Plan) -> Expected:
    """Which of a customer's rows is kept goes by their text, which of typed values nobody has promised."""
    return replace(expected, is_sure=expected.is_sure and plan.table != "customers")


# Columns --------------------------------------------------------------------------------------------------------

Column = tuple[pa.DataType, list[Any], list[Any]]  # its type, its values, and what they say to a person


def _column(draw: Random, column: str, count: int) -> Column:
    if draw.random() < 0.06:
        return _odd(draw, count)
    if draw.random() < 0.35:
        words = [word(draw, column, 0.15) if draw.random() < 0.95 else None for _ in range(count)]
        kind = draw.choice((pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int32(), pa.string())))
        return kind if not pa.types.is_string_view(kind) else pa.string(), words, words
    if column.endswith(("_at", "_on")):
        return _instants(draw, count)
    if column in ("is_return", "may_contact", "contact_email") and draw.random() < 0.6:
        return _of_type(draw, pa.bool_(), count)
    return _of_type(draw, draw.choice(list(_VALUES)), count)


def _of_type(draw: Random, kind: pa.DataType, count: int) -> Column:
    values = [draw.choice(_VALUES[kind]) if draw.random() < 0.93 else None for _ in range(count)]
    return kind, values, values


def _odd(draw: Random, count: int) -> Column:
    kind, values = draw.choice(_ODD)
    return kind, [draw.choice(values) for _ in range(count)], [UNSURE] * count


def _instants(draw: Random, count: int) -> Column:
    if draw.random() < 0.25:
        values: list[Any] = [draw.choice(_DATES) if draw.random() < 0.93 else None for _ in range(count)]
        return pa.date32(), values, values
    unit = draw.choice(("s", "ms", "us", "ns"))
    zone = some(draw, [None], ["UTC", "America/New_York", "+05:30"], 0.4)
    kind = pa.timestamp(unit, zone)
    values, told = [], []
    for _ in range(count):
        ticks, said = _instant(draw, unit, zone)
        values.append(ticks)
        told.append(said)
    return kind, values, told


def _instant(draw: Random, unit: str, zone: str | None) -> tuple[int | None, Any]:
    """Draw an instant as ticks of its unit since 1970, and as a datetime; some have no place in any calendar."""
    if draw.random() < 0.07:
        return None, None
    if unit == "us" and draw.random() < 0.1:  # beyond what a calendar of four digits holds
        ticks = draw.choice((2**63 - 2, 2**63 - 1, -(2**63) + 1, -(2**63) + 2, 2**62))
        return ticks, OUT_OF_YEARS
    a_second = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[unit]
    when = draw.choice([at for at in _TIMES if unit != "ns" or 1700 < at.year < 2200])
    micros = (when - datetime(1970, 1, 1)) // timedelta(microseconds=1)
    ticks = micros * a_second // 10**6 + (999 if unit == "ns" and draw.random() < 0.5 else 0)
    floored = datetime(1970, 1, 1) + timedelta(microseconds=ticks * 10**6 // a_second)
    if zone is not None and floored.year > 2037:  # of summers so far away libraries say different things
        return ticks, UNSURE
    return ticks, floored if zone is None else floored.replace(tzinfo=UTC)


# What bends a file ----------------------------------------------------------------------------------------------

Bend = Callable[[pa.Table, Path, Random], Expected | None]

#: The bend leaves what rows are to become as it was.
_LEFT = Expected(is_sure=False)


def _as_it_is(table: pa.Table, path: Path, draw: Random) -> Expected | None:
    codec = draw.choice(("snappy", "zstd", "gzip", "none", "lz4", "brotli"))
    pq.write_table(table, path, compression=codec, version=draw.choice(("1.0", "2.6")) if _is_plain(table) else "2.6")
    return _LEFT


def _is_plain(table: pa.Table) -> bool:
    """Say whether an old version of Parquet keeps every value: it has no nanoseconds and no unsigned numbers."""
    kinds = [str(field.type) for field in table.schema]
    return not any(kind.startswith(("timestamp[ns", "uint", "time")) for kind in kinds)


def _in_row_groups(table: pa.Table, path: Path, draw: Random) -> Expected | None:
    pq.write_table(table, path, row_group_size=1, use_dictionary=draw.random() < 0.5, write_statistics=False)
    return _LEFT


def _bytes_of(table: pa.Table) -> bytes:
    out = pa.BufferOutputStream()
    pq.write_table(table, out)
    return out.getvalue().to_pybytes()


def _cut(table: pa.Table, path: Path, draw: Random) -> Expected | None:
    content = _bytes_of(table)
    path.write_bytes(content[: draw.randrange(len(content))])
    return None


def _damaged_footer(table: pa.Table, path: Path, draw: Random) -> Expected | None:
    """Bend the footer: what it says then is anybody's guess, but nothing may crash, and counts add up."""
    content = bytearray(_bytes_of(table))
    (length,) = struct.unpack("<I", content[-8:-4])
    for _ in range(draw.choice((1, 1, 4))):
        content[-8 - 1 - draw.randrange(length)] = draw.randrange(256)
    path.write_bytes(bytes(content))
    return Expected(read=ANY, is_sure=False)


def _no_parquet(table: pa.Table, path: Path, draw: Random) -> Expected | None:
    path.write_bytes(
        draw.choice((b"", b"PAR1", b"PAR1PAR1", b"who,when,paid\nklara,2024-01-01,5\n", b"\x89PNG\r\n", b"PARE" * 4))
    )
    return None


def _without_columns(table: pa.Table, path: Path, draw: Random) -> Expected | None:
    pq.write_table(table.drop_columns(table.column_names[draw.randrange(1) :]), path)
    return None


def _with_repeated_names(table: pa.Table, path: Path, draw: Random) -> Expected | None:
    """Call a column that nobody maps as one that somebody does: the first has the name."""
    extra = table.append_column(draw.choice((table.column_names[0], table.column_names[-1].upper())), table.column(0))
    pq.write_table(extra, path)
    return _LEFT


def _with_a_kept_name(table: pa.Table, path: Path, draw: Random) -> Expected | None:
    pq.write_table(table.append_column(draw.choice(KEPT_NAMES), pa.array(range(table.num_rows))), path)
    return None


_BENDS: list[Bend] = [
    _in_row_groups, _cut, _damaged_footer, _damaged_footer, _no_parquet, _without_columns, _with_repeated_names,
    _with_a_kept_name,
]  # fmt: skip
