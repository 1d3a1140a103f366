"""Each KPI is what its words say: counted by hand in drawn tables, and by plain SQL on real and simulated shops."""

from __future__ import annotations

import json
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import duckdb
import narwhals as nw
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import clm_ml as clm
from clm_ml.config import Config, Lapse
from clm_ml.datasets import online_retail_path
from clm_ml.errors import TimelineError, UsageError
from clm_ml.features import Rhythm, against_habit, fit_rhythm
from clm_ml.lifecycle import groups_of, kpi_catalogue, lacks, measure, standing
from clm_ml.lifecycle.doings import engaging, first_categories, leads, new_categories, ordering, spent
from clm_ml.model import Lifecycle
from clm_ml.segments import PHASES, find_segments, fit_cut_points
from clm_ml.snapshot import prepare
from clm_ml.tables import Tables, read_tables
from clm_ml.timeline import Window, parse_day
from tests.conftest import make_simulated
from tests.test_walk import is_one_sentence, run

PERIOD, GROUPS = Window(100, 130), groups_of(PHASES)
ORDERS = ["customer_id", "ordered_at", "amount", "order_id", "category"]
EVENTS = ["customer_id", "occurred_at", "event_type", "value", "duration_seconds"]
MEANINGS = ("visit", "satisfaction", "review", "lead", "first_response")


def draw(
    orders: list[tuple],
    events: list[tuple] = (),
    spend: list[tuple] = (),
    *,
    until: str = "2024-03-01",
    days: int = 30,
    engine: str = "duckdb",
    columns: list[str] = ORDERS,
    of_events: list[str] = EVENTS,
) -> tuple[Tables, Config]:
    """Read tables drawn as rows; the period is the last 30 days before 2024-03-01: from 2024-01-31 on."""
    rows = {"orders": (orders, columns), "events": (events, of_events), "spend": (spend, ["spent_on", "amount"])}
    frames = {name: pd.DataFrame(list(given), columns=names) for name, (given, names) in rows.items() if given}
    tables = {
        name: {"source": "given.parquet", "columns": {column: column for column in frame}, "max_rejected_share": 0.99}
        for name, frame in frames.items()
    }
    if events:
        tables["events"]["meanings"] = {name: [name] for name in MEANINGS}
    content = {"project": "drawn", "complete_until": until, "tables": tables, "threads": 1, "engine": engine}
    config = Config.model_validate_json(json.dumps(content | {"task": {"horizon_days": days, "active_days": 60}}))
    return read_tables(config, **frames), config


def of_all(told: pd.DataFrame) -> dict[str, tuple]:
    everybody = told[told["group"] == "all"]
    return {row.kpi: (row.value, row.of) for row in everybody.itertuples()}


# The catalogue


def test_every_kpi_has_a_name_a_unit_and_words_of_its_own() -> None:
    kpis = kpi_catalogue()
    assert len({kpi.name for kpi in kpis}) == len({kpi.meaning for kpi in kpis}) == len(kpis) == 17
    assert {kpi.unit for kpi in kpis} == {"share", "money", "hours", "seconds", "rating"}
    known = {"all", "newcomer", *PHASES, *PHASES.values()}
    assert {kpi.whom for kpi in kpis} == {"anyone", "customers", "arrivals", "visitors", "everybody"}
    assert set(GROUPS["phase"]) | set(GROUPS["segment"]) == known


def test_what_is_lacking_is_named_as_the_key_that_gives_it() -> None:
    _, bare = draw([("a", "2024-01-01", 1.0)], columns=ORDERS[:3])
    needs = {kpi.name: lacks(kpi.needs, bare, has_whole_year=False) for kpi in kpi_catalogue()}
    assert {name: text for name, text in needs.items() if text is not None} == {
        "first_order_rate": "tables.events or tables.customers.columns.created_at",
        "cost_per_acquisition": "tables.spend",
        "lead_response_rate": "tables.events.meanings.lead, tables.events.meanings.first_response",
        "lead_response_time": "tables.events.meanings.lead, tables.events.meanings.first_response",
        "contract_value": "orders of a whole year before the period's end",
        "cross_sell_rate": "tables.orders.columns.category",
        "satisfaction": "tables.events.meanings.satisfaction, tables.events.columns.value",
        "review": "tables.events.meanings.review, tables.events.columns.value",
        "engagement_time": "tables.events.columns.duration_seconds",
    }
    _, full = draw([("a", "2024-01-01", 1.0, "1", "x")], [("a", "2024-01-01", "visit", 1.0, 2)], [("2024-01-01", 1.0)])
    assert {lacks(kpi.needs, full, has_whole_year=True) for kpi in kpi_catalogue()} == {None}


# What each person did in a period, counted by hand


def lazy(rows: list[tuple], columns: str) -> nw.LazyFrame:
    import polars as pl

    return nw.from_native(pl.LazyFrame(rows, schema=columns.split(), orient="row"))


def rows_of(frame: nw.LazyFrame) -> dict[str, tuple]:
    return {row[0]: row[1:] for row in frame.collect().rows()}


