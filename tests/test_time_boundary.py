"""Four instants around an as_of, four answers: features, labels and cohort agree on whose side each instant is."""

import pytest

from clm_ml.config import Task
from clm_ml.features import build_features
from clm_ml.labels import outcomes
from clm_ml.snapshot import prepare, take_snapshot
from clm_ml.timeline import label_window, parse_day

AS_OF = "2024-06-01"
HORIZON = 30

#      instant                known?  outcome?
INSTANTS = [
    ("2024-05-31 23:59:59", True, False),
    ("2024-06-01 00:00:00", False, True),
    ("2024-06-30 23:59:59", False, True),
    ("2024-07-01 00:00:00", False, False),
]


def sides(tables):
    prepared, as_of = prepare(tables), parse_day(AS_OF)
    features = tables.engine.collect(build_features(take_snapshot(prepared, as_of), Task()), "customer_id")
    known = {row["customer_id"]: row["orders_ever"] for row in features.to_pylist()}
    came = tables.engine.collect(outcomes(prepared.order_days, label_window(as_of, HORIZON)), "customer_id")
    return known, {row["customer_id"]: row["ordered"] for row in came.to_pylist()}


@pytest.mark.parametrize(("instant", "is_known", "is_outcome"), INSTANTS)
def test_an_order_is_known_or_outcome_or_neither(shop, instant, is_known, is_outcome):
    known, came = sides(shop([("old", "2024-01-01", 1.0), ("a", instant, 10.0)]))
    assert ("a" in known) == is_known
    assert ("a" in came) == is_outcome


@pytest.mark.parametrize(("instant", "is_known"), [("2024-05-31T21:59:59Z", True), ("2024-05-31T22:00:00Z", False)])
def test_the_day_begins_in_the_business_time_zone(shop, instant, is_known):
    known, came = sides(shop([("old", "2024-01-01T12:00:00Z", 1.0), ("a", instant, 10.0)], zone="Europe/Berlin"))
    assert ("a" in known) == is_known
    assert ("a" in came) == (not is_known)


def test_an_event_of_the_day_itself_is_not_known(shop):
    tables = shop(
        [("a", "2024-01-01", 1.0)],
        [("a", "2024-05-31 23:59:59", "visit"), ("a", "2024-06-01 00:00:00", "visit"), ("b", "2024-06-01", "visit")],
    )
    features = build_features(take_snapshot(prepare(tables), parse_day(AS_OF)), Task())
    rows = {row["customer_id"]: row for row in tables.engine.collect(features, "customer_id").to_pylist()}
    assert set(rows) == {"a"}
    assert (rows["a"]["visits_last_30d"], rows["a"]["days_since_last_visit"]) == (1, 1)


def test_a_person_created_on_the_day_itself_is_not_known(shop):
    tables = shop([("a", "2024-01-01", 1.0)], None, [("b", "2024-05-31", "b@x.org"), ("c", "2024-06-01", "c@x.org")])
    features = build_features(take_snapshot(prepare(tables), parse_day(AS_OF)), Task())
    assert tables.engine.collect(features, "customer_id").column("customer_id").to_pylist() == ["a", "b"]
