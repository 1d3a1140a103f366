"""What a customer did between orders: visits, e-mails opened, tickets, and whatever else the log holds."""

from __future__ import annotations

from collections.abc import Iterable

import narwhals as nw

from clm_ml.features.catalogue import Feature, days_since_last, sum_in

__all__ = ["engagement", "engagement_ratios"]

_MEANT_WINDOWS = (30, 90)


def engagement(as_of: int, windows_days: Iterable[int], meanings: Iterable[str]) -> list[Feature]:
    """List the engagement features: any event in every window, each meaning in the last 30 and 90 days.

    Grain: event days. Counts are of events, whatever their time of day; days since the last are null without one.
    An event type that has no meaning counts as an event.

    >>> [feature.name for feature in engagement(0, [7], ["email_open"])][2:]
    ['days_since_last_email_open', 'email_opens_last_30d', 'email_opens_last_90d']
    """
    features = [
        Feature("days_since_last_event", "days since the last event", days_since_last(nw.col("events") > 0, as_of), "engagement", None),
        *(Feature(f"events_last_{days}d", f"events in the last {days} days", sum_in("events", as_of, days), "engagement") for days in windows_days),
    ]  # fmt: skip
    for meaning in meanings:
        word = meaning.replace("_", " ")
        since = days_since_last(nw.col(meaning) > 0, as_of)
        features.append(Feature(f"days_since_last_{meaning}", f"days since the last {word}", since, meaning, None))
        features += [
            Feature(
                f"{meaning}s_last_{days}d", f"{word}s in the last {days} days", sum_in(meaning, as_of, days), meaning
            )
            for days in _MEANT_WINDOWS
        ]
    return features


def engagement_ratios(windows_days: Iterable[int]) -> list[Feature]:
    """List what engagement is doing lately: the share of a longer window's events that fell in a shorter one.

    The longer window is the next but one; the share is null where it holds no event.

    >>> [feature.name for feature in engagement_ratios([7, 30, 90])]
    ['events_last_7d_share_of_90d']
    """
    windows = sorted(windows_days)
    return [
        Feature(f"events_last_{short}d_share_of_{long}d", f"share of the last {long} days' events that fell in the last {short}", nw.when(nw.col(f"events_last_{long}d") > 0).then(nw.col(f"events_last_{short}d") / (nw.col(f"events_last_{long}d") * 1.0)), "engagement", None)
        for short, long in zip(windows, windows[2:], strict=False)
    ]  # fmt: skip
