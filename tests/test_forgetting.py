"""Somebody asks to be forgotten: nothing written holds them any more, counts stay right, and nobody else goes."""

from __future__ import annotations

import csv
import hashlib
import resource
import shutil
import sqlite3
import stat
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import date

import pandas as pd
import pyarrow.parquet as pq
import pytest

from clm_ml import campaign as campaigns
from clm_ml.artifacts import new_box, open_box
from clm_ml.campaign import open_ledger
from clm_ml.config import DESTINATIONS, load_config
from clm_ml.destinations import key_of
from clm_ml.errors import ConfigError
from clm_ml.pipeline import forgetting, measure_campaigns, taking_out
from clm_ml.tables import read_customer, read_forgotten, read_tables, remember_forgotten
from tests.test_delivering import draw_people, draw_scores, draw_shop, everything, export, one_sentence, run
from tests.vendor_readers import read_all

IDS = ["=Secret,1", *(f"somebody-{number:02}" for number in range(1, 24))]
#: Who asks: somebody with a nasty id, and two more.
ASK = (IDS[0], IDS[5], IDS[12])


def traces(customer):
    """Tell what is never to be found of somebody: every form in which a list or a CRM has them."""
    number = IDS.index(customer)
    mail, phone = f"person{number}@example.org", f"+420777000{number:03}"
    digests = [hashlib.sha256(text.encode()).hexdigest() for text in (mail, phone, phone[1:])]
    return {customer.lower(), mail, phone, f"+420 777 000 {number:03}", key_of(customer).hex(), *digests}


def words(path):
    """Read a file as text, compressed columns too."""
    if path.suffix != ".parquet":
        return path.read_bytes().decode("utf-8", "replace").lower()
    cells = [cell for column in pq.read_table(path).to_pydict().values() for cell in column]
    return "\n".join(cell.hex() if isinstance(cell, bytes) else str(cell) for cell in cells).lower()


