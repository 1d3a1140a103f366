"""Attributes of people: learned from many, silent about few, about strangers and about what is missing."""

import numpy as np
import pandas as pd
import pytest

import clm_ml as clm
from clm_ml.artifacts import new_box
from clm_ml.errors import ConfigError, ModelError
from clm_ml.examples import collect_examples, training_as_ofs
from clm_ml.model import BOX_KIND, learn, save_model
from clm_ml.model.attributes import Attributes, fit_attributes
from clm_ml.model.box import load_model
from clm_ml.snapshot import prepare
from clm_ml.timeline import parse_day
from tests.conftest import make_simulated

AS_OF = "2025-08-01"


def examples_of(**people):
    """Draw one example a person: so many of each value, so many of whom ordered."""
    rows = [
        (f"{value}{n}", value if value != "none" else None, int(n < came))
        for value, (count, came) in people.items()
        for n in range(count)
    ]
    return pd.DataFrame(rows, columns=["customer_id", "customer_country", "ordered"])


def test_a_value_of_many_tells_its_log_odds_shrunken_and_a_value_of_few_nothing():
    frame = examples_of(DE=(100, 80), GB=(100, 20), AT=(49, 49), none=(60, 0))
    told = fit_attributes(frame, ["customer_country"]).log_odds["customer_country"]
    rate = 149.5 / 310
    expected = {name: (came + 100 * rate) / 200 for name, came in (("DE", 80), ("GB", 20))}
    odds = np.log(rate / (1 - rate))
    assert told == {name: pytest.approx(np.log(p / (1 - p)) - odds, abs=1e-6) for name, p in expected.items()}


def test_strangers_and_what_is_missing_count_as_the_mean():
    rows = pd.DataFrame({"customer_country": ["DE", "XX", None]})
    told = Attributes({"customer_country": {"DE": 0.5}}).add_to(rows)
    assert told["order_log_odds_by_country"].tolist() == [0.5, 0.0, 0.0]


def test_without_attributes_nothing_is_added():
    rows = pd.DataFrame({"a": [1]})
    assert Attributes({}).add_to(rows) is rows


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    config = make_simulated(tmp_path_factory.mktemp("shop"), customers=900)
    return config.model_copy(update={"train": config.train.model_copy(update={"attributes": ("country", "age_band")})})


@pytest.fixture(scope="module")
def tables(shop):
    return clm.read_tables(shop)


@pytest.fixture(scope="module")
def model(shop, tables):
    day = parse_day(AS_OF)
    return learn(
        collect_examples(prepare(tables), shop, training_as_ofs(shop, tables.first_day, day), day), shop, tables.inputs
    )


def test_a_model_with_attributes_scores_a_stranger_and_travels(shop, tables, model, tmp_path):
    features = clm.describe(tables, AS_OF, shop.task).to_pandas()
    assert set(model.attributes.log_odds) == {"customer_country", "customer_age_band"}
    assert model.attributes.log_odds["customer_country"]
    with new_box(tmp_path / "model", BOX_KIND, {}) as hidden:
        save_model(model, hidden)
    again = load_model(tmp_path / "model")
    scores = model.score(features)
    pd.testing.assert_frame_equal(again.score(features), scores, check_exact=True)
    strangers = features.assign(customer_country="XX", customer_age_band=None)
    assert model.score(strangers)["order_probability"].notna().equals(scores["order_probability"].notna())
    told = " ".join(scores["reason_1"].dropna())
    assert "country" not in told
    assert "age" not in told.replace("average", "")


def test_features_without_the_attribute_are_refused(shop, tables, model):
    features = clm.describe(tables, AS_OF, shop.task).to_pandas().drop(columns="customer_country")
    with pytest.raises(ModelError, match="the model learned from customer_country, which the features lack"):
        model.score(features)


@pytest.mark.parametrize("name", ["email", "may_contact", "contact_email", "customer_id", "cuontry"])
def test_only_an_attribute_that_is_mapped_can_be_learned_from(shop, name, tmp_path):
    text = (shop.home / "shop.yaml").read_text(encoding="utf-8") + f"train: {{attributes: [{name}]}}\n"
    file = shop.home / f"with-{name}.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=f"'{name}' is no attribute that tables.customers maps"):
        clm.load_config(file)
