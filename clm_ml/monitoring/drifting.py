"""Whether features and scores are spread over the customers as they were when the model was trained."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from clm_ml.config import Monitor
from clm_ml.monitoring.bins import Counts, by_chance, ordinary, psi, season_of
from clm_ml.monitoring.findings import Finding, Level, graded
from clm_ml.monitoring.reference import Reference, Spread

__all__ = ["Seen", "compare_spreads"]

Floats = np.ndarray[Any, np.dtype[np.float64]]

#: A year of whole weeks, and how near to a year before a day of training may lie to tell of its season.
_YEAR, _NEAR = 364, 10


@dataclass(frozen=True)
class Seen:
    """How active customers are spread now: people in each bucket, and the typical value of each number.

    `features` and `scores` are by name, `typical` of both; `segments` counts people by segment.
    """

    features: Mapping[str, Counts]
    scores: Mapping[str, Counts]
    segments: Mapping[str, int]
    typical: Mapping[str, float | None]


def compare_spreads(
    then: Reference, now: Seen, meanings: Mapping[str, str], as_of: int, limits: Monitor
) -> Iterator[Finding]:
    """Compare each feature, each score and the segments with the day of learning.

    Args:
        then: the reference.
        now: what was counted for the scores.
        meanings: of the features, in words.
        as_of: the day of the scores.
        limits: from where on a difference is told.
    """
    for name, spread in then.features.items():
        if name not in now.features:
            words = f"{name} ({meanings.get(name, name)}) cannot be computed any more: its table is not mapped."
            yield Finding("feature", name, "alarm", None, None, words)
        elif spread.counts:
            words = f"{name} ({meanings.get(name, name)})"
            yield _compared("feature", name, words, then, spread, now.features[name], now.typical[name], as_of, limits)
    for name, spread in then.scores.items():
        yield _compared("score", name, name, then, spread, now.scores[name], now.typical[name], as_of, limits)
    if then.segments:
        yield _segments(then, now, as_of, limits)


def _segments(then: Reference, now: Seen, as_of: int, limits: Monitor) -> Finding:
    """Compare who is in which segment."""
    names = sorted({*now.segments, *(name for counts in then.segments.values() for name in counts)})
    counts = {day: tuple(told.get(name, 0) for name in names) for day, told in then.segments.items()}
    found = tuple(now.segments.get(name, 0) for name in names)
    graded_as = _grade(counts, found, then, as_of, limits)
    level, value, threshold, usual, is_season = graded_as
    words = "segments: customers are spread over them as they were in training."
    if level != "silent":
        old, new = (np.asarray(told) / max(1, sum(told)) for told in (counts[max(counts)], found))
        most = int(np.argmax(np.abs(new - old)))
        words = f"segments: {names[most]} has {new[most]:.1%} of the active customers, and had {old[most]:.1%}{_usually(usual)}."
        words += _season_words() if is_season else " Look at what else has drifted: segments follow features."
    return Finding("season" if is_season else "segment", "segments", level, value, threshold, words)


def _compared(
    kind: str,
    name: str,
    what: str,
    then: Reference,
    spread: Spread,
    found: Counts,
    typical: float | None,
    as_of: int,
    limits: Monitor,
) -> Finding:
    level, value, threshold, usual, is_season = _grade(spread.counts, found, then, as_of, limits)
    if level == "silent":
        return Finding(
            kind, name, level, value, threshold, f"{what} is spread as it was in training (PSI {value:.2f})."
        )
    told = f"{what} has drifted (PSI {value:.2f}{_usually(usual)}): {_difference(spread.counts[max(spread.counts)], found)}"
    times = typical / spread.typical if typical and spread.typical else 1.0
    if max(times, 1 / times) >= limits.unit_times:
        words = (
            f"{told} its typical value is {times:.3g} times what it was, from {spread.typical:g} to {typical:g}, as if its "
            "unit had changed. Compare the source's unit with what training had; do not use these scores."
        )
        return Finding("unit", name, "alarm", value, threshold, words)
    if is_season:
        return Finding("season", name, "notice", value, threshold, told + _season_words())
    if kind == "score":
        words = " Look at which features have drifted; if it is real, train again."
    else:
        words = " Look at what its table is filled by; if it is real, train again."
    return Finding(kind, name, level, value, threshold, told + words)


def _season_words() -> str:
    return " The same weeks a year ago changed it alike: it is the season. Nothing to mend."


def _usually(usual: float) -> str:
    return f", where as far apart {usual:.2f} was ordinary" if usual > 0.01 else ""


def _grade(
    counts: Mapping[int, Counts], found: Counts, then: Reference, as_of: int, limits: Monitor
) -> tuple[Level, float, float, float, bool]:
    """Give level, PSI, border, what is ordinary, and whether a year ago changed the same way."""
    last = max(counts)
    usual = ordinary(counts, max(1, as_of - last))
    value = psi(counts[last], found)
    chance = by_chance(limits.chance, counts[last], found)
    borders = [max(limit, limits.ordinary_times * usual) + chance for limit in (limits.psi_notice, limits.psi_alarm)]
    level, threshold = graded(value, *borders)
    if level == "silent":
        return level, value, threshold, usual, False
    around = [_near(counts, day - _YEAR) for day in (last, as_of)]
    if None in around or around[0] == around[1]:
        return level, value, threshold, usual, False
    a_year_ago, then_after = (counts[day] for day in around if day is not None)
    left = psi(season_of(counts[last], a_year_ago, then_after), found)
    granted = borders[0] + by_chance(limits.chance, a_year_ago, then_after)
    is_season = left < min(granted, value)
    return ("notice" if is_season else level), value, threshold, usual, is_season


def _near(counts: Mapping[int, Counts], day: int) -> int | None:
    nearest = min(counts, key=lambda known: (abs(known - day), known))
    return nearest if abs(nearest - day) <= _NEAR else None


def _difference(then: Counts, now: Counts) -> str:
    """Say where most people have come from or gone to: a bucket's place among the others, its share then and now."""
    old, new = np.asarray(then) / max(1, int(np.sum(then))), np.asarray(now) / max(1, int(np.sum(now)))
    most = int(np.argmax(np.abs(new - old)))
    where = "no value" if most == 0 else "the lowest values" if most == 1 else "the highest values"
    if 1 < most < len(old) - 1:
        where = f"the values in bin {most} of {len(old) - 1}"
    return f"{where} had {old[most]:.0%} of the customers and have {new[most]:.0%}."
