"""Boxes written by earlier versions are read by this one, and those of later ones are refused with what to do."""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from clm_ml.artifacts import FORMAT, new_box, open_box
from clm_ml.config import load_config
from clm_ml.errors import ArtifactError
from clm_ml.model import load_model
from clm_ml.pipeline import confirm_delivered, forget, rank
from clm_ml.pipeline.scores import SCORES, open_scores, scores_schema
from clm_ml.tables import read_tables
from clm_ml.uplift import load_uplift
from tests.boxes.write import HERE, told
from tests.test_delivering import draw_people, draw_shop

FORMATS = sorted(HERE.glob("format-*"))
KINDS = ("backtest", "list", "measurement", "model", "scores", "transitions", "uplift")


@pytest.fixture(scope="module", params=FORMATS, ids=lambda home: home.name)
def stored(request, tmp_path_factory):
    """Unpack the boxes of one format."""
    folder = tmp_path_factory.mktemp(request.param.name)
    for kept in request.param.glob("*.zip"):
        with zipfile.ZipFile(kept) as file:
            file.extractall(folder)
    shutil.copy(request.param / "told.json", folder)
    return folder


def test_there_are_boxes_of_every_format_that_was_ever_written():
    assert [home.name for home in FORMATS] == [f"format-{number}" for number in range(1, FORMAT + 1)]
    assert sum(path.stat().st_size for home in FORMATS for path in home.iterdir()) < 200_000 * FORMAT


@pytest.mark.parametrize("kind", KINDS)
def test_a_stored_box_is_whole_and_of_its_kind(kind, stored):
    assert open_box(stored / kind, kind).facts


def test_a_stored_model_says_what_it_said(stored):
    said, before = told(load_model(stored / "model")), json.loads((stored / "told.json").read_text())
    assert len(said) == len(before) == 4
    for row, earlier in zip(said, before, strict=True):
        assert row == pytest.approx(earlier, abs=2e-6)


def test_stored_scores_become_a_list(stored, tmp_path):
    scores = pq.read_table(stored / "scores/scores.parquet").to_pandas()
    assert {*scores_schema().names} == {*scores}
    people = draw_people(sorted(scores["customer_id"]), len(scores))
    config = load_config(draw_shop(tmp_path, people, complete_until="2026-12-31"))
    listed = rank(scores, read_tables(config), config, "winter")
    assert len(listed.contact) > 0


def test_a_stored_list_can_be_told_to_be_delivered_and_forgets(stored, tmp_path):
    box = shutil.copytree(stored / "list", tmp_path / "list")
    ids = pd.read_csv(box / "contact.csv", dtype=str)["customer_id"]
    config = load_config(draw_shop(tmp_path, draw_people(ids.tolist(), len(ids))))
    assert confirm_delivered(config, box) == {}
    assert forget(config, [ids[0]], [box]).boxes[box] >= 1
    assert ids[0] not in pd.read_csv(box / "contact.csv", dtype=str)["customer_id"].tolist()


def test_stored_uplift_tells_effects(stored):
    uplift = load_uplift(stored / "uplift")
    low, high = uplift.effects(pd.DataFrame({"x": [-2.0, 2.0]}))
    assert high > low


@pytest.mark.parametrize("kind", KINDS)
def test_a_box_of_a_later_version_is_refused_with_what_to_do(kind, stored, tmp_path):
    box = shutil.copytree(stored / kind, tmp_path / kind)
    manifest = json.loads((box / "manifest.json").read_text())
    (box / "manifest.json").write_text(json.dumps({**manifest, "format": FORMAT + 1, "digests": "sha3"}))
    newer = f"was written by a newer clm-ml (format {FORMAT + 1})"
    with pytest.raises(ArtifactError) as refused:
        open_box(box, kind)
    assert str(refused.value) == f"{box} {newer}; this one reads up to {FORMAT}: bring clm-ml up to date."
    assert Path(box).exists()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda rows: rows.drop_columns(["value_at_risk"]), "in value_at_risk"),
        (lambda rows: rows.set_column(0, "customer_id", [list(range(len(rows)))]), "in customer_id"),
        (lambda rows: rows.set_column(11, "churn_probability", [["high"] * len(rows)]), "in churn_probability"),
        (lambda rows: rows.set_column(1, "as_of", [[*rows["as_of"].to_pylist()[:-1], None]]), "in as_of"),
    ],
)
def test_scores_of_another_shape_are_refused_where_they_are_opened(stored, tmp_path, change, told):
    """A true digest says who wrote a box, not that it holds what a verb reads."""
    rows = change(pq.read_table(stored / "scores/scores.parquet"))
    with new_box(tmp_path / "scores", "scores", {"as_of": "2025-07-01"}) as hidden:
        pq.write_table(rows, hidden / SCORES)
    with pytest.raises(ArtifactError, match=f"holds other scores than this clm-ml makes, {told}; score again"):
        open_scores(tmp_path / "scores", ["customer_id", "value_at_risk"])


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("customers", "blend", "shift"), []),
        (("customers", "partner", "weights"), ["much"]),
        (("prior", "ordering", "r"), "much"),
        (("next_segment", "markov"), {}),
        (("customers", "partner", "weights"), [0.1]),
        (("next_order", "horizon_days"), None),
        (("amount", "factor"), {}),
        (("task", "windows_days"), [3]),
    ],
)
def test_a_model_that_can_score_nobody_is_refused_where_it_is_read(stored, tmp_path, place, value):
    facts = dict(open_box(stored / "model", "model").facts)
    with new_box(tmp_path / "model", "model", facts) as hidden:
        shutil.copytree(stored / "model", hidden, dirs_exist_ok=True, ignore=shutil.ignore_patterns("manifest.json"))
        content = json.loads((hidden / "model.json").read_text())
        holder = content
        for name in place[:-1]:
            holder = holder[name]
        assert place[-1] in holder
        holder[place[-1]] = value
        (hidden / "model.json").write_text(json.dumps(content))
    with pytest.raises(ArtifactError, match="is no model this clm-ml can read"):
        load_model(tmp_path / "model")


@pytest.mark.parametrize("facts", [{"model": []}, {"model": {"facts": 3}}, {"as_of": 7}, {"as_of": "2024-02-30"}])
def test_scores_that_tell_of_no_model_or_day_are_refused(stored, tmp_path, facts):
    with new_box(tmp_path / "scores", "scores", facts) as hidden:
        shutil.copy(stored / "scores/scores.parquet", hidden / SCORES)
    with pytest.raises(ArtifactError, match="tells something else of its day or its model than clm-ml writes"):
        open_scores(tmp_path / "scores")


def test_scores_that_are_no_parquet_are_refused(tmp_path):
    with new_box(tmp_path / "scores", "scores", {}) as hidden:
        (hidden / SCORES).write_text("none")
    with pytest.raises(ArtifactError, match="holds no scores that can be read; score again"):
        open_scores(tmp_path / "scores")
