"""What a campaign caused: known answers, intervals that keep their promise, and verdicts that can be trusted."""

from __future__ import annotations

import json
import os
from itertools import combinations
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

import clm_ml as clm
from clm_ml.artifacts import json_text
from clm_ml.config import Measure
from clm_ml.errors import CampaignError, DataError
from clm_ml.measuring import (
    Arm,
    Interval,
    adjusted_difference,
    ask_whether_they_differ,
    check_ratio,
    holm,
    measure,
    newcombe,
    put_together,
    smallest_detectable_rise,
    spend_difference,
    spread_of,
    watch_buyers,
    wilson,
    z_of,
)
from clm_ml.measuring.intervals import add_up, chance_of
from clm_ml.plots import plot_effects

Z = z_of(0.95)
HERE = Path(__file__).parent


def data(name):
    """Find an experiment's file in CLM_BENCH_DATA, the benchmarks' folder, or the one beside the project."""
    beside = (HERE.parent / "benchmarks" / "data", HERE.parent.parent / "shared" / "data")
    folders = [Path(os.environ["CLM_BENCH_DATA"])] if "CLM_BENCH_DATA" in os.environ else beside
    found = [folder / name for folder in folders if (folder / name).exists()]
    return found[0] if found else pytest.skip(f"there is no {name}; see benchmarks/data")


@pytest.fixture(scope="module")
def hillstrom():
    return pd.read_parquet(data("hillstrom.parquet"))


def people(*arms):
    """Draw arms: name, customers, buyers, and what each buyer spends."""
    rows = [
        (name, int(number < buyers), float(amount) if number < buyers else 0.0)
        for name, customers, buyers, amount in arms
        for number in range(customers)
    ]
    return pd.DataFrame(rows, columns=["arm", "ordered", "spent"])


# known answers ---------------------------------------------------------------------------------------------


def three(figure, factor=1, digits=0):
    return tuple(round(factor * number, digits) for number in (figure.value, figure.low, figure.high))


def test_any_mail_of_hillstrom_against_none(hillstrom):
    asked = {"arm": "segment", "holdout": "No E-Mail", "share": 1 / 3}
    bought = measure(hillstrom, ordered="conversion", spent="spend", **asked).total
    assert (bought.contacted.customers, bought.holdout.customers) == (42_694, 21_306)
    assert three(bought.rate, 100, 3)[0] == 0.495
    assert round(bought.buyers.value, 1) == 211.5
    assert three(bought.buyers)[1:] == (150, 270)
    assert round(bought.revenue.value / bought.contacted.customers, 3) == 0.597
    assert three(bought.revenue) == (25_480, 15_661, 34_724)
    visited = measure(hillstrom, ordered="visit", **asked).total
    assert three(visited.rate, 100, 2)[0] == 6.09


def test_the_two_mails_of_hillstrom_and_what_was_known_before(hillstrom):
    told = measure(
        hillstrom, arm="segment", holdout="No E-Mail", ordered="conversion", spent="spend", before=["history"],
        segment="newbie", share=1 / 3, margin=0.3, contact_cost=0.05, currency="USD",
    )  # fmt: skip
    assert told.verdict.word == "earned"
    assert [play.effect.name for play in told.plays] == ["Mens E-Mail", "Womens E-Mail"]
    assert sum(play.effect.terms.cost for play in told.plays) == pytest.approx(told.total.terms.cost)
    assert told.total.profit.value == pytest.approx(0.3 * told.total.revenue.value - 0.05 * 42_694)
    wide, narrow = told.total.revenue, told.adjusted["revenue"]
    assert narrow.value == pytest.approx(wide.value, rel=0.01)
    assert narrow.high - narrow.low < wide.high - wide.low
    assert told.ratio.fits
    assert [segment.name for segment in told.segments] == ["0", "1"]


