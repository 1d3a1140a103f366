"""A config for files never seen before: small tables drawn by hand, and what is proposed for them."""

import gzip
import re

import pandas as pd
import pytest
import yaml

from clm_ml.config import ListPlan, load_config
from clm_ml.datasets import online_retail_path, simulate
from clm_ml.errors import DataError, UsageError
from clm_ml.proposal import looking, propose
from clm_ml.tables import read_tables
from clm_ml.timeline import date_of


@pytest.fixture
def proposed(tmp_path):
    """Write files (CSV as text, frames as Parquet), propose a config for them, load it and read the tables."""

    def run(**files):
        paths = []
        for stem, rows in files.items():
            path = tmp_path / f"{stem}.{'csv' if isinstance(rows, str) else 'parquet'}"
            path.write_text(rows, encoding="utf-8") if isinstance(rows, str) else rows.to_parquet(path)
            paths.append(path)
        text = propose(paths, tmp_path)
        (tmp_path / "config.yaml").write_text(text, encoding="utf-8")
        return text, load_config(tmp_path / "config.yaml")

    return run


def log(dates, amounts=("10.50", "7.25", "3.00", "8.10"), header="customer_id,order_date,amount"):
    """Draw a CSV of four orders, two of each customer."""
    rows = [
        ",".join((who, f'"{date}"', f'"{amount}"')) for who, date, amount in zip("abab", dates, amounts, strict=True)
    ]
    return "\n".join((header, *rows)) + "\n"


ISO = ("2011-01-05", "2011-02-13", "2011-03-05", "2011-04-20")


def days_of(config):
    orders = read_tables(config).orders.select("day").collect(backend="pyarrow").to_native()
    return sorted(date_of(day).isoformat() for day in orders["day"].to_pylist())


# the shops that ship ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def real_shop():
    return propose([online_retail_path()], online_retail_path().parent)


def test_the_real_shop_is_mapped_as_a_person_would(real_shop, tmp_path):
    text = real_shop.replace("source: online_retail.parquet", f"source: {online_retail_path()}")
    (tmp_path / "config.yaml").write_text(text, encoding="utf-8")
    config = load_config(tmp_path / "config.yaml")
    assert config.tables.orders.columns == {
        "customer_id": "CustomerID",
        "ordered_at": "InvoiceDate",
        "amount": "Quantity * UnitPrice",
        "order_id": "InvoiceNo",
        "product_id": "StockCode",
        "quantity": "Quantity",
        "is_return": "starts_with(InvoiceNo, 'C')",
    }
    assert config.tables.orders.where == "UnitPrice > 0"
    assert (config.project, config.timezone, config.task.horizon_days) == ("online-retail", "UTC", 90)
    assert config.complete_until.isoformat() == "2011-12-10"
    assert "# not used: columns Description, Country" in text
    assert read_tables(config).counts["orders"].used == 401_564


def test_the_simulated_shop_is_five_tables_in_whatever_order_its_files_are_named(tmp_path):
    simulate(300, seed=1, out=tmp_path)
    files = [tmp_path / f"{name}.parquet" for name in ("spend", "contacts", "orders", "customers", "events")]
    text = propose(files, tmp_path)
    (tmp_path / "mine.yaml").write_text(text, encoding="utf-8")
    found, known = (
        yaml.safe_load((tmp_path / name).read_text(encoding="utf-8")) for name in ("mine.yaml", "shop.yaml")
    )
    assert found["tables"] == known["tables"]
    assert found["complete_until"] == known["complete_until"]
    counts = read_tables(load_config(tmp_path / "mine.yaml")).counts
    assert {name: count.rejected_share for name, count in counts.items()} == dict.fromkeys(known["tables"], 0.0)
    assert propose(files[::-1], tmp_path) == text


