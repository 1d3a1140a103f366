"""Buy till you die: the published figures, each process drawn and added up by brute force, and logs without a top."""

import json
import os
import warnings
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.integrate import quad
from scipy.special import gammaln, hyp2f1

from clm_ml.btyd import (
    BgNbd,
    GammaGamma,
    Histories,
    MbgNbd,
    ParetoNbd,
    collect_histories,
    fit_bg_nbd,
    fit_gamma_gamma,
    fit_mbg_nbd,
    fit_pareto_nbd,
)
from clm_ml.btyd.bg_nbd import bg_nbd_likelihood
from clm_ml.btyd.fitting import climb
from clm_ml.btyd.gamma_gamma import gamma_gamma_likelihood
from clm_ml.btyd.integrals import FURTHEST, mean_over_beta, power_integral
from clm_ml.btyd.pareto_nbd import pareto_nbd_likelihood
from clm_ml.errors import ModelError

FITS = (fit_bg_nbd, fit_mbg_nbd, fit_pareto_nbd)
HERE = Path(__file__).parent

#: Numbers near those of real logs, and odd ones: most leave at once, hardly anybody leaves, alpha above beta.
MODELS = [
    BgNbd(0.2426, 4.4136, 0.7929, 2.4259),
    BgNbd(3.0, 40.0, 0.05, 4.0),
    MbgNbd(0.5248, 6.1831, 0.8914, 1.614),
    MbgNbd(1.5, 9.0, 1.0, 1.0),
    ParetoNbd(0.5533, 10.578, 0.6061, 11.669),
    ParetoNbd(1.4, 12.0, 1.0, 5.0),
]

#: Repeat orders, time from first to last, time observed.
ROWS = [(0, 0, 30), (0, 0, 0.5), (1, 5, 38.86), (2, 30.43, 38.86), (7, 29.43, 38.86), (3, 12, 12), (25, 20, 30)]


def name_of(model):
    return f"{type(model).__name__}-{model.r}"


def drawn(rows):
    return collect_histories(*np.array(rows, dtype=float).reshape(-1, 3).T)


def apart(rows):
    """Keep every customer as a history of their own."""
    return Histories(*np.array(rows, dtype=float).T, np.ones(len(rows)), np.arange(len(rows)))


def numbers_of(model):
    return np.array(list(model.facts().values())[:4], dtype=float)


def likelihood_of(model):
    return pareto_nbd_likelihood if isinstance(model, ParetoNbd) else bg_nbd_likelihood(model.early_chances)


# published figures -----------------------------------------------------------------------------------------


def data(name):
    """Find a log in CLM_BENCH_DATA, the benchmarks' folder, or the one beside the project."""
    beside = (HERE.parent / "benchmarks" / "data", HERE.parent.parent / "shared" / "data")
    folders = [Path(os.environ["CLM_BENCH_DATA"])] if "CLM_BENCH_DATA" in os.environ else beside
    found = [folder / name for folder in folders if (folder / name).exists()]
    return found[0] if found else pytest.skip(f"there is no {name}; see benchmarks/data")


def summarised(orders):
    """Describe CDNOW's customers on 1997-09-30, after 39 weeks."""
    orders = orders[orders["date"] <= "1997-09-30"]
    days = orders.groupby(["customer_id", "date"], as_index=False)["amount"].sum()
    days["repeat"] = days.groupby("customer_id").cumcount()
    people = days.groupby("customer_id").agg(first=("date", "min"), last=("date", "max"), repeats=("repeat", "max"))
    people["first_to_last"] = (people["last"] - people["first"]).dt.days
    people["observed"] = (pd.Timestamp("1997-09-30") - people["first"]).dt.days
    return people.assign(amount=days[days["repeat"] > 0].groupby("customer_id")["amount"].mean())


@pytest.fixture(scope="module")
def cdnow():
    return pd.read_parquet(data("cdnow_master.parquet"))


@pytest.fixture(scope="module")
def sample(cdnow):
    """Take the tenth of the customers that is known as the CDNOW sample: the ids are those of its first column."""
    ids = [int(word) for word in (HERE / "cdnow_sample_ids.txt").read_text().split()]
    return summarised(cdnow[cdnow["customer_id"].isin(ids)])


def in_weeks(people):
    return collect_histories(people["repeats"], people["first_to_last"] / 7, people["observed"] / 7)


