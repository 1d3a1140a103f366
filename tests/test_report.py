"""The report: sums by hand, a page that is whole and asks for nothing, and nobody told of who is not to be."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import stat
from base64 import b64encode
from datetime import date
from html.parser import HTMLParser
from importlib import resources
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from markupsafe import Markup

from clm_ml import report
from clm_ml.artifacts import new_box, open_box
from clm_ml.config import USUAL_SEGMENTS, read_segment_rules
from clm_ml.errors import ArtifactError, ModelError
from clm_ml.plots import plot_gains, plot_grid, segment_colours
from clm_ml.report_page import columns_of, count_scores
from clm_ml.report_page.colours import dark_of
from clm_ml.report_page.drawing import draw
from tests.browser import is_well, look, needs_browser
from tests.conftest import make_config

DAY = "2024-06-30"
HOSTILE = '<script>alert(1)</script>"><img src=x onerror=alert(2)> \u202eשלום 😀 & $x$'
NAMES = USUAL_SEGMENTS.names

#: customer, segment, R, F, M, overdue ratio, churn probability, expected value, value at risk, where they will be.
DRAWN = [
    ("a", "champion", 5, 5, 5, 0.2, 0.1, 90.0, 10.0, {"champion": 0.75, "at_risk": 0.25}),
    ("b", "champion", 5, 5, 4, 0.8, 0.3, 70.0, 30.0, {"champion": 1.0}),
    ("c", "falling_asleep", 1, 3, 1, 5.0, 0.9, 10.0, 90.0, {"falling_asleep": 1.0}),
    ("d", "falling_asleep", 1, 3, 2, 4.0, 0.7, 30.0, 70.0, {"falling_asleep": 0.5, "recent": 0.5}),
    ("v", "loyal_visitor", None, None, None, None, None, 2.0, None, None),
]


def scores_of(rows: list[tuple]) -> pd.DataFrame:
    names = ["customer_id", "segment", "r_score", "f_score", "m_score", "overdue_ratio", "churn_probability"]
    names += ["expected_value", "value_at_risk"]
    frame = pd.DataFrame([row[:-1] for row in rows], columns=names)
    ahead = [{f"p_{name}": np.nan if row[-1] is None else row[-1].get(name, 0.0) for name in NAMES} for row in rows]
    return frame.assign(as_of=date.fromisoformat(DAY)).join(pd.DataFrame(ahead))


@pytest.fixture(scope="module")
def counted():
    return count_scores([scores_of(DRAWN)], USUAL_SEGMENTS)


# Counting


def test_people_money_and_risk_are_added_up_by_segment(counted):
    rows = counted.segments.set_index("segment")
    assert rows.loc["champion", ["customers", "rated", "expected_value", "value_at_risk"]].tolist() == [
        2,
        2,
        160.0,
        40.0,
    ]
    assert rows.loc["champion", "churn_probability"] == pytest.approx(0.2)
    assert rows.loc["loyal_visitor", ["customers", "rated"]].tolist() == [1, 0]
    assert np.isnan(rows.loc["loyal_visitor", "churn_probability"])
    assert list(rows.index) == list(NAMES)
    assert (counted.people, counted.customers) == (5, 4)
    assert counted.expected_to_stay_away == pytest.approx(2.0)


def test_half_of_the_value_at_risk_lies_with_the_fewest_who_hold_it(counted):
    assert counted.half == 2, "90 of 200 are less than half, 90 and 70 are more"


def test_where_people_are_expected_is_added_up_and_visitors_stay(counted):
    flows = counted.flows
    assert flows.loc["champion", ["champion", "at_risk"]].tolist() == [1.75, 0.25]
    assert flows.loc["falling_asleep", ["falling_asleep", "recent"]].tolist() == [1.5, 0.5]
    assert flows.loc["loyal_visitor", "loyal_visitor"] == 1
    assert flows.to_numpy().sum() == 5


def test_scores_that_do_not_look_ahead_give_no_flows():
    rows = [(*row[:-1], None) for row in DRAWN]
    assert count_scores([scores_of(rows)], USUAL_SEGMENTS).flows is None


def test_risk_is_told_by_silence_and_by_score(counted):
    silence = counted.by_silence.set_index("band")
    assert silence["customers"].tolist() == [1, 1, 0, 0, 0, 2]
    assert silence["churn_probability"].tolist() == pytest.approx([0.1, 0.3, np.nan, np.nan, np.nan, 0.8], nan_ok=True)
    assert counted.by_score["R"].tolist() == pytest.approx([0.8, np.nan, np.nan, np.nan, 0.2], nan_ok=True)
    assert counted.by_score["M"].tolist() == pytest.approx([0.9, 0.7, np.nan, 0.3, 0.1], nan_ok=True)


def test_batches_add_up_to_the_whole(counted):
    parts = [scores_of(DRAWN[:1]), scores_of(DRAWN[:0]), scores_of(DRAWN[1:4]), scores_of(DRAWN[4:])]
    other = count_scores(parts, USUAL_SEGMENTS)
    for name in ("segments", "grid", "flows", "by_score", "by_silence"):
        pd.testing.assert_frame_equal(getattr(other, name), getattr(counted, name), check_dtype=False)
    assert other.half == counted.half


def test_nobody_and_unknown_segments_are_refused():
    with pytest.raises(ModelError, match="of nobody"):
        count_scores([scores_of(DRAWN[:0])], USUAL_SEGMENTS)
    with pytest.raises(ModelError, match="'lost'"):
        count_scores([scores_of(DRAWN).replace({"segment": {"champion": "lost"}})], USUAL_SEGMENTS)


# Drawing


def gains(name: str = "model"):
    return draw(lambda: plot_gains([1, 0, 1], {name: [0.9, 0.1, 0.5]}), "gains", "Gains", "As drawn.")


def test_a_drawing_has_the_same_bytes_twice_and_keeps_out_of_other_drawings_ways():
    svg = gains()
    assert svg == gains()
    assert re.search(r'viewBox="0 0 388\.8', svg)
    assert "style=" not in svg
    assert not re.search(r'"#[0-9a-fA-F]{6}"', svg), "colours are variables"
    ids = re.findall(r' id="([^"]+)"', svg)
    assert len(ids) == len(set(ids)) > 2
    assert all(mark.startswith("gains-") for mark in ids)
    assert set(re.findall(r"#([\w-]+)", svg)) <= set(ids)


def test_a_drawing_tells_what_it_is_and_what_its_marks_are(counted):
    svg = draw(lambda: plot_grid(counted.grid, counted.segments, DAY, legend=False), "map", "The map", "By R and F.")
    assert 'role="img" aria-labelledby="map-title map-desc"' in svg
    assert '<title id="map-title">The map</title><desc id="map-desc">By R and F.</desc>' in svg
    assert "<title>falling asleep: 2 of 2 with R score 1 and F score 3</title>" in svg
    assert ">R score: 5 ordered most lately</text>" in svg, "text is text"


def test_words_in_a_drawing_are_escaped_and_no_formula():
    svg = gains(HOSTILE)
    assert "<script" not in svg
    assert "<img" not in svg
    assert "&lt;script&gt;" in svg
    assert "$x$" in svg


def luminance(colour: str) -> float:
    parts = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_every_segment_stands_out_from_white_and_from_dark():
    for name, colour in segment_colours(USUAL_SEGMENTS.phases).items():
        hue = "#" + "".join(f"{round(255 * part):02x}" for part in colour)
        assert contrast(hue, "#ffffff") >= 3, name
        assert contrast(dark_of(hue), "#14171b") >= 3, name


def test_words_of_the_page_are_readable_on_light_and_on_dark():
    sheet = resources.files("clm_ml.report_page").joinpath("page.css").read_text(encoding="utf-8")
    light, dark = (dict(re.findall(r"--(\w+):(#\w+)", rule)) for rule in sheet.splitlines()[:2])
    for ground in (light, dark):
        full = {
            name: value if len(value) == 7 else "#" + "".join(2 * c for c in value[1:])
            for name, value in ground.items()
        }
        for words in ("ink", "soft", "own", "alarm"):
            for paper in ("paper", "wash"):
                assert contrast(full[words], full[paper]) >= 4.5, (words, paper)


# Boxes, drawn


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """A config whose customer table is there, so that contact fields could be told."""
    folder = tmp_path_factory.mktemp("report")
    orders = pd.DataFrame({"customer_id": ["a", "c"], "ordered_at": ["2024-01-01", "2024-02-01"], "amount": [1.0, 2.0]})
    people = pd.DataFrame({"customer_id": ["a", "NA"], "email": ["a@x.org", "c@x.org"], "phone": ["+491", HOSTILE]})
    frames = {"orders": orders, "customers": people}
    for name, frame in frames.items():
        frame.to_parquet(folder / f"{name}.parquet")
    config = make_config(frames, until=DAY, currency="GBP", playbook={"champion": {"plays": [HOSTILE]}})
    tables = {name: getattr(config.tables, name).model_copy(update={"source": f"{name}.parquet"}) for name in frames}
    return config.model_copy(update={"home": folder, "tables": config.tables.model_copy(update=tables)})


MODEL_FACTS = {
    "project": "drawn",
    "as_of": DAY,
    "horizon_days": 90,
    "examples": 1000,
    "gate": {"passed": True, "why": "ok"},
}
DATA = {
    "complete_until": "2024-07-10",
    "tables": {"orders": {"read": 10, "used": 8, "rejected": {"duplicate line": 2}}},
}


@pytest.fixture(scope="module")
def model(shop):
    figures = {"auc": 0.75, "log_loss": 0.5, "brier": 0.2, "ece": 0.02, "top_decile_lift": 1.5}
    line = {"contacted": [0, 1, 2], "found": [0.0, 0.5, 1.0]}
    money = {"contacted": [0, 1, 2], "earned": [0.0, 3.0, 2.0]}
    told = {
        "as_of": DAY,
        "gate": {"passed": True, "why": "ok"},
        "evaluation": {
            "as_of": "2024-03-01", "learned_until": "2024-01-01", "customers": 2,
            "model": figures, "baselines": {"bg_nbd": figures, "constant_rate": figures},
        },
        "curves": {
            "reliability": [{"predicted": 0.2, "happened": 0.3, "customers": 2}],
            "gains": {"model": line, "bg_nbd": line, "constant_rate": line},
            "profit": {"model": money, "bg_nbd": money},
            "list": {"margin": 0.3, "contact_cost": 1.0, "assumed_save_rate": 0.05},
            "drivers": [{"theme": "recency", "raises_share": 0.5, "raises": 0.1, "lowers": 0.2}],
        },
    }  # fmt: skip
    content = {
        "task": {"horizon_days": 90, "active_days": 365, "windows_days": [90]},
        "lapse": {"after_gaps": 2.0, "gone_after_gaps": 4.0, "at_least_days": 14},
        "rhythm": {"gap_days": 30.0, "weight": 1.0},
        "cuts": {
            "recency": [-90, -60, -30, -10], "frequency": [1, 2, 3, 4], "money": [10, 20, 30, 40],
            "frequency_tiers": [2, 4], "value_tiers": [20, 40],
        },
    }  # fmt: skip
    with new_box(shop.home / "model", "model", dict(MODEL_FACTS)) as hidden:
        (hidden / "evaluation.json").write_text(json.dumps(told))
        (hidden / "model.json").write_text(json.dumps(content))
    return shop.home / "model"


def write_scores(folder: Path, rows=DRAWN, model_at="model", **facts) -> Path:
    told = {"as_of": DAY, "customers": len(rows), "data": DATA, "not_scored": {"suppressed": 3}}
    told |= {"model": {"at": str(model_at), "facts": MODEL_FACTS}} | facts
    with new_box(folder, "scores", told, private=True) as hidden:
        pq.write_table(pa.Table.from_pandas(scores_of(rows), preserve_index=False), hidden / "scores.parquet")
    return folder


@pytest.fixture(scope="module")
def scores(shop, model):
    return write_scores(shop.home / "scores", model_at=model)


def write_list(folder: Path, **changes) -> Path:
    promise = {
        "orders": 1.5, "revenue": 50.0, "profit": 12.0, "cost": 2.0, "holdout_cost": 1.0, "base_rate": 0.3,
        "expected_rise": 0.03, "break_even_rise": 0.01, "detectable_rise": 0.2, "assumed": ["save rate"],
    }  # fmt: skip
    facts = {
        "campaign": "autumn", "as_of": DAY, "contact": 2, "holdout": 1, "dropped": {"no consent": 4, "suppressed": 0},
        "list": {"assumed_save_rate": 0.05}, "promise": promise, "delete_after": "2025-06-30",
        "scores": {"as_of": DAY, "model": {"facts": MODEL_FACTS}},
    } | changes  # fmt: skip
    rows = [
        (1, "NA", "falling_asleep", "Write to them", 0.9, 90.0, 8.0, "a single order so far (raises the risk)"),
        (3, HOSTILE, "champion", HOSTILE, 0.3, 30.0, 4.0, HOSTILE),
    ]
    names = [
        "rank",
        "customer_id",
        "segment",
        "play",
        "churn_probability",
        "value_at_risk",
        "expected_profit",
        "reason_1",
    ]
    frame = pd.DataFrame(rows, columns=names).assign(
        reason_2="orders every 3 days (lowers the risk)",
        reason_3=None,
        last_order_on="2024-02-01",
        favourite_category=HOSTILE,
    )
    with new_box(folder, "list", facts, private=True) as hidden:
        frame.to_csv(hidden / "contact.csv", index=False)
        frame.head(0).to_csv(hidden / "holdout.csv", index=False)
    return folder


@pytest.fixture(scope="module")
def listed(shop):
    return write_list(shop.home / "list")


@pytest.fixture(scope="module")
def measured(shop):
    arms = {"contact": {"customers": 80, "buyers": 20, "rate": 0.25, "spent": 1.0}}
    closed = {
        "campaign": HOSTILE, "verdict": "earned", "why": "profit is above zero.", "currency": "GBP", "confidence": 0.95,
        "total": {"name": "all"}, "arms": arms, "differing": None,
    }  # fmt: skip
    still = {**closed, "campaign": "later", "verdict": "collecting", "why": "the horizon is open.", "total": None}
    facts = {"as_of": DAY, "campaigns": [closed, still], "together": None, "warnings": []}
    row = {"campaign": HOSTILE, "kind": "all", "name": HOSTILE, "contacted": 80, "held_out": 20}
    row |= {"contacted_rate": 0.25, "holdout_rate": 0.2, "rate": 0.05, "rate_low": 0.01, "rate_high": 0.09}
    for name in ("buyers", "revenue", "profit"):
        row |= {name: 4.0, f"{name}_low": -0.3, f"{name}_high": 7000.0}
    with new_box(shop.home / "measured", "measurement", {"as_of": DAY, "campaigns": {}}) as hidden:
        (hidden / "measurement.json").write_text(json.dumps(facts))
        pd.DataFrame([row]).to_csv(hidden / "effects.csv", index=False)
    return shop.home / "measured"


@pytest.fixture(scope="module")
def moved(shop):
    moves = {"new": 7, "new_with_order": 3, "first_orders": 2, "gone": 5, "come_back": 1, "not_known_any_more": 0}
    facts = {"since": "2024-04-01", "as_of": DAY, "until": "2024-09-28", "model": None}
    flows = [("champion", "at_risk", 4), ("(new)", "recent", 7), ("champion", "champion", 9)]
    with new_box(shop.home / "moved", "transitions", facts) as hidden:
        pd.DataFrame(flows, columns=["from_segment", "to_segment", "customers"]).to_csv(
            hidden / "observed.csv", index=False
        )
        (hidden / "moves.json").write_text(json.dumps(moves))
    return shop.home / "moved"


def monitored(folder: Path, *levels: str) -> Path:
    findings = [
        {
            "kind": "feature",
            "what": "orders_last_90d",
            "level": level,
            "value": 0.3,
            "threshold": 0.2,
            "words": f"{level} {HOSTILE}",
        }
        for level in levels
    ]
    told = {"as_of": DAY, "reference_as_of": "2024-01-01", "alarm": "alarm" in levels, "findings": findings}
    path = folder / f"monitored-{'-'.join(levels)}.json"
    path.write_text(json.dumps(told))
    return path


@pytest.fixture(scope="module")
def whole(shop, scores, listed, measured, moved):
    """A report of everything there is, with hostile words wherever words come from data."""
    return report(
        shop,
        scores,
        shop.home / "whole.html",
        lists=[listed],
        measured=[measured],
        transitions=moved,
        monitored=monitored(shop.home, "alarm", "notice", "silent"),
    )


@pytest.fixture(scope="module")
def bare(shop, scores):
    return report(shop, scores, shop.home / "bare.html")


class Page(HTMLParser):
    """What a page is made of."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict]] = []
        self.texts: list[str] = []
        self._open: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "link"):  # which have no end
            self._open.append(tag)

    def handle_endtag(self, _):
        self._open.pop()

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        if "style" not in self._open:
            self.texts.append(data)

    def all(self, tag: str) -> list[dict]:
        return [attrs for name, attrs in self.tags if name == tag]

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.texts))


