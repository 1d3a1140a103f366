"""Shops of many kinds, each drawn for longer than is told: what the defaults say of them is held against what came."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import clm_ml as clm
from clm_ml.errors import ModelError, TimelineError
from clm_ml.evaluation import metrics
from clm_ml.timeline import date_of, day_of, parse_day

BEGUN = parse_day("2020-01-01")


def drawn(rng, customers, days, gap, leaves, joins_within):
    """Draw (customer, day): each joins at random, then orders after drawn gaps, and leaves after an order by chance."""
    rows = []
    for who in range(customers):
        day = int(rng.integers(joins_within))
        while day < days:
            rows.append((who, day))
            if rng.random() < leaves:
                break
            day += max(1, round(gap(rng)))
    frame = pd.DataFrame(rows, columns=["who", "day"])
    return frame.assign(amount=10.0 + frame["who"] % 7)


def yearly(rng):
    return drawn(rng, 500, 2000, lambda r: r.normal(365, 20), 0.25, 2000)


def grocery(rng):
    return drawn(rng, 200, 400, lambda r: r.exponential(4), 0.02, 150)


def subscription(rng):
    return drawn(rng, 400, 500, lambda _: 30, 0.08, 350)


def one_time(rng):
    return drawn(rng, 3000, 500, lambda r: r.exponential(60), 0.93, 420)


def regulars(rng):
    """Draw customers whose pace differs, of which histories tell best."""
    parts = [drawn(rng, 200, 250, lambda r, pace=pace: r.exponential(pace), 0.06, 50) for pace in (8, 25, 80)]
    return pd.concat([part.assign(who=part["who"] + 200 * place) for place, part in enumerate(parts)])


def told_until(orders, days, horizon_days, **train):
    """Let clm-ml read what came before a day, and train with its defaults, but for the number of as_ofs."""
    seen = orders[orders["day"] < days]
    frame = pd.DataFrame(
        {
            "customer_id": [f"c{who:05}" for who in seen["who"]],
            "ordered_at": pd.Timestamp("2020-01-01") + pd.to_timedelta(seen["day"], unit="D"),
            "amount": seen["amount"],
        }
    )
    config = clm.Config(
        project="kinds",
        threads=1,
        tables={"orders": {"source": "-", "columns": {name: name for name in frame}}},
        complete_until=date_of(BEGUN + days),
        task={"horizon_days": horizon_days},
        train={"most_as_ofs": 6} | train,
    )
    tables = clm.read_tables(config, orders=frame)
    model = clm.train(tables, config)
    return model, model.score(clm.describe(tables, tables.complete_until, config.task), reasons=False)


def came(orders, scores, days, horizon_days):
    inside = orders[(orders["day"] >= days) & (orders["day"] < days + horizon_days)]
    return scores["customer_id"].isin({f"c{who:05}" for who in inside["who"]}).to_numpy(dtype=int)


def is_sane(scores):
    probability = scores["order_probability"].to_numpy()
    assert ((probability > 0) & (probability < 1)).all()
    value = scores["expected_value"].to_numpy()
    assert np.isfinite(value).all()
    assert (value >= 0).all()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "days", "horizon_days", "least_auc"),
    [(yearly, 1800, 90, 0.80), (grocery, 350, 30, 0.80), (subscription, 400, 30, 0.80), (one_time, 400, 90, 0.60)],
)
def test_defaults_do_well_on_shops_of_many_kinds(kind, days, horizon_days, least_auc):
    orders = kind(np.random.default_rng(1))
    _, scores = told_until(orders, days, horizon_days, most_as_ofs=24)
    is_sane(scores)
    figures = metrics(came(orders, scores, days, horizon_days), scores["order_probability"])
    assert figures["auc"] > least_auc
    assert 0.6 < figures["predicted_to_happened"] < 1.67


@pytest.mark.parametrize("days", [60, 100, 130])
def test_a_log_without_a_closed_window_is_told_by_order_histories_alone(days):
    orders = regulars(np.random.default_rng(1))
    model, scores = told_until(orders, days, horizon_days=90)
    assert model.customers is None
    assert model.facts["as_ofs"] == []
    assert "it takes" in model.facts["evaluation"]["unjudged"]
    is_sane(scores)
    figures = metrics(came(orders, scores, days, 90), scores["order_probability"])
    assert figures["auc"] > 0.65
    assert 0.75 < figures["predicted_to_happened"] < 1.33


def test_overlapping_windows_are_learned_from_and_not_judged():
    orders = drawn(np.random.default_rng(1), 500, 300, lambda r: r.exponential(30), 0.15, 250)
    model, scores = told_until(orders, 180, horizon_days=90)
    assert model.customers is not None
    assert len(model.facts["as_ofs"]) == 2
    assert "unjudged" in model.facts["evaluation"]
    is_sane(scores)
    figures = metrics(came(orders, scores, 180, 90), scores["order_probability"])
    assert figures["auc"] > 0.65
    assert 0.75 < figures["predicted_to_happened"] < 1.33


def test_before_there_is_any_history_nothing_is_learned():
    orders = drawn(np.random.default_rng(1), 50, 100, lambda r: r.exponential(30), 0.15, 20)
    with pytest.raises(TimelineError, match="too early to learn"):
        told_until(orders, 30, horizon_days=90)


def test_where_nobody_ever_came_back_one_sentence_says_so():
    orders = drawn(np.random.default_rng(1), 300, 400, lambda _: 30, 1.0, 400)
    with pytest.raises(ModelError, match="no customer ordered in the 30 days after every as_of"):
        told_until(orders, 300, horizon_days=30)


def test_a_young_shop_of_one_time_buyers_expects_few_of_them():
    orders = drawn(np.random.default_rng(1), 300, 100, lambda _: 30, 1.0, 100)
    _, scores = told_until(orders, 100, horizon_days=90)
    is_sane(scores)
    assert scores["order_probability"].max() < 0.1


def test_a_model_of_order_histories_travels_in_its_box(tmp_path):
    from clm_ml.artifacts import new_box
    from clm_ml.model import BOX_KIND, load_model, save_model

    orders = drawn(np.random.default_rng(1), 200, 100, lambda r: r.exponential(30), 0.15, 60)
    model, _ = told_until(orders, 100, horizon_days=90)
    with new_box(tmp_path / "model", BOX_KIND, {"as_of": str(date_of(day_of(date_of(BEGUN + 100))))}) as hidden:
        save_model(model, hidden)
    assert load_model(tmp_path / "model").prior == model.prior