@pytest.mark.parametrize(
    ("fit", "numbers", "log_likelihood"),
    [
        (fit_bg_nbd, (0.2426, 4.4136, 0.7929, 2.4259), -9582.4),
        (fit_mbg_nbd, (0.5248, 6.1831, 0.8914, 1.6140), -9582.1),
        (fit_pareto_nbd, (0.5533, 10.578, 0.6062, 11.669), -9595.0),
    ],
)
def test_the_published_numbers_of_cdnow_are_found(fit, numbers, log_likelihood, sample):
    model = fit(in_weeks(sample))
    assert model.customers == 2357
    assert_allclose(numbers_of(model), numbers, rtol=2e-4, atol=5e-5)
    assert round(model.log_likelihood, 1) == log_likelihood
    assert not model.is_regularised


def test_the_published_spending_of_cdnow_is_found(sample):
    model = fit_gamma_gamma(sample["repeats"], sample["amount"])
    assert model.customers == 946
    assert_allclose((model.p, model.q, model.gamma), (6.25, 3.74, 15.44), atol=0.005)
    assert_allclose(model.expected_amount([2, 0], [22.35, None]), (24.66, 35.17), atol=0.005)


def test_the_published_expectation_of_one_customer_is_found(sample):
    one = drawn([(2, 30 + 3 / 7, 38 + 6 / 7)])
    assert_allclose(fit_bg_nbd(in_weeks(sample)).expected_orders(one, 39), [1.226], atol=5e-4)


def test_no_other_published_numbers_of_cdnow_are_likelier(sample):
    """The Pareto/NBD's 11.6562 is found in print too: another stop on the same flat top."""
    histories = in_weeks(sample)
    other = pareto_nbd_likelihood(np.array([0.5534, 10.5802, 0.6061, 11.6562]), histories)[0]
    assert fit_pareto_nbd(histories).log_likelihood >= round(float(histories.customers @ other), 4)


# the formulas, by brute force ------------------------------------------------------------------------------


def brute(model, row, days):
    """Add up the process of one customer over a fine grid of both rates: alive, an order, orders, likelihood."""
    x, last, observed = row
    stretched = np.linspace(-6.5, 3.5, 1501)
    y, steps = 2.0 * np.sinh(stretched), 2.0 * np.cosh(stretched) * (stretched[1] - stretched[0])
    orders = np.exp(y)[:, None]
    log_orders = model.r * (y + np.log(model.alpha)) - model.alpha * np.exp(y) - gammaln(model.r)
    if isinstance(model, ParetoNbd):
        leaving = np.exp(y)[None, :]
        log_leaving = model.s * (y + np.log(model.beta)) - model.beta * np.exp(y) - gammaln(model.s)
        both = orders + leaving
        alive = np.exp(x * y[:, None] - both * observed)
        gone = np.exp(x * y[:, None] - both * last) * leaving / both * -np.expm1(-both * (observed - last))
        order, count = orders / both * -np.expm1(-both * days), orders / leaving * -np.expm1(-leaving * days)
    else:
        chances, p, stays = x + model.early_chances, 1 / (1 + np.exp(-y))[None, :], 1 / (1 + np.exp(y))[None, :]
        beta = gammaln(model.a) + gammaln(model.b) - gammaln(model.a + model.b)
        log_leaving = -model.a * np.logaddexp(0, -y) - model.b * np.logaddexp(0, y) - beta
        alive = stays**chances * np.exp(x * y[:, None] - orders * observed)
        gone = p * stays ** (chances - 1) * np.exp(x * y[:, None] - orders * last) if chances else 0 * alive
        order, count = -np.expm1(-orders * days) + 0 * p, -np.expm1(-orders * p * days) / p
    prior = (np.exp(log_orders) * steps)[:, None] * (np.exp(log_leaving) * steps)
    likelihood = (prior * (alive + gone)).sum()
    weight = prior * alive / likelihood
    return weight.sum(), (weight * order).sum(), (weight * count).sum(), np.log(likelihood)


@pytest.mark.parametrize("model", MODELS, ids=name_of)
@pytest.mark.parametrize("row", [ROWS[k] for k in (0, 2, 3, 5, 6)], ids=str)
def test_what_is_predicted_is_what_the_process_adds_up_to(model, row):
    one = drawn([row])
    alive, order, count, log_likelihood = brute(model, row, 26.0)
    assert_allclose(model.alive_probability(one), [alive], rtol=1e-7)
    assert_allclose(model.order_probability(one, 26.0), [order], rtol=1e-7)
    assert_allclose(model.expected_orders(one, 26.0), [count], rtol=1e-7)
    assert_allclose(likelihood_of(model)(numbers_of(model), one)[0], [log_likelihood], rtol=1e-8)