# dates --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dates", "date_format"),
    [
        (("12/1/2010 8:26", "12/25/2010 18:05", "1/13/2011 9:00", "2/3/2011 23:59"), "%m/%d/%Y %H:%M"),
        (("01/12/2010 08:26", "25/12/2010 18:05", "13/01/2011 09:00", "03/02/2011 23:59"), "%d/%m/%Y %H:%M"),
        (("01.12.2010", "25.12.2010", "13.01.2011", "03.02.2011"), "%d.%m.%Y"),
        (("1/12/10", "25/12/10", "13/1/11", "3/2/11"), "%d/%m/%y"),
        (("01-Dec-2010", "25-Dec-2010", "13-Jan-2011", "03-Feb-2011"), "%d-%b-%Y"),
        (("Dec 1, 2010", "Dec 25, 2010", "Jan 13, 2011", "Feb 3, 2011"), "%b %d, %Y"),
        (("20101201", "20101225", "20110113", "20110203"), "%Y%m%d"),
        (("2010-12-01", "2010-12-25T18:05:00", "2011/1/13", "2011-02-03 23:59"), None),
        (("2010-12-01T08:00:00Z", "2010-12-25T18:05:00+00:00", "2011-01-13T09:00:00Z", "2011-02-03 23:59 UTC"), None),
    ],
)
def test_how_dates_are_written_is_told_by_the_dates(proposed, dates, date_format):
    text, config = proposed(orders=log(dates))
    assert config.tables.orders.date_format == date_format
    assert "CHECK" not in text
    assert days_of(config) == ["2010-12-01", "2010-12-25", "2011-01-13", "2011-02-03"]
    assert config.complete_until.isoformat() == "2011-02-04"


def test_dates_that_can_be_read_both_ways_are_taken_day_first_and_said_to_be_unsure(proposed):
    text, config = proposed(orders=log(("01/12/2010", "05/12/2010", "06/01/2011", "03/02/2011")))
    assert config.tables.orders.date_format == "%d/%m/%Y"
    assert "CHECK THIS: %m/%d/%Y reads as many" in text


def test_a_clock_of_twelve_hours_says_that_the_month_comes_first(proposed):
    _, config = proposed(
        orders=log(("01/12/2010 8:26 AM", "05/12/2010 6:05 PM", "06/01/2011 9:00 AM", "03/02/2011 1:00 PM"))
    )
    assert config.tables.orders.date_format == "%m/%d/%Y %I:%M %p"
    assert days_of(config)[0] == "2010-01-12"


@pytest.mark.parametrize("unit", [1, 1000])
def test_seconds_since_1970_become_days(proposed, unit):
    stamps = pd.to_datetime(pd.Series(ISO)).astype("datetime64[s]").astype("int64") * unit
    _, config = proposed(orders=pd.DataFrame({"user_id": list("abab"), "event_ts": stamps, "amount": [1.5, 2, 3, 4]}))
    assert days_of(config) == list(ISO)


def test_whole_numbers_and_floats_can_be_dates(proposed):
    for kind in ("int64", "float64"):
        dates = pd.Series([20110105, 20110213, 20110305, 20110420]).astype(kind)
        _, config = proposed(orders=pd.DataFrame({"cust_id": list("abab"), "date": dates, "amount": [1.5, 2, 3, 4]}))
        assert days_of(config) == list(ISO)


def test_a_slip_of_the_pen_does_not_make_the_log_complete_until_then(proposed):
    dates = [*pd.date_range("2011-01-01", periods=200), pd.Timestamp("2099-01-01")]
    frame = pd.DataFrame({"user_id": [str(day % 7) for day in range(201)], "date": dates, "amount": 1.5})
    text, config = proposed(orders=frame)
    assert config.complete_until.isoformat() == "2011-07-20"
    assert "1 row is dated long after all others" in text.replace("\n# ", " ")
    assert dict(read_tables(config).counts["orders"].rejected) == {"date out of range": 1}


def test_a_log_older_than_usual_begins_where_it_begins(proposed):
    _, config = proposed(orders=log(("1985-01-05", "1985-02-13", "1985-03-05", "1985-04-20")))
    assert config.tables.orders.min_date.isoformat() == "1985-01-05"
    assert len(days_of(config)) == 4


def test_a_birthday_is_no_order_date(proposed):
    rows = "user_id,birth_date,when,total\na,1980-01-01,2011-01-05,5.5\na,1980-01-01,2011-02-05,6.5\n"
    assert proposed(orders=rows)[1].tables.orders.columns["ordered_at"] == "when"


