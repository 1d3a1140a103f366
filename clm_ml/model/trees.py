"""Gradient-boosted trees that travel as text: learned once, read back without executing anything.

Small trees, monotone where the sign is known, and a few seeds averaged: on logs of some thousand customers this
beat larger trees forward in time; with more examples the trees may grow.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa

from clm_ml.errors import ArtifactError
from clm_ml.memory import give_back_memory
from clm_ml.model.blocks import blocks
from clm_ml.model.forest import Forest, read_forest

if TYPE_CHECKING:
    from lightgbm import Booster

__all__ = ["Growth", "Trees", "fit_trees", "usual_growth"]

Floats = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True)
class Growth:
    """How trees grow: how large, how many, how fast, and what holds them back."""

    leaves: int
    rounds: int
    seeds: int
    rows_a_leaf: int
    learning_rate: float = 0.03
    feature_share: float = 0.6
    l2: float = 5.0

    def params(self) -> dict[str, Any]:
        """Give LightGBM's names for it."""
        return {
            "num_leaves": self.leaves,
            "min_data_in_leaf": self.rows_a_leaf,
            "learning_rate": self.learning_rate,
            "feature_fraction": self.feature_share,
            "lambda_l2": self.l2,
        }


def usual_growth(examples: int) -> Growth:
    """Choose how trees grow on so many examples, if nobody has searched for something better.

    >>> usual_growth(4_000)
    Growth(leaves=7, rounds=150, seeds=3, rows_a_leaf=20, learning_rate=0.03, feature_share=0.6, l2=5.0)
    """
    leaves, rounds, seeds = next((size[1:] for size in _SIZES if examples <= size[0]), _LARGE)
    return Growth(leaves, rounds, seeds, max(20, min(200, examples // 200)))


#: Up to so many examples: leaves a tree, trees a seed, seeds.
_SIZES = ((30_000, 7, 150, 3), (250_000, 7, 150, 1), (600_000, 15, 200, 1))
_LARGE = (31, 300, 1)


@dataclass(frozen=True)
class Trees:
    """One or several boosters whose raw scores are averaged.

    Attributes:
        texts: LightGBM's own text format, one a seed.
        columns: the features, in the order the boosters know them.
    """

    texts: tuple[str, ...]
    columns: tuple[str, ...]

    @cached_property
    def forest(self) -> Forest:
        """Read the texts; once, when they are first asked."""
        return read_forest(self.texts)

    @cached_property
    def boosters(self) -> list[Booster]:
        """Let LightGBM read the texts: it alone knows what each feature contributes."""
        import lightgbm as lgb  # noqa: PLC0415 - as in `_grow`

        try:
            return [lgb.Booster(model_str=text) for text in self.texts]
        except lgb.basic.LightGBMError:
            raise ArtifactError("a booster in the model box cannot be read: the box is damaged.") from None

    def raw(self, features: pd.DataFrame) -> Floats:
        """Give the mean raw score of each row: log-odds, or the log of an amount."""
        values = (_numbers(features.iloc[block], self.columns) for block in blocks(len(features)))
        return np.concatenate([np.empty(0), *map(self.forest.raw, values)])

    def contributions(self, features: pd.DataFrame) -> Floats:
        """Give each feature's share in each row's raw score (TreeSHAP), and in a last column the mean score."""
        values = _numbers(features, self.columns)
        return np.mean([b.predict(values, pred_contrib=True, num_threads=1) for b in self.boosters], axis=0)


def fit_trees(
    features: pd.DataFrame,
    label: Any,
    signs: Mapping[str, int],
    objective: str,
    seed: int,
    growth: Growth | None = None,
    **params: Any,
) -> Trees:
    """Learn trees from rows in a fixed order; the same rows give the same text, whatever the machine's threads.

    Args:
        features: the rows; every column is learned from.
        label: what came, one value a row.
        signs: for some columns whether the score may only rise (1) or only fall (-1) with them.
        objective: LightGBM's name of it.
        seed: the first of the seeds.
        growth: how trees grow; the usual way, if it is not given.
        **params: LightGBM's own, over the defaults of this room.
    """
    growth = growth or usual_growth(len(features))
    columns = tuple(features.columns)
    common = growth.params() | {
        "objective": objective,
        "max_depth": 6,
        "bagging_fraction": 0.7,
        "bagging_freq": 1,
        "monotone_constraints": [signs.get(column, 0) for column in columns],
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": 1 if len(features) < 100_000 else 0,
        "verbosity": -1,
    }
    give_back_memory()  # what comes now takes most of all
    texts = _grow(features, label, common | params, growth, seed)
    give_back_memory()
    return Trees(texts, columns)


def _grow(features: pd.DataFrame, label: Any, params: Mapping[str, Any], growth: Growth, seed: int) -> tuple[str, ...]:
    import lightgbm as lgb  # noqa: PLC0415 - takes longer than most commands, of which few learn or give reasons

    # Arrow columns are read where they lie, whatever their types; a matrix would be a copy, four times as large.
    numbers = pa.table({column: pa.array(features[column].to_numpy()) for column in features})
    data = lgb.Dataset(numbers, np.asarray(label, dtype=np.float64), feature_name=numbers.column_names)
    boosters = (lgb.train({**params, "seed": seed + i}, data, growth.rounds) for i in range(growth.seeds))
    return tuple(_plain(booster.model_to_string()) for booster in boosters)


def _plain(text: str) -> str:
    """Leave out the number of threads: it changes no tree, and the same model must have the same text."""
    return re.sub(r"\[num_threads: \d+\]\n", "", text)


def _numbers(features: pd.DataFrame, columns: Sequence[str]) -> Floats:
    return features[list(columns)].to_numpy(dtype=np.float64, na_value=np.nan)