def test_orders_count_from_the_first_day_up_to_not_including_the_end() -> None:
    columns = "customer_id day orders order_days gross_minor returned_minor"
    frame = lazy(
        [
            ("a", 99, 1, 1, 100, 0),
            ("a", 100, 2, 1, 200, 0),
            ("a", 129, 1, 1, 400, 50),
            ("a", 130, 1, 1, 800, 0),
            ("b", 110, 0, 0, 0, 70),  # a return only
            ("e", 130, 1, 1, 800, 0),  # nobody yet
            ("c", 130 - 366, 1, 1, 900, 0),  # older than a year
            ("d", 130 - 365, 1, 1, 900, 0),
        ],
        columns,
    )
    told = ordering(frame, PERIOD).select(
        "customer_id", "first_order_day", "orders", "order_days", "gross_minor", "net_minor", "orders_in_year",
        "net_minor_in_year",
    )  # fmt: skip
    assert rows_of(told) == {
        "a": (99, 3, 2, 600, 550, 4, 650),
        "b": (None, 0, 0, 0, -70, 0, -70),
        "c": (-236, 0, 0, 0, 0, 0, 0),
        "d": (-235, 0, 0, 0, 0, 1, 900),
    }


def test_a_category_is_new_in_the_period_of_its_first_sale() -> None:
    lines = lazy(
        [
            ("a", 90, 90, False, "tea"),
            ("a", 100, 100, False, "tea"),
            ("a", 100, 100, False, "cups"),
            ("a", 129, 129, False, "pots"),
            ("a", 110, 110, False, None),
            ("b", 105, 105, True, "cups"),  # returned, not bought
            ("b", 106, 140, False, "tea"),  # known only later
            ("c", 130, 130, False, "tea"),
        ],
        "customer_id day known_day is_return category",
    )
    firsts = first_categories(lines, as_of=135)
    assert rows_of(new_categories(firsts, PERIOD)) == {"a": (2,)}
    assert rows_of(new_categories(firsts, Window(130, 135))) == {"c": (1,)}


def test_time_and_ratings_are_added_up_in_whole_parts() -> None:
    events = lazy(
        [
            ("a", 100, "visit", None, 1.5),
            ("a", 101, "visit", None, 0.25),
            ("a", 102, "nps", 4.5, None),
            ("a", 103, "visit", 3.0, None),  # a visit is no rating
            ("b", 129, "nps", 2.0, None),
            ("b", 129, "review", 5.0, None),
            ("b", 130, "nps", 1.0, 9.0),
            ("c", 99, "nps", 1.0, 9.0),
        ],
        "customer_id day event_type value duration_seconds",
    )
    told = engaging(events, {"satisfaction": ["nps"], "review": ["review"]}, PERIOD)
    assert rows_of(told) == {"a": (1750, 2, 450, 1, 0, 0), "b": (0, 0, 200, 1, 500, 1)}
    bare = engaging(events.select("customer_id", "day", "event_type"), {"satisfaction": []}, PERIOD)
    assert rows_of(bare) == {"a": (0, 0, 0, 0), "b": (0, 0, 0, 0)}


def test_a_lead_is_answered_by_the_first_response_from_its_second_on() -> None:
    day = 86_400
    events = lazy(
        [
            ("a", 100, 100 * day, "ask"),
            ("a", 100, 100 * day - 1, "reply"),  # too early for it
            ("a", 100, 100 * day + 60, "reply"),
            ("a", 101, 101 * day, "reply"),
            ("b", 100, 100 * day, "ask"),
            ("b", 100, 100 * day, "reply"),  # the same second
            ("b", 110, 110 * day, "ask"),
            ("b", 130, 130 * day, "reply"),  # after the period
            ("c", 99, 99 * day, "ask"),  # before it
            ("c", 100, 100 * day, "reply"),
            ("d", 120, 120 * day, "ask"),
            ("d", 120, 120 * day, "ask"),  # twice at once
            ("d", 120, 120 * day + 5, "reply"),
        ],
        "customer_id day second event_type",
    )
    told = leads(events, ["ask"], ["reply"], PERIOD)
    assert rows_of(told) == {"a": (1, 1, 60), "b": (2, 1, 0), "d": (2, 2, 10)}


def test_cost_is_that_of_the_days_of_the_period() -> None:
    spend = lazy([(99, 1), (100, 2), (129, 4), (130, 8)], "day amount_minor")
    assert spent(spend, PERIOD).collect().rows() == [(6,)]
    assert spent(spend, Window(200, 210)).collect().rows() == [(0,)]


# What they add up to, counted by hand

DOINGS = """orders order_days gross_minor net_minor orders_in_year net_minor_in_year orders_ever lifetime_minor
new_categories engaged_ms timed satisfaction_sum satisfaction_rated review_sum review_rated leads leads_answered
response_seconds"""
NOTHING = dict.fromkeys(DOINGS.split(), 0)


def person(was: str | None, ahead: str, first: int | None = None, since: int | None = None, **did: int) -> dict:
    """Draw somebody: the segments at both ends, the first order's day, the days since the last one, and doings."""
    return (
        NOTHING
        | did
        | {
            "segment": was,
            "phase": PHASES.get(was),
            "segment_ahead": ahead,
            "phase_ahead": PHASES[ahead],
            "first_order_day": np.nan if first is None else first,
            "days_since_last_order": np.nan if since is None else since,
        }
    )


