"""Every feature asked again: of naive SQL in SQLite, straight from the raw rows; of Polars; and of Spark.

Counts, days and money have to be the same to the last bit, everything else to 1e-9 of itself. The raw rows of the
oracle say what a clock on the wall of the shop showed; the engines are told the same instants in other words.
"""

import random
import sqlite3
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta, timezone
from functools import cache
from zoneinfo import ZoneInfo

import narwhals as nw
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clm_ml.config import Config, Inputs, Lapse, Task
from clm_ml.datasets import online_retail_path
from clm_ml.features import Rhythm, against_habit, build_features, catalogue
from clm_ml.snapshot import prepare, take_snapshot
from clm_ml.tables import read_tables
from clm_ml.timeline import parse_day
from tests.conftest import COLUMNS, make_config

TASK = Task(windows_days=(7, 30, 90, 180, 365))
MEANINGS = ("visit", "email_open", "email_click", "ticket", "satisfaction")
INPUTS = Inputs({name: (name,) for name in MEANINGS}, ("satisfaction",), True)
RHYTHM, LAPSE = Rhythm(gap_days=45.0, weight=1.5), Lapse(after_gaps=2.0, gone_after_gaps=4.0, at_least_days=14)
AS_OFS = ("2024-03-01", "2024-07-15", "2024-12-31")

#: What is computed by dividing, and may differ in its last bits; all else is counted or added up.
DIVIDED = {"mean_order_amount", "returned_amount_share", "order_days_per_30d", "mean_gap_days", "gap_spread_days"}
DIVIDED |= {"expected_gap_days", "overdue_ratio", "mean_satisfaction_last_365d"}


@dataclass(frozen=True)
class Shop:
    """Rows with instants as the wall's clock shows them, and how the engines are told these."""

    orders: tuple[tuple, ...]  # who, at, cents, order id, loaded at, claim
    events: tuple[tuple, ...]  # who, at, kind, loaded at; its value hides in the minute
    is_late: bool = False
    contacts: tuple[tuple, ...] = ()  # who, at, arm
    zone: str = "UTC"
    way: str = "naive"
    until: str = "2024-12-31"

    def frames(self):
        """Write the tables as an engine gets them."""
        told = {"naive": str, "timestamps": pd.Timestamp, "offset": self._in_nepal, "zoned": self._aware}[self.way]
        at, rows = {"ordered_at", "occurred_at", "loaded_at"}, {"orders": self.orders, "events": self.events}
        columns = {name: COLUMNS[name] if self.is_late else COLUMNS[name][:-2] for name in ("orders",)}
        columns["events"] = COLUMNS["events"] if self.is_late else COLUMNS["events"][:-1]
        frames = {}
        for name, names in columns.items():
            frame = pd.DataFrame([row[: len(names)] for row in rows[name]], columns=names)
            for column in at & set(names):
                frame[column] = [told(value) for value in frame[column]]
            frames[name] = frame.assign(amount=frame["amount"] / 100) if "amount" in frame else frame
        frames["events"]["value"] = [value_of(row[1]) for row in self.events]
        if self.contacts:
            made = pd.DataFrame(self.contacts, columns=["customer_id", "contacted_at", "arm"])
            frames["contacts"] = made.assign(contacted_at=list(map(told, made["contacted_at"])), campaign="spring")
        return frames

    def _aware(self, wall):
        return datetime.fromisoformat(wall).replace(tzinfo=ZoneInfo(self.zone)).astimezone(UTC)

    def _in_nepal(self, wall):
        return self._aware(wall).astimezone(timezone(timedelta(hours=5, minutes=45))).isoformat()

    def on(self, engine, zone=None):
        """Read the shop with an engine, in its own time zone or another."""
        frames = self.frames()
        config = make_config(frames, self.until, zone or self.zone, engine=engine)
        events = config.tables.events.model_copy(update={"meanings": {name: [name] for name in MEANINGS}})
        tables = config.tables.model_copy(update={"events": events})
        return read_tables(config.model_copy(update={"tables": tables}), **frames)