def test_the_letters_of_karlan_and_list():
    donors = pd.read_parquet(data("karlan_list_charitable.parquet"))
    frame = donors.assign(arm=donors["treatment"].map({0: "holdout", 1: "letter"}))
    told = measure(frame, ordered="out_gavedum", segment="dormant", share=1 / 3)
    assert (round(100 * told.total.contacted.rate, 3), round(100 * told.total.holdout.rate, 3)) == (2.204, 1.786)
    dormant = next(segment for segment in told.segments if segment.name == "1")
    assert (round(100 * dormant.contacted.rate, 3), round(100 * dormant.holdout.rate, 3)) == (1.172, 0.860)
    assert told.verdict.word == "earned"
    assert not told.differing.differ


# intervals -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("contacted", "holdout", "low", "high"),
    [
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((6, 7), (2, 7), 0.0582, 0.8062),
        ((5, 56), (0, 29), -0.0381, 0.1926),
        ((0, 10), (0, 20), -0.1611, 0.2775),
        ((10, 10), (0, 20), 0.6791, 1.0),
    ],
)
def test_the_difference_of_shares_is_that_of_newcombes_table(contacted, holdout, low, high):
    told = newcombe(Arm(contacted[1], contacted[0]), Arm(holdout[1], holdout[0]), Z)
    assert (round(told.low, 4), round(told.high, 4)) == (low, high)


@pytest.mark.parametrize(("successes", "trials"), [(0, 12), (1, 7), (30, 4000), (9, 9)])
def test_the_limits_of_a_share_are_wilsons(successes, trials):
    theirs = binomtest(successes, trials).proportion_ci(0.95, "wilson")
    assert wilson(successes, trials, Z) == pytest.approx((theirs.low, theirs.high), abs=1e-12)


arms = st.integers(1, 3000).flatmap(
    lambda customers: st.integers(0, customers).flatmap(
        lambda buyers: st.floats(1, 500).map(
            lambda spent: Arm(customers, buyers, buyers, buyers * spent, buyers * spent**2 * 1.5)
        )
    )
)


@given(arms, arms, st.floats(0.3, 5))
def test_arms_that_change_sides_turn_the_interval_round(one, other, z):
    spread = spread_of((one, other))
    for told in (newcombe, lambda a, b, z: spend_difference(a, b, spread, z)):
        if spread is not None or told is newcombe:
            there, back = told(one, other, z), told(other, one, z)
            expected = (-back.value, -back.high, -back.low)
            assert (there.value, there.low, there.high) == pytest.approx(expected)
            assert there.low <= there.value <= there.high


@given(arms, arms)
def test_a_surer_interval_is_wider_and_another_currency_scales_it(one, other):
    narrow, wide = (newcombe(one, other, z) for z in (1.0, 2.0))
    assert wide.low <= narrow.low + 1e-12
    assert narrow.high <= wide.high + 1e-12
    if (spread := spread_of((one, other))) is not None:
        euros = [Arm(a.customers, a.buyers, a.spenders, a.spent * 25, a.spent_squares * 625) for a in (one, other)]
        told = spend_difference(*euros, spread_of(euros), Z)
        plain = spend_difference(one, other, spread, Z)
        scaled = (25 * plain.value, 25 * plain.low, 25 * plain.high)
        # Equal means differ by their last bit.
        assert (told.value, told.low, told.high) == pytest.approx(scaled, abs=1e-6)


def test_where_all_buyers_spend_the_same_revenue_is_buyers_times_that():
    one, other = Arm(900, 90, 90, 1800.0, 36_000.0), Arm(100, 8, 8, 160.0, 3200.0)
    spend, shares = spend_difference(one, other, spread_of((one, other)), Z), newcombe(one, other, Z)
    assert (spend.value, spend.low, spend.high) == pytest.approx((20 * shares.value, 20 * shares.low, 20 * shares.high))


def test_one_buyer_who_spent_little_does_not_make_a_holdout_sure_of_itself():
    cheap = Arm(1000, 1, 1, 2.0, 4.0)
    contacted = Arm(9000, 90, 90, 9000.0, 1_350_000.0)
    told = spend_difference(contacted, cheap, spread_of((contacted, cheap)), Z)
    assert told.value == pytest.approx(1.0 - 0.002)
    assert told.low < 0.5  # by its own 2.0 a buyer the holdout could hardly have spent more, and this would be .7


