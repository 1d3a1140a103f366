"""Files as their readers expect them."""

from __future__ import annotations

import csv
import hashlib
import os
import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clm_ml.config import DESTINATIONS
from clm_ml.destinations import Order, cleared, find_destination, find_destinations, write_csv, write_destination
from clm_ml.destinations.fields import CONTACT_FIELDS, FIELDS, Form, texts
from clm_ml.destinations.refusing import is_email
from clm_ml.destinations.schema import Destination, File
from clm_ml.destinations.state import Delivered, key_of, read_state, remember
from clm_ml.destinations.steps import STEPS
from clm_ml.destinations.writing import Parts, defused, line
from clm_ml.errors import ArtifactError, ConfigError, UsageError
from tests.vendor_readers import READERS, Refused, cells_of, read_all, read_hubspot, read_members

NASTY = [
    "007", "=SUM(A1)", "+420 555 123", "-3", "@x", 'quote " and, comma', "line\nbreak", "cr\rhere", "😀", "مرحبا",
    "\tx", "'", " padded ", "č" * 200,
]  # fmt: skip
CRMS = [name for name in DESTINATIONS if find_destination(name).key]
GOLDEN = Path(__file__).parent / "golden" / "destinations"


def listed(ids=("c1", "c2", "c3"), arm="contact", **columns):
    """Draw rows of a list with their contact fields."""
    rows = {
        "rank": range(1, len(ids) + 1),
        "customer_id": list(ids),
        "campaign": "autumn",
        "arm": arm,
        "segment": "at_risk",
        "phase": "reactivation",
        "play": "Personal e-mail",
        "churn_probability": 1 / 3,
        "expected_value_if_ordering": 1234.5678,
        "value_at_risk": 411.5226,
        "expected_profit": 5.125,
        "ranked_by": "expected profit",
        "reason_1": "quiet",
        "reason_2": None,
        "reason_3": None,
        "last_order_on": "2025-10-01",
        "scored_on": "2025-12-31",
        "email": [f"{arm}{number}@example.org" for number in range(len(ids))],
        "phone": "+420 777 123 456",
        "country": "CZ",
    }
    return pd.DataFrame(rows | columns)


def write(folder, name, *batches, destination=None, known=None, **order):
    asked = Order("autumn", **order)
    found = destination or find_destination(name)
    columns = batches[0].columns if batches else ()
    return write_destination(name, found, batches, folder, asked, columns=columns, known=known)


def read(path, encoding="utf-8"):
    with path.open(encoding=encoding, newline="") as file:
        return list(csv.reader(file))


def nasty_list():
    """Draw customers of both arms with everything that could go wrong in a cell."""
    texts = [*NASTY[3:], *NASTY[:3]]
    emails = [f"{letter}.O'Neil+{number}@Example.ORG" for number, letter in enumerate("ABCDEFGHIJKLMN")]
    contact = listed(
        NASTY, email=emails, reason_1=texts, reason_2="ř" * 300, country=texts, phone=NASTY[:3] + ["x"] * 11
    )
    held = listed([f"held {who}" for who in NASTY], "holdout", reason_1=texts, country="cz")
    return held, contact, cleared(["gone 1", "gone\n2"], "2025-12-31").assign(email=["g1@x.org", "g2@x.org"])


def known_as(ids, campaign="autumn"):
    """Remember customers as delivered, with rows that no longer hold."""
    from clm_ml.destinations.state import Delivered

    return {key_of(who): Delivered(b"\0" * 16, campaign) for who in ids}


# Every destination


def test_the_package_has_a_yaml_for_every_destination_it_names_and_no_other():
    from clm_ml import destinations

    yamls = Path(destinations.__file__).parent.glob("*.yaml")
    assert sorted(path.stem for path in yamls) == sorted(DESTINATIONS)
    assert set(READERS) == set(DESTINATIONS)


@pytest.mark.parametrize("name", DESTINATIONS)
def test_a_nasty_list_is_taken_by_a_reader_written_from_the_vendors_rules(tmp_path, name):
    outcome = write(tmp_path, name, *nasty_list(), known=known_as(["gone 1", "gone\n2"]))
    found = read_all(tmp_path, name)
    assert len(found["contact"]) == outcome.rows["contact"]
    if name in CRMS:
        assert (len(found["contact"]), len(found["holdout"]), len(found["left"])) == (14, 14, 2)
        groups = {
            role: {row[column] for row in rows for column in row if column in GROUP} for role, rows in found.items()
        }
        assert groups == {"contact": {"treatment"}, "holdout": {"control"}, "left": {"none"}}
    else:
        assert (found["holdout"], found["left"]) == ([], [])
    if find_destination(name).needs() == ("customer_id",):
        assert [next(iter(row.values())) for row in found["contact"]] == NASTY  # never altered


