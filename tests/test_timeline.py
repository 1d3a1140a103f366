"""Days are integers, windows are half-open, and an edge belongs to one side."""

from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clm_ml.errors import TimelineError
from clm_ml.timeline import Window, as_ofs_before, date_of, day_of, label_window, lookback, parse_day

days = st.integers(-1_000_000, 1_000_000)
lengths = st.integers(1, 10_000)


@given(st.dates())
def test_a_date_and_its_day_number_are_the_same_thing(when):
    assert date_of(day_of(when)) == when
    assert day_of(when + timedelta(1)) == day_of(when) + 1 if when < date.max else True


@pytest.mark.parametrize(
    ("written", "day"),
    [
        ("1970-01-01", 0),
        ("1969-12-31", -1),
        ("2012-02-29", 15_399),
        (date(2012, 2, 29), 15_399),
        (datetime(2012, 2, 29, 23, 59), 15_399),  # noqa: DTZ001
        (15_399, 15_399),
    ],
)
def test_a_day_is_read_from_iso_text_a_date_or_its_number(written, day):
    assert parse_day(written) == day


@pytest.mark.parametrize(
    "written", ["", "today", "10.12.2011", "2011-2-9", "2011-02-30", "20111210", "2011-W49-6", "2011-12-10T00:00", " "]
)
def test_anything_else_is_refused_with_an_example(written):
    with pytest.raises(TimelineError) as refused:
        parse_day(written)
    assert str(refused.value) == f"a day is written YYYY-MM-DD, as in 2011-12-10; found {written!r}."


@given(days, lengths)
def test_a_lookback_ends_where_its_label_window_starts(as_of, length):
    seen, outcome = lookback(as_of, length), label_window(as_of, length)
    assert seen.end == outcome.start == as_of
    assert seen.holds(as_of - 1)
    assert not seen.holds(as_of)
    assert outcome.holds(as_of)
    assert not outcome.holds(as_of - 1)


@given(days, days, lengths, lengths)
def test_every_day_lies_in_exactly_one_of_two_windows_that_touch(day, start, first, second):
    before, after = Window(start, start + first), Window(start + first, start + first + second)
    whole = Window(start, start + first + second)
    assert before.holds(day) + after.holds(day) == whole.holds(day)


@given(days, lengths)
def test_a_window_is_closed_only_when_its_last_day_is_over(as_of, length):
    window = label_window(as_of, length)
    assert window.is_closed_by(as_of + length)
    assert not window.is_closed_by(as_of + length - 1)


@given(days, st.integers(-500, 500), lengths, st.integers(0, 50))
def test_as_ofs_are_steps_back_from_the_last_and_never_before_the_first(last, back, step, most):
    first = last - back
    found = as_ofs_before(last, first, step, most)
    assert len(found) <= most
    assert all(first <= as_of <= last and (last - as_of) % step == 0 for as_of in found)
    assert list(found) == sorted(set(found))
    assert not found or found[-1] == last
    missed = last - step * len(found)
    assert missed < first or len(found) == most
