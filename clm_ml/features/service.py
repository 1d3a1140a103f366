"""How content a customer was with us, as far as they said so: satisfaction and reviews with a value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import narwhals as nw

from clm_ml.features.catalogue import Feature
from clm_ml.timeline import lookback

__all__ = ["service", "service_ratios"]

_DAYS = 365


def service(as_of: int, rated: Mapping[str, Sequence[int]]) -> list[Feature]:
    """List the sums of what was answered in the last year, in hundredths so that they are exact, and how often.

    Grain: events. An event without a value says nothing. Tickets and what else service hears are counted as events.

    >>> [feature.name for feature in service(0, {"satisfaction": [4]})]
    ['satisfaction_sum_last_365d', 'satisfactions_rated_last_365d']
    """
    features = []
    for meaning, numbers in rated.items():
        said = lookback(as_of, _DAYS).holds(nw.col("day")) & nw.col("kind").is_in(list(numbers))
        value = nw.when(said).then(nw.col("rating")).otherwise(nw.lit(None, nw.Int32))
        features += [
            Feature(f"{meaning}_sum_last_365d", f"sum of {meaning} in the last 365 days, in hundredths", value.sum().cast(nw.Int64), meaning, learned=False, lookback_days=_DAYS),
            Feature(f"{meaning}s_rated_last_365d", f"times {meaning} was rated in the last 365 days", value.count().cast(nw.Int64), meaning, learned=False, lookback_days=_DAYS),
        ]  # fmt: skip
    return features


def service_ratios(rated: Sequence[str]) -> list[Feature]:
    """List the mean of what was answered in the last year; null where nothing was.

    >>> [feature.name for feature in service_ratios(["satisfaction"])]
    ['mean_satisfaction_last_365d']
    """
    return [
        Feature(f"mean_{meaning}_last_365d", f"mean {meaning} in the last 365 days", _mean(meaning), meaning, None)
        for meaning in rated
    ]


def _mean(meaning: str) -> nw.Expr:
    count = nw.col(f"{meaning}s_rated_last_365d")
    return nw.when(count > 0).then(nw.col(f"{meaning}_sum_last_365d") / (count * 100.0))
