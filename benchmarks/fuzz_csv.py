"""CSV as it comes: encodings, ragged rows, huge fields, headers that repeat, cut lines; and nasty words in it."""

from __future__ import annotations

import csv
import gzip
import io
import re
import zlib
from collections.abc import Callable
from pathlib import Path
from random import Random

from fuzz_oracle import Expected, Plan, expect
from fuzz_tables import KEPT_NAMES, Drawn, draw_names, draw_plan, has_kept_name, judged
from fuzz_verdicts import Case, some

__all__ = ["csv_cases", "word"]

#: Words by what they are drawn for: those of every day, and those that somebody's export holds too.
_IDS = (
    ["klara-1", "klara-2", "klara-3"],
    ["", " ", "\u00a0klara-1\u00a0", "klara-1.0", "17850.0", "017850.0", "17850.00", "1e3", "NULL", "None", "nan",
    "NaN",
     "=klara()", "klara\nnovák", 'klara "x"', "klara,1", "😀klara", "클라라klara", "\tklara-1", "0.0", "-1.0", "1.0",
     "1.50",
     "\u200bklara", "\u2003klara-1", "klara'; --", "\\N", "\x7fklara", "KLARA-1", "\x1bklara", "\ufeffklara-1",
     "k" * 5000 + "klara"],
)  # fmt: skip
_INSTANTS = (
    ["2024-01-05", "2024-03-10 08:15", "2024-06-01T12:00:00", "2024-06-01T23:30:00Z", "2024-02-29 00:00:00"],
    ["", " ", "2024-02-30", "2023-02-29", "2024-13-01", "2024-00-10", "0001-01-01", "0000-01-01", "9999-12-31",
    "9998-12-31",
     "9998-12-31 23:59:59", "2024-03-31 01:30", "2024-10-27 01:30:00", "2024-03-31T01:30:00Z",
     "2024-03-31T00:59:59+00:00",
     "2024-12-31T23:30:00-05:00", "2024-06-01T12:00:00+14:00", "2024-06-01T12:00:00-12:00", "2011-12-30 10:00:00+00:00",
     "2011-12-29T23:00:00Z", "2024-06-01 12:00 UTC", "2024-06-01T12:00:00+0530", "2024-06-01T12:00:00+05", "2024/06/01",
     "2024-6-1", "2024-6-1 9:05", "2024-06/01", "01.06.2024", "06/01/2024", "20240601", "1717200000", "now", "today",
     "infinity", "-infinity", "epoch", "2024-06-01 25:00", "2024-06-01 24:00", "2024-06-01 23:60",
     "2024-06-01 23:59:60",
     "2024-06-01T12:00:00.123456789", "2024-06-01T12:00:00.999999", "2024-06-01T12:00:00.9999999",
     "2024-06-01T12:00:00.Z", "2024-06-01T12",
     "2024-06-01T12:00:00+25:00", "2024-06-01T12:00:00+05:75", "-2024-06-01", "+2024-06-01", "12024-06-01",
     "2024-06-01 BC",
     "2024-W10-1", "2024-060", " 2024-06-01 ", "2024-06-01t12:00:00z", "2024-06-01\n", "٢٠٢٤-٠١-٠١",
     "2024-06-01T12:00:00 Z",
     "0001-01-01T00:00:00+14:00", "9998-12-31T23:59:59-14:00", "1989-12-31", "1990-01-01", "2024-12-31 23:59:59.999999",
     "2025-01-01", "1900-02-29", "2000-02-29", "2024-06-01 12:00:00 Europe/London", "2024-06-01 12:00 AM",
     "2018-11-04 00:30",
     "2018-11-04T03:00:00Z", "2024-06-01T12:00:00−05:00", "1847-11-30T23:59:00Z", "1969-12-31 23:59:59.5", "9e9"],
)  # fmt: skip
_NUMBERS = (
    ["5", "19.90", "0.01", "100", "7.5"],
    ["", " ", "-5", "0", "-0", "-0.0", "0.0", "inf", "-inf", "Infinity", "nan", "NaN", "1e3", "1E+2", "1e400", "-1e400",
     "1e-400", "9999999999999.99", "10000000000000", "1e13", "-1e13", "9999999999999.995", "0.005", "-0.005",
     "1.005", "2.675", "0.015",
     "1,5", "1.234,56", "1,234.56", "£5", "5 EUR", "5%", "five", "+5", ".5", "5.", " 5 ", "0x1F", "1_000", "--5",
     "5-", "(5)",
     "1e", "e5", "٥", "５", "1" * 400, "0." + "0" * 400 + "1", "true", "TRUE", "1/2", "\u22125", "1e3.5", "NULL",
     "1e9", "1000000001",
     "123456789012.345", "0.1e1", "00005", "-.5", "- 5", "1d", "1f", "1.7976931348623157e308", "4.35", "8.165",
     "0b1", "1 000"],
)  # fmt: skip
_CLAIMS = (
    ["true", "false", "0", "1", "yes", "no"],
    ["", " ", "TRUE", "Y", "n", "2", "-1", "ja", "t", "0.0", "1.0", "perhaps", "\u00a0yes "],
)
_WORDS = (
    ["visit", "email", "autumn", "CZ"],
    ["", " ", "klara\n", "=1+1", "\u00a0", "😀", "nan", "NULL", "v" * 3000, "\u2003"],
)

