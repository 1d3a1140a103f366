"""One row per customer, made of a snapshot and nothing else; one file a family, one catalogue for all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import narwhals as nw

from clm_ml.config import Lapse, Task
from clm_ml.features.cadence import Rhythm, cadence, cadence_ratios, fit_rhythm, habit
from clm_ml.features.catalogue import FADING_DAYS, Feature, aggregate
from clm_ml.features.engagement import engagement, engagement_ratios
from clm_ml.features.rfm import rfm, rfm_ratios
from clm_ml.snapshot import Snapshot

__all__ = ["FADING_DAYS", "Feature", "Rhythm", "against_habit", "build_features", "catalogue", "fit_rhythm"]


def build_features(snapshot: Snapshot, task: Task) -> nw.LazyFrame[Any]:
    """Describe everyone known at the snapshot's as_of.

    Grain: one row per customer_id, unordered. Counts and amounts are 0 where there is nothing; days, means, gaps
    and shares of nothing are null. Columns are the catalogue's, but for those against the customer's habit, which
    need a fitted `Rhythm` (see `against_habit`); and `as_of` and `has_email`, which segments ask of visitors.
    """
    as_of, kinds = snapshot.as_of, None if snapshot.events is None else snapshot.kinds
    orders, events, ratios = _families(as_of, task, kinds)
    frame = aggregate(snapshot.orders, orders, as_of)
    if snapshot.events is not None:
        frame = _with_all(frame, aggregate(snapshot.events, events, as_of))
    frame = _with_person(frame, snapshot)
    counted = [nw.col(f.name) if f.absent is None else nw.col(f.name).fill_null(f.absent) for f in (*orders, *events)]
    frame = frame.select("customer_id", *counted, "has_email")
    frame = frame.with_columns(*(feature.value.cast(nw.Float64).alias(feature.name) for feature in ratios))
    return frame.with_columns(as_of=nw.lit(as_of, dtype=nw.Int32))


def against_habit(features: Any, rhythm: Rhythm, lapse: Lapse) -> Any:
    """Add what holds a customer against their own habit, to a frame of features of any kind.

    Grain: the frame's. `expected_gap_days` and `overdue_ratio` are null for who has not ordered.
    """
    frame = nw.from_native(features, pass_through=False)
    return nw.to_native(frame.with_columns(*(f.value.cast(nw.Float64).alias(f.name) for f in habit(rhythm, lapse))))


def catalogue(task: Task, meanings: Sequence[str] = (), has_events: bool = True) -> list[Feature]:
    """List every feature, in the order of the columns.

    Args:
        task: for the lookback windows.
        meanings: what event types can mean; each has features of its own.
        has_events: whether there is an event log at all.

    >>> [f.name for f in catalogue(Task(), has_events=False)][:3]
    ['days_since_last_order', 'days_since_first_order', 'orders_ever']
    """
    orders, events, ratios = _families(0, task, dict.fromkeys(meanings, (1,)) if has_events else None)
    fitted = habit(Rhythm(1.0, 1.0), Lapse())
    return [*orders, *events, *ratios, *fitted]


def _families(
    as_of: int, task: Task, kinds: Mapping[str, Sequence[int]] | None
) -> tuple[list[Feature], list[Feature], list[Feature]]:
    """List the aggregates over order days, those over events (None: no event log), and what is computed from both."""
    windows = task.windows_days
    orders = [*rfm(as_of, windows), *cadence()]
    ratios = [*rfm_ratios(windows), *cadence_ratios()]
    if kinds is None:
        return orders, [], ratios
    return orders, engagement(as_of, windows, kinds), [*ratios, *engagement_ratios(windows)]


def _with_all(frame: nw.LazyFrame[Any], other: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """Join two frames so that whoever is in one of them is in the result."""
    both = frame.join(other, on="customer_id", how="full", suffix="_other")
    return both.with_columns(customer_id=nw.coalesce("customer_id", "customer_id_other")).drop("customer_id_other")


def _with_person(frame: nw.LazyFrame[Any], snapshot: Snapshot) -> nw.LazyFrame[Any]:
    """Add who is known by having been created, and for everyone whether there is an e-mail address."""
    if snapshot.customers is None:
        return frame.with_columns(has_email=nw.lit(False))
    people = snapshot.customers.select("customer_id", "has_email", is_known=~nw.col("created_day").is_null())
    everyone = _with_all(frame.with_columns(did_something=nw.lit(True)), people)
    known = nw.coalesce(nw.col("did_something"), nw.col("is_known"))
    return everyone.filter(known).drop("did_something", "is_known").with_columns(nw.col("has_email").fill_null(False))
