"""Names that are imported when they are first asked for, so that a command waits for nothing it does not use."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any

__all__ = ["on_demand"]


def on_demand(package: str, homes: Mapping[str, Sequence[str]]) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Make a package's `__getattr__` and `__dir__`, which find each public name in its home.

    Args:
        package: its full name.
        homes: the public names of each of its modules.

    >>> find, _ = on_demand("clm_ml", {"timeline": ("date_of",)})
    >>> find("date_of").__module__
    'clm_ml.timeline'
    """
    rooms = {name: room for room, names in homes.items() for name in names}

    def find(name: str) -> Any:
        if name not in rooms:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(f"{package}.{rooms[name]}"), name)

    return find, lambda: sorted(rooms)
