"""Tables come out of PostgreSQL as out of a file, scores go in whole or not at all, and no password is told."""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from typer.testing import CliRunner

import clm_ml as clm
from clm_ml.artifacts import new_box
from clm_ml.cli import app
from clm_ml.config import Config, Table
from clm_ml.engine import open_engine, open_target
from clm_ml.errors import ClmError, ConfigError, DataError, UsageError
from clm_ml.model import BOX_KIND, save_model
from clm_ml.pipeline import score
from clm_ml.pipeline.scores import scores_schema
from clm_ml.timeline import date_of
from tests.conftest import make_simulated

dbapi = pytest.importorskip("adbc_driver_postgresql.dbapi", reason="the extra postgres is not installed")

PASSWORD = "planted-S3cret"
AS_OF = "2025-08-01"
TABLES = ("orders", "events", "customers", "contacts", "spend")
SCHEMA = scores_schema()


# a server --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Server:
    """A real server in a temporary folder; `url` is its database shop."""

    url: str
    folder: Path
    pid: int

    def run(self, *statements: str) -> None:
        with dbapi.connect(self.url, autocommit=True) as connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        with dbapi.connect(self.url) as connection, connection.cursor() as cursor:
            cursor.execute(query)
            return list(cursor.fetchall())

    def fill(self, table: str, rows: pa.Table) -> None:
        with dbapi.connect(self.url) as connection, connection.cursor() as cursor:
            schema, _, name = table.rpartition(".")
            cursor.adbc_ingest(name, rows, mode="create", db_schema_name=schema)
            connection.commit()


