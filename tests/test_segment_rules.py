"""Segments by a shop's own rules: everyone in exactly one, refused with the combination that breaks that, and through
the whole walk under their own names."""

import json
from dataclasses import replace
from itertools import product

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from clm_ml.artifacts import new_box
from clm_ml.cli import app
from clm_ml.config import (
    ORDERS,
    STATES,
    TIERS,
    USUAL_SEGMENTS,
    Lapse,
    SegmentRules,
    Task,
    combinations,
    load_config,
    read_segment_rules,
)
from clm_ml.datasets import simulate
from clm_ml.errors import ConfigError
from clm_ml.lifecycle import playbook
from clm_ml.model import BOX_KIND, load_model, save_model
from clm_ml.model.ahead import next_segment_columns
from clm_ml.pipeline import describe, train
from clm_ml.segments import SEGMENTS, find_segments, fit_cut_points, segment_of
from clm_ml.tables import read_tables

SHOP = """\
project: shop
tables:
  orders:
    source: orders.csv
    columns: {customer_id: id, ordered_at: at, amount: paid}
list: {segments: [lost]}
segments:
  rules:
"""
FOUR = """\
    stranger: {phase: acquisition, when: [{has_email: [true, false]}]}
    newcomer: {phase: retention, when: [{state: active, orders: one}]}
    regular: {phase: veneration, when: [{state: active, orders: several}]}
    lost: {phase: reactivation, when: [{state: [just_stopped, gone]}]}
"""


@pytest.fixture
def load(tmp_path):
    def write_and_load(text):
        (tmp_path / "shop.yaml").write_text(text)
        return load_config(tmp_path / "shop.yaml")

    return write_and_load


@pytest.fixture
def refused(load, tmp_path):
    def said(text):
        with pytest.raises(ConfigError) as error:
            load(text)
        return str(error.value).replace(f"{tmp_path}/", "")

    return said


# the rules in the config -----------------------------------------------------------------------------------


def test_the_usual_rules_hold_everyone_once_and_are_the_default(load):
    assert SegmentRules.model_validate(USUAL_SEGMENTS.model_dump()) == USUAL_SEGMENTS
    assert load(SHOP.split("list:", maxsplit=1)[0]).segments == USUAL_SEGMENTS
    assert USUAL_SEGMENTS.names == SEGMENTS
    assert set(USUAL_SEGMENTS.places) == set(range(11))


def test_own_rules_are_read_in_their_order(load):
    rules = load(SHOP + FOUR).segments
    assert rules.names == ("stranger", "newcomer", "regular", "lost")
    assert rules.phases["regular"] == "veneration"
    assert rules.are_of_visitors == (True, False, False, False)
    assert segment_of("active", 1, "high", "low", rules) == "newcomer"
    assert segment_of("gone", 7, "low", "low", rules) == "lost"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "orders: one}",
            "orders: one, value: [low, high]}",
            "8: segments.rules: no segment holds {state: active, orders: one, frequency: low, value: middle}; every "
            "combination must be in exactly one segment.",
        ),
        (
            "{has_email: [true, false]}",
            "{has_email: true}",
            "8: segments.rules: no segment holds {has_email: false}; every combination must be in exactly one segment.",
        ),
        (
            "state: [just_stopped, gone]",
            "state: [just_stopped, gone, active], frequency: [low, middle, high]",
            "8: segments.rules: both newcomer and lost hold {state: active, orders: one, frequency: low, value: low}; "
            "every combination must be in exactly one segment.",
        ),
        ("orders: one}", "orders: once}", "10: {new}.when.0.orders: must be 'one' or 'several'; found 'once'."),
        ("orders: one}", "order: one}", "10: {new}.when.0.order: unknown key; did you mean 'orders'?"),
        ("phase: retention, ", "", "10: {new}.phase: this key is needed."),
        ("phase: retention", "phaze: retention", None),
        ("[{state: active, orders: one}]", "[]", None),
        ("[{state: active, orders: one}]", "[{}]", None),
        ("has_email: [true, false]", "has_email: true, state: gone", None),
        ("{has_email: [true, false]}", "{has_email: [true, false]}, {state: gone}", None),
        (
            "newcomer:",
            "New Comer:",
            "10: segments.rules.New Comer: a segment's name has at most 40 lower-case letters, digits and _, and "
            "begins with a letter; found 'New Comer'.",
        ),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_line(old, new, said, refused):
    assert old in FOUR
    told = refused(SHOP + FOUR.replace(old, new, 1))
    if said is None:  # its line and its place are right; the words are of no other kind
        assert all(
            line.startswith(("shop.yaml:9: segments.rules", "shop.yaml:10: segments.rules"))
            for line in told.splitlines()
        )
    else:
        assert told == f"shop.yaml:{said.replace('{new}', 'segments.rules.newcomer')}"


