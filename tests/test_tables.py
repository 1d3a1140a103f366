"""Every row is used or quarantined with its reason; behind the door ids are text, time is days, money is whole."""

import re
from collections import Counter
from datetime import date

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clm_ml.config import Config
from clm_ml.engine import open_engine
from clm_ml.errors import ConfigError, DataError
from clm_ml.tables import read_tables
from clm_ml.timeline import day_of

UNTIL = date(2020, 3, 1)

#: The columns that the drawn tables below may have, called there as here, but for `note`, which nobody maps.
COLUMNS = {
    "orders": "customer_id ordered_at amount order_id category quantity discount channel is_return loaded_at",
    "events": "customer_id occurred_at event_type value channel campaign duration_seconds loaded_at",
    "customers": "customer_id email country created_at may_contact may_profile contact_email shoe_size",
    "contacts": "customer_id campaign contacted_at arm channel cost",
    "spend": "spent_on amount channel campaign",
}
GOOD = {
    "orders": "customer_id ordered_at amount\nc1 2020-01-01 5",
    "events": "customer_id occurred_at event_type\nc1 2020-01-01 visit",
    "customers": "customer_id\nc1",
    "contacts": "customer_id campaign contacted_at\nc1 autumn 2020-01-01",
    "spend": "spent_on amount\n2020-01-01 5",
}


def drawn(text):
    """Read a drawn table: cells between blanks, `_` is a blank within one, `.` is nothing."""
    header, *rows = [line.split() for line in text.strip().splitlines()]
    cells = [[None if cell == "." else cell.replace("_", " ") for cell in row] for row in rows]
    return pa.table({name: pa.array([row[n] for row in cells], pa.string()) for n, name in enumerate(header)})


def plan(table, frame, **more):
    columns = {name: name for name in frame.schema.names if name in COLUMNS[table].split()}
    return {"source": "given", "columns": columns, "max_rejected_share": 1, **more}


def read(engine=None, frames=None, config=None, plans=None, **tables):
    """Read drawn tables (orders are given if not drawn)."""
    frames = {"orders": drawn(GOOD["orders"])} | {name: drawn(text) for name, text in tables.items()} | (frames or {})
    planned = {name: plan(name, frame, **(plans or {}).get(name, {})) for name, frame in frames.items()}
    settings = {"project": "shop", "threads": 1, "complete_until": UNTIL, "tables": planned, **(config or {})}
    return read_tables(Config(**settings), engine, **frames)


def rows_of(tables, name, *columns):
    frame = getattr(tables, name)
    found = tables.engine.collect(frame.select(*columns)).to_pylist()
    return sorted((tuple(row.values()) for row in found), key=repr)


def quarantined(tables, name="orders", *columns):
    found = tables.engine.collect(tables.quarantined[name]).to_pylist()
    return sorted((tuple(row[column] for column in ("reason", *columns)) for row in found), key=repr)


@pytest.fixture(scope="module")
def engine():
    """Lend one engine to the tests that need no setting of their own."""
    engine = open_engine(Config(project="shop", threads=1, tables={"orders": plan("orders", drawn(GOOD["orders"]))}))
    yield engine
    engine.close()


# reasons ---------------------------------------------------------------------------------------------------

