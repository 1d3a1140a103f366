"""The model card: groups by hand, and what a card must say and must not."""

from __future__ import annotations

import numpy as np
import pytest

from clm_ml.certainty import wilson
from clm_ml.config import Config
from clm_ml.model_card import compare_groups, write_card
from clm_ml.model_card.groups import would_be_listed
from tests.conftest import make_simulated


def test_each_group_is_counted_by_hand_and_small_ones_are_not_told_of() -> None:
    names = ["DE"] * 4 + [None] * 4 + ["FR"] * 2
    ordered = [1, 1, 0, 0, 1, 0, 0, 0, 1, 0]
    said = [0.9, 0.4, 0.5, 0.2, 0.5, 0.1, 0.2, 0.2, 0.7, 0.3]
    listed = [False, False, False, True, False, True, True, True, False, False]
    groups, left = compare_groups(names, ordered, said, listed, at_least=3)
    assert [(group.name, group.customers) for group in groups] == [("DE", 4), ("unknown", 4)]
    assert left == 2
    german = groups[0]
    assert german.happened == (0.5, *(pytest.approx(limit) for limit in wilson(2, 4)))
    assert german.predicted == 0.5
    assert german.auc[0] == 0.75  # of four pairs of a churner and another, three are told apart
    assert german.predicted_to_happened[0] == 1.0
    assert german.predicted_to_happened[1] < 1 < german.predicted_to_happened[2]
    assert german.listed[0] == 0.25
    assert groups[1].listed[0] == 0.75


def test_where_nobody_ordered_no_ratio_and_no_auc_are_told() -> None:
    (group,), _ = compare_groups(["a"] * 3, [0, 0, 0], [0.1, 0.2, 0.3], [True] * 3, at_least=1)
    assert np.isnan(group.auc).all()
    assert np.isnan(group.predicted_to_happened).all()


def test_a_list_by_risk_takes_the_highest_and_of_equals_the_first() -> None:
    assert would_be_listed([0.5, 0.9, 0.5], 2).tolist() == [True, True, False]
    assert would_be_listed([0.5, 0.9], 9).all()


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Config:
    return make_simulated(tmp_path_factory.mktemp("carded"), customers=100)


def test_a_model_that_could_not_be_judged_says_so(config: Config) -> None:
    import clm_ml as clm

    model = clm.train(clm.read_tables(config), config, as_of="2024-03-15")
    assert "It could not be judged" in model.card
    assert "too early to learn" in model.card
    assert "## Fairness" not in model.card
    assert "## Limits" in model.card
    assert model.card == write_card(model, config, None)