PEOPLE = [
    # a visitor who stays one, and wrote a lead that was answered in two hours
    person("loyal_visitor", "loyal_visitor", leads=1, leads_answered=1, response_seconds=7200, engaged_ms=4000,
           timed=2),
    # a visitor who is won, and whose lead was not answered
    person("engaged_visitor", "first_time", 100, orders=1, order_days=1, gross_minor=1000, net_minor=1000,
           orders_in_year=1, net_minor_in_year=1000, orders_ever=1, lifetime_minor=1000, new_categories=1, leads=1),
    # nobody knew them: two orders on two days, one of which went back
    person(None, "recent", 129, orders=2, order_days=2, gross_minor=3000, net_minor=1500, orders_in_year=2,
           net_minor_in_year=1500, orders_ever=2, lifetime_minor=1500, new_categories=2),
    # a one-time buyer who came again on one day, in a new category, and was content
    person("first_time", "promising", 50, 60, orders=2, order_days=1, gross_minor=2000, net_minor=2000,
           orders_in_year=3, net_minor_in_year=2500, orders_ever=3, lifetime_minor=2500, new_categories=1,
           satisfaction_sum=450, satisfaction_rated=1),
    # a champion who stays one: two days, no new category, rated twice, and was engaged
    person("champion", "champion", -700, 10, orders=5, order_days=2, gross_minor=9000, net_minor=8000,
           orders_in_year=20, net_minor_in_year=40000, orders_ever=50, lifetime_minor=90000, satisfaction_sum=500,
           satisfaction_rated=2, review_sum=500, review_rated=1, engaged_ms=60000, timed=9),
    # a loyal one who stops
    person("loyal", "at_risk", -700, 60, orders_in_year=5, net_minor_in_year=5000, orders_ever=30,
           lifetime_minor=50000),
    # one who was gone longer than anybody counts as active
    person("cannot_lose", "cannot_lose", -900, 61, orders_ever=10, lifetime_minor=20000),
]  # fmt: skip


@pytest.fixture(scope="module")
def told() -> pd.DataFrame:
    return measure(pd.DataFrame(PEOPLE), PERIOD, active_days=60, currency="CHF", spent_minor=5000)


#: Value and count of each KPI: of everybody, and of groups where it tells something.
BY_HAND = {
    "conversion_rate": {
        "retention": (1 / 5, 5),  # the won visitor, of six known less the one who was there
        "increased_value": (1 / 6, 6),
        "veneration": (0, 4),
        "reactivation": (1 / 5, 5),
        "first_time": (1 / 5, 5),
        "promising": (1 / 6, 6),
        "champion": (0, 5),
        "at_risk": (1 / 6, 6),
    },
    "first_order_rate": {"all": (1 / 2, 2), "acquisition": (1 / 2, 2), "engaged_visitor": (1, 1),
                         "loyal_visitor": (0, 1)},
    "cost_per_acquisition": {"all": (50 / 2, 2)},
    "lead_response_rate": {"all": (1 / 2, 2), "loyal_visitor": (1, 1), "engaged_visitor": (0, 1)},
    "lead_response_time": {"all": (2, 1), "acquisition": (2, 1), "engaged_visitor": (None, 0)},
    "total_value": {"all": (125, 10), "newcomer": (15, 2), "veneration": (80, 5), "reactivation": (0, 0)},
    "average_order_value": {"all": (15, 10), "newcomer": (15, 2), "champion": (18, 5), "reactivation": (None, 0)},
    "contract_value": {"all": (500 / 5, 5), "veneration": (450 / 2, 2), "cannot_lose": (None, 0)},
    "lifetime_value": {"all": (1650 / 6, 6), "veneration": (700, 2), "loyal_visitor": (None, 0),
                       "cannot_lose": (200, 1)},
    "retention_rate": {"all": (2 / 3, 3), "veneration": (1 / 2, 2), "reactivation": (None, 0)},
    "churn_rate": {"all": (1 / 3, 3), "veneration": (1 / 2, 2), "first_time": (0, 1)},
    "repeat_rate": {"all": (2 / 4, 4), "newcomer": (1, 1), "first_time": (0, 1), "cannot_lose": (None, 0)},
    "cross_sell_rate": {"all": (1 / 2, 2), "first_time": (1, 1), "champion": (0, 1)},
    "satisfaction": {"all": (9.5 / 3, 3), "champion": (2.5, 2), "first_time": (4.5, 1), "newcomer": (None, 0)},
    "review": {"all": (5, 1), "veneration": (5, 1)},
    "engagement_time": {"all": (32, 2), "acquisition": (4, 1), "champion": (60, 1)},
    "revenue_concentration": {"all": (90 / 150, 4), "veneration": (1, 1), "reactivation": (None, 0)},
}  # fmt: skip


def test_every_kpi_is_counted_by_hand() -> None:
    assert list(BY_HAND) == [kpi.name for kpi in kpi_catalogue()]


@pytest.mark.parametrize("kpi", BY_HAND)
def test_a_kpi_is_what_is_counted_by_hand(told: pd.DataFrame, kpi: str) -> None:
    found = told[told["kpi"] == kpi].set_index("group")
    for group, (value, of) in BY_HAND[kpi].items():
        assert found.loc[group, "of"] == of, group
        assert (
            found.loc[group, "value"] == pytest.approx(value)
            if value is not None
            else np.isnan(found.loc[group, "value"])
        )


def test_the_table_is_tidy_and_each_group_is_told_once(told: pd.DataFrame) -> None:
    assert list(told) == ["kpi", "group", "period_start", "period_end", "value", "unit", "of", "needs"]
    assert not told.duplicated(["kpi", "group"]).any()
    assert set(told["period_start"]) == {date(1970, 4, 11)}
    assert set(told["period_end"]) == {date(1970, 5, 11)}
    assert set(told.loc[told["kpi"] == "lifetime_value", "unit"]) == {"CHF"}
    assert told["needs"].isna().all()
    groups = told.groupby("kpi")["group"].apply(list)
    assert groups["total_value"] == ["all", *dict.fromkeys(PHASES.values()), "newcomer", *PHASES]
    assert groups["cost_per_acquisition"] == ["all"]
    assert "acquisition" not in groups["retention_rate"]
    assert "newcomer" not in groups["conversion_rate"]


