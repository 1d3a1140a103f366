"""The model: the learners, their task, their features, the stored cut-points, and their evaluation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype
from scipy.special import expit

from clm_ml.config import USUAL_SEGMENTS, Inputs, Lapse, SegmentRules, Task
from clm_ml.errors import ModelError, did_you_mean
from clm_ml.features import Rhythm, against_habit, catalogue
from clm_ml.model.ahead import next_order_columns, next_segment_columns
from clm_ml.model.attributes import Attributes
from clm_ml.model.next_order import NextOrder
from clm_ml.model.next_segment import Lifecycle, NextSegment
from clm_ml.model.prior import PRIOR_LOG_ODDS, Prior
from clm_ml.model.probability import Probability
from clm_ml.model.reasons import Teller, reason_columns
from clm_ml.model.value import Amount
from clm_ml.segments import CutPoints, find_segments
from clm_ml.timeline import date_of

__all__ = ["Model", "may_be_null"]

Floats = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True)
class Model:
    """Everything scoring needs: whoever is scored alone gets the same row as among a million.

    Attributes:
        task: what is predicted.
        lapse: when a customer has just stopped, and is gone.
        inputs: what the features are made of, besides orders.
        rhythm: the population's gap between orders.
        cuts: the borders of scores and segments.
        prior: what order histories alone say.
        customers: the probability of an order, of those who have ordered; None if no outcome was there to learn from,
            so that the prior speaks.
        visitors: the same of those who have not; None if training knew of none.
        amount: the amount given an order; None as for customers.
        next_segment: where everyone will be when the horizon ends; None as for customers.
        next_order: when customers order next; None as for customers.
        attributes: what the attributes of people tell.
        segments: who is in which segment.
        facts: where and when it was learned, and how it was judged: plain data.
        reference: what training saw, in counts, for `monitor`: plain data; empty in models of before there was one.
        card: the model card, as Markdown; empty if nobody wrote one.
    """

    task: Task
    lapse: Lapse
    inputs: Inputs
    rhythm: Rhythm
    cuts: CutPoints
    prior: Prior = field(repr=False)
    customers: Probability | None = field(repr=False)
    visitors: Probability | None = field(repr=False)
    amount: Amount | None = field(repr=False)
    next_segment: NextSegment | None = field(default=None, repr=False)
    next_order: NextOrder | None = field(default=None, repr=False)
    attributes: Attributes = field(default=Attributes({}), repr=False)
    segments: SegmentRules = field(default=USUAL_SEGMENTS, repr=False)
    currency: str = "EUR"
    facts: Mapping[str, Any] = field(default_factory=dict, repr=False)
    reference: Mapping[str, Any] = field(default_factory=dict, repr=False)
    card: str = field(default="", repr=False)

    def features(self) -> list[str]:
        """List the columns a frame of features must have, before those against the customer's habit."""
        return [*self.numbers(), *self.attributes.log_odds]

    def numbers(self) -> list[str]:
        """List those of them that are numbers; the others are text."""
        return [*_given(self.task, self.inputs), "has_email", "as_of"]

    @property
    def lifecycle(self) -> Lifecycle:
        """What places people in segments, now and ahead."""
        return Lifecycle(self.cuts, self.lapse, self.rhythm, self.task.horizon_days, self.segments)

    def score(self, features: Any, reasons: bool = True) -> pd.DataFrame:
        """Score people: one row each, in the order given, with the columns of `scores.parquet`.

        Args:
            features: one row per person, as `describe` gives them: any frame Narwhals knows.
            reasons: whether to say why; it costs far more than the scores.

        Returns:
            `churn_probability`, `value_at_risk` and the R/F/M scores are null for those who never ordered, and
            so is what is held against their habit, or looks ahead but for the next segment. Amounts are in
            `currency`. `model.ahead` says what the columns mean that look ahead, and when they are null.

        Raises:
            ModelError: if a column is missing that the model learned from, or holds no numbers.
        """
        frame = self.complete(features)
        scores = self._estimates(frame)
        if reasons:
            return pd.concat([scores, self.explain(frame)], axis=1)
        return scores

    def complete(self, features: Any) -> pd.DataFrame:
        """Check that every feature is there, and add those against the customer's own habit and what the prior says."""
        frame = _as_pandas(features)
        missing = [column for column in ("customer_id", *self.features()) if column not in frame.columns]
        if missing:
            near = did_you_mean(missing[0], frame.columns) or "."
            more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
            raise ModelError(f"the model learned from {missing[0]}{more}, which the features lack{near}")
        texts = [column for column in self.numbers() if not is_numeric_dtype(frame[column])]
        if texts:
            raise ModelError(f"{texts[0]} must be a number in every row; it is {frame[texts[0]].dtype}.")
        habits = against_habit(frame, self.rhythm, self.lapse)
        return self.prior.with_log_odds(self.attributes.add_to(habits))

    def explain(self, complete: pd.DataFrame) -> pd.DataFrame:
        """Say why the churn probability is what it is: `reason_1..3`, the weightiest first."""
        ordered = complete["orders_ever"].to_numpy() > 0
        teller = Teller(self.task, self.currency)
        themes = {feature.name: feature.theme for feature in catalogue(self.task, self.inputs)}
        told = [
            teller.tell(complete[who], self._behaviour(learner.contributions(complete[who])), themes)
            for who, learner in ((ordered, self.customers), (~ordered, self.visitors))
            if learner is not None and who.any()
        ]
        return pd.concat(told).reindex(complete.index) if told else reason_columns(complete.index)

    def _behaviour(self, contributions: pd.DataFrame) -> pd.DataFrame:
        """Leave out attributes: no reason speaks of what somebody is, only of what they did."""
        return contributions.drop(columns=self.attributes.columns(), errors="ignore")

    def _estimates(self, frame: pd.DataFrame) -> pd.DataFrame:
        ordered = frame["orders_ever"].to_numpy() > 0
        probability = self.order_probability(frame)
        churn = np.where(ordered, 1 - probability, np.nan)
        amount = self.amount_if_ordering(frame)
        as_ofs = pd.to_datetime(frame["as_of"].map({day: date_of(day) for day in frame["as_of"].unique()})).dt.date
        placed = find_segments(frame, self.cuts, self.lapse, self.segments)
        known = frame[["days_since_last_order", "expected_gap_days", "overdue_ratio"]].astype("Float64")
        known["days_since_last_order"] = known["days_since_last_order"].astype("Int64")
        estimates = pd.DataFrame(
            {
                "order_probability": probability,
                "churn_probability": churn,
                "expected_value": probability * amount,
                "expected_value_if_ordering": amount,
                "expected_order_amount": self.order_amount(frame, amount),
                "value_at_risk": churn * amount,
            },
            index=frame.index,
        )
        who = pd.DataFrame({"customer_id": frame["customer_id"], "as_of": as_ofs}, index=frame.index)
        return pd.concat([who, placed, known, estimates, *self._ahead(frame, probability)], axis=1)

    def _ahead(self, frame: pd.DataFrame, probability: Floats) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Look ahead; where there was nothing to learn that from, all is null."""
        ordered = frame["orders_ever"].to_numpy() > 0
        segments = np.full((len(frame), len(self.segments.names)), np.nan)
        if self.next_segment is not None:
            segments = self.next_segment.probabilities(frame, probability, self.lifecycle)
        ahead = next_segment_columns(segments, ordered, frame.index, self.segments)
        return ahead, next_order_columns(self.next_order, frame, probability, ordered)

    def order_probability(self, complete: pd.DataFrame) -> Floats:
        """Give each row's probability of an order in the horizon; NaN for visitors the model knows nothing of."""
        ordered = complete["orders_ever"].to_numpy() > 0
        probability = np.full(len(complete), np.nan)
        for who, learner in ((ordered, self.customers), (~ordered, self.visitors)):
            if learner is not None and who.any():
                probability[who] = learner.predict(complete[who])
        if self.customers is None:
            probability[ordered] = expit(complete.loc[ordered, PRIOR_LOG_ODDS].to_numpy())
        return probability

    def amount_if_ordering(self, complete: pd.DataFrame) -> Floats:
        """Give each row's expected amount in the horizon if they order."""
        return self.prior.amount(complete) if self.amount is None else self.amount.predict(complete)

    def order_amount(self, complete: pd.DataFrame, amount: Floats | None = None) -> Floats:
        """Give each row's expected amount of one order: no more than that of all, `amount`, if the row orders.

        It is before returns; a history of one order that came back wholly would make a customer dear.
        """
        return np.minimum(
            self.prior.order_amount(complete), self.amount_if_ordering(complete) if amount is None else amount
        )

    def expected_orders(self, complete: pd.DataFrame) -> Floats:
        """Give each row's expected number of orders in the horizon: how many come if any does, the prior tells."""
        return self.order_probability(complete) * self.prior.orders_if_ordering(complete)

    def _repr_html_(self) -> str:
        judged = self.facts.get("evaluation", {}).get("model", {})
        cells = "".join(f"<tr><td>{name}</td><td>{value:.4f}</td></tr>" for name, value in judged.items())
        learned = f"{self.facts.get('examples', 0):,} examples, {self.task.horizon_days} days ahead"
        return f"<b>clm-ml model</b>, learned by {self.facts.get('as_of', '?')} from {learned}<table>{cells}</table>"


def may_be_null(task: Task, inputs: Inputs) -> tuple[str, ...]:
    """List the columns of features that say nothing for some people, as days since what never was."""
    lacking = {f.name for f in catalogue(task, inputs) if f.absent is None}
    return tuple(name for name in _given(task, inputs) if name in lacking)


def _given(task: Task, inputs: Inputs) -> list[str]:
    """List the catalogue's columns that a snapshot gives; those against the habit are added by the model."""
    names = [f.name for f in catalogue(task, inputs)]
    return [name for name in names if name not in ("expected_gap_days", "overdue_ratio")]


def _as_pandas(features: Any) -> pd.DataFrame:
    if isinstance(features, pd.DataFrame):
        return features
    import narwhals as nw  # noqa: PLC0415

    if hasattr(features, "to_pandas"):
        return features.to_pandas()
    return nw.from_native(features).lazy().collect(backend="pandas").to_native()
