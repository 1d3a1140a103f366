"""Where features meet labels."""

import itertools

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clm_ml.config import Lapse
from clm_ml.errors import TimelineError
from clm_ml.examples import _narrow, collect_examples, draw_evenly, refuse_short, standing_ahead, training_as_ofs
from clm_ml.features import Rhythm, against_habit, build_features
from clm_ml.segments import CutPoints, place_in_segments
from clm_ml.snapshot import prepare, take_snapshot
from clm_ml.timeline import date_of, parse_day
from tests.conftest import make_config

ORDERS = [("a", "2024-01-01", 10.0), ("a", "2024-03-10", 20.0), ("b", "2024-02-01", 5.0), ("c", "2024-03-20", 7.0)]
BEGUN, END = parse_day("2024-01-01"), parse_day("2024-12-31")


def config_with(horizon, **train):
    frame = pd.DataFrame(ORDERS, columns=["customer_id", "ordered_at", "amount"])
    return make_config({"orders": frame}, "2024-12-31", task={"horizon_days": horizon}, train=train)


def dates(days):
    return [date_of(day).isoformat() for day in days]


def rows_of(examples):
    told = examples.frame[["customer_id", "orders_ever", "ordered", "spent"]]
    return [(day, *row) for day, row in zip(dates(examples.frame["as_of"]), told.to_numpy().tolist(), strict=True)]


def test_features_and_labels_meet_at_each_as_of(shop):
    days = [parse_day("2024-03-15"), parse_day("2024-03-01")]
    told = []
    examples = collect_examples(prepare(shop(ORDERS)), config_with(14), days, END, told.append)
    assert rows_of(examples) == [
        ("2024-03-01", "a", 1, 1, 20.0),
        ("2024-03-01", "b", 1, 0, 0.0),
        ("2024-03-15", "a", 2, 0, 0.0),
        ("2024-03-15", "b", 1, 0, 0.0),  # c ordered five days later, but was not there yet
    ]
    assert examples.as_ofs == sorted(days)
    assert rows_of(examples.at(days[:1])) == rows_of(examples)[2:]
    assert told == ["2024-03-01", "2024-03-15"]


def test_the_tables_may_be_given_back_before_the_examples_are_put_together(shop):
    config, days = config_with(14), [parse_day("2024-03-01"), parse_day("2024-03-15")]
    whole = collect_examples(prepare(shop(ORDERS)), config, days, END, with_open=True)
    told, tables = [], shop(ORDERS)

    def give_back():
        told.append("given back")
        tables.engine.close()

    again = collect_examples(prepare(tables), config, days, END, told.append, with_open=True, when_read=give_back)
    assert told == [*dates(days), "given back"]
    pd.testing.assert_frame_equal(again.frame, whole.frame, check_exact=True)
    pd.testing.assert_frame_equal(again.open, whole.open, check_exact=True)


def test_examples_are_drawn_evenly_and_few_stay_as_they_are():
    frame = pd.DataFrame({"as_of": [1] * 6 + [2] * 6, "row": range(12)})
    assert draw_evenly(frame, 4)["row"].tolist() == [0, 3, 6, 9]
    assert draw_evenly(frame, 5)["row"].tolist() == [0, 3, 6, 9]  # every second would be six
    pd.testing.assert_frame_equal(draw_evenly(frame, 12), frame)
    assert draw_evenly(frame.iloc[:0], 3).empty


def test_features_and_labels_each_know_what_had_arrived_by_their_own_day(shop):
    orders = [
        ("a", "2024-01-01", 1.0, "1", "2024-01-01"),
        ("a", "2024-02-20", 2.0, "2", "2024-03-05"),  # before as_of, known only after: in neither
        ("a", "2024-03-04", 4.0, "3", "2024-03-20"),
        ("b", "2024-01-01", 1.0, "4", "2024-01-01"),
        ("b", "2024-03-04", 8.0, "5", "2024-04-01"),  # in the label window, known too late
    ]
    tables, config, days = shop(orders), config_with(14), [parse_day("2024-03-01")]
    learned_early = collect_examples(prepare(tables), config, days, parse_day("2024-04-01"))
    assert rows_of(learned_early) == [("2024-03-01", "a", 1, 1, 4.0), ("2024-03-01", "b", 1, 0, 0.0)]
    learned_later = collect_examples(prepare(tables), config, days, parse_day("2024-04-02"))
    assert rows_of(learned_later) == [("2024-03-01", "a", 1, 1, 4.0), ("2024-03-01", "b", 1, 1, 8.0)]


