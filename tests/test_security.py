"""What somebody may try who writes a config, a file or a box: to read, run or fetch, to leave a folder, to flood."""

from __future__ import annotations

import json
import os
import pickle
from datetime import date
from pathlib import Path

import duckdb
import pandas as pd
import pytest
import yaml

from clm_ml.artifacts import find_boxes, new_box, open_box
from clm_ml.campaign import refuse_bad_name
from clm_ml.config import Config, load_config
from clm_ml.destinations import find_destinations
from clm_ml.engine import Source, open_embedded
from clm_ml.errors import ArtifactError, CampaignError, ClmError, ConfigError
from clm_ml.tracking.store import _experiment
from tests.test_delivering import draw_people, draw_shop, one_sentence, run

MAPPED = {"customer_id": "who", "ordered_at": "bought_on", "amount": "paid"}
ROW = Source(
    "SELECT 'a' AS word, 1 AS number, {'x': 1} AS pair, [1, 2] AS several",
    {"word": "VARCHAR", "number": "INTEGER", "pair": "STRUCT(x INTEGER)", "several": "INTEGER[]"},
)

#: Expressions that would read, run, fetch, ask or see more than one row; however they are written.
ATTACKS = (
    # other tables
    "(SELECT hidden FROM secret)", "secret.hidden", "main.secret.hidden", "word FROM secret", "FROM secret",
    "(FROM secret)", "EXISTS (FROM secret)", "number IN (SELECT 1)", "number = ANY (SELECT 1)", "(VALUES (1))",
    "number BETWEEN 1 AND (SELECT 2)", "CASE WHEN number = 1 THEN (SELECT hidden FROM secret) END",
    "coalesce(word, (SELECT hidden FROM secret))", "CAST((SELECT hidden FROM secret) AS INTEGER)",
    "regexp_replace(word, 'a', (SELECT hidden FROM secret))", "WITH x AS (SELECT 1) SELECT * FROM x",
    "word UNION SELECT hidden FROM secret", "(SELECT 1 UNION SELECT 2)", "PIVOT secret", "DESCRIBE secret",
    # files, the net, this process
    "read_csv('secret.csv')", "read_text('secret.csv')", "read_blob('secret.csv')", "glob('/*')", "sniff_csv('x')",
    "(SELECT content FROM read_text('/etc/hostname'))", "read_parquet('https://example.org/x')", "getenv('HOME')",
    "GETENV ('HOME')", '"getenv"(\'HOME\')', "system.main.getenv('HOME')", "'HOME'.getenv()",
    "load_extension('httpfs')",
    "upper(getenv('HOME'))", "word || getenv('HOME')", "concat(word, getenv('HOME'))",
    "if(number = 1, getenv('HOME'), '')",
    # settings, catalogues, secrets, what changes
    "current_setting('memory_limit')", "current_database()", "current_user", "version()", "duckdb_secrets()",
    "which_secret('x', 's3')", "pragma_version()", "getvariable('x')", "nextval('s')", "random()", "now()", "today()",
    "current_date", "current_timestamp", "error(word)",
    # queries in texts, macros, lambdas, stars
    "query('SELECT 1')", "query_table('secret')", "steal(word)", "main.steal(word)", "word.steal()",
    "memory.main.steal(word)",
    "list_transform(several, x -> getenv('HOME'))", "list_transform(several, lambda x: x)", "[x for x in several]",
    "list_filter(several, x -> x > 1)", "*", "* EXCLUDE (word)", "* REPLACE (1 AS word)", "COLUMNS(*)",
    "COLUMNS('wor.*')",
    "COLUMNS(c -> true)", "concat(COLUMNS(*))", "concat(*COLUMNS(*))", "unnest(several)", "generate_series(1, 9)",
    # more than one row, or more than one thing
    "sum(number)", "count(*)", "sum(number) OVER ()", "row_number() OVER ()", "word, number", "word AS other",
    "DISTINCT word", "word WHERE true", "word LIMIT 1", "word ORDER BY 1", "word; DROP TABLE secret",
    "word); DROP TABLE secret; --", "word USING SAMPLE 1", "$1", "?", "$name", "#1",
    # structures, and signs that look like others
    "pair.x", "struct_extract(pair, 'x')", "array_extract(several, 1)", "{'a': number}", "[number]", "row(number)",
    "MAP {'a': number}", "“word”", "‘a’ || word", "ｗｏｒｄ", "word\0", "word\u2028", "№", "@number",
    "word --\n, number",
    "word /* */, number", "kept_1.x", "rowid", "", " ", "()",
)  # fmt: skip


