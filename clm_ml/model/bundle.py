"""The model: the learners, their task, their features, the stored cut-points, and their evaluation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype
from scipy.special import expit

from clm_ml.config import Config, Lapse, Task
from clm_ml.errors import ModelError, did_you_mean
from clm_ml.examples import Examples
from clm_ml.features import Rhythm, against_habit, catalogue, fit_rhythm
from clm_ml.model.partner import PARTNER_COLUMNS
from clm_ml.model.prior import PRIOR_LOG_ODDS, Prior, fit_prior
from clm_ml.model.probability import Probability, fit_probability, has_enough
from clm_ml.model.reasons import Teller, reason_columns
from clm_ml.model.trees import Growth
from clm_ml.model.value import Amount, fit_amount
from clm_ml.segments import CutPoints, find_segments, fit_cut_points
from clm_ml.timeline import date_of

__all__ = ["Model", "fit_rhythm_at", "learn", "may_be_null"]

Floats = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True)
class Model:
    """Everything scoring needs: whoever is scored alone gets the same row as among a million.

    Attributes:
        task: what is predicted.
        lapse: when a customer has just stopped, and is gone.
        meanings: which event types mean what; None if there is no event log.
        rhythm: the population's gap between orders.
        cuts: the borders of scores and segments.
        prior: what order histories alone say.
        customers: the probability of an order, of those who have ordered; None if no outcome was there to learn from,
            so that the prior speaks.
        visitors: the same of those who have not; None if training knew of none.
        amount: the amount given an order; None as for customers.
        facts: where and when it was learned, and how it was judged: plain data.
    """

    task: Task
    lapse: Lapse
    meanings: Mapping[str, tuple[str, ...]] | None
    rhythm: Rhythm
    cuts: CutPoints
    prior: Prior = field(repr=False)
    customers: Probability | None = field(repr=False)
    visitors: Probability | None = field(repr=False)
    amount: Amount | None = field(repr=False)
    currency: str = "EUR"
    facts: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def features(self) -> list[str]:
        """List the columns a frame of features must have, before those against the customer's habit."""
        return [*_given(self.task, self.meanings), "has_email", "as_of"]

    def score(self, features: Any, reasons: bool = True) -> pd.DataFrame:
        """Score people: one row each, in the order given, with the columns of `scores.parquet`.

        Args:
            features: one row per person, as `describe` gives them: any frame Narwhals knows.
            reasons: whether to say why; it costs far more than the scores.

        Returns:
            `churn_probability`, `value_at_risk` and the R/F/M scores are null for those who never ordered, and
            so is what is held against their habit. Amounts are in `currency`.

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
        texts = [column for column in self.features() if not is_numeric_dtype(frame[column])]
        if texts:
            raise ModelError(f"{texts[0]} must be a number in every row; it is {frame[texts[0]].dtype}.")
        return self.prior.with_log_odds(against_habit(frame, self.rhythm, self.lapse))

    def explain(self, complete: pd.DataFrame) -> pd.DataFrame:
        """Say why the churn probability is what it is: `reason_1..3`, the weightiest first."""
        ordered = complete["orders_ever"].to_numpy() > 0
        teller = Teller(self.task, self.currency)
        themes = {f.name: f.theme for f in catalogue(self.task, tuple(self.meanings or ()), self.meanings is not None)}
        told = [
            teller.tell(complete[who], learner.contributions(complete[who]), themes)
            for who, learner in ((ordered, self.customers), (~ordered, self.visitors))
            if learner is not None and who.any()
        ]
        return pd.concat(told).reindex(complete.index) if told else reason_columns(complete.index)

    def _estimates(self, frame: pd.DataFrame) -> pd.DataFrame:
        ordered = frame["orders_ever"].to_numpy() > 0
        probability = self.order_probability(frame)
        churn = np.where(ordered, 1 - probability, np.nan)
        amount = self.amount_if_ordering(frame)
        as_ofs = pd.to_datetime(frame["as_of"].map({day: date_of(day) for day in frame["as_of"].unique()})).dt.date
        placed = find_segments(frame, self.cuts, self.lapse)
        known = frame[["days_since_last_order", "expected_gap_days", "overdue_ratio"]].astype("Float64")
        known["days_since_last_order"] = known["days_since_last_order"].astype("Int64")
        estimates = pd.DataFrame(
            {
                "order_probability": probability,
                "churn_probability": churn,
                "expected_value": probability * amount,
                "expected_value_if_ordering": amount,
                "value_at_risk": churn * amount,
            },
            index=frame.index,
        )
        who = pd.DataFrame({"customer_id": frame["customer_id"], "as_of": as_ofs}, index=frame.index)
        return pd.concat([who, placed, known, estimates], axis=1)

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

    def expected_orders(self, complete: pd.DataFrame) -> Floats:
        """Give each row's expected number of orders in the horizon: how many come if any does, the prior tells."""
        return self.order_probability(complete) * self.prior.orders_if_ordering(complete)

    def _repr_html_(self) -> str:
        judged = self.facts.get("evaluation", {}).get("model", {})
        cells = "".join(f"<tr><td>{name}</td><td>{value:.4f}</td></tr>" for name, value in judged.items())
        learned = f"{self.facts.get('examples', 0):,} examples, {self.task.horizon_days} days ahead"
        return f"<b>clm-ml model</b>, learned by {self.facts.get('as_of', '?')} from {learned}<table>{cells}</table>"


