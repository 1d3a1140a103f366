"""The rules of the segments, and where their borders lie, in words."""

from __future__ import annotations

from clm_ml.config import SegmentRule, SegmentRules
from clm_ml.model import Lifecycle

__all__ = ["border_words", "rule_words"]

_WORDS = {
    "active": "active",
    "just_stopped": "just stopped",
    "gone": "gone",
    "one": "ordered on one day",
    "several": "ordered on several days",
    True: "no order, an e-mail address",
    False: "no order and no e-mail address",
}


def rule_words(rules: SegmentRules) -> dict[str, str]:
    """Say of each segment who is in it.

    >>> from clm_ml.config import USUAL_SEGMENTS
    >>> rule_words(USUAL_SEGMENTS)["loyal"]
    'active, ordered on several days, high frequency, low or middle value'
    """
    return {name: _rule(rule) for name, rule in rules.rules.items()}


def _rule(rule: SegmentRule) -> str:
    told = [", ".join(_facet(facet, words) for facet, words in condition.facets().items()) for condition in rule.when]
    return "; or ".join(told)


def _facet(facet: str, words: tuple[object, ...]) -> str:
    tier = f" {facet}" if facet in ("frequency", "value") else ""
    return " or ".join(_WORDS.get(word, str(word)) for word in words) + tier


def border_words(lifecycle: Lifecycle, currency: str) -> list[str]:
    """Say what the words of the rules mean: the thresholds, and the borders as they were fitted."""
    cuts, lapse = lifecycle.cuts, lifecycle.lapse
    orders, amounts = [f"{border:g}" for border in cuts.frequency_tiers], [f"{b:,.2f}" for b in cuts.value_tiers]
    days, counts = [f"{-border:g}" for border in cuts.recency[::-1]], [f"{b:g}" for b in cuts.frequency[::-1]]
    money = [f"{border:,.2f}" for border in cuts.money[::-1]]
    return [
        f"state: just stopped from {lapse.after_gaps:g} expected gaps of silence on (and {lapse.at_least_days} days), "
        f"gone from {lapse.gone_after_gaps:g} on",
        "expected gap: one's own, the less of one's own is known the more the population's, "
        f"{lifecycle.rhythm.gap_days:.1f} days",
        f"frequency: middle with more than {orders[0]} orders, high with more than {orders[1]}",
        f"value: middle above {amounts[0]} {currency} so far, high above {amounts[1]}",
        f"R score: 5 up to {days[0]} days since the last order, then up to {', '.join(days[1:])}",
        f"F score: 5 from {counts[0]} orders on, then from {', '.join(counts[1:])}",
        f"M score: 5 from {money[0]} {currency} so far on, then from {', '.join(money[1:])}",
    ]
