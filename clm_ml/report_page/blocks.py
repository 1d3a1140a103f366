"""What a page is made of: sections of words, tiles, tables and figures; plain data, laid out by the template."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from markupsafe import Markup

__all__ = ["Block", "Drawn", "Figures", "People", "Person", "Section", "Table", "Tile", "Tiles", "Words"]


@dataclass(frozen=True)
class Words:
    """A paragraph; `tone` is plain, note, good or alarm. Of several lines each is an item. Commands may follow."""

    lines: tuple[str, ...]
    tone: str = "plain"
    commands: tuple[str, ...] = ()
    kind: ClassVar[str] = "words"


@dataclass(frozen=True)
class Tile:
    """One figure, what it is, and what to hold beside it."""

    value: str
    label: str
    note: str = ""


@dataclass(frozen=True)
class Tiles:
    """Figures side by side."""

    tiles: tuple[Tile, ...]
    kind: ClassVar[str] = "tiles"


@dataclass(frozen=True)
class Table:
    """Rows of text.

    Attributes:
        caption: what it shows.
        head: the columns.
        rows: as many cells as there are columns; the first names the row.
        words: the places of columns that hold words; all others hold numbers.
        swatches: the colour of each row, of a legend; none, if empty.
        is_folded: whether it is shown only when asked for.
    """

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    words: tuple[int, ...] = (0,)
    swatches: tuple[str, ...] = ()
    is_folded: bool = False
    kind: ClassVar[str] = "table"


@dataclass(frozen=True)
class Drawn:
    """A figure: its drawing, how to read it, and its numbers."""

    title: str
    svg: Markup = field(repr=False)
    how: str
    numbers: Table


@dataclass(frozen=True)
class Figures:
    """Figures side by side where there is room, and what else may stand beside them."""

    figures: tuple[Drawn, ...]
    beside: tuple[Words | Table, ...] = ()
    kind: ClassVar[str] = "figures"


@dataclass(frozen=True)
class Person:
    """One customer of a list: rank, id, where they stand, figures, why, what to do, and how to reach them.

    Each reason says whether it raises the risk: up, or down; empty if it does not say.
    """

    rank: str
    customer_id: str
    segment: str
    swatch: str
    figures: tuple[tuple[str, str], ...]
    reasons: tuple[tuple[str, str], ...]
    play: str
    contact: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class People:
    """The first customers of a list, and how to read them."""

    caption: str
    note: str
    people: tuple[Person, ...]
    kind: ClassVar[str] = "people"


Block = Words | Tiles | Table | Figures | People


@dataclass(frozen=True)
class Section:
    """A part of the page, which the page's contents name."""

    name: str
    title: str
    blocks: Sequence[Block]
