"""The probability of an order as a scikit-learn classifier: all of its promises, and two of our own."""

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.utils.estimator_checks import check_estimator

from clm_ml.model.classifier import OrderClassifier


def test_the_classifier_keeps_every_promise_of_scikit_learn():
    judged = check_estimator(OrderClassifier(), on_skip=None, on_fail=None)
    assert {told["check_name"]: told["exception"] for told in judged if told["status"] == "failed"} == {}
    assert sum(told["status"] == "passed" for told in judged) > 50


def test_the_classifier_finds_the_slope_on_later_days_and_may_only_rise_or_fall_as_it_is_told():
    rng = np.random.default_rng(2)
    silence = rng.uniform(0, 10, 3000)
    came = rng.uniform(size=3000) < np.where(silence < 3, 0.8, np.where(silence < 6, 0.1, 0.4))
    days = np.repeat([1, 2, 3], 1000)
    rows = pd.DataFrame({"silence": silence})
    learned = OrderClassifier(signs={"silence": -1}).fit(rows, came, as_of=days)
    said = learned.predict_proba(pd.DataFrame({"silence": np.linspace(0, 10, 50)}))[:, 1]
    assert (np.diff(said) <= 1e-12).all()
    assert learned.learned_.blend.slope != 1.0
    assert OrderClassifier().fit(rows, came).learned_.blend.slope == 1.0
    shuffled = rng.permutation(3000)
    again = OrderClassifier(signs={"silence": -1}).fit(rows.iloc[shuffled], came[shuffled], as_of=days[shuffled])
    assert abs(again.predict_proba(rows)[:, 1] - learned.predict_proba(rows)[:, 1]).mean() < 0.05


def test_the_classifier_travels_as_a_clone_and_in_a_search():
    rng = np.random.default_rng(3)
    rows, came = rng.normal(size=(300, 2)), rng.uniform(size=300) < 0.5
    search = GridSearchCV(OrderClassifier(), {"seed": [1, 2]}, cv=2, scoring="neg_log_loss").fit(rows, came)
    assert search.best_params_["seed"] in (1, 2)
    assert clone(search.best_estimator_).get_params() == search.best_estimator_.get_params()
