"""The model travels as text, says the same of one as of many, and gives its reasons in words."""

import json
import pickle
import shutil

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from pandas.testing import assert_frame_equal

import clm_ml as clm
from clm_ml.artifacts import new_box
from clm_ml.config import MEANINGS, Inputs, Task
from clm_ml.errors import ArtifactError, ModelError
from clm_ml.evaluation import fit_baselines, metrics, value_metrics
from clm_ml.examples import Examples, collect_examples, training_as_ofs
from clm_ml.features import catalogue
from clm_ml.model import BECOMES, BOX_KIND, REASONS, learn, save_model
from clm_ml.model import blocks as model_blocks
from clm_ml.model import partner as model_partner
from clm_ml.model.partner import BENT_TERMS, fit_partner
from clm_ml.model.prior import PRIOR_LOG_ODDS
from clm_ml.model.reasons import Teller
from clm_ml.snapshot import prepare
from clm_ml.timeline import date_of, day_of

AS_OF = "2025-08-01"
TABLES = ("orders", "events", "customers")


def quick(config, **changes):
    """Ask for four as_ofs on one thread."""
    train = config.train.model_copy(update={"step_days": 42, "most_as_ofs": 4})
    return config.model_copy(update={"train": train, "threads": 1} | changes)


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shop")
    clm.simulate(600, seed=3, out=folder)
    return quick(clm.load_config(folder / "shop.yaml"))


@pytest.fixture(scope="module")
def frames(shop):
    return {name: pd.read_parquet(shop.home / f"{name}.parquet") for name in TABLES}


@pytest.fixture(scope="module")
def tables(shop):
    return clm.read_tables(shop)


@pytest.fixture(scope="module")
def model(shop, tables):
    return clm.train(tables, shop, as_of=AS_OF)


@pytest.fixture(scope="module")
def features(shop, tables):
    return clm.describe(tables, AS_OF, shop.task).to_pandas()


@pytest.fixture(scope="module")
def scores(model, features):
    return model.score(features)


@pytest.fixture
def box(model, tmp_path):
    return boxed(model, tmp_path / "box")


def boxed(model, folder):
    with new_box(folder, BOX_KIND, {"as_of": AS_OF}) as hidden:
        save_model(model, hidden)
    return folder


def files(model, folder):
    folder.mkdir(parents=True)
    save_model(model, folder)
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


# the bundle ------------------------------------------------------------------------------------------------


def test_a_model_read_back_scores_the_same_to_the_last_bit(box, scores, features):
    assert_frame_equal(clm.load_model(box).score(features), scores, check_exact=True)


def test_a_box_holds_only_text_and_json(box):
    for path in box.iterdir():
        text = path.read_bytes().decode("utf-8")
        assert path.suffix in {".json", ".md", ".txt"}
        assert path.suffix != ".json" or json.loads(text)
        assert path.suffix != ".txt" or text.startswith("tree\n")


