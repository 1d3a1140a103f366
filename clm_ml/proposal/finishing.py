"""What the mapping of a table still needs, once the data are asked: conditions, returns, meanings, and warnings."""

from __future__ import annotations

import math
from dataclasses import replace

from clm_ml.config import Table
from clm_ml.engine import Engine, Source, quoted
from clm_ml.proposal.deciding import event_types
from clm_ml.proposal.drafting import INSTANTS, Draft, Guess, by_name
from clm_ml.proposal.looking import Column
from clm_ml.proposal.vocabulary import LOST_STATUSES, MEANING_WORDS, words
from clm_ml.timeline import date_of, day_of

__all__ = ["column_of", "finish", "instant_sql", "kept", "text_sql", "with_strangers_told"]

_NO_IDS = ("na", "n/a", "nan", "null", "none", "nil", "unknown", "anonymous", "guest", "-", "?", "\\n")


def finish(engine: Engine, draft: Draft) -> Draft:
    """Add to a mapping what only the data can tell."""
    draft = _with_early_days(engine, _with_date_format(draft))
    if "customer_id" in draft.columns:
        draft = _without_placeholders(engine, draft)
    if draft.table == "orders":
        draft = _with_returns(engine, _with_lost_statuses(engine, _with_prices(draft)))
        draft = _with_warning_of_totals(engine, draft)
    if draft.table == "events":
        draft = _with_meanings(engine, draft)
    if "loaded_at" in draft.columns:
        draft = _with_loading_checked(engine, draft)
    return _with_room_for_rejected(engine, draft)


def column_of(draft: Draft, role: str) -> Column:
    """Find the file's column that a line of the draft reads."""
    return next(column for column in draft.look.columns if column.name == draft.columns[role].uses[-1])


def kept(engine: Engine, draft: Draft, source: Source) -> str:
    """Write the rows of a source that a draft's conditions keep, as SQL."""
    conditions = [engine.expression(guess.text, source, "where") for guess in draft.where]
    return source.sql if not conditions else f"SELECT * FROM ({source.sql}) WHERE {' AND '.join(conditions)}"


def instant_sql(engine: Engine, draft: Draft, source: Source) -> str:
    """Write a draft's instant, as SQL over a source's columns."""
    guess = draft.columns[INSTANTS[draft.table]]
    return engine.as_instant(*_typed(engine, guess.text, source), _format(draft), guess.text)


def text_sql(engine: Engine, text: str, source: Source) -> str:
    """Write an id, as SQL over a source's columns."""
    return engine.as_id(*_typed(engine, text, source))


def _format(draft: Draft) -> str | None:
    return draft.date_format.text if draft.date_format else None


def _typed(engine: Engine, text: str, source: Source) -> tuple[str, str]:
    """Write an expression as SQL, and tell its type."""
    sql = engine.expression(text, source, text)
    return sql, engine.kind_of(sql, source, text)


def _count(engine: Engine, source: Source, *conditions: str) -> tuple[int, ...]:
    counts = ", ".join(f"count(*) FILTER ({condition})" for condition in conditions)
    return tuple(engine.rows(f"SELECT {counts} FROM ({source.sql})")[0])


# dates --------------------------------------------------------------------------------------------------------


def _with_date_format(draft: Draft) -> Draft:
    if INSTANTS[draft.table] not in draft.columns:
        return draft
    found = column_of(draft, INSTANTS[draft.table]).dated
    assert found is not None, "an instant is only ever mapped to a column that can be read as dates"
    if found.date_format is None:
        return draft
    why = f"{found.why}: reads {found.share:.1%} of the dates there are"
    if found.rival is not None:
        why = f"CHECK THIS: {found.rival} reads as many; nothing in the data tells which it is"
    return replace(draft, date_format=Guess(found.date_format, why))


def _with_early_days(engine: Engine, draft: Draft) -> Draft:
    """Let a log begin before the usual first day, if more than a few rows do."""
    if INSTANTS[draft.table] not in draft.columns:
        return draft
    usual = day_of(Table.model_fields["min_date"].default)
    day = engine.day_of(instant_sql(engine, draft, draft.look.sample))
    early, all_of_them, first = engine.rows(
        f"SELECT count(*) FILTER (day < {usual}), count(day), quantile_disc(day, 0.001) "
        f"FROM (SELECT {day} AS day FROM ({draft.look.sample.sql}))"
    )[0]
    if early <= 0.01 * all_of_them:
        return draft
    why = f"{early / all_of_them:.1%} of the rows are older than {date_of(usual)}, where clm-ml begins otherwise"
    return replace(draft, min_date=Guess(date_of(first).isoformat(), why))