REASONS = [
    ("orders", "customer_id ordered_at amount\n. 2020-01-02 5", "no customer"),
    ("orders", "customer_id ordered_at amount\n_ 2020-01-02 5", "no customer"),
    ("orders", "customer_id ordered_at amount\nc 2020-02-30 5", "unreadable date"),
    ("orders", "customer_id ordered_at amount\nc . 5", "unreadable date"),
    ("orders", "customer_id ordered_at amount loaded_at\nc 2020-01-02 5 soon", "unreadable date"),
    ("orders", "customer_id ordered_at amount loaded_at\nc 2020-01-02 5 .", "unreadable date"),
    ("orders", "customer_id ordered_at amount\nc 1989-12-31 5", "date out of range"),
    ("orders", "customer_id ordered_at amount\nc 2020-03-01 5", "date out of range"),
    ("orders", "customer_id ordered_at amount\nc 2020-03-01T00:00:00Z 5", "date out of range"),
    ("orders", "customer_id ordered_at amount\nc 2020-01-02 five", "unreadable number"),
    ("orders", "customer_id ordered_at amount\nc 2020-01-02 .", "unreadable number"),
    ("orders", "customer_id ordered_at amount\nc 2020-01-02 nan", "unreadable number"),
    ("orders", "customer_id ordered_at amount\nc 2020-01-02 inf", "unreadable number"),
    ("orders", "customer_id ordered_at amount\nc 2020-01-02 1e13", "unreadable number"),
    ("orders", "customer_id ordered_at amount discount\nc 2020-01-02 5 some", "unreadable number"),
    ("orders", "customer_id ordered_at amount quantity\nc 2020-01-02 5 two", "unreadable number"),
    ("orders", "customer_id ordered_at amount quantity\nc 2020-01-02 5 inf", "unreadable number"),
    ("orders", "customer_id ordered_at amount quantity\nc 2020-01-02 5 0", "impossible quantity"),
    ("orders", "customer_id ordered_at amount quantity\nc 2020-01-02 5 1e10", "impossible quantity"),
    ("orders", "customer_id ordered_at amount quantity\nc 2020-01-02 5 -1e10", "impossible quantity"),
    ("orders", "customer_id ordered_at amount is_return\nc 2020-01-02 5 perhaps", "unreadable yes or no"),
    ("events", "customer_id occurred_at event_type\n. 2020-01-02 visit", "no customer"),
    ("events", "customer_id occurred_at event_type\nc then visit", "unreadable date"),
    ("events", "customer_id occurred_at event_type\nc 2020-03-01 visit", "date out of range"),
    ("events", "customer_id occurred_at event_type\nc 2020-01-02 _", "no event type"),
    ("events", "customer_id occurred_at event_type value\nc 2020-01-02 visit high", "unreadable number"),
    ("events", "customer_id occurred_at event_type duration_seconds\nc 2020-01-02 visit long", "unreadable number"),
    ("customers", "customer_id\n.", "no customer"),
    ("customers", "customer_id created_at\nc early", "unreadable date"),
    ("customers", "customer_id created_at\nc 2020-03-01", "date out of range"),
    ("contacts", "customer_id campaign contacted_at\n. autumn 2020-01-02", "no customer"),
    ("contacts", "customer_id campaign contacted_at\nc . 2020-01-02", "no campaign"),
    ("contacts", "customer_id campaign contacted_at\nc autumn 2020-03-01", "date out of range"),
    ("contacts", "customer_id campaign contacted_at cost\nc autumn 2020-01-02 much", "unreadable number"),
    ("spend", "spent_on amount\nthen 5", "unreadable date"),
    ("spend", "spent_on amount\n2020-03-01 5", "date out of range"),
    ("spend", "spent_on amount\n2020-01-02 much", "unreadable number"),
]


@pytest.mark.parametrize(("table", "row", "reason"), REASONS)
def test_a_bad_row_is_quarantined_with_its_reason_and_a_good_one_is_used(table, row, reason, engine):
    header, bad = row.splitlines()
    good = dict(zip(*[line.split() for line in GOOD[table].splitlines()], strict=True))
    good |= {"loaded_at": "2020-01-01", "quantity": "1"}
    cells = " ".join(good.get(column, ".") for column in header.split())
    tables = read(engine, **{table: f"{header}\n{cells}\n{bad}"})
    assert tables.counts[table].rejected == {reason: 1}
    assert (tables.counts[table].read, tables.counts[table].used) == (2, 1)
    first = header.split()[0]
    assert quarantined(tables, table, first) == [(reason, drawn(row)[first][0].as_py())]


def test_the_days_at_both_edges_belong_to_one_side_each(engine):
    tables = read(
        engine,
        plans={"orders": {"min_date": "2020-01-01"}},
        orders="""
            customer_id  ordered_at           amount
            before       2019-12-31_23:59:59  1
            first        2020-01-01_00:00:00  1
            last         2020-02-29_23:59:59  1
            after        2020-03-01_00:00:00  1
        """,
    )
    assert rows_of(tables, "orders", "customer_id") == [("first",), ("last",)]
    assert (tables.counts["orders"].first_day, tables.counts["orders"].last_day) == (
        day_of(date(2020, 1, 1)),
        day_of(date(2020, 2, 29)),
    )
    assert tables.first_day == day_of(date(2020, 1, 1))


