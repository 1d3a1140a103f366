"""What training saw, in counts: what every later day is held against. It travels in the model box and knows nobody."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import chain
from typing import Any

import numpy as np
import pandas as pd

from clm_ml.config import Inputs, Task
from clm_ml.examples import Examples, draw_evenly
from clm_ml.features import catalogue
from clm_ml.model import Model
from clm_ml.monitoring.arriving import Arrived
from clm_ml.monitoring.attributes import Values
from clm_ml.monitoring.bins import FEWEST, Bins, fit_bins
from clm_ml.segments import find_segments
from clm_ml.timeline import date_of, parse_day

__all__ = [
    "SCORE",
    "Came",
    "Reference",
    "Sampled",
    "Spread",
    "active",
    "count_training",
    "read_reference",
    "spreads_of",
    "typical_of",
]

Floats = np.ndarray[Any, np.dtype[np.float64]]
Ints = np.ndarray[Any, np.dtype[np.int64]]

#: So many customers of a day tell how features are spread; and so many what the model says, at the day of learning and
#: at the days before.
_MOST_DESCRIBED, _MOST_ASKED, _MOST_ASKED_BEFORE = 50_000, 20_000, 2_000

#: What a model says whose spread is watched.
SCORE = "churn_probability"


@dataclass(frozen=True)
class Spread:
    """How one number was spread over the active customers of each day of training.

    `counts` are of the buckets of `bins`, by day; `typical` is the geometric mean of what was above zero on the last.
    """

    bins: Bins
    typical: float | None
    counts: Mapping[int, tuple[int, ...]]

    def facts(self) -> dict[str, Any]:
        """Tell it as plain data."""
        counts = {_iso(day): list(counts) for day, counts in self.counts.items()}
        return {"borders": list(self.bins.borders), "typical": self.typical, "counts": counts}


@dataclass(frozen=True)
class Came:
    """What came of the active customers of one day of training, and the mean of what the final model says of them."""

    customers: int
    ordered: int
    predicted: float | None = None


@dataclass(frozen=True)
class Reference:
    """What training saw: of rows what arrived of late, of people how they were spread and what came.

    Attributes:
        as_of: the day of learning.
        customers: the active ones on it.
        arrived: rows of each table on the days before it.
        attributes: who had which value of the attributes that are watched.
        features: the spread of each feature that is learned from.
        scores: the spread of what the model says.
        segments: how many active customers were in each segment, by day.
        came: what came, by day whose label window was closed.
    """

    as_of: int
    customers: int
    arrived: Arrived
    attributes: Mapping[str, Values]
    features: Mapping[str, Spread]
    scores: Mapping[str, Spread]
    segments: Mapping[int, Mapping[str, int]]
    came: Mapping[int, Came]

    def facts(self) -> dict[str, Any]:
        """Tell it as plain data, for the box."""
        return {
            "as_of": _iso(self.as_of),
            "customers": self.customers,
            "arrived": self.arrived.facts(),
            "attributes": {name: asdict(values) for name, values in self.attributes.items()},
            "features": {name: spread.facts() for name, spread in self.features.items()},
            "scores": {name: spread.facts() for name, spread in self.scores.items()},
            "segments": {_iso(day): dict(counts) for day, counts in self.segments.items()},
            "came": {_iso(day): asdict(came) for day, came in self.came.items()},
        }


def read_reference(facts: Mapping[str, Any]) -> Reference:
    """Read a reference back from plain data."""
    return Reference(
        as_of=parse_day(facts["as_of"]),
        customers=facts["customers"],
        arrived=Arrived(**facts["arrived"]),
        attributes={name: Values(**values) for name, values in facts["attributes"].items()},
        features={name: _read_spread(spread) for name, spread in facts["features"].items()},
        scores={name: _read_spread(spread) for name, spread in facts["scores"].items()},
        segments={parse_day(day): counts for day, counts in facts["segments"].items()},
        came={parse_day(day): Came(**came) for day, came in facts["came"].items()},
    )


def _read_spread(facts: Mapping[str, Any]) -> Spread:
    counts = {parse_day(day): tuple(counted) for day, counted in facts["counts"].items()}
    return Spread(Bins(tuple(facts["borders"])), facts["typical"], counts)


def _iso(day: int) -> str:
    return date_of(day).isoformat()


@dataclass(frozen=True)
class Sampled:
    """A reference that lacks what the model says, and the few customers of each day to ask it about."""

    reference: Reference
    frames: Mapping[int, pd.DataFrame]

    def told_by(self, model: Model) -> Reference:
        """Add what a model says of them: its scores, where it puts them, and what it expected of closed windows."""
        if not self.frames:
            return self.reference
        complete = {day: model.complete(frame) for day, frame in self.frames.items()}
        said = {day: model.order_probability(frame) for day, frame in complete.items()}
        placed = {
            day: find_segments(frame, model.cuts, model.lapse, model.segments)["segment"].value_counts()
            for day, frame in complete.items()
        }
        came = {
            day: replace(came, predicted=float(f"{said[day].mean():.4g}"))
            for day, came in self.reference.came.items()
            if day in said
        }
        segments = {day: {str(name): _told(int(count)) for name, count in placed[day].items()} for day in placed}
        churn = {day: 1 - values for day, values in said.items()}
        return replace(self.reference, scores={SCORE: _spread(churn)}, segments=segments, came=came)


def count_training(
    examples: Examples,
    task: Task,
    inputs: Inputs,
    as_of: int,
    arrived: Arrived,
    attributes: Mapping[str, Values],
) -> Sampled:
    """Count what training saw, of the customers who had ordered in the last `active_days` of each day.

    Each number of active customers in a bucket is told if there are none or at least 20, else as ten.

    Args:
        examples: sorted by as_of and customer, with the features of the day of learning.
        task: for `active_days`.
        inputs: what the features are made of.
        as_of: the day of learning.
        arrived: rows of the tables until then.
        attributes: values of attributes then.
    """
    names = [f.name for f in catalogue(task, inputs) if f.learned and f.name in examples.latest]
    bins: dict[str, Bins] = {}
    counts: dict[str, dict[int, tuple[int, ...]]] = {name: {} for name in names}
    typical: dict[str, float | None] = {}
    asked, came, customers = {}, {}, 0
    for day, frame in _latest_first(examples, task):
        described = draw_evenly(frame, _MOST_DESCRIBED)
        numbers = {name: _numbers(described[name]) for name in names}
        if not bins:
            bins = {name: fit_bins(values) for name, values in numbers.items()}
            typical = {name: typical_of([values]) for name, values in numbers.items()}
            customers = len(frame)
        for name in names:
            counts[name][day] = _counted(bins[name], numbers[name])
        if day != as_of:
            came[day] = Came(len(frame), int(frame["ordered"].sum()))
        few = draw_evenly(frame, _MOST_ASKED if day == as_of else _MOST_ASKED_BEFORE)
        asked[day] = few.reset_index(drop=True).copy()  # a part of the frame would hold fast all of it
    features = {name: Spread(bins[name], typical[name], counts[name]) for name in names if bins}
    return Sampled(Reference(as_of, customers, arrived, attributes, features, {}, {}, came), asked)


def _latest_first(examples: Examples, task: Task) -> Iterator[tuple[int, pd.DataFrame]]:
    """Give the active customers of each day, that of learning first; days without twenty of them tell nothing."""
    frames = (examples.at([day]).frame for day in reversed(examples.as_ofs))
    for frame in chain([] if examples.open is None else [examples.open], frames):
        theirs = active(frame, task)
        if len(theirs) >= FEWEST:
            yield int(theirs["as_of"].iloc[0]), theirs


def active(frame: pd.DataFrame, task: Task) -> pd.DataFrame:
    """Keep the customers whom models are judged on."""
    return frame[frame["days_since_last_order"] <= task.active_days]


def _counted(bins: Bins, numbers: Floats) -> tuple[int, ...]:
    return tuple(map(_told, bins.count(numbers).tolist()))


def _spread(values: Mapping[int, Floats]) -> Spread:
    """Bin the numbers of every day by borders fitted on the last."""
    last = values[max(values)]
    bins = fit_bins(last)
    return Spread(bins, typical_of([last]), {day: _counted(bins, numbers) for day, numbers in sorted(values.items())})


def spreads_of(
    frames: Iterable[pd.DataFrame], spreads: Mapping[str, Spread]
) -> tuple[dict[str, Ints], dict[str, float | None]]:
    """Count people by the borders of a reference, batch by batch, and find what is typical of them now.

    Numbers that the frames lack are left out.

    Args:
        frames: a row a customer, with the columns of the spreads.
        spreads: those of training.

    Returns:
        people in each bucket, and the geometric mean of what is above zero, by name.
    """
    counts: dict[str, Ints] = {}
    logs: dict[str, tuple[float, int]] = {}
    for frame in frames:
        for name in spreads:
            if name in frame:
                numbers = _numbers(frame[name])
                counts[name] = counts.get(name, 0) + spreads[name].bins.count(numbers)
                total, count = logs.get(name, (0.0, 0))
                above = np.log(numbers[numbers > 0])
                logs[name] = (total + float(above.sum()), count + len(above))
    return counts, {name: _mean(*told) for name, told in logs.items()}


def typical_of(parts: Sequence[Floats]) -> float | None:
    """Give the geometric mean of all numbers above zero, four digits of it; None if there are none.

    A change of unit multiplies it by just that.

    >>> typical_of([np.array([0.0, 1.0]), np.array([100.0, np.nan])])
    10.0
    """
    logs = [np.log(part[part > 0]) for part in parts]
    return _mean(sum(float(part.sum()) for part in logs), sum(map(len, logs)))


def _mean(logs: float, count: int) -> float | None:
    return float(f"{np.exp(logs / count):.4g}") if count else None


def _numbers(column: pd.Series[Any]) -> Floats:
    return column.to_numpy(dtype=np.float64, na_value=np.nan)


def _told(people: int) -> int:
    """Tell how many people there are, but of few no more than that."""
    return people if people == 0 or people >= FEWEST else FEWEST // 2
