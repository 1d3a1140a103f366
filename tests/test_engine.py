"""The engine finds rows wherever they lie, reads values as people write them, and never says a row aloud."""

import gzip
import hashlib
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb
import narwhals as nw
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clm_ml.config import Config, Table
from clm_ml.engine import BATCH_ROWS, Engine, Source, open_engine, quoted
from clm_ml.engine.words import in_words
from clm_ml.errors import ConfigError, DataError

ROWS = [("7", "2020-01-01", "5"), ("8", "2020-01-02", "6.5")]
HEADER = ("id", "at", "paid")
ORDERS = {"source": "x.csv", "columns": {"customer_id": "id", "ordered_at": "at", "amount": "paid"}}


def config(home=Path(), **more):
    return Config(**{"project": "shop", "threads": 1, "tables": {"orders": ORDERS}, "home": home, **more})


def csv(rows=ROWS, header=HEADER, delimiter=","):
    return "".join(f"{delimiter.join(row)}\n" for row in (header, *rows))


def parquet(rows=ROWS, header=HEADER):
    columns = zip(*rows, strict=True)
    with BytesIO() as file:
        pq.write_table(pa.table({name: list(values) for name, values in zip(header, columns, strict=True)}), file)
        return file.getvalue()


def gz(text):
    return gzip.compress(text.encode())


def write(folder, files):
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())


def rows_of(engine, source, columns=HEADER):
    return engine.rows(f"SELECT {', '.join(map(quoted, columns))} FROM ({source.sql}) ORDER BY ALL")


@pytest.fixture(scope="module")
def engine():
    engine = open_engine(config())
    yield engine
    engine.close()


@pytest.fixture
def find(engine, tmp_path):
    """Find a source in the test's folder; the engine is the module's unless a file to attach is named."""

    def find(source=None, query=None, where=None, file=None):
        at = config(tmp_path) if file is None else config(tmp_path, engine=f"duckdb:///{file}")
        table = Table(source=source, query=query, where=where, columns={"any": "any"})
        opened = engine if file is None else open_engine(at)
        return opened, opened.source("orders", table, at)

    return find


# where rows lie --------------------------------------------------------------------------------------------


FIRST, SECOND = ROWS[:1], ROWS[1:]
BACKWARDS = [ROWS[1][::-1]], HEADER[::-1]

#: A source, and the files that hold the same two rows in one of the ways it can be.
WAYS = {
    "csv": ("a.csv", {"a.csv": csv()}),
    "csv in capitals": ("A.CSV", {"A.CSV": csv()}),
    "csv with a byte order mark": ("a.csv", {"a.csv": "\ufeff" + csv()}),
    "csv with Windows line ends": ("a.csv", {"a.csv": csv().replace("\n", "\r\n")}),
    "csv without a last line end": ("a.csv", {"a.csv": csv().rstrip("\n")}),
    "csv with quotes": ("a.csv", {"a.csv": '"id",at,"paid"\n"7","2020-01-01",5\n8,2020-01-02,"6.5"\n'}),
    "csv with semicolons": ("a.csv", {"a.csv": csv(delimiter=";")}),
    "csv with bars": ("a.txt", {"a.txt": csv(delimiter="|")}),
    "csv with tabs": ("a.tsv", {"a.tsv": csv(delimiter="\t")}),
    "csv.gz": ("a.csv.gz", {"a.csv.gz": gz(csv())}),
    "glob of csv": ("*.csv", {"a.csv": csv(FIRST), "b.csv": csv(*BACKWARDS, ";"), ".c.csv": csv()}),
    "folder of csv": ("d", {"d/a.csv": csv(FIRST), "d/e/b.csv.gz": gz(csv(SECOND)), "d/_c.csv": csv()}),
    "parquet": ("a.parquet", {"a.parquet": parquet()}),
    "glob of parquet": ("y=*/*.parquet", {"y=1/a.parquet": parquet(FIRST), "y=2/a.parquet": parquet(SECOND)}),
    "folder of parquet": (
        "d",
        {
            "d/a.parquet": parquet(FIRST),
            "d/e/b.parquet": parquet(*BACKWARDS),
            "d/_SUCCESS": "",
            "d/.half/c.parquet": parquet(),
            "d/notes.txt": "read me",
        },
    ),
}


@pytest.mark.parametrize("way", WAYS)
def test_the_same_rows_are_found_however_they_are_written(way, find, tmp_path):
    source, files = WAYS[way]
    write(tmp_path, files)
    assert rows_of(*find(source)) == ROWS


def test_signs_of_globs_in_the_projects_own_folder_are_taken_to_the_letter(tmp_path):
    home = tmp_path / "shop[1]*"
    write(home, {"data/a[1].csv": csv(), "data/a1.csv": csv([("9", "2020-01-09", "9")])})
    engine = open_engine(config(home))
    for source in ("data/a[1].csv", "data/a[[]*.csv"):
        found = engine.source("orders", Table(source=source, columns={"any": "any"}), config(home))
        assert rows_of(engine, found) == ROWS


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_column_that_a_part_lacks_is_empty_there(ending, find, tmp_path):
    written = csv if ending == "csv" else parquet
    write(tmp_path, {f"a.{ending}": written([("9",)], ("id",)), f"b.{ending}": written()})
    assert rows_of(*find(f"*.{ending}")) == [*ROWS, ("9", None, None)]


def test_csv_is_taken_to_the_letter(find, tmp_path):
    lines = ["id,at,paid,", '#1,"a ""b""\nc",,', "' x ,NULL,nan,", "", "007, 1 ,1e3,"]
    (tmp_path / "a.csv").write_text("\n".join(lines))
    engine, source = find("a.csv")
    assert set(source.types.values()) == {"VARCHAR"}
    assert engine.rows(source.sql + " ORDER BY id") == [
        ("#1", 'a "b"\nc', None, None),
        ("' x ", "NULL", "nan", None),
        ("007", " 1 ", "1e3", None),
    ]


