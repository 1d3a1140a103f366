"""How lines become orders: which part of which order is known when, what begins with it, and after how long."""

from __future__ import annotations

from typing import Any

import narwhals as nw

from clm_ml.engine import AnyEngine

__all__ = ["known", "known_parts", "order_parts", "with_beginnings"]

Frame = nw.LazyFrame[Any]

_SUMS = {"sale_lines": nw.Int32, "lines": nw.Int32, "gross_minor": nw.Int64, "returned_minor": nw.Int64}


def order_parts(lines: Frame, late: bool) -> Frame:
    """Fold lines into the parts of an order that share a day (and a day of becoming known)."""
    sale = ~nw.col("is_return")
    key = ["customer_id", "day", "known_day"] if late else ["customer_id", "day"]
    has_orders = "order_id" in lines.collect_schema().names()
    amount = nw.col("amount_minor")
    folded = (
        lines.with_columns(
            sale=nw.when(sale).then(nw.lit(1)),
            gross_minor=nw.when(sale).then(amount).otherwise(nw.lit(0)).cast(nw.Int64),
            returned_minor=nw.when(sale).then(nw.lit(0)).otherwise(-amount).cast(nw.Int64),
        )
        .group_by([*key, "order_id"] if has_orders else key)
        .agg(
            nw.col("sale").count().cast(nw.Int32).alias("sale_lines"),
            nw.len().cast(nw.Int32).alias("lines"),
            *(nw.col(name).sum().cast(nw.Int64) for name in ("gross_minor", "returned_minor")),
        )
    )
    return folded if late else folded.with_columns(known_day=nw.col("day"))


def known_parts(parts: Frame, by: int) -> Frame:
    """Put together what had arrived before a day, whenever it had."""
    key = [name for name in ("customer_id", "order_id", "day") if name in parts.collect_schema().names()]
    sums = (nw.col(name).sum().cast(kind) for name, kind in _SUMS.items())
    return parts.filter(known(by)).group_by(key).agg(nw.col("known_day").max(), *sums)


def with_beginnings(parts: Frame, engine: AnyEngine) -> Frame:
    """Tell how many orders begin with each part, and how long after the customer's previous order day.

    An order begins on the day of its first line; a line without an order_id is an order by itself. Of the orders that
    begin on one day, one bears its gap and counts the day: which one is nobody's business.
    """
    sold = nw.col("sale_lines")
    begins, continued = sold, None
    if "order_id" in parts.collect_schema().names():
        begins = nw.when(nw.col("order_id").is_null() | (sold == 0)).then(sold).otherwise(nw.lit(1))
        continued = _continued(parts, engine)
    if continued is not None:
        parts = parts.join(continued, on=["customer_id", "order_id", "day"], how="left")
        begins = nw.when(nw.col("is_continued").is_null()).then(begins).otherwise(nw.lit(0))
    counted = parts.with_columns(orders=begins.cast(nw.Int32)).with_columns(is_order=nw.col("orders") > 0)
    previous = nw.col("day").shift(1).over("customer_id", "is_order", order_by="day")
    since = nw.when(nw.col("is_order")).then(nw.col("day") - previous)
    is_new = nw.col("is_order") & (nw.col("since").is_null() | (nw.col("since") > 0))
    return counted.with_columns(since=since).select(
        "customer_id",
        "day",
        "known_day",
        "orders",
        order_days=nw.when(is_new).then(nw.lit(1)).otherwise(nw.lit(0)).cast(nw.Int32),
        gap_days=nw.when(nw.col("since") > 0).then(nw.col("since")).cast(nw.Int32),
        gross_minor=nw.col("gross_minor"),
        returned_minor=nw.col("returned_minor"),
        returns=nw.col("lines") - sold,
    )


def _continued(parts: Frame, engine: AnyEngine) -> Frame | None:
    """Find the parts of orders that had begun with an earlier part; None where every order has one part."""
    order = ["customer_id", "order_id"]
    sold = parts.filter(nw.col("sale_lines") > 0, ~nw.col("order_id").is_null())
    parted = engine.repeated(sold, *order)
    if parted is None:
        return None
    theirs = sold.join(parted, on=order, how="semi")
    firsts = theirs.group_by(order).agg(nw.col("day").min().alias("first_day"))
    later = theirs.join(firsts, on=order, how="inner").filter(nw.col("day") > nw.col("first_day"))
    return later.select(*order, "day", is_continued=nw.lit(True))


def known(by: int) -> nw.Expr:
    """Say of a row whether it was known before a day."""
    return nw.col("known_day") < by
