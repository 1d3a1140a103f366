"""One row per customer, made of what was known, each column in the catalogue."""

import math

import pandas as pd
import pytest

from clm_ml.config import MEANINGS, Lapse, Task
from clm_ml.features import Rhythm, against_habit, build_features, catalogue, fit_rhythm
from clm_ml.snapshot import prepare, take_snapshot
from clm_ml.timeline import parse_day

TASK = Task(windows_days=(7, 30, 90))


def described(tables, as_of="2024-04-01", task=TASK):
    features = build_features(take_snapshot(prepare(tables), parse_day(as_of)), task)
    return tables.engine.collect(features, "customer_id").to_pandas().set_index("customer_id")


def test_rfm_of_three_customers_by_hand(shop):
    rows = described(
        shop(
            [
                ("a", "2024-01-01", 100.0, "1"),
                ("a", "2024-03-01", 50.0, "2"),
                ("a", "2024-03-28", 30.0, "3"),
                ("a", "2024-03-30", -20.0, "3"),
                ("b", "2024-02-15", 10.0, "4"),
                ("c", "2024-03-31", -5.0, "5"),  # only a return: has never ordered
            ]
        )
    )
    a = rows.loc["a"]
    assert (a.days_since_last_order, a.days_since_first_order, a.orders_ever) == (4, 91, 3)
    assert (a.orders_last_7d, a.orders_last_30d, a.orders_last_90d) == (1, 1, 2)
    assert (a.amount_ever, a.amount_last_30d, a.amount_last_90d) == (160.0, 10.0, 60.0)
    assert (a.mean_order_amount, a.returns_last_365d, a.days_since_last_return) == (60.0, 1, 2)
    assert math.isclose(a.returned_amount_share, 20 / 180)
    assert (a.mean_gap_days, a.gaps_ever) == (43.5, 2)  # 60 and 27 days
    assert math.isclose(a.gap_spread_days, math.sqrt((16.5**2 + 16.5**2) / 1))
    b, c = rows.loc["b"], rows.loc["c"]
    assert (b.days_since_last_order, b.orders_ever, b.gaps_ever) == (46, 1, 0)
    assert pd.isna(b.mean_gap_days)
    assert (c.orders_ever, c.amount_ever) == (0, -5.0)
    assert pd.isna(c.days_since_last_order)


def test_engagement_by_hand_and_visitors_included(shop):
    rows = described(
        shop(
            [("a", "2024-01-01", 1.0)],
            [("a", "2024-03-31", "visit"), ("a", "2024-03-01", "visit"), ("v", "2024-03-20", "something")],
        )
    )
    a, v = rows.loc["a"], rows.loc["v"]
    assert (a.visits_last_30d, a.visits_last_90d, a.events_last_7d, a.days_since_last_visit) == (1, 2, 1, 1)
    assert a.events_last_7d_share_of_90d == 0.5
    assert (v.orders_ever, v.events_last_30d, v.visits_last_90d, v.days_since_last_event) == (0, 1, 0, 12)
    assert pd.isna(v.days_since_last_visit)


def test_habit_is_the_shrunken_gap():
    frame = pd.DataFrame(
        {
            "gap_days_sum": [0, 20, 0],
            "gaps_ever": [0, 2, 0],
            "orders_ever": [1, 3, 0],
            "days_since_last_order": [60.0, 30.0, None],
        }
    )
    habits = against_habit(frame, Rhythm(gap_days=40.0, weight=2.0), Lapse())
    assert habits["expected_gap_days"].tolist()[:2] == [40.0, 25.0]  # (20 + 2 × 40) / (2 + 2)
    assert habits["overdue_ratio"].tolist()[:2] == [1.5, 1.2]
    assert habits[["expected_gap_days", "overdue_ratio"]].loc[2].isna().all()


def test_the_frequent_do_not_lapse_over_a_weekend():
    frame = pd.DataFrame(
        {"gap_days_sum": [99], "gaps_ever": [99], "orders_ever": [100], "days_since_last_order": [13.0]}
    )
    lapse = Lapse(after_gaps=2.0, at_least_days=14)
    assert against_habit(frame, Rhythm(1.0, 1.0), lapse).loc[0, "overdue_ratio"] < lapse.after_gaps


@pytest.mark.parametrize(
    ("counts", "rhythm"),
    [
        (([], [], []), Rhythm(90.0, 1.0)),
        (([0, 0], [0, 0], [0, 0]), Rhythm(90.0, 1.0)),
        (([2], [40], [800]), Rhythm(20.0, 1.0)),
    ],
)
def test_a_shop_without_two_customers_that_came_back_has_a_rhythm_all_the_same(counts, rhythm):
    assert fit_rhythm(*counts) == rhythm


def test_all_columns_are_in_the_catalogue_and_the_other_way_round(shop):
    tables = shop([("a", "2024-01-01", 1.0)], [("a", "2024-01-01", "visit")])
    frame = against_habit(described(tables).reset_index(), Rhythm(30.0, 1.0), Lapse())
    names = [feature.name for feature in catalogue(TASK, tuple(tables.meanings), has_events=True)]
    assert set(frame.columns) - {"customer_id", "as_of", "has_email"} == set(names)
    assert len(names) == len(set(names))


def test_every_feature_says_what_it_is_in_words():
    for feature in catalogue(Task(), MEANINGS):
        assert len(feature.meaning.split()) > 2, feature.name
        assert feature.theme
        assert feature.name == feature.name.lower()
