"""Time passes in a simulated shop: those whom a campaign contacted answer it, with effects that are known."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from clm_ml.datasets.truth import TRUTH
from clm_ml.errors import UsageError

__all__ = ["add_answers", "true_effects"]


def true_effects(shop: Path, sent_on: date, times: float = 1.0) -> pd.DataFrame:
    """Tell what a contact on a day truly does to each customer of a simulated shop.

    Args:
        shop: its folder.
        sent_on: the day.
        times: how much stronger the campaign is than those the shop was drawn with.

    Returns:
        a row a customer who ordered before the day, in the order of customer_id: `effect`, the probability of one extra
        order (0 for whoever has ordered in the 90 days before), and `order_amount`, what such an order is worth.
    """
    truth = pd.read_parquet(shop / "truth.parquet").set_index("customer_id")
    lines = pd.read_parquet(shop / "orders.parquet", columns=["customer_id", "order_id", "ordered_at", "amount"])
    before = lines[lines["ordered_at"] < pd.Timestamp(sent_on)]
    last = before.groupby("customer_id")["ordered_at"].max().sort_index()
    silent = (pd.Timestamp(sent_on) - last).dt.days
    theirs = truth.loc[last.index]
    level = before["amount"].sum() / before["order_id"].nunique() / theirs["price_level"].mean()
    effect = (theirs["persuadable_effect"] * times).clip(upper=1.0).where(silent >= TRUTH.lapsed_days, 0.0)
    return pd.DataFrame({"effect": effect, "order_amount": level * theirs["price_level"]})


def add_answers(shop: Path, contacted: Iterable[str], sent_on: date, *, seed: int, times: float = 1.0) -> int:
    """Let those who were contacted answer: each places one extra order with their own true effect, within a month.

    The orders are added to the shop's `orders.parquet`, which is replaced as a whole. Nothing else changes: nobody is
    revived for good, or driven away.

    Args:
        shop: the folder of a simulated shop.
        contacted: customer_ids that a campaign contacted; not those it held out.
        sent_on: the day it was sent, within the shop's log.
        seed: of who answers; the same list and seed have the same answers.
        times: how much stronger the campaign is than those the shop was drawn with.

    Returns:
        how many orders were caused.

    Raises:
        UsageError: if the shop's log does not go on for a month after the day.
    """
    first, last = TRUTH.effect_days
    start = pd.Timestamp(sent_on)
    if start + pd.Timedelta(days=last) > pd.Timestamp(TRUTH.complete_until):
        raise UsageError(f"the shop's log ends on {TRUTH.complete_until}, and answers come for {last:.0f} days after.")
    truth = true_effects(shop, sent_on, times)
    asked = truth.reindex(sorted(set(contacted))).dropna()
    rng = np.random.default_rng(np.random.SeedSequence([seed, start.toordinal()]))
    moved = asked[rng.random(len(asked)) < asked["effect"].to_numpy()]
    days = rng.uniform(first, last - 1, len(moved))
    orders = pq.read_table(shop / "orders.parquet")
    rows = {
        "customer_id": moved.index.to_numpy(),
        "ordered_at": start + pd.to_timedelta((days * 86_400).astype(np.int64), unit="s"),
        "amount": moved["order_amount"].round(2).to_numpy(),
        "order_id": [f"A{start:%Y%m%d}-{number:06}" for number in range(len(moved))],
        "quantity": np.ones(len(moved), dtype=np.int32),
        "discount": np.zeros(len(moved)),
        "is_return": np.zeros(len(moved), dtype=np.bool_),
    }
    blank = {name: pa.nulls(len(moved)) for name in orders.column_names if name not in rows}
    added = pa.table({name: pa.array(values) for name, values in rows.items()} | blank)
    hidden = shop / ".orders.parquet"
    pq.write_table(pa.concat_tables([orders, added.select(orders.column_names).cast(orders.schema)]), hidden)
    hidden.replace(shop / "orders.parquet")
    return len(moved)
