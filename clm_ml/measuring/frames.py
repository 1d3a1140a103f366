"""A frame of customers with arms and outcomes, checked once and then trusted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import narwhals as nw
import numpy as np
import pandas as pd

from clm_ml.errors import CampaignError, DataError, did_you_mean
from clm_ml.measuring.arms import Arm, Pair, count_arm, sum_arms

__all__ = ["Cells", "Columns", "count_cells", "read_frame"]


@dataclass(frozen=True)
class Columns:
    """What the columns of a frame are called, one row a customer; None or empty: there is none.

    Attributes:
        arm: the arm, as assigned.
        ordered: 1 or 0.
        spent: in the currency.
        before: numbers known before the campaign, as what was spent in the year before it.
        segment: a group to look at by itself.
        first_order: when the customer first ordered within the horizon, in anything that can be put in order; null
            for those who did not.
        share: the share of customers that was meant to be held out of those like this one.
    """

    arm: str
    ordered: str
    spent: str | None = None
    before: Sequence[str] = ()
    segment: str | None = None
    first_order: str | None = None
    share: str | None = None

    def named(self) -> list[str]:
        """List those there are."""
        single = (self.arm, self.ordered, self.spent, self.segment, self.share, self.first_order)
        return [name for name in (*single, *self.before) if name is not None]


def read_frame(frame: Any, columns: Columns, holdout: str) -> pd.DataFrame:
    """Take the asked columns of any frame, and refuse what cannot be measured.

    Args:
        frame: pandas, Polars, Arrow or DuckDB; a row a customer.
        columns: what they are called.
        holdout: the arm that was deliberately not contacted.

    Returns:
        a pandas frame with `is_held_out`, `ordered` as whole numbers, and the other columns as they are.

    Raises:
        DataError: if a column is not there, has nulls where there may be none, or values it cannot have.
        CampaignError: if nobody was held out, or everybody was.
    """
    rows = nw.from_native(frame).lazy()
    there = rows.collect_schema().names()
    for name in columns.named():
        if name not in there:
            raise DataError(f"the frame has no column {name!r}{did_you_mean(name, there) or '.'}")
    native: pd.DataFrame = rows.select(*dict.fromkeys(columns.named())).collect("pandas").to_native()
    _refuse_nulls(native, columns)
    _refuse_other_than_yes_or_no(native[columns.ordered], columns.ordered)
    arms = native[columns.arm].astype(str)
    _refuse_one_arm(arms, holdout)
    native[columns.arm], native[columns.ordered] = arms, native[columns.ordered].astype(np.int64)
    return native.assign(is_held_out=arms == holdout)


def _refuse_nulls(rows: pd.DataFrame, columns: Columns) -> None:
    for name in columns.named():
        nulls = int(rows[name].isna().sum())
        if nulls and name != columns.first_order:
            raise DataError(f"column {name!r} must have a value for every customer; found {nulls:,} nulls: fill them.")


def _refuse_other_than_yes_or_no(ordered: pd.Series, name: str) -> None:
    if not ordered.isin([0, 1]).all():
        raise DataError(f"column {name!r} says whether a customer ordered: 1 or 0, and nothing else.")


def _refuse_one_arm(arms: pd.Series, holdout: str) -> None:
    names = sorted(arms.unique())
    if holdout not in names:
        found = f"the arms are {', '.join(map(repr, names[:5]))}" if names else "there is no customer"
        raise CampaignError(f"nobody is in the arm {holdout!r}, and without a holdout nothing is measured; {found}.")
    if len(names) == 1:
        raise CampaignError("everybody is held out: there is nobody contacted to compare them with.")


@dataclass(frozen=True)
class Cells:
    """What came of each arm of each segment, apart for each share that was meant to be held out."""

    counts: Mapping[tuple[float, str, str], Arm] = field(repr=False)
    holdout: str

    @property
    def arms(self) -> dict[str, Arm]:
        """Each arm as a whole, the contacted ones first, in the order of the alphabet."""
        names = sorted({arm for _, arm, _ in self.counts}, key=lambda arm: (arm == self.holdout, arm))
        return {name: sum_arms(self._where(arm=name)) for name in names}

    @property
    def segments(self) -> list[str]:
        """The segments, in the order of the alphabet."""
        return sorted({segment for _, _, segment in self.counts})

    def pairs(self, arm: str | None = None, segment: str | None = None) -> list[Pair]:
        """Put those to contact beside those held out, a pair a share; where one side has nobody there is no pair."""
        found = []
        for share in sorted({share for share, _, _ in self.counts}):
            contacted = sum_arms(self._where(share, arm, segment))
            held_out = sum_arms(self._where(share, self.holdout, segment))
            if contacted.customers and held_out.customers:
                found.append(Pair(contacted, held_out))
        return found

    def _where(self, share: float | None = None, arm: str | None = None, segment: str | None = None) -> list[Arm]:
        """Find the counts of a share, an arm (None: all that are contacted) and a segment (None: all)."""
        return [
            counted
            for (its_share, its_arm, its_segment), counted in self.counts.items()
            if share in (None, its_share)
            and (its_arm != self.holdout if arm is None else its_arm == arm)
            and segment in (None, its_segment)
        ]


def count_cells(rows: pd.DataFrame, columns: Columns, holdout: str) -> Cells:
    """Count what came of each arm of each segment."""
    keys = [rows[columns.share] if columns.share else pd.Series(0.0, rows.index, name="share"), rows[columns.arm]]
    keys.append(rows[columns.segment].astype(str) if columns.segment else pd.Series("", rows.index, name="segment"))
    counts = {}
    for key, part in rows.groupby([key.to_numpy() for key in keys], sort=True):
        share, arm, segment = cast("tuple[float, str, str]", key)
        counts[share, arm, segment] = count_arm(part[columns.ordered], part[columns.spent] if columns.spent else None)
    return Cells(counts, holdout)
