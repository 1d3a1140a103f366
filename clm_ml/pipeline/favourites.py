"""What listed customers like best: the category on which each has spent most."""

from __future__ import annotations

from collections.abc import Iterable

import narwhals as nw
import pandas as pd

from clm_ml.tables import Tables

__all__ = ["find_favourite_categories"]


def find_favourite_categories(customer_ids: Iterable[str], tables: Tables, day: int) -> pd.Series[str]:
    """Give the category of each on which most was spent before a day, after returns, by customer_id.

    Ties go to the name that is first. Whoever has none is not in it: nothing kept, or no category mapped.
    """
    if "category" not in tables.orders.collect_schema().names():
        return pd.Series([], index=pd.Index([], name="customer_id"), name="category", dtype=object)
    wanted = tables.engine.keep(
        tables.engine.given(pd.DataFrame({"customer_id": pd.Series(customer_ids, dtype="str")}))
    )
    known = tables.orders.filter(nw.col("known_day") < day, ~nw.col("category").is_null())
    spent = (
        known.join(wanted, on="customer_id", how="semi")
        .group_by("customer_id", "category")
        .agg(nw.col("amount_minor").sum())
        .filter(nw.col("amount_minor") > 0)
    )
    found = tables.engine.collect(spent, "customer_id", "category").to_pandas()
    best = found.sort_values(["customer_id", "amount_minor", "category"], ascending=[True, False, True])
    return best.drop_duplicates("customer_id").set_index("customer_id")["category"]