def test_shares_must_increase(refused):
    said = refused(SHOP.replace("  rules:\n", "  value_shares: [0.8, 0.5]\n"))
    assert said.splitlines()[0] == (
        "shop.yaml:8: segments.value_shares: the share at which high begins must be larger than that of middle."
    )


def test_a_list_of_segments_nobody_can_be_in_is_refused(load, refused):
    told = refused((SHOP + FOUR).replace("segments: [lost]", "segments: [lots]"))
    assert told == "shop.yaml:1: list.segments: 'lots' is no segment of segments.rules; did you mean 'lost'?"
    told = refused((SHOP + FOUR).replace("list: {segments: [lost]}\n", ""))
    assert told.startswith(
        "shop.yaml:1: list.segments: 'cannot_lose' is no segment of segments.rules; there are stranger"
    )


@st.composite
def partitions(draw):
    """Draw rules that put every combination into one of a few segments, each written as conditions of one word."""
    names = [f"s{number}" for number in range(draw(st.integers(2, 6)))]
    rules = {"visitor": {"phase": "acquisition", "when": []}}
    rules |= {name: {"phase": "retention", "when": []} for name in names}
    for combination in combinations():
        name = "visitor" if "has_email" in combination else draw(st.sampled_from(names))
        rules[name]["when"].append(combination)
    return {name: rule for name, rule in rules.items() if rule["when"]}


@settings(max_examples=25)
@given(partitions(), st.data())
def test_whatever_the_rules_they_hold_everyone_once_or_are_refused_with_who_breaks_them(rules, data):
    read = SegmentRules(rules=rules)
    for place, combination in zip(read.places, combinations(), strict=True):
        assert combination in rules[read.names[place]]["when"]
    name = data.draw(st.sampled_from(list(rules)))
    lost = data.draw(st.sampled_from(rules[name]["when"]))
    told = ", ".join(f"{facet}: {str(word).lower()}" for facet, word in lost.items())
    left = [one for one in rules[name]["when"] if one != lost]
    if left:
        with pytest.raises(ValueError, match="no segment holds") as refused:
            SegmentRules(rules=rules | {name: {**rules[name], "when": left}})
        assert f"{{{told}}}" in str(refused.value)
    with pytest.raises(ValueError, match=f"both .* and .* hold {{{told}}}"):
        SegmentRules(rules=rules | {"twice": {"phase": "retention", "when": [lost]}})


def test_rules_travel_as_plain_data_whatever_order_json_puts_keys_in():
    rules = SegmentRules(rules=yaml.safe_load(FOUR), value_shares=(0.5, 0.9))
    told = json.loads(json.dumps(rules.facts(), sort_keys=True))
    assert read_segment_rules(told).place_alike(rules)
    assert not rules.place_alike(USUAL_SEGMENTS)
    assert not USUAL_SEGMENTS.place_alike(SegmentRules(value_shares=(0.5, 0.9)))
    assert list(rules.facts()) == ["frequency_shares", "value_shares", "rules"]


# who can be in which -----------------------------------------------------------------------------------------

