"""Which column of a file is which of a table: by its name, and by whether it holds what such a column must."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from clm_ml.config import COLUMNS
from clm_ml.proposal.looking import Column, Look, spelled
from clm_ml.proposal.people import attributes, consents
from clm_ml.proposal.vocabulary import FILE_WORDS, KINDS, NAMES, NOT_THESE, is_named_like_an_id, strength, these, words

__all__ = ["INSTANTS", "Draft", "Guess", "by_name", "draft", "found_amount"]

#: The column of each table that says when.
INSTANTS = {
    "orders": "ordered_at",
    "events": "occurred_at",
    "customers": "created_at",
    "contacts": "contacted_at",
    "spend": "spent_on",
}
#: Columns that hardly another table has.
_SIGNS = {
    "orders": these("order_id product_id quantity discount is_return"),
    "events": these("event_type value duration_seconds"),
    "customers": these("email phone country created_at may_contact may_profile"),
    "contacts": these("arm cost"),
    "spend": these("channel campaign"),
}
_PLACES = these("zip postal postcode country state region city store branch warehouse")
_BIRTHS = these("birth birthday dob expiry expires due")
_BY_CONTENT = 0.25  # how sure a guess is that no name supports
#: What is needed of every row must be there in many.
_FILLED = {
    "amount": 0.6,
    "unit_price": 0.6,
    "customer_id": 0.1,
    "ordered_at": 0.6,
    "occurred_at": 0.6,
    "event_type": 0.6,
}
_WORDS_AT_MOST = {"event_type": 500, "arm": 20, "channel": 500}


@dataclass(frozen=True)
class Guess:
    """A line of the config, and why it says so."""

    text: str
    why: str
    uses: tuple[str, ...] = ()
    lends: tuple[str, ...] = ()  # columns it uses that another line may use as well
    sureness: float = 1.0


@dataclass(frozen=True)
class Draft:
    """One table as a file could give it; `missing` says in words what the file has not."""

    table: str
    look: Look
    columns: dict[str, Guess]
    missing: tuple[str, ...] = ()
    score: float = 0.0
    where: tuple[Guess, ...] = ()
    date_format: Guess | None = None
    min_date: Guess | None = None
    meanings: dict[str, list[str]] | None = None
    max_rejected_share: Guess | None = None
    notes: tuple[str, ...] = field(default=())

    @property
    def used(self) -> frozenset[str]:
        """The file's columns that some line of the draft reads."""
        return frozenset(name for guess in (*self.columns.values(), *self.where) for name in guess.uses)


def draft(table: str, look: Look) -> Draft:
    """Map a file's columns to a table's, so far as that can be told from names and facts."""
    needed, optional = COLUMNS[table]
    columns: dict[str, Guess] = {}
    for role in (*needed, *optional):
        taken = {name for guess in columns.values() for name in guess.uses if name not in guess.lends}
        finder = _FINDERS.get((table, role), _FINDERS.get(("", role), _named))
        if (guess := finder(look, table, role, taken)) is not None:
            columns[role] = guess
    if table == "customers":
        columns |= _person(look, columns)
    missing = tuple(_in_words(role) for role in needed if role not in columns)
    if table == "customers" and not missing and not _is_one_row_a_customer(look, columns["customer_id"]):
        missing = ("one row for each customer",)
    return Draft(table, look, columns, missing, _score(table, look, columns))


def _in_words(role: str) -> str:
    words_of = {"customer_id": "customer id", **dict.fromkeys(INSTANTS.values(), "date")}
    return words_of.get(role, role.replace("_", " "))


def _score(table: str, look: Look, columns: dict[str, Guess]) -> float:
    """Add up how sure the needed columns are, what only this table has, and what the file is called."""
    needed, _ = COLUMNS[table]
    sure = sum(columns[role].sureness for role in needed if role in columns) / len(needed)
    signs = sum(columns[role].sureness for role in _SIGNS[table] & set(columns)) * 0.15
    consented = 0.15 * any(role.startswith("contact_") for role in columns)
    named = 0.5 * bool(FILE_WORDS[table] & set(words(look.path.name.split(".")[0])))
    by_customer = 0.5 * (table == "spend" and by_name(look, "customer_id") is not None)
    return sure + signs + consented + named - by_customer