def test_columns_without_a_name_of_their_own_get_one(find, tmp_path):
    (tmp_path / "a.csv").write_text("id,,ID, at \n1,2,3,4\n")
    assert list(find("a.csv")[1].types) == ["id", "column1", "ID_2", "at"]


@pytest.fixture
def warehouse(tmp_path):
    """A DuckDB file with the two rows as a table, as a view, and in another schema."""
    with duckdb.connect(str(tmp_path / "shop.db")) as connection:
        connection.sql('CREATE TABLE orders (id VARCHAR, "at" VARCHAR, paid VARCHAR)')
        connection.sql(f"INSERT INTO orders VALUES {', '.join(map(str, ROWS))}")
        connection.sql("CREATE SCHEMA sales; CREATE TABLE sales.lines AS FROM orders; CREATE VIEW seen AS FROM orders")
    return "shop.db"


@pytest.mark.parametrize(
    "origin",
    [
        {"source": "orders"},
        {"source": "sales.lines"},
        {"source": "seen"},
        {"query": "SELECT * FROM orders"},
        {"query": "FROM sales.lines; "},
        {"query": "WITH o AS (SELECT * FROM seen)\nSELECT * FROM o -- all of them"},
        {"source": "orders", "where": "paid > 0"},
        {"query": "SELECT * FROM orders UNION ALL SELECT 'x', 'y', '-1'", "where": "paid > 0"},
    ],
)
def test_tables_views_and_queries_of_a_duckdb_file_are_read(origin, warehouse, find):
    assert rows_of(*find(**origin, file=warehouse)) == ROWS


def test_files_can_be_read_beside_a_duckdb_file(warehouse, find, tmp_path):
    (tmp_path / "a.csv").write_text(csv())
    assert rows_of(*find("a.csv", file=warehouse)) == ROWS


def test_where_leaves_out_rows_that_do_not_fulfil_it_or_cannot_be_judged(find, tmp_path):
    (tmp_path / "a.csv").write_text(csv([*ROWS, ("9", "2020-01-03", "-1"), ("9", "2020-01-03", "free")]))
    assert rows_of(*find("a.csv", where="paid > 0")) == ROWS


# what cannot be read ---------------------------------------------------------------------------------------

BROKEN = {
    "none.csv": (None, ".source: there is no {file}."),
    "no*.csv": (None, ".source: there is no {file}."),
    "empty.csv": (b"", ".source: {file} is empty."),
    "empty.parquet": (b"", ".source: {file} is empty."),
    "blank.csv": (b"\n1,2\n", ".source: {file} has no header in its first line."),
    "binary.csv": (b"\x93\x00\xff\xfe" * 99, ".source: {file} is not UTF-8 text."),
    "zeros.csv": (b"\0\0\0\n\0\0", ".source: {file} has no header in its first line."),
    "utf16.csv": (csv().encode("utf-16"), ".source: {file} is not UTF-8 text."),
    "latin.csv": ("id,at,paid\nSECRET-Müller,1,2\n".encode("latin-1"), ".source: {file} is not UTF-8 text."),
    "late.csv": (
        csv(ROWS * 9999).encode() + "SECRET-Müller,1,2\n".encode("latin-1"),
        " cannot be read: {file}: it is not UTF-8 text.",
    ),
    "long.csv": (
        csv(ROWS * 9999).encode() + b"SECRET,1,2,3\n",
        " cannot be read: {file}: line 20000 has more or fewer values than the header.",
    ),
    "short.csv": (
        csv().encode() + b"SECRET,1\n" + csv().encode(),
        " cannot be read: {file}: line 4 has more or fewer values than the header.",
    ),
    "quote.csv": (
        csv().encode() + b'"SECRET,1,2\n',
        " cannot be read: {file}: line 4 opens a quote that is not closed.",
    ),
    "ends.csv": (
        b"id,at,paid\r\nSECRET,1,2\n3,4,5\r\n6,7,8\n",
        " cannot be read: {file}: it cannot be read as CSV; its lines must all end in the same way.",
    ),
    "plain.csv.gz": (csv().encode(), ".source: {file} is no gzip file, or only a part of one."),
    "part.csv.gz": (
        gzip.compress(csv(ROWS * 9999).encode())[:-20],
        ".source: {file} is no gzip file, or only a part of one.",
    ),
    "text.parquet": (b"SECRET" * 99, " cannot be read: {file}: it is no Parquet file, or only a part of one."),
    "orders.xlsx": (b"PK\3\4SECRET" * 9, " cannot be read: {file}: it is no Parquet file, or only a part of one."),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_cannot_be_read_is_told_in_one_sentence_without_a_row(name, find, tmp_path):
    content, said = BROKEN[name]
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError) as error:
        find(name)
    assert str(error.value) == "tables.orders" + said.format(file=tmp_path / name)
    assert error.value.exit_code == 12


def test_half_a_parquet_file_is_refused(find, tmp_path):
    write(tmp_path, {"a.parquet": parquet()[:-100]})
    with pytest.raises(DataError, match="it is no Parquet file, or only a part of one"):
        find("a.parquet")


def test_a_parquet_file_damaged_inside_is_told_when_its_rows_are_read(find, tmp_path):
    whole = parquet([(f"SECRET{n * 7919 % 9973}", "a", "b") for n in range(20_000)])
    write(tmp_path, {"a.parquet": whole[:100] + bytes(1900) + whole[2000:]})
    engine, source = find("a.parquet")
    frame = engine.lazy(source.sql)
    for reads in (engine.collect, lambda frame: list(engine.batches(frame)), engine.keep):
        with pytest.raises(DataError) as error:
            reads(frame)
        assert str(error.value) == f"the tables cannot be read to their end: {tmp_path}/a.parquet: it is damaged."