@pytest.mark.parametrize(("until", "known_by"), [("2024-12-31", "2024-03-29"), ("2024-03-29", "2024-12-31")])
def test_a_label_is_closed_by_the_day_of_learning_and_by_what_the_tables_hold(shop, until, known_by):
    tables, config = shop(ORDERS[:3], until=until), config_with(14)
    collect_examples(prepare(tables), config, [parse_day("2024-03-15")], parse_day(known_by))
    with pytest.raises(TimelineError, match=r"known only until 2024-03-29\. Use 2024-03-15 or earlier"):
        collect_examples(prepare(tables), config, [parse_day("2024-03-16")], parse_day(known_by))


def test_automatic_as_ofs_are_closed_and_a_step_apart():
    config = config_with(30, at_least_history_days=20, step_days=10)
    chosen = training_as_ofs(config, BEGUN, parse_day("2024-05-01"))
    assert dates(chosen)[-2:] == ["2024-03-22", "2024-04-01"]  # closed on 2024-05-01
    assert all(later - earlier == 10 for earlier, later in itertools.pairwise(chosen))
    assert 20 <= chosen[0] - BEGUN < 30


def test_at_most_so_many_are_taken_and_the_newest_of_them():
    config = config_with(14, at_least_history_days=20, step_days=7, most_as_ofs=3)
    assert dates(training_as_ofs(config, BEGUN, parse_day("2024-12-31"))) == ["2024-12-03", "2024-12-10", "2024-12-17"]


def test_steps_widen_by_whole_steps_where_so_many_would_not_span_the_horizon():
    config = config_with(30, step_days=7, most_as_ofs=3)  # 3 as_ofs a week apart span 14 days
    chosen = training_as_ofs(config, BEGUN, parse_day("2024-12-31"))
    assert [later - earlier for earlier, later in itertools.pairwise(chosen)] == [21, 21]


@pytest.mark.parametrize(
    ("horizon", "step", "most"), [(30, 10, 24), (30, 7, 24), (90, 14, 24), (365, 14, 24), (5, 9, 2)]
)
def test_the_first_day_named_is_the_first_that_will_do(horizon, step, most):
    config = config_with(horizon, at_least_history_days=20, step_days=step, most_as_ofs=most)
    with pytest.raises(TimelineError) as caught:
        training_as_ofs(config, BEGUN, BEGUN + 1)
    first = parse_day(str(caught.value).partition("Use ")[2][:10])
    with pytest.raises(TimelineError):
        refuse_short(config, BEGUN, first - 1)
    refuse_short(config, BEGUN, first)
    chosen = training_as_ofs(config, BEGUN, first)
    assert chosen[0] == BEGUN + 20
    assert chosen[-1] == first - horizon >= chosen[0] + horizon
    assert len(chosen) <= most


def test_too_early_is_told_in_one_sentence_that_helps():
    config = config_with(30, at_least_history_days=20, step_days=10)
    with pytest.raises(TimelineError) as caught:
        refuse_short(config, BEGUN, parse_day("2024-03-20"))
    assert caught.value.exit_code == 13
    assert str(caught.value) == (
        "as_of 2024-03-20 is too early to learn: the orders begin on 2024-01-01, and it takes 80 days (20 of history, "
        "30 to learn from one label window and 30 to be judged on another). "
        "Use 2024-03-21 or later, or a shorter horizon."
    )


def test_a_short_log_has_the_windows_that_are_closed_or_none():
    config = config_with(30, at_least_history_days=20, step_days=10)
    assert dates(training_as_ofs(config, BEGUN, parse_day("2024-03-01"))) == ["2024-01-21", "2024-01-31"]
    assert training_as_ofs(config, BEGUN, parse_day("2024-02-10")) == ()
    with pytest.raises(TimelineError, match="too early to learn"):
        training_as_ofs(config, BEGUN, parse_day("2024-01-21"))


def test_as_ofs_asked_for_are_taken_as_they_are_in_order_and_once():
    config = config_with(30, as_ofs=["2024-04-01", "2024-02-01", "2024-04-01"])
    assert dates(training_as_ofs(config, BEGUN, parse_day("2024-05-01"))) == ["2024-02-01", "2024-04-01"]


def test_an_as_of_asked_for_must_be_closed():
    config = config_with(30, as_ofs=["2024-02-01", "2024-04-15"])
    with pytest.raises(TimelineError, match="label window of as_of 2024-04-15 closes on 2024-05-15"):
        training_as_ofs(config, BEGUN, parse_day("2024-05-01"))


