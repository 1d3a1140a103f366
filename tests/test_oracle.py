"""Every feature asked again of other engines: naive SQL in SQLite, straight from the raw rows; and Polars."""

import random
import sqlite3
from dataclasses import replace
from datetime import date, timedelta
from functools import cache

import narwhals as nw
import pandas as pd
import pytest

from clm_ml.config import Lapse, Task
from clm_ml.features import Rhythm, against_habit, build_features, catalogue
from clm_ml.snapshot import prepare, take_snapshot
from clm_ml.timeline import parse_day
from tests.conftest import make_shop

TASK = Task(windows_days=(7, 30, 90, 180, 365))
MEANINGS = ("visit", "email_open", "email_click", "ticket")
RHYTHM, LAPSE = Rhythm(gap_days=45.0, weight=1.5), Lapse(after_gaps=2.0, gone_after_gaps=4.0, at_least_days=14)
AS_OFS = ("2024-03-01", "2024-07-15", "2024-12-31")


def on(rng, day, most_later=0):
    """Draw an instant of a day, or of one of the next."""
    later = min(day + timedelta(days=rng.randrange(most_later + 1)), date(2024, 12, 30))
    return f"{later} {rng.randrange(24):02}:{rng.randrange(60):02}:00"


@cache
def drawn(seed, is_late):
    """Draw a year of 60 people: orders over one or two days, with or without an id, some lines back; and events.

    Where rows can be late, each says when it was loaded, and a return may be told by a claim, not by its sign.
    """
    rng = random.Random(seed)
    orders, events = [], []
    for who in (f"c{i:02}" for i in range(60)):
        for number in range(rng.randrange(8)):
            day, order = date(2024, 1, 1) + timedelta(days=rng.randrange(365)), rng.choice((f"{who}-{number}", None))
            for _ in range(rng.randrange(1, 4)):
                orders.append((who, on(rng, day, 1), round(rng.uniform(0, 90), 2), order, on(rng, day, 30), None))
            if rng.random() < 0.4:
                sign, claim = rng.choice(((-1, None), (1, "yes"), (-1, "yes"))) if is_late else (-1, None)
                amount = sign * round(rng.uniform(1, 50), 2)
                orders.append((who, on(rng, day, 40), amount, order, on(rng, day, 60), claim))
        for _ in range(rng.randrange(12)):
            day = date(2024, 1, 1) + timedelta(days=rng.randrange(365))
            events.append((who, on(rng, day), rng.choice((*MEANINGS, "other")), on(rng, day, 30)))
    if not is_late:
        orders, events = [row[:4] for row in orders], [row[:3] for row in events]
    return list(dict.fromkeys(orders)), list(dict.fromkeys(events))


@cache
def shop(seed, is_late):
    return make_shop(*drawn(seed, is_late))


def tables_in_sqlite(orders, events, as_of):
    """Write what was known: `ago` counts days back from as_of, so that 1 is yesterday."""
    connection = sqlite3.connect(":memory:")
    connection.create_function("sqrt", 1, lambda value: None if value is None else value**0.5)
    connection.execute("CREATE TABLE raw_orders (who, at, amount, id, loaded, back)")
    connection.execute("CREATE TABLE raw_events (who, at, kind, loaded)")
    for table, rows, width in (("raw_orders", orders, 6), ("raw_events", events, 4)):
        filled = [row + (None,) * (width - len(row)) for row in rows]
        connection.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * width)})", filled)
    known = f"at < '{as_of}' AND coalesce(loaded, at) < '{as_of}'"
    ago = f"CAST(julianday('{as_of}') - julianday(date(at)) AS INTEGER) AS ago"
    is_back = "(amount < 0 OR coalesce(back, 'no') = 'yes') AS is_back"
    before = "(SELECT min(ago) FROM days d WHERE d.who = days.who AND d.ago > days.ago)"
    connection.executescript(f"""
        CREATE TABLE lines AS
            SELECT who, {ago}, abs(amount) AS amount, {is_back}, coalesce(id, rowid) AS id
            FROM raw_orders WHERE {known};
        CREATE TABLE seen AS SELECT who, {ago}, kind FROM raw_events WHERE {known};
        CREATE TABLE sold AS SELECT who, max(ago) AS ago FROM lines WHERE NOT is_back GROUP BY who, id;
        CREATE TABLE days AS SELECT DISTINCT who, ago FROM sold;
        CREATE TABLE gaps AS SELECT who, {before} - ago AS gap FROM days WHERE gap IS NOT NULL;
        CREATE TABLE people AS SELECT who AS p FROM lines UNION SELECT who FROM seen;
    """)
    return connection


