"""How sure figures are: limits that hold the truth as often as they promise, beside other people's code."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from clm_ml.certainty import auc_limits, ece_by_chance, slope_limits
from clm_ml.evaluation import reliability


def drawn(rng: np.random.Generator, customers: int, least: float = 0.05) -> tuple[np.ndarray, np.ndarray]:
    said = rng.uniform(least, 1 - least, customers)
    return (rng.random(customers) < said).astype(float), said


def test_the_auc_is_scikit_learns_with_ties_counted_half() -> None:
    came, said = drawn(np.random.default_rng(1), 300)
    said = said.round(1)
    assert auc_limits(came, said)[0] == pytest.approx(roc_auc_score(came, said))


def test_limits_of_the_auc_hold_the_truth_as_often_as_they_promise() -> None:
    rng = np.random.default_rng(2)
    truth = auc_limits(*drawn(rng, 200_000))[0]
    held = [low <= truth <= high for _, low, high in (auc_limits(*drawn(rng, 200)) for _ in range(400))]
    assert 0.92 < np.mean(held) < 0.98


def test_the_slope_is_scikit_learns_and_its_limits_hold_one_where_probabilities_are_true() -> None:
    rng = np.random.default_rng(3)
    came, said = drawn(rng, 500)
    odds = np.log(said / (1 - said))[:, None]
    slope = LogisticRegression(C=np.inf, tol=1e-10).fit(odds, came).coef_[0, 0]
    assert slope_limits(came, said)[0] == pytest.approx(slope, rel=1e-4)
    held = [low <= 1 <= high for _, low, high in (slope_limits(*drawn(rng, 200, least=0.3)) for _ in range(400))]
    assert 0.92 < np.mean(held) < 0.98


@pytest.mark.parametrize("given", [([1, 1], [0.2, 0.3]), ([1, 0], [0.5, 0.5]), ([1, 1, 0], [0.9, 0.8, 0.1])])
def test_what_cannot_be_told_has_no_limits(given: tuple[list[int], list[float]]) -> None:
    assert np.isnan(slope_limits(*given)).all()
    assert np.isnan(auc_limits([1, 1], [0.2, 0.3])).all()


def test_chance_alone_makes_as_large_a_calibration_error_as_is_said() -> None:
    rng = np.random.default_rng(4)
    said = rng.uniform(0.05, 0.95, 400)
    bins = [reliability(rng.random(400) < said, said) for _ in range(200)]
    errors = [np.average((told["predicted"] - told["happened"]).abs(), weights=told["customers"]) for told in bins]
    assert ece_by_chance(said) == pytest.approx(np.mean(errors), rel=0.05)