@pytest.fixture(scope="module")
def page(whole):
    return Page(whole.html)


# The page


def test_a_page_asks_nobody_for_anything_and_runs_nothing(page, whole):
    assert len(whole.html.encode()) < 3_000_000
    assert not {"script", "img", "iframe", "object", "embed", "form", "base"} & {tag for tag, _ in page.tags}
    for tag, attrs in page.tags:
        assert not [name for name in attrs if name.startswith("on") or name in ("style", "src")], tag
        for name in ("href", "xlink:href", "action"):
            assert attrs.get(name, "#").startswith(("#", "data:,")), attrs
    style = re.search(r"<style>(.*?)</style>", whole.html, re.DOTALL)[1]
    assert not re.search(r"url\(|@import|expression", style)
    assert "://" not in re.sub(r"<(desc|title|bdi)[^>]*>.*?</\1>", "", whole.html)


def test_its_policy_allows_its_own_style_and_nothing_else(page, whole):
    style = re.search(r"<style>(.*?)</style>", whole.html, re.DOTALL)[1]
    digest = b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = next(meta["content"] for meta in page.all("meta") if meta.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith(f"default-src 'none'; style-src 'sha256-{digest}'; ")
    assert "unsafe" not in policy


def test_every_drawing_has_a_text_alternative_and_its_numbers(page, whole):
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    drawings = page.all("svg")
    assert len(drawings) == len(page.all("figure")) == len(page.all("figcaption")) == 13
    for drawing in drawings:
        assert drawing["role"] == "img"
        assert set(drawing["aria-labelledby"].split()) <= set(ids)
    assert all(re.findall(r"<desc [^>]*>([^<]*)</desc>", whole.html))
    assert whole.html.count("<summary>The numbers") == 13
    for attrs in (attrs for _, attrs in page.tags):
        for named in attrs.get("aria-labelledby", "").split():
            assert named in ids
        if attrs.get("href", "").startswith("#"):
            assert attrs["href"][1:] in ids


def test_a_page_is_built_so_that_one_can_find_ones_way(page):
    assert page.all("html") == [{"lang": "en"}]
    assert [len(page.all(tag)) for tag in ("header", "main", "nav", "footer", "h1", "title")][:5] == [1, 1, 1, 1, 1]
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert all(cell.get("scope") in ("row", "col") for cell in page.all("th"))
    links = [attrs["href"] for attrs in page.all("a")]
    assert links[0] == "#content"
    assert len(links) == 10, "one to the content, and one to each part"


def test_what_comes_from_data_is_shown_and_not_obeyed(page, whole):
    told = " ".join(page.text.split())
    shown = " ".join(HOSTILE.replace("\u202e", "").split())
    assert told.count(shown) >= 8, "an id, a play, a reason, a category, a campaign, drift"
    assert "\u202e" not in whole.html, "which would turn the words after it round"


def test_the_headline_says_the_one_thing_to_know(whole, page):
    assert whole.headline == "200 GBP of sales in the next 90 days is at risk; half of it lies with 2 of 4 customers."
    assert whole.headline in page.text


def test_a_page_tells_what_every_box_says(page):
    for told in (
        "Contacting the 2 customers of the list autumn is expected to earn 12 GBP, if the assumed save rate holds.",
        "the model gave the higher risk to the right one 75 times in a hundred",
        "20% of the rows of orders were rejected, most of them for this reason: duplicate line.",
        "Drift: of 3 things looked at 1 have moved since 1 January 2024 by more than they may.",
        "7 people came new, 3 of them with an order",
        "Campaign later: collecting. The horizon is open.",
        "+4 [+0, +7,000]",
        "It beats 2 simple rules on a day it had not seen.",
        "Not scored, since no list may hold them: suppressed 3.",
        "The tables are complete until 10 July 2024; these scores use only what was known 10 days earlier",
        "That is more than is expected: one campaign of this size will hardly prove it; several may.",
    ):
        assert told in page.text, told


def test_parts_without_a_box_say_how_to_get_one(bare):
    text = Page(bare.html).text
    for command in (
        "clm-ml transitions CONFIG",
        "clm-ml export CONFIG",
        "clm-ml measure CONFIG",
        "clm-ml monitor CONFIG",
    ):
        assert command in text
    assert "No customer is named here" in text


def test_colours_that_are_used_are_all_declared_for_light_and_for_dark(whole):
    style, rest = whole.html.split("</style>")
    used = set(re.findall(r"--k-[0-9a-f]{6}", rest)) | {f"--{name}" for name in re.findall(r"k-[0-9a-f]{6}", rest)}
    assert used
    for name in used:
        assert style.count(f"{name}:#") == 2, name


# Who is told


@pytest.fixture
def undrawn(monkeypatch):
    """Leave drawings out, which take longest, where others than these are asked."""
    for room in ("standing", "moving", "risking", "listing", "earning", "judging"):
        monkeypatch.setattr(f"clm_ml.report_page.{room}.draw", lambda *_, **__: Markup("<svg></svg>"))


def test_contact_fields_are_told_only_if_asked_for(undrawn, shop, scores, listed, whole):
    assert "c@x.org" not in whole.html
    assert "+491" not in whole.html
    shown = report(shop, scores, shop.home / "revealed.html", lists=[listed], reveal=True)
    assert "c@x.org" in shown.html
    assert "a@x.org" not in shown.html, "who is not named is not told of"
    assert "<script>" not in shown.html


def test_customers_are_named_only_from_a_list_and_only_so_many(undrawn, shop, scores, listed, bare, whole):
    assert Page(whole.html).all("ol")[1:] == [{"class": "people"}]
    assert 'class="people"' not in bare.html
    none = report(shop, scores, shop.home / "none.html", lists=[listed], rows=0)
    assert 'class="people"' not in none.html
    one = report(shop, scores, shop.home / "one.html", lists=[listed], rows=1)
    assert one.html.count('class="who"') == 1


def test_a_page_is_its_owners_only_and_is_replaced_by_force_alone_with_the_same_bytes(shop, scores, bare):
    assert stat.S_IMODE(bare.path.stat().st_mode) == 0o600
    with pytest.raises(ArtifactError, match="exists already"):
        report(shop, scores, bare.path)
    assert report(shop, scores, bare.path, force=True).path.read_text(encoding="utf-8") == bare.html, "and the same"
    assert not list(shop.home.glob(".*"))


def test_without_a_name_a_page_is_called_by_project_and_day(undrawn, shop, scores, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert report(shop, scores).path == Path(f"reports/drawn-{DAY}.html")
    assert (tmp_path / f"reports/drawn-{DAY}.html").exists()


def test_a_notebook_shows_a_page_apart_from_its_own(bare):
    shown = bare._repr_html_()
    assert shown.startswith("<iframe ")
    assert " sandbox " in shown
    assert "<h1>" not in shown


# What does not fit


def test_scores_and_lists_of_another_project_are_refused(shop, scores, tmp_path):
    with pytest.raises(ArtifactError, match="the project drawn, and the config is of other"):
        report(shop.model_copy(update={"project": "other"}), scores, tmp_path / "r.html")
    facts = MODEL_FACTS | {"project": "other"}
    strange = write_list(tmp_path / "list", scores={"as_of": DAY, "model": {"facts": facts}})
    with pytest.raises(ArtifactError, match="the project other"):
        report(shop, scores, tmp_path / "r.html", lists=[strange])


def test_a_model_that_is_not_there_is_told_and_one_that_is_another_is_refused_if_named(undrawn, shop, model, tmp_path):
    lost = write_scores(tmp_path / "lost", model_at=tmp_path / "nowhere")
    text = Page(report(shop, lost, tmp_path / "lost.html").html).text
    assert "Figures are left out: the model's box is not where it was; name its place with --model DIR." in text
    assert "Judged on" in Page(report(shop, lost, tmp_path / "found.html", model=model).html).text
    other = write_scores(
        tmp_path / "other", model_at=model, model={"at": str(model), "facts": MODEL_FACTS | {"auc": 1}}
    )
    assert "another model has taken the place" in report(shop, other, tmp_path / "other.html").html
    with pytest.raises(ModelError, match="is not the model that made the scores"):
        report(shop, other, tmp_path / "r.html", model=model)
    with pytest.raises(ArtifactError, match="there is no model box"):
        report(shop, other, tmp_path / "r.html", model=tmp_path / "nowhere")
    assert not (tmp_path / "r.html").exists()


def test_scores_of_other_segments_are_refused(undrawn, shop, scores, tmp_path):
    rules = USUAL_SEGMENTS.facts()
    rules["rules"][-1]["name"] = "lost"
    other = read_segment_rules(rules)
    with pytest.raises(ModelError, match="the scores lack p_lost"):
        report(shop.model_copy(update={"segments": other}), scores, tmp_path / "r.html")


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"findings": []}', '{"as_of":1,"reference_as_of":1,"alarm":true,"findings":[{}]}']
)
def test_what_monitor_did_not_write_is_refused(shop, scores, tmp_path, text):
    (tmp_path / "told.json").write_text(text)
    with pytest.raises(ArtifactError, match="monitor wr"):
        report(shop, scores, tmp_path / "r.html", monitored=tmp_path / "told.json")