def test_what_is_lacking_has_no_value_and_says_what_would_give_it() -> None:
    lacking = {"satisfaction": "tables.events.meanings.satisfaction"}
    told = measure(pd.DataFrame(PEOPLE), PERIOD, 60, "CHF", lacking=lacking)
    rows = told[told["kpi"] == "satisfaction"]
    assert rows[["value", "of"]].isna().all(axis=None)
    assert set(rows["needs"]) == {"tables.events.meanings.satisfaction"}
    assert told.loc[told["kpi"] != "satisfaction", "needs"].isna().all()


def test_a_shop_may_call_its_segments_otherwise() -> None:
    people = pd.DataFrame([PEOPLE[0], PEOPLE[3]]).assign(segment=["looks", "buys"], segment_ahead=["looks", "buys"])
    phases = {"looks": "acquisition", "buys": "retention"}
    told = measure(people, PERIOD, 60, "EUR", phases=phases).set_index(["kpi", "group"])
    assert told.index.get_level_values("group").unique().tolist() == [
        "retention",
        "buys",
        "all",
        "acquisition",
        "looks",
        "newcomer",
    ]
    assert told.loc[("retention_rate", "buys"), "of"] == told.loc[("first_order_rate", "looks"), "of"] == 1


def test_equal_amounts_and_a_fifth_that_is_no_whole_number_are_rounded_up() -> None:
    six = [person(None, "first_time", 100, orders=1, gross_minor=100) for _ in range(6)]
    assert of_all(measure(pd.DataFrame(six), PERIOD, 60, "EUR"))["revenue_concentration"] == (2 / 6, 6)


# The whole way from drawn tables

A_YEAR_AGO = "2023-02-01"
SHOP = (
    [
        ("old", A_YEAR_AGO, 10.0, "1", "tea"),
        ("old", "2024-01-30", 20.0, "2", "tea"),
        ("old", "2024-01-31 00:00:00", 30.0, "3", "cups"),  # the period's first instant
        ("old", "2024-02-29 23:59:59", 40.0, "4", "tea"),  # its last second
        ("quiet", "2024-01-15", 8.0, "5", "tea"),
        ("gone", "2023-06-01", 9.0, "6", "tea"),
        ("new", "2024-02-10", 15.0, "7", "pots"),
        ("new", "2024-02-10", 5.0, "7", "cups"),
        ("new", "2024-02-12", -5.0, "7", "cups"),  # sent back
        ("won", "2024-02-20", 50.0, "8", "tea"),
    ],
    [
        ("won", "2024-01-20", "visit", None, 100),
        ("won", "2024-02-01", "visit", None, 30),
        ("won", "2024-02-01", "lead", None, None),
        ("won", "2024-02-01 06:00:00", "first_response", None, None),
        ("looks", "2024-01-20", "visit", None, None),
        ("old", "2024-02-29 23:59:59", "satisfaction", 4.0, None),
        ("new", "2024-02-15", "satisfaction", 5.0, None),
        ("new", "2024-02-15", "review", 2.0, 60),
    ],
    [("2024-01-30", 100.0), ("2024-01-31", 7.0), ("2024-02-29", 3.0)],
)


def test_a_drawn_shop_is_what_is_counted_by_hand() -> None:
    told = clm.kpis(*draw(*SHOP))
    found = of_all(told)
    by_hand = {
        "first_order_rate": (1 / 2, 2),  # won, of won and looks
        "cost_per_acquisition": (10 / 2, 2),  # new and won
        "lead_response_rate": (1, 1),
        "lead_response_time": (6, 1),
        "total_value": (135, 4),  # 30 + 40 + 20 - 5 + 50
        "average_order_value": (140 / 4, 4),
        "contract_value": ((90 + 8 + 9 + 15 + 50) / 5, 5),  # old's first is older than 365 days
        "lifetime_value": ((100 + 8 + 9 + 15 + 50) / 5, 5),
        "retention_rate": (1 / 2, 2),  # old, of old and quiet
        "churn_rate": (1 / 2, 2),
        "repeat_rate": (1 / 3, 3),  # old, of old, new and won
        "cross_sell_rate": (1, 1),  # old bought cups
        "satisfaction": (4.5, 2),
        "review": (2, 1),
        "engagement_time": (45, 2),  # won 30, new 60
        "revenue_concentration": (70 / 140, 3),
    }
    assert {kpi: value for kpi, (value, _) in found.items()} == pytest.approx(
        {k: value for k, (value, _) in by_hand.items()}
    )
    assert {kpi: of for kpi, (_, of) in found.items()} == {kpi: of for kpi, (_, of) in by_hand.items()}
    assert set(told["period_start"].map(str)) == {"2024-01-31"}
    assert told["needs"].isna().all()


def test_without_a_year_behind_it_nobody_says_what_a_customer_brings_a_year() -> None:
    tables, config = draw(*SHOP)
    for as_of, value, needs in (
        ("2024-01-31", None, "orders of a whole year before the period's end"),
        ("2024-02-01", (60 + 8 + 9) / 3, None),  # the first day with 365 days behind it since the first order
    ):
        told = clm.kpis(tables, config, as_of=as_of)
        row = told[(told["kpi"] == "contract_value") & (told["group"] == "all")].iloc[0]
        assert row["needs"] == needs or (pd.isna(row["needs"]) and needs is None)
        assert np.isnan(row["value"]) if value is None else row["value"] == pytest.approx(value)