@pytest.fixture(scope="module")
def engine():
    """Open an engine that has a secret, and a macro that would tell it."""
    opened = open_embedded(make(source="given.parquet"))
    opened.execute("CREATE TABLE secret AS SELECT 'told' AS hidden")
    opened.execute("CREATE MACRO steal(a) AS (SELECT hidden FROM secret)")
    yield opened
    opened.close()


def make(home=Path(), engine="duckdb", **origin):
    orders = {"columns": MAPPED, **origin}
    return Config.model_validate(
        {"project": "drawn", "tables": {"orders": orders}, "engine": engine, "threads": 1, "home": home}
    )


@pytest.mark.parametrize("text", ATTACKS)
def test_an_expression_that_asks_for_more_than_its_row_is_refused_in_one_sentence(text, engine):
    with pytest.raises(ClmError, match=r"^tables\.orders\.where: [^\n]*[.?]$") as refused:
        engine.expression(text, ROW, "tables.orders.where")
    assert "told" not in str(refused.value)


@pytest.mark.parametrize(
    "text", ["lpad(word, 5, '0')", "pair['x']", "several[1]", "CAST(number AS VARCHAR)", "try(word)"]
)
def test_what_may_be_said_reads_nothing_but_its_row(text, engine):
    sql = engine.expression(text, ROW, "key")
    (plan,) = json.loads(engine.rows(f"EXPLAIN (FORMAT json) SELECT {sql} FROM ({ROW.sql})")[0][1])
    while plan["children"]:
        (plan,) = plan["children"]
    assert plan["name"].strip() in ("DUMMY_SCAN", "COLUMN_DATA_SCAN")


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory):
    """Write a DuckDB file whose views and macros would read what its tables do not hold."""
    folder = tmp_path_factory.mktemp("warehouse")
    (folder / "secret.csv").write_text("who,bought_on,paid\nhidden,2024-01-01,1\n")
    with duckdb.connect(str(folder / "shop.duckdb")) as connection:
        connection.sql("CREATE TABLE orders AS SELECT 'a' AS who, DATE '2024-01-01' AS bought_on, 1.0 AS paid")
        connection.sql("CREATE VIEW good AS SELECT * FROM orders WHERE paid > 0")
        connection.sql(f"CREATE VIEW spying AS SELECT * FROM read_csv('{folder}/secret.csv')")
        connection.sql(
            "CREATE VIEW asking AS SELECT value AS who, now() AS bought_on, 1 AS paid FROM duckdb_settings()"
        )
        connection.sql("CREATE MACRO opened(file) AS TABLE SELECT * FROM read_csv(file)")
        connection.sql("CREATE MACRO first_of(file) AS (SELECT content FROM read_text(file))")
    return folder


SPYING = (
    {"source": "spying"}, {"source": "asking"},
    {"query": "SELECT * FROM spying"}, {"query": "SELECT * FROM '{}/secret.csv'"},
    {"query": "SELECT * FROM read_csv('{}/secret.csv')"}, {"query": "SELECT * FROM opened('{}/secret.csv')"},
    {"query": "SELECT first_of('{}/secret.csv') AS who, bought_on, paid FROM orders"},
    {"query": "SELECT * FROM orders WHERE who = (SELECT content FROM read_text('{}/secret.csv'))"},
    {"query": "SELECT * FROM query('FROM read_csv(''{}/secret.csv'')')"},
    {"query": "SELECT file AS who, now() AS bought_on, 1 AS paid FROM glob('/*')"},
    {"query": "SELECT value AS who, now() AS bought_on, 1 AS paid FROM duckdb_settings()"},
    {"query": "SELECT table_name AS who, now() AS bought_on, 1 AS paid FROM information_schema.tables"},
    {"query": "SELECT * FROM held_in_python"}, {"query": "SELECT * FROM 'https://127.0.0.1:9/x.parquet'"},
    {"query": "FROM orders, (SELECT content FROM read_text('{}/secret.csv'))"},
)  # fmt: skip


@pytest.mark.parametrize("origin", SPYING, ids=str)
def test_a_query_or_view_reads_tables_of_the_engine_and_nothing_else(origin, warehouse):
    held_in_python = pd.DataFrame({"who": ["hidden"], "bought_on": [date(2024, 1, 1)], "paid": [1.0]})
    named = {key: text.format(warehouse) for key, text in origin.items()}
    config = make(warehouse, "duckdb:///shop.duckdb", **named)
    opened = open_embedded(config)
    with pytest.raises(ClmError, match=r"^tables\.orders\.(query|source|where): ") as refused:
        opened.source("orders", config.tables.orders, config)
    assert "hidden" not in str(refused.value)
    assert len(held_in_python) == 1