OVERDUE = dict(zip(STATES, (0.5, 3.0, 9.0), strict=True))
ORDERED = dict(zip(TIERS, (2, 5, 9), strict=True))
AMOUNT = dict(zip(TIERS, (50.0, 200.0, 200.01), strict=True))
#: Three of each in the lower tiers make borders of their values: one on a border stays below it.
COPIES = dict(zip(TIERS, (3, 3, 1), strict=True))


def everyone():
    """Draw people of every combination, whose own borders place them so."""
    rows, meant = [], []
    for state, orders, frequency, value in product(STATES, ORDERS, TIERS, TIERS):
        row = {
            "days_since_last_order": 9.0,
            "orders_ever": ORDERED[frequency],
            "order_days_ever": 1 if orders == "one" else 2,
            "amount_ever": AMOUNT[value],
            "overdue_ratio": OVERDUE[state],
            "has_email": True,
        }
        copies = COPIES[frequency] * COPIES[value]
        rows += [row] * copies
        meant += [(state, 1 if orders == "one" else 2, frequency, value)] * copies
    return pd.DataFrame(rows), meant


def test_every_combination_can_be_reached_at_one_as_of_and_is_in_the_segment_its_rule_says():
    people, meant = everyone()
    for rules in (USUAL_SEGMENTS, SegmentRules(rules=yaml.safe_load(FOUR))):
        cuts = fit_cut_points(people, rules)
        assert (cuts.frequency_tiers, cuts.value_tiers) == ((2.0, 5.0), (50.0, 200.0))
        placed = find_segments(people, cuts, Lapse(), rules)
        assert placed["segment"].tolist() == [segment_of(*who, rules) for who in meant]
        assert set(placed["segment"]) == {
            name for name, is_visitor in zip(rules.names, rules.are_of_visitors, strict=True) if not is_visitor
        }


def test_one_time_buyers_are_in_a_higher_tier_of_frequency_only_by_several_orders_on_their_day(shop):
    tables = shop(
        [("once", "2024-03-01", 9, f"o{n}") for n in range(3)]
        + [("twice", f"2024-0{n}-01", 9, f"p{n}") for n in (2, 3)]
    )
    told = describe(tables, "2024-04-01", Task()).to_pandas().set_index("customer_id")
    assert told.loc["once", ["order_days_ever", "orders_ever"]].tolist() == [1, 3]
    assert told.loc["twice", ["order_days_ever", "orders_ever"]].tolist() == [2, 2]


def test_tiers_begin_at_the_shares_the_rules_name():
    people = pd.DataFrame({
        "days_since_last_order": 1.0, "orders_ever": range(2, 12), "order_days_ever": range(2, 12),
        "amount_ever": [10.0 * n for n in range(1, 11)], "overdue_ratio": 0.1,
    })  # fmt: skip
    cuts = fit_cut_points(people, SegmentRules(frequency_shares=(0.5, 0.8), value_shares=(0.1, 0.9)))
    assert (cuts.frequency_tiers, cuts.value_tiers) == ((7.0, 10.0), (20.0, 100.0))


# what knows segments ---------------------------------------------------------------------------------------


def test_the_two_that_matter_are_null_where_the_rules_know_them_not():
    rules = SegmentRules(rules=yaml.safe_load(FOUR))
    told = next_segment_columns(np.full((2, 4), 0.25), np.array([True, True]), pd.RangeIndex(2), rules)
    assert told["next_segment"].tolist() == ["stranger"] * 2  # ties go to the earlier
    assert list(told.filter(like="p_")) == ["p_stranger", "p_newcomer", "p_regular", "p_lost"]
    assert told[["becomes_at_risk_probability", "becomes_cannot_lose_probability"]].isna().all(axis=None)


