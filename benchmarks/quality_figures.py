"""The figures of quality: the package's own, order counts, and paired differences with their standard errors."""

from __future__ import annotations

import numpy as np
import pandas as pd

from clm_ml.evaluation import metrics, value_metrics

__all__ = ["differences", "figures"]

_SHOWN = ("auc", "log_loss", "brier", "ece", "calibration_slope", "predicted_to_happened")
_DRAWS, _SEED = 200, 1


def figures(came: pd.DataFrame, said: pd.DataFrame) -> dict[str, float]:
    """Judge what a method said of the same customers in the same order; NaN where it said nothing.

    `bias` is mean predicted over happened; `order_count_bias` orders predicted over orders that came.
    """
    judged = metrics(came["ordered"], _inside(said["order_probability"]))
    found = {name: judged[name] for name in _SHOWN} | {"gini": np.nan, "spearman": np.nan, "order_count_bias": np.nan}
    if "expected_value" in said:
        found |= {name: value_metrics(came["spent"], said["expected_value"])[name] for name in ("gini", "spearman")}
    if "expected_orders" in said:
        found["order_count_bias"] = float(said["expected_orders"].sum() / came["orders"].sum())
    return {"bias" if name == "predicted_to_happened" else name: value for name, value in found.items()}


def differences(came: pd.DataFrame, ours: pd.DataFrame, theirs: pd.DataFrame) -> dict[str, tuple[float, float]]:
    """Tell for `log_loss` and `auc` ours less theirs, and its standard error: a bootstrap over customers."""
    ordered = came["ordered"].to_numpy()
    who, places = np.unique(came["customer_id"], return_inverse=True)
    pair = [_Judged(ordered, _inside(said["order_probability"]).to_numpy()) for said in (ours, theirs)]
    rng = np.random.default_rng(_SEED)
    drawn = [rng.multinomial(len(who), np.full(len(who), 1 / len(who)))[places] for _ in range(_DRAWS)]
    told = {}
    for name in ("log_loss", "auc"):

        def difference(weights: np.ndarray, name: str = name) -> float:
            return getattr(pair[0], name)(weights) - getattr(pair[1], name)(weights)

        told[name] = (difference(np.ones(len(ordered))), float(np.std([difference(w) for w in drawn], ddof=1)))
    return told


class _Judged:
    """One method's estimates, sorted once, judged under any weights of the rows."""

    def __init__(self, ordered: np.ndarray, said: np.ndarray) -> None:
        self.losses = -np.log(np.where(ordered == 1, said, 1 - said))
        self.order = np.argsort(said, kind="stable")
        self.ordered = ordered[self.order]
        self.starts = np.flatnonzero(np.r_[True, np.diff(said[self.order]) > 0])

    def log_loss(self, weights: np.ndarray) -> float:
        return float(np.average(self.losses, weights=weights))

    def auc(self, weights: np.ndarray) -> float:
        """Count pairs that are in order; ties count half."""
        mine = weights[self.order]
        came = np.add.reduceat(mine * self.ordered, self.starts)
        gone = np.add.reduceat(mine * (1 - self.ordered), self.starts)
        return float((came * (np.cumsum(gone) - gone / 2)).sum() / (came.sum() * gone.sum()))


def _inside(said: pd.Series) -> pd.Series:
    return said.clip(1e-6, 1 - 1e-6)
