"""From a scores box to the files of every destination, through the command line, and what was delivered of them."""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
import sqlite3
import stat
from dataclasses import dataclass
from datetime import date

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from typer.testing import CliRunner

from clm_ml import campaign as campaigns
from clm_ml import online_retail_path
from clm_ml.artifacts import new_box
from clm_ml.cli import app
from clm_ml.config import DESTINATIONS, load_config
from clm_ml.destinations import state
from clm_ml.errors import ConfigError
from clm_ml.pipeline import pruning
from clm_ml.pipeline.scores import scores_schema
from clm_ml.pipeline.suppressing import find_suppressed
from clm_ml.tables import read_tables
from tests.vendor_readers import read_all, read_members

DAY = "2025-12-31"
CRMS = ["hubspot", "salesforce", "klaviyo", "braze", "bloomreach", "mailchimp"]
NASTY = ["007", "=SUM(A1)", "+420 555", 'say "hi", you', "line\nbreak", "😀", "مرحبا", "@x"]


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str

    @property
    def told(self):
        return json.loads(self.out)


def run(*arguments):
    done = CliRunner().invoke(app, [str(argument) for argument in arguments])
    return Done(done.exit_code, done.stdout, done.stderr)


def draw_scores(ids, folder, day=DAY, **columns):
    """Draw a scores box: everyone at risk, with reasons, the first worth the most."""
    count = len(ids)
    rows = {
        "customer_id": list(ids),
        "as_of": [date.fromisoformat(day)] * count,
        "segment": ["at_risk"] * count,
        "phase": ["reactivation"] * count,
        "days_since_last_order": [90] * count,
        "churn_probability": [0.5] * count,
        "expected_value_if_ordering": [1000.0 + count - place for place in range(count)],
        "value_at_risk": [500.0] * count,
        "reason_1": ["quiet for long, (raises the risk)"] * count,
        **columns,
    }
    arrays = [pa.array(rows.get(field.name, [None] * count), field.type) for field in scores_schema()]
    with new_box(folder, "scores", {"as_of": day, "customers": count}, force=True) as hidden:
        pq.write_table(pa.Table.from_arrays(arrays, schema=scores_schema()), hidden / "scores.parquet")
    return folder


def draw_shop(folder, people, **keys):
    """Draw a shop of one order each, its people, and its config; every destination is asked for."""
    orders = pd.DataFrame({"customer_id": people["customer_id"], "ordered_at": "2025-10-02", "amount": 10.0})
    orders.to_parquet(folder / "orders.parquet")
    people.to_parquet(folder / "people.parquet")
    tables = {
        name: {"source": f"{name}.parquet", "columns": {column: column for column in rows}}
        for name, rows in (("orders", orders), ("people", people))
    }
    tables["customers"] = tables.pop("people")
    content = {"project": "drawn", "complete_until": DAY, "tables": tables, "threads": 1}
    content |= {"destinations": list(DESTINATIONS), "list": {"holdout_share": 0.25}} | keys
    (folder / "clm.yaml").write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    return folder / "clm.yaml"


def draw_people(ids=(), count=24):
    ids = [*ids, *(f"c{number:03}" for number in range(count - len(ids)))]
    return pd.DataFrame(
        {
            "customer_id": ids,
            "email": [f"Person{number}@example.org" for number in range(count)],
            "phone": [f"+420 777 000 {number:03}" for number in range(count)],
            "country": "CZ",
            "may_contact": True,
        }
    )


@pytest.fixture
def shop(tmp_path):
    people = draw_people(NASTY)
    draw_shop(tmp_path, people)
    draw_scores(sorted(people["customer_id"]), tmp_path / "scores")
    return tmp_path


def export(shop, out, *more, config="clm.yaml", campaign="autumn"):
    asked = ("--scores", shop / "scores", "--campaign", campaign, "--out", shop / out, "--json")
    return run("export", shop / config, *asked, *more)


