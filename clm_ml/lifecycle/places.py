"""Where everybody stood when a period began and when it ended, and what they had brought by then."""

from __future__ import annotations

from typing import Any

import narwhals as nw
import pandas as pd

from clm_ml.config import Lapse, Task
from clm_ml.features import against_habit, build_features, fit_rhythm
from clm_ml.model import Model
from clm_ml.segments import find_segments, fit_cut_points
from clm_ml.snapshot import Prepared, in_parts, take_snapshot

__all__ = ["places", "standing"]

#: What of the features is asked.
_ASKED = (
    "days_since_last_order", "orders_ever", "order_days_ever", "amount_ever", "gross_minor_ever", "returned_minor_ever",
    "gaps_ever", "gap_days_sum", "gap_days_square_sum", "has_email",
)  # fmt: skip


def standing(prepared: Prepared, as_of: int, task: Task) -> pd.DataFrame:
    """Describe everyone known at as_of, as far as segments and values ask: sorted by customer_id, which is the index.

    Raises:
        TimelineError: if the tables are not complete until as_of, or no order lies before it.
    """
    parts = [build_features(take_snapshot(part, as_of), task) for part in in_parts(prepared)]
    asked = nw.concat([part.select("customer_id", *_ASKED) for part in parts])
    frame: Any = prepared.tables.engine.collect(asked, "customer_id").to_pandas()
    found: pd.DataFrame = frame.set_index("customer_id")
    return found


def places(was: pd.DataFrame, ahead: pd.DataFrame, lapse: Lapse, model: Model | None = None) -> pd.DataFrame:
    """Place everyone at both ends of a period, by what was fitted when it began, or by a model.

    Args:
        was: who was known when it began, as `standing` tells.
        ahead: who was known when it ended.
        lapse: the thresholds, if there is no model.
        model: whose cut-points, rhythm and thresholds are used at both ends.

    Returns:
        one row per person, customer_id being the index: `phase`, `segment` and `days_since_last_order` when it began,
        `phase_ahead`, `segment_ahead`, `orders_ever` and `lifetime_minor` (after returns, in hundredths) when it ended;
        null where somebody was not known then.
    """
    if model is not None:
        cuts, rhythm, lapse = model.cuts, model.rhythm, model.lapse
    else:
        cuts, rhythm = (
            fit_cut_points(was),
            fit_rhythm(was["gaps_ever"], was["gap_days_sum"], was["gap_days_square_sum"]),
        )
    began, ended = (find_segments(against_habit(frame, rhythm, lapse), cuts, lapse) for frame in (was, ahead))
    stages = ["phase", "segment"]
    then = began[stages].set_index(was.index).assign(days_since_last_order=was["days_since_last_order"])
    now = ended[stages].set_index(ahead.index).add_suffix("_ahead").assign(orders_ever=ahead["orders_ever"])
    now = now.assign(lifetime_minor=ahead["gross_minor_ever"] - ahead["returned_minor_ever"])
    return then.join(now, how="outer")