def _with_loading_checked(engine: Engine, draft: Draft) -> Draft:
    """Leave out a loading date that is written otherwise, or tells of one great load instead of a daily one."""
    loaded = column_of(draft, "loaded_at").dated
    columns = {role: guess for role, guess in draft.columns.items() if role != "loaded_at"}
    if loaded is None or loaded.date_format != _format(draft):
        return replace(draft, columns=columns)
    source = draft.look.sample
    sql, kind = _typed(engine, loaded.text, source)
    after = engine.day_of(engine.as_instant(sql, kind, loaded.date_format, loaded.text))
    happened = engine.day_of(instant_sql(engine, draft, source))
    soon, late = _count(engine, source, f"{after} - {happened} <= 31", f"{after} - {happened} > 31")
    if soon >= 9 * late:
        return draft
    note = f"{loaded.text} looks like one load long afterwards; mapped as loaded_at, nothing was known before it."
    return replace(draft, columns=columns, notes=(*draft.notes, note))


# customers ----------------------------------------------------------------------------------------------------


def _without_placeholders(engine: Engine, draft: Draft) -> Draft:
    """Read words such as NULL, where an id should be, as no customer: else they were the best one."""
    guess, column = draft.columns["customer_id"], column_of(draft, "customer_id")
    if column.kind != "VARCHAR":
        return draft
    source, text = draft.look.sample, engine.as_text(quoted(column.name), column.kind)
    known = ", ".join(f"'{word}'" for word in _NO_IDS)
    found = engine.rows(
        f"SELECT DISTINCT {text} AS word FROM ({source.sql}) WHERE lower({text}) IN ({known}) ORDER BY word"
    )
    if not found:
        return draft
    expression = column.spelled
    for (word,) in found:
        expression = f"nullif({expression}, '{word}')"
    why = f"{guess.why}; {', '.join(word for (word,) in found)} is taken as no customer"
    return replace(draft, columns={**draft.columns, "customer_id": replace(guess, text=expression, why=why)})


def with_strangers_told(engine: Engine, draft: Draft, orders: Draft) -> Draft:
    """Warn if hardly any customer of a table is among those of the orders: their ids may be of another kind."""
    is_other = "customer_id" in draft.columns and draft.look is not orders.look
    is_sampled = draft.look.rows > draft.look.columns[0].rows
    if not is_other or is_sampled:
        return draft
    ids = [
        f"SELECT DISTINCT {text_sql(engine, one.columns['customer_id'].text, one.look.source)} AS who "
        f"FROM ({one.look.source.sql})"
        for one in (draft, orders)
    ]
    many, known = engine.rows(f"SELECT count(*), count(*) FILTER (who IN ({ids[1]})) FROM ({ids[0]})")[0]
    if known >= 0.05 * many:
        return draft
    note = f"CHECK THIS: only {known:,} of its {many:,} customers are in orders; are the ids of the same kind?"
    return replace(draft, notes=(*draft.notes, note))


# orders -------------------------------------------------------------------------------------------------------


def _with_prices(draft: Draft) -> Draft:
    """Leave out rows at no price, where an amount is a price times a quantity."""
    guess = draft.columns["amount"]
    if not guess.lends:
        return draft
    price = column_of(draft, "amount")
    free = price.numbers - price.positive
    if price.number != price.spelled or not 0 < free < 0.2 * price.rows:
        return draft
    why = f"{free / price.rows:.2%} of the rows have no price or a negative one: nothing was bought"
    return replace(draft, where=(*draft.where, Guess(f"{price.spelled} > 0", why, (price.name,))))


def _with_lost_statuses(engine: Engine, draft: Draft) -> Draft:
    """Leave out orders of which nothing came, as their status says."""
    found = by_name(draft.look, "status", draft.used)
    if found is None:
        return draft
    column, source = found[0], draft.look.sample
    text = engine.as_text(quoted(column.name), column.kind)
    kinds = [row[0] for row in engine.rows(f"SELECT DISTINCT lower({text}) AS kind FROM ({source.sql}) ORDER BY kind")]
    lost = [kind for kind in kinds if kind is not None and LOST_STATUSES & set(words(kind))]
    if not lost:
        return draft
    of_them = ", ".join("'" + kind.replace("'", "''") + "'" for kind in lost)
    condition = f"coalesce(lower({column.spelled}), '') NOT IN ({of_them})"
    guess = Guess(condition, "nothing came of these orders", (column.name,))
    return replace(draft, where=(*draft.where, guess))


