"""Where a project's tables come from, what their columns are called there, and what events mean."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import ClassVar

from pydantic import Field, field_validator, model_validator

from clm_ml.config.contract import COLUMNS, MEANINGS
from clm_ml.config.frozen import Frozen
from clm_ml.config.kinds import Day, Share, Text
from clm_ml.errors import did_you_mean

__all__ = ["Contacts", "Customers", "Events", "Input", "Orders", "Spend", "Table", "Tables", "is_attribute"]


class Table(Frozen):
    """Where one table comes from, and what its columns are called there."""

    source: Text | None = Field(
        None,
        description="A CSV (.csv, .csv.gz) or Parquet file, folder or glob; with an engine that has tables, one.",
    )
    query: Text | None = Field(None, description="Instead of a source: one SELECT over the engine's tables.")
    columns: dict[str, Text] = Field(description="This project's name: a column there, or an expression over columns.")
    where: Text | None = Field(None, description="Rows to read, as a condition over the source's columns.")
    date_format: Text | None = Field(
        None, description="How dates are written, when they are text or numbers and not ISO: %d/%m/%Y %H:%M."
    )
    min_date: Day = Field(date(1990, 1, 1), description="Earlier days are put into quarantine.")
    max_rejected_share: Share = Field(0.3, description="Above this share of quarantined rows the run stops.")

    @model_validator(mode="after")
    def _has_one_origin(self) -> Table:
        if (self.source is None) == (self.query is None):
            raise ValueError("give either source or query")
        return self


class Input(Table):
    """A table of the contract: its columns are known."""

    table: ClassVar[str]

    @field_validator("columns")
    @classmethod
    def _are_known(cls, columns: dict[str, str]) -> dict[str, str]:
        missing = [column for column in COLUMNS[cls.table][0] if column not in columns]
        if missing:
            raise ValueError(f"{cls.table} need {' and '.join(missing)} too")
        cls._refuse_unknown(columns)
        return columns

    @classmethod
    def _refuse_unknown(cls, columns: Iterable[str]) -> None:
        needed, optional = COLUMNS[cls.table]
        for column in columns:
            if column not in needed + optional:
                raise ValueError(f"{column!r} is no column of {cls.table}{did_you_mean(column, needed + optional)}")


class Orders(Input):
    """The order log: orders, or lines of them."""

    table = "orders"


class Events(Input):
    """The event log, and which of its types mean what the features know."""

    table = "events"

    meanings: dict[str, list[Text]] = Field(
        {meaning: [meaning] for meaning in ("visit", "email_open", "email_click", "ticket")},
        description="What event types mean: visit, email_open, email_click, ticket, satisfaction, … : [types]. "
        "Types that mean nothing here still count as events.",
    )

    @field_validator("meanings")
    @classmethod
    def _have_known_meanings(cls, meanings: dict[str, list[str]]) -> dict[str, list[str]]:
        for meaning in meanings:
            if meaning not in MEANINGS:
                near = did_you_mean(meaning, MEANINGS)
                raise ValueError(f"{meaning!r} is no known meaning{near or '; known are ' + ', '.join(MEANINGS)}")
        return meanings


class Customers(Input):
    """The people; any attribute may be mapped."""

    table = "customers"

    @classmethod
    def _refuse_unknown(cls, columns: Iterable[str]) -> None:
        """Refuse only what could not be told apart: the engine knows columns by their letters, not by their case."""
        seen = {"created_day": "created_day"}
        for column in columns:
            if (folded := column.casefold()) in seen:
                raise ValueError(f"{column!r} could not be told from {seen[folded]!r}")
            seen[folded] = column


class Contacts(Input):
    """The contacts of past campaigns."""

    table = "contacts"


class Spend(Input):
    """What marketing cost, by day."""

    table = "spend"


class Tables(Frozen):
    """The inputs; all but orders are optional, and what is missing switches off what needs it."""

    orders: Orders = Field(
        description="An order, or a line of one; lines of one order_id are one order. A line that is_return, or with a "
        "negative amount or quantity, is a return: it lowers spend and is no order."
    )
    events: Events | None = Field(None, description="Something a customer did: visits, e-mails, tickets.")
    customers: Customers | None = Field(None, description="A person: e-mail, consent, attributes.")
    contacts: Contacts | None = Field(None, description="One contact of a past campaign.")
    spend: Spend | None = Field(None, description="Marketing cost by day.")

    def named(self) -> dict[str, Table]:
        """List the tables this project has, by name, in the order of the contract."""
        return {name: table for name in COLUMNS if (table := getattr(self, name)) is not None}


def is_attribute(column: str) -> bool:
    """Say of a column of the customer table whether it is one: not who it is, how to reach them, nor consent."""
    return column == "country" or not (column in sum(COLUMNS["customers"], ()) or column.startswith("contact_"))
