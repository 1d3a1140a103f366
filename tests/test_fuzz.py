"""A hundred cases of the fuzzer, with fixed seeds: each ends with the right numbers, or in one sentence."""

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "benchmarks"))

from fuzz import KINDS, fuzz
from fuzz_oracle import Plan, expect, reads_instant, reads_money
from fuzz_tables import ZONES
from fuzz_verdicts import Defect, Ended, ended, refuse_bad_sentence

from clm_ml.errors import DataError

#: How many cases of each kind take about as long.
CASES = {"csv": 10, "parquet": 10, "config": 40, "boxes": 20, "ledger": 30}


@pytest.mark.parametrize("kind", CASES)
def test_whatever_comes_is_read_right_or_refused_in_one_sentence(kind, tmp_path):
    tally = fuzz(kind, range(CASES[kind]), 7, tmp_path)
    assert tally.defects == {}
    assert 0 < tally.codes[0] < tally.cases == CASES[kind], "some of it is in order, and some is not"


@pytest.mark.parametrize(
    ("kind", "case"),
    [
        ("csv", 1831),
        ("csv", 3356),
        ("csv", 4653),
        ("parquet", 403),
        ("parquet", 1052),
        *(("boxes", case) for case in (362, 1038, 1378, 1450, 1485)),
    ],
)
def test_what_was_found_once_is_mended(kind, case, tmp_path):
    assert fuzz(kind, range(case, case + 1), 1, tmp_path).defects == {}


def test_every_kind_has_cases_here():
    assert set(CASES) == set(KINDS)


def test_the_oracle_reads_by_itself():
    assert reads_instant("2024-06-01T23:30:00Z", "Europe/London").isoformat() == "2024-06-02T00:30:00"
    assert reads_instant("2024-06-01T12:00:00+25:00", "UTC") is None
    assert [reads_money(text) for text in ("19.90", "-0.005", "1e13", "five", "")] == [1990, -1, None, None, None]
    plan = Plan("spend", ["spent_on", "amount"], ZONES[0], reads_instant("2024-01-01", "UTC").date(), None)
    rows = [{"spent_on": "2024-01-01", "amount": amount} for amount in ("1", "1", "x")]
    told = expect(rows, plan)
    assert (told.read, told.used, dict(told.rejected)) == (3, 1, {"duplicate line": 1, "unreadable number": 1})


def test_a_traceback_is_a_defect_and_so_is_a_wrong_exit_code():
    def fail(error):
        raise error

    assert ended(lambda: fail(DataError("there is no row.")), {12}) == Ended(12, "there is no row.")
    for error in (KeyError("model"), DataError("no end"), DataError("klara is late.")):
        with pytest.raises(Defect):
            ended(lambda error=error: fail(error), {12})
    with pytest.raises(Defect, match="exit code 12"):
        ended(lambda: fail(DataError("there is no row.")), {11})


@pytest.mark.parametrize("told", ["", "no end", "two.\nlines.", "<class 'int'>.", "x" * 2000 + ".", "of klara-1."])
def test_a_sentence_that_helps_nobody_is_refused(told):
    with pytest.raises(Defect):
        refuse_bad_sentence(told)