def everything(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def ids_of(path):
    with path.open(encoding="utf-8", newline="") as file:
        return [row["customer_id"] for row in csv.DictReader(file)]


def one_sentence(done, code, because):
    assert done.code == code, done
    assert done.err.startswith("error: ")
    assert done.err.count("\n") == 1
    assert because in done.err
    return True


# The walk


def test_a_nasty_shop_is_exported_to_every_destination_and_read_by_every_vendor(shop):
    done = export(shop, "list")
    assert done.code == 0
    contact, held = ids_of(shop / "list/contact.csv"), ids_of(shop / "list/holdout.csv")
    assert (len(contact), len(held)) == (18, 6)
    for name in DESTINATIONS:
        found = read_all(shop / "list", name)
        assert len(found["contact"]) == 18
        assert len(found["holdout"]) == (6 if name in CRMS else 0)
    found = read_all(shop / "list", "salesforce")
    assert [row["CLM_Customer_Id__c"] for row in found["contact"]] == contact
    assert [row["CLM_Customer_Id__c"] for row in found["holdout"]] == held
    assert done.told["destinations"]["braze"]["rows"] == {"holdout": 6, "contact": 18}
    facts = json.loads((shop / "list/manifest.json").read_text())["facts"]
    assert facts["destinations"] == done.told["destinations"]


def test_keys_that_begin_like_formulas_are_told_without_showing_them(shop):
    done = export(shop, "list", "--destination", "braze")
    assert done.err == (
        "warning: 3 customer ids begin like a formula; do not open the list's own files in a spreadsheet, but those of "
        "table.\n"
        "warning: braze: 3 keys begin like a formula; do not open its files in a spreadsheet, or refuse such keys with "
        "--strict.\n"
    )
    strict = export(shop, "strict", "--destination", "braze", "--strict")
    assert strict.err.partition("\n")[2] == (
        "warning: braze: 3 rows are not in its files (begins like a formula 3); see braze/invalid.csv.\n"
    )
    assert strict.told["destinations"]["braze"]["invalid"] == {"begins like a formula": 3}


def test_nobody_is_contacted_by_an_address_that_somebody_held_out_has_too(shop):
    export(shop, "list")
    contact, held = ids_of(shop / "list/contact.csv")[0], ids_of(shop / "list/holdout.csv")[0]
    people = pd.read_parquet(shop / "people.parquet")
    people.loc[people["customer_id"].isin([contact, held]), "email"] = "Shared@example.org"
    people.to_parquet(shop / "people.parquet")
    export(shop, "list", "--force")
    for name in ("hubspot", "klaviyo", "mailchimp"):
        found = read_all(shop / "list", name)
        assert "Shared@example.org" in {next(iter(row.values())) for row in found["holdout"]}
        assert "Shared@example.org" not in {next(iter(row.values())) for row in found["contact"]}
    shared = hashlib.sha256(b"shared@example.org").hexdigest()
    for name in ("google_customer_match", "meta_audience"):
        assert shared not in (shop / f"list/{name}/contact.csv").read_text()


def test_every_file_is_its_owners_only_and_a_repeat_has_the_same_bytes(shop):
    export(shop, "list")
    before = everything(shop / "list")
    files = [path for path in (shop / "list").rglob("*") if path.is_file()]
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    assert export(shop, "list", "--force").code == 0
    assert everything(shop / "list") == before


def test_online_retails_list_is_taken_by_every_vendor(tmp_path):
    """The real shop, whose customers get addresses by their number; its countries are real."""
    lines = pd.read_parquet(online_retail_path(), columns=["CustomerID", "Country"]).dropna()
    people = lines.drop_duplicates("CustomerID").sort_values("CustomerID").head(2000)
    people = people.assign(email=people["CustomerID"].astype(str) + "@example.org")
    people.to_parquet(tmp_path / "people.parquet")
    columns = {"customer_id": "CustomerID", "ordered_at": "InvoiceDate", "amount": "Quantity * UnitPrice"}
    tables = {
        "orders": {"source": str(online_retail_path()), "columns": columns},
        "customers": {
            "source": "people.parquet",
            "columns": {"customer_id": "CustomerID", "email": "email", "country": "Country"},
        },
    }
    content = {"project": "retail", "complete_until": "2011-12-10", "tables": tables, "list": {"budget": 1500}}
    (tmp_path / "clm.yaml").write_text(yaml.safe_dump(content | {"destinations": list(DESTINATIONS)}))
    draw_scores(people["CustomerID"].astype(str).tolist(), tmp_path / "scores", "2011-09-11")
    assert export(tmp_path, "list").code == 0
    for name in DESTINATIONS:
        found = read_all(tmp_path / "list", name)
        assert (len(found["contact"]), len(found["holdout"])) == (1350, 150 if name in CRMS else 0)


# What was delivered


def test_after_delivery_a_repeat_is_empty_and_before_it_is_not(shop):
    export(shop, "first")
    assert export(shop, "again", "--changed-only").told["destinations"]["hubspot"]["rows"] != {}
    done = run("export", shop / "clm.yaml", "--delivered", shop / "first")
    assert done.out.splitlines() == [f"{name}: 24 rows are remembered as delivered" for name in sorted(CRMS)]
    third = export(shop, "third", "--changed-only")
    for name in CRMS:
        assert (third.told["destinations"][name]["rows"], third.told["destinations"][name]["unchanged"]) == ({}, 24)
        assert read_all(shop / "third", name) == {"contact": [], "holdout": [], "left": []}
    assert len(read_all(shop / "third", "meta_audience")["contact"]) == 18  # audiences are whole, always
    whole = export(shop, "whole")
    assert whole.told["destinations"]["hubspot"]["rows"] == {"contact": 18, "holdout": 6}


def test_delivery_to_one_destination_is_confirmed_alone_and_twice_is_once(shop):
    export(shop, "first")
    for _ in range(2):
        done = run("export", shop / "clm.yaml", "--delivered", shop / "first", "--destination", "braze", "--json")
        assert done.told == {"delivered": {"braze": 24}}
    assert [path.name for path in (shop / "delivered").iterdir()] == ["braze.parquet"]
    told = export(shop, "second", "--changed-only").told["destinations"]
    assert told["braze"]["rows"] == {}
    assert told["hubspot"]["rows"] == {"contact": 18, "holdout": 6}


def test_whoever_leaves_the_list_is_told_so_in_a_file_of_its_own_even_after_withdrawing_consent(shop):
    export(shop, "first")
    run("export", shop / "clm.yaml", "--delivered", shop / "first")
    people = pd.read_parquet(shop / "people.parquet")
    people.loc[people["customer_id"].isin(["c001", "007"]), "may_contact"] = False
    people.to_parquet(shop / "people.parquet")
    done = export(shop, "second", "--changed-only")
    gone = {"braze": {"c001", "007"}, "hubspot": {"Person0@example.org", "Person9@example.org"}}
    for name, keys in gone.items():
        assert done.told["destinations"][name]["rows"]["left"] == 2
        found = read_all(shop / "second", name)
        assert {next(iter(row.values())) for row in found["left"]} == keys
        assert not keys & {next(iter(row.values())) for row in found["contact"] + found["holdout"]}
    asked = ("--scores", shop / "scores", "--campaign", "autumn", "--out", shop / "told", "--destination", "braze")
    assert (
        "braze: 16 to contact, 6 held out, 2 to be cleared, since they have left"
        in run("export", shop / "clm.yaml", *asked).out
    )
    run("export", shop / "clm.yaml", "--delivered", shop / "second")
    assert "left" not in export(shop, "third", "--changed-only").told["destinations"]["braze"]["rows"]


def test_delivery_is_confirmed_of_a_whole_list_box_only(shop):
    export(shop, "first")
    path = shop / "first/digests/braze.parquet"
    path.write_bytes(path.read_bytes() + b"x")
    assert one_sentence(run("export", shop / "clm.yaml", "--delivered", shop / "first"), 15, "was altered")
    assert one_sentence(run("export", shop / "clm.yaml", "--delivered", shop / "scores"), 15, "where list is needed")
    assert not (shop / "delivered").exists()


def test_what_the_verb_is_asked_has_to_fit_together(shop):
    export(shop, "first", "--destination", "table")
    asked = ("export", shop / "clm.yaml")
    assert one_sentence(run(*asked), 2, "export needs --scores, --campaign and --out, or else --delivered.")
    told = "--delivered goes with --destination alone"
    assert one_sentence(run(*asked, "--delivered", shop / "first", "--out", shop / "x"), 2, told)
    told = "has no files that are remembered as delivered to 'braze'; it has none."
    assert one_sentence(run(*asked, "--delivered", shop / "first", "--destination", "braze"), 2, told)
    assert run(*asked, "--delivered", shop / "first").out.endswith(
        "has files for no CRM: there is nothing to remember\n"
    )


# What the config says


def test_control_is_flagged_or_omitted_if_the_config_says_so(shop):
    content = yaml.safe_load((shop / "clm.yaml").read_text())
    for control, rows in (("flag", {"contact": 18, "holdout": 6}), ("omit", {"contact": 18})):
        (shop / f"{control}.yaml").write_text(yaml.safe_dump(content | {"delivery": {"control": control}}))
        done = export(shop, control, config=f"{control}.yaml")
        assert done.told["destinations"]["klaviyo"]["rows"] == rows
        assert not (shop / control / "klaviyo/holdout.csv").exists()
        groups = [row["clm_group"] for row in read_all(shop / control, "klaviyo")["contact"]]
        assert (groups.count("treatment"), groups.count("control")) == (18, 6 if control == "flag" else 0)
        assert len(read_all(shop / control, "google_customer_match")["contact"]) == 18


def test_salesforce_gets_members_of_the_campaign_whose_id_the_config_has(shop):
    content = yaml.safe_load((shop / "clm.yaml").read_text())
    ids = {"campaign_ids": {"autumn": "701000000000001AAA"}}
    (shop / "ids.yaml").write_text(yaml.safe_dump(content | {"delivery": ids}))
    assert export(shop, "list", config="ids.yaml").code == 0
    contact = ids_of(shop / "list/contact.csv")
    members = read_members(shop / "list/salesforce/campaign_members.csv", set(contact))
    assert [row["Contact.CLM_Customer_Id__c"] for row in members] == contact


def test_a_destination_that_the_shop_cannot_serve_is_told_before_any_work(tmp_path):
    people = draw_people()[["customer_id", "country"]]
    path = draw_shop(tmp_path, people)
    draw_scores(people["customer_id"], tmp_path / "scores")
    (tmp_path / "orders.parquet").unlink()
    told = "hubspot knows customers by email, which tables.customers does not map; map it, or leave hubspot out."
    assert one_sentence(export(tmp_path, "list"), 11, told)
    done = export(tmp_path, "list", "--destination", "meta_audience")
    assert one_sentence(done, 11, "meta_audience knows customers by email or phone, which")
    assert {item.name for item in tmp_path.iterdir()} == {"people.parquet", "scores", path.name}


def test_a_destination_of_ones_own_goes_beside_the_config_or_on_the_command_line(shop, monkeypatch):
    text = "name: Mine\nkey: {column: Id, from: customer_id}\ncolumns: {Id: customer_id, Group: arm}\n"
    (shop / "mine.yaml").write_text(text)
    content = yaml.safe_load((shop / "clm.yaml").read_text()) | {"destinations": ["mine.yaml"]}
    (shop / "own.yaml").write_text(yaml.safe_dump(content))
    assert export(shop, "list", config="own.yaml").code == 0
    assert (shop / "list/mine/contact.csv").read_text(encoding="utf-8").startswith("Id,Group\n")
    (shop / "elsewhere").mkdir()
    monkeypatch.chdir(shop / "elsewhere")
    assert export(shop, "other", "--destination", "../mine.yaml").code == 0
    assert one_sentence(export(shop, "third", "--destination", "mine.yaml"), 11, "config mine.yaml cannot be read")
    (shop / "mine.yaml").write_text(text.replace("arm", "amr"))
    told = f"{shop / 'mine.yaml'}:3: columns.Group: there is no field 'amr'"
    assert one_sentence(export(shop, "fourth", config="own.yaml"), 11, told)


def test_a_destination_that_is_unknown_to_the_config_is_told_with_its_line(shop):
    content = yaml.safe_load((shop / "clm.yaml").read_text()) | {"destinations": ["table", "hubspt"]}
    (shop / "odd.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    assert one_sentence(export(shop, "list", config="odd.yaml"), 11, "did you mean 'hubspot'?")


# Listing them


def test_destinations_are_listed_and_shown(tmp_path):
    told = run("destinations", "--json").told
    assert list(told) == sorted(DESTINATIONS)
    assert told["klaviyo"]["knows_customers_by"] == ["email"]
    assert told["salesforce"]["max_mb"] == 100
    out = run("destinations").out
    assert all(f"\n{name} " in f"\n{out}" for name in DESTINATIONS)
    for name in DESTINATIONS:  # what is shown is what one's own can start from
        (tmp_path / f"my_{name}.yaml").write_text(run("destinations", "--show", name).out, encoding="utf-8")
        assert run("destinations", "--show", tmp_path / f"my_{name}.yaml").code == 0
    assert one_sentence(run("destinations", "--show", "hubspt"), 2, "did you mean 'hubspot'?")


def test_a_run_that_is_stopped_leaves_what_is_remembered_as_it_was(shop, monkeypatch):
    export(shop, "first", "--destination", "braze")
    run("export", shop / "clm.yaml", "--delivered", shop / "first")
    before = everything(shop)

    def stopped(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(state, "new_state", stopped)
    assert run("export", shop / "clm.yaml", "--delivered", shop / "first").code == 130
    assert everything(shop) == before


# Whom never to list


def hashed(address):
    return hashlib.sha256(address.encode()).hexdigest()


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    """Draw six customers of whom two share an address and one has none; id c1 is known by a phone alone."""
    folder = tmp_path_factory.mktemp("few")
    people = draw_people(["c1", "c2", "c3", "c4", "c5", "c6"], count=6)
    people["email"] = [None, " Anna@Example.org", "anna@example.org ", "bob@example.org", "eva@example.org", "x@x.org"]
    draw_shop(folder, people, destinations=["table"], list={"holdout_share": 0, "suppress": "never.txt"})
    draw_scores(people["customer_id"], folder / "scores")
    return folder, load_config(folder / "clm.yaml"), read_tables(load_config(folder / "clm.yaml"))


@pytest.mark.parametrize(
    ("text", "left", "rows", "found"),
    [
        ("c1\r\n c4 \n\n", "c2 c3 c5 c6", {"customer_id": 2}, {}),
        (f"{hashed('anna@example.org')}\n{hashed('bob@example.org').upper()}\n", "c1 c5 c6", {"sha256": 2},
         {"sha256": 2}),
        ("ANNA@example.org\nnobody@example.org", "c1 c4 c5 c6", {"email": 2}, {"email": 1}),
        (f"c6\n{hashed('eva@example.org')}\nbob@example.org\n", "c1 c2 c3", {"customer_id": 1, "sha256": 1, "email": 1},
         {"email": 1, "sha256": 1}),
        ("\ufeffemail;why\nbob@example.org;asked us\n\"eva@example.org\";\"by phone;\nthen again\"\n", "c1 c2 c3 c6",
         {"email": 2}, {"email": 2}),
        (f"name,customer_id,email_sha256\nc5,c1,\nc6,,{hashed('bob@example.org')}\n", "c2 c3 c5 c6",
         {"customer_id": 1, "sha256": 1}, {"sha256": 1}),
        ("Customer_ID\nbob@example.org\nc1\n", "c2 c3 c4 c5 c6", {"customer_id": 2}, {}),
        ("", "c1 c2 c3 c4 c5 c6", {}, {}),
    ],
)  # fmt: skip
def test_whom_the_suppression_file_names_in_whichever_way_is_never_listed(few, text, left, rows, found):
    folder, config, tables = few
    (folder / "never.txt").write_text(text, encoding="utf-8")
    never = find_suppressed(config, tables)
    assert {"c1", "c2", "c3", "c4", "c5", "c6"} - never.customers == set(left.split())
    assert never.facts() == {"rows": rows, "found": found}
    assert "@" not in repr(never)


def test_what_the_suppression_file_was_taken_for_is_told_and_so_is_one_that_names_nobody(few):
    folder, *_ = few
    asked = (
        "export",
        folder / "clm.yaml",
        "--scores",
        folder / "scores",
        "--campaign",
        "autumn",
        "--out",
        folder / "list",
    )
    (folder / "never.txt").write_text(f"c1\n{hashed('bob@example.org')}\nnobody@example.org\n")
    done = run(*asked, "--json")
    assert ids_of(folder / "list/contact.csv") == ["c2", "c3", "c5", "c6"]
    assert done.told["suppressed"] == {
        "rows": {"customer_id": 1, "sha256": 1, "email": 1},
        "found": {"sha256": 1, "email": 0},
    }
    assert done.told["dropped"]["suppressed"] == 2
    everywhere = b"".join(everything(folder / "list").values()) + done.out.encode() + done.err.encode()
    assert b"nobody@example.org" not in everywhere
    assert hashed("nobody@example.org").encode() not in everywhere
    (folder / "never.txt").write_text(hashed("no@example.org"))
    done = run(*asked, "--force")
    assert "never to list: hashed addresses 1 (0 of them customers')\n" in done.out
    assert done.err == (
        "warning: list.suppress has hashed addresses 1 (0 of them customers'), and nobody who is scored is among them: "
        "look at it.\n"
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (b"c1\n\xff\xfe\n", "never.txt cannot be read; nobody is listed without it."),
        (f"email_sha256\n{'a' * 64}\nsecret@example.org\n".encode(), "never.txt:3 has no SHA-256 hash, which is 64"),
        (b"sha256\n0123456789abcdef0123456789abcdef\n", "never.txt:2 has no SHA-256 hash"),  # an MD5
        (b"email,name\nsecret@example.org\n", "never.txt:2 has 1 cells, where the first line names 2; mend it"),
        (b'email\n"secret@example.org" x\n', "never.txt:2 is no line of a CSV"),
    ],
)  # fmt: skip
def test_a_bad_suppression_file_is_one_sentence_that_shows_nobody(few, text, told):
    folder, config, tables = few
    (folder / "never.txt").write_bytes(text)
    with pytest.raises(ConfigError) as error:
        find_suppressed(config, tables)
    assert told in str(error.value)
    assert "secret" not in str(error.value)
    (folder / "never.txt").unlink()
    with pytest.raises(ConfigError, match=r"never\.txt cannot be read; nobody is listed without it"):
        find_suppressed(config, tables)


def test_addresses_need_a_shop_that_knows_addresses(tmp_path):
    people = draw_people(count=6)[["customer_id", "may_contact"]]
    draw_shop(tmp_path, people, destinations=["table"], list={"suppress": "never.txt"})
    draw_scores(people["customer_id"], tmp_path / "scores")
    (tmp_path / "never.txt").write_text("c001\nsecret@example.org\n")
    done = export(tmp_path, "list")
    assert one_sentence(done, 11, "never.txt has e-mail addresses, and tables.customers maps no email to find them by;")
    assert "secret" not in done.err
    (tmp_path / "never.txt").write_text("customer_id\nc001\nsecret@example.org\n")
    assert export(tmp_path, "list").told["dropped"]["suppressed"] == 1


# What is no longer kept


@pytest.fixture(scope="module")
def delivered_shop(tmp_path_factory):
    """Draw a shop whose list of 2025-12-31 is delivered; lists may go after 30 days, horizons take 90."""
    folder = tmp_path_factory.mktemp("delivered")
    people = draw_people(["Secret-1"])
    keys = {"destinations": ["braze", "table"], "list": {"holdout_share": 0.25, "delete_after_days": 30}}
    draw_shop(folder, people, **keys)
    draw_scores(people["customer_id"], folder / "scores")
    assert export(folder, "lists/autumn").code == 0
    assert run("export", folder / "clm.yaml", "--delivered", folder / "lists/autumn").code == 0
    return folder


@pytest.fixture
def kept(delivered_shop, tmp_path):
    return shutil.copytree(delivered_shop, tmp_path / "kept")


def prune(folder, day, *more):
    return run("prune", folder / "clm.yaml", folder / "lists", "--as-of", day, "--json", *more)


@pytest.mark.parametrize("day", ["2026-01-30", "2026-01-31", "2026-03-30"])
def test_while_its_horizon_runs_a_campaign_stays_whatever_its_days(kept, day):
    before = everything(kept)
    done = prune(kept, day)
    assert everything(kept) == before
    (campaign,) = done.told["campaigns"]
    assert (campaign["customers"], campaign["held_out"], campaign["is_due"]) == (24, 6, False)
    assert (campaign["delete_last"], campaign["goes_on"]) == ("2026-01-30", "2026-03-31")
    stays = "warning: campaign autumn has customers who were due after 2026-01-30; it stays whole until 2026-03-31.\n"
    assert done.err == ("" if day == "2026-01-30" else stays)


def test_what_is_due_goes_from_lists_ledger_and_memory_and_only_counts_stay(kept):
    before = everything(kept)
    looked = prune(kept, "2026-03-31", "--dry-run")
    assert everything(kept) == before
    done = prune(kept, "2026-03-31")
    assert {**done.told, "is_done": False} == looked.told
    assert (done.told["boxes"], done.told["delivered"]) == ({str(kept / "lists/autumn"): 7}, {"braze": 24})
    (manifest,) = (path for path in (kept / "lists").rglob("*") if path.is_file())
    assert stat.S_IMODE(manifest.stat().st_mode) == stat.S_IMODE((kept / "ledger.db").stat().st_mode) == 0o600
    facts = json.loads(manifest.read_text())["facts"]
    assert (facts["campaign"], facts["contact"], facts["pruned_on"]) == ("autumn", 18, "2026-03-31")
    assert list((kept / "delivered").iterdir()) == []
    ledger = (kept / "ledger.db").read_bytes()
    assert b"Secret-1" in before["ledger.db"]
    assert b"Secret-1" not in ledger
    with sqlite3.connect(kept / "ledger.db") as connection:
        assert connection.execute("SELECT * FROM pruned ORDER BY arm").fetchall() == [
            ("autumn", "contact", 18, "2026-03-31"), ("autumn", "holdout", 6, "2026-03-31"),
        ]  # fmt: skip
    after = everything(kept)
    again = prune(kept, "2026-04-01")
    assert (again.told["campaigns"], again.told["boxes"], again.told["delivered"]) == ([], {}, {})
    assert everything(kept) == after


def test_a_box_that_a_killed_run_has_set_aside_goes_too(kept):
    """Killed between two renames, prune leaves the box under a hidden name, with all the people in it."""
    (kept / "lists/autumn").rename(kept / "lists/.autumn.abcd1234.replaced")
    (kept / "lists/.autumn.abcd1234.partial").mkdir()
    prune(kept, "2026-03-31")
    assert [str(path.relative_to(kept / "lists")) for path in sorted((kept / "lists").rglob("*"))] == [
        "autumn", "autumn/manifest.json",
    ]  # fmt: skip


def test_of_a_pruned_campaign_nothing_is_measured_or_listed_anew(kept):
    prune(kept, "2026-03-31")
    told = "campaign 'autumn' was pruned on 2026-03-31, and nobody remembers who was held out of it; choose another"
    assert one_sentence(export(kept, "lists/again"), 16, told)
    told = "campaign 'autumn' was pruned on 2026-03-31: nobody remembers who was in it"
    assert one_sentence(run("measure", kept / "clm.yaml", "autumn"), 16, told)
    assert export(kept, "lists/winter", campaign="winter").code == 0


def test_a_campaign_that_has_gone_on_stays_whole_and_others_go(kept):
    draw_scores(draw_people(["Secret-1", "late"])["customer_id"], kept / "later", "2026-06-01")
    asked = ("export", kept / "clm.yaml", "--scores", kept / "later", "--force")
    assert run(*asked, "--campaign", "summer", "--out", kept / "lists/summer").code == 0
    assert run("export", kept / "clm.yaml", "--delivered", kept / "lists/summer").code == 0
    done = prune(kept, "2026-07-15")
    assert [row["campaign"] for row in done.told["campaigns"] if row["is_due"]] == ["autumn"]
    assert list(done.told["boxes"]) == [str(kept / "lists/autumn")]
    told = prune(kept, "2026-08-29").told  # nobody of the summer is free, nobody was told of the autumn since
    assert (told["campaigns"][0]["goes_on"], told["boxes"]) == ("2026-08-30", {})
    assert len(read_all(kept / "lists/summer", "braze")["contact"]) > 0


def test_what_prune_tells_a_person(kept):
    done = run("prune", kept / "clm.yaml", kept / "lists", "--as-of", "2026-03-31", "--dry-run")
    assert done.out.splitlines() == [
        "campaign autumn: 24 customers, 6 of them held out; goes, and can be measured no more",
        f"box {kept / 'lists/autumn'}: 7 files; its manifest stays",
        "braze: 24 rows of what was delivered",
        "would go as of 2026-03-31: assignments 24, boxes 1, delivered rows 24",
    ]
    assert run("prune", kept / "clm.yaml", "--as-of", "2026-03-31").out.splitlines()[-1] == (
        "removed as of 2026-03-31: assignments 24, boxes 0, delivered rows 24"
    )
    assert one_sentence(run("prune", kept / "clm.yaml", kept / "no", "--as-of", "2026-03-31"), 15, "there is no folder")
    assert one_sentence(run("prune", kept / "clm.yaml", "--as-of", "soon"), 13, "a day is written YYYY-MM-DD")
    assert run("prune", kept / "clm.yaml").code == 2


def test_a_list_box_that_is_not_as_it_was_written_is_not_emptied_but_told(kept):
    (kept / "lists/autumn/notes.txt").write_text("mine")
    done = prune(kept, "2026-03-31")
    assert done.told["boxes"] == {}
    assert "notes.txt was not there when it was written. It is due: remove it by hand." in done.err
    assert (kept / "lists/autumn/notes.txt").exists()


def test_a_prune_that_is_stopped_anywhere_is_finished_by_the_next(kept, monkeypatch):
    whole = kept.parent / "whole"
    shutil.copytree(kept, whole)
    prune(whole, "2026-03-31")
    for place in ("_empty", "_forget_delivered", "Ledger.forget"):
        with monkeypatch.context() as patch:
            home, _, name = place.rpartition(".")
            patch.setattr(
                campaigns.Ledger if home else pruning, name, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt)
            )
            assert prune(kept, "2026-03-31").code == 130
            assert b"Secret-1" in (kept / "ledger.db").read_bytes()
    prune(kept, "2026-03-31")
    assert {name: text for name, text in everything(kept).items() if name != "ledger.db"} == {
        name: text for name, text in everything(whole).items() if name != "ledger.db"
    }
    assert b"Secret-1" not in (kept / "ledger.db").read_bytes()
