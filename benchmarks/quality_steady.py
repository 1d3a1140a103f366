"""A log without a season: customers join at random, order at their own rate, and leave after an order by chance.

The world of BG/NBD (Fader, Hardie and Lee 2005), so that calibration can be asked where nothing drifts. The oracle
knows each customer's rate and chance of leaving, and guesses from their silence whether they are still there.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from quality_tasks import Log, QualityTask

from clm_ml.timeline import parse_day

__all__ = ["STEADY", "there_and_ordering"]

_CUSTOMERS, _SEED, _DAYS = 20_000, 7, 1_096
_BEGINS = parse_day("2023-01-01")


def read_steady(folder: Path) -> Log:
    """Draw three years of orders, amounts log-normal about each customer's own level."""
    rng = np.random.default_rng(_SEED)
    joined = rng.uniform(0, _DAYS, _CUSTOMERS)
    rate, leaves = rng.gamma(0.9, 1 / 40, _CUSTOMERS), rng.beta(1.2, 5.0, _CUSTOMERS)
    level = rng.lognormal(3.5, 0.5, _CUSTOMERS)
    parts, at, there = [], joined.copy(), np.arange(_CUSTOMERS)
    while len(there):
        parts.append(pd.DataFrame({"customer": there, "at": at[there]}))
        there = there[rng.random(len(there)) > leaves[there]]
        at[there] += rng.exponential(1 / rate[there])
        there = there[at[there] < _DAYS]
    orders = pd.concat(parts, ignore_index=True).sort_values(["at", "customer"], ignore_index=True)
    orders["amount"] = (level[orders["customer"]] * rng.lognormal(0, 0.4, len(orders))).round(2)
    orders["customer_id"] = "c" + orders["customer"].astype(str).str.zfill(6)
    orders["order_id"] = np.arange(len(orders)).astype(str)
    orders["day"] = _BEGINS + orders["at"].astype(int)
    written = orders[["customer_id", "order_id", "amount"]].assign(
        ordered_at=pd.Timestamp("1970-01-01") + pd.to_timedelta(_BEGINS + orders["at"], unit="D").dt.floor("s")
    )
    written.to_parquet(folder / "orders.parquet", index=False)
    columns = {name: name for name in written}
    plan = {
        "project": "steady",
        "complete_until": "2026-01-01",
        "tables": {"orders": {"source": str(folder / "orders.parquet"), "columns": columns}},
    }
    names = "c" + pd.Series(range(_CUSTOMERS)).astype(str).str.zfill(6)
    truth = pd.DataFrame({"rate": rate, "leaves": leaves}).set_axis(names)
    told = orders[["customer_id", "order_id", "day", "amount"]]
    return Log(plan, told, oracle=lambda day, horizon: _oracle(told, truth, day, horizon))


def _oracle(orders: pd.DataFrame, truth: pd.DataFrame, day: int, horizon: int) -> pd.DataFrame:
    last = orders[orders["day"] < day].groupby("customer_id")["day"].max()
    rate, leaves = (truth.loc[last.index, name].to_numpy() for name in ("rate", "leaves"))
    said = there_and_ordering(rate, leaves, day - last.to_numpy() - 0.5, horizon)
    return pd.DataFrame({"customer_id": last.index, "order_probability": said})


def there_and_ordering(rate: np.ndarray, leaves: np.ndarray, silent: np.ndarray, ahead: float) -> np.ndarray:
    """Give the probability of an order: to be there still after a silence, times one less the chance of no arrival."""
    stayed = (1 - leaves) * np.exp(-rate * silent)
    return stayed / (stayed + leaves) * -np.expm1(-rate * ahead)


STEADY = QualityTask(
    "steady",
    f"a log of {_CUSTOMERS:,} customers without a season, 90 days",
    read_steady,
    ("2025-04-02", "2025-10-02"),
    90,
    (("2024-10-02", "2025-01-01"), 90),
)
