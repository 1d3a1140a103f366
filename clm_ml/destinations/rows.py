"""Rows of one destination: batches of the list become cells, are let in or refused, and are told from earlier ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from clm_ml.destinations.fields import FIELDS, texts
from clm_ml.destinations.refusing import Doorkeeper, is_usable
from clm_ml.destinations.schema import Column, Destination
from clm_ml.destinations.state import Delivered, RowDigest, Rows, key_of
from clm_ml.destinations.writing import Parts, defused, line

__all__ = ["INVALID", "Desk", "Order"]

#: The columns of the file of refused rows.
INVALID = ("reason", "customer_id", "arm", "column", "found")


@dataclass(frozen=True)
class Order:
    """How a list is to go out.

    Attributes:
        campaign: its name.
        control: where those held out go: a file of their own, the same file, or nowhere.
        strict: whether keys that begin like a formula are refused.
        changed_only: whether rows are left out that were delivered before as they are.
        campaign_id: what Salesforce calls the campaign, if its members are to be written.
    """

    campaign: str
    control: Literal["separate", "flag", "omit"] = "separate"
    strict: bool = False
    changed_only: bool = False
    campaign_id: str | None = None

    def role_of(self, arm: str, has_key: bool) -> str | None:
        """Name the file that an arm goes to, or none; without a key there is only that of those to contact.

        >>> Order("autumn", "flag").role_of("holdout", has_key=True), Order("autumn").role_of("holdout", has_key=False)
        ('contact', None)
        """
        held = {"separate": "holdout", "flag": "contact", "omit": None}[self.control]
        return {"contact": "contact", "holdout": held if has_key else None, "none": "left" if has_key else None}[arm]


class Desk:
    """Takes a list's batches for one destination, and counts what becomes of their rows."""

    def __init__(
        self,
        destination: Destination,
        order: Order,
        known: Mapping[bytes, Delivered],
        parts: Mapping[str, Parts],
        remember: Callable[[Rows], None],
    ) -> None:
        self._destination, self._order, self._known = destination, order, known
        self._parts, self._remember, self._is_for_people = parts, remember, destination.file.for_ == "people"
        self._key_place = list(destination.columns).index(destination.key.column) if destination.key else 0
        self._form, self._digest = destination.file.form(), RowDigest(list(destination.columns))
        self.doorkeeper = Doorkeeper(destination, order.strict)
        self.rows, self.invalid, self.unchanged = Counter[str](), Counter[str](), 0

    def take(self, customers: pd.DataFrame) -> None:
        """Write the rows of a batch, which is of one arm."""
        arm = str(customers["arm"].iloc[0])
        if arm == "none":
            customers = self._left(customers)
        role = self._order.role_of(arm, self._destination.key is not None)
        ids = customers["customer_id"].tolist()
        found, cells = self._found(customers), self._cells(customers)
        refusals = self.doorkeeper.refusals(found, cells, arm)
        if role is None:
            return
        remembered = []
        for customer, raw, why, row in zip(ids, found, refusals, zip(*cells.values(), strict=True), strict=True):
            if why is not None:
                self._keep_invalid(why, customer, arm, raw)
            elif (told := self._write(customer, row, arm, role)) is not None:
                remembered.append(told)
        self._remember(remembered)

    def _left(self, customers: pd.DataFrame) -> pd.DataFrame:
        """Keep those whose last delivered row spoke of this campaign: they have to be told that they are out of it."""
        told = [self._known.get(key_of(customer)) for customer in customers["customer_id"]]
        return customers[[row is not None and row.campaign == self._order.campaign for row in told]]

    def _found(self, customers: pd.DataFrame) -> list[str]:
        """Find the keys as the shop has them; of an audience, whatever there is to match by."""
        fields = self._destination.needs() or ("customer_id",)
        several = [texts(name, customers, self._form) for name in fields]
        return [" ".join(text for text in row if text) for row in zip(*several, strict=True)]

    def _cells(self, customers: pd.DataFrame) -> dict[str, list[str]]:
        cells = {}
        for name, column in self._destination.columns.items():
            plain = texts(column.field, customers, self._form)
            if self._destination.any_of:
                plain = [text if is_usable(column.field, text) else "" for text in plain]
            cells[name] = column.after_steps(self._cut(name, column, plain))
        return cells

    def _cut(self, name: str, column: Column, cells: list[str]) -> list[str]:
        """Cut words and sentences that are too long, at a whole character; ids and addresses are whole or refused."""
        if FIELDS[column.field].kind not in ("word", "sentence"):
            return cells
        if chars := self._destination.max_chars.get(name):
            cells = [cell[:chars] for cell in cells]
        if most := self._destination.max_bytes.get(name):
            cells = [cell.encode()[:most].decode(errors="ignore") for cell in cells]
        return cells

    def _keep_invalid(self, why: str, customer: str, arm: str, found: str) -> None:
        self.invalid[why] += 1
        key = self._destination.key
        told = (why, customer, arm, key.column if key else "", found)
        self._parts["invalid"].write(line([defused(cell) for cell in told]))

    def _write(self, customer: str, cells: Sequence[str], arm: str, role: str) -> tuple[bytes, Delivered] | None:
        """Write a row, and give what is to be remembered of it; nothing if it was delivered before as it is."""
        written = line([defused(cell) for cell in cells] if self._is_for_people else cells)
        key_digest, digest = key_of(customer), self._digest(written)
        if self._order.changed_only and (known := self._known.get(key_digest)) and known.digest == digest:
            self.unchanged += 1
            return None
        self._parts[role].write(written)
        self.rows["holdout" if arm == "holdout" else role] += 1
        if "members" in self._parts and arm == "contact":
            self._parts["members"].write(line((self._order.campaign_id or "", cells[self._key_place], "Sent")))
        return key_digest, Delivered(digest, "" if arm == "none" else self._order.campaign)
