"""Learning: from examples of several as_ofs to the bundle; without any, from order histories alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from clm_ml.config import Config, Inputs, Task
from clm_ml.errors import ModelError
from clm_ml.examples import Examples
from clm_ml.features import Rhythm, catalogue, fit_rhythm, name_of_attribute
from clm_ml.model.attributes import fit_attributes
from clm_ml.model.bundle import Model
from clm_ml.model.next_order import fit_next_order
from clm_ml.model.next_segment import fit_next_segment
from clm_ml.model.partner import PARTNER_COLUMNS
from clm_ml.model.prior import fit_prior
from clm_ml.model.probability import Probability, fit_probability, has_enough
from clm_ml.model.trees import Growth
from clm_ml.model.value import fit_amount
from clm_ml.model.waits import WAITS_ON
from clm_ml.segments import fit_cut_points

__all__ = ["fit_rhythm_at", "learn"]


def learn(examples: Examples, config: Config, inputs: Inputs, growth: Growth | None = None) -> Model:
    """Learn all models from examples of several as_ofs; without any, what order histories alone can tell.

    The trees take most memory of all: examples to which nobody else holds on are given back before.

    Args:
        examples: sorted by as_of and customer; nothing else decides the result.
        config: for the task, the lapse thresholds and the seed.
        inputs: what the features are made of, besides orders.
        growth: how the trees of the churn model grow; the usual way, if nobody has searched for a better one.

    Raises:
        ModelError: if all customers have one outcome, so that there is nothing to learn, or nobody has ordered.
    """
    told, frame = _from_histories(examples, config, inputs), examples.frame
    if frame.empty:
        return told
    has_ordered = frame["orders_ever"] > 0
    _refuse_one_class(frame.loc[has_ordered, "ordered"], config.task)
    names = [name_of_attribute(name) for name in inputs.attributes]
    told = replace(told, attributes=fit_attributes(frame.loc[has_ordered, ["customer_id", "ordered", *names]], names))
    frame = told.complete(frame)
    features = catalogue(config.task, inputs)
    signs = {feature.name: feature.sign for feature in features}
    learned = [*(feature.name for feature in features if feature.learned), *told.attributes.columns()]
    told = replace(
        told,
        amount=fit_amount(frame, learned, signs, config.train.seed),
        next_segment=fit_next_segment(frame, told.lifecycle),
    )
    told = replace(told, visitors=_fit_visitors(frame.loc[~has_ordered], learned, signs, config.train.seed))
    # Nearly everyone has ordered: of a copy so large only what is asked of it.
    asked = dict.fromkeys([*learned, *PARTNER_COLUMNS, *WAITS_ON, "next_order_days", "as_of", "ordered"])
    buyers = frame.loc[has_ordered, [name for name in asked if name in frame]].reset_index(drop=True)
    as_ofs, now = examples.as_ofs, _now(examples)
    known_by = examples.known_by or as_ofs[-1] + config.task.horizon_days
    now = told.complete(now[now["orders_ever"] > 0])
    del examples, frame, has_ordered
    told = replace(told, customers=_fit_customers(told, as_ofs, now, buyers, learned, signs, config, growth))
    return replace(told, next_order=fit_next_order(buyers, told.order_probability, known_by, config.task.horizon_days))


def _from_histories(examples: Examples, config: Config, inputs: Inputs) -> Model:
    """Learn what needs no outcome: rhythm, borders and prior."""
    latest = examples.latest
    return Model(
        task=config.task,
        lapse=config.lapse,
        inputs=inputs,
        rhythm=_fit_rhythm(latest),
        cuts=fit_cut_points(latest, config.segments),
        prior=fit_prior(_now(examples), config.task.horizon_days),
        customers=None,
        visitors=None,
        amount=None,
        segments=config.segments,
        currency=config.currency,
    )


def _now(examples: Examples) -> pd.DataFrame:
    """Give the rows of the day of learning, or the latest there are."""
    return examples.latest if examples.open is None else examples.open


def _fit_customers(
    told: Model,
    as_ofs: Sequence[int],
    now: pd.DataFrame,
    buyers: pd.DataFrame,
    learned: Sequence[str],
    signs: dict[str, int],
    config: Config,
    growth: Growth | None,
) -> Probability | None:
    """Learn the probability of those who have ordered, if enough did and did not, and level it by the prior."""
    if not has_enough(buyers):
        return None
    level = float(told.prior.order_probability(now).mean())
    found = fit_probability(buyers, learned, signs, config.train.seed, with_partner=True, growth=growth)
    found = found.levelled(now, level, _trust_in_prior(as_ofs, config.task.horizon_days))
    return found.moved(_season(found, buyers, int(now["as_of"].iloc[0])))


#: A year of whole weeks, how near to it a window a year ago begins, and how far its season is believed.
_YEAR_DAYS, _NEAR_DAYS, _TRUST_IN_SEASON = 364, 14, 0.5


def _season(found: Probability, buyers: pd.DataFrame, day: int) -> float:
    """Forecast the season of the window that opens on a day, in log-odds: by how far the one a year ago was off.

    Features know no calendar, so the log-odds are those of a mean window; a year ago they were off by the season. A log
    that does not reach so far back says nothing of it; what few orders tell may be chance, and is shrunken so far.
    """
    windows = _windows(buyers)
    shifts = {as_of: found.shift_of(buyers.iloc[rows]) for as_of, rows in windows.items()}
    near = [as_of for as_of in shifts if abs(as_of - (day - _YEAR_DAYS)) < _NEAR_DAYS]
    if not near:
        return 0.0
    season = sum(shifts[as_of] for as_of in near) / len(near) - sum(shifts.values()) / len(shifts)
    outcomes = [buyers["ordered"].iloc[windows[as_of]] for as_of in near]
    came = min(min(ordered.sum(), (1 - ordered).sum()) for ordered in outcomes)
    chance = 1 / came  # about the variance of log-odds of so few
    return _TRUST_IN_SEASON * season * float(season**2 / (season**2 + chance))


def _windows(buyers: pd.DataFrame) -> dict[int, slice]:
    """Find the rows of each as_of that saw enough of either outcome, in examples sorted by as_of."""
    days, starts = np.unique(buyers["as_of"], return_index=True)
    rows = {int(day): slice(*ends) for day, *ends in zip(days, starts, [*starts[1:], len(buyers)], strict=True)}
    return {day: its for day, its in rows.items() if has_enough(buyers.iloc[its])}


def _trust_in_prior(as_ofs: Sequence[int], horizon_days: int) -> float:
    """Say how far the level goes to the prior's: most of the way where one label window was seen, then less and less.

    One window's level is its season; where two and a half have been seen, windows tell more than histories do.
    """
    further = (as_ofs[-1] - as_ofs[0]) / horizon_days
    return 0.75 * max(0.0, 1 - further / 1.5)


def _fit_visitors(
    visitors: pd.DataFrame, learned: Sequence[str], signs: dict[str, int], seed: int
) -> Probability | None:
    """Learn from what varies among those who never ordered."""
    if visitors.empty:
        return None
    varying = [column for column in learned if visitors[column].nunique(dropna=False) > 1]
    visitors = visitors[[*varying, "as_of", "ordered"]].reset_index(drop=True)
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