# amounts ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "amounts", "expression", "total"),
    [
        ("amount", ("10.50", "7.25", "3.00", "8.10"), "amount", 28.85),
        ("sales_eur", ("10.50", "7.25", "3.00", "8.10"), "sales_eur", 28.85),
        ("Unit Price", ("10.50", "7.25", "3.00", "8.10"), "Unit Price", 28.85),
        ("total_cents", ("1050", "725", "300", "810"), "total_cents / 100", 28.85),
        ("x", ("10.50", "7.25", "3.00", "8.10"), "x", 28.85),
        ("total", ("$1,010.50", "$7.25", "-$3.00", "$8.10"), None, 1022.85),
        ("total", ("1.010,50 €", "7,25 €", "3,00 €", "8,10 €"), None, 1028.85),
    ],
)
def test_an_amount_is_found_and_read(proposed, header, amounts, expression, total):
    _, config = proposed(orders=log(ISO, amounts, f"customer_id,order_date,{header}"))
    found = config.tables.orders.columns["amount"]
    assert expression is None or found == expression
    minor = read_tables(config).orders.select("amount_minor").collect(backend="pyarrow").to_native()["amount_minor"]
    assert sum(minor.to_pylist()) == round(total * 100)


def test_a_price_and_a_quantity_make_an_amount_and_free_rows_are_left_out(proposed):
    rows = "".join(f"c{n % 5},2011-01-{n + 1:02d},{n % 3 + 1},{0 if n == 7 else 2.5}\n" for n in range(25))
    text, config = proposed(orders="user,date,Order Qty,Price\n" + rows)
    assert config.tables.orders.columns["amount"] == '"Order Qty" * Price'
    assert config.tables.orders.columns["quantity"] == "Order Qty"
    assert config.tables.orders.where == "Price > 0"
    assert "4.00% of the rows have no price" in text
    assert read_tables(config).counts["orders"].used == 24


def test_a_number_of_things_is_a_quantity(proposed):
    rows = "customer_id,date,n_cds,amount\n1,1997-01-01,2,11.77\n1,1997-02-01,1,12.00\n2,1997-01-12,5,77.00\n"
    assert proposed(orders=rows)[1].tables.orders.columns["quantity"] == "n_cds"


def test_a_share_taken_off_is_no_discount_in_money(proposed):
    rows = "customer_id,date,amount,discount\na,2011-01-01,10.5,0.2\na,2011-02-01,9.5,0\nb,2011-02-01,9.5,0.15\n"
    text, config = proposed(orders=rows)
    assert "discount" not in config.tables.orders.columns
    assert "# not used: columns discount" in text


def test_a_total_that_stands_on_each_line_is_warned_of(proposed):
    lines = [f"c{n % 7},{n},2011-01-{n % 28 + 1:02d},p{line},{n + 0.5}" for n in range(30) for line in (1, 2)]
    text, _ = proposed(orders="\n".join(("customer_id,order_id,date,sku,order_total", *lines)))
    assert "CHECK THIS: nearly every order has it alike on all lines" in text


def test_a_log_without_amounts_counts_rows_and_says_so(proposed):
    text, config = proposed(logins=pd.DataFrame({"user_id": list("abab"), "login_time": pd.to_datetime(ISO)}))
    assert config.tables.orders.columns == {"customer_id": "user_id", "ordered_at": "login_time", "amount": "1"}
    assert "every row counts 1" in text
    assert len(days_of(config)) == 4


# returns and conditions ---------------------------------------------------------------------------------------


def test_cancelled_order_ids_are_returns(proposed):
    lines = [f"{'C' if n % 8 == 0 else ''}{5000 + n},u{n % 6},2011-01-{n % 28 + 1:02d},9.5" for n in range(48)]
    text, config = proposed(orders="\n".join(("InvoiceNo,CustomerID,InvoiceDate,Amount", *lines)))
    assert config.tables.orders.columns["is_return"] == "starts_with(InvoiceNo, 'C')"
    assert "12.50% of the rows have an order id that begins with C; the letter of cancellations" in text.replace(
        "\n      # ", " "
    )