def binary(name: str) -> str | None:
    """Find a program of the server: the newest that Debian put aside, else the one on the path."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[4]))
    return str(found[-1]) if found else shutil.which(name)


def someone() -> dict[str, Any]:
    """Name whom the server runs as: it refuses to be root."""
    if os.geteuid() != 0:
        return {}
    users = {user.pw_name: user for user in pwd.getpwall()}
    user = users.get("postgres") or users["nobody"]
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


@contextlib.contextmanager
def serving() -> Iterator[Server]:
    """Start a server that lets in who knows the password, and stop it."""
    initdb, postgres = binary("initdb"), binary("postgres")
    if initdb is None or postgres is None:
        pytest.skip("no PostgreSQL server is installed (Debian: apt-get install postgresql)")
    folder, owner = Path(tempfile.mkdtemp(prefix="clm-postgres-")), someone()
    if owner:
        os.chown(folder, owner["user"], owner["group"])
    try:
        (folder / "word").write_text(PASSWORD)
        (folder / "word").chmod(0o644)
        as_someone = {**owner, "cwd": folder, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        made = ["-D", "data", "-U", "clm", "-A", "scram-sha-256", "--pwfile=word", "-E", "UTF8", "--locale=C", "-N"]
        subprocess.run([initdb, *made], check=True, **as_someone)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        settings = ("listen_addresses=127.0.0.1", "fsync=off", "shared_buffers=32MB", "max_connections=20")
        asked = [part for setting in settings for part in ("-c", setting)]
        process = subprocess.Popen([postgres, "-D", "data", "-k", str(folder), "-p", str(port), *asked], **as_someone)
        try:
            root = Server(f"postgresql://clm:{PASSWORD}@127.0.0.1:{port}/postgres", folder, process.pid)
            answers(root)
            root.run("CREATE DATABASE shop")
            yield Server(root.url.replace("/postgres", "/shop"), folder, process.pid)
        finally:
            process.send_signal(signal.SIGQUIT)
            process.wait(20)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def answers(server: Server, seconds: float = 20) -> None:
    """Wait until a server answers."""
    end = time.monotonic() + seconds
    while True:
        try:
            server.ask("SELECT 1")
        except dbapi.Error:
            assert time.monotonic() < end, "the server does not answer"
            time.sleep(0.05)
        else:
            return


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    with serving() as started:
        started.run(
            "CREATE TABLE orders (id text, bought timestamptz, paid numeric(12,2))",
            "INSERT INTO orders VALUES ('7', '2020-01-31 23:30+00', 5), ('8', '2020-06-30 22:00+00', 6.5)",
            "CREATE SCHEMA sales",
            "CREATE TABLE sales.lines AS TABLE orders",
            "CREATE VIEW seen AS TABLE orders",
            "CREATE MATERIALIZED VIEW kept AS TABLE orders",
            "CREATE TYPE mood AS ENUM ('happy', 'sad')",
            "CREATE FUNCTION take(text) RETURNS text LANGUAGE plpgsql AS "
            "'BEGIN DELETE FROM orders WHERE id = $1; RETURN $1; END'",
        )
        yield started


@pytest.fixture(autouse=True)
def nothing_tells_the_password(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> Iterator[None]:
    """Hold every test to it: neither what is printed nor what is written holds the planted password."""
    yield
    printed = capfd.readouterr()
    assert PASSWORD not in printed.out + printed.err
    written = [path for path in tmp_path.rglob("*") if path.is_file() and path.suffix != ".yaml"]
    assert not [path for path in written if PASSWORD.encode() in path.read_bytes()]


def config(url: str, home: Path = Path(), **more: Any) -> Config:
    orders = {"source": "orders", "columns": {"customer_id": "id", "ordered_at": "bought", "amount": "paid"}}
    return Config(
        **{"project": "shop", "engine": url, "threads": 1, "tables": {"orders": orders}, "home": home, **more}
    )


def rows_of(url: str, home: Path = Path(), columns: str = "id, bought, paid", **origin: Any) -> list[tuple[Any, ...]]:
    """Read a source, all its values as text."""
    engine = open_engine(config(url, home))
    source = engine.source("orders", Table(columns={"any": "any"}, **origin), config(url, home))
    cells = ", ".join(f"CAST({name} AS VARCHAR)" for name in columns.split(", "))
    return engine.rows(f"SELECT {cells} FROM ({source.sql}) ORDER BY ALL")


def refusal(url: str, **origin: Any) -> ClmError:
    with pytest.raises(ClmError) as refused:
        rows_of(url, **origin)
    said = str(refused.value)
    assert "\n" not in said
    assert said.endswith((".", "?"))
    assert PASSWORD not in said
    return refused.value


# reading ---------------------------------------------------------------------------------------------------

ROWS = [("7", "2020-01-31 23:30:00+00", "5.00"), ("8", "2020-06-30 22:00:00+00", "6.50")]


@pytest.mark.parametrize(
    "origin",
    [
        {"source": "orders"},
        {"source": "public.orders"},
        {"source": "sales.lines"},
        {"source": "seen"},
        {"source": "kept"},
        {"query": "SELECT * FROM orders"},
        {"query": "TABLE sales.lines;  "},
        {"query": "WITH o AS (SELECT * FROM seen)\nSELECT * FROM o -- all of them"},
        {"source": "orders", "where": "paid > 0 AND id <> '9'"},
        {"query": "SELECT * FROM orders UNION ALL SELECT 'x', now(), '-1'::numeric(12,2)", "where": "paid > 0"},
    ],
)
def test_tables_views_and_queries_are_read(origin, server):
    assert rows_of(server.url, **origin) == ROWS


def test_files_can_be_read_beside_a_server(server, tmp_path):
    (tmp_path / "a.csv").write_text("id,bought,paid\n7,2020-01-01,5\n")
    assert rows_of(server.url, tmp_path, source="a.csv") == [("7", "2020-01-01", "5")]


@pytest.mark.parametrize(
    ("written", "kind", "read"),
    [
        ("' a '::text", "VARCHAR", " a "),
        ("'a'::char(3)", "VARCHAR", "a"),
        ("NULL::text", "VARCHAR", None),
        ("1::smallint", "SMALLINT", "1"),
        ("1::integer", "INTEGER", "1"),
        ("9007199254740993::bigint", "BIGINT", "9007199254740993"),
        ("12.5::numeric(4,2)", "DECIMAL(4,2)", "12.50"),
        ("17850::numeric(20,0)", "DECIMAL(20,0)", "17850"),
        ("1234567890123456789012345.5::numeric", "DECIMAL(38,10)", "1234567890123456789012345.5000000000"),
        ("12::numeric(3,-1)", "DECIMAL(38,10)", "10.0000000000"),
        ("1e30::numeric", "DECIMAL(38,10)", None),
        ("'NaN'::numeric(4,2)", "DECIMAL(4,2)", None),
        ("'$1,234.50'::money", "DECIMAL(38,10)", "1234.5000000000"),
        ("0.1::double precision", "DOUBLE", "0.1"),
        ("0.5::real", "FLOAT", "0.5"),
        ("true", "BOOLEAN", "true"),
        ("'2020-02-29'::date", "DATE", "2020-02-29"),
        ("'infinity'::date", "DATE", "9999-12-31"),
        ("'0044-03-15 BC'::date", "DATE", "9999-12-31"),
        ("NULL::date", "DATE", None),
        ("'2020-01-31 23:30:00.25'::timestamp", "TIMESTAMP", "2020-01-31 23:30:00.25"),
        ("'-infinity'::timestamp", "TIMESTAMP", "9999-12-31 00:00:00"),
        ("'2020-01-31 23:30+05:30'::timestamptz", "TIMESTAMP WITH TIME ZONE", "2020-01-31 18:00:00+00"),
        ("'00000000-0000-0000-0000-000000000001'::uuid", "VARCHAR", "00000000-0000-0000-0000-000000000001"),
        ("""'{"a": 1}'::jsonb""", "VARCHAR", '{"a": 1}'),
        ("""'{"a":1}'::json""", "VARCHAR", '{"a":1}'),
        ("'happy'::mood", "VARCHAR", "happy"),
        ("array[1,2]", "VARCHAR", "{1,2}"),
        ("interval '1 day'", "VARCHAR", "1 day"),
        ("'12:30'::time", "VARCHAR", "12:30:00"),
    ],
)
def test_a_value_is_read_as_what_it_is(written, kind, read, server):
    engine = open_engine(config(server.url))
    table = Table(query=f"SELECT {written} AS x FROM generate_series(1, 2)", columns={"any": "any"})
    source = engine.source("orders", table, config(server.url))
    assert source.types == {"x": kind}
    assert engine.rows(f"SELECT CAST(x AS VARCHAR) FROM ({source.sql})") == [(read,), (read,)]


def test_columns_that_differ_only_in_case_are_told_apart(server):
    asked = {"query": 'SELECT 1 a, 2 a, 3 "A", 4 a_4, 5 a'}
    assert rows_of(server.url, columns="a, a_1, A_2, a_4, a_4_4", **asked) == [("1", "2", "3", "4", "5")]


@pytest.mark.parametrize(
    ("zone", "days"), [("Europe/Berlin", ["2020-02-01", "2020-07-01"]), ("UTC", ["2020-01-31", "2020-06-30"])]
)
@pytest.mark.parametrize("options", ["", "?options=-ctimezone%3DAsia/Tokyo%20-cdatestyle%3DGerman"])
def test_an_instant_lies_on_its_day_in_the_business_time_zone_whatever_the_servers(zone, days, options, server):
    tables = clm.read_tables(config(server.url + options, timezone=zone, complete_until="2021-01-01"))
    found = sorted(tables.engine.collect(tables.orders)["day"].to_pylist())
    assert [date_of(day).isoformat() for day in found] == days


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    return make_simulated(tmp_path_factory.mktemp("shop"))


@pytest.fixture(scope="module")
def same_shop(shop, server):
    """The simulated shop in PostgreSQL, its money as numerics and its instants with their zone where they have one."""
    tables = {}
    server.run("CREATE SCHEMA mall")
    for name, table in shop.tables.named().items():
        server.fill(f"mall.{name}", pq.read_table(shop.path(str(table.source))))
        tables[name] = table.model_copy(update={"source": f"mall.{name}"})
    server.run(
        "ALTER TABLE mall.orders ALTER amount TYPE numeric(12,2), ALTER discount TYPE numeric, "
        "ALTER ordered_at TYPE timestamptz USING ordered_at AT TIME ZONE 'UTC'",
        "ALTER TABLE mall.events ALTER value TYPE numeric, ALTER duration_seconds TYPE smallint",
        "ALTER TABLE mall.customers ALTER country TYPE char(30), ALTER created_at TYPE date",
    )
    return shop.model_copy(update={"engine": server.url, "tables": shop.tables.model_copy(update=tables)})


@pytest.fixture(scope="module")
def box(shop, tmp_path_factory):
    model = clm.train(clm.read_tables(shop), shop, as_of=AS_OF)
    folder = tmp_path_factory.mktemp("models") / "model"
    with new_box(folder, BOX_KIND, {"as_of": AS_OF}) as hidden:
        save_model(model, hidden)
    return folder


def test_equal_rows_make_equal_tables_features_and_scores_to_the_last_byte(shop, same_shop, box, tmp_path):
    for place, here in (("files", shop), ("server", same_shop)):
        (tmp_path / place).mkdir()
        tables = clm.read_tables(here)
        for name in TABLES:
            tables.engine.write_parquet(getattr(tables, name), tmp_path / place / f"{name}.parquet")
        described = clm.describe(tables, AS_OF, here.task)
        described.engine.write_parquet(described.frame, tmp_path / place / "features.parquet", "customer_id")
        score(here, tmp_path / place / "scores", as_of=AS_OF, model=str(box))
    for name in (*TABLES, "features", "scores/scores"):
        files, there = ((tmp_path / place / f"{name}.parquet").read_bytes() for place in ("files", "server"))
        assert files == there, name


@pytest.mark.slow
def test_a_table_larger_than_the_memory_is_read_in_batches(server):
    """Three million rows, 400 MB as Arrow, beside an engine of 150 MB: the driver's batch is all that is added."""
    server.run(
        "CREATE TABLE big AS SELECT 'C' || i % 300000 AS id, timestamptz '2020-01-01' + i * interval '1 min' AS bought,"
        " (i % 977 / 7.0)::numeric(12,2) AS paid, repeat(md5(i::text), 3) AS note FROM generate_series(1, 3000000) i"
    )
    code = (
        "import resource, sys; from clm_ml.engine import open_engine; from tests.test_postgres import config\n"
        "told = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024\n"
        "from clm_ml.config import Table; import adbc_driver_postgresql.dbapi\n"
        "here = config(sys.argv[1], memory_limit='150MB'); engine, before = open_engine(here), told()\n"
        "found = engine.source('orders', Table(source='big', columns={'any': 'any'}), here)\n"
        "print(engine.rows(f'SELECT count(*), sum(paid) FROM ({found.sql})')[0][0], before, told())"
    )
    done = subprocess.run([sys.executable, "-c", code, server.url], capture_output=True, text=True, check=True)
    rows, before, most = map(int, done.stdout.split())
    assert rows == 3_000_000
    assert most - before < 150 + 150, (before, most)