def test_folders_without_files_or_with_files_of_two_kinds_are_refused(find, tmp_path):
    write(tmp_path, {"d/notes.md": "none", "a.csv": csv(), "a.parquet": parquet()})
    with pytest.raises(DataError, match="there is no Parquet or CSV file in"):
        find("d")
    with pytest.raises(DataError, match="holds both CSV and other files"):
        find("a.*")


@pytest.mark.parametrize(
    ("origin", "error", "said"),
    [
        (
            {"source": "order"},
            DataError,
            "tables.orders.source: there is no table 'order' in the engine's file; did you mean 'orders'?",
        ),
        (
            {"source": "zzz"},
            DataError,
            "tables.orders.source: there is no table 'zzz' in the engine's file; there are orders, sales.lines, seen.",
        ),
        ({"query": "SELEC 1"}, ConfigError, 'tables.orders.query: syntax error at or near "SELEC".'),
        ({"query": "SELECT 1; SELECT 2"}, ConfigError, "tables.orders.query: this must be one SELECT."),
        ({"query": "DROP TABLE orders"}, ConfigError, "tables.orders.query: this must be one SELECT."),
        ({"query": "DELETE FROM orders RETURNING *"}, ConfigError, "tables.orders.query: this must be one SELECT."),
        ({"query": "-- nothing"}, ConfigError, "tables.orders.query: this must be one SELECT."),
        ({"query": "SELECT * FROM ordes"}, ConfigError, "tables.orders.query: Table with name ordes does not exist."),
        (
            {"query": 'SELECT CAST("at" AS INTEGER) FROM orders'},
            DataError,
            "tables.orders cannot be read: a value does not have the type of its column.",
        ),
    ],
)
def test_a_table_or_query_that_is_none_is_refused(origin, error, said, warehouse, find):
    with pytest.raises(error) as refused:
        find(**origin, file=warehouse)
    assert str(refused.value) == said


def test_a_duckdb_file_that_is_none_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"engine: there is no .*none\.db"):
        open_engine(config(tmp_path, engine="duckdb:///none.db"))
    (tmp_path / "a.db").write_text("no database" * 999)
    with pytest.raises(DataError, match=r"engine: .*a\.db cannot be opened as a DuckDB file"):
        open_engine(config(tmp_path, engine="duckdb:///a.db"))


def test_a_duckdb_file_is_never_written(warehouse, find, tmp_path):
    before = (tmp_path / warehouse).read_bytes()
    engine, source = find("orders", file=warehouse)
    engine.keep(engine.lazy(source.sql))
    assert engine.rows("SELECT readonly FROM duckdb_databases() WHERE path IS NOT NULL") == [(True,)]
    engine.close()
    assert (tmp_path / warehouse).read_bytes() == before


def test_a_setting_that_is_none_is_refused():
    with pytest.raises(ConfigError, match="the engine does not start: Memory must have a number"):
        open_engine(config(memory_limit="lots"))


# memory and disk -------------------------------------------------------------------------------------------


def test_running_out_of_memory_is_told_in_a_sentence(tmp_path):
    engine = open_engine(config(tmp_path, memory_limit="30MB"))
    with pytest.raises(DataError) as error:
        engine.rows("SELECT len(list(range)) FROM range(9_000_000)")
    assert str(error.value) == (
        "the tables cannot be read to their end: memory or room to spill ran out; "
        "raise memory_limit, or give temp_dir a folder with more room."
    )


def test_a_folder_that_cannot_be_spilled_to_is_told_in_a_sentence(tmp_path):
    (tmp_path / "file").touch()
    engine = open_engine(config(tmp_path, memory_limit="30MB", temp_dir=tmp_path / "file/spill"))
    with pytest.raises(DataError) as error:
        engine.keep(engine.lazy("SELECT range AS i, md5(range::VARCHAR) AS s FROM range(2_000_000)"))
    assert str(error.value).startswith("the tables cannot be read to their end: Failed to create directory")
    assert "\n" not in str(error.value)


def test_what_memory_cannot_hold_is_spilled_and_the_spill_removed(tmp_path):
    engine = open_engine(config(tmp_path, memory_limit="30MB", temp_dir=tmp_path / "spill"))
    kept = engine.keep(engine.lazy("SELECT range AS i, md5(range::VARCHAR) AS s FROM range(1_000_000)"))
    assert any((tmp_path / "spill").iterdir())
    assert engine.rows(f"SELECT count(DISTINCT s[1:3]) FROM ({kept.to_native().sql_query()})") == [(4096,)]
    engine.close()
    assert not (tmp_path / "spill").exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a disk that is always full")
def test_a_full_disk_is_told_in_a_sentence(engine):
    with pytest.raises(DataError) as error:
        engine.write_parquet(engine.lazy("SELECT 1 AS a"), Path("/dev/full"))
    assert str(error.value) == (
        "/dev/full cannot be written: the disk is full; make room, or give temp_dir another folder."
    )


def test_a_mistake_of_ours_keeps_its_traceback(engine):
    with pytest.raises(duckdb.BinderException):
        engine.rows("SELECT nothing_of_that_name")


# expressions -----------------------------------------------------------------------------------------------

SHOP = Source(
    "SELECT * FROM (VALUES ('2', '1.5', 3, 2.5, 'x'), ('two', NULL, 2147483647, NULL, 'y')) "
    't(quantity, "Unit Price", pieces, weight, word)',
    {"quantity": "VARCHAR", "Unit Price": "VARCHAR", "pieces": "INTEGER", "weight": "DECIMAL(2,1)", "word": "VARCHAR"},
)