@pytest.mark.parametrize(
    ("levels", "told"),
    [
        (("silent", "silent"), "Drift: all is quiet since 1 January 2024."),
        (("notice", "silent"), "Drift: no alarm; of 2 things looked at 1 have moved since 1 January 2024."),
    ],
)
def test_quiet_and_notices_are_told(undrawn, shop, scores, tmp_path, levels, told):
    path = monitored(tmp_path, *levels)
    text = Page(report(shop, scores, tmp_path / "r.html", monitored=path).html).text
    assert told in text
    assert "by other scores" not in text
    path.write_text(path.read_text().replace(f'"as_of": "{DAY}"', '"as_of": "2024-05-01"', 1))
    text = Page(report(shop, scores, tmp_path / "r.html", monitored=path, force=True).html).text
    assert "This was found of 1 May 2024, by other scores." in text


@pytest.mark.parametrize("text", ["customer_id,expected_profit\nc1,much\n", "customer_id\nc1\n", ""])
def test_a_list_that_holds_something_else_is_refused_whatever_its_manifest_says(shop, scores, tmp_path, text):
    facts = dict(open_box(write_list(tmp_path / "list"), "list").facts)
    with new_box(tmp_path / "list", "list", facts, force=True) as hidden:
        (hidden / "contact.csv").write_text(text)
    with pytest.raises(ArtifactError, match="list holds something else than clm-ml writes; make it again"):
        report(shop, scores, tmp_path / "r.html", lists=[tmp_path / "list"])


