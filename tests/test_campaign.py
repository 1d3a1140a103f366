"""Arms are a function of names, the ledger remembers them, and it wins."""

import hashlib
import signal
import sqlite3
import stat
import subprocess
import sys
import time
from contextlib import closing
from datetime import date, timedelta
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clm_ml.campaign import (
    CONTACT,
    HOLDOUT,
    UNIVERSAL,
    assign_arms,
    assign_plays,
    open_ledger,
    place_of,
    refuse_bad_name,
)
from clm_ml.errors import CampaignError

SHARES = (0.1, 0.25, 0.3, 0.5, 0.75, 0.05)


def people(count):
    return [f"c{number:05}" for number in range(count)]


def assigned(arms, campaign="autumn", **changed):
    rows = {
        "campaign": campaign,
        "customer_id": list(arms),
        "arm": list(arms.values()),
        "share": 0.1,
        "stratum": "at_risk",
        "rank": range(1, len(arms) + 1),
        "score": 1.5,
        "ranked_by": "expected profit",
        "assigned_at": "2020-01-01",
        "sent_on": "2020-01-01",
        "horizon_days": 90,
        "delete_after": "2021-01-01",
        "play": 1,
    }
    return pd.DataFrame(rows | changed)


def rows_of(path):
    with sqlite3.connect(path) as connection:
        return connection.execute("SELECT * FROM assignments ORDER BY campaign, customer_id").fetchall()


class TestPlaces:
    def test_a_place_is_the_first_64_bits_of_the_hash_of_both_names(self):
        text = hashlib.sha256(b"autumn|c1").hexdigest()
        assert place_of("autumn", "c1") == int(text[:16], 16) / 2**64
        assert place_of("zažít", "č1") == int(hashlib.sha256("zažít|č1".encode()).hexdigest()[:16], 16) / 2**64

    def test_places_spread_evenly_and_another_campaign_places_anew(self):
        autumn, winter = (np.array([place_of(name, customer) for customer in people(4000)]) for name in ("a", "w"))
        assert np.abs(np.histogram(autumn, 10, (0, 1))[0] - 400).max() < 80
        assert abs(np.corrcoef(autumn, winter)[0, 1]) < 0.05


