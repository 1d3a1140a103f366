"""The scores file: its columns, and how it is written without ever being held in memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from clm_ml.model import REASONS, Model
from clm_ml.pipeline.describing import Described
from clm_ml.progress import Progress

__all__ = ["SCHEMA", "write_scores"]

_TEXT, _REAL, _SCORE = pa.string(), pa.float64(), pa.int8()

#: The columns of `scores.parquet`, in their order.
SCHEMA = pa.schema(
    [
        pa.field("customer_id", _TEXT, nullable=False),
        pa.field("as_of", pa.date32(), nullable=False),
        ("segment", _TEXT),
        ("phase", _TEXT),
        ("r_score", _SCORE),
        ("f_score", _SCORE),
        ("m_score", _SCORE),
        ("days_since_last_order", pa.int64()),
        ("expected_gap_days", _REAL),
        ("overdue_ratio", _REAL),
        ("order_probability", _REAL),
        ("churn_probability", _REAL),
        ("expected_value", _REAL),
        ("expected_value_if_ordering", _REAL),
        ("value_at_risk", _REAL),
        *((reason, _TEXT) for reason in REASONS),
    ]
)


def write_scores(
    path: Path, model: Model, described: Described, reasons: int | Literal["all"], progress: Progress
) -> pd.DataFrame:
    """Score everyone into a Parquet file, ordered by customer_id, with reasons for the most value at risk.

    Scores are written first, and only then it is known whose reasons are asked for; the file is written again with
    them. So nothing is held but a batch and the chosen rows.

    Args:
        path: the file.
        model: the model.
        described: everyone's features.
        reasons: how many get some: those with the highest value at risk, ties to the smaller customer_id, visitors
            last; or all.
        progress: told of both steps.

    Returns:
        a row per segment: `phase, segment, customers, mean_churn_probability, expected_value, value_at_risk`.
    """
    engine, total, done = described.engine, described.engine.count(described.frame), 0
    chosen, parts = _Chosen(total if reasons == "all" else reasons), []
    with pq.ParquetWriter(path, SCHEMA, compression="zstd") as writer:
        for batch in engine.mapped(described.frame, _Scoring(model), SCHEMA, "customer_id"):
            scores = pa.Table.from_batches([batch])
            chosen.see(scores["value_at_risk"].to_numpy(), scores["customer_id"].to_numpy())
            parts.append(_by_segment(scores))
            writer.write_table(scores)
            done += batch.num_rows
            progress("scoring", done, total)
    if len(chosen.places):
        _add_reasons(path, model, described, chosen, progress)
    return _whole(parts)


@dataclass(frozen=True)
class _Scoring:
    """Scores a batch of features; goes to where the features are, in this process or another."""

    model: Model

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        scores = self.model.score(batch.to_pandas(), reasons=False).assign(**dict.fromkeys(REASONS, None))
        return pa.RecordBatch.from_pandas(scores, SCHEMA, preserve_index=False)


class _Chosen:
    """The rows that get reasons, chosen from batches as they pass."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._seen = 0
        self._at_risk = np.empty(0)
        self._ids = np.empty(0, dtype=object)
        self.places = np.empty(0, dtype=np.int64)

    def see(self, value_at_risk: Any, customer_ids: Any) -> None:
        """Take note of a batch, and forget whoever has fallen too far behind."""
        at_risk = np.concatenate([self._at_risk, np.nan_to_num(value_at_risk, nan=-np.inf)])
        ids = np.concatenate([self._ids, customer_ids])
        places = np.concatenate([self.places, self._seen + np.arange(len(customer_ids))])
        self._seen += len(customer_ids)
        first = np.sort(np.lexsort((places, -at_risk))[: self._most])
        self._at_risk, self._ids, self.places = at_risk[first], ids[first], places[first]

    def ids(self) -> pa.Table:
        """List whom they are, as a table."""
        return pa.table({"customer_id": pa.array(self._ids, _TEXT)})


def _add_reasons(path: Path, model: Model, described: Described, chosen: _Chosen, progress: Progress) -> None:
    """Write the file again, with reasons in the chosen rows."""
    reasons, start = _reasons(model, described, chosen, progress), 0
    bare = path.rename(path.with_suffix(".bare"))
    told = next(reasons)
    with pq.ParquetFile(bare) as source, pq.ParquetWriter(path, SCHEMA, compression="zstd") as writer:
        for group in range(source.num_row_groups):
            rows = source.read_row_group(group)
            here = chosen.places[(chosen.places >= start) & (chosen.places < start + rows.num_rows)] - start
            while len(told) < len(here):
                told = np.concatenate([told, next(reasons)])
            for number, name in enumerate(REASONS):
                column = np.full(rows.num_rows, None, dtype=object)
                column[here] = told[: len(here), number]
                rows = rows.set_column(SCHEMA.get_field_index(name), SCHEMA.field(name), pa.array(column, _TEXT))
            writer.write_table(rows)
            told, start = told[len(here) :], start + rows.num_rows
    bare.unlink()


def _reasons(model: Model, described: Described, chosen: _Chosen, progress: Progress) -> Iterator[Any]:
    engine, done = described.engine, 0
    theirs = described.frame.join(engine.given(chosen.ids()), on="customer_id", how="semi")
    progress("reasons", 0, len(chosen.places))
    for batch in engine.batches(theirs, "customer_id"):
        told = model.explain(model.complete(batch.to_pandas()))
        done += len(told)
        progress("reasons", done, len(chosen.places))
        yield told.astype(object).where(told.notna(), None).to_numpy()


_SUMS = ("churn_probability", "expected_value", "value_at_risk")


def _by_segment(scores: pa.Table) -> pd.DataFrame:
    counts = [("segment", "count"), ("churn_probability", "count")]
    return scores.group_by(["phase", "segment"]).aggregate([*counts, *((name, "sum") for name in _SUMS)]).to_pandas()


def _whole(parts: list[pd.DataFrame]) -> pd.DataFrame:
    """Add up the batches' segments: the most value at risk first."""
    sums = pd.concat(parts).groupby(["phase", "segment"], as_index=False).sum()
    rated = sums["churn_probability_count"]
    told = pd.DataFrame(
        {
            "phase": sums["phase"],
            "segment": sums["segment"],
            "customers": sums["segment_count"],
            "mean_churn_probability": sums["churn_probability_sum"] / rated.where(rated > 0),
            "expected_value": sums["expected_value_sum"],
            "value_at_risk": sums["value_at_risk_sum"],
        }
    )
    by = ["value_at_risk", "phase", "segment"]
    return told.sort_values(by, ascending=[False, True, True], kind="stable").reset_index(drop=True)