def test_orders_of_which_nothing_came_are_left_out(proposed):
    rows = [f"u{n % 4},2011-01-{n + 1:02d},5.5,{('shipped', 'shipped', 'Cancelled', '')[n % 4]}" for n in range(28)]
    _, config = proposed(orders="\n".join(("customer_id,order_date,amount,order_status", *rows)))
    assert config.tables.orders.where == "coalesce(lower(order_status), '') NOT IN ('cancelled')"
    assert read_tables(config).counts["orders"].used == 21


def test_words_that_stand_for_no_customer_are_not_the_best_one(proposed):
    rows = [f"{('u1', 'u2', 'NULL', 'guest')[n % 4]},2011-01-{n + 1:02d},5.5" for n in range(28)]
    text, config = proposed(orders="\n".join(("customer_id,order_date,amount", *rows)))
    assert config.tables.orders.columns["customer_id"] == "nullif(nullif(customer_id, 'NULL'), 'guest')"
    assert config.tables.orders.max_rejected_share == 0.55
    assert "about 50% of the rows will be rejected" in text
    assert dict(read_tables(config).counts["orders"].rejected) == {"no customer": 14}


def test_one_great_load_is_no_loading_date_but_a_daily_one_is(proposed):
    daily = log(ISO, header="customer_id,order_date,amount,loaded_at").splitlines()
    rows = [daily[0], *(f"{row},{date} 03:00" for row, date in zip(daily[1:], ISO, strict=True))]
    assert proposed(orders="\n".join(rows))[1].tables.orders.columns["loaded_at"] == "loaded_at"
    late = [daily[0], *(f"{row},2015-01-01 03:00" for row in daily[1:])]
    text, config = proposed(orders="\n".join(late))
    assert "loaded_at" not in config.tables.orders.columns
    assert "looks like one load long afterwards" in text


# events and people --------------------------------------------------------------------------------------------

COMMUNITY = pd.DataFrame(
    {
        "user_id": [1, 2, 1, 3, 2, 1, 3, 3],
        "event_time": pd.date_range("2015-01-01", periods=8, freq="20D"),
        "event_type": ["signup", "question", "answer", "badge", "comment", "question", "answer", "page_view"],
        "object_id": range(8),
    }
)


def test_in_a_community_taking_part_stands_for_ordering(proposed):
    text, config = proposed(events=COMMUNITY)
    assert config.tables.orders.columns == {
        "customer_id": "user_id",
        "ordered_at": "event_time",
        "amount": "1",
        "category": "event_type",
    }
    assert config.tables.orders.where == "event_type IN ('answer', 'question', 'comment')"
    assert "There are no orders in these files" in text
    assert config.tables.events.meanings == {"visit": ["page_view"]}
    counts = read_tables(config).counts
    assert (counts["orders"].used, counts["events"].used) == (5, 8)


def test_purchases_in_an_event_log_are_its_orders(proposed):
    kinds = ["view", "view", "cart", "purchase", "view", "purchase", "view", "view"]
    frame = COMMUNITY.assign(event_type=kinds, price=[5.5, 6.5, 6.5, 6.5, 7.0, 7.0, 5.5, 6.5]).drop(columns="object_id")
    _, config = proposed(clicks=frame)
    assert config.tables.orders.where == "event_type IN ('purchase')"
    assert config.tables.orders.columns["amount"] == "price"
    assert config.tables.events.meanings == {"visit": ["view"]}
    assert read_tables(config).counts["orders"].used == 2


PEOPLE = """\
Member ID,E-Mail,Sign-up Date,email_opt_out,SMS consent,Tier,Full Name,birth_date
a,a@example.org,2010-12-30,no,yes,gold,Ann Lee,1980-01-01
b,b@example.org,2011-01-30,yes,no,gold,Ann Lee,1985-05-05
c,c@example.org,2011-01-31,,no,silver,Bob Ray,1990-09-09
d,d@example.org,2011-01-31,no,yes,silver,Bob Ray,1991-09-09
"""


def test_consents_and_refusals_are_told_apart_and_private_facts_left_alone(proposed):
    _, config = proposed(orders=log(ISO), members=PEOPLE)
    columns = config.tables.customers.columns
    assert {name: columns[name] for name in ("customer_id", "email", "created_at", "contact_sms", "tier")} == {
        "customer_id": "Member ID",
        "email": "E-Mail",
        "created_at": "Sign-up Date",
        "contact_sms": "SMS consent",
        "tier": "Tier",
    }
    people = read_tables(config).customers.collect(backend="pandas").to_native().set_index("customer_id")
    assert people.contact_email.where(people.contact_email.notna(), None).to_dict() == {
        "a": True, "b": False, "c": None, "d": True,
    }  # fmt: skip
    assert not {"full_name", "birth_date"} & set(columns)


