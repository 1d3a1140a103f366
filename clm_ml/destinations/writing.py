"""The writer: rows of text become CSV files, cut where a vendor's limit is reached."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import pandas as pd

from clm_ml.engine import BATCH_ROWS

__all__ = ["MARK", "Parts", "defused", "line", "write_csv"]

#: Decimals of numbers in the list's own files; all else is written as it is.
_DECIMALS = {
    "churn_probability": 6,
    "expected_value_if_ordering": 2,
    "value_at_risk": 2,
    "expected_profit": 2,
}
_PLAIN_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?(e[+-]?[0-9]+)?")  # with a plus it is a phone
_QUOTED = re.compile(r'[",\r\n]')
MARK = b"\xef\xbb\xbf"


class Parts:
    """One file, or several of its form, each with the header and within a vendor's limits.

    A file that is the only one has the name asked for, `contact.csv`; of several each is numbered, `contact-1.csv`. It
    is made at the first row, or when it is closed and `always` asks for it.
    """

    def __init__(
        self,
        path: Path,
        headers: Sequence[str],
        *,
        max_rows: int | None = None,
        max_bytes: float | None = None,
        byte_order_mark: bool = False,
        always: bool = False,
    ) -> None:
        self._path, self._header = path, line(headers)
        self._max_rows, self._max_bytes = max_rows or float("inf"), max_bytes or float("inf")
        self._mark, self._always = MARK if byte_order_mark else b"", always
        self._file: IO[bytes] | None = None
        self._rows, self._bytes = 0, 0
        self.files: dict[Path, int] = {}

    def __enter__(self) -> Parts:
        """Let the files be closed at the end of a block."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._always and not self.files:
            self._open()
        self._end()

    def write(self, row: bytes) -> None:
        """Write a row, as `line` makes it."""
        is_full = self._rows + 1 > self._max_rows or self._bytes + len(row) > self._max_bytes
        if self._file is None or (is_full and self._rows > 1):
            self._end()
            self._open()
        assert self._file is not None
        self._file.write(row)
        self._rows += 1
        self._bytes += len(row)

    def _open(self) -> None:
        path = self._path
        if self.files:
            path = self._numbered(len(self.files) + 1)
            if len(self.files) == 1:
                self.files = {self._path.rename(self._numbered(1)): self.files[self._path]}
        self._file = path.open("wb")
        self._file.write(self._mark + self._header)
        self._rows, self._bytes = 1, len(self._mark) + len(self._header)
        self.files[path] = 0

    def _numbered(self, number: int) -> Path:
        return self._path.with_stem(f"{self._path.stem}-{number}")

    def _end(self) -> None:
        if self._file is not None:
            self.files[Path(self._file.name)] = self._rows - 1
            self._file.close()
            self._file = None


def line(cells: Iterable[str]) -> bytes:
    r"""Write one row in UTF-8, with LF.

    >>> line(["007", "tea, black", ""]).decode()
    '007,"tea, black",\n'
    """
    return (",".join([text if text.isalnum() else _cell(text) for text in cells]) + "\n").encode()


def _cell(text: str) -> str:
    r"""Quote a cell where readers need it; Python's writer leaves a lone CR bare, which ends the row for its reader.

    >>> print(_cell('a "b" c'), _cell("a, b"), _cell("tea"))
    "a ""b"" c" "a, b" tea
    """
    return '"' + text.replace('"', '""') + '"' if _QUOTED.search(text) else text


def write_csv(customers: pd.DataFrame, path: Path) -> None:
    """Write a frame to one CSV for machines: nulls are empty, and the same customers give the same bytes."""
    with Parts(path, list(customers.columns), always=True) as parts:
        for start in range(0, len(customers), BATCH_ROWS):
            batch = customers.iloc[start : start + BATCH_ROWS]
            for cells in zip(*(_texts(batch[column]) for column in batch.columns), strict=True):
                parts.write(line(cells))


def _texts(column: pd.Series[Any]) -> list[str]:
    decimals = _DECIMALS.get(str(column.name))
    return ["" if pd.isna(value) else str(value) if decimals is None else f"{value:.{decimals}f}" for value in column]


def defused(text: str) -> str:
    r"""Keep a spreadsheet from running a cell, in files for people; those for machines are never altered.

    >>> defused("=SUM(A1)"), defused("-3.5"), defused("+420 555"), defused("tea")
    ("'=SUM(A1)", '-3.5', "'+420 555", 'tea')
    """
    is_formula = text.startswith(("=", "+", "-", "@", "\t", "\r", "\n")) and not _PLAIN_NUMBER.fullmatch(text)
    return f"'{text}" if is_formula else text
