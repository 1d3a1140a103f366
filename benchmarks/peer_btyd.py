"""An outside witness: lifetimes' BG/NBD and Gamma-Gamma, fitted and asked in the peers' own environment.

    .peers/bin/python benchmarks/peer_btyd.py HISTORIES HORIZON_DAYS ANSWERS

Histories are a Parquet file of customer_id, repeats, first_to_last, observed (days) and mean_repeat_amount. Nothing of
clm_ml is imported.
"""

from __future__ import annotations

import sys
import warnings

import numpy as np
import pandas as pd
from lifetimes import BetaGeoFitter, GammaGammaFitter
from lifetimes.utils import ConvergenceError


def answer(histories: pd.DataFrame, days: float) -> pd.DataFrame:
    """Give each customer's probability of an order, expected orders, and expected amount in the next days."""
    x, last, observed = (histories[name].to_numpy(float) for name in ("repeats", "first_to_last", "observed"))
    buying = fitted(BetaGeoFitter, x, last, observed)
    r, alpha = buying.params_["r"], buying.params_["alpha"]
    alive = np.asarray(buying.conditional_probability_alive(x, last, observed))
    coming = 1 - ((alpha + observed) / (alpha + observed + days)) ** (r + x)
    orders = buying.conditional_expected_number_of_purchases_up_to_time(days, x, last, observed)
    tells = (x > 0) & (histories["mean_repeat_amount"] > 0).to_numpy()
    means = histories["mean_repeat_amount"].where(tells, 0.0)
    spending = fitted(GammaGammaFitter, x[tells], means[tells])
    amounts = spending.conditional_expected_average_profit(x, means)
    return pd.DataFrame(
        {
            "customer_id": histories["customer_id"],
            "order_probability": alive * coming,
            "expected_orders": np.asarray(orders),
            "expected_value": np.asarray(orders) * np.asarray(amounts),
        }
    )


def fitted(kind: type, *columns: object) -> object:
    """Fit with the smallest penalty that lets it converge: on some logs there is no top without one."""
    for penalty in (0.0, 0.001, 0.01, 0.1):
        model = kind(penalizer_coef=penalty)
        try:
            return model.fit(*columns)
        except ConvergenceError:
            continue
    return kind(penalizer_coef=1.0).fit(*columns)


def main() -> None:
    warnings.filterwarnings("ignore")
    histories, days, answers = sys.argv[1:]
    answer(pd.read_parquet(histories), float(days)).to_parquet(answers)


if __name__ == "__main__":
    main()