class TestArms:
    def test_of_each_block_the_lowest_place_is_held_out(self):
        customers = people(8)
        places = [place_of("autumn", customer) for customer in customers]
        arms = assign_arms(customers, ["at_risk"] * 8, "autumn", 0.25)
        by_hand = [CONTACT] * 8
        by_hand[places.index(min(places[:4]))] = HOLDOUT
        by_hand[places.index(min(places[4:]))] = HOLDOUT
        assert arms == by_hand

    def test_in_the_last_block_whoever_has_a_place_below_the_share(self):
        customers = people(9)
        arms = assign_arms(customers, ["at_risk"] * 9, "autumn", 0.1)
        assert arms == [HOLDOUT if place_of("autumn", customer) < 0.1 else CONTACT for customer in customers]

    @pytest.mark.parametrize("share", SHARES)
    def test_the_share_is_exact_at_every_rank_of_every_stratum(self, share):
        customers = people(1000)
        strata = [("at_risk", "cannot_lose", "falling_asleep")[number % 7 % 3] for number in range(1000)]
        arms = np.array(assign_arms(customers, strata, "autumn", share)) == HOLDOUT
        for stratum in set(strata):
            held = arms[np.array(strata) == stratum]
            whole = max(round(k / share) for k in range(int(len(held) * share) + 1) if round(k / share) <= len(held))
            ranks = np.arange(1, whole + 1)
            assert np.abs(np.cumsum(held[:whole]) - share * ranks).max() < 1
            assert held[:whole].sum() == round(share * whole)

    @pytest.mark.parametrize("share", [0.1, 0.25, 0.3, 0.5])
    def test_a_list_of_whole_blocks_holds_out_exactly_its_share(self, share):
        arms = assign_arms(people(200), ["at_risk"] * 200, "autumn", share)
        assert arms.count(HOLDOUT) == 200 * Fraction(str(share))

    @settings(max_examples=200)
    @given(st.integers(0, 120), st.floats(0, 0.999, exclude_max=True), st.sampled_from(["blocks", "hash"]))
    def test_everyone_has_an_arm_whatever_the_share(self, count, share, assignment):
        arms = assign_arms(people(count), ["at_risk"] * count, "autumn", share, assignment)
        assert len(arms) == count
        assert set(arms) <= {CONTACT, HOLDOUT}

    @pytest.mark.parametrize("assignment", ["blocks", "hash"])
    def test_a_share_of_nothing_holds_out_nobody(self, assignment):
        assert set(assign_arms(people(500), ["at_risk"] * 500, "autumn", 0, assignment)) == {CONTACT}

    def test_hash_holds_out_whoever_has_a_place_below_the_share(self):
        customers = people(500)
        arms = assign_arms(customers, ["at_risk"] * 500, "always", 0.2, "hash")
        assert arms == [HOLDOUT if place_of("always", customer) < 0.2 else CONTACT for customer in customers]

    def test_strata_do_not_touch_each_other(self):
        one, other = people(40), [f"x{number}" for number in range(30)]
        mixed = [customer for pair in zip(one, [*other, *[None] * 10], strict=True) for customer in pair if customer]
        strata = ["at_risk" if customer in one else "loyal" for customer in mixed]
        arms = dict(zip(mixed, assign_arms(mixed, strata, "autumn", 0.25), strict=True))
        assert [arms[customer] for customer in one] == assign_arms(one, ["at_risk"] * 40, "autumn", 0.25)
        assert [arms[customer] for customer in other] == assign_arms(other, ["loyal"] * 30, "autumn", 0.25)

    def test_both_arms_are_alike_in_score(self):
        """The design's figures for 2,000 customers and a tenth held out: .0017 SD in blocks, .077 by hash."""
        score = np.sort(np.random.default_rng(1).gamma(2, 10, 2000))[::-1]

        def imbalance(assignment):
            differences = []
            for campaign in range(40):
                arms = assign_arms(people(2000), ["at_risk"] * 2000, f"c{campaign}", 0.1, assignment)
                held = np.array(arms) == HOLDOUT
                differences.append(score[held].mean() - score[~held].mean())
            return float(np.sqrt(np.mean(np.square(differences))) / score.std())

        assert imbalance("blocks") < 0.02
        assert 0.05 < imbalance("hash") < 0.11

    def test_arms_do_not_depend_on_the_process(self):
        script = (
            "from clm_ml.campaign import assign_arms\n"
            "print(assign_arms([f'c{n:05}' for n in range(60)], ['at_risk'] * 60, 'autumn', 0.1))"
        )
        here = str(assign_arms(people(60), ["at_risk"] * 60, "autumn", 0.1))
        for seed in ("0", "1"):
            done = subprocess.run(
                [sys.executable, "-c", script], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
            )
            assert done.stdout.strip() == here


class TestPlays:
    def test_of_each_block_everyone_gets_another_play_in_the_order_of_their_places(self):
        plays = assign_plays(people(6), ["at_risk"] * 6, "autumn", 3)
        for start in (0, 3):
            block = people(6)[start : start + 3]
            by_place = sorted(block, key=lambda name: place_of("autumn|play", name))
            assert [plays[people(6).index(name)] for name in by_place] == [1, 2, 3]

    @pytest.mark.parametrize("count", [2, 3, 5])
    def test_plays_reach_as_many_at_every_rank_of_every_stratum(self, count):
        strata = [f"s{number % 2}" for number in range(1000)]
        plays = np.array(assign_plays(people(1000), strata, "autumn", count))
        for stratum in ("s0", "s1"):
            theirs = plays[np.array(strata) == stratum]
            for whole in range(count, len(theirs) - len(theirs) % count + 1, count):
                assert np.ptp(np.bincount(theirs[:whole], minlength=count + 1)[1:]) == 0

    def test_the_last_who_make_no_block_are_assigned_by_their_place_alone(self):
        names = people(400)
        plays = np.array([assign_plays([name], ["at_risk"], "autumn", 2)[0] for name in names])
        assert (plays == [1 + int(place_of("autumn|play", name) * 2) for name in names]).all()
        assert 160 < (plays == 1).sum() < 240

    def test_with_one_play_everybody_has_it(self):
        assert assign_plays(people(5), ["a", "b", "a", "b", "a"], "autumn", 1) == [1] * 5