def test_periods_are_closed_end_to_end_and_each_is_what_it_would_be_alone() -> None:
    recent = [row for row in SHOP[0] if row[1] >= "2024-01-15"]
    tables, config = draw(recent, *SHOP[1:], days=10)
    every_group = clm.kpis(tables, config, every=10)
    series = every_group[every_group["group"] == "all"]
    starts = sorted(set(series["period_start"]))
    assert (starts[0], starts[-1]) == (date(2024, 1, 21), date(2024, 2, 20))
    assert {later - earlier for earlier, later in pairwise(starts)} == {timedelta(10)}
    value = series[series["kpi"] == "total_value"].set_index("period_start")["value"]
    assert value[date(2024, 1, 31)] == 30
    assert value[date(2024, 2, 10)] == 15
    assert value[date(2024, 2, 20)] == 90
    for start, end in pairwise([*starts[-2:], date(2024, 3, 1)]):
        alone = clm.kpis(tables, config, as_of=end)
        same = every_group[every_group["period_start"] == start].reset_index(drop=True)
        pd.testing.assert_frame_equal(alone, same, check_dtype=False)


def test_by_keeps_groups_of_one_kind() -> None:
    tables, config = draw(*SHOP)
    whole = clm.kpis(tables, config)
    for by, groups in list(GROUPS.items())[1:]:
        part = clm.kpis(tables, config, by=by)
        assert set(part["group"]) <= set(groups)
        pd.testing.assert_frame_equal(part, whole[whole["group"].isin(groups)].reset_index(drop=True))


def test_what_cannot_be_asked_is_refused_in_words() -> None:
    tables, config = draw(*SHOP)
    with pytest.raises(UsageError, match="every is a number of days, at least 1; found 0"):
        clm.kpis(tables, config, every=0)
    with pytest.raises(UsageError, match="by is phase, segment, period or nothing; found 'week'"):
        clm.kpis(tables, config, by="week")
    with pytest.raises(TimelineError, match="data are complete until 2024-03-01"):
        clm.kpis(tables, config, as_of="2024-03-02")
    with pytest.raises(
        TimelineError, match="a period of 30 days before 2023-03-01 would begin before anybody was known"
    ):
        clm.kpis(tables, config, as_of="2023-03-01")


def test_a_late_row_counts_in_its_own_period_once_it_is_known() -> None:
    columns = [*ORDERS[:3], "loaded_at"]
    rows = [("a", "2024-01-25", 5.0, "2024-01-25"), ("b", "2024-02-01", 7.0, "2024-02-25")]
    events = [("a", "2024-01-26", "visit", 9.0, "2024-01-26"), ("a", "2024-02-01", "review", 4.0, "2024-02-25")]
    tables, config = draw(rows, events, columns=columns, of_events=[*EVENTS[:4], "loaded_at"])
    early, late = (clm.kpis(tables, config, as_of=day, every=10, by="period") for day in ("2024-02-20", "2024-03-01"))
    for told, value in ((early, 0), (late, 7)):
        rows_of_period = told[(told["kpi"] == "total_value") & (told["period_start"] == date(2024, 1, 31))]
        assert rows_of_period["value"].tolist() == [value]
        reviews = told[(told["kpi"] == "review") & (told["period_start"] == date(2024, 1, 31))]
        assert reviews["of"].tolist() == [value and 1]


DAYS = st.integers(0, 80).map(lambda day: date(2024, 1, 1) + timedelta(day))
PLAIN_ORDERS = st.lists(
    st.tuples(
        st.sampled_from("abcdef"), DAYS, st.integers(-300, 900), st.sampled_from("12345"), st.sampled_from("xyz")
    ),
    min_size=1,
    max_size=30,
)


@settings(max_examples=6, suppress_health_check=[HealthCheck.too_slow])
@given(PLAIN_ORDERS)
def test_the_future_moves_nothing_and_groups_add_up_to_all(drawn: list[tuple]) -> None:
    """Rows of as_of or later, and the order of rows, change no KPI; and nobody's cent is lost to groups."""
    first = [("first", "2024-01-01", 1.0, "0", "x")]
    rows = first + [(who, f"{day} 12:00:00", cents / 100, who + order, what) for who, day, cents, order, what in drawn]
    known = [row for row in rows if row[1] < "2024-03-01"]
    whole = clm.kpis(*draw(rows, until="2024-04-01"), as_of="2024-03-01")
    alone = clm.kpis(*draw(known[::-1], until="2024-03-01"), as_of="2024-03-01")
    pd.testing.assert_frame_equal(whole, alone)
    for kpi in ("total_value", "average_order_value", "lifetime_value", "repeat_rate", "retention_rate"):
        rows_of_kpi = whole[whole["kpi"] == kpi].set_index("group")["of"]
        for by in ("phase", "segment"):
            parts = [group for group in GROUPS[by] if group != "all" and group in rows_of_kpi.index]
            assert rows_of_kpi[parts].sum() == rows_of_kpi["all"], (kpi, by)
    value = whole[whole["kpi"] == "total_value"].set_index("group")["value"]
    assert value[list(GROUPS["phase"][1:])].sum() == pytest.approx(value["all"])


# Asked again in plain SQL