def value_of(wall):
    """Read what an event's customer said off the minute hand: 0.5 to 4.5, or nothing."""
    minute = int(wall[14:16])
    return None if minute % 7 == 3 else minute % 5 + 0.5


def wall(day, clock, zone="UTC"):
    """Give what a clock on the wall shows; where clocks skip an hour, what they show instead."""
    there = datetime.fromisoformat(f"{day} {clock}").replace(tzinfo=ZoneInfo(zone))
    return f"{there.astimezone(UTC).astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M:%S}"


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
    orders, events, contacts = [], [], []
    for who in (f"c{i:02}" for i in range(60)):
        for number in range(rng.randrange(8)):
            day, order = date(2024, 1, 1) + timedelta(days=rng.randrange(365)), rng.choice((f"{who}-{number}", None))
            for _ in range(rng.randrange(1, 4)):
                orders.append((who, on(rng, day, 1), rng.randrange(9_000), order, on(rng, day, 30), None))
            if rng.random() < 0.4:
                sign, claim = rng.choice(((-1, None), (1, "yes"), (-1, "yes"))) if is_late else (-1, None)
                cents = sign * rng.randrange(100, 5_000)
                orders.append((who, on(rng, day, 40), cents, order, on(rng, day, 60), claim))
        for _ in range(rng.randrange(12)):
            day = date(2024, 1, 1) + timedelta(days=rng.randrange(365))
            events.append((who, on(rng, day), rng.choice((*MEANINGS, "other")), on(rng, day, 30)))
        for _ in range(rng.randrange(6)):
            day = date(2024, 1, 1) + timedelta(days=rng.randrange(365))
            contacts.append((who, on(rng, day), rng.choice(("treatment", None, "Control", "holdout"))))
    return shop_of(orders, events, is_late, contacts=tuple(contacts))


def shop_of(orders, events, is_late, **how):
    """Make a shop of rows that differ in what the engines are told."""
    orders = {(row if is_late else row[:4]): row for row in orders}.values()
    events = {(row if is_late else row[:3]): row for row in events}.values()
    return Shop(tuple(orders), tuple(events), is_late, **how)


def tables_in_sqlite(shop, as_of):
    """Write what was known: `ago` counts days back from as_of, so that 1 is yesterday."""
    connection = sqlite3.connect(":memory:")
    connection.create_function("sqrt", 1, lambda value: None if value is None else value**0.5)
    connection.execute("CREATE TABLE raw_orders (who, at, cents, id, loaded, back)")
    connection.execute("CREATE TABLE raw_events (who, at, kind, loaded)")
    connection.execute("CREATE TABLE raw_contacts (who, at, arm)")
    rows_of = {"raw_orders": shop.orders, "raw_events": shop.events, "raw_contacts": shop.contacts}
    for table, rows in rows_of.items():
        if rows:
            connection.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(rows[0]))})", rows)
    arrived = f"coalesce(loaded, at) < '{as_of}'" if shop.is_late else "true"
    known = f"at < '{as_of}' AND {arrived}"
    minute = "CAST(substr(at, 15, 2) AS INTEGER)"
    ago = f"CAST(julianday('{as_of}') - julianday(date(at)) AS INTEGER) AS ago"
    is_back = f"(cents < 0 OR {shop.is_late:d} AND coalesce(back, 'no') = 'yes') AS is_back"
    before = "(SELECT min(ago) FROM days d WHERE d.who = days.who AND d.ago > days.ago)"
    connection.executescript(f"""
        CREATE TABLE lines AS
            SELECT who, {ago}, abs(cents) AS cents, {is_back}, coalesce(id, rowid) AS id
            FROM raw_orders WHERE {known};
        CREATE INDEX lines_of ON lines (who);
        CREATE TABLE seen AS
            SELECT who, {ago}, kind, CASE WHEN {minute} % 7 <> 3 THEN {minute} % 5 * 100 + 50 END AS rated
            FROM raw_events WHERE {known};
        CREATE INDEX seen_of ON seen (who);
        CREATE TABLE sold AS SELECT who, max(ago) AS ago FROM lines WHERE NOT is_back GROUP BY who, id;
        CREATE INDEX sold_of ON sold (who);
        CREATE TABLE days AS SELECT DISTINCT who, ago FROM sold;
        CREATE INDEX days_of ON days (who, ago);
        CREATE TABLE gaps AS SELECT who, {before} - ago AS gap FROM days WHERE gap IS NOT NULL;
        CREATE INDEX gaps_of ON gaps (who);
        CREATE TABLE made AS
            SELECT who, {ago} FROM raw_contacts
            WHERE at < '{as_of}' AND coalesce(lower(arm), '') NOT IN ('control', 'holdout');
        CREATE TABLE people AS SELECT who AS p FROM lines UNION SELECT who FROM seen;
    """)
    return connection


