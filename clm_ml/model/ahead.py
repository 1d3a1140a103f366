"""The columns of scores that look ahead: the next segment, and the days of the next order."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from clm_ml.config import USUAL_SEGMENTS, SegmentRules
from clm_ml.model.next_order import QUANTILES, NextOrder
from clm_ml.model.waits import WAITS_ON

__all__ = ["BECOMES", "ahead_columns", "next_order_columns", "next_segment_columns"]

Floats = np.ndarray[Any, np.dtype[np.float64]]

#: The two segments that matter most, each with a column of its own.
BECOMES = {f"becomes_{segment}_probability": segment for segment in ("at_risk", "cannot_lose")}


def ahead_columns(rules: SegmentRules) -> tuple[str, ...]:
    """List every column of this room, in the order of `scores.parquet`."""
    own = (f"p_{segment}" for segment in rules.names)
    return ("next_segment", "next_segment_probability", *own, *BECOMES, *QUANTILES)


def next_segment_columns(
    probabilities: Floats, ordered: Any, index: pd.Index[Any], rules: SegmentRules = USUAL_SEGMENTS
) -> pd.DataFrame:
    """Name the likeliest segment at as_of + horizon_days, ties to the earlier in the lifecycle, and give all.

    `becomes_at_risk_probability` and `becomes_cannot_lose_probability` are the chances to be in that segment then,
    for whoever is in it now as for the others: who is at risk and will be so still is to be won back all the same.
    They are null for those who never ordered, and for everyone where the rules know no such segment. All are null where
    the probabilities are NaN.

    Args:
        probabilities: a row per person, a column per segment.
        ordered: whether each has ever ordered.
        index: of the rows.
        rules: the segments.
    """
    known = ~np.isnan(probabilities).any(axis=1)
    likeliest = np.where(known, np.nan_to_num(probabilities).argmax(axis=1), -1)
    names = np.array([*rules.names, None], dtype=object)
    told: dict[str, Any] = {"next_segment": names[likeliest], "next_segment_probability": probabilities.max(axis=1)}
    told |= {f"p_{segment}": probabilities[:, place] for place, segment in enumerate(rules.names)}
    told |= {name: np.where(ordered, told.get(f"p_{segment}", np.nan), np.nan) for name, segment in BECOMES.items()}
    return pd.DataFrame(told, index=index)


def next_order_columns(
    next_order: NextOrder | None, complete: pd.DataFrame, order_probability: Floats, ordered: Any
) -> pd.DataFrame:
    """Give the median day of the next order, and the ends of its 80 % interval.

    Each is the calendar day by whose end an order has come with probability one half, a tenth, nine tenths. It is null
    for those who never ordered, and where that day lies beyond what could be watched in training, or never comes: the
    customer may be gone. So somebody can have an earliest day and no latest.
    """
    days = np.full((len(QUANTILES), len(complete)), np.inf)
    if next_order is not None:
        theirs = complete.loc[ordered, [*WAITS_ON, "as_of"]]
        waits = next_order.days(theirs, order_probability[ordered], list(QUANTILES.values()))
        days[:, ordered] = theirs["as_of"].to_numpy(dtype=np.float64) + waits
    dates = (pd.array(_dates(row), dtype=pd.ArrowDtype(pa.date32())) for row in days)
    return pd.DataFrame(dict(zip(QUANTILES, dates, strict=True)), index=complete.index)


def _dates(days: Floats) -> pa.Array:
    never = np.isinf(days)
    return pa.array(np.where(never, 0, days).astype(np.int32), mask=never).cast(pa.date32())