RETAIL_SQL = """
CREATE TABLE lines AS
SELECT customer, invoice, day, cents, category, cents < 0 OR pieces < 0 AS back FROM (
    SELECT CAST(CustomerID AS VARCHAR) AS customer, InvoiceNo AS invoice, CAST(InvoiceDate AS DATE) AS day,
           CAST(round(Quantity * UnitPrice * 100) AS BIGINT) AS cents, Quantity AS pieces,
           left(StockCode, 2) AS category
    FROM (SELECT DISTINCT * FROM read_parquet('{file}'))
    WHERE UnitPrice > 0 AND CustomerID IS NOT NULL);
CREATE TABLE bought AS
SELECT customer, invoice, min(day) AS day FROM lines WHERE NOT back GROUP BY ALL;
"""


@pytest.fixture(scope="module")
def retail() -> tuple[pd.DataFrame, duckdb.DuckDBPyConnection, Window]:
    """The KPIs of the shop that ships, with products' first two letters for a category; and its lines for SQL."""
    config = clm.load_config(Path(clm.datasets.__file__).parents[2] / "configs/online_retail.yaml")
    content = config.model_dump(mode="json", exclude={"home"})
    content["tables"]["orders"]["columns"]["category"] = "left(StockCode, 2)"
    content["tables"]["orders"]["source"] = str(online_retail_path())
    config = Config.model_validate_json(json.dumps(content))
    tables = read_tables(config)
    period = Window(parse_day("2011-09-11"), parse_day("2011-12-10"))
    told = clm.kpis(tables, config)
    was = standing(prepare(tables), period.start, config.task)
    sql = duckdb.connect()
    sql.execute(RETAIL_SQL.format(file=online_retail_path()))
    sql.register("placed_then", placed(was, config).reset_index())
    return told, sql, period


def placed(was: pd.DataFrame, config: Config) -> pd.DataFrame:
    """Place people as the rooms of segments do: who is where is their business, what follows is SQL's."""
    rhythm = fit_rhythm(was["gaps_ever"], was["gap_days_sum"], was["gap_days_square_sum"])
    segments = find_segments(against_habit(was, rhythm, config.lapse), fit_cut_points(was), config.lapse)
    return segments[["phase", "segment"]].set_index(was.index).rename_axis("customer")


IN = "day >= DATE '2011-09-11' AND day < DATE '2011-12-10'"
BY_SQL = {
    "total_value": f"SELECT sum(cents) / 100 FROM mine WHERE {IN}",
    "average_order_value": f"""SELECT (SELECT sum(cents) FROM mine WHERE {IN} AND NOT back) / 100
        / (SELECT count(*) FROM my_orders WHERE {IN})""",
    "contract_value": """SELECT sum(cents) / 100 / count(DISTINCT customer) FROM mine
        WHERE day >= DATE '2011-12-10' - 365
        AND customer IN (SELECT customer FROM my_orders WHERE day >= DATE '2011-12-10' - 365)""",
    "lifetime_value": """SELECT sum(cents) / 100 / count(DISTINCT customer) FROM mine
        WHERE customer IN (SELECT customer FROM my_orders)""",
    "retention_rate": f"""SELECT avg(CAST(came AS INT)) FROM (
        SELECT customer IN (SELECT customer FROM my_orders WHERE {IN}) AS came
        FROM my_orders WHERE day < DATE '2011-09-11' GROUP BY customer HAVING max(day) >= DATE '2011-09-11' - 365)""",
    "churn_rate": f"""SELECT avg(CAST(came AS INT)) FROM (
        SELECT customer NOT IN (SELECT customer FROM my_orders WHERE {IN}) AS came
        FROM my_orders WHERE day < DATE '2011-09-11' GROUP BY customer HAVING max(day) >= DATE '2011-09-11' - 365)""",
    "repeat_rate": f"""SELECT avg(CAST(days > 1 AS INT)) FROM (
        SELECT count(DISTINCT day) AS days FROM my_orders WHERE {IN} GROUP BY customer)""",
    "cross_sell_rate": f"""SELECT avg(CAST(customer IN (
            SELECT customer FROM mine AS now WHERE {IN} AND NOT back AND category NOT IN (
                SELECT category FROM mine AS old
                WHERE old.customer = now.customer AND old.day < DATE '2011-09-11' AND NOT old.back)) AS INT))
        FROM (SELECT DISTINCT customer FROM my_orders WHERE {IN}
            AND customer IN (SELECT customer FROM my_orders WHERE day < DATE '2011-09-11'))""",
    "revenue_concentration": f"""WITH spent AS (
            SELECT customer, sum(cents) AS cents FROM mine WHERE {IN} AND NOT back
            AND customer IN (SELECT customer FROM my_orders WHERE {IN}) GROUP BY customer)
        SELECT (SELECT sum(cents) FROM (SELECT cents FROM spent ORDER BY cents DESC
                LIMIT (SELECT CAST(ceil(count(*) / 5) AS BIGINT) FROM spent)))
            / (SELECT sum(cents) FROM spent)""",
}


