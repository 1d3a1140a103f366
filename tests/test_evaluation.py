"""Each figure against a calculation by hand, and a gate that says why."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, brier_score_loss, log_loss, roc_auc_score

from clm_ml.config import ListPlan
from clm_ml.evaluation import (
    BASELINES,
    compare_log_loss,
    compare_methods,
    fit_baselines,
    judge_as_of,
    metrics,
    pass_gate,
    profit_curve,
    reliability,
    value_metrics,
)
from clm_ml.model import fit_prior

ORDERED = np.array([1, 0, 1, 0, 0, 1, 0, 0, 1, 0])
SAID = np.array([0.9, 0.2, 0.6, 0.4, 0.1, 0.7, 0.3, 0.65, 0.35, 0.05])


def drawn(customers, seed=1):
    """Draw probabilities and what came of them, as probabilities promise."""
    rng = np.random.default_rng(seed)
    said = rng.uniform(0.05, 0.95, customers)
    return (rng.random(customers) < said).astype(int), said


def test_each_figure_is_that_of_a_calculation_by_hand():
    found = metrics(ORDERED, SAID)
    brier = np.mean((SAID - ORDERED) ** 2)
    assert found["auc"] == pytest.approx(roc_auc_score(ORDERED, SAID)) == pytest.approx(21 / 24)
    assert found["average_precision"] == pytest.approx(average_precision_score(1 - ORDERED, 1 - SAID))
    assert found["log_loss"] == pytest.approx(log_loss(ORDERED, SAID))
    assert found["brier"] == pytest.approx(brier_score_loss(ORDERED, SAID)) == pytest.approx(brier)
    assert found["brier_skill"] == pytest.approx(1 - brier / (0.4 * 0.6))
    assert found["ece"] == pytest.approx(np.abs(SAID - ORDERED).mean())  # ten customers in ten bins
    assert found["predicted_to_happened"] == pytest.approx(SAID.mean() / 0.4)
    assert found["top_decile_lift"] == pytest.approx(1 / 0.6)  # the riskiest of ten churned
    log_odds = np.log(SAID / (1 - SAID))[:, None]
    slope = LogisticRegression(C=1e9).fit(log_odds, ORDERED).coef_[0, 0]
    assert found["calibration_slope"] == pytest.approx(slope, rel=1e-3)


def test_probabilities_that_keep_their_promise_are_found_calibrated():
    found = metrics(*drawn(20_000))
    assert found["ece"] < 0.02
    assert found["calibration_slope"] == pytest.approx(1, abs=0.05)
    assert found["predicted_to_happened"] == pytest.approx(1, abs=0.02)
    ordered, said = drawn(20_000)
    bold = 1 / (1 + ((1 - said) / said) ** 2)  # twice the log-odds
    assert metrics(ordered, bold)["calibration_slope"] == pytest.approx(0.5, abs=0.03)


def test_a_constant_has_no_slope_and_no_skill():
    found = metrics(ORDERED, np.full(10, 0.4))
    assert np.isnan(found["calibration_slope"])
    assert found["brier_skill"] == pytest.approx(0)
    assert found["auc"] == 0.5
    assert found["ece"] == pytest.approx(np.abs(0.4 - ORDERED).mean())


def test_certainty_that_was_wrong_costs_much_but_not_everything():
    assert np.isfinite(metrics([1, 0], [0.0, 1.0])["log_loss"])
    assert metrics([1, 0], [1.0, 0.0])["log_loss"] == pytest.approx(0, abs=1e-9)


def test_values_are_judged_by_order_by_share_and_by_total():
    found = value_metrics([0.0, 0.0, 10.0, 30.0], [1.0, 2.0, 30.0, 20.0])
    assert found["spearman"] == pytest.approx(pd.Series([1.5, 1.5, 3, 4]).corr(pd.Series([1.0, 2, 4, 3])))
    # cumulative shares, best first: said .25 1 1 1, best .75 1 1 1; the even line .25 .5 .75 1
    assert found["gini"] == pytest.approx((3.25 - 2.5) / (3.75 - 2.5))
    assert found["mae"] == pytest.approx((1 + 2 + 20 + 10) / 4)
    assert found["total_to_spent"] == pytest.approx(53 / 40)


def test_values_are_judged_where_nothing_was_spent():
    found = value_metrics([0.0, 0.0], [1.0, 2.0])
    assert np.isnan(found["gini"])
    assert np.isnan(found["total_to_spent"])
    assert found["mae"] == 1.5
    assert np.isnan(found["spearman"])


def test_bins_hold_equally_many_customers_by_churn_probability():
    bins = reliability([1, 1, 0, 0, 1, 0, 0], [0.9, 0.8, 0.7, 0.4, 0.3, 0.2, 0.1], bins=3)
    assert bins["customers"].tolist() == [3, 2, 2]
    assert bins["predicted"].tolist() == pytest.approx([0.2, 0.65, 0.85])
    assert bins["happened"].tolist() == pytest.approx([1 / 3, 0.5, 1])
    assert reliability([1, 0], [0.6, 0.5])["customers"].tolist() == [1, 1]


def test_two_equal_models_are_not_told_apart():
    ordered, said = drawn(500)
    assert compare_log_loss(ordered, said, said, seed=1) == (0.0, 0.0, 0.0)
    noise = np.random.default_rng(2).normal(0, 0.01, 500)
    difference, low, high = compare_log_loss(ordered, np.clip(said + noise, 0.01, 0.99), said, seed=1)
    assert low < difference < high
    assert low <= 0 <= high


def test_the_comparison_is_paired_so_that_a_small_steady_difference_shows():
    ordered, said = drawn(500)
    worse = np.where(ordered == 1, said * 0.99, 1 - (1 - said) * 0.99)  # a hundredth worse for everyone
    difference, low, high = compare_log_loss(ordered, worse, said, seed=1)
    assert difference == pytest.approx(-np.log(0.99))
    assert high - low < 1e-6
    assert compare_log_loss(ordered, worse, said, seed=1) == (difference, low, high)
    assert compare_log_loss(ordered, said, worse, seed=1)[0] == -difference


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    """The model is .03 off the truth; over many draws the mean difference is known to a thousandth."""
    truth = np.linspace(0.1, 0.9, 300)
    off = truth + 0.03
    expected = float(np.mean(truth * np.log(truth / off) + (1 - truth) * np.log((1 - truth) / (1 - off))))
    covered = 0
    for seed in range(100):
        ordered = (np.random.default_rng(seed).random(300) < truth).astype(int)
        _, low, high = compare_log_loss(ordered, off, truth, seed, draws=200)
        covered += low <= expected <= high
    assert 86 <= covered <= 100


# the gate --------------------------------------------------------------------------------------------------

GOOD, BAD = np.where(ORDERED == 1, 0.8, 0.2), np.full(10, 0.4)


def test_a_model_passes_that_beats_every_baseline_and_says_by_what():
    verdict = pass_gate(ORDERED, GOOD, {"constant_rate": BAD}, None, seed=1)
    assert verdict.passed
    assert verdict.why == "its log loss 0.2231 beats constant_rate 0.6730"


@pytest.mark.parametrize("other", [GOOD, np.where(ORDERED == 1, 0.9, 0.1)])
def test_a_model_fails_that_does_no_better_than_a_baseline(other):
    verdict = pass_gate(ORDERED, GOOD, {"constant_rate": BAD, "logistic_rfm": other}, None, seed=1)
    assert not verdict.passed
    loss = log_loss(ORDERED, other)
    assert verdict.why == f"its log loss 0.2231 does not beat logistic_rfm {loss:.4f}"


def test_a_model_fails_that_is_worse_than_the_champion_by_more_than_noise():
    ordered, said = drawn(2000)
    blurred = 0.5 + (said - 0.5) * 0.6
    baseline = {"constant_rate": np.full(2000, 0.5)}
    verdict = pass_gate(ordered, blurred, baseline, said, seed=1)
    assert not verdict.passed
    assert "is worse than the reigning champion's by 0.0" in verdict.why
    assert pass_gate(ordered, said, baseline, blurred, seed=1).passed


def test_a_model_passes_that_is_no_worse_than_the_champion_but_for_noise():
    ordered, said = drawn(300)
    noisy = np.clip(said + np.random.default_rng(4).normal(0, 0.02, 300), 0.01, 0.99)
    difference, low, _ = compare_log_loss(ordered, noisy, said, seed=1)
    assert difference > 0 > low
    assert pass_gate(ordered, noisy, {"constant_rate": np.full(300, 0.5)}, said, seed=1).passed


def test_a_model_without_a_figure_never_passes():
    unknown = np.where(ORDERED == 1, np.nan, 0.2)
    assert not pass_gate(ORDERED, unknown, {"constant_rate": BAD}, None, seed=1).passed
    assert not pass_gate(ORDERED, unknown, {}, GOOD, seed=1).passed


# baselines, and the as_of that is judged -------------------------------------------------------------------


def test_baselines_are_learned_from_the_past_alone():
    rng = np.random.default_rng(1)
    silence = rng.integers(1, 200, 400)
    frame = pd.DataFrame({
        "days_since_last_order": silence, "orders_ever": rng.integers(1, 9, 400),
        "order_days_ever": 1, "days_since_first_order": silence, "gross_minor_ever": 500,
        "amount_ever": rng.uniform(1, 100, 400), "ordered": (rng.random(400) < np.exp(-silence / 80)).astype(int),
    })  # fmt: skip
    past, test = frame[:300], frame[300:]
    prior = fit_prior(test, horizon_days=90)
    said = fit_baselines(past, test, prior)
    assert tuple(said) == BASELINES
    assert np.allclose(said["constant_rate"], (past["ordered"].sum() + 0.5) / 301)
    assert said["recency_rule"].argmax() == test["days_since_last_order"].to_numpy().argmin()
    logs = [np.log1p(part[["days_since_last_order", "orders_ever", "amount_ever"]]) for part in (past, test)]
    centre, spread = logs[0].mean(), logs[0].std(ddof=0)
    fitted = LogisticRegression().fit(((logs[0] - centre) / spread).to_numpy(), past["ordered"])
    expected = fitted.predict_proba(((logs[1] - centre) / spread).to_numpy())[:, 1]
    assert said["logistic_rfm"] == pytest.approx(expected, abs=1e-6)
    assert said["bg_nbd"].tolist() == prior.order_probability(test).tolist()
    again = fit_baselines(past, test.assign(ordered=1 - test["ordered"]), prior)
    assert all(np.array_equal(said[name], again[name]) for name in BASELINES)


@given(st.sets(st.integers(0, 500), min_size=1), st.integers(1, 200))
def test_no_label_window_that_is_learned_from_reaches_into_the_judged_as_of(as_ofs, horizon):
    early, last = judge_as_of(list(as_ofs), horizon)
    assert last == max(as_ofs)
    assert all(day + horizon <= last for day in early)
    assert early == sorted(day for day in as_ofs if day <= last - horizon)


# methods beside each other ------------------------------------------------------------------------------------

COARSE = np.round(SAID * 5) / 6 + 0.05  # with ties


def test_two_methods_are_as_far_apart_as_their_figures():
    told = compare_methods(1 - ORDERED, 1 - SAID, 1 - COARSE[::-1], range(10), seed=1)
    loss = log_loss(ORDERED, SAID) - log_loss(ORDERED, COARSE[::-1])
    auc = roc_auc_score(ORDERED, SAID) - roc_auc_score(ORDERED, COARSE[::-1])
    assert (told["log_loss"][0], told["auc"][0]) == (pytest.approx(loss), pytest.approx(auc))
    assert all(low < whole < high for whole, low, high in told.values())


def test_rows_of_one_customer_are_no_news_to_each_other():
    ordered, said = drawn(400)
    whose, other = np.arange(400), np.full(400, 0.5)
    once = compare_methods(1 - ordered, 1 - said, other, whose, seed=1)
    often = compare_methods(*(np.repeat(values, 4) for values in (1 - ordered, 1 - said, other, whose)), seed=1)
    assert often == {name: pytest.approx(told) for name, told in once.items()}


def test_an_interval_covers_the_difference_as_often_as_it_says():
    """Of two fair methods one knows more; over many draws its true gain lies in the interval about 95 times in 100."""
    big, said = drawn(400_000, seed=0)
    vague = np.where(said > 0.5, 0.725, 0.275)  # what is right on average of either half
    true = log_loss(big, said) - log_loss(big, vague)
    covered = 0
    for seed in range(1, 101):
        came, fine = drawn(300, seed)
        rough = np.where(fine > 0.5, 0.725, 0.275)
        _, low, high = compare_methods(1 - came, 1 - fine, 1 - rough, range(300), seed, draws=200)["log_loss"]
        covered += low <= true <= high
    assert 88 <= covered <= 100


def test_a_lists_profit_is_that_of_a_calculation_by_hand():
    plan = ListPlan(margin=0.5, contact_cost=2.0, assumed_save_rate=0.1)
    curve = profit_curve([1, 0, 1], [0.2, 0.9, 0.9], [100.0, 100.0, 400.0], plan)
    # Expected: 0.2 × 5 − 2 = −1, 0.9 × 5 − 2 = 2.5, 0.9 × 20 − 2 = 16; so the third, the second, the first.
    assert curve.tolist() == [0.0, 18.0, 16.0, 19.0]