@pytest.mark.parametrize(
    ("given", "file", "text", "told"),
    [
        ("measured", "measurement.json", '{"as_of": "2024-06-30", "together": null}', "a box that was given"),
        ("moved", "moves.json", '{"new": 7}', "a box that was given"),
        ("moved", "moves.json", "7", "a box that was given"),
        ("moved", "forecast.csv", "segment\nrecent,1,2\nrecent,1\nrecent,1,2,3,4,5\n", "transitions"),
        ("moved", "observed.csv", "from_segment\nrecent\n", "transitions"),
    ],
)
def test_a_box_of_figures_that_holds_something_else_is_refused(
    undrawn, shop, scores, measured, moved, tmp_path, given, file, text, told
):
    kind, box = {"measured": ("measurement", measured), "moved": ("transitions", moved)}[given]
    facts = dict(open_box(box, kind).facts)
    with new_box(tmp_path / kind, kind, facts) as hidden:
        shutil.copytree(box, hidden, dirs_exist_ok=True, ignore=shutil.ignore_patterns("manifest.json"))
        (hidden / file).write_text(text)
    boxes = {"measured": [tmp_path / kind]} if given == "measured" else {"transitions": tmp_path / kind}
    with pytest.raises(ArtifactError, match=f"{told} holds something else than clm-ml writes; make it again"):
        report(shop, scores, tmp_path / "r.html", **boxes)
    assert not (tmp_path / "r.html").exists()


