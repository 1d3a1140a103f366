"""What the front door must make of each row, by plain Python: no engine, no SQL, none of the package's code.

Written from what the documentation promises of columns. Where it promises nothing (a nested value as an id, say) the
oracle says `UNSURE`, and only counts have to add up.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

__all__ = ["ANY", "NEVER", "OUT_OF_YEARS", "UNSURE", "Expected", "Plan", "expect"]

EPOCH = date(1970, 1, 1)
#: The last day and second of who has none.
NEVER = (-(10**9), -(10**14))


class _Unsure:
    def __repr__(self) -> str:
        return "UNSURE"


UNSURE: Any = _Unsure()
#: An instant that no calendar of four digits holds, for which Python has no value.
OUT_OF_YEARS: Any = "an instant out of all years"
#: As many rows as it may be.
ANY = -1

_INSTANTS = {"ordered_at", "occurred_at", "contacted_at", "created_at", "spent_on", "loaded_at"}
_OWN = {"orders": "ordered_at", "events": "occurred_at", "customers": "created_at", "contacts": "contacted_at"}
_MONEY, _NUMBERS = {"amount", "discount", "cost"}, {"quantity", "value", "duration_seconds"}
_NEEDED = {
    "orders": {"customer_id", "ordered_at", "amount", "loaded_at"},
    "events": {"customer_id", "occurred_at", "event_type", "loaded_at"},
    "customers": {"customer_id"},
    "contacts": {"customer_id", "campaign", "contacted_at"},
    "spend": {"spent_on", "amount"},
}


@dataclass(frozen=True)
class Plan:
    """A table, its columns in the order they are mapped, and the days allowed."""

    table: str
    columns: Sequence[str]
    zone: str
    first: date
    end: date | None


@dataclass
class Expected:
    """What becomes of the rows: counts by reason, and of each customer how many lines, their sum, last day, second."""

    read: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    people: dict[Any, list[int]] = field(default_factory=dict)
    is_sure: bool = True

    @property
    def used(self) -> int:
        """The rows that are used."""
        return self.read - sum(self.rejected.values())


def expect(rows: Iterable[Mapping[str, Any]], plan: Plan) -> Expected:
    """Judge rows: those given as text or as values, by the names of our columns; all others count for duplicates."""
    told = [(row, _read(row, plan)) for row in rows]
    expected = Expected(read=len(told))
    if any(value is UNSURE for _, values in told for value in values.values()):
        expected.is_sure = False
        return expected
    end = plan.end or _last_day(told, plan)
    seen: set[Any] = set()
    if plan.table == "customers":
        told.sort(key=lambda pair: _permits(pair, plan))
    for row, values in told:
        reason = _reason(row, values, plan, end)
        again = values.get("customer_id") if plan.table == "customers" else tuple(map(_hashed, row.values()))
        if reason is None and again in seen:
            reason = "repeated customer" if plan.table == "customers" else "duplicate line"
        if reason is not None:
            expected.rejected[reason] += 1
            continue
        seen.add(again)
        _add(expected, values, plan)
    return expected


def _permits(pair: tuple[Mapping[str, Any], Mapping[str, Any]], plan: Plan) -> Any:
    """Order rows of one customer: the one that permits least is kept, then the first as text, in the file's order."""
    row, values = pair
    consents = [name for name in plan.columns if name in ("may_contact", "contact_email")]
    said = [None if not _is_given(row[name]) else bool(values[name]) for name in consents]
    order = {False: 0, None: 1, True: 2}
    texts = [chr(1114111) if value is None or value == "" else str(value) for value in row.values()]
    return ([order[each] for each in said], [text.encode() for text in texts])


def _hashed(value: Any) -> Any:
    return (type(value).__name__, repr(value))


