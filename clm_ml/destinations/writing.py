"""The writer: a list of customers becomes the file a destination asks for."""

from __future__ import annotations

import re
from importlib import resources
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

__all__ = ["DESTINATIONS", "write_csv", "write_destination"]

DESTINATIONS = ("table",)

#: Decimals of numbers in files; all else is written as it is.
_DECIMALS = {
    "churn_probability": 6,
    "expected_value_if_ordering": 2,
    "value_at_risk": 2,
    "expected_profit": 2,
}
_PLAIN_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?(e[+-]?[0-9]+)?")  # with a plus it is a phone
_QUOTED = re.compile(r'[",\r\n]')


def write_destination(name: str, customers: pd.DataFrame, folder: Path) -> Path:
    """Write the customers to contact in a destination's own form, into a folder of its name.

    Args:
        name: one of `DESTINATIONS`.
        customers: the contacted arm only, in rank order.
        folder: where the destination's folder is made.

    Returns:
        the file written.
    """
    text = resources.files(__package__).joinpath(f"{name}.yaml").read_text(encoding="utf-8")
    destination = yaml.safe_load(text)
    file, columns = destination["file"], destination["columns"]
    there = {header: field for header, field in columns.items() if field in customers.columns}
    path = folder / name / file["name"]
    path.parent.mkdir()
    write_csv(customers[list(there.values())], path, list(there), file["byte_order_mark"], file["defuse_formulas"])
    return path


def write_csv(
    customers: pd.DataFrame,
    path: Path,
    headers: list[str] | None = None,
    byte_order_mark: bool = False,
    defuse_formulas: bool = False,
) -> None:
    """Write a CSV with LF and UTF-8; nulls are empty, and the same customers give the same bytes.

    Args:
        customers: the rows.
        path: the file.
        headers: the columns' names in the file; their own if not given.
        byte_order_mark: whether spreadsheets are told that it is UTF-8.
        defuse_formulas: whether cells that a spreadsheet would take for a formula begin with an apostrophe. Files for
            machines are never altered.
    """
    columns = [_texts(customers[column], defuse_formulas) for column in customers.columns]
    with path.open("w", encoding="utf-8-sig" if byte_order_mark else "utf-8", newline="") as file:
        for cells in (headers or list(customers.columns), *zip(*columns, strict=True)):
            file.write(",".join(map(_cell, cells)) + "\n")


def _cell(text: str) -> str:
    r"""Quote a cell where readers need it; Python's writer leaves a lone CR bare, which ends the row for its reader.

    >>> print(_cell('a "b" c'), _cell("a, b"), _cell("tea"))
    "a ""b"" c" "a, b" tea
    """
    return '"' + text.replace('"', '""') + '"' if _QUOTED.search(text) else text


def _texts(column: pd.Series[Any], defuse: bool) -> list[str]:
    decimals = _DECIMALS.get(str(column.name))
    texts = ["" if pd.isna(value) else str(value) if decimals is None else f"{value:.{decimals}f}" for value in column]
    return [_defused(text) for text in texts] if defuse else texts


def _defused(text: str) -> str:
    r"""Keep a spreadsheet from running a cell.

    >>> _defused("=SUM(A1)"), _defused("-3.5"), _defused("+420 555"), _defused("tea")
    ("'=SUM(A1)", '-3.5', "'+420 555", 'tea')
    """
    is_formula = text.startswith(("=", "+", "-", "@", "\t", "\r", "\n")) and not _PLAIN_NUMBER.fullmatch(text)
    return f"'{text}" if is_formula else text
