"""What was known of a customer, as numbers: how columns of any kind are read, fitted once and kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from clm_ml.errors import ModelError

__all__ = ["Layout", "fit_layout"]

Floats = np.ndarray[Any, np.dtype[np.float64]]

#: Values of a text column that fewer rows share tell nothing, nor does a number beyond so many spreads from the mean.
_FEWEST_ROWS, _WIDEST = 50, 5.0


@dataclass(frozen=True)
class Layout:
    """Which columns are numbers, which values of the others count, and how the numbers lay in training.

    Attributes:
        values: of each column those that have a number of their own, 1 or 0; None: it is a number itself.
        means: of each number, where it is known.
        scales: their spread; 1 where there is none.
    """

    values: Mapping[str, tuple[str, ...] | None]
    means: tuple[float, ...]
    scales: tuple[float, ...]

    def numbers(self, features: pd.DataFrame) -> pd.DataFrame:
        """Give the numbers as trees read them, NaN where one is not known.

        Raises:
            ModelError: if a column is not there.
        """
        missing = [name for name in self.values if name not in features]
        if missing:
            raise ModelError(f"uplift was learned with {missing[0]!r}, and the features lack it; learn it again.")
        return _numbers(features, self.values)

    def standard(self, numbers: pd.DataFrame) -> Floats:
        """Give them centred and scaled as in training: the mean where one is not known, none beyond five spreads."""
        apart = (numbers.to_numpy(dtype=np.float64) - np.array(self.means)) / np.array(self.scales)
        return np.clip(np.nan_to_num(apart, nan=0.0), -_WIDEST, _WIDEST)

    def facts(self) -> dict[str, Any]:
        """Tell it as plain data; columns keep their order."""
        values = [[name, None if told is None else list(told)] for name, told in self.values.items()]
        return {"values": values, "means": list(self.means), "scales": list(self.scales)}


def fit_layout(features: pd.DataFrame) -> Layout:
    """Find how columns are read; those that are the same for everybody tell nothing, but are kept.

    >>> people = pd.DataFrame({"age": [30.0, 50.0] * 50, "channel": ["web", "shop"] * 50})
    >>> fit_layout(people).values
    {'age': None, 'channel': ('shop', 'web')}
    """
    values = {str(name): _values(features[name]) for name in features}
    numbers = _numbers(features, values).to_numpy(dtype=np.float64)
    known = ~np.isnan(numbers)
    count = np.maximum(known.sum(axis=0), 1)
    means = np.where(known, numbers, 0).sum(axis=0) / count
    spreads = np.sqrt(np.where(known, (numbers - means) ** 2, 0).sum(axis=0) / count)
    rounded = [round(float(number), 9) for number in means], [round(float(number), 9) or 1.0 for number in spreads]
    return Layout(values, tuple(rounded[0]), tuple(rounded[1]))


def _values(column: pd.Series) -> tuple[str, ...] | None:
    if pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column):
        return None
    counts = column.astype(str).where(column.notna()).value_counts()
    return tuple(sorted(str(value) for value in counts[counts >= _FEWEST_ROWS].index))


def _numbers(features: pd.DataFrame, values: Mapping[str, tuple[str, ...] | None]) -> pd.DataFrame:
    columns: dict[str, Any] = {}
    for name, told in values.items():
        if told is None:
            columns[name] = features[name].to_numpy(dtype=np.float64, na_value=np.nan)
        else:
            words = features[name].astype(str)
            columns |= {f"{name} is {value}": (words == value).to_numpy(dtype=np.float64) for value in told}
    return pd.DataFrame(columns, index=features.index)