@pytest.mark.parametrize("model", MODELS, ids=name_of)
def test_the_next_order_comes_within_its_quantile_with_that_probability(model):
    histories = drawn(ROWS)
    for quantile in (0.02, 0.1, 0.5, 0.9):
        waits = model.next_order_days(histories, quantile)
        ever = model.order_probability(histories, 1e30)
        for row, wait, most in zip(ROWS, waits, ever, strict=True):
            if np.isfinite(wait):
                assert_allclose(model.order_probability(drawn([row]), wait), [quantile], rtol=1e-8)
            else:
                assert most <= quantile + 1e-9


def simulate(model, people, observed, ahead, seed):
    """Draw customers, their orders till they leave, and what happens ahead; by none of the formulas."""
    rng = np.random.default_rng(seed)
    rate = rng.gamma(model.r, 1 / model.alpha, people)
    if isinstance(model, ParetoNbd):
        left = rng.exponential(1 / rng.gamma(model.s, 1 / model.beta, people))
    else:
        leaving, left = rng.beta(model.a, model.b, people), np.full(people, np.inf)
        left[rng.random(people) < leaving * model.early_chances] = 0.0
    count, last, later, following = np.zeros((4, people))
    following += np.inf
    at, ordering = np.zeros(people), np.arange(people)
    while len(ordering):
        at[ordering] += rng.exponential(1 / rate[ordering])
        ordering = ordering[(at[ordering] < left[ordering]) & (at[ordering] < observed + ahead)]
        seen, unseen = ordering[at[ordering] < observed], ordering[at[ordering] >= observed]
        count[seen], last[seen] = count[seen] + 1, at[seen]
        later[unseen], following[unseen] = later[unseen] + 1, np.minimum(following[unseen], at[unseen] - observed)
        if not isinstance(model, ParetoNbd):
            leave = ordering[rng.random(len(ordering)) < leaving[ordering]]
            left[leave] = at[leave]
    return drawn(np.stack([count, last, np.full(people, observed)], axis=1)), left >= observed, later, following


@pytest.mark.parametrize("model", MODELS, ids=name_of)
def test_predictions_are_what_happens_to_drawn_customers(model):
    histories, alive, later, following = simulate(model, 40_000, 30.0, 20.0, seed=11)
    orders = histories.each(histories.repeat_order_days)
    median = model.next_order_days(histories, 0.5)
    within = np.isfinite(median) & (median < 20.0)
    pairs = [
        (model.alive_probability(histories), alive, orders > -1),
        (model.order_probability(histories, 20.0), later > 0, orders > -1),
        (model.expected_orders(histories, 20.0), later, orders > -1),
        (np.full(len(median), 0.5), following <= median, within),
    ]
    for predicted, happened, asked in pairs:
        for group in (asked & (orders == 0), asked & (orders == 1), asked & (orders > 1)):
            if group.sum() > 100:
                off = (happened[group] - predicted[group]).astype(float)
                assert abs(off.mean()) < 5 * max(off.std(), 0.01) / np.sqrt(group.sum())


@pytest.mark.parametrize(("alpha", "beta"), [(10.578, 11.669), (11.669, 10.578), (5.0, 5.0)])
def test_the_pareto_likelihood_is_that_of_the_published_formula(alpha, beta):
    r, s, histories = 0.5533, 0.6061, drawn(ROWS[:6])
    x, last, observed = histories.repeat_order_days, histories.days_from_first_to_last, histories.days_observed
    larger, gap, second = max(alpha, beta), abs(alpha - beta), s + 1 if alpha >= beta else r + x
    whole = r + s + x
    ends = [hyp2f1(whole, second, whole + 1, gap / (larger + t)) / (larger + t) ** whole for t in (last, observed)]
    staying = (alpha + observed) ** -(r + x) * (beta + observed) ** -s
    value = gammaln(r + x) - gammaln(r) + r * np.log(alpha) + s * np.log(beta)
    value += np.log(staying + s / whole * (ends[0] - ends[1]))
    assert_allclose(pareto_nbd_likelihood(np.array([r, alpha, s, beta]), histories)[0], value, rtol=1e-10)


