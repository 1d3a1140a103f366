"""What a customer did between orders: visits, e-mails opened, tickets, and whatever else the log holds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import narwhals as nw

from clm_ml.features.catalogue import FADING_DAYS, Feature, count_in, days_since_first, days_since_last, faded

__all__ = ["engagement", "engagement_habit", "engagement_ratios"]

_MEANT_WINDOWS = (30, 90)
#: What people do by habit, so that their own silence tells more than everybody's.
_HABITS = ("visit", "email_open")
#: Of one gap more than was seen: who came once has this one, and many gaps of one's own outweigh it.
_FIRST_GAP_DAYS = 30


def engagement(as_of: int, windows_days: Iterable[int], kinds: Mapping[str, Sequence[int]]) -> list[Feature]:
    """List the engagement features: any event in every window, each meaning in the last 30 and 90 days.

    Grain: events. Counts are of events, whatever their time of day; days since the last are null without one.
    An event type that has no meaning counts as an event.

    >>> [feature.name for feature in engagement(0, [7], {"email_click": [1]})][4:]
    ['days_since_last_email_click', 'email_clicks_last_30d', 'email_clicks_last_90d']
    """
    features = [
        Feature("days_since_last_event", "days since the last event", days_since_last(nw.lit(True), as_of), "engagement", None),
        *(Feature(f"events_last_{days}d", f"events in the last {days} days", count_in(None, as_of, days), "engagement", lookback_days=days) for days in windows_days),
        *(Feature(f"events_faded_over_{days}d", f"events in thousandths, one {days} days old counting half", faded(nw.lit(1), as_of, days), "engagement", learned=False) for days in FADING_DAYS),
    ]  # fmt: skip
    for meaning, numbers in kinds.items():
        word, is_meant = meaning.replace("_", " "), _is_one_of(numbers)
        features += [
            Feature(f"days_since_last_{meaning}", f"days since the last {word}", days_since_last(is_meant, as_of), meaning, None),
            *(Feature(f"{meaning}s_last_{days}d", f"{word}s in the last {days} days", count_in(is_meant, as_of, days), meaning, lookback_days=days) for days in _MEANT_WINDOWS),
        ]  # fmt: skip
        if meaning in _HABITS:
            features += [
                Feature(f"days_since_first_{meaning}", f"days since the first {word}", days_since_first(is_meant, as_of), meaning, None, learned=False),
                Feature(f"{meaning}s_ever", f"{word}s so far", nw.when(is_meant).then(nw.lit(1)).count().cast(nw.Int64), meaning, learned=False),
            ]  # fmt: skip
    return features


def _is_one_of(numbers: Sequence[int]) -> nw.Expr:
    kind = nw.col("kind")
    return kind == numbers[0] if len(numbers) == 1 else kind.is_in(list(numbers))


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


def engagement_habit(meanings: Iterable[str]) -> list[Feature]:
    """List what holds a customer's silence between visits, or e-mails opened, against their own habit.

    The mean gap is that of all seen and one of 30 days more, so that it is never 0 and who came once has one; the ratio
    is days since the last over it. Both are null without any.

    >>> [feature.name for feature in engagement_habit(["ticket", "visit"])]
    ['mean_visit_gap_days', 'visit_overdue_ratio']
    """
    features = []
    for meaning in (each for each in meanings if each in _HABITS):
        word = meaning.replace("_", " ")
        first, last = nw.col(f"days_since_first_{meaning}"), nw.col(f"days_since_last_{meaning}")
        ever, days = nw.col(f"{meaning}s_ever"), first - last + _FIRST_GAP_DAYS
        features += [
            Feature(f"mean_{meaning}_gap_days", f"mean days between {word}s, one gap of {_FIRST_GAP_DAYS} days added", nw.when(ever > 0).then(days / (ever * 1.0)), meaning, None),
            Feature(f"{meaning}_overdue_ratio", f"days since the last {word}, in gaps of one's own", nw.when(ever > 0).then(last * ever / (days * 1.0)), meaning, None),
        ]  # fmt: skip
    return features
