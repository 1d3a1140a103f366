"""Four instants around an as_of, four answers: features, labels and cohort agree on whose side each instant is."""

from datetime import datetime, timedelta

import pytest

from clm_ml.config import Task
from clm_ml.features import build_features
from clm_ml.labels import outcomes
from clm_ml.snapshot import prepare, take_snapshot
from clm_ml.timeline import label_window, parse_day

AS_OF = "2024-06-01"
HORIZON = 30
TASK = Task(windows_days=(1, 30))
OLD = "2024-01-01T12:00:00Z"

#      instant                is it known?  is it outcome?
BORDERS = [
    ("2024-05-31T23:59:59", True, False),
    ("2024-06-01T00:00:00", False, True),
    ("2024-06-30T23:59:59", False, True),
    ("2024-07-01T00:00:00", False, False),
]
# Elsewhere days begin at other instants: Berlin is two hours ahead in June, Los Angeles seven behind; and in Berlin
# the clocks go forward on 2024-03-31 and back on 2024-10-27.
#    zone                   as_of         its first instant   the first after the horizon
ELSEWHERE = [
    ("Europe/Berlin", "2024-06-01", "2024-05-31T22:00Z", "2024-06-30T22:00Z"),
    ("America/Los_Angeles", "2024-06-01", "2024-06-01T07:00Z", "2024-07-01T07:00Z"),
    ("Europe/Berlin", "2024-03-31", "2024-03-30T23:00Z", "2024-04-29T22:00Z"),
    ("Europe/Berlin", "2024-10-27", "2024-10-26T22:00Z", "2024-11-25T23:00Z"),
]
ANSWERS = [(is_known, is_outcome) for _, is_known, is_outcome in BORDERS]


def described(tables, as_of=AS_OF):
    features = build_features(take_snapshot(prepare(tables), parse_day(as_of)), TASK)
    return {row["customer_id"]: row for row in tables.engine.collect(features, "customer_id").to_pylist()}


def came(tables, as_of=AS_OF):
    found = outcomes(prepare(tables).orders, label_window(parse_day(as_of), HORIZON))
    return {row["customer_id"]: (row["ordered"], row["spent"]) for row in tables.engine.collect(found).to_pylist()}


def of_four(instants, what):
    return [(f"c{i}", instant, what) for i, instant in enumerate(instants)]


def four(begin, end):
    """Draw the last second before `begin`, `begin`, the last second before `end`, and `end`."""
    borders = [datetime.fromisoformat(border) for border in (begin, end)]
    return [(border - timedelta(seconds=back)).isoformat() for border in borders for back in (1, 0)]


def test_the_cohort_is_who_was_there_before_the_first_instant(shop):
    tables = shop([("old", OLD, 1.0), *of_four([instant for instant, _, _ in BORDERS], 10.0)])
    assert set(described(tables)) == {"old", "c0"}


@pytest.mark.parametrize(("instant", "is_known", "is_outcome"), BORDERS)
def test_an_order_is_in_the_features_or_in_the_label_or_in_neither(shop, instant, is_known, is_outcome):
    tables = shop([("a", OLD, 1.0), ("a", instant, 10.0)])
    a = described(tables)["a"]
    assert (a["orders_ever"], a["orders_last_1d"], a["amount_last_30d"]) == ((2, 1, 10.0) if is_known else (1, 0, 0.0))
    assert a["days_since_last_order"] == (1 if is_known else 152)
    assert came(tables) == ({"a": (1, 10.0)} if is_outcome else {})


@pytest.mark.parametrize(("instant", "is_known", "is_outcome"), BORDERS)
def test_a_return_too(shop, instant, is_known, is_outcome):
    tables = shop([("a", OLD, 1.0), ("a", instant, -10.0)])
    a = described(tables)["a"]
    assert (a["amount_ever"], a["days_since_last_return"]) == ((-9.0, 1) if is_known else (1.0, None))
    assert came(tables) == ({"a": (0, -10.0)} if is_outcome else {})


@pytest.mark.parametrize(("instant", "is_known", "_"), BORDERS)
def test_an_event_too(shop, instant, is_known, _):
    tables = shop([("a", OLD, 1.0)], [("a", OLD, "visit"), ("a", instant, "visit"), ("b", instant, "visit")])
    rows = described(tables)
    assert (rows["a"]["visits_last_30d"], rows["a"]["days_since_last_visit"]) == ((1, 1) if is_known else (0, 152))
    assert ("b" in rows) == is_known


@pytest.mark.parametrize(("instant", "is_known", "_"), BORDERS)
def test_being_created_too(shop, instant, is_known, _):
    tables = shop([("a", OLD, 1.0)], [("v", OLD, "visit")], [("b", instant, None), ("v", instant, "v@example.org")])
    rows = described(tables)
    assert ("b" in rows) == is_known
    assert rows["v"]["has_email"] == is_known


@pytest.mark.parametrize(("instant", "is_known", "_"), BORDERS)
def test_being_loaded_too(shop, instant, is_known, _):
    tables = shop([("a", OLD, 1.0, "1", OLD), ("a", "2024-05-01", 10.0, "2", instant)])
    assert described(tables)["a"]["orders_ever"] == (2 if is_known else 1)
    assert came(tables) == {}


@pytest.mark.parametrize(("zone", "as_of", "begin", "end"), ELSEWHERE)
def test_the_day_begins_in_the_business_time_zone(shop, zone, as_of, begin, end):
    instants = four(begin, end)
    tables = shop([("old", OLD, 1.0), *of_four(instants, 10.0)], of_four(instants, "visit"), zone=zone)
    rows, outcome = described(tables, as_of), came(tables, as_of)
    assert [(f"c{i}" in rows, f"c{i}" in outcome) for i in range(4)] == ANSWERS
    c0 = rows["c0"]
    assert (c0["days_since_last_order"], c0["orders_last_1d"], c0["visits_last_30d"]) == (1, 1, 1)


@pytest.mark.parametrize(("zone", "as_of", "begin", "end"), ELSEWHERE)
def test_what_is_loaded_is_known_by_the_business_time_zone(shop, zone, as_of, begin, end):
    orders = [(who, OLD, 1.0, who, loaded) for who, loaded, _ in of_four(four(begin, end), None)]
    assert set(described(shop([("old", OLD, 1.0, "0", OLD), *orders], zone=zone), as_of)) == {"old", "c0"}


def test_the_windows_borders_are_midnights_too(shop):
    tables = shop([("a", "2024-05-02T00:00:00", 1.0), ("b", "2024-05-01T23:59:59", 1.0)])
    assert [row["orders_last_30d"] for row in described(tables).values()] == [1, 0]
