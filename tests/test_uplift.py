"""Who would change their mind: whom a contact moves, whether that is believed, and lists ranked by it."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

import clm_ml as clm
from clm_ml.artifacts import new_box
from clm_ml.cli import app
from clm_ml.config import Config, ListPlan, UpliftPlan, load_config
from clm_ml.errors import ArtifactError, CampaignError, DataError, ModelError, TimelineError
from clm_ml.pipeline import learn_from_campaigns
from clm_ml.pipeline.persuading import find_effects
from clm_ml.plots import plot_uplift
from clm_ml.ranking import Effects, rank_customers
from clm_ml.tables import read_tables
from clm_ml.uplift import BOX_KIND, Gate, learn_uplift, load_uplift, save_uplift
from clm_ml.uplift.deciles import by_decile
from clm_ml.uplift.experiment import read_experiment
from clm_ml.uplift.layout import fit_layout
from clm_ml.uplift.learners import Learners, Logistic, fit_learners
from clm_ml.uplift.qini import Part, gain_curve, places_of, qini_of
from clm_ml.uplift.validating import doubly_robust, validate

HERE = Path(__file__).parent
ASKED = {"features": None, "arm": "arm", "holdout": "holdout", "ordered": "ordered", "folds": 5, "seed": 1}
ONE = UpliftPlan(learner="t")


def people(customers=3000, moved=0.25, held=0.5, seed=1):
    """Draw an experiment in which a contact moves the young by so much, and nobody else."""
    rng = np.random.default_rng(seed)
    young, contacted = rng.random(customers) < 0.5, rng.random(customers) >= held
    came = rng.random(customers) < 0.2 + moved * (contacted & young)
    columns = {"young": young, "income": rng.normal(size=customers), "town": rng.choice(["a", "b"], customers)}
    return pd.DataFrame(columns | {"arm": np.where(contacted, "mail", "holdout"), "ordered": came.astype(int)})


@pytest.fixture(scope="module")
def moved():
    return people()


@pytest.fixture(scope="module")
def learned(moved):
    return learn_uplift(moved, share=0.5)


# What is learned


def test_whom_a_contact_moves_is_learned_and_proved(learned):
    young = pd.DataFrame({"young": [True, False], "income": 0.0, "town": "a"})
    assert learned.gate.passed
    assert learned.gate.z > 4
    assert learned.effects(young).tolist() == pytest.approx([0.25, 0.0], abs=0.08)
    assert learned.mean.low < 0.125 < learned.mean.high
    assert learned.qini.value == pytest.approx(0.25 * 0.125, abs=0.012)  # half are moved .25: (½ × ⅛ + …) = .03125


def test_where_a_contact_moves_all_alike_nothing_is_proved():
    rng = np.random.default_rng(5)
    told = people(moved=0.0, seed=4)
    came = rng.random(len(told)) < 0.2 + 0.1 * (told["arm"] == "mail")
    found = learn_uplift(told.assign(ordered=came.astype(int)), share=0.5)
    assert not found.gate.passed
    assert "not passed" in found.lines()[0]
    assert "assumed save rate" in found.lines()[0]


@pytest.mark.parametrize("learner", ["x", "t", "response"])
def test_each_learner_finds_whom_a_contact_moves(moved, learner):
    found = learn_uplift(moved, share=0.5, plan=UpliftPlan(learner=learner, folds=3))
    assert found.learner == learner
    assert list(found.each) == [learner]
    young, old = found.effects(pd.DataFrame({"young": [1, 0], "income": 0.0, "town": "b"}))
    assert young > old + 0.15
    assert (found.learners.effects is not None) == (learner == "x")


@settings(max_examples=2, deadline=None)
@given(st.randoms(use_true_random=False))
def test_the_same_rows_in_any_order_give_the_same_bytes(tmp_path_factory, draws):
    rows, plan = people(400), UpliftPlan(learner="auto", folds=3)
    order = list(range(len(rows)))
    draws.shuffle(order)
    texts = []
    for frame in (rows, rows.iloc[order]):
        folder = tmp_path_factory.mktemp("bytes")
        save_uplift(learn_uplift(frame, share=0.5, plan=plan), folder)
        texts.append({path.name: path.read_bytes() for path in folder.iterdir()})
    assert texts[0] == texts[1]


def test_frames_of_any_kind_give_the_same(moved):
    rows = moved.head(800)
    asked = {"share": 0.5, "plan": UpliftPlan(learner="t", folds=3)}
    assert learn_uplift(pl.from_pandas(rows), **asked).facts() == learn_uplift(rows, **asked).facts()


def test_only_named_features_are_learned_from(moved):
    found = learn_uplift(moved.assign(leak=moved["ordered"]), features=["young"], share=0.5, plan=ONE)
    assert list(found.learners.layout.values) == ["young"]


def test_several_shares_have_their_own_chance(moved):
    told = moved.assign(held=0.5)
    by_column = learn_uplift(told, features=["young"], share="held", plan=ONE)
    assert by_column.facts() == learn_uplift(moved, features=["young"], share=0.5, plan=ONE).facts()


# What is refused


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (lambda rows: rows.assign(arm="mail"), CampaignError, "nobody is in the arm 'holdout'"),
        (lambda rows: rows.assign(ordered=2), DataError, "1 or 0, and nothing else"),
        (lambda rows: rows.drop(columns="ordered"), DataError, "no column 'ordered'"),
        (lambda rows: rows.head(150), CampaignError, "bring more campaigns"),
        (lambda rows: rows[["arm", "ordered"]], DataError, "no column of what was known before"),
        (lambda rows: rows.assign(ordered=0), CampaignError, "0 ordered"),
    ],
)
def test_what_cannot_be_learned_from_is_refused_in_a_sentence(moved, change, error, words):
    with pytest.raises(error, match=words):
        learn_uplift(change(moved), share=0.5)


def test_a_share_of_all_or_nobody_is_refused(moved):
    with pytest.raises(DataError, match="lies between 0 and 1"):
        learn_uplift(moved, share=1.0)


def test_a_feature_that_is_no_column_is_refused(moved):
    with pytest.raises(DataError, match="'inkome'; did you mean 'income'"):
        learn_uplift(moved, features=["inkome"], share=0.5)


# By hand


def test_doubly_robust_scores_by_hand():
    rows = pd.DataFrame({"a": [0.0] * 4})
    layout = fit_layout(rows)
    rates = Logistic((0.0,), 0.0), Logistic((0.0,), float(np.log(0.25 / 0.75)))  # .5 if contacted, .25 if not
    experiment = read_experiment(people(600), share=0.5, **ASKED).where(np.arange(600) < 4)
    given = type(experiment)(
        rows, np.array([True, True, False, False]), np.array([1.0, 0, 1, 0]), np.full(4, 0.8), np.zeros(4, int)
    )
    psi = doubly_robust(given, Learners(layout, *rates, None, 0.8))
    # .25 + .5 / .8, .25 − .5 / .8, .25 − .75 / .2, .25 + .25 / .2
    assert psi.tolist() == pytest.approx([0.875, -0.375, -3.5, 1.5])


def test_qini_by_hand_is_the_area_between_the_gain_and_chance_order():
    place, psi = places_of(np.array([4.0, 3.0, 2.0, 1.0])), np.array([0.4, 0.0, 0.0, 0.0])
    qini = qini_of([Part(place, psi)])
    assert qini.value == pytest.approx(0.375 * 0.4 / 4)  # its place is .125
    share, gain = gain_curve([Part(place, psi)], points=401)
    assert np.trapezoid(gain - share * gain[-1], share) == pytest.approx(qini.value)


def test_ties_gain_nothing():
    assert qini_of([Part(places_of(np.zeros(5)), np.array([1.0, 0, 1, 0, 3]))]).value == pytest.approx(0)


def test_the_standard_error_of_qini_is_that_of_redrawing_it():
    rng = np.random.default_rng(1)
    found = []
    for _ in range(400):
        score = rng.normal(size=400)
        psi = 0.3 * score + rng.normal(size=400)
        found.append(qini_of([Part(places_of(score), psi)]))
    spread = np.std([qini.value for qini in found])
    assert np.mean([qini.error for qini in found]) == pytest.approx(spread, rel=0.12)


def test_tenths_by_hand_have_newcombes_interval():
    judged = pd.DataFrame({"place": [0.05] * 20 + [0.95] * 20, "contacted": [True] * 10 + [False] * 10 + [True] * 20})
    judged = judged.assign(ordered=[1.0] * 5 + [0.0] * 5 + [1.0] * 2 + [0.0] * 8 + [0.0] * 20, chance=0.5)
    told = by_decile(judged, 1.96)
    first, last = told.iloc[0], told.iloc[9]
    assert (first["contacted"], first["held_out"], first["effect"]) == (10, 10, pytest.approx(0.3))
    assert first["effect_low"] == pytest.approx(0.3 - (0.2634**2 + 0.3098**2) ** 0.5, abs=1e-3)
    assert (last["contacted"], last["held_out"]) == (20, 0)
    assert np.isnan(last["effect"])


def test_each_fold_is_judged_by_what_was_learned_from_those_before_it(moved, monkeypatch):
    seen = []

    def spy(experiment, seed, *, with_trees):
        seen.append(sorted(set(experiment.fold.tolist())))
        return fit_learners(experiment, seed, with_trees=with_trees)

    monkeypatch.setattr("clm_ml.uplift.validating.fit_learners", spy)
    found = validate(read_experiment(moved, share=0.5, **ASKED), ("t",), 5, 1)
    assert seen == [[0], [0, 1], [0, 1, 2], [0, 1, 2, 3]]
    assert sorted(set(found.judged["fold"])) == [1, 2, 3, 4]


def test_a_fold_is_not_led_by_what_came_of_it(moved):
    """The leader of a fold may depend on earlier folds alone: what comes in the last one changes no leader."""
    experiment = read_experiment(moved, share=0.5, **ASKED)
    rng = np.random.default_rng(1)
    other = np.where(experiment.fold == 4, rng.permutation(experiment.ordered), experiment.ordered)
    changed = type(experiment)(experiment.features, experiment.contacted, other, experiment.chance, experiment.fold)
    one, two = (validate(each, ("t", "response"), 5, 1) for each in (experiment, changed))
    assert one.leaders == two.leaders
    assert one.judged.query("fold < 4").equals(two.judged.query("fold < 4"))


def test_folds_are_drawn_evenly_within_each_arm(moved):
    experiment = read_experiment(moved, share=0.5, **ASKED)
    sizes = pd.crosstab(experiment.contacted, experiment.fold)
    assert ((sizes.max(axis=1) - sizes.min(axis=1)) <= 1).all()


# The layout


def test_what_is_unknown_or_new_counts_as_the_mean():
    rows = pd.DataFrame({"a": [1.0, 3.0, np.nan] * 50, "town": ["x", "y", None] * 50, "same": 7})
    layout = fit_layout(rows)
    told = layout.standard(layout.numbers(pd.DataFrame({"a": [np.nan, 3.0, 1e9], "town": ["z", "x", None], "same": 7})))
    assert layout.values == {"a": None, "town": ("x", "y"), "same": None}
    assert told[:, 0].tolist() == [0.0, 1.0, 5.0]
    assert told[0, 1] == told[2, 1] < 0 < told[1, 1]
    assert told[:, 3].tolist() == [0, 0, 0]


def test_a_feature_that_is_missing_later_is_told(learned):
    with pytest.raises(ModelError, match="learned with 'income'"):
        learned.effects(pd.DataFrame({"young": [1], "town": ["a"]}))


# The box


def test_a_box_gives_the_same_effects_back(moved, tmp_path):
    found = learn_uplift(moved, share=0.5, plan=UpliftPlan(learner="x", folds=3))
    with new_box(tmp_path / "box", BOX_KIND, {}) as hidden:
        save_uplift(found, hidden)
    again = load_uplift(tmp_path / "box")
    assert again.effects(moved).tolist() == found.effects(moved).tolist()
    assert again.facts() == json.loads(json.dumps(found.facts()))
    assert again.lines() == found.lines()
    assert again.rows() == found.rows()
    assert "<table>" in again._repr_html_()


def test_a_box_that_was_altered_or_holds_something_else_is_refused(learned, tmp_path):
    with new_box(tmp_path / "box", BOX_KIND, {}) as hidden:
        save_uplift(learned, hidden)
        figures = json.loads((hidden / "uplift.json").read_text())
        (hidden / "uplift.json").write_text(json.dumps(figures | {"learner": "y"}))
    with pytest.raises(ArtifactError, match="no uplift this clm-ml can read"):
        load_uplift(tmp_path / "box")
    (tmp_path / "box" / "learned.json").write_text("{}")
    with pytest.raises(ArtifactError):
        load_uplift(tmp_path / "box")


def test_the_figure_shows_gain_and_tenths(learned):
    figure = plot_uplift(learned.curve, learned.deciles, "drawn")
    gains, tenths = figure.axes
    by_uplift, in_any_order = [line for line in gains.get_lines() if line.get_label() != "_told"]
    assert by_uplift.get_ydata()[-1] == pytest.approx(in_any_order.get_ydata()[-1])
    assert (by_uplift.get_ydata() >= in_any_order.get_ydata() - 0.5).all()
    assert len(tenths.get_lines()) == 2 + 2 * 10
    mean = tenths.get_lines()[-1].get_ydata()[0]
    assert mean == pytest.approx(100 * learned.curve["gain"].iloc[-1])
    assert "tenth 10: " in figure._repr_html_()


# The ranking


def scores(*rows):
    told = pd.DataFrame(rows, columns=["customer_id", "churn_probability", "expected_value_if_ordering"])
    more = {"segment": "at_risk", "phase": "retention", "value_at_risk": 1.0, "days_since_last_order": 100}
    return told.assign(as_of="2024-01-01", reason_1="", reason_2="", reason_3="", **more)


def test_proved_uplift_ranks_and_says_so_and_the_others_are_ranked_by_what_is_assumed():
    plan = ListPlan(margin=0.5, contact_cost=1.0, budget=10, assumed_save_rate=0.1)
    told = rank_customers(
        scores(("a", 0.9, 100.0), ("b", 0.5, 100.0), ("c", 0.8, 100.0), ("d", 0.9, 100.0)),
        plan,
        effects=Effects(uplift=pd.Series({"a": 0.01, "b": 0.2, "d": -0.1})),
    )
    rows = told.customers.set_index("customer_id")
    assert rows["expected_profit"].round(6).to_dict() == {
        "b": 9.0,
        "c": 3.0,
    }  # .2 × .5 × 100 − 1; .8 × .1 × .5 × 100 − 1
    assert rows["ranked_by"].to_dict() == {
        "b": "expected profit (proved uplift)",
        "c": "expected profit (assumed save rate 0.1)",
    }
    assert told.dropped["not worth the contact"] == 2


def test_without_uplift_the_list_is_as_it_was():
    plan = ListPlan(margin=0.5, contact_cost=1.0, budget=10)
    rows = scores(("a", 0.9, 100.0), ("b", 0.5, 100.0))
    assert rank_customers(rows, plan).customers["ranked_by"].unique().tolist() == [
        "expected profit (assumed save rate 0.05)"
    ]


# The verb


def write_shop(folder: Path, *, moves: bool = True, share: float | None = None) -> Config:
    """Write a shop of 800 customers, whom two campaigns of contacts contacted or not; frequent ones are moved."""
    rng = np.random.default_rng(1)
    ids = [f"c{number:04}" for number in range(800)]
    often = rng.random(800) < 0.5
    orders = [
        (customer, day, 20.0)
        for customer, is_often in zip(ids, often, strict=True)
        for day in (["2023-06-01", "2023-09-01", "2023-12-01"] if is_often else ["2023-12-01"])
    ]
    contacts = []
    for campaign, sent, came_on in (("spring", "2024-03-01", "2024-03-09"), ("summer", "2024-06-01", "2024-06-09")):
        contacted = rng.random(800) < 0.5
        came = rng.random(800) < 0.15 + 0.4 * (contacted & often & moves)
        arms = np.where(contacted, "mail", "control")
        contacts += [(customer, campaign, sent, arm) for customer, arm in zip(ids, arms, strict=True)]
        orders += [(customer, came_on, 30.0) for customer, has in zip(ids, came, strict=True) if has]
    frames = {
        "orders": pd.DataFrame(orders, columns=["customer_id", "ordered_at", "amount"]),
        "contacts": pd.DataFrame(contacts, columns=["customer_id", "campaign", "contacted_at", "arm"]),
    }
    for name, frame in frames.items():
        frame.to_csv(folder / f"{name}.csv", index=False)
    tables = {
        name: {"source": f"{name}.csv", "columns": {column: column for column in frame}}
        for name, frame in frames.items()
    }
    content = {"project": "drawn", "complete_until": "2024-12-31", "tables": tables, "task": {"horizon_days": 30}}
    (folder / "clm.yaml").write_text(yaml.safe_dump(content | {"uplift": {"learner": "t"}}))
    return load_config(folder / "clm.yaml")


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shop")
    return write_shop(folder)


def run(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture(scope="module")
def box(shop, tmp_path_factory):
    return learn_from_campaigns(shop, ["spring", "summer"], out=tmp_path_factory.mktemp("boxes") / "box").box


def test_the_verb_learns_from_campaigns_and_tells(shop, tmp_path):
    home = shop.path("clm.yaml")
    box, plot = tmp_path / "box", tmp_path / "figure.png"
    told = run("uplift", home, "spring", "summer", "--holdout-share", 0.5, "--out", box, "--plot", plot)
    assert told.exit_code == 0, told.output
    assert told.stdout.startswith("The gate is passed: ")
    assert "Learned from 1,600 customers" in told.stdout
    assert plot.read_bytes().startswith(b"\x89PNG")
    manifest = json.loads((box / "manifest.json").read_text())
    assert manifest["facts"]["campaigns"] == {"spring": 800, "summer": 800}
    assert "c0001" not in "".join(path.read_text() for path in box.iterdir())  # nobody is in it
    again = run("uplift", home, "spring", "summer", "--holdout-share", 0.5, "--out", box)
    assert (again.exit_code, "exists already" in again.output) == (15, True)


def test_campaigns_that_prove_nothing_are_kept_and_the_exit_code_says_so(tmp_path):
    write_shop(tmp_path, moves=False)
    told = run("uplift", tmp_path / "clm.yaml", "spring", "summer", "--out", tmp_path / "box", "--json")
    assert told.exit_code == 17
    facts = json.loads(told.stdout)
    assert (facts["gate"]["passed"], facts["campaigns"]) == (False, {"spring": 800, "summer": 800})
    assert "uplift is not proved: lists go on by the assumed save rate" in told.stderr
    assert (tmp_path / "box" / "uplift.json").exists()


def test_features_are_those_of_when_each_campaign_began(shop, monkeypatch):
    seen = {}

    def spy(frame, **asked):
        seen.update(frame=frame, **asked)
        return learn_uplift(frame, **asked)

    monkeypatch.setattr("clm_ml.pipeline.persuading.learn_uplift", spy)
    learn_from_campaigns(shop, ["spring", "summer"])
    silence = seen["frame"]["days_since_last_order"]
    assert (silence.iloc[:800] == 91).all()  # from 2023-12-01, though some ordered on 2024-03-09
    assert set(silence.iloc[800:]) == {84, 183}
    assert not {"customer_id", "arm", "ordered", "share"} & set(seen["features"])


def test_a_campaign_that_has_not_closed_is_too_early(shop):
    with pytest.raises(TimelineError, match="on 2024-07-01; 2024-06-30 is too early"):
        learn_from_campaigns(shop, ["summer"], as_of="2024-06-30")


def test_arms_that_something_else_chose_are_not_learned_from(shop):
    with pytest.raises(CampaignError, match="something other than chance chose the arms"):
        learn_from_campaigns(shop, ["spring"], holdout_share=0.1)


def test_a_ledger_without_campaigns_says_what_to_do(shop):
    with pytest.raises(CampaignError, match="no campaign to learn from; name one"):
        learn_from_campaigns(shop)


def test_a_list_uses_what_is_proved_and_falls_back_on_what_is_assumed(shop, box, tmp_path):
    tables = read_tables(shop)
    proved = find_effects(box, pd.Series(["c0000", "c0001", "c0002", "c0003"]), "2024-08-01", tables, shop)
    assert proved.effects.index.tolist() == ["c0000", "c0001", "c0002", "c0003"]
    assert proved.effects.between(-1, 1).all()
    with new_box(tmp_path / "other", BOX_KIND, {}) as hidden:
        save_uplift(replace(load_uplift(box), gate=Gate(1.5, 2.33)), hidden)
    fallen = find_effects(tmp_path / "other", pd.Series(["c0000"]), "2024-08-01", tables, shop)
    assert fallen.effects is None
    assert "uplift is not proved" in fallen.warnings[0]


# A real test


@pytest.fixture(scope="module")
def hillstrom():
    """Find an e-mail test in CLM_BENCH_DATA, the benchmarks' folder, or the one beside the project."""
    beside = (HERE.parent / "benchmarks" / "data", HERE.parent.parent / "shared" / "data")
    folders = [Path(os.environ["CLM_BENCH_DATA"])] if "CLM_BENCH_DATA" in os.environ else beside
    found = [folder / "hillstrom.parquet" for folder in folders if (folder / "hillstrom.parquet").exists()]
    return pd.read_parquet(found[0]) if found else pytest.skip("there is no hillstrom.parquet; see benchmarks/data")


