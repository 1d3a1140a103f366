"""Where everybody stood when a period began and when it ended, and what they had brought by then."""

from __future__ import annotations

from typing import Any

import narwhals as nw
import pandas as pd

from clm_ml.config import Task
from clm_ml.features import build_features
from clm_ml.lifecycle.census import STANDING, place
from clm_ml.model import Lifecycle
from clm_ml.snapshot import Prepared, in_parts, take_snapshot

__all__ = ["places", "standing"]


def standing(prepared: Prepared, as_of: int, task: Task) -> pd.DataFrame:
    """Describe everyone known at as_of, as far as segments and values ask: sorted by customer_id, which is the index.

    Raises:
        TimelineError: if the tables are not complete until as_of, or no order lies before it.
    """
    parts = [build_features(take_snapshot(part, as_of), task) for part in in_parts(prepared)]
    asked = nw.concat([part.select(*STANDING, "gross_minor_ever", "returned_minor_ever") for part in parts])
    frame: Any = prepared.tables.engine.collect(asked, "customer_id").to_pandas()
    found: pd.DataFrame = frame.set_index("customer_id")
    return found


def places(was: pd.DataFrame, ahead: pd.DataFrame, lifecycle: Lifecycle) -> pd.DataFrame:
    """Place everyone at both ends of a period, by the same borders, rhythm and rules.

    Args:
        was: who was known when it began, as `standing` tells.
        ahead: who was known when it ended.
        lifecycle: what places them: fitted on `was`, or a model's.

    Returns:
        one row per person, customer_id being the index: `phase`, `segment` and `days_since_last_order` when it began,
        `phase_ahead`, `segment_ahead`, `orders_ever` and `lifetime_minor` (after returns, in hundredths) when it ended;
        null where somebody was not known then.
    """
    began, ended = (_stages(frame, lifecycle) for frame in (was, ahead))
    then = began.assign(days_since_last_order=was["days_since_last_order"])
    now = ended.add_suffix("_ahead").assign(orders_ever=ahead["orders_ever"])
    now = now.assign(lifetime_minor=ahead["gross_minor_ever"] - ahead["returned_minor_ever"])
    return then.join(now, how="outer")


def _stages(frame: pd.DataFrame, lifecycle: Lifecycle) -> pd.DataFrame:
    segments = place(frame.reset_index(), lifecycle).set_index("customer_id")["segment"]
    return pd.DataFrame({"phase": segments.map(lifecycle.rules.phases), "segment": segments})
