"""What counts as coming back, and as spending."""

import pytest

from clm_ml.errors import TimelineError
from clm_ml.labels import outcomes, refuse_open
from clm_ml.snapshot import prepare
from clm_ml.timeline import Window, label_window, parse_day


def test_coming_back_is_an_order_and_spending_is_net_of_returns(shop):
    tables = shop(
        [
            ("both", "2024-06-02", 50.0, "1"),
            ("both", "2024-06-10", -20.0, "1"),
            ("old", "2024-05-01", 9.0, "2"),
            ("returns", "2024-06-03", -5.0, "3"),
            ("twice", "2024-06-03", 1.25, "4"),
            ("twice", "2024-06-04", 2.25, "5"),
        ]
    )
    window = label_window(parse_day("2024-06-01"), 30)
    came = tables.engine.collect(outcomes(prepare(tables).order_days, window), "customer_id").to_pylist()
    assert [tuple(row.values()) for row in came] == [("both", 1, 30.0), ("returns", 0, -5.0), ("twice", 1, 3.5)]


def test_only_a_closed_window_has_a_label():
    refuse_open(Window(100, 190), complete_until=190)
    with pytest.raises(
        TimelineError, match=r"closes on 1970-07-10.*known only until 1970-07-09.*Use 1970-04-10 or earlier"
    ):
        refuse_open(Window(100, 190), complete_until=189)
