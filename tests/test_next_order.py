"""When the next order comes."""

import json
from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clm_ml.btyd import MbgNbd
from clm_ml.model.ahead import next_order_columns
from clm_ml.model.next_order import NextOrder, fit_next_order, pinball, read_next_order
from clm_ml.model.waits import Counted, Process, fit_counted, read_waits
from clm_ml.timeline import date_of, day_of

AS_OF = day_of(date(2024, 6, 1))


def customers(rows, as_of=AS_OF):
    """Draw customers: order days, days since the first and the last, the expected gap."""
    orders, first, last, gap = (np.asarray(column, dtype=float) for column in zip(*rows, strict=True))
    return pd.DataFrame({
        "as_of": as_of, "orders_ever": orders, "order_days_ever": orders, "days_since_first_order": first,
        "days_since_last_order": last, "expected_gap_days": gap, "overdue_ratio": last / gap,
    })  # fmt: skip


def clockwork(gap=20, count=300, as_ofs=12):
    """Draw customers who order every so many days, to the day, at several as_ofs a week apart."""
    parts = []
    for number in range(as_ofs):
        last = np.arange(count) % gap + 1
        frame = customers(
            zip(np.full(count, 9), last + 8 * gap, last, np.full(count, gap), strict=True), AS_OF + 7 * number
        )
        parts.append(frame.assign(next_order_days=(gap - last).astype(float)))
    return pd.concat(parts, ignore_index=True)


PROCESS = Process(MbgNbd(r=0.7, alpha=60.0, a=0.5, b=3.0))
COUNTED = Counted((15.0, 30.0, 60.0, 120.0), (0.0, 10.0, 60.0, 200.0), ((0.0, 0.5, 1.5, 2.0),) * 30)
SHAPES = [NextOrder(PROCESS, COUNTED, 60, 400), NextOrder(COUNTED, PROCESS, 60, 200)]

histories = st.tuples(st.integers(1, 40), st.integers(0, 300), st.integers(1, 300), st.floats(7, 300)).map(
    lambda drawn: (drawn[0], drawn[2] + (drawn[1] + 1 if drawn[0] > 1 else 0), drawn[2], drawn[3])
)


@pytest.mark.parametrize("learned", SHAPES)
@given(rows=st.lists(histories, min_size=1, max_size=5), chance=st.floats(0.01, 0.99))
def test_within_the_horizon_an_order_comes_with_its_probability(learned, rows, chance):
    (said,) = learned.days(customers(rows), np.full(len(rows), chance), [chance])
    assert said == pytest.approx(59)  # by the end of the horizon's last day


@pytest.mark.parametrize("learned", SHAPES)
@given(rows=st.lists(histories, min_size=1, max_size=5), chance=st.floats(0, 1))
def test_the_interval_holds_the_median_and_ends_within_reach(learned, rows, chance):
    early, middle, late = learned.days(customers(rows), np.full(len(rows), chance), [0.1, 0.5, 0.9])
    assert ((early <= middle) & (middle <= late) & (early >= 0)).all()
    for days in (early, middle, late):
        assert (np.isinf(days) | (days < learned.reach_days)).all()


def test_a_day_is_the_one_by_whose_end_an_order_has_come():
    straight = Counted((), (0.0, 100.0), ((0.0, 1.0),) * 30)  # as likely on every day: hazard .01 a day
    learned = NextOrder(straight, straight, 100, 100)
    drawn, chance = customers([(1, 5, 5, 20.0)]), np.array([1 - np.exp(-1.0)])
    # the median is reached after 100 ln 2 = 69.3 days: in the day that begins after 69
    assert learned.days(drawn, chance, [0.5]).tolist() == [[69]]
    assert learned.days(drawn, chance, [1 - np.exp(-0.30)]).tolist() == [[29]]  # after 30 days, not in the 31st
    told = next_order_columns(learned, drawn, chance, np.array([True]))
    assert told["next_order_on"].tolist() == [date_of(AS_OF + 69)]
    assert told["next_order_latest_on"].isna().all()  # after 230 days, which nobody could watch


def test_visitors_have_no_next_order():
    drawn = customers([(1, 5, 5, 20.0), (1, 5, 5, 20.0)])
    told = next_order_columns(SHAPES[0], drawn, np.array([0.9, 0.9]), np.array([False, True]))
    assert told.loc[0].isna().all()
    assert told.loc[1, "next_order_on"] > date_of(AS_OF)


def test_who_is_nearly_surely_gone_has_no_day():
    told = next_order_columns(SHAPES[0], customers([(9, 900, 500, 20.0)]), np.array([0.001]), np.array([True]))
    assert told.loc[0].isna().all()


def test_hazards_are_orders_over_days_watched():
    # Two come, on the first day and on the second; two are watched for ten days in vain; one's order is not seen yet.
    drawn = customers([(1, 5, 5, 20.0)] * 5).assign(next_order_days=[0.0, 1.0, np.nan, np.nan, 4.0])
    counted = fit_counted(drawn, [10, 10, 10, 10, 4], horizon_days=60)
    assert counted.ends == (0.0, 1.0, 2.0, 3.0, 5.0, 7.0, 10.0)
    assert counted.hazard(drawn.head(1), 1.0) == pytest.approx(1 / 4.5, rel=1e-5)
    assert counted.hazard(drawn.head(1), 2.0) == pytest.approx(1 / 4.5 + 1 / 3.5, rel=1e-5)
    assert counted.hazard(drawn.head(1), 10.0) == pytest.approx(1 / 4.5 + 1 / 3.5, rel=1e-5)


def test_nothing_is_learned_from_orders_that_were_not_known_yet():
    frame = clockwork()
    known_by = int(frame["as_of"].max()) + 10
    later = frame["next_order_days"] >= known_by - frame["as_of"]
    assert later.any()
    blind = frame.assign(next_order_days=frame["next_order_days"].where(~later))
    assert fit_next_order(frame, half, known_by, 20) == fit_next_order(blind, half, known_by, 20)


def half(frame):
    return np.full(len(frame), 0.5)


def test_the_shape_that_told_the_later_as_ofs_better_speaks():
    frame = clockwork()
    known_by = int(frame["as_of"].max()) + 30
    almost = lambda rows: np.full(len(rows), 0.99)  # noqa: E731
    learned = fit_next_order(frame, almost, known_by, 20)
    assert isinstance(learned.waits, Counted)  # a process of orders knows no clock
    watched = known_by - frame["as_of"]
    losses = [
        pinball(frame["next_order_days"], one.days(frame, almost(frame), [0.5])[0], 0.5, watched)
        for one in (learned, learned.swapped())
    ]
    assert losses[0] < losses[1]


@pytest.mark.parametrize("learned", SHAPES)
def test_what_is_read_back_is_what_was_written(learned):
    assert read_next_order(json.loads(json.dumps(learned.facts()))) == learned
    assert read_waits(learned.waits.facts()) == learned.waits


def test_pinball_loss_is_of_days_cut_off_where_nobody_could_see():
    # late by 4 of 10: .9 × 4; early by 2: .1 × 2; beyond and not come: nothing
    assert pinball([8.0, 2.0, None], np.array([4.0, 4.0, np.inf]), 0.9, 10) == pytest.approx((3.6 + 0.2) / 3)
    assert pinball([None], np.array([7.0]), 0.5, [10.0]) == pytest.approx(1.5)