@pytest.mark.parametrize(
    ("text", "first", "second"),
    [
        ("quantity", "2", "two"),
        ("Unit Price", "1.5", None),
        ("QUANTITY", "2", "two"),
        ('quantity * "Unit Price"', 3.0, None),
        ("-quantity", -2.0, None),
        ("abs(quantity)", 2.0, None),
        ("round(quantity / 3, 2)", 0.67, None),
        ('pieces * "unit price"', 4.5, None),
        ('coalesce("Unit Price", 0) + 1', 2.5, 1.0),
        ("replace(\"Unit Price\", '.', '') * 2", 30.0, None),
        ("nullif(quantity, 'x') * 2", 4.0, None),
        ("CASE WHEN word = 'x' THEN quantity ELSE 0 END", 2.0, 0.0),
        ("if(word = 'x', quantity, 7)", 2.0, 7.0),
        ("greatest(quantity, 1)", 2.0, 1.0),
        ("quantity > 1", True, None),
        ("quantity > '10'", True, True),
        ("quantity BETWEEN 1 AND 10", True, None),
        ("quantity IN (2, 3)", True, None),
        ("word IN ('x', 'z')", True, False),
        ("NOT (word LIKE 'x%') OR pieces IS NULL", False, True),
        ("pieces + 1", 4, None),
        ("quantity::INTEGER", 2, None),
        ("concat(word, 1)", "x1", "y1"),
        ("word || '-' || left(quantity, 1)", "x-2", "y-t"),
        ("lpad(quantity, 3, '0')", "002", "two"),
        ("'autumn'", "autumn", "autumn"),
        ("pieces -- of all", 3, 2147483647),
    ],
)
def test_an_expression_gives_what_it_says_and_null_where_it_cannot_be_computed(text, first, second, engine):
    sql = engine.expression(text, SHOP, "key")
    found = [row[0] for row in engine.rows(f"SELECT {sql} FROM ({SHOP.sql}) ORDER BY word")]
    assert found == [first, second]


@pytest.mark.parametrize(
    "text",
    [
        "read_csv('secrets.csv')", "read_text('secrets.csv')", "getenv('HOME')", "current_setting('memory_limit')",
        "sum(pieces)", "random()", "now()", "version()", "nextval('s')", "list_transform([1], lambda x: x)",
        "main.abs(pieces)", "{'a': pieces}", "[pieces]",
    ],
)  # fmt: skip
def test_a_function_that_is_not_listed_is_refused(text, engine):
    with pytest.raises(ConfigError, match=r"^key: the function \w+ is not allowed in an expression\.$"):
        engine.expression(text, SHOP, "key")


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("(SELECT 1)", "subquery"),
        ("EXISTS (SELECT 1)", "subquery"),
        ("pieces IN (SELECT 1)", "subquery"),
        ("row_number() OVER ()", "window"),
        ("lag(pieces) OVER (ORDER BY word)", "window"),
        ("*", "star"),
        ("COLUMNS(*)", "star"),
        ("#1", "positional reference"),
        ("$1", "parameter"),
        ("?", "parameter"),
        ("word COLLATE NOCASE", "collate"),
    ],
)
def test_what_reaches_beyond_the_columns_of_a_row_is_refused(text, what, engine):
    with pytest.raises(ConfigError, match=rf"^key: {what} is not allowed in an expression\.$"):
        engine.expression(text, SHOP, "key")


@pytest.mark.parametrize(
    "text",
    [
        "pieces, word", "pieces AS p", "pieces p", "DISTINCT pieces", "pieces FROM kept_1", "pieces WHERE true",
        "pieces GROUP BY 1", "pieces GROUP BY ALL", "pieces HAVING true", "pieces QUALIFY true", "pieces LIMIT 1",
        "pieces ORDER BY 1", "pieces USING SAMPLE 1", "pieces UNION SELECT 1",
    ],
)  # fmt: skip
def test_more_than_one_bare_expression_is_refused(text, engine):
    with pytest.raises(ConfigError) as refused:
        engine.expression(text, SHOP, "key")
    assert str(refused.value) == f"key: {text!r} must be one expression over columns."


@pytest.mark.parametrize("text", ["", " ", "--", "pieces; DROP TABLE kept_1", "pieces +", "pieces) FROM (SELECT 1"])
def test_what_is_no_expression_is_refused(text, engine):
    with pytest.raises(ConfigError) as refused:
        engine.expression(text, SHOP, "key")
    assert str(refused.value) == f"key: {text!r} is neither a column nor an expression over columns."


@pytest.mark.parametrize(
    "text",
    [
        "abs(DISTINCT pieces)", "abs(pieces) FILTER (pieces > 1)", "pieces::nothing", "pieces[1]", "date_trunc(word)",
        "make_date(word, 1, 1)", "strptime(word, '%Q')",
        pytest.param("regexp_matches(word, '(')", marks=pytest.mark.skipif(
            duckdb.__version__ > "2.0.0", reason="DuckDB looks at a pattern later, and finds nothing by it")),
    ],
)  # fmt: skip
def test_parts_that_do_not_fit_together_are_refused_with_the_key(text, engine):
    with pytest.raises(ConfigError, match=r"^key: .*\.$") as refused:
        engine.expression(text, SHOP, "key")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("quantty", "key: there is no column 'quantty'; did you mean 'quantity'?"),
        ("quantty * pieces", "key: there is no column 'quantty'; did you mean 'quantity'?"),
        ("other.pieces", "key: there is no column 'other.pieces'; did you mean 'pieces'?"),
        ("zzz", "key: there is no column 'zzz'; there are quantity, Unit Price, pieces, weight, word."),
    ],
)
def test_a_column_that_is_not_there_is_refused_with_the_nearest(text, said, engine):
    with pytest.raises(DataError) as refused:
        engine.expression(text, SHOP, "key")
    assert str(refused.value) == said