# finding a column ---------------------------------------------------------------------------------------------


def by_name(look: Look, role: str, taken: Iterable[str] = (), names: str | None = None) -> tuple[Column, float] | None:
    """Find the column whose name says most surely that it is one, among those that can be."""
    kind, known = KINDS[role], NAMES[names or role]
    sure = [
        (strength(column.name, known, NOT_THESE[kind]), -place, column)
        for place, column in enumerate(look.columns)
        if column.name not in taken and column.filled > _FILLED.get(role, 0) * column.rows and _fits(role, column)
    ]
    best = max(sure, default=None, key=lambda found: found[:2])
    return (best[2], best[0]) if best is not None and best[0] > 0 else None


def _fits(role: str, column: Column) -> bool:
    """Say whether a column holds what one of this kind must."""
    kind = KINDS[role]
    if kind == "instant":
        return column.dated is not None and column.dated.share >= 0.7
    if kind == "number":
        return column.number is not None
    if kind == "claim":
        return column.claims >= 0.95 * column.filled and column.distinct <= 4
    if kind == "word":
        is_few = column.distinct <= _WORDS_AT_MOST.get(role, 10_000) and (column.rows_each >= 2 or column.rows < 50)
        return is_few and not column.kind.startswith(("TIMESTAMP", "DATE", "DOUBLE", "FLOAT"))
    is_claim = column.claims == column.filled and column.distinct <= 2
    is_whole = not column.kind.startswith(("TIMESTAMP", "DATE")) and column.fractional == 0
    return is_whole and (role == "customer_id" or not is_claim)


def _named(look: Look, table: str, role: str, taken: set[str]) -> Guess | None:
    names = f"{table}.{role}" if f"{table}.{role}" in NAMES else role
    found = by_name(look, role, taken, names)
    if found is None:
        return None
    column, sureness = found
    return Guess(_read_as(role, column), _facts(column), (column.name,), sureness=sureness)


def _read_as(role: str, column: Column) -> str:
    """Write a column by its name, or as the expression that makes numbers of it."""
    if KINDS[role] != "number" or column.number is None or column.number == column.spelled:
        return column.name
    return column.number


def _facts(column: Column, reason: str = "by its name") -> str:
    empty = f"; {column.empty_share:.1%} of the rows have none" if column.empty_share >= 0.001 else ""
    return reason + empty


def _customer(look: Look, table: str, role: str, taken: set[str]) -> Guess | None:
    found = _named(look, table, role, taken)
    if found is None:
        candidates = [column for column in look.columns if _may_be_customer(column, table)]
        if not candidates:
            return None
        column = max(candidates, key=lambda column: column.distinct)
        why = _facts(column, "no column is named like a customer; this one holds ids")
        found = Guess(column.name, why, (column.name,), sureness=_BY_CONTENT)
    column = next(column for column in look.columns if column.name == found.uses[0])
    return Guess(
        found.text, f"{found.why}; about {column.rows_each:.1f} rows each", found.uses, sureness=found.sureness
    )


def _may_be_customer(column: Column, table: str) -> bool:
    """Say whether ids come again as customers do; an order's lines or a shop's products do too, but have names."""
    if not is_named_like_an_id(column.name) or not _fits("customer_id", column) or _PLACES & set(words(column.name)):
        return False
    is_other = any(strength(column.name, NAMES[role]) for role in ("order_id", "product_id", "campaign"))
    comes_again = column.rows_each > 1.05 if table != "customers" else column.rows_each < 1.1
    return not is_other and comes_again and column.distinct >= max(2.0, column.rows**0.5 / 2)


def _instant(look: Look, table: str, role: str, taken: set[str]) -> Guess | None:
    found = by_name(look, role, taken)
    if found is None and role == INSTANTS[table] and table != "customers":
        dates = [c for c in look.columns if c.name not in taken and _fits(role, c) and not _BIRTHS & set(words(c.name))]
        found = (max(dates, key=lambda column: column.distinct), _BY_CONTENT) if dates else None
    if found is None or found[0].dated is None:
        return None
    column, sureness = found
    reason = "by its name" if sureness > _BY_CONTENT else "it can be read as dates"
    assert column.dated is not None
    return Guess(column.dated.text, _facts(column, f"{reason}; {column.dated.why}"), (column.name,), sureness=sureness)