def questions():
    """Write one scalar question a feature, about the person `p`."""
    gross = "(SELECT sum(cents) FROM lines WHERE who = p AND NOT is_back)"
    back = "(SELECT coalesce(sum(cents), 0) FROM lines WHERE who = p AND is_back)"
    orders = "(SELECT count(*) FROM sold WHERE who = p)"
    net = "SELECT coalesce(sum(CASE WHEN is_back THEN -cents ELSE cents END), 0) FROM lines WHERE who = p"
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
        "gross_minor_ever": f"SELECT coalesce({gross}, 0)",
        "returned_minor_ever": f"SELECT {back}",
        "amount_ever": f"SELECT ({net}) / 100.0",
        "mean_order_amount": f"SELECT {gross} / 100.0 / nullif({orders}, 0)",
        "returned_amount_share": f"SELECT {back} * 1.0 / nullif({gross}, 0)",
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
    soon = "EXISTS (SELECT 1 FROM days d WHERE d.who = p AND d.ago <= made.ago AND d.ago > made.ago - 14)"
    contacts = "SELECT count(*) FROM made WHERE who = p AND ago <= {}"
    ask["days_since_last_contact"] = "SELECT min(ago) FROM made WHERE who = p"
    for days in (30, 90, 365):
        ask[f"contacts_last_{days}d"] = contacts.format(days)
    ask["contacts_answered_last_365d"] = f"{contacts.format(365)} AND {soon}"
    share = f"({ask['contacts_answered_last_365d']}) * 1.0 / nullif(({contacts.format(365)}), 0)"
    ask["contacts_answered_share_last_365d"] = f"SELECT {share}"
    said = "FROM seen WHERE who = p AND kind = 'satisfaction' AND ago <= 365"
    ask["satisfaction_sum_last_365d"] = f"SELECT coalesce(sum(rated), 0) {said}"
    ask["satisfactions_rated_last_365d"] = f"SELECT count(rated) {said}"
    ask["mean_satisfaction_last_365d"] = f"SELECT avg(rated) / 100 {said}"
    events = "(SELECT count(*) FROM seen WHERE who = p AND ago <= {})"
    for days in TASK.windows_days:
        ask[f"orders_last_{days}d"] = f"SELECT count(*) FROM sold WHERE who = p AND ago <= {days}"
        ask[f"amount_last_{days}d"] = f"SELECT ({net} AND ago <= {days}) / 100.0"
        ask[f"net_minor_last_{days}d"] = f"SELECT ({net} AND ago <= {days})"
        ask[f"events_last_{days}d"] = f"SELECT {events.format(days)}"
    for days in (30, 90):
        share = f"sum({days} * 1000 / ({days} + ago))"  # of whole numbers, rounded down
        ask[f"orders_faded_over_{days}d"] = f"SELECT coalesce({share}, 0) FROM sold WHERE who = p"
        ask[f"events_faded_over_{days}d"] = f"SELECT coalesce({share}, 0) FROM seen WHERE who = p"
    for short, long in ((7, 90), (30, 180), (90, 365)):
        share = f"{events.format(short)} * 1.0 / nullif({events.format(long)}, 0)"
        ask[f"events_last_{short}d_share_of_{long}d"] = f"SELECT {share}"
    for kind in MEANINGS:
        mine = f"FROM seen WHERE who = p AND kind = '{kind}'"
        ask[f"days_since_last_{kind}"] = f"SELECT min(ago) {mine}"
        for days in (30, 90):
            ask[f"{kind}s_last_{days}d"] = f"SELECT count(*) {mine} AND ago <= {days}"
    for kind in ("visit", "email_open"):
        mine, days = f"FROM seen WHERE who = p AND kind = '{kind}'", "(max(ago) - min(ago) + 30.0)"
        ask[f"days_since_first_{kind}"] = f"SELECT max(ago) {mine}"
        ask[f"{kind}s_ever"] = f"SELECT count(*) {mine}"
        ask[f"mean_{kind}_gap_days"] = f"SELECT {days} / nullif(count(*), 0) {mine}"
        ask[f"{kind}_overdue_ratio"] = f"SELECT min(ago) * count(*) / {days} {mine}"
    return ask


