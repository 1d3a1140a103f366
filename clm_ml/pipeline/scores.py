"""The scores file: its columns, and how it is written without ever being held in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import narwhals as nw
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from clm_ml.artifacts import Box, open_box
from clm_ml.config import USUAL_SEGMENTS, SegmentRules
from clm_ml.engine import parquet_writer
from clm_ml.errors import ArtifactError, TimelineError
from clm_ml.features import build_features
from clm_ml.model import QUANTILES, REASONS, Model, ahead_columns
from clm_ml.progress import Progress
from clm_ml.snapshot import Prepared, in_parts, take_snapshot
from clm_ml.tables import Tables
from clm_ml.timeline import parse_day

__all__ = ["SCORES", "bare_schema", "open_scores", "scores_schema", "write_scores"]

Frame = nw.LazyFrame[Any]

SCORES = "scores.parquet"
_TEXT, _REAL, _SCORE = pa.string(), pa.float64(), pa.int8()


def scores_schema(rules: SegmentRules = USUAL_SEGMENTS) -> pa.Schema:
    """Give the columns of `scores.parquet`, in their order."""
    return pa.schema(
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
            ("expected_order_amount", _REAL),
            ("value_at_risk", _REAL),
            *((name, _kind(name)) for name in ahead_columns(rules)),
            *((reason, _TEXT) for reason in REASONS),
        ]
    )


def open_scores(folder: Path, needed: Iterable[str] = ("customer_id",)) -> Box:
    """Open a scores box, and check that its columns hold what ours do, and that those that are needed are there.

    Raises:
        ArtifactError: if it is missing, was altered, or holds something else.
    """
    box = open_box(folder, "scores")
    try:
        with pq.ParquetFile(box.path(SCORES)) as file:
            found, lacking = file.schema_arrow, [name for name in ("customer_id", "as_of") if _has_null(file, name)]
    except (OSError, pa.ArrowException):
        raise ArtifactError(f"{folder} holds no scores that can be read; score again.") from None
    ours = scores_schema()
    other = [field.name for field in found if field.name in ours.names and not _is_alike(field, ours)]
    if odd := [*(name for name in needed if name not in found.names), *other, *lacking]:
        raise ArtifactError(f"{folder} holds other scores than this clm-ml makes, in {odd[0]}; score again.")
    if not _are_facts(box.facts):
        raise ArtifactError(f"{folder} tells something else of its day or its model than clm-ml writes; score again.")
    return box


def _are_facts(facts: Mapping[str, Any]) -> bool:
    """Say whether what a manifest tells is of the kind that verbs read; what it does not tell, they miss themselves."""
    made_by, day = facts.get("model", {}), facts.get("as_of", "2000-01-01")
    with suppress(TimelineError):
        is_day = isinstance(day, str) and parse_day(day) is not None
        return is_day and isinstance(made_by, dict) and isinstance(made_by.get("facts", {}), dict)
    return False


def _has_null(file: pq.ParquetFile, name: str) -> bool:
    """Say whether a row lacks a column that no row of ours does, by what Parquet notes of each group of rows."""
    place = file.schema_arrow.get_field_index(name)
    if place < 0:
        return False
    told = [file.metadata.row_group(group).column(place).statistics for group in range(file.num_row_groups)]
    return any(noted is not None and noted.null_count for noted in told)


def _is_alike(field: pa.Field, schema: pa.Schema) -> bool:
    """Say whether a column holds what ours of that name does, whoever wrote it: text, days or numbers, or nothing."""
    texts, numbers = (pa.types.is_string, pa.types.is_large_string), (pa.types.is_integer, pa.types.is_floating)
    kinds, usual = (texts, numbers, (pa.types.is_temporal,)), schema.field(field.name).type
    ours = next(kind for kind in kinds if any(is_it(usual) for is_it in kind))
    return pa.types.is_null(field.type) or any(is_it(field.type) for is_it in ours)


def _kind(name: str) -> pa.DataType:
    return _TEXT if name == "next_segment" else pa.date32() if name in QUANTILES else _REAL


_TOLD = pa.schema([pa.field("customer_id", _TEXT, nullable=False), *((reason, _TEXT) for reason in REASONS)])


def bare_schema(model: Model) -> pa.Schema:
    """Give the columns of what a model says, without its reasons."""
    return pa.schema([field for field in scores_schema(model.segments) if field.name not in REASONS])


def write_scores(
    path: Path,
    model: Model,
    prepared: Prepared,
    day: int,
    reasons: int | Literal["all"],
    progress: Progress,
    only: Frame | None = None,
) -> pd.DataFrame:
    """Score everyone into a Parquet file, ordered by customer_id, with reasons for the most value at risk.

    Features are wide and are never kept: they are scored as they are made. Scores are narrow: they are kept, put in
    order, and tell whose features are made once more, for reasons.

    Args:
        path: the file; what is kept meanwhile lies beside it.
        model: the model.
        prepared: the tables, put together.
        day: the as_of.
        reasons: how many get some: those with the highest value at risk, ties to the smaller customer_id, visitors
            last; or all.
        progress: told of each step.
        only: the customers to score, a frame with `customer_id`; everyone, if not given.

    Returns:
        a row per segment: `phase, segment, customers, mean_churn_probability, expected_value, value_at_risk`.
    """
    engine, parts, schema = prepared.tables.engine, [], scores_schema(model.segments)

    def features(whose: Frame | None = None) -> list[Frame]:
        parts = in_parts(prepared) if whose is None else [prepared]
        whose = only if whose is None else whose
        return [build_features(take_snapshot(part, day, whose), model.task) for part in parts]

    with ExitStack() as stack:

        def mapped(step: str, frames: list[Frame], function: Any, made: pa.Schema) -> Frame:
            with engine.watched(_in_rows(step, prepared.tables, progress), len(frames)):
                return stack.enter_context(engine.mapped(frames, function, made, path.parent))

        scores = mapped("scoring", features(), _Scoring(model), bare_schema(model))
        if reasons:
            whose = None if reasons == "all" else engine.keep(_most_at_risk(scores, reasons))
            told = mapped("reasons", features(whose), _Telling(model), _TOLD)
            scores = scores.join(told, on="customer_id", how="left")
        else:
            scores = scores.with_columns(*(nw.lit(None, nw.String).alias(name) for name in REASONS))
        with parquet_writer(path, schema) as writer:
            for batch in engine.batches(scores.select(*schema.names), "customer_id"):
                rows = pa.Table.from_batches([batch]).cast(schema)
                parts.append(_by_segment(rows))
                writer.write_table(rows)
    return _whole(parts)


def _in_rows(step: str, tables: Tables, progress: Progress) -> Callable[[float], None]:
    """Tell a step's share as so many of the tables' rows."""
    rows = sum(counts.used for counts in tables.counts.values())
    progress(step, 0, rows)
    return lambda share: progress(step, int(share * rows), rows)


def _most_at_risk(scores: Frame, most: int) -> Frame:
    ordered = scores.sort("value_at_risk", "customer_id", descending=[True, False], nulls_last=True)
    return ordered.head(most).select("customer_id")


@dataclass(frozen=True)
class _Scoring:
    """Scores a batch of features; goes to where the features are, in this process or another."""

    model: Model

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        scores = self.model.score(batch.to_pandas(), reasons=False)
        return pa.RecordBatch.from_pandas(scores, bare_schema(self.model), False)


@dataclass(frozen=True)
class _Telling:
    """Says why of a batch of features, wherever they are."""

    model: Model

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        features = self.model.complete(batch.to_pandas())
        told = self.model.explain(features).assign(customer_id=features["customer_id"])[_TOLD.names]
        return pa.RecordBatch.from_pandas(told.astype(object), _TOLD, False)


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