def test_below_five_buyers_nothing_is_said_of_revenue():
    assert spread_of([Arm(900, 3, 3, 60.0, 1400.0), Arm(100, 1, 1, 20.0, 400.0)]) is None
    assert spread_of([Arm(900, 4, 4, -60.0, 1400.0), Arm(100, 1, 1, 20.0, 400.0)]) is None
    assert spread_of([Arm(900, 4, 4, 60.0, 1400.0), Arm(100, 1, 1, 20.0, 400.0)]) is not None


def test_the_chance_is_that_of_the_interval_that_touches_zero():
    one, other = Arm(70, 56), Arm(80, 48)
    chance = chance_of(lambda z: newcombe(one, other, z))
    assert newcombe(one, other, z_of(1 - chance)).low == pytest.approx(0, abs=1e-9)
    assert chance_of(lambda z: newcombe(one, one, z)) == 1.0
    assert chance_of(lambda z: Interval(1.0, 1 - 1e-9 * z, 2.0)) < 1e-300


def test_sums_are_no_surer_than_their_parts_and_a_known_part_adds_nothing():
    part = Interval(10.0, 7.0, 14.0)
    assert add_up([part, Interval(5.0, 5.0, 5.0)]) == Interval(15.0, 12.0, 19.0)
    assert add_up([part]) == part


# adjustment, ratio, segments, detection ------------------------------------------------------------------------


def test_the_adjustment_is_the_whole_regression_with_all_products_and_hc2():
    rng = np.random.default_rng(1)
    before = rng.gamma(1, 50, (400, 2))
    contacted = rng.random(400) < 0.7
    came = 3 * contacted + before @ [0.2, 0.1] * (1 + contacted) + rng.normal(0, 5 + 5 * contacted, 400)
    centred = before - before.mean(axis=0)
    design = np.column_stack([np.ones(400), contacted, centred, centred * contacted[:, None]])
    inverse = np.linalg.inv(design.T @ design)
    fitted = inverse @ design.T @ came
    leverage = np.sum((design @ inverse) * design, axis=1)
    weights = (came - design @ fitted) ** 2 / (1 - leverage)
    error = np.sqrt((inverse @ (design.T * weights) @ design @ inverse)[1, 1])
    told = adjusted_difference(came, contacted, before, Z)
    assert (told.value, told.low, told.high) == pytest.approx((fitted[1], fitted[1] - Z * error, fitted[1] + Z * error))


def test_the_adjustment_without_news_is_the_difference_of_means():
    told = adjusted_difference([1.0, 2.0, 3.0, 0.0, 2.0], [True] * 3 + [False] * 2, [7.0] * 5, Z)
    assert told.value == pytest.approx(1.0)
    assert (told.high - told.low) / 2 / Z == pytest.approx(np.sqrt(1 / 3 + 2 / 2))


def test_arms_in_blocks_always_fit_and_a_lost_part_of_the_holdout_does_not():
    assert check_ratio(100, 1000, 0.1, 0.001).chance == 1.0
    assert check_ratio(10_000, 100_000, 0.1, 0.001).fits
    assert not check_ratio(9_600, 100_000 - 400, 0.1, 0.001).fits


def test_arms_that_fit_are_refused_about_as_often_as_the_level_says():
    rng = np.random.default_rng(2)
    refused = [not check_ratio(int(rng.binomial(5000, 0.1)), 5000, 0.1, 0.05).fits for _ in range(2000)]
    assert 0.03 < np.mean(refused) < 0.06


def test_holms_steps_by_hand():
    assert holm({"a": 0.04, "b": 0.001, "c": 0.03, "d": 0.9}) == {"a": 0.09, "b": 0.004, "c": 0.09, "d": 0.9}
    assert holm({}) == {}
    assert holm({"a": 0.6, "b": 0.7}) == {"a": 1.0, "b": 1.0}


