"""When the next order comes: its median day and an 80 % interval, in keeping with the order probability.

Of the two shapes of `waits` the one speaks that told earlier as_ofs better. It is bent by one exponent a customer, so
that within the horizon an order comes with the customer's own order probability: S(t) = S_shape(t)^k, which makes
the hazard k times the shape's. Some quantiles have no day: of somebody with a churn probability of .97 an order within
any time that could be watched may be less likely than not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from clm_ml.examples import draw_evenly
from clm_ml.model.blocks import blocks
from clm_ml.model.probability import early_and_late
from clm_ml.model.waits import Waits, fit_counted, fit_process, read_waits

__all__ = ["QUANTILES", "NextOrder", "fit_next_order", "pinball", "read_next_order"]

Floats = np.ndarray[Any, np.dtype[np.float64]]

#: Of the wait: the interval's ends hold four of five next orders.
QUANTILES = {"next_order_on": 0.5, "next_order_earliest_on": 0.1, "next_order_latest_on": 0.9}

_MOST = 200_000
_MOST_JUDGED = 20_000
_LEAST = 1e-9  # probability of either outcome
_NONE = 1e-300  # hazard of who is gone: nothing bends it to an order


@dataclass(frozen=True)
class NextOrder:
    """The wait for the next order.

    Attributes:
        waits: the shape that speaks.
        other: the one that was worse on earlier as_ofs; judged beside it.
        horizon_days: the time that the order probability speaks of.
        reach_days: how long the examples could be watched at most: nothing is said of days beyond.
    """

    waits: Waits
    other: Waits
    horizon_days: int
    reach_days: int

    def days(self, complete: pd.DataFrame, order_probability: Floats, quantiles: Sequence[float]) -> Floats:
        """Give the days, counted from as_of (0 is its own), by whose end the next order has come with a probability.

        Infinite where that is beyond `reach_days`, or never: the customer may be gone.

        Args:
            complete: features of those who have ordered, and those against the habit.
            order_probability: each one's within the horizon.
            quantiles: the probabilities.

        Returns:
            a row per quantile, a column per customer.
        """
        rows = blocks(len(complete))
        parts = (self._block(complete.iloc[block], order_probability[block], quantiles) for block in rows)
        return np.hstack([np.empty((len(quantiles), 0)), *parts])

    def swapped(self) -> NextOrder:
        """Let the other shape speak."""
        return NextOrder(self.other, self.waits, self.horizon_days, self.reach_days)

    def facts(self) -> dict[str, Any]:
        """Tell the numbers as plain data."""
        shapes = {"waits": self.waits.facts(), "other": self.other.facts()}
        return {**shapes, "horizon_days": self.horizon_days, "reach_days": self.reach_days}

    def _block(self, complete: pd.DataFrame, order_probability: Floats, quantiles: Sequence[float]) -> Floats:
        churn = np.clip(1 - order_probability, _LEAST, 1 - _LEAST)
        bend = np.maximum(self.waits.hazard(complete, self.horizon_days), _NONE) / -np.log(churn)
        waits = np.stack([self.waits.days(complete, -np.log1p(-quantile) * bend) for quantile in quantiles])
        # Machines differ in the last digits, and a day begins at a whole number.
        days = np.maximum(np.ceil(np.round(waits, 6)) - 1, 0.0)
        return np.where(days < self.reach_days, days, np.inf)


def read_next_order(facts: Mapping[str, Any]) -> NextOrder:
    """Make it again of its facts."""
    waits, other = read_waits(facts["waits"]), read_waits(facts["other"])
    return NextOrder(waits, other, facts["horizon_days"], facts["reach_days"])


def pinball(next_order_days: Any, said: Floats, quantile: float, watched_days: Any) -> float:
    """Give the mean pinball loss of a quantile of the wait, in days, both cut off at what could be watched.

    A quantile of the wait that is cut off is the cut-off quantile, so the loss stays proper though some orders have
    not come yet (null), and some quantiles lie beyond all days (infinite).

    >>> pinball([4.0, None], np.array([6.0, np.inf]), 0.5, 10)
    0.5
    """
    watched = np.asarray(watched_days, dtype=np.float64)
    came = pd.Series(next_order_days, dtype="float64").fillna(np.inf).to_numpy()
    late = np.minimum(came, watched) - np.minimum(said, watched)
    return float(np.maximum(quantile * late, (quantile - 1) * late).mean())


def fit_next_order(buyers: pd.DataFrame, order_probability: Any, known_by: int, horizon_days: int) -> NextOrder:
    """Learn both shapes, and let that one speak which told the later as_ofs better when learned on the earlier.

    Args:
        buyers: examples of those who have ordered, sorted by as_of and customer, with what is held against the habit.
        order_probability: gives each row's, of some of them.
        known_by: the day from which on no order is known.
        horizon_days: the time that the order probability speaks of.
    """
    early, late = early_and_late(buyers)
    shapes = _shapes(buyers, known_by, horizon_days)
    learned = NextOrder(*shapes, horizon_days, int(known_by - buyers["as_of"].iloc[0]))
    if early.empty:
        return learned
    judged, until = draw_evenly(late, _MOST_JUDGED), int(late["as_of"].iloc[0])
    said, watched = order_probability(judged), known_by - judged["as_of"].to_numpy(dtype=np.float64)
    losses = [
        _loss(judged, one.days(judged, said, list(QUANTILES.values())), watched)
        for one in _both(NextOrder(*_shapes(early, until, horizon_days), horizon_days, learned.reach_days))
    ]
    return learned if losses[0] <= losses[1] else learned.swapped()


def _loss(judged: pd.DataFrame, days: Floats, watched: Floats) -> float:
    quantiles = QUANTILES.values()
    return sum(pinball(judged["next_order_days"], said, q, watched) for q, said in zip(quantiles, days, strict=True))


def _both(one: NextOrder) -> tuple[NextOrder, NextOrder]:
    return one, one.swapped()


def _shapes(buyers: pd.DataFrame, known_by: int, horizon_days: int) -> tuple[Waits, Waits]:
    drawn = draw_evenly(buyers, _MOST)
    latest = buyers[buyers["as_of"] == buyers["as_of"].iloc[-1]]
    counted = fit_counted(drawn, known_by - drawn["as_of"].to_numpy(dtype=np.float64), horizon_days)
    return fit_process(draw_evenly(latest, _MOST)), counted