def test_the_first_rule_that_is_broken_is_the_reason(engine):
    tables = read(
        engine,
        orders="""
            customer_id  ordered_at  amount  quantity  is_return
            .            never       much    0         perhaps
            c1           never       much    0         perhaps
            c1           2020-03-01  much    0         perhaps
            c1           2020-01-01  much    0         perhaps
            c1           2020-01-01  5       0         perhaps
            c1           2020-01-01  5       1         perhaps
            c1           2020-01-01  5       1         no
        """,
    )
    assert tables.counts["orders"].rejected == dict.fromkeys(
        [
            "date out of range",
            "impossible quantity",
            "no customer",
            "unreadable date",
            "unreadable number",
            "unreadable yes or no",
        ],
        1,
    )


def test_of_equal_lines_one_is_used_and_lines_that_differ_in_any_column_are_all_used(engine):
    tables = read(
        engine,
        orders="""
            customer_id  ordered_at  amount  note
            c1           2020-01-01  5       a
            c1           2020-01-01  5       a
            c1           2020-01-01  5       a
            c1           2020-01-01  5       b
            c1           2020-01-01  5       .
            c2           2020-01-01  .       a
            c2           2020-01-01  .       a
        """,
    )
    assert tables.counts["orders"].rejected == {"duplicate line": 2, "unreadable number": 2}
    assert tables.counts["orders"].used == 3


def test_of_a_repeated_customer_the_row_that_permits_least_is_used(engine):
    tables = read(
        engine,
        customers="""
            customer_id  may_contact  contact_email  email
            c1           yes          yes            a@x
            _c1_         no           yes            b@x
            c1           .            no             c@x
            c2           yes          yes            a@x
            c2           yes          .              b@x
            c3           yes          yes            b@x
            c3           yes          yes            a@x
            c3           yes          yes            a@x
        """,
    )
    assert rows_of(tables, "customers", "customer_id", "email") == [("c1", "b@x"), ("c2", "b@x"), ("c3", "a@x")]
    assert tables.counts["customers"].rejected == {"repeated customer": 5}


def test_a_consent_that_is_not_a_yes_is_a_no_and_one_that_is_not_told_stays_open(engine):
    tables = read(
        engine,
        customers="""
            customer_id  may_contact
            c1           Yes
            c2           0
            c3           vielleicht
            c4           .
        """,
    )
    assert rows_of(tables, "customers", "customer_id", "may_contact") == [
        ("c1", True),
        ("c2", False),
        ("c3", False),
        ("c4", None),
    ]


def test_a_customer_need_not_say_when_they_were_created(engine):
    tables = read(engine, customers="customer_id created_at\nc1 .\nc2 2020-01-01\nc3 _")
    assert rows_of(tables, "customers", "customer_id", "created_day") == [
        ("c1", None),
        ("c2", day_of(date(2020, 1, 1))),
        ("c3", None),
    ]


def test_optional_numbers_may_be_missing(engine):
    tables = read(
        engine, events="customer_id occurred_at event_type value\nc1 2020-01-01 visit .\nc2 2020-01-01 visit _"
    )
    assert rows_of(tables, "events", "customer_id", "value") == [("c1", None), ("c2", None)]
    typed = pa.table({"customer_id": ["c1"], "spent_on": [date(2020, 1, 1)], "amount": [float("nan")]})
    with pytest.raises(DataError, match="unreadable number 1"):
        read(engine, frames={"spend": typed})


def test_quarantine_keeps_the_row_as_it_came(engine):
    orders = pa.table(
        {
            "reason": ["gift", "own use"],
            "customer_id": [17850.0, None],
            "ordered_at": [date(2020, 1, 1), date(2020, 1, 2)],
            "amount": [5.0, 6.0],
            "tags": [["a"], ["b", "c"]],
        }
    )
    tables = read(engine, frames={"orders": orders})
    assert tables.engine.collect(tables.quarantined["orders"]).to_pylist() == [
        {
            "reason": "no customer",
            "source_reason": "own use",
            "customer_id": None,
            "ordered_at": date(2020, 1, 2),
            "amount": 6.0,
            "tags": ["b", "c"],
        }
    ]


def test_quarantine_can_be_written_even_if_it_is_empty(engine, tmp_path):
    tables = read(engine, orders=GOOD["orders"])
    tables.engine.write_parquet(tables.quarantined["orders"], tmp_path / "orders.parquet", "reason")
    written = pq.read_table(tmp_path / "orders.parquet")
    assert written.schema.names == ["reason", "customer_id", "ordered_at", "amount"]
    assert written.num_rows == 0