@pytest.mark.parametrize("model", MODELS, ids=name_of)
def test_slopes_of_the_likelihood_are_its_differences(model):
    likelihood, numbers, histories = likelihood_of(model), numbers_of(model), drawn(ROWS)
    _, slopes = likelihood(numbers, histories)
    for number, slope in enumerate(slopes):
        step = np.eye(4)[number] * numbers * 1e-5
        higher, lower = (likelihood(numbers + sign * step, histories)[0] for sign in (1, -1))
        assert_allclose(slope, (higher - lower) / (2 * step[number]), rtol=1e-6, atol=1e-8)


def test_slopes_of_the_likelihood_of_amounts_are_its_differences():
    likelihood = gamma_gamma_likelihood(np.array([1.0, 4.0, 300.0]), np.array([0.3, 1.2, 2.0]))
    logs = np.log([6.25, 2.74, 1.5])
    _, slopes = likelihood(logs)
    for number, slope in enumerate(slopes):
        step = np.eye(3)[number] * 1e-5
        assert_allclose(slope, (likelihood(logs + step)[0] - likelihood(logs - step)[0]) / 2e-5, rtol=1e-7)


@pytest.mark.parametrize(
    ("a", "p", "b", "q", "width"),
    [
        (1.0, 0.1, 3.0, 0.2, 1e6),
        (5.0, 4.0, 0.01, 1.5, 30.0),
        (0.5, 5000.0, 700.0, 80.0, 9.0),
        (2.0, 1.0, 2.0, 1.0, 0.0),
    ],
)
def test_the_power_integral_is_what_a_library_integrates(a, p, b, q, width):
    def integrand(v):
        return np.exp(v - p * np.log1p(np.expm1(v) / a) - q * np.log1p(np.expm1(v) / b))

    cuts = np.concatenate([[0.0], np.geomspace(1e-4, 1.0, 30) * np.log1p(width)])
    expected = sum(quad(integrand, *ends, epsabs=0, epsrel=1e-12)[0] for ends in pairwise(cuts))
    got = power_integral(np.array([a]), p, np.array([b]), q, np.array([width]))
    assert_allclose(got, [expected], rtol=1e-9)


@pytest.mark.parametrize(("a", "b"), [(0.01, 2.4), (0.7929, 2.4259), (1.0, 1.0), (30.0, 4.0), (500.0, 9000.0)])
def test_the_mean_over_beta_is_the_published_hypergeometric(a, b):
    def power(p, rows):
        return (1.0 + p * 0.7) ** -3.2

    assert_allclose(mean_over_beta(a, np.array([b]), power), [hyp2f1(3.2, a, a + b, -0.7)], rtol=1e-8)


# whose numbers do not depend on what they must not ---------------------------------------------------------


@pytest.fixture(scope="module")
def shop():
    """Draw a shop in whole days, so that histories repeat: repeats, first to last, observed."""
    histories, *_ = simulate(MbgNbd(0.9, 40.0, 0.9, 2.0), 1500, 300.0, 1.0, seed=4)
    x, last = (histories.each(column) for column in (histories.repeat_order_days, histories.days_from_first_to_last))
    return np.stack([x, np.ceil(last / 10) * 10, np.full(len(x), 300.0)], axis=1)


@pytest.mark.parametrize("unit", [7, 1e9])
@pytest.mark.parametrize("fit", FITS)
def test_the_unit_of_time_does_not_matter(fit, unit, shop):
    in_days, in_units = drawn(shop), drawn(shop * (1, 1 / unit, 1 / unit))
    days, units = fit(in_days), fit(in_units)
    assert not units.is_regularised
    factors = (1, unit, 1, unit) if isinstance(days, ParetoNbd) else (1, unit, 1, 1)
    assert_allclose(numbers_of(days), numbers_of(units) * factors, rtol=1.1e-5)
    assert_allclose(days.log_likelihood, units.log_likelihood - shop[:, 0].sum() * np.log(unit), atol=2e-4)
    assert_allclose(days.next_order_days(in_days, 0.3), units.next_order_days(in_units, 0.3) * unit, rtol=1e-4)


@pytest.mark.parametrize("fit", FITS)
def test_each_different_history_once_teaches_what_all_of_them_do(fit, shop):
    together, everybody = drawn(shop), apart(shop)
    assert len(together.customers) < len(everybody.customers) / 3
    first, second = fit(together), fit(everybody)
    assert_allclose(numbers_of(first), numbers_of(second), rtol=1.1e-5)
    assert_allclose(first.expected_orders(together, 90), first.expected_orders(everybody, 90), rtol=1e-12)