@pytest.mark.parametrize(
    ("asked", "told"), [(["2024-02-01", "2024-03-01"], "found 2024-02-01, 2024-03-01."), ([], "found none.")]
)
def test_as_ofs_asked_for_must_span_a_horizon(asked, told):
    config = config_with(30, as_ofs=asked)
    with pytest.raises(TimelineError) as caught:
        training_as_ofs(config, BEGUN, END)
    assert str(caught.value).startswith("train.as_ofs must span a horizon of 30 days, so that the last can judge what")
    assert told in str(caught.value)


#: Of a crowd: the buyers, the visitors, and those that only the customer table knows.
KINDS = ((0, 1500), (1500, 2500), (2500, 3000))


@pytest.fixture(scope="module")
def crowd():
    rows = (("2024-01-01", 1.0), ("2024-01-02", "visit"), ("2024-01-03", None))
    return [[(f"p{i}", *row) for i in range(*kind)] for kind, row in zip(KINDS, rows, strict=True)]


def test_a_sample_is_of_everyone_and_about_as_large_as_asked(shop, crowd):
    config, days = config_with(14, max_examples=2000), [parse_day("2024-03-01"), parse_day("2024-03-15")]
    examples = collect_examples(prepare(shop(*crowd)), config, days, END)
    assert examples.sampled_share == pytest.approx(1 / 3)
    assert 1800 < len(examples.frame) < 2200
    sampled = examples.frame["customer_id"].str.slice(1).astype(int).unique()
    shares = [((sampled >= first) & (sampled < end)).sum() / (end - first) for first, end in KINDS]
    assert shares == pytest.approx([1 / 3] * 3, abs=0.07)


def test_a_sample_depends_on_nothing_but_the_ids(shop, crowd):
    orders, events, customers = crowd
    config, days = config_with(14, max_examples=1000), [parse_day("2024-03-01")]
    first = collect_examples(prepare(shop(orders, events, customers)), config, days, END)
    again = collect_examples(prepare(shop(orders[::-1], events[::-1], customers, threads=2)), config, days, END)
    pd.testing.assert_frame_equal(first.frame, again.frame, check_exact=True)


def test_whoever_comes_later_does_not_decide_who_is_sampled(shop, crowd):
    orders, events, customers = crowd
    config, days = config_with(14, max_examples=1000), [parse_day("2024-03-01")]
    later = [(f"l{number}", "2024-06-01", *orders[0][2:]) for number in range(4000)]
    first = collect_examples(prepare(shop(orders, events, customers)), config, days, END)
    again = collect_examples(prepare(shop([*orders, *later], events, customers)), config, days, END)
    pd.testing.assert_frame_equal(first.frame, again.frame, check_exact=True)


def test_a_sample_is_taken_of_every_table_and_given_back(shop, crowd):
    """A kept frame that is given back twice, or not at all, is an error of the engine or a leak."""
    tables = shop(*crowd, [("p1", "2024-01-06", "spring", None)])
    config, days = config_with(14, max_examples=1000), [parse_day("2024-03-01")]
    prepared = prepare(tables)
    before = tables.engine.rows("SELECT count(*) FROM duckdb_tables()")
    assert collect_examples(prepared, config, days, END).sampled_share < 1
    # What is left is the list of those sampled.
    assert tables.engine.rows("SELECT count(*) FROM duckdb_tables()")[0][0] == before[0][0] + 1


@pytest.mark.parametrize("most", [1000, 10**6])
def test_what_is_prepared_may_be_given_back_as_well(shop, crowd, most):
    tables = shop(*crowd, [("p1", "2024-01-06", "spring", None)])
    config, days = config_with(14, max_examples=most), [parse_day("2024-03-01")]
    whole = collect_examples(prepare(tables), config, days, END)
    before = tables.engine.rows("SELECT count(*) FROM duckdb_tables()")[0][0]
    prepared = prepare(tables)
    is_all = collect_examples(prepared, config, days, END, giving_back=True)
    assert tables.engine.rows("SELECT count(*) FROM duckdb_tables()")[0][0] == before + (most == 1000)
    pd.testing.assert_frame_equal(is_all.frame, whole.frame, check_exact=True)