# how much may be rejected ----------------------------------------------------------------------------------

HALF = """
    customer_id  ordered_at  amount
    c1           2020-01-01  5
    c2           2020-01-02  5
    SECRET       never       5
    SECRET       2020-01-02  much
"""


def test_as_much_may_be_rejected_as_the_share_allows_and_no_more(engine):
    tables = read(engine, orders=HALF, plans={"orders": {"max_rejected_share": 0.5}})
    assert tables.counts["orders"].rejected_share == 0.5
    with pytest.raises(DataError) as refused:
        read(engine, orders=HALF, plans={"orders": {"max_rejected_share": 0.49}})
    assert refused.value.exit_code == 12
    assert str(refused.value) == (
        "tables.orders: 2 of 4 rows are rejected (unreadable date 1, unreadable number 1), more than "
        "max_rejected_share 0.49 allows; mend the mapping or the data, or raise the share."
    )


def test_each_table_has_its_own_share(engine):
    events = HALF.replace("ordered_at", "occurred_at").replace("amount", "event_type").replace("much", ".")
    with pytest.raises(DataError, match=r"tables\.events: 2 of 4 rows are rejected"):
        read(engine, orders=HALF, events=events, plans={"events": {"max_rejected_share": 0.1}})


@pytest.mark.parametrize("until", [UNTIL, None])
def test_a_table_of_which_nothing_is_left_is_refused_with_the_reasons_counted(until, engine):
    with pytest.raises(DataError) as refused:
        read(
            engine,
            config={"complete_until": until},
            orders="customer_id ordered_at amount\nc1 01.02.2020 5\nc1 02.02.2020 5\n. 02.02.2020 5",
        )
    assert str(refused.value) == (
        "tables.orders: every row is rejected (no customer 1, unreadable date 2); mend the data, or the mapping: "
        "columns, date_format, min_date, complete_until."
    )


def test_a_table_without_rows_is_refused(engine):
    for until in (UNTIL, None):
        with pytest.raises(DataError, match=r"^tables\.orders: there is no row\.$"):
            read(engine, config={"complete_until": until}, orders="customer_id ordered_at amount")
    with pytest.raises(DataError, match=r"^tables\.events: there is no row that where lets in\.$"):
        read(engine, events=GOOD["events"], plans={"events": {"where": "event_type = 'sale'"}})


# what is behind the door -----------------------------------------------------------------------------------


def test_ids_are_text_and_the_same_id_written_in_two_ways_is_one(engine):
    orders = pa.table({"customer_id": [17850.0, 7.0], "ordered_at": ["2020-01-01"] * 2, "amount": [1, 1]})
    tables = read(
        engine,
        frames={"orders": orders},
        events="customer_id occurred_at event_type\n17850.0 2020-01-01 a\n_7 2020-01-01 a\n007 2020-01-01 a",
        customers="customer_id\n17850\n7\nC-1.0",
    )
    assert rows_of(tables, "orders", "customer_id") == [("17850",), ("7",)]
    assert rows_of(tables, "events", "customer_id") == [("007",), ("17850",), ("7",)]
    assert rows_of(tables, "customers", "customer_id") == [("17850",), ("7",), ("C-1.0",)]


def test_money_is_whole_hundredths_and_words_are_trimmed(engine):
    tables = read(
        engine,
        orders="customer_id ordered_at amount discount channel\nc1 2020-01-01 19.99 0.1 _web_\nc2 2020-01-01 1e3 . _",
        spend="spent_on amount campaign\n2020-01-01 0.07 autumn",
        contacts="customer_id campaign contacted_at cost\nc1 autumn 2020-01-01 .005",
    )
    assert rows_of(tables, "orders", "customer_id", "amount_minor", "discount_minor", "channel") == [
        ("c1", 1999, 10, "web"),
        ("c2", 100_000, None, None),
    ]
    assert rows_of(tables, "spend", "day", "amount_minor") == [(day_of(date(2020, 1, 1)), 7)]
    assert rows_of(tables, "contacts", "cost_minor", "campaign") == [(1, "autumn")]


