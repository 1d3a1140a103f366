"""Each segment has its play, and each threshold is told with what then came."""

from importlib import resources

import narwhals as nw
import pandas as pd
import polars as pl
import pytest
import yaml

from clm_ml.lifecycle import lapse_sensitivity, later_orders, long_gap, playbook
from clm_ml.lifecycle.lapse import THRESHOLDS
from clm_ml.segments import PHASES
from clm_ml.timeline import Window


def test_the_playbook_holds_exactly_the_segments_in_the_order_of_the_lifecycle():
    text = resources.files("clm_ml.lifecycle").joinpath("playbook.yaml").read_text(encoding="utf-8")
    assert list(yaml.safe_load(text)) == list(PHASES)
    assert {segment: play.phase for segment, play in playbook().items()} == PHASES
    assert all(play.segment == segment for segment, play in playbook().items())


def test_every_segment_is_told_in_words_of_its_own():
    plays = playbook().values()
    assert all(play.target.endswith(".") and play.goal.endswith(".") for play in plays)
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