GROUP = {"clm_group", "CLM_Group__c", "CLMGROUP"}


@pytest.mark.parametrize("name", DESTINATIONS)
def test_files_are_those_kept_as_golden(tmp_path, name):
    """Written anew with CLM_WRITE_GOLDEN=1, to be looked at before they are kept."""
    held, contact = listed(["h1", "=h2"], "holdout", phone="+420 777 000 000"), listed(["007", *"bcdefg"])
    contact["email"] = [
        "Anna@Example.org",
        None,
        "bad@@mail",
        "ANNA@example.org",
        "holdout0@example.org",
        "f@x.org",
        "g@x.org",
    ]
    contact["phone"] = ["+420 777 123 456", "0777 1", None, "00420777123457", None, "+44 (0)7700 900123", "x"]
    contact["country"] = ["CZ", None, "Sweden", 'a "b", c', "SK", "gb", "مصر"]
    contact["reason_1"] = ["last order 122 days ago,\n2.5 times", None, '"', "=1", "x", "نص 😀", "ř" * 300]
    gone = cleared(["g1"], "2025-12-31").assign(email="gone@x.org")
    write(tmp_path, name, held, contact, gone, known=known_as(["g1"]), campaign_id="701000000000001")
    written = {path.relative_to(tmp_path): path.read_bytes() for path in (tmp_path / name).rglob("*")}
    if os.environ.get("CLM_WRITE_GOLDEN"):
        shutil.copytree(tmp_path / name, GOLDEN / name, dirs_exist_ok=True)
    assert written == {path.relative_to(GOLDEN): path.read_bytes() for path in (GOLDEN / name).rglob("*")}


@pytest.mark.parametrize("name", DESTINATIONS)
def test_the_same_list_gives_the_same_bytes_however_it_is_cut_into_batches(tmp_path, name):
    held, contact, gone = nasty_list()
    (tmp_path / "cut").mkdir()
    cut = [rows.iloc[start : start + 3] for rows in (held, contact, gone) for start in range(0, len(rows), 3)]
    write(tmp_path, name, held, contact, gone, known=known_as(["gone 1"]))
    write(tmp_path / "cut", name, *cut, known=known_as(["gone 1"]))
    files = [path.relative_to(tmp_path) for path in (tmp_path / name).rglob("*") if path.is_file()]
    assert files
    for file in files:
        assert (tmp_path / file).read_bytes() == (tmp_path / "cut" / file).read_bytes()


@pytest.mark.parametrize("name", DESTINATIONS)
def test_a_list_of_nobody_to_contact_has_a_header_and_nothing_beside_it(tmp_path, name):
    outcome = write(tmp_path, name, listed([]))
    assert read_all(tmp_path, name)["contact"] == []
    assert not list((tmp_path / name).glob("*.json"))
    assert outcome.rows == {}


@pytest.mark.parametrize("name", DESTINATIONS)
@settings(max_examples=15)
@given(
    rows=st.lists(
        st.tuples(
            st.text(st.characters(codec="utf-8"), max_size=5),
            st.sampled_from(["a@x.org", "A@x.org", "b@x.org", "c@x.org", "no mail", None]),
            st.sampled_from(["contact", "holdout"]),
        ),
        max_size=8,
        unique_by=lambda row: row[0],
    ),
    control=st.sampled_from(["separate", "flag", "omit"]),
)
def test_nobody_held_out_is_in_a_file_of_those_to_contact_nor_is_their_address(tmp_path_factory, name, rows, control):
    folder = tmp_path_factory.mktemp("files")
    arms = {arm: [row for row in rows if row[2] == arm] for arm in ("holdout", "contact")}
    batches = [
        listed([row[0] for row in told], arm, email=[row[1] for row in told], phone=None) for arm, told in arms.items()
    ]
    outcome = write(folder, name, *batches, control=control)
    found = read_all(folder, name)["contact"]
    destination = find_destination(name)
    if name == "table" or control == "flag":
        return
    keys = [cell for row in found for column, cell in row.items() if column == (destination.key or Key).column]
    field = destination.key.from_ if destination.key else None
    held = {row[0] if field == "customer_id" else (row[1] or "").lower() for row in arms["holdout"]}
    hashes = {hashlib.sha256(text.encode()).hexdigest() for text in held}
    assert not {key.lower() if field == "email" else key for key in keys} & held
    assert not {cell for row in found for cell in row.values()} & hashes
    assert outcome.rows.get("contact", 0) == len(found)
    if control == "omit":
        assert outcome.rows.get("holdout", 0) == 0


