"""How a case of the fuzzer ends: in success, or in one sentence and its exit code; all else is a defect."""

from __future__ import annotations

import re
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

from clm_ml.errors import ClmError

__all__ = ["EXIT_CODES", "Case", "Defect", "Ended", "ended", "refuse", "some"]

EXIT_CODES = {2: "usage", 11: "config", 12: "data", 13: "timeline", 14: "model", 15: "artifact", 16: "campaign"}

#: What no sentence may hold: every id that is written anywhere has it in it.
SECRET = "klara"
_LONGEST = 1500

#: What one case does, told by its own random numbers; it says how it ended, or raises a `Defect`.
Case = Callable[[Random], "Ended"]


class Defect(Exception):
    """A traceback, a wrong number, a wrong exit code or a sentence that helps nobody."""


@dataclass(frozen=True)
class Ended:
    """How a run ended: exit code and sentence, or 0 and what it gave."""

    code: int
    told: str = ""
    gave: Any = None


def refuse(wrong: bool, why: str) -> None:
    """Raise a defect if something is wrong."""
    if wrong:
        raise Defect(why)


def ended(run: Callable[[], Any], codes: set[int]) -> Ended:
    """Run something, and judge how it ends; whatever is no `ClmError` with one of the exit codes is a defect."""
    try:
        return Ended(0, gave=run())
    except ClmError as error:
        told = str(error)
        refuse(error.exit_code not in codes, f"exit code {error.exit_code}: {told}")
        refuse_bad_sentence(told)
        return Ended(error.exit_code, told)
    except Defect:
        raise
    except Exception as error:
        place = "".join(traceback.format_exception(error)[-4:])
        raise Defect(f"{type(error).__name__}: {error}\n{place}") from error


def refuse_bad_sentence(told: str) -> None:
    """Refuse a sentence that is none: too long, with the insides of a library in it, or with somebody's id."""
    lines = told.split("\n")
    refuse(len(lines) > 1 and not all(re.match(r".*:\d+: ", line) for line in lines), f"more than one sentence: {told}")
    refuse(any(not re.search(r"[.?]$", line) for line in lines), f"no end: {told}")
    refuse(max(map(len, lines)) > _LONGEST, f"too long: {told}")
    refuse(SECRET in told.lower(), f"tells of a person: {told}")
    refuse(bool(re.search(r"Traceback|<class|object at 0x|__\w+__", told)), f"not for people: {told}")


def some(draw: Random, common: list[Any], rare: list[Any], share: float) -> Any:
    """Draw one of the rare values now and then, else one of the common ones."""
    return draw.choice(rare if draw.random() < share else common)
