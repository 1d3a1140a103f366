"""Where everyone will be when the horizon ends."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clm_ml.config import Lapse
from clm_ml.features import Rhythm
from clm_ml.model.ahead import next_segment_columns
from clm_ml.model.next_segment import Lifecycle, _count, fit_next_segment, read_next_segment
from clm_ml.segments import SEGMENTS, CutPoints

CUTS = CutPoints(
    (-90.0, -60.0, -30.0, -10.0), (2.0, 3.0, 5.0, 8.0), (10.0, 50.0, 100.0, 500.0), (2.0, 5.0), (50.0, 200.0)
)
LIFECYCLE = Lifecycle(CUTS, Lapse(), Rhythm(30.0, 1.0), horizon_days=60)


def people(rows):
    """Draw people: days since the last order, orders, amount, expected gap."""
    days, orders, amount, gap = (np.asarray(column, dtype=float) for column in zip(*rows, strict=True))
    return pd.DataFrame({
        "days_since_last_order": days, "orders_ever": orders, "order_days_ever": orders, "amount_ever": amount,
        "expected_gap_days": gap, "overdue_ratio": days / gap, "has_email": False,
        "gaps_ever": np.maximum(orders - 1, 0),
        "mean_order_amount": np.where(orders > 0, amount / np.maximum(orders, 1), np.nan), "gap_spread_days": np.nan,
    })  # fmt: skip


def examples(count=900, seed=1, visitors=0):
    """Draw examples whose next orders follow their rhythm, and what came in the window."""
    rng = np.random.default_rng(seed)
    orders, days = rng.integers(1, 9, count), rng.integers(1, 200, count)
    orders[:visitors] = 0
    frame = people(
        zip(days, orders, orders * rng.uniform(5, 60, count), rng.choice([10.0, 30.0, 90.0], count), strict=True)
    )
    never = orders == 0
    frame.loc[never, ["days_since_last_order", "expected_gap_days", "overdue_ratio"]] = np.nan
    came = (rng.random(count) < 0.5).astype(int) * np.where(
        never, 1, np.clip(60 // frame["expected_gap_days"].fillna(60), 1, 3)
    )
    gap_sum = frame["gaps_ever"] * frame["expected_gap_days"].fillna(0)
    last = rng.integers(30, 60, count) * (came > 0)
    return frame.assign(
        as_of=20_000, ordered=(came > 0).astype(int), spent=came * 30.0, orders_ahead=came, order_days_ahead=came,
        last_order_days=last, next_order_days=np.where(came > 0, last / 2, np.nan),
        days_since_first_order=(frame["days_since_last_order"] + gap_sum).astype(float),
    )  # fmt: skip


FRAME = examples(visitors=100)
LEARNED = fit_next_segment(FRAME, LIFECYCLE)


def place(segment):
    return SEGMENTS.index(segment)


def test_in_silence_a_customer_goes_where_so_much_more_silence_leads():
    # (days, orders, amount, gap): active, just stopped from 2 gaps on, gone from 4
    drawn = people(
        [(10, 9, 900.0, 40.0), (10, 9, 900.0, 20.0), (10, 9, 900.0, 15.0), (10, 1, 20.0, 30.0), (0, 1, 20.0, 61.0)]
    )
    names = [SEGMENTS[code] for code in LIFECYCLE.silent(drawn)]
    assert names == ["champion", "at_risk", "cannot_lose", "falling_asleep", "first_time"]


def test_who_surely_does_not_order_is_next_in_their_silent_segment():
    drawn = people([(10, 9, 900.0, 20.0), (10, 1, 20.0, 30.0)])
    said = LEARNED.probabilities(drawn, np.zeros(2), LIFECYCLE)
    assert said[0, place("at_risk")] > 0.95
    assert said[1, place("falling_asleep")] > 0.95


def test_the_probability_of_an_order_divides_the_question():
    drawn = people([(10, 9, 900.0, 20.0)] * 3)
    none, half, certain = LEARNED.probabilities(drawn, np.array([0.0, 0.5, 1.0]), LIFECYCLE)
    assert half == pytest.approx((none + certain) / 2)
    assert certain[place("champion")] > 0.5


@given(
    st.lists(
        st.tuples(st.integers(1, 900), st.integers(1, 50), st.floats(-100, 1e5), st.floats(7, 400)),
        min_size=1,
        max_size=9,
    ),
    st.floats(0, 1),
)
def test_probabilities_add_up_to_one_and_no_customer_becomes_a_visitor(rows, chance):
    said = LEARNED.probabilities(people(rows), np.full(len(rows), chance), LIFECYCLE)
    for told in (said, LEARNED.of_markov(people(rows), LIFECYCLE)):
        assert told.sum(axis=1) == pytest.approx(1)
        assert (told >= 0).all()
        assert (told[:, :2] == 0).all()


def test_a_visitor_stays_one_or_orders_for_the_first_time():
    visitors = FRAME[FRAME["orders_ever"] == 0].head(2)
    said = LEARNED.probabilities(visitors, np.array([0.0, 1.0]), LIFECYCLE)
    assert said[0, place("engaged_visitor")] > 0.95
    assert said[1, :2].sum() == 0
    assert said[1, place("first_time")] > 0.9


def test_one_alone_gets_the_same_bits_as_among_all():
    chances = np.linspace(0, 1, len(FRAME))
    said = LEARNED.probabilities(FRAME, chances, LIFECYCLE)
    for row in range(0, len(FRAME), 50):
        alone = LEARNED.probabilities(FRAME.iloc[[row]], chances[[row]], LIFECYCLE)
        assert np.array_equal(alone[0], said[row])


def test_of_whom_no_order_probability_is_known_no_segment_is():
    said = LEARNED.probabilities(FRAME.head(2), np.array([np.nan, 0.5]), LIFECYCLE)
    told = next_segment_columns(said, np.array([False, True]), FRAME.index[:2])
    assert told.loc[0].isna().all()
    assert told.loc[1].notna().all()
    refused = LEARNED.refused().probabilities(FRAME.head(2), np.array([np.nan, 0.5]), LIFECYCLE)
    assert np.isnan(refused[0]).all()
    assert not np.isnan(refused[1]).any()


def test_a_refused_learner_leaves_the_word_to_the_matrix():
    chances = np.full(len(FRAME), 0.3)
    refused = LEARNED.refused().probabilities(FRAME, chances, LIFECYCLE)
    assert np.array_equal(refused, LEARNED.of_markov(FRAME, LIFECYCLE))
    assert not np.array_equal(refused, LEARNED.probabilities(FRAME, chances, LIFECYCLE))


def test_where_too_few_ordered_their_counts_speak():
    few = FRAME[(FRAME["ordered"] == 0) | (FRAME.index % 10 == 0)].reset_index(drop=True)
    learned = fit_next_segment(few, LIFECYCLE)
    assert learned.ordering is None
    said = learned.probabilities(few, np.ones(len(few)), LIFECYCLE)
    assert said == pytest.approx(learned.order.rows(LIFECYCLE.now(few)).T)


def test_transitions_are_shares_with_a_customers_worth_of_doubt():
    at_risk, gone = place("at_risk"), place("cannot_lose")
    told = np.asarray(_count(np.array([at_risk] * 3), np.array([at_risk, gone, gone]), LIFECYCLE).shares)
    # those who moved, half a customer added: .5 in six segments, 1.5 and 2.5 there, of 8 in nine
    assert told[at_risk, [at_risk, gone, place("loyal")]] == pytest.approx(
        [(1 + 1.5 / 7.5) / 4, (2 + 2.5 / 7.5) / 4, 0.5 / 7.5 / 4], rel=1e-5
    )
    assert (told[2:, :2] == 0).all()
    assert told.sum(axis=1) == pytest.approx(1, abs=1e-5)


def test_what_is_read_back_is_what_was_written():
    for one in (LEARNED, LEARNED.refused(), replace(LEARNED, ordering=None)):
        assert read_next_segment(json.loads(json.dumps(one.facts())), len(one.markov.shares)) == one


def test_ties_go_to_the_earlier_in_the_lifecycle_and_the_two_that_matter_have_columns():
    said = np.zeros((2, len(SEGMENTS)))
    said[:, place("at_risk")] = said[:, place("cannot_lose")] = 0.5
    told = next_segment_columns(said, np.array([True, False]), pd.RangeIndex(2))
    assert told["next_segment"].tolist() == ["cannot_lose", "cannot_lose"]
    assert told["next_segment_probability"].tolist() == [0.5, 0.5]
    assert told["becomes_at_risk_probability"].tolist()[0] == told["becomes_cannot_lose_probability"].tolist()[0] == 0.5
    assert told.loc[1, ["becomes_at_risk_probability", "becomes_cannot_lose_probability"]].isna().all()


def test_it_beats_the_matrix_forward_on_who_orders():
    fresh = examples(seed=2, visitors=100)
    chances, came = np.full(len(fresh), 0.5), LIFECYCLE.ahead(fresh)
    losses = [
        -np.log(said[np.arange(len(fresh)), came]).mean()
        for said in (LEARNED.probabilities(fresh, chances, LIFECYCLE), LEARNED.of_markov(fresh, LIFECYCLE))
    ]
    assert losses[0] < losses[1] - 0.1
