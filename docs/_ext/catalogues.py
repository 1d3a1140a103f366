"""A directive for the reference: `{catalogue} commands` puts there what the package tells of its commands."""

from __future__ import annotations

from typing import Any

from docutils import nodes
from sphinx.util.docutils import SphinxDirective
from telling import CATALOGUES

__all__ = ["Catalogue", "setup"]


class Catalogue(SphinxDirective):
    """Tells one of the catalogues, made at the time of building."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Read the catalogue's Markdown as if it stood in the page, headings and all."""
        name = self.arguments[0]
        if name not in CATALOGUES:
            raise self.error(f"there is no catalogue {name!r}; there are {', '.join(CATALOGUES)}")
        return self.parse_text_to_nodes(CATALOGUES[name](), allow_section_headings=True)


def setup(app: Any) -> dict[str, bool]:
    """Offer the directive, and the places that others link to: a verb, a part of the config."""
    app.add_directive("catalogue", Catalogue)
    app.add_crossref_type("verb", "verb", "pair: %s; command")
    app.add_crossref_type("part", "part", "pair: %s; config")
    return {"parallel_read_safe": True, "parallel_write_safe": True}
