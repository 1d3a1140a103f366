"""The single customer view: what happened, where they stood, what to expect, and what to do."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import date
from html.parser import HTMLParser
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

import clm_ml as clm
from clm_ml.artifacts import new_box
from clm_ml.campaign import open_ledger
from clm_ml.cli import app
from clm_ml.config import Config, Task, load_config
from clm_ml.customer_view import (
    channel_trouble,
    contacts_made,
    favourites,
    find_permission,
    habits,
    known_rows,
    segment_history,
    service,
    time_line,
    who,
)
from clm_ml.datasets import online_retail_config, online_retail_path
from clm_ml.examples import collect_examples, training_as_ofs
from clm_ml.features import build_features
from clm_ml.lifecycle import playbook
from clm_ml.model import BOX_KIND, learn, load_model, save_model
from clm_ml.pipeline.scores import scores_schema
from clm_ml.snapshot import prepare, take_snapshot
from clm_ml.tables import read_customer, read_tables
from clm_ml.timeline import date_of, day_of

AS_OF = day_of(date(2024, 7, 1))


def run(*arguments: object):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def written(folder: Path, tables: dict[str, pd.DataFrame], **keys: object) -> Config:
    """Write drawn tables and a config that maps every column to itself."""
    content: dict = {"project": "drawn", "complete_until": "2024-12-31", "threads": 1, "tables": {}}
    for name, rows in tables.items():
        rows.to_parquet(folder / f"{name}.parquet")
        columns = {column: column for column in rows}
        content["tables"][name] = {"source": f"{name}.parquet", "columns": columns, "max_rejected_share": 0.99}
    path = folder / "clm.yaml"
    path.write_text(yaml.safe_dump(content | keys, sort_keys=False))
    return load_config(path)


ORDERS = pd.DataFrame(
    [
        ("a", "2024-01-10", 60.0, "o1", "pen", "desk", False),
        ("a", "2024-01-10", 20.0, "o1", "ink", "desk", False),
        ("a", "2024-01-11", 5.0, "o1", "cap", "desk", False),  # the same order: it lies on its first day
        ("a", "2024-02-10", 30.0, None, "pen", "desk", False),  # an order by itself
        ("a", "2024-02-10", 80.0, None, "mug", "home", False),  # and another
        ("a", "2024-03-01", -60.0, "o1", "pen", "desk", True),
        ("a", "2024-07-01", 999.0, "o9", "pen", "desk", False),  # outcome: of the as_of's own day
        ("b", "2024-01-05", 11.0, "o2", "pen", "desk", False),
    ],
    columns=["customer_id", "ordered_at", "amount", "order_id", "product_id", "category", "is_return"],
)
EVENTS = pd.DataFrame(
    [
        ("a", "2024-02-09 10:00", "visit", None),
        ("a", "2024-02-09 11:00", "visit", None),
        ("a", "2024-02-12", "satisfaction", 4.0),
        ("a", "2023-05-01", "ticket", None),
        ("a", "2024-06-30", "ticket", None),
        ("a", "2024-07-01", "ticket", None),
        ("v", "2024-06-30", "visit", None),
    ],
    columns=["customer_id", "occurred_at", "event_type", "value"],
)
CONTACTS = pd.DataFrame(
    [
        ("a", "2024-01-28", "winter", "treatment"),  # an order on the fourteenth day, counting its own: answered
        ("a", "2024-01-27", "late", "treatment"),  # and one that comes a day too late for this
        ("a", "2024-02-10", "quiet", "Control"),
        ("a", "2024-07-01", "later", "treatment"),
    ],
    columns=["customer_id", "contacted_at", "campaign", "arm"],
)
MEANINGS = {"visit": ["visit"], "ticket": ["ticket"], "satisfaction": ["satisfaction"]}


def test_all_that_happened_lies_on_one_line_of_time_the_newest_first(tmp_path):
    config = written(tmp_path, {"orders": ORDERS, "events": EVENTS, "contacts": CONTACTS})
    told = time_line(known_rows(read_customer(config, "a"), AS_OF))
    assert told.astype(object).where(told.notna(), None).values.tolist() == [
        ["2024-06-30", "event", "ticket", 1, None],
        ["2024-03-01", "return", "returned", 1, 60.0],
        ["2024-02-12", "event", "satisfaction (4)", 1, None],
        ["2024-02-10", "order", "order", 1, 30.0],
        ["2024-02-10", "order", "order", 1, 80.0],
        ["2024-02-10", "contact", "held out of campaign quiet", 1, None],
        ["2024-02-09", "event", "visit", 2, None],
        ["2024-01-28", "contact", "contacted by campaign winter", 1, None],
        ["2024-01-27", "contact", "contacted by campaign late", 1, None],
        ["2024-01-10", "order", "order o1", 3, 85.0],
        ["2023-05-01", "event", "ticket", 1, None],
    ]


def test_a_contact_is_answered_by_an_order_of_the_fortnight_from_its_day_on(tmp_path):
    config = written(tmp_path, {"orders": ORDERS, "contacts": CONTACTS})
    tables = read_customer(config, "a")
    told = contacts_made(known_rows(tables, AS_OF))
    told = told.astype(object).where(told.notna(), None)
    assert told[["campaign", "answered_on"]].values.tolist() == [
        ["quiet", None],  # held out: there was nothing to answer
        ["winter", "2024-02-10"],
        ["late", None],
    ]
    features = tables.engine.collect(take_snapshot(prepare(tables), AS_OF).contacts)
    assert sum(day is not None for day in features["answered_day"].to_pylist()) == 1, "as features count them"


def test_favourites_are_what_was_bought_for_most_after_returns(tmp_path):
    told = favourites(known_rows(read_customer(written(tmp_path, {"orders": ORDERS}), "a"), AS_OF))
    assert told[["kind", "name", "amount", "orders", "last_on"]].values.tolist() == [
        ["category", "home", 80.0, 1, "2024-02-10"],
        ["category", "desk", 55.0, 2, "2024-02-10"],
        ["product", "mug", 80.0, 1, "2024-02-10"],
        ["product", "pen", 30.0, 2, "2024-02-10"],
        ["product", "ink", 20.0, 1, "2024-01-10"],
    ]
    assert told["share"].tolist() == pytest.approx([80 / 135, 55 / 135, 80 / 135, 30 / 135, 20 / 135])


def test_favourites_of_one_amount_go_to_the_first_name_and_what_came_back_is_none(tmp_path):
    rows = [("a", "2024-01-01", 5.0, "z"), ("a", "2024-01-02", 5.0, "b"), ("a", "2024-01-03", 7.0, "y")]
    rows += [("a", "2024-01-04", -7.0, "y")]
    orders = pd.DataFrame(rows, columns=["customer_id", "ordered_at", "amount", "category"])
    told = favourites(known_rows(read_customer(written(tmp_path, {"orders": orders}), "a"), AS_OF))
    assert told["name"].tolist() == ["b", "z"]


def test_service_tells_tickets_ratings_and_returns_of_a_year(tmp_path):
    config = written(tmp_path, {"orders": ORDERS, "events": EVENTS})
    known = known_rows(read_customer(config, "a"), AS_OF)
    assert service(known, MEANINGS) == {
        "tickets_last_365d": 1,
        "last_ticket_on": "2024-06-30",
        "satisfactions_last_365d": 1,
        "last_satisfaction_on": "2024-02-12",
        "mean_satisfaction_last_365d": 4.0,
        "last_satisfaction_value": 4.0,
        "returned_lines_last_365d": 1,
        "returned_amount_last_365d": 60.0,
        "last_return_on": "2024-03-01",
    }
    a_year_later = replace(known, as_of=day_of(date(2025, 3, 2)))
    assert service(a_year_later, {})["returned_lines_last_365d"] == 0
    assert service(replace(known, as_of=day_of(date(2025, 3, 1))), {})["returned_lines_last_365d"] == 1


def test_a_customer_of_whom_nothing_is_known_has_nothing_to_tell(tmp_path):
    known = known_rows(read_customer(written(tmp_path, {"orders": ORDERS}), "nobody"), AS_OF)
    assert known.first_day is None
    assert [len(told(known)) for told in (time_line, favourites, contacts_made)] == [0, 0, 0]
    assert service(known, MEANINGS)["last_return_on"] is None


def test_habits_hold_the_last_quarter_against_the_time_before():
    features = {
        "days_since_last_order": 40, "days_since_first_order": 180, "expected_gap_days": 20.0, "orders_ever": 10,
        "orders_last_90d": 2, "amount_ever": 500.0, "amount_last_90d": 50.0, "visits_last_30d": 1, "visits_last_90d": 9,
        "tickets_last_30d": 0, "tickets_last_90d": 0,
    }  # fmt: skip
    told = habits(features, Task(), {"visit": ["visit"], "ticket": ["ticket"], "review": ["review"]})
    assert told[["lately", "usually", "ratio"]].values.tolist() == [
        [40.0, 20.0, 2.0],
        [2.0, 5.0, 0.4],
        [50.0, 250.0, 0.2],
        [1.0, 4.0, 0.25],
    ]
    young = habits(features | {"days_since_first_order": 90}, Task(), {})
    assert young["what"].tolist() == ["days since the last order, beside the expected gap"], "no time before to compare"
    assert habits(dict.fromkeys(features), Task(), {"visit": ["visit"]}).empty


@pytest.mark.parametrize(
    ("steps", "is_allowed", "forbids", "not_listed"),
    [
        ([], True, [], []),
        (["other segment", "not worth the contact"], True, [], ["lists are for other", "cost more"]),
        (["no consent", "never ordered"], False, ["has not said yes"], ["has never ordered"]),
        (["in another live campaign", "suppressed"], False, ["never to contact", "still going on"], []),
        (["objects to profiling"], False, ["objects"], []),
    ],
)
def test_what_forbids_contact_is_told_apart_from_what_only_keeps_off_lists(steps, is_allowed, forbids, not_listed):
    told = find_permission(steps, {}, ["customer_id", "may_contact"])
    assert told.is_allowed is is_allowed
    for words, parts in ((told.forbids, forbids), (told.not_listed, not_listed)):
        assert len(words) == len(parts)
        assert all(part in said for part, said in zip(parts, words, strict=True))


def test_a_channel_needs_its_own_consent_and_an_address():
    play, mapped = playbook()["at_risk"], ["may_contact", "email", "contact_email", "contact_phone"]
    person = {"may_contact": True, "email": "a@b.c", "contact_email": True, "contact_phone": None}

    def trouble(**changes):
        told = person | changes
        return channel_trouble(play, find_permission([], told, mapped), told, mapped)

    assert trouble() is None
    assert trouble(contact_email=False) == "has not said yes to email"
    assert trouble(contact_email=None) == "has not said yes to email"
    assert trouble(email=None) == "has left no email"
    assert find_permission([], person, mapped).channels == {"email": True, "phone": None}
    assert channel_trouble(play, find_permission([], {}, []), {}, []) is None, "a shop without a customer table"


def test_whatever_might_be_a_name_or_an_address_is_masked():
    person = {
        "customer_id": "7", "email": "ann.lee@shop.co.uk", "phone": "+44 20 7946 0018", "country": "GB",
        "alias": "Annie", "created_day": 19_000, "may_contact": True, "may_profile": None, "contact_email": False,
    }  # fmt: skip
    masked = who(person, reveal=False)
    assert masked == {
        "email": "a…@….uk", "phone": "…", "country": "GB", "alias": "…", "created_on": "2022-01-08"
    }  # fmt: skip
    assert who(person, reveal=True) | {"created_on": None} == {
        name: person.get(name) for name in ("email", "phone", "country", "alias", "created_on")
    }


# One customer's rows are those that everybody's reading would use


WORDS = st.sampled_from([" 7", "7", "7 ", "07", "7.0", "17", "x7", "'7", None, " "])
LINES = st.lists(
    st.tuples(WORDS, st.sampled_from(["2024-01-05", "2024-02-05", "bad", None]), st.sampled_from([1.0, 2.5, None])),
    min_size=1, max_size=12,
)  # fmt: skip


@settings(max_examples=12)
@given(LINES, st.sampled_from(["7", "17", "07", "'7"]))
def test_one_customers_rows_are_those_that_reading_everybodys_would_use(tmp_path_factory, lines, customer):
    frame = pd.DataFrame([("0", "2024-01-01", 1.0), *lines], columns=["customer_id", "ordered_at", "amount"])
    people = pd.DataFrame({"customer_id": ["7", " 7", "17", "0"], "email": ["b@x.y", "a@x.y", None, None]})
    config = written(tmp_path_factory.mktemp("rows"), {"orders": frame, "customers": people})
    all_rows, theirs = read_tables(config), read_customer(config, customer)
    for name in ("orders", "customers"):
        found, wanted = (
            tables.engine.collect(getattr(tables, name)).to_pandas() for tables in (theirs, all_rows)
        )  # fmt: skip
        wanted = wanted[wanted["customer_id"] == customer]
        by = list(found)
        pd.testing.assert_frame_equal(*(rows.sort_values(by, ignore_index=True) for rows in (found, wanted)))
    assert theirs.complete_until == all_rows.complete_until
    for tables in (all_rows, theirs):
        tables.engine.close()


@pytest.mark.parametrize("ids", [[7.0, 70.0], [7, 70], ["7.0", "70"]])
def test_an_id_is_found_whatever_type_it_has(tmp_path, ids):
    orders = pd.DataFrame({"customer_id": ids, "ordered_at": ["2024-01-05"] * 2, "amount": [1.0, 2.0]})
    assert read_customer(written(tmp_path, {"orders": orders}), "7").counts["orders"].used == 1


def test_the_first_day_and_the_end_are_the_logs_where_the_customer_tells_none(tmp_path):
    config = written(tmp_path, {"orders": ORDERS, "events": EVENTS}, complete_until=None)
    tables, everybody = read_customer(config, "v", AS_OF), read_tables(config)
    assert (tables.first_day, tables.complete_until) == (everybody.first_day, everybody.complete_until)
    assert tables.warnings == everybody.warnings
    assert date_of(tables.first_day).isoformat() == "2024-01-05"


# Where they stood


@pytest.fixture(scope="module")
def shop(tmp_path_factory) -> Config:
    folder = tmp_path_factory.mktemp("customer") / "shop"
    clm.simulate(500, seed=3, out=folder)
    content = yaml.safe_load((folder / "shop.yaml").read_text())
    content |= {"train": {"step_days": 90, "most_as_ofs": 3}, "threads": 1}
    (folder / "shop.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    return load_config(folder / "shop.yaml")


@pytest.fixture(scope="module")
def box(shop) -> Path:
    """Learn without judging, which is not asked here, nor is MLflow."""
    tables = read_tables(shop)
    until = tables.complete_until
    as_ofs = training_as_ofs(shop, tables.first_day, until)
    examples = collect_examples(prepare(tables), shop, as_ofs, until, with_open=True)
    with new_box(shop.home / "model", BOX_KIND, {"as_of": date_of(until).isoformat()}) as hidden:
        save_model(learn(examples, shop, tables.inputs), hidden)
    tables.engine.close()
    return shop.home / "model"


@pytest.fixture(scope="module")
def model(box):
    return load_model(box)


@pytest.fixture(scope="module")
def scores(shop, box) -> Path:
    clm.score(shop, shop.home / "scores", model=str(box), reasons="all")
    return shop.home / "scores"


@pytest.fixture(scope="module")
def rows(scores) -> pa.Table:
    return pq.read_table(scores / "scores.parquet")


@pytest.fixture(scope="module")
def some(one_of_each) -> dict[str, str]:
    """Find those a person would look at first."""
    return {segment: one_of_each[segment] for segment in ("champion", "cannot_lose", "engaged_visitor")}


@pytest.fixture(scope="module")
def one_of_each(rows) -> dict[str, str]:
    """Find a customer of every segment there is."""
    return rows.to_pandas().groupby("segment")["customer_id"].first().to_dict()


def test_the_scores_of_a_view_are_those_of_a_scores_box_to_the_byte(shop, model, rows, one_of_each):
    for segment in ("first_time", "champion", "cannot_lose", "loyal_visitor"):
        customer = one_of_each[segment]
        view = clm.customer(shop, customer, model=model)
        wanted = rows.filter(pa.compute.equal(rows["customer_id"], customer))
        told = pa.Table.from_pylist([dict(view.scores)], scores_schema())
        assert told.equals(wanted.cast(scores_schema())), segment
        for name in scores_schema().names:
            pair = told[name].combine_chunks(), wanted[name].combine_chunks()
            assert pair[0].to_pylist() == pair[1].to_pylist(), name
        assert view.segment == segment
        assert view.play == playbook(shop)[segment]
        assert len(view.history) == 0 or view.history["segment"].iloc[-1] == segment


def test_a_scores_box_tells_its_own_row(shop, box, scores, rows, one_of_each):
    customer = one_of_each["champion"]
    view = clm.customer(shop, customer, scores=scores)
    assert dict(view.scores) == rows.filter(pa.compute.equal(rows["customer_id"], customer)).to_pylist()[0]
    assert view.facts() == clm.customer(shop, customer, model=box).facts()


def test_a_scores_box_tells_its_row_though_its_model_is_gone(shop, box, scores, one_of_each):
    customer = one_of_each["champion"]
    box.rename(box.with_name("elsewhere"))
    try:
        view = clm.customer(shop, customer, scores=scores)
    finally:
        box.with_name("elsewhere").rename(box)
    assert (view.segment, len(view.reasons), view.habits.empty, view.history.empty) == ("champion", 3, True, True)
    assert any("the model that made the scores is not where it was" in warning for warning in view.warnings)


def test_segments_before_are_those_that_scoring_at_that_day_would_give(shop, model, rows):
    people = rows["customer_id"].to_pylist()[::140]
    tables = read_tables(shop)
    prepared = prepare(tables)
    views = {}
    for customer in people:
        theirs = read_customer(shop, customer)
        known = known_rows(theirs, theirs.complete_until)
        views[customer] = segment_history(prepare(theirs), known, model).set_index("as_of")
        theirs.engine.close()
    for back in (0, 4, 11):
        day = tables.complete_until - 30 * back
        features = tables.engine.collect(build_features(take_snapshot(prepared, day), model.task), "customer_id")
        scored = model.score(features.to_pandas(), reasons=False).set_index("customer_id")
        for customer, history in views.items():
            on = date_of(day).isoformat()
            assert (on in history.index) == (customer in scored.index)
            if on in history.index:
                assert (
                    history.loc[on, ["segment", "phase"]].tolist()
                    == scored.loc[customer, ["segment", "phase"]].tolist()
                )


def test_what_comes_from_the_as_of_on_or_from_others_changes_nothing(tmp_path, shop, box, model, rows):
    as_of, customer = "2025-06-01", rows["customer_id"][3].as_py()
    before = clm.customer(shop, customer, as_of=as_of, model=model).facts()
    folder = tmp_path / "shop"
    folder.mkdir()
    cut = {"orders": "ordered_at", "events": "occurred_at", "contacts": "contacted_at"}
    for name, instant in cut.items():
        frame = pd.read_parquet(shop.home / f"{name}.parquet")
        is_kept = (pd.to_datetime(frame[instant]) < as_of) & (
            (frame["customer_id"] == customer) | (np.arange(len(frame)) < 50)
        )
        frame[is_kept].to_parquet(folder / f"{name}.parquet")
    for name in ("customers", "spend"):
        (folder / f"{name}.parquet").write_bytes((shop.home / f"{name}.parquet").read_bytes())
    (folder / "shop.yaml").write_text((shop.home / "shop.yaml").read_text())
    assert clm.customer(load_config(folder / "shop.yaml"), customer, as_of=as_of, model=model).facts() == before


# Consent, campaigns, the ledger


def test_a_live_campaign_and_the_suppression_file_forbid_contact(tmp_path):
    people = pd.DataFrame({"customer_id": ["a"], "may_contact": [True], "email": ["a@b.c"]})
    (tmp_path / "never.txt").write_text("b\na\n")
    config = written(
        tmp_path, {"orders": ORDERS, "customers": people}, list={"ledger": "l.db", "suppress": "never.txt"}
    )
    row = {
        "campaign": "spring", "customer_id": "a", "arm": "holdout", "share": 0.1, "stratum": "loyal", "rank": 3,
        "score": 1.0, "ranked_by": "x", "assigned_at": "2024-06-01", "sent_on": "2024-06-01", "horizon_days": 90,
        "delete_after": "2025-06-01",
        "play": 1,
    }  # fmt: skip
    later = row | {"campaign": "summer", "sent_on": "2024-07-02", "assigned_at": "2024-07-02", "arm": "contact"}
    with open_ledger(config.path("l.db")) as ledger:
        for one in (row, later, row | {"customer_id": "b"}):
            ledger.record(pd.DataFrame([one]))
    view = clm.customer(config, "a", as_of="2024-07-01")
    assert view.assigned[["campaign", "arm", "rank", "ends_on"]].values.tolist() == [
        ["spring", "holdout", 3, "2024-08-30"]
    ]
    assert not view.permission.is_allowed
    assert view.permission.forbids == (
        "is on the file of those never to contact",
        "is in a campaign that is still going on",
        "was contacted too lately, or too often",  # by the one that is sent on the morrow
    )
    assert clm.customer(config, "a", as_of="2024-12-31").permission.forbids == (view.permission.forbids[0],)


def test_without_a_model_what_needs_none_is_told_and_the_rest_explained(tmp_path):
    people = pd.DataFrame({"customer_id": ["a"], "may_contact": [None], "email": ["a@b.c"]})
    config = written(tmp_path, {"orders": ORDERS, "customers": people})
    view = clm.customer(config, " a ", as_of="2024-07-01")
    assert (view.customer_id, view.scores, view.play, len(view.history)) == ("a", None, None, 0)
    assert view.permission.forbids == ("has not said yes to being contacted",)
    assert view.permission.not_listed == ()
    assert any("there is no champion yet" in warning for warning in view.warnings)
    assert [part.title for part in view.parts()] == [
        "In short", "What to do", "What happened", "What they like", "Service", "Good to know"
    ]  # fmt: skip


def test_looking_leaves_nothing_behind(tmp_path):
    written(tmp_path, {"orders": ORDERS, "events": EVENTS})
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    assert run("customer", tmp_path / "clm.yaml", "a").exit_code == 0
    assert run("customer", tmp_path / "clm.yaml", "nobody").exit_code == 12
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


# The walk


def test_the_verb_shows_a_view_of_a_hundred_columns(shop, box, some, monkeypatch):
    monkeypatch.setenv("COLUMNS", "140")
    for segment, customer in some.items():
        done = run("customer", shop.home / "shop.yaml", customer, "--model", box)
        assert done.exit_code == 0, done.stderr
        assert max(map(len, done.stdout.splitlines())) <= 100
        assert segment in done.stdout
        assert playbook()[segment].plays[0] in done.stdout
    assert done.stdout.startswith(f"Customer {customer}")
    monkeypatch.setenv("COLUMNS", "80")
    narrow = run("customer", shop.home / "shop.yaml", some["champion"], "--model", box).stdout
    assert max(map(len, narrow.splitlines())) <= 80
    assert "…" not in narrow.split("What to do")[1], "words are wrapped, not cut off"


def test_contact_fields_are_masked_unless_they_are_to_be_revealed(shop, box, model, one_of_each):
    customer = one_of_each["champion"]
    person = pd.read_parquet(shop.home / "customers.parquet").set_index("customer_id").loc[customer]
    asked = ("customer", shop.home / "shop.yaml", customer, "--model", box)
    told = {more: run(*asked, *more).stdout for more in ((), ("--json",), ("--json", "--reveal"))}
    hidden, shown = (clm.customer(shop, customer, model=model, reveal=reveal) for reveal in (False, True))
    for name in ("email", "phone"):
        assert [person[name] in text for text in told.values()] == [False, False, True]
        assert person[name] not in hidden._repr_html_() + repr(hidden) + repr(shown)
        assert person[name] in shown._repr_html_()


def test_json_tells_all_and_is_json(shop, box, some):
    for customer in some.values():
        done = run("customer", shop.home / "shop.yaml", customer, "--model", box, "--json")
        told = json.loads(done.stdout, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
        assert (told["customer_id"], told["as_of"]) == (customer, "2025-12-31")
        assert set(told["scores"]) == set(scores_schema().names)
        assert told["play"]["channel"] in ("site", "email", "phone")


@pytest.mark.parametrize("unknown", ["0C0000001", "nobody@shop.example", "'; DROP TABLE orders", "%", "[red]"])
def test_an_unknown_id_is_told_in_one_sentence_that_does_not_repeat_it(shop, unknown):
    done = run("customer", shop.home / "shop.yaml", unknown, "--as-of", "2025-06-01")
    assert done.exit_code == 12
    everybody = read_tables(shop)
    known = take_snapshot(prepare(everybody), day_of(date(2025, 6, 1))).customer_ids()
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: nobody with this customer_id is known before 2025-06-01, while ")
    assert f"while {everybody.engine.count(known):,} customers are; " in line
    assert unknown not in done.stderr + done.stdout


def test_mistakes_are_told_in_one_sentence(shop, scores, rows):
    customer = rows["customer_id"][0].as_py()
    for arguments, code, said in (
        (["--scores", scores, "--as-of", "2025-06-01"], 2, "the scores are of 2025-12-31; leave --as-of out"),
        (["--as-of", "2026-06-01"], 13, "is too late"),
        (["--as-of", "2011-06-01"], 13, "is too early"),
        (["--as-of", "1.6.2025"], 13, "a day is written"),
        (["--model", shop.home / "nothing"], 15, "there is no model box"),
        (["--scores", shop.home], 15, ""),
    ):
        done = run("customer", shop.home / "shop.yaml", customer, *arguments)
        assert done.exit_code == code, (arguments, done.stderr)
        (line,) = done.stderr.splitlines()
        assert said in line


def test_whatever_comes_from_data_is_taken_to_the_letter(tmp_path):
    evil = "<script>alert(1)</script>[bold]&amp;"
    orders = pd.DataFrame({"customer_id": [evil], "ordered_at": ["2024-01-05"], "amount": [5.0], "order_id": [evil]})
    orders["product_id"] = orders["category"] = evil
    events = pd.DataFrame({"customer_id": [evil], "occurred_at": ["2024-01-06"], "event_type": [evil]})
    contacts = pd.DataFrame({"customer_id": [evil], "contacted_at": ["2024-01-06"], "campaign": [evil], "arm": [evil]})
    people = pd.DataFrame({"customer_id": [evil], "country": [evil], "email": [evil]})
    config = written(tmp_path, {"orders": orders, "events": events, "contacts": contacts, "customers": people})
    html = clm.customer(config, evil, reveal=True)._repr_html_()
    assert "<script>" not in html
    assert html.count("&lt;script&gt;alert(1)&lt;/script&gt;[bold]&amp;amp;") >= 7


def test_signs_that_a_terminal_could_take_for_its_own_are_shown(tmp_path):
    orders = pd.DataFrame(
        {"customer_id": ["[b]"], "ordered_at": ["2024-01-05"], "amount": [5.0], "category": ["[red]"]}
    )
    events = pd.DataFrame({"customer_id": ["[b]"], "occurred_at": ["2024-01-06"], "event_type": ["[/]\x1b[2J"]})
    config = written(tmp_path, {"orders": orders, "events": events})
    shown = run("customer", config.home / "clm.yaml", "[b]").stdout
    assert all(sign in shown for sign in ("[b]", "[red]", "[/]"))
    assert "\x1b" not in shown


# An oracle in plain SQL


def test_a_view_agrees_with_plain_sql_on_the_shop_that_ships(tmp_path):
    text = online_retail_config().read_text(encoding="utf-8")
    text = text.replace("../clm_ml/datasets/online_retail.parquet", str(online_retail_path()))
    (tmp_path / "shop.yaml").write_text(text.replace("../", ""))
    config = load_config(tmp_path / "shop.yaml")
    lines = f"""
        SELECT DISTINCT *, CAST(round(Quantity * UnitPrice * 100) AS BIGINT) AS minor
        FROM read_parquet('{online_retail_path()}') WHERE UnitPrice > 0 AND InvoiceDate < '2011-09-11'
    """
    for customer in ("12583", "14911", "16446"):
        theirs = f"SELECT * FROM ({lines}) WHERE CAST(CAST(CustomerID AS BIGINT) AS VARCHAR) = '{customer}'"
        orders = duckdb.sql(f"""
            SELECT strftime(min(InvoiceDate), '%Y-%m-%d'), 'order ' || InvoiceNo, count(*), sum(minor) / 100
            FROM ({theirs}) WHERE minor >= 0 GROUP BY InvoiceNo ORDER BY 1 DESC, 2
        """).fetchall()
        best = duckdb.sql(f"""
            SELECT StockCode, sum(minor) / 100 FROM ({theirs})
            GROUP BY 1 HAVING sum(minor) > 0 ORDER BY 2 DESC, 1 LIMIT 3
        """).fetchall()
        back = duckdb.sql(f"SELECT count(*), coalesce(-sum(minor), 0) / 100 FROM ({theirs}) WHERE minor < 0").fetchall()
        view = clm.customer(config, customer, as_of="2011-09-11")
        made = view.timeline[view.timeline["kind"] == "order"]
        assert [tuple(row) for row in made[["on", "what", "count", "amount"]].values.tolist()] == orders
        assert [tuple(row) for row in view.favourites[["name", "amount"]].values.tolist()] == best
        told = view.service
        assert (told["returned_lines_last_365d"], told["returned_amount_last_365d"]) == back[0]


class _Nesting(HTMLParser):
    """Notes whether every tag is closed in its order."""

    def __init__(self):
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag, attrs):  # noqa: ARG002
        self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_is_whole_html_that_fixes_no_colour_of_text_or_ground(tmp_path):
    html = clm.customer(written(tmp_path, {"orders": ORDERS, "events": EVENTS}), "a", as_of="2024-07-01")._repr_html_()
    nesting = _Nesting()
    nesting.feed(html)
    assert nesting.open == []
    assert not re.search(r"(?<![-\w])(color|background(-color)?):(?!none)", html)


@pytest.mark.slow
def test_spark_tells_the_same(tmp_path, spark):
    people = pd.DataFrame({"customer_id": ["a", "b"], "may_contact": [True, None], "email": ["a@b.c", None]})
    tables = {"orders": ORDERS, "events": EVENTS, "contacts": CONTACTS, "customers": people}
    folders = [tmp_path / engine for engine in ("duckdb", "spark")]
    told = []
    for folder in folders:
        folder.mkdir()
        config = written(folder, tables, engine=folder.name)
        told.append(clm.customer(config, "a", as_of="2024-07-01").facts())
    assert told[0] == told[1]
