"""Where everyone stands at an as_of, where a model expects them to be, and who is about to be somewhere."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd

from clm_ml.config import Config, SegmentRules
from clm_ml.features import build_features
from clm_ml.lifecycle import STANDING, Expected, fit_lifecycle, place
from clm_ml.model import Lifecycle, Model
from clm_ml.pipeline.suppressing import find_suppressed
from clm_ml.snapshot import Prepared, take_snapshot
from clm_ml.tables import Tables

__all__ = ["Looked", "batches_at", "fitted_at", "in_order", "look"]

Floats = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True)
class Looked:
    """Where everyone stood at one as_of, what the model expected, and who was about to move."""

    placed: pd.DataFrame
    expected: Expected | None
    listed: list[pd.DataFrame]


def look(
    prepared: Prepared, config: Config, day: int, lifecycle: Lifecycle, speaker: Model | None, about_to: str | None
) -> Looked:
    """Look at everyone at a day, batch by batch; of each only where they stand is kept."""
    placed, expected, listed = [], None, []
    for batch in batches_at(prepared, config, day, narrow=speaker is None):
        placed.append(place(batch, lifecycle)[["customer_id", "segment", "state"]])
        if speaker is not None:
            said = _probabilities(speaker, batch)
            theirs = _expected(lifecycle.rules, placed[-1]["segment"], said)
            expected = theirs if expected is None else expected + theirs
            if about_to is not None:
                listed.append(_about_to(speaker, batch, placed[-1]["segment"], said, about_to))
    return Looked(pd.concat(placed, ignore_index=True), expected, listed)


def fitted_at(prepared: Prepared, config: Config, day: int) -> Lifecycle:
    """Fit rhythm and borders on everyone at a day."""
    return fit_lifecycle(pd.concat(batches_at(prepared, config, day, narrow=True), ignore_index=True), config)


def batches_at(prepared: Prepared, config: Config, day: int, *, narrow: bool) -> Iterator[pd.DataFrame]:
    """Describe everyone at a day, in batches ordered by customer_id; `narrow` gives only where they stand."""
    features = build_features(take_snapshot(prepared, day), config.task)
    for batch in prepared.tables.engine.batches(features.select(*STANDING) if narrow else features, "customer_id"):
        yield batch.to_pandas()


def _probabilities(model: Model, batch: pd.DataFrame) -> Floats:
    """Give each one's probability of each segment; whom the model knows nothing of stays where they are."""
    assert model.next_segment is not None, "a speaker tells the next segment"
    complete = model.complete(batch)
    said = model.next_segment.probabilities(complete, model.order_probability(complete), model.lifecycle)
    stays = np.eye(model.lifecycle.segments)[model.lifecycle.now(complete)]
    return np.where(np.isnan(said), stays, said)


def _expected(rules: SegmentRules, now: pd.Series[Any], said: Floats) -> Expected:
    codes = pd.Categorical(now, categories=list(rules.names)).codes
    matrix = np.zeros((len(rules.names), len(rules.names)))
    np.add.at(matrix, codes, said)
    counts = np.bincount(codes, minlength=len(rules.names)).astype(np.float64)
    return Expected(counts, matrix, (said * (1 - said)).sum(axis=0))


def _about_to(model: Model, batch: pd.DataFrame, now: pd.Series[Any], said: Floats, segment: str) -> pd.DataFrame:
    """Find whose likeliest next segment this is, and who is not in it yet."""
    place = model.segments.names.index(segment)
    who = (said.argmax(axis=1) == place) & (now != segment).to_numpy()
    scores = model.score(batch[who].reset_index(drop=True), reasons=False)
    scores[f"becomes_{segment}_probability"] = said[who, place]
    return scores[["customer_id", "segment", f"becomes_{segment}_probability", "churn_probability", "value_at_risk"]]


def in_order(listed: list[pd.DataFrame], tables: Tables, config: Config, segment: str) -> pd.DataFrame:
    """Put those about to be in a segment in order, the most value at risk first, and leave out who may not be listed.

    Whom `list.suppress` names may not, nor, where the customer table maps may_profile, who has not said yes to it.
    """
    rows = pd.concat(listed, ignore_index=True)
    rows = rows[~rows["customer_id"].isin(find_suppressed(config, tables).customers)]
    if tables.customers is not None and "may_profile" in tables.customers.collect_schema().names():
        agreed = tables.engine.collect(tables.customers.filter(nw.col("may_profile")).select("customer_id"))
        rows = rows[rows["customer_id"].isin(agreed.column(0).to_pylist())]
    by = ["value_at_risk", f"becomes_{segment}_probability", "customer_id"]
    return rows.sort_values(by, ascending=[False, False, True]).reset_index(drop=True)
