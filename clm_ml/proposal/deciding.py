"""Which file is which table; and where orders come from when no file holds any."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import permutations

from clm_ml.config import COLUMNS
from clm_ml.engine import Engine
from clm_ml.errors import DataError, UsageError
from clm_ml.proposal.drafting import INSTANTS, Draft, Guess, by_name, draft
from clm_ml.proposal.looking import Look, spelled
from clm_ml.proposal.vocabulary import OWN_DOINGS, PURCHASES, words

__all__ = ["decide", "event_types"]

_NEARLY = 0.75  # a file may be its second choice of table, if that is nearly as likely as its first
_MOST_TYPES = 500


def decide(engine: Engine, looks: Sequence[Look]) -> dict[str, Draft]:
    """Give each file the table it is, by what it could be and what the others could; in the contract's order.

    Raises:
        DataError: if a file is no table, or nothing can serve as orders.
        UsageError: if two files are the same table.
    """
    drafts = [{table: draft(table, look) for table in COLUMNS} for look in looks]
    possible = [{table: found for table, found in of_file.items() if not found.missing} for of_file in drafts]
    for look, of_file, found in zip(looks, drafts, possible, strict=True):
        if not found and not _counts(of_file["orders"]):
            raise DataError(_no_table(look, of_file))
    chosen = _assigned(
        looks,
        [found or {"orders": _counted(of_file["orders"])} for of_file, found in zip(drafts, possible, strict=True)],
    )
    if "orders" not in chosen:
        chosen["orders"] = _orders_otherwise(
            engine, chosen, {look.path: of for look, of in zip(looks, drafts, strict=True)}
        )
    return {table: chosen[table] for table in COLUMNS if table in chosen}


def _assigned(looks: Sequence[Look], possible: Sequence[dict[str, Draft]]) -> dict[str, Draft]:
    """Find the tables that fit all files together best; a file is never one that suits it badly."""
    best: dict[str, Draft] = {}
    best_score = -1.0
    for tables in permutations(COLUMNS, len(looks)):
        pairs = [(table, found.get(table)) for table, found in zip(tables, possible, strict=True)]
        if any(one is None for _, one in pairs):
            continue
        taken = {table: one for table, one in pairs if one is not None}
        firsts = [max(one.score for one in found.values()) for found in possible]
        if any(one.score < _NEARLY * first for one, first in zip(taken.values(), firsts, strict=True)):
            continue
        if (score := sum(one.score for one in taken.values())) > best_score:
            best, best_score = taken, score
    if not best:
        raise UsageError(_same_table(looks, possible))
    return best


def _same_table(looks: Sequence[Look], possible: Sequence[dict[str, Draft]]) -> str:
    firsts = [max(found.values(), key=lambda one: one.score).table for found in possible]
    same = next((table for table in firsts if firsts.count(table) > 1), firsts[0])
    names = " and ".join(look.name for look, table in zip(looks, firsts, strict=True) if table == same)
    return f"{names} all look like {same}: give one file a table, or put parts of one into a folder as Parquet."


def _no_table(look: Look, of_file: dict[str, Draft]) -> str:
    """Say what was looked for in a file that could be no table, and what it lacks to be one of orders."""
    return (
        f"{look.name} is no log of orders or events: looked for a customer id that comes again (as customer_id, "
        f"CustomerID, user_id), a date (as order_date, InvoiceDate, timestamp) and an amount (as amount, total, or a "
        f"price and a quantity), and found {_lacking(of_file['orders'])} among its {len(look.columns)} columns. "
        f"Give a file with one row an order, an order line or an event; if its columns have other names, rename them."
    )


def _lacking(orders: Draft) -> str:
    *most, last = [f"no {word}" for word in orders.missing] or ["no second row of any customer"]
    return f"{', '.join(most)} and {last}" if most else last


# orders from what is no order ---------------------------------------------------------------------------------


def _orders_otherwise(engine: Engine, chosen: dict[str, Draft], drafts: dict[object, dict[str, Draft]]) -> Draft:
    if "events" in chosen:
        return _orders_from_events(engine, chosen["events"])
    lacking = ", ".join(f"{one.look.name} ({table})" for table, one in chosen.items())
    without = next(iter(chosen.values()))
    missing = _lacking(drafts[without.look.path]["orders"])
    raise DataError(
        f"there are no orders, which every project needs: found only {lacking}; {without.look.name} "
        f"has {missing}. Give the file with one row an order or an order line as well."
    )


def _counts(orders: Draft) -> bool:
    """Say whether a file without amounts is still a log of something that people do again."""
    if orders.missing != ("amount",):
        return False
    customer = orders.columns["customer_id"].uses[0]
    return next(column for column in orders.look.columns if column.name == customer).rows_each > 1.05


def _counted(orders: Draft) -> Draft:
    why = "no column is an amount of money, so every row counts 1: spend and value count orders, not money"
    return replace(orders, columns={**orders.columns, "amount": Guess("1", why)}, missing=())


def _orders_from_events(engine: Engine, events: Draft) -> Draft:
    """Take for orders the events by which people come back: purchases, else what members do, else any."""
    look, columns = events.look, events.columns
    types = list(event_types(engine, events))
    bought = [kind for kind in types if "_".join(words(kind)) in PURCHASES]
    counted = bought or [kind for kind in types if "_".join(words(kind)) in OWN_DOINGS]
    what = "purchases" if bought else "what members do, so “ordered” means: took part again"
    kind = spelled(columns["event_type"].text)
    of_them = ", ".join("'" + one.replace("'", "''") + "'" for one in counted)
    where = (Guess(f"{kind} IN ({of_them})", f"no file holds orders: these events are {what}"),) if counted else ()
    amount = _amount_of_events(look, columns) if bought else None
    no_money = "events have no amount, so every one counts 1: spend and value count events, not money"
    mapped = {
        "customer_id": columns["customer_id"],
        "ordered_at": columns[INSTANTS["events"]],
        "amount": amount or Guess("1", no_money),
        **({"category": replace(columns["event_type"], why="what kind of event it was")} if not bought else {}),
    }
    return Draft("orders", look, mapped, where=where, notes=_notes(counted, bool(bought)))


def _notes(counted: Sequence[str], bought: bool) -> tuple[str, ...]:
    if bought:
        return ("Orders are taken from the event log: its purchases.",)
    which = "the events named in `where`" if counted else "every event"
    return (
        f"There are no orders in these files, and clm-ml needs some. So {which} stand for orders here:",
        "churned then means that a person does none of them in the horizon. Choose the events that matter to you.",
    )


def _amount_of_events(look: Look, columns: dict[str, Guess]) -> Guess | None:
    taken = {name for role in ("customer_id", INSTANTS["events"], "event_type") for name in columns[role].uses}
    found = by_name(look, "amount", taken) or by_name(look, "unit_price", taken)
    if found is None or found[0].number is None:
        return None
    return Guess(found[0].number, "by its name", (found[0].name,))


def event_types(engine: Engine, events: Draft) -> list[str]:
    """List a log's event types, the most frequent first."""
    look, name = events.look, events.columns["event_type"].text
    text = engine.as_text(engine.expression(name, look.sample, name), look.sample.types[name])
    found = engine.rows(
        f"SELECT {text} AS kind FROM ({look.sample.sql}) WHERE {text} IS NOT NULL "
        f"GROUP BY kind ORDER BY count(*) DESC, kind LIMIT {_MOST_TYPES}"
    )
    return [row[0] for row in found]
