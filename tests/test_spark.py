"""Spark gives the same as DuckDB, to the last byte; it is quiet, says no row aloud, and leaves nothing behind."""

import gzip
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import narwhals as nw
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from typer.testing import CliRunner

from clm_ml.campaign import open_ledger
from clm_ml.cli import app
from clm_ml.config import Config, Table
from clm_ml.datasets import simulate
from clm_ml.engine import open_engine, spark_session
from clm_ml.engine.spark_session import spark_failure
from clm_ml.errors import ConfigError, DataError
from clm_ml.features import build_features
from clm_ml.pipeline.saved import find_saved
from clm_ml.snapshot import prepare, take_snapshot
from clm_ml.tables import read_tables
from clm_ml.timeline import parse_day
from tests.conftest import COLUMNS, JAVA_OPTIONS, make_config
from tests.test_saved import draw
from tests.test_walk import everything

CONFIGS = Path(__file__).parent.parent / "configs"
HAS_SPARK = shutil.which("java") or os.environ.get("JAVA_HOME")
if not HAS_SPARK:
    pytest.skip("Spark needs Java, and there is none", allow_module_level=True)
pytest.importorskip("pyspark", reason="the extra spark is not installed")

HEADER = ("id", "at", "paid")
ROWS = [("7", "2020-01-01", "5"), ("8", "2020-01-02", "6.5")]
ORDERS = {"source": "x.csv", "columns": {"customer_id": "id", "ordered_at": "at", "amount": "paid"}}


def config(home=Path(), **more):
    return Config(**{"project": "shop", "engine": "spark", "tables": {"orders": ORDERS}, "home": home, **more})


@pytest.fixture(scope="session")
def engine(spark):
    return open_engine(config())


@pytest.fixture
def find(engine, tmp_path):
    """Find a source in the test's folder, and give its rows in order."""

    def find(source=None, query=None, where=None):
        table = Table(source=source, query=query, where=where, columns={"any": "any"})
        found = engine.source("orders", table, config(tmp_path))
        return engine.collect(engine.beside(found), *found.types).to_pylist()

    return find


def as_dicts(rows):
    return [dict(zip(HEADER, row, strict=True)) for row in rows]


def rows_of(engine, frame):
    """Fetch a frame's rows in the order of their text, since engines order nulls and types each in their way."""
    return sorted(map(repr, engine.collect(frame).to_pylist()))


def told(tables):
    """Tell all that has passed the door, and all that has not."""
    names = ("orders", "events", "customers", "contacts", "spend")
    frames = {name: getattr(tables, name) for name in names if getattr(tables, name) is not None}
    frames |= {f"quarantined {name}": frame for name, frame in tables.quarantined.items()}
    rows = {name: rows_of(tables.engine, frame) for name, frame in frames.items()}
    return {"counts": dict(tables.counts), "until": tables.complete_until, "warned": tables.warnings} | rows


def features(tables, as_of):
    """Describe everyone, each in one line of text that shows every bit of every value."""
    return rows_of(tables.engine, build_features(take_snapshot(prepare(tables), parse_day(as_of)), config().task))


def on(engine, plan, **frames):
    return read_tables(plan.model_copy(update={"engine": engine}), **frames)


# sources -----------------------------------------------------------------------------------------------------


def csv(rows=ROWS, header=HEADER, delimiter=",", end="\n"):
    return "".join(f"{delimiter.join(row)}{end}" for row in (header, *rows))


def write(folder, files):
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, pa.Table):
            pq.write_table(content, folder / name)
        else:
            (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())


TABLE = pa.table(dict(zip(HEADER, zip(*ROWS, strict=True), strict=True)))
WAYS = {
    "a Parquet file": ("x.parquet", {"x.parquet": TABLE}),
    "a folder": ("./in", {"in/1.parquet": TABLE.slice(1), "in/2.parquet": TABLE.slice(0, 1), "in/_x.parquet": TABLE}),
    "a CSV": ("x.csv", {"x.csv": csv()}),
    "gzip": ("x.csv.gz", {"x.csv.gz": gzip.compress(csv(delimiter=";").encode())}),
    "CSVs of two kinds": ("*.csv", {"1.csv": csv(ROWS[:1]), "2.csv": csv([ROWS[1][::-1]], HEADER[::-1], "\t", "\r\n")}),
}


