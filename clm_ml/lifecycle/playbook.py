"""The playbook: for each segment whom it holds, what we want, what to do, how to reach them, and at what cost."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from typing import Any

import yaml

from clm_ml.config import USUAL_SEGMENTS, Config

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
        channel: how to reach them: email, phone, site, or a project's own word.
        contact_cost: of contacting one of them, in the currency; None where only a config could tell.
    """

    segment: str
    phase: str
    target: str
    goal: str
    plays: tuple[str, ...]
    channel: str
    contact_cost: float | None = None


def playbook(config: Config | None = None) -> dict[str, Play]:
    """Give the play of every segment, in the order of the lifecycle.

    Args:
        config: a project, whose `playbook` says what it does otherwise, key by key; a contact then costs what the
            play says, else `list.contact_cost`. Of a segment that only its own rules know nothing else is told.
            Without a project the playbook is as it comes with clm-ml.

    >>> playbook()["at_risk"].goal, playbook()["cannot_lose"].channel
    ('Reach out now.', 'phone')
    """
    rules = USUAL_SEGMENTS if config is None else config.segments
    plays = {segment: _as_it_comes(segment, phase) for segment, phase in rules.phases.items()}
    return plays if config is None else {segment: _of_project(play, config) for segment, play in plays.items()}


def _as_it_comes(segment: str, phase: str) -> Play:
    told = _book().get(segment, {"target": "", "goal": "", "plays": (), "channel": ""})
    return Play(segment, phase, **{**told, "plays": tuple(told["plays"])})


def _of_project(play: Play, config: Config) -> Play:
    own = config.playbook.get(play.segment)
    told = (
        {} if own is None else {name: said for name in own.model_fields_set if (said := getattr(own, name)) is not None}
    )
    merged = replace(play, **told)
    return merged if merged.contact_cost is not None else replace(merged, contact_cost=config.list.contact_cost)


@cache
def _book() -> dict[str, Any]:
    return yaml.safe_load(resources.files(__package__).joinpath("playbook.yaml").read_text(encoding="utf-8"))