def test_cochrans_q_by_hand():
    same = {"a": Interval(0.02, 0.01, 0.03), "b": Interval(0.02, 0.0, 0.04)}
    told = ask_whether_they_differ(same, Z, 0.95)
    assert (told.q, told.chance, told.differ) == (pytest.approx(0), pytest.approx(1), False)
    assert told.sentence.startswith("Nothing shows that the 2 segments differ (Cochran's Q, p 1.000)")
    errors = 0.01 / Z, 0.02 / Z
    apart = {"a": Interval(0.05, 0.04, 0.06), "b": Interval(0.0, -0.02, 0.02)}
    told = ask_whether_they_differ(apart, Z, 0.95, "campaigns")
    assert told.q == pytest.approx(0.05**2 / (errors[0] ** 2 + errors[1] ** 2))
    assert told.sentence.startswith("The 2 campaigns differ")
    assert ask_whether_they_differ({"a": apart["a"]}, Z, 0.95) is None


def test_segments_that_do_not_differ_are_told_apart_as_rarely_as_promised():
    rng, alarms = np.random.default_rng(3), []
    for _ in range(600):
        drawn = {
            name: newcombe(Arm(1800, int(rng.binomial(1800, 0.05))), Arm(200, int(rng.binomial(200, 0.04))), Z)
            for name in "abcd"
        }
        alarms.append(ask_whether_they_differ(drawn, Z, 0.95).differ)
    assert np.mean(alarms) < 0.07


def test_the_smallest_detectable_rise_is_found_four_times_in_five():
    assert round(100 * smallest_detectable_rise(18_000, 2_000, 0.02, 0.95), 2) == 1.07
    rise = smallest_detectable_rise(2700, 300, 0.05, 0.95)
    rng = np.random.default_rng(4)
    drawn = zip(rng.binomial(2700, 0.05 + rise, 4000), rng.binomial(300, 0.05, 4000), strict=True)
    found = [newcombe(Arm(2700, int(k)), Arm(300, int(h)), Z).low > 0 for k, h in drawn]
    assert np.mean(found) == pytest.approx(0.8, abs=0.02)


def test_arms_too_small_for_any_rise_say_so():
    assert smallest_detectable_rise(5, 1, 0.5, 0.95) is None


# before the horizon has closed --------------------------------------------------------------------------------


def test_the_bet_is_large_only_if_buyers_tell_much():
    even = watch_buyers([1, 1, 2, 2], [True, False, True, False], [0.5] * 4, 0.02)
    assert (even.buyers, even.contacted_buyers, even.expected, even.chance) == (4, 2, 2.0, 1.0)
    assert not even.is_clear
    assert even.ratio[0] < 1 < even.ratio[1]
    clear = watch_buyers(range(100), [True] * 80 + [False] * 20, [0.5] * 100, 0.02)
    assert clear.is_clear
    assert clear.ratio[0] > 1


def test_the_bet_by_hand_on_one_buyer():
    """Of a beta mixture with mean .9 the first contacted buyer wins nothing, and the first held out neither."""
    for is_contacted in (True, False):
        told = watch_buyers([1], [is_contacted], [0.9], 0.02)
        assert told.chance == pytest.approx(1.0)


def test_nobody_who_bought_tells_nothing():
    told = watch_buyers([], [], [], 0.02)
    assert (told.buyers, told.chance, told.is_clear) == (0, 1.0, False)


@given(st.lists(st.tuples(st.integers(0, 20), st.booleans(), st.sampled_from([0.5, 0.9])), max_size=60), st.randoms())
def test_the_order_of_rows_says_nothing_and_later_buyers_take_nothing_back(buyers, random):
    def told(rows):
        return watch_buyers(*([row[place] for row in rows] for place in range(3)), 0.02)

    shuffled = random.sample(buyers, len(buyers))
    assert told(shuffled) == told(buyers)
    early = [row for row in buyers if row[0] < 10]
    assert told(buyers).chance <= told(early).chance + 1e-12


