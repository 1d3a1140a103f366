"""What a notebook shows of what verbs give: counts, days and names, with whatever comes from data escaped."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from clm_ml.evaluation import Verdict
from clm_ml.pipeline import Backtested, Checked, Exported, Listed, Scored, Trained
from clm_ml.pipeline.promising import Promise
from clm_ml.tables import Counts
from clm_ml.tracking import Tracked

EVIL, HARMLESS = "<i>evil</i>", "&lt;i&gt;evil&lt;/i&gt;"
COUNTS = {"orders": Counts(read=1_300, used=1_200, rejected={EVIL: 100}, first_day=19_723, last_day=19_724)}


def people(*ids):
    rows = {name: [EVIL] * len(ids) for name in ("segment", "play", "reason_1")}
    numbers = {name: [1.5] * len(ids) for name in ("churn_probability", "value_at_risk", "expected_profit")}
    return pd.DataFrame({"rank": range(1, len(ids) + 1), "customer_id": list(ids), **rows, **numbers})


def listed(**others):
    promise = Promise(2.0, 90.0, 20.0, 7.0, 1.0, 0.3, 0.1, 0.05, None, ("save rate",), 3, 3)
    kept = {"contact": people("a", "b"), "holdout": people("c"), "profits": np.array([3.0, 1.0, 0.5, -1.0])}
    return Listed(
        campaign=EVIL, dropped={"no consent": 4, "fatigued": 0}, promise=promise, currency="GBP", **kept, **others
    )


def test_tables_tell_what_was_read_and_what_was_not_used(shop):
    shown = shop([("a", "2024-01-01", 10), ("", "2024-01-02", 5)])._repr_html_()
    assert "complete until 2024-12-31" in shown
    cells = ["orders", "2", "1", "2024-01-01", "2024-01-01", "no customer 1"]
    assert "".join(f"<td>{cell}</td>" for cell in cells) in shown


def test_a_check_tells_counts_a_horizon_and_what_is_missing():
    lapse = pd.DataFrame({"after_gaps": [2.0], "lapsed_share": [0.12345]})
    checked = Checked(COUNTS, "2024-01-01", "2024-12-31", 70, {"spend": EVIL}, lapse, 60, 55.0, (), (EVIL,))
    shown = checked._repr_html_()
    for told in (
        "70 customers",
        "<td>1,200</td>",
        "a sensible horizon: 60 days; 85% of gaps end within 55 days",
        "0.123",
    ):
        assert told in shown
    assert f"<li>no spend: without {HARMLESS}</li>" in shown
    assert EVIL not in shown
    nobody_twice = Checked(COUNTS, "2024-01-01", "2024-12-31", 70, {}, pd.DataFrame(), 60, float("nan"), (), ())
    assert "a sensible horizon: 60 days</li>" in nobody_twice._repr_html_()


def test_a_backtest_tells_its_methods_and_reads_its_predictions(tmp_path):
    methods = {
        name: dict.fromkeys(("auc", "log_loss", "brier", "ece", "top_decile_lift"), value)
        for name, value in {"model": 0.71, "bg_nbd": 0.65}.items()
    }
    figures = {
        "horizon_days": 30,
        "as_ofs": [{"as_of": "2024-05-01"}],
        "pooled": {"customers": 1_234, "methods": methods},
    }
    said = pd.DataFrame({"customer_id": ["a"], "churned": [1]})
    said.to_parquet(tmp_path / "predictions.parquet")
    found = Backtested(tmp_path, figures, "run")
    assert found.table().loc["bg_nbd", "auc"] == 0.65
    assert list(found.table().index) == ["model", "bg_nbd"]
    pd.testing.assert_frame_equal(found.predictions(), said)
    shown = found._repr_html_()
    assert "1,234 predictions at 2024-05-01, 30 days ahead" in shown
    assert "0.71" in shown


def test_a_training_tells_its_alias_and_why():
    model = SimpleNamespace(_repr_html_=lambda: "<b>the model</b>")
    tracked = Tracked("run", "3", "challenger")
    shown = Trained(model, Path("models/may"), Verdict(False, EVIL), tracked, ("look here",))._repr_html_()
    assert shown.startswith("<b>the model</b>")
    assert f"<li>challenger, version 3: {HARMLESS}</li>" in shown
    assert "<li>look here</li>" in shown


def test_scores_tell_how_many_are_where():
    segments = pd.DataFrame({"segment": [EVIL], "customers": [5], "value_at_risk": [1234.5]})
    shown = Scored(Path("scores"), "2024-05-01", 5, segments)._repr_html_()
    assert "5 customers as of 2024-05-01" in shown
    assert "1,234.50" in shown
    assert EVIL not in shown


def test_a_list_tells_its_promise_who_was_left_out_and_whom_to_contact_but_nobody_held_out():
    shown = listed(warnings=(EVIL,))._repr_html_()
    assert f"<b>{HARMLESS}</b>: 2 to contact, 1 held out" in shown
    assert "2.0 more orders, 90 GBP more revenue" in shown
    assert "<li>left out: no consent 4</li>" in shown
    assert "<td>a</td>" in shown
    assert "<td>c</td>" not in shown
    assert EVIL not in shown


def test_a_list_draws_itself_by_all_who_may_be_contacted():
    axes = listed().figure().axes[0]
    assert axes.get_title() == "A list of 3 is expected to bring 4 GBP"
    assert axes.lines[0].get_ydata().tolist() == [0.0, 3.0, 4.0, 4.5, 3.5]


def test_an_export_names_its_files():
    box = Path("lists/may")
    shown = Exported(box, listed(), (box / "contact.csv", box / "table" / "a&b.csv"))._repr_html_()
    assert "<li>contact.csv</li>" in shown
    assert "a&amp;b.csv" in shown
    assert "2 to contact" in shown


@pytest.mark.parametrize("thing", [Backtested, Checked, Exported, Listed, Scored, Trained])
def test_whatever_a_verb_gives_to_a_notebook_shows_itself(thing):
    assert "_repr_html_" in vars(thing)
