"""Every feature asked again of another engine: naive SQL in SQLite, straight from the raw rows."""

import random
import sqlite3
from datetime import date, timedelta

import pandas as pd
import pytest

from clm_ml.config import Task
from clm_ml.features import build_features
from clm_ml.snapshot import prepare, take_snapshot
from clm_ml.timeline import parse_day
from tests.conftest import make_shop

WINDOWS = (7, 30, 90, 180, 365)
MEANINGS = ("visit", "email_open", "email_click", "ticket")


def drawn(seed):
    """Draw a year of orders of several lines, returns and events of 60 people."""
    rng = random.Random(seed)
    orders, events = [], []
    for who in range(60):
        for _ in range(rng.randrange(7)):
            day = date(2024, 1, 1) + timedelta(days=rng.randrange(365))
            order = f"{who}-{rng.randrange(10**6)}"
            for _ in range(rng.randrange(1, 4)):
                orders.append((f"c{who:02}", f"{day} 1{rng.randrange(10)}:00:00", round(rng.uniform(0, 90), 2), order))
            if rng.random() < 0.3:
                back = min(day + timedelta(days=rng.randrange(40)), date(2024, 12, 30))
                orders.append((f"c{who:02}", f"{back} 12:00:00", -round(rng.uniform(1, 50), 2), order))
        for _ in range(rng.randrange(12)):
            day = date(2024, 1, 1) + timedelta(days=rng.randrange(365))
            events.append((f"c{who:02}", f"{day} 08:00:00", rng.choice([*MEANINGS, "other"])))
    return list(dict.fromkeys(orders)), list(dict.fromkeys(events))


def asked_of_sqlite(orders, events, as_of):
    connection = sqlite3.connect(":memory:")
    connection.create_function("sqrt", 1, lambda value: None if value is None else value**0.5)
    connection.execute("CREATE TABLE orders (who, at, amount, id)")
    connection.execute("CREATE TABLE events (who, at, kind)")
    connection.executemany("INSERT INTO orders VALUES (?, ?, ?, ?)", orders)
    connection.executemany("INSERT INTO events VALUES (?, ?, ?)", events)
    ago = f"CAST(julianday('{as_of}') - julianday(date(at)) AS INTEGER)"
    sold = f"SELECT who, id, max({ago}) AS ago FROM orders WHERE amount >= 0 AND at < '{as_of}' GROUP BY who, id"
    lines = f"SELECT who, {ago} AS ago, amount FROM orders WHERE at < '{as_of}'"
    days = f"SELECT DISTINCT who, ago FROM ({sold})"
    gaps = f"SELECT who, lag(ago) OVER (PARTITION BY who ORDER BY ago DESC) - ago AS gap FROM ({days})"
    seen = f"SELECT who, {ago} AS ago, kind FROM events WHERE at < '{as_of}'"
    ask = {
        "days_since_last_order": f"SELECT min(ago) FROM ({sold}) WHERE who = p",
        "days_since_first_order": f"SELECT max(ago) FROM ({sold}) WHERE who = p",
        "orders_ever": f"SELECT count(*) FROM ({sold}) WHERE who = p",
        "order_days_ever": f"SELECT count(*) FROM ({days}) WHERE who = p",
        "amount_ever": f"SELECT coalesce(sum(amount), 0) FROM ({lines}) WHERE who = p",
        "mean_order_amount": f"SELECT (SELECT sum(amount) FROM ({lines}) WHERE who = p AND amount >= 0) * 1.0 "
        f"/ nullif((SELECT count(*) FROM ({sold}) WHERE who = p), 0)",
        "returned_amount_share": f"SELECT coalesce(sum(CASE WHEN amount < 0 THEN -amount END), 0) * 1.0 "
        f"/ nullif(sum(CASE WHEN amount >= 0 THEN amount END), 0) FROM ({lines}) WHERE who = p",
        "returns_last_365d": f"SELECT count(*) FROM ({lines}) WHERE who = p AND amount < 0 AND ago <= 365",
        "days_since_last_return": f"SELECT min(ago) FROM ({lines}) WHERE who = p AND amount < 0",
        "gaps_ever": f"SELECT count(gap) FROM ({gaps}) WHERE who = p",
        "mean_gap_days": f"SELECT avg(gap) FROM ({gaps}) WHERE who = p",
        "gap_spread_days": f"SELECT sqrt((sum(gap * gap) - sum(gap) * sum(gap) * 1.0 / count(gap)) "
        f"/ nullif(count(gap) - 1, 0)) FROM ({gaps}) WHERE who = p",
        "order_days_per_30d": f"SELECT count(*) * 30.0 / (max(ago) + 30) FROM ({days}) WHERE who = p",
        "days_since_last_event": f"SELECT min(ago) FROM ({seen}) WHERE who = p",
    }
    for window in WINDOWS:
        within = f"WHERE who = p AND ago <= {window}"
        ask[f"orders_last_{window}d"] = f"SELECT count(*) FROM ({sold}) {within}"
        ask[f"amount_last_{window}d"] = f"SELECT coalesce(sum(amount), 0) FROM ({lines}) {within}"
        ask[f"events_last_{window}d"] = f"SELECT count(*) FROM ({seen}) {within}"
    for kind in MEANINGS:
        mine = f"FROM ({seen}) WHERE who = p AND kind = '{kind}'"
        ask[f"days_since_last_{kind}"] = f"SELECT min(ago) {mine}"
        for window in (30, 90):
            ask[f"{kind}s_last_{window}d"] = f"SELECT count(*) {mine} AND ago <= {window}"
    people = f"SELECT who AS p FROM orders WHERE at < '{as_of}' UNION SELECT who FROM events WHERE at < '{as_of}'"
    query = ", ".join(f"({sql}) AS {name}" for name, sql in ask.items())
    return pd.read_sql(f"SELECT p AS customer_id, {query} FROM ({people}) ORDER BY p", connection)


@pytest.mark.parametrize("as_of", ["2024-03-01", "2024-07-15", "2024-12-31"])
@pytest.mark.parametrize("seed", [1, 2])
def test_two_engines_agree_on_every_feature(seed, as_of):
    orders, events = drawn(seed)
    tables = make_shop(orders, events)
    frame = build_features(take_snapshot(prepare(tables), parse_day(as_of)), Task(windows_days=WINDOWS))
    found = tables.engine.collect(frame, "customer_id").to_pandas()
    told = asked_of_sqlite(orders, events, as_of)
    assert found["customer_id"].tolist() == told["customer_id"].tolist()
    assert len(told) > 20
    for name in told.columns[1:]:
        first_order_only = name == "order_days_per_30d"
        mine = found[name].astype(float)
        theirs = told[name].astype(float)
        if first_order_only:
            theirs = theirs.where(told["orders_ever"] > 0)
        pd.testing.assert_series_equal(mine, theirs, check_names=False, rtol=1e-9, atol=1e-9, obj=name)