class Key:
    column = None


# What a reader would refuse: the readers themselves


@pytest.mark.parametrize(
    ("altered", "because"),
    [
        (lambda raw: b"\xef\xbb\xbf" + raw, "byte order mark"),
        (lambda raw: raw.replace(b"\n", b"\r\n"), "bare quote or CR"),
        (lambda raw: raw[:-1], "not ended"),
        (lambda raw: raw.replace(b"clm_rank", b"rank"), "another header"),
        (lambda raw: raw.replace(b"contact0@", b"contact1@"), "repeated key"),
        (lambda raw: raw.replace(b"2025-12-31", b"31.12.2025"), "YEAR_MONTH_DAY"),
        (lambda raw: raw.replace(b"1234.57", b"EUR 1234"), "currency"),
        (lambda raw: raw.replace(b"0.333333", b""), "blank cell"),
        (lambda raw: raw.replace(b",quiet,", b"," + b"q" * 201 + b","), "200 characters"),
        (lambda raw: raw.replace(b",quiet,", b","), "several lengths"),
        (lambda raw: raw.replace(b"contact0@example.org", b"anna"), "no e-mail"),
    ],
)
def test_the_readers_refuse_what_vendors_refuse(tmp_path, altered, because):
    write(tmp_path, "hubspot", listed())
    path = tmp_path / "hubspot/contact.csv"
    assert len(read_hubspot(path)) == 3
    path.write_bytes(altered(path.read_bytes()))
    with pytest.raises(Refused, match=because):
        read_hubspot(path)


# Cells


def test_a_machine_file_is_never_altered(tmp_path):
    write_csv(listed(NASTY), tmp_path / "a.csv")
    raw = (tmp_path / "a.csv").read_bytes()
    assert not raw.startswith(b"\xef\xbb\xbf")
    found = read(tmp_path / "a.csv")
    assert [row[1] for row in found[1:]] == NASTY
    assert found[1][:9] == [
        "1",
        "007",
        "autumn",
        "contact",
        "at_risk",
        "reactivation",
        "Personal e-mail",
        "0.333333",
        "1234.57",
    ]


def test_a_file_for_people_opens_in_a_spreadsheet_and_runs_nothing(tmp_path):
    write(tmp_path, "table", listed(NASTY))
    path = tmp_path / "table/customers.csv"
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")
    found = read(path, "utf-8-sig")
    assert [row[1] for row in found[1:]] == [f"'{who}" if who[0] in "=+@\t" else who for who in NASTY]
    assert found[1][3] == "'+420 777 123 456"


