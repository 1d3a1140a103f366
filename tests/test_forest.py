"""Trees asked without LightGBM: the same bits, or a sentence."""

import lightgbm as lgb
import numpy as np
import pytest

from clm_ml.errors import ArtifactError
from clm_ml.model.forest import read_forest
from clm_ml.model.trees import fit_trees

EDGES = [0.0, -0.0, 1e-300, -1e-300, 1e-35, np.nan, np.inf, -np.inf]


def rows(seed, n, columns, has_missing=True):
    """Draw rows with ties, zeros, infinities and what is missing."""
    rng = np.random.default_rng(seed)
    values = np.where(rng.random((n, columns)) < 0.5, rng.integers(-3, 4, (n, columns)), rng.normal(0, 9, (n, columns)))
    edges = rng.choice(EDGES if has_missing else EDGES[:5], (n, columns))
    return np.where(rng.random((n, columns)) < 0.2, edges, values)


@pytest.mark.parametrize("leaves", [2, 7, 8, 9, 16, 31, 33, 64])
@pytest.mark.parametrize("has_missing", [True, False])
def test_every_row_gets_the_very_bits_that_lightgbm_gives_it(leaves, has_missing):
    seen = rows(leaves, 3_000, 6, has_missing)
    label = (np.clip(np.nan_to_num(seen[:, 0]), -9, 9) > seen[:, 1]) + 2.0 * np.isnan(seen[:, 2])
    told = {"num_leaves": leaves, "objective": "regression", "verbosity": -1, "min_data_in_leaf": 5, "num_threads": 1}
    boosters = [lgb.train(told | {"seed": seed, "bagging_fraction": 0.7, "bagging_freq": 1},
                          lgb.Dataset(seen, label), 21) for seed in (1, 2)]  # fmt: skip
    asked = rows(leaves + 1, 20_000, 6)  # more than one block, and missing where training saw none
    expected = np.mean([booster.predict(asked, raw_score=True, num_threads=1) for booster in boosters], axis=0)
    found = read_forest([booster.model_to_string() for booster in boosters]).raw(asked)
    assert len(np.unique(found)) > 3
    assert found.tobytes() == expected.tobytes()


def test_a_tree_of_one_leaf_is_a_number():
    booster = lgb.train({"objective": "regression", "verbosity": -1}, lgb.Dataset(rows(1, 50, 2), np.full(50, 3.0)), 4)
    asked = rows(2, 10, 2)
    assert read_forest([booster.model_to_string()]).raw(asked).tolist() == booster.predict(asked).tolist()


def test_no_rows_have_no_scores():
    booster = lgb.train({"verbosity": -1}, lgb.Dataset(rows(1, 500, 2), np.arange(500.0)), 4)
    assert read_forest([booster.model_to_string()]).raw(np.empty((0, 2))).shape == (0,)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no model at all",
        "\nTree=0\nnum_leaves=2\nleaf_value=1 2\n",
        "\nTree=0\nleaf_value=1 x\n",
        "\nTree=0\nleaf_value=1 2\nsplit_feature=0\nthreshold=1\ndecision_type=2\nleft_child=0\nright_child=-2\n",
        "\nTree=0\nleaf_value=1 2\nsplit_feature=0\nthreshold=1\ndecision_type=2\nleft_child=9\nright_child=-2\n",
        "\nTree=0\nleaf_value=1 2\nsplit_feature=0\nthreshold=1\ndecision_type=4\nleft_child=-1\nright_child=-2\n",
    ],
)
def test_a_damaged_text_is_told_in_a_sentence(text):
    with pytest.raises(ArtifactError, match="the box is damaged"):
        read_forest([text])


def test_categories_and_trees_too_large_are_refused():
    told = {"verbosity": -1, "min_data_in_leaf": 1, "min_data_per_group": 1}
    numbers = np.arange(900.0)[:, None]
    by_name = lgb.Dataset(numbers % 7, np.arange(900) % 7 % 2, categorical_feature=[0])
    noise = lgb.Dataset(numbers, np.random.default_rng(1).normal(size=900))
    categories, large = lgb.train(told, by_name, 2), lgb.train(told | {"num_leaves": 65}, noise, 1)
    for booster in (categories, large):
        with pytest.raises(ArtifactError, match="cannot be read"):
            read_forest([booster.model_to_string()])


def test_the_trees_of_a_model_are_asked_this_way():
    import pandas as pd

    frame = pd.DataFrame(rows(3, 2_000, 3), columns=list("abc"))
    trees = fit_trees(frame, list(frame), frame["a"].fillna(0) > 0, {"a": 1}, "binary", 7)
    asked = [booster.predict(frame.to_numpy(), raw_score=True, num_threads=1) for booster in trees.boosters]
    assert trees.raw(frame).tobytes() == np.mean(asked, axis=0).tobytes()