def test_customers_are_thinned_evenly(shop):
    whole = drawn(shop)
    some = whole.thinned(300)
    assert some.customers.sum() == 300
    assert some.customers.min() >= 1
    share = some.customers[some.repeat_order_days == 0].sum() / 300
    assert_allclose(share, np.mean(shop[:, 0] == 0), atol=0.01)
    assert whole.thinned(len(shop)) is whole


@pytest.mark.parametrize("fit", FITS)
def test_numbers_have_the_digits_of_their_evidence(fit, shop):
    for number in numbers_of(fit(drawn(shop))):
        assert float(f"{number:.6g}") == number


def test_the_top_is_flat():
    likelihood = gamma_gamma_likelihood(*spent(2000, seed=3))
    top = np.log(climb(likelihood, likelihood, (2, 2, 1), [(0, 0, 0)]).numbers)
    assert_allclose(likelihood(top)[1], np.zeros(3), atol=1e-8)


@pytest.mark.parametrize("fit", FITS)
def test_the_order_of_customers_changes_no_bit(fit, shop):
    mixed = np.random.default_rng(1).permutation(len(shop))
    model = fit(drawn(shop))
    assert fit(drawn(shop[mixed])) == model
    assert_array_equal(model.order_probability(drawn(shop[mixed]), 30), model.order_probability(drawn(shop), 30)[mixed])


@pytest.mark.parametrize("model", MODELS, ids=name_of)
def test_a_customer_alone_gets_the_bits_they_get_among_others(model, shop):
    many = np.concatenate([shop, ROWS])
    asked = (
        model.alive_probability,
        lambda h: model.order_probability(h, 45.0),
        lambda h: model.expected_orders(h, 45.0),
        lambda h: model.next_order_days(h, 0.3),
    )
    for ask in asked:
        together = ask(drawn(many))
        alone = [float(ask(drawn([row]))[0]) for row in many[::40]]
        assert together[::40].tolist() == alone


@pytest.mark.parametrize("fit", FITS)
def test_a_model_is_plain_data_and_back(fit, shop):
    model = fit(drawn(shop))
    assert type(model)(**json.loads(json.dumps(model.facts()))) == model


def test_numbers_come_back_from_what_they_drew():
    for model, fit in zip(MODELS[::2], FITS, strict=True):
        histories, *_ = simulate(model, 30_000, 60.0, 1.0, seed=7)
        found = fit(histories)
        assert not found.is_regularised
        assert_allclose(np.log(numbers_of(found)), np.log(numbers_of(model)), atol=0.2)


# every finite history gets an honest answer ----------------------------------------------------------------

LOGS = st.floats(-7, 7)
LENGTHS = st.just(0.0) | st.floats(1e-6, 7300)


@st.composite
def histories_drawn(draw):
    rows = []
    for _ in range(draw(st.integers(1, 6))):
        observed, share, x = draw(LENGTHS), draw(st.floats(0.001, 1)), draw(st.integers(0, 5000))
        x = x if observed > 0 else 0
        rows.append((x, observed * share if x else 0.0, observed))
    return drawn(rows)


KINDS = st.sampled_from([BgNbd, MbgNbd, ParetoNbd])


@settings(max_examples=200)
@given(KINDS, st.tuples(LOGS, LOGS, LOGS, LOGS), histories_drawn(), LENGTHS, LENGTHS)
def test_probabilities_are_probabilities_and_grow_with_time(kind, logs, histories, days, more):
    model = kind(*np.exp(logs))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        alive = model.alive_probability(histories)
        order, later = (model.order_probability(histories, horizon) for horizon in (days, days + more))
        count, counted = (model.expected_orders(histories, horizon) for horizon in (days, days + more))
        waits = [model.next_order_days(histories, quantile) for quantile in (0.1, 0.5, 0.9)]
    assert np.all((alive >= 0) & (alive <= 1))
    assert np.all((order >= 0) & (order <= alive) & (order <= count * (1 + 1e-9) + 1e-300))
    assert np.all(later >= order * (1 - 1e-12))
    assert np.all(counted >= count * (1 - 1e-12))
    assert np.isfinite(counted).all()
    assert np.all((waits[0] > 0) & (waits[0] <= waits[1]) & (waits[1] <= waits[2]))


