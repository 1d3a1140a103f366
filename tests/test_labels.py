"""What counts as coming back, and as spending."""

import pytest

from clm_ml.errors import TimelineError
from clm_ml.labels import next_orders, outcomes, refuse_open
from clm_ml.snapshot import orders_known_by, prepare
from clm_ml.timeline import Window, label_window, parse_day

WINDOW = label_window(parse_day("2024-06-01"), 30)


def came(tables, known_by="2024-12-31"):
    days = orders_known_by(prepare(tables), parse_day(known_by))
    rows = tables.engine.collect(outcomes(days, WINDOW), "customer_id").to_pylist()
    return [(row["customer_id"], row["ordered"], row["spent"]) for row in rows]


def test_coming_back_is_an_order_and_spending_is_net_of_returns(shop):
    tables = shop(
        [
            ("both", "2024-06-02", 50.0, "1"),
            ("both", "2024-06-10", -20.0, "1"),
            ("old", "2024-05-01", 9.0, "2"),
            ("returns", "2024-06-03", -5.0, "3"),
            ("twice", "2024-06-03", 1.25, "4"),
            ("twice", "2024-06-04", 2.25, "5"),
        ]
    )
    assert came(tables) == [("both", 1, 30.0), ("returns", 0, -5.0), ("twice", 1, 3.5)]


def test_the_next_order_is_told_as_far_as_orders_are_known_and_the_others_within_the_window(shop):
    tables = shop(
        [
            ("at_once", "2024-06-01T23:00", 1.0, "1"),
            ("before", "2024-05-31", 1.0, "2"),
            ("later", "2024-07-01", 1.0, "3"),  # the window ends on this day
            ("returns", "2024-06-03", -5.0, "4"),
            ("thrice", "2024-06-11", 1.0, "5"),
            ("thrice", "2024-06-11", 1.0, "6"),
            ("thrice", "2024-06-30", 1.0, "7"),
            ("thrice", "2024-07-09", 1.0, "8"),
        ]
    )
    names = ("orders_ahead", "order_days_ahead", "last_order_days")
    days = orders_known_by(prepare(tables), parse_day("2024-12-31"))
    rows = tables.engine.collect(outcomes(days, WINDOW), "customer_id").to_pylist()
    assert {row["customer_id"]: tuple(row[name] for name in names) for row in rows} == {
        "at_once": (1, 1, 0),
        "returns": (0, 0, 0),
        "thrice": (3, 2, 29),
    }
    rows = tables.engine.collect(next_orders(days, WINDOW.start), "customer_id").to_pylist()
    assert {row["customer_id"]: row["next_order_days"] for row in rows} == {"at_once": 0, "later": 30, "thrice": 10}


def test_a_later_line_of_an_order_from_before_is_spending_but_no_coming_back(shop):
    assert came(shop([("a", "2024-05-31", 1.0, "1"), ("a", "2024-06-01", 2.0, "1")])) == [("a", 0, 2.0)]


def test_an_order_of_nothing_is_coming_back_all_the_same(shop):
    assert came(shop([("a", "2024-05-01", 1.0), ("a", "2024-06-01", 0.0)])) == [("a", 1, 0.0)]


def test_an_order_from_before_that_was_loaded_only_later_is_no_outcome(shop):
    tables = shop([("a", "2024-05-31", 1.0, "1", "2024-06-05"), ("b", "2024-06-02", 2.0, "2", "2024-06-20")])
    assert came(tables) == [("b", 1, 2.0)]


def test_what_was_not_loaded_by_the_day_of_learning_is_no_outcome(shop):
    tables = shop([("a", "2024-06-02", 1.0, "1", "2024-07-01"), ("b", "2024-06-02", 2.0, "2", "2024-08-01")])
    assert came(tables, known_by="2024-08-01") == [("a", 1, 1.0)]
    assert came(tables, known_by="2024-08-02") == [("a", 1, 1.0), ("b", 1, 2.0)]


def test_only_a_closed_window_has_a_label():
    refuse_open(Window(100, 190), complete_until=190)
    with pytest.raises(TimelineError) as caught:
        refuse_open(Window(100, 190), complete_until=189)
    assert str(caught.value) == (
        "the label window of as_of 1970-04-11 closes on 1970-07-10, but data are known only until 1970-07-09. "
        "Use 1970-04-10 or earlier."
    )
    assert caught.value.exit_code == 13