@given(st.lists(st.tuples(st.text(st.characters(codec="utf-8")), st.sampled_from(NASTY)), max_size=5))
def test_any_text_survives_a_machine_file(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("files") / "a.csv"
    write_csv(pd.DataFrame(rows, columns=["customer_id", "reason_1"], dtype=object), path)
    assert read(path) == [["customer_id", "reason_1"], *map(list, rows)]
    assert cells_of(path.read_bytes()) == read(path)


@pytest.mark.parametrize(
    ("text", "is_defused"),
    [
        ("=SUM(A1)", True), ("+420777123456", True), ("+420 777", True), ("@x", True), ("\tx", True), ("\rx", True),
        ("\n=1", True), ("-x", True), ("--1", True), ("-3.5=A1", True), ("+1", True), ("-", True),
        ("-3", False), ("-3.5", False), ("-1e-07", False), ("007", False), ("tea", False), ("", False), ("a=b", False),
        ("'=1", False),
    ],
)  # fmt: skip
def test_what_a_spreadsheet_would_run_is_defused(text, is_defused):
    assert defused(text) == (f"'{text}" if is_defused else text)


def test_the_table_has_its_columns_in_order_and_leaves_out_what_the_shop_lacks(tmp_path):
    rows = listed(["c1"], email=None, shoe_size=42).drop(columns=["country", "phase"])
    write(tmp_path, "table", rows)
    header, row = read(tmp_path / "table/customers.csv", "utf-8-sig")
    assert header[:6] == ["Rank", "Customer", "E-mail", "Phone", "Segment", "Play"]
    assert row[:6] == ["1", "c1", "", "'+420 777 123 456", "at_risk", "Personal e-mail"]


def test_nulls_of_every_kind_are_empty_in_the_lists_own_files(tmp_path):
    rows = pd.DataFrame({"a": [None, 1.5], "b": ["x", pd.NA], "c": pd.to_datetime([None, "2020-01-01"]).date})
    write_csv(rows, tmp_path / "a.csv")
    assert read(tmp_path / "a.csv")[1:] == [["", "x", ""], ["1.5", "", "2020-01-01"]]


@pytest.mark.parametrize("nothing", [None, pd.NA, float("nan"), pd.NaT])
def test_what_is_not_known_is_told_in_words_and_contact_fields_stay_empty(nothing):
    rows = pd.DataFrame({column: [nothing] for field in FIELDS.values() for column in field.columns}, dtype=object)
    rows["arm"] = "contact"
    told = {name: texts(name, rows, Form(unknown="#N/A"))[0] for name in FIELDS}
    assert {told[name] for name in CONTACT_FIELDS} == {""}
    assert (told["segment"], told["reason"], told["rank"], told["last_order_on"]) == ("none", "#N/A", "#N/A", "#N/A")
    assert texts("reason", rows, Form()) == ["none"]


@pytest.mark.parametrize(
    ("step", "text", "expected"),
    [
        ("e164", "+420 777 123 456", "+420777123456"), ("e164", "00420777123456", "+420777123456"),
        ("e164", "+44 (0)7700-900.123", "+447700900123"), ("e164", "777123456", ""), ("e164", "+0123456789", ""),
        ("e164", "+1234567890123456", ""), ("e164", "call me", ""), ("e164", "", ""), ("digits", "+1 (2) x", "12"),
        ("digits", "٣3", "3"), ("lower", "ÅSA@X.SE", "åsa@x.se"), ("sha256", "", ""), ("sha256", "  ", ""),
        ("sha256", " test@example.com ", "973dfe463ec85785f5f95af5ba3906eedb2d931c24e69824a89ea65dba4e813b"),
    ],
)  # fmt: skip
def test_steps_do_what_they_are_called(step, text, expected):
    assert STEPS[step](text) == expected


def test_audiences_hash_addresses_and_phones_as_each_vendor_asks(tmp_path):
    rows = listed(
        ["c1", "c2", "c3"], email=[" Test@Example.com ", None, "x@@y"], phone=[None, "+420 777 123 456", None]
    )
    google, meta = write(tmp_path, "google_customer_match", rows), write(tmp_path, "meta_audience", rows)
    plain = {
        "google_customer_match": ["test@example.com", "+420777123456"],
        "meta_audience": ["test@example.com", "420777123456"],
    }
    for name, (email, phone) in plain.items():
        first, second = (list(row.values()) for row in read_all(tmp_path, name)["contact"])
        assert first[:2] == [hashlib.sha256(email.encode()).hexdigest(), ""]
        assert second[:2] == ["", hashlib.sha256(phone.encode()).hexdigest()]
        assert first[2] == ("CZ" if name == "google_customer_match" else hashlib.sha256(b"cz").hexdigest())
    assert google.invalid == meta.invalid == {"nothing to match by": 1}


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("anna@example.org", True), ("o'neil+shop@mail.example.co.uk", True), ("a@b.cz", True),
        ("a" * 64 + "@b.cz", True),
        ("a" * 65 + "@b.cz", False), ("anna", False), ("anna@", False), ("@example.org", False), ("a@b", False),
        ("a b@c.org", False), ("a@b..org", False), (".a@b.org", False), ("a..b@c.org", False), ("a@-b.org", False),
        ("a@b.org\n", False), ("=cmd|' /C calc'!A0@x.org", False), ("a,b@c.org", False), ("ß@x.org", False),
        ("a@" + "b" * 250 + ".org", False),
    ],
)  # fmt: skip
def test_an_address_is_one_that_crms_take(text, is_one):
    assert is_email(text) == is_one


