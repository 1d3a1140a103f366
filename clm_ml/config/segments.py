"""The rules that place people in segments: eleven by default, or a shop's own.

Whatever rules a shop writes, everyone must be in exactly one segment. So they are held against all combinations of
facets before anything runs. All 56 of them can be reached: who orders thrice on one day has still ordered on one, but
is of a higher tier of frequency, and where returns are high so can be the orders, and low what is left of them. Only
while `lapse` says gone as soon as it says lapsed has nobody just stopped; rules have to hold for other thresholds too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from itertools import product
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from clm_ml.config.frozen import Frozen

__all__ = [
    "ORDERS", "STATES", "TIERS", "USUAL_SEGMENTS", "Condition", "SegmentRule", "SegmentRules", "combinations",
    "read_segment_rules",
]  # fmt: skip

STATES = ("active", "just_stopped", "gone")
ORDERS = ("one", "several")
TIERS = ("low", "middle", "high")

#: What is known of a customer, and of people without an order; each with its words.
_CUSTOMERS: dict[str, tuple[str, ...]] = {"state": STATES, "orders": ORDERS, "frequency": TIERS, "value": TIERS}
_VISITORS = {"has_email": (False, True)}


def _as_list(value: Any) -> Any:
    """Take one word for a list of it."""
    return value if isinstance(value, list | tuple) else [value]


_Listed = (BeforeValidator(_as_list), Field(min_length=1))
States = Annotated[tuple[Literal["active", "just_stopped", "gone"], ...], *_Listed]
Orders = Annotated[tuple[Literal["one", "several"], ...], *_Listed]
Tiers = Annotated[tuple[Literal["low", "middle", "high"], ...], *_Listed]
Flags = Annotated[tuple[Annotated[bool, Field(strict=True)], ...], *_Listed]
Inner = Annotated[float, Field(strict=True, gt=0, lt=1)]


def _as_name(name: str) -> str:
    """Refuse what could be no end of a column's name."""
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,39}", name):
        raise ValueError("a segment's name has at most 40 lower-case letters, digits and _, and begins with a letter")
    return name


Name = Annotated[str, AfterValidator(_as_name)]


class Condition(Frozen):
    """What somebody must be, facet by facet: one of the words that each names; a facet that is left out may be any."""

    state: States | None = Field(None, description="active, just_stopped, gone: by the overdue ratio (see lapse).")
    orders: Orders | None = Field(None, description="one, several: the days with an order so far.")
    frequency: Tiers | None = Field(None, description="low, middle, high: by orders so far (frequency_shares).")
    value: Tiers | None = Field(None, description="low, middle, high: by amount so far (value_shares).")
    has_email: Flags | None = Field(None, description="true, false: of people without an order, and they alone.")

    @model_validator(mode="after")
    def _is_of_one_kind(self) -> Condition:
        if not self.facets():
            raise ValueError(f"name at least one of {', '.join((*_CUSTOMERS, *_VISITORS))}")
        if self.is_of_visitors and len(self.facets()) > 1:
            raise ValueError("has_email is of people without an order, who have no other facet")
        return self

    @property
    def is_of_visitors(self) -> bool:
        """Whether it speaks of people without an order."""
        return self.has_email is not None

    def facets(self) -> dict[str, tuple[Any, ...]]:
        """Give the words of each facet that is named."""
        told = {name: getattr(self, name) for name in type(self).model_fields}
        return {name: tuple(words) for name, words in told.items() if words is not None}

    def holds(self, combination: Mapping[str, Any]) -> bool:
        """Say whether somebody of this combination of facets is meant.

        >>> Condition(state="gone").holds({"state": "gone", "orders": "one", "frequency": "low", "value": "low"})
        True
        >>> Condition(state="gone").holds({"has_email": True})
        False
        """
        return all(combination.get(name) in words for name, words in self.facets().items())


class SegmentRule(Frozen):
    """One segment: its phase, and who is in it."""

    phase: Literal["acquisition", "retention", "increased_value", "veneration", "reactivation"] = Field(
        description="acquisition, retention, increased_value, veneration or reactivation."
    )
    when: Annotated[tuple[Condition, ...], Field(min_length=1)] = Field(
        description="Conditions, of which at least one must hold, as {state: active, orders: one, value: [low, high]}."
    )

    @field_validator("when")
    @classmethod
    def _are_of_one_kind(cls, when: tuple[Condition, ...]) -> tuple[Condition, ...]:
        if len({condition.is_of_visitors for condition in when}) > 1:
            raise ValueError("a segment holds customers or people without an order (has_email), not both")
        return when

    @property
    def is_of_visitors(self) -> bool:
        """Whether it holds people without an order."""
        return self.when[0].is_of_visitors

    def written(self) -> dict[str, Any]:
        """Give it as a person writes it: one word instead of a list of it, and no key that says nothing.

        >>> SegmentRule(phase="retention", when=[{"state": "active", "orders": ["one", "several"]}]).written()
        {'phase': 'retention', 'when': [{'state': 'active', 'orders': ['one', 'several']}]}
        """
        when = [
            {name: words[0] if len(words) == 1 else list(words) for name, words in condition.facets().items()}
            for condition in self.when
        ]
        return {"phase": self.phase, "when": when}


def combinations() -> Iterator[dict[str, Any]]:
    """List every combination of facets: the visitors' two, then the customers', the last facet changing fastest.

    >>> sum(1 for _ in combinations())
    56
    """
    for facets in (_VISITORS, _CUSTOMERS):
        yield from (dict(zip(facets, words, strict=True)) for words in product(*facets.values()))