class TestLedger:
    def test_a_ledger_from_before_plays_were_compared_is_read_and_gone_on_with(self, tmp_path):
        path = tmp_path / "ledger.db"
        with open_ledger(path) as ledger:
            ledger.record(assigned({"c1": CONTACT}))
        with sqlite3.connect(path) as connection:
            connection.execute("ALTER TABLE assignments DROP COLUMN play")
        with open_ledger(path, only_look=True) as ledger:
            assert ledger.plays("autumn") == {}
        with open_ledger(path) as ledger:
            ledger.record(assigned({"c1": CONTACT, "c2": CONTACT}, play=2))
            assert ledger.plays("autumn") == {"c2": 2}

    def test_what_is_recorded_is_remembered(self, tmp_path):
        arms = {"c1": CONTACT, "c2": HOLDOUT}
        with open_ledger(tmp_path / "deep" / "ledger.db") as ledger:
            assert ledger.arms("autumn") == {}
            assert ledger.record(assigned(arms)) == arms
        with open_ledger(tmp_path / "deep" / "ledger.db") as ledger:
            assert ledger.arms("autumn") == arms
            assert ledger.arms("winter") == {}
        assert rows_of(tmp_path / "deep" / "ledger.db")[1] == (
            "autumn", "c2", HOLDOUT, 0.1, "at_risk", 2, 1.5, "expected profit", "2020-01-01", "2020-01-01", 90,
            "2021-01-01", 1,
        )  # fmt: skip

    def test_the_ledger_wins_and_is_only_ever_added_to(self, tmp_path):
        with open_ledger(tmp_path / "ledger.db") as ledger:
            ledger.record(assigned({"c1": CONTACT, "c2": HOLDOUT}))
            before = rows_of(tmp_path / "ledger.db")
            again = ledger.record(assigned({"c2": CONTACT, "c3": HOLDOUT}, score=9.0, sent_on="2020-02-02"))
        assert again == {"c1": CONTACT, "c2": HOLDOUT, "c3": HOLDOUT}
        assert rows_of(tmp_path / "ledger.db")[:2] == before

    @pytest.mark.parametrize("arm", [None, [HOLDOUT]])
    def test_nobody_is_recorded_if_one_cannot_be(self, tmp_path, arm):
        with open_ledger(tmp_path / "ledger.db") as ledger:
            ledger.record(assigned({"c1": CONTACT}))
        with pytest.raises(CampaignError) as raised, open_ledger(tmp_path / "ledger.db") as ledger:
            ledger.record(assigned({"c2": CONTACT, "secret-id": arm}))
        assert len(rows_of(tmp_path / "ledger.db")) == 1
        assert "secret" not in str(raised.value)
        assert "c2" not in str(raised.value)

    @pytest.mark.parametrize(
        ("column", "value"),
        [
            ("arm", "Holdout"), ("customer_id", b"c1"), ("sent_on", "2024-02-30"), ("horizon_days", "ninety"),
            ("share", 2.0),
            ("horizon_days", 10**15), ("delete_after", ""), ("rank", "first"), ("score", "high"), ("play", 0.5),
        ],
    )  # fmt: skip
    def test_a_ledger_of_which_a_row_was_altered_is_refused(self, tmp_path, column, value):
        """SQLite keeps any value in any column: read as it is, somebody held out might be contacted."""
        path = tmp_path / "ledger.db"
        with open_ledger(path) as ledger:
            ledger.record(assigned({"c1": CONTACT, "c2": HOLDOUT}))
        with closing(sqlite3.connect(path)) as file, file:
            file.execute(f"UPDATE assignments SET {column} = ? WHERE customer_id = 'c2'", (value,))
        with pytest.raises(CampaignError) as raised, open_ledger(path):
            pass
        why = "rows that were altered: 1; restore it"
        assert str(raised.value) == f"the ledger {path} cannot be used ({why}); nothing was assigned."

    def test_a_ledger_with_a_text_that_is_none_is_refused(self, tmp_path):
        with open_ledger(tmp_path / "ledger.db") as ledger:
            ledger.record(assigned({"c1": CONTACT, "c2222": HOLDOUT}))
        content = (tmp_path / "ledger.db").read_bytes()
        (tmp_path / "ledger.db").write_bytes(content.replace(b"c2222", b"c\xff222"))
        said = r"cannot be used \(a text in it is damaged; restore it\)"
        with pytest.raises(CampaignError, match=said), open_ledger(tmp_path / "ledger.db") as ledger:
            ledger.arms("autumn")

    def test_looking_makes_no_ledger_and_reads_the_one_there_is(self, tmp_path):
        with open_ledger(tmp_path / "ledger.db", only_look=True) as ledger:
            assert ledger.arms("autumn") == {}
        assert list(tmp_path.iterdir()) == []
        with open_ledger(tmp_path / "ledger.db") as ledger:
            ledger.record(assigned({"c1": CONTACT}))
        with open_ledger(tmp_path / "ledger.db", only_look=True) as ledger:
            assert ledger.arms("autumn") == {"c1": CONTACT}

    def test_an_empty_list_records_nothing(self, tmp_path):
        with open_ledger(tmp_path / "ledger.db") as ledger:
            assert ledger.record(assigned({})) == {}

    @settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.lists(st.permutations(people(30)), min_size=2, max_size=4), st.data())
    def test_whoever_joins_a_campaign_moves_nobody(self, tmp_path, orders, data):
        campaign = f"c{time.monotonic_ns()}"
        with open_ledger(tmp_path / "ledger.db") as ledger:
            known = {}
            for order in orders:
                listed = order[: data.draw(st.integers(1, 30))]
                new = [customer for customer in listed if customer not in known]
                strata = [("at_risk", "loyal")[int(customer[1:]) % 2] for customer in new]
                arms = dict(zip(new, assign_arms(new, strata, campaign, 0.25), strict=True))
                after = ledger.record(assigned(known | arms, campaign))
                assert after == known | arms
                known = after

    def test_only_its_owner_may_read_it(self, tmp_path):
        with open_ledger(tmp_path / "ledger.db") as ledger:
            ledger.record(assigned({"c1": CONTACT}))
        assert stat.S_IMODE((tmp_path / "ledger.db").stat().st_mode) == 0o600

    @pytest.mark.parametrize(
        ("sent_on", "horizon_days", "is_reserved"),
        [
            ("2020-01-01", 31, True),  # ends on 2020-02-01: that day is free
            ("2020-01-01", 30, False),
            ("2020-01-31", 1, True),
            ("2020-01-30", 1, False),
            ("2020-02-15", 30, True),  # the list is made from scores older than the campaign
            ("2020-02-29", 30, True),
            ("2020-03-01", 30, False),
        ],
    )
    def test_customers_are_reserved_until_the_horizon_ends_in_whichever_arm(
        self, tmp_path, sent_on, horizon_days, is_reserved
    ):
        rows = assigned({"c1": CONTACT, "c2": HOLDOUT}, "winter", sent_on=sent_on, horizon_days=horizon_days)
        with open_ledger(tmp_path / "ledger.db") as ledger:
            ledger.record(rows)
            assert ledger.reserved("autumn", "2020-01-31") == ({"c1", "c2"} if is_reserved else set())
            assert ledger.reserved("winter", "2020-01-31") == set()

    @pytest.mark.parametrize(
        ("delete_after", "horizon_days", "goes_on"),
        [
            ("2020-03-31", 90, "2020-04-01"),  # sent on 2020-01-01: the horizon ends on the day of deletion
            ("2020-03-30", 90, "2020-03-31"),
            ("2020-01-10", 90, "2020-03-31"),
            ("2020-12-31", 90, "2021-01-01"),
            ("2020-02-28", 1, "2020-02-29"),
        ],
    )
    def test_a_campaign_goes_whole_after_its_last_day_and_its_last_horizon(
        self, tmp_path, delete_after, horizon_days, goes_on
    ):
        before = (date.fromisoformat(goes_on) - timedelta(days=1)).isoformat()
        with open_ledger(tmp_path / "ledger.db") as ledger:
            ledger.record(assigned({"c1": CONTACT}, sent_on="2019-06-01", horizon_days=7, delete_after="2019-07-01"))
            late = {"horizon_days": horizon_days, "delete_after": delete_after}
            ledger.record(assigned({"c2": CONTACT, "c3": HOLDOUT}, **late))
            ledger.record(assigned({"c1": HOLDOUT}, "winter", delete_after="2022-01-01"))
            assert ledger.terms().loc[0].tolist()[:4] == ["autumn", 3, 1, "2019-07-01"]
            assert ledger.terms().loc[0, "goes_on"] == goes_on
            ledger.forget(["autumn", "winter"], before)
            assert (ledger.pruned(), len(ledger.arms("autumn"))) == ({}, 3)
            ledger.refuse_pruned("autumn")
            ledger.forget(["winter"], goes_on)
            assert len(ledger.arms("autumn")) == 3, "only what is asked for goes"
            ledger.forget(["autumn", "winter"], goes_on)
            assert (ledger.arms("autumn"), ledger.arms("winter")) == ({}, {"c1": HOLDOUT})
            assert ledger.pruned() == {"autumn": goes_on}
            with pytest.raises(CampaignError, match=f"was pruned on {goes_on}"):
                ledger.refuse_pruned("autumn")
            ledger.refuse_pruned("winter")

    def test_nothing_is_forgotten_if_something_cannot_be(self, tmp_path):
        with open_ledger(tmp_path / "ledger.db") as ledger:
            for name in ("autumn", "winter"):
                ledger.record(assigned({"c1": CONTACT}, name))
        with sqlite3.connect(tmp_path / "ledger.db") as connection:
            connection.execute(
                "CREATE TRIGGER stuck BEFORE DELETE ON assignments WHEN old.campaign = 'winter' "
                "BEGIN SELECT raise(ABORT, 'stuck'); END"
            )
        with pytest.raises(CampaignError, match="stuck"), open_ledger(tmp_path / "ledger.db") as ledger:
            ledger.forget(["autumn", "winter"], "2030-01-01")
        with open_ledger(tmp_path / "ledger.db") as ledger:
            assert (ledger.campaigns(), ledger.pruned()) == (["autumn", "winter"], {})

    @pytest.mark.parametrize(
        ("sent_on", "times", "days", "is_tired"),
        [
            (["2020-01-02"], 1, 30, True),
            (["2020-01-01"], 1, 30, False),  # thirty days ago: that day is free
            (["2020-02-29"], 1, 30, True),  # the list is made from older scores
            (["2020-03-01"], 1, 30, False),
            (["2020-01-31"], 1, 0, False),  # no gap is asked
            (["2019-11-03", "2019-12-01"], 3, 90, False),
            (["2019-11-03", "2019-12-01", "2020-01-01"], 3, 90, True),
            (["2019-11-02", "2019-12-01", "2020-01-01"], 3, 90, False),  # the first is ninety days ago
            (["2019-12-01", "2020-01-15", "2020-02-28"], 3, 90, True),  # on both sides, all within ninety days
            (["2019-12-01", "2020-01-15", "2020-02-29"], 3, 90, False),
        ],
    )
    def test_contacts_of_other_campaigns_tire_and_those_held_out_do_not(self, tmp_path, sent_on, times, days, is_tired):
        with open_ledger(tmp_path / "ledger.db") as ledger:
            for number, day in enumerate(sent_on):
                ledger.record(assigned({"c1": CONTACT, "c2": HOLDOUT}, f"before {number}", sent_on=day))
                ledger.record(assigned({"c3": CONTACT}, "autumn" if number == 0 else UNIVERSAL, sent_on=day))
            assert ledger.contacted("autumn", "2020-01-31", times, days) == ({"c1"} if is_tired else set())

    def test_the_programme_keeps_nobody_from_a_campaign(self, tmp_path):
        with open_ledger(tmp_path / "ledger.db") as ledger:
            ledger.record(assigned({"c1": CONTACT, "c2": HOLDOUT}, UNIVERSAL))
            assert ledger.reserved("autumn", "2020-01-31") == ledger.reserved(None, "2020-01-31") == set()

    def test_the_share_that_was_last_meant_is_remembered(self, tmp_path):
        with open_ledger(tmp_path / "ledger.db") as ledger:
            assert ledger.share("autumn") is None
            ledger.record(assigned({"c1": CONTACT}))
            ledger.record(assigned({"c0": CONTACT}, share=0.2, sent_on="2020-02-01"))
            assert (ledger.share("autumn"), ledger.share("winter")) == (0.2, None)

    @pytest.mark.parametrize("there", ["text", "folder", "other table", "below a file"])
    def test_what_is_no_ledger_is_refused(self, tmp_path, there):
        path = tmp_path / "ledger.db"
        if there == "text":
            path.write_text("customer_id,arm\nsecret-id,contact\n" * 100)
        elif there == "folder":
            path.mkdir()
        elif there == "other table":
            with sqlite3.connect(path) as connection:
                connection.execute("CREATE TABLE assignments (customer_id TEXT)")
        else:
            path.write_text("a file")
            path = path / "ledger.db"
        with pytest.raises(CampaignError, match=r"ledger.*cannot be used.*nothing was assigned") as raised:
            self._arms(path)
        assert raised.value.exit_code == 16
        assert "secret" not in str(raised.value)

    def _arms(self, path):
        with open_ledger(path) as ledger:
            return ledger.arms("autumn")

    def test_a_file_that_the_block_does_not_find_is_not_blamed_on_the_ledger(self, tmp_path):
        with pytest.raises(FileNotFoundError), open_ledger(tmp_path / "ledger.db"):
            (tmp_path / "scores.parquet").read_bytes()


