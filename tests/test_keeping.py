"""What is kept between runs: the same bytes for less work, and everything again at any doubt."""

import os
import random
import resource
import threading
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clm_ml import keeping
from clm_ml.config import load_config
from clm_ml.engine import open_engine, open_store
from clm_ml.features import build_features
from clm_ml.keeping import read_kept_tables
from clm_ml.snapshot import take_snapshot

FIRST = date(2024, 1, 1)
ORDERS = {"customer_id": "who", "ordered_at": "at", "amount": "amount", "order_id": "id"}
EVENTS = {"customer_id": "who", "occurred_at": "at", "event_type": "kind"}
_TEXT = pa.string()
FIELDS = {
    "orders": [("who", _TEXT), ("at", _TEXT), ("amount", pa.float64()), ("id", _TEXT), ("loaded", _TEXT)],
    "events": [("who", _TEXT), ("at", _TEXT), ("kind", _TEXT), ("loaded", _TEXT)],
}


def day(number):
    return FIRST + timedelta(days=number)


class Shop:
    """A folder that gets files, a table's rows a file."""

    def __init__(self, home, is_late=False):
        self.home, self.is_late = home, is_late
        for table in FIELDS:
            (home / table).mkdir(parents=True)

    def config(self, until=None, **changed):
        late = {"loaded_at": "loaded"} if self.is_late else {}
        tables = {
            "orders": {"source": "orders", "columns": ORDERS | late, "max_rejected_share": 1.0},
            "events": {
                "source": "events",
                "columns": EVENTS | late,
                "max_rejected_share": 1.0,
                "meanings": {"visit": ["visit"]},
            },
        }
        told = {"project": "shop", "tables": tables} | changed
        told |= {"complete_until": day(until).isoformat()} if until else {}
        path = self.home / f"{told['project']}.yaml"
        path.write_text(yaml.safe_dump(told))
        return load_config(path)

    def add(self, table, name, rows):
        fields = FIELDS[table]
        filled = [dict(zip([field[0] for field in fields], row, strict=False)) for row in rows]
        pq.write_table(pa.Table.from_pylist(filled, pa.schema(fields)), self.home / table / f"{name}.parquet")

    def told(self, until, *, fresh=False, as_of=None, **changed):
        return self.run(self.config(until, **changed), as_of or until, fresh=fresh)

    def run(self, config, as_of, *, fresh=False):
        """Read and prepare as a run does: whether an earlier one was used, the counts, and the features."""
        kept = read_kept_tables(config, fresh=fresh)
        prepared = kept.prepare()
        tables = kept.tables
        snapshot = take_snapshot(prepared, (day(as_of) - date(1970, 1, 1)).days)
        features = tables.engine.collect(build_features(snapshot, kept.config.task), "customer_id")
        tables.engine.close()
        return sorted(kept.earlier), {name: counts.facts() for name, counts in tables.counts.items()}, features


@pytest.fixture
def shop(tmp_path):
    made = Shop(tmp_path)
    made.add("orders", "1", [("a", "2024-01-01 10:00", 5.0, "1"), ("b", "2024-01-02 10:00", 7.0, "2")])
    made.add("orders", "2", [("a", "2024-01-05 10:00", 1.0, "3"), (None, "2024-01-05 10:00", 1.0, "4")])
    made.add("events", "1", [("a", "2024-01-01 09:00", "visit")])
    made.add("events", "2", [("v", "2024-01-05 09:00", "other")])
    return made


def add_a_day(shop):
    orders = [("a", "2024-01-06 10:00", 2.0, "3"), ("b", "2024-01-06 11:00", 9.0, "5"), ("c", "bad", 1.0, "6")]
    shop.add("orders", "3", orders)
    shop.add("events", "3", [("a", "2024-01-06 09:00", "visit")])


def test_the_next_run_reads_only_new_files_and_tells_the_same(shop):
    assert shop.told(5)[0] == []
    add_a_day(shop)
    used, counts, features = shop.told(6)
    assert used == ["events", "orders"]
    assert counts["orders"] == {"read": 7, "used": 5, "rejected": {"no customer": 1, "unreadable date": 1}}
    fresh = shop.told(6, fresh=True)
    assert (fresh[0], fresh[1]) == ([], counts)
    assert fresh[2].equals(features)
    assert shop.told(6)[0] == ["events", "orders"]  # what a fresh run has kept is used again, without a new file
    assert shop.told(6)[2].equals(features)


