"""The future cannot be seen: add it, poison it, shuffle the past, describe one customer alone – nothing moves.

Shops are drawn: orders of several lines, some without an id, some lines back, some loaded late; events; people.
"""

from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clm_ml.config import Task
from clm_ml.features import build_features
from clm_ml.snapshot import prepare, take_snapshot
from clm_ml.timeline import parse_day
from tests.conftest import make_shop

AS_OF = "2024-06-01"
BEGIN = datetime(2024, 1, 1)  # noqa: DTZ001 – the business time zone is the shop's
few = settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.too_slow])

seconds = st.sampled_from([0, 1, 43_200, 86_399])
days = st.one_of(st.integers(0, 300), st.integers(148, 156))  # as_of is the 152nd


def at(day, second):
    return (BEGIN + timedelta(days=day, seconds=second)).isoformat()


instants = st.builds(at, days, seconds)
ids = st.sampled_from("abc")
order_ids = st.sampled_from([None, "1", "2", "3", "4"])
cents = st.integers(-5_000, 20_000).map(lambda number: number / 100)
lines = st.tuples(ids, instants, cents, order_ids, st.integers(0, 40))
acts = st.tuples(ids | st.just("v"), instants, st.sampled_from(["visit", "ticket", "other"]), st.integers(0, 40))
people = st.tuples(st.sampled_from("abcdv"), instants | st.none(), st.sampled_from([None, "x@example.org"]))


def with_loading(rows, late):
    """Put the day of loading in the place of the days until it, or leave it out."""
    for *row, lag in rows:
        loaded = (datetime.fromisoformat(row[1]) + timedelta(days=lag)).isoformat()
        yield (*row, loaded) if late else tuple(row)


@st.composite
def shops(draw):
    """Draw the rows of orders, events and customers; a stranger is always there, so that no table is ever empty."""
    late, stranger = draw(st.booleans()), at(0, 0)
    orders = [("z", stranger, 1.0, "0", 0), *draw(st.lists(lines, max_size=40, unique=True))]
    events = [("z", stranger, "visit", 0), *draw(st.lists(acts, max_size=20, unique=True))]
    customers = draw(st.lists(people, max_size=5, unique_by=lambda row: row[0]))
    return [*with_loading(orders, late)], [*with_loading(events, late)], [("z", stranger, None), *customers]


def described(shop, threads=1):
    """Describe everyone, each in one line of text that shows every bit of every value."""
    tables = make_shop(*shop, threads=threads)
    frame = build_features(take_snapshot(prepare(tables), parse_day(AS_OF)), Task(windows_days=(1, 30, 365)))
    found = tables.engine.collect(frame, "customer_id").to_pylist()
    tables.engine.close()
    return {row["customer_id"]: repr(row) for row in found}


def is_known(row):
    """Tell whether a row happened, and was loaded if that is told, before as_of."""
    return all(value < AS_OF for value in row if isinstance(value, str) and value.startswith("2024-"))


def poisoned(shop):
    """Change all that the rows of the future say, but for when; and let everyone do a lot from as_of on.

    Where rows can be late, every known line and event gets a twin that is loaded as as_of begins.
    """
    orders, events, customers = ([row for row in rows if is_known(row)] for rows in shop)
    later_orders, later_events, later_customers = ([row for row in rows if not is_known(row)] for rows in shop)
    twins = [(who, when, 7e8, order, AS_OF) for who, when, _, order, *loaded in orders if loaded]
    orders += twins + [(who, when, 1e9 + i, "1", *more) for i, (who, when, _, _, *more) in enumerate(later_orders)]
    orders += [(who, AS_OF, 5e8, "2", AS_OF)[: len(orders[0])] for who in "abcvz"]
    twins = [(who, when, kind, AS_OF) for who, when, kind, *loaded in events if loaded]
    events += twins + [(who, when, "visit", *more) for who, when, _, *more in later_events]
    events += [(who, AS_OF, "ticket", AS_OF)[: len(events[0])] for who in "abcvz"]
    customers += [(who, when, "poison@example.org") for who, when, _ in later_customers]
    return orders, events, customers


@few
@given(shops())
def test_the_future_changes_nothing(shop):
    without = [[row for row in rows if is_known(row)] for rows in shop]
    assert described(poisoned(shop)) == described(without)


@few
@given(shops(), st.randoms(use_true_random=False))
def test_neither_the_order_of_rows_nor_threads_change_anything(shop, rng):
    shuffled = [rng.sample(rows, len(rows)) for rows in shop]
    assert described(shop) == described(shuffled, threads=3)


@few
@given(shops(), st.sampled_from("abcv"))
def test_a_customer_alone_has_the_same_row(shop, who):
    alone = [[row for row in rows if row[0] in (who, "z")] for rows in shop]
    assert described(shop).get(who) == described(alone).get(who)


@pytest.mark.parametrize("row", [("a", AS_OF), ("a", "2024-05-31T23:59:59", "2024-06-01"), ("a", "2024-12-30")])
def test_the_guard_knows_the_future_when_it_sees_it(row):
    assert not is_known(row)
    assert is_known(("a", "2024-05-31T23:59:59", 1.0, "1", "2024-05-31T23:59:59"))
