"""What a page shows of scores: sums by segment, by scores and by silence, counted batch by batch, so of any number."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from clm_ml.config import SegmentRules
from clm_ml.errors import ModelError

__all__ = ["Counted", "columns_of", "count_scores"]

_SCORES = {"R": "r_score", "F": "f_score", "M": "m_score"}
_SUMS = ("churn_probability", "expected_value", "value_at_risk")
#: Where the bands of silence begin, in expected gaps, and what they are called.
_BANDS = {0.0: "under ½", 0.5: "½–1", 1.0: "1–2", 2.0: "2–3", 3.0: "3–4", 4.0: "over 4"}


@dataclass(frozen=True)
class Counted:
    """Everyone scored, counted.

    Attributes:
        segments: a row a segment, in the order of the lifecycle: `phase, segment, customers, rated` (who have a churn
            probability), `churn_probability` (their mean; null for none), `expected_value, value_at_risk` (sums).
        grid: `r_score, f_score, segment, customers`.
        flows: how many are expected to move from each segment to each; None where scores do not look ahead.
        by_score: columns R, F and M, a row for each score: mean churn probabilities.
        by_silence: `band, customers, churn_probability`.
        half: so many customers, those with most of it, hold half of the value at risk.
    """

    segments: pd.DataFrame = field(repr=False)
    grid: pd.DataFrame = field(repr=False)
    flows: pd.DataFrame | None = field(repr=False)
    by_score: pd.DataFrame = field(repr=False)
    by_silence: pd.DataFrame = field(repr=False)
    half: int

    @property
    def people(self) -> int:
        """Everyone scored."""
        return int(self.segments["customers"].sum())

    @property
    def customers(self) -> int:
        """Who of them have ordered, and have a churn probability."""
        return int(self.segments["rated"].sum())

    @property
    def expected_to_stay_away(self) -> float:
        """How many customers are expected not to order."""
        return float((self.segments["churn_probability"].fillna(0) * self.segments["rated"]).sum())


def columns_of(rules: SegmentRules) -> list[str]:
    """List the columns of scores that are counted."""
    ahead = [f"p_{name}" for name in rules.names]
    return ["segment", *_SCORES.values(), "overdue_ratio", *_SUMS, *ahead]


def count_scores(batches: Iterable[pd.DataFrame], rules: SegmentRules) -> Counted:
    """Count scores.

    Args:
        batches: frames of scores with the columns of `columns_of`; at least one row in all.
        rules: the segments.

    Raises:
        ModelError: if there are no scores, or somebody is in a segment that the rules do not know.
    """
    parts = [_count(batch, rules) for batch in batches if len(batch)]
    if not parts:
        raise ModelError("the scores are of nobody; there is nothing to report.")
    sums = {name: pd.concat([part.sums[name] for part in parts]).groupby(level=0).sum() for name in parts[0].sums}
    if strange := set(sums["segment"].index) - set(rules.names):
        raise ModelError(
            f"the scores know a segment {min(strange)!r} that the config does not; score again, or restore the config."
        )
    grid = pd.concat([part.grid for part in parts]).groupby(["r_score", "f_score", "segment"], as_index=False).sum()
    flows = sum((part.flows for part in parts if part.flows is not None), np.zeros(()))
    return Counted(
        segments=_segments(sums["segment"], rules),
        grid=grid.astype({"r_score": int, "f_score": int}),
        flows=pd.DataFrame(flows, list(rules.names), list(rules.names)) if np.ndim(flows) else None,
        by_score=pd.DataFrame({name: _mean(sums[name]).reindex(range(1, 6)) for name in _SCORES}),
        by_silence=_by_silence(sums["silence"]),
        half=_half(np.concatenate([part.at_risk for part in parts])),
    )


@dataclass(frozen=True)
class _Part:
    sums: dict[str, pd.DataFrame]
    grid: pd.DataFrame
    flows: Any
    at_risk: Any


def _count(batch: pd.DataFrame, rules: SegmentRules) -> _Part:
    rated = batch[batch["churn_probability"].notna()]
    silence = np.digitize(rated["overdue_ratio"].astype("float64").fillna(0), list(_BANDS)) - 1
    keys = {name: rated[column].astype("Int64") for name, column in _SCORES.items()}
    sums = {name: _sums(rated, key) for name, key in {**keys, "silence": silence}.items()}
    sums["segment"] = _sums(batch, batch["segment"])
    ordered = batch.dropna(subset=["r_score", "f_score"])
    grid = (
        ordered.groupby(["r_score", "f_score", "segment"], as_index=False).size().rename(columns={"size": "customers"})
    )
    at_risk = rated["value_at_risk"].to_numpy(dtype=np.float64)
    return _Part(sums, grid, _flows(batch, rules), at_risk)


def _sums(rows: pd.DataFrame, key: Any) -> pd.DataFrame:
    told = rows[list(_SUMS)].astype("float64").fillna(0).assign(customers=1, rated=rows["churn_probability"].notna())
    return told.groupby(np.asarray(key)).sum()


def _flows(batch: pd.DataFrame, rules: SegmentRules) -> Any:
    """Add up where each segment's people are expected; of whom the model knows nothing, where they are."""
    said = np.array(batch[[f"p_{name}" for name in rules.names]], dtype=np.float64)
    now = pd.Categorical(batch["segment"], categories=list(rules.names)).codes
    unknown: Any = np.isnan(said).any(axis=1)
    if unknown[batch["churn_probability"].notna().to_numpy()].any():
        return None
    said[unknown] = np.eye(len(rules.names))[now[unknown]]
    matrix = np.zeros((len(rules.names), len(rules.names)))
    np.add.at(matrix, now, said)
    return matrix


def _segments(sums: pd.DataFrame, rules: SegmentRules) -> pd.DataFrame:
    told = sums.reindex(list(rules.names), fill_value=0)
    counts = told[["customers", "rated"]].astype("int64")
    names = {"phase": list(rules.phases.values()), "segment": list(rules.names)}
    amounts = told[["expected_value", "value_at_risk"]]
    return (
        pd.DataFrame(names, told.index)
        .join(counts)
        .assign(churn_probability=_mean(told))
        .join(amounts)
        .reset_index(drop=True)
    )


def _mean(sums: pd.DataFrame) -> pd.Series[float]:
    return sums["churn_probability"] / sums["rated"].where(sums["rated"] > 0)


def _by_silence(sums: pd.DataFrame) -> pd.DataFrame:
    told = sums.reindex(range(len(_BANDS)), fill_value=0)
    bands = pd.DataFrame({"band": list(_BANDS.values())}, told.index)
    return bands.assign(customers=told["rated"].astype("int64"), churn_probability=_mean(told)).reset_index(drop=True)


def _half(at_risk: Any) -> int:
    """Count the fewest customers who hold half of the value at risk together.

    >>> _half(np.array([1.0, 5.0, 2.0, 2.0]))
    1
    """
    sums = np.cumsum(np.sort(np.nan_to_num(at_risk))[::-1])
    return int(np.searchsorted(sums, sums[-1] / 2)) + 1 if len(sums) and sums[-1] > 0 else 0
