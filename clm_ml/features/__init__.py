"""One row per customer, made of a snapshot and nothing else; one file a family, one catalogue for all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import narwhals as nw

from clm_ml.config import Inputs, Lapse, Task
from clm_ml.features.cadence import Rhythm, cadence, cadence_ratios, fit_rhythm, habit
from clm_ml.features.campaigns import campaign_ratios, campaigns
from clm_ml.features.catalogue import FADING_DAYS, Feature, aggregate
from clm_ml.features.engagement import engagement, engagement_habit, engagement_ratios
from clm_ml.features.rfm import rfm, rfm_ratios
from clm_ml.features.service import service, service_ratios
from clm_ml.snapshot import Snapshot, name_of_attribute

__all__ = [
    "FADING_DAYS", "Feature", "Rhythm", "against_habit", "build_features", "catalogue", "fit_rhythm", "name_of_attribute",
]  # fmt: skip


def build_features(snapshot: Snapshot, task: Task) -> nw.LazyFrame[Any]:
    """Describe everyone known at the snapshot's as_of.

    Grain: one row per customer_id, unordered. Counts and amounts are 0 where there is nothing; days, means, gaps
    and shares of nothing are null. Columns are the catalogue's, but for those against the customer's habit, which
    need a fitted `Rhythm` (see `against_habit`); and `as_of`, `has_email`, which segments ask of visitors, and a column of
    text for each attribute.
    """
    as_of = snapshot.as_of
    kinds = None if snapshot.events is None else snapshot.kinds
    families = _families(as_of, task.windows_days, kinds, snapshot.rated, snapshot.contacts is not None)
    frame = aggregate(snapshot.orders, families.orders, as_of)
    if snapshot.events is not None:
        frame = _with_all(frame, aggregate(snapshot.events, families.events, as_of))
    frame = _with_person(frame, snapshot)
    for rows, features in ((snapshot.rated_events(), families.service), (snapshot.contacts, families.contacts)):
        if rows is not None:  # neither makes anybody known: an event does already, and to be written to does not
            frame = frame.join(aggregate(rows, features, as_of), on="customer_id", how="left")
    told = [nw.col(f.name) if f.absent is None else nw.col(f.name).fill_null(f.absent) for f in families.counted()]
    frame = frame.select("customer_id", *told, "has_email", *snapshot.attributes)
    frame = frame.with_columns(*(feature.value.cast(nw.Float64).alias(feature.name) for feature in families.ratios))
    return frame.with_columns(as_of=nw.lit(as_of, dtype=nw.Int32))


def against_habit(features: Any, rhythm: Rhythm, lapse: Lapse) -> Any:
    """Add what holds a customer against their own habit, to a frame of features of any kind.

    Grain: the frame's. `expected_gap_days` and `overdue_ratio` are null for who has not ordered.
    """
    frame = nw.from_native(features, pass_through=False)
    return nw.to_native(frame.with_columns(*(f.value.cast(nw.Float64).alias(f.name) for f in habit(rhythm, lapse))))


def catalogue(task: Task, inputs: Inputs | None = None) -> list[Feature]:
    """List every feature that is a number, in the order of the columns.

    Args:
        task: for the lookback windows.
        inputs: what there is besides orders: nothing, if it is not given.

    >>> [f.name for f in catalogue(Task())][:3]
    ['days_since_last_order', 'days_since_first_order', 'orders_ever']
    """
    given = inputs or Inputs()
    meanings = None if given.meanings is None else tuple(given.meanings)
    return [*_listed(tuple(task.windows_days), meanings, tuple(given.rated), given.has_contacts)]


@lru_cache(maxsize=8)
def _listed(
    windows_days: tuple[int, ...], meanings: tuple[str, ...] | None, rated: tuple[str, ...], has_contacts: bool
) -> tuple[Feature, ...]:
    """List it once: a model asks often, and each list writes hundreds of expressions."""
    kinds = None if meanings is None else dict.fromkeys(meanings, (1,))
    families = _families(0, windows_days, kinds, rated, has_contacts)
    return (*families.counted(), *families.ratios, *habit(Rhythm(1.0, 1.0), Lapse()))


@dataclass(frozen=True)
class _Families:
    """The aggregates over each table, and what is computed from all of them."""

    orders: list[Feature]
    ratios: list[Feature]
    events: list[Feature] = field(default_factory=list)
    service: list[Feature] = field(default_factory=list)
    contacts: list[Feature] = field(default_factory=list)

    def counted(self) -> list[Feature]:
        return [*self.orders, *self.events, *self.service, *self.contacts]


def _families(
    as_of: int,
    windows_days: Sequence[int],
    kinds: Mapping[str, Sequence[int]] | None,
    rated: Sequence[str],
    has_contacts: bool,
) -> _Families:
    """List the features of the tables there are; without `kinds` there is no event log."""
    families = _Families([*rfm(as_of, windows_days), *cadence()], [*rfm_ratios(windows_days), *cadence_ratios()])
    if kinds is not None:
        families.events.extend(engagement(as_of, windows_days, kinds))
        families.service.extend(service(as_of, {name: kinds[name] for name in rated}))
        families.ratios.extend([*engagement_ratios(windows_days), *engagement_habit(kinds), *service_ratios(rated)])
    if has_contacts:
        families.contacts.extend(campaigns(as_of))
        families.ratios.extend(campaign_ratios())
    return families


def _with_all(frame: nw.LazyFrame[Any], other: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """Join two frames so that whoever is in one of them is in the result."""
    both = frame.join(other, on="customer_id", how="full", suffix="_other")
    return both.with_columns(customer_id=nw.coalesce("customer_id", "customer_id_other")).drop("customer_id_other")


def _with_person(frame: nw.LazyFrame[Any], snapshot: Snapshot) -> nw.LazyFrame[Any]:
    """Add who is known by having been created, and for everyone whether there is an e-mail address."""
    if snapshot.customers is None:
        return frame.with_columns(has_email=nw.lit(False))
    people = snapshot.customers.select(
        "customer_id", "has_email", *snapshot.attributes, is_known=~nw.col("created_day").is_null()
    )
    everyone = _with_all(frame.with_columns(did_something=nw.lit(True)), people)
    known = nw.coalesce(nw.col("did_something"), nw.col("is_known"))
    return everyone.filter(known).drop("did_something", "is_known").with_columns(nw.col("has_email").fill_null(False))