def test_a_return_lowers_spend_however_the_source_marks_it(engine):
    tables = read(
        engine,
        orders="""
            customer_id  ordered_at  amount  quantity  is_return
            sale         2020-01-01  5       2         no
            untold       2020-01-01  5       .         .
            gift         2020-01-01  0       1         .
            said         2020-01-01  5       2         yes
            both         2020-01-01  -5      -2        yes
            amount       2020-01-01  -5      2         no
            quantity     2020-01-01  5       -2        no
            stock        2020-01-01  0       -2        .
        """,
    )
    assert rows_of(tables, "orders", "customer_id", "is_return", "amount_minor", "quantity") == [
        ("amount", True, -500, -2.0),
        ("both", True, -500, -2.0),
        ("gift", False, 0, 1.0),
        ("quantity", True, -500, -2.0),
        ("said", True, -500, -2.0),
        ("sale", False, 500, 2.0),
        ("stock", True, 0, -2.0),
        ("untold", False, 500, None),
    ]


def test_a_return_is_known_by_its_amount_alone(engine):
    tables = read(engine, orders="customer_id ordered_at amount\nsale 2020-01-01 5\nback 2020-01-01 -5")
    assert rows_of(tables, "orders", "customer_id", "is_return") == [("back", True), ("sale", False)]


def test_an_instant_belongs_to_its_day_in_the_business_time_zone():
    tables = read(
        config={"timezone": "Europe/Berlin"},
        orders="""
            customer_id  ordered_at             amount
            c1           2020-01-31T22:30:00Z   1
            c2           2020-01-31T23:30:00Z   1
            c3           2020-01-31_23:30       1
            c4           2020-02-29T23:30:00Z   1
        """,
    )
    january = day_of(date(2020, 1, 31))
    assert rows_of(tables, "orders", "customer_id", "day", "second") == [
        ("c1", january, january * 86_400 + 23 * 3600 + 1800),
        ("c2", january + 1, (january + 1) * 86_400 + 1800),
        ("c3", january, january * 86_400 + 23 * 3600 + 1800),
    ]
    assert quarantined(tables, "orders", "customer_id") == [("date out of range", "c4")]


def test_a_row_is_known_from_the_later_of_its_day_and_the_day_it_was_loaded(engine):
    tables = read(
        engine,
        orders="""
            customer_id  ordered_at  amount  loaded_at
            same         2020-01-05  1       2020-01-05
            late         2020-01-05  1       2020-01-09T01:00:00Z
            early        2020-01-05  1       2020-01-01
            after        2020-01-05  1       2020-06-01
        """,
        events=GOOD["events"],
    )
    fifth = day_of(date(2020, 1, 5))
    assert rows_of(tables, "orders", "customer_id", "day", "known_day") == [
        ("after", fifth, day_of(date(2020, 6, 1))),
        ("early", fifth, fifth),
        ("late", fifth, fifth + 4),
        ("same", fifth, fifth),
    ]
    assert rows_of(tables, "events", "day", "known_day") == [(fifth - 4, fifth - 4)]
    assert tables.has_loaded_at
    assert not read(engine).has_loaded_at


def test_a_date_format_says_how_dates_are_written_and_a_bad_one_is_refused(engine):
    orders = "customer_id ordered_at amount loaded_at\nc1 31/01/2020 5 01/02/2020\nc2 2020-01-31 5 01/02/2020"
    tables = read(engine, orders=orders, plans={"orders": {"date_format": "%d/%m/%Y"}})
    assert rows_of(tables, "orders", "customer_id", "day", "known_day") == [
        ("c1", day_of(date(2020, 1, 31)), day_of(date(2020, 2, 1)))
    ]
    with pytest.raises(ConfigError, match=r"^tables\.orders\.date_format: Failed to parse format specifier %Q"):
        read(engine, orders=orders, plans={"orders": {"date_format": "%Q"}})


def test_numbers_are_no_dates_until_a_format_says_how_they_are_written(engine):
    orders = pa.table({"customer_id": ["c1"], "ordered_at": [20200131], "amount": [5]})
    with pytest.raises(ConfigError) as refused:
        read(engine, frames={"orders": orders})
    assert str(refused.value) == (
        "tables.orders.columns.ordered_at: BIGINT is no date; say how it is written with date_format, as %Y%m%d."
    )
    tables = read(engine, frames={"orders": orders}, plans={"orders": {"date_format": "%Y%m%d"}})
    assert rows_of(tables, "orders", "day") == [(day_of(date(2020, 1, 31)),)]


