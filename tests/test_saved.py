"""What past campaigns have brought back: drawn campaigns, whose rises are counted by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from clm_ml.campaign import open_ledger
from clm_ml.measuring import brought_back, measure_save_rate
from clm_ml.pipeline.saved import find_saved
from clm_ml.timeline import parse_day
from tests.conftest import make_config, make_shop
from tests.test_campaign import assigned

DAY = parse_day("2024-12-31")


def draw(
    bought=(40, 10), people=200, *, campaign="spring", channel="email", sent="2024-06-01", last="2024-01-10", who="l"
):
    """Draw a campaign with so many people in each arm, of whom so many of those contacted and held out then order."""
    orders, contacts = [], []
    for arm, buyers in zip(("treatment", "control"), bought, strict=True):
        for number in range(people):
            name = f"{campaign}-{arm}-{number:03}"
            orders.append((name, last, 10.0))
            orders += [(name, "2024-06-20", 10.0)] if number < buyers else []
            contacts.append((name, sent, campaign, arm, channel))
    return orders, contacts


@pytest.fixture
def find(tmp_path):
    """Draw the shop of some campaigns, and ask what they brought back."""

    def ask(*campaigns, events=None, day=DAY, in_ledger=None, task=90, **plan):
        orders, contacts = ([row for part in parts for row in part] for parts in zip(*campaigns, strict=True))
        ledger = tmp_path / "ledger.db"
        if in_ledger is not None:
            with open_ledger(ledger) as opened:
                opened.record(in_ledger)
        tables = make_shop(orders, events, contacts=contacts or None)
        frames = {"orders": pd.DataFrame(columns=["customer_id", "ordered_at", "amount"])}
        options = {"task": {"horizon_days": task}, "list": {"ledger": str(ledger), **plan}}
        config = make_config(frames, "2024-12-31", **options)
        with open_ledger(ledger, only_look=True) as opened:
            return find_saved(tables, day, config, opened)

    return ask


def test_the_rise_is_that_of_those_contacted_over_those_held_out(find):
    saved = find(draw((60, 20)))  # 30 % of 200 and 10 %
    everybody, lapsed = saved.measured["email", "everybody"], saved.measured["email", "lapsed"]
    assert everybody == lapsed, "nobody had ordered lately"
    assert (lapsed.rise, lapsed.contacted, lapsed.held_out) == (pytest.approx(0.2), 200, 200)
    assert lapsed.error == pytest.approx((0.3 * 0.7 / 200 + 0.1 * 0.9 / 200) ** 0.5, rel=0.05)
    # Who ordered lately was in no campaign: of them what is known is what contacts do to everybody.
    assert saved.rates.rates == {("email", True): lapsed.rise, ("email", False): lapsed.rise}
    assert saved.rates.horizon_days == 90
    assert saved.lines() == [
        "past campaigns show what contacts by email bring back within 30 days of those who have lapsed: +20.0 points "
        "± 3.9, 200 contacted, 200 held out",
        "what 200 customers answered to them counts too: who came back is likelier to again",
    ]


def test_who_ordered_lately_and_who_has_lapsed_have_rates_of_their_own(find):
    saved = find(draw((60, 20)), draw((30, 30), campaign="summer", last="2024-05-01"))
    assert saved.rates.rates == {("email", True): pytest.approx(0.2), ("email", False): pytest.approx(0.0)}
    assert saved.measured["email", "everybody"].rise == pytest.approx(0.1)


def test_a_day_decides_who_has_lapsed(find):
    on_it, before = (find(draw((60, 20), last=last, sent="2024-06-01")) for last in ("2024-03-03", "2024-03-04"))
    assert [("email", words) in on_it.measured for words in ("lately", "lapsed")] == [False, True]
    assert [("email", words) in before.measured for words in ("lately", "lapsed")] == [True, False]


@pytest.mark.parametrize("bought", [(22, 20), (20, 60)])
def test_what_is_not_shown_is_assumed_and_that_is_said(find, bought):
    saved = find(draw(bought))
    assert saved.rates is None
    assert saved.lines()[0].startswith("past campaigns do not show that contacts by email bring anybody back (")
    assert saved.facts()[0]["silent"] == "everybody"


@pytest.mark.parametrize(
    "plan",
    [
        {"day": parse_day("2024-08-29")},  # its horizon ends on 2024-08-30
        {"measured_days": 213},  # it began so many days before
        {"measured_days": 0},
    ],
)
def test_a_campaign_tells_nothing_before_it_has_closed_nor_when_it_is_old(find, plan):
    assert find(draw((60, 20)), **plan).measured == {}
    closer = {"day": parse_day("2024-08-30")} if "day" in plan else {"measured_days": 214}
    assert find(draw((60, 20)), **closer).rates is not None


def later(campaign, *, on, bought):
    """Let so many more of each arm, of those who have not, order on a day."""
    orders, contacts = campaign
    names = [[name for name, *_, arm, _ in contacts if arm == which][-many:] for which, many in bought.items() if many]
    return [*orders, *((name, on, 10.0) for part in names for name in part)], contacts


def test_who_orders_later_than_a_contact_is_answered_was_not_saved(find):
    sent = draw((40, 10))
    for on, days, rise in (("2024-06-30", 30, 0.65), ("2024-07-01", 30, 0.15), ("2024-07-01", 31, 0.65)):
        found = find(later(sent, on=on, bought={"treatment": 100}), save_days=days)
        assert found.measured["email", "lapsed"].rise == pytest.approx(rise)
        assert (found.save_days, found.facts()[0]["save_days"]) == (days, days)
    assert find(sent, save_days=400, task=20).save_days == 20, "the horizon is shorter"


def test_orders_that_only_came_sooner_are_told(find):
    sent = draw((40, 10))
    sooner = find(later(sent, on="2024-08-01", bought={"control": 60, "treatment": 30}))
    assert sooner.measured["email", "lapsed"].rise == pytest.approx(0.15)
    assert sooner.warnings == (
        "some of what contacts by email brought within 30 days they only brought forward: fewer than of those held out "
        "came later in the horizon; list.save_days as long as it counts both.",
    )
    assert find(later(sent, on="2024-08-01", bought={"control": 45, "treatment": 30})).warnings == ()
    assert find(later(sent, on="2024-08-01", bought={"control": 60, "treatment": 30}), save_days=90).warnings == ()


def test_a_hundred_in_each_arm_are_asked_for(find):
    assert find(draw((30, 5), people=99)).measured == {}
    assert find(draw((30, 5), people=100)).rates is not None
    two = [draw((30, 5), people=50, campaign=name) for name in ("one", "two")]
    assert find(*two).rates is not None, "over all campaigns together"


def test_each_channel_has_rates_of_its_own_and_a_campaign_without_one_stands_for_all(find):
    saved = find(
        draw((60, 20)), draw((100, 20), campaign="calls", channel="phone"), draw((80, 20), campaign="x", channel=None)
    )
    assert {channel for channel, _ in saved.rates.rates} == {"email", "phone", None}
    assert saved.rates.rates["phone", True] == pytest.approx(0.4)
    assert "contacts bring back" in " ".join(saved.lines())
    assert find(draw((60, 20), channel="E-Mail")).rates.rates.keys() == {("email", True), ("email", False)}
    assert find(draw((60, 20), channel="carrier pigeon")).measured == {}, (
        "nobody is contacted so, nor is its name shown"
    )


def test_arms_that_differed_before_the_campaign_teach_nothing_and_that_is_said(find):
    orders, contacts = draw((60, 20), last="2023-01-10")
    lately = [(name, "2024-05-01", 5.0) for name, day, _ in orders if day < "2024" and "treatment" in name]
    saved = find((orders + lately[:40], contacts))
    assert (saved.rates, saved.measured) == (None, {})
    assert saved.warnings[0].startswith("past campaigns that do not measure the save rate: 1; ")
    both = lately[:20] + [(name.replace("treatment", "control"), *rest) for name, *rest in lately[:20]]
    assert find((orders + both, contacts)).rates is not None


def test_a_customer_in_two_arms_costs_the_campaign_and_not_the_export(find):
    orders, contacts = draw((60, 20))
    saved = find((orders, [*contacts, (contacts[0][0], "2024-06-01", "spring", "control", "email")]))
    assert saved.measured == {}
    assert saved.warnings[0].startswith("past campaigns that do not measure the save rate: 1; ")
    assert "spring" not in saved.warnings[0], "what a table says is nobody's to show"


def test_the_ledger_teaches_by_the_share_it_meant_and_the_channel_of_the_play(find):
    orders, contacts = draw((90, 15), people=150)
    arms = {name: "holdout" if "control" in name else "contact" for name, *_ in contacts}
    rows = assigned(arms, "spring", share=0.5, sent_on="2024-06-01", stratum="cannot_lose")
    saved = find((orders, []), in_ledger=rows)
    assert saved.rates.rates["phone", True] == pytest.approx(0.5)
    unmeant = find((orders, []), in_ledger=assigned(arms, "other", share=0.9, sent_on="2024-06-01"))
    assert unmeant.rates.rates["email", True] != pytest.approx(0.5)


def test_an_order_after_a_contact_is_its_own_as_far_as_those_held_out_order_less(find):
    saved = find(draw((60, 20)))  # contacts add .2; of those held out .1 come anyway
    answers = saved.rates.answers
    assert answers.keys() == {("email", True)}, "who ordered lately was in no campaign"
    told = answers["email", True]
    assert len(told) == 200, "who was held out answered nothing"
    assert (told["contacts"] == 1).all()
    came = pd.Series({f"spring-treatment-{number:03}": (2 / 3 if number < 60 else 0.0) for number in range(200)})
    pd.testing.assert_series_equal(told["brought_back"], came, check_names=False)


def test_contacts_add_up_over_campaigns_and_each_silence_has_its_own(find):
    first, again = draw((60, 20)), draw((60, 20), sent="2024-10-01", campaign="again")
    contacts = [(name.replace("again", "spring"), *rest) for name, *rest in again[1]]  # the same people, once more
    rates = find(first, ([], contacts), day=parse_day("2024-12-31")).rates
    told = rates.answers["email", True]
    assert set(told["contacts"]) == {2.0}, "whose last order was 2024-06-20 had lapsed as well, by 2024-10-01"
    assert told["brought_back"].max() < 1, "nobody answered twice"


def test_answers_are_not_looked_at_where_the_config_says_so_nor_where_nothing_is_measured(find):
    assert find(draw((60, 20)), answer_contacts=0).rates.answers == {}
    assert find(draw((22, 20))).rates is None
    lately = draw((10, 40), campaign="summer", last="2024-05-01")  # contacts drove them away
    assert find(draw((90, 20)), lately).rates.answers.keys() == {("email", True)}


def test_what_comes_anyway_is_that_of_those_silent_as_long():
    silent = np.repeat([100.0, 100.0, 300.0, 300.0], 100)
    is_contacted = np.tile(np.repeat([True, False], 100), 2)
    came = np.zeros(400, dtype=bool)
    came[[0, 200]] = True  # one contacted of either silence
    came[100:110] = True  # a tenth of those held out for 100 days, none of 300
    told = brought_back(came, is_contacted, silent, np.full(400, 0.1))
    assert told[[0, 200]].tolist() == pytest.approx([0.5, 1.0])
    assert np.delete(told, [0, 200]).sum() == 0
    few = brought_back(came[50:-50], is_contacted[50:-50], silent[50:-50], np.full(300, 0.1))
    assert few[150] == pytest.approx(0.1 / (0.1 + 10 / 150)), "fewer than two hundred held out are told together"
    never = np.where(silent == 300, np.nan, silent)
    assert brought_back(came, is_contacted, never, np.full(400, 0.1)).tolist() == told.tolist()
    assert brought_back(came, is_contacted, silent, np.full(400, -0.1)).sum() == 0


def test_readers_teach_as_much_more_as_they_read():
    rng = np.random.default_rng(1)
    sent, reading = rng.integers(0, 2, 200_000).astype(float), rng.choice([0.5, 1.5], 200_000)
    ordered = (rng.random(200_000) < 0.1 + 0.04 * reading * sent).astype(float)
    told = measure_save_rate(sent, np.full(200_000, 0.5), ordered - ordered.mean(), reading)
    assert told.rise == pytest.approx(0.04, abs=3 * told.error)
    assert 0.001 < told.error < 0.002


def test_a_rise_lies_within_its_errors_as_often_as_chance_has_it():
    rng = np.random.default_rng(2)
    z = []
    for _ in range(400):
        sent = rng.permutation(np.repeat([1.0, 0.0], [900, 100]))
        ordered = (rng.random(1_000) < 0.1 + 0.05 * sent).astype(float)
        told = measure_save_rate(sent, np.full(1_000, 0.9), ordered - ordered.mean(), np.ones(1_000))
        z.append((told.rise - 0.05) / told.error)
    assert np.mean(np.abs(z) < 1.96) == pytest.approx(0.95, abs=0.03)
    assert abs(np.mean(z)) < 0.2


def test_who_was_contacted_too_late_to_have_closed_does_not_count_nor_who_joined_long_after(find):
    wave = draw((60, 20), sent="2024-10-10")
    late = [[(f"late-{row[0]}", *row[1:]) for row in rows] for rows in draw((0, 0), people=120, sent="2024-10-20")]
    first, both = find(wave, day=parse_day("2025-01-08")), find(wave, late, day=parse_day("2025-01-08"))
    assert first.measured == both.measured, "the horizon of the second wave ends on 2025-01-18"
    joined = [[(f"late-{row[0]}", *row[1:]) for row in rows] for rows in draw((0, 0), people=120, sent="2024-07-01")]
    assert find(draw((60, 20)), joined).measured == find(draw((60, 20))).measured