def test_the_playbook_knows_nothing_of_the_shops_own_segments_but_what_the_shop_says(tmp_path):
    rules = yaml.safe_load(FOUR) | {"lost": {"phase": "reactivation", "when": [{"state": "just_stopped"}]}}
    rules |= {"cannot_lose": {"phase": "reactivation", "when": [{"state": "gone"}]}}
    own = {"regular": {"plays": ["Say thank you"]}}
    content = {
        "project": "shop",
        "tables": {"orders": {"source": "o.csv", "columns": {"customer_id": "c", "ordered_at": "d", "amount": "a"}}},
        "segments": {"rules": rules},
        "list": {"segments": ["lost"]},
        "playbook": own,
    }
    path = tmp_path / "clm.yaml"
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    config = load_config(path)
    book = playbook(config)
    assert list(book) == ["stranger", "newcomer", "regular", "lost", "cannot_lose"]
    assert (book["regular"].plays, book["lost"].plays) == (("Say thank you",), ())
    assert book["cannot_lose"] == replace(playbook()["cannot_lose"], contact_cost=config.list.contact_cost)


# the walk --------------------------------------------------------------------------------------------------


def run(*arguments):
    done = CliRunner().invoke(app, [str(argument) for argument in arguments])
    return done.exit_code, done.stdout, done.stderr


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """Walk from a simulated shop to a list by four segments of its own."""
    folder = tmp_path_factory.mktemp("own") / "shop"
    simulate(400, seed=3, out=folder)
    content = yaml.safe_load((folder / "shop.yaml").read_text())
    content |= {"train": {"as_ofs": ["2025-03-01", "2025-06-01"]}, "threads": 1}
    (folder / "usual.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    content |= {"list": {"segments": ["lost", "regular"]}, "segments": {"rules": yaml.safe_load(FOUR)}}
    content |= {"playbook": {"regular": {"plays": ["Say thank you"]}}}
    (folder / "own.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    config = load_config(folder / "own.yaml")
    with new_box(folder / "model", BOX_KIND, {}) as hidden:
        save_model(train(read_tables(config), config, "2025-10-01"), hidden)
    for verb in (
        ("score", "--model", folder / "model", "--out", folder / "scores"),
        ("export", "--scores", folder / "scores", "--campaign", "autumn", "--out", folder / "list"),
    ):
        code, _, err = run(verb[0], folder / "own.yaml", *verb[1:])
        assert code == 0, err
    return folder


def test_own_segments_are_in_the_model_the_scores_and_the_list(own):
    model = load_model(own / "model")
    assert list(model.facts["evaluation"]["next_segment"]) == ["customers", "markov", "model"]
    assert model.segments.names == ("stranger", "newcomer", "regular", "lost")
    scores = pd.read_parquet(own / "scores/scores.parquet")
    assert set(scores["segment"]) == {"stranger", "newcomer", "regular", "lost"}
    assert set(scores["next_segment"]) <= {"stranger", "newcomer", "regular", "lost"}
    said = scores.filter(regex="^p_(?!roba)")
    assert list(said) == ["p_stranger", "p_newcomer", "p_regular", "p_lost"]
    assert np.allclose(said.sum(axis=1), 1)
    assert said.loc[scores["segment"] != "stranger", "p_stranger"].eq(0).all()  # who has ordered is no stranger again
    assert scores["becomes_at_risk_probability"].isna().all()
    listed = pd.read_csv(own / "list/contact.csv", dtype=str)
    assert set(listed["segment"]) <= {"lost", "regular"}
    assert listed.loc[listed["segment"] == "regular", "play"].eq("Say thank you").all()
    assert listed.loc[listed["segment"] == "lost", "play"].isna().all()


def test_a_model_of_other_segments_is_refused(own):
    code, _, err = run("score", own / "usual.yaml", "--model", own / "model", "--out", own / "no")
    assert (code, err) == (
        14,
        "error: the model was learned with other segments than the config has now; train again, or restore them.\n",
    )


def test_a_config_that_leaves_somebody_out_is_refused_before_anything_runs(own, tmp_path):
    text = (own / "own.yaml").read_text()
    assert "- just_stopped\n" in text
    (tmp_path / "shop.yaml").write_text(text.replace("- just_stopped\n", "- gone\n", 1))
    code, _, err = run("check", tmp_path / "shop.yaml")
    assert code == 11
    assert "segments.rules: no segment holds {state: just_stopped, orders: one, frequency: low, value: low};" in err