# what cannot be read ---------------------------------------------------------------------------------------

ONE_SELECT = "tables.orders.query: this must be one SELECT."


@pytest.mark.parametrize(
    ("origin", "error", "said"),
    [
        (
            {"source": "order"},
            DataError,
            ".source: there is no table 'order' in the engine's database; did you mean 'ord",
        ),
        ({"source": "sales.line"}, DataError, "database; did you mean 'sales.lines'?"),
        ({"source": "Orders"}, DataError, "database; did you mean 'orders'"),
        ({"source": "zzz"}, DataError, "there is no table 'zzz' in the engine's database; there are "),
        ({"query": "SELEC 1"}, ConfigError, 'tables.orders.query: syntax error at or near "SELEC".'),
        ({"query": "SELECT * FROM ordes"}, ConfigError, "\"ordes\" does not exist; did you mean 'orders'"),
        ({"query": "SELECT * FROM zzz"}, ConfigError, 'tables.orders.query: relation "zzz" does not exist.'),
        ({"query": "SELECT pad FROM orders"}, ConfigError, "column \"pad\" does not exist; did you mean 'paid'?"),
        ({"query": "SELECT 1; SELECT 2"}, ConfigError, ONE_SELECT),
        ({"query": "SELECT 1; DROP TABLE orders"}, ConfigError, ONE_SELECT),
        ({"query": "-- nothing"}, ConfigError, ONE_SELECT),
        ({"query": ";"}, ConfigError, ONE_SELECT),
        ({"query": "DELETE FROM orders RETURNING *"}, ConfigError, ONE_SELECT),
        ({"query": "WITH x AS (DELETE FROM orders RETURNING *) TABLE x"}, ConfigError, ONE_SELECT),
        ({"query": "SELECT 1 INTO TABLE made"}, ConfigError, ONE_SELECT),
        ({"query": "DROP TABLE orders"}, ConfigError, ONE_SELECT),
        ({"query": "COMMIT"}, ConfigError, ONE_SELECT),
        ({"query": "SHOW ALL"}, ConfigError, ONE_SELECT),
        ({"query": "SELECT 1) TO STDOUT; DROP TABLE orders --"}, ConfigError, 'syntax error at or near ")".'),
        (
            {"query": "SELECT * FROM orders FOR UPDATE"},
            DataError,
            "cannot execute SELECT FOR UPDATE in a read-only tra",
        ),
        ({"query": "SELECT take(id) FROM orders"}, DataError, "the server cannot compute or take a row."),
        ({"query": "SELECT * FROM orders WHERE id = $1"}, DataError, "tables.orders cannot be read: there is no param"),
        ({"query": "SELECT 'SECRET'::int"}, DataError, "cannot be read: the server cannot compute or take a row."),
        ({"query": "SELECT ('SECRET' || i)::int FROM generate_series(1, 9) i"}, DataError, "compute or take a row."),
        ({"query": "SELECT 1 / (90000 - i) FROM generate_series(1, 99999) i"}, DataError, "compute or take a row."),
        ({"source": "orders", "where": "pad > 1"}, DataError, "there is no column 'pad'; did you mean 'paid'?"),
        ({"source": "orders", "where": "paid"}, ConfigError, "tables.orders.where: 'paid' is no condition."),
    ],
)
def test_a_table_or_query_that_is_none_is_refused_and_changes_nothing(origin, error, said, server):
    refused = refusal(server.url, **origin)
    assert isinstance(refused, error)
    assert said in str(refused)
    assert "SECRET" not in str(refused)
    assert server.ask("SELECT count(*) FROM orders") == [(2,)]