def test_ids_of_another_kind_are_warned_of(proposed):
    strangers = PEOPLE.replace("\na,", "\n901,").replace("\nb,", "\n902,").replace("\nc,", "\n903,")
    text, _ = proposed(orders=log(ISO), members=strangers.replace("\nd,", "\n904,"))
    assert "CHECK THIS: only 0 of its 4 customers are in orders" in text
    assert "CHECK THIS" not in proposed(orders=log(ISO), members=PEOPLE)[0]


# names and files ----------------------------------------------------------------------------------------------


def test_names_that_yaml_or_expressions_could_misread_are_quoted(proposed):
    frame = pd.DataFrame(
        {
            "cust: id #1": list("abab"),
            'Order "Date"': pd.to_datetime(ISO),
            "order": [1, 2, 3, 1],
            "null": [2.5, 1, 1, 2],
        }
    )
    frame = frame.rename(columns={"order": "select qty", "null": "unit-price"})
    text, config = proposed(weird=frame.assign(**{"two\nlines": 1}))
    assert config.tables.orders.columns["customer_id"] == "cust: id #1"
    assert config.tables.orders.columns["ordered_at"] == 'Order "Date"'
    assert config.tables.orders.columns["amount"] == '"select qty" * "unit-price"'
    assert "# not used: columns two lines" in text
    assert len(days_of(config)) == 4


def test_gzipped_and_semicolon_files_are_read(tmp_path):
    path = tmp_path / "log.csv.gz"
    path.write_bytes(gzip.compress(log(ISO).replace(",", ";").encode()))
    text = propose([path], tmp_path / "configs")
    assert yaml.safe_load(text)["tables"]["orders"]["source"] == "../log.csv.gz"
    assert yaml.safe_load(text)["project"] == "log"


def test_a_sample_of_a_large_file_gives_the_same_mapping(tmp_path, monkeypatch):
    simulate(300, seed=1, out=tmp_path)
    files = [tmp_path / f"{name}.parquet" for name in ("orders", "customers", "events")]
    whole = yaml.safe_load(propose(files, tmp_path))
    monkeypatch.setattr(looking, "MOST_ROWS", 200)
    assert yaml.safe_load(propose(files, tmp_path)) == whole