def test_sentences_are_cut_at_a_whole_letter_and_ids_never(tmp_path):
    rows = listed(["č" * 300], reason_1="ř" * 300, email="a@x.org")
    for name in ("hubspot", "salesforce", "mailchimp"):
        write(tmp_path, name, rows)
    assert read(tmp_path / "hubspot/contact.csv")[1][7] == "ř" * 200
    assert read(tmp_path / "salesforce/contact.csv")[1][0] == "č" * 300
    assert read(tmp_path / "salesforce/contact.csv")[1][7] == "ř" * 255
    assert read(tmp_path / "mailchimp/contact.csv")[1][7] == "ř" * 127  # of two bytes each


# Rows refused, and kept


def test_rows_refused_are_kept_with_the_reason_beside_the_files(tmp_path):
    rows = listed(["a", "b", "c", "d", "e", "=f"])
    rows["email"] = ["x@y.org", None, "bad@@mail", "X@Y.org", "held@y.org", "=f@y.org"]
    outcome = write(tmp_path, "hubspot", listed(["h"], "holdout", email="Held@y.org"), rows)
    assert outcome.invalid == {"missing key": 1, "bad e-mail": 1, "repeated key": 1, "key of somebody held out": 1}
    assert read(tmp_path / "hubspot/invalid.csv", "utf-8-sig") == [
        ["reason", "customer_id", "arm", "column", "found"],
        ["missing key", "b", "contact", "email", ""],
        ["bad e-mail", "c", "contact", "email", "bad@@mail"],
        ["repeated key", "d", "contact", "email", "X@Y.org"],
        ["key of somebody held out", "e", "contact", "email", "held@y.org"],
    ]
    assert [row["email"] for row in read_all(tmp_path, "hubspot")["contact"]] == ["x@y.org", "=f@y.org"]
    assert outcome.doubtful == 1


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_a_key_that_begins_like_a_formula_is_told_and_refused_if_strict(tmp_path, start):
    (tmp_path / "strict").mkdir()
    rows = listed([f"{start}1", "007"])
    told, strict = write(tmp_path, "braze", rows), write(tmp_path / "strict", "braze", rows, strict=True)
    assert (told.doubtful, told.invalid, told.rows) == (1, {}, {"contact": 2})
    assert (strict.doubtful, strict.invalid, strict.rows) == (0, {"begins like a formula": 1}, {"contact": 1})
    kept = read(tmp_path / "strict/braze/invalid.csv", "utf-8-sig")[1]
    assert kept == ["begins like a formula", f"'{start}1" if start != "-" else "-1", "contact", "external_id", kept[4]]


def test_ids_that_differ_in_case_are_two_customers(tmp_path):
    assert write(tmp_path, "salesforce", listed(["a", "A"])).rows == {"contact": 2}


# The arms


@pytest.mark.parametrize("name", CRMS)
def test_the_arms_go_apart_together_or_one_nowhere(tmp_path, name):
    held, contact = listed(["h1", "h2"], "holdout"), listed(["c1"])
    groups = {}
    for control in ("separate", "flag", "omit"):
        (tmp_path / control).mkdir()
        write(tmp_path / control, name, held, contact, control=control)
        found = read_all(tmp_path / control, name)
        groups[control] = [[cell for row in rows for at, cell in row.items() if at in GROUP] for rows in found.values()]
    assert groups == {
        "separate": [["treatment"], ["control", "control"], []],
        "flag": [["control", "control", "treatment"], [], []],
        "omit": [["treatment"], [], []],
    }


def test_salesforce_gets_the_members_of_a_campaign_that_it_knows(tmp_path):
    write(tmp_path, "salesforce", listed(["h"], "holdout"), listed(["c1", "c,2"]), campaign_id="701000000000001AAA")
    members = read_members(tmp_path / "salesforce/campaign_members.csv", {"c1", "c,2"})
    assert [row["Contact.CLM_Customer_Id__c"] for row in members] == ["c1", "c,2"]
    (tmp_path / "without").mkdir()
    write(tmp_path / "without", "salesforce", listed(["c1"]))
    assert not (tmp_path / "without/salesforce/campaign_members.csv").exists()


# Limits