def asked(shop, as_of):
    """Ask the oracle everything about everyone."""
    inputs = Inputs(INPUTS.meanings if shop.events else None, INPUTS.rated if shop.events else (), bool(shop.contacts))
    features = catalogue(TASK, inputs)
    ask = ", ".join(f"({sql}) AS {name}" for name, sql in questions().items() if name in {f.name for f in features})
    told = pd.read_sql(f"SELECT p, {ask} FROM people", tables_in_sqlite(shop, as_of))
    return told.rename(columns={"p": "customer_id"}).sort_values("customer_id", ignore_index=True)


def described(tables, as_of):
    frame = build_features(take_snapshot(prepare(tables), parse_day(as_of)), TASK)
    found = tables.engine.collect(frame, "customer_id").to_pandas()
    return against_habit(found, RHYTHM, LAPSE)


class Lazily:
    """Stands in for the engine: keeps nothing, so that the whole walk stays one query."""

    def keep(self, frame, *_):
        return frame

    keep_in_parts = keep

    def parts(self, *_):
        return 1

    def drop(self, _):
        pass

    def repeated(self, rows, *columns):
        return rows.group_by(*columns).agg(nw.len().alias("rows")).filter(nw.col("rows") > 1).drop("rows")

    def collect(self, frame, *order_by):
        return frame.sort(*order_by).collect(backend="pyarrow").to_native()


def on_polars(tables):
    """Hand the validated tables of another engine to Polars."""
    pl = pytest.importorskip("polars")
    names = [name for name in ("orders", "events", "contacts") if getattr(tables, name) is not None]
    frames = {name: pl.from_arrow(tables.engine.collect(getattr(tables, name))).lazy() for name in names}
    return replace(tables, engine=Lazily(), **{name: nw.from_native(frame) for name, frame in frames.items()})


def same(found, told):
    """Hold what an engine found against what the oracle told."""
    assert found["customer_id"].tolist() == told["customer_id"].tolist()
    for name in told.columns[1:]:
        mine, theirs = (frame[name].to_numpy(dtype=float, na_value=np.nan) for frame in (found, told))
        close = {"rtol": 1e-9} if name in DIVIDED or "share" in name else {"rtol": 0}
        np.testing.assert_allclose(mine, theirs, atol=0, err_msg=name, **close)


def identical(found, other):
    """Hold two engines against each other: every bit of every value."""
    pd.testing.assert_frame_equal(found, other, check_dtype=False, rtol=0, atol=0)


