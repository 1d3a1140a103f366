"""Who is in which segment: counted by hand, by plain SQL on the real shop, and through the command line."""

import json

import duckdb
import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

import clm_ml as clm
from clm_ml.cli import app
from clm_ml.config import USUAL_SEGMENTS, Lapse, SegmentRules
from clm_ml.features import Rhythm
from clm_ml.lifecycle import border_words, census, grid, phases_of, place, rule_words, tally
from clm_ml.model import Lifecycle
from clm_ml.plots import plot_grid
from clm_ml.segments import SEGMENTS, CutPoints
from tests.conftest import make_config

CUTS = CutPoints(
    (-90.0, -60.0, -30.0, -10.0), (2.0, 3.0, 5.0, 8.0), (10.0, 50.0, 100.0, 500.0), (2.0, 5.0), (50.0, 200.0)
)
LIFECYCLE = Lifecycle(CUTS, Lapse(), Rhythm(30.0, 1.0), horizon_days=60)


def standing(*rows):
    """Draw people: days since the last order, order days, amount, days between the first and the last order."""
    frame = pd.DataFrame(rows, columns=["days_since_last_order", "orders_ever", "amount_ever", "gap_days_sum"])
    return frame.assign(
        customer_id=[f"c{n}" for n in range(len(rows))], order_days_ever=frame["orders_ever"], has_email=False,
        gaps_ever=(frame["orders_ever"] - 1).clip(lower=0), gap_days_square_sum=0,
    )  # fmt: skip


#: One expected gap of 30 days each: active, active, gone, never ordered, only returned.
FIVE = standing((5, 1, 20.10, 0), (5, 9, 900.0, 240), (400, 9, 79.9, 240), (np.nan, 0, 0.0, 0), (np.nan, 0, -5.05, 0))


def test_people_are_counted_by_segment_and_phase_with_what_they_have_spent():
    batches = [tally(place(FIVE.iloc[:2], LIFECYCLE)), tally(place(FIVE.iloc[2:], LIFECYCLE))]
    told = census(batches, USUAL_SEGMENTS).set_index("segment")
    assert list(told.index) == list(SEGMENTS)
    assert told.loc["engaged_visitor", ["customers", "amount"]].tolist() == [2, -5.05]
    assert told.loc["first_time", ["customers", "customers_share", "amount"]].tolist() == [1, 0.2, 20.10]
    assert told.loc["champion", ["customers", "amount"]].tolist() == [1, 900.0]
    assert told.loc["cannot_lose", "customers"] == 1  # gone, high frequency and middle value
    assert told["customers"].sum() == 5
    assert told["amount_share"].sum() == pytest.approx(1)
    phases = phases_of(told.reset_index()).set_index("phase")
    assert phases["customers"].to_dict() == {
        "acquisition": 2, "retention": 1, "increased_value": 0, "veneration": 1, "reactivation": 1,
    }  # fmt: skip
    assert phases.loc["veneration", "amount_share"] == pytest.approx(900 / 994.95)


def test_the_grid_has_those_who_ordered_by_their_scores():
    told = grid([tally(place(FIVE, LIFECYCLE))])
    assert told.to_numpy().tolist() == [
        [1, 5, "cannot_lose", 1], [5, 1, "first_time", 1], [5, 5, "champion", 1],
    ]  # fmt: skip


def test_of_nothing_there_is_no_share():
    told = census([tally(place(FIVE.iloc[3:4], LIFECYCLE))], USUAL_SEGMENTS)
    assert told["amount_share"].isna().all()
    assert told["customers_share"].sum() == 1


def test_the_words_say_which_facets_and_where_the_borders_are():
    words = rule_words(USUAL_SEGMENTS)
    assert list(words) == list(SEGMENTS)
    assert words["at_risk"] == (
        "just stopped, ordered on several days, high value; "
        "or just stopped, ordered on several days, high frequency, middle value"
    )
    assert border_words(LIFECYCLE, "EUR")[2:5] == [
        "frequency: middle with more than 2 orders, high with more than 5",
        "value: middle above 50.00 EUR so far, high above 200.00",
        "R score: 5 up to 10 days since the last order, then up to 30, 60, 90",
    ]


def test_the_grid_is_drawn_as_squares_whose_area_is_their_count():
    drawn = pd.DataFrame([(5, 5, "champion", 9), (5, 5, "loyal", 7), (1, 5, "cannot_lose", 4)])
    drawn.columns = ["r_score", "f_score", "segment", "customers"]
    table = census([tally(place(FIVE, LIFECYCLE))], USUAL_SEGMENTS)
    patches = plot_grid(drawn, table, "2024-05-01").axes[0].patches
    areas = [patch.get_width() * patch.get_height() for patch in patches]
    assert [area / areas[0] for area in areas] == pytest.approx([1, 7 / 4, 9 / 4])  # rows of R come first


# over drawn orders -----------------------------------------------------------------------------------------

orders = st.lists(st.tuples(st.integers(0, 200), st.integers(1, 90)), min_size=1, max_size=5)


