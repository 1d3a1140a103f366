"""What pages name becomes a link to where it is told: keys, commands, public names, and files of the repository.

Pages stay plain Markdown that reads well anywhere: `list.budget`, `clm-ml export --plot`, `clm.train`. A name that
looks like one and is none (a key that was renamed, an option that is gone) is a broken link, and stops the build. Links
lead to files as they lie in the repository; of those outside the folder of the docs the site has pages of its own.
"""

from __future__ import annotations

import os
import re
from pathlib import PurePosixPath
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.transforms.post_transforms import SphinxPostTransform
from telling import KEYS

__all__ = ["Linking", "setup"]

_PARTS = {path for path, key in KEYS.items() if key.part is not None}
_FILES = (".yaml", ".json", ".py", ".parquet", ".csv", ".db", ".md", ".txt", ".png")


class Linking(SphinxPostTransform):
    """Turns literals that name something of the package into references, before references are resolved."""

    default_priority = 5

    def run(self, **_: Any) -> None:
        """Look at every literal in a sentence; headings, links and docstrings keep theirs."""
        for literal in list(self.document.findall(nodes.literal)):
            if not _is_prose(literal):
                continue
            for domain, kind, target in _named(literal.astext()):
                link = addnodes.pending_xref(
                    "", refdomain=domain, reftype=kind, reftarget=target, refexplicit=True, refwarn=True,
                    refdoc=self.env.current_document.docname,
                )  # fmt: skip
                literal.replace_self(link)
                link += literal


def _is_prose(literal: nodes.Element) -> bool:
    above: Any = literal.parent
    while above is not None:
        if isinstance(above, (nodes.title, nodes.reference, addnodes.pending_xref, addnodes.desc_signature)):
            return False
        if isinstance(above, addnodes.desc) and above.get("domain") == "py":
            return False
        above = above.parent
    return True


def _named(text: str) -> list[tuple[str, str, str]]:
    """Find what a literal names: at most one domain, role and target."""
    if text.endswith(_FILES):
        return []
    if found := re.match(r"clm-ml ([a-z]+)(?:.*? (--[a-z-]+))?", text):
        verb, option = found.groups()
        return [("std", "option", f"clm-ml {verb} {option}")] if option else [("std", "verb", verb)]
    if found := re.match(r"clm\.(\w+)", text):
        name = found.group(1)
        return [("py", "class" if name[0].isupper() else "func", f"clm_ml.{name}")]
    return _key(text)


def _key(text: str) -> list[tuple[str, str, str]]:
    """Take dotted words that begin with a part of the config for a key; of a mapped column, the mapping."""
    words = text.partition(":")[0].split(".")
    if len(words) < 2 or words[0] not in _PARTS or not all(map(str.isidentifier, words)):
        return []
    path = ".".join(words)
    if words[0] == "tables" and len(words) == 4:
        path = ".".join(words[:3])
    return [("std", "part" if path in KEYS and KEYS[path].has_heading else "confval", path)]


#: Files of the repository, and the pages that include them.
_PAGES = {
    "benchmarks/README.md": "benchmarks.md",
    "CHANGELOG.md": "reference/changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "GLOSSARY.md": "reference/glossary.md",
}


def _lead_to_pages(_app: Any, docname: str, source: list[str]) -> None:
    """Let links to files of the repository lead to the pages that include them, in a page's Markdown."""
    folder = PurePosixPath("docs", docname).parent

    def page(found: re.Match[str]) -> str:
        file = os.path.normpath(folder / found.group(1))
        return f"]({os.path.relpath(PurePosixPath('docs', _PAGES[file]), folder)}" if file in _PAGES else found.group()

    source[0] = re.sub(r"\]\(([^)#:\s]+\.md)", page, source[0])


def setup(app: Any) -> dict[str, bool]:
    """Look at every page."""
    app.connect("source-read", _lead_to_pages)
    app.add_post_transform(Linking)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