def test_reading_a_box_unpickles_nothing(box, features, monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("something was unpickled")

    for name in ("load", "loads", "Unpickler"):
        monkeypatch.setattr(pickle, name, refuse)
    assert len(clm.load_model(box).score(features)) == len(features)


@pytest.mark.parametrize("threads", [1, 2])
def test_the_same_rows_in_any_order_on_any_threads_give_the_same_bytes(threads, shop, frames, model, scores, tmp_path):
    shuffled = {name: frame.sample(frac=1.0, random_state=threads) for name, frame in frames.items()}
    config = quick(shop, threads=threads)
    tables = clm.read_tables(config, **shuffled)
    again = clm.train(tables, config, as_of=AS_OF)
    assert files(again, tmp_path / "again") == files(model, tmp_path / "first")
    assert_frame_equal(again.score(clm.describe(tables, AS_OF, config.task)), scores, check_exact=True)


def test_poisoned_and_added_future_rows_change_neither_the_model_nor_the_scores(shop, frames, model, scores, tmp_path):
    orders, events, customers = (frames[name].copy() for name in TABLES)
    later = orders["ordered_at"] >= AS_OF
    assert later.any()
    orders.loc[later, "amount"] *= 1000
    new = orders[later].assign(customer_id="C9999999", order_id="new")
    orders = pd.concat([orders, new, orders[later].assign(order_id="more", amount=1.0)])
    events = events[events["occurred_at"] < AS_OF]
    tables = clm.read_tables(shop, orders=orders, events=events, customers=customers)
    again = clm.train(tables, shop, as_of=AS_OF)
    first, second = files(model, tmp_path / "first"), files(again, tmp_path / "again")
    first_facts, second_facts = json.loads(first.pop("evaluation.json")), json.loads(second.pop("evaluation.json"))
    cards = [box.pop("model_card.md").decode("utf-8") for box in (first, second)]
    assert first == second
    assert len({card.split("## Data")[0] + card.split("## Task")[1] for card in cards}) == 1
    assert first_facts.pop("data") != second_facts.pop("data")  # the manifest tells how many rows were read
    assert first_facts == second_facts
    assert_frame_equal(again.score(clm.describe(tables, AS_OF, shop.task)), scores, check_exact=True)


@pytest.mark.parametrize(
    ("file", "change"),
    [
        ("model.json", lambda _: "{}"),
        ("model.json", lambda _: "not json"),
        ("model.json", lambda text: text.replace('"meanings": {', '"meanings": [], "other": {')),
        ("model.json", lambda text: text.replace('"horizon_days": 90', '"horizon_days": 0')),
        ("model.json", lambda text: text.replace("customers-1.txt", "../outside.txt")),
        ("model.json", lambda text: text.replace("customers-1.txt", "missing.txt")),
        ("customers-1.txt", lambda _: "no booster"),
        ("amount-1.txt", lambda _: ""),
    ],
)
def test_a_damaged_box_is_refused_however_well_it_is_sealed(file, change, model, tmp_path):
    save_model(model, tmp_path)
    text = (tmp_path / file).read_text(encoding="utf-8")
    assert change(text) != text
    (tmp_path / file).write_text(change(text), encoding="utf-8")
    with new_box(tmp_path / "box", BOX_KIND, {}) as hidden:
        for path in tmp_path.glob("*.*"):
            if path.is_file():
                shutil.copy(path, hidden)
    with pytest.raises(ArtifactError):
        clm.load_model(tmp_path / "box")


def test_an_altered_box_is_refused_with_the_file(box):
    (box / "customers-2.txt").write_text("altered", encoding="utf-8")
    with pytest.raises(ArtifactError, match=r"was altered: customers-2\.txt is not what it was"):
        clm.load_model(box)


# who is scored ---------------------------------------------------------------------------------------------


def test_scores_have_a_row_a_person_and_no_number_that_is_none(scores, features, model):
    assert scores["customer_id"].tolist() == features["customer_id"].tolist() == sorted(set(features["customer_id"]))
    visitors = scores["days_since_last_order"].isna()
    assert 0 < visitors.sum() < len(scores)
    numbers = scores.select_dtypes("number").astype("float64")
    assert not np.isinf(numbers).to_numpy().any()
    assert numbers[~visitors].notna().to_numpy().all()
    nulls = ["r_score", "f_score", "m_score", "days_since_last_order", "expected_gap_days", "overdue_ratio"]
    nulls += ["churn_probability", "value_at_risk", *BECOMES]
    assert list(numbers.columns[numbers[visitors].isna().any()]) == nulls
    assert scores["order_probability"].between(0, 1, inclusive="neither").all()
    assert (scores["expected_value_if_ordering"] > 0).all()
    assert_frame_equal(scores.drop(columns=list(REASONS)), model.score(features, reasons=False), check_exact=True)


def test_what_is_scored_adds_up(scores):
    buyers = scores[scores["churn_probability"].notna()]
    assert np.array_equal(buyers["churn_probability"], 1 - buyers["order_probability"])
    assert np.array_equal(buyers["value_at_risk"], buyers["churn_probability"] * buyers["expected_value_if_ordering"])
    assert np.array_equal(scores["expected_value"], scores["order_probability"] * scores["expected_value_if_ordering"])


def test_an_order_is_worth_what_lies_between_their_own_mean_and_everybodys_and_no_more_than_all(
    scores, features, model
):
    days = features["order_days_ever"].to_numpy(dtype=float)
    means = features["gross_minor_ever"].to_numpy(dtype=float) / 100 / np.maximum(days, 1)
    own = model.prior.spending.expected_amount(days, means) / model.prior.orders_a_day
    whole = scores["expected_value_if_ordering"]
    assert np.array_equal(scores["expected_order_amount"], np.minimum(own, whole))
    assert 0 < (own > whole).sum() < len(own) / 2, "who returned much is worth less than their orders were"
    assert len(set(own[scores["churn_probability"].isna()])) == 1


def test_a_customer_scored_alone_gets_the_same_row_as_among_all(model, features, scores):
    visitors = features.index[features["orders_ever"] == 0]
    for row in [*features.index[::25], *visitors[:5]]:
        alone = model.score(features.loc[[row]])
        assert_frame_equal(alone, scores.loc[[row]], check_exact=True)


def test_a_customer_alone_in_the_tables_gets_the_same_row_as_among_all(shop, frames, model, features, scores):
    buyers = features.index[(features["orders_ever"] > 0)]
    for row in buyers[:: len(buyers) // 5]:
        customer = features.loc[row, "customer_id"]
        theirs = {name: frame[frame["customer_id"] == customer] for name, frame in frames.items()}
        theirs["events"] = theirs["events"] if len(theirs["events"]) else frames["events"].head(1)
        alone = model.score(clm.describe(clm.read_tables(shop, **theirs), AS_OF, shop.task))
        alone = alone[alone["customer_id"] == customer].set_index(pd.Index([row]))
        assert_frame_equal(alone, scores.loc[[row]], check_exact=True)


def test_frames_of_any_kind_are_scored_alike(model, features, scores):
    for frame in (pa.Table.from_pandas(features), pl.from_pandas(features), pl.from_pandas(features).lazy()):
        assert_frame_equal(model.score(frame), scores, check_exact=True)


def test_a_missing_feature_is_named_and_others_are_passed_over(model, features, scores):
    with pytest.raises(ModelError) as refused:
        model.score(features.rename(columns={"orders_last_90d": "orders_last_9d"}))
    assert str(refused.value) == (
        "the model learned from orders_last_90d, which the features lack"
        "; did you mean 'orders_last_9d' or 'orders_last_30d' or 'orders_last_180d'?"
    )
    with pytest.raises(ModelError, match="the model learned from as_of, which the features lack"):
        model.score(features.drop(columns="as_of"))
    with pytest.raises(ModelError, match="learned from customer_id and 2 more, which the features lack"):
        model.score(features.drop(columns=["customer_id", "visits_last_30d", "has_email"]))
    with pytest.raises(ModelError, match=r"orders_ever must be a number in every row; it is str\."):
        model.score(features.astype({"orders_ever": "str"}))
    more = features.assign(overdue_ratio=1e9, expected_gap_days=-1.0, favourite="tea")
    assert_frame_equal(model.score(more), scores, check_exact=True)


def test_visitors_have_a_probability_of_an_order_and_none_of_churn(model, features):
    visitors = features[features["orders_ever"] == 0]
    said = model.score(visitors)
    assert said["churn_probability"].isna().all()
    assert said["value_at_risk"].isna().all()
    assert set(said["segment"]) <= {"engaged_visitor", "loyal_visitor"}
    assert said["reason_1"].str.len().gt(0).all()
    rate = said["order_probability"].mean()
    assert 0 < rate < 0.3


# what is learned -------------------------------------------------------------------------------------------


def drawn_orders(customers, weeks, chance, seed=1):
    """Draw a shop in which everyone orders in a week with their own chance."""
    rng = np.random.default_rng(seed)
    who, week = np.nonzero(rng.random((customers, weeks)) < chance)
    when = pd.Timestamp("2020-01-01") + pd.to_timedelta(week * 7, unit="D")
    return pd.DataFrame({"customer_id": [f"c{i:04}" for i in who], "ordered_at": when, "amount": 10.0 + who % 7})


def small(orders, customers=None, horizon_days=30, **train):
    tables = {"orders": {"source": "-", "columns": {name: name for name in orders.columns}}}
    given = {"orders": orders}
    if customers is not None:
        tables["customers"] = {"source": "-", "columns": {name: name for name in customers.columns}}
        given["customers"] = customers
    last = orders["ordered_at"].max().date()
    config = clm.Config(
        project="small", threads=1, tables=tables, complete_until=date_of(day_of(last) + 1),
        task={"horizon_days": horizon_days}, train={"step_days": 14, "most_as_ofs": 5} | train,
    )  # fmt: skip
    return clm.read_tables(config, **given), config


@pytest.mark.parametrize(("horizon", "share", "advice"), [(30, "every", "shorter"), (1, "no", "longer")])
def test_where_all_customers_have_one_outcome_there_is_nothing_to_learn(horizon, share, advice):
    orders = drawn_orders(30, 52, 1.1)
    if share == "no":
        orders = orders[orders["ordered_at"] < "2020-02-01"]
        orders = pd.concat([orders, orders.tail(1).assign(customer_id="late", ordered_at=pd.Timestamp("2020-12-31"))])
    with pytest.raises(ModelError) as refused:
        clm.train(*small(orders, horizon_days=horizon))
    assert str(refused.value) == (
        f"there is nothing to learn: {share} customer ordered in the {horizon} days after every as_of; "
        f"use a {advice} horizon_days, or more customers."
    )
    assert refused.value.exit_code == 14


def test_without_orders_before_any_as_of_there_is_nobody_to_learn_from():
    tables, config = small(drawn_orders(30, 30, 0.3))
    prepared = prepare(tables)
    as_ofs = training_as_ofs(config, tables.first_day, tables.complete_until)
    frame = collect_examples(prepared, config, as_ofs, tables.complete_until).frame
    with pytest.raises(ModelError, match="nobody to learn from: no customer had ordered at any as_of"):
        learn(Examples(frame.assign(orders_ever=0)), config, Inputs())


def test_a_tiny_shop_falls_back_to_what_order_histories_tell():
    tables, config = small(drawn_orders(8, 22, 0.15), most_as_ofs=4)
    model = clm.train(tables, config)
    scores = model.score(clm.describe(tables, tables.complete_until, config.task))
    prepared = prepare(tables)
    as_ofs = training_as_ofs(config, tables.first_day, tables.complete_until)
    seen = collect_examples(prepared, config, as_ofs, tables.complete_until).frame["ordered"]
    assert min(seen.sum(), len(seen) - seen.sum()) < 25
    assert model.customers is None
    features = clm.describe(tables, tables.complete_until, config.task).to_pandas()
    assert scores["order_probability"].to_numpy() == pytest.approx(model.prior.order_probability(features))
    assert np.isfinite(scores["expected_value"]).all()
    assert scores["reason_1"].isna().all()


def test_visitors_who_all_look_alike_get_their_rate():
    orders = drawn_orders(200, 40, 0.03)
    people = pd.DataFrame({"customer_id": [f"c{i:04}" for i in range(300)], "created_at": pd.Timestamp("2020-01-01")})
    tables, config = small(orders, people)
    model = clm.train(tables, config)
    assert model.visitors.trees is None
    scores = model.score(clm.describe(tables, tables.complete_until, config.task))
    visitors = scores[scores["churn_probability"].isna()]
    assert len(visitors) >= 100
    assert visitors["order_probability"].nunique() == 1
    assert visitors["order_probability"].iloc[0] == pytest.approx(0.1, abs=0.1)
    assert visitors["reason_1"].isna().all()


def test_of_a_visitor_nothing_is_said_where_training_knew_of_none():
    people = pd.DataFrame({"customer_id": ["v"], "created_at": pd.Timestamp("2020-09-25")})
    tables, config = small(drawn_orders(120, 40, 0.15), people)
    model = clm.train(tables, config)
    assert model.visitors is None
    scores = model.score(clm.describe(tables, tables.complete_until, config.task)).set_index("customer_id")
    assert scores.loc["v", "segment"] == "engaged_visitor"
    nulls = ["order_probability", "churn_probability", "expected_value", "value_at_risk", *REASONS]
    assert scores.loc["v", nulls].isna().all()
    assert scores.drop(index="v")["order_probability"].notna().all()


def test_the_partner_is_a_logistic_regression_on_logarithms():
    frame = pd.DataFrame({
        "days_since_last_order": [1, 5, 9, 80, 90, 200, 20, 40],
        "orders_ever": [9, 8, 3, 2, 1, 1, 4, 1],
        "amount_ever": [90.0, 20, 30, 20, 10, -5, 44, 12],
    })  # fmt: skip
    came = [1, 1, 1, 0, 0, 0, 1, 0]
    partner = fit_partner(frame, came)
    raw = partner.raw(frame)
    assert raw == pytest.approx(partner.contributions(frame).sum(axis=1) + partner.intercept)
    assert (raw > 0).astype(int).tolist() == came
    assert partner.means[0] == pytest.approx(np.log1p(frame["days_since_last_order"]).mean())


def test_the_partner_learns_from_as_many_examples_as_say_enough(monkeypatch):
    draw = np.random.default_rng(1)
    frame = pd.DataFrame({name: draw.integers(1, 100, 400) for name in ("days_since_last_order", "orders_ever")})
    frame["amount_ever"] = draw.normal(50, 9, 400)
    came = (frame["orders_ever"] > draw.integers(1, 100, 400)).astype(int)
    drawn = fit_partner(frame.iloc[::4], came.iloc[::4])
    assert fit_partner(frame, came) != drawn
    monkeypatch.setattr(model_partner, "_MOST", 100)
    assert fit_partner(frame, came) == drawn


def test_rows_in_blocks_come_out_as_all_at_once(monkeypatch):
    tables, config = small(drawn_orders(200, 40, 0.15))
    model = clm.train(tables, config)
    features = clm.describe(tables, tables.complete_until, config.task).to_pandas()
    at_once = model.score(features, reasons=False)
    assert at_once["next_order_on"].notna().any()
    monkeypatch.setattr(model_blocks, "_AT_ONCE", 7)
    pd.testing.assert_frame_equal(model.score(features, reasons=False), at_once, check_exact=True)


def test_the_trees_partner_bends_and_its_terms_answer_for_features():
    frame = pd.DataFrame({
        "days_since_last_order": [1, 5, 9, 80, 90, 200, 20, 40],
        "days_since_first_order": [90, 80, 9, 80, 120, 200, 30, 40],
        "orders_ever": [9, 8, 1, 1, 2, 1, 4, 1],
        "order_days_ever": [9, 8, 1, 1, 2, 1, 4, 1],
        "amount_ever": [90.0, 20, 30, 20, 10, -5, 44, 12],
    })  # fmt: skip
    frame = frame.assign(**{f"orders_faded_over_{days}d": 1000 * frame["orders_ever"] for days in (30, 90)})
    frame[PRIOR_LOG_ODDS] = [2.0, 1, 0, -2, -1, -3, 1, -1]
    partner = fit_partner(frame, [1, 1, 1, 0, 0, 0, 1, 0], BENT_TERMS)
    shares = partner.contributions(frame)
    answering = ["amount_ever", "days_since_last_order", "order_days_ever", "order_days_per_30d", "orders_ever"]
    assert sorted(shares) == answering
    assert partner.raw(frame) == pytest.approx(shares.sum(axis=1) + partner.intercept)
    by_hand = np.log1p(frame["order_days_ever"] - 1) * frame["days_since_last_order"] / frame["days_since_first_order"]
    assert partner.means[partner.terms.index("silent share by repeats")] == pytest.approx(by_hand.mean())


def test_contributions_and_the_mean_add_up_to_the_log_odds(model, features):
    complete = model.complete(features[features["orders_ever"] > 0])
    learner = model.customers
    rest = learner.raw(complete) - learner.contributions(complete).sum(axis=1)
    assert np.ptp(rest) < 1e-9


def test_the_trees_keep_a_known_sign(model, features):
    """With all else equal, to trees a customer who has been silent longer, or ordered less, is not likelier to come.

    Their partner is free: silence and what has faded move together, and bounds on its weights cost it on every log.
    """
    complete = model.complete(features[features["orders_ever"] > 0])
    trees = model.customers.trees
    said = trees.raw(complete)
    for name, worse in (("days_since_last_order", 30), ("overdue_ratio", 1), ("orders_last_90d", -1)):
        assert (trees.raw(complete.assign(**{name: complete[name] + worse})) <= said + 1e-12).all()


def test_the_seed_decides_the_model(shop, tables, model, tmp_path):
    other = quick(shop)
    other = other.model_copy(update={"train": other.train.model_copy(update={"seed": 2})})
    again = clm.train(tables, other, as_of=AS_OF)
    assert files(again, tmp_path / "a")["customers-1.txt"] != files(model, tmp_path / "b")["customers-1.txt"]


def test_a_notebook_shows_what_the_model_is(model):
    shown = model._repr_html_()
    assert "90 days ahead" in shown
    assert "auc" in shown
    assert len(repr(model)) < 2000


# reasons ---------------------------------------------------------------------------------------------------

TELLER = Teller(Task(), "GBP")
ROW = {
    "days_since_last_order": 45, "days_since_first_order": 300, "orders_ever": 6, "gaps_ever": 5,
    "overdue_ratio": 2.25, "expected_gap_days": 20.2, "mean_gap_days": 19.6, "gap_spread_days": 4.4,
    "orders_last_90d": 2, "amount_last_90d": 1234.5, "amount_ever": 9876.4, "returned_amount_share": 0.25,
    "days_since_last_event": 1, "events_last_90d": 1, "days_since_last_visit": 12, "visits_last_30d": 3,
    "visits_last_90d": 8, "days_since_last_email_open": None, "days_since_last_ticket": 70, "tickets_last_30d": 0,
    "tickets_last_90d": 0,
}  # fmt: skip
ONCE = ROW | {
    "orders_ever": 1, "gaps_ever": 0, "mean_gap_days": np.nan, "gap_spread_days": np.nan, "days_since_last_order": 1,
    "overdue_ratio": 0.05, "returned_amount_share": 0.0, "expected_gap_days": 1.0,
}  # fmt: skip
VISITOR = ROW | {
    "orders_ever": 0, "gaps_ever": 0, "days_since_last_order": np.nan, "days_since_first_order": np.nan,
    "overdue_ratio": np.nan, "expected_gap_days": np.nan, "mean_gap_days": np.nan, "returned_amount_share": np.nan,
    "days_since_last_event": np.nan,
}  # fmt: skip


@pytest.mark.parametrize(
    ("row", "theme", "said"),
    [
        (ROW, "recency", "last order 45 days ago, 2.2 times the usual 20 days"),
        (ONCE, "recency", "last order 1 day ago, 0.1 times the 1 day to be expected"),
        (ROW | {"gaps_ever": 0}, "recency", "last order 45 days ago, 2.2 times the 20 days to be expected"),
        (VISITOR, "recency", "has never ordered"),
        (ROW, "tenure", "first order 300 days ago"),
        (VISITOR, "tenure", "has never ordered"),
        (ROW, "rhythm", "orders every 20 days, give or take 4"),
        (ROW | {"mean_gap_days": 1.0, "gap_spread_days": np.nan}, "rhythm", "orders every 1 day"),
        (ONCE, "rhythm", "has no rhythm of orders yet"),
        (ROW, "frequency", "6 orders so far, 2 in the last 90 days"),
        (ONCE, "frequency", "a single order so far"),
        (VISITOR, "frequency", "no order so far"),
        (ROW, "money", "spent 9,876 GBP so far, 1,234 GBP in the last 90 days"),
        (ROW | {"amount_last_90d": -0.3}, "money", "spent 9,876 GBP so far, 0 GBP in the last 90 days"),
        (ROW, "returns", "returned 25% of what was bought"),
        (ROW | {"returned_amount_share": 1.5}, "returns", "returned 100% of what was bought"),
        (ROW | {"returned_amount_share": 0.001}, "returns", "returned 1% of what was bought"),
        (ONCE, "returns", "has returned nothing"),
        (VISITOR, "returns", "has returned nothing"),
        (ROW, "engagement", "last seen 1 day ago, 1 event in the last 90 days"),
        (VISITOR, "engagement", "nothing seen between orders"),
        (ROW, "visit", "last visit 12 days ago, 3 in the last 30 days after 2.5 a month before"),
        (ROW, "ticket", "last ticket 70 days ago, none in the last 90 days"),
        (ROW, "email_open", "no opened e-mail yet"),
    ],
)
def test_each_theme_is_told_with_the_customers_own_figures(row, theme, said):
    told = TELLER.tell(pd.DataFrame([row]), pd.DataFrame({"f": [-1.0]}), {"f": theme})
    assert told.loc[0, "reason_1"] == f"{said} (raises the risk)"


def test_three_themes_at_most_are_told_weightiest_first_each_with_its_direction():
    contributions = pd.DataFrame(
        {"a": [0.5, 0.0], "b": [0.4, 0.0], "c": [-0.8, 0.0], "d": [0.1, -0.2], "e": [-0.3, 0.0]}, index=[7, 3]
    )
    themes = {"a": "frequency", "b": "frequency", "c": "recency", "d": "money", "e": "rhythm"}
    told = TELLER.tell(pd.DataFrame([ROW, ROW], index=[7, 3]), contributions, themes)
    assert told.index.tolist() == [7, 3]
    assert told.loc[7].tolist() == [
        "6 orders so far, 2 in the last 90 days (lowers the risk)",
        "last order 45 days ago, 2.2 times the usual 20 days (raises the risk)",
        "orders every 20 days, give or take 4 (raises the risk)",
    ]
    assert told.loc[3, "reason_1"].startswith("spent 9,876 GBP so far")
    assert told.loc[3, ["reason_2", "reason_3"]].isna().all()


@pytest.mark.parametrize("windows", [(7, 30, 90, 180, 365), (10, 20), (400,)])
def test_every_theme_has_a_sentence_whatever_is_known_and_whatever_the_windows(windows):
    task = Task(windows_days=windows)
    features = catalogue(task, Inputs({meaning: (meaning,) for meaning in MEANINGS}))
    teller = Teller(task, "EUR")
    for value in (0, 1, 2.5, np.nan, 1e6):
        missing = {f.name: value if value == value or f.absent is None else 0 for f in features}  # noqa: PLR0124
        for feature in features:
            told = teller.tell(pd.DataFrame([missing]), pd.DataFrame({"f": [0.1]}), {"f": feature.theme})
            sentence = told.loc[0, "reason_1"]
            assert sentence.endswith("(lowers the risk)")
            assert "nan" not in sentence
            assert "inf" not in sentence
            assert " 1 days" not in sentence


def test_the_direction_of_a_reason_is_that_of_what_the_model_does(model, features):
    """Told from the model itself: the first reason of who is surely gone raises, of who is surely back lowers."""
    said = model.score(features[features["orders_ever"] > 0]).sort_values("churn_probability")
    assert said["reason_1"].head(20).str.endswith("(lowers the risk)").all()
    assert said["reason_1"].tail(20).str.endswith("(raises the risk)").all()


def test_reasons_speak_of_nobody_else_and_of_no_attribute(scores, frames):
    text = " ".join(scores[list(REASONS)].stack().dropna())
    people = frames["customers"]
    for column in ("customer_id", "email", "phone", "country", "age_band"):
        for value in people[column].dropna().astype(str).unique():
            assert f" {value} " not in f" {text} "


def test_reasons_follow_custom_windows(frames, shop):
    config = quick(shop, task=Task(horizon_days=60, windows_days=(10, 20)))
    tables = clm.read_tables(config, **frames)
    said = clm.train(tables, config).score(
        clm.describe(tables, tables.complete_until, config.task).to_pandas().head(60)
    )
    text = " ".join(said[list(REASONS)].stack().dropna())
    assert "in the last 20 days" in text
    assert "in the last 10 days" not in text


# a real shop -----------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_on_the_real_shop_the_model_beats_every_baseline_forward_in_time():
    """Over three days of a year that has one Christmas: on each of them somebody's level is right by chance."""
    config = clm.load_config(clm.online_retail_config()).model_copy(update={"threads": 1})
    tables = clm.read_tables(config)
    prepared, told = prepare(tables), []
    for day in (day_of(pd.Timestamp(when).date()) for when in ("2011-06-13", "2011-08-01", "2011-09-11")):
        as_ofs = training_as_ofs(config, tables.first_day, day)
        past = collect_examples(prepared, config, as_ofs, day, with_open=True)
        came = collect_examples(prepared, config, [day], tables.complete_until).frame
        came = came[came["orders_ever"] > 0].reset_index(drop=True)
        model = learn(past, config, tables.inputs)
        scores = model.score(came, reasons=False)
        assert metrics(came["ordered"], scores["order_probability"])["auc"] >= 0.735
        value = value_metrics(came["spent"], scores["expected_value"])
        assert value["spearman"] > 0.4
        assert value["gini"] > 0.5
        baselines = fit_baselines(past.frame[past.frame["orders_ever"] > 0], came, model.prior)
        told.append(pd.DataFrame({"ordered": came["ordered"], "model": scores["order_probability"], **baselines}))
    rows = pd.concat(told)
    losses = {name: metrics(rows["ordered"], rows[name])["log_loss"] for name in rows.columns[1:]}
    assert min(losses, key=losses.get) == "model", losses