def questions():
    """Write one scalar question a feature, about the person `p`."""
    gross = "(SELECT sum(amount) FROM lines WHERE who = p AND NOT is_back)"
    back = "(SELECT coalesce(sum(amount), 0) FROM lines WHERE who = p AND is_back)"
    orders = "(SELECT count(*) FROM sold WHERE who = p)"
    net = "SELECT coalesce(sum(CASE WHEN is_back THEN -amount ELSE amount END), 0) FROM lines WHERE who = p"
    gaps = "FROM gaps WHERE who = p"
    prior = f"{RHYTHM.weight} * {RHYTHM.gap_days}"
    mean = f"(SELECT max((total(gap) + {prior}) / (count(*) + {RHYTHM.weight}), 14 / 2.0) {gaps})"
    expected = f"(SELECT CASE WHEN {orders} > 0 THEN {mean} END)"
    last = "(SELECT min(ago) FROM sold WHERE who = p)"
    ask = {
        "days_since_last_order": f"SELECT {last}",
        "days_since_first_order": "SELECT max(ago) FROM sold WHERE who = p",
        "orders_ever": f"SELECT {orders}",
        "order_days_ever": "SELECT count(*) FROM days WHERE who = p",
        "gross_minor_ever": f"SELECT round(100 * coalesce({gross}, 0))",
        "returned_minor_ever": f"SELECT round(100 * {back})",
        "amount_ever": net,
        "mean_order_amount": f"SELECT {gross} / nullif({orders}, 0)",
        "returned_amount_share": f"SELECT {back} / nullif({gross}, 0)",
        "returns_last_365d": "SELECT count(*) FROM lines WHERE who = p AND is_back AND ago <= 365",
        "days_since_last_return": "SELECT min(ago) FROM lines WHERE who = p AND is_back",
        "order_days_per_30d": "SELECT nullif(count(*), 0) * 30.0 / (max(ago) + 30) FROM days WHERE who = p",
        "gaps_ever": f"SELECT count(*) {gaps}",
        "gap_days_sum": f"SELECT total(gap) {gaps}",
        "gap_days_square_sum": f"SELECT total(gap * gap) {gaps}",
        "mean_gap_days": f"SELECT avg(gap) {gaps}",
        "gap_spread_days": "SELECT sqrt(sum((gap - mean) * (gap - mean)) / nullif(count(*) - 1, 0)) "
        f"FROM (SELECT gap, avg(gap) OVER () AS mean {gaps})",
        "expected_gap_days": f"SELECT {expected}",
        "overdue_ratio": f"SELECT {last} / {expected}",
        "days_since_last_event": "SELECT min(ago) FROM seen WHERE who = p",
    }
    events = "(SELECT count(*) FROM seen WHERE who = p AND ago <= {})"
    for days in TASK.windows_days:
        ask[f"orders_last_{days}d"] = f"SELECT count(*) FROM sold WHERE who = p AND ago <= {days}"
        ask[f"amount_last_{days}d"] = f"{net} AND ago <= {days}"
        ask[f"net_minor_last_{days}d"] = f"SELECT round(100 * ({net} AND ago <= {days}))"
        ask[f"events_last_{days}d"] = f"SELECT {events.format(days)}"
    for short, long in ((7, 90), (30, 180), (90, 365)):
        share = f"{events.format(short)} * 1.0 / nullif({events.format(long)}, 0)"
        ask[f"events_last_{short}d_share_of_{long}d"] = f"SELECT {share}"
    for kind in MEANINGS:
        mine = f"FROM seen WHERE who = p AND kind = '{kind}'"
        ask[f"days_since_last_{kind}"] = f"SELECT min(ago) {mine}"
        for days in (30, 90):
            ask[f"{kind}s_last_{days}d"] = f"SELECT count(*) {mine} AND ago <= {days}"
    return ask


def described(tables, as_of):
    frame = build_features(take_snapshot(prepare(tables), parse_day(as_of)), TASK)
    found = frame.sort("customer_id").collect(backend="pyarrow").to_pandas()
    return against_habit(found, RHYTHM, LAPSE)


def test_every_feature_is_asked_again():
    assert set(questions()) == {feature.name for feature in catalogue(TASK, MEANINGS)}


@pytest.mark.parametrize("as_of", AS_OFS)
@pytest.mark.parametrize(("seed", "is_late"), [(1, False), (2, True)])
def test_two_engines_agree_on_every_feature(seed, is_late, as_of):
    orders, events = drawn(seed, is_late)
    connection = tables_in_sqlite(orders, events, as_of)
    asked = ", ".join(f"({sql}) AS {name}" for name, sql in questions().items())
    told = pd.read_sql(f"SELECT p AS customer_id, {asked} FROM people ORDER BY p", connection)
    found = described(shop(seed, is_late), as_of)
    assert found["customer_id"].tolist() == told["customer_id"].tolist()
    assert len(told) > 20
    for name in told.columns[1:]:
        mine, theirs = found[name].astype(float), told[name].astype(float)
        pd.testing.assert_series_equal(mine, theirs, check_names=False, rtol=1e-9, atol=1e-9, obj=name)


class Lazily:
    """Stands in for the engine: keeps nothing, so that the whole walk stays one query."""

    def keep(self, frame, *_):
        return frame

    def drop(self, _):
        pass

    def repeated(self, rows, *columns):
        return rows.group_by(*columns).agg(nw.len().alias("rows")).filter(nw.col("rows") > 1).drop("rows")


@pytest.mark.parametrize("as_of", AS_OFS)
@pytest.mark.parametrize(("seed", "is_late"), [(1, False), (2, True)])
def test_the_same_expressions_on_polars_give_the_same_features(seed, is_late, as_of):
    pl = pytest.importorskip("polars")
    tables = shop(seed, is_late)

    def in_polars(frame):
        return nw.from_native(pl.from_arrow(tables.engine.collect(frame)).lazy())

    again = replace(tables, engine=Lazily(), orders=in_polars(tables.orders), events=in_polars(tables.events))
    pd.testing.assert_frame_equal(described(again, as_of), described(tables, as_of), check_dtype=False, rtol=1e-9)
