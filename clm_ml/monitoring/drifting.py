"""Whether features and scores are spread over the customers as they were when the model was trained."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from clm_ml.config import Monitor
from clm_ml.features import Feature
from clm_ml.monitoring.bins import Counts, by_chance, ordinary, psi, season_of
from clm_ml.monitoring.findings import THE_SEASON, Finding, Level, a_year_before, graded
from clm_ml.monitoring.reference import Reference
from clm_ml.monitoring.spreads import Spread

__all__ = ["Seen", "compare_spreads"]

#: What the shop itself sends is no drift, though a model may not know it: features of this theme are no alarm.
_OWN_DOING = "campaigns"


@dataclass(frozen=True)
class Seen:
    """How active customers are spread now.

    Attributes:
        counts: people in each bucket of the reference, by feature and score.
        typical: the geometric mean of what is above zero, of the same.
        segments: people by segment.
    """

    counts: Mapping[str, Counts]
    typical: Mapping[str, float | None]
    segments: Mapping[str, int]


@dataclass(frozen=True)
class _Grade:
    """How far two spreads are apart, from where on that matters, what is usual, and whether a year ago did alike."""

    level: Level
    psi: float
    threshold: float
    usual: float
    is_season: bool = False

    @property
    def words(self) -> str:
        usually = f", where as far apart {self.usual:.2f} was ordinary" if self.usual > 0.01 else ""
        return f"has drifted (PSI {self.psi:.2f}{usually})"

    def finding(self, kind: str, what: str, words: str) -> Finding:
        return Finding(kind, what, self.level, self.psi, self.threshold, words)


def compare_spreads(
    then: Reference, now: Seen, features: Mapping[str, Feature], as_of: int, limits: Monitor
) -> Iterator[Finding]:
    """Compare each feature, each score and the segments with the day of learning.

    Args:
        then: the reference.
        now: what was counted for the scores.
        features: what the features mean.
        as_of: the day of the scores.
        limits: from where on a difference is told.
    """
    lost = [name for name in then.features if name not in now.counts]
    if lost:
        few = f"{', '.join(lost[:3])}{' and others' if len(lost) > 3 else ''}"
        words = (
            f"{len(lost)} features cannot be computed any more ({few}): their table is not mapped. The model cannot "
            "score without them; map the table again, or train without it."
        )
        yield Finding("feature", "lost features", "alarm", float(len(lost)), 1.0, words)
    for name, spread in {**then.features, **then.scores}.items():
        if name in now.counts and spread.counts:
            grade = _grade(spread.counts, now.counts[name], as_of, limits)
            difference = _difference(spread, now.counts[name])
            times = _times(spread.typical, now.typical[name])
            yield _told(name, features.get(name), grade, difference, times, limits)
    if then.segments:
        yield _segments(then, now, as_of, limits)


def _grade(counts: Mapping[int, Counts], found: Counts, as_of: int, limits: Monitor) -> _Grade:
    """Hold a spread against the day of learning, less what chance makes of it and what is ordinary."""
    last = max(counts)
    usual, apart = ordinary(counts, max(1, as_of - last)), psi(counts[last], found)
    chance = by_chance(limits.chance, counts[last], found)
    borders = [max(limit, limits.ordinary_times * usual) + chance for limit in (limits.psi_notice, limits.psi_alarm)]
    level, threshold = graded(apart, *borders)
    around = [a_year_before(counts, day) for day in (last, as_of)]
    if level != "silent" and None not in around and around[0] != around[1]:
        before, after = (counts[day] for day in around if day is not None)
        left = psi(season_of(counts[last], before, after), found)
        if left < min(apart, borders[0] + by_chance(limits.chance, before, after)):
            return _Grade("notice", apart, threshold, usual, is_season=True)
    return _Grade(level, apart, threshold, usual)


def _times(before: float | None, now: float | None) -> float:
    return now / before if now and before else 1.0


def _told(name: str, feature: Feature | None, grade: _Grade, difference: str, times: float, limits: Monitor) -> Finding:
    """Say what has become of one number; a feature has a meaning, a score has none but its name."""
    kind, what = ("score", name) if feature is None else ("feature", f"{name} ({feature.meaning})")
    if grade.level == "silent":
        return grade.finding(kind, name, f"{what} is spread as it was in training (PSI {grade.psi:.2f}).")
    told = f"{what} {grade.words}: {difference}."
    if max(times, 1 / times) >= limits.unit_times:
        words = (
            f"{told} Its typical value is {times:.3g} times what it was, as if its unit had changed. Compare the "
            "source's unit with what training had, and do not use these scores."
        )
        return Finding("unit", name, "alarm", grade.psi, grade.threshold, words)
    if grade.is_season:
        return grade.finding("season", name, f"{told} {THE_SEASON}")
    if feature is not None and feature.theme == _OWN_DOING:
        words = f"{told} Campaigns do that, and are the shop's own doing; if contacts are missing, load them."
        return Finding(kind, name, "notice", grade.psi, grade.threshold, words)
    look = "which features have drifted" if feature is None else "what its table is filled by"
    return grade.finding(kind, name, f"{told} Look at {look}; if it is real, train again.")


def _difference(spread: Spread, now: Counts) -> str:
    """Say which bucket has won or lost most.

    >>> from clm_ml.monitoring.bins import Bins
    >>> _difference(Spread(Bins((0.0, 2.5)), 1.0, {7: (0, 50, 30, 20)}), (0, 30, 60, 10))
    'above 0 and up to 2.5 were 30% of the customers, and are 60%'
    """
    then = spread.counts[max(spread.counts)]
    old, new = (np.asarray(counts) / max(1, int(np.sum(counts))) for counts in (then, now))
    most, borders = int(np.argmax(np.abs(new - old))), spread.bins.borders
    above = f"above {borders[most - 2]:g}" if most > 1 else ""
    below = f"up to {borders[most - 1]:g}" if 0 < most <= len(borders) else ""
    where = " and ".join(part for part in (above, below) if part) or ("with a value" if most else "without a value")
    return f"{where} were {old[most]:.0%} of the customers, and are {new[most]:.0%}"


def _segments(then: Reference, now: Seen, as_of: int, limits: Monitor) -> Finding:
    """Compare who is in which segment."""
    names = sorted({*now.segments, *(name for told in then.segments.values() for name in told)})
    counts = {day: [told.get(name, 0) for name in names] for day, told in then.segments.items()}
    found = [now.segments.get(name, 0) for name in names]
    grade = _grade(counts, found, as_of, limits)
    if grade.level == "silent":
        return grade.finding("segment", "segments", "customers are spread over the segments as they were in training.")
    old, new = (np.asarray(told) / max(1, sum(told)) for told in (counts[max(counts)], found))
    most = int(np.argmax(np.abs(new - old)))
    told = (
        f"who is in which segment {grade.words}: {names[most]} had {old[most]:.1%} of the customers, and has "
        f"{new[most]:.1%}."
    )
    if grade.is_season:
        return grade.finding("season", "segments", f"{told} {THE_SEASON}")
    return grade.finding("segment", "segments", f"{told} Segments follow features: look at what else has drifted.")