@pytest.mark.parametrize(
    "origin",
    [
        {"source": "orders"}, {"source": "good"}, {"query": "FROM good"},
        {"query": "WITH few AS (SELECT * FROM orders) SELECT f.* FROM few f JOIN good USING (who) ORDER BY 1 LIMIT 5"},
        {"query": "SELECT who, max(bought_on) AS bought_on, sum(paid) OVER () AS paid FROM orders GROUP BY who, paid"},
        {"query": "SELECT * FROM orders WHERE who IN (SELECT who FROM good) UNION ALL SELECT 'b', NULL, 2"},
        {"query": "SELECT who, bought_on, unnest([1, 2]) AS paid FROM orders"},
        {"query": "SELECT who, bought_on, range AS paid FROM orders, range(3)"},
        {"query": "WITH RECURSIVE t AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM t WHERE n < 3) "
                  "SELECT who, bought_on, n AS paid FROM orders, t"},
        {"query": "SELECT * FROM orders WHERE paid = (SELECT max(paid) FROM good WHERE good.who = orders.who)"},
        {"query": "SELECT * FROM orders WHERE false"},
    ],
    ids=str,
)  # fmt: skip
def test_queries_over_tables_run_as_ever(origin, warehouse):
    config = make(warehouse, "duckdb:///shop.duckdb", **origin)
    opened = open_embedded(config)
    assert {*opened.source("orders", config.tables.orders, config).types} == {"who", "bought_on", "paid"}


def test_the_engine_fetches_nothing(engine):
    asked = "SELECT value FROM duckdb_settings() WHERE name LIKE 'auto%_known_extensions' ORDER BY name"
    assert {value for (value,) in engine.rows(asked)} == {"false"}


BOMB = "\n".join(
    ["project: &l0 [x, x, x, x, x, x, x, x, x]"]
    + [f"k{level}: &l{level} [{', '.join([f'*l{level - 1}'] * 9)}]" for level in range(1, 10)]
)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (BOMB, "its aliases (*) stand for more than anybody writes."),
        ("project: !!python/object/apply:os.system ['touch run']", "not YAML"),
        ("project: !!python/name:os.system", "not YAML"),
        ("project: &a {b: *a}", "something in it is part of itself."),
        ("[" * 20_000, "not"),
        ("project: ../../outside\ntables: {}", "does not fit"),
    ],
    ids=["bomb", "call", "name", "ring", "deep", "project"],
)
def test_a_yaml_runs_nothing_and_cannot_flood(text, told, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "clm.yaml").write_text(text)
    with pytest.raises(ConfigError, match=r"clm\.yaml:\d") as refused:
        load_config("clm.yaml")
    assert told in str(refused.value)
    assert [path.name for path in tmp_path.iterdir()] == ["clm.yaml"]


# Names


OUTSIDE = ("../x", "..", ".", "/etc/x", "a/b", "a\\b", "a\0b", "a\nb", "C:x", "", " x", "x ", "x" * 101)


@pytest.mark.parametrize("name", OUTSIDE)
def test_a_campaigns_name_leaves_no_folder(name):
    with pytest.raises(CampaignError, match="choose another"):
        refuse_bad_name(name)


@pytest.mark.parametrize("name", ["../../outside", "/outside", "..", "a/../../../outside"])
def test_the_artifacts_of_an_experiment_stay_beside_the_store(name, tmp_path):
    class Told:
        get_experiment_by_name = staticmethod(lambda _: None)

        def create_experiment(self, _, artifact_location):
            self.place = Path(artifact_location.removeprefix("file://"))
            return 1

    told, config = Told(), make(tmp_path, source="x.csv")
    tracking = config.tracking.model_copy(update={"experiment": name})
    _experiment(told, config.model_copy(update={"tracking": tracking}))
    assert told.place.resolve().parent == (tmp_path / "mlartifacts").resolve()
    assert told.place.name not in ("", ".", "..")


@pytest.mark.parametrize(
    "name", ["../contact.csv", "/etc/passwd", "a/b.csv", ".csv", "CON.csv", "a\0.csv", "holdout.csv"]
)
def test_a_destination_writes_into_its_folder_only(name, tmp_path):
    columns = {"E": "email"}
    content = {"name": "Mine", "file": {"name": name}, "columns": columns, "key": {"column": "E", "from": "email"}}
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(content))
    with pytest.raises(ConfigError):
        find_destinations(["mine.yaml"], tmp_path)


def test_what_events_segments_and_attributes_are_called_names_no_file(tmp_path):
    """Segments and event types of any name are words in a box, never a part of a file's name."""
    people = draw_people()
    rules = {"../outside": {"phase": "acquisition", "when": [{"has_email": [True, False]}]}}
    path = draw_shop(tmp_path, people, segments={"rules": rules}, list={"segments": ["../outside"]})
    done = run("check", path)
    assert one_sentence(done, 11, "segments.rules") or done.err.count("\n") == 1


# Boxes


