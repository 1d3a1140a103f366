"""Eleven segments: exclusive, exhaustive, reachable; ties score equal and the best scores 5-5-5."""

import json
from itertools import product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
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


#: One person of each combination of state, one-time or not, and tiers by the cut-points above.
OVERDUE = dict(zip(STATES, (0.5, 3.0, 9.0), strict=True))
ORDERS = dict(zip(TIERS, (2, 5, 9), strict=True))
AMOUNT = dict(zip(TIERS, (50.0, 200.0, 200.01), strict=True))


def test_every_combination_maps_to_exactly_one_segment_and_all_eleven_are_reached():
    combinations = list(product(STATES, TIERS, TIERS))
    several = [person(orders=ORDERS[f], amount=AMOUNT[m], overdue=OVERDUE[state]) for state, f, m in combinations]
    once = [person(orders=1, amount=AMOUNT[m], overdue=OVERDUE[state]) for state, m in product(STATES, TIERS)]
    visitors = [person(None, 0, 0.0, None, email=email) for email in (True, False)]
    placed = find_segments(pd.DataFrame([*several, *once, *visitors]), CUTS, Lapse())["segment"].tolist()
    assert set(placed) == set(SEGMENTS)
    assert placed[: len(several)] == [segment_of(state, 2, f, m) for state, f, m in combinations]
    assert placed[len(several) : -2] == [segment_of(state, 1, "low", m) for state, m in product(STATES, TIERS)]
    assert all(PHASES[name] == "acquisition" for name in placed[-2:])


def test_who_orders_twice_on_one_day_has_still_ordered_once():
    who = person(orders=9, amount=900.0) | {"order_days_ever": 1}
    assert find_segments(pd.DataFrame([who]), CUTS, Lapse()).loc[0, "segment"] == "first_time"


def test_who_has_only_returned_is_a_visitor():
    who = person(None, 0, -20.0, None, email=False)
    assert find_segments(pd.DataFrame([who]), CUTS, Lapse()).loc[0, "segment"] == "engaged_visitor"


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


def test_the_borders_by_hand():
    days, orders, amounts = (1, 2, 3, 4, 5), (1, 1, 1, 2, 9), (10, 20, 30, 40, 50)
    drawn = [person(float(d), n, float(a)) for d, n, a in zip(days, orders, amounts, strict=True)]
    cuts = fit_cut_points(pd.DataFrame([*drawn, person(None, 0, 0.0, None)]))
    assert cuts.recency == (-4.0, -3.0, -2.0, -1.0)
    assert cuts.frequency == (1.0, 1.0, 2.0, 9.0)
    assert cuts.money == (20.0, 30.0, 40.0, 50.0)
    assert cuts.frequency_tiers == (2.0, 9.0)  # of those with several
    assert cuts.value_tiers == (20.0, 40.0)
    placed = find_segments(pd.DataFrame(drawn), cuts, Lapse())
    assert placed["r_score"].tolist() == [5, 4, 3, 2, 1]
    assert placed["f_score"].tolist() == [3, 3, 3, 4, 5]  # three fifths have ordered once or less
    assert placed["m_score"].tolist() == [1, 2, 3, 4, 5]


def test_a_shop_where_all_are_alike_has_one_score_and_one_without_orders_none():
    alike = pd.DataFrame([person()] * 7)
    placed = find_segments(alike, fit_cut_points(alike), Lapse())
    assert placed[["r_score", "f_score", "m_score"]].eq(5).all(axis=None)
    visitors = pd.DataFrame([person(None, 0, 0.0, None)] * 3)
    assert set(find_segments(visitors, fit_cut_points(visitors), Lapse())["segment"]) == {"loyal_visitor"}


@settings(max_examples=25)
@given(people)
def test_a_row_stands_alone_at_fixed_cut_points(drawn):
    frame = pd.DataFrame([person(float(d), n, float(a), r) for d, n, a, r in drawn])
    together = find_segments(frame, CUTS, Lapse())
    alone = pd.concat([find_segments(frame.iloc[[i]], CUTS, Lapse()) for i in range(len(frame))])
    pd.testing.assert_frame_equal(together, alone)


@given(people, st.integers(1, 9), st.floats(0, 10))
def test_one_who_orders_more_moves_nobody_else(drawn, orders, overdue):
    frame = pd.DataFrame([person(float(d), n, float(a), r) for d, n, a, r in drawn])
    moved = pd.concat([pd.DataFrame([person(1.0, orders, 999.0, overdue)]), frame.iloc[1:]], ignore_index=True)
    before, after = (find_segments(rows, CUTS, Lapse()).iloc[1:] for rows in (frame, moved))
    pd.testing.assert_frame_equal(before, after)


@given(people, st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_neither_borders_nor_places(drawn, rng):
    frame = pd.DataFrame([person(float(d), n, float(a), r) for d, n, a, r in drawn])
    shuffled = frame.loc[rng.sample(range(len(frame)), len(frame))]
    cuts = fit_cut_points(frame)
    assert fit_cut_points(shuffled) == cuts
    pd.testing.assert_frame_equal(
        find_segments(shuffled, cuts, Lapse()).sort_index(), find_segments(frame, cuts, Lapse())
    )


def test_what_comes_in_is_left_as_it_was():
    frame = pd.DataFrame([person(), person(None, 0, 0.0, None)], index=[7, 3])
    before = frame.copy(deep=True)
    placed = find_segments(frame, fit_cut_points(frame), Lapse())
    pd.testing.assert_frame_equal(frame, before)
    assert placed.index.tolist() == [7, 3]


@pytest.mark.parametrize("kind", ["Float64", "float64", "double[pyarrow]"])
def test_nulls_of_any_kind_are_nobodys_score(kind):
    frame = pd.DataFrame([person(orders=9, amount=900.0), person(None, 0, 0.0, None)])
    names = ["days_since_last_order", "overdue_ratio", "amount_ever"]
    placed = find_segments(frame.astype(dict.fromkeys(names, kind)), CUTS, Lapse())
    assert placed["segment"].tolist() == ["champion", "loyal_visitor"]
    assert placed.loc[0, ["r_score", "f_score", "m_score"]].tolist() == [5, 5, 5]
    assert placed.loc[1, ["r_score", "f_score", "m_score"]].isna().all()
    assert (placed[["r_score", "f_score", "m_score"]].dtypes == "Int8").all()


def test_cut_points_travel_as_plain_data():
    told = json.loads(json.dumps(CUTS.facts()))
    assert CutPoints(**{name: tuple(values) for name, values in told.items()}) == CUTS