def test_files_over_a_limit_are_split_and_each_part_can_be_imported(tmp_path):
    small = find_destination("hubspot").model_copy(update={"file": find_destination("hubspot").file.model_copy(
        update={"max_rows": 3}
    )})  # fmt: skip
    write(tmp_path, "hubspot", listed(["h"], "holdout"), listed([f"c{n}" for n in range(5)]), destination=small)
    names = sorted(path.name for path in (tmp_path / "hubspot").iterdir())
    parts = [f"contact-{n}.csv" for n in (1, 2, 3)]
    assert names == [*parts, "holdout.csv", "import-1.json", "import-2.json", "import-3.json", "import-holdout.json"]
    assert [len(read_hubspot(tmp_path / "hubspot" / name)) for name in parts] == [2, 2, 1]


@given(
    rows=st.lists(st.text(st.characters(codec="utf-8"), min_size=1, max_size=30), max_size=30),
    max_bytes=st.integers(10, 200),
    max_rows=st.integers(2, 10),
)
def test_parts_keep_limits_order_and_every_row(tmp_path_factory, rows, max_bytes, max_rows):
    folder = tmp_path_factory.mktemp("parts")
    with Parts(folder / "a.csv", ["x"], max_rows=max_rows, max_bytes=max_bytes, always=True) as parts:
        for row in rows:
            parts.write(line([row]))
    found = [cells_of(path.read_bytes()) for path in parts.files]
    assert [row for part in found for row in part[1:]] == [[row] for row in rows]
    assert all(part[0] == ["x"] for part in found)
    assert all(len(part) <= max_rows for part in found)
    assert all(path.stat().st_size <= max_bytes or count == 1 for path, count in parts.files.items())
    assert set(folder.iterdir()) == set(parts.files)
    assert list(parts.files.values()) == [len(part) - 1 for part in found]


# What was delivered


def deliver_and_remember(folder, name, *batches, **order):
    folder.mkdir(exist_ok=True)
    shutil.rmtree(folder / name, ignore_errors=True)
    outcome = write(folder, name, *batches, known=read_state(folder / "state.parquet"), **order)
    remember(folder / "state.parquet", read_state(folder / f"digests/{name}.parquet"))
    return outcome


@pytest.mark.parametrize("name", CRMS)
def test_after_delivery_only_what_changed_is_written_and_a_repeat_is_empty(tmp_path, name):
    held, contact = listed(["h1"], "holdout"), listed(["c1", "c2", "c3"])
    deliver_and_remember(tmp_path, name, held, contact)
    again = deliver_and_remember(tmp_path, name, held, contact, changed_only=True)
    assert (again.rows, again.unchanged) == ({}, 4)
    contact.loc[1, "churn_probability"] = 0.9
    changed = deliver_and_remember(tmp_path, name, held, contact, changed_only=True)
    assert (changed.rows, changed.unchanged) == ({"contact": 1}, 3)
    assert deliver_and_remember(tmp_path, name, held, contact, changed_only=True).rows == {}


@pytest.mark.parametrize("name", CRMS)
def test_who_left_is_told_so_once(tmp_path, name):
    both, one = listed(["c1", "c2"]), listed(["c1"])
    gone = cleared(["c2", "never delivered"], "2026-01-05").assign(email=["contact1@example.org", "n@x.org"])
    deliver_and_remember(tmp_path, name, both)
    assert deliver_and_remember(tmp_path, name, one, gone, changed_only=True).rows == {"left": 1}
    (row,) = read_all(tmp_path, name)["left"]
    assert sorted(set(row.values()) - {"c2", "contact1@example.org"})[-1] == "none"
    assert deliver_and_remember(tmp_path, name, one, gone, changed_only=True).rows == {}
    assert deliver_and_remember(tmp_path, name, one, gone).rows == {"contact": 1}
    assert deliver_and_remember(tmp_path, name, both, changed_only=True).rows == {"contact": 1}


def test_who_is_in_another_campaign_by_now_is_not_told_to_be_out_of_it(tmp_path):
    known = known_as(["c1"], "winter") | known_as(["c2"], "autumn")
    outcome = write(tmp_path, "braze", cleared(["c1", "c2"], "2025-12-31"), known=known)
    assert outcome.rows == {"left": 1}


