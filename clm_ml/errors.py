"""Errors meant for a person, each with its exit code.

What a person can mend is a `ClmError`: one sentence with the rule, what was found and what to do.
Everything else is a bug and keeps its traceback.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = [
    "ArtifactError",
    "CampaignError",
    "ClmError",
    "ConfigError",
    "DataError",
    "DriftError",
    "GateError",
    "ModelError",
    "TimelineError",
    "UsageError",
    "did_you_mean",
]


class ClmError(Exception):
    """Something a person can mend; its text is one sentence that helps."""

    exit_code = 1


class UsageError(ClmError):
    """The command was called in a way it cannot serve."""

    exit_code = 2


class ConfigError(ClmError):
    """The YAML says something that cannot be."""

    exit_code = 11


class DataError(ClmError):
    """The tables do not hold what the config promises."""

    exit_code = 12


class TimelineError(ClmError):
    """A day lies where nothing can be known, or nothing can be judged yet."""

    exit_code = 13


class ModelError(ClmError):
    """A model is missing, cannot be learned, or does not fit what it is given."""

    exit_code = 14


class ArtifactError(ClmError):
    """A box exists already, is incomplete, or was altered."""

    exit_code = 15


class CampaignError(ClmError):
    """A campaign cannot be listed as asked."""

    exit_code = 16


class GateError(ClmError):
    """A model was learned and kept, but does not beat its baselines."""

    exit_code = 17


class DriftError(ClmError):
    """What is scored now differs so much from what was learned from that somebody should look."""

    exit_code = 18


def did_you_mean(word: str, known: Iterable[str], most: int = 3) -> str:
    """Name the known words nearest to `word`, as the end of a sentence; nothing if none is near.

    >>> did_you_mean("CustmerID", ["CustomerID", "Country"])
    "; did you mean 'CustomerID'?"
    >>> did_you_mean("zzz", ["CustomerID"])
    ''
    """
    by_folded = {name.casefold(): name for name in sorted(known, reverse=True)}
    near = difflib.get_close_matches(word.casefold(), by_folded, n=most, cutoff=0.6)
    return f"; did you mean {' or '.join(repr(by_folded[name]) for name in near)}?" if near else ""
