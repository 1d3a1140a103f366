"""The rules a row must keep to be used, in the order they are told: the first one broken is its reason."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from clm_ml.config import COLUMNS
from clm_ml.tables.columns import INSTANTS, beside, role_of

__all__ = ["rules"]

_MOST_PIECES = "1e9"

Rule = tuple[str, str]  # when it is broken, and the reason told


def rules(table: str, given: Mapping[str, str], first: int, end: int | None) -> Iterator[Rule]:
    """List the rules of a table, each as a condition that is true where it is broken.

    Args:
        table: the table's name.
        given: for each mapped column, whether the row has a value for it, readable or not.
        first: the first day allowed.
        end: the first day not allowed any more, if that is known.
    """
    instant, day = INSTANTS[table]
    if "customer_id" in given:
        yield f"NOT {given['customer_id']}", "no customer"
    yield from _unreadable(table, given, "instant", "unreadable date")
    if instant in given:
        late = f" OR {beside(day)} >= {end}" if end is not None else ""
        yield f"{beside(day)} < {first}{late}", "date out of range"
    yield from _unreadable(table, given, "money", "unreadable number")
    yield from _unreadable(table, given, "number", "unreadable number")
    if table == "orders" and "quantity" in given:
        yield f"{beside('quantity')} = 0 OR abs({beside('quantity')}) > {_MOST_PIECES}", "impossible quantity"
    yield from _unreadable(table, given, "claim", "unreadable yes or no")
    for word in ("event_type", "campaign"):
        if word in COLUMNS[table][0]:
            yield f"NOT {given[word]}", f"no {word.replace('_', ' ')}"


def _unreadable(table: str, given: Mapping[str, str], role: str, reason: str) -> Iterator[Rule]:
    """A needed column must be readable, an optional one if it is given; `loaded_at`, where mapped, is needed."""
    for column in given:
        if role_of(table, column) == role:
            unread = f"{beside(f'{column}_minor' if role == 'money' else column)} IS NULL"
            needed = column in (*COLUMNS[table][0], "loaded_at")
            yield unread if needed else f"{unread} AND {given[column]}", reason
