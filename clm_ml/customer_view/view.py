"""The single customer view: everything that is known of one customer at an as_of, and what to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Any

import pandas as pd

from clm_ml.customer_view.page import page
from clm_ml.customer_view.person import Permission
from clm_ml.customer_view.telling import Part, parts_of
from clm_ml.lifecycle import Play
from clm_ml.model import REASONS

__all__ = ["CustomerView"]


@dataclass(frozen=True)
class CustomerView:
    """One customer, as known at an as_of; in a notebook it shows itself.

    Attributes:
        customer_id: who.
        as_of: ISO; what lies before it is known.
        project: the config's name.
        currency: of every amount.
        horizon_days: how far the scores look ahead.
        person: fields of the customer table; masked unless they were to be revealed.
        scores: their row of a scores box, reasons included; None without a model.
        history: segments at earlier as_ofs (see `segment_history`); empty without a model.
        habits: what they do lately beside what is usual for them (see `habits`); empty without a model.
        timeline: all that happened, the newest first (see `time_line`).
        favourites: what they buy most (see `favourites`).
        service: what service heard (see `service`).
        contacts: contacts of campaigns (see `contacts_made`).
        assigned: campaigns of the ledger: campaign, arm, rank, sent_on, horizon_days, ends_on.
        permission: whether they may be contacted, and why not.
        play: what to do; None without a model, since then nobody knows their segment.
        channel_trouble: why the play's channel will not do, in words; None if it will.
        warnings: what a reader should know.
    """

    customer_id: str
    as_of: str
    project: str
    currency: str
    horizon_days: int
    person: Mapping[str, Any] = field(repr=False)
    scores: Mapping[str, Any] | None = field(repr=False)
    history: pd.DataFrame = field(repr=False)
    habits: pd.DataFrame = field(repr=False)
    timeline: pd.DataFrame = field(repr=False)
    favourites: pd.DataFrame = field(repr=False)
    service: Mapping[str, Any] = field(repr=False)
    contacts: pd.DataFrame = field(repr=False)
    assigned: pd.DataFrame = field(repr=False)
    permission: Permission
    play: Play | None
    channel_trouble: str | None = None
    warnings: tuple[str, ...] = ()

    @property
    def segment(self) -> str | None:
        """The segment at as_of; None without a model."""
        return None if self.scores is None else self.scores["segment"]

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why the churn probability is what it is, the weightiest first."""
        told = self.scores or {}
        return tuple(reason for name in REASONS if (reason := told.get(name)) is not None)

    def parts(self) -> tuple[Part, ...]:
        """Tell the view in parts, each a title and a few rows of words, for whoever lays them out."""
        return parts_of(self)

    def facts(self) -> dict[str, Any]:
        """Tell the view as plain data; days are ISO, amounts in the currency, what is not known is null."""
        plain = ("customer_id", "as_of", "project", "currency", "horizon_days", "channel_trouble")
        told: dict[str, Any] = {name: getattr(self, name) for name in plain}
        tables = ("history", "habits", "timeline", "favourites", "contacts", "assigned")
        return told | {
            "person": dict(self.person),
            "scores": None if self.scores is None else {name: _plain(value) for name, value in self.scores.items()},
            **{name: _records(getattr(self, name)) for name in tables},
            "service": dict(self.service),
            "permission": asdict(self.permission),
            "play": None if self.play is None else asdict(self.play),
            "warnings": list(self.warnings),
        }

    def _repr_html_(self) -> str:
        return page(f"Customer {self.customer_id}", f"as of {self.as_of} · {self.project}", self.parts())


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    rows: Any = table.astype(object).where(table.notna(), None).to_dict("records")
    return list(rows)


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value
