"""A list, in batches, becomes the files of one destination."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from clm_ml.destinations.fields import FIELDS
from clm_ml.destinations.rows import INVALID, Desk, Order
from clm_ml.destinations.schema import Destination
from clm_ml.destinations.side_files import Written, write_beside
from clm_ml.destinations.state import Delivered, Rows, new_state
from clm_ml.destinations.writing import Parts

__all__ = ["DIGESTS", "MEMBERS", "UNKEYED", "Outcome", "write_destination"]

#: The folder of a list box that tells, in digests, what its files say.
DIGESTS = "digests"

#: The folder within it of destinations that know nobody again: only forgetting asks which row is whose.
UNKEYED = "unkeyed"

#: The stem of the files that make customers members of a campaign.
MEMBERS = "campaign_members"


@dataclass(frozen=True)
class Outcome:
    """What was written for one destination.

    Attributes:
        files: every file, from the folder that was given.
        rows: rows written of those to contact, held out and gone (`left`).
        invalid: rows refused, by reason; they are in invalid.csv.
        unchanged: rows left out since they were delivered before as they are.
        doubtful: keys written that begin like a formula.
    """

    files: tuple[Path, ...]
    rows: Mapping[str, int]
    invalid: Mapping[str, int]
    unchanged: int = 0
    doubtful: int = 0

    def facts(self) -> dict[str, Any]:
        """Tell the counts as plain data, for manifests."""
        counts = {"unchanged": self.unchanged, "doubtful": self.doubtful}
        return {"rows": dict(self.rows), "invalid": dict(self.invalid), **counts}


def write_destination(
    name: str,
    destination: Destination,
    batches: Iterable[pd.DataFrame],
    folder: Path,
    order: Order,
    *,
    columns: Collection[str],
    known: Mapping[bytes, Delivered] | None = None,
) -> Outcome:
    """Write a destination's files into a folder of its name, holding no more than a batch and the keys.

    Args:
        name: the folder's name.
        destination: what it takes.
        batches: the list's rows with their contact fields, each batch of one arm: first those held out, then those to
            contact in rank order, then those who may have left.
        folder: where the folder is made, and the digests of what was written.
        order: how the list goes out.
        columns: the batches' columns; a file for people has only what can be told from them.
        known: what was delivered before, by `key_of`.
    """
    if destination.file.for_ == "people":
        destination = _with_what_there_is(destination, columns)
    home = folder / name
    home.mkdir()
    with _parts(home, destination, order) as parts, _memory(folder, name, destination) as remember:
        desk = Desk(destination, order, known or {}, parts, remember)
        for batch in batches:
            if len(batch):
                desk.take(batch)
    files = [path for part in parts.values() for path in part.files]
    files += write_beside(destination, order.campaign, _of_customers(parts, order))
    return Outcome(
        tuple(path.relative_to(folder) for path in files),
        dict(desk.rows),
        dict(desk.invalid),
        desk.unchanged,
        desk.doorkeeper.doubtful,
    )


def _of_customers(parts: Mapping[str, Parts], order: Order) -> list[Written]:
    """List the files that have customers in them, and of whom."""
    roles, mixed = ("contact", "holdout", "left"), order.control == "flag"
    files = [(role, path) for role in roles for path, count in parts[role].files.items() if count]
    return [Written(path, role, mixed and role == "contact") for role, path in files]


def _with_what_there_is(destination: Destination, columns: Collection[str]) -> Destination:
    told = {
        name: column for name, column in destination.columns.items() if {*FIELDS[column.field].columns} & {*columns}
    }
    return destination.model_copy(update={"columns": told})


@contextmanager
def _parts(home: Path, destination: Destination, order: Order) -> Iterator[dict[str, Parts]]:
    """Open the files of each role; those to contact have one even if it is empty, so that a scheduler finds it."""
    form, has_key = destination.file, destination.key is not None
    limits: dict[str, Any] = {"max_rows": form.max_rows, "max_bytes": form.max_mb and form.max_mb * 1e6}
    mark, headers = form.for_ == "people", list(destination.columns)
    separate = has_key and order.control == "separate"
    with ExitStack() as stack:
        parts = {
            "contact": Parts(home / form.name, headers, byte_order_mark=mark, always=True, **limits),
            "holdout": Parts(home / "holdout.csv", headers, byte_order_mark=mark, always=separate, **limits),
            "left": Parts(home / "left.csv", headers, byte_order_mark=mark, **limits),
            "invalid": Parts(home / "invalid.csv", INVALID, byte_order_mark=True),
        }
        if destination.beside == "salesforce_job" and order.campaign_id and destination.key:
            members = ("CampaignId", f"Contact.{destination.key.column}", "Status")
            parts["members"] = Parts(home / f"{MEMBERS}.csv", members, **limits)
        for part in parts.values():
            stack.enter_context(part)
        yield parts


@contextmanager
def _memory(folder: Path, name: str, destination: Destination) -> Iterator[Callable[[Rows], None]]:
    """Open the digests of what is written."""
    home = folder / DIGESTS / ("" if destination.key else UNKEYED)
    home.mkdir(parents=True, exist_ok=True)
    with new_state(home / f"{name}.parquet") as remember:
        yield remember
