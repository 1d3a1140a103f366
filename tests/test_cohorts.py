"""The cohort triangle: counted by hand at the edges of months, and by plain SQL on Online Retail."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta

import duckdb
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import clm_ml as clm
from clm_ml.datasets import online_retail_config, online_retail_path
from clm_ml.errors import TimelineError
from clm_ml.lifecycle import calendar, cohort_triangle
from clm_ml.plots import plot_cohorts
from clm_ml.timeline import day_of, month_of, month_window
from tests.conftest import make_shop

ORDERS = [
    ("a", "2024-01-31 23:59:59", 5.0),  # January's last second
    ("a", "2024-02-01 00:00:00", 5.0),  # February's first instant
    ("a", "2024-02-29", 5.0),  # twice in a month is once
    ("b", "2024-01-01", 5.0),
    ("b", "2024-03-31 23:59:59", 5.0),
    ("c", "2024-03-01", 5.0),
    ("c", "2024-02-10", -5.0),  # a return is no order
    ("d", "2024-04-02", 5.0),
]

WIDE = {
    # customers, then the share of them in each month since
    date(2024, 1, 1): (2, [1.0, 0.5, 0.5]),
    date(2024, 2, 1): (0, [None, None, None]),
    date(2024, 3, 1): (1, [1.0, None, None]),
}


def wide(triangle: pd.DataFrame) -> dict:
    return {
        month: (rows["customers"].iloc[0], [None if pd.isna(share) else share for share in rows["ordered_share"]])
        for month, rows in triangle.groupby("first_month")
    }


@pytest.mark.parametrize("as_of", ["2024-04-01", "2024-04-30"])
def test_cohorts_are_counted_by_hand_and_open_months_are_null(as_of: str) -> None:
    tables = make_shop(ORDERS, until="2024-05-01")
    triangle = clm.cohorts(tables, as_of)
    assert wide(triangle) == WIDE
    assert list(triangle) == ["first_month", "customers", "months_since", "ordered", "ordered_share"]
    assert triangle["months_since"].tolist() == [0, 1, 2] * 3
    ordered = [None if pd.isna(count) else count for count in triangle["ordered"]]
    assert ordered == [2, 1, 1, 0, 0, None, 1, None, None]


def test_a_month_is_closed_by_the_first_day_of_the_next() -> None:
    tables = make_shop(ORDERS, until="2024-05-01")
    assert wide(clm.cohorts(tables, "2024-03-31"))[date(2024, 1, 1)] == (2, [1.0, 0.5])
    assert len(clm.cohorts(tables)) == 16  # until 2024-05-01 four months are closed
    assert clm.cohorts(tables, "2024-01-31").empty


def test_a_day_that_cannot_be_known_is_refused() -> None:
    tables = make_shop(ORDERS, until="2024-05-01")
    with pytest.raises(TimelineError, match="data are complete until 2024-05-01"):
        clm.cohorts(tables, "2024-05-02")


def test_an_order_counts_once_it_is_known() -> None:
    rows = [("a", "2024-01-10", 5.0, "1", "2024-01-10"), ("a", "2024-02-10", 5.0, "2", "2024-03-15")]
    tables = make_shop(rows, until="2024-05-01")
    assert wide(clm.cohorts(tables, "2024-03-15"))[date(2024, 1, 1)] == (1, [1.0, 0.0])
    assert wide(clm.cohorts(tables, "2024-03-16"))[date(2024, 1, 1)] == (1, [1.0, 1.0])


@given(st.dates(date(1960, 1, 1), date(2100, 1, 1)))
def test_every_day_lies_in_the_one_window_of_its_month(when: date) -> None:
    day = day_of(when)
    window = month_window(month_of(day))
    assert window.holds(day)
    assert month_window(month_of(day) + 1).start == window.end
    assert window.start == day_of(when.replace(day=1))


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 150)), min_size=1), st.integers(1, 160))
def test_every_cell_is_what_counting_customer_by_customer_gives(drawn: list[tuple[str, int]], until: int) -> None:
    start, end = day_of(date(2024, 1, 10)), day_of(date(2024, 1, 10)) + until
    days: dict[str, set[int]] = {}
    for who, day in drawn:
        if day < until:
            days.setdefault(who, set()).add(month_of(start + day))
    pairs = [(min(months), month) for months in days.values() for month in months]
    counted = Counter(pairs)
    counts = pd.DataFrame(
        [(*pair, count) for pair, count in counted.items()], columns=["first_month", "month", "ordered"]
    )
    for row in cohort_triangle(counts.astype("int64"), end).itertuples():
        first = month_of(day_of(row.first_month))
        mine = [months for months in days.values() if min(months) == first]
        assert row.customers == len(mine)
        if month_window(first + row.months_since).is_closed_by(end):
            assert row.ordered == sum(first + row.months_since in months for months in mine)
        else:
            assert pd.isna(row.ordered)


def test_the_calendar_names_each_day_once() -> None:
    days = calendar(day_of(date(2023, 12, 30)), day_of(date(2024, 3, 2)))
    assert days["day"].is_unique
    assert days.groupby("month")["day"].count().tolist() == [2, 31, 29, 1]


def test_plain_sql_finds_the_same_in_online_retail() -> None:
    config = clm.load_config(online_retail_config())
    content = config.tables.orders.model_copy(update={"source": str(online_retail_path())})
    config = config.model_copy(update={"tables": config.tables.model_copy(update={"orders": content})})
    triangle = clm.cohorts(clm.read_tables(config))
    asked = duckdb.sql(f"""
        WITH bought AS (
            SELECT CustomerID AS who, InvoiceNo, min(CAST(InvoiceDate AS DATE)) AS day
            FROM (SELECT DISTINCT * FROM read_parquet('{online_retail_path()}'))
            WHERE UnitPrice > 0 AND Quantity > 0 AND CustomerID IS NOT NULL GROUP BY ALL),
        begun AS (SELECT who, date_trunc('month', min(day)) AS first FROM bought GROUP BY ALL)
        SELECT CAST(first AS DATE), date_diff('month', first, day) AS since, count(DISTINCT who)
        FROM bought JOIN begun USING (who) WHERE day < DATE '2011-12-01' GROUP BY ALL""").fetchall()
    told = triangle[triangle["ordered"].fillna(0) > 0]
    assert {(row.first_month, row.months_since): row.ordered for row in told.itertuples()} == {
        (first, since): count for first, since, count in asked
    }
    assert len(told) == 78


def test_the_heat_map_shows_each_closed_month_after_the_first() -> None:
    tables = make_shop(ORDERS, until="2024-05-01")
    figure = plot_cohorts(clm.cohorts(tables))
    axes = figure.axes[0]
    shown = axes.images[0].get_array().filled(-1).tolist()
    assert shown[0] == [0.5, 0.5, 0.0]
    assert shown[2] == [0.0, -1, -1]
    assert axes.get_yticklabels()[0].get_text() == "2024-01 (2)"
    assert [text.get_text() for text in axes.texts] == ["50%", "50%", "0%", "0%"]


def test_a_heat_map_without_a_closed_month_says_so() -> None:
    tables = make_shop([("a", "2024-01-10", 5.0)], until="2024-02-10")
    figure = plot_cohorts(clm.cohorts(tables))
    assert [text.get_text() for text in figure.axes[0].texts] == ["no month after a first order is closed yet"]
    assert clm.cohorts(tables)["ordered_share"].tolist() == [1.0]
    assert date(2024, 1, 10) + timedelta(31) == date(2024, 2, 10)
