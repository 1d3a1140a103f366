"""What a base install brings is listed with its licence, and all of it may be used."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

HOME = Path(__file__).parents[1] / "docs"

#: Words of licences that ask nothing of who uses a package, but to be named.
FREE = (
    "Apache",
    "BSD",
    "MIT",
    "ISC",
    "PSF",
    "Python Software Foundation",
    "Mozilla Public",
    "MPL",
    "Unlicense",
    "0BSD",
)


@pytest.fixture(scope="module")
def licences():
    spec = importlib.util.spec_from_file_location("licences", HOME / "licences.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_package_of_the_base_install_is_listed_with_its_licence(licences):
    page = (HOME / "licences.md").read_text(encoding="utf-8")
    listed = dict(line.strip("| ").split(" | ", 1) for line in page.splitlines() if line.startswith("| "))
    found = licences.base_install()
    assert len(found) > 40
    assert {name: listed.get(name) for name in found} == found


def test_nothing_in_it_binds_whoever_uses_it(licences):
    assert {
        name: told for name, told in licences.base_install().items() if not any(word in told for word in FREE)
    } == {}