def test_a_row_that_stands_in_the_place_of_the_header_is_not_said_aloud(find, tmp_path):
    (tmp_path / "a.csv").write_text("SECRET@shop.example,2020-01-01,5\nb,2020-01-02,6\n")
    engine, source = find("a.csv")
    with pytest.raises(DataError) as refused:
        engine.expression("zzz", source, "key")
    assert (
        str(refused.value) == "key: there is no column 'zzz'; the first line of the file does not look like a header."
    )


def test_where_must_be_a_condition(find, tmp_path):
    (tmp_path / "a.csv").write_text(csv())
    for where in ("paid", "paid + 1", "'x'"):
        with pytest.raises(ConfigError, match=r"tables\.orders\.where: .* is no condition\."):
            find("a.csv", where=where)


# how values are read ---------------------------------------------------------------------------------------


def read(engine, sql, values, kind):
    listed = ", ".join(f"({n}, CAST({value} AS {kind}))" for n, value in enumerate(values))
    return [row[0] for row in engine.rows(f"SELECT {sql} FROM (VALUES {listed}) t(n, x) ORDER BY n")]


def texts(*values):
    return ["NULL" if value is None else "'" + value.replace("'", "''") + "'" for value in values]


@pytest.mark.parametrize(
    ("kind", "written", "as_text", "as_id"),
    [
        ("VARCHAR", "'007'", "007", "007"),
        ("VARCHAR", "' C 1\t'", "C 1", "C 1"),
        ("VARCHAR", "'\u00a0Zoë\r\n'", "Zoë", "Zoë"),
        ("VARCHAR", "' \t '", None, None),
        ("VARCHAR", "''", None, None),
        ("VARCHAR", "NULL", None, None),
        ("VARCHAR", "'17850.0'", "17850.0", "17850"),
        ("VARCHAR", "'007.0'", "007.0", "007.0"),
        ("VARCHAR", "'1.50'", "1.50", "1.50"),
        ("DOUBLE", "17850.0", "17850", "17850"),
        ("DOUBLE", "17850.5", "17850.5", "17850.5"),
        ("DOUBLE", "1e20", "100000000000000000000", "100000000000000000000"),
        ("DOUBLE", "-0.0", "0", "0"),
        ("DOUBLE", "'nan'", None, None),
        ("DOUBLE", "'-inf'", None, None),
        ("FLOAT", "7", "7", "7"),
        ("DECIMAL(9,2)", "17850", "17850.00", "17850"),
        ("BIGINT", "9007199254740993", "9007199254740993", "9007199254740993"),
        ("ENUM('a', ' b ')", "' b '", "b", "b"),
        ("UUID", "'00000000-0000-0000-0000-000000000001'", *["00000000-0000-0000-0000-000000000001"] * 2),
        ("DATE", "'2020-01-01'", "2020-01-01", "2020-01-01"),
        ("TIMESTAMPTZ", "'2020-01-01 02:00+02'", "2020-01-01 00:00:00+00", "2020-01-01 00:00:00+00"),
    ],
)
def test_words_and_ids_are_read_as_text(kind, written, as_text, as_id, engine):
    assert read(engine, engine.as_text("x", kind), [written], kind) == [as_text]
    assert read(engine, engine.as_id("x", kind), [written], kind) == [as_id]


@pytest.mark.parametrize(
    ("kind", "written", "number", "minor"),
    [
        ("VARCHAR", "' 12.34 '", 12.34, 1234),
        ("VARCHAR", "'1e3'", 1000.0, 100_000),
        ("VARCHAR", "'12,34'", None, None),
        ("VARCHAR", "'€5'", None, None),
        ("VARCHAR", "'nan'", None, None),
        ("VARCHAR", "'Infinity'", None, None),
        ("VARCHAR", "''", None, None),
        ("DOUBLE", "'nan'", None, None),
        ("DOUBLE", "'-inf'", None, None),
        ("DOUBLE", "0.1::DOUBLE + 0.2::DOUBLE", 0.1 + 0.2, 30),
        ("DOUBLE", "-19.999", -19.999, -2000),
        ("DOUBLE", "1e12", 1e12, 10**14),
        ("DOUBLE", "1e13", 1e13, None),
        ("DECIMAL(18,4)", "1.0050", 1.005, 100),
        ("INTEGER", "7", 7.0, 700),
        ("DATE", "'2020-01-01'", None, None),
    ],
)
def test_numbers_are_finite_and_money_is_whole_hundredths(kind, written, number, minor, engine):
    assert read(engine, engine.as_number("x"), [written], kind) == [number]
    assert read(engine, engine.as_minor("x"), [written], kind) == [minor]


@pytest.mark.parametrize(
    ("kind", "written", "claim", "consent"),
    [
        ("BOOLEAN", "true", True, True),
        ("BOOLEAN", "NULL", None, None),
        ("VARCHAR", "' Yes '", True, True),
        ("VARCHAR", "'F'", False, False),
        ("VARCHAR", "'perhaps'", None, False),
        ("VARCHAR", "' '", None, None),
        ("INTEGER", "1", True, True),
        ("INTEGER", "2", None, False),
        ("DOUBLE", "0", False, False),
        ("DOUBLE", "'nan'", None, None),
        ("DOUBLE", "'inf'", None, False),
    ],
)
def test_a_consent_that_is_no_yes_is_a_no(kind, written, claim, consent, engine):
    assert read(engine, engine.as_claim("x", kind), [written], kind) == [claim]
    assert read(engine, engine.as_consent("x", kind), [written], kind) == [consent]
    assert read(engine, engine.is_given("x", kind), [written], kind) == [consent is not None]