def test_a_list_of_other_scores_is_shown_and_says_so(undrawn, shop, scores, tmp_path):
    old = write_list(tmp_path / "list", as_of="2024-05-01")
    text = Page(report(shop, scores, tmp_path / "r.html", lists=[old]).html).text
    assert "The list autumn was made on 1 May 2024, from other scores." in text
    assert "Assumed is that a contact brings back 5.0% of those who would stay away." in text


def test_a_list_says_of_how_many_it_assumes_what_a_contact_brings_back(undrawn, shop, scores, tmp_path):
    made = write_list(tmp_path / "list")
    facts = dict(open_box(made, "list").facts)
    facts["promise"] = facts["promise"] | {"assumed_of": 1, "customers": 3}
    text = Page(report(shop, scores, tmp_path / "r.html", lists=[write_list(tmp_path / "again", **facts)]).html).text
    assert "Assumed, of 1 of 3 customers, is that a contact brings back 5.0% of those who would stay away." in text


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        (
            {"gate": {"passed": False, "why": "its log loss is worse"}},
            "It has not passed its gate: its log loss is worse.",
        ),
        ({"gate": {"passed": False, "why": "it"}}, "The model has not passed its gate: simple rules may do as well."),
        (
            {"evaluation": {"unjudged": "it takes 200 days."}, "curves": None},
            "The model was not judged: it takes 200 days.",
        ),
        ({"curves": None}, "Its box has no curves: an earlier version trained it. Train again to see them."),
    ],
)
def test_a_model_that_is_not_good_or_not_judged_is_told_so(undrawn, shop, model, tmp_path, told, shown):
    content = json.loads((model / "evaluation.json").read_text()) | told
    with new_box(tmp_path / "model", "model", dict(MODEL_FACTS)) as hidden:
        (hidden / "evaluation.json").write_text(json.dumps(content))
        (hidden / "model.json").write_text((model / "model.json").read_text())
    scores = write_scores(tmp_path / "scores", model_at=tmp_path / "model")
    assert shown in Page(report(shop, scores, tmp_path / "r.html").html).text


