"""One row per customer, made of what was known, each column in the catalogue."""

import math
import re

import pandas as pd
import pytest

from clm_ml.config import MEANINGS, RATED, Inputs, Lapse, Task
from clm_ml.features import Rhythm, against_habit, build_features, catalogue, fit_rhythm
from clm_ml.snapshot import prepare, take_snapshot
from clm_ml.tables import read_tables
from clm_ml.timeline import parse_day
from tests.conftest import make_config

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
    ("counts", "sums", "squares", "rhythm"),
    [
        ([], [], [], Rhythm(90.0, 1.0)),  # nobody
        ([0, 0], [0, 0], [0, 0], Rhythm(90.0, 1.0)),  # nobody came back
        ([2], [40], [802], Rhythm(20.0, 1.0)),  # one did: 19 and 21 days
        ([1, 1, 1], [10, 20, 60], [100, 400, 3600], Rhythm(30.0, 1.0)),  # nobody did twice: gaps cannot tell
        ([2, 3], [20, 30], [200, 300], Rhythm(10.0, 20.0)),  # all gaps are equal: customers do not differ
        ([2, 2], [20, 40], [200, 800], Rhythm(15.0, 0.001)),  # each as a clock of their own: only they count
    ],
)
def test_a_rhythm_is_found_however_little_there_is(counts, sums, squares, rhythm):
    fitted = fit_rhythm(counts, sums, squares)
    assert (fitted.gap_days, fitted.weight) == pytest.approx((rhythm.gap_days, rhythm.weight))


def test_whoever_never_came_back_does_not_change_the_rhythm():
    assert fit_rhythm([2, 2], [20, 60], [202, 1802]) == fit_rhythm([2, 0, 2], [20, 0, 60], [202, 0, 1802])


EVENTS = [("a", "2024-01-01", "visit"), ("v", "2024-01-02", "something")]


@pytest.mark.parametrize("events", [None, EVENTS])
@pytest.mark.parametrize("task", [TASK, Task(windows_days=(14,)), Task()])
def test_all_columns_are_in_the_catalogue_in_its_order(shop, events, task):
    tables = shop([("a", "2024-01-01", 1.0)], events)
    frame = against_habit(described(tables, task=task).reset_index(), Rhythm(30.0, 1.0), Lapse())
    names = [feature.name for feature in catalogue(task, tables.inputs)]
    assert [name for name in frame.columns if name not in ("customer_id", "as_of", "has_email")] == names


def test_only_a_customer_table_tells_of_an_email(shop):
    customers = [("a", "2024-01-01", "a@example.org"), ("v", None, "v@example.org"), ("b", "2024-02-01", None)]
    orders, events = [("a", "2024-01-01", 1.0)], [("v", "2024-01-02", "visit")]
    assert described(shop(orders, events, customers))["has_email"].to_dict() == {"a": True, "b": False, "v": True}
    assert described(shop(orders, events))["has_email"].to_dict() == {"a": False, "v": False}


def test_an_unmapped_day_of_creation_leaves_the_email_known(shop):
    tables = shop([("a", "2024-01-01", 1.0), ("b", "2024-01-01", 1.0)], None, [("a", None, "a@example.org")])
    assert described(tables)["has_email"].to_dict() == {"a": True, "b": False}


def test_counts_of_nothing_are_nought_and_what_cannot_be_told_is_null(shop):
    tables = shop([("a", "2024-01-01", 1.0), ("b", "2024-01-01", 1.0)], EVENTS)
    rows = against_habit(described(tables).reset_index(), Rhythm(30.0, 1.0), Lapse()).set_index("customer_id")
    for feature in catalogue(TASK, tables.inputs):
        of_events = re.search("event|visit|email|ticket", feature.name)
        value = rows.loc["b" if of_events else "v", feature.name]  # b did nothing, v ordered nothing
        assert pd.isna(value) if feature.absent is None else value == 0, feature.name


INPUTS = Inputs({meaning: (meaning,) for meaning in MEANINGS}, RATED, has_contacts=True)

NAME = re.compile(
    r"days_since_(last|first)_[a-z_]+"
    r"|[a-z_]+_last_\d+d(_share_of_\d+d)?"
    r"|[a-z]+_faded_over_\d+d"
    r"|[a-z_]+_(ever|sum|days|share|ratio|per_30d)"
    r"|mean_[a-z]+_(amount|days)"
)