def instants(zone, kind, values, date_format=None):
    engine = open_engine(config(timezone=zone))
    sql = engine.as_instant("x", kind, date_format, "key")
    days = read(engine, engine.day_of(sql), values, kind)
    return list(zip(read(engine, f"CAST({sql} AS VARCHAR)", values, kind), days, strict=True))


@pytest.mark.parametrize(
    ("written", "local"),
    [
        ("2020-01-31", "2020-01-31 00:00:00"),
        ("2020/1/31", "2020-01-31 00:00:00"),
        (" 2020-01-31 23:30 ", "2020-01-31 23:30:00"),
        ("2020-01-31T23:30:15.250", "2020-01-31 23:30:15.25"),
        ("2020-01-31T23:30:00Z", "2020-02-01 00:30:00"),
        ("2020-01-31t23:30:00z", "2020-02-01 00:30:00"),
        ("2020-01-31 23:30 UTC", "2020-02-01 00:30:00"),
        ("2020-01-31 23:30:00+00", "2020-02-01 00:30:00"),
        ("2020-01-31 23:30:00 +0000", "2020-02-01 00:30:00"),
        ("2020-01-31 23:30:00-08:00", "2020-02-01 08:30:00"),
        ("2020-03-29T00:59:59Z", "2020-03-29 01:59:59"),  # the last second before the clock is put forward
        ("2020-03-29T01:00:00Z", "2020-03-29 03:00:00"),
        ("2020-10-25T00:30:00Z", "2020-10-25 02:30:00"),  # the same time on the clock twice
        ("2020-10-25T01:30:00Z", "2020-10-25 02:30:00"),
        ("2020-03-29 02:30:00", "2020-03-29 02:30:00"),  # a time that never was, as the source wrote it
        ("2020-02-30", None),
        ("2020-01-31 25:00", None),
        ("2020-01-31 2:30 PM", None),
        ("2020-01-31 12:00 Europe/Paris", None),
        ("31.01.2020", None),
        ("01/02/2020", None),
        ("20200131", None),
        ("1580511600", None),
        ("today", None),
        ("epoch", None),
        ("infinity", None),
        ("9999-12-31", None),
        ("", None),
    ],
)
def test_an_instant_as_text_is_read_as_iso_has_it_in_the_business_time_zone(written, local):
    assert instants("Europe/Berlin", "VARCHAR", texts(written))[0][0] == local


@pytest.mark.parametrize(
    ("kind", "written", "local"),
    [
        ("DATE", "'2020-01-31'", "2020-01-31 00:00:00"),
        ("TIMESTAMP", "'2020-01-31 23:30:00'", "2020-01-31 23:30:00"),
        ("TIMESTAMP_NS", "'2020-01-31 23:30:00'", "2020-01-31 23:30:00"),
        ("TIMESTAMP WITH TIME ZONE", "'2020-01-31 23:30:00+00'", "2020-02-01 00:30:00"),
        ("TIMESTAMP", "'infinity'", None),
        ("DATE", "'-infinity'", None),
        ("TIMESTAMP", "'290000-01-01'", None),
        ("DATE", "'0044-03-15 (BC)'", None),
        ('"NULL"', "NULL", None),
        ("ENUM('2020-01-31')", "'2020-01-31'", "2020-01-31 00:00:00"),
    ],
)
def test_an_instant_with_a_type_needs_no_format(kind, written, local):
    for date_format in (None, "%d.%m.%Y") if not kind.startswith("ENUM") else (None,):
        assert instants("Europe/Berlin", kind, [written], date_format)[0][0] == local


@pytest.mark.parametrize(
    ("kind", "written", "date_format", "local"),
    [
        ("VARCHAR", "'31.01.2020'", "%d.%m.%Y", "2020-01-31 00:00:00"),
        ("VARCHAR", "'31.01.2020 23:30'", "%d.%m.%Y", None),
        ("VARCHAR", "'2020-01-31'", "%d.%m.%Y", None),
        ("VARCHAR", "'1/31/20 11:30 PM'", "%m/%d/%y %I:%M %p", "2020-01-31 23:30:00"),
        ("VARCHAR", "'31.01.2020 23:30 +0000'", "%d.%m.%Y %H:%M %z", "2020-02-01 00:30:00"),
        ("INTEGER", "20200131", "%Y%m%d", "2020-01-31 00:00:00"),
        ("DOUBLE", "20200131", "%Y%m%d", "2020-01-31 00:00:00"),
        ("BIGINT", "0", "%Y%m%d", None),
    ],
)
def test_a_date_format_says_how_dates_are_written(kind, written, date_format, local):
    assert instants("Europe/Berlin", kind, [written], date_format)[0][0] == local


def test_days_and_seconds_are_counted_down_to_the_whole(engine):
    written = texts("1970-01-01 00:00:00.999", "1970-01-02", "1969-12-31 23:59:59.999")
    sql = engine.as_instant("x", "VARCHAR", None, "key")
    assert read(engine, engine.second_of(sql), written, "VARCHAR") == [0, 86_400, -1]
    assert read(engine, engine.day_of(sql), written, "VARCHAR") == [0, 1, -1]


def test_numbers_as_dates_are_refused_with_a_way_to_say_how_they_are_written(engine):
    with pytest.raises(ConfigError) as refused:
        engine.as_instant("x", "BIGINT", None, "tables.orders.columns.ordered_at")
    assert str(refused.value) == (
        "tables.orders.columns.ordered_at: BIGINT is no date; say how it is written with date_format, as %Y%m%d."
    )
    with pytest.raises(ConfigError, match="key: STRUCT is no date; say how"):
        engine.as_instant("x", "STRUCT(klara BIGINT)[]", None, "key")  # names within a type may be somebody's