def test_a_mapped_column_that_is_not_there_is_told_with_the_nearest(server):
    orders = {"source": "orders", "columns": {"customer_id": "ident", "ordered_at": "bought", "amount": "payd"}}
    with pytest.raises(
        DataError, match=r"^tables\.orders\.columns\.amount: there is no column 'payd'; did you mean 'paid'"
    ):
        clm.read_tables(
            config(server.url, tables={"orders": orders | {"columns": orders["columns"] | {"customer_id": "id"}}})
        )


def test_what_the_user_may_not_read_is_told(server):
    with contextlib.suppress(dbapi.Error):
        server.run("CREATE ROLE guest LOGIN PASSWORD 'planted-S3cret'")
    refused = refusal(server.url.replace("clm:", "guest:"), source="orders")
    assert str(refused) == "tables.orders cannot be read: permission denied for table orders."


# addresses -------------------------------------------------------------------------------------------------


REFUSED, NOBODY = "it does not let this user in with this password.", "no server answers there."
NO_ADDRESS, NO_BASE = "it is no address: postgresql://user:password@host/db", "there is no such database."


def addresses(url: str) -> dict[str, tuple[str, str, str]]:
    """Break an address in every way; say what is told of its place, and of what is wrong."""
    user, place = url.removeprefix("postgresql://").split("@")
    port = place.partition("/")[0]
    return {
        "wrong password": (f"postgresql://{user}-wrong@{place}", f" at {place}", REFUSED),
        "no password": (f"postgresql://clm@{place}?passfile=/none", f" at {place}", REFUSED),
        "wrong user": (f"postgresql://nobody:{PASSWORD}@{place}", f" at {place}", REFUSED),
        "missing database": (f"postgresql://{user}@{port}/shoop", f" at {port}/shoop", NO_BASE),
        "refused": (f"postgresql://{user}@127.0.0.1:1/shop", " at 127.0.0.1:1/shop", NOBODY),
        "no host": (f"postgresql://{user}@nowhere.invalid/shop", " at nowhere.invalid/shop", NOBODY),
        "no socket": (f"postgresql://{user}@/shop?host=/none", "", NOBODY),
        "a slash in the password": (f"postgresql://clm:a/b{PASSWORD}@{place}", "", NO_ADDRESS),
        "a question mark in it": (f"postgresql://clm:{PASSWORD}?{PASSWORD}@{place}", "", REFUSED),
        "a question mark after digits": (f"postgresql://clm:4711?{PASSWORD}@{place}", "", REFUSED),
        "no host but a password": (f"postgresql://clm:{PASSWORD}", "", NO_ADDRESS),
        "a percent sign in it": (f"postgresql://clm:%zz{PASSWORD}@{place}", f" at {place}", NO_ADDRESS),
        "an at sign in it": (f"postgresql://clm:a@{PASSWORD}@nowhere/shop", "", NOBODY),
        "a password in the query": (f"postgresql://clm@{place}?password={PASSWORD}-wrong", f" at {place}", REFUSED),
        "an unknown setting": (f"{url}?bogus={PASSWORD}", f" at {place}", NO_ADDRESS),
        "a setting without a value": (f"{url}?{PASSWORD}", f" at {place}", NO_ADDRESS),
    }