def test_every_feature_has_one_name_by_the_rule_and_says_what_it_is_in_words():
    features = catalogue(Task(), INPUTS)
    names = [feature.name for feature in features]
    assert len(set(names)) == len(names)
    for feature in features:
        assert NAME.fullmatch(feature.name), feature.name
        assert len(feature.meaning.split()) > 2, feature.name
        assert feature.meaning[0].islower(), feature.name
        assert feature.theme
        windows = re.findall(r"(\d+)d", feature.name.removesuffix("_per_30d"))
        assert all(days in feature.meaning for days in windows), feature.name


def test_no_model_learns_what_means_something_else_at_every_as_of():
    learned = {feature.name for feature in catalogue(Task(), INPUTS) if feature.learned}
    assert "days_since_first_order" not in learned
    assert not {name for name in learned if "_minor_" in name or name.endswith("_sum")}


# campaigns ---------------------------------------------------------------------------------------------------


def test_a_contact_counts_from_the_day_after_and_its_answer_once_it_is_known(shop):
    """c is written to on 2024-02-01 and orders on the last day of the fortnight; d a day too late; h was held out."""
    orders = [("c", "2024-02-14", 5.0), ("d", "2024-02-15", 5.0), ("h", "2024-01-05", 5.0), ("n", "2024-01-05", 5.0)]
    contacts = [(who, "2024-02-01 09:00:00", "spring", "treatment") for who in "cdx"]
    contacts += [("h", "2024-02-01 09:00:00", "spring", "Control"), ("c", "2023-06-01", "old", None)]
    tables = shop(orders, None, None, contacts)
    told = {day: described(tables, as_of=day).fillna(-1) for day in ("2024-02-01", "2024-02-02", "2024-02-15")}
    names = ["days_since_last_contact", "contacts_last_30d", "contacts_last_365d", "contacts_answered_last_365d"]
    later = described(tables, as_of="2024-02-16").fillna(-1)
    assert "x" not in later.index  # to be written to makes nobody known
    assert later.loc["c", [*names, "contacts_answered_share_last_365d"]].tolist() == [15, 1, 2, 1, 0.5]
    assert later.loc["d", [*names, "contacts_answered_share_last_365d"]].tolist() == [15, 1, 1, 0, 0]
    assert later.loc["h", [*names, "contacts_answered_share_last_365d"]].tolist() == [-1, 0, 0, 0, -1]
    assert told["2024-02-15"].loc["c", names].tolist() == [14, 1, 2, 1]
    assert "c" not in told["2024-02-01"].index


def test_an_answer_that_arrives_late_answers_once_it_is_loaded(shop):
    orders = [
        ("c", "2024-02-03", 5.0, "1", "2024-03-10"),
        ("c", "2024-01-01", 5.0, "0", "2024-01-01"),
    ]
    tables = shop(orders, None, None, [("c", "2024-02-01", "spring", None)])
    answered = [
        described(tables, as_of=day).loc["c", "contacts_answered_last_365d"] for day in ("2024-03-10", "2024-03-11")
    ]
    assert answered == [0, 1]


# service -----------------------------------------------------------------------------------------------------


def test_the_mean_of_what_was_said_leaves_out_what_has_no_value_and_no_rated_meaning():
    frames = {
        "orders": pd.DataFrame({"customer_id": ["a", "b"], "ordered_at": ["2024-01-01"] * 2, "amount": [1.0, 1.0]}),
        "events": pd.DataFrame(
            [("a", "2024-01-02", "csat", 4.5), ("a", "2024-01-03", "csat", 2.25), ("a", "2024-01-03", "csat", None),
             ("a", "2024-01-03", "visit", 100.0), ("a", "2022-01-03", "csat", 1.0), ("b", "2024-01-03", "csat", None)],
            columns=["customer_id", "occurred_at", "event_type", "value"],
        ),
    }  # fmt: skip
    config = make_config(frames, "2024-12-31")
    events = config.tables.events.model_copy(update={"meanings": {"satisfaction": ["csat"]}})
    tables = read_tables(
        config.model_copy(update={"tables": config.tables.model_copy(update={"events": events})}), **frames
    )
    rows = described(tables, as_of="2024-02-01")
    assert rows.loc["a", ["satisfaction_sum_last_365d", "satisfactions_rated_last_365d"]].tolist() == [675, 2]
    assert rows.loc["a", "mean_satisfaction_last_365d"] == 3.375
    assert pd.isna(rows.loc["b", "mean_satisfaction_last_365d"])