@settings(max_examples=60, deadline=None)
@given(
    st.datetimes(datetime(1995, 1, 1), datetime(2024, 12, 31)),  # noqa: DTZ001
    st.sampled_from(["Europe/Berlin", "America/New_York", "Asia/Kolkata", "Pacific/Auckland", "UTC"]),
    st.sampled_from(["Europe/London", "Asia/Tokyo", "America/St_Johns"]),
)
def test_python_reads_the_same_instants_on_the_same_days(engine, when, zone, written_in):
    when = when.replace(microsecond=0, tzinfo=UTC)
    local = when.astimezone(ZoneInfo(zone))
    sql = Engine(engine._connection, zone, engine._spill).as_instant("x", "VARCHAR", None, "key")
    written = texts(when.astimezone(ZoneInfo(written_in)).isoformat())
    wall_seconds = int(local.replace(tzinfo=UTC).timestamp())
    assert read(engine, engine.day_of(sql), written, "VARCHAR") == [wall_seconds // 86_400]
    assert read(engine, engine.second_of(sql), written, "VARCHAR") == [wall_seconds]


# frames ----------------------------------------------------------------------------------------------------


def numbers(engine, count, order="range"):
    """Make rows with ties, nulls and text, in a given order."""
    return engine.lazy(
        "SELECT 'C' || (range % 97) AS customer_id, range AS n, CASE WHEN range % 5 > 0 THEN range / 7 END AS share, "
        f"'ü' || (range % 3) AS word FROM range({count}) ORDER BY {order}"
    )


def test_a_kept_frame_is_not_computed_again(engine):
    kept = engine.keep(engine.lazy("SELECT random() AS x FROM range(3)"))
    assert engine.collect(kept, "x") == engine.collect(kept, "x")


PARTS = [("o1", "p1", 1.0, "a"), ("o1", "p1", 1.0, "b"), ("o2", "p1", 1.0, "a"), ("o2", "p1", 1.0, "a"), (None,) * 4]


@pytest.mark.parametrize("telling", [(), ("order", "product"), ("order",), ("product", "paid"), ("order", "word")])
@pytest.mark.parametrize(("rows", "again"), [(PARTS, [PARTS[3]]), (PARTS[:3], None), ([PARTS[4]] * 3, [PARTS[4]] * 2)])
def test_rows_equal_in_all_columns_are_flagged_whatever_tells_them_apart(engine, telling, rows, again):
    names = ("order", "product", "paid", "word")
    given = engine.given(pa.table(dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))))
    found = engine.repeats(given, names, "again", telling)
    if again is None:
        assert found is None
    else:
        told = engine.collect(found).to_pylist()
        assert len(told) == len(rows)
        assert [tuple(row[name] for name in names) for row in told if row["again"]] == again


def test_batches_hold_all_rows_in_order(engine):
    batches = list(engine.batches(numbers(engine, BATCH_ROWS + 10, "hash(range)"), "n"))
    assert max(len(batch) for batch in batches) <= BATCH_ROWS
    assert pa.Table.from_batches(batches)["n"].to_pylist() == list(range(BATCH_ROWS + 10))


def test_batches_that_are_not_read_to_their_end_leave_the_engine_free(engine):
    for _ in engine.batches(numbers(engine, BATCH_ROWS * 3)):
        break
    assert engine.rows("SELECT 1") == [(1,)]


def test_an_empty_frame_keeps_its_columns(engine):
    found = engine.collect(numbers(engine, 0))
    assert found.num_rows == 0
    assert found.schema.names == ["customer_id", "n", "share", "word"]


@settings(max_examples=40, deadline=None)
@given(st.sets(st.text(min_size=1, max_size=8), min_size=1, max_size=40), st.floats(0, 1))
def test_a_sample_depends_on_nothing_but_ids(engine, ids, share):
    def first(text):
        return int(hashlib.sha256(text.encode()).hexdigest()[:8], 16) < int(share * 2**32)

    table = pa.table({"customer_id": sorted(ids) * 2})
    frame = engine.lazy(engine.frame("orders", table, Table(source="x", columns={})).sql)
    found = engine.collect(engine.sample(frame, "customer_id", share), "customer_id")
    assert found["customer_id"].to_pylist() == sorted([one for one in ids if first(one)] * 2, key=str.encode)


def test_a_larger_sample_holds_a_smaller_one_and_the_whole_holds_all(engine):
    frame = numbers(engine, 97)
    small, large, whole = (
        set(engine.collect(engine.sample(frame, "customer_id", share))["customer_id"].to_pylist())
        for share in (0.2, 0.6, 1.0)
    )
    assert small < large < whole
    assert len(whole) == 97


def test_equal_rows_make_equal_bytes_whatever_their_order_and_the_threads(tmp_path):
    written = set()
    for threads, order in ((1, "range"), (1, "hash(range)"), (2, "-range"), (4, "hash(range + 1)")):
        engine = open_engine(config(threads=threads))
        engine.write_parquet(numbers(engine, 300_000, order), tmp_path / "a.parquet", "word", "customer_id")
        written.add((tmp_path / "a.parquet").read_bytes())
    assert len(written) == 1
    table = pq.read_table(tmp_path / "a.parquet")
    assert table.num_rows == 300_000
    assert table.slice(0, 2).to_pylist() == [
        {"customer_id": "C0", "n": 0, "share": None, "word": "ü0"},
        {"customer_id": "C0", "n": 291, "share": 291 / 7, "word": "ü0"},
    ]


def test_an_empty_frame_makes_a_file_with_columns_and_no_rows(engine, tmp_path):
    engine.write_parquet(numbers(engine, 0), tmp_path / "it's.parquet", "n")
    table = pq.read_table(tmp_path / "it's.parquet")
    assert table.num_rows == 0
    assert table.schema.names == ["customer_id", "n", "share", "word"]
    assert pq.ParquetFile(tmp_path / "it's.parquet").metadata.num_rows == 0