@settings(max_examples=25)
@given(st.sampled_from(FITS), histories_drawn())
def test_every_log_is_learned_or_refused(fit, histories):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        if not histories.days_observed.any():
            with pytest.raises(ModelError):
                fit(histories)
            return
        model = fit(histories)
    assert np.isfinite([*numbers_of(model), model.log_likelihood]).all()
    assert np.isfinite(model.expected_orders(histories, 365.0)).all()


@pytest.mark.parametrize("model", MODELS, ids=name_of)
def test_five_thousand_orders_in_twenty_years_overflow_nothing(model):
    histories = drawn([(5000, 7299.0, 7300.0), (5000, 7000.0, 7300.0), (5000, 1.0, 7300.0), (1, 7300.0, 7300.0)])
    alive = model.alive_probability(histories)
    assert alive[0] > 0.5 > alive[1]
    assert alive[2] == 0.0
    assert_allclose(model.order_probability(histories, 30.0)[0], alive[0], rtol=1e-3)
    ever = model.order_probability(histories, 1e9)
    assert np.all(ever <= alive)
    still = model.expected_orders(histories, 7300.0)[0] / alive[0]
    assert 200 < still <= (5000 + model.r) / (7300 + model.alpha) * 7300
    assert_allclose(model.next_order_days(histories, 0.01)[0], -np.log(1 - 0.01 / alive[0]) * 1.46, rtol=0.01)


def test_where_nobody_ever_leaves_no_order_is_more_than_certain():
    model, often = ParetoNbd(0.17, 0.0014, 1e-40, 0.003), drawn([(1, 552.0, 552.0), (40, 552.0, 552.0)])
    assert model.order_probability(often, 1e20).tolist() == [1.0, 1.0]


def test_a_quantile_just_within_reach_has_a_wait_and_one_just_beyond_has_none():
    rng = np.random.default_rng(0)
    for repeats in (0, 1, 5, 60, 475) * 20:
        model, observed = ParetoNbd(*np.exp(rng.uniform(-7, 7, 4))), rng.uniform(1, 7300)
        one = drawn([(repeats, observed if repeats else 0.0, observed)])
        ever = float(model.order_probability(one, (min(model.alpha, model.beta) + observed) * np.expm1(FURTHEST))[0])
        for share in (1 - 2e-9, 0.999, 0.5, 1e-9) if ever else ():
            wait = model.next_order_days(one, ever * share)
            assert_allclose(model.order_probability(one, wait[0]), ever * share, rtol=1e-9)
        for share in (1 - 1e-10, 1 - 3e-16, 1.0) if ever else ():
            assert model.next_order_days(one, ever * share) == np.inf


def test_a_one_time_buyer_is_alive_by_assumption_in_bg_nbd_only():
    once = drawn([(0, 0.0, 1.0), (0, 0.0, 1000.0)])
    assert MODELS[0].alive_probability(once).tolist() == [1.0, 1.0]
    for model in (MODELS[2], MODELS[4]):
        early, late = model.alive_probability(once)
        assert 1.0 > early > late > 0.0


def test_who_ordered_at_the_last_moment_has_not_had_time_to_leave_unless_by_that_order():
    now = drawn([(4, 20.0, 20.0)])
    assert MODELS[4].alive_probability(now) == 1.0
    assert_allclose(MODELS[2].alive_probability(now), (1.614 + 4) / (0.8914 + 1.614 + 4))


def test_the_singular_numbers_lie_between_their_neighbours():
    """The published formulas divide by a - 1, and by s - 1."""
    for kind, third in ((BgNbd, "a"), (ParetoNbd, "s")):
        names = ("r", "alpha", "a", "b") if kind is BgNbd else ("r", "alpha", "s", "beta")
        given = dict(zip(names, (0.6, 10.0, 1.0, 12.0), strict=True))
        low, at, high = (
            kind(**given | {third: 1 + off}).expected_orders(drawn(ROWS), 50.0) for off in (1e-7, 0, -1e-7)
        )
        assert np.all((low <= at * (1 + 1e-14)) & (at <= high * (1 + 1e-14)))
        assert_allclose(low, high, rtol=1e-5)


# logs without a top ----------------------------------------------------------------------------------------