def test_columns_and_where_may_be_expressions(engine):
    frame = drawn(
        "Who When Pieces Price Kind\nc1 2020-01-01 3 1.50 sale\nc2 2020-01-01 -1 2 sale\nc3 2020-01-01 1 9 test"
    )
    columns = {
        "customer_id": "upper(Who)",
        "ordered_at": "When",
        "amount": "Pieces * Price",
        "quantity": "Pieces",
        "channel": "'web'",
    }
    tables = read(engine, frames={"orders": frame}, plans={"orders": {"columns": columns, "where": "Kind = 'sale'"}})
    assert rows_of(tables, "orders", "customer_id", "amount_minor", "channel") == [
        ("C1", 450, "web"),
        ("C2", -200, "web"),
    ]


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"columns": {"amount": "Amont"}}, DataError, "tables.orders.columns.amount: there is no column 'Amont'"),
        ({"where": "amont > 0"}, DataError, "tables.orders.where: there is no column 'amont'; did you mean 'amount'?"),
        ({"where": "getenv('HOME') = 'x'"}, ConfigError, "tables.orders.where: the function getenv is not allowed"),
        ({"columns": {"amount": "sum(amount)"}}, ConfigError, "tables.orders.columns.amount: the function sum is not"),
    ],
)
def test_a_mapping_that_cannot_be_is_refused_with_its_key(change, error, said, engine):
    columns = {"customer_id": "customer_id", "ordered_at": "ordered_at", "amount": "amount"} | change.get("columns", {})
    with pytest.raises(error) as refused:
        read(engine, orders=GOOD["orders"], plans={"orders": change | {"columns": columns}})
    assert str(refused.value).startswith(said)


# the project -----------------------------------------------------------------------------------------------


def test_without_complete_until_the_day_after_the_last_good_row_is_taken_with_a_warning(engine):
    tables = read(
        engine,
        config={"complete_until": None},
        orders="customer_id ordered_at amount\nc1 2020-01-01 5\nc1 2020-05-05 much",
        events="customer_id occurred_at event_type\nc1 2020-01-07 visit",
    )
    assert tables.complete_until == day_of(date(2020, 1, 8))
    assert tables.warnings == (
        "complete_until is not declared; taken as 2020-01-08, the day after the log's last row.",
    )
    assert read(engine).warnings == ()


def test_tables_that_are_not_mapped_are_not_there(engine):
    tables = read(engine)
    assert [tables.events, tables.customers, tables.contacts, tables.spend] == [None] * 4
    assert tables.meanings == {}
    assert list(tables.counts) == ["orders"]


def test_all_five_tables_are_read_and_counted(engine):
    tables = read(engine, **GOOD)
    assert tables.facts() == {
        "complete_until": "2020-03-01",
        "tables": {name: {"read": 1, "used": 1, "rejected": {}} for name in COLUMNS},
    }
    assert tables.meanings["visit"] == ("visit",)


@pytest.mark.parametrize("kind", ["pandas", "polars", "lazy polars", "arrow", "duckdb"])
def test_a_frame_of_any_kind_is_read_alike(kind, engine):
    values = {"customer_id": ["c1", None], "ordered_at": [date(2020, 1, 1)] * 2, "amount": [1.5, 2.5]}
    arrow = pa.table(values)
    frame = {
        "pandas": lambda: pd.DataFrame(values),
        "polars": lambda: pl.DataFrame(values),
        "lazy polars": lambda: pl.LazyFrame(values),
        "arrow": lambda: arrow,
        "duckdb": lambda: duckdb.connect().from_arrow(arrow),
    }[kind]()
    planned = {"orders": plan("orders", arrow)}
    tables = read_tables(Config(project="shop", complete_until=UNTIL, tables=planned), engine, orders=frame)
    assert rows_of(tables, "orders", "customer_id", "day", "amount_minor") == [("c1", 18_262, 150)]
    assert quarantined(tables) == [("no customer",)]