@settings(max_examples=20)
@given(
    nights=st.lists(
        st.tuples(st.dictionaries(st.sampled_from("abcdef"), st.sampled_from([0.1, 0.2, 0.9])), st.booleans()),
        max_size=5,
    )
)
def test_a_crm_that_imported_what_was_delivered_knows_what_a_whole_export_would_tell_it(tmp_path_factory, nights):
    """Play the CRM: upsert each file by key, as delivered or not; it then has the last list, and nobody else in it."""
    folder = tmp_path_factory.mktemp("nights")
    crm: dict[str, str] = {}
    for risks, is_delivered in nights:
        rows = listed(sorted(risks), churn_probability=[risks[who] for who in sorted(risks)])
        gone = cleared(sorted(set("abcdef") - set(risks)), "2025-12-31")
        shutil.rmtree(folder / "braze", ignore_errors=True)
        state = folder / "state.parquet"
        write(folder, "braze", rows, gone, known=read_state(state), changed_only=True)
        if is_delivered:
            for row in (row for rows in read_all(folder, "braze").values() for row in rows):
                crm[row["external_id"]] = row["clm_risk"] if row["clm_group"] == "treatment" else "none"
            remember(state, read_state(folder / "digests/braze.parquet"))
            assert {who: risk for who, risk in crm.items() if risk != "none"} == {
                who: f"{risk:.6f}" for who, risk in risks.items()
            }


def test_what_is_remembered_holds_no_customer(tmp_path):
    deliver_and_remember(tmp_path, "hubspot", listed(["Anna Novotná"], email="anna@example.org"))
    state = tmp_path / "state.parquet"
    assert state.stat().st_mode & 0o777 == 0o600
    for text in ("Anna", "anna@example.org"):
        assert text.encode() not in state.read_bytes()
    assert list(read_state(state)) == [hashlib.sha256("Anna Novotná".encode()).digest()[:16]]


def test_a_damaged_memory_is_told(tmp_path):
    (tmp_path / "state.parquet").write_bytes(b"no parquet")
    with pytest.raises(ArtifactError, match="is damaged"):
        read_state(tmp_path / "state.parquet")


# One's own


MINE = """\
name: Mine
key: {column: Id, from: customer_id}
file: {date: "%d.%m.%Y", bool: "ano/ne", clear: "-"}
columns:
  Id: customer_id
  Mail: email lower
  Held: is_held_out
  Last: last_order_on
"""


def test_a_destination_of_ones_own_is_written_as_its_yaml_says(tmp_path):
    (tmp_path / "mine.yaml").write_text(MINE)
    found = find_destinations(["mine.yaml"], tmp_path)
    rows = listed(["c1", "c2"], email=["A@x.org", None], last_order_on=["2025-02-01", None])
    write(tmp_path, "mine", listed(["h"], "holdout"), rows, destination=found["mine"], control="flag")
    assert read(tmp_path / "mine/contact.csv") == [
        ["Id", "Mail", "Held", "Last"],
        ["h", "holdout0@example.org", "ano", "01.10.2025"],
        ["c1", "a@x.org", "ne", "01.02.2025"],
        ["c2", "", "ne", "-"],
    ]


@pytest.mark.parametrize(
    ("found", "instead", "line", "told"),
    [
        ("name: Mine", "name: Mine\nfiel: {}", 2, "fiel: unknown key; did you mean 'file'?"),
        ("from: customer_id}", "form: customer_id}", 2, "key.form: unknown key; did you mean 'from'?"),
        ("from: customer_id}", "from: email}", 2, "key: column Id is made of customer_id, not of email."),
        ("column: Id", "column: ID", 2, "key: there is no column 'ID'; did you mean 'Id'?"),
        ("clear:", "claer:", 3, "file.claer: unknown key; did you mean 'clear'?"),
        ("clear:", "name: left.csv, clear:", 3, "file.name: left.csv is the name of another file; choose one"),
        ('"ano/ne"', "ano", 3, "file.bool: 'ano' does not fit: How yes and no are written, with a slash between them."),
        ("email lower", "emial lower", 6, "columns.Mail: there is no field 'emial'; did you mean 'email'?"),
        ("email lower", "email lowr", 6, "columns.Mail: there is no step 'lowr'; did you mean 'lower'?"),
        ("email lower", "may_contact", 6, "columns.Mail: there is no field 'may_contact'; known: customer_id, "),
        ("is_held_out", "is_held_out sha256", 7, "columns.Held: steps are for ids and contact fields; is_held_out"),
        ("  Id: customer_id\n", "  Id: customer_id\n  Id: email\n", 6, "Id: this key stands twice."),
        ("key: {column: Id, from: customer_id}\n", "", 1, "a file for machines needs a key, or any_of."),
        ("name: Mine", "name: Mine\nany_of: [Mail]", 1, "give either key or any_of, not both."),
        ("name: Mine", "name: Mine\nmax_chars: {Reason: 9}", 2, "max_chars: there is no column 'Reason'; known: Id, "),
    ],
)
def test_a_mistake_in_a_destination_is_told_with_file_and_line(tmp_path, found, instead, line, told):
    path = tmp_path / "mine.yaml"
    assert found in MINE
    path.write_text(MINE.replace(found, instead, 1))
    with pytest.raises(ConfigError) as error:
        find_destination(str(path))
    assert str(error.value).splitlines()[0].startswith(f"{path}:{line}: {told}")


