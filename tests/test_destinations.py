"""Files as their readers expect them."""

import csv

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clm_ml.destinations import DESTINATIONS, write_csv, write_destination

NASTY = ["007", "=SUM(A1)", "+420 555 123", "-3", "@x", 'quote " and, comma', "line\nbreak", "😀", "مرحبا", "\tx"]


def customers(ids=NASTY):
    return pd.DataFrame(
        {
            "rank": range(1, len(ids) + 1),
            "customer_id": ids,
            "churn_probability": 1 / 3,
            "value_at_risk": 1234.5678,
            "reason_1": None,
        }
    )


def test_a_machine_file_is_never_altered(tmp_path):
    write_csv(customers(), tmp_path / "a.csv")
    raw = (tmp_path / "a.csv").read_bytes()
    assert not raw.startswith(b"\xef\xbb\xbf")
    assert b"\r" not in raw
    with (tmp_path / "a.csv").open(encoding="utf-8", newline="") as file:
        found = list(csv.reader(file))
    assert found[0] == ["rank", "customer_id", "churn_probability", "value_at_risk", "reason_1"]
    assert [row[1] for row in found[1:]] == NASTY
    assert found[1] == ["1", "007", "0.333333", "1234.57", ""]


def test_a_file_for_people_opens_in_a_spreadsheet_and_runs_nothing(tmp_path):
    path = write_destination("table", customers(), tmp_path)
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")
    with path.open(encoding="utf-8-sig", newline="") as file:
        found = list(csv.DictReader(file))
    defused = [f"'{who}" if who[0] in "=+@\t" else who for who in NASTY]
    assert [row["Customer"] for row in found] == defused
    assert "E-mail" not in found[0]  # the shop has none


def test_the_same_customers_give_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        write_destination("table", customers(), tmp_path / name)
    files = [tmp_path / name / "table" / "customers.csv" for name in ("a", "b")]
    assert files[0].read_bytes() == files[1].read_bytes()


@pytest.mark.parametrize("name", DESTINATIONS)
def test_every_destination_offered_writes_a_file(tmp_path, name):
    assert write_destination(name, customers(["c1"]), tmp_path).exists()


def read(path, encoding="utf-8"):
    with path.open(encoding=encoding, newline="") as file:
        return list(csv.reader(file))


@given(st.lists(st.tuples(st.text(st.characters(codec="utf-8")), st.sampled_from(NASTY)), max_size=5))
def test_any_text_survives_a_machine_file(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("files") / "a.csv"
    write_csv(pd.DataFrame(rows, columns=["customer_id", "reason_1"], dtype=object), path)
    assert read(path) == [["customer_id", "reason_1"], *map(list, rows)]


@pytest.mark.parametrize(
    ("text", "defused"),
    [
        ("=SUM(A1)", True), ("+420777123456", True), ("+420 777", True), ("@x", True), ("\tx", True), ("\rx", True),
        ("\n=1", True), ("-x", True), ("--1", True), ("-3.5=A1", True), ("+1", True), ("-", True),
        ("-3", False), ("-3.5", False), ("-1e-07", False), ("007", False), ("tea", False), ("", False), ("a=b", False),
        ("'=1", False),
    ],
)  # fmt: skip
def test_what_a_spreadsheet_would_run_is_defused_for_people_and_never_for_machines(tmp_path, text, defused):
    rows = pd.DataFrame({"customer_id": [text], "rank": [1]})
    write_csv(rows, tmp_path / "people.csv", defuse_formulas=True)
    write_csv(rows, tmp_path / "machine.csv")
    assert read(tmp_path / "people.csv")[1] == [f"'{text}" if defused else text, "1"]
    assert read(tmp_path / "machine.csv")[1] == [text, "1"]


def test_the_table_has_its_columns_in_order_and_leaves_out_what_the_shop_lacks(tmp_path):
    rows = customers(["c1"]).assign(phone="+420777123456", email=None, arm="contact", shoe_size=42)
    path = write_destination("table", rows, tmp_path)
    assert read(path, "utf-8-sig") == [
        ["Rank", "Customer", "E-mail", "Phone", "Churn probability", "Value at risk", "Why"],
        ["1", "c1", "", "'+420777123456", "0.333333", "1234.57", ""],
    ]


def test_a_file_without_customers_has_its_header(tmp_path):
    write_csv(customers([]), tmp_path / "a.csv")
    assert read(tmp_path / "a.csv") == [["rank", "customer_id", "churn_probability", "value_at_risk", "reason_1"]]


def test_nulls_of_every_kind_are_empty(tmp_path):
    rows = pd.DataFrame({"a": [None, 1.5], "b": ["x", pd.NA], "c": pd.to_datetime([None, "2020-01-01"]).date})
    write_csv(rows, tmp_path / "a.csv")
    assert read(tmp_path / "a.csv")[1:] == [["", "x", ""], ["1.5", "", "2020-01-01"]]
