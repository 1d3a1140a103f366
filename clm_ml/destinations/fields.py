"""What a destination can be told of a customer: the canonical fields, and how each becomes text.

A field is told in the same words to every destination; only days, booleans and what is unknown are written in the
destination's own form. Nothing here tells of consent, so no destination can ever write it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any, Literal

import pandas as pd

__all__ = ["CONTACT_FIELDS", "FIELDS", "GROUPS", "Field", "Form", "cleared", "texts"]

#: What vendors call the arms; none is whoever has left the list.
GROUPS = {"contact": "treatment", "holdout": "control", "none": "none"}

#: The fields that only a customer table has.
CONTACT_FIELDS = ("email", "phone", "country")


@dataclass(frozen=True)
class Field:
    """One field: the list's columns that it is made of, and of which kind it is.

    An `id` is never altered. A `contact` field is stripped, and empty where it is unknown, so that nothing is erased. A
    `word` is `none` where there is none. A `sentence` is one line, several columns joined, and may be cut.
    """

    kind: Literal["id", "contact", "word", "sentence", "number", "day", "claim"]
    columns: tuple[str, ...]
    decimals: int = 0


FIELDS: dict[str, Field] = {
    "customer_id": Field("id", ("customer_id",)),
    **{name: Field("contact", (name,)) for name in CONTACT_FIELDS},
    "campaign": Field("word", ("campaign",)),
    "arm": Field("word", ("arm",)),
    "is_held_out": Field("claim", ("arm",)),
    "segment": Field("word", ("segment",)),
    "phase": Field("word", ("phase",)),
    "play": Field("sentence", ("play",)),
    "ranked_by": Field("sentence", ("ranked_by",)),
    "reason": Field("sentence", ("reason_1", "reason_2", "reason_3")),
    **{name: Field("sentence", (name,)) for name in ("reason_1", "reason_2", "reason_3")},
    "rank": Field("number", ("rank",)),
    "risk": Field("number", ("churn_probability",), 6),
    "value": Field("number", ("expected_value_if_ordering",), 2),
    "churn_probability": Field("number", ("churn_probability",), 6),
    "expected_value_if_ordering": Field("number", ("expected_value_if_ordering",), 2),
    "value_at_risk": Field("number", ("value_at_risk",), 2),
    "expected_profit": Field("number", ("expected_profit",), 2),
    "last_order_on": Field("day", ("last_order_on",)),
    "scored_on": Field("day", ("scored_on",)),
}


@dataclass(frozen=True)
class Form:
    """How a destination writes days, booleans and what is not known: `none` of words, `unknown` of all else."""

    day: str = "%Y-%m-%d"
    yes: str = "true"
    no: str = "false"
    none: str = "none"
    unknown: str = ""


def texts(name: str, customers: pd.DataFrame, form: Form) -> list[str]:
    """Write a field of each customer.

    >>> rows = pd.DataFrame({"arm": ["holdout", "contact"], "scored_on": "2025-12-31"})
    >>> rows["churn_probability"] = [1 / 3, None]
    >>> texts("arm", rows, Form()), texts("risk", rows, Form()), texts("scored_on", rows, Form("%d/%m/%Y"))
    (['control', 'treatment'], ['0.333333', ''], ['31/12/2025', '31/12/2025'])
    """
    field = FIELDS[name]
    columns = [customers[column].tolist() for column in field.columns if column in customers]
    columns = columns or [[None] * len(customers)]
    if field.kind == "sentence":
        return [_sentence(parts, form) for parts in zip(*columns, strict=True)]
    write = _WRITERS[field.kind] if name != "arm" else _group
    return [write(value, field, form) for value in columns[0]]


def _is_null(value: Any) -> bool:
    return value is None or value is pd.NA or value is pd.NaT or value != value  # noqa: PLR0124 - so is NaN


def _sentence(parts: Sequence[Any], form: Form) -> str:
    r"""Join what is there to one line.

    >>> _sentence(("quiet for\nlong", None, "small baskets"), Form()), _sentence((None,), Form(unknown="#N/A"))
    ('quiet for long; small baskets', '#N/A')
    """
    told = [" ".join(str(part).split()) for part in parts if not _is_null(part)]
    return "; ".join(part for part in told if part) or form.unknown or form.none


def _id(value: Any, field: Field, form: Form) -> str:  # noqa: ARG001 - as the others
    return "" if _is_null(value) else str(value)


def _contact(value: Any, field: Field, form: Form) -> str:
    return _id(value, field, form).strip()


def _word(value: Any, field: Field, form: Form) -> str:
    return _id(value, field, form) or form.none


def _group(value: Any, field: Field, form: Form) -> str:  # noqa: ARG001 - as the others
    return GROUPS[value]


def _claim(value: Any, field: Field, form: Form) -> str:  # noqa: ARG001 - as the others
    return form.yes if value == "holdout" else form.no


def _number(value: Any, field: Field, form: Form) -> str:
    return form.unknown if _is_null(value) else f"{value:.{field.decimals}f}"


def _day(value: Any, field: Field, form: Form) -> str:  # noqa: ARG001 - as the others
    return form.unknown if _is_null(value) else _day_in_form(str(value), form.day)


@lru_cache(maxsize=4096)
def _day_in_form(day: str, form: str) -> str:
    return date.fromisoformat(day).strftime(form)


_WRITERS: dict[str, Callable[[Any, Field, Form], str]] = {
    "id": _id,
    "contact": _contact,
    "word": _word,
    "number": _number,
    "day": _day,
    "claim": _claim,
}


def cleared(customer_ids: Sequence[str], scored_on: str) -> pd.DataFrame:
    """Make the rows of customers who have left the list: no group, no words, zeros.

    Blanks clear nothing at most vendors, so a row has to say it.

    >>> rows = cleared(["c1"], "2025-12-31")
    >>> [texts(name, rows, Form())[0] for name in ("customer_id", "arm", "campaign", "rank", "reason", "scored_on")]
    ['c1', 'none', 'none', '0', 'none', '2025-12-31']
    """
    rows: dict[str, Any] = {"customer_id": list(customer_ids)}
    for field in FIELDS.values():
        empty = 0.0 if field.kind == "number" else None
        rows |= {column: empty for column in field.columns if column not in rows and column not in CONTACT_FIELDS}
    return pd.DataFrame(rows | {"arm": "none", "scored_on": scored_on})
