"""The model as MLflow serves it: reads the model box and scores rows of features.

A registered model names this room and carries no code of its own: what runs is the package that is installed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from clm_ml.errors import ModelError
from clm_ml.model import QUANTILES, Model, load_model
from clm_ml.tracking.store import OUTPUTS

__all__ = ["ServedModel"]


class ServedModel:
    """Scores rows of features, as `clm_ml.describe` gives them; says no reasons, because they are costly."""

    def __init__(self, model: Model) -> None:
        self._model = model

    def predict(self, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:  # noqa: ARG002
        """Give each row's customer_id, segments now and ahead, probabilities, values and days of the next order."""
        scores = self._model.score(_as_numbers(model_input, self._model.numbers()), reasons=False)
        return _as_answer(scores)


def _as_answer(scores: pd.DataFrame) -> pd.DataFrame:
    """Keep what is served; days become ISO days, which JSON can carry."""
    days = {name: _as_iso(scores[name]) for name in QUANTILES}
    return scores.assign(**days)[[name for name, _ in OUTPUTS]]


def _as_iso(days: pd.Series[Any]) -> pd.Series[Any]:
    return pd.Series([None if pd.isna(day) else day.isoformat() for day in days], index=days.index, dtype=object)


def _as_numbers(rows: Any, columns: list[str]) -> pd.DataFrame:
    """Make numbers of what JSON or Spark gave, a null of None; what is none is refused without being quoted."""
    if not isinstance(rows, pd.DataFrame):
        raise ModelError("rows are sent with the names of their columns, as dataframe_split or dataframe_records.")
    numbers = {name: rows[name] for name in columns if name in rows}
    try:
        return rows.assign(**{name: pd.to_numeric(values) for name, values in numbers.items()})
    except (TypeError, ValueError):
        raise ModelError("every feature must be a number or null in every row.") from None


def _load_pyfunc(path: str) -> ServedModel:
    """Read the box that was logged with the model; MLflow asks for this by name."""
    return ServedModel(load_model(Path(path)))
