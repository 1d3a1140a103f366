"""Prune: what is to be deleted by a day goes, from boxes, from what was delivered, and from the ledger.

A campaign goes whole, once the last of its rows may go and its last horizon has ended: half of it could not be
measured, and whoever was forgotten might be assigned to the other arm. The ledger goes last, so that a run that is
stopped can be run again.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

import pandas as pd

from clm_ml.artifacts import Box, find_boxes, new_box, open_box, tidy_below
from clm_ml.campaign import open_ledger
from clm_ml.config import Config
from clm_ml.destinations import forget_delivered
from clm_ml.errors import ArtifactError
from clm_ml.timeline import date_of, parse_day

__all__ = ["Pruned", "prune"]

#: The kinds of boxes that hold people and say until when; one that is empty is called a pruned one.
KINDS = ("list", "scores", "backtest")


@dataclass(frozen=True)
class Pruned:
    """What was removed, or would be.

    Attributes:
        as_of: the day.
        is_done: False if it was only looked at.
        campaigns: a row a campaign of the ledger, as `Ledger.terms` tells them, and `is_due`.
        boxes: boxes that were due, by place, and how many files they had.
        delivered: rows removed of what each destination was delivered.
        warnings: what is due and stays, and why.
    """

    as_of: str
    is_done: bool
    campaigns: pd.DataFrame = field(repr=False)
    boxes: Mapping[Path, int]
    delivered: Mapping[str, int]
    warnings: tuple[str, ...] = ()

    def facts(self) -> dict[str, Any]:
        """Tell all of it as plain data, for JSON."""
        return {
            "as_of": self.as_of,
            "is_done": self.is_done,
            "campaigns": self.campaigns.astype(object).to_dict("records"),
            "boxes": {str(place): files for place, files in self.boxes.items()},
            "delivered": dict(self.delivered),
            "warnings": list(self.warnings),
        }


def prune(config: Config, as_of: str, folders: Sequence[str | Path] = (), *, dry_run: bool = False) -> Pruned:
    """Remove what is due when `as_of` begins: whatever is to be deleted after an earlier day.

    Of a box of a list, scores or a backtest its manifest stays, which tells of nobody; of a campaign how many were in
    each arm. Afterwards it can be neither measured nor exported again. While a campaign's horizon is running it stays,
    and so do its list boxes.
    What destinations were delivered is forgotten of campaigns that are gone, and of whoever was told to be out of one.

    Args:
        config: whose ledger and memory it is.
        as_of: the day; no clock is read.
        folders: where boxes lie, at any depth.
        dry_run: whether to look only.

    Raises:
        ArtifactError: if a folder is not there, or something in it cannot be removed.
        CampaignError: if the ledger cannot be used.
    """
    named = [Path(folder) for folder in folders]
    day = date_of(parse_day(as_of)).isoformat()
    for folder in (place for place in named if place.is_dir() and not dry_run):
        tidy_below(folder)  # a box that a killed run has set aside is in nobody's sight, but its people are in it
    with open_ledger(config.path(config.list.ledger), only_look=True) as ledger:
        terms = ledger.terms()
        campaigns = terms.assign(is_due=terms["goes_on"] <= day)
        due = campaigns.loc[campaigns["is_due"], "campaign"].tolist()
        boxes, damaged = _due_boxes(named, day, {*campaigns.loc[campaigns["ends_on"] > day, "campaign"]})
        files = {box.folder: sum(path.is_file() for path in box.folder.rglob("*")) - 1 for box in boxes}
        for box in () if dry_run else boxes:
            _empty(box, day)
        delivered = _forget_delivered(config, {*due, *ledger.pruned()}, dry_run)
        if due and not dry_run:
            ledger.forget(due, day)
    return Pruned(day, not dry_run, campaigns, files, delivered, (*_staying(campaigns, day), *damaged))


def _due_boxes(folders: Sequence[Path], day: str, running: Collection[str]) -> tuple[list[Box], list[str]]:
    """Find the boxes that are due, and say which cannot be emptied since they are not what was written."""
    due, damaged = [], []
    for folder, kind in product(folders, KINDS):
        for place, facts in find_boxes(folder, kind):
            if str(facts.get("delete_after", day)) < day and facts.get("campaign") not in running:
                try:
                    due.append(open_box(place, kind))
                except ArtifactError as error:
                    damaged.append(f"{error} It is due: remove it by hand.")
    return due, damaged


def _empty(box: Box, day: str) -> None:
    """Put a box without files in its place, with what its manifest told."""
    facts = {**box.facts, "pruned_on": day}
    with new_box(box.folder, f"pruned {box.kind}", facts, force=True, private=True, instead_of=box):
        pass


def _forget_delivered(config: Config, campaigns: Collection[str], dry_run: bool) -> dict[str, int]:
    states = sorted(config.path(config.delivery.state).glob("*.parquet"))
    counts = {path.stem: forget_delivered(path, campaigns, dry_run=dry_run) for path in states}
    return {name: count for name, count in counts.items() if count}


def _staying(campaigns: pd.DataFrame, day: str) -> list[str]:
    """Warn of whoever is due in a campaign that is not."""
    late = campaigns[~campaigns["is_due"] & (campaigns["delete_first"] < day)]
    rows = zip(late["campaign"], late["delete_first"], late["goes_on"], strict=True)
    return [
        f"campaign {name} has customers who were due after {first}; it stays whole until {goes}."
        for name, first, goes in rows
    ]