SPREAD = np.linspace(0.0, 1.0, 200)
STEADY = [(20 + k % 3, 96.0 + k % 4, 100.0) for k in range(300)]
DEGENERATE = {
    "nobody came back": [(0, 0.0, 5.0 + k) for k in range(300)],
    "nobody left, all alike": STEADY,
    "every customer on every day": [(365, 365.0, 365.0)] * 50,
    "everybody came back once and never again": [(1, 1.0, 1000.0)] * 200,
    "one customer, once": [(0, 0.0, 30.0)],
    "one customer, back on the last day": [(1, 30.0, 30.0)],
    "five customers": [(0, 0.0, 95.0), (1, 10.0, 90.0), (5, 90.0, 95.0), (2, 20.0, 80.0), (0, 0.0, 7.0)],
    "some were first seen on the last day": [(0, 0.0, 0.0), (0, 0.0, 0.0), (2, 5.0, 9.0)],
    "a huge unit": [(k % 4, 9e11 * (k % 4 > 0), 1e12) for k in range(100)],
    "a tiny unit": [(k % 4, 9e-10 * (k % 4 > 0), 1e-9) for k in range(100)],
    "thousands within an instant": [(4675, 0.617, 21.4), (4158, 2e-11, 8.7e-7), (1327, 0.216, 0.68), (0, 0.0, 7.8e-7)],
    "robots among one-time buyers": [(0, 0.0, 7300.0)] * 300 + [(5000, 7299.0, 7300.0)] * 3,
}


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("name", DEGENERATE)
def test_a_log_without_a_top_gets_a_weak_prior_and_finite_numbers(name, fit):
    histories = drawn(DEGENERATE[name])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = fit(histories)
    horizon = float(histories.days_observed.max())
    assert model.is_regularised
    assert np.isfinite([*numbers_of(model), model.log_likelihood]).all()
    assert np.isfinite(model.expected_orders(histories, horizon)).all()
    assert not np.isnan(model.next_order_days(histories, 0.5)).any()


@pytest.mark.parametrize("fit", FITS)
def test_where_nobody_came_back_hardly_an_order_is_expected_but_not_none(fit):
    histories = drawn(DEGENERATE["nobody came back"])
    expected = fit(histories).expected_orders(histories, 90.0).sum()
    assert 0.01 < expected < 1


@pytest.mark.parametrize("fit", FITS)
def test_where_nobody_left_as_many_orders_are_expected_as_came(fit):
    histories = drawn(STEADY)
    assert_allclose(fit(histories).expected_orders(histories, 50.0).mean(), 10.5, rtol=0.05)


@pytest.mark.parametrize("fit", FITS)
def test_a_log_of_nobody_or_of_no_time_is_refused(fit):
    with pytest.raises(ModelError, match="found 0 customers and 0 days"):
        fit(drawn([]))
    with pytest.raises(ModelError, match="found 2 customers and 0 days"):
        fit(drawn([(0, 0.0, 0.0), (0, 0.0, 0.0)]))


@pytest.mark.parametrize("model", MODELS, ids=name_of)
def test_nobody_gets_no_prediction(model):
    assert model.expected_orders(drawn([]), 9.0).shape == (0,)
    assert model.next_order_days(drawn([]), 0.5).shape == (0,)


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ((None, 1.0, 2.0), "1 with a number that is null or endless"),
        ((1, 1.0, np.inf), "1 with a number that is null or endless"),
        ((-1, 0.0, 2.0), "1 with repeat_order_days that are no whole number from 0 on"),
        ((1.5, 1.0, 2.0), "1 with repeat_order_days that are no whole number from 0 on"),
        ((1, 3.0, 2.0), "1 with days_from_first_to_last below 0 or above days_observed"),
        ((1, -1.0, 2.0), "1 with days_from_first_to_last below 0 or above days_observed"),
        ((0, 1.0, 2.0), "1 with a repeat and no days_from_first_to_last, or the other way round"),
        ((1, 0.0, 2.0), "1 with a repeat and no days_from_first_to_last, or the other way round"),
    ],
)
def test_histories_that_cannot_be_are_counted_and_refused(row, told):
    x, last, observed = zip((0, 0.0, 1.0), row, strict=True)
    with pytest.raises(ModelError, match=told):
        collect_histories(x, last, observed)


def test_columns_of_different_length_are_refused():
    with pytest.raises(ModelError, match="found 1, 2, 1 rows"):
        collect_histories([0], [0, 0], [1])