@pytest.mark.parametrize("what", addresses("postgresql://clm:x@h:1/shop"))
def test_an_address_that_leads_nowhere_is_told_without_its_password(what, server, tmp_path):
    url, place, why = addresses(server.url)[what]
    said = f"engine: PostgreSQL{place} cannot be opened: {why}"
    refused = refusal(url, source="orders")
    assert refused.exit_code == 12
    assert said in str(refused)
    write_config(tmp_path, url)
    for asked in (["check", "--json"], ["score", "--out", "s", "--to-table", "s", "--as-of", AS_OF]):
        done = CliRunner().invoke(app, [asked[0], str(tmp_path / "clm.yaml"), *asked[1:]])
        assert (done.exit_code, done.stdout) == (12, "")
        assert done.stderr.startswith(f"error: {said}")
        assert PASSWORD not in done.stderr


def write_config(folder: Path, url: str, source: str = "orders", **more: Any) -> Path:
    orders = {"source": source, "columns": {"customer_id": "id", "ordered_at": "bought", "amount": "paid"}}
    content = {"project": "shop", "engine": url, "complete_until": "2021-01-01", "tables": {"orders": orders}} | more
    path = folder / "clm.yaml"
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    return path


@pytest.mark.parametrize(
    "written", ["postgres://clm:{}@h/shop", "postgresql:/clm:{}@h/shop", "clm:{}@h", "mysql://h/?pw={}"]
)
def test_an_address_of_another_kind_is_refused_without_its_password(written, tmp_path):
    with pytest.raises(ConfigError, match=r"clm.yaml:\d+: engine: '\w+…' does not fit: duckdb, or ") as refused:
        clm.load_config(write_config(tmp_path, written.format(PASSWORD)))
    assert PASSWORD not in str(refused.value)


def test_a_config_that_is_printed_or_refused_in_python_holds_no_password():
    assert PASSWORD not in repr(config(f"postgresql://clm:{PASSWORD}@h/shop"))
    with pytest.raises(ValueError, match="engine") as refused:
        config(f"postgres://clm:{PASSWORD}@h/shop")
    assert PASSWORD not in str(refused.value)


def test_a_missing_driver_is_told(server, monkeypatch):
    monkeypatch.setitem(sys.modules, "adbc_driver_postgresql", None)
    refused = refusal(server.url, source="orders")
    assert str(refused) == "engine: PostgreSQL needs its driver; run: pip install clm-ml[postgres]."
    assert refused.exit_code == 11


