"""The future cannot be seen: add it, poison it, shuffle the past, describe one customer alone – nothing moves."""

import random
from datetime import date, timedelta

import pandas as pd
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clm_ml.config import Task
from clm_ml.features import build_features
from clm_ml.snapshot import prepare, take_snapshot
from clm_ml.timeline import parse_day
from tests.conftest import make_shop

AS_OF = "2024-06-01"
few = settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])

instants = st.integers(0, 364).map(lambda day: f"{date(2024, 1, 1) + timedelta(days=day)} 12:00:00")
ids = st.sampled_from(["a", "b", "c"])
orders = st.lists(
    st.tuples(ids, instants, st.integers(-50, 200).map(float), st.sampled_from("123456")),
    min_size=1,
    max_size=25,
    unique=True,
).map(lambda rows: [("a", "2024-01-01 08:00:00", 1.0, "0"), *rows])
events = st.lists(st.tuples(ids, instants, st.sampled_from(["visit", "ticket"])), min_size=1, max_size=15, unique=True)


def described(tables):
    frame = build_features(take_snapshot(prepare(tables), parse_day(AS_OF)), Task())
    return tables.engine.collect(frame, "customer_id").to_pandas()


def known(rows):
    return [row for row in rows if row[1] < AS_OF]


def is_later(row):
    return row[1] >= AS_OF


@few
@given(orders, events)
def test_the_future_changes_nothing(orders, events):
    past = known(events) or [("a", "2024-01-02 08:00:00", "visit")]
    events = [*past, *filter(is_later, events)]
    with_future = described(make_shop(orders, events))
    pd.testing.assert_frame_equal(with_future, described(make_shop(known(orders), past)), check_exact=True)


@few
@given(orders)
def test_a_poisoned_future_changes_nothing(orders):
    poisoned = [(who, at, 1e9, f"{order}!") if is_later((who, at)) else (who, at, amount, order) for who, at, amount, order in orders]  # fmt: skip  # noqa: E501
    pd.testing.assert_frame_equal(described(make_shop(orders)), described(make_shop(poisoned)), check_exact=True)


@few
@given(orders, st.randoms(use_true_random=False), st.sampled_from([1, 2]))
def test_order_of_rows_and_threads_change_nothing(orders, rng: random.Random, threads):
    shuffled = list(orders)
    rng.shuffle(shuffled)
    again = described(make_shop(shuffled, threads=threads))
    pd.testing.assert_frame_equal(described(make_shop(orders)), again, check_exact=True)


@few
@given(orders)
def test_a_customer_alone_has_the_same_row(orders):
    together = described(make_shop(orders))
    alone = described(make_shop([row for row in orders if row[0] == "a"]))
    mine = together[together["customer_id"] == "a"].reset_index(drop=True)
    # pandas holds a column of whole numbers with a null among them as floats: the values are what must be equal
    pd.testing.assert_frame_equal(mine, alone, check_exact=True, check_dtype=False)


def test_whoever_comes_later_is_not_there_yet():
    tables = make_shop([("a", "2024-01-01", 1.0), ("b", AS_OF, 1.0)])
    assert described(tables)["customer_id"].tolist() == ["a"]