_OF_COLUMNS = {
    **dict.fromkeys(("ordered_at", "occurred_at", "created_at", "contacted_at", "spent_on", "loaded_at"), _INSTANTS),
    **dict.fromkeys(("amount", "discount", "cost", "quantity", "value", "duration_seconds"), _NUMBERS),
    **dict.fromkeys(("customer_id", "order_id"), _IDS),
    **dict.fromkeys(("is_return", "may_contact", "contact_email"), _CLAIMS),
}


def word(draw: Random, column: str, nasty: float) -> str:
    """Draw what is written into a column."""
    common, rare = _OF_COLUMNS.get(column, _WORDS)
    return str(some(draw, common, rare, nasty))


def csv_cases(home: Path) -> Case:
    """Write CSV files, most of them with something wrong."""
    return lambda draw: judged(draw_csv(draw, home), draw, home)


def draw_csv(draw: Random, home: Path) -> Drawn:
    """Draw a CSV, and what has to become of it by what Python's own reader makes of its bytes."""
    plan = draw_plan(draw)
    names = draw_names(draw, plan.columns)
    nasty = draw.choice((0.05, 0.15, 0.4))
    cells = [[word(draw, column, nasty) for column in plan.columns] for _ in range(draw.choice((0, 1, 2, 3, 5, 8)))]
    header = [names[column] for column in plan.columns]
    for number in range(some(draw, [0, 0, 1, 2], [5000], 0.001)):
        header.append(
            draw.choice(
                (
                    f"extra {number}",
                    header[draw.randrange(len(header))],
                    "",
                    f" blank {number} ",
                    draw.choice(KEPT_NAMES),
                )[: 5 if draw.random() < 0.03 else 4]
            )
        )
        for row in cells:
            row.append("x" if draw.random() < 0.9 else word(draw, "amount", 0.5))
    if cells and draw.random() < 0.3:
        cells += [list(draw.choice(cells)) for _ in range(draw.choice((1, 2)))]
    delimiter = some(draw, [","], [";", "\t", "|"], 0.3)
    text = _written([header, *cells], delimiter, draw)
    bend = some(draw, [_leave], _BENDS, 0.5)
    content = bend(text, delimiter, draw)
    path = _stored(content, draw, home)
    expected, may_refuse = _expected(content, delimiter, plan, names)
    if path.suffix == ".gz" and not _opens(path):
        expected = None
    return Drawn(plan, names, path, expected, may_refuse or bend in _MAY_BE_REFUSED)


def _written(rows: list[list[str]], delimiter: str, draw: Random) -> str:
    out = io.StringIO()
    quoting = some(draw, [csv.QUOTE_MINIMAL], [csv.QUOTE_ALL], 0.3)
    csv.writer(out, delimiter=delimiter, quoting=quoting, lineterminator=draw.choice(("\n", "\r\n"))).writerows(rows)
    return out.getvalue()


def _stored(content: bytes, draw: Random, home: Path) -> Path:
    for old in (*home.glob("table.*"), *home.glob("TABLE.*")):
        old.unlink()
    if draw.random() < 0.08:
        packed = gzip.compress(content)
        if draw.random() < 0.4:
            packed = _bytes_bent(packed, draw)
        path = home / "table.csv.gz"
        path.write_bytes(packed)
        return path
    path = home / draw.choice(("table.csv", "table.csv", "table.tsv", "table.txt", "TABLE.CSV"))
    path.write_bytes(content)
    return path


def _opens(path: Path) -> bool:
    try:
        return bool(gzip.decompress(path.read_bytes()))
    except (OSError, EOFError, ValueError, zlib.error):
        return False


# What bends a text ----------------------------------------------------------------------------------------------

Bend = Callable[[str, str, Random], bytes]


def _leave(text: str, _: str, draw: Random) -> bytes:
    return (b"\xef\xbb\xbf" if draw.random() < 0.2 else b"") + text.encode()


def _cut(text: str, _: str, draw: Random) -> bytes:
    content = text.encode()
    return content[: draw.randrange(len(content) + 1)]


def _flip(text: str, _: str, draw: Random) -> bytes:
    return _bytes_bent(text.encode(), draw)


def _bytes_bent(content: bytes, draw: Random) -> bytes:
    bent = bytearray(content)
    for _ in range(draw.choice((1, 1, 3, 20))):
        place = draw.randrange(len(bent) + 1)
        how = draw.random()
        if how < 0.4 and place < len(bent):
            bent[place] = draw.randrange(256)
        elif how < 0.7:
            bent[place:place] = draw.choice(
                (b'"', b",", b"\n", b"\r", b"\0", b"\xff", b"\\", b"#", b"\xc3", b";", b"\x1a")
            )
        else:
            del bent[place : place + draw.choice((1, 1, 5))]
    return bytes(bent)


