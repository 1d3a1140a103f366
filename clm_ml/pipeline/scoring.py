"""Score: the same stairs to features as in training, then the model, then the reasons for those who matter most."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import narwhals as nw
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from clm_ml.artifacts import new_box, open_box, refuse_existing
from clm_ml.config import Config, Task
from clm_ml.engine import Engine
from clm_ml.errors import ModelError
from clm_ml.features import build_features
from clm_ml.model import BOX_KIND, REASONS, Model, load_model, may_be_null
from clm_ml.pipeline.progress import Progress, silent
from clm_ml.snapshot import prepare, take_snapshot
from clm_ml.tables import Tables, read_tables
from clm_ml.timeline import date_of, parse_day
from clm_ml.tracking import fetch_box

__all__ = ["SCORES", "Described", "Scored", "describe", "find_model", "score"]

SCORES = "scores.parquet"
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


@dataclass(frozen=True)
class Described:
    """Features of everyone known at an as_of: one row per customer, ordered by customer_id."""

    frame: nw.LazyFrame[Any] = field(repr=False)
    engine: Engine = field(repr=False)
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


@dataclass(frozen=True)
class Scored:
    """A scores box, and what it holds: a row per segment."""

    box: Path
    as_of: str
    customers: int
    segments: pd.DataFrame
    warnings: tuple[str, ...] = ()


def describe(tables: Tables, as_of: Any, task: Task) -> Described:
    """Describe everyone known at an as_of by what was known before it.

    Args:
        tables: the validated inputs.
        as_of: an ISO day, date or day number.
        task: for the lookback windows.

    Raises:
        TimelineError: if the tables are not complete until `as_of`, or it lies before the first order.
    """
    day = parse_day(as_of)
    features = build_features(take_snapshot(prepare(tables), day), task)
    may_lack = may_be_null(task, tables.meanings if tables.events is not None else None)
    return Described(tables.engine.keep(features, "customer_id"), tables.engine, date_of(day).isoformat(), may_lack)


def score(
    config: Config,
    out: Path,
    *,
    as_of: str | None = None,
    model: str | None = None,
    reasons: int | Literal["all"] = 20_000,
    force: bool = False,
    progress: Progress = silent,
) -> Scored:
    """Score everyone known at `as_of` into a scores box, with reasons for those with the most value at risk."""
    refuse_existing(out, force)
    asked = None if as_of is None else parse_day(as_of)
    progress("reading tables", 0, 1)
    tables = read_tables(config)
    day = tables.complete_until if asked is None else asked
    place = model or f"models:/{config.project}@champion"
    box = find_model(config, place)
    learned = load_model(box)
    _refuse_other_task(learned, config, tables)
    progress("features", 0, 1)
    described = describe(tables, day, learned.task)
    batches = list(_estimates(learned, described, progress))
    chosen = _most_at_risk(batches, reasons)
    facts: dict[str, Any] = {
        "as_of": described.as_of,
        "customers": sum(len(batch) for batch in batches),
        "data": tables.facts(),
        "model": {
            "at": place if place.startswith("models:/") else str(box.resolve()),
            "facts": dict(open_box(box, BOX_KIND).facts),
        },
    }
    with new_box(out, "scores", facts, force=force, private=True) as hidden:
        _write(hidden / SCORES, _with_reasons(batches, learned, described, chosen, progress))
    tables.engine.close()
    return Scored(out, described.as_of, facts["customers"], _by_segment(batches), tables.warnings)


def find_model(config: Config, place: str) -> Path:
    """Find a model box: a folder, or a registered model such as `models:/shop@champion`."""
    return fetch_box(config, place) if place.startswith("models:/") else Path(place)


def _refuse_other_task(model: Model, config: Config, tables: Tables) -> None:
    """Refuse a model that was learned for another question, or from other tables."""
    if model.task != config.task:
        asked, learned = config.task.model_dump(), model.task.model_dump()
        names = [name for name in asked if asked[name] != learned[name]]
        raise ModelError(
            f"the model was learned with another task ({', '.join(names)} differs); train again, or restore the config."
        )
    meanings = dict(tables.meanings) if tables.events is not None else None
    if (None if model.meanings is None else dict(model.meanings)) != meanings:
        raise ModelError(
            "the model was learned with other events than the config maps now; train again, or restore it."
        )


def _estimates(model: Model, described: Described, progress: Progress) -> Iterator[pd.DataFrame]:
    total, done = described.frame.select(nw.len()).collect(backend="pyarrow").item(), 0
    for batch in described.engine.batches(described.frame, "customer_id"):
        yield model.score(batch.to_pandas(), reasons=False)
        done += batch.num_rows
        progress("scoring", done, total)


def _most_at_risk(batches: list[pd.DataFrame], reasons: int | Literal["all"]) -> set[int]:
    """Choose the rows that get reasons: the highest value at risk, ties to the smaller customer_id, visitors last."""
    at_risk = np.concatenate([batch["value_at_risk"].to_numpy() for batch in batches])
    order = np.argsort(-np.nan_to_num(at_risk, nan=-np.inf), kind="stable")
    return set(order.tolist() if reasons == "all" else order[:reasons].tolist())


def _with_reasons(
    batches: list[pd.DataFrame], model: Model, described: Described, chosen: set[int], progress: Progress
) -> Iterator[pd.DataFrame]:
    start, told = 0, 0
    for scores, batch in zip(batches, described.engine.batches(described.frame, "customer_id"), strict=True):
        who = [place - start for place in range(start, start + len(scores)) if place in chosen]
        reasons = pd.DataFrame(None, index=scores.index, columns=list(REASONS), dtype="string")
        if who:
            reasons.iloc[who] = model.explain(model.complete(batch.to_pandas().iloc[who])).to_numpy()
        yield pd.concat([scores, reasons], axis=1)
        start, told = start + len(scores), told + len(who)
        progress("reasons", told, max(1, len(chosen)))


def _write(path: Path, batches: Iterator[pd.DataFrame]) -> None:
    with pq.ParquetWriter(path, SCHEMA, compression="zstd") as writer:
        for scores in batches:
            writer.write_table(pa.Table.from_pandas(scores, SCHEMA, preserve_index=False))


def _by_segment(batches: list[pd.DataFrame]) -> pd.DataFrame:
    columns = ["phase", "segment", "churn_probability", "expected_value", "value_at_risk"]
    rows = pd.concat([batch[columns] for batch in batches], ignore_index=True)
    return (
        rows.groupby(["phase", "segment"], sort=False)
        .agg(
            customers=("segment", "size"),
            mean_churn_probability=("churn_probability", "mean"),
            expected_value=("expected_value", "sum"),
            value_at_risk=("value_at_risk", "sum"),
        )
        .sort_values("value_at_risk", ascending=False, kind="stable")
        .reset_index()
    )