def test_a_frame_that_cannot_be_taken_is_refused(engine):
    planned = {"orders": plan("orders", drawn(GOOD["orders"]))}
    config = Config(project="shop", complete_until=UNTIL, tables=planned)
    mixed = pd.DataFrame({"customer_id": ["SECRET", 5, date(2020, 1, 1)], "ordered_at": "2020-01-01", "amount": 1})
    with pytest.raises(DataError) as refused:
        read_tables(config, engine, orders=mixed)
    assert str(refused.value) == "tables.orders: a column of the given frame mixes values of different types."
    twice = pd.DataFrame([["c1", "2020-01-01", 5, 5]], columns=["customer_id", "ordered_at", "amount", "amount"])
    with pytest.raises(DataError, match=r"tables\.orders: two columns of the given frame have the same name\."):
        read_tables(config, engine, orders=twice)
    with pytest.raises(DataError, match="a frame was given for events, but the config maps no columns of it"):
        read_tables(config, engine, orders=drawn(GOOD["orders"]), events=mixed)


def test_files_are_read_once_and_alike_as_csv_and_parquet(tmp_path):
    frame = drawn(HALF)
    pq.write_table(frame, tmp_path / "orders.parquet")
    pl.from_arrow(frame).write_csv(tmp_path / "orders.csv")
    found = []
    for source in ("orders.csv", "orders.parquet"):
        planned = {"orders": plan("orders", frame, source=source)}
        tables = read_tables(Config(project="shop", complete_until=UNTIL, home=tmp_path, threads=1, tables=planned))
        if source == "orders.csv":
            (tmp_path / source).unlink()  # its rows have been kept
        found.append((tables.facts(), rows_of(tables, "orders", "customer_id", "day"), quarantined(tables)))
    assert found[0] == found[1]


# whatever the rows -----------------------------------------------------------------------------------------

CELLS = {
    "customer_id": [None, " ", "c1", "c2", "007"],
    "ordered_at": [None, "never", "1989-12-31", "2020-01-01", "2020-02-29 23:59", "2020-03-01"],
    "amount": [None, "x", "nan", "inf", "1e13", "5", "-5.005", "0"],
    "quantity": [None, " ", "x", "0", "-1", "2", "1e10"],
    "is_return": [None, "perhaps", "yes", "no"],
}
rows = st.lists(st.tuples(*(st.sampled_from(cells) for cells in CELLS.values())), min_size=1, max_size=12)


def expected_reason(row):
    """Tell the first rule that a row breaks, in plain Python."""
    customer, when, amount, quantity, is_return = row
    if not (customer or "").strip():
        return "no customer"
    if when in (None, "never"):
        return "unreadable date"
    if not "1990-01-01" <= when < "2020-03-01":
        return "date out of range"
    if amount not in ("5", "-5.005", "0") or quantity == "x":
        return "unreadable number"
    if quantity in ("0", "1e10"):
        return "impossible quantity"
    return "unreadable yes or no" if is_return == "perhaps" else None


def as_frame(rows):
    return pa.table(
        {name: pa.array(cells, pa.string()) for name, cells in zip(CELLS, zip(*rows, strict=True), strict=True)}
    )


GOOD_ROW = ("c1", "2020-01-01", "5", "2", "no")


@settings(max_examples=40, deadline=None)
@given(rows)
def test_every_row_is_used_or_rejected_for_the_first_rule_it_breaks(engine, rows):
    rows = [GOOD_ROW, *rows]
    reasons = Counter(expected_reason(row) for row in rows)
    good = Counter(row for row in rows if expected_reason(row) is None)
    tables = read(engine, frames={"orders": as_frame(rows)})
    counts = tables.counts["orders"]
    reasons["duplicate line"] = good.total() - len(good)
    assert counts.read == len(rows) == counts.used + sum(counts.rejected.values())
    assert counts.used == len(good) == len(rows_of(tables, "orders", "customer_id"))
    assert counts.rejected == {reason: n for reason, n in reasons.items() if reason is not None and n}
    assert Counter(reason for (reason,) in quarantined(tables)) == Counter(counts.rejected)


@settings(max_examples=12, deadline=None)
@given(st.data())
def test_neither_the_order_of_rows_nor_the_threads_change_anything(engine, two_threads, tmp_path_factory, data):
    drawn_rows = [GOOD_ROW, *data.draw(rows)]
    folder = tmp_path_factory.mktemp("quarantine", numbered=True)
    found = []
    for used_engine, order in ((engine, drawn_rows), (two_threads, data.draw(st.permutations(drawn_rows)))):
        customers = pa.table({"customer_id": [row[0] for row in order], "email": [row[1] for row in order]})
        tables = read(used_engine, frames={"orders": as_frame(order), "customers": customers})
        used_engine.write_parquet(tables.quarantined["orders"], folder / "orders.parquet", "reason")
        used_engine.write_parquet(tables.orders, folder / "used.parquet")
        used_engine.write_parquet(tables.customers, folder / "customers.parquet")
        found.append((tables.counts, [path.read_bytes() for path in sorted(folder.iterdir())]))
    assert found[0] == found[1]