@pytest.mark.parametrize("group", ["all", "newcomer", *dict.fromkeys(PHASES.values()), "champion", "first_time"])
def test_plain_sql_finds_the_same_in_online_retail(retail, group: str) -> None:
    told, sql, _ = retail
    whose = {"all": "true", "newcomer": "phase IS NULL"}.get(group, f"'{group}' IN (phase, segment)")
    theirs = f"SELECT l.* FROM {{}} AS l LEFT JOIN placed_then USING (customer) WHERE {whose}"
    sql.execute(f"CREATE OR REPLACE TEMP TABLE mine AS {theirs.format('lines')}")
    sql.execute(f"CREATE OR REPLACE TEMP TABLE my_orders AS {theirs.format('bought')}")
    found = told[told["group"] == group].set_index("kpi")["value"]
    asked = {kpi: sql.sql(query).fetchall()[0][0] for kpi, query in BY_SQL.items() if kpi in found.index}
    assert len(asked) >= 6
    for kpi, value in asked.items():
        if value is None:
            assert np.isnan(found[kpi]) or found[kpi] == 0, kpi
        else:
            assert found[kpi] == pytest.approx(float(value), rel=1e-12), kpi


SIMULATED_SQL = """
CREATE VIEW lines AS SELECT *, CAST(ordered_at AS DATE) AS day FROM read_parquet('{folder}/orders.parquet');
CREATE VIEW events AS SELECT *, CAST(occurred_at AS DATE) AS day FROM read_parquet('{folder}/events.parquet');
CREATE VIEW people AS SELECT *, CAST(created_at AS DATE) AS day FROM read_parquet('{folder}/customers.parquet');
CREATE TABLE firsts AS SELECT customer_id, min(day) AS day FROM lines WHERE amount >= 0 AND NOT is_return GROUP BY ALL;
"""
WHEN = "day >= DATE '2025-07-02' AND day < DATE '2025-09-30'"
OF_EVENTS = {
    "first_order_rate": f"""SELECT avg(CAST(customer_id IN (SELECT customer_id FROM firsts WHERE {WHEN}) AS INT)) FROM (
        SELECT customer_id FROM events WHERE day < DATE '2025-07-02'
        UNION SELECT customer_id FROM people WHERE day < DATE '2025-07-02')
        WHERE customer_id NOT IN (SELECT customer_id FROM firsts WHERE day < DATE '2025-07-02')""",
    "cost_per_acquisition": f"""SELECT (SELECT sum(amount) FROM read_parquet('{{folder}}/spend.parquet')
        WHERE spent_on >= DATE '2025-07-02' AND spent_on < DATE '2025-09-30')
        / (SELECT count(*) FROM firsts WHERE {WHEN})""",
    "lead_response_rate": f"""SELECT avg(CAST(EXISTS (FROM events AS r WHERE r.customer_id = l.customer_id
        AND r.event_type = 'first_response' AND r.occurred_at >= l.occurred_at AND r.day < DATE '2025-09-30') AS INT))
        FROM events AS l WHERE event_type = 'lead' AND {WHEN}""",
    "lead_response_time": f"""SELECT avg(hours) FROM (SELECT (
            SELECT min(epoch(date_trunc('second', r.occurred_at)) - epoch(date_trunc('second', l.occurred_at))) / 3600
            FROM events AS r WHERE r.customer_id = l.customer_id AND r.event_type = 'first_response'
            AND r.occurred_at >= l.occurred_at AND r.day < DATE '2025-09-30') AS hours
        FROM events AS l WHERE event_type = 'lead' AND {WHEN})""",
    "cross_sell_rate": f"""SELECT avg(CAST(customer_id IN (SELECT customer_id FROM (
            SELECT customer_id, category, min(day) AS day FROM lines WHERE amount >= 0 AND NOT is_return GROUP BY ALL)
            WHERE {WHEN}) AS INT))
        FROM (SELECT DISTINCT customer_id FROM lines WHERE {WHEN} AND amount >= 0 AND NOT is_return
            AND customer_id IN (SELECT customer_id FROM firsts WHERE day < DATE '2025-07-02'))""",
    "satisfaction": f"SELECT avg(value) FROM events WHERE event_type = 'satisfaction' AND {WHEN}",
    "review": f"SELECT avg(value) FROM events WHERE event_type = 'review' AND {WHEN}",
    "engagement_time": f"""SELECT sum(duration_seconds) / count(DISTINCT customer_id) FROM events
        WHERE duration_seconds IS NOT NULL AND {WHEN}""",
}


def test_plain_sql_finds_the_same_of_events_cost_and_categories(tmp_path: Path) -> None:
    config = make_simulated(tmp_path)
    told = of_all(clm.kpis(read_tables(config), config, as_of="2025-09-30", by="period"))
    sql = duckdb.connect()
    sql.execute(SIMULATED_SQL.format(folder=tmp_path))
    for kpi, query in OF_EVENTS.items():
        asked = sql.sql(query.format(folder=tmp_path)).fetchall()[0][0]
        assert told[kpi][0] == pytest.approx(float(asked), rel=1e-9), kpi


# A model's cut-points, and the other engine


def test_a_model_says_who_stands_where_and_moves_nothing_else() -> None:
    tables, config = draw(*SHOP)
    was = standing(prepare(tables), parse_day("2024-02-01"), config.task)
    impatient = Lapse(after_gaps=0.1, gone_after_gaps=0.2, at_least_days=0)
    lifecycle = Lifecycle(fit_cut_points(was), impatient, Rhythm(gap_days=10.0, weight=1.0), horizon_days=30)
    model = SimpleNamespace(lifecycle=lifecycle)
    fitted, told = clm.kpis(tables, config), clm.kpis(tables, config, model=model)
    assert of_all(told) == of_all(fitted)
    retained = told[told["kpi"] == "retention_rate"].set_index("group")["of"]
    assert (retained["reactivation"], retained["all"]) == (1, 2)  # quiet has been so for 1.6 gaps of the model's
    retained = fitted[fitted["kpi"] == "retention_rate"].set_index("group")["of"]
    assert (retained["reactivation"], retained["all"]) == (0, 2)


