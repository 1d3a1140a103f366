"""Lays sections out as one page that asks nobody for anything: its style is inside, and a policy forbids the rest."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Sequence
from functools import cache
from hashlib import sha256
from importlib import resources

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from clm_ml.report_page.blocks import Section
from clm_ml.report_page.colours import variables
from clm_ml.report_page.words import steady

__all__ = ["lay_out"]

#: Nothing is fetched and nothing runs; the one style that counts is the page's own.
_POLICY = "default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"
_VARIABLE = re.compile(r"var\(--k-([0-9a-f]{6})\)")


def lay_out(title: str, under: str, headline: str, sections: Sequence[Section]) -> str:
    """Write the page: the first section stands below the headline, the contents name the others.

    Whatever comes from data is escaped by the template; only drawings are taken as they are, which have escaped it.
    """
    told = {"title": title, "under": under, "headline": headline, "sections": sections}
    template = _environment().get_template("page.html.j2")
    swatches = {swatch for section in sections for block in section.blocks for swatch in _swatches(block)}
    drawn = {f"#{found}" for found in _VARIABLE.findall(template.render(**told, style="", policy=""))}
    style = _style(drawn | swatches)
    digest = b64encode(sha256(style.encode("utf-8")).digest()).decode("ascii")
    return template.render(**told, style=Markup(style), policy=_POLICY.format(digest=digest))  # noqa: S704 - it is ours


def _swatches(block: object) -> Sequence[str]:
    people = getattr(block, "people", ())
    return (*getattr(block, "swatches", ()), *(person.swatch for person in people if person.swatch))


def _style(colours: set[str]) -> str:
    light, dark = variables(colours)
    names = [colour.removeprefix("#") for colour in sorted(colours)]
    swatches = "".join(f".k-{name}{{background:var(--k-{name})}}" for name in names)
    own = f":root{{{light}}}@media screen and (prefers-color-scheme:dark){{:root{{{dark}}}}}{swatches}"
    return resources.files(__package__).joinpath("page.css").read_text(encoding="utf-8") + own


def _steady(value: object) -> object:
    return steady(value) if isinstance(value, str) and not isinstance(value, Markup) else value


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("clm_ml.report_page", "."),
        autoescape=True,
        finalize=_steady,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
