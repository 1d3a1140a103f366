"""The airlock: what is known when as_of begins."""

import pytest

from clm_ml.errors import TimelineError
from clm_ml.snapshot import days_known_by, prepare, take_snapshot
from clm_ml.timeline import date_of, parse_day


def order_days(tables, as_of):
    frame = take_snapshot(prepare(tables), parse_day(as_of)).order_days
    rows = tables.engine.collect(frame, "customer_id", "day").to_pylist()
    names = ("orders", "gap_days", "gross_minor", "returned_minor", "returns")
    return [(row["customer_id"], date_of(row["day"]).isoformat(), *(row[name] for name in names)) for row in rows]


def test_lines_become_days_with_gaps_and_returns(shop):
    tables = shop(
        [
            ("a", "2024-01-01 09:00", 10.0, "1"),
            ("a", "2024-01-01 09:00", 5.5, "1"),  # a second line of the same order
            ("a", "2024-01-11 10:00", 20.0, "2"),
            ("a", "2024-01-11 11:00", 1.0, "3"),  # a second order of the same day
            ("a", "2024-01-15 10:00", -4.0, "2"),  # a line comes back
            ("a", "2024-01-16 10:00", 2.0, "4"),
        ]
    )
    assert order_days(tables, "2024-02-01") == [
        ("a", "2024-01-01", 1, None, 1550, 0, 0),
        ("a", "2024-01-11", 2, 10, 2100, 0, 0),
        ("a", "2024-01-15", 0, None, 0, 400, 1),  # a return ends no gap
        ("a", "2024-01-16", 1, 5, 200, 0, 0),
    ]


def test_without_order_ids_a_line_is_an_order(shop):
    assert order_days(shop([("a", "2024-01-01", 1.0), ("a", "2024-01-01", 2.0)]), "2024-02-01")[0][2] == 2


def test_an_order_over_two_days_counts_on_its_first(shop):
    tables = shop([("a", "2024-01-01 23:00", 1.0, "1"), ("a", "2024-01-02 01:00", 2.0, "1")])
    assert [row[:3] for row in order_days(tables, "2024-02-01")] == [("a", "2024-01-01", 1), ("a", "2024-01-02", 0)]


def test_a_row_is_known_only_once_it_was_loaded(shop):
    rows = [
        ("a", "2024-01-01", 1.0, "1", "2024-01-01"),
        ("a", "2024-01-05", 2.0, "2", "2024-01-20"),  # happened on the 5th, arrived on the 20th
        ("a", "2024-01-10", 3.0, "3", "2024-01-10"),
    ]
    tables = shop(rows)
    assert [row[1:4] for row in order_days(tables, "2024-01-15")] == [("2024-01-01", 1, None), ("2024-01-10", 1, 9)]
    assert [row[3] for row in order_days(tables, "2024-01-21")] == [None, 4, 5]


def test_outcomes_are_those_that_had_arrived(shop):
    rows = [("a", "2024-01-01", 1.0, "1", "2024-01-01"), ("b", "2024-01-05", 2.0, "2", "2024-01-20")]
    tables = shop(rows)
    prepared = prepare(tables)
    for known_by, ids in (("2024-01-20", ["a"]), ("2024-01-21", ["a", "b"])):
        known = days_known_by(prepared, parse_day(known_by))
        assert tables.engine.collect(known, "customer_id").column("customer_id").to_pylist() == ids


def test_a_day_past_the_data_is_refused_with_the_day_to_use(shop):
    prepared = prepare(shop([("a", "2024-01-01", 1.0)], until="2024-03-01"))
    take_snapshot(prepared, parse_day("2024-03-01"))
    with pytest.raises(TimelineError, match="2024-03-02 is too late: data are complete until 2024-03-01"):
        take_snapshot(prepared, parse_day("2024-03-02"))


def test_a_day_before_the_first_order_is_refused(shop):
    prepared = prepare(shop([("a", "2024-01-01", 1.0)]))
    with pytest.raises(TimelineError, match="2024-01-01 is too early: the first order is of 2024-01-01"):
        take_snapshot(prepared, parse_day("2024-01-01"))


def test_only_the_customers_asked_for_are_in_a_sampled_snapshot(shop):
    tables = shop([("a", "2024-01-01", 1.0), ("b", "2024-01-01", 1.0)])
    some = tables.engine.sample(prepare(tables).order_days.select("customer_id").unique(), "customer_id", 1.0)
    snapshot = take_snapshot(prepare(tables), parse_day("2024-02-01"), some)
    assert len(tables.engine.collect(snapshot.customer_ids())) == 2