def rows(everyone):
    return [
        (f"c{number}", str(pd.Timestamp("2024-01-01") + pd.Timedelta(days=day))[:10], amount, f"o{number}-{place}")
        for number, theirs in enumerate(everyone)
        for place, (day, amount) in enumerate(theirs)
    ]


@settings(max_examples=4, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(orders, min_size=3, max_size=8), orders)
def test_at_fixed_borders_one_customers_orders_change_nobody_elses_segment(shop, everyone, others):
    who = []
    for drawn in (everyone, [others, *everyone[1:]]):
        tables = shop([*rows(drawn), ("zz", "2024-01-01", 1, "zz")])
        features = clm.describe(tables, "2024-09-01", clm.Config.model_fields["task"].default).to_pandas()
        who.append(place(features, LIFECYCLE).set_index("customer_id")["segment"].drop("c0"))
        tables.engine.close()
    pd.testing.assert_series_equal(*who)


def test_a_notebook_gets_the_table_with_borders_of_its_own_day_or_a_models(shop):
    tables = shop(rows([[(n, 10 * n) for n in range(1, 40, k)] for k in (1, 2, 3, 5, 8, 13)]))
    frames = {"orders": pd.DataFrame(columns=["customer_id", "ordered_at", "amount"])}
    config = make_config(frames, "2024-12-31")
    told = clm.segment(tables, config, as_of="2024-03-01")
    assert (told.as_of, told.fitted_on, told.model) == ("2024-03-01", "2024-03-01", None)
    assert told.table["customers"].sum() == 6
    assert "<table" in told._repr_html_()
    assert told.phases["customers"].sum() == 6


# by plain SQL on the real shop -------------------------------------------------------------------------------

SQL = """
WITH lines AS (
    SELECT DISTINCT CustomerID::VARCHAR AS who, InvoiceNo AS invoice, InvoiceDate AS made, StockCode, Quantity,
        Quantity * UnitPrice AS paid
    FROM '{file}' WHERE UnitPrice > 0 AND CustomerID IS NOT NULL AND InvoiceDate < TIMESTAMP '{day}'),
invoices AS (SELECT who, invoice, min(made)::DATE AS day FROM lines WHERE paid > 0 GROUP BY ALL),
bought AS (
    SELECT who, count(*) AS orders, count(DISTINCT day) AS days, max(day) AS last, min(day) AS first
    FROM invoices GROUP BY who),
people AS (
    SELECT who, coalesce(orders, 0) AS orders, coalesce(days, 0) AS days,
        date_diff('day', last, DATE '{day}') AS silent,
        greatest((date_diff('day', first, last) + {weight} * {gap}) / (days - 1 + {weight}), 7) AS expected,
        sum(round(paid * 100)) AS paid
    FROM lines LEFT JOIN bought USING (who) GROUP BY ALL),
many AS (SELECT list_sort(list(orders)) AS n FROM people WHERE days > 1),
spent AS (SELECT list_sort(list(paid)) AS p FROM people WHERE days > 0),
stood AS (
    SELECT who, days,
        CASE WHEN silent / expected >= 4 THEN 'gone' WHEN silent / expected >= 2 THEN 'just' ELSE 'active' END AS state,
        (orders > n[1 + len(n) // 3])::INT + (orders > n[1 + 2 * len(n) // 3])::INT AS often,
        (paid > p[1 + len(p) // 3])::INT + (paid > p[1 + 2 * len(p) // 3])::INT AS much
    FROM people, many, spent)
SELECT who AS customer_id, CASE
    WHEN days = 0 THEN 'engaged_visitor'
    WHEN state != 'active' AND days > 1 AND (much = 2 OR often = 2 AND much = 1)
        THEN CASE state WHEN 'gone' THEN 'cannot_lose' ELSE 'at_risk' END
    WHEN state != 'active' THEN 'falling_asleep'
    WHEN days = 1 THEN 'first_time'
    WHEN often = 0 THEN 'recent'
    WHEN often = 1 THEN CASE much WHEN 0 THEN 'promising' ELSE 'potential_loyalist' END
    ELSE CASE much WHEN 2 THEN 'champion' ELSE 'loyal' END END AS segment
FROM stood ORDER BY who
"""


def run(*arguments):
    done = CliRunner().invoke(app, [str(argument) for argument in arguments])
    return done.exit_code, done.stdout, done.stderr


def test_the_real_shops_segments_are_those_of_plain_sql(tmp_path):
    day, file = "2011-09-11", tmp_path / "history.parquet"
    config = clm.load_config(clm.online_retail_config())
    told = clm.pipeline.segment_files(config, [day], history=file)
    rhythm = told.lifecycle.rhythm
    sql = SQL.format(file=clm.online_retail_path(), day=day, weight=repr(rhythm.weight), gap=repr(rhythm.gap_days))
    asked = duckdb.sql(sql).df()
    mine = pd.read_parquet(file)
    pd.testing.assert_frame_equal(mine[["customer_id", "segment"]], asked, check_dtype=False)
    counts = dict(zip(told.table["segment"], told.table["customers"], strict=True))
    assert {name: count for name, count in counts.items() if count} == asked["segment"].value_counts().to_dict()


