"""What others would have done with the same log: rules, regressions, and LightGBM as it comes.

Each peer is a function of the log, the as_of and the horizon that gives one estimate for everybody who had ordered
before as_of, made of rows before as_of alone: `order_probability` and, where it says so, `expected_value` and
`expected_orders`. Features and labels are made here, in pandas, by nothing of clm-ml's but its windows of days.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
import pandas as pd
from quality_tasks import Log
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from clm_ml.timeline import as_ofs_before, lookback

__all__ = ["PEERS", "Peer", "btyd_peers", "lifetimes_peer"]

Peer = Callable[[Log, int, int], pd.DataFrame]

_WINDOWS = (7, 30, 90, 180, 365)
_AT_LEAST_HISTORY_DAYS, _STEP_DAYS, _MOST_AS_OFS = 45, 14, 24


def describe_simply(log: Log, as_of: int) -> pd.DataFrame:
    """Describe everyone who had ordered: recency, frequency, money, tenure, gaps, and windows of them."""
    orders = log.orders[log.orders["day"] < as_of]
    each = orders.groupby("customer_id")
    days = orders[["customer_id", "day"]].drop_duplicates().sort_values(["customer_id", "day"])
    gaps = days.assign(gap=days.groupby("customer_id")["day"].diff()).groupby("customer_id")["gap"]
    simple = pd.DataFrame(
        {
            "recency": as_of - each["day"].max(),
            "tenure": as_of - each["day"].min(),
            "frequency": each["order_id"].nunique(),
            "order_days": days.groupby("customer_id")["day"].size(),
            "amount": each["amount"].sum(),
            "gap_mean": gaps.mean(),
            "gap_std": gaps.std(),
        }
    )
    simple["amount_mean"] = simple["amount"] / simple["frequency"]
    simple["overdue"] = simple["recency"] / simple["gap_mean"]
    simple["recency_share"] = simple["recency"] / simple["tenure"]
    columns = {name: series.reindex(simple.index, fill_value=0) for name, series in _windows(log, as_of).items()}
    return simple.assign(**columns)


def _windows(log: Log, as_of: int) -> dict[str, pd.Series]:
    columns = {}
    for days in _WINDOWS:
        recent = log.orders[lookback(as_of, days).holds(log.orders["day"])].groupby("customer_id")
        columns |= {f"orders_{days}": recent["order_id"].nunique(), f"amount_{days}": recent["amount"].sum()}
        if log.events is not None:
            seen = log.events[lookback(as_of, days).holds(log.events["day"])]
            columns[f"events_{days}"] = seen.groupby("customer_id").size()
    return columns


def _examples(log: Log, as_ofs: Sequence[int], horizon: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    features = [describe_simply(log, day) for day in as_ofs]
    came = [
        log.outcomes(day, horizon).set_index("customer_id").loc[x.index]
        for day, x in zip(as_ofs, features, strict=True)
    ]
    return pd.concat(features), pd.concat(came)


def _many(log: Log, as_of: int, horizon: int) -> tuple[int, ...]:
    first = int(log.orders["day"].min()) + _AT_LEAST_HISTORY_DAYS
    return as_ofs_before(as_of - horizon, first, _STEP_DAYS, _MOST_AS_OFS)


def _one(_: Log, as_of: int, horizon: int) -> tuple[int, ...]:
    return (as_of - horizon,)


def _answer(features: pd.DataFrame, **estimates: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame({"customer_id": features.index, **estimates})


def constant(log: Log, as_of: int, horizon: int) -> pd.DataFrame:
    """The share that ordered in the last closed window, for everyone."""
    came, now = log.outcomes(as_of - horizon, horizon), describe_simply(log, as_of)
    return _answer(now, order_probability=np.full(len(now), came["ordered"].mean()))


def _regression(columns: list[str]) -> Peer:
    def peer(log: Log, as_of: int, horizon: int) -> pd.DataFrame:
        past, came = _examples(log, _one(log, as_of, horizon), horizon)
        now = describe_simply(log, as_of)
        learner = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
        learner.fit(np.log1p(past[columns].clip(lower=0)), came["ordered"])
        return _answer(now, order_probability=learner.predict_proba(np.log1p(now[columns].clip(lower=0)))[:, 1])

    return peer


def _lightgbm(as_ofs: Callable[[Log, int, int], Sequence[int]], **params: Any) -> Peer:
    def peer(log: Log, as_of: int, horizon: int) -> pd.DataFrame:
        past, came = _examples(log, as_ofs(log, as_of, horizon), horizon)
        now = describe_simply(log, as_of)
        common = {"n_jobs": 1, "verbosity": -1, "random_state": 1, **params}
        ordering = lgb.LGBMClassifier(**common).fit(past, came["ordered"])
        spending = lgb.LGBMRegressor(objective="tweedie", **common).fit(past, came["spent"].clip(lower=0))
        probability = ordering.predict_proba(now)[:, 1]
        return _answer(now, order_probability=probability, expected_value=spending.predict(now))

    return peer


def _btyd(name: str) -> Peer:
    def peer(log: Log, as_of: int, horizon: int) -> pd.DataFrame:
        btyd, now = import_module("clm_ml.btyd"), describe_simply(log, as_of)
        repeats = now["order_days"] - 1
        histories = btyd.collect_histories(repeats, now["tenure"] - now["recency"], now["tenure"])
        buying = getattr(btyd, f"fit_{name}")(histories)
        mean = _repeat_amounts(log, as_of).reindex(now.index)
        spending = btyd.fit_gamma_gamma(repeats, mean)
        orders = buying.expected_orders(histories, horizon)
        return _answer(
            now,
            order_probability=buying.order_probability(histories, horizon),
            expected_orders=orders,
            expected_value=orders * spending.expected_amount(repeats, mean),
        )

    return peer


def lifetimes_peer(python: Path) -> Peer:
    """Give the outside witness: lifetimes' BG/NBD and Gamma-Gamma, run by the peers' own interpreter."""

    def peer(log: Log, as_of: int, horizon: int) -> pd.DataFrame:
        now = describe_simply(log, as_of)
        histories = pd.DataFrame(
            {
                "customer_id": now.index,
                "repeats": now["order_days"] - 1,
                "first_to_last": now["tenure"] - now["recency"],
                "observed": now["tenure"],
                "mean_repeat_amount": _repeat_amounts(log, as_of).reindex(now.index),
            }
        )
        with tempfile.TemporaryDirectory() as folder:
            asked, answers = Path(folder) / "histories.parquet", Path(folder) / "answers.parquet"
            histories.to_parquet(asked, index=False)
            witness = Path(__file__).with_name("peer_btyd.py")
            subprocess.run([python, witness, asked, str(horizon), answers], check=True, capture_output=True)
            return pd.read_parquet(answers)

    return peer


def _repeat_amounts(log: Log, as_of: int) -> pd.Series:
    """Give each customer's mean amount of an order day, the first day left out."""
    orders = log.orders[log.orders["day"] < as_of]
    repeats = orders[orders["day"] > orders.groupby("customer_id")["day"].transform("min")]
    days = repeats.groupby(["customer_id", "day"])["amount"].sum()
    return days.groupby("customer_id").mean()


def btyd_peers() -> dict[str, Peer]:
    """Give the models of customers who leave unseen; none where the package has no such room."""
    if find_spec("clm_ml.btyd") is None:
        return {}
    return {"BG/NBD": _btyd("bg_nbd"), "MBG/NBD": _btyd("mbg_nbd"), "Pareto/NBD": _btyd("pareto_nbd")}


_SMALL = {"num_leaves": 7, "n_estimators": 150, "learning_rate": 0.03}

PEERS: dict[str, Peer] = {
    "constant rate": constant,
    "recency rule": _regression(["recency"]),
    "logistic RFM": _regression(["recency", "frequency", "amount"]),
    "logistic RFM and tenure": _regression(["recency", "frequency", "amount", "tenure"]),
    "LightGBM, one as_of": _lightgbm(_one),
    "LightGBM, many as_ofs": _lightgbm(_many),
    "LightGBM, small trees, one as_of": _lightgbm(_one, **_SMALL),
    "LightGBM, small trees, many as_ofs": _lightgbm(_many, **_SMALL),
}