@pytest.mark.slow
def test_the_gate_passes_on_visits_of_hillstroms_womens_mail_and_not_on_orders(hillstrom):
    mailed = hillstrom[hillstrom["segment"].isin(["Womens E-Mail", "No E-Mail"])]
    known = ["recency", "history", "mens", "womens", "newbie", "zip_code", "channel"]
    asked = {"features": known, "arm": "segment", "holdout": "No E-Mail", "share": 0.5, "plan": UpliftPlan(learner="x")}
    visits, orders = (clm.learn_uplift(mailed, ordered=outcome, **asked) for outcome in ("visit", "conversion"))
    assert visits.gate.z == pytest.approx(6.7, abs=0.7)
    assert visits.gate.passed
    assert not orders.gate.passed


@pytest.mark.slow
def test_under_a_constant_effect_the_gate_seldom_passes():
    """At most 3 in 100 are allowed; of 12 draws 3 or more would come of a rate of 3 % in 1 test of 200.

    `benchmarks/uplift.py` asks it of hundreds.
    """
    passed = 0
    for seed in range(12):
        rng = np.random.default_rng(seed)
        known = rng.normal(size=(2000, 4))
        contacted = rng.random(2000) < 0.5
        came = rng.random(2000) < 0.05 + 0.35 / (1 + np.exp(-1.5 * known[:, 0] - known[:, 1])) + 0.05 * contacted
        rows = pd.DataFrame(known, columns=list("abcd"))
        rows = rows.assign(arm=np.where(contacted, "mail", "holdout"), ordered=came.astype(int))
        passed += learn_uplift(rows, share=0.5).gate.passed
    assert passed <= 2