def _in_other_encoding(text: str, _: str, draw: Random) -> bytes:
    return text.encode(
        draw.choice(("utf-16", "utf-16-le", "utf-32", "cp1250", "latin-1", "shift_jis")), errors="replace"
    )


def _ragged(text: str, delimiter: str, draw: Random) -> bytes:
    lines = text.split("\n")
    place = draw.randrange(len(lines))
    line = lines[place]
    lines[place] = draw.choice(
        (line + delimiter, delimiter + line, line.replace(delimiter, "", 1), line + delimiter * 3 + "x")
    )
    return "\n".join(lines).encode()


def _with_blank_lines(text: str, _: str, draw: Random) -> bytes:
    lines = text.split("\n")
    lines.insert(draw.randrange(1, len(lines) + 1), draw.choice(("", " ", "\t", ",", '""', "\r")))
    return "\n".join(lines).encode()


def _with_other_ends(text: str, _: str, draw: Random) -> bytes:
    plain = text.replace("\r\n", "\n")
    if draw.random() < 0.5:
        return plain.replace("\n", "\r").encode()
    return "".join(sign if sign != "\n" else draw.choice(("\n", "\r\n", "\r")) for sign in plain).encode()


def _with_an_open_quote(text: str, delimiter: str, draw: Random) -> bytes:
    place = draw.randrange(len(text) + 1)
    return (text[:place] + draw.choice(('"', delimiter + '"', '\n"', '""', '"""')) + text[place:]).encode()


def _with_a_huge_field(text: str, delimiter: str, draw: Random) -> bytes:
    size = draw.choice((10_000, 200_000, 1_900_000, 2_200_000, 5_000_000))
    return (
        text.replace(delimiter, "k" * size + delimiter, 1).encode()
        if draw.random() < 0.2
        else (
            text + "k" * size + "\n"
            if draw.random() < 0.3
            else text[: -1 if text.endswith("\n") else None] + "k" * size + "\n"
        ).encode()
    )


def _empty(_: str, __: str, draw: Random) -> bytes:
    return draw.choice(
        (b"", b"\n", b"\xef\xbb\xbf", b"\r\n", b" ", b"\0", b"\xef\xbb\xbf\n", b",", b",,\n", b'"', b"PAR1")
    )


_BENDS: list[Bend] = [
    _cut, _flip, _flip, _in_other_encoding, _ragged, _with_blank_lines, _with_other_ends, _with_an_open_quote, _empty,
]  # fmt: skip
_BENDS += [_with_a_huge_field]
_MAY_BE_REFUSED: list[Bend] = [bend for bend in _BENDS if bend is not _ragged]


def _expected(content: bytes, delimiter: str, plan: Plan, names: dict[str, str]) -> tuple[Expected | None, bool]:
    """Read the bytes as Python does: what it cannot read nobody is to read, and what is odd may be refused."""
    try:
        text = content.decode("utf-8-sig")
        csv.field_size_limit(10**8)
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except (UnicodeDecodeError, csv.Error):
        return None, True
    if not rows or any(row and not _fits(row, rows[0]) for row in rows):
        return None, True
    header = [cell.strip() for cell in rows[0]]
    if has_kept_name(header):
        return None, True
    # A name is the column's own, or else one that differs in capitals alone.
    alike = next(
        (way for way in (str, str.lower) if {way(names[c]) for c in plan.columns} <= {*map(way, header)}), None
    )
    if alike is None:
        return None, True
    places = _places([alike(name) for name in header])
    told = [
        {column: row[places[alike(names[column])]] for column in plan.columns}
        | {f"extra {number}": cell for number, cell in enumerate(row[: len(header)])}
        for row in rows[1:]
        if row
    ]
    return expect(told, plan), _is_ambiguous(text, delimiter)


def _is_ambiguous(text: str, delimiter: str) -> bool:
    """Say whether a file may be refused: its lines end in several ways, or its header might be divided otherwise."""
    header = re.split(r"[\r\n]", text, maxsplit=1)[0]
    return len(set(re.findall(r"\r\n|\r|\n", text))) > 1 or any(sign in header for sign in {*",;\t|"} - {delimiter})


def _fits(row: list[str], header: list[str]) -> bool:
    """Say whether a line has as many values as the header; a delimiter more at its end is forgiven."""
    return len(row) == len(header) or (len(row) == len(header) + 1 and not row[-1])


def _places(header: list[str]) -> dict[str, int]:
    """Find each name's first place: of columns that are called alike, the first has the name."""
    places: dict[str, int] = {}
    for number, name in enumerate(header):
        places.setdefault(name, number)
    return places
