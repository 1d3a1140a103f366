"""Where features meet labels."""

import itertools

import pandas as pd
import pytest

from clm_ml.config import Train
from clm_ml.errors import TimelineError
from clm_ml.examples import collect_examples, training_as_ofs
from clm_ml.snapshot import prepare
from clm_ml.timeline import date_of, parse_day
from tests.conftest import make_config, make_shop

ORDERS = [("a", "2024-01-01", 10.0), ("a", "2024-03-10", 20.0), ("b", "2024-02-01", 5.0), ("c", "2024-03-20", 7.0)]


def config_with(horizon, **train):
    config = make_config(
        {"orders": pd.DataFrame(ORDERS, columns=["customer_id", "ordered_at", "amount"])}, "2024-12-31"
    )
    task = config.task.model_copy(update={"horizon_days": horizon})
    return config.model_copy(update={"task": task, "train": Train(**train)})


def test_features_and_labels_meet_at_each_as_of():
    days = [parse_day("2024-03-01"), parse_day("2024-03-15")]
    examples = collect_examples(prepare(make_shop(ORDERS)), config_with(14), days, parse_day("2024-12-31"))
    rows = [
        (date_of(row.as_of).isoformat(), row.customer_id, row.orders_ever, row.ordered, row.spent)
        for row in examples.frame.itertuples()
    ]
    assert rows == [
        ("2024-03-01", "a", 1, 1, 20.0),
        ("2024-03-01", "b", 1, 0, 0.0),
        ("2024-03-15", "a", 2, 0, 0.0),
        ("2024-03-15", "b", 1, 0, 0.0),  # c ordered five days later, but was not there yet
    ]


def test_automatic_as_ofs_are_closed_and_a_step_apart():
    config = config_with(30, at_least_history_days=20, step_days=10)
    chosen = training_as_ofs(config, parse_day("2024-01-01"), parse_day("2024-05-01"))
    assert [date_of(day).isoformat() for day in chosen][-2:] == ["2024-03-22", "2024-04-01"]  # closed on 2024-05-01
    assert all(later - earlier == 10 for earlier, later in itertools.pairwise(chosen))
    assert chosen[0] - parse_day("2024-01-01") >= 20


def test_a_day_too_early_to_learn_names_the_first_that_will_do():
    config = config_with(30, at_least_history_days=20, step_days=10)
    with pytest.raises(TimelineError, match=r"too early to learn.*Use 2024-03-21 or later") as caught:
        training_as_ofs(config, parse_day("2024-01-01"), parse_day("2024-03-01"))
    training_as_ofs(config, parse_day("2024-01-01"), parse_day("2024-03-21"))
    assert caught.value.exit_code == 13


def test_an_as_of_asked_for_must_be_closed():
    config = config_with(30, as_ofs=("2024-02-01", "2024-04-15"))
    with pytest.raises(TimelineError, match="label window of as_of 2024-04-15 closes on 2024-05-15"):
        training_as_ofs(config, parse_day("2024-01-01"), parse_day("2024-05-01"))


def test_a_sample_depends_on_nothing_but_the_ids():
    orders = [(f"c{i}", "2024-01-01", 1.0) for i in range(3000)]
    config, days = config_with(14, max_examples=1000), [parse_day("2024-03-01")]
    first = collect_examples(prepare(make_shop(orders)), config, days, parse_day("2024-12-31"))
    again = collect_examples(prepare(make_shop(orders[::-1])), config, days, parse_day("2024-12-31"))
    assert 800 < len(first.frame) < 1200
    pd.testing.assert_frame_equal(first.frame, again.frame)
