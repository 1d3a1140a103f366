"""How good are these probabilities and this ordering?  Judged forward in time, beside baselines, and gated.

The last closed as_of is kept from the learners, together with every as_of whose label window reaches into it; what
they then say of it is compared with four rules anyone could have used instead.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, roc_auc_score

from clm_ml.config import ListPlan
from clm_ml.model import Prior, fit_partner

__all__ = [
    "BASELINES",
    "BASELINE_COLUMNS",
    "LEAKAGE_AUC",
    "Verdict",
    "calibration_error",
    "compare_log_loss",
    "compare_methods",
    "fit_baselines",
    "gains_curve",
    "judge_as_of",
    "metrics",
    "pass_gate",
    "profit_curve",
    "reliability",
    "value_metrics",
]

Floats = np.ndarray[Any, np.dtype[np.float64]]

BASELINES = ("constant_rate", "recency_rule", "logistic_rfm", "bg_nbd")
LEAKAGE_AUC = 0.95

#: What the baselines are made of.
BASELINE_COLUMNS = ("days_since_last_order", "orders_ever", "amount_ever")


def judge_as_of(as_ofs: Sequence[int], horizon_days: int) -> tuple[list[int], int]:
    """Split as_ofs into those to learn from and the last, to judge on: no label window of the first reaches it.

    >>> judge_as_of([0, 30, 60, 90], horizon_days=45)
    ([0, 30], 90)
    """
    last = max(as_ofs)
    return [day for day in sorted(as_ofs) if day + horizon_days <= last], last


def metrics(ordered: Any, order_probability: Any) -> dict[str, float]:
    """Judge probabilities of an order against what came.

    Args:
        ordered: 1 or 0, a customer each; both must occur.
        order_probability: what was said, strictly between 0 and 1.

    Returns:
        `auc` and `average_precision` (of churn), `log_loss`, `brier`, `brier_skill` (against the rate that came),
        `ece` (10 bins of equal count), `calibration_slope` (of the log-odds; 1 is right), `predicted_to_happened`
        (mean probability over the rate that came) and `top_decile_lift` (of churn).

    >>> round(metrics([1, 1, 0, 0], [0.9, 0.6, 0.4, 0.1])["log_loss"], 4)
    0.3081
    """
    came, said = np.asarray(ordered, dtype=np.float64), np.asarray(order_probability, dtype=np.float64)
    rate = came.mean()
    brier = float(np.mean((said - came) ** 2))
    return {
        "auc": float(roc_auc_score(came, said)),
        "average_precision": float(average_precision_score(1 - came, 1 - said)),
        "log_loss": float(_losses(came, said).mean()),
        "brier": brier,
        "brier_skill": float(1 - brier / (rate * (1 - rate))),
        "ece": calibration_error(came, said),
        "calibration_slope": _slope(came, said),
        "predicted_to_happened": float(said.mean() / rate),
        "top_decile_lift": _top_lift(1 - came, 1 - said, 0.1),
    }


def value_metrics(spent: Any, expected_value: Any) -> dict[str, float]:
    """Judge expected values: `spearman`, `gini` (normalised), `mae` and `total_to_spent` (sum said over sum that came).

    >>> value_metrics([0.0, 10.0, 30.0], [1.0, 12.0, 27.0])
    {'spearman': 1.0, 'gini': 1.0, 'mae': 2.0, 'total_to_spent': 1.0}
    """
    came, said = np.asarray(spent, dtype=np.float64), np.asarray(expected_value, dtype=np.float64)
    best = _gini(came, came)
    return {
        "spearman": _spearman(came, said),
        "gini": _gini(came, said) / best if best else float("nan"),
        "mae": float(np.mean(np.abs(came - said))),
        "total_to_spent": float(said.sum() / came.sum()) if came.sum() else float("nan"),
    }


def reliability(ordered: Any, order_probability: Any, bins: int = 10) -> pd.DataFrame:
    """Group customers by churn probability into bins of equal count: mean `predicted`, `happened` and `customers`."""
    churned, said = 1 - np.asarray(ordered, dtype=np.float64), 1 - np.asarray(order_probability, dtype=np.float64)
    groups = np.array_split(np.argsort(said, kind="stable"), min(bins, len(said)))
    rows = [(said[group].mean(), churned[group].mean(), len(group)) for group in groups]
    return pd.DataFrame(rows, columns=["predicted", "happened", "customers"])


def gains_curve(churned: Any, churn_probability: Any) -> Floats:
    """Give the share of all churners found by contacting nobody, the riskiest, the two riskiest … of the customers.

    Args:
        churned: 1 or 0, a customer each; at least one has churned.
        churn_probability: what was said of them; ties stay in the order given.

    >>> gains_curve([1, 0, 1, 0], [0.9, 0.1, 0.8, 0.2]).tolist()
    [0.0, 0.5, 1.0, 1.0, 1.0]
    """
    came = np.asarray(churned, dtype=np.float64)
    found = np.cumsum(came[np.argsort(-np.asarray(churn_probability), kind="stable")])
    return np.concatenate([[0.0], found]) / came.sum()


def fit_baselines(train: pd.DataFrame, test: pd.DataFrame, prior: Prior) -> dict[str, Floats]:
    """Learn each baseline from customers' examples, and let it give the probability of an order in `test`.

    - constant_rate: the share that ordered.
    - recency_rule: a logistic regression on the logarithm of days_since_last_order, the rule of thumb in numbers.
    - logistic_rfm: a logistic regression on the logarithms of recency, frequency and money.
    - bg_nbd: the model of customers who leave unseen, fitted on the order histories known when `test` was.
    """
    rate = (train["ordered"].sum() + 0.5) / (len(train) + 1)
    silence = [np.log1p(frame[["days_since_last_order"]].to_numpy(dtype=np.float64)) for frame in (train, test)]
    rule = LogisticRegression().fit(silence[0], train["ordered"])
    return {
        "constant_rate": np.full(len(test), rate),
        "recency_rule": rule.predict_proba(silence[1])[:, 1],
        "logistic_rfm": expit(fit_partner(train, train["ordered"]).raw(test)),
        "bg_nbd": prior.order_probability(test),
    }


@dataclass(frozen=True)
class Verdict:
    """Whether a model may become champion, and the sentence that says why or why not."""

    passed: bool
    why: str


def pass_gate(
    ordered: Any, model: Floats, baselines: Mapping[str, Floats], champion: Floats | None, seed: int
) -> Verdict:
    """Decide on the last closed as_of: better than every baseline, and no worse than the champion but for noise.

    Args:
        ordered: what came, 1 or 0, a customer each.
        model: the model's probability of an order, of the same customers.
        baselines: the same of each baseline.
        champion: the same of the reigning champion, if there is one that can be asked.
        seed: of the bootstrap over customers that says what noise is.
    """
    came = np.asarray(ordered, dtype=np.float64)
    own = float(_losses(came, model).mean())
    losses = {name: float(_losses(came, said).mean()) for name, said in baselines.items()}
    better = [f"{name} {loss:.4f}" for name, loss in losses.items() if not own < loss]
    if better:
        return Verdict(False, f"its log loss {own:.4f} does not beat {', '.join(better)}")
    told = ", ".join(f"{name} {loss:.4f}" for name, loss in losses.items())
    if champion is not None:
        difference, low, high = compare_log_loss(came, model, champion, seed)
        if not low <= 0:
            worse = f"by {difference:.4f} [{low:.4f}, {high:.4f}]"
            return Verdict(False, f"its log loss {own:.4f} is worse than the reigning champion's {worse}")
    return Verdict(True, f"its log loss {own:.4f} beats {told}")


def compare_log_loss(
    ordered: Any, model: Floats, other: Floats, seed: int, draws: int = 1000
) -> tuple[float, float, float]:
    """Give the difference of log losses, model − other, with a 95 % interval from a paired bootstrap over customers."""
    came = np.asarray(ordered, dtype=np.float64)
    differences = _losses(came, model) - _losses(came, other)
    rng = np.random.default_rng(seed)
    means = [differences[rng.integers(len(differences), size=len(differences))].mean() for _ in range(draws)]
    low, high = np.quantile(means, (0.025, 0.975))
    return float(differences.mean()), float(low), float(high)


def compare_methods(
    churned: Any, own: Any, other: Any, customers: Any, seed: int, draws: int = 400
) -> dict[str, tuple[float, float, float]]:
    """Give how far two methods are apart, own − other, with 95 % intervals from a paired bootstrap over customers.

    Args:
        churned: 1 or 0, a row each; both must occur.
        own: the one method's churn probability.
        other: the other's.
        customers: whose row it is: who is drawn is drawn with all their rows, since these are no news to each other.
        seed: of the draws.
        draws: how many.

    Returns:
        `log_loss` (below zero is better) and `auc` (above zero is better): difference, lower and upper limit.

    >>> told = compare_methods([1, 0, 1, 0], [0.9, 0.2, 0.8, 0.1], [0.5, 0.5, 0.5, 0.5], list("abcd"), seed=1)
    >>> round(told["auc"][0], 2)
    0.5
    """
    came = np.asarray(churned, dtype=np.float64)
    said = [np.asarray(values, dtype=np.float64) for values in (own, other)]
    losses = _losses(came, said[0]) - _losses(came, said[1])
    tied = [np.unique(values, return_inverse=True)[1] for values in said]
    people, whose = np.unique(np.asarray(customers), return_inverse=True)

    def apart(weights: Floats) -> tuple[float, float]:
        aucs = [_auc(came, ranks, weights) for ranks in tied]
        return float(np.average(losses, weights=weights)), aucs[0] - aucs[1]

    rng = np.random.default_rng(seed)
    drawn = (np.bincount(rng.integers(len(people), size=len(people)), minlength=len(people)) for _ in range(draws))
    found = np.array([apart(counts[whose].astype(np.float64)) for counts in drawn])
    limits = np.nanquantile(found, (0.025, 0.975), axis=0)
    whole = apart(np.ones(len(came)))
    return {
        name: (whole[place], float(limits[0, place]), float(limits[1, place]))
        for place, name in enumerate(("log_loss", "auc"))
    }


def _auc(came: Floats, ranks: Any, weights: Floats) -> float:
    """Give the AUC of weighted rows whose scores are told by rank, equal ones by the same; NaN without one outcome."""
    hits, misses = np.bincount(ranks, weights * came), np.bincount(ranks, weights * (1 - came))
    pairs = hits.sum() * misses.sum()
    return float((hits * (np.cumsum(misses) - misses / 2)).sum() / pairs) if pairs else float("nan")


def profit_curve(churned: Any, churn_probability: Any, value: Any, plan: ListPlan) -> Floats:
    """Give the profit of contacting nobody, the first, the first two … of a list, best expected profit first.

    A contact costs `contact_cost` and keeps a share of those who would have churned, `assumed_save_rate`; who is kept
    brings `margin × value` (the maximum profit measure of Verbraken, Verbeke & Baesens 2013, with a fixed save rate).

    Args:
        churned: 1 or 0, a customer each: what came without a contact.
        churn_probability: what was said of them.
        value: what each spends if they order.
        plan: the list's margin, contact cost and assumed save rate.
    """
    gain = plan.assumed_save_rate * plan.margin * np.asarray(value, dtype=np.float64)
    order = np.argsort(-(np.asarray(churn_probability, dtype=np.float64) * gain - plan.contact_cost), kind="stable")
    earned = np.asarray(churned, dtype=np.float64) * gain - plan.contact_cost
    return np.concatenate([[0.0], np.cumsum(earned[order])])


def _losses(came: Floats, said: Floats) -> Floats:
    clipped = np.clip(np.asarray(said, dtype=np.float64), 1e-12, 1 - 1e-12)
    return -(came * np.log(clipped) + (1 - came) * np.log1p(-clipped))


def calibration_error(ordered: Any, order_probability: Any) -> float:
    """Give the expected calibration error (ECE): how far bins of equal count are off on the mean.

    >>> round(calibration_error([1, 0, 1, 0], [0.9, 0.1, 0.9, 0.1]), 2)
    0.1
    """
    bins = reliability(ordered, order_probability)
    return float(np.average((bins["predicted"] - bins["happened"]).abs(), weights=bins["customers"]))


def _slope(came: Floats, said: Floats) -> float:
    log_odds = logit(np.clip(said, 1e-12, 1 - 1e-12))
    if np.ptp(log_odds) == 0:
        return float("nan")
    return float(LogisticRegression(C=np.inf).fit(log_odds[:, None], came).coef_[0, 0])


def _top_lift(happened: Floats, score: Floats, share: float) -> float:
    top = np.argsort(-score, kind="stable")[: max(1, round(len(score) * share))]
    return float(happened[top].mean() / happened.mean())


def _spearman(came: Floats, said: Floats) -> float:
    if np.ptp(came) == 0 or np.ptp(said) == 0:
        return float("nan")
    return float(pd.Series(came).corr(pd.Series(said), method="spearman"))


def _gini(came: Floats, said: Floats) -> float:
    """Give the area between the line of equal shares and the cumulative amount, ordered by what was said."""
    amounts = came[np.argsort(-said, kind="stable")]
    if not amounts.sum():
        return 0.0
    return float((np.cumsum(amounts) / amounts.sum()).mean() - (len(amounts) + 1) / (2 * len(amounts)))
