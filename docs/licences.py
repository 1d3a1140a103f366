"""Writes the licences of what a base install brings: python docs/licences.py > docs/licences.md."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

HEADING = """# Licences

clm-ml itself is under the Apache License 2.0. A base install, without extras, brings these packages; each says its
licence in its own metadata. `make licences` writes this page anew, and a test holds it to what is installed.

| package | licence |
|---|---|"""


def base_install(root: str = "clm-ml") -> dict[str, str]:
    """Find every package that the base install needs here, with its licence, by name."""
    found: dict[str, Distribution] = {}
    waiting = [root]
    while waiting:
        name = canonicalize_name(waiting.pop())
        if name not in found:
            found[name] = distribution(name)
            waiting += needed(found[name])
    return {name: licence(package) for name, package in sorted(found.items()) if name != root}


def needed(package: Distribution) -> Iterator[str]:
    """Name what a package needs on this machine, but for its extras."""
    for text in package.requires or ():
        requirement = Requirement(text)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            try:
                distribution(requirement.name)
            except PackageNotFoundError:  # an extra that somebody else asks for
                continue
            yield requirement.name


def licence(package: Distribution) -> str:
    """Take a package's own words: the expression, the classifier, the field, or the first line of its licence."""
    told = package.metadata
    classified = [text.split(" :: ")[-1] for text in told.get_all("Classifier") or () if text.startswith("License ::")]
    classified = [text for text in classified if text != "OSI Approved"]
    free = (told.get("License") or "").strip().splitlines()
    short = free[0] if free and len(free[0]) < 60 else ""
    return told.get("License-Expression") or ", ".join(classified) or short or first_line(package)


def first_line(package: Distribution) -> str:
    """Read how a package's licence begins; the MIT licence may do without its name."""
    files = [file for file in package.files or () if file.name.upper().startswith(("LICENSE", "LICENCE", "COPYING"))]
    text = files[0].read_text() if files else ""
    lines = [line.strip() for line in text.splitlines() if line.strip()] or ["not told"]
    return "MIT" if "Permission is hereby granted, free of charge" in text else lines[0]


def page() -> str:
    """Write the page."""
    return "\n".join([HEADING, *(f"| {name} | {told} |" for name, told in base_install().items())]) + "\n"


if __name__ == "__main__":
    sys.stdout.write(page())
