"""Where a customer stood before: their segment at earlier as_ofs, by the cut-points that the model has stored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import narwhals as nw
import pandas as pd

from clm_ml.config import Task
from clm_ml.customer_view.rows import Known
from clm_ml.features import against_habit, build_features
from clm_ml.model import Model
from clm_ml.segments import find_segments
from clm_ml.snapshot import Prepared, Snapshot, orders_known_by
from clm_ml.timeline import as_ofs_before, date_of, lookback

__all__ = ["STEP_DAYS", "segment_history"]

#: As_ofs of a history lie so many days apart, and there are at most so many: about a year of months.
STEP_DAYS, _MOST = 30, 12

_MINOR = 100.0


def segment_history(prepared: Prepared, known: Known, model: Model) -> pd.DataFrame:
    """Tell the segment at up to twelve as_ofs, 30 days apart, the last of which is the view's own.

    Grain: one row an as_of at which the customer was known, the earliest first. Columns: `as_of` (ISO), `segment`,
    `phase`, and what came in the 30 days before it: `orders`, `amount` (after returns, in the currency), `events`.
    The cut-points and the rhythm are the model's at every as_of, so that only the customer moves.
    """
    first = known.as_of if known.first_day is None else known.first_day + 1
    as_ofs = as_ofs_before(known.as_of, first, STEP_DAYS, _MOST)
    if not as_ofs:
        return pd.DataFrame(columns=["as_of", "segment", "phase", "orders", "amount", "events"])
    standing = _standing(prepared, as_ofs, known.as_of)
    standing["has_email"] = [_has_email(known, as_of) for as_of in as_ofs]
    habits = against_habit(standing, model.rhythm, model.lapse)
    placed = find_segments(habits, model.cuts, model.lapse, model.segments)
    windows = [lookback(as_of, STEP_DAYS) for as_of in as_ofs]
    days = known.events["day"]
    return pd.DataFrame(
        {
            "as_of": [date_of(as_of).isoformat() for as_of in as_ofs],
            "segment": placed["segment"].to_numpy(),
            "phase": placed["phase"].to_numpy(),
            "orders": standing[f"orders_last_{STEP_DAYS}d"].to_numpy(),
            "amount": standing[f"amount_last_{STEP_DAYS}d"].to_numpy(),
            "events": [int(window.holds(days).sum()) for window in windows],
        }
    )


def _standing(prepared: Prepared, as_ofs: Sequence[int], now: int) -> pd.DataFrame:
    """Describe the customer by orders at every as_of in one query: features ask how long ago, never when.

    Each as_of's orders are moved so that they lie as long before the last one, under the as_of's own name.
    """
    moved = [_moved(orders_known_by(prepared, as_of), as_of, now) for as_of in as_ofs]
    asked = Task(windows_days=(STEP_DAYS,))
    described = build_features(Snapshot(now, nw.concat(moved), None, None), asked)
    frame: Any = prepared.tables.engine.collect(described, "customer_id").to_pandas()
    whole = frame.set_index("customer_id").reindex([str(as_of) for as_of in as_ofs])
    counts = ["orders_ever", "order_days_ever", "gaps_ever", "gap_days_sum", f"orders_last_{STEP_DAYS}d"]
    whole[counts] = whole[counts].fillna(0).astype("int64")
    money = ["amount_ever", f"amount_last_{STEP_DAYS}d"]
    whole[money] = whole[money].fillna(0.0)
    return whole.reset_index(drop=True).astype({"days_since_last_order": "float64"})


def _moved(orders: nw.LazyFrame[Any], as_of: int, now: int) -> nw.LazyFrame[Any]:
    ahead = nw.lit(now - as_of).cast(nw.Int32)
    return orders.with_columns(customer_id=nw.lit(str(as_of)), day=(nw.col("day") + ahead).cast(nw.Int32))


def _has_email(known: Known, as_of: int) -> bool:
    created = known.person.get("created_day")
    return known.person.get("email") is not None and (created is None or created < as_of)
