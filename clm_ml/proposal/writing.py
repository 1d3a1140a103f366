"""The proposal as YAML: a line for each guess, and behind it why."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import yaml

from clm_ml.config import ListPlan
from clm_ml.proposal.drafting import Draft, Guess
from clm_ml.proposal.timing import Horizon
from clm_ml.proposal.vocabulary import CURRENCIES, words
from clm_ml.timeline import date_of

__all__ = ["written"]

_WIDTH = 120
_ASIDE = 44  # the column in which comments begin, where there is room


def written(drafts: Mapping[str, Draft], until: tuple[int, str], horizon: Horizon, home: Path) -> str:
    """Write the config of a project, each guess with its reason."""
    looks = {draft.look.path: draft.look for draft in drafts.values()}
    names = ", ".join(look.name for look in looks.values())
    lines = [
        f"# Proposed by `clm-ml init` from {names}.",
        "# Each guess says why. Check them, then let the data be checked: clm-ml check, with this file's name.",
        "# Keys that are not here have defaults; `clm-ml config` prints them all. Paths start at this file's folder.",
        *_line(0, "project", _project(list(looks), home), "the name of the registered model, too"),
        *_line(0, "timezone", "UTC", "nothing in the data tells where days begin; say, as in Europe/London"),
        *_currency(drafts),
        *_line(0, "complete_until", date_of(until[0]).isoformat(), until[1], bare=True),
        "tables:",
    ]
    for name, draft in drafts.items():
        lines += _table(name, draft, drafts, home)
    lines += ["task:", *_line(1, "horizon_days", str(horizon.days), horizon.why, bare=True)]
    lines += [f"{'list:':<{_ASIDE}}  # nothing in the data tells what contacting costs and brings; say", *_money()]
    return "\n".join(lines) + "\n"


def _money() -> Iterator[str]:
    """Write what a list is reckoned with, as it is by default, so that nobody reckons with it unseen."""
    for key in ("budget", "margin", "contact_cost"):
        field = ListPlan.model_fields[key]
        yield from _line(1, key, str(field.default), str(field.description), bare=True)


def _line(depth: int, key: str, value: str, why: str, bare: bool = False) -> list[str]:
    """Write a key and why: behind it if there is room, else above."""
    pad = "  " * depth
    text = f"{pad}{key}: {value if bare else _scalar(value)}"
    aside = f"{text:<{_ASIDE}}  # {why}"
    return [aside] if len(aside) <= _WIDTH else [*_comment(depth, why), text]


def _comment(depth: int, text: str) -> list[str]:
    """Break a comment into lines that fit."""
    pad, lines = f"{'  ' * depth}# ", [""]
    for word in text.split():
        if lines[-1] and len(pad) + len(lines[-1]) + len(word) >= _WIDTH:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return [pad + line for line in lines]


def _scalar(value: str) -> str:
    """Write a text so that YAML reads it back as that text."""
    return yaml.safe_dump(value, width=100_000, allow_unicode=True).removesuffix("\n").removesuffix("\n...")


def _project(paths: Sequence[Path], home: Path) -> str:
    name = paths[0].name.split(".")[0] if len(paths) == 1 else paths[0].resolve().parent.name or home.resolve().name
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "my-shop"


def _currency(drafts: Mapping[str, Draft]) -> list[str]:
    said = [word for one in drafts.values() if "amount" in one.columns for word in words(one.columns["amount"].text)]
    found = next((word for word in said if word in CURRENCIES), None)
    if found is not None:
        return _line(0, "currency", found.upper(), "as the amount's column says")
    if drafts["orders"].columns["amount"].text == "1":
        return _line(0, "currency", "EUR", "means nothing here: amounts are counts")
    return _line(0, "currency", "EUR", "nothing in the data tells; say, as in GBP")


def _table(name: str, draft: Draft, drafts: Mapping[str, Draft], home: Path) -> Iterator[str]:
    yield f"  {name}:{' ' * (_ASIDE - 3 - len(name))}  # {draft.look.rows:,} rows"
    for note in draft.notes:
        yield from _comment(2, note)
    yield f"    source: {_scalar(_relative(draft.look.path, home))}"
    yield "    columns:"
    for role, guess in draft.columns.items():
        yield from _line(3, role, guess.text, guess.why)
    yield from _conditions(draft.where)
    if draft.date_format is not None:
        yield from _line(2, "date_format", draft.date_format.text, draft.date_format.why)
    for key, limit in (("min_date", draft.min_date), ("max_rejected_share", draft.max_rejected_share)):
        if limit is not None:
            yield from _line(2, key, limit.text, limit.why, bare=True)
    yield from _meanings(draft)
    used = {name for one in drafts.values() if one.look is draft.look for name in one.used}
    unused = [column.name for column in draft.look.columns if column.name not in used]
    if unused:
        yield from _comment(2, f"not used: columns {', '.join(' '.join(name.split()) for name in unused)}")


def _conditions(where: Sequence[Guess]) -> Iterator[str]:
    if len(where) == 1:
        yield from _line(2, "where", where[0].text, where[0].why)
    elif where:
        for guess in where:
            yield from _comment(2, f"{guess.text}: {guess.why}")
        yield f"    where: {_scalar(' AND '.join(guess.text for guess in where))}"


def _meanings(draft: Draft) -> Iterator[str]:
    if draft.meanings is None:
        return
    if not draft.meanings:
        yield from _line(2, "meanings", "{}", "no event type has a name clm-ml knows; all count as events", bare=True)
        return
    yield "    meanings:                                 # which event types mean what the features know"
    for meaning, kinds in draft.meanings.items():
        yield f"      {meaning}: [{', '.join(_scalar(kind) for kind in kinds)}]"


def _relative(path: Path, home: Path) -> str:
    """Write a path as seen from the config's folder; as it is, if it lies on another drive."""
    try:
        return Path(os.path.relpath(path.resolve(), home.resolve())).as_posix()
    except ValueError:
        return path.resolve().as_posix()
