"""What a KPI lacks: which table, column or event meaning of the config would give its input."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from clm_ml.config import Config

__all__ = ["WHOLE_YEAR", "lacks"]

#: What is needed of the log, not of the config.
WHOLE_YEAR = "orders of a whole year before the period's end"


def lacks(needs: Iterable[str], config: Config, *, has_whole_year: bool) -> str | None:
    """Name what is lacking of what is needed; None if nothing is.

    Args:
        needs: keys below `tables`, as `tables.events.meanings.lead`; "a or b" is satisfied by one of them.
        config: the project.
        has_whole_year: whether the log reaches a year back from the period's end.
    """
    missing = [need for need in needs if not (has_whole_year if need == WHOLE_YEAR else _is_given(need, config))]
    return ", ".join(missing) or None


def _is_given(need: str, config: Config) -> bool:
    return any(_is_there(key.split(".")[1:], config.tables) for key in need.split(" or "))


def _is_there(path: list[str], within: Any) -> bool:
    """Follow a path down: an absent table is null, an absent column or meaning not in the mapping."""
    for name in path:
        within = within.get(name) if isinstance(within, dict) else getattr(within, name)
        if not within:
            return False
    return True
