"""Who is listed, in what order, and who falls away where."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clm_ml.config import ListPlan
from clm_ml.errors import CampaignError
from clm_ml.lifecycle import playbook
from clm_ml.ranking import Effects, Permits, SaveRates, find_refusals, give_away, look_up, rank_customers, refusing
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
    ranked = rank_customers(scores, PLAN, Permits(suppressed=["suppressed"], consent=consent, reserved=["reserved"]))
    assert ranked.customers["customer_id"].tolist() == ["in"]
    assert ranked.dropped == {
        "suppressed": 1,
        "no consent": 3,
        "objects to profiling": 1,
        "never ordered": 1,
        "other segment": 1,
        "in another live campaign": 1,
        "fatigued": 0,
        "not worth the contact": 1,
        "over the budget": 0,
        "over the capacity": 0,
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
    ranked = rank_customers(scores, PLAN, Permits(suppressed=["gone"], members=["member", "gone"]))
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


@pytest.mark.parametrize(
    ("budget", "contact_cost", "contacts"),
    [(0.3, 0.1, 3), (0.29, 0.1, 2), (0.7, 0.1, 7), (1.1, 1.1, 1), (2.999, 1.0, 2), (0.2999999999, 0.1, 2)],
)
def test_the_budget_pays_for_whole_contacts_in_the_decimals_that_were_written(budget, contact_cost, contacts):
    scores = scored(*((f"c{number}", "at_risk", 0.9, 1000.0) for number in range(9)))
    ranked = rank_customers(scores, ListPlan(budget=budget, contact_cost=contact_cost))
    assert len(ranked.customers) == contacts


def test_no_budget_for_one_contact_lists_nobody():
    with pytest.raises(CampaignError, match=r"over the budget 1\)"):
        rank_customers(scored(("a", "at_risk", 0.9, 1000.0)), ListPlan(budget=0.5, contact_cost=1.0))


def test_scores_without_rows_list_nobody():
    with pytest.raises(CampaignError, match="the scores have no rows"):
        rank_customers(scored(), PLAN)


def test_a_contact_that_only_pays_for_itself_is_not_worth_it():
    scores = scored(("even", "at_risk", 0.5, 40.0), ("more", "at_risk", 0.5, 40.01))  # .5×.1×.5×40 = the cost
    ranked = rank_customers(scores, PLAN)
    assert ranked.customers["customer_id"].tolist() == ["more"]
    assert ranked.dropped["not worth the contact"] == 1


@pytest.mark.parametrize("dtype", ["bool", "object", "boolean", "bool[pyarrow]"])
def test_consent_is_a_yes_whatever_the_frame_it_comes_in(dtype):
    scores = scored(*((customer, "at_risk", 0.9, 100.0) for customer in ("yes", "no", "null", "missing")))
    said = {"yes": True, "no": False, "null": False if dtype == "bool" else None}
    consent = pd.DataFrame({"customer_id": list(said), "may_contact": pd.Series(list(said.values()), dtype=dtype)})
    ranked = rank_customers(scores, PLAN, Permits(consent=consent))
    assert ranked.customers["customer_id"].tolist() == ["yes"]
    assert ranked.dropped["no consent"] == 3


@pytest.mark.parametrize("dtype", ["object", "boolean"])
def test_an_objection_to_profiling_is_a_no_and_silence_is_none(dtype):
    scores = scored(*((customer, "at_risk", 0.9, 100.0) for customer in ("yes", "no", "null", "missing")))
    claims = pd.Series([True, False, None], dtype=dtype)
    consent = pd.DataFrame({"customer_id": ["yes", "no", "null"], "may_profile": claims})
    ranked = rank_customers(scores, PLAN.model_copy(update={"budget": 9.0}), Permits(consent=consent))
    assert ranked.customers["customer_id"].tolist() == ["missing", "null", "yes"]
    assert ranked.dropped["objects to profiling"] == 1
    assert "no consent" not in ranked.dropped


def test_a_shop_that_keeps_no_consent_loses_nobody_for_it():
    ranked = rank_customers(scored(("a", "at_risk", 0.9, 100.0)), PLAN, Permits(consent=None))
    assert not {"no consent", "objects to profiling"} & set(ranked.dropped)


def test_a_member_who_withdraws_consent_is_left_out():
    scores = scored(("in", "at_risk", 0.9, 100.0), ("out", "at_risk", 0.9, 100.0), ("objects", "at_risk", 0.9, 100.0))
    consent = pd.DataFrame(
        {
            "customer_id": ["in", "out", "objects"],
            "may_contact": [True, False, True],
            "may_profile": [True, True, False],
        }
    )
    ranked = rank_customers(scores, PLAN, Permits(consent=consent, members=["in", "out", "objects"]))
    assert ranked.customers["customer_id"].tolist() == ["in"]


def test_members_stay_beyond_the_budget_and_leave_room_for_nobody_else():
    scores = scored(*((customer, "at_risk", 0.9, 100.0) for customer in ("m1", "m2", "m3", "new")))
    ranked = rank_customers(scores, PLAN, Permits(members=["m1", "m2", "m3"], reserved=["m1"]))
    assert ranked.customers["customer_id"].tolist() == ["m1", "m2", "m3"]
    assert ranked.dropped["over the budget"] == 1


def test_a_dearer_contact_lowers_the_profit_and_takes_more_of_the_budget():
    plays = playbook()
    plays |= {"cannot_lose": replace(plays["cannot_lose"], contact_cost=6.0)}
    scores = scored(
        ("call", "cannot_lose", 0.9, 400.0),  # .9×.1×.5×400 = 18, less 6: 12, twice its cost
        ("cheap", "at_risk", 0.5, 200.0),  # 5 - 1 = 4, four times its cost
        ("small", "at_risk", 0.5, 100.0),  # 2.5 - 1 = 1.5
        ("dear", "cannot_lose", 0.5, 100.0),  # 2.5 - 6: not worth it
    )
    ranked = rank_customers(scores, PLAN.model_copy(update={"budget": 8.0}), plays=plays)
    assert ranked.customers[["rank", "customer_id"]].values.tolist() == [[1, "cheap"], [2, "call"], [3, "small"]]
    assert ranked.customers["expected_profit"].tolist() == pytest.approx([4.0, 12.0, 1.5])
    assert ranked.dropped["not worth the contact"] == 1
    short = rank_customers(scores, PLAN.model_copy(update={"budget": 6.9}), plays=plays)
    assert short.customers["customer_id"].tolist() == ["cheap", "small"], "who is too dear is passed, not the rest"
    assert short.dropped["over the budget"] == 1


def test_every_step_that_leaves_somebody_out_is_told_not_only_the_first():
    scores = scored(("a", "champion", 0.5, 100.0), ("b", "at_risk", 0.5, 100.0), ("v", "loyal_visitor", None, None))
    told = find_refusals(scores, PLAN, Permits(suppressed={"a"}, reserved={"a", "b"}, members={"b"}))
    assert {row: [step for step in told if told.loc[row, step]] for row in told.index} == {
        0: ["suppressed", "other segment", "in another live campaign"],
        1: [],  # a member stays
        2: ["never ordered", "other segment", "not worth the contact"],
    }


claims = st.sampled_from([True, False, None])


@given(st.lists(st.tuples(st.booleans(), claims, claims, st.booleans(), st.floats(0, 1)), min_size=1, max_size=20))
def test_whom_the_list_may_not_hold_is_neither_on_it_nor_scored_for_it(drawn):
    ids = [f"c{number:02}" for number in range(len(drawn))]
    suppressed, contact, profile, reserved, churn = zip(*drawn, strict=True)
    consent = pd.DataFrame({"customer_id": ids, "may_contact": contact, "may_profile": profile}, dtype=object)
    allowed = {
        who
        for who, (is_suppressed, may_contact, may_profile, is_reserved, _) in zip(ids, drawn, strict=True)
        if may_contact is True and may_profile is not False and not is_suppressed and not is_reserved
    }
    scored_for_it: set[str] = set()
    with_profit = refusing.with_profit
    chosen = {
        "suppressed": [who for who, yes in zip(ids, suppressed, strict=True) if yes],
        "reserved": [who for who, yes in zip(ids, reserved, strict=True) if yes],
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            refusing,
            "with_profit",
            lambda rows, *rest: (scored_for_it.update(rows["customer_id"]), with_profit(rows, *rest))[1],
        )
        try:
            listed = rank_customers(
                scored(*((who, "at_risk", risk, 500.0) for who, risk in zip(ids, churn, strict=True))),
                PLAN.model_copy(update={"budget": 99.0}), Permits(consent=consent, **chosen),
            ).customers["customer_id"]  # fmt: skip
        except CampaignError:
            listed = []
    assert scored_for_it == allowed
    assert set(listed) <= allowed


# Capacity, fatigue, the universal holdout


def planned(**changes):
    return PLAN.model_copy(update={"budget": 100.0, **changes})


def test_a_full_channel_is_passed_over_and_told_apart_from_the_budget():
    scores = scored(
        ("call 1", "cannot_lose", 0.9, 400.0),
        ("call 2", "cannot_lose", 0.9, 390.0),
        ("mail 1", "at_risk", 0.9, 200.0),
        ("mail 2", "falling_asleep", 0.9, 190.0),
        ("mail 3", "at_risk", 0.9, 180.0),
    )
    ranked = rank_customers(scores, planned(capacity={"phone": 1, "email": 2}))
    assert ranked.customers["customer_id"].tolist() == ["call 1", "mail 1", "mail 2"]
    assert (ranked.dropped["over the capacity"], ranked.dropped["over the budget"]) == (2, 0)
    short = rank_customers(scores, planned(budget=2.0, capacity={"phone": 1}))
    assert short.customers["customer_id"].tolist() == ["call 1", "mail 1"]
    assert (short.dropped["over the capacity"], short.dropped["over the budget"]) == (1, 2)
    none = rank_customers(scores, planned(capacity={"phone": 0}))
    assert none.customers["customer_id"].tolist() == ["mail 1", "mail 2", "mail 3"]


def test_members_fill_their_channel_before_others():
    scores = scored(("best", "at_risk", 0.9, 400.0), ("old", "at_risk", 0.9, 100.0), ("call", "cannot_lose", 0.9, 90.0))
    ranked = rank_customers(scores, planned(capacity={"email": 1}), Permits(members=["old"]))
    assert ranked.customers["customer_id"].tolist() == ["old", "call"]
    assert ranked.dropped["over the capacity"] == 1


def test_the_fatigued_and_the_universal_holdout_fall_away_and_are_told():
    scores = scored(
        *((customer, "at_risk", 0.9, 100.0) for customer in ("in", "tired", "held", "member", "held member"))
    )
    who = {"members": ["member", "held member"], "fatigued": ["tired", "member"]}
    ranked = rank_customers(
        scores, planned(), Permits(**who, is_held_back=lambda customer: customer.startswith("held"))
    )
    assert ranked.customers["customer_id"].tolist() == ["in", "member"]
    assert (ranked.dropped["fatigued"], ranked.dropped["universal holdout"]) == (1, 2)
    assert ranked.programme["customer_id"].tolist() == ["in", "held", "member", "held member"]
    assert "universal holdout" not in rank_customers(scores, planned()).dropped


# Who is about to fall


def about_to(*rows):
    """Draw scores: customer_id, segment, becomes at_risk, becomes cannot_lose."""
    frame = scored(*((customer, segment, 0.6, 100.0) for customer, segment, *_ in rows))
    names = ["becomes_at_risk_probability", "becomes_cannot_lose_probability"]
    return frame.assign(**{name: [row[2 + place] for row in rows] for place, name in enumerate(names)})


FALLING = (
    ("now", "at_risk", 0.9, 0.0),
    ("soon", "champion", 0.5, 0.1),
    ("lost soon", "loyal", 0.1, 0.7),
    ("stays", "champion", 0.49, 0.49),
    ("unknown", "champion", None, None),
)


def test_who_is_likely_to_fall_is_listed_and_marked():
    ranked = rank_customers(about_to(*FALLING), planned()).customers.set_index("customer_id")
    assert sorted(ranked.index) == ["lost soon", "now", "soon"]
    marks = ranked[["becomes_at_risk_probability", "becomes_cannot_lose_probability"]]
    assert marks.loc["soon"].tolist() == [0.5, 0.1]
    assert marks.loc["now"].isna().all(), "who is listed for what they are is not marked"


@pytest.mark.parametrize(
    ("changes", "listed"),
    [
        ({"also_predicted": False}, ["now"]),
        ({"predicted_from": 0.6}, ["lost soon", "now"]),
        ({"predicted_from": 0.4}, ["lost soon", "now", "soon", "stays"]),
        ({"segments": ("at_risk",)}, ["now", "soon"]),  # a list that is not for cannot_lose holds nobody for it
        ({"segments": ("champion",), "predicted_from": 0.4}, ["soon", "stays", "unknown"]),
    ],
)
def test_whom_a_list_holds_for_what_they_become_is_the_configs(changes, listed):
    ranked = rank_customers(about_to(*FALLING), planned(**changes))
    assert sorted(ranked.customers["customer_id"]) == listed


def test_who_has_not_said_yes_to_profiling_is_not_listed_for_what_they_become():
    rows = [(name, segment, 0.9, 0.0) for name in ("yes", "no", "silent") for segment in ("champion", "at_risk")]
    scores = about_to(*((f"{name} {segment}", segment, *told) for name, segment, *told in rows))
    said = {"yes": True, "no": False, "silent": None}
    claims = [said[customer.split()[0]] for customer in scores["customer_id"]]
    consent = pd.DataFrame({"customer_id": scores["customer_id"], "may_profile": claims})
    ranked = rank_customers(scores, planned(), Permits(consent=consent))
    assert sorted(ranked.customers["customer_id"]) == ["silent at_risk", "yes at_risk", "yes champion"]
    assert (ranked.dropped["objects to profiling"], ranked.dropped["other segment"]) == (2, 1)


def test_a_list_for_the_lapsed_holds_nobody_who_has_ordered_since():
    scores = scored(
        *((name, "at_risk", 0.9, 100.0) for name in ("old", "edge", "new", "member")), ("v", "at_risk", None, 1.0)
    )
    scores["days_since_last_order"] = pd.array([200, 90, 89, 3, None], dtype="Int64")
    ranked = rank_customers(scores, planned(silent_days=90), Permits(members=["member"]))
    assert sorted(ranked.customers["customer_id"]) == ["edge", "member", "old"]
    assert (ranked.dropped["ordered lately"], ranked.dropped["never ordered"]) == (1, 1)
    assert "ordered lately" not in rank_customers(scores, planned()).dropped


# What a contact is expected to earn


def test_a_contact_brings_back_one_order_and_not_a_habit():
    scores = scored(("often", "at_risk", 0.5, 400.0), ("dear", "at_risk", 0.5, 90.0), ("unknown", "at_risk", 0.5, 80.0))
    ranked = rank_customers(scores.assign(expected_order_amount=[40.0, 90.0, None]), planned())
    assert ranked.customers["customer_id"].tolist() == ["dear", "unknown"]
    assert ranked.customers["expected_profit"].tolist() == pytest.approx([1.25, 1.0])  # .5×.1×.5×90−1
    assert ranked.dropped["not worth the contact"] == 1  # .5×.1×.5×40 pays for the contact and no more


def test_who_reads_e_mails_is_the_likelier_brought_back_by_one():
    names = ("never", "reader", "unknown")
    scores = scored(*((name, "at_risk", 0.5, 100.0) for name in names), ("call", "cannot_lose", 0.5, 100.0))
    reading = pd.Series({"never": 0.5, "reader": 2.0, "call": 2.0})
    customers = rank_customers(scores, planned(), effects=Effects(reading=reading)).customers.set_index("customer_id")
    assert customers["expected_profit"].to_dict() == pytest.approx(
        {"reader": 4.0, "call": 1.5, "unknown": 1.5, "never": 0.25}
    )
    assert customers["expected_effect"]["reader"] == pytest.approx(0.1)
    certain = rank_customers(
        scores, planned(assumed_save_rate=1.0), effects=Effects(reading=pd.Series({"reader": 9.0}))
    ).customers
    assert certain["expected_effect"].max() == 1.0


def test_what_past_campaigns_brought_back_takes_the_place_of_what_is_assumed():
    scores = scored(*((name, "at_risk", 0.5, 100.0) for name in ("lapsed", "lately", "reader")),
                    ("call", "cannot_lose", 0.5, 100.0))  # fmt: skip
    scores["days_since_last_order"] = [90, 89, 400, 400]
    rates = SaveRates({("email", True): 0.08, ("email", False): 0.01}, horizon_days=90)
    effects = Effects(reading=pd.Series({"reader": 2.0, "call": 2.0}), save_rates=rates)
    ranked = rank_customers(scores, planned(), effects=effects)
    customers = ranked.customers.set_index("customer_id")
    assert customers["expected_profit"].to_dict() == pytest.approx({"reader": 7.0, "lapsed": 3.0, "call": 1.5})
    assert ranked.dropped["not worth the contact"] == 1  # lately: .01 × .5 × 100 < 1
    assert customers["ranked_by"].to_dict() == {
        "reader": "expected profit (measured save rate)",
        "lapsed": "expected profit (measured save rate)",
        "call": "expected profit (assumed save rate 0.1)",  # nobody has measured calls
    }


def test_who_came_back_after_a_contact_is_likelier_to_again_and_who_did_not_is_less_so():
    names = ("back", "never", "new", "reader", "lately")
    scores = scored(*((name, "at_risk", 0.5, 100.0) for name in names))
    scores["days_since_last_order"] = [100, 100, 100, 100, 1]
    own = pd.DataFrame(
        {"contacts": [1, 2, 1, 2], "brought_back": [0.8, 0, 0.8, 1.6]}, ["back", "never", "reader", "lately"]
    )
    rates = SaveRates({("email", True): 0.08, ("email", False): 0.04}, 90, {("email", True): own})
    effects = Effects(reading=pd.Series({"reader": 2.0}), save_rates=rates)

    def told(**plan):
        customers = rank_customers(scores, planned(**plan), effects=effects).customers
        return customers.set_index("customer_id")["expected_effect"].to_dict()

    assert told() == pytest.approx(
        {
            "back": (8 * 0.08 + 0.8) / 9,
            "never": 8 * 0.08 / 10,
            "new": 0.08,
            "reader": (8 * 0.16 + 0.8) / 9,
            "lately": 0.04,  # what they answered after a silence tells nothing of now
        }
    )
    assert told(answer_contacts=1)["back"] == pytest.approx((0.08 + 0.8) / 2)
    alike = {"back": 0.08, "never": 0.08, "new": 0.08, "reader": 0.16, "lately": 0.04}
    assert told(answer_contacts=0) == pytest.approx(alike)
    proved = Effects(save_rates=rates, uplift=pd.Series({"back": 0.3}))
    ranked = rank_customers(scores, planned(), effects=proved).customers.set_index("customer_id")
    assert ranked["expected_effect"]["back"] == 0.3, "uplift that is proved has seen what they answered"


@given(
    st.lists(st.tuples(st.integers(0, 9), st.floats(0, 1)), min_size=1, max_size=8),
    st.floats(0.001, 1),
    st.integers(1, 50),
)
def test_own_answers_only_move_an_effect_between_what_is_expected_and_what_they_did(own, effect, weight):
    names = [f"c{number}" for number in range(len(own))]
    frame = pd.DataFrame({"contacts": [n for n, _ in own], "brought_back": [n * share for n, share in own]}, names)
    rates = SaveRates({(None, True): effect}, 90, {(None, True): frame.astype(float)})
    scores = pd.DataFrame({"customer_id": names[::-1], "days_since_last_order": 100.0})
    channels = pd.Series([None] * len(own), dtype=object)
    told = rates.answered(pd.Series(effect, scores.index), scores, channels, weight)[::-1].to_list()
    for after, (contacts, share) in zip(told, own, strict=True):
        low, high = sorted((effect, share if contacts else effect))
        assert low - 1e-12 <= after <= high + 1e-12


def test_rates_of_campaigns_that_tell_no_channel_hold_for_those_that_have_none_of_their_own():
    rates = SaveRates({(None, True): 0.03, ("email", True): 0.08}, horizon_days=90)
    scores = pd.DataFrame({"days_since_last_order": [90.0, 90.0, 1.0, None]})
    told = rates.effects(scores, pd.Series(["email", "phone", "email", "phone"]))
    assert told.tolist() == pytest.approx([0.08, 0.03, np.nan, np.nan], nan_ok=True)


def test_whoever_has_not_said_yes_to_the_channel_of_their_play_is_left_out():
    scores = scored(
        *((name, "at_risk", 0.5, 100.0) for name in ("yes", "no", "unknown", "nobody")),
        ("called", "cannot_lose", 0.5, 100.0), ("uncalled", "cannot_lose", 0.5, 100.0),
    )  # fmt: skip
    consent = pd.DataFrame(
        {
            "customer_id": ["yes", "no", "unknown", "called", "uncalled"],
            "contact_email": [True, False, None, False, True],
            "contact_phone": [False, True, True, True, None],
        },
        dtype=object,
    )
    ranked = rank_customers(scores, planned(), Permits(consent=consent, members=["no"]))
    assert set(ranked.customers["customer_id"]) == {"yes", "called"}
    assert ranked.dropped["no consent to the channel"] == 4, "members as well"
    assert "no consent" not in ranked.dropped, "nobody is asked about contact as such"
    by_email_only = rank_customers(scores, planned(), Permits(consent=consent.drop(columns="contact_phone")))
    assert {"called", "uncalled"} <= set(by_email_only.customers["customer_id"]), "calls are not asked about"


def test_the_profits_of_all_who_may_be_contacted_are_told_in_the_order_of_the_budget():
    scores = scored(("a", "at_risk", 0.5, 100.0), ("b", "at_risk", 0.5, 200.0), ("no", "at_risk", 0.5, 8.0))
    others = scored(("c", "champion", 0.5, 900.0), ("s", "at_risk", 0.5, 900.0))
    ranked = rank_customers([scores, others], PLAN.model_copy(update={"budget": 1.0}), Permits(suppressed=["s"]))
    assert ranked.profits.tolist() == pytest.approx([4.0, 1.5, -0.8])
    assert ranked.customers["customer_id"].tolist() == ["b"]


# Whatever comes, nobody is listed who must not be, and nothing is exceeded

_FLAGS = ("suppressed", "no consent", "no e-mail", "objects", "reserved", "fatigued", "held back", "member")
drawn_customers = st.lists(
    st.tuples(
        st.sampled_from(["cannot_lose", "at_risk", "falling_asleep", "champion"]),
        st.one_of(st.none(), st.sampled_from([0.1, 0.5, 0.9])),
        st.integers(0, 300),
        st.floats(0, 1),
        st.one_of(st.none(), st.sampled_from(_FLAGS)),
        st.one_of(st.none(), st.sampled_from(_FLAGS)),
    ),
    min_size=8,
    max_size=20,
)
capacities = st.dictionaries(st.sampled_from(["phone", "email", "site"]), st.integers(0, 3))


@settings(max_examples=60)
@given(drawn_customers, st.integers(1, 40), capacities, st.sampled_from([0.5, 1.0, 3.7]), st.booleans())
def test_no_list_exceeds_anything_or_holds_anybody_who_must_not_be_on_it(drawn, budget, capacity, call, is_predicting):
    ids = [f"c{number:02}" for number in range(len(drawn))]
    flagged = {flag: {name for name, row in zip(ids, drawn, strict=True) if flag in row[4:]} for flag in _FLAGS}
    scores = scored(*((name, *row[:3]) for name, row in zip(ids, drawn, strict=True)))
    scores["becomes_at_risk_probability"] = [row[3] for row in drawn]
    consent = pd.DataFrame(
        {
            "customer_id": ids,
            "may_contact": [name not in flagged["no consent"] for name in ids],
            "may_profile": [False if name in flagged["objects"] else None for name in ids],
            "contact_email": [name not in flagged["no e-mail"] for name in ids],
        }
    )
    plays = playbook()
    plays |= {"cannot_lose": replace(plays["cannot_lose"], contact_cost=call)}
    plan = planned(budget=budget / 2, capacity=capacity, also_predicted=is_predicting)
    who = {name: flagged[name] for name in ("suppressed", "reserved", "fatigued")} | {"members": flagged["member"]}
    try:
        ranked = rank_customers(
            scores, plan, Permits(consent=consent, is_held_back=flagged["held back"].__contains__, **who), plays=plays
        )
    except CampaignError:
        return
    listed, new = ranked.customers, ranked.customers[~ranked.customers["customer_id"].isin(flagged["member"])]
    never = flagged["suppressed"] | flagged["no consent"] | flagged["objects"] | flagged["held back"]
    assert not set(listed["customer_id"]) & never
    by_email = listed["segment"].map({name: play.channel for name, play in plays.items()}) == "email"
    assert not set(listed.loc[by_email, "customer_id"]) & flagged["no e-mail"]
    assert not set(new["customer_id"]) & (flagged["reserved"] | flagged["fatigued"])
    assert (new["expected_profit"] > 0).all()
    assert set(new["segment"]) <= set(plan.segments), "nobody has said yes to profiling"
    if len(new):
        assert listed["contact_cost"].sum() <= plan.budget + 1e-9
    channels, fresh = (
        frame["segment"].map({name: play.channel for name, play in plays.items()}) for frame in (listed, new)
    )
    for channel, most in capacity.items():
        assert (fresh == channel).sum() == 0 or (channels == channel).sum() <= most
    assert len(listed) + sum(ranked.dropped.values()) == len(drawn)
    assert np.all(np.diff(listed["expected_profit"] / listed["contact_cost"]) <= 1e-12)


def test_scores_without_a_row_are_told_however_they_come():
    for scores in (scored(), iter(())):
        with pytest.raises(CampaignError, match=r"nobody is left to contact \(the scores have no rows\)"):
            rank_customers(scores, PLAN)


@pytest.mark.parametrize("dtype", ["str", object])
def test_what_is_told_of_customers_is_found_in_their_order(dtype):
    ids = pd.Series(["c", "nobody", "a", "c"], index=[9, 5, 7, 1], dtype=dtype)
    told = pd.DataFrame({"yes": [True, False, True], "words": ["A", "B", None]}, index=["a", "b", "c"])
    found = look_up(ids, told)
    assert found.index.tolist() == [9, 5, 7, 1]
    assert found["yes"].isin([True]).tolist() == [True, False, True, True]
    assert found["words"].fillna("").tolist() == ["", "", "A", ""]
    twice = pd.Series([1.0, 2.0], index=["a", "a"])
    assert look_up(ids, twice).fillna(0.0).tolist() == [0.0, 0.0, 1.0, 0.0]
    assert look_up(ids, twice[:0]).isna().all()


def test_nobodys_row_is_lost_or_held_twice_when_rows_are_given_away():
    frame = pd.DataFrame({"customer_id": ["a", "b", "c"], "rank": [1, 2, 3]})
    one, other = give_away(frame, [2], [0, 1])
    assert frame.empty
    assert [one["customer_id"].tolist(), other["rank"].tolist()] == [["c"], [1, 2]]
    one.loc[0, "rank"] = 9
    assert other["rank"].tolist() == [1, 2]
