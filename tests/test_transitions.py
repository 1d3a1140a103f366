"""Who moved, who will, how large each segment will be: by hand, beside plain SQL, and through the command line."""

import json

import duckdb
import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm
from typer.testing import CliRunner

import clm_ml as clm
from clm_ml.artifacts import new_box, open_box
from clm_ml.cli import app
from clm_ml.config import USUAL_SEGMENTS, SegmentRules
from clm_ml.lifecycle import NEW, Expected, Past, count_moves, flows_of, moved_between, size_forecast
from clm_ml.model import BOX_KIND, save_model
from clm_ml.pipeline import transitions_files
from clm_ml.plots import plot_flows
from clm_ml.segments import PHASES, SEGMENTS
from clm_ml.tables import read_tables

TWO = SegmentRules(
    rules={
        "visitor": {"phase": "acquisition", "when": [{"has_email": [True, False]}]},
        "buyer": {"phase": "veneration", "when": [{"state": ["active", "just_stopped"]}]},
        "lost": {"phase": "reactivation", "when": [{"state": "gone"}]},
    }
)


def stood(**people):
    """Draw where people stood: visitor, buyer or lost."""
    states = {"visitor": None, "buyer": "active", "lost": "gone"}
    rows = [(who, segment, states[segment]) for who, segment in people.items()]
    return pd.DataFrame(rows, columns=["customer_id", "segment", "state"])


BEFORE = stood(a="visitor", b="visitor", c="buyer", d="buyer", e="lost", f="lost", x="buyer")
AFTER = stood(a="visitor", b="buyer", c="buyer", d="lost", e="buyer", f="lost", n="buyer", m="visitor", o="buyer")


def test_moves_are_counted_by_where_from_and_where_to():
    told = moved_between(BEFORE, AFTER, TWO)
    assert (list(told.index), list(told.columns)) == (["visitor", "buyer", "lost", NEW], ["visitor", "buyer", "lost"])
    assert told.to_numpy().tolist() == [[1, 1, 0], [0, 1, 1], [0, 1, 1], [1, 2, 0]]


def test_who_came_and_who_went():
    assert count_moves(BEFORE, AFTER) == {
        "new": 3, "new_with_order": 2, "first_orders": 1, "gone": 1, "come_back": 1, "not_known_any_more": 1,
    }  # fmt: skip


def test_a_matrix_is_told_as_flows_with_their_shares():
    told = flows_of(moved_between(BEFORE, AFTER, TWO))
    assert told.iloc[0].tolist() == ["visitor", "visitor", 1, 0.5]
    assert told.iloc[-1].tolist() == [NEW, "buyer", 2, 2 / 3]
    assert len(told) == 8
    assert told.groupby("from_segment")["share"].sum().tolist() == pytest.approx([1] * 4)


segments = st.sampled_from(TWO.names)


@settings(max_examples=30)
@given(st.dictionaries(st.integers(0, 30), segments, max_size=20), st.dictionaries(st.integers(0, 30), segments))
def test_everyone_there_is_counted_once_and_those_who_stayed_known_are_where_they_were(before, after):
    first, second = (stood(**{f"c{who}": segment for who, segment in people.items()}) for people in (before, after))
    told = moved_between(first, second, TWO)
    assert told.to_numpy().sum() == len(after)
    assert told.sum(axis=0).to_dict() == {name: list(after.values()).count(name) for name in TWO.names}
    known = [before[who] for who in after if who in before]
    assert told.drop(NEW).sum(axis=1).to_dict() == {name: known.count(name) for name in TWO.names}
    moves = count_moves(first, second)
    assert moves["new"] == len(set(after) - set(before))
    assert moves["not_known_any_more"] == len(set(before) - set(after))


# how large each segment will be ----------------------------------------------------------------------------


def expected(sizes, now=(100, 100, 100), variance=(9.0, 9.0, 9.0)):
    return Expected(np.array(now, dtype=float), np.diag(np.array(sizes, dtype=float)), np.array(variance))


#: Of a normal distribution eight tenths lie within so many standard deviations.
Z = norm.ppf(0.9)


def bounds(told, segment):
    return told.loc[segment, ["lowest_customers", "highest_customers"]].tolist()


def around(middle, reach):
    return pytest.approx([middle - reach, middle + reach])


def off_by(many):
    return Past(expected((100, 100, 100)), np.array([100.0, 100 + many, 100 - many]), np.zeros(3))


def test_without_past_windows_they_are_taken_to_vary_as_usual():
    told = size_forecast(expected((90, 110, 100)), [], TWO).set_index("segment")
    reach = Z * np.sqrt(9 + 0.2 * 9**2)
    assert told.loc["buyer", ["customers_now", "expected_customers"]].tolist() == [100, 110]
    assert told.loc["buyer", ["lowest_customers", "highest_customers"]].tolist() == pytest.approx(
        [110 - reach, 110 + reach]
    )
    assert (told["expected_new_customers"] == 0).all()


