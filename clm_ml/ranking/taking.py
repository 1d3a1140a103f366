"""Whom the money and the capacity of the channels last for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from math import inf, lcm
from typing import Any, Literal

import numpy as np
import pandas as pd

from clm_ml.config import ListPlan
from clm_ml.lifecycle import Play
from clm_ml.memory import give_back_memory

__all__ = ["give_away", "in_order", "take"]


def give_away(frame: pd.DataFrame, *places: Any) -> list[pd.DataFrame]:
    """Take rows out of a frame, which is empty afterwards: column by column, since no long list is to be held twice.

    >>> frame = pd.DataFrame({"customer_id": ["a", "b", "c"], "rank": [1, 2, 3]})
    >>> [part["customer_id"].tolist() for part in give_away(frame, [2, 0], [1])]
    [['c', 'a'], ['b']]
    """
    parts: list[dict[str, Any]] = [{} for _ in places]
    for name in map(str, list(frame)):
        column = frame.pop(name).array
        for part, where in zip(parts, places, strict=True):
            part[name] = column.take(where)
        del column
        give_back_memory()
    return [pd.DataFrame(part, copy=False) for part in parts]


def in_order(frame: pd.DataFrame) -> pd.DataFrame:
    """Put first whose contact earns most for what it costs."""
    by = [name for name in ("earned", "expected_profit", "customer_id") if name == "earned" or name in frame]
    earned = frame["expected_profit"] / frame["contact_cost"]
    return frame.assign(earned=earned).sort_values(by, ascending=[name == "customer_id" for name in by])


def take(frame: pd.DataFrame, plan: ListPlan, plays: Mapping[str, Play]) -> tuple[pd.Index, dict[str, int]]:
    """Find whom money and channels last for, in the order of the list, and count those for whom they do not.

    Members come first, since they were promised.
    """
    ranked = in_order(frame[["customer_id", "segment", "expected_profit", "contact_cost", "is_member"]])
    wholes, money = _in_wholes(ranked["contact_cost"], plan.budget)
    channels = ranked["segment"].map({name: play.channel for name, play in plays.items()})
    told = _affordable(wholes, ranked["is_member"].tolist(), money, channels.tolist(), plan.capacity)
    ways = np.array(told, dtype=object)
    counts = {f"over the {way}": int((ways == way).sum()) for way in ("budget", "capacity")}
    return ranked.index[ways == "taken"], counts


def _in_wholes(costs: pd.Series[float], budget: float) -> tuple[list[int], int]:
    """Write money as whole numbers of one unit, in the decimals that were written: .3 pays for three of .1."""
    exact = {cost: Fraction(str(cost)) for cost in (*costs.unique().tolist(), budget)}
    unit = lcm(*(cost.denominator for cost in exact.values()))
    wholes = {cost: int(fraction * unit) for cost, fraction in exact.items()}
    return costs.map(wholes).tolist(), wholes[budget]


def _affordable(
    costs: Sequence[int], is_member: Sequence[bool], money: int, channels: Sequence[str], capacity: Mapping[str, int]
) -> list[Literal["taken", "budget", "capacity"]]:
    """Say of each, the best first, whether they are taken, or else what they were too many for.

    Members are always taken; others, while the rest of the money and of their channel's capacity last.
    """
    free: dict[str, float] = dict(capacity)
    for cost, channel, old in zip(costs, channels, is_member, strict=True):
        if old:
            money, free[channel] = money - cost, free.get(channel, inf) - 1
    ways: list[Literal["taken", "budget", "capacity"]] = []
    for cost, channel, old in zip(costs, channels, is_member, strict=True):
        fits = old or (cost <= money and free.get(channel, inf) >= 1)
        ways.append("taken" if fits else "budget" if cost > money else "capacity")
        if fits and not old:
            money, free[channel] = money - cost, free.get(channel, inf) - 1
    return ways