def holding(folder, customer):
    """Name the files that hold somebody, but for the shop's own tables."""
    own = (folder / "orders.parquet", folder / "people.parquet")
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and path not in own]
    return [
        path.relative_to(folder).as_posix() for path in files if any(one in words(path) for one in traces(customer))
    ]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Draw a shop whose autumn list went to every destination, with all else that may tell of somebody."""
    folder = tmp_path_factory.mktemp("whole")
    people = draw_people(IDS)
    orders = pd.DataFrame({"customer_id": people["customer_id"], "ordered_at": "2025-10-02", "amount": 10.0})
    path = draw_shop(folder, people, delivery={"campaign_ids": {"autumn": "701A"}})
    bad = pd.DataFrame({"customer_id": [IDS[0], IDS[1]], "ordered_at": ["soon", "later"], "amount": [1.0, 2.0]})
    pd.concat([orders, bad]).to_parquet(folder / "orders.parquet")
    draw_scores(sorted(people["customer_id"]), folder / "scores")
    assert export(folder, "lists/autumn").code == 0
    assert run("export", path, "--delivered", folder / "lists/autumn").code == 0
    assert run("check", path, "--quarantine", folder / "quarantine").code == 0
    said = pd.DataFrame({"customer_id": people["customer_id"], "as_of": date(2025, 9, 1), "model": 0.5})
    with new_box(folder / "backtest", "backtest", {"project": "drawn"}, private=True) as hidden:
        said.to_parquet(hidden / "predictions.parquet")
    history = said[["customer_id", "as_of"]].assign(segment="at_risk")
    history.to_parquet(folder / "history.parquet")
    history.to_csv(folder / "about.csv", index=False)
    return folder


@pytest.fixture
def shop(whole, tmp_path):
    return shutil.copytree(whole, tmp_path / "shop")


def forget(shop, *who, more=()):
    places = [word for name in (".", "history.parquet", "about.csv") for word in ("--in", shop / name)]
    return run("forget", shop / "clm.yaml", *who, *places, "--json", *more)


def ids_in(path):
    with path.open(encoding="utf-8", newline="") as file:
        return [row["customer_id"] for row in csv.DictReader(file)]


def test_nothing_that_was_written_holds_them_any_more_and_everybody_else_stays(shop):
    before = {customer: holding(shop, customer) for customer in ASK}
    assert {name.split("/")[-1] for names in before.values() for name in names} >= {
        "scores.parquet", "contact.csv", "orders.parquet", "predictions.parquet", "history.parquet", "about.csv",
        "ledger.db", "braze.parquet", "customers.csv",
    }  # fmt: skip
    assert max(sum("lists/" in name for name in names) for names in before.values()) >= 2 * len(DESTINATIONS)
    others = [*ids_in(shop / "lists/autumn/contact.csv"), *ids_in(shop / "lists/autumn/holdout.csv")]
    done = forget(shop, *ASK)
    assert done.code == 0, done
    assert {customer: holding(shop, customer) for customer in ASK} == {customer: [] for customer in ASK}
    left = [*ids_in(shop / "lists/autumn/contact.csv"), *ids_in(shop / "lists/autumn/holdout.csv")]
    assert left == [customer for customer in others if customer not in ASK]
    assert pq.read_table(shop / "scores/scores.parquet")["customer_id"].to_pylist() == sorted(left)
    assert pq.read_table(shop / "quarantine/orders.parquet")["customer_id"].to_pylist() == [IDS[1]]
    for name in DESTINATIONS:
        rows = read_all(shop / "lists/autumn", name)
        assert len(rows["contact"]) == len(ids_in(shop / "lists/autumn/contact.csv")), name


def test_boxes_are_whole_private_and_tell_how_many_went(shop):
    held = {*ASK} & {*ids_in(shop / "lists/autumn/holdout.csv")}
    forget(shop, *ASK)
    scores, listed = open_box(shop / "scores", "scores"), open_box(shop / "lists/autumn", "list")
    assert (scores.facts["customers"], scores.facts["forgotten"]) == (21, {"people": 3, "rows": {"scores.parquet": 3}})
    assert listed.facts["contact"] + listed.facts["holdout"] == 21
    assert listed.facts["forgotten"]["rows"]["contact.csv"] == 3 - len(held)
    assert open_box(shop / "backtest", "backtest").facts["forgotten"]["people"] == 3
    files = [path for path in shop.rglob("*") if path.is_file() and path.parent != shop]
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    assert {stat.S_IMODE((shop / name).stat().st_mode) for name in ("forgotten.db", "about.csv", "ledger.db")} == {
        0o600
    }
    forget(shop, IDS[20])
    assert open_box(shop / "scores", "scores").facts["forgotten"] == {"people": 4, "rows": {"scores.parquet": 4}}


def test_looking_first_changes_nothing_and_tells_the_same(shop):
    before = everything(shop)
    looked = forget(shop, *ASK, more=["--dry-run"])
    assert everything(shop) == before
    done = forget(shop, *ASK)
    assert {**done.told, "is_done": False} == looked.told
    assert done.told["boxes"][str(shop / "scores")] == 3
    assert done.told["delivered"]["braze"] == 3
    assert sum(row["customers"] for row in done.told["assignments"]) == 3
    assert done.told["files"] == {
        str(shop / "quarantine/orders.parquet"): 1, str(shop / "history.parquet"): 3, str(shop / "about.csv"): 3,
    }  # fmt: skip


def test_the_ledger_keeps_how_many_were_in_each_arm_and_measuring_says_so(shop):
    forget(shop, *ASK)
    with open_ledger(shop / "ledger.db", only_look=True) as ledger:
        assert sum(ledger.forgotten("autumn").values()) == 3
        assert len(ledger.arms("autumn")) == 21
        terms = ledger.terms().loc[0]
    assert (terms["customers"], terms["held_out"]) == (24, 6)
    late = load_config(shop / "clm.yaml").model_copy(update={"complete_until": date(2026, 4, 30)})
    (told,) = measure_campaigns(late, ["autumn"]).campaigns
    assert sum(arm.customers for arm in told.arms.values()) == 21
    assert "forgotten since, so that they do not count: " in told.warnings[0]
    pruned = run("prune", shop / "clm.yaml", shop / "lists", "--as-of", "2027-06-01", "--json")
    assert pruned.told["campaigns"][0]["customers"] == 24
    with open_ledger(shop / "ledger.db", only_look=True) as ledger:
        assert (ledger.campaigns(), ledger.forgotten("autumn")) == ([], {})


def test_a_campaign_of_which_everybody_was_forgotten_is_known_and_cannot_be_measured(shop):
    with open_ledger(shop / "ledger.db") as ledger:
        rows = ledger.assignments("autumn")
        ledger.record(rows[rows["customer_id"].isin(ASK)].assign(campaign="tiny"))
    forget(shop, *ASK)
    with open_ledger(shop / "ledger.db") as ledger:
        assert ledger.campaigns() == ["autumn", "tiny"]
    told = "everyone in campaign 'tiny' was forgotten, so there is nobody to measure it by."
    assert one_sentence(run("measure", shop / "clm.yaml", "tiny"), 16, told)


def test_the_tables_still_have_them_and_nobody_reads_them(shop):
    config = load_config(shop / "clm.yaml")
    assert forget(shop, *ASK).code == 0
    tables = read_tables(config)
    for rows in (tables.orders, tables.customers, tables.quarantined["orders"]):
        assert not {*ASK} & {*tables.engine.collect(rows.select("customer_id")).column(0).to_pylist()}
    assert (tables.counts["orders"].read, tables.counts["customers"].read) == (22, 21)
    assert one_sentence(run("customer", shop / "clm.yaml", ASK[1]), 12, "nobody with this customer_id is known")
    for customer, rows in ((ASK[1], 0), (IDS[1], 1)):
        theirs = read_customer(config, customer)
        assert theirs.engine.count(theirs.orders) == rows


@pytest.mark.slow
def test_on_spark_nobody_reads_them_either(shop, spark):
    config = load_config(shop / "clm.yaml").model_copy(update={"engine": "spark"})
    remember_forgotten(config, ASK)
    tables = config.tables.model_copy(update={"customers": None})
    assert read_tables(config.model_copy(update={"tables": tables})).counts["orders"].read == 22


def test_a_row_without_an_id_is_nobodys_and_is_still_told(shop):
    people = pd.read_parquet(shop / "people.parquet")
    people.loc[len(people)] = people.loc[1]
    people.loc[len(people) - 1, "customer_id"] = None
    people.to_parquet(shop / "people.parquet")
    forget(shop, *ASK)
    assert dict(read_tables(load_config(shop / "clm.yaml")).counts["customers"].rejected) == {"no customer": 1}


def test_scores_made_before_bring_nobody_back_onto_a_list(shop):
    shutil.copytree(shop / "scores", shop.parent / "elsewhere")
    forget(shop, *ASK)
    shutil.copytree(shop.parent / "elsewhere", shop / "scores", dirs_exist_ok=True)
    assert export(shop, "lists/autumn", "--force").code == 0
    listed = [*ids_in(shop / "lists/autumn/contact.csv"), *ids_in(shop / "lists/autumn/holdout.csv")]
    assert (len(listed), {*ASK} & {*listed}) == (21, set())


def test_it_may_be_said_twice_and_then_there_is_nothing_left_to_do(shop):
    forget(shop, *ASK)
    before = everything(shop)
    again = forget(shop, *ASK)
    assert (again.code, again.told["boxes"], again.told["assignments"]) == (0, {}, [])
    assert everything(shop) == before


def test_who_is_known_nowhere_stops_it_before_anything_is_done_and_is_not_named(shop):
    before = everything(shop)
    done = forget(shop, ASK[0], "Nobody-here", ASK[1], "nor-there")
    assert one_sentence(
        done, 12, "2 of 4 customers are known nowhere, so nobody was forgotten (the 2., 4. of those named)"
    )
    assert "here" not in done.err.replace("where", "")
    assert everything(shop) == before
    assert one_sentence(run("forget", shop / "clm.yaml"), 2, "name at least one customer")
    assert one_sentence(run("forget", shop / "clm.yaml", "--from", shop / "no.txt"), 2, "cannot be read as text")
    assert one_sentence(forget(shop, ASK[0], more=["--in", shop / "no"]), 15, "there is no file or folder")


def test_whom_only_the_tables_know_is_forgotten_too(whole, tmp_path):
    for name in ("orders.parquet", "people.parquet", "clm.yaml"):
        shutil.copy(whole / name, tmp_path / name)
    done = run("forget", tmp_path / "clm.yaml", f" {ASK[1]} ", "--json")
    assert (done.code, done.told["people"], done.told["boxes"]) == (0, 1, {})
    assert read_forgotten(load_config(tmp_path / "clm.yaml")).holds(ASK[1])
    assert [path.name for path in tmp_path.iterdir() if path.suffix == ".db"] == ["forgotten.db"]


def test_ids_may_come_from_a_file_so_that_no_shell_remembers_them(shop):
    (shop / "who").write_bytes(("\ufeff" + "\r\n".join(ASK) + "\r\n").encode())
    assert forget(shop, more=["--from", shop / "who"]).told["people"] == 3
    assert holding(shop, ASK[0]) == ["who"]


@pytest.mark.parametrize("moment", ["remember_forgotten", "_forget_delivered", "drop_kept", "Ledger.forget_people"])
def test_a_run_that_is_stopped_anywhere_is_finished_by_the_next(shop, moment, monkeypatch):
    def stop(*_, dry_run=False, **__):
        if not dry_run:
            raise KeyboardInterrupt
        return {}

    with monkeypatch.context() as patch:
        home, _, name = moment.rpartition(".")
        patch.setattr(campaigns.Ledger if home else forgetting, name, stop)
        assert forget(shop, *ASK).code == 130
    assert forget(shop, *ASK).code == 0
    assert {customer: holding(shop, customer) for customer in ASK} == {customer: [] for customer in ASK}
    with open_ledger(shop / "ledger.db", only_look=True) as ledger:
        assert sum(ledger.forgotten("autumn").values()) == 3


def test_what_killed_runs_left_half_written_goes_too(shop):
    half = shop / ".scores.abcdefgh.partial"
    shutil.copytree(shop / "scores", half)
    (shop / "lists/autumn").rename(shop / "lists/.autumn.abcdefgh.replaced")
    forget(shop, *ASK)
    assert not half.exists()
    assert [holding(shop, customer) for customer in ASK] == [[], [], []]
    assert open_box(shop / "lists/autumn", "list").facts["forgotten"]["people"] == 3


def test_a_full_disk_is_told_and_the_next_run_finishes(shop):
    said = (shop / "backtest/predictions.parquet").read_bytes()
    with new_box(shop / "backtest", "backtest", {"project": "drawn"}, private=True, force=True) as hidden:
        (hidden / "predictions.parquet").write_bytes(said)
        (hidden / "gains.png").write_bytes(b"x" * 100_000)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, limits[1]))
    try:
        done = forget(shop, *ASK)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert one_sentence(done, 15, "cannot be written: File too large")
    assert not [path for path in shop.rglob(".*") if path.is_dir()]
    assert forget(shop, *ASK).code == 0
    assert [holding(shop, customer) for customer in ASK] == [[], [], []]


def test_two_runs_at_once_bring_nobody_back(shop, monkeypatch):
    """A second run takes its people out of the box as it was: it must not put back whom the first has taken out."""
    copy, seconds = taking_out._copy_files, iter([lambda: forget(shop, ASK[1])])

    def beside_another(box, folder):
        copy(box, folder)
        next(seconds, lambda: None)()

    monkeypatch.setattr(taking_out, "_copy_files", beside_another)
    assert one_sentence(forget(shop, ASK[0]), 15, "was replaced by another run meanwhile")
    assert forget(shop, ASK[0]).code == 0
    assert [holding(shop, customer) for customer in ASK[:2]] == [[], []]


def test_a_file_that_may_not_be_read_is_told_as_not_looked_at(shop, monkeypatch):
    read = pq.ParquetFile

    def forbidden(path):
        if path == shop / "orders.parquet":
            raise PermissionError(path)
        return read(path)

    monkeypatch.setattr(pq, "ParquetFile", forbidden)
    done = forget(shop, *ASK)
    assert done.code == 0, done
    assert "were not looked at" in done.err


def test_tables_kept_between_runs_are_removed(shop):
    (shop / ".clm-ml").mkdir()
    kept = shop / ".clm-ml" / "drawn.duckdb"
    kept.write_text(ASK[0])
    assert forget(shop, ASK[0], more=["--dry-run"]).told["kept"]
    assert kept.exists()
    assert forget(shop, ASK[0]).told["kept"]
    assert not kept.exists()


def test_a_box_that_was_altered_is_told_and_left_alone(shop):
    (shop / "scores/notes.txt").write_text("mine")
    done = forget(shop, *ASK)
    assert done.code == 0
    assert "notes.txt was not there when it was written. Nobody was taken out of it: remove it by hand." in done.err
    assert holding(shop, ASK[0]) == ["scores/scores.parquet"]


def test_files_of_which_nothing_tells_whose_their_rows_are_go_whole_where_somebody_was_listed(shop):
    facts = dict(open_box(shop / "lists/autumn", "list").facts)
    shutil.rmtree(shop / "lists/autumn/digests/unkeyed")
    shutil.copytree(shop / "lists/autumn", shop / "old")
    shutil.rmtree(shop / "lists")
    with new_box(shop / "lists/autumn", "list", facts, private=True) as hidden:
        shutil.copytree(shop / "old", hidden, dirs_exist_ok=True, ignore=shutil.ignore_patterns("manifest.json"))
    shutil.rmtree(shop / "old")
    done = forget(shop, *ASK)
    assert "table/customers.csv was removed whole, since nothing tells whose its rows are: export again." in done.err
    assert [holding(shop, customer) for customer in ASK] == [[], [], []]


def test_files_of_the_shop_are_not_looked_at_unless_they_are_named(shop):
    before = (shop / "people.parquet").read_bytes()
    (shop / "report.html").write_text(ASK[0])
    done = forget(shop, *ASK)
    assert "3 other files (CSV, Parquet, HTML) in these folders were not looked at" in done.err
    assert (shop / "people.parquet").read_bytes() == before


def test_the_digests_are_salted_and_hold_nobody_and_are_needed(shop):
    forget(shop, *ASK)
    config = load_config(shop / "clm.yaml")
    known = read_forgotten(config)
    assert (len(known.salt), len(known.digests)) == (32, 3)
    assert hashlib.sha256(ASK[0].encode()).hexdigest() not in known.digests
    (shop / "forgotten.db").write_text("no database")
    told = "forgotten.db cannot be read, and without it people who were forgotten would come back: restore it."
    assert one_sentence(run("check", shop / "clm.yaml"), 11, told)
    assert one_sentence(forget(shop, ASK[0]), 11, "forgotten.db")


def test_people_forgotten_at_once_are_all_remembered(tmp_path, whole):
    config = load_config(whole / "clm.yaml").model_copy(update={"home": tmp_path})
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda who: remember_forgotten(config, [who]), IDS))
    assert all(map(read_forgotten(config).holds, IDS))


def test_a_first_run_that_was_stopped_half_way_has_forgotten_nobody(tmp_path, whole):
    config = load_config(whole / "clm.yaml").model_copy(update={"home": tmp_path})
    (tmp_path / "forgotten.db").touch()
    assert read_forgotten(config).digests == frozenset()


def test_digests_of_a_newer_format_are_refused(tmp_path, whole):
    config = load_config(whole / "clm.yaml").model_copy(update={"home": tmp_path})
    remember_forgotten(config, ASK)
    with sqlite3.connect(tmp_path / "forgotten.db") as file:
        file.execute("PRAGMA user_version = 2")
    with pytest.raises(ConfigError, match="is in format 2, which this clm-ml does not know"):
        read_forgotten(config)


@pytest.mark.parametrize(
    "change", ["DELETE FROM salt", "UPDATE salt SET salt = x'00'", "UPDATE people SET digest = x'00'"]
)
def test_digests_that_were_altered_are_refused(tmp_path, whole, change):
    config = load_config(whole / "clm.yaml").model_copy(update={"home": tmp_path})
    remember_forgotten(config, ASK[:1])
    with closing(sqlite3.connect(tmp_path / "forgotten.db")) as file, file:
        file.execute(change)
    with pytest.raises(ConfigError, match=r"forgotten\.db was altered, and without it people"):
        read_forgotten(config)


def test_what_it_tells_a_person(shop):
    done = run("forget", shop / "clm.yaml", *ASK, "--in", shop / "scores", "--dry-run")
    assert done.out.splitlines()[0] == f"box {shop / 'scores'}: 3 rows"
    assert done.out.splitlines()[-1] == (
        "would be forgotten: 3 customers; rows of theirs in the tables are passed over from now on"
    )
