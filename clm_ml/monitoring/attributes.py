"""Who has which value of what says what somebody is, such as a country, then and now."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import sqrt
from typing import Any

import narwhals as nw

from clm_ml.config import Monitor
from clm_ml.monitoring.bins import FEWEST, by_chance, psi
from clm_ml.monitoring.findings import Finding, graded
from clm_ml.snapshot import Prepared, orders_known_by
from clm_ml.timeline import lookback

__all__ = ["Values", "compare_attributes", "values_of"]


@dataclass(frozen=True)
class Values:
    """How many customers had each value that at least twenty had, how many all the other values, and how many none."""

    counts: Mapping[str, int] = field(default_factory=dict)
    others: int = 0
    unknown: int = 0

    @property
    def customers(self) -> int:
        """How many there are."""
        return sum(self.counts.values()) + self.others + self.unknown


def values_of(prepared: Prepared, attributes: Sequence[str], as_of: int, days: int) -> dict[str, Values]:
    """Count the values of attributes among those who ordered in the days before a day.

    The customer table tells of no earlier day: values are those it has now.
    """
    people = prepared.tables.customers
    if people is None or not attributes:
        return {}
    lately = orders_known_by(prepared, as_of).filter(lookback(as_of, days).holds(nw.col("day")), nw.col("orders") > 0)
    theirs = lately.select("customer_id").unique("customer_id").join(people, on="customer_id", how="left")
    return {name: _counted(prepared, theirs, name) for name in attributes}


def _counted(prepared: Prepared, people: Any, name: str) -> Values:
    grouped = people.select(value=nw.col(name)).group_by("value").agg(customers=nw.len().cast(nw.Int64))
    rows = prepared.tables.engine.collect(grouped, "value").to_pylist()
    counts = {row["value"]: int(row["customers"]) for row in rows}
    unknown = counts.pop(None, 0)
    told = {value: count for value, count in counts.items() if count >= FEWEST}
    return Values(told, sum(counts.values()) - sum(told.values()), unknown)


def compare_attributes(before: Mapping[str, Values], now: Mapping[str, Values], limits: Monitor) -> Iterator[Finding]:
    """Tell of each attribute which values are new, and whether the others are spread as they were."""
    for name, then in before.items():
        if name not in now:
            words = f"{name} is mapped no longer, so nobody can say whether it changed; map it again."
            yield Finding("attribute", name, "notice", None, None, words)
            continue
        if then.customers and now[name].customers:
            yield from _new_values(name, then, now[name], limits)
            yield _moved(name, then, now[name], limits)


def _new_values(name: str, then: Values, now: Values, limits: Monitor) -> Iterator[Finding]:
    for value, count in now.counts.items():
        if value in then.counts:
            continue
        # Up to 19 had it in training: whoever is now above what chance makes of those is new.
        known = min(FEWEST - 1, then.others) / then.customers * now.customers
        share = max(0.0, count - known - 3 * sqrt(known)) / now.customers
        level, threshold = graded(share, limits.new_value_notice, limits.new_value_alarm)
        words = (
            f"{name} {value} is new: {count / now.customers:.1%} of those who ordered lately have it, and hardly "
            "anyone had in training, so that the model knows nothing of them. Train again once their label windows "
            "have closed."
        )
        if level != "silent":
            yield Finding("attribute", f"{name} {value}", level, share, threshold, words)


def _moved(name: str, then: Values, now: Values, limits: Monitor) -> Finding:
    """Compare how the known values are spread; what is new is told by itself."""
    buckets = list(then.counts)
    old = [then.unknown, *(then.counts[value] for value in buckets)]
    new = [now.unknown, *(now.counts.get(value, 0) for value in buckets)]
    value = max(0.0, psi(old, new) - by_chance(limits.chance, old, new))
    level, threshold = graded(value, limits.psi_notice, limits.psi_alarm)
    words = f"{name}: the values of those who ordered lately are spread as they were in training."
    if level != "silent":
        most = max(range(len(old)), key=lambda bucket: abs(new[bucket] / sum(new) - old[bucket] / sum(old)))
        which = "without a value" if most == 0 else f"with {buckets[most - 1]}"
        words = (
            f"{name}: those who ordered lately are spread differently over its values; {which} there are "
            f"{new[most] / sum(new):.1%}, and were {old[most] / sum(old):.1%}. If that is meant to be so, train again."
        )
    return Finding("attribute", name, level, value, threshold, words)
