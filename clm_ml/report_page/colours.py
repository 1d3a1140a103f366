"""One drawing for light and dark: each colour becomes a CSS variable, whose dark value is reckoned from its light one.

Lightness is turned round in OKLab (Ottosson 2020), hue and chroma stay: what stood out from white stands out from
black, and what was lighter than something else is darker then.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

__all__ = ["dark_of", "variable", "variables"]

#: Colours that mean paper and ink, whatever these are.
_NAMED = {"#000000": "var(--ink)", "#ffffff": "var(--paper)"}

_TO_LMS = np.array([[0.4122214708, 0.5363325363, 0.0514459929], [0.2119034982, 0.6806995451, 0.1073969566],
                    [0.0883024619, 0.2817188376, 0.6299787005]])  # fmt: skip
_TO_LAB = np.array([[0.2104542553, 0.7936177850, -0.0040720468], [1.9779984951, -2.4285922050, 0.4505937099],
                    [0.0259040371, 0.7827717662, -0.8086757660]])  # fmt: skip
#: Dark lightness is `_TURN - _SLOPE × light`, between these two.
_TURN, _SLOPE, _LEAST, _MOST = 1.18, 0.9, 0.58, 0.92


def variable(colour: str) -> str:
    """Name the CSS variable of a colour.

    >>> variable("#1f5fa8"), variable("#000000")
    ('var(--k-1f5fa8)', 'var(--ink)')
    """
    return _NAMED.get(colour, f"var(--k-{colour.removeprefix('#')})")


def variables(colours: Iterable[str]) -> tuple[str, str]:
    """Declare the variables of colours, for light and for dark."""
    named = sorted({*colours} - {*_NAMED})
    return tuple(
        ";".join(f"--k-{colour.removeprefix('#')}:{value(colour)}" for colour in named) for value in (str, dark_of)
    )  # type: ignore[return-value]


def dark_of(colour: str) -> str:
    """Give a colour's value on a dark ground.

    >>> dark_of("#1f5fa8")
    '#6faffe'
    """
    lab = _TO_LAB @ np.cbrt(_TO_LMS @ _linear(colour))
    lab[0] = np.clip(_TURN - _SLOPE * lab[0], _LEAST, _MOST)
    for chroma in np.linspace(1, 0, 21):  # as much of it as can be shown
        shown = np.linalg.solve(_TO_LMS, np.linalg.solve(_TO_LAB, lab * (1, chroma, chroma)) ** 3)
        if ((shown > -0.002) & (shown < 1.002)).all():
            break
    return "#" + "".join(f"{round(255 * part):02x}" for part in _curved(np.clip(shown, 0, 1)))


def _linear(colour: str) -> Any:
    parts = np.array([int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)])
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)


def _curved(parts: Any) -> Any:
    return np.where(parts <= 0.0031308, parts * 12.92, 1.055 * parts ** (1 / 2.4) - 0.055)