def test_ids_that_come_again_are_counted_in_all_rows_of_a_large_file(proposed, monkeypatch):
    monkeypatch.setattr(looking, "MOST_ROWS", 200)
    logins = pd.DataFrame(
        {"user_id": [n // 2 for n in range(4000)], "login_time": pd.date_range("2011-01-01", periods=4000, freq="1h")}
    )
    text, config = proposed(logins=logins)
    assert "about 2.0 rows each" in text
    assert read_tables(config).counts["orders"].used == 4000


def test_money_by_day_and_customer_is_orders_and_by_day_alone_is_spend(proposed):
    assert set(proposed(mine=log(ISO, header="Customer,Date,Amount"))[1].tables.named()) == {"orders"}
    costs = "date,amount,channel\n" + "".join(f"{date},9.5,tv\n" for date in ISO)
    assert set(proposed(mine=log(ISO, header="Customer,Date,Amount"), other=costs)[1].tables.named()) == {
        "orders",
        "spend",
    }


def test_every_guess_says_why_within_the_width_of_a_page(real_shop):
    lines = real_shop.splitlines()
    assert max(map(len, lines)) <= 120
    for at, line in enumerate(lines):
        if re.match(r" {6}\w+: ", line):
            assert " # " in line or lines[at - 1].strip().startswith("#")


def test_what_a_list_is_reckoned_with_stands_where_it_is_seen(real_shop):
    _, _, said = real_shop.partition("list:")
    reckoned = {key: getattr(ListPlan(), key) for key in ("budget", "margin", "contact_cost")}
    assert yaml.safe_load(f"list:{said}") == {"list": reckoned}


@pytest.mark.parametrize(
    ("gap", "span", "horizon"), [(3, 400, 30), (50, 400, 60), (80, 900, 90), (200, 3000, 180), (200, 400, 90)]
)
def test_the_horizon_follows_the_gaps_and_leaves_two_thirds_of_the_log(proposed, gap, span, horizon):
    dates = pd.date_range("2011-01-01", periods=span // gap + 1, freq=f"{gap}D")
    frame = pd.concat(pd.DataFrame({"customer_id": who, "date": dates, "amount": 5.5}) for who in "ab")
    text, config = proposed(orders=frame)
    assert config.task.horizon_days == horizon
    assert f"85% of the gaps between two order days of a customer are at most {gap} days" in text


# refusals -----------------------------------------------------------------------------------------------------


def refused(error, files, home):
    with pytest.raises(error) as refusal:
        propose(files, home)
    return str(refusal.value)


def test_a_table_without_ids_and_dates_is_refused_in_one_sentence_without_a_value_of_it(tmp_path):
    path = tmp_path / "experiment.csv"
    path.write_text("recency,segment,visit,spend\n10,Secret Mens,0,99.25\n6,Secret Womens,1,0.75\n")
    sentence = refused(DataError, [path], tmp_path)
    assert sentence.startswith("experiment.csv is no log of orders or events: looked for a customer id")
    assert "found no customer id and no date among its 4 columns." in sentence
    assert not re.search("Secret|99|0.75|\n", sentence)


@pytest.mark.parametrize(
    ("rows", "lack"),
    [
        (PEOPLE, "found only file.csv (customers); file.csv has no amount."),
        (
            "date,amount,channel\n2011-01-01,5.5,tv\n2011-01-02,6.5,tv\n",
            "file.csv (spend); file.csv has no customer id.",
        ),
    ],
)
def test_without_orders_or_events_there_is_no_project(tmp_path, rows, lack):
    (tmp_path / "file.csv").write_text(rows)
    sentence = refused(DataError, [tmp_path / "file.csv"], tmp_path)
    assert sentence.startswith("there are no orders, which every project needs")
    assert lack in sentence


def test_two_files_of_one_table_are_refused(tmp_path):
    for name in ("north", "south"):
        (tmp_path / f"{name}.csv").write_text(log(ISO))
    sentence = refused(UsageError, [tmp_path / "north.csv", tmp_path / "south.csv"], tmp_path)
    assert sentence.startswith("north.csv and south.csv all look like orders")


@pytest.mark.parametrize(
    ("name", "content", "error", "sentence"),
    [
        (
            "log.xlsx",
            b"PK",
            UsageError,
            "log.xlsx is neither CSV (.csv, .csv.gz) nor Parquet; export it as one of them.",
        ),
        ("log.csv", b"customer_id,date,amount\n", DataError, "log.csv has no rows."),
        ("log.parquet", b"no parquet at all", DataError, "log.parquet"),
        ("log.csv", b"customer_id\xff\xfe\n1\n", DataError, "log.csv"),
    ],
)
def test_what_cannot_be_read_is_refused_by_name(tmp_path, name, content, error, sentence):
    (tmp_path / name).write_bytes(content)
    found = refused(error, [tmp_path / name], tmp_path)
    assert sentence in found
    assert "tables." not in found


def test_a_file_that_is_not_there_and_no_file_and_six_files_are_refused(tmp_path):
    assert refused(UsageError, [tmp_path / "none.csv"], tmp_path) == f"there is no {tmp_path / 'none.csv'}."
    assert refused(UsageError, [], tmp_path).startswith("init needs the files to look at")
    assert "6 were given" in refused(UsageError, [tmp_path / "a.csv"] * 6, tmp_path)


def test_a_log_of_which_no_row_can_be_used_is_told_so(tmp_path):
    path = tmp_path / "orders.csv"
    path.write_text("customer_id,order_date,amount,status\nguest,2024-01-05,5,cancelled\n-,2024-02-05,7,cancelled\n")
    said = r"^no row of orders or events has both a customer and a date that can be read\.$"
    with pytest.raises(DataError, match=said):
        propose([path], tmp_path)
