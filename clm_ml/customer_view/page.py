"""The view in HTML for a notebook: every word that comes from data is escaped, and it follows light and dark."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from clm_ml.customer_view.telling import Part

__all__ = ["page"]

#: No colours of text or ground of its own, so that it is read on light and on dark; lines are halfway between.
#: Selectors say more than they need, since notebooks have a style for tables of their own.
_STYLE = """
div.clm-view{max-width:60em;line-height:1.4}
div.clm-view h3{margin:.2em 0}
div.clm-view h4{margin:1em 0 .3em;padding-bottom:.15em;border-bottom:1px solid #8888}
div.clm-view section table{border-collapse:collapse;background:none;width:100%;table-layout:auto;margin:0}
div.clm-view section th,div.clm-view section td{text-align:left;vertical-align:top;padding:.12em .9em .12em 0;border:0}
div.clm-view section th{font-weight:600;opacity:.75;white-space:nowrap}
div.clm-view section .n{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}
div.clm-view .note{opacity:.7;font-size:.9em}
div.clm-view .warning{border-left:3px solid #c80;padding-left:.7em}
"""


def page(title: str, under: str, parts: Iterable[Part]) -> str:
    """Lay parts out as one piece of HTML with its own style, which reaches nothing outside of it."""
    body = "".join(_part(part) for part in parts)
    return f'<style>{_STYLE}</style><div class="clm-view"><h3>{escape(title)}</h3>{escape(under)}{body}</div>'


def _part(part: Part) -> str:
    head = "".join(_cell("th", cell, place in part.numbers) for place, cell in enumerate(part.head))
    rows = "".join(f"<tr>{_row(part, row)}</tr>" for row in part.rows)
    table = f"<table>{f'<tr>{head}</tr>' if head else ''}{rows}</table>"
    note = f'<div class="note">{escape(part.note)}</div>' if part.note else ""
    kind = ' class="warning"' if part.is_warning else ""
    return f"<section{kind}><h4>{escape(part.title)}</h4>{table}{note}</section>"


def _row(part: Part, row: tuple[str, ...]) -> str:
    names = () if part.head else (0,)
    return "".join(
        _cell("th" if place in names else "td", cell, place in part.numbers) for place, cell in enumerate(row)
    )


def _cell(tag: str, text: str, is_number: bool) -> str:
    kind = ' class="n"' if is_number else ""
    return f"<{tag}{kind}>{escape(text)}</{tag}>"
