"""What others call our phases and segments: the stages of three other vocabularies, beside ours."""

from __future__ import annotations

from importlib import resources
from typing import Any

import pandas as pd
import yaml

from clm_ml.segments import PHASES

__all__ = ["vocabularies"]


def vocabularies() -> pd.DataFrame:
    """Translate every segment into the stages of other vocabularies.

    Grain: one row a segment, in the order of the lifecycle. Columns: `segment`, `phase`, and one for each vocabulary
    with its word for that segment; never null. Several of ours can share a stage, since theirs are five and ours
    eleven, and no vocabulary but ours tells who has stopped from who stays: both are its stage of retention.

    >>> table = vocabularies().set_index("segment")
    >>> table.loc["champion"].to_dict()
    {'phase': 'veneration', 'reach_to_loyalty': 'loyalty', 'awareness_to_advocacy': 'advocacy', 'aarrr': 'referral'}
    """
    columns: dict[str, Any] = {"segment": list(PHASES), "phase": list(PHASES.values())}
    for name, words in _read().items():
        columns[name] = [words["segments"].get(segment, words["phases"][phase]) for segment, phase in PHASES.items()]
    return pd.DataFrame(columns)


def _read() -> dict[str, Any]:
    text = resources.files(__package__).joinpath("vocabularies.yaml").read_text(encoding="utf-8")
    content: dict[str, Any] = yaml.safe_load(text)
    return content
