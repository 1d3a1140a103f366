"""The airlock: what is known when as_of begins."""

from dataclasses import replace

import narwhals as nw
import pytest

from clm_ml.errors import TimelineError
from clm_ml.snapshot import orders_known_by, prepare, take_snapshot
from clm_ml.timeline import date_of, parse_day


def drawn(tables, frame, *names):
    rows = tables.engine.collect(frame, "customer_id", "day").to_pylist()
    return [(row["customer_id"], date_of(row["day"]).isoformat(), *(row[name] for name in names)) for row in rows]


def order_days(tables, as_of, names=("orders", "gap_days", "gross_minor", "returned_minor", "returns")):
    """Tell orders by the day: sums, and the one gap that a day can have."""
    days = {}
    for who, day, *values in drawn(tables, take_snapshot(prepare(tables), parse_day(as_of)).orders, *names):
        days.setdefault((who, day), []).append(values)
    return [(*key, *map(total, zip(*rows, strict=True))) for key, rows in days.items()]


def total(values):
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def everyone(tables, as_of):
    ids = take_snapshot(prepare(tables), parse_day(as_of)).customer_ids()
    return tables.engine.collect(ids, "customer_id").column("customer_id").to_pylist()


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
    tables = shop([("a", "2024-01-01", 1.0), ("a", "2024-01-01", 2.0), ("a", "2024-01-03", -1.0)])
    assert order_days(tables, "2024-02-01") == [
        ("a", "2024-01-01", 2, None, 300, 0, 0),
        ("a", "2024-01-03", 0, None, 0, 100, 1),
    ]


def test_a_line_whose_order_id_is_missing_is_an_order_too(shop):
    rows = [
        ("a", "2024-01-01", 1.0, None),
        ("a", "2024-01-04", 2.0, None),
        ("a", "2024-01-04", 3.0, None),
        ("a", "2024-01-04", 4.0, "1"),
        ("a", "2024-01-04", 5.0, "1"),
    ]
    assert [row[1:4] for row in order_days(shop(rows), "2024-02-01")] == [("2024-01-01", 1, None), ("2024-01-04", 3, 3)]


def test_a_claimed_return_lowers_spend_whatever_its_sign(shop):
    tables = shop(
        [("a", "2024-01-01", 9.0, "1", "2024-01-01", "no"), ("a", "2024-01-02", 4.0, "1", "2024-01-02", "yes")]
    )
    assert order_days(tables, "2024-02-01") == [
        ("a", "2024-01-01", 1, None, 900, 0, 0),
        ("a", "2024-01-02", 0, None, 0, 400, 1),
    ]


def test_an_order_of_two_customers_is_an_order_of_each(shop):
    tables = shop([("a", "2024-01-01", 1.0, "1"), ("b", "2024-01-02", 2.0, "1")])
    assert [row[:3] for row in order_days(tables, "2024-02-01")] == [("a", "2024-01-01", 1), ("b", "2024-01-02", 1)]


def test_an_order_over_two_days_counts_on_its_first(shop):
    tables = shop(
        [
            ("a", "2024-01-01 23:00", 1.0, "1"),
            ("a", "2024-01-02 01:00", 2.0, "1"),  # its money is of this day, the order is not, and it ends no gap
            ("a", "2024-01-05 01:00", 4.0, "2"),
        ]
    )
    names = ("orders", "gap_days", "gross_minor")
    days = [("a", "2024-01-01", 1, None, 100), ("a", "2024-01-02", 0, None, 200), ("a", "2024-01-05", 1, 4, 400)]
    assert order_days(tables, "2024-02-01", names) == days
    assert order_days(tables, "2024-01-02", names) == days[:1]


def test_a_row_is_known_only_once_it_was_loaded_and_gaps_are_told_anew(shop):
    rows = [
        ("a", "2024-01-01", 1.0, "1", "2024-01-01"),
        ("a", "2024-01-05", 2.0, "2", "2024-01-20"),  # happened on the 5th, arrived on the 20th
        ("a", "2024-01-10", 3.0, "3", "2024-01-10"),
    ]
    tables, names = shop(rows), ("orders", "gap_days")
    early = [("a", "2024-01-01", 1, None), ("a", "2024-01-10", 1, 9)]
    assert order_days(tables, "2024-01-20", names) == early  # loaded on the 20th is not known when the 20th begins
    late = [("a", "2024-01-01", 1, None), ("a", "2024-01-05", 1, 4), ("a", "2024-01-10", 1, 5)]
    assert order_days(tables, "2024-01-21", names) == late


def test_an_order_moves_to_the_day_of_its_first_line_once_that_arrives(shop):
    rows = [
        ("a", "2024-01-05", 2.0, "1", "2024-01-05"),
        ("a", "2024-01-03", 1.0, "1", "2024-01-09"),  # the first line comes last
        ("a", "2024-01-04", 4.0, "2", "2024-01-04"),
    ]
    tables, names = shop(rows), ("orders", "gap_days", "gross_minor")
    assert order_days(tables, "2024-01-08", names) == [
        ("a", "2024-01-04", 1, None, 400),
        ("a", "2024-01-05", 1, 1, 200),
    ]
    assert order_days(tables, "2024-01-10", names) == [
        ("a", "2024-01-03", 1, None, 100),
        ("a", "2024-01-04", 1, 1, 400),
        ("a", "2024-01-05", 0, None, 200),
    ]


def test_a_row_loaded_before_it_happened_is_known_from_its_own_day_on(shop):
    tables = shop([("a", "2024-01-01", 1.0, "1", "2024-01-01"), ("a", "2024-01-08", 1.0, "2", "2024-01-02")])
    assert [row[1] for row in order_days(tables, "2024-01-08")] == ["2024-01-01"]