def test_new_files_alone_are_read(shop, monkeypatch):
    shop.told(5)
    add_a_day(shop)
    read = []
    ask = keeping.Engine.source

    def seen(self, name, table, config, but=()):
        read.append((name, sorted(place[-9:] for place in but)))
        return ask(self, name, table, config, but)

    monkeypatch.setattr(keeping.Engine, "source", seen)
    shop.told(6)
    assert read == [("orders", ["1.parquet", "2.parquet"]), ("events", ["1.parquet", "2.parquet"])]


@pytest.mark.parametrize(
    "change",
    [
        lambda shop: (shop.home / "orders/1.parquet").unlink(),
        lambda shop: os.utime(shop.home / "orders/1.parquet"),
        lambda shop: shop.add("orders", "1", [("a", "2024-01-01 10:00", 6.0, "1")]),
        lambda shop: shop.add("orders", "0", [("a", "2024-01-04 10:00", 6.0, "9")]),  # a new file of a closed day
        lambda shop: shop.add("orders", "0", [("b", "2024-01-02 10:00", 7.0, "2")]),  # a line that was there already
    ],
    ids=["gone", "touched", "changed", "early", "duplicate"],
)
def test_at_any_doubt_everything_is_read_again(shop, change):
    shop.told(5)
    change(shop)
    used, counts, features = shop.told(6)
    assert "orders" not in used
    fresh = shop.told(6, fresh=True)
    assert (counts, features.equals(fresh[2])) == (fresh[1], True)


def test_another_mapping_time_zone_or_column_type_is_a_doubt(shop):
    shop.told(5)
    assert shop.told(5)[0] == ["events", "orders"]
    assert shop.told(5, timezone="Asia/Tokyo")[0] == []
    assert shop.told(5, timezone="Asia/Tokyo")[0] == ["events", "orders"]
    amounts_as_text = pa.table({"who": ["z"], "at": ["2024-01-06"], "amount": ["7"], "id": ["8"]})
    pq.write_table(amounts_as_text, shop.home / "orders/9.parquet")
    assert shop.told(6, timezone="Asia/Tokyo")[0] == []


def test_an_earlier_complete_until_is_a_doubt(shop):
    shop.told(5)
    assert shop.told(4, as_of=4)[0] == []


def test_rows_that_nobody_knew_yet_are_read_again_once_they_are_known(shop):
    shop.told(4)  # the second file reaches into the fifth day
    used, counts, _ = shop.told(5)
    assert used == []
    assert counts["orders"]["used"] == 3


def test_another_run_that_has_the_file_leaves_this_one_to_read_everything(shop):
    shop.told(5)
    config = shop.config(5)
    engine = open_engine(config)
    assert open_store(engine, shop.home / ".clm-ml" / "shop.duckdb") is not None
    assert shop.told(5)[0] == []
    engine.close()
    assert shop.told(5)[0] == ["events", "orders"]


def test_a_file_that_cannot_be_read_is_made_again(shop):
    shop.told(5)
    kept = shop.home / ".clm-ml" / "shop.duckdb"
    kept.write_bytes(b"nonsense")
    assert shop.told(5)[0] == []
    assert shop.told(5)[0] == ["events", "orders"]
    assert kept.stat().st_mode & 0o777 == 0o600


def test_a_file_of_somebody_else_is_neither_believed_nor_touched(shop, monkeypatch):
    told = shop.told(5)
    kept = shop.home / ".clm-ml" / "shop.duckdb"
    before = kept.read_bytes()

    def refuse(path, mode):
        raise PermissionError(1, "Operation not permitted", str(path))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "chmod", refuse)
        assert shop.told(5) == told, "all is read again"
    assert kept.read_bytes() == before
    assert shop.told(5)[0] == ["events", "orders"]