def test_columns_of_every_type_can_be_written(engine, tmp_path):
    frame = engine.lazy(
        "SELECT 1::HUGEINT AS h, [1, 2] AS l, {'a': 1} AS s, INTERVAL 1 DAY AS i, TIMESTAMPTZ '2020-01-01' AS z, "
        "'a'::ENUM('a', 'b') AS e, uuid() AS u, NULL AS n, 1.5::DECIMAL(9, 2) AS d, "
        "MAP {'k': 1} AS m, '\\x00'::BLOB AS b"
    )
    engine.write_parquet(frame, tmp_path / "a.parquet")
    assert pq.ParquetFile(tmp_path / "a.parquet").metadata.num_columns >= 11


def test_a_file_that_cannot_be_written_is_told_in_a_sentence(engine, tmp_path):
    with pytest.raises(DataError) as error:
        engine.write_parquet(numbers(engine, 1), tmp_path / "none/a.parquet")
    assert str(error.value).startswith(f"{tmp_path}/none/a.parquet cannot be written: Cannot open file")
    assert "\n" not in str(error.value)


def test_an_engine_leaves_nothing_in_the_working_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    engine = open_engine(config(tmp_path))
    engine.keep(numbers(engine, 1000))
    engine.close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("Out of Memory Error: failed to pin block of size 256.0 KiB (953.5 MiB/953.6 MiB used)", "memory or room"),
        ("IO Error: Could not write all bytes to file: No space left on device", "the disk is full"),
    ],
)
def test_a_stream_that_ends_for_want_of_memory_or_disk_ends_in_words(said, told):
    with pytest.raises(DataError, match=f"^the tables: {told}"), in_words("the tables"):
        raise OSError(said)
    with pytest.raises(OSError, match="Broken pipe"), in_words("the tables"):
        raise BrokenPipeError("Broken pipe")


def test_a_gzip_file_that_is_damaged_within_is_refused_though_it_can_be_read(find, tmp_path):
    """The engine compares no checksum: a flipped bit would be another number."""
    packed = bytearray(gzip.compress(b"id,at,paid\n" + b"1,2024-01-01,5\n" * 9, compresslevel=0))
    packed[packed.index(b",5") + 1] = ord("6")
    (tmp_path / "x.csv.gz").write_bytes(packed)
    with pytest.raises(DataError, match=r"x\.csv\.gz is no gzip file, or only a part of one\.$"):
        find("x.csv.gz")


def test_a_parquet_file_whose_footer_is_damaged_is_told_so(find, tmp_path):
    pq.write_table(pa.table({"id": [1, 2]}), tmp_path / "x.parquet")
    whole = (tmp_path / "x.parquet").read_bytes()
    said = set()
    for place in range(12, 60):
        content = bytearray(whole)
        content[-place] = 0xFF
        (tmp_path / "x.parquet").write_bytes(content)
        try:
            find("x.parquet")
        except DataError as error:
            said.add(str(error))
    assert "tables.orders cannot be read: it is damaged." in said


def test_names_of_columns_are_listed_in_part_if_they_are_long(engine):
    source = Source("SELECT 1", {"x" * 5000: "VARCHAR", "y": "VARCHAR"})
    with pytest.raises(DataError) as error:
        engine.expression("paid", source, "key")
    assert str(error.value) == f"key: there is no column 'paid'; there are {'x' * 60}…, y."


def test_customers_that_are_kept_apart_are_each_in_one_part_and_nobody_is_lost(tmp_path):
    plan = {"project": "shop", "tables": {"orders": ORDERS}, "memory_limit": "1MB", "temp_dir": tmp_path, "threads": 1}
    engine = open_engine(Config(**plan))
    rows = pa.table({"customer_id": [f"c{number % 97}" for number in range(500)], "day": range(500)})
    few = rows.slice(0, 1)
    frames = {"many": engine.given(rows), "few": engine.given(few), "none": engine.given(rows.slice(0, 0))}
    apart = {name: engine.keep_in_parts(frame, 3) for name, frame in frames.items()}
    assert engine.collect(apart["many"], "day") == rows
    parts = [
        {name: engine.collect(frame, "day") for name, frame in part.items()}
        for part in engine.in_parts(apart | {"beside": frames["many"]})
    ]
    assert len(parts) == 3
    assert all(part["many"] == part["beside"] for part in parts), "what was not kept apart is divided in the same way"
    customers = [set(part["many"]["customer_id"].to_pylist()) for part in parts]
    assert sum(map(len, customers)) == len(set().union(*customers)) == 97
    for name, whole in (("many", rows), ("few", few), ("none", rows.slice(0, 0))):
        assert pa.concat_tables(part[name] for part in parts).sort_by("day") == whole
    engine.drop(apart["many"])
    assert len(list(tmp_path.glob("clm-ml-parts-*"))) == 1, "of the few"
    engine.close()
    assert list(tmp_path.iterdir()) == []


def test_where_rows_cannot_be_laid_apart_is_told_and_what_fails_midway_leaves_nothing(tmp_path):
    plan = {"project": "shop", "tables": {"orders": ORDERS}, "threads": 1}
    (tmp_path / "file").touch()
    nowhere = open_engine(Config(**plan, temp_dir=tmp_path / "file/spill"))
    rows = pa.table({"customer_id": ["a", "b"], "text": ["1", "x"]})
    with pytest.raises(ConfigError, match=r"temp_dir: .*file/spill cannot be written: Not a directory"):
        nowhere.keep_in_parts(nowhere.given(rows), 2)
    engine = open_engine(Config(**plan, temp_dir=tmp_path / "spill"))
    frame = engine.given(rows).with_columns(number=nw.col("text").cast(nw.Int64))
    with pytest.raises(DataError):
        engine.keep_in_parts(frame, 2)
    assert list((tmp_path / "spill").iterdir()) == []
