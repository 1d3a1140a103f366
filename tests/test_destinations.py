"""Files as their readers expect them."""

import csv

import pandas as pd
import pytest

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
        read = list(csv.reader(file))
    assert read[0] == ["rank", "customer_id", "churn_probability", "value_at_risk", "reason_1"]
    assert [row[1] for row in read[1:]] == NASTY
    assert read[1] == ["1", "007", "0.333333", "1234.57", ""]


def test_a_file_for_people_opens_in_a_spreadsheet_and_runs_nothing(tmp_path):
    path = write_destination("table", customers(), tmp_path)
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")
    with path.open(encoding="utf-8-sig", newline="") as file:
        read = list(csv.DictReader(file))
    defused = [f"'{who}" if who[0] in "=+@\t" else who for who in NASTY]
    assert [row["Customer"] for row in read] == defused
    assert "E-mail" not in read[0]  # the shop has none


def test_the_same_customers_give_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        write_destination("table", customers(), tmp_path / name)
    files = [tmp_path / name / "table" / "customers.csv" for name in ("a", "b")]
    assert files[0].read_bytes() == files[1].read_bytes()


@pytest.mark.parametrize("name", DESTINATIONS)
def test_every_destination_offered_writes_a_file(tmp_path, name):
    assert write_destination(name, customers(["c1"]), tmp_path).exists()
