"""Who moved from which segment to which between two as_ofs, who came new, and whose silence has grown too long."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from clm_ml.config import SegmentRules

__all__ = ["NEW", "count_moves", "flows_of", "moved_between"]

#: Where those come from whom nobody knew at the first as_of; no segment can be called so.
NEW = "(new)"


def moved_between(before: pd.DataFrame, after: pd.DataFrame, rules: SegmentRules) -> pd.DataFrame:
    """Count who moved from where to where.

    Args:
        before: one row for everyone known at the first as_of: `customer_id, segment`, as `place` gives them.
        after: the same at the second.
        rules: the segments.

    Returns:
        a row for each segment and for `NEW`, a column for each segment: customers. Who is not known at the second as_of
        any more, as a log that forgets people would have it, is in no row.
    """
    came_from = after["customer_id"].map(before.set_index("customer_id")["segment"]).fillna(NEW)
    counts = pd.crosstab(came_from.to_numpy(), after["segment"].to_numpy())
    return counts.reindex(index=[*rules.names, NEW], columns=list(rules.names), fill_value=0).astype(np.int64)


def count_moves(before: pd.DataFrame, after: pd.DataFrame) -> dict[str, int]:
    """Count those who came and those who went, between two as_ofs.

    Returns:
        `new`: people whom nobody knew at the first; `new_with_order`: those of them who have ordered by the second;
        `first_orders`: visitors of the first who have; `gone`: customers who were not gone and are; `come_back`: those
        who were gone and are not; `not_known_any_more`: people of the first whom the second does not know.
    """
    both = after.merge(before, on="customer_id", how="left", suffixes=("", "_before"), indicator=True)
    is_new, was_gone = both["_merge"] == "left_only", both["state_before"] == "gone"
    had_ordered, has_ordered = both["state_before"].notna(), both["state"].notna()
    is_gone = both["state"] == "gone"
    return {
        "new": int(is_new.sum()),
        "new_with_order": int((is_new & has_ordered).sum()),
        "first_orders": int((~is_new & ~had_ordered & has_ordered).sum()),
        "gone": int((had_ordered & ~was_gone & is_gone).sum()),
        "come_back": int((was_gone & ~is_gone).sum()),
        "not_known_any_more": int((~before["customer_id"].isin(after["customer_id"])).sum()),
    }


def flows_of(matrix: pd.DataFrame) -> pd.DataFrame:
    """Lay a matrix out as rows: `from_segment, to_segment, customers, share`, of those in `from_segment`.

    Pairs between which nobody moved are left out.
    """
    stacked: Any = matrix.rename_axis(index="from_segment", columns="to_segment").stack()
    rows = stacked.to_frame("customers").reset_index()
    rows = rows[rows["customers"] > 0].reset_index(drop=True)
    return rows.assign(share=rows["customers"] / rows.groupby("from_segment")["customers"].transform("sum"))
