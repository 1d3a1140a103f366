"""How dates are written in a column that nobody has explained: tried on its values, not guessed from its name."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from clm_ml.engine import Engine, Source
from clm_ml.proposal.vocabulary import these, words

__all__ = ["Dated", "dated"]

_FIRST_DAY, _LAST_DAY = -25_567, 47_482  # 1900 to 2099: other years are misread
_TIME = r"(?:(?P<gap>, ?| ?T?)(?P<hour>\d{1,2}):\d{2}(?P<second>:\d{2})?(?P<part>\.\d+)?(?P<noon> ?[AaPp]\.?[Mm])?)?"
_OFFSET = r"(?: ?(?:Z|UTC|[+-]\d{2}(?::?\d{2})?))?"
_ISO = re.compile(rf"\d{{4}}(?P<sep>[-/])\d{{1,2}}(?P=sep)\d{{1,2}}{_TIME}{_OFFSET}")
_NUMBERS = re.compile(rf"\d{{1,2}}(?P<sep>[/.-])\d{{1,2}}(?P=sep)(?P<year>\d{{4}}|\d{{2}}){_TIME}")
_YEAR_FIRST = re.compile(rf"\d{{4}}\.\d{{1,2}}\.\d{{1,2}}{_TIME}")
_DAY_MONTH = re.compile(
    rf"\d{{1,2}}(?P<sep>[ /-])(?P<month>[A-Za-z]{{3,9}})(?P<end>,?)(?P=sep)(?P<year>\d{{4}}|\d{{2}}){_TIME}"
)
_MONTH_DAY = re.compile(rf"(?P<month>[A-Za-z]{{3,9}}) \d{{1,2}}(?P<end>,?) (?P<year>\d{{4}}){_TIME}")
_DIGITS = {8: "%Y%m%d", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}
_EPOCHS = {10: 86_400, 13: 86_400_000}  # digits: how many make a day
_TIME_WORDS = these("time timestamp ts date datetime at on epoch unix")

Reading = tuple[str, str | None, str]  # the column or an expression over it, date_format, and how that is in words


@dataclass(frozen=True)
class Dated:
    """A column that can be read as instants: with which expression and format, and what that gives."""

    text: str
    date_format: str | None
    share: float  # of the values there are
    first_day: int
    last_day: int
    why: str
    rival: str | None = None  # another format that reads as many values


def dated(engine: Engine, source: Source, name: str, spelled: str, filled: int) -> Dated | None:
    """Find how a column's values can be read as instants; None if most of them cannot.

    Args:
        engine: where the rows are.
        source: the rows to judge by.
        name: the column.
        spelled: the column as an expression spells it.
        filled: how many values there are.
    """
    kind = source.types[name]
    if kind.startswith(("TIMESTAMP", "DATE")):
        readings: list[Reading] = [(name, None, "timestamps" if kind.startswith("T") else "dates")]
    else:
        readings = _readings(_examples(engine, source, name), name, spelled, kind)
    tried = [found for reading in readings if (found := _tried(engine, source, reading, filled)) is not None]
    if not tried:
        return None
    tried.sort(key=lambda found: -found.share)  # stable: day before month, where both read all
    best, *others = tried
    rivals = [other.date_format for other in others if other.share == best.share and best.date_format is not None]
    return replace(best, rival=rivals[0]) if rivals else best


def _examples(engine: Engine, source: Source, name: str) -> list[str]:
    text = engine.as_text(engine.expression(name, source, name), source.types[name])
    found = engine.rows(f"SELECT {text} AS value FROM ({source.sql}) WHERE {text} IS NOT NULL LIMIT 300")
    return [row[0] for row in found]


def _readings(examples: Iterable[str], name: str, spelled: str, kind: str) -> list[Reading]:
    """List the ways of reading that fit one of the examples, in the order in which ties are decided."""
    found: dict[Reading, None] = {}
    for example in examples:
        digits = example.removesuffix(".0")
        if digits.isdigit():
            is_float = kind in ("DOUBLE", "FLOAT") or digits != example
            found |= dict.fromkeys(_of_digits(digits, name, spelled, is_float))
        elif kind == "VARCHAR":
            found |= dict.fromkeys((name, *reading) for reading in _of_text(example))
    return list(found)


def _of_digits(example: str, name: str, spelled: str, is_float: bool) -> list[Reading]:
    date_format = _DIGITS.get(len(example))
    if date_format is not None and example[:2] in ("19", "20"):
        return [(f"CAST({spelled} AS BIGINT)" if is_float else name, date_format, f"digits like {date_format}")]
    if len(example) in _EPOCHS and example[0] == "1" and _TIME_WORDS & set(words(name)):
        unit = "seconds" if len(example) == 10 else "milliseconds"
        day = f"make_date(CAST(floor({spelled} / {_EPOCHS[len(example)]}) AS INTEGER))"
        return [(day, None, f"{unit} since 1970 in UTC, of which the day is taken")]
    return []


def _of_text(example: str) -> list[tuple[str | None, str]]:
    """Give the formats one text could be written in, and each in words."""
    if found := _ISO.fullmatch(example):
        zoned = [(f"%Y{found['sep']}%m{found['sep']}%d{_time(found)} %Z", "ISO dates with the zone's name")]
        return [(None, "ISO dates"), *(zoned if example.endswith(" UTC") else [])]
    if found := _YEAR_FIRST.fullmatch(example):
        return [("%Y.%m.%d" + _time(found), "year first")]
    if found := _NUMBERS.fullmatch(example):
        sep, year, time = found["sep"], _year(found), _time(found)
        by_day = (f"%d{sep}%m{sep}{year}{time}", "day first")
        by_month = (f"%m{sep}%d{sep}{year}{time}", "month first")
        return [by_month, by_day] if found["noon"] else [by_day, by_month]  # a clock of 12 hours is American
    if found := _DAY_MONTH.fullmatch(example):
        return [(f"%d{found['sep']}{_month(found)}{found['end']}{found['sep']}{_year(found)}{_time(found)}", "by name")]
    if found := _MONTH_DAY.fullmatch(example):
        return [(f"{_month(found)} %d{found['end']} {_year(found)}{_time(found)}", "month by name")]
    return []


def _year(found: re.Match[str]) -> str:
    return "%Y" if len(found["year"]) == 4 else "%y"


def _month(found: re.Match[str]) -> str:
    return "%b" if len(found["month"]) == 3 else "%B"


def _time(found: re.Match[str]) -> str:
    if found["hour"] is None:
        return ""
    clock = "%I:%M" if found["noon"] else "%H:%M"
    clock += ":%S" if found["second"] else ""
    clock += ".%f" if found["part"] else ""
    noon = found["noon"] or ""
    return f"{found['gap']}{clock}{' ' if noon.startswith(' ') else ''}{'%p' if noon else ''}"


def _tried(engine: Engine, source: Source, reading: Reading, filled: int) -> Dated | None:
    """Read all values this way; None if hardly any can be read."""
    text, date_format, why = reading
    kind = "DATE" if text.startswith("make_date") else source.types.get(text, "BIGINT")
    instant = engine.as_instant(engine.expression(text, source, text), kind, date_format, text)
    day = f"CASE WHEN {engine.day_of(instant)} BETWEEN {_FIRST_DAY} AND {_LAST_DAY} THEN {engine.day_of(instant)} END"
    sql = f"SELECT count(day), min(day), max(day) FROM (SELECT {day} AS day FROM ({source.sql}))"
    read, first, last = engine.rows(sql)[0]
    return Dated(text, date_format, read / filled, first, last, why) if filled and read / filled >= 0.5 else None
