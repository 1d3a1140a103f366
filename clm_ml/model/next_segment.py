"""Where a customer will be in the lifecycle when the horizon ends: a probability for each segment.

Who does not order has a next segment that is known but for returns: theirs now, after so much more silence. So the
probability of an order divides the question: P(segment) = (1 - p) × P(segment | silence) + p × P(segment | an order).
The first is a table by that silent segment, the second a multinomial logistic regression on how far somebody is from
the borders and on their rhythm (with few orders a table). The Markov matrix of the training's transitions is what they
must beat together; where they do not, it speaks (see `NextSegment.refused`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import reduce
from typing import Any

import numpy as np
import pandas as pd

from clm_ml.config import USUAL_SEGMENTS, Lapse, SegmentRules
from clm_ml.examples import draw_evenly, standing_ahead
from clm_ml.features import Rhythm, against_habit
from clm_ml.model.blocks import blocks
from clm_ml.model.borders import Near, find_near, near_rows
from clm_ml.segments import CutPoints, place_in_segments

__all__ = ["Lifecycle", "NextSegment", "Transitions", "fit_next_segment", "read_next_segment"]

Floats = np.ndarray[Any, np.dtype[np.float64]]
Places = np.ndarray[Any, np.dtype[np.int64]]
Bools = np.ndarray[Any, np.dtype[np.bool_]]
Table = tuple[tuple[float, ...], ...]

#: As many examples say enough, and are drawn evenly: every so many of those sorted by as_of and customer.
_MOST, _MOST_ORDERING = 200_000, 20_000
_FEWEST = 100
#: What is kept for the segments that an order was never seen to lead to.
_UNSEEN = 0.002


@dataclass(frozen=True)
class Lifecycle:
    """What places people in segments: the stored borders, rhythm and rules; and how far ahead is looked."""

    cuts: CutPoints
    lapse: Lapse
    rhythm: Rhythm
    horizon_days: int
    rules: SegmentRules = USUAL_SEGMENTS

    @property
    def segments(self) -> int:
        """How many segments there are."""
        return len(self.rules.names)

    @property
    def is_visitor(self) -> Bools:
        """Whether each segment holds people without an order."""
        return np.array(self.rules.are_of_visitors)

    def now(self, complete: pd.DataFrame) -> Places:
        """Give each row's place among the segments at as_of."""
        return place_in_segments(complete, self.cuts, self.lapse, self.rules)

    def silent(self, complete: pd.DataFrame) -> Places:
        """Give the place at the end of the horizon of those who neither order nor return anything in it."""
        days = complete["days_since_last_order"].astype("float64") + self.horizon_days
        later = complete[["orders_ever", "order_days_ever", "amount_ever", "has_email"]]
        return self.now(later.assign(overdue_ratio=days / complete["expected_gap_days"]))

    def ahead(self, examples: pd.DataFrame) -> Places:
        """Give the place at the end of the label window, by what came in it: the label."""
        standing = standing_ahead(examples, self.horizon_days)
        return self.now(against_habit(standing, self.rhythm, self.lapse))


@dataclass(frozen=True)
class Transitions:
    """The shares of those in one segment who are next in each: a row per segment, each adding up to 1."""

    shares: Table

    def rows(self, places: Places) -> Floats:
        """Give the shares of each place: a row per segment, a column per person."""
        shares = np.asarray(self.shares)
        return (shares / shares.sum(axis=1, keepdims=True)).T[:, places]


@dataclass(frozen=True)
class Ordering:
    """P(segment | an order): a multinomial logistic regression. `places` are the segments it has seen.

    Attributes:
        places: among the segments; one row of weights each.
        weights: of the numbers of `near_rows`, in their own units.
        levels: of the segment at as_of, in the order of the segments.
        shares: how often each segment followed an order; a little is kept for those that never did.
        near: the amount and the gap of those who have none.
    """

    places: tuple[int, ...]
    weights: Table
    levels: Table
    shares: tuple[float, ...]
    near: Near

    def probabilities(self, complete: pd.DataFrame, now: Places, lifecycle: Lifecycle) -> Floats:
        """Give a row per segment, a column per person, whose probabilities add up to 1."""
        numbers = near_rows(complete, lifecycle.cuts, lifecycle.horizon_days, self.near)
        logits = np.asarray(self.levels)[:, now]
        # A number at a time, not as a matrix: a person scored alone then gets the same bits as among a million.
        for logit, weights in zip(logits, self.weights, strict=True):
            for number, weight in zip(numbers, weights, strict=True):
                np.add(logit, weight * number, out=logit)
        likely = np.exp(logits - logits.max(axis=0))
        found = np.repeat(_UNSEEN * np.asarray(self.shares)[:, None], len(now), axis=1)
        found[list(self.places)] += (1 - _UNSEEN) * likely / _total(likely)
        return found


