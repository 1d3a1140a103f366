"""The simulated shop: a log whose truth is known, and an oracle that knows each customer's.

The oracle knows how fast each customer orders, how likely they leave after an order, and the season's clock; who has
left it must guess from their silence, as everybody must. Of service failures and campaigns it knows nothing.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from quality_steady import there_and_ordering
from quality_tasks import Log, QualityTask

from clm_ml.datasets import simulate
from clm_ml.datasets.truth import TRUTH, to_operational
from clm_ml.timeline import day_of

__all__ = ["SHOP", "noise_floor", "read_shop"]

_CUSTOMERS, _SEED = 10_000, 1


def read_shop(folder: Path) -> Log:
    """Draw the shop; an order's day is that of its first line, and returns lower what is spent."""
    simulate(_CUSTOMERS, _SEED, folder, force=True)
    plan = yaml.safe_load((folder / "shop.yaml").read_text(encoding="utf-8"))
    kept = ("orders", "events", "customers")
    tables = {name: plan["tables"][name] | {"source": str(folder / f"{name}.parquet")} for name in kept}
    rows = pd.read_parquet(folder / "orders.parquet")
    first = rows[~rows["is_return"]].groupby("order_id")["ordered_at"].min()
    orders = pd.DataFrame(
        {
            "customer_id": rows["customer_id"],
            "order_id": rows["order_id"],
            "day": _days(rows["order_id"].map(first)),
            "amount": rows["amount"],
        }
    )
    events = pd.read_parquet(folder / "events.parquet", columns=["customer_id", "occurred_at"])
    truth = pd.read_parquet(folder / "truth.parquet").set_index("customer_id")
    return Log(
        {"project": "simulated", "complete_until": plan["complete_until"], "tables": tables},
        orders,
        pd.DataFrame({"customer_id": events["customer_id"], "day": _days(events["occurred_at"])}),
        lambda day, horizon: _oracle(orders, truth, day, horizon),
    )


def _days(instants: pd.Series) -> pd.Series:
    return (instants.dt.normalize() - pd.Timestamp("1970-01-01")).dt.days


def _oracle(orders: pd.DataFrame, truth: pd.DataFrame, day: int, horizon: int) -> pd.DataFrame:
    """Give the probability of an order: to be there still, times one less the chance of no arrival."""
    last = orders[orders["day"] < day].groupby("customer_id")["day"].max()
    rate, leaves = (truth.loc[last.index, name].to_numpy() for name in ("order_rate", "drop_out_probability"))
    leaves = leaves + (1 - leaves) * TRUTH.shock_probability * TRUTH.shock_drop_out
    begun = day_of(TRUTH.starts_on)
    now, then = (float(to_operational(np.float64(at - begun))) for at in (day, day + horizon))
    said = there_and_ordering(rate, leaves, now - to_operational(last.to_numpy() + 0.5 - begun), then - now)
    return pd.DataFrame({"customer_id": last.index, "order_probability": said})


def noise_floor(said: pd.Series, error: object, draws: int = 100) -> float:
    """Give the calibration error that these probabilities would have on the mean if they were the truth.

    `error` gives the calibration error of outcomes and probabilities.
    """
    rng = np.random.default_rng(_SEED)
    return float(np.mean([error(rng.random(len(said)) < said, said) for _ in range(draws)]))


SHOP = QualityTask(
    "shop",
    f"a simulated shop of {_CUSTOMERS:,} people, 90 days",
    read_shop,
    ("2025-07-02", "2025-10-02"),
    90,
    (("2025-01-02", "2025-04-02"), 90),
    least_of_oracle=0.99,
)