RECORD = """
import sys
from pathlib import Path
import pandas as pd
from clm_ml.campaign import assign_arms, open_ledger
path, first, count = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
ids = [f"c{number:06}" for number in range(first, first + count)]
print("ready", flush=True); sys.stdin.readline()
with open_ledger(path) as ledger:
    known = ledger.arms("autumn")
    new = [customer for customer in ids if customer not in known]
    arms = assign_arms(new, ["at_risk"] * len(new), "autumn", 0.1)
    rows = pd.DataFrame({"customer_id": new, "arm": arms}).assign(
        campaign="autumn", share=0.1, stratum="at_risk", rank=1, score=1.0, ranked_by="risk", assigned_at="2020-01-01",
        sent_on="2020-01-01", horizon_days=90, delete_after="2021-01-01", play=1,
    )
    print("recording", flush=True)
    all_arms = known | ledger.record(rows)
print(sorted((customer, all_arms[customer]) for customer in ids), flush=True)
"""


def start(path, first, count):
    command = [sys.executable, "-c", RECORD, str(path), str(first), str(count)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    return process


class TestRunsAtOnce:
    def test_two_runs_of_one_campaign_end_with_one_set_of_arms(self, tmp_path):
        processes = [start(tmp_path / "ledger.db", first, 3000) for first in (0, 500)]
        for process in processes:
            process.stdin.write("go\n")
            process.stdin.flush()
        told = [dict(eval(process.communicate()[0].splitlines()[-1])) for process in processes]
        with open_ledger(tmp_path / "ledger.db") as ledger:
            arms = ledger.arms("autumn")
        assert len(arms) == 3500
        assert all(arms[customer] == arm for one in told for customer, arm in one.items())

    def test_a_run_killed_while_recording_has_recorded_all_or_none(self, tmp_path):
        counts = []
        for number, wait in enumerate((0.0, 0.02, 0.05, 0.1, 0.2)):
            path = tmp_path / f"{number}.db"
            process = start(path, 0, 60_000)
            process.stdin.write("go\n")
            process.stdin.flush()
            assert process.stdout.readline() == "recording\n"
            time.sleep(wait)
            process.send_signal(signal.SIGKILL)
            process.communicate()
            with open_ledger(path) as ledger:
                counts.append(len(ledger.arms("autumn")))
                assert ledger.record(assigned({"c1": CONTACT}))["c1"] == CONTACT
        assert set(counts) <= {0, 60_000}
        assert 0 in counts


class TestNames:
    @pytest.mark.parametrize("name", ["autumn", "Autumn 2020", "win-back_2.1", "podzim č. 3", "7", "a" * 100])
    def test_a_name_may_have_letters_digits_spaces_and_a_few_signs(self, name):
        refuse_bad_name(name)

    @pytest.mark.parametrize(
        "name", ["", " ", " autumn", "autumn ", "a" * 101, "a/b", "..", "-", "a|b", "=1", "a\nb", "a\tb", "a\n", "<b>"]
    )
    def test_other_names_are_refused(self, name):
        with pytest.raises(CampaignError, match="a campaign's name is") as raised:
            refuse_bad_name(name)
        assert raised.value.exit_code == 16

    @pytest.mark.parametrize("name", [UNIVERSAL, "Universal"])
    def test_the_programmes_own_name_is_refused(self, name):
        with pytest.raises(CampaignError, match="the name of the whole programme"):
            refuse_bad_name(name)
