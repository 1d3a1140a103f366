"""The search for how trees should grow: on earlier as_ofs, within its time, and told as it was."""

import json
import sys

import numpy as np
import pandas as pd
import pytest

import clm_ml as clm
from clm_ml.errors import ModelError, TimelineError
from clm_ml.examples import collect_examples, training_as_ofs
from clm_ml.model import learn, tune
from clm_ml.model.trees import usual_growth
from clm_ml.pipeline import train_box, training
from clm_ml.snapshot import prepare
from clm_ml.timeline import parse_day
from tests.conftest import make_simulated

pytest.importorskip("optuna", reason="the extra tune is not installed")

AS_OF = "2025-08-01"


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    config = make_simulated(tmp_path_factory.mktemp("shop"))
    return config.model_copy(update={"task": config.task.model_copy(update={"horizon_days": 56})})


@pytest.fixture(scope="module")
def past(shop):
    tables = clm.read_tables(shop)
    day = parse_day(AS_OF)
    return collect_examples(prepare(tables), shop, training_as_ofs(shop, tables.first_day, day), day), tables.meanings


def test_the_usual_way_is_tried_first_and_the_best_is_no_worse_where_it_was_chosen(shop, past):
    shares = []
    found = tune(past[0], shop, past[1], 0.1, shares.append)
    tried = {trial.growth: trial.log_loss for trial in found.trials}
    assert found.trials[0].growth.leaves == usual_growth(1000).leaves
    assert tried[found.growth] == min(loss for loss in tried.values() if loss is not None)
    assert found.facts()["log_loss"] <= found.facts()["usual_log_loss"]
    assert len(shares) == len(found.trials) > 1
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_trees_grow_as_they_are_told(shop, past):
    growth = usual_growth(1000)
    small = learn(past[0], shop, past[1], type(growth)(4, 7, 2, 30))
    texts = small.customers.trees.texts
    assert len(texts) == 2
    assert texts[0].count("Tree=") == 7
    assert "num_leaves=4" in texts[0]


def test_a_log_that_is_too_short_to_tune_says_what_it_takes(shop, past):
    last_two = past[0].at(past[0].as_ofs[-1:])
    with pytest.raises(TimelineError, match=r"^the log is too short to tune: it takes two label windows of 56 days"):
        tune(last_two, shop, past[1], 0.01)


def test_without_optuna_tuning_says_how_to_install_it(shop, past, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(ModelError, match=r"^tuning needs Optuna: pip install 'clm-ml\[tune\]'\.$"):
        tune(past[0], shop, past[1], 0.01)


@pytest.mark.slow
def test_trials_see_nothing_of_the_as_of_that_is_judged_and_are_children_of_the_training_s_run(
    shop, tmp_path, monkeypatch
):
    import mlflow

    seen = []
    monkeypatch.setattr(training, "tune", lambda past, *told: seen.append(past) or tune(past, *told))
    trained = train_box(shop, AS_OF, tmp_path / "model", tune_minutes=0.05)
    facts = json.loads((tmp_path / "model" / "evaluation.json").read_text(encoding="utf-8"))
    judged_on = parse_day(facts["evaluation"]["as_of"])
    assert max(seen[0].as_ofs) + shop.task.horizon_days <= judged_on
    client = mlflow.MlflowClient(f"sqlite:///{shop.home}/mlflow.db")
    experiment = client.get_experiment_by_name(shop.tracking.experiment or shop.project).experiment_id
    children = client.search_runs([experiment], f"tags.mlflow.parentRunId = '{trained.tracked.run_id}'")
    assert len(children) == facts["tuned"]["trials"] >= 1
    losses = pd.Series([run.data.metrics.get("log_loss", np.nan) for run in children])
    assert losses.min() == facts["tuned"]["log_loss"]
    assert {"leaves", "rounds", "learning_rate"} <= set(children[0].data.params)