def _rule(phase: str, *when: dict[str, Any]) -> SegmentRule:
    return SegmentRule.model_validate({"phase": phase, "when": when})


_BEST = ({"orders": "several", "value": "high"}, {"orders": "several", "frequency": "high", "value": "middle"})
_OTHERS = (
    {"orders": "one"},
    {"orders": "several", "value": "low"},
    {"orders": "several", "frequency": ["low", "middle"], "value": "middle"},
)
_OFTEN = {"state": "active", "orders": "several", "frequency": "high"}
_FAIRLY = {"state": "active", "orders": "several", "frequency": "middle"}

_ELEVEN = {
    "engaged_visitor": _rule("acquisition", {"has_email": False}),
    "loyal_visitor": _rule("acquisition", {"has_email": True}),
    "first_time": _rule("retention", {"state": "active", "orders": "one"}),
    "recent": _rule("retention", {"state": "active", "orders": "several", "frequency": "low"}),
    "promising": _rule("increased_value", {**_FAIRLY, "value": "low"}),
    "potential_loyalist": _rule("increased_value", {**_FAIRLY, "value": ["middle", "high"]}),
    "loyal": _rule("veneration", {**_OFTEN, "value": ["low", "middle"]}),
    "champion": _rule("veneration", {**_OFTEN, "value": "high"}),
    "cannot_lose": _rule("reactivation", *({"state": "gone", **best} for best in _BEST)),
    "at_risk": _rule("reactivation", *({"state": "just_stopped", **best} for best in _BEST)),
    "falling_asleep": _rule("reactivation", *({"state": ["just_stopped", "gone"], **other} for other in _OTHERS)),
}


class SegmentRules(Frozen):
    """Who is in which segment: the tiers and the rules, in the order of the lifecycle."""

    frequency_shares: tuple[Inner, Inner] = Field(
        (1 / 3, 2 / 3), description="Shares of customers with several orders at which middle and high frequency begin."
    )
    value_shares: tuple[Inner, Inner] = Field(
        (1 / 3, 2 / 3), description="Shares of customers at which middle and high value begin."
    )
    rules: Annotated[dict[Name, SegmentRule], Field(min_length=1)] = Field(
        _ELEVEN,
        description="The segments in the order of the lifecycle: name: {phase, when: [conditions]}. "
        "Facets of a condition are state (active, just_stopped, gone), orders (one, several), frequency and value "
        "(low, middle, high), and, of people without an order, has_email. Each combination is in exactly one segment.",
    )

    @field_validator("frequency_shares", "value_shares")
    @classmethod
    def _are_increasing(cls, shares: tuple[float, float]) -> tuple[float, float]:
        if shares[0] >= shares[1]:
            raise ValueError("the share at which high begins must be larger than that of middle")
        return shares

    @field_validator("rules")
    @classmethod
    def _hold_everyone_once(cls, rules: dict[str, SegmentRule]) -> dict[str, SegmentRule]:
        for combination in combinations():
            found = [name for name, rule in rules.items() if any(when.holds(combination) for when in rule.when)]
            if len(found) != 1:
                told = ", ".join(f"{facet}: {_word(word)}" for facet, word in combination.items())
                who = f"both {found[0]} and {found[1]} hold" if found else "no segment holds"
                raise ValueError(f"{who} {{{told}}}; every combination must be in exactly one segment")
        return rules

    @property
    def names(self) -> tuple[str, ...]:
        """The segments, in the order of the lifecycle."""
        return tuple(self.rules)

    @property
    def phases(self) -> dict[str, str]:
        """Each segment's phase."""
        return {name: rule.phase for name, rule in self.rules.items()}

    @property
    def are_of_visitors(self) -> tuple[bool, ...]:
        """Whether each holds people without an order, in the order of `names`."""
        return tuple(rule.is_of_visitors for rule in self.rules.values())

    @cached_property
    def places(self) -> tuple[int, ...]:
        """The place in `names` of every combination, in the order of `combinations`."""
        return tuple(map(self._place, combinations()))

    def _place(self, combination: Mapping[str, Any]) -> int:
        held = (any(when.holds(combination) for when in rule.when) for rule in self.rules.values())
        return next(place for place, is_held in enumerate(held) if is_held)

    def place_alike(self, other: SegmentRules) -> bool:
        """Say whether both place everyone in the same segments, however they are written."""
        mine, theirs = (
            (one.frequency_shares, one.value_shares, list(one.phases.items()), one.places) for one in (self, other)
        )
        return mine == theirs

    def facts(self) -> dict[str, Any]:
        """Tell what places people as plain data, the segments in their order.

        >>> SegmentRules().facts()["rules"][0]
        {'name': 'engaged_visitor', 'phase': 'acquisition', 'when': [{'has_email': [False]}]}
        """
        rules = [{"name": name, **rule.model_dump(mode="json", exclude_none=True)} for name, rule in self.rules.items()]
        shares = {"frequency_shares": list(self.frequency_shares), "value_shares": list(self.value_shares)}
        return {**shares, "rules": rules}


#: The rules of whoever has none of their own.
USUAL_SEGMENTS = SegmentRules()


def read_segment_rules(facts: Mapping[str, Any]) -> SegmentRules:
    """Make the rules again of their facts.

    >>> read_segment_rules(SegmentRules().facts()) == SegmentRules()
    True
    """
    rules = {rule["name"]: {"phase": rule["phase"], "when": rule["when"]} for rule in facts["rules"]}
    return SegmentRules.model_validate({**facts, "rules": rules})


def _word(word: Any) -> str:
    return str(word).lower() if isinstance(word, bool) else str(word)