def test_newcomers_are_expected_as_lately_and_vary_as_they_did():
    past = [Past(expected((100, 100, 100)), np.array([100.0, 100, 100]), np.array([0.0, n, 0])) for n in (10, 20, 60)]
    told = size_forecast(expected((100, 100, 100), variance=(0.0, 0, 0)), past, TWO).set_index("segment")
    assert told.loc["buyer", "expected_new_customers"] == 40  # of the last two
    # past errors: 20 after 10, and 60 after a mean of 15
    reach = Z * np.sqrt((10**2 + 45**2) / 2)
    assert told.loc["buyer", ["lowest_customers", "highest_customers"]].tolist() == pytest.approx(
        [140 - reach, 140 + reach]
    )
    assert told.loc["lost", ["lowest_customers", "highest_customers"]].tolist() == [100, 100]


def test_windows_that_were_off_by_more_than_chance_widen_the_interval():
    told = [
        size_forecast(expected((100, 100, 100)), [off_by(sign * size) for sign in (1, -1, 1, -1)], TWO)
        for size in (1, 30)
    ]
    calm, wild = (float(np.diff(bounds(one.set_index("segment"), "buyer"))[0]) for one in told)
    assert calm == pytest.approx(2 * Z * 3)  # less than chance is chance
    assert wild > 4 * calm


def world(rng, windows, people=1500, segments=3):
    """Draw windows in which people move by their own probabilities, bent by a season; and newcomers as they please."""
    habits, level = rng.normal(0, 1.2, (people, segments)), rng.uniform(20, 120, segments)
    usual = np.exp(habits) / np.exp(habits).sum(axis=1, keepdims=True)
    now = np.full(segments, people / segments)
    said = Expected(now, np.diag(usual.sum(axis=0)), (usual * (1 - usual)).sum(axis=0))
    for _ in range(windows):
        level = level * np.exp(rng.normal(0, 0.1, segments))
        bent = np.exp(habits + rng.normal(0, 0.3, segments))
        went = (rng.random(people)[:, None] > (bent / bent.sum(axis=1, keepdims=True)).cumsum(axis=1)).sum(axis=1)
        came = np.bincount(np.minimum(went, segments - 1), minlength=segments).astype(float)
        yield Past(said, came, rng.poisson(level * np.exp(rng.normal(0, 0.2, segments))).astype(float))


@pytest.mark.parametrize("windows", [3, 5, 8])
def test_eight_tenths_of_what_comes_is_within_the_interval(windows):
    rng, within = np.random.default_rng(1), []
    for _ in range(150):
        *past, last = world(rng, windows + 1)
        told = size_forecast(last.expected, past, TWO)
        came = last.came + last.new
        within.append((told["lowest_customers"] <= came) & (came <= told["highest_customers"]))
    assert 0.75 <= np.mean(within) <= 0.85


def test_batches_add_up():
    both = expected((1, 2, 3)) + expected((4, 5, 6))
    assert both.sizes.tolist() == [5, 7, 9]
    assert both.now.tolist() == [200, 200, 200]
    assert both.variance.tolist() == [18, 18, 18]


# the flow --------------------------------------------------------------------------------------------------


def test_ribbons_are_as_high_as_many_moved():
    observed = moved_between(BEFORE, AFTER, TWO)
    axes = plot_flows(observed, None, TWO.phases, ("2024-01-01", "2024-02-01", "2024-03-01")).axes[0]
    heights = [float(np.ptp(one.get_paths()[0].vertices[:, 1])) for one in axes.collections]
    assert len(axes.patches) == 4 + 3  # nodes
    assert [patch.get_height() for patch in axes.patches[:4]] == pytest.approx([2 / 9, 2 / 9, 2 / 9, 3 / 9])
    assert len(heights) == 8  # a flow of nobody is not drawn
    words = [text.get_text() for text in axes.texts]
    assert "(new)  3" in words
    assert "buyer  5" in words
    assert words[-1] == "2024-02-01"


def test_what_is_expected_is_a_third_column():
    observed = moved_between(BEFORE, AFTER, TWO)
    figure = plot_flows(observed, observed.drop(NEW) * 1.0, TWO.phases, ("2024-01-01", "2024-02-01", "2024-03-01"))
    assert "2024-03-01\nexpected of those of 2024-02-01" in [text.get_text() for text in figure.axes[0].texts]
    shown = figure._repr_html_()
    assert "<title>1 of 2 lost: to buyer</title>" in shown
    assert "<title>1 of 2 visitor: stayed</title>" in shown


# through the command line ----------------------------------------------------------------------------------


