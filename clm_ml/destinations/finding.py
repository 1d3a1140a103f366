"""Finds destinations: by name those that come with the package, by path those in one's own YAML."""

from __future__ import annotations

import re
from collections.abc import Iterable
from importlib import resources
from pathlib import Path

from clm_ml.config import DESTINATIONS, read_yaml
from clm_ml.destinations.schema import Destination
from clm_ml.errors import UsageError, did_you_mean

__all__ = ["find_destination", "find_destinations", "yaml_of"]


def yaml_of(name: str, home: Path = Path()) -> Path:
    """Find a destination's YAML: the package's own, or a path that ends in .yaml, read from `home`.

    Raises:
        UsageError: if it is neither.
    """
    if name in DESTINATIONS:
        return Path(str(resources.files(__package__).joinpath(f"{name}.yaml")))
    if name.endswith((".yaml", ".yml")):
        return home / name
    near = did_you_mean(name, DESTINATIONS) or f"; known: {', '.join(DESTINATIONS)}, or the path of a YAML."
    raise UsageError(f"there is no destination {name!r}{near}")


def find_destination(name: str, home: Path = Path()) -> Destination:
    """Read a destination, and check what it says.

    >>> find_destination("salesforce").key
    Key(column='CLM_Customer_Id__c', from_='customer_id')

    Raises:
        UsageError: if there is none of that name.
        ConfigError: if its YAML says what cannot be, with file and line.
    """
    what = "a destination is a mapping of name, file, columns and key"
    return read_yaml(yaml_of(name, home), Destination, what)


def find_destinations(names: Iterable[str], home: Path = Path()) -> dict[str, Destination]:
    """Read several destinations, each once, by the names of the folders that their files go to.

    >>> list(find_destinations(["table", "braze", "table"]))
    ['table', 'braze']

    Raises:
        UsageError: if one is unknown, or two would share a folder.
    """
    found: dict[str, Destination] = {}
    for name in dict.fromkeys(names):
        folder = name if name in DESTINATIONS else Path(name).stem
        if folder in found or (folder in DESTINATIONS and folder != name):
            raise UsageError(f"two destinations are called {folder!r}; name the file of one's own differently.")
        destination = find_destination(name, home)
        if not re.fullmatch(r"[A-Za-z0-9_-]+", folder):
            raise UsageError(f"{name}: the file's name becomes a folder's; use letters, digits, - and _ only.")
        found[folder] = destination
    return found