def test_where_nothing_can_be_kept_the_run_goes_on(shop, monkeypatch):
    (shop.home / ".clm-ml").write_text("a file where a folder would be")
    told = shop.told(5)
    (shop.home / ".clm-ml").unlink()
    execute = keeping.Engine.execute

    def full(self, sql):
        if sql.startswith("CREATE OR REPLACE TABLE kept_between_runs.orders"):
            raise duckdb.IOException("No space left on device")
        execute(self, sql)

    with monkeypatch.context() as patch:
        patch.setattr(keeping.Engine, "execute", full)
        assert shop.told(5)[1:] == told[1:]
    assert shop.told(5)[0] == []
    assert shop.told(5)[0] == ["events", "orders"]


def test_a_file_that_a_full_disk_has_cut_short_is_made_again(shop):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, limits[1]))
    try:
        full = shop.told(5)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert full[0] == []
    assert shop.told(5)[1] == full[1]
    assert shop.told(5)[0] == ["events", "orders"]


def test_what_a_full_disk_does_not_let_be_committed_is_not_kept_and_the_run_goes_on(shop, monkeypatch):
    execute = keeping.Engine.execute

    def full(self, sql):
        if sql == "COMMIT":
            raise duckdb.TransactionException("Failed to commit: Could not write file: No space left on device")
        execute(self, sql)

    with monkeypatch.context() as patch:
        patch.setattr(keeping.Engine, "execute", full)
        assert shop.told(5)[0] == []
    assert shop.told(5)[0] == []
    assert shop.told(5)[0] == ["events", "orders"]


def test_a_table_of_one_file_is_read_every_time_and_nothing_is_kept(tmp_path):
    shop = Shop(tmp_path)
    shop.add("orders", "1", [("a", "2024-01-01 10:00", 5.0, "1")])
    shop.add("events", "1", [("a", "2024-01-01 09:00", "visit")])
    shop.told(5)
    assert shop.told(5)[0] == []
    assert not (tmp_path / ".clm-ml").exists()


def test_what_is_kept_changes_whole_or_not_at_all(shop, monkeypatch):
    shop.told(5)
    add_a_day(shop)
    execute = keeping.Engine.execute

    def torn(self, sql):
        if sql.startswith("INSERT INTO kept_between_runs.orders"):
            raise KeyboardInterrupt
        execute(self, sql)

    with monkeypatch.context() as patch:
        patch.setattr(keeping.Engine, "execute", torn)
        with pytest.raises(KeyboardInterrupt):
            shop.told(6)
    del torn
    used, _, features = shop.told(6)
    assert used == ["events", "orders"]
    assert features.equals(shop.told(6, fresh=True)[2])


@pytest.mark.parametrize("is_late", [False, True])
@settings(max_examples=2, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10**6))
def test_a_week_of_nights_tells_what_one_fresh_run_tells(tmp_path_factory, is_late, seed):
    rng, shop = random.Random(seed), Shop(tmp_path_factory.mktemp("week"), is_late)

    def rows(number, table):
        for _ in range(rng.randrange(1, 9)):
            happened = rng.randrange(max(0, number - 4), number + 1) if is_late else number
            at, loaded = f"{day(happened)} {rng.randrange(24):02}:00", f"{day(number)} 23:00"
            who = rng.choice((*"abcdef", None))
            if table == "events":
                yield (who, at, rng.choice(("visit", "other")), loaded)
            else:
                order = rng.choice((*(f"{who}{n}" for n in range(4)), None))  # orders go on for days
                yield (who, at, float(rng.randrange(-3, 9)), order, loaded)

    for number in range(5):
        for table in FIELDS:
            shop.add(table, f"{number}", list(rows(number, table)))
        if number:
            used, counts, features = shop.told(number + 1)
            assert used == ([] if number == 1 else ["events", "orders"])
            fresh = shop.told(number + 1, project="fresh")
            assert counts == fresh[1]
            assert features.equals(fresh[2])
            (shop.home / ".clm-ml" / "fresh.duckdb").unlink()


def test_two_runs_at_once_tell_the_same(shop):
    shop.told(5)
    add_a_day(shop)
    told, config = [], shop.config(6)
    threads = [threading.Thread(target=lambda: told.append(shop.run(config, 6))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(told) == 2
    assert told[0][1] == told[1][1]
    assert told[0][2].equals(told[1][2])