def test_nullable_columns_are_read():
    frame = pd.DataFrame({"x": [0, 2], "last": [0, 5], "observed": [9, 9]}, dtype="Int64")
    assert collect_histories(frame["x"], frame["last"], frame["observed"]).customers.tolist() == [1.0, 1.0]


@pytest.mark.parametrize("wrong", [0.0, -1.0, np.nan, np.inf])
def test_numbers_that_are_none_are_refused(wrong):
    for make in (BgNbd, MbgNbd, ParetoNbd):
        with pytest.raises(ModelError, match=f"{make.__name__} needs finite numbers above 0; found alpha"):
            make(1.0, wrong, 1.0, 1.0)
    with pytest.raises(ModelError, match="GammaGamma needs finite numbers above 0; found p"):
        GammaGamma(wrong, 2.0, 1.0)
    with pytest.raises(ModelError, match="found q_above_1"):
        GammaGamma(1.0, 1.0, 1.0)


# spending --------------------------------------------------------------------------------------------------

SPENDING = GammaGamma(6.25, 3.74, 15.44)


def spent(people, seed):
    rng = np.random.default_rng(seed)
    repeats = 1 + rng.poisson(2, people)
    return repeats, rng.gamma(6.25 * repeats, 1 / rng.gamma(3.74, 1 / 15.44, people)) / repeats


def test_an_expected_amount_lies_between_ones_own_mean_and_the_population_s():
    mean = 6.25 * 15.44 / 2.74
    assert_allclose(SPENDING.population_mean, mean)
    low, more, high, large = SPENDING.expected_amount([1, 10, 1, 5000], [5.0, 5.0, 500.0, 500.0])
    assert 5 < more < low < mean < high < large < 500
    assert_allclose(low, 6.25 * (15.44 + 5.0) / (6.25 + 2.74))


def test_who_tells_nothing_has_the_population_s_amount():
    given = ([0, 3, 3, None, 2, 2, np.inf], [None, 0.0, -5.0, 9.0, np.nan, np.inf, 9.0])
    assert_allclose(SPENDING.expected_amount(*given), np.full(7, SPENDING.population_mean))


def test_numbers_of_amounts_come_back_from_what_they_drew():
    model = fit_gamma_gamma(*spent(20_000, seed=0))
    assert_allclose((model.p, model.q, model.gamma), (6.25, 3.74, 15.44), rtol=0.1)
    assert GammaGamma(**json.loads(json.dumps(model.facts()))) == model


def test_the_currency_does_not_matter():
    repeats, amounts = spent(500, seed=3)
    pounds, pence = fit_gamma_gamma(repeats, amounts), fit_gamma_gamma(repeats, amounts * 1e8)
    assert_allclose((pence.p, pence.q, pence.gamma), (pounds.p, pounds.q, pounds.gamma * 1e8), rtol=1e-5)
    assert_allclose(pence.log_likelihood, pounds.log_likelihood - 500 * np.log(1e8))


def test_amounts_that_tell_nothing_are_left_out_of_learning():
    repeats, amounts = spent(300, seed=5)
    more = np.r_[repeats, 0, 2, 2, 1, 1], np.r_[amounts, 9.0, 0.0, -3.0, np.nan, np.inf]
    assert fit_gamma_gamma(*more) == fit_gamma_gamma(repeats, amounts)


def test_the_order_of_amounts_changes_no_bit():
    repeats, amounts = spent(5000, seed=8)
    mixed = np.random.default_rng(1).permutation(5000)
    assert fit_gamma_gamma(repeats[mixed], amounts[mixed]) == fit_gamma_gamma(repeats, amounts)


@pytest.mark.parametrize(
    ("repeats", "amounts"),
    [([1], [5.0]), ([2] * 100, [9.9] * 100), ([1, 2, 3], [1e12, 1e-3, 5.0]), ([1] * 200, 1 + SPREAD)],
    ids=["one", "all alike", "far apart", "no second repeat"],
)
def test_amounts_without_a_top_get_a_weak_prior_and_finite_numbers(repeats, amounts):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = fit_gamma_gamma(repeats, amounts)
    expected = model.expected_amount(repeats, amounts)
    assert np.isfinite(expected).all()
    assert (expected > 0).all()
    assert np.isfinite([model.population_mean, model.log_likelihood]).all()


def test_without_an_amount_nothing_is_learned():
    with pytest.raises(ModelError, match="found none among 2"):
        fit_gamma_gamma([0, 2], [5.0, 0.0])
