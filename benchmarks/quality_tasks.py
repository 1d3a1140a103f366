"""What quality is measured on: public logs, the as_ofs at which they are asked, and what came after these."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from clm_ml.config import Config
from clm_ml.timeline import label_window, parse_day

__all__ = ["TASKS", "Log", "QualityTask", "data_folder", "validating"]


@dataclass(frozen=True)
class Log:
    """A log as it is handed to clm-ml and, as plain pandas frames, to the peers.

    `orders`: customer_id, order_id, day, amount; `events`: customer_id, day. `plan` is the config but for the task.
    Of a log whose truth is known `oracle` says, at an as_of and for a horizon, what one who knows it would.
    """

    plan: Mapping[str, Any]
    orders: pd.DataFrame = field(repr=False)
    events: pd.DataFrame | None = field(default=None, repr=False)
    oracle: Callable[[int, int], pd.DataFrame] | None = field(default=None, repr=False)

    def config(self, horizon_days: int) -> Config:
        """Ask this log for so many days ahead, everything else untouched."""
        return Config.model_validate({**self.plan, "task": {"horizon_days": horizon_days}})

    def outcomes(self, as_of: int, horizon_days: int) -> pd.DataFrame:
        """Tell of everyone who had ordered before as_of: `ordered`, `spent` and `orders` in the label window."""
        known = np.unique(self.orders.loc[self.orders["day"] < as_of, "customer_id"])
        inside = self.orders[label_window(as_of, horizon_days).holds(self.orders["day"])]
        sums = inside.groupby("customer_id").agg(spent=("amount", "sum"), orders=("order_id", "nunique"))
        came = sums.reindex(known, fill_value=0).rename_axis("customer_id").reset_index()
        return came.assign(as_of=as_of, ordered=(came["orders"] > 0).astype(int))

    def bought_once(self, as_of: int) -> np.ndarray:
        """List, in their order, those who had ordered on one day alone before as_of."""
        seen = self.orders.loc[self.orders["day"] < as_of, ["customer_id", "day"]].drop_duplicates()
        days = seen.groupby("customer_id").size()
        return days.index[days == 1].to_numpy()


@dataclass(frozen=True)
class QualityTask:
    """A log, the days it is asked at, and how far ahead.

    Attributes:
        name: as in the table of goals.
        words: what is asked.
        read: gives the log, writing what clm-ml reads into a folder.
        as_ofs: ISO days.
        horizon_days: of the label.
        validation: earlier days and their horizon, whose label windows close before the first of `as_ofs`: choices
            are made there.
        goals: the figure, by name, and the worst value it may have.
        least_of_oracle: the share of the oracle's AUC that is to be reached, where there is such a goal.
    """

    name: str
    words: str
    read: Callable[[Path], Log] = field(repr=False)
    as_ofs: tuple[str, ...]
    horizon_days: int
    validation: tuple[tuple[str, ...], int]
    goals: Mapping[str, float] = field(default_factory=dict)
    least_of_oracle: float | None = None

    @property
    def days(self) -> list[int]:
        """The as_ofs as day numbers."""
        return [parse_day(day) for day in self.as_ofs]


def validating(task: QualityTask) -> QualityTask:
    """Ask a task where nothing of its own test can be seen: each label window closes before its first as_of."""
    as_ofs, horizon = task.validation
    earlier = replace(task, as_ofs=as_ofs, horizon_days=horizon, goals={}, words=f"{task.words}, earlier")
    if max(earlier.days) + horizon > min(task.days):
        raise ValueError(f"{task.name}: validation reaches into the test")
    return earlier


def data_folder() -> Path:
    """Find the logs: the folder of CLM_BENCH_DATA, else benchmarks/data."""
    return Path(os.environ.get("CLM_BENCH_DATA", Path(__file__).parent / "data"))


def _days(instants: pd.Series) -> pd.Series:
    return (instants.dt.normalize() - pd.Timestamp("1970-01-01")).dt.days


def read_cdnow(_: Path) -> Log:
    """CDNOW: one cohort of 23,570 customers who first bought in the first quarter of 1997."""
    source = data_folder() / "cdnow_master.parquet"
    rows = pd.read_parquet(source)
    columns = {"customer_id": "customer_id", "ordered_at": "date", "amount": "amount", "quantity": "n_cds"}
    plan = {
        "project": "cdnow",
        "currency": "USD",
        "complete_until": "1998-07-01",
        "tables": {"orders": {"source": str(source.resolve()), "columns": columns}},
    }
    orders = pd.DataFrame(
        {
            "customer_id": rows["customer_id"].astype(str),
            "order_id": np.arange(len(rows)),
            "day": _days(rows["date"]),
            "amount": rows["amount"],
        }
    )
    return Log(plan, orders)


def read_online_retail(_: Path) -> Log:
    """Online Retail: order lines of one year, without returns, prices of nothing, and unknown customers."""
    source = data_folder() / "online_retail.parquet"
    rows = pd.read_parquet(source).query("Quantity > 0 and UnitPrice > 0").dropna(subset="CustomerID")
    rows = rows.drop_duplicates()
    columns = {"customer_id": "CustomerID", "order_id": "InvoiceNo", "ordered_at": "InvoiceDate"}
    columns |= {"product_id": "StockCode", "quantity": "Quantity", "amount": "Quantity * UnitPrice"}
    where = "Quantity > 0 AND UnitPrice > 0 AND CustomerID IS NOT NULL"
    plan = {
        "project": "online-retail",
        "timezone": "Europe/London",
        "currency": "GBP",
        "complete_until": "2011-12-10",
        "tables": {"orders": {"source": str(source.resolve()), "columns": columns, "where": where}},
    }
    orders = pd.DataFrame(
        {
            "customer_id": rows["CustomerID"].astype(int).astype(str),
            "order_id": rows["InvoiceNo"],
            "day": _days(rows["InvoiceDate"]),
            "amount": rows["Quantity"] * rows["UnitPrice"],
        }
    )
    return Log(plan, orders)


_POSTS = ("question", "answer", "comment")


def read_travel(folder: Path) -> Log:
    """travel.stackexchange.com: a question, an answer or a comment is an order, everything else an event."""
    rows = pd.read_parquet(data_folder() / "travel_se_events.parquet").rename(columns={"user_id": "customer_id"})
    rows = rows.assign(event_type=rows["event_type"].astype(str), order_id=np.arange(len(rows)))
    is_post = rows["event_type"].isin(_POSTS)
    for name, part in (("posts", rows[is_post]), ("traces", rows[~is_post])):
        part.to_parquet(folder / f"{name}.parquet", index=False)
    posts = {"customer_id": "customer_id", "ordered_at": "event_time", "amount": "1", "order_id": "order_id"}
    traces = {"customer_id": "customer_id", "occurred_at": "event_time", "event_type": "event_type"}
    plan = {
        "project": "travel",
        "complete_until": "2017-08-27",
        "tables": {
            "orders": {"source": str(folder / "posts.parquet"), "columns": posts},
            "events": {"source": str(folder / "traces.parquet"), "columns": traces, "max_rejected_share": 0.5},
        },
    }
    frame = pd.DataFrame(
        {
            "customer_id": rows["customer_id"].astype(str),
            "order_id": rows["order_id"],
            "day": _days(rows["event_time"]),
            "amount": 1.0,
        }
    )
    return Log(plan, frame[is_post], frame.loc[~is_post, ["customer_id", "day"]])


TASKS = (
    QualityTask(
        "S1",
        "CDNOW, 181 days, all customers",
        read_cdnow,
        ("1998-01-01",),
        181,
        (("1997-09-03",), 120),
        {"auc": 0.808, "log_loss": 0.410, "ece": 0.012, "order_count_bias": 0.03},
    ),
    QualityTask(
        "S2",
        "CDNOW, 90 days",
        read_cdnow,
        ("1998-01-01", "1998-02-01", "1998-03-02", "1998-04-01"),
        90,
        (("1997-09-03", "1997-10-03"), 90),
        {"auc": 0.825, "log_loss": 0.324, "ece": 0.010},
    ),
    QualityTask(
        "S4a",
        "Online Retail, 30 days",
        read_online_retail,
        ("2011-08-12", "2011-09-11", "2011-10-11", "2011-11-10"),
        30,
        (("2011-04-14", "2011-05-14", "2011-06-13", "2011-07-13"), 30),
        {"auc": 0.757, "log_loss": 0.505},
    ),
    QualityTask(
        "S4b",
        "Online Retail, 90 days",
        read_online_retail,
        ("2011-09-11",),
        90,
        (("2011-06-13",), 90),
        {"auc": 0.755, "log_loss": 0.585, "ece": 0.04, "gini": 0.71, "spearman": 0.55},
    ),
    QualityTask(
        "S6",
        "travel.stackexchange.com, another post in 91 days",
        read_travel,
        ("2017-05-02",),
        91,
        (("2016-08-02", "2016-11-01", "2017-01-31"), 91),
        {"auc": 0.922, "log_loss": 0.120, "ece": 0.005},
    ),
)
