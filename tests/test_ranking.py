"""Who is listed, in what order, and who falls away where."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clm_ml.config import ListPlan
from clm_ml.errors import CampaignError
from clm_ml.lifecycle import lapse_sensitivity, long_gap, playbook
from clm_ml.ranking import rank_customers
from clm_ml.segments import SEGMENTS

PLAN = ListPlan(budget=2.0, contact_cost=1.0, margin=0.5, assumed_save_rate=0.1)


def scored(*rows):
    """Draw scores: customer_id, segment, churn_probability, expected_value_if_ordering."""
    frame = pd.DataFrame(rows, columns=["customer_id", "segment", "churn_probability", "expected_value_if_ordering"])
    return frame.assign(value_at_risk=frame["churn_probability"] * frame["expected_value_if_ordering"])


def test_rank_is_by_expected_profit_and_ties_go_to_the_smaller_id():
    scores = scored(("b", "at_risk", 0.5, 100.0), ("a", "at_risk", 0.5, 100.0), ("c", "cannot_lose", 0.9, 200.0))
    ranked = rank_customers(scores, PLAN.model_copy(update={"budget": 10.0}))
    assert ranked.customers[["rank", "customer_id"]].values.tolist() == [[1, "c"], [2, "a"], [3, "b"]]
    assert ranked.customers["expected_profit"].tolist() == pytest.approx([8.0, 1.5, 1.5])  # .9×.1×.5×200−1
    assert ranked.customers["play"].tolist()[0] == playbook()["cannot_lose"].plays[0]
    assert "assumed save rate 0.1" in ranked.customers["ranked_by"][0]


def test_each_customer_falls_away_once_at_the_first_step_that_applies():
    scores = scored(
        ("in", "at_risk", 0.5, 100.0),
        ("suppressed", "champion", 0.5, 100.0),
        ("refused", "champion", 0.5, 100.0),
        ("unknown", "at_risk", 0.5, 100.0),
        ("missing", "at_risk", 0.5, 100.0),
        ("objects", "at_risk", 0.5, 100.0),
        ("visitor", "loyal_visitor", None, 100.0),
        ("happy", "champion", 0.5, 100.0),
        ("reserved", "at_risk", 0.5, 100.0),
        ("cheap", "at_risk", 0.1, 10.0),
    )
    consent = pd.DataFrame(
        {
            "customer_id": ["in", "refused", "unknown", "objects", "visitor", "happy", "reserved", "cheap"],
            "may_contact": [True, False, None, True, True, True, True, True],
            "may_profile": [None, True, True, False, True, True, True, True],
        }
    )
    ranked = rank_customers(scores, PLAN, suppressed=["suppressed"], consent=consent, reserved=["reserved"])
    assert ranked.customers["customer_id"].tolist() == ["in"]
    assert ranked.dropped == {
        "suppressed": 1,
        "no consent": 3,
        "objects to profiling": 1,
        "never ordered": 1,
        "other segment": 1,
        "in another live campaign": 1,
        "not worth the contact": 1,
        "over the budget": 0,
    }


def test_the_budget_is_never_exceeded_and_cents_do_not_cost_a_place():
    scores = scored(*((f"c{i}", "at_risk", 0.9, 100.0 + i) for i in range(10)))
    ranked = rank_customers(scores, ListPlan(budget=0.3, contact_cost=0.1))
    assert len(ranked.customers) == 3
    assert ranked.dropped["over the budget"] == 7
    assert ranked.customers["customer_id"].tolist() == ["c9", "c8", "c7"]


def test_members_stay_but_for_suppression_and_consent():
    scores = scored(
        ("member", "champion", 0.1, 1.0), ("gone", "champion", 0.1, 1.0), ("new", "at_risk", 0.9, 100.0),
        ("newer", "at_risk", 0.9, 90.0),
    )  # fmt: skip
    ranked = rank_customers(scores, PLAN, suppressed=["gone"], members=["member", "gone"])
    assert set(ranked.customers["customer_id"]) == {"member", "new"}  # the member's place is paid for


def test_nobody_left_is_told_with_where_they_went():
    with pytest.raises(CampaignError, match=r"nobody is left to contact \(other segment 1\)") as caught:
        rank_customers(scored(("a", "champion", 0.5, 100.0)), PLAN)
    assert caught.value.exit_code == 16


customers = st.lists(
    st.tuples(st.integers(0, 50), st.sampled_from(SEGMENTS), st.floats(0, 1), st.integers(0, 500)),
    min_size=1,
    max_size=30,
    unique_by=lambda row: row[0],
)


@given(customers, st.randoms(use_true_random=False), st.floats(0.5, 20))
def test_the_order_of_the_scores_never_matters_and_all_are_accounted_for(drawn, rng, budget):
    rows = [(f"c{number:02}", segment, churn, float(value)) for number, segment, churn, value in drawn]
    plan = PLAN.model_copy(update={"budget": budget})
    shuffled = list(rows)
    rng.shuffle(shuffled)
    try:
        ranked, again = (rank_customers(scored(*them), plan) for them in (rows, shuffled))
    except CampaignError:
        return
    pd.testing.assert_frame_equal(ranked.customers, again.customers)
    assert len(ranked.customers) + sum(ranked.dropped.values()) == len(rows)
    assert len(ranked.customers) * plan.contact_cost <= budget
    assert (ranked.customers["expected_profit"] > 0).all()
    assert ranked.customers["expected_profit"].is_monotonic_decreasing


def test_the_playbook_has_a_play_for_every_segment():
    assert list(playbook()) == list(SEGMENTS)
    for play in playbook().values():
        assert play.target.endswith(".")
        assert play.goal.endswith(".")
        assert len(play.plays) >= 2


def test_lapse_thresholds_are_told_with_what_came():
    features = pd.DataFrame({"customer_id": list("abcd"), "overdue_ratio": [0.5, 1.5, 5.0, None]})
    table = lapse_sensitivity(features, pd.Series({"a": 3, "c": 1, "x": 9})).set_index("after_gaps")
    assert table.loc[1.0].tolist() == [2, pytest.approx(2 / 3), 0.25]
    assert table.loc[2.0].tolist() == [1, pytest.approx(1 / 3), 0.25]
    assert table.loc[6.0].tolist() == [0, 0.0, 0.0]


def test_the_long_gap_is_one_that_happened_and_none_without_gaps():
    assert long_gap([1, 2, 3, 4, 5, 6, 7, 8, 9, 100]) == 9
    assert pd.isna(long_gap([None]))
