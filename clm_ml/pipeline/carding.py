"""The card of a model: who the judged customers are, where fairness is asked for, and what is told of them together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import narwhals as nw
import pandas as pd
import pyarrow as pa

from clm_ml.config import Config
from clm_ml.model import Model
from clm_ml.model_card import Subject, write_card
from clm_ml.pipeline.judging import Judged
from clm_ml.tables import Tables

__all__ = ["read_people", "with_card", "with_people"]


def read_people(tables: Tables, attributes: Sequence[str]) -> pa.Table | None:
    """Read what people are, before the engine is closed: `customer_id` and attributes; None if nobody asks."""
    if tables.customers is None or not attributes:
        return None
    people = tables.customers.select("customer_id", *(nw.col(name) for name in attributes))
    told = tables.engine.collect(people, "customer_id")
    words = [told[name].dictionary_encode() for name in attributes]
    return pa.table([told["customer_id"], *words], ["customer_id", *attributes])


def with_people(judged: Judged, people: pa.Table | None) -> Judged:
    """Add to what was judged what the customers are."""
    if people is None:
        return judged
    known = people.to_pandas().set_index("customer_id")
    theirs = known.reindex(pd.Index(judged.cohort["customer_id"]))
    return replace(judged, people={str(name): theirs[name].astype(object).tolist() for name in theirs})


def with_card(model: Model, judged: Judged | None, config: Config) -> Model:
    """Write the card of a model, with all that its facts tell by now."""
    subject: Any = None
    if judged is not None:
        subject = Subject(
            judged.cohort["ordered"].to_numpy(),
            judged.order_probability,
            judged.baselines,
            list(judged.segments),
            judged.people,
        )
    return replace(model, card=write_card(model, config, subject))