@dataclass(frozen=True)
class NextSegment:
    """The next segment of everyone.

    Attributes:
        markov: from the segment at as_of, of all.
        silence: from the silent segment, of those who did not order.
        order: from the segment at as_of, of those who did; asked where `ordering` could not be learned.
        ordering: the same, learned; None where too few ordered.
        is_refused: whether the Markov matrix speaks.
    """

    markov: Transitions
    silence: Transitions
    order: Transitions
    ordering: Ordering | None
    is_refused: bool = False

    def refused(self) -> NextSegment:
        """Let the Markov matrix speak, as it must where it was better on an as_of that neither had seen."""
        return replace(self, is_refused=True)

    def probabilities(self, complete: pd.DataFrame, order_probability: Floats, lifecycle: Lifecycle) -> Floats:
        """Give a row per person, a column per segment; rows add up to 1, and are NaN where the order's is.

        Who has ordered is never a visitor again. A customer stays in their silent segment with one less the
        probability of an order, but for returns.

        Args:
            complete: features, and those against the habit.
            order_probability: each row's.
            lifecycle: the borders the learner was fitted with.
        """
        parts = [
            self._block(complete.iloc[block], order_probability[block], lifecycle) for block in blocks(len(complete))
        ]
        return np.concatenate([np.empty((0, lifecycle.segments)), *parts])

    def of_markov(self, complete: pd.DataFrame, lifecycle: Lifecycle) -> Floats:
        """Give what the Markov matrix says, as `probabilities` does."""
        return self.markov.rows(lifecycle.now(complete)).T

    def facts(self) -> dict[str, Any]:
        """Tell the numbers as plain data."""
        return asdict(self)

    def _block(self, complete: pd.DataFrame, order_probability: Floats, lifecycle: Lifecycle) -> Floats:
        now = lifecycle.now(complete)
        if self.is_refused:
            return np.where(np.isnan(order_probability), np.nan, self.markov.rows(now)).T
        silent = self.silence.rows(lifecycle.silent(complete))
        own = self.ordering
        active = self.order.rows(now) if own is None else own.probabilities(complete, now, lifecycle)
        mixed = (1 - order_probability) * silent + order_probability * active
        return (mixed / _total(mixed)).T


def _total(rows: Floats) -> Floats:
    """Add up the segments one after the other: NumPy's own order depends on how many people there are."""
    return reduce(np.add, rows)


def read_next_segment(facts: Mapping[str, Any], segments: int) -> NextSegment:
    """Make it again of its facts.

    Raises:
        ValueError: if it is not of so many segments.
    """
    ordering = facts["ordering"]
    markov, silence, order = (_table(facts[name]["shares"]) for name in ("markov", "silence", "order"))
    if {segments} != {len(row) for table in (markov, silence, order) for row in (table, *table)}:
        raise ValueError(f"there is a row and a column for each of {segments} segments")
    return NextSegment(
        markov=Transitions(markov),
        silence=Transitions(silence),
        order=Transitions(order),
        ordering=None if ordering is None else _read_ordering(ordering, segments),
        is_refused=bool(facts["is_refused"]),
    )


def _read_ordering(facts: Mapping[str, Any], segments: int) -> Ordering:
    weights, levels = _table(facts["weights"]), _table(facts["levels"])
    if {segments} != {len(row) for row in (facts["shares"], *levels)}:
        raise ValueError(f"there is a level and a share for each of {segments} segments")
    return Ordering(tuple(facts["places"]), weights, levels, tuple(facts["shares"]), Near(**facts["near"]))


def _table(rows: Any) -> Table:
    return tuple(tuple(row) for row in rows)


def fit_next_segment(frame: pd.DataFrame, lifecycle: Lifecycle) -> NextSegment:
    """Learn from examples.

    Args:
        frame: sorted by as_of and customer, with the labels and what is held against the habit.
        lifecycle: the borders, which tell where each example went.
    """
    drawn = draw_evenly(frame, _MOST)
    now, silent, ahead = lifecycle.now(drawn), lifecycle.silent(drawn), lifecycle.ahead(drawn)
    has_ordered = drawn["ordered"].to_numpy() == 1
    return NextSegment(
        markov=_count(now, ahead, lifecycle),
        silence=_count(silent[~has_ordered], ahead[~has_ordered], lifecycle),
        order=_count(now[has_ordered], ahead[has_ordered], lifecycle),
        ordering=_fit_ordering(draw_evenly(frame[frame["ordered"] == 1], _MOST_ORDERING), lifecycle),
    )


def _count(places: Places, ahead: Places, lifecycle: Lifecycle) -> Transitions:
    """Count transitions, with one customer's worth of doubt for each segment, spread as all who moved were."""
    is_visitor = lifecycle.is_visitor
    counts = np.zeros((lifecycle.segments, lifecycle.segments))
    np.add.at(counts, (places, ahead), 1.0)
    doubt = np.where(is_visitor[:, None] | ~is_visitor, counts.sum(axis=0) + 0.5, 0.0)
    shares = counts + doubt / doubt.sum(axis=1, keepdims=True)
    return Transitions(_rounded(shares / shares.sum(axis=1, keepdims=True)))


def _fit_ordering(rows: pd.DataFrame, lifecycle: Lifecycle) -> Ordering | None:
    """Learn what follows an order; None where too few ordered, or all of them went to one segment."""
    if len(rows) < _FEWEST:
        return None
    near = find_near(rows)
    ahead, now = lifecycle.ahead(rows), np.eye(lifecycle.segments)[lifecycle.now(rows)]
    numbers = near_rows(rows, lifecycle.cuts, lifecycle.horizon_days, near).T
    seen = np.unique(ahead)
    if len(seen) < 3:
        return None
    centres, spreads = numbers.mean(axis=0), numbers.std(axis=0)
    spreads[spreads == 0] = 1.0
    given = np.hstack([(numbers - centres) / spreads, now])
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 - takes long, and only learning needs it

    fitted = LogisticRegression(C=0.1, max_iter=200, tol=1e-3).fit(given, ahead)
    weights = fitted.coef_[:, : len(centres)] / spreads
    levels = fitted.coef_[:, len(centres) :] + (fitted.intercept_ - weights @ centres)[:, None]
    counts = np.where(lifecycle.is_visitor, 0.0, np.bincount(ahead, minlength=lifecycle.segments) + 0.5)
    shares = _rounded((counts / counts.sum())[None])[0]
    return Ordering(tuple(seen.tolist()), _rounded(weights), _rounded(levels), shares, near)


def _rounded(table: Floats) -> Table:
    # As many digits as the evidence has; the last ones would differ between machines.
    return tuple(tuple(float(f"{number:.6g}") for number in row) for row in table)