def _add(expected: Expected, values: Mapping[str, Any], plan: Plan) -> None:
    lines = expected.people.setdefault(values.get("customer_id"), [0, 0, *NEVER])
    amount = values.get("amount", values.get("cost")) or 0
    if plan.table == "orders":
        is_return = amount < 0 or bool(values.get("is_return")) or (values.get("quantity") or 0) < 0
        amount = -abs(amount) if is_return else amount
    lines[0] += 1
    lines[1] += amount
    when = values.get(_own(plan.table))
    if when is not None:
        lines[2] = max(lines[2], (when.date() - EPOCH).days)
        if plan.table in ("orders", "events"):
            lines[3] = max(lines[3], (when - datetime(1970, 1, 1)) // timedelta(seconds=1))


def _own(table: str) -> str:
    return _OWN.get(table, "spent_on")


def _last_day(told: Sequence[tuple[Any, Any]], plan: Plan) -> date | None:
    own = _own(plan.table)
    days = [values[own].date() for row, values in told if _reason(row, values, plan, None) is None]
    return max(days) + timedelta(days=1) if days else None


def _read(row: Mapping[str, Any], plan: Plan) -> dict[str, Any]:
    values = {}
    for column in plan.columns:
        value = row[column]
        if column in _INSTANTS:
            values[column] = reads_instant(value, plan.zone)
        elif column in _MONEY:
            values[column] = reads_money(value)
        elif column in _NUMBERS:
            values[column] = reads_number(value)
        elif column in ("is_return", "may_contact", "contact_email"):
            values[column] = reads_claim(value)
        else:
            values[column] = reads_id(value) if column in ("customer_id", "order_id") else reads_word(value)
    return values


def _reason(row: Mapping[str, Any], values: Mapping[str, Any], plan: Plan, end: date | None) -> str | None:
    """Find the first rule that a row breaks, in the order in which the documentation tells them."""

    def unread(names: Iterable[str]) -> bool:
        return any(
            values[name] is None and (name in _NEEDED[plan.table] or _is_given(row[name]))
            for name in plan.columns
            if name in names
        )

    own = values.get(_own(plan.table))
    quantity = values.get("quantity")
    checks = (
        ("customer_id" in plan.columns and values["customer_id"] is None, "no customer"),
        (unread(_INSTANTS), "unreadable date"),
        (own is not None and (own.date() < plan.first or (end is not None and own.date() >= end)), "date out of range"),
        (unread(_MONEY) or unread(_NUMBERS), "unreadable number"),
        (plan.table == "orders" and quantity is not None and _is_impossible(quantity), "impossible quantity"),
        (unread({"is_return"}), "unreadable yes or no"),
        (plan.table == "events" and values["event_type"] is None, "no event type"),
        (plan.table == "contacts" and values["campaign"] is None, "no campaign"),
    )
    return next((reason for broken, reason in checks if broken), None)


def _is_impossible(quantity: float) -> bool:
    return quantity == 0 or abs(quantity) > 1e9


def _is_given(value: Any) -> bool:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return False
    return bool(_trimmed(value)) if isinstance(value, str) else True


def _trimmed(text: str) -> str:
    return text.strip(" \t\r\n\u00a0")


def reads_word(value: Any) -> Any:
    """Read a word: text without blanks around it, whole floats without their `.0`."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return None
    if isinstance(value, str):
        return _trimmed(value) or None
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return (
            str(int(value))
            if value == int(value) and abs(value) < 2**127
            else UNSURE
            if value == int(value)
            else repr(value)
        )
    return UNSURE


def reads_id(value: Any) -> Any:
    """Read an id: a word, and `17850.0` is `17850`."""
    word = reads_word(value)
    return re.sub(r"^([1-9][0-9]*)[.]0+$", r"\1", word) if isinstance(word, str) else word


def reads_number(value: Any) -> Any:
    """Read a finite number; None if it is none."""
    if value is None:
        return None
    if isinstance(value, bool):
        return float(value)
    if isinstance(value, str):
        text = value.strip(" \t\r\n\f\v")
        if not re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", text, re.ASCII):
            return None if re.fullmatch(r"[^\d_]*|[a-z].*", text.lower()) else UNSURE if "_" in text else None
        value = text
    if not isinstance(value, int | float | Decimal | str):
        return UNSURE
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def reads_money(value: Any) -> Any:
    """Read money as whole hundredths, halves away from zero; from 10^13 on it is none."""
    number = reads_number(value)
    if number is None or number is UNSURE:
        return number
    if abs(number) >= 1e13:
        return None
    return int(math.copysign(math.floor(abs(number * 100) + 0.5), number)) if number else 0


def reads_claim(value: Any) -> Any:
    """Read a yes or a no."""
    if isinstance(value, bool) or value is None:
        return value
    word = reads_word(value)
    if word is None or word is UNSURE:
        return word
    return {"true": True, "t": True, "yes": True, "y": True, "1": True}.get(
        word.lower(), False if word.lower() in ("false", "f", "no", "n", "0") else None
    )


_DAY = r"(\d{4})([-/])(\d{1,2})([-/])(\d{1,2})"
_CLOCK = r"[T ](\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d+))?)?"
_OFFSET = r" ?(Z|UTC|[+-]\d{2}(?::?\d{2})?)"


def reads_instant(value: Any, zone: str) -> Any:  # noqa: C901, PLR0911 - one line a rule
    """Read an instant as what a clock on the wall of the business showed; None if it is none."""
    if value is None:
        return None
    if isinstance(value, datetime):
        return _in_years(value if value.tzinfo is None else _on_the_wall(value, zone))
    if isinstance(value, date):
        return _in_years(datetime(value.year, value.month, value.day))
    if not isinstance(value, str):
        return UNSURE
    text = _trimmed(value)
    found = re.fullmatch(rf"{_DAY}(?:{_CLOCK}(?:{_OFFSET})?)?", text, re.ASCII | re.IGNORECASE)
    if found is None:
        return None
    year, sign, month, other, day, hour, minute, second, part, offset = found.groups()
    if sign != other or (hour is not None and "T" not in text[:12] and "t" in text[:12]):
        return UNSURE
    if hour == "24" or second == "60":
        return UNSURE
    try:
        naive = datetime(*(int(number or 0) for number in (year, month, day, hour, minute, second)))
        naive += timedelta(microseconds=int((part or "0")[:6].ljust(6, "0")))
        return _in_years(naive if offset is None else _on_the_wall(naive.replace(tzinfo=_offset(offset)), zone))
    except ValueError:
        return None
    except OverflowError:
        return UNSURE


def _offset(text: str) -> timezone:
    if text.upper() in ("Z", "UTC"):
        return UTC
    digits = text[1:].replace(":", "")
    hours, minutes = int(digits[:2]), int(digits[2:] or 0)
    if hours > 15 or minutes > 59:
        raise ValueError(f"no place on earth is {text} from UTC")
    away = timedelta(hours=hours, minutes=minutes)
    return timezone(-away if text[0] == "-" else away)


def _on_the_wall(instant: datetime, zone: str) -> Any:
    if instant.year > 2037 and zone != "UTC":
        return UNSURE  # of summers so far away libraries say different things
    try:
        return instant.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    except (OverflowError, ValueError):
        return UNSURE


def _in_years(instant: Any) -> Any:
    return instant if instant is UNSURE or 1 <= instant.year <= 9998 else None