@pytest.mark.parametrize("share", [0.5, 0.9])
def test_who_looks_after_every_buyer_is_alarmed_falsely_at_most_twice_in_a_hundred(share):
    rng = np.random.default_rng(5)
    drawn = rng.random((1500, 1000)) < share
    shares, days = np.full(1000, share), np.arange(1000)
    alarms = [watch_buyers(days, row, shares, 0.02).is_clear for row in drawn]
    assert np.mean(alarms) <= 0.02


def test_a_campaign_that_doubles_buying_is_seen_long_before_its_end():
    rng = np.random.default_rng(6)
    drawn = rng.random((100, 500)) < 0.9 * 2 / (0.9 * 2 + 0.1)
    seen = [watch_buyers(range(500), row, [0.9] * 500, 0.02).is_clear for row in drawn]
    assert np.mean(seen) > 0.7


# measure ------------------------------------------------------------------------------------------------------


def test_a_campaign_that_paid_earned_and_one_that_cost_more_lost():
    frame = people(("contact", 9000, 900, 50), ("holdout", 1000, 60, 50))
    earned = measure(frame, spent="spent", margin=0.3, contact_cost=0.1, currency="EUR", campaign="autumn")
    assert earned.verdict.word == "earned"
    assert earned.verdict.about == "profit"
    assert earned.total.revenue.value == pytest.approx(9000 * (5.0 - 3.0))
    assert earned.total.profit.value == pytest.approx(0.3 * 18_000 - 900)
    assert earned.total.return_on_spend.value == pytest.approx(18_000 / 900)
    assert earned.total.break_even == pytest.approx(0.1 / 0.3)
    lost = measure(frame, spent="spent", margin=0.3, contact_cost=5, currency="EUR")
    assert lost.verdict.word == "lost"
    assert lost.total.buyers == earned.total.buyers
    unclear = measure(frame, spent="spent", margin=0.3, contact_cost=0.6)
    assert unclear.verdict.word == "inconclusive"
    assert unclear.verdict.sentence.endswith("whether it earned or lost cannot be told.")


def test_the_verdict_follows_the_interval_of_what_decides():
    for margin, cost in ((0.3, 0.1), (0.3, 0.5), (0.3, 0.8), (0.05, 0.3)):
        told = measure(people(("contact", 900, 90, 50), ("holdout", 100, 5, 40)), spent="spent", margin=margin,
                       contact_cost=cost)  # fmt: skip
        is_clear = told.total.profit.excludes()
        assert (told.verdict.word != "inconclusive") == is_clear == (told.verdict.chance < 0.05)


def test_without_margin_revenue_decides_and_without_spend_buyers():
    frame = people(("contact", 900, 90, 50), ("holdout", 900, 45, 50))
    assert measure(frame, spent="spent").verdict.about == "revenue"
    assert measure(frame).verdict.about == "buyers"
    assert measure(frame, margin=0.3, contact_cost=1.0).verdict.about == "buyers"
    assert measure(frame).total.revenue is None


def test_too_few_buyers_decide_nothing():
    told = measure(people(("contact", 90, 3, 50), ("holdout", 10, 1, 50)), spent="spent", margin=0.3, contact_cost=1.0)
    assert told.verdict.word == "inconclusive"
    assert told.total.profit is None
    assert told.warnings == ("of those held out 1 bought, and a larger holdout would tell much more.",)


def test_more_held_out_than_meant_is_refused_and_no_difference_told():
    told = measure(people(("contact", 9000, 900, 50), ("holdout", 1200, 60, 50)), spent="spent", share=0.1)
    assert told.verdict.word == "refused"
    assert told.total is None
    assert told.segments == ()
    assert told.verdict.sentence.startswith("11.8% are held out where 10.0% were meant (exact binomial test, p below")
    assert "buyers" not in " ".join(told.lines())