def test_whoever_is_sampled_has_the_row_they_have_among_everyone(shop, crowd):
    tables, days = shop(*crowd), [parse_day("2024-03-01")]
    config = config_with(14, max_examples=1000)
    sampled = collect_examples(prepare(tables), config, days, END).frame
    features = build_features(take_snapshot(prepare(tables), days[0]), config.task)
    everyone = tables.engine.collect(features, "customer_id").to_pandas()
    among = everyone[everyone["customer_id"].isin(sampled["customer_id"])].reset_index(drop=True)
    assert 0 < len(sampled) < len(everyone)
    pd.testing.assert_frame_equal(sampled[among.columns], among, check_exact=True, check_dtype=False)


@given(st.lists(st.one_of(st.none(), st.integers(-(2**40), 2**40), st.sampled_from([2**15 - 1, 2**15, 2**24]))))
def test_whole_numbers_become_narrow_and_stay_what_they_are(numbers):
    rows = pa.record_batch({"number": pa.array(numbers, pa.int64())})
    narrow = _narrow(rows)["number"]
    assert [None if number is None else int(number) for number in narrow.to_pylist()] == numbers


def test_small_whole_numbers_take_two_bytes_and_four_if_some_are_missing():
    rows = pa.record_batch({"orders": [1, 2], "days": [1, None], "minor": [1, 2**20], "share": [0.5, None]})
    assert [str(kind) for kind in _narrow(rows).schema.types] == ["int16", "float", "int32", "double"]


# where they stood at the end -------------------------------------------------------------------------------

CUTS = CutPoints((-30.0, -20.0, -10.0, -5.0), (1.0, 2.0, 3.0, 4.0), (1.0, 2.0, 3.0, 4.0), (2.0, 4.0), (12.34, 40.0))


def test_where_each_stood_at_the_end_of_the_window(shop):
    orders = [
        ("cents", "2024-02-01", 0.1),
        ("cents", "2024-03-03", 0.2),
        ("comes", "2024-01-01", 10.0),
        ("comes", "2024-02-20", 10.0),
        ("comes", "2024-03-04", 5.5),
        ("comes", "2024-03-11", 5.5),
        ("returns", "2024-02-01", 30.0),
        ("returns", "2024-03-02", -10.0),
        ("stays", "2024-02-29", 7.0),
        ("stays", "2024-03-15", 7.0),  # the window has ended
        ("visits", "2024-03-14", 8.0),
    ]
    tables, as_of = shop(orders, [("visits", "2024-02-01", "visit")]), parse_day("2024-03-01")
    frame = collect_examples(prepare(tables), config_with(14), [as_of], END).frame
    names = ["orders_ever", "order_days_ever", "amount_ever", "days_since_last_order", "gaps_ever", "gap_days_sum"]
    assert standing_ahead(frame, 14)[names].to_numpy().tolist() == [
        [2, 2, 0.3, 12, 1, 31],  # to the last bit what counting anew would give, not .1 + .2
        [4, 4, 31.0, 4, 3, 70],
        [1, 1, 20.0, 43, 0, 0],
        [1, 1, 7.0, 15, 0, 0],
        [1, 1, 8.0, 1, 0, 0],
    ]


rows_drawn = st.lists(
    st.tuples(st.sampled_from("abcdefgh"), st.integers(0, 59), st.sampled_from([6.17, 12.34, -6.17, 0.0, 30.0])),
    min_size=10, max_size=60,
)  # fmt: skip


@settings(max_examples=12)
@given(drawn=rows_drawn, horizon=st.integers(1, 29))
def test_the_label_is_the_segment_that_describing_at_the_end_gives(shop, drawn, horizon):
    begun = [("a", "2024-01-01", 12.34), ("v", "2024-01-01", -1.0)]
    rows = [(who, date_of(BEGUN + day).isoformat(), amount) for who, day, amount in drawn]
    prepared, as_of = prepare(shop([*begun, *rows])), BEGUN + 30
    config, rhythm, lapse = config_with(horizon), Rhythm(11.0, 2.0), Lapse(at_least_days=3)
    frame = collect_examples(prepared, config, [as_of], END).frame
    at_the_end = build_features(take_snapshot(prepared, as_of + horizon), config.task)
    described = prepared.tables.engine.collect(at_the_end, "customer_id").to_pandas()
    described = described[described["customer_id"].isin(frame["customer_id"])].reset_index(drop=True)
    label, oracle = (
        place_in_segments(against_habit(rows, rhythm, lapse), CUTS, lapse).tolist()
        for rows in (standing_ahead(frame, horizon), described)
    )
    assert label == oracle
