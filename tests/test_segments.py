"""Eleven segments: exclusive, exhaustive, reachable; ties score equal and the best scores 5-5-5."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clm_ml.config import Lapse
from clm_ml.segments import PHASES, SEGMENTS, STATES, TIERS, CutPoints, find_segments, fit_cut_points, segment_of

CUTS = CutPoints(
    recency=(-90.0, -60.0, -30.0, -10.0),
    frequency=(2.0, 3.0, 5.0, 8.0),
    money=(10.0, 50.0, 100.0, 500.0),
    frequency_tiers=(2.0, 5.0),
    value_tiers=(50.0, 200.0),
)


def person(days=5.0, orders=1, amount=20.0, overdue=0.5, email=True):
    return {
        "days_since_last_order": days,
        "orders_ever": orders,
        "order_days_ever": orders,
        "amount_ever": amount,
        "overdue_ratio": overdue,
        "has_email": email,
    }


@pytest.mark.parametrize(
    ("who", "segment"),
    [
        (person(None, 0, 0.0, None, email=False), "engaged_visitor"),
        (person(None, 0, 0.0, None), "loyal_visitor"),
        (person(orders=1), "first_time"),
        (person(orders=2, amount=40.0), "recent"),
        (person(orders=4, amount=40.0), "promising"),
        (person(orders=4, amount=80.0), "potential_loyalist"),
        (person(orders=9, amount=80.0), "loyal"),
        (person(orders=9, amount=900.0), "champion"),
        (person(orders=9, amount=900.0, overdue=4.0), "cannot_lose"),
        (person(orders=9, amount=900.0, overdue=2.0), "at_risk"),
        (person(orders=1, amount=20.0, overdue=9.0), "falling_asleep"),
    ],
)
def test_every_segment_is_reached(who, segment):
    placed = find_segments(pd.DataFrame([who]), CUTS, Lapse())
    assert placed.loc[0, ["segment", "phase"]].tolist() == [segment, PHASES[segment]]


def test_every_combination_maps_to_exactly_one_segment():
    found = {segment_of(*row) for row in product(STATES, (1, 2), TIERS, TIERS)}
    assert found == set(SEGMENTS) - {"engaged_visitor", "loyal_visitor"}


def test_the_thresholds_belong_to_the_later_state():
    rows = [person(orders=9, amount=900.0, overdue=ratio) for ratio in (1.999, 2.0, 3.999, 4.0)]
    placed = find_segments(pd.DataFrame(rows), CUTS, Lapse())
    assert placed["segment"].tolist() == ["champion", "at_risk", "at_risk", "cannot_lose"]


people = st.lists(
    st.tuples(st.integers(1, 400), st.integers(1, 9), st.integers(-50, 2000), st.floats(0, 10)), min_size=1, max_size=40
)


@given(people)
def test_equal_values_score_equal_and_the_best_scores_five(drawn):
    frame = pd.DataFrame([person(float(d), n, float(a), r) for d, n, a, r in drawn])
    best = person(0.0, 10, 3000.0, 0.1)
    frame = pd.concat([frame, pd.DataFrame([best])], ignore_index=True)
    placed = find_segments(frame, fit_cut_points(frame), Lapse())
    assert placed.iloc[-1][["r_score", "f_score", "m_score"]].tolist() == [5, 5, 5]
    for column, score in (("days_since_last_order", "r_score"), ("orders_ever", "f_score"), ("amount_ever", "m_score")):
        assert placed.groupby(frame[column])[score].nunique().max() == 1
        order = frame[column].rank() * (-1 if score == "r_score" else 1)
        assert placed[score].astype(int)[np.argsort(order.to_numpy(), kind="stable")].is_monotonic_increasing


@given(people)
def test_a_row_stands_alone_at_fixed_cut_points(drawn):
    frame = pd.DataFrame([person(float(d), n, float(a), r) for d, n, a, r in drawn])
    together = find_segments(frame, CUTS, Lapse())
    alone = pd.concat([find_segments(frame.iloc[[i]], CUTS, Lapse()) for i in range(len(frame))])
    pd.testing.assert_frame_equal(together, alone)


def test_visitors_have_no_scores():
    placed = find_segments(pd.DataFrame([person(None, 0, 0.0, None)]), CUTS, Lapse())
    assert placed[["r_score", "f_score", "m_score"]].isna().all(axis=None)
