"""Each segment has its play, and each threshold is told with what then came."""

import re
from dataclasses import replace
from importlib import resources
from pathlib import Path

import narwhals as nw
import pandas as pd
import polars as pl
import pytest
import yaml

import clm_ml
from clm_ml.config import load_config
from clm_ml.errors import ConfigError
from clm_ml.lifecycle import lapse_sensitivity, later_orders, long_gap, playbook, vocabularies
from clm_ml.lifecycle.lapse import THRESHOLDS
from clm_ml.segments import PHASES, SEGMENTS
from clm_ml.timeline import Window


def test_the_playbook_holds_exactly_the_segments_in_the_order_of_the_lifecycle():
    text = resources.files("clm_ml.lifecycle").joinpath("playbook.yaml").read_text(encoding="utf-8")
    assert list(yaml.safe_load(text)) == list(PHASES)
    assert {segment: play.phase for segment, play in playbook().items()} == PHASES
    assert all(play.segment == segment for segment, play in playbook().items())


def test_every_segment_is_told_in_words_of_its_own():
    plays = playbook().values()
    assert all(play.target.endswith(".") and play.goal.endswith(".") for play in plays)
    assert {play.channel for play in plays} == {"site", "email", "phone"}
    assert all(len(play.plays) >= 2 and all(isinstance(words, str) for words in play.plays) for play in plays)
    words = [text for play in plays for text in (play.target, play.goal, *play.plays)]
    assert len(set(words)) == len(words)


def test_each_threshold_tells_whom_it_calls_lapsed_and_whose_orders_came():
    features = pd.DataFrame({"customer_id": list("abcdv"), "overdue_ratio": [0.5, 1.5, 2.0, 5.0, None]})
    later = pd.Series({"a": 6, "b": 1, "d": 1, "v": 4, "x": 9})  # v never ordered before, x was not known
    told = lapse_sensitivity(features, later)
    assert told["after_gaps"].tolist() == list(THRESHOLDS)
    assert told.set_index("after_gaps").loc[[1.0, 1.5, 2.0, 3.0, 6.0]].values.tolist() == [
        [3, 0.75, 0.25],
        [3, 0.75, 0.25],  # on the threshold is lapsed
        [2, 0.5, 0.125],
        [1, 0.25, 0.125],
        [0, 0.0, 0.0],
    ]


def test_without_later_orders_or_customers_there_is_no_share():
    features = pd.DataFrame({"customer_id": ["a"], "overdue_ratio": [5.0]})
    nothing = pd.Series(dtype="int64")
    assert lapse_sensitivity(features, nothing)["later_orders_share"].isna().all()
    nobody = lapse_sensitivity(features[:0], nothing)
    assert nobody["lapsed_customers"].tolist() == [0] * len(THRESHOLDS)
    assert nobody["lapsed_share"].isna().all()


def test_later_orders_are_those_from_the_first_day_up_to_not_including_the_end():
    drawn = [("a", 9, 1), ("a", 10, 2), ("a", 19, 3), ("a", 20, 4), ("b", 9, 5), ("c", 12, 1)]
    order_days = pl.LazyFrame(drawn, schema=["customer_id", "day", "orders"], orient="row")
    came = later_orders(nw.from_native(order_days), Window(10, 20)).sort("customer_id").collect()
    assert came.rows() == [("a", 5), ("c", 1)]


@pytest.mark.parametrize(
    ("gaps", "long"),
    [([7], 7), ([1, 2, 3, 4, 5, 6, 7, 8, 9, 100], 9), ([10, None, 20], 20), ([5] * 17 + [90] * 3, 5)],
)
def test_the_long_gap_is_one_that_happened_and_ends_85_percent(gaps, long):
    found = long_gap(gaps)
    assert found == long
    known = [gap for gap in gaps if gap is not None]
    assert sum(gap <= found for gap in known) >= 0.85 * len(known)


def test_without_gaps_there_is_no_long_gap():
    assert pd.isna(long_gap([]))
    assert pd.isna(long_gap([None]))


def written(tmp_path, playbook: dict):
    """Write the smallest config with a playbook, and load it."""
    orders = {"source": "orders.csv", "columns": {"customer_id": "c", "ordered_at": "d", "amount": "a"}}
    content = {"project": "drawn", "tables": {"orders": orders}, "list": {"contact_cost": 0.5}, "playbook": playbook}
    path = tmp_path / "clm.yaml"
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    return load_config(path)


def test_a_project_says_only_what_it_does_otherwise(tmp_path):
    own = {"cannot_lose": {"plays": ["Ring them", "Write by hand"], "contact_cost": 8.0}, "loyal": {"channel": "post"}}
    plays, usual = playbook(written(tmp_path, own)), playbook()
    assert list(plays) == list(usual)
    assert plays["cannot_lose"] == replace(usual["cannot_lose"], plays=("Ring them", "Write by hand"), contact_cost=8.0)
    assert plays["loyal"] == replace(usual["loyal"], channel="post", contact_cost=0.5)
    assert plays["at_risk"] == replace(usual["at_risk"], contact_cost=0.5)
    assert {play.contact_cost for play in usual.values()} == {None}


@pytest.mark.parametrize(
    ("own", "said"),
    [
        ({"atrisk": {"goal": "x"}}, "playbook: 'atrisk' is no segment of segments.rules; did you mean 'at_risk'?"),
        (
            {"vip": {"goal": "x"}},
            "playbook: 'vip' is no segment of segments.rules; there are engaged_visitor, loyal_visitor, ",
        ),
        ({"at_risk": {"gaol": "x"}}, "clm.yaml:13: playbook.at_risk.gaol: unknown key; did you mean 'goal'?"),
        ({"at_risk": {"plays": []}}, "clm.yaml:13: playbook.at_risk.plays: "),
        ({"at_risk": {"contact_cost": 0}}, "clm.yaml:13: playbook.at_risk.contact_cost: must be greater than 0"),
    ],
)
def test_a_playbook_for_nobody_or_of_unknown_keys_is_refused_with_its_line(tmp_path, own, said):
    with pytest.raises(ConfigError, match=re.escape(said)):
        written(tmp_path, own)


def test_every_segment_has_a_stage_in_every_vocabulary():
    table = vocabularies()
    assert dict(zip(table["segment"], table["phase"], strict=True)) == PHASES
    text = resources.files("clm_ml.lifecycle").joinpath("vocabularies.yaml").read_text(encoding="utf-8")
    for name, words in yaml.safe_load(text).items():
        assert len(words["stages"]) == len(set(words["stages"])) == 5
        assert set(words["phases"]) == set(PHASES.values())
        assert set(words["segments"]) <= set(SEGMENTS)
        assert set(table[name]) == set(words["stages"]), "every stage has a segment, and no segment another's word"


def test_the_guide_to_the_playbook_has_the_table_of_vocabularies():
    guide = Path(clm_ml.__file__).parent.parent / "docs" / "guides" / "playbook.md"
    if not guide.exists():
        pytest.skip("there are no docs beside an installed package")
    rows = [f"| `{row[0]}` | {' | '.join(row[1:])} |" for row in vocabularies().itertuples(index=False)]
    assert [row for row in rows if row not in guide.read_text(encoding="utf-8")] == []