def test_the_driver_is_imported_only_where_it_is_used():
    told = "import sys, clm_ml.engine, clm_ml.cli.verbs; print([name for name in sys.modules if 'adbc' in name])"
    assert subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True).stdout == "[]\n"


# writing ---------------------------------------------------------------------------------------------------


def scores(path: Path, day: str, count: int, first: int = 0) -> Path:
    """Draw a scores file of an as_of."""
    columns = {
        "customer_id": [f"C{first + place:07}" for place in range(count)],
        "as_of": [date.fromisoformat(day)] * count,
        "segment": ["loyal"] * count,
        "r_score": [place % 5 + 1 for place in range(count)],
        "days_since_last_order": range(count),
        "value_at_risk": [None if place % 2 else place / 7 for place in range(count)],
    }
    drawn = {column.name: pa.array(columns.get(column.name, [None] * count), column.type) for column in SCHEMA}
    pq.write_table(pa.table(drawn, schema=SCHEMA), path)
    return path


def held(server: Server, table: str) -> list[tuple[Any, ...]]:
    return server.ask(f"SELECT as_of::text, count(*)::int, min(customer_id) FROM {table} GROUP BY 1 ORDER BY 1")


def target(server: Server, name: str, if_exists: str = "replace", **more: Any) -> Any:
    return open_target(config(server.url, **more), name, SCHEMA, if_exists)


