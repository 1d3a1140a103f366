"""The rows known before an as_of, and what they tell of the people in any period before it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import narwhals as nw
import pandas as pd

from clm_ml.config import RATED
from clm_ml.lifecycle.doings import engaging, first_categories, leads, new_categories, ordering, spent
from clm_ml.snapshot import Prepared, orders_known_by
from clm_ml.tables import Tables
from clm_ml.timeline import Window

__all__ = ["Known", "known_before"]

Frame = nw.LazyFrame[Any]

#: What is 0 for everybody where no table tells it.
_TOLD = (
    "new_categories", "engaged_ms", "timed", *(f"{meaning}_{what}" for meaning in RATED for what in ("sum", "rated")),
    "leads", "leads_answered", "response_seconds",
)  # fmt: skip


@dataclass(frozen=True)
class Known:
    """Orders, events and each customer's first day in each category, as far as they were known before an as_of."""

    tables: Tables
    orders: Frame = field(repr=False)
    events: Frame | None = field(repr=False)
    categories: Frame | None = field(repr=False)
    kept: tuple[Frame, ...] = field(default=(), repr=False)

    def doings(self, period: Window) -> pd.DataFrame:
        """Tell what each person did in a period: one row a person, customer_id being the index, 0 for nothing.

        Columns are those of `ordering`, `new_categories`, `engaging` and `leads`; `first_order_day` is null without
        an order.
        """
        found: list[Any] = [self._fetched(frame) for frame in self._frames(period)]
        together = found[0].join(found[1:], how="outer") if len(found) > 1 else found[0]
        sums = [name for name in (*together, *_TOLD) if name != "first_order_day"]
        counted = together.reindex(columns=list(dict.fromkeys(sums))).fillna(0).astype("int64")
        return counted.assign(first_order_day=together["first_order_day"].astype("float64"))

    def _frames(self, period: Window) -> list[Frame]:
        frames, meanings = [ordering(self.orders, period)], self.tables.meanings
        if self.categories is not None:
            frames.append(new_categories(self.categories, period))
        if self.events is not None:
            frames.append(engaging(self.events, {name: meanings.get(name, ()) for name in RATED}, period))
            frames.append(leads(self.events, meanings.get("lead", ()), meanings.get("first_response", ()), period))
        return frames

    def _fetched(self, frame: Frame) -> pd.DataFrame:
        rows: Any = self.tables.engine.collect(frame, "customer_id").to_pandas()
        found: pd.DataFrame = rows.set_index("customer_id")
        return found

    def drop(self) -> None:
        """Give back its memory, once no further period is asked for."""
        for frame in self.kept:
            self.tables.engine.drop(frame)

    def spent_minor(self, period: Window) -> int:
        """Tell what marketing cost in a period, in hundredths; 0 where no table says."""
        if self.tables.spend is None:
            return 0
        return int(self.tables.engine.collect(spent(self.tables.spend, period))["spent_minor"][0].as_py())


def known_before(prepared: Prepared, as_of: int) -> Known:
    """Keep what was known before as_of; what many periods ask again is kept in the engine."""
    tables, orders, events = prepared.tables, orders_known_by(prepared, as_of), prepared.tables.events
    has_categories = "category" in tables.orders.collect_schema().names()
    if prepared.late_parts is not None:
        orders = tables.engine.keep(orders)
    categories = tables.engine.keep(first_categories(tables.orders, as_of)) if has_categories else None
    return Known(
        tables=tables,
        orders=orders,
        events=None if events is None else events.filter(nw.col("known_day") < as_of),
        categories=categories,
        kept=(*([] if prepared.late_parts is None else [orders]), *([] if categories is None else [categories])),
    )
