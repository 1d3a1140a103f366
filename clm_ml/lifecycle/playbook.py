"""The playbook: for each segment whom it holds, what we want, and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import yaml

from clm_ml.config import USUAL_SEGMENTS, SegmentRule, SegmentRules

__all__ = ["Play", "playbook"]


@dataclass(frozen=True)
class Play:
    """What to do with one segment.

    Attributes:
        segment: whom it is for.
        phase: where in the lifecycle they are.
        target: who they are, in words.
        goal: what we want.
        plays: what to do, the best first.
    """

    segment: str
    phase: str
    target: str
    goal: str
    plays: tuple[str, ...]


def playbook(rules: SegmentRules = USUAL_SEGMENTS) -> dict[str, Play]:
    """Give the play of every segment, in the order of the lifecycle.

    Of a segment that only the shop's own rules know nothing is told but their plays, which may be none; plays that the
    rules name stand instead of those of the book.

    >>> playbook()["at_risk"].goal
    'Reach out now.'
    """
    return {segment: _play(segment, rule) for segment, rule in rules.rules.items()}


def _play(segment: str, rule: SegmentRule) -> Play:
    told = _book().get(segment, {"target": "", "goal": "", "plays": ()})
    return Play(segment, rule.phase, told["target"], told["goal"], rule.plays or tuple(told["plays"]))


@cache
def _book() -> dict[str, Any]:
    return yaml.safe_load(resources.files(__package__).joinpath("playbook.yaml").read_text(encoding="utf-8"))
