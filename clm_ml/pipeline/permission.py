"""Who may be on a list at all: neither suppressed, nor without consent, nor objecting to profiling."""

from __future__ import annotations

from collections import Counter
from typing import Any

import narwhals as nw
import pandas as pd

from clm_ml.config import Config
from clm_ml.errors import CampaignError
from clm_ml.pipeline.suppressing import find_suppressed
from clm_ml.ranking import Permits, find_forbidden
from clm_ml.snapshot import Prepared, take_snapshot
from clm_ml.tables import Tables

__all__ = ["find_consent", "find_permitted"]


def find_consent(tables: Tables) -> pd.DataFrame | None:
    """Read what customers have allowed: of contact, of profiling and by channel.

    Columns: `customer_id`, and of `may_contact`, `may_profile`, `contact_email` and so on those that are mapped. None
    where nothing is: the shop keeps no consent.
    """
    if tables.customers is None:
        return None
    names = tables.customers.collect_schema().names()
    claims = [name for name in names if name in ("may_contact", "may_profile") or name.startswith("contact_")]
    if not claims:
        return None
    return tables.engine.collect(tables.customers.select("customer_id", *claims), "customer_id").to_pandas()


def find_permitted(config: Config, prepared: Prepared, day: int) -> tuple[nw.LazyFrame[Any], dict[str, int]]:
    """Find whom a list may hold of those known at an as_of, and count the others by the first reason against them.

    Raises:
        CampaignError: if that is nobody.
    """
    tables = prepared.tables
    permits = Permits(find_suppressed(config, tables).customers, find_consent(tables))
    permitted, others = list[pd.DataFrame](), Counter[str]()
    for batch in tables.engine.batches(take_snapshot(prepared, day).customer_ids()):
        known = batch.to_pandas()
        falls = find_forbidden(known["customer_id"], permits)
        others.update({str(step): int(count) for step, count in (falls & (falls.cumsum(axis=1) == 1)).sum().items()})
        permitted.append(known[~falls.any(axis=1)])
    who = pd.concat(permitted, ignore_index=True)
    if who.empty:
        told = ", ".join(f"{step} {count:,}" for step, count in others.items() if count)
        raise CampaignError(f"nobody is left to score ({told}); see list.scores_of in the config.")
    return tables.engine.keep(tables.engine.given(who)), dict(others)