@pytest.mark.parametrize("way", WAYS)
def test_the_same_rows_are_found_however_they_are_written(way, find, tmp_path):
    source, files = WAYS[way]
    write(tmp_path, files)
    assert find(source) == as_dicts(ROWS)


def test_csv_is_taken_to_the_letter(find, tmp_path):
    write(tmp_path, {"x.csv": '\ufeffid,at,paid\n"a ""quoted"", one",,"two\nlines"\n b ,"",007\n'})
    assert find("x.csv") == as_dicts([(" b ", None, "007"), ('a "quoted", one', None, "two\nlines")])


def test_what_spark_cannot_read_of_parquet_is_read_all_the_same(find, tmp_path):
    at = pa.array([1_577_836_800_123_456_789], pa.timestamp("ns"))
    write(
        tmp_path, {"x.parquet": pa.table({"id": pa.array([7], pa.uint64()), "at": at, "of": at.cast(pa.time64("ns"))})}
    )
    (row,) = find("x.parquet")
    assert (int(row["id"]), str(row["at"])) == (7, "2020-01-01 00:00:00.123456")


@pytest.fixture
def view(spark):
    mode = spark.conf.get("spark.sql.codegen.factoryMode")
    spark.conf.set("spark.sql.codegen.factoryMode", "FALLBACK")  # only compiled code can list tables
    spark.createDataFrame(TABLE).createOrReplaceTempView("sales")
    yield "sales"
    spark.catalog.dropTempView("sales")
    spark.conf.set("spark.sql.codegen.factoryMode", mode)


def test_a_table_of_sparks_is_read_by_name_and_by_a_query(find, view):
    assert find("sales") == as_dicts(ROWS)
    assert find(query="WITH s AS (SELECT * FROM sales) SELECT * FROM s WHERE id > 7; ") == as_dicts(ROWS[1:])
    assert find("sales", where="id = '7'") == as_dicts(ROWS[:1])


