"""The four columns lifetimes makes of transactions: frequency, recency, T and monetary_value."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pandas as pd
from lifetimes.utils import summary_data_from_transaction_data


def describe(shop: Path, as_of: date) -> pd.DataFrame:
    sold = pd.read_parquet(
        shop / "orders.parquet",
        columns=["customer_id", "ordered_at", "amount"],
        filters=[("ordered_at", "<", pd.Timestamp(as_of)), ("is_return", "==", False)],
    )
    summary = summary_data_from_transaction_data(
        sold,
        "customer_id",
        "ordered_at",
        monetary_value_col="amount",
        observation_period_end=as_of - timedelta(days=1),  # its last day, and part of it
    )
    return summary.reset_index()