# amounts ------------------------------------------------------------------------------------------------------


def found_amount(look: Look, table: str, role: str, taken: set[str]) -> Guess | None:
    """Find what an order's row is worth: an amount, or a price times a quantity, or a price."""
    if (found := by_name(look, role, taken)) is not None:
        return _money(*found)
    price = by_name(look, "unit_price", taken)
    if price is None:
        return _only_decimals(look, taken)
    if (quantity := _quantity(look, table, "quantity", taken)) is None:
        alone = _money(*price)
        return Guess(alone.text, f"{alone.why}; there is no quantity to multiply it with", alone.uses, sureness=0.8)
    why = "no column is named like an amount; a quantity times the price of a piece is one"
    column, sureness = price
    text = f"{spelled(quantity.text) if quantity.text in quantity.uses else quantity.text} * {column.number}"
    return Guess(text, why, (*quantity.uses, column.name), quantity.uses, sureness)


def _money(column: Column, sureness: float) -> Guess:
    if {"cents", "pence", "minor"} & set(words(column.name)):
        text, why = f"{column.number} / 100", "by its name, which says hundredths"
        return Guess(text, _facts(column, why), (column.name,), sureness=sureness)
    return Guess(_read_as("amount", column), _facts(column), (column.name,), sureness=sureness)


def _only_decimals(look: Look, taken: set[str]) -> Guess | None:
    """Take the only column with decimals for the amount; where there are several, nobody can know."""
    candidates = [
        column
        for column in look.columns
        if column.name not in taken and column.fractional > 0.05 * column.filled and (column.high or 0) > 1
    ]
    if len(candidates) != 1:
        return None
    column = candidates[0]
    why = _facts(column, "no column is named like an amount; this is the only one with decimals")
    return Guess(_read_as("amount", column), why, (column.name,), sureness=_BY_CONTENT)


def _quantity(look: Look, table: str, role: str, taken: set[str]) -> Guess | None:
    if (found := _named(look, table, role, taken)) is not None:
        return found
    for column in look.columns:  # n_cds, num_items
        counts = words(column.name)[:1] in (("n",), ("num",), ("nr",)) and len(words(column.name)) > 1
        if counts and column.name not in taken and column.number and not column.fractional:
            return Guess(column.name, _facts(column, "its name says a number of things"), (column.name,), sureness=0.5)
    return None


def _discount(look: Look, table: str, role: str, taken: set[str]) -> Guess | None:
    """Find the money taken off; a share or percentage is none."""
    found = by_name(look, role, taken)
    if found is None or (found[0].high or 0) <= 1 or ((found[0].high or 0) <= 100 and not found[0].fractional):
        return None
    return _named(look, table, role, taken)


def _person(look: Look, columns: dict[str, Guess]) -> Iterator[tuple[str, Guess]]:
    """List consents and attributes, which are called differently everywhere."""
    taken = {name for guess in columns.values() for name in guess.uses}
    agreed = list(consents(look, taken))
    taken |= {column for _, _, column, _ in agreed}
    for role, text, column, why in (*agreed, *attributes(look, taken)):
        if role not in columns:
            yield role, Guess(text, why, (column,))


def _is_one_row_a_customer(look: Look, customer: Guess) -> bool:
    return next(column for column in look.columns if column.name == customer.uses[0]).rows_each <= 1.1


_FINDERS: dict[tuple[str, str], Callable[[Look, str, str, set[str]], Guess | None]] = {
    ("", "customer_id"): _customer,
    ("", "quantity"): _quantity,
    ("", "discount"): _discount,
    ("orders", "amount"): found_amount,
    ("customers", "may_contact"): lambda *_: None,  # by `_person`, which also knows refusals
    ("customers", "may_profile"): lambda *_: None,
    **{("", role): _instant for role in (*INSTANTS.values(), "loaded_at")},
}