def alike(polars, other):
    """Hold Polars against another engine: asked to divide by a number, it multiplies by its reciprocal."""
    pd.testing.assert_frame_equal(polars, other, check_dtype=False, rtol=1e-15, atol=0)
    whole = [name for name in other if other[name].dtype.kind == "i" or "minor" in name or "days_since" in name]
    assert len(whole) > 20
    identical(polars[whole], other[whole])


def test_every_feature_is_asked_again():
    assert set(questions()) == {feature.name for feature in catalogue(TASK, INPUTS)}


@pytest.mark.parametrize(("seed", "is_late"), [(1, False), (2, True)])
def test_three_engines_agree_on_every_feature(seed, is_late):
    shop = drawn(seed, is_late)
    tables = shop.on("duckdb")
    again = on_polars(tables)
    for as_of in AS_OFS:
        found, told = described(tables, as_of), asked(shop, as_of)
        assert len(told) > 20
        same(found, told)
        alike(described(again, as_of), found)


# at midnight -------------------------------------------------------------------------------------------------

#: Days that begin when clocks have just changed, or where they never do; in Santiago the day itself begins at one.
EDGES = (("Europe/Berlin", "2024-04-01"), ("America/New_York", "2024-11-04"), ("Asia/Kolkata", "2024-07-15"))
EDGES += (("America/Santiago", "2024-09-08"),)
CLOCKS = ("00:00:00", "00:00:01", "00:04:00", "00:59:59", "12:00:00", "23:01:00", "23:56:00", "23:59:59")

few = settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
ago = st.sampled_from([-1, 0, 1, 2, 7, 8, 30, 31, 90, 91, 180, 181, 365, 366]) | st.integers(-3, 400)
lines = st.tuples(
    st.sampled_from("abc"),
    ago,
    st.sampled_from(CLOCKS),
    st.integers(-5_000, 20_000) | st.sampled_from([0, 1, 29, 57, 10**11 + 1]),
    st.sampled_from([None, "1", "2", "3"]),
    st.tuples(st.integers(0, 40), st.sampled_from(CLOCKS)),
    st.sampled_from([None, "no", "yes"]),
)
acts = st.tuples(
    st.sampled_from("abv"),
    ago,
    st.sampled_from(CLOCKS),
    st.sampled_from([*MEANINGS, "other"]),
    st.tuples(st.integers(0, 40), st.sampled_from(CLOCKS)),
)

sends = st.tuples(
    st.sampled_from("abv"),
    ago | st.integers(1, 16),
    st.sampled_from(CLOCKS),
    st.sampled_from(["treatment", None, "CONTROL"]),
)


@st.composite
def shops(draw):
    """Draw a shop whose rows lie around the midnights at which windows begin and end; and the day that is asked."""
    zone, as_of = draw(st.sampled_from(EDGES))
    begin = date.fromisoformat(as_of)

    def at(days, clock):
        return wall(begin - timedelta(days=days), clock, zone)

    def loaded(days, lag):
        return at(days - lag[0], lag[1])

    orders = [("z", at(400, "12:00:00"), 100, "0", at(400, "13:00:00"), None)]
    for who, days, clock, cents, order, lag, claim in draw(st.lists(lines, max_size=30)):
        orders.append((who, at(days, clock), cents, order, loaded(days, lag), claim))
    events = [("z", at(400, "12:00:00"), "visit", at(400, "13:00:00"))]
    for who, days, clock, kind, lag in draw(st.lists(acts, max_size=15)):
        events.append((who, at(days, clock), kind, loaded(days, lag)))
    contacts = [(who, at(days, clock), arm) for who, days, clock, arm in draw(st.lists(sends, max_size=8))]
    way = draw(st.sampled_from(["naive", "timestamps", "offset", "zoned"]))
    until = str(begin + timedelta(days=2))
    told = {"zone": zone, "way": way, "until": until, "contacts": tuple(contacts)}
    return shop_of(orders, events, draw(st.booleans()), **told), as_of