def test_a_shop_where_nobody_has_ordered_has_a_page_too(shop, model, tmp_path):
    done = report(shop, write_scores(tmp_path / "scores", DRAWN[4:], model), tmp_path / "r.html")
    assert done.headline == "Nobody has ordered yet: 1 visitors are known."


def test_every_column_that_is_counted_is_one_of_scores():
    from clm_ml.pipeline.scores import scores_schema

    assert set(columns_of(USUAL_SEGMENTS)) <= set(scores_schema().names)


# In a browser

BROKEN = """<!DOCTYPE html><html><head><meta http-equiv="Content-Security-Policy" content="default-src 'none'">
<meta name="viewport" content="width=device-width"></head><body><main><section><h2>A</h2>
<table><tr><td>wwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwww</td></tr></table>
<svg width="300" height="200"><title>Drawn</title><rect width="9" height="9"/><text x="9" y="50">one</text>
<text x="11" y="51">two</text><text x="9" y="260">below</text></svg>
<svg width="10" height="10"><title>Small</title></svg>
<img src="https://example.org/x.png" width="1" height="1"></section></main></body></html>"""


@pytest.mark.slow
@needs_browser
def test_a_browser_shows_all_of_it_and_has_nothing_to_complain_of(whole, tmp_path):
    assert is_well(whole.path, tmp_path, figures=13)


@pytest.mark.slow
@needs_browser
def test_what_is_wrong_with_a_page_is_seen_in_a_browser(tmp_path):
    (tmp_path / "broken.html").write_text(BROKEN, encoding="utf-8")
    told, complaints = look(tmp_path / "broken.html", tmp_path)
    wrong = told["phone"]["wrong"]
    assert 'Drawn: "one" lies on "two"' in wrong
    assert 'Drawn: "below" is cut' in wrong
    assert {"Small is not drawn", "Small is empty", "TABLE  is cut"} <= set(wrong)
    assert told["phone"]["sideways"] > 0
    assert "Content Security Policy" in complaints, "the picture from elsewhere"