def test_while_the_horizon_is_open_only_the_buyers_are_watched():
    frame = people(("contact", 900, 90, 50), ("holdout", 100, 8, 50))
    frame["day"] = np.where(frame["ordered"] == 1, np.arange(len(frame)) % 30, np.nan)
    told = measure(frame, spent="spent", open_until="2020-03-01", first_order="day", share=0.1)
    assert told.verdict.word == "collecting"
    assert told.total is None
    assert told.table().empty
    assert told.verdict.sentence == (
        "outcomes are collected until 2020-03-01; 98 have bought so far, 90 of them contacted, where 88.2 were to be "
        "expected if contacting did nothing: nothing can be told yet."
    )
    with pytest.raises(DataError, match="first_order must name the column"):
        measure(frame, open_until="2020-03-01")


def test_several_plays_are_judged_against_one_holdout_and_corrected():
    frame = people(("call", 1000, 100, 50), ("mail", 1000, 75, 50), ("holdout", 1000, 50, 50))
    told = measure(frame, contact_cost={"call": 2.0, "mail": 0.1}, margin=0.5, spent="spent")
    call, mail = told.plays
    assert (call.effect.terms.cost, mail.effect.terms.cost, told.total.terms.cost) == (2000.0, 100.0, 2100.0)
    alone = measure(frame[frame["arm"] != "mail"], contact_cost=2.0, margin=0.5, spent="spent")
    assert call.effect.profit == alone.total.profit
    buyers = measure(frame).plays
    each = [measure(frame[frame["arm"].isin([name, "holdout"])]).verdict.chance for name in ("call", "mail")]
    assert [play.verdict.chance for play in buyers] == pytest.approx([2 * each[0], each[1]])
    assert "corrected by Holm for 2 plays" in buyers[0].verdict.sentence


def test_customers_with_another_share_are_compared_among_themselves():
    """Of the best half were held out, of the others a tenth, and nothing was done to anybody: pooled it looks bad."""
    best = people(("contact", 1000, 200, 50), ("holdout", 1000, 200, 50)).assign(share=0.5)
    rest = people(("contact", 9000, 180, 50), ("holdout", 1000, 20, 50)).assign(share=0.1)
    frame = pd.concat([best, rest])
    pooled, apart = measure(frame), measure(frame, share="share")
    assert pooled.verdict.word == "lost"
    assert apart.verdict.word == "inconclusive"
    assert apart.total.buyers.value == pytest.approx(0)
    assert (apart.total.contacted.customers, apart.total.holdout.customers) == (10_000, 2_000)


def test_who_has_no_counterpart_does_not_count():
    frame = pd.concat(
        [
            people(("contact", 900, 90, 50), ("holdout", 100, 5, 50)).assign(share=0.1, segment="a"),
            people(("contact", 40, 40, 50)).assign(share=0.0, segment="b"),
        ]
    )
    told = measure(frame, share="share", segment="segment")
    assert told.total.contacted.customers == 900
    assert told.warnings[1:] == (
        "without a counterpart of the same share in the other arm, so that they do not count: 40 customers.",
        "without a line, since all of its customers are in one arm: b.",
    )


def test_segments_have_lines_of_their_own_that_add_up():
    frame = pd.concat(
        [
            people(("contact", 900, 90, 50), ("holdout", 100, 5, 50)).assign(segment="at_risk"),
            people(("contact", 1800, 90, 20), ("holdout", 200, 10, 20)).assign(segment="loyal"),
        ]
    )
    told = measure(frame, segment="segment", spent="spent", margin=0.5, contact_cost=1.0)
    assert [(line.name, line.contacted.customers) for line in told.segments] == [("at_risk", 900), ("loyal", 1800)]
    assert [line.terms.cost for line in told.segments] == [900.0, 1800.0]
    assert [round(line.buyers.value, 6) for line in told.segments] == [45, 0]
    table = told.table()
    assert table["kind"].tolist() == ["all", "segment", "segment"]
    assert table.loc[0, "buyers"] == pytest.approx(45)