@pytest.fixture(scope="module")
def two_threads():
    engine = open_engine(Config(project="shop", threads=2, tables={"orders": plan("orders", drawn(GOOD["orders"]))}))
    yield engine
    engine.close()


def test_many_rows_on_many_threads_are_judged_as_on_one(tmp_path):
    written = tmp_path / "orders.parquet"
    duckdb.sql(
        "SELECT CASE WHEN range % 11 > 0 THEN 'c' || (range % 997) END AS customer_id, "
        "DATE '2020-01-01' + (range % 70)::INTEGER AS ordered_at, (range % 13) / 7 AS amount FROM range(150000)"
    ).write_parquet(str(written))
    found = []
    for threads in (1, 4):
        planned = {"orders": plan("orders", drawn(GOOD["orders"]), source=str(written))}
        tables = read_tables(Config(project="shop", complete_until=UNTIL, threads=threads, tables=planned))
        tables.engine.write_parquet(tables.quarantined["orders"], tmp_path / "quarantine.parquet", "reason")
        found.append((tables.counts, (tmp_path / "quarantine.parquet").read_bytes()))
        tables.engine.close()
    assert found[0] == found[1]
    assert found[0][0]["orders"].rejected["no customer"] == 13_637


@pytest.mark.parametrize("name", ["*", "clm day", "CLM reason", "clm "])
def test_a_column_that_could_be_taken_for_one_of_ours_is_refused(engine, name):
    """With one of these names rows were counted, and told, by what stood in them."""
    frame = drawn("customer_id ordered_at amount\nc1 2020-01-01 5").append_column(name, pa.array(["secret"]))
    said = f"^tables.orders: a column is called {re.escape(repr(name))}, which is kept for ours; rename it.$"
    with pytest.raises(DataError, match=said):
        read(engine, frames={"orders": frame})


@pytest.mark.parametrize("zone", [None, "UTC"])
def test_the_last_nanosecond_of_a_day_is_of_that_day(engine, zone):
    """Rounded to microseconds it would be of the next, which is the future."""
    last = (day_of(date(2020, 2, 29)) + 1) * 86_400 * 10**9 - 1
    at = pa.array([last, -1, last + 1], pa.timestamp("ns", zone))
    frame = pa.table({"customer_id": ["a", "b", "c"], "ordered_at": at, "amount": [1, 2, 3]})
    tables = read(engine, frames={"orders": frame}, plans={"orders": {"min_date": date(1960, 1, 1)}})
    found = rows_of(tables, "orders", "customer_id", "day", "second")
    assert found == [("a", day_of(date(2020, 2, 29)), last // 10**9), ("b", -1, -1)]
    assert tables.counts["orders"].rejected == {"date out of range": 1}


def test_a_date_format_with_nanoseconds_keeps_the_day_too(engine):
    orders = "customer_id ordered_at amount\na 2020-02-29_23:59:59.999999999 1"
    written = {"orders": {"date_format": "%Y-%m-%d %H:%M:%S.%n"}}
    assert rows_of(read(engine, orders=orders, plans=written), "orders", "day") == [(day_of(date(2020, 2, 29)),)]


@pytest.mark.parametrize("offset", ["+25:00", "-16:00", "+05:75", "+0575", "+99"])
def test_an_offset_that_no_place_on_earth_has_makes_no_date(engine, offset):
    orders = f"customer_id ordered_at amount\na 2020-01-01T12:00:00{offset} 1\nb 2020-01-01T12:00:00+14:00 1"
    assert read(engine, orders=orders).counts["orders"].rejected == {"unreadable date": 1}


def test_thousands_of_columns_are_kept_in_quarantine(engine):
    frame = drawn("customer_id ordered_at amount\nc1 2020-01-01 5\n. 2020-01-01 5")
    wide = pa.table({name: frame[name] for name in frame.column_names} | {f"x{n}": [n, n] for n in range(300)})
    assert quarantined(read(engine, frames={"orders": wide}), "orders", "x7", "x299") == [("no customer", 7, 299)]