def run(*arguments):
    done = CliRunner().invoke(app, [str(argument) for argument in arguments])
    return done.exit_code, done.stdout, done.stderr


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """Draw a shop, and a model that knows what was known by 2025-10-01."""
    folder = tmp_path_factory.mktemp("moves") / "shop"
    clm.simulate(400, 2, folder)
    content = yaml.safe_load((folder / "shop.yaml").read_text())
    content |= {"threads": 1, "train": {"as_ofs": ["2024-09-01", "2025-03-01"]}}
    content["task"] = {"horizon_days": 180, "windows_days": [90, 365]}
    (folder / "shop.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    config = clm.load_config(folder / "shop.yaml")
    with new_box(folder / "model", BOX_KIND, {}) as hidden:
        save_model(clm.train(read_tables(config), config, "2025-10-01"), hidden)
    return folder


@pytest.fixture(scope="module")
def told(drawn):
    asked = ("--as-of", "2025-10-01", "--model", drawn / "model", "--out", drawn / "box", "--plot", drawn / "flow.png")
    code, out, err = run("transitions", drawn / "shop.yaml", *asked, "--json")
    assert (code, err) == (0, "")
    return json.loads(out)


def test_what_is_told_adds_up(drawn, told):
    assert (told["since"], told["as_of"], told["until"]) == ("2025-04-04", "2025-10-01", "2026-03-30")
    people = sum(sum(row.values()) for row in told["observed"].values())
    assert sum(sum(row.values()) for row in told["predicted"].values()) == pytest.approx(people)
    assert sum(told["observed"][NEW].values()) == told["moves"]["new"]
    assert [one["segment"] for one in told["forecast"]] == list(SEGMENTS)
    assert sum(one["customers_now"] for one in told["forecast"]) == people
    for one in told["forecast"]:
        assert one["lowest_customers"] <= one["expected_customers"] <= one["highest_customers"]
    assert told["windows"] == 3
    box = open_box(drawn / "box", "transitions")
    forecast = pd.read_csv(box.path("forecast.csv"))
    assert forecast["segment"].tolist() == list(SEGMENTS)
    assert pd.read_csv(box.path("observed.csv"))["customers"].sum() == people
    assert (drawn / "flow.png").read_bytes().startswith(b"\x89PNG")


def test_what_is_expected_is_the_sum_of_what_the_scores_say(drawn, told, tmp_path):
    asked = ("--as-of", "2025-10-01", "--model", drawn / "model", "--out", tmp_path / "scores", "--reasons", "0")
    assert run("score", drawn / "shop.yaml", *asked)[0] == 0
    sums = ", ".join(f"sum(p_{name}) AS {name}" for name in SEGMENTS)
    sql = f"SELECT segment, {sums} FROM '{tmp_path / 'scores/scores.parquet'}' GROUP BY segment"
    for name, row in duckdb.sql(sql).df().set_index("segment").iterrows():
        assert [told["predicted"][name][to] for to in SEGMENTS] == pytest.approx(row.to_list())


@pytest.mark.slow
def test_two_runs_agree_to_the_byte_and_what_came_later_is_not_known(drawn, told, tmp_path):
    content = yaml.safe_load((drawn / "shop.yaml").read_text())
    for table in content["tables"].values():
        table["source"] = str(drawn / table["source"])
    content["complete_until"] = "2025-10-01"
    for table in content["tables"].values():
        table["max_rejected_share"] = 1.0
    (tmp_path / "shop.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    asked = ("--model", drawn / "model", "--out", tmp_path / "box", "--plot", tmp_path / "flow.png")
    assert run("transitions", tmp_path / "shop.yaml", *asked)[0] == 0
    for name in ("observed.csv", "predicted.csv", "forecast.csv", "moves.json"):
        assert (tmp_path / "box" / name).read_bytes() == (drawn / "box" / name).read_bytes()
    assert (tmp_path / "flow.png").read_bytes() == (drawn / "flow.png").read_bytes()


def test_who_moved_is_what_the_history_says(drawn, tmp_path):
    days = ("2025-04-04", "2025-10-01")
    asked = [word for day in days for word in ("--as-of", day)]
    assert run("segments", drawn / "shop.yaml", *asked, "--history", tmp_path / "h.parquet")[0] == 0
    sql = f"""
        SELECT coalesce(f.segment, '{NEW}') AS came_from, s.segment AS went_to, count(*) AS people
        FROM (FROM '{tmp_path / "h.parquet"}' WHERE as_of = DATE '{days[1]}') s
        LEFT JOIN (FROM '{tmp_path / "h.parquet"}' WHERE as_of = DATE '{days[0]}') f USING (customer_id) GROUP BY ALL"""
    counted = {(a, b): n for a, b, n in duckdb.sql(sql).fetchall()}
    code, out, err = run("transitions", drawn / "shop.yaml", "--as-of", days[1], "--json")
    assert (code, err) == (0, "")
    mine = json.loads(out)
    assert (mine["predicted"], mine["forecast"], mine["model"]) == (None, None, None)
    assert counted == {(a, b): n for a, row in mine["observed"].items() for b, n in row.items() if n}


def test_who_is_about_to_is_listed_in_order_but_nobody_who_did_not_agree_or_is_suppressed(drawn, tmp_path):
    content = yaml.safe_load((drawn / "shop.yaml").read_text())
    for table in content["tables"].values():
        table["source"] = str(drawn / table["source"])
    asked = ("--as-of", "2025-10-01", "--model", drawn / "model", "--about-to", "falling_asleep", "--out")
    columns = dict(content["tables"]["customers"]["columns"])
    content["tables"]["customers"]["columns"] = {name: to for name, to in columns.items() if name != "may_profile"}
    (tmp_path / "all.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    code, out, err = run("transitions", tmp_path / "all.yaml", *asked, tmp_path / "all.csv")
    assert (code, err) == (0, "")
    everyone = pd.read_csv(tmp_path / "all.csv")
    assert f"about to be in falling_asleep: {len(everyone)}, the most value at risk first" in out.splitlines()
    assert list(everyone) == [
        "customer_id", "segment", "becomes_falling_asleep_probability", "churn_probability", "value_at_risk",
    ]  # fmt: skip
    assert everyone["value_at_risk"].is_monotonic_decreasing
    assert (everyone["segment"] != "falling_asleep").all()

    refuses, is_silent, is_suppressed = everyone["customer_id"][:3]
    people = pd.read_parquet(drawn / "customers.parquet").astype({"may_profile": object}).set_index("customer_id")
    people["may_profile"] = pd.Series(True, people.index, dtype=object)
    people.loc[[refuses, is_silent], "may_profile"] = [False, None]
    people.reset_index().to_parquet(tmp_path / "customers.parquet")
    (tmp_path / "never.txt").write_text(f"{is_suppressed}\n")
    content["tables"]["customers"] |= {"columns": columns, "source": str(tmp_path / "customers.parquet")}
    content["list"] = {**content["list"], "suppress": "never.txt"}
    (tmp_path / "shop.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    assert run("transitions", tmp_path / "shop.yaml", *asked, tmp_path / "shop.csv")[0] == 0
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "shop.csv"), everyone.iloc[3:].reset_index(drop=True))
    assert (tmp_path / "shop.csv").stat().st_mode & 0o077 == 0


def test_a_model_that_has_seen_what_came_says_so(drawn):
    code, out, err = run("transitions", drawn / "shop.yaml", "--as-of", "2025-08-01", "--model", drawn / "model")
    assert code == 0
    assert err == "warning: the model has learned from what was known by 2025-10-01: it knows some of what came.\n"
    lines = out.splitlines()
    assert lines[0].startswith("from 2025-02-02 to 2025-08-01, by the borders of ")
    assert "how many in each on 2026-01-28, newcomers included, with an 80 % interval:" in lines


@pytest.mark.slow
def test_a_notebook_gets_frames(drawn):
    config = clm.load_config(drawn / "shop.yaml")
    model = clm.load_model(drawn / "model")
    told = clm.transitions(clm.read_tables(config), config, as_of="2025-10-01", model=model, about_to="cannot_lose")
    assert told.observed.shape == (12, 11)
    assert told.predicted.shape == (11, 11)
    assert "becomes_cannot_lose_probability" in told.about_to
    assert told._repr_html_().count("<table") == 2
    standing = clm.segment(clm.read_tables(config), config, as_of="2025-10-01", model=model)
    assert standing.table["customers"].tolist() == told.forecast["customers_now"].tolist()
    assert standing.fitted_on == "2025-10-01"


FIRST = ": the first order is of 2024-01-01. Use a later day."


@pytest.mark.parametrize(
    ("asked", "code", "said"),
    [
        (["--about-to", "lazy", "--model", "m"], 2, f"there is no segment 'lazy'; there are {', '.join(SEGMENTS)}."),
        (["--about-to", "loyal"], 2, "who is about to be in loyal a model must tell: name it with --model."),
        (["--as-of", "2024-02-01"], 13, f"as_of 2023-08-05 is too early{FIRST}"),
        (["--model", "nowhere"], 15, "there is no model box at nowhere: a box is a folder with manifest.json."),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_in_one_sentence(drawn, asked, code, said):
    assert run("transitions", drawn / "shop.yaml", *asked) == (code, "", f"error: {said}\n")


def test_the_usual_phases_are_those_of_the_usual_rules():
    assert list(USUAL_SEGMENTS.phases) == list(PHASES)
    assert transitions_files.__doc__
