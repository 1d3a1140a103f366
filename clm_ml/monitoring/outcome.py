"""What came after the scores: whether as many ordered as was said, and whether probabilities mean what they say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import exp, log, sqrt
from typing import Any

import numpy as np

from clm_ml.certainty import auc_limits, ece_by_chance, slope_limits, wilson
from clm_ml.config import Monitor
from clm_ml.monitoring.findings import THE_SEASON, Finding, a_year_before, graded, z_of
from clm_ml.monitoring.reference import Reference
from clm_ml.timeline import date_of

__all__ = ["compare_outcomes", "not_known_yet"]

Floats = np.ndarray[Any, np.dtype[np.float64]]


def not_known_yet(closes_on: int) -> Finding:
    """Say from when on it will be known what came."""
    words = f"what came of these scores is known from {date_of(closes_on)} on, when their label window has closed."
    return Finding("outcome", "label window", "silent", None, None, words)


def compare_outcomes(
    ordered: Any, said: Any, ece: float, training: Mapping[str, Any], then: Reference, as_of: int, limits: Monitor
) -> Iterator[Finding]:
    """Compare what came of the active customers with what was said, and that with how the model was judged.

    Args:
        ordered: 1 or 0, a customer each.
        said: the probability of an order, of the same customers.
        ece: the calibration error of the one against the other.
        training: the model's figures on the window it was judged on; empty if it could not be judged.
        then: the reference, which knows how far off the level was in earlier windows.
        as_of: the day of the scores.
        limits: from where on a difference is told.
    """
    came, probability = np.asarray(ordered, dtype=np.float64), np.asarray(said, dtype=np.float64)
    if not 0 < came.sum() < len(came):
        who = "nobody is active" if not len(came) else "all customers had one outcome"
        words = f"{who}, and nothing can be said of probabilities; see whether orders still arrive."
        rate = float(came.mean()) if len(came) else None
        yield Finding("base_rate", "order rate", "alarm", rate, None, words)
        return
    yield _level(came, probability, then, as_of, limits)
    yield _slope(came, probability, limits)
    yield _error(came, probability, ece, training, limits)
    if training.get("auc") is not None:
        yield _auc(came, probability, training, limits)


def _level(came: Floats, said: Floats, then: Reference, as_of: int, limits: Monitor) -> Finding:
    """Grade the order rate against the predicted one, and where a year ago is known against its season too."""
    rate, expected = float(came.mean()), float(said.mean())
    low, high = (float(limit) for limit in wilson(came.sum(), len(came)))
    off, was = log(rate / expected), _offs(then)
    granted = z_of(limits) * sqrt((1 - rate) / (rate * len(came)))
    usual = limits.ordinary_times * (float(np.std(list(was.values()), ddof=1)) if len(was) > 2 else 0.0)
    borders = [max(log(times), usual) + granted for times in (limits.level_notice, limits.level_alarm)]
    level, threshold = graded(abs(off), *borders)
    told = (
        f"{rate:.1%} [{low:.1%}, {high:.1%}] of the active customers ordered, where {expected:.1%} were expected "
        f"({rate / expected:.2f} times)"
    )
    a_year_ago = a_year_before(was, as_of)
    season = 0.0 if a_year_ago is None else was[a_year_ago]
    is_off = abs(off - season) >= borders[0]
    if level == "silent" and is_off:  # the season hides a shift the other way
        level, told = "notice", f"{told}, and a year ago {exp(season):.2f} times as many as expected had"
    border = exp(threshold if off > 0 else -threshold)
    if level == "silent":
        return Finding(
            "base_rate", "order rate", level, rate / expected, border, f"{told}, as near as can be expected."
        )
    if not is_off:
        words = f"{told}; a year ago it was {exp(season):.2f} times. {THE_SEASON}"
        return Finding("season", "order rate", "notice", rate / expected, border, words)
    words = (
        f"{told}: the base rate has shifted. Who comes before whom may still be right; probabilities and amounts are "
        "not. Find out what has changed for everybody (prices, supply, orders that are not logged), then train again."
    )
    return Finding("base_rate", "order rate", level, rate / expected, border, words)


def _offs(then: Reference) -> dict[int, float]:
    """Tell, in logarithms, how far the order rate of each window of training was above what the model says of it."""
    told = {day: past for day, past in then.came.items() if past.predicted and past.ordered}
    return {day: log(past.ordered / past.customers / (past.predicted or 1.0)) for day, past in told.items()}


def _slope(came: Floats, said: Floats, limits: Monitor) -> Finding:
    slope, low, high = slope_limits(came, said)
    told = (
        f"log-odds fit what came if multiplied by {slope:.2f} [{low:.2f}, {high:.2f}] (calibration slope; 1 is right)"
    )
    if not np.isfinite(slope) or low <= 0:
        beyond = 0.0 if not np.isfinite(slope) or high > 1 else limits.slope_alarm
    else:
        beyond = max(low, 1 / high)
    level, threshold = graded(beyond, limits.slope_notice, limits.slope_alarm)
    words = f"{told}."
    if level != "silent":
        is_bold = slope < 1
        words = f"{told}: probabilities are too {'bold' if is_bold else 'timid'}. Train again on what has come since."
    border = threshold if not np.isfinite(slope) or slope >= 1 else 1 / threshold
    return Finding("calibration", "slope", level, slope if np.isfinite(slope) else None, border, words)


def _error(came: Floats, said: Floats, ece: float, training: Mapping[str, Any], limits: Monitor) -> Finding:
    """Grade what neither chance nor a shift of the level, which is told by itself, makes of the calibration error."""
    explained = ece_by_chance(said) + abs(float(came.mean() - said.mean()))
    level, threshold = graded(ece - explained, limits.ece_notice, limits.ece_alarm)
    was = f"; on the window it was judged on it was {training['ece']:.3f}" if training.get("ece") is not None else ""
    words = f"probabilities are {ece:.3f} off on the mean (ECE); chance and the level explain {explained:.3f}{was}."
    if level != "silent":
        words += " Train again on what has come since."
    return Finding("calibration", "ece", level, ece, explained + threshold, words)


def _auc(came: Floats, said: Floats, training: Mapping[str, Any], limits: Monitor) -> Finding:
    """Grade how far the upper limit of the AUC lies below the one of training, and that one's own uncertainty."""
    value, low, high = auc_limits(1 - came, 1 - said)
    was = float(training["auc"])
    # As uncertain as this one, but of as many customers as it was judged on.
    half = (value - low) * sqrt(len(came) / max(1, training.get("customers", len(came))))
    worse = was - value - sqrt((high - value) ** 2 + half**2)
    level, threshold = graded(worse, limits.auc_notice, limits.auc_alarm)
    words = f"the order of customers: AUC {value:.3f} [{low:.3f}, {high:.3f}], and {was:.3f} when the model was judged."
    if level != "silent":
        words += " It finds churners less well than it did: look at which features have drifted, and train again."
    return Finding("discrimination", "auc", level, value, was - threshold, words)
