"""What a table's columns become behind the door: ids and words text, money hundredths, time days and seconds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from clm_ml.config import COLUMNS, Table
from clm_ml.engine import AnyEngine, Typed, quoted
from clm_ml.errors import DataError

__all__ = ["INSTANTS", "Columns", "beside", "read_columns", "role_of"]

Role = Literal["id", "instant", "money", "number", "claim", "consent", "text"]

#: The instant of each table, and the column that holds its day behind the door.
INSTANTS = {
    "orders": ("ordered_at", "day"),
    "events": ("occurred_at", "day"),
    "contacts": ("contacted_at", "day"),
    "customers": ("created_at", "created_day"),
    "spend": ("spent_on", "day"),
}

_ROLES: dict[str, Role] = {
    **dict.fromkeys(("customer_id", "order_id", "product_id"), "id"),
    **dict.fromkeys((*(instant for instant, _ in INSTANTS.values()), "loaded_at"), "instant"),
    **dict.fromkeys(("amount", "discount", "cost"), "money"),
    **dict.fromkeys(("quantity", "value", "duration_seconds"), "number"),
    **dict.fromkeys(("may_contact", "may_profile"), "consent"),
    "is_return": "claim",
}


def role_of(table: str, column: str) -> Role:
    """Say how a column is read; attributes of customers are text, but for consent (`contact_email`).

    >>> role_of("orders", "discount"), role_of("customers", "discount"), role_of("customers", "contact_email")
    ('money', 'text', 'consent')
    """
    if any(column in columns for columns in COLUMNS[table]):
        return _ROLES.get(column, "text")
    return "consent" if column.startswith("contact_") else "text"


@dataclass(frozen=True)
class Columns:
    """A table's columns as SQL, under the names they bear behind the door.

    Over the source: `typed`, as read, and `given`, whether there is a value at all, readable or not. Over the typed
    columns, as `ours` names them: `days`, the whole days and seconds that instants become; and `signed`, what
    returns make of amounts and quantities.
    """

    typed: Mapping[str, str]
    given: Mapping[str, str]
    days: Mapping[str, str]
    signed: Mapping[str, str]


def ours(name: str) -> str:
    """Name a column of ours beside those of the source, which may have no name that starts like this.

    >>> ours("day")
    'clm day'
    """
    return f"clm {name}"


def beside(name: str) -> str:
    """Write the name of such a column in SQL.

    >>> print(beside("day"))
    "clm day"
    """
    return quoted(ours(name))


def read_columns(table: str, plan: Table, source: Typed, engine: AnyEngine) -> Columns:
    """Map and type a table's columns.

    Raises:
        DataError: if a mapped column is not there, or one has a name that is kept for ours.
        ConfigError: if an expression is none, or a number is to be a date and no format says how.
    """
    _refuse_kept_names(table, source)
    typed, given = {}, {}
    for column, text in plan.columns.items():
        where = f"tables.{table}.columns.{column}"
        sql = engine.expression(text, source, where)
        kind = engine.kind_of(sql, source, where)
        role = role_of(table, column)
        given[column] = (engine.is_word if role in ("id", "text") else engine.is_given)(sql, kind)
        if role == "instant":
            typed[column] = engine.as_instant(sql, kind, plan.date_format, where)
            engine.kind_of(typed[column], source, f"tables.{table}.date_format")
        else:
            typed[f"{column}_minor" if role == "money" else column] = _typed(role, sql, kind, engine)
    return Columns(typed, given, _days(table, typed, engine), _signed(typed) if table == "orders" else {})


def _refuse_kept_names(table: str, source: Typed) -> None:
    """Refuse a name that could be taken for one of ours, or, as frames read it, for all columns there are."""
    for name in source.types:
        if name == "*" or name.casefold().startswith(ours("")):
            raise DataError(f"tables.{table}: a column is called {name!r}, which is kept for ours; rename it.")


def _typed(role: Role, sql: str, kind: str, engine: AnyEngine) -> str:
    if role in ("money", "number"):
        return engine.as_minor(sql) if role == "money" else engine.as_number(sql)
    readers = {"id": engine.as_id, "claim": engine.as_claim, "consent": engine.as_consent, "text": engine.as_text}
    return readers[role](sql, kind)


def _days(table: str, typed: Iterable[str], engine: AnyEngine) -> dict[str, str]:
    instant, day = INSTANTS[table]
    if instant not in typed:
        return {}
    days = {day: engine.day_of(beside(instant))}
    if table in ("orders", "events"):
        days["second"] = engine.second_of(beside(instant))
        loaded = engine.day_of(beside("loaded_at")) if "loaded_at" in typed else days[day]
        days["known_day"] = f"greatest({days[day]}, {loaded})"
    return days


def _signed(typed: Iterable[str]) -> dict[str, str]:
    """Tell returns apart: a line that says so, or whose amount or quantity is negative; both then are."""
    amount, quantity = beside("amount_minor"), beside("quantity")
    signs = [f"{amount} < 0"]
    signs += [f"coalesce({beside('is_return')}, false)"] if "is_return" in typed else []
    signs += [f"coalesce({quantity} < 0, false)"] if "quantity" in typed else []
    is_return = f"({' OR '.join(signs)})"
    sums = {name: beside(name) for name in ("amount_minor", "quantity") if name in typed}
    signed = {name: f"CASE WHEN {is_return} THEN -abs({sql}) ELSE {sql} END" for name, sql in sums.items()}
    return {"is_return": is_return} | signed
