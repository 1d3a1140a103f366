"""A randomised campaign to learn from: what was known of each customer, whether they were contacted, and what came."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd

from clm_ml.errors import CampaignError, DataError, did_you_mean
from clm_ml.measuring import Columns, read_frame

__all__ = ["Experiment", "read_experiment"]

Floats = np.ndarray[Any, np.dtype[np.float64]]
Bools = np.ndarray[Any, np.dtype[np.bool_]]

#: Below so many customers, or buyers and others, in an arm nothing of it can be learned.
_FEWEST_CUSTOMERS, _FEWEST_BUYERS = 100, 10


@dataclass(frozen=True)
class Experiment:
    """Customers of randomised campaigns, in an order that depends on nothing but their own values.

    Attributes:
        features: what was known before, a row a customer and campaign.
        contacted: whether they were assigned to be contacted.
        ordered: 1 or 0.
        chance: of being contacted, as it was meant; between 0 and 1.
        fold: from 0 on; drawn evenly within each arm, whatever the rows' order was.
    """

    features: pd.DataFrame = field(repr=False)
    contacted: Bools = field(repr=False)
    ordered: Floats = field(repr=False)
    chance: Floats = field(repr=False)
    fold: np.ndarray[Any, np.dtype[np.int64]] = field(repr=False)

    def __len__(self) -> int:
        return len(self.ordered)

    def where(self, rows: Bools) -> Experiment:
        """Take some of the rows."""
        features = self.features.loc[rows].reset_index(drop=True)
        return Experiment(features, self.contacted[rows], self.ordered[rows], self.chance[rows], self.fold[rows])


def read_experiment(
    frame: Any,
    *,
    features: Sequence[str] | None,
    arm: str,
    holdout: str,
    ordered: str,
    share: float | str | None,
    folds: int,
    seed: int,
) -> Experiment:
    """Take an experiment out of any frame, and refuse what cannot be learned from.

    Rows are sorted by all their values and only then drawn into folds, so that equal rows make an equal experiment,
    whatever their order.

    Args:
        frame: pandas, Polars, Arrow or DuckDB; a row a customer.
        features: the columns that were known before; all others of the frame, if not given.
        arm: the column with the arm, as assigned.
        holdout: the arm that was deliberately not contacted; all others were.
        ordered: the column that says who ordered: 1 or 0.
        share: that was meant to be held out, or its column; as many as are, if not given.
        folds: how many.
        seed: of drawing them.

    Raises:
        DataError: if a column is not there, has nulls where it may have none, or values it cannot have.
        CampaignError: if an arm is missing, or too few are in it to learn from.
    """
    column = share if isinstance(share, str) else None
    told = read_frame(frame, Columns(arm=arm, ordered=ordered, share=column), holdout)
    known = _features(frame, features, {arm, ordered, column})
    contacted = ~told["is_held_out"].to_numpy(dtype=np.bool_)
    came = told[ordered].to_numpy(dtype=np.float64)
    held = told[column] if column else np.full(len(told), (~contacted).mean() if share is None else float(str(share)))
    chance = 1 - np.asarray(held, dtype=np.float64)
    if not ((chance > 0) & (chance < 1)).all():
        raise DataError(
            "the share held out lies between 0 and 1, and is neither: without both arms nothing is learned."
        )
    _refuse_few(contacted, came)
    order = _order(known, contacted, came, chance)
    known, contacted, came, chance = (
        known.iloc[order].reset_index(drop=True),
        contacted[order],
        came[order],
        chance[order],
    )
    return Experiment(known, contacted, came, chance, _folds(contacted, folds, seed))


def _features(frame: Any, features: Sequence[str] | None, others: set[str | None]) -> pd.DataFrame:
    rows = nw.from_native(frame).lazy()
    there = rows.collect_schema().names()
    wanted = [name for name in there if name not in others] if features is None else list(features)
    for name in wanted:
        if name not in there:
            raise DataError(f"the frame has no column {name!r}{did_you_mean(name, there) or '.'}")
    if not wanted:
        raise DataError("the frame has no column of what was known before; without one nobody can be told apart.")
    known: pd.DataFrame = rows.select(*wanted).collect("pandas").to_native()
    return known.reset_index(drop=True)


def _refuse_few(contacted: Bools, came: Floats) -> None:
    for name, rows in (("contacted", contacted), ("held out", ~contacted)):
        people, buyers = int(rows.sum()), int(came[rows].sum())
        if people < _FEWEST_CUSTOMERS or min(buyers, people - buyers) < _FEWEST_BUYERS:
            raise CampaignError(
                f"of {people:,} customers {name} {buyers:,} ordered; uplift is learned from at least "
                f"{_FEWEST_CUSTOMERS} in each arm, {_FEWEST_BUYERS} of them with an order and as many without: "
                "bring more campaigns."
            )


def _order(known: pd.DataFrame, *others: np.ndarray[Any, Any]) -> np.ndarray[Any, np.dtype[np.intp]]:
    """Sort by every column, the first one first; equal rows may change places, which changes nothing."""
    keys = [pd.factorize(known[name], sort=True)[0] for name in known]
    return np.lexsort([*others, *reversed(keys)])


def _folds(contacted: Bools, folds: int, seed: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    drawn = np.empty(len(contacted), dtype=np.int64)
    random = np.random.default_rng(seed)
    for arm in (contacted, ~contacted):
        drawn[arm] = random.permutation(np.arange(arm.sum()) % folds)
    return drawn