def learn(
    examples: Examples, config: Config, meanings: Mapping[str, tuple[str, ...]] | None, growth: Growth | None = None
) -> Model:
    """Learn all models from examples of several as_ofs; without any, what order histories alone can tell.

    Args:
        examples: sorted by as_of and customer; nothing else decides the result.
        config: for the task, the lapse thresholds and the seed.
        meanings: which event types mean what; None if there is no event log.
        growth: how the trees of the churn model grow; the usual way, if nobody has searched for a better one.

    Raises:
        ModelError: if all customers have one outcome, so that there is nothing to learn, or nobody has ordered.
    """
    frame, seed, latest = examples.frame, config.train.seed, examples.latest
    now = latest if examples.open is None else examples.open
    prior = fit_prior(now, config.task.horizon_days)
    rhythm, cuts = _fit_rhythm(latest), fit_cut_points(latest)
    told = Model(config.task, config.lapse, meanings, rhythm, cuts, prior, None, None, None, currency=config.currency)
    if frame.empty:
        return told
    _refuse_one_class(frame.loc[frame["orders_ever"] > 0, "ordered"], config.task)
    frame = prior.with_log_odds(against_habit(frame, rhythm, config.lapse))
    features = catalogue(config.task, tuple(meanings or ()), meanings is not None)
    signs = {feature.name: feature.sign for feature in features}
    learned = [feature.name for feature in features if feature.learned]
    has_ordered = frame["orders_ever"] > 0
    amount = fit_amount(frame, learned, signs, seed)
    # Nearly everyone has ordered: of a copy so large only what is asked of it.
    asked = [name for name in dict.fromkeys([*learned, *PARTNER_COLUMNS, "as_of", "ordered"]) if name in frame]
    visitors, buyers = (frame.loc[who, asked].reset_index(drop=True) for who in (~has_ordered, has_ordered))
    customers = None
    if has_enough(buyers):
        now = told.complete(now[now["orders_ever"] > 0])
        level = float(prior.order_probability(now).mean())
        customers = fit_probability(buyers, learned, signs, seed, with_partner=True, growth=growth)
        customers = customers.levelled(now, level, _trust_in_prior(examples.as_ofs, config.task.horizon_days))
    return replace(
        told,
        customers=customers,
        visitors=_fit_visitors(visitors, learned, signs, seed),
        amount=amount,
    )


def _trust_in_prior(as_ofs: Sequence[int], horizon_days: int) -> float:
    """Say how far the level goes to the prior's: half-way where one label window was seen, a quarter after two."""
    return 0.5 / (1 + (as_ofs[-1] - as_ofs[0]) / horizon_days)


def _fit_visitors(
    visitors: pd.DataFrame, learned: Sequence[str], signs: Mapping[str, int], seed: int
) -> Probability | None:
    """Learn from what varies among those who never ordered."""
    if visitors.empty:
        return None
    varying = [column for column in learned if visitors[column].nunique(dropna=False) > 1]
    return fit_probability(visitors, varying, signs, seed, with_partner=False)


def fit_rhythm_at(frame: pd.DataFrame, as_of: int) -> Rhythm:
    """Fit the population's rhythm on the examples of one as_of."""
    return _fit_rhythm(frame[frame["as_of"] == as_of])


def _fit_rhythm(latest: pd.DataFrame) -> Rhythm:
    return fit_rhythm(latest["gaps_ever"], latest["gap_days_sum"], latest["gap_days_square_sum"])


def _refuse_one_class(ordered: pd.Series[int], task: Task) -> None:
    if ordered.empty:
        raise ModelError("there is nobody to learn from: no customer had ordered at any as_of.")
    share = ordered.mean()
    if share in (0, 1):
        raise ModelError(
            f"there is nothing to learn: {'every' if share else 'no'} customer ordered in the {task.horizon_days} days "
            f"after every as_of; use a {'shorter' if share else 'longer'} horizon_days, or more customers."
        )


def may_be_null(task: Task, meanings: Mapping[str, tuple[str, ...]] | None) -> tuple[str, ...]:
    """List the columns of features that say nothing for some people, as days since what never was."""
    lacking = {f.name for f in catalogue(task, tuple(meanings or ()), meanings is not None) if f.absent is None}
    return tuple(name for name in _given(task, meanings) if name in lacking)


def _given(task: Task, meanings: Mapping[str, tuple[str, ...]] | None) -> list[str]:
    """List the catalogue's columns that a snapshot gives; those against the habit are added by the model."""
    names = [f.name for f in catalogue(task, tuple(meanings or ()), meanings is not None)]
    return [name for name in names if name not in ("expected_gap_days", "overdue_ratio")]


def _as_pandas(features: Any) -> pd.DataFrame:
    if isinstance(features, pd.DataFrame):
        return features
    import narwhals as nw  # noqa: PLC0415

    if hasattr(features, "to_pandas"):
        return features.to_pandas()
    return nw.from_native(features).lazy().collect(backend="pandas").to_native()