@pytest.mark.slow
@pytest.mark.usefixtures("spark")
def test_spark_gives_the_same_kpis_and_cohorts() -> None:
    shops = [draw(*SHOP, engine=engine) for engine in ("duckdb", "spark")]
    here, there = (clm.kpis(tables, config) for tables, config in shops)
    pd.testing.assert_frame_equal(here, there, check_exact=True)
    here, there = (clm.cohorts(tables) for tables, _ in shops)
    pd.testing.assert_frame_equal(here, there, check_exact=True)
    bare, of_spark = (draw(SHOP[0], SHOP[1][:1], engine=engine) for engine in ("duckdb", "spark"))
    pd.testing.assert_frame_equal(clm.kpis(*bare), clm.kpis(*of_spark), check_exact=True)


# On the command line


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kpis") / "shop"
    assert run("simulate", "--customers", 100, "--seed", 3, "--out", folder).code == 0
    return folder


def test_the_verb_tells_words_json_files_and_a_figure(shop: Path, tmp_path: Path) -> None:
    asked = ("kpis", shop / "shop.yaml", "--as-of", "2025-09-30")
    files = ("--out", tmp_path / "kpis.csv", "--cohorts", tmp_path / "cohorts.parquet", "--plot", tmp_path / "map.png")
    done = run(*asked, *files)
    assert done.code == 0, done.err
    assert "from 2025-07-02 to before 2025-09-30, 90 days, as known at 2025-09-30" in done.out
    assert all(f"\n{kpi.name} " in done.out for kpi in kpi_catalogue())
    assert "share of those who first ordered in a month" in done.out
    assert max(map(len, done.out.splitlines())) <= 100 or str(tmp_path) in done.out
    told = run(*asked, "--json", "--cohorts", tmp_path / "other.csv").told
    written = pd.read_csv(tmp_path / "kpis.csv")
    assert list(written) == ["kpi", "group", "period_start", "period_end", "value", "unit", "of", "needs"]
    assert len(written) == len(told["kpis"]) > 200
    first = told["kpis"][0]
    assert first == written.astype(object).where(written.notna(), None).iloc[0].to_dict() | {"of": first["of"]}
    assert set(told["definitions"]) == {kpi.name for kpi in kpi_catalogue()}
    triangle = pq.read_table(tmp_path / "cohorts.parquet").to_pylist()
    assert [row | {"first_month": str(row["first_month"])} for row in triangle] == told["cohorts"]
    assert (tmp_path / "map.png").read_bytes().startswith(b"\x89PNG")


def test_groups_and_periods_are_chosen(shop: Path) -> None:
    by_segment = run("kpis", shop / "shop.yaml", "--by", "segment", "--every", 300)
    assert "by segment when the period began" in by_segment.out
    assert "everybody, by the day on which each period began:" in by_segment.out
    by_period = run("kpis", shop / "shop.yaml", "--by", "period", "--json").told
    assert {row["group"] for row in by_period["kpis"]} == {"all"}
    assert "cohorts" not in by_period


def test_what_is_lacking_is_told_by_the_key_that_gives_it(tmp_path: Path) -> None:
    pd.DataFrame(SHOP[0], columns=ORDERS).to_csv(tmp_path / "orders.csv", index=False)
    columns = {column: column for column in ORDERS[:3]}
    content = {"project": "bare", "tables": {"orders": {"source": "orders.csv", "columns": columns}}}
    (tmp_path / "clm.yaml").write_text(json.dumps(content | {"complete_until": "2024-03-01"}))
    done = run("kpis", tmp_path / "clm.yaml")
    assert "needs tables.spend\n" in done.out
    rows = [row for row in run("kpis", tmp_path / "clm.yaml", "--json").told["kpis"] if row["kpi"] == "cross_sell_rate"]
    assert {(row["value"], row["of"], row["needs"]) for row in rows} == {(None, None, "tables.orders.columns.category")}


def test_what_cannot_be_done_is_one_sentence_and_leaves_nothing(shop: Path, tmp_path: Path) -> None:
    config, taken = shop / "shop.yaml", tmp_path / "taken.csv"
    taken.write_text("mine")
    assert is_one_sentence(run("kpis", config, "--out", tmp_path / "kpis.xlsx"), 2, "is to end in .csv or .parquet.")
    assert is_one_sentence(run("kpis", config, "--plot", tmp_path / "map.pdf"), 2, "is to end in .png.")
    assert is_one_sentence(run("kpis", config, "--cohorts", taken), 15, "replace it with --force.")
    assert is_one_sentence(run("kpis", config, "--as-of", "2030-01-01"), 13, "data are complete until 2025-12-31.")
    assert is_one_sentence(run("kpis", config, "--as-of", "2024-02-01"), 13, "would begin before anybody was known")
    assert is_one_sentence(run("kpis", config, "--as-of", "1.2.2025"), 13, "a day is written YYYY-MM-DD")
    assert is_one_sentence(run("kpis", config, "--model", tmp_path / "none"), 15, "none")
    assert run("kpis", config, "--by", "week").code == run("kpis", config, "--every", 0).code == 2
    assert (taken.read_text(), sorted(tmp_path.iterdir())) == ("mine", [taken])
    assert run("kpis", config, "--cohorts", taken, "--force").code == 0
    assert taken.read_text().startswith("first_month,customers,months_since,ordered,ordered_share\n")