class _Runs:
    """Runs a command when it is unpickled."""

    def __reduce__(self):
        return os.system, ("touch ran",)


@pytest.fixture
def box(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with new_box(tmp_path / "box", "model", {}) as hidden:
        (hidden / "model.json").write_text("{}")
        (hidden / "evaluation.json").write_text("{}")
    return tmp_path / "box"


def forge(box, **files):
    """Write what a manifest says anew, as somebody would who can write to the box."""
    told = json.loads((box / "manifest.json").read_text())
    told["files"] |= files
    del told["seal"]
    (box / "manifest.json").write_text(json.dumps(told))


@pytest.mark.parametrize(
    "name", ["model.pkl", "model.py", "__init__.py", "sitecustomize.py", "conftest.py", "model.so"]
)
def test_what_was_added_to_a_box_is_refused_and_runs_even_of_a_forged_one_never(name, box):
    import hashlib

    from clm_ml.model import load_model

    (box / name).write_bytes(pickle.dumps(_Runs()) if name.endswith("pkl") else b"import os; os.system('touch ran')")
    with pytest.raises(ArtifactError, match="was not there when it was written"):
        load_model(box)
    forge(box, **{name: hashlib.sha256((box / name).read_bytes()).hexdigest()})
    with pytest.raises(ArtifactError, match="is no model this clm-ml can read"):
        load_model(box)
    assert not Path("ran").exists()


@pytest.mark.parametrize("name", ["../outside.json", "/etc/hostname", "a/../../outside.json", "..", "a\0"])
def test_a_manifest_leads_to_no_file_outside(name, box):
    (box.parent / "outside.json").write_text("{}")
    forge(box, **{name: "0"})
    with pytest.raises(ArtifactError, match=r"was altered: .* is missing"):
        open_box(box, "model")


def test_a_folder_that_is_a_link_is_no_part_of_a_box(box):
    (box.parent / "outside").mkdir()
    (box / "inside").symlink_to(box.parent / "outside")
    with pytest.raises(ArtifactError, match="holds a link"):
        open_box(box, "model")


def test_boosters_of_a_model_lie_within_its_box(box):
    from clm_ml.model.box import _read_trees

    for name in ("../outside.txt", "/etc/hostname", "..", "a\0"):
        with pytest.raises((ValueError, OSError)):
            _read_trees({"files": [name], "columns": []}, box)


def test_looking_for_boxes_follows_no_link_out_of_the_folder(tmp_path):
    with new_box(tmp_path / "elsewhere/box", "list", {"campaign": "x"}) as hidden:
        (hidden / "contact.csv").write_text("customer_id\n")
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists/link").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    assert [*find_boxes(tmp_path / "lists", "list")] == []


# Secrets


SECRET = "Sw0rdfish"


@pytest.mark.parametrize(
    "engine",
    [
        f"postgresql://clm:{SECRET}@127.0.0.1:9/shop",
        f"postgresql://127.0.0.1:9/shop?password={SECRET}",
        f"postgresql://clm:{SECRET}@127.0.0.1:9/shop?sslmode=no",
        f"postgresql://{SECRET}@@/",
        f"postgres://clm:{SECRET}@db/shop",
        f"mysql://clm:{SECRET}@db/shop",
        f"postgresql:/clm:{SECRET}@db",
    ],
)
def test_a_password_is_in_no_error_and_in_no_picture_of_the_config(engine, tmp_path):
    path = draw_shop(tmp_path, draw_people(), engine=engine)
    content = yaml.safe_load(path.read_text())
    content["tables"]["orders"]["source"] = "sales.orders"
    path.write_text(yaml.safe_dump(content))
    done = run("check", path)
    assert done.code in (11, 12)
    assert SECRET not in done.out + done.err
    if done.code == 12:
        assert SECRET not in repr(load_config(path)) + str(load_config(path))


def test_the_key_of_a_secret_is_not_what_an_unknown_key_is_answered_with(tmp_path):
    path = draw_shop(tmp_path, draw_people(), engin=f"postgresql://clm:{SECRET}@db/shop")
    done = run("check", path)
    assert one_sentence(done, 11, "engin: unknown key; did you mean 'engine'?")
    assert SECRET not in done.err


# What is served


def test_tables_take_no_columns_that_the_config_does_not_name(tmp_path):
    """A table's extra columns stay outside of the door: what is not mapped is not read into features."""
    people = draw_people().assign(diagnosis="private")
    path = draw_shop(tmp_path, people)
    content = yaml.safe_load(path.read_text())
    del content["tables"]["customers"]["columns"]["diagnosis"]
    path.write_text(yaml.safe_dump(content))
    from clm_ml.tables import read_tables

    assert "diagnosis" not in read_tables(load_config(path)).customers.collect_schema().names()
