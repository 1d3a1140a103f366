"""A figure as a piece of HTML: inline SVG with text as text, its own ids, and colours that follow light and dark."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable, Mapping
from typing import Any
from xml.etree import ElementTree as ET

from markupsafe import Markup
from matplotlib import rc_context

from clm_ml.plots import Picture
from clm_ml.report_page.colours import variable
from clm_ml.report_page.words import steady

__all__ = ["WIDTH", "draw"]

#: A figure's width in inches; its units are CSS pixels where it is shown as wide as it was drawn.
WIDTH = 5.4

_STYLE: Any = {
    "font.size": 11.5, "svg.fonttype": "none", "svg.hashsalt": "clm-ml", "text.parse_math": False,
    "axes.labelsize": "medium", "legend.fontsize": "medium", "axes.axisbelow": True, "axes.edgecolor": "#80868f",
    "grid.color": "#80868f",
}  # fmt: skip
_SVG, _LINK = "{http://www.w3.org/2000/svg}", "{http://www.w3.org/1999/xlink}href"
_FONT_SIZE = re.compile(r"([\d.]+)px")


def draw(make: Callable[[], Picture], name: str, title: str, description: str, height: float | None = None) -> Markup:
    """Draw a figure as inline SVG; the same figure gives the same bytes.

    The figure's own title is left out, since the page says it. Its parts tell what they hold where a pointer rests on
    them. Colours are CSS variables, see `colours`; letters are the page's.

    Args:
        make: makes the figure.
        name: begins the ids of what it refers to, so that two figures of a page do not share them.
        title: in a few words; its text alternative.
        description: in sentences, for who cannot see it.
        height: in inches; the figure's own share of its width, if not given.
    """
    with rc_context(_STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")  # the browser has others
        figure = make()
        wide, high = figure.get_size_inches()
        figure.set_size_inches(WIDTH, height or high * WIDTH / wide)
        for axes in figure.axes:
            axes.set_title("")
        figure.suptitle("")
        with io.StringIO() as written:
            figure.savefig(written, format="svg", transparent=True, metadata={"Date": None})
            root = ET.fromstring(written.getvalue())  # noqa: S314 - it was written by the line above
    return Markup(_inline(root, name, title, description, figure.said))  # noqa: S704 - every text of it is escaped


def _inline(root: ET.Element, name: str, title: str, description: str, tips: Mapping[str, str]) -> str:
    used = {
        found for node in root.iter() for value in node.attrib.values() for found in re.findall(r"#([\w-]+)", value)
    }
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag in (f"{_SVG}metadata", f"{_SVG}style"):
                parent.remove(child)
    for node in list(root.iter()):
        _settle(node, name, used, tips)
    root.attrib = {
        "viewBox": root.attrib["viewBox"], "role": "img", "aria-labelledby": f"{name}-title {name}-desc",
        "stroke-linejoin": "round",
    }  # fmt: skip
    for place, (tag, text) in enumerate((("title", title), ("desc", description))):
        told = ET.Element(tag, {"id": f"{name}-{tag}"})
        told.text = steady(text)
        root.insert(place, told)
    return ET.tostring(root, encoding="unicode")


def _settle(node: ET.Element, name: str, used: set[str], tips: Mapping[str, str]) -> None:
    """Take a node out of the file it was in: no namespace, no style, and no id but those that are referred to."""
    node.tag = node.tag.removeprefix(_SVG)
    node.text = node.text and steady(node.text)
    mark = node.attrib.pop("id", "")
    if mark in used:
        node.set("id", f"{name}-{mark}")
    if (link := node.attrib.pop(_LINK, None)) is not None:
        node.set("href", f"#{name}-{link.removeprefix('#')}")
    if "clip-path" in node.attrib:
        node.set("clip-path", node.attrib["clip-path"].replace("url(#", f"url(#{name}-"))
    for key, value in _declared(node.attrib.pop("style", "")):
        node.set(key, value)
    for key in ("fill", "stroke"):
        if node.get(key, "").startswith("#"):
            node.set(key, variable(node.attrib[key]))
    if mark in tips:
        told = ET.Element("title")
        told.text = steady(tips[mark])
        node.insert(0, told)


def _declared(style: str) -> list[tuple[str, str]]:
    """Turn a style into attributes: a strict page takes no style but its own."""
    pairs = [tuple(map(str.strip, part.split(":", 1))) for part in style.split(";") if ":" in part]
    told = []
    for key, value in pairs:
        if key in ("font", "font-size") and (size := _FONT_SIZE.search(value)):
            told.append(("font-size", f"{float(size[1]):g}"))
        elif not key.startswith("font"):
            told.append((key, value))
    return told
