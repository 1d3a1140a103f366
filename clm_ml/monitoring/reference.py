"""What training saw, in counts: what every later day is held against. It travels in the model box and knows nobody."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from itertools import chain
from typing import Any

import pandas as pd

from clm_ml.config import Inputs, Task
from clm_ml.errors import ArtifactError, TimelineError
from clm_ml.examples import Examples, draw_evenly
from clm_ml.features import catalogue
from clm_ml.model import Model
from clm_ml.monitoring.arriving import Arrived
from clm_ml.monitoring.attributes import Values
from clm_ml.monitoring.bins import FEWEST
from clm_ml.monitoring.spreads import Spread, few_as_ten, fit_spread, numbers_of, read_spread
from clm_ml.segments import find_segments
from clm_ml.timeline import date_of, parse_day

__all__ = ["SCORE", "Came", "Reference", "Sampled", "active", "count_training", "read_reference"]

#: So many customers of a day tell how features are spread; and so many what the model says, at the day of learning and
#: at the days before.
_MOST_DESCRIBED, _MOST_ASKED, _MOST_ASKED_BEFORE = 50_000, 20_000, 2_000

#: What a model says whose spread is watched.
SCORE = "churn_probability"


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
    """Read a reference back from plain data.

    Raises:
        ArtifactError: if it is of a form that this clm-ml does not know.
    """
    try:
        return _read(facts)
    except (AttributeError, KeyError, TypeError, ValueError, TimelineError) as error:
        raise ArtifactError(
            f"the model's reference is none this clm-ml can read ({type(error).__name__}); train again."
        ) from None


def _read(facts: Mapping[str, Any]) -> Reference:
    return Reference(
        as_of=parse_day(facts["as_of"]),
        customers=facts["customers"],
        arrived=Arrived(**facts["arrived"]),
        attributes={name: Values(**values) for name, values in facts["attributes"].items()},
        features={name: read_spread(spread) for name, spread in facts["features"].items()},
        scores={name: read_spread(spread) for name, spread in facts["scores"].items()},
        segments={parse_day(day): counts for day, counts in facts["segments"].items()},
        came={parse_day(day): Came(**came) for day, came in facts["came"].items()},
    )


def _iso(day: int) -> str:
    return date_of(day).isoformat()


@dataclass(frozen=True)
class Sampled:
    """A reference that lacks what the model says, and the few customers of each day to ask it about."""

    reference: Reference
    frames: Mapping[int, pd.DataFrame]

    def told_by(self, model: Model) -> Reference:
        """Add what a model says of them: its scores, where it puts them, and what it expected of closed windows."""
        scores: Spread | None = None
        segments, came = {}, dict(self.reference.came)
        for day, few in self.frames.items():  # that of learning first
            frame = model.complete(few)
            said = model.order_probability(frame)
            scores = fit_spread(day, 1 - said) if scores is None else scores.with_day(day, 1 - said)
            placed = find_segments(frame, model.cuts, model.lapse, model.segments)["segment"].value_counts()
            segments[day] = {str(name): few_as_ten(int(count)) for name, count in placed.items()}
            if day in came:
                came[day] = replace(came[day], predicted=float(f"{said.mean():.4g}"))
        return replace(self.reference, scores={SCORE: scores} if scores else {}, segments=segments, came=came)


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
    features: dict[str, Spread] = {}
    asked, came, customers = {}, {}, 0
    for day, frame in _latest_first(examples, task):
        described = draw_evenly(frame, _MOST_DESCRIBED)
        numbers = {name: numbers_of(described[name]) for name in names}
        if not features:
            features, customers = {name: fit_spread(day, values) for name, values in numbers.items()}, len(frame)
        else:
            features = {name: features[name].with_day(day, values) for name, values in numbers.items()}
        if day != as_of:
            came[day] = Came(len(frame), int(frame["ordered"].sum()))
        few = draw_evenly(frame, _MOST_ASKED if day == as_of else _MOST_ASKED_BEFORE)
        asked[day] = few.reset_index(drop=True).copy()  # a part of the frame would hold fast all of it
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