def _with_returns(engine: Engine, draft: Draft) -> Draft:
    """Tell returns by the letter their order ids begin with, where all other ids are digits."""
    if "order_id" not in draft.columns or "is_return" in draft.columns:
        return draft
    column, source = column_of(draft, "order_id"), draft.look.sample
    if column.kind != "VARCHAR":
        return draft
    amount = engine.as_minor(engine.expression(draft.columns["amount"].text, source, "amount"))
    name = quoted(column.name)
    found = engine.rows(
        f"SELECT upper(left({name}, 1)) AS letter, count(*), count(*) FILTER ({amount} < 0) FROM ({source.sql}) "
        f"WHERE regexp_full_match({name}, '[A-Za-z]?-?[0-9]+') GROUP BY letter ORDER BY count(*) DESC, letter"
    )
    digits = sum(count for letter, count, _ in found if letter.isdigit())
    for letter, count, negative in found:
        is_told = not letter.isdigit() and 0 < count < 0.5 * digits and digits > 0.5 * column.filled
        if is_told and count > 3 and (negative >= 0.9 * count or letter in "CR"):
            sign = "their amounts are negative" if negative >= 0.9 * count else "the letter of cancellations"
            why = f"{count / column.rows:.2%} of the rows have an order id that begins with {letter}; {sign}"
            guess = Guess(f"starts_with({column.spelled}, '{letter}')", why, (column.name,))
            return replace(draft, columns={**draft.columns, "is_return": guess})
    return draft


def _with_warning_of_totals(engine: Engine, draft: Draft) -> Draft:
    """Warn of an order's total that stands on each of its lines: added up, it would count too often."""
    guess = draft.columns["amount"]
    if "order_id" not in draft.columns or len(guess.uses) != 1:
        return draft
    source, order = draft.look.sample, quoted(column_of(draft, "order_id").name)
    amount = engine.as_minor(engine.expression(guess.text, source, "amount"))
    orders = f"SELECT min({amount}) = max({amount}) AS same FROM ({source.sql}) GROUP BY {order} HAVING count(*) > 1"
    many, same = engine.rows(f"SELECT count(*), count(*) FILTER (same) FROM ({orders})")[0]
    if many < 20 or same < 0.95 * many:
        return draft
    why = f"{guess.why}; CHECK THIS: nearly every order has it alike on all lines; an order's total counts once a line"
    return replace(draft, columns={**draft.columns, "amount": replace(guess, why=why)})


# events -------------------------------------------------------------------------------------------------------


def _with_meanings(engine: Engine, draft: Draft) -> Draft:
    meanings: dict[str, list[str]] = {}
    for kind in event_types(engine, draft):
        bare = "_".join(words(kind))
        meaning = next((meaning for meaning, known in MEANING_WORDS.items() if bare in known.split()), None)
        if meaning is not None:
            meanings.setdefault(meaning, []).append(kind)
    return replace(draft, meanings={meaning: meanings[meaning] for meaning in MEANING_WORDS if meaning in meanings})


# rejected rows ------------------------------------------------------------------------------------------------


def _with_room_for_rejected(engine: Engine, draft: Draft) -> Draft:
    """Raise max_rejected_share where more rows than usual will be put into quarantine, and say so."""
    share = _rejected_share(engine, draft)
    if share <= 0.28:
        return draft
    room = min(0.99, math.ceil(share * 20 + 1) / 20)
    why = f"about {share:.0%} of the rows will be rejected: they lack a customer or a date, or repeat another row"
    return replace(draft, max_rejected_share=Guess(f"{room:g}", why))


def _rejected_share(engine: Engine, draft: Draft) -> float:
    source = draft.look.sample
    rows = Source(kept(engine, draft, source), source.types, source.is_text)
    broken = []
    if "customer_id" in draft.columns:
        broken.append(f"{text_sql(engine, draft.columns['customer_id'].text, source)} IS NULL")
    if INSTANTS[draft.table] in draft.columns and draft.table != "customers":
        broken.append(f"{instant_sql(engine, draft, source)} IS NULL")
    if "amount" in draft.columns:
        broken.append(f"{engine.as_minor(engine.expression(draft.columns['amount'].text, source, 'amount'))} IS NULL")
    digest = f"hash({', '.join(quoted(name) for name in source.types)})"
    bad = f"count(*) FILTER ({' OR '.join(broken)})" if broken else "0"
    counts = engine.rows(f"SELECT count(*), {bad}, count(DISTINCT {digest}) FROM ({rows.sql})")[0]
    return (counts[1] + counts[0] - counts[2]) / counts[0] if counts[0] else 0.0
