"""Describe: everyone known at an as_of, by the same stairs for training, scoring and looking."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import narwhals as nw
import pandas as pd
import pyarrow as pa

from clm_ml.config import Task
from clm_ml.engine import AnyEngine
from clm_ml.features import build_features
from clm_ml.model import may_be_null
from clm_ml.snapshot import in_parts, prepare, take_snapshot
from clm_ml.tables import Tables
from clm_ml.timeline import date_of, parse_day

__all__ = ["Described", "describe"]


@dataclass(frozen=True)
class Described:
    """Features of everyone known at an as_of: one row per customer, ordered by customer_id.

    Attributes:
        frame: the features, not yet computed.
        engine: that computes them.
        as_of: ISO day.
        may_lack: columns that may be null, and are float64 in pandas whether or not they are.
    """

    frame: nw.LazyFrame[Any] = field(repr=False)
    engine: AnyEngine = field(repr=False)
    as_of: str
    may_lack: tuple[str, ...] = field(default=(), repr=False)

    def to_pyarrow(self) -> pa.Table:
        """Give the features as an Arrow table."""
        return self.engine.collect(self.frame, "customer_id")

    def to_pandas(self) -> pd.DataFrame:
        """Give the features as a pandas frame; what may be null is float64, whether or not it is null in any row."""
        return self.to_pyarrow().to_pandas().astype(dict.fromkeys(self.may_lack, "float64"))

    def to_polars(self) -> Any:
        """Give the features as a Polars frame; needs Polars."""
        import polars as pl  # noqa: PLC0415

        return pl.from_arrow(self.to_pyarrow())

    def _repr_html_(self) -> str:
        rows = self.to_pandas()
        return f"<p>{len(rows):,} customers as of {self.as_of}</p>{rows.head(10).to_html(index=False)}"


def describe(tables: Tables, as_of: Any, task: Task) -> Described:
    """Describe everyone known at an as_of by what was known before it.

    Args:
        tables: the validated inputs.
        as_of: an ISO day, date or day number.
        task: for the lookback windows.

    Raises:
        TimelineError: if the tables are not complete until `as_of`, or it lies before the first order.
    """
    prepared, day = prepare(tables), parse_day(as_of)
    parts = (build_features(take_snapshot(part, day), task) for part in in_parts(prepared))
    features = nw.concat([tables.engine.keep(part) for part in parts])
    prepared.drop()
    may_lack = may_be_null(task, tables.inputs)
    return Described(features, tables.engine, date_of(day).isoformat(), may_lack)
