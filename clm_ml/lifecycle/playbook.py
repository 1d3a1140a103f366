"""The playbook: for each segment whom it holds, what we want, and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources

import yaml

from clm_ml.segments import PHASES

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


@cache
def playbook() -> dict[str, Play]:
    """Give the play of every segment, in the order of the lifecycle.

    >>> playbook()["at_risk"].goal
    'Reach out now.'
    """
    text = resources.files(__package__).joinpath("playbook.yaml").read_text(encoding="utf-8")
    content = yaml.safe_load(text)
    return {
        segment: Play(
            segment, phase, content[segment]["target"], content[segment]["goal"], tuple(content[segment]["plays"])
        )
        for segment, phase in PHASES.items()
    }
