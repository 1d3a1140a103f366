"""The paper figures are drawn on: one size, one grid, the colours that mean something, and what the pointer tells."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from html import escape
from io import BytesIO, StringIO
from itertools import cycle
from typing import Any

from matplotlib.artist import Artist
from matplotlib.figure import Figure

__all__ = ["INK", "OTHER", "OWN", "RIVALS", "Picture", "blank", "percent", "rival_lines", "thousands"]

#: What is ours, what stands beside it, and others to tell apart.
OWN, OTHER = "#1f5fa8", "#80868f"
INK = "#444444"
RIVALS = ("#c8691f", "#4a8a46", "#8d6cab", "#a8456b")
#: Lines that are told apart without colour too.
_DASHES = ("-", (0, (5, 1.5)), (0, (1.5, 1)), (0, (5, 1, 1, 1)))

#: Dots an inch where a notebook shows a figure as PNG.
_DPI = 110
_TOLD = "told-"


class Picture(Figure):
    """A figure that shows itself in a notebook, and tells more where the pointer rests.

    Matplotlib's own figures are shown only once pyplot was imported. This one needs no pyplot: it is a PNG, and where
    something is told, also an SVG whose parts answer the pointer, without a script.

    >>> picture, axes = blank("days", "customers")
    >>> picture.tell(axes.plot([1, 2], [3, 4])[0], "four after two days")
    >>> "<title>four after two days</title>" in picture._repr_html_()
    True
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._said: list[str] = []

    @property
    def said(self) -> Mapping[str, str]:
        """What the pointer finds, by the id that the part has in SVG."""
        return {f"{_TOLD}{place}": words for place, words in enumerate(self._said)}

    def tell(self, artist: Artist, words: str) -> None:
        """Let the pointer find words on a part of the figure."""
        artist.set_gid(f"{_TOLD}{len(self._said)}")
        self._said.append(words)

    def tell_along(self, axes: Any, x: Iterable[float], y: Iterable[float], words: Iterable[str]) -> None:
        """Let the pointer find words along a line: at each point, which itself is not seen."""
        for across, up, said in zip(x, y, words, strict=True):
            unseen = axes.plot(across, up, marker="o", markersize=9, linestyle="", color=OTHER, alpha=0, label="_told")
            self.tell(unseen[0], said)

    def _repr_png_(self) -> bytes:
        with BytesIO() as written:
            self.savefig(written, format="png", dpi=_DPI)
            return written.getvalue()

    def _repr_html_(self) -> str | None:
        if not self._said:
            return None
        with StringIO() as written:
            self.savefig(written, format="svg", metadata={"Date": None})
            text = written.getvalue()
        titles = [f"<g><title>{escape(words)}</title>" for words in self._said]
        drawn = re.sub(rf'<g id="{_TOLD}(\d+)">', lambda found: titles[int(found[1])], text)
        return f"<div>{drawn[drawn.index('<svg') :]}</div>"


def blank(x: str, y: str) -> tuple[Picture, Any]:
    """Give an empty figure and its axes, named."""
    figure = Picture(figsize=(6, 4.5), layout="constrained")
    axes = figure.add_subplot()
    axes.set(xlabel=x, ylabel=y)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25)
    return figure, axes


def rival_lines() -> Iterator[dict[str, Any]]:
    """Give colour and dashes of one rival after the other."""
    return cycle({"color": color, "linestyle": dashes} for color, dashes in zip(RIVALS, _DASHES, strict=True))


def percent(share: float, _: Any = None) -> str:
    """Write a share on an axis."""
    return f"{share:.0%}"


def thousands(value: float, _: Any = None) -> str:
    """Write a number on an axis, its thousands apart; halves only where they are needed.

    >>> thousands(1500), thousands(0.5), thousands(-2)
    ('1,500', '0.5', '−2')
    """
    return f"{value:,.10g}".replace("-", "−")