def test_an_event_is_known_only_once_it_was_loaded(shop):
    tables = shop(
        [("a", "2024-01-01", 1.0)],
        [("a", "2024-01-05", "visit", "2024-01-20"), ("a", "2024-01-05", "ticket", "2024-01-05")],
    )
    prepared = prepare(tables)
    for as_of, meant in (("2024-01-20", ["ticket"]), ("2024-01-21", ["ticket", "visit"])):
        snapshot = take_snapshot(prepared, parse_day(as_of))
        kinds = [snapshot.kinds[meaning][0] for meaning in meant]
        assert sorted(row[2] for row in drawn(tables, snapshot.events, "kind")) == kinds


def test_outcomes_are_those_that_had_arrived(shop):
    rows = [("a", "2024-01-01", 1.0, "1", "2024-01-01"), ("b", "2024-01-05", 2.0, "2", "2024-01-20")]
    tables = shop(rows)
    prepared = prepare(tables)
    for known_by, ids in (("2024-01-20", ["a"]), ("2024-01-21", ["a", "b"])):
        known = orders_known_by(prepared, parse_day(known_by))
        assert tables.engine.collect(known, "customer_id").column("customer_id").to_pylist() == ids


def test_of_several_orders_of_a_day_one_counts_the_day_and_bears_the_gap(shop):
    tables = shop([("a", "2024-01-01", 1.0, "1"), ("a", "2024-01-05", 2.0, "2"), ("a", "2024-01-05", 3.0, "3")])
    orders = take_snapshot(prepare(tables), parse_day("2024-02-01")).orders
    assert sorted(drawn(tables, orders, "orders", "order_days"))[1:] == [
        ("a", "2024-01-05", 1, 0),
        ("a", "2024-01-05", 1, 1),
    ]
    assert sorted(drawn(tables, orders.filter(nw.col("order_days") == 1), "gap_days"))[1:] == [("a", "2024-01-05", 4)]
    assert tables.engine.collect(orders.filter(nw.col("order_days") == 0))["gap_days"].to_pylist() == [None]


def test_an_event_type_of_two_meanings_and_one_of_none_have_their_kinds(shop):
    tables = shop([("a", "2024-01-01", 1.0)], [("a", "2024-01-02", name) for name in ("chat", "visit", "other")])
    tables = replace(tables, meanings={"visit": ("visit", "chat"), "ticket": ("chat",)})
    snapshot = take_snapshot(prepare(tables), parse_day("2024-02-01"))
    assert snapshot.kinds == {"visit": (2, 1), "ticket": (1,)}
    assert sorted(row[2] for row in drawn(tables, snapshot.events, "kind")) == [0, 1, 2]


def test_orders_have_one_shape_whether_or_not_rows_can_be_late(shop):
    on_time = prepare(shop([("a", "2024-01-01", 1.0, "1")]))
    late = prepare(shop([("a", "2024-01-01", 1.0, "1", "2024-01-03")]))
    assert on_time.orders.collect_schema().names() == late.orders.collect_schema().names()


def test_everyone_is_known_by_an_order_a_return_an_event_or_having_been_created(shop):
    tables = shop(
        [("buyer", "2024-01-02", 1.0), ("returner", "2024-01-03", -1.0), ("later", "2024-02-01", 1.0)],
        [("visitor", "2024-01-04", "visit"), ("later", "2024-02-01", "visit")],
        [("created", "2024-01-05", None), ("later", "2024-02-01", None), ("nobody", None, "x@example.org")],
    )
    assert everyone(tables, "2024-01-05") == ["buyer", "returner", "visitor"]
    assert everyone(tables, "2024-02-01") == ["buyer", "created", "returner", "visitor"]
    assert everyone(tables, "2024-02-02") == ["buyer", "created", "later", "returner", "visitor"]


def test_without_a_day_of_creation_only_orders_and_events_make_known(shop):
    tables = shop([("a", "2024-01-01", 1.0)], None, [("a",), ("b",)])
    assert everyone(tables, "2024-02-01") == ["a"]


def test_a_day_past_the_data_is_refused_with_the_day_to_use(shop):
    prepared = prepare(shop([("a", "2024-01-01", 1.0)], until="2024-03-01"))
    take_snapshot(prepared, parse_day("2024-03-01"))
    with pytest.raises(TimelineError) as caught:
        take_snapshot(prepared, parse_day("2024-03-02"))
    assert str(caught.value) == (
        "as_of 2024-03-02 is too late: data are complete until 2024-03-01. "
        "Use 2024-03-01 or earlier, or bring the tables up to date."
    )
    assert caught.value.exit_code == 13


def test_a_day_before_the_first_order_is_refused(shop):
    prepared = prepare(shop([("a", "2024-01-01", 1.0)]))
    with pytest.raises(TimelineError, match="2024-01-01 is too early: the first order is of 2024-01-01"):
        take_snapshot(prepared, parse_day("2024-01-01"))


def test_only_the_customers_asked_for_are_in_a_sampled_snapshot(shop):
    tables = shop(
        [("a", "2024-01-01", 1.0), ("b", "2024-01-01", 1.0)],
        [("a", "2024-01-02", "visit"), ("v", "2024-01-02", "visit")],
        [("b", "2024-01-01", None), ("c", "2024-01-01", None)],
    )
    some = tables.engine.lazy("SELECT unnest(['b', 'v']) AS customer_id")
    snapshot = take_snapshot(prepare(tables), parse_day("2024-02-01"), some)
    assert tables.engine.collect(snapshot.customer_ids(), "customer_id").column(0).to_pylist() == ["b", "v"]
    assert [row[0] for row in drawn(tables, snapshot.orders)] == ["b"]
    assert [row[0] for row in drawn(tables, snapshot.events)] == ["v"]