def test_scores_come_out_of_the_table_as_they_are_in_the_file(server, tmp_path):
    file = scores(tmp_path / "a.parquet", "2024-01-01", 70_000)
    assert target(server, "sales.whole").deliver(file, "2024-01-01") == 70_000
    with dbapi.connect(server.url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT * FROM sales.whole ORDER BY customer_id")
        found = cursor.fetch_arrow_table()
    assert found.column_names == SCHEMA.names
    assert found.cast(SCHEMA).equals(pq.read_table(file))
    key = "SELECT conrelid::regclass::text, pg_get_constraintdef(oid) FROM pg_constraint WHERE contype = 'p'"
    assert ("sales.whole", "PRIMARY KEY (as_of, customer_id)") in server.ask(key)


def test_an_as_of_is_replaced_and_other_as_ofs_stay(server, tmp_path):
    first, second, third = (
        scores(tmp_path / f"{name}.parquet", day, count, start)
        for name, day, count, start in (("a", "2024-01-01", 5, 0), ("b", "2024-02-01", 4, 0), ("c", "2024-01-01", 2, 3))
    )
    table = target(server, "replaced")
    table.deliver(first, "2024-01-01")
    table.deliver(second, "2024-02-01")
    table.deliver(third, "2024-01-01")
    assert held(server, "replaced") == [("2024-01-01", 2, "C0000003"), ("2024-02-01", 4, "C0000000")]


def test_an_as_of_is_appended_once(server, tmp_path):
    table = target(server, "appended", "append")
    for day in ("2024-01-01", "2024-02-01"):
        table.rehearse(day)
        table.deliver(scores(tmp_path / "a.parquet", day, 3), day)
    for again in (table.rehearse, lambda day: table.deliver(scores(tmp_path / "a.parquet", day, 3), day)):
        with pytest.raises(DataError) as refused:
            again("2024-02-01")
        assert str(refused.value) == "table 'appended' holds scores of 2024-02-01 already; replace them instead."
    assert held(server, "appended") == [("2024-01-01", 3, "C0000000"), ("2024-02-01", 3, "C0000000")]


def test_a_rehearsal_changes_nothing(server, tmp_path):
    target(server, "rehearsed").rehearse("2024-01-01")
    assert server.ask("SELECT to_regclass('rehearsed') IS NULL") == [(True,)]
    target(server, "there").deliver(scores(tmp_path / "a.parquet", "2024-01-01", 3), "2024-01-01")
    target(server, "there").rehearse("2024-01-01")
    assert held(server, "there") == [("2024-01-01", 3, "C0000000")]


def test_a_table_of_ones_own_takes_scores_in_any_order_of_its_columns(server, tmp_path):
    kinds = {"string": "text", "date32[day]": "date", "int8": "smallint", "int64": "bigint", "double": "float8"}
    columns = ", ".join(f"{column.name} {kinds[str(column.type)]}" for column in reversed(list(SCHEMA)))
    server.run(f"CREATE TABLE own ({columns}) PARTITION BY LIST (as_of)", "CREATE TABLE own_1 PARTITION OF own DEFAULT")
    target(server, "own").deliver(scores(tmp_path / "a.parquet", "2024-01-01", 3), "2024-01-01")
    assert held(server, "own") == [("2024-01-01", 3, "C0000000")]


@pytest.mark.parametrize(
    ("name", "made", "said"),
    [
        ("other", "CREATE TABLE other (id text)", "has other columns (customer_id is missing, as_of is missing, "),
        ("more", "CREATE TABLE more AS TABLE model; ALTER TABLE more ADD extra int", "columns (extra is unknown); "),
        ("wide", "CREATE TABLE wide AS TABLE model; ALTER TABLE wide ALTER r_score TYPE int", "r_score is integer and"),
        ("look", "CREATE VIEW look AS TABLE model", "'look' is no table; name another."),
        ("orders", "", "table 'orders' has other columns"),
        ("nowhere.scores", "", "table 'nowhere.scores' cannot be made: there is no schema 'nowhere'."),
        ("sale.scores", "", "there is no schema 'sale'; did you mean 'sales'?"),
        ("pg_catalog.scores", "", 'permission denied to create "pg_catalog.scores".'),
    ],
)  # fmt: skip
def test_a_table_that_cannot_take_scores_is_refused_before_any_is_made(name, made, said, server, tmp_path):
    target(server, "model").deliver(scores(tmp_path / "a.parquet", "2024-01-01", 1), "2024-01-01")
    with contextlib.suppress(dbapi.Error):
        server.run(*made.split(";"))
    for step in (lambda t: t.rehearse("2024-01-01"), lambda t: t.deliver(tmp_path / "a.parquet", "2024-01-01")):
        with pytest.raises(DataError) as refused:
            step(target(server, name))
        assert said in str(refused.value)
    config = write_config(tmp_path, server.url)
    done = CliRunner().invoke(app, ["score", str(config), "--out", str(tmp_path / "s"), "--to-table", name])
    assert (done.exit_code, said in done.stderr) == (12, True), done.stderr
    assert not (tmp_path / "s").exists()


def test_who_may_not_write_is_told_before_the_long_work(server, tmp_path):
    with contextlib.suppress(dbapi.Error):
        server.run("CREATE ROLE reader LOGIN PASSWORD 'planted-S3cret'")
    target(server, "closed").deliver(scores(tmp_path / "a.parquet", "2024-01-01", 1), "2024-01-01")
    url = server.url.replace("clm:", "reader:")
    with pytest.raises(DataError, match=r"^table 'closed' cannot take scores: permission denied for table closed\.$"):
        open_target(config(url), "closed", SCHEMA).rehearse("2024-01-01")
    server.run("GRANT SELECT, DELETE ON closed TO reader")
    with pytest.raises(DataError, match=r"permission denied for table closed\.$"):
        open_target(config(url), "closed", SCHEMA).rehearse("2024-01-01")
    reads_only = server.url + "?options=-cdefault_transaction_read_only%3Don"
    assert open_target(config(reads_only), "closed", SCHEMA).rehearse("2024-01-01") is None


@pytest.mark.parametrize("name", ["", ".", "a.b.c", "a.", "x" * 64, "ü" * 32, "a\nb"])
def test_a_name_that_is_none_is_refused(name):
    with pytest.raises(UsageError, match=r"^a table is named as scores or schema\.scores; found "):
        open_target(config("postgresql://h/shop"), name, SCHEMA)


def test_what_is_neither_replace_nor_append_is_refused():
    with pytest.raises(UsageError, match=r"replace or append; found 'fail'\.$"):
        open_target(config("postgresql://h/shop"), "scores", SCHEMA, "fail")


@pytest.mark.parametrize("engine", ["duckdb", "duckdb:///shop.db"])
def test_only_a_server_takes_scores(engine, tmp_path):
    with pytest.raises(
        ConfigError, match=r"^engine: scores go to a table of PostgreSQL only; engine must be postgresql"
    ):
        score(config(engine), tmp_path / "s", to_table="scores")
    assert list(tmp_path.iterdir()) == []


def test_names_are_taken_to_the_letter(server, tmp_path):
    target(server, 'Ü "x" \'y').deliver(scores(tmp_path / "a.parquet", "2024-01-01", 3), "2024-01-01")
    assert held(server, '"Ü ""x"" \'y"') == [("2024-01-01", 3, "C0000000")]


def test_a_row_that_the_server_refuses_leaves_the_table_as_it_was(server, tmp_path):
    table = target(server, "picky")
    table.deliver(scores(tmp_path / "a.parquet", "2024-01-01", 3), "2024-01-01")
    server.run("ALTER TABLE picky ADD CHECK (customer_id <> 'C0069000')")
    with pytest.raises(DataError, match=r"^the scores are in .+, but table 'picky' is as it was: the server cannot "):
        table.deliver(scores(tmp_path / "b.parquet", "2024-01-01", 70_000), "2024-01-01")
    assert held(server, "picky") == [("2024-01-01", 3, "C0000000")]


def test_score_fills_the_box_and_the_table_with_the_same_scores(same_shop, box, server, tmp_path):
    asked = ["score", write_shop(same_shop, tmp_path), "--model", box, "--as-of", AS_OF, "--to-table", "sales.scored"]
    done = CliRunner().invoke(app, [*map(str, asked), "--out", str(tmp_path / "s")])
    assert done.exit_code == 0, done.stderr
    assert done.stdout.endswith(f"scores box: {tmp_path / 's'}\nscores table: sales.scored\n")
    file = pq.read_table(tmp_path / "s/scores.parquet")
    columns = "customer_id, segment, r_score::int, churn_probability, value_at_risk, reason_1"
    found = server.ask(f"SELECT {columns} FROM sales.scored WHERE as_of = '{AS_OF}' ORDER BY customer_id COLLATE \"C\"")
    names = [name.partition(":")[0] for name in columns.split(", ")]
    assert found == list(zip(*(file[name].to_pylist() for name in names), strict=True))
    again = CliRunner().invoke(app, [*map(str, asked), "--out", str(tmp_path / "t"), "--if-exists", "append"])
    assert (again.exit_code, again.stdout) == (12, "")
    assert f"table 'sales.scored' holds scores of {AS_OF} already" in again.stderr
    assert not (tmp_path / "t").exists()


def write_shop(shop: Config, folder: Path) -> Path:
    """Write a config that is held in memory, to be read by a verb."""
    content = shop.model_dump(mode="json", exclude_none=True) | {"tracking": {"uri": f"sqlite:///{folder}/mlflow.db"}}
    (folder / "clm.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    return folder / "clm.yaml"


@pytest.mark.slow
def test_neither_a_box_nor_the_store_holds_the_password(same_shop, server, tmp_path, monkeypatch):
    """Walk the whole way; the fixture of all tests then looks into every file there is."""
    monkeypatch.chdir(tmp_path)
    path = str(write_shop(same_shop, tmp_path))
    trained = CliRunner().invoke(app, ["train", path, "--model", "model", "--json"])
    assert trained.exit_code in (0, 17), trained.stderr
    for asked in (
        ["check", path, "--quarantine", "kept", "--json"],
        ["score", path, "--model", "model", "--out", "scores", "--to-table", "walked", "--json"],
        ["export", path, "--scores", "scores", "--campaign", "autumn", "--out", "list", "--json"],
    ):
        done = CliRunner().invoke(app, asked)
        assert done.exit_code == 0, done.stderr
        assert asked[0] != "score" or json.loads(done.stdout)["table"] == "walked"
    names = {file.name for file in tmp_path.rglob("*") if file.is_file()}
    assert {"manifest.json", "mlflow.db", "scores.parquet", "contact.csv", "ledger.db"} <= names


# a server that dies ----------------------------------------------------------------------------------------


def busy(server: Server, what: str) -> int:
    """Wait until the server is at work on a query, and name the process that does it."""
    end = time.monotonic() + 60
    asked = (
        f"SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND state = 'active' AND query LIKE '{what}%'"
    )
    while not (found := server.ask(asked)):
        assert time.monotonic() < end, "the server has nothing to do"
        time.sleep(0.02)
    return int(found[0][0])


@pytest.mark.slow
@pytest.mark.parametrize("who", ["backend", "server"])
def test_a_server_that_dies_while_a_big_table_is_read_is_one_sentence(who, tmp_path):
    with serving() as server:
        server.run(
            "CREATE VIEW big AS SELECT 'C' || i AS id, timestamptz '2020-01-01' + i * interval '1 s' AS bought,"
            " i AS paid FROM generate_series(1, 20000000) i"
        )
        command = [sys.executable, "-m", "clm_ml", "check", str(write_config(tmp_path, server.url, "big")), "--json"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        backend = busy(server, "COPY")
        time.sleep(2)
        assert process.poll() is None, "all was read already"
        os.kill(backend if who == "backend" else server.pid, signal.SIGKILL)
        out, err = process.communicate(timeout=60)
        assert (process.returncode, out) == (12, "")
        assert err == "error: tables.orders cannot be read: the server went away.\n"


@pytest.mark.slow
def test_a_server_that_dies_while_scores_are_written_leaves_the_table_as_it_was(tmp_path):
    with serving() as server:
        table = target(server, "killed")
        for day in ("2024-01-01", "2024-02-01"):
            table.deliver(scores(tmp_path / "a.parquet", day, 7), day)
        file = scores(tmp_path / "b.parquet", "2024-02-01", 2_000_000)
        with ThreadPoolExecutor() as pool:
            delivered = pool.submit(table.deliver, file, "2024-02-01")
            os.kill(busy(server, "COPY"), signal.SIGKILL)
            with pytest.raises(
                DataError, match=r"^the scores are in .+, but table 'killed' is as it was: the server went away\.$"
            ):
                delivered.result(60)
        answers(server)
        assert held(server, "killed") == [("2024-01-01", 7, "C0000000"), ("2024-02-01", 7, "C0000000")]