def test_any_kind_of_frame_tells_the_same():
    frame = people(("contact", 90, 30, 50), ("holdout", 30, 5, 40))
    told = measure(frame, spent="spent").facts()
    arrow = pa.Table.from_pandas(frame)
    for other in (pl.from_pandas(frame), pl.from_pandas(frame).lazy(), arrow, duckdb.sql("SELECT * FROM arrow")):
        assert measure(other, spent="spent").facts() == told
    assert json.loads(json_text(told))["verdict"] == told["verdict"]


def test_the_order_of_rows_changes_nothing():
    frame = people(("contact", 90, 30, 50), ("holdout", 30, 5, 40)).assign(before=np.arange(120.0))
    asked = {"spent": "spent", "before": ["before"]}
    assert measure(frame, **asked).facts() == measure(frame.sample(frac=1, random_state=1), **asked).facts()


@pytest.mark.parametrize(
    ("changes", "asked", "sentence"),
    [
        ({}, {"ordered": "orderd"}, "no column 'orderd'; did you mean 'ordered'?"),
        ({"ordered": [1, None, 0, 0]}, {}, "column 'ordered' must have a value for every customer; found 1 nulls"),
        ({"ordered": [2, 0, 0, 0]}, {}, "column 'ordered' says whether a customer ordered: 1 or 0"),
        ({"arm": ["a", "a", "b", "b"]}, {}, "nobody is in the arm 'holdout', and without a holdout nothing is"),
        ({"arm": ["holdout"] * 4}, {}, "everybody is held out"),
    ],
)
def test_what_cannot_be_measured_is_refused_in_a_sentence(changes, asked, sentence):
    frame = pd.DataFrame({"arm": ["x", "x", "holdout", "holdout"], "ordered": [1, 0, 0, 0]} | changes)
    with pytest.raises((DataError, CampaignError)) as raised:
        measure(frame, **asked)
    assert sentence in str(raised.value)
    assert str(raised.value).endswith((".", "?"))


def test_an_empty_frame_has_no_holdout():
    with pytest.raises(CampaignError, match="there is no customer"):
        measure(pd.DataFrame({"arm": [], "ordered": []}))


def test_a_notebook_shows_the_verdict_and_escapes_what_comes_from_data():
    frame = people(("<b>mail</b>", 900, 90, 50), ("call", 900, 90, 50), ("holdout", 900, 45, 50))
    shown = clm.measure(frame, campaign="<i>autumn</i>")._repr_html_()
    assert "&lt;i&gt;autumn&lt;/i&gt;: earned" in shown
    assert "<b>mail" not in shown
    assert "<i>" not in shown


def test_campaigns_together_tell_what_one_alone_cannot():
    frames = [people(("contact", 3000, 180 + shift, 50), ("holdout", 3000, 150, 50)) for shift in (0, 2, 4)]
    each = [measure(frame, campaign=f"c{number}", margin=0.3, contact_cost=0.01, spent="spent")
            for number, frame in enumerate(frames)]  # fmt: skip
    assert {told.verdict.word for told in each} == {"inconclusive"}
    together = put_together(each)
    assert together.verdict.word == "earned"
    assert together.total.buyers.value == pytest.approx(30 + 32 + 34)
    assert together.total.terms.cost == pytest.approx(90)
    assert [line.name for line in together.segments] == ["c0", "c1", "c2"]
    assert not together.differing.differ


def test_what_is_not_measured_yet_is_left_out_of_all_together():
    closed = measure(people(("contact", 90, 30, 50), ("holdout", 30, 5, 40)), campaign="old")
    refused = measure(people(("contact", 9000, 30, 50), ("holdout", 30, 5, 40)), campaign="odd", share=0.1)
    together = put_together([closed, refused])
    assert together.warnings == ("left out, since not measured yet or refused: odd.",)
    assert together.total.buyers == closed.total.buyers
    with pytest.raises(CampaignError, match="none of these campaigns can be measured yet"):
        put_together([refused])