@few
@given(shops())
def test_three_engines_agree_at_midnight_in_any_time_zone(drawn):
    shop, as_of = drawn
    tables = shop.on("duckdb")
    found = described(tables, as_of)
    same(found, asked(shop, as_of))
    alike(described(on_polars(tables), as_of), found)
    tables.engine.close()


@pytest.mark.slow
@settings(few, max_examples=4)
@given(shops())
def test_spark_agrees_at_midnight_in_any_time_zone(spark, drawn):
    shop, as_of = drawn
    found = described(shop.on("spark"), as_of)
    same(found, asked(shop, as_of))
    identical(found, described(shop.on("duckdb"), as_of))


@pytest.mark.parametrize(("zone", "as_of"), EDGES)
def test_the_oracle_sees_a_wrong_zone(zone, as_of):
    yesterday, today = (str(date.fromisoformat(as_of) - timedelta(days=days)) for days in (1, 0))
    rows = [
        ("a", wall(yesterday, "23:56:00", zone), 100, "1", None, None),
        ("z", "2024-01-05 12:00:00", 1, "0", None, None),
    ]
    rows += [("a", wall(today, "01:04:00", zone), 100, "2", None, None)]
    shop = Shop(tuple(rows), (("z", "2024-01-05 12:00:00", "visit", None),), zone=zone, way="zoned", until="2024-12-31")
    right = asked(shop, as_of)
    same(described(shop.on("duckdb"), as_of), right)
    elsewhere = shop.on("duckdb", zone="UTC")
    with pytest.raises(AssertionError):
        same(described(elsewhere, as_of), right)


# a real shop -------------------------------------------------------------------------------------------------

REAL = (("Europe/London", "2011-04-02"), ("Pacific/Auckland", "2011-09-11"), ("America/Los_Angeles", "2011-11-11"))


@cache
def real(zone):
    """Take the shipped shop's instants for UTC, and hang its clock in a time zone."""
    lines = pd.read_parquet(online_retail_path()).query("UnitPrice > 0").drop_duplicates().dropna(subset="CustomerID")
    at = lines["InvoiceDate"].dt.tz_localize("UTC").dt.tz_convert(zone).dt.strftime("%Y-%m-%d %H:%M:%S")
    hundredths = lines["Quantity"] * lines["UnitPrice"] * 100
    cents = (np.sign(hundredths) * np.floor(hundredths.abs() + 0.5)).astype(int)
    who = lines["CustomerID"].astype(int).astype(str)
    orders = zip(who, at, cents.tolist(), lines["InvoiceNo"], strict=True)
    return Shop(tuple((*row, None, None) for row in orders), (), zone=zone, until="2011-12-09")


def read_real(zone, engine):
    frame = pd.read_parquet(online_retail_path())
    frame["InvoiceDate"] = frame["InvoiceDate"].dt.tz_localize("UTC")
    columns = {"customer_id": "CustomerID", "order_id": "InvoiceNo", "ordered_at": "InvoiceDate"}
    columns |= {"amount": "Quantity * UnitPrice"}
    orders = {"source": "given.parquet", "columns": columns, "where": "UnitPrice > 0", "max_rejected_share": 0.5}
    plan = Config(project="real", timezone=zone, complete_until="2011-12-09", engine=engine, tables={"orders": orders})
    return read_tables(plan, orders=frame)


@pytest.mark.slow
@pytest.mark.parametrize(("zone", "as_of"), REAL)
def test_three_engines_agree_on_a_real_shop(zone, as_of):
    tables, told = read_real(zone, "duckdb"), asked(real(zone), as_of)
    found = described(tables, as_of)
    assert len(told) > 1_900
    same(found, told)
    alike(described(on_polars(tables), as_of), found)


@pytest.mark.slow
@pytest.mark.parametrize(("zone", "as_of"), REAL[:1])
def test_spark_agrees_on_a_real_shop(spark, zone, as_of):
    identical(described(read_real(zone, "spark"), as_of), described(read_real(zone, "duckdb"), as_of))
