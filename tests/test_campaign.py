"""Arms that stay as they are, and the ledger that remembers them."""

import hashlib
import multiprocessing
import stat

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clm_ml.campaign import CONTACT, HOLDOUT, assign_arms, open_ledger, place_of, refuse_bad_name
from clm_ml.errors import CampaignError


def rows(ids, arms, campaign="autumn", sent_on="2024-06-01", horizon_days=30):
    return pd.DataFrame(
        {
            "campaign": campaign,
            "customer_id": ids,
            "arm": arms,
            "share": 0.1,
            "stratum": "at_risk",
            "rank": range(1, len(ids) + 1),
            "score": 1.0,
            "ranked_by": "expected profit",
            "assigned_at": sent_on,
            "sent_on": sent_on,
            "horizon_days": horizon_days,
            "delete_after": "2025-06-01",
        }
    )


def test_a_place_is_the_first_64_bits_of_the_hash_of_campaign_and_customer():
    assert place_of("autumn", "c1") == int(hashlib.sha256(b"autumn|c1").hexdigest()[:16], 16) / 2**64


@pytest.mark.parametrize("share", [0.1, 0.2, 0.25, 0.3, 0.5])
def test_the_share_is_exact_at_every_rank_of_every_stratum(share):
    ids = [f"c{i}" for i in range(600)]
    arms = assign_arms(ids, ["a", "b"] * 300, "autumn", share)
    for stratum in (0, 1):
        held = [arm == HOLDOUT for arm in arms[stratum::2]]
        whole = int(len(held) * share)
        for block in range(1, whole + 1):
            assert sum(held[: round(block / share)]) == block


def test_in_a_block_the_lowest_place_is_held_out():
    ids = [f"c{i}" for i in range(10)]
    arms = assign_arms(ids, ["a"] * 10, "autumn", 0.1)
    assert ids[arms.index(HOLDOUT)] == min(ids, key=lambda who: place_of("autumn", who))


def test_in_an_incomplete_block_whoever_has_a_place_below_the_share_is():
    ids = [f"c{i}" for i in range(9)]
    arms = assign_arms(ids, ["a"] * 9, "autumn", 0.1)
    assert arms == [HOLDOUT if place_of("autumn", who) < 0.1 else CONTACT for who in ids]


def test_hash_assignment_looks_at_nobody_else():
    ids = [f"c{i}" for i in range(5000)]
    arms = assign_arms(ids, ["a"] * 5000, "always", 0.2, "hash")
    assert arms[:10] == assign_arms(ids[:10], ["a"] * 10, "always", 0.2, "hash")
    assert 0.18 < arms.count(HOLDOUT) / 5000 < 0.22


def test_no_share_holds_nobody_out_and_another_campaign_holds_out_others():
    ids = [f"c{i}" for i in range(100)]
    assert set(assign_arms(ids, ["a"] * 100, "autumn", 0.0)) == {CONTACT}
    assert assign_arms(ids, ["a"] * 100, "autumn", 0.1) != assign_arms(ids, ["a"] * 100, "winter", 0.1)


drawn = st.lists(st.sampled_from([f"c{i}" for i in range(60)]), unique=True, min_size=1)


@settings(max_examples=30, deadline=None)
@given(drawn, drawn)
def test_whoever_joins_later_moves_nobody(tmp_path_factory, first, later):
    path = tmp_path_factory.mktemp("ledger") / "ledger.db"
    with open_ledger(path) as ledger:
        before = ledger.record(rows(first, assign_arms(first, ["a"] * len(first), "autumn", 0.1)))
        after = ledger.record(rows(later, assign_arms(later, ["a"] * len(later), "autumn", 0.5)))
    assert {who: after[who] for who in before} == before
    assert set(after) == set(first) | set(later)


def test_customers_are_reserved_in_either_arm_until_the_horizon_ends(tmp_path):
    with open_ledger(tmp_path / "ledger.db") as ledger:
        ledger.record(rows(["a", "b"], [CONTACT, HOLDOUT], sent_on="2024-06-01", horizon_days=30))
        assert ledger.reserved("winter", "2024-06-30") == {"a", "b"}
        assert ledger.reserved("winter", "2024-07-01") == set()  # the horizon is [06-01, 07-01)
        assert ledger.reserved("autumn", "2024-06-30") == set()  # one's own campaign reserves nobody


def test_only_the_owner_reads_the_ledger(tmp_path):
    with open_ledger(tmp_path / "ledger.db"):
        assert stat.S_IMODE((tmp_path / "ledger.db").stat().st_mode) == 0o600


def test_looking_makes_no_ledger(tmp_path):
    with open_ledger(tmp_path / "ledger.db", only_look=True) as ledger:
        assert ledger.arms("autumn") == {}
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_no_ledger_is_refused(tmp_path):
    (tmp_path / "ledger.db").write_text("customer 4711 " * 100)
    with pytest.raises(CampaignError, match="cannot be used") as caught, open_ledger(tmp_path / "ledger.db"):
        pass
    assert "4711" not in str(caught.value)


def test_all_rows_are_recorded_or_none(tmp_path):
    broken = rows(["a", "b"], [CONTACT, [HOLDOUT]])  # the second row cannot be written
    with pytest.raises(CampaignError, match="nothing was assigned"), open_ledger(tmp_path / "ledger.db") as ledger:
        ledger.record(broken)
    with open_ledger(tmp_path / "ledger.db") as ledger:
        assert ledger.arms("autumn") == {}


def record_all(path, arm):
    with open_ledger(path) as ledger:
        for start in range(0, 200, 20):
            ids = [f"c{i}" for i in range(start, start + 20)]
            ledger.record(rows(ids, [arm] * 20))


def test_two_runs_at_once_end_with_one_arm_each(tmp_path):
    path = tmp_path / "ledger.db"
    with open_ledger(path):
        pass
    runs = [multiprocessing.Process(target=record_all, args=(path, arm)) for arm in (CONTACT, HOLDOUT)]
    for run in runs:
        run.start()
    for run in runs:
        run.join()
    with open_ledger(path) as ledger:
        assert len(ledger.arms("autumn")) == 200
    assert [run.exitcode for run in runs] == [0, 0]


@pytest.mark.parametrize("name", ["", " ", "a/b", "x" * 101, "autumn\n", " autumn", "=1+1"])
def test_names_that_break_files_are_refused(name):
    with pytest.raises(CampaignError, match="campaign's name"):
        refuse_bad_name(name)
    refuse_bad_name("Herbst 2024_v1.2-b")