REFUSED = {
    "a table that is not there": ({"source": "sale"}, DataError, "knows no table 'sale'; did you mean 'sales'?"),
    "what is no name": ({"source": "a b"}, DataError, "knows no table 'a b'; there are sales."),
    "no SELECT": ({"query": "DROP VIEW sales"}, ConfigError, "tables.orders.query: Spark says PARSE_SYNTAX_ERROR"),
    "an insert": ({"query": "INSERT INTO sales SELECT * FROM sales"}, ConfigError, "this must be one SELECT"),
    "two": ({"query": "SELECT 1; SELECT 2"}, ConfigError, "this must be one SELECT"),
    "a query of nothing": ({"query": "SELECT * FROM sale"}, ConfigError, "TABLE_OR_VIEW_NOT_FOUND"),
    "no condition": ({"source": "sales", "where": "id"}, ConfigError, "'id' is no condition"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_table_or_query_that_is_none_is_refused(name, find, view, spark):
    asked, error, said = REFUSED[name]
    with pytest.raises(error) as raised:
        find(**asked)
    assert said in str(raised.value)
    assert spark.catalog.tableExists("sales")


DAMAGED = {
    "a quote": ("x.csv", 'id,at,paid\nsecret,"x,5\n', "line 2 opens a quote that is not closed"),
    "a line too short": ("x.csv", "id,at,paid\n7,2020-01-01,5\nsecret\n", "line 3 has more or fewer values"),
    "no UTF-8": ("x.csv", b"id,at,paid\nsecret\xff,2020-01-01,5\n", "is not UTF-8 text"),
    "no Parquet": ("x.parquet", b"secret" * 9, "a file is damaged, or is not what its name says"),
    "a part of gzip": ("x.csv.gz", gzip.compress(csv().encode())[:-9], "no gzip file, or only a part of one"),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_what_cannot_be_read_is_told_in_one_sentence_without_a_row(name, find, tmp_path):
    file, content, said = DAMAGED[name]
    write(tmp_path, {file: content})
    with pytest.raises(DataError) as raised:
        find(file)
    assert str(raised.value).startswith("tables.orders")
    assert said in str(raised.value)
    assert "secret" not in str(raised.value)
    assert "\n" not in str(raised.value)


def test_what_fails_while_rows_are_counted_is_told_without_a_row(engine, spark):
    frame = nw.from_native(spark.sql("SELECT CAST(concat('secret', id) AS INT) AS x FROM range(3)"))
    for ask in (engine.count, engine.collect, lambda frame: list(engine.batches(frame)), engine.keep):
        with pytest.raises(DataError) as raised:
            ask(frame.filter(nw.col("x") > 0))
        assert str(raised.value) == "the tables cannot be read to their end: Spark says CAST_INVALID_INPUT."


# the door ----------------------------------------------------------------------------------------------------


DRAWN = {
    "orders": pd.DataFrame(
        [
            ("a", "2024-01-01 23:59:59", "10.10", "1", "5", "2024-01-03", "no"),
            ("a", "2024-01-01 23:59:59", "10.10", "1", "5", "2024-01-03", "no"),  # a duplicate
            ("a", "2024-01-02", "3", "1", "2", "2024-01-02", "no"),  # the same order, next day
            ("a", "2024-02-02", "3", "1", "2", "2024-02-09", "yes"),  # a return, loaded late
            ("b", "2024-01-05T08:00:00Z", "7", None, "1", "2024-01-05", None),
            ("b", "2024-01-05T23:30:00-05:00", "7", None, "1", "2024-01-06", None),
            ("b", "2024-01-05T23:30:00+00:00", "-7", None, "1", "2024-03-06", None),
            ("17850.0", "2024-03-31 02:30:00", "1", "9", "-1", "2024-03-31", None),
            (None, "2024-01-01", "1", "2", "1", "2024-01-01", None),
            (" ", "2024-01-01", "1", "2", "1", "2024-01-01", None),
            ("c", "someday", "1", "2", "1", "2024-01-01", None),
            ("c", "1850-01-01", "1", "2", "1", "2024-01-01", None),
            ("c", "2024-12-31", "1", "2", "1", "2024-01-01", None),
            ("c", "2024-01-01", "one", "2", "1", "2024-01-01", None),
            ("c", "2024-01-01", "1", "2", "many", "2024-01-01", None),
            ("c", "2024-01-01", "1", "2", "0", "2024-01-01", None),
            ("c", "2024-01-01", "1", "2", "1", "someday", None),
            ("c", "2024-01-01", "1", "2", "1", "2024-01-01", "perhaps"),
            ("test", "2024-01-01", "1", "2", "1", "2024-01-01", None),  # where leaves it out
        ],
        columns=["who", "at", "price", "order", "pieces", "loaded", "back"],
    ),
    "events": pd.DataFrame(
        [("a", "2024-01-02 10:00", "visit"), ("v", "2024-01-03 10:00", "visit"), ("v", "2024-01-03 10:00", None)],
        columns=["customer_id", "occurred_at", "event_type"],
    ),
    "customers": pd.DataFrame(
        [
            ("a", "2023-01-01", "yes", "a@x.org", "x"),
            ("a", "2022-01-01", "no", "b@x.org", "y"),
            ("a", "2022-01-01", None, "a@x.org", None),
            ("b", None, "yes", None, "z"),
            ("b", None, "yes", None, "z"),
            (None, "2023-01-01", "yes", None, None),
        ],
        columns=["customer_id", "created_at", "may_contact", "email", "reason"],
    ),
    "contacts": pd.DataFrame(
        [("a", "2024-01-02", "autumn"), ("a", "2024-01-02", None)], columns=["customer_id", "contacted_at", "campaign"]
    ),
    "spend": pd.DataFrame([("2024-01-02", "10"), ("2024-01-02", "ten")], columns=["spent_on", "amount"]),
}


def drawn_config(*names):
    """Map every column of some drawn frames to itself, but for the orders'."""
    columns = dict(zip(("customer_id", "ordered_at", "order_id"), ("who", "at", "order"), strict=True))
    columns |= {"amount": "CAST(price AS DOUBLE) * pieces", "quantity": "pieces"}
    columns |= {"loaded_at": "loaded", "is_return": "back"}
    tables = {
        name: {"source": "x.csv", "columns": {column: column for column in DRAWN[name]}, "max_rejected_share": 0.99}
        for name in names
    }
    tables["orders"] |= {"columns": columns, "where": "who IS DISTINCT FROM 'test'"}
    return config(timezone="Europe/Berlin", complete_until="2024-12-31", tables=tables)


def drawn_on(engine, *names):
    return on(engine, drawn_config(*names), **{name: DRAWN[name] for name in names})


def test_every_order_is_used_or_rejected_as_on_duckdb(spark):
    one, other = drawn_on("duckdb", "orders"), drawn_on("spark", "orders")
    assert told(one) == told(other)
    assert one.counts["orders"].rejected["duplicate line"] == 1
    assert len(one.counts["orders"].rejected) > 6


@pytest.mark.slow
def test_every_row_is_used_or_rejected_and_everyone_described_as_on_duckdb(spark):
    one, other = drawn_on("duckdb", *DRAWN), drawn_on("spark", *DRAWN)
    assert told(one) == told(other)
    for as_of in ("2024-01-02", "2024-01-04", "2024-12-31"):
        assert features(one, as_of) == features(other, as_of)


ZONES = ("America/New_York", "Europe/London", "Asia/Kolkata")
INSTANTS = ["2024-03-30T23:59:59", "2024-03-31T00:00:00", "2024-03-31T02:30:00", "2024-10-27T01:30:00"]
WRITTEN = ("text", "text with an offset", "timestamps", "with a zone", "nanoseconds", "days")


def written(way):
    """Write instants around midnight, and in the hours that clocks skip or repeat, in one of several ways."""
    at = pd.to_datetime(pd.Series(INSTANTS))
    return {
        "text": pd.Series(INSTANTS),
        "text with an offset": pd.Series([f"{instant}+01:00" for instant in INSTANTS]),
        "timestamps": at,
        "with a zone": at.dt.tz_localize("UTC").dt.tz_convert("Asia/Tokyo"),
        "nanoseconds": at.astype("datetime64[ns]"),
        "days": at.dt.date,
    }[way]


@pytest.mark.slow
@pytest.mark.parametrize("way", WRITTEN)
def test_instants_fall_on_the_same_day_in_every_time_zone(spark, way, tmp_path):
    frame = pd.DataFrame({"customer_id": "c", "ordered_at": written(way), "amount": range(4)})
    frame.to_parquet(tmp_path / "given.parquet")
    days = set()
    for zone in ZONES:
        plan = make_config({"orders": frame}, "2025-01-01", zone).model_copy(update={"home": tmp_path})
        expected = told(on("duckdb", plan, orders=frame))
        assert told(on("spark", plan, orders=frame)) == expected
        assert told(on("spark", plan)) == expected
        days.add(tuple(expected["orders"]))
    assert (len(days) > 1) == (way in ("text with an offset", "with a zone"))


def test_a_sample_holds_the_same_customers(engine):
    ids = pa.table({"customer_id": [f"c{number}" for number in range(300)] + ["Zoë", "名前", "a b"]})
    embedded = open_engine(config().model_copy(update={"engine": "duckdb"}))
    for share in (0.1, 0.5):
        theirs = embedded.collect(embedded.sample(embedded.given(ids), "customer_id", share), "customer_id")
        found = engine.collect(engine.sample(engine.given(ids), "customer_id", share), "customer_id")
        assert found.to_pylist() == theirs.to_pylist()
    assert 100 < found.num_rows < 200


@pytest.mark.slow
def test_columns_may_have_any_name(spark):
    names = {"customer_id": "a.b", "ordered_at": "at `the` time", "amount": 'the "amount", paid', "order_id": "größe"}
    rows = [("c", "2024-01-01", "5", "1"), ("c", "2024-01-01", "5", "1"), ("c", "never", "5", "1")]
    frame = pd.DataFrame(rows, columns=list(names.values()))
    columns = {column: f'"{name.replace(chr(34), chr(34) * 2)}"' for column, name in names.items()}
    tables = {"orders": {"source": "x.csv", "columns": columns, "max_rejected_share": 0.9}}
    plan = config(complete_until="2024-12-31", tables=tables)
    assert told(on("spark", plan, orders=frame)) == told(on("duckdb", plan, orders=frame))


@pytest.mark.slow
def test_past_campaigns_show_the_same_save_rate(spark, tmp_path):
    orders, contacts = map(list.__add__, draw((40, 10), people=120), draw((30, 20), people=120, campaign="autumn"))
    events = [(row[0], "2024-05-01", "email_open") for row in contacts[::3]]
    rows = {"orders": orders, "events": events, "contacts": contacts}
    frames = {name: pd.DataFrame(given, columns=COLUMNS[name][: len(given[0])]) for name, given in rows.items()}
    plan, found = make_config(frames, "2024-12-31"), []
    with open_ledger(tmp_path / "ledger.db") as ledger:
        for engine in ("duckdb", "spark"):
            tables = on(engine, plan, **frames)
            found.append(find_saved(tables, tables.complete_until, plan, ledger))
    assert found[0] == found[1]
    answers = [told.rates.answers for told in found]
    assert answers[0].keys() == answers[1].keys() == {("email", True)}
    pd.testing.assert_frame_equal(answers[0]["email", True], answers[1]["email", True])


# a notebook --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["pandas", "Polars", "Arrow", "Spark", "Narwhals"])
def test_a_frame_of_any_kind_is_read_alike(kind, engine, spark):
    made = {
        "pandas": TABLE.to_pandas,
        "Polars": lambda: pl.from_arrow(TABLE),
        "Arrow": lambda: TABLE,
        "Spark": lambda: spark.createDataFrame(TABLE),
        "Narwhals": lambda: nw.from_native(spark.createDataFrame(TABLE)),
    }[kind]()
    table = Table(source="x.csv", columns={"any": "any"}, where="id = '8'")
    found = engine.frame("orders", made, table)
    assert engine.collect(engine.beside(found), "id").to_pylist() == as_dicts(ROWS[1:])


def test_a_frame_that_cannot_be_taken_is_refused(engine):
    table = Table(source="x.csv", columns={"any": "any"})
    with pytest.raises(DataError, match="mixes values of different types"):
        engine.frame("orders", pd.DataFrame({"id": [1, "a"]}), table)
    with pytest.raises(DataError, match="two columns of the given frame have the same name"):
        engine.frame("orders", pd.DataFrame([[1, 2]], columns=["id", "id"]), table)


@pytest.mark.slow
def test_a_session_that_is_there_is_used_as_it_is(spark):
    spark.conf.set("spark.sql.session.timeZone", "Asia/Tokyo")
    before = dict(spark.conf.getAll)
    tables = drawn_on("spark", *DRAWN)
    assert told(tables) == told(drawn_on("duckdb", *DRAWN))
    tables.engine.close()
    assert spark.range(3).count() == 3
    assert dict(spark.conf.getAll) == before
    spark.conf.set("spark.sql.session.timeZone", "UTC")


# starting ----------------------------------------------------------------------------------------------------


MISSING = {"PySpark": "pip install 'clm-ml[spark]'", "Java": "needs Java 17 or later"}


@pytest.mark.parametrize("missing", MISSING)
def test_what_is_missing_is_told_in_one_sentence(missing, tmp_path, monkeypatch):
    plan = {"project": "shop", "engine": "spark", "tables": {"orders": ORDERS}}
    (tmp_path / "clm.yaml").write_text(yaml.safe_dump(plan))
    if missing == "PySpark":
        monkeypatch.setitem(sys.modules, "pyspark.sql", None)
    else:
        monkeypatch.setattr("pyspark.sql.SparkSession.getActiveSession", lambda: None)
        monkeypatch.setattr("shutil.which", lambda _: None)
        monkeypatch.delenv("JAVA_HOME", raising=False)
    done = CliRunner().invoke(app, ["check", str(tmp_path / "clm.yaml")])
    assert (done.exit_code, done.stdout, done.stderr.count("\n")) == (11, "", 1)
    assert done.stderr.startswith("error: engine: spark needs ")
    assert MISSING[missing] in done.stderr


def test_memory_threads_and_temp_dir_are_sparks(tmp_path):
    there = spark_session._scratch(config(tmp_path, temp_dir="spill"))
    assert there.parent == tmp_path / "spill"
    settings = spark_session._local(config(threads=3, memory_limit="2GiB"), there)
    assert settings["spark.driver.memory"] == "2048m"
    assert settings["spark.local.dir"] == str(there)
    assert str(there) in settings["spark.driver.defaultJavaOptions"]
    assert settings["spark.sql.shuffle.partitions"] == "12"


@pytest.mark.parametrize("limit", ["half", "2", "50%", "100MB"])
def test_a_memory_that_is_none_is_refused(limit):
    with pytest.raises(ConfigError, match="memory_limit"):
        spark_session._memory(limit)


SEES = """
import json, sys
from pathlib import Path
from clm_ml.config import load_config
from clm_ml.engine import open_engine
engine = open_engine(load_config(sys.argv[1]))
context = engine._spark.sparkContext
heap = context._jvm.java.lang.Runtime.getRuntime().maxMemory() // 2**20
engine._spark.range(1000).repartition(5).count()
spill = Path(sys.argv[2])
spilled = [path.name.split("-")[0] for place in spill.iterdir() for path in place.iterdir()]
engine.close()
left = [path.name for path in spill.iterdir()]
again = open_engine(load_config(sys.argv[1]))
print(json.dumps([context.master, heap, spilled, left, again._spark.range(7).count()]))
"""


@pytest.mark.slow
def test_a_session_of_ours_has_the_memory_threads_and_folder_of_the_config_and_ends_with_the_engine(tmp_path):
    plan = {"project": "shop", "engine": "spark", "threads": 2, "memory_limit": "700MiB", "temp_dir": "spill"}
    (tmp_path / "clm.yaml").write_text(yaml.safe_dump(plan | {"tables": {"orders": ORDERS}}))
    command = [sys.executable, "-c", SEES, tmp_path / "clm.yaml", tmp_path / "spill"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    master, heap, spilled, left, rows = json.loads(done.stdout)
    assert (master, left, rows, done.stderr) == ("local[2]", [], 7, "")
    assert 600 < heap <= 700
    assert {"blockmgr", "spark"} <= set(spilled)
    assert list((tmp_path / "spill").iterdir()) == []


# the whole walk ----------------------------------------------------------------------------------------------


#: A small shop's time is spent in compiling, which Spark need not do: the same is then interpreted.
QUICK = f"{JAVA_OPTIONS} -Dspark.sql.codegen.wholeStage=false -Dspark.sql.codegen.factoryMode=NO_CODEGEN"


def process(*arguments, temp, before):
    """Run the command line as a process of its own, with a folder of its own for what is temporary."""
    temp.mkdir()
    command = [sys.executable, "-c", f"{before}\nfrom clm_ml.cli import main\nmain()", *map(str, arguments)]
    there = os.environ | {"TMPDIR": str(temp)}
    there |= {"TZ": "Asia/Tokyo", "JAVA_TOOL_OPTIONS": QUICK}  # nobody may go by this zone
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600, env=there)
    return done.returncode, done.stdout, done.stderr


@pytest.fixture(scope="module")
def walk(tmp_path_factory):
    """Draw a shop, with a config for each engine."""
    folder = tmp_path_factory.mktemp("walk")
    simulate(400, seed=3, out=folder / "shop")
    content = yaml.safe_load((folder / "shop/shop.yaml").read_text())
    content |= {"train": {"step_days": 56, "most_as_ofs": 2}, "threads": 2}
    content["tables"] = {name: content["tables"][name] for name in ("orders", "customers")}  # features are dear
    content["task"] = {"horizon_days": 90, "windows_days": [90]}
    for engine in ("duckdb", "spark"):
        own = {
            "list": content["list"] | {"ledger": f"{engine}-ledger.db"},
            "tracking": {"uri": f"sqlite:///{engine}.db"},
        }
        plan = content | own | {"engine": engine}
        (folder / f"shop/{engine}.yaml").write_text(yaml.safe_dump(plan, sort_keys=False))
    return folder


def walked(folder, engine):
    """Check, train, score and export on one engine; give what was said."""
    plan, out = folder / f"shop/{engine}.yaml", folder / engine
    said = []
    for step in (
        ("check", plan, "--quarantine", out / "kept"),
        ("train", plan, "--model", out / "model"),
        ("score", plan, "--model", out / "model", "--out", out / "scores"),
        ("export", plan, "--scores", out / "scores", "--campaign", "autumn", "--out", out / "list"),
    ):
        done = CliRunner().invoke(app, [str(word) for word in step])
        assert done.exit_code in (0, 17), (done.stdout, done.stderr)
        said += [done.exit_code, done.stdout.replace(engine, ""), done.stderr.replace(engine, "")]
    return said


@pytest.fixture(scope="module")
def told_by_duckdb(walk):
    """Walk on DuckDB, by which the others are judged."""
    return walked(walk, "duckdb")


def files_of(box):
    """Read a box but for its manifest, which tells when it was made and of what."""
    return {name: content for name, content in everything(box).items() if not name.endswith("manifest.json")}


@pytest.mark.slow
def test_the_whole_walk_gives_the_same_bytes_and_says_nothing_more(walk, told_by_duckdb, spark, monkeypatch, capfd):
    (walk / "temp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(walk / "temp"))
    capfd.readouterr()
    assert walked(walk, "spark") == told_by_duckdb
    assert capfd.readouterr() == ("", "")  # Spark has a voice of its own
    for box in ("model", "scores", "list"):
        assert files_of(walk / "spark" / box) == files_of(walk / "duckdb" / box)
    for kept in (walk / "duckdb/kept").iterdir():
        assert pq.read_table(walk / "spark/kept" / kept.name).to_pylist() == pq.read_table(kept).to_pylist()
    assert list((walk / "temp").iterdir()) == []
    assert not {"spark-warehouse", "metastore_db", "derby.log"} & {path.name for path in Path.cwd().iterdir()}


KILL = """
import os, signal, threading, time
from clm_ml.pipeline import scores
def context():
    from pyspark import SparkContext
    return SparkContext
def kill():
    process = context()._gateway.proc
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
def kill_first(room, name):
    whole = getattr(room, name)
    setattr(room, name, lambda *given, **more: (kill(), whole(*given, **more))[1])
def is_at_work():
    try:
        return bool(context()._active_spark_context.statusTracker().getActiveStageIds())
    except Exception:
        return False
def kill_at_work():
    while not is_at_work():
        time.sleep(0.02)
    kill()
"""
MOMENTS = {
    "in the midst of a job": "threading.Thread(target=kill_at_work, daemon=True).start()",
    "between scores and reasons": "kill_first(scores, '_most_at_risk')",
}


@pytest.mark.slow
@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.usefixtures("told_by_duckdb")
def test_a_spark_that_is_killed_is_told_in_one_sentence_and_leaves_nothing(walk, moment, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    asked = ("score", walk / "shop/spark.yaml", "--model", walk / "duckdb/model", "--out", out / "scores")
    code, stdout, stderr = process(*asked, temp=tmp_path / "temp", before=KILL + MOMENTS[moment])
    assert (code, stdout, stderr.count("\n")) == (12, "", 1), stderr
    assert stderr.startswith("error: ")
    assert "Spark stopped before it had finished" in stderr
    assert list(out.iterdir()) == []
    assert list((tmp_path / "temp").iterdir()) == []


def test_a_failure_that_is_none_of_sparks_stays_a_bug():
    assert spark_failure(ZeroDivisionError()) is None
