"""The amount of those who order: what is spent in the horizon, given that something is.

With the probability of an order it makes the hurdle: expected value = probability × amount given an order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from clm_ml.errors import ModelError
from clm_ml.model.probability import early_and_late
from clm_ml.model.trees import Trees, fit_trees, usual_growth

__all__ = ["Amount", "fit_amount"]

Floats = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True)
class Amount:
    """The amount given an order, in the currency; `factor` makes predicted and seen totals meet."""

    trees: Trees
    factor: float

    def predict(self, features: pd.DataFrame) -> Floats:
        """Give each row's expected amount in the horizon if they order; never negative."""
        return self.factor * np.exp(self.trees.raw(features))


_FEWEST = 100  # orders, early and late, that can tell how totals differ


def fit_amount(frame: pd.DataFrame, columns: Sequence[str], signs: Mapping[str, int], seed: int) -> Amount:
    """Learn the amount from the examples that ordered.

    A Tweedie loss (power 1.5) on amounts in units of their mean: money is skewed, and the mean must be right.
    Amounts below zero (more returned than bought) count as zero while learning; the factor, found on the later
    as_ofs with learners of the earlier, brings the total back to the net amount.

    Args:
        frame: examples, sorted by as_of and customer: the columns, `as_of`, `ordered` and `spent`.
        columns: the features to learn from.
        signs: the sign of a feature's effect on ordering; those of money hold for the amount as well.
        seed: of the trees.
    """
    ordered = frame.loc[frame["ordered"] == 1, [*columns, "as_of", "spent"]]
    unit = float(ordered["spent"].clip(lower=0).mean()) if len(ordered) else 0.0
    if unit <= 0:
        raise ModelError("no amount can be learned: nobody who ordered in the training windows spent anything.")
    signs = {column: sign for column, sign in signs.items() if column.startswith(("amount_", "mean_order_amount"))}

    def learn(rows: pd.DataFrame) -> Trees:
        target = rows["spent"].clip(lower=0) / unit
        growth = replace(usual_growth(len(rows)), seeds=1)  # more told amounts no better on any log tried
        return fit_trees(rows, columns, target, signs, "tweedie", seed, growth, tweedie_variance_power=1.5)

    early, late = early_and_late(ordered)
    factor = 1.0
    if min(len(early), len(late)) >= _FEWEST:
        predicted = np.exp(learn(early).raw(late)).sum() * unit
        factor = float(np.clip(late["spent"].sum() / predicted, 0.5, 2.0))
    return Amount(learn(ordered), round(factor, 4) * unit)