def test_a_figure_has_a_line_each_between_its_limits():
    frame = pd.concat([
        people(("contact", 900, 90, 50), ("holdout", 100, 5, 50)).assign(segment=name) for name in "ab"
    ])  # fmt: skip
    told = measure(frame, segment="segment", spent="spent", campaign="autumn")
    figure = plot_effects(told.table(), "autumn", "EUR", break_even=2.0)
    shares, money = figure.axes
    assert [label.get_text() for label in shares.get_yticklabels()] == [
        "autumn\n1,800 against 200", "a\n900 against 100", "b\n900 against 100",
    ]  # fmt: skip
    limits = [
        line.get_xdata() for line in shares.get_lines() if len(line.get_xdata()) == 2 and line.get_linewidth() > 2
    ]
    expected = [(100 * line.rate.low, 100 * line.rate.high) for line in (told.total, *told.segments)]
    assert np.array(limits) == pytest.approx(np.array(expected))
    assert money.get_xlabel() == "More revenue a contacted customer, EUR"
    assert [text.get_text() for text in money.texts] == ["pays for itself"]
    assert len(plot_effects(measure(frame).table(), "autumn").axes) == 1


# the promise --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("customers", [3_000, 10_000, 30_000])
def test_nominal_95_percent_intervals_hold_the_truth_of_hillstroms_mail(hillstrom, customers):
    """A seeded, shorter version of benchmarks/campaigns.py."""
    spend = hillstrom.groupby(hillstrom["segment"] != "No E-Mail")["spend"]
    held, sent = (group.to_numpy() for _, group in spend)
    truth = np.array([(sent > 0).mean() - (held > 0).mean(), sent.mean() - held.mean()])
    rng, held_out = np.random.default_rng(7), customers // 10
    hits = []
    for _ in range(1500):
        contacted, holdout = (drawn(rng, *group) for group in ((sent, customers - held_out), (held, held_out)))
        spread = spread_of((contacted, holdout))
        told = [newcombe(contacted, holdout, Z)]
        told += [] if spread is None else [spend_difference(contacted, holdout, spread, Z)]
        hits.append([figure.low <= true <= figure.high for figure, true in zip(told, truth, strict=False)] + [True])
    assert np.mean([hit[0] for hit in hits]) >= 0.94
    assert np.mean([hit[1] for hit in hits]) >= 0.94


def drawn(rng, spend, customers):
    buyers = spend[spend > 0]
    money = rng.choice(buyers, rng.binomial(customers, len(buyers) / len(spend)))
    return Arm(customers, len(money), len(money), float(money.sum()), float((money**2).sum()))


def test_a_campaign_that_does_nothing_is_seldom_said_to_have_done_something():
    rng, words = np.random.default_rng(8), []
    for _ in range(250):
        counts = rng.binomial((900, 900, 300), 0.06)
        arms = zip(("call", "mail", "holdout"), (900, 900, 300), counts, (50,) * 3, strict=True)
        told = measure(people(*arms))
        words.append((told.verdict.word, *(play.verdict.word for play in told.plays)))
    assert np.mean([word[0] != "inconclusive" for word in words]) < 0.08
    assert np.mean([set(word[1:]) != {"inconclusive"} for word in words]) < 0.08


def test_confidence_is_what_was_asked_for():
    frame = people(("contact", 900, 90, 50), ("holdout", 900, 60, 50))
    wide, narrow = (measure(frame, plan=Measure(confidence=level)).total.rate for level in (0.99, 0.8))
    assert wide.low < narrow.low < narrow.high < wide.high
    assert "99% confidence" in measure(frame, plan=Measure(confidence=0.99)).verdict.sentence


def test_the_arms_come_last_held_out_first_contacted():
    told = measure(people(("x", 9, 3, 1), ("holdout", 9, 3, 1), ("a", 9, 3, 1)))
    assert list(told.arms) == ["a", "x", "holdout"]
    assert all(told.arms[one].customers == told.arms[other].customers for one, other in combinations(told.arms, 2))