# through the command line ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    folder = tmp_path_factory.mktemp("census") / "shop"
    clm.simulate(1500, 1, folder)
    content = yaml.safe_load((folder / "shop.yaml").read_text()) | {"threads": 1}
    (folder / "shop.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    return folder


def test_each_of_the_eleven_holds_somebody_in_the_simulated_shop_and_two_runs_agree(drawn, tmp_path):
    asked = ("segments", drawn / "shop.yaml", "--every", 240, "--json", "--history")
    first, second = (run(*asked, tmp_path / name) for name in ("a.parquet", "b.parquet"))
    assert first[0] == second[0] == 0, first[2]
    told = json.loads(first[1])
    assert [one["segment"] for one in told["segments"] if one["customers"]] == list(SEGMENTS)
    assert first[1].replace("a.parquet", "") == second[1].replace("b.parquet", "")
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()
    assert (tmp_path / "a.parquet").stat().st_mode & 0o077 == 0
    history = pd.read_parquet(tmp_path / "a.parquet")
    days = history["as_of"].astype(str)
    assert list(days.unique()) == told["history"]["as_ofs"] == sorted(told["history"]["as_ofs"])
    assert len(told["history"]["as_ofs"]) > 2
    assert told["fitted_on"] == told["history"]["as_ofs"][0]
    assert told["as_of"] == told["history"]["as_ofs"][-1]
    assert (len(history), set(history.columns)) == (told["history"]["rows"], {"customer_id", "as_of", "segment"})
    last = history[days == told["as_of"]]
    assert last["customer_id"].is_monotonic_increasing
    assert last["customer_id"].is_unique
    assert last["segment"].value_counts().to_dict() == {one["segment"]: one["customers"] for one in told["segments"]}


def test_what_a_person_is_told(drawn, tmp_path):
    code, out, err = run("segments", drawn / "shop.yaml", "--as-of", "2025-10-01", "--plot", tmp_path / "grid.png")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0].endswith("people as of 2025-10-01; the borders were fitted on that day")
    assert lines[1].split() == ["phase", "segment", "customers", "customers_share", "amount", "amount_share"]
    assert "  champion            active, ordered on several days, high frequency, high value" in lines
    assert lines[-1] == f"plot: {tmp_path / 'grid.png'}"
    assert (tmp_path / "grid.png").read_bytes().startswith(b"\x89PNG")


def test_own_rules_are_counted_under_their_names(drawn, tmp_path):
    rules = {"stranger": {"phase": "acquisition", "when": [{"has_email": [True, False]}]}}
    rules |= {"buyer": {"phase": "veneration", "when": [{"orders": ["one", "several"]}]}}
    content = yaml.safe_load((drawn / "shop.yaml").read_text()) | {"segments": {"rules": rules}}
    for table in content["tables"].values():
        table["source"] = str(drawn / table["source"])
    (tmp_path / "own.yaml").write_text(yaml.safe_dump(content | {"list": {"segments": ["buyer"]}}, sort_keys=False))
    code, out, err = run("segments", tmp_path / "own.yaml", "--json")
    assert code == 0, err
    assert [one["segment"] for one in json.loads(out)["segments"]] == ["stranger", "buyer"]
    assert SegmentRules(rules=rules).names == ("stranger", "buyer")


SEVERAL = ["--as-of", "2025-01-01", "--as-of", "2025-02-01"]
HISTORY = "several days are a history; name its file with --history FILE.parquet."
LATE = "as_of 2035-01-01 is too late: data are complete until 2025-12-31. Use 2025-12-31 or earlier, or bring the"


@pytest.mark.parametrize(
    ("asked", "code", "said"),
    [
        (SEVERAL, 2, HISTORY),
        (["--every", "30"], 2, HISTORY),
        (["--every", "30", *SEVERAL], 2, "--every steps back from one day; give at most one --as-of with it."),
        (["--as-of", "1.1.2025"], 13, "a day is written YYYY-MM-DD, as in 2011-12-10; found '1.1.2025'."),
        (["--as-of", "2035-01-01"], 13, f"{LATE} tables up to date."),
        (["--model", "nowhere"], 15, "there is no model box at nowhere: a box is a folder with manifest.json."),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(drawn, asked, code, said):
    assert run("segments", drawn / "shop.yaml", *asked) == (code, "", f"error: {said}\n")


def test_a_file_that_is_there_is_not_replaced(drawn, tmp_path):
    (tmp_path / "grid.png").write_text("mine")
    code, out, err = run("segments", drawn / "shop.yaml", "--plot", tmp_path / "grid.png")
    said = f"error: {tmp_path / 'grid.png'} exists already; choose another name, or replace it with --force.\n"
    assert (code, out, err) == (15, "", said)
    assert run("segments", drawn / "shop.yaml", "--plot", tmp_path / "grid.png", "--force")[0] == 0