def test_the_docs_name_every_destination_field_step_and_key():
    docs = Path(__file__).parents[1] / "docs" / "destinations.md"
    text = docs.read_text(encoding="utf-8")
    words = [
        *FIELDS,
        *STEPS,
        *Destination.model_fields,
        *(field.alias or name for name, field in File.model_fields.items()),
    ]
    assert [word for word in words if not re.search(rf"\b{word}\b", text)] == []
    columns = {column for name in CRMS for column in find_destination(name).columns}
    assert [column for column in columns if column not in text and not column.startswith("clm_")] == []


@pytest.mark.parametrize("name", DESTINATIONS)
def test_the_docs_go_the_way_from_export_to_the_import_screen_of_every_destination(name):
    text = (Path(__file__).parents[1] / "docs" / "destinations.md").read_text(encoding="utf-8")
    chapters = [chapter for chapter in text.split("\n## ")[1:] if f"*Destination `{name}`.*" in chapter]
    assert len(chapters) == 1
    (chapter,) = chapters
    found, limits = find_destination(name), find_destination(name).file
    steps = re.findall(r"^([0-9])\. (.+(?:\n   .+)*)", chapter, re.MULTILINE)
    assert [int(number) for number, _ in steps] == list(range(1, len(steps) + 1))
    once, exporting, screen = (step for _, step in steps[:3])
    assert once.startswith("**Once**")
    assert f"`--destination {name}`" in exporting
    assert screen.startswith("**On the screen**")
    assert f"`{limits.name}`" in screen or f"`{name}/{limits.name}`" in screen
    assert "**Limits**" in chapter
    for limit in (limits.max_rows and f"{limits.max_rows:,} lines", limits.max_mb and _in_words(limits.max_mb)):
        assert not limit or limit in chapter
    if found.key:
        assert "`holdout.csv`" in steps[3][1]
        assert "`left.csv`" in steps[3][1]
        assert steps[4][1].startswith("**Say so**")
        assert f"--delivered lists/autumn --destination {name}`" in steps[4][1]


def _in_words(mb):
    return f"{mb / 1000:g} GB" if mb >= 1000 else f"{mb:g} MB"


def test_a_destination_that_is_none_is_told(tmp_path):
    with pytest.raises(UsageError, match="did you mean 'hubspot'"):
        find_destination("hubspt")
    with pytest.raises(UsageError, match="the path of a YAML"):
        find_destination("carrier-pigeon")
    with pytest.raises(ConfigError, match="cannot be read"):
        find_destination(str(tmp_path / "none.yaml"))
    (tmp_path / "a.yaml").write_text("[1]")
    with pytest.raises(ConfigError, match="a destination is a mapping of name, file, columns and key"):
        find_destination("a.yaml", tmp_path)


@pytest.mark.parametrize("names", [("a/x.yaml", "b/x.yaml"), ("a/hubspot.yaml",)])
def test_two_destinations_of_one_folder_are_told(tmp_path, names):
    for name in names:
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(MINE)
    with pytest.raises(UsageError, match="two destinations are called"):
        find_destinations(names, tmp_path)


def test_of_several_runs_that_remember_at_once_none_loses_what_another_has_said(tmp_path):
    path, news = tmp_path / "delivered/braze.parquet", [{key_of(f"c{number}"): number} for number in range(24)]
    said = [{key: Delivered(key, f"campaign {number}") for key, number in each.items()} for each in news]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda each: remember(path, each), said))
    assert read_state(path) == {key: row for each in said for key, row in each.items()}
