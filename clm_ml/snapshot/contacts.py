"""Contacts of past campaigns: who was written to, and who ordered soon after."""

from __future__ import annotations

from typing import Any

import narwhals as nw

from clm_ml.timeline import label_window

__all__ = ["ANSWER_DAYS", "HELD_OUT", "contacted", "with_answers"]

Frame = nw.LazyFrame[Any]

#: An order in so many days from a contact on is taken for its answer.
ANSWER_DAYS = 14

#: What tables call the arm that was deliberately not contacted.
HELD_OUT = ("holdout", "held_out", "held out", "control")


def contacted(contacts: Frame) -> Frame:
    """Keep who was contacted and when, of the validated table: who was held out was not."""
    if "arm" in contacts.collect_schema().names():
        contacts = contacts.filter(~nw.col("arm").str.to_lowercase().is_in(HELD_OUT).fill_null(False))
    return contacts.select("customer_id", "day")


def with_answers(contacts: Frame, orders: Frame) -> Frame:
    """Give each contact the day on which an order answered it.

    Args:
        contacts: customer_id, day.
        orders: customer_id, day, orders (that begin with this row).

    Returns:
        customer_id, day, answered_day: the first day of the fortnight from the contact's day on, that day included, on
        which an order began; null if there is none.
    """
    made = contacts.select("customer_id", contact_day=nw.col("day"))
    days = orders.filter(nw.col("orders") > 0).select("customer_id", "day")
    pairs = made.unique(["customer_id", "contact_day"]).join(days, on="customer_id", how="inner")
    since = nw.col("day") - nw.col("contact_day")
    answers = (
        pairs.filter(label_window(0, ANSWER_DAYS).holds(since))
        .group_by("customer_id", "contact_day")
        .agg(nw.col("day").min().alias("answered_day"))
    )
    both = made.join(answers, on=["customer_id", "contact_day"], how="left")
    return both.select("customer_id", "answered_day", day=nw.col("contact_day"))
