"""Forget: somebody goes from boxes, files, what was delivered and the ledger, and is never read again.

First it is written down, in digests, that they were forgotten: from then on no run brings them back, and a run of this
that is stopped is finished by the next. The ledger goes last, since it tells who was in which campaign.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from clm_ml.artifacts import tidy_below
from clm_ml.campaign import open_ledger
from clm_ml.config import Config
from clm_ml.destinations import TakenOut, forget_people
from clm_ml.errors import DataError, UsageError
from clm_ml.keeping import drop_kept
from clm_ml.pipeline.taking_out import Place, find_places
from clm_ml.tables import find_known, read_forgotten, remember_forgotten

__all__ = ["Forgot", "forget"]


@dataclass(frozen=True)
class Forgot:
    """What was removed of some people, or would be; nobody is named.

    Attributes:
        is_done: False if it was only looked at.
        people: how many were asked for.
        boxes: rows removed of each box, over all its files, by place.
        files: rows removed of each other file: rejected rows, histories, lists of those about to move.
        delivered: rows removed of what each destination was delivered: it still has them, until its owner is asked.
        assignments: rows removed of the ledger: campaign, arm, customers.
        kept: whether tables kept between runs were removed.
        warnings: what could not be looked through, or went whole.
    """

    is_done: bool
    people: int
    boxes: Mapping[Path, int]
    files: Mapping[Path, int]
    delivered: Mapping[str, int]
    assignments: pd.DataFrame = field(repr=False)
    kept: bool
    warnings: tuple[str, ...] = ()

    def facts(self) -> dict[str, Any]:
        """Tell all of it as plain data, for JSON."""
        return {
            "is_done": self.is_done,
            "people": self.people,
            "boxes": {str(place): rows for place, rows in self.boxes.items()},
            "files": {str(place): rows for place, rows in self.files.items()},
            "delivered": dict(self.delivered),
            "assignments": self.assignments.astype(object).to_dict("records"),
            "kept": self.kept,
            "warnings": list(self.warnings),
        }


def forget(
    config: Config, customer_ids: Sequence[str], places: Sequence[str | Path] = (), *, dry_run: bool = False
) -> Forgot:
    """Remove people from all that clm-ml has written of a project, and never read them again.

    Boxes of scores, lists and backtests are written anew without them, and their manifests tell how many went; so are
    rejected rows, and files that are named. What destinations were delivered is forgotten, and what is kept between
    runs is removed. The ledger keeps how many were in which arm of each campaign: they count in neither when it is
    measured, since nobody can tell their orders. Model boxes hold no rows, and stay.

    Args:
        config: the project.
        customer_ids: who, as the tables have them; blanks around them do not count.
        places: where boxes and other files lie: folders, at any depth, and files. Below a folder a file is looked at
            only if it can be seen to have been written by clm-ml; one that is named is taken for such.
        dry_run: whether to look only.

    Raises:
        UsageError: if nobody is named.
        DataError: if somebody is known nowhere: not in these places, the ledger, what was delivered or the tables.
        ArtifactError: if a place is not there, or something in it cannot be read or written.
        CampaignError: if the ledger cannot be used.
    """
    named = [Path(place) for place in places]
    people = tuple(dict.fromkeys(name for each in customer_ids if (name := each.strip())))
    if not people:
        raise UsageError("name at least one customer to forget.")
    for folder in (place for place in named if place.is_dir() and not dry_run):
        tidy_below(folder)
    found, troubles = find_places(config, named)
    with open_ledger(config.path(config.list.ledger), only_look=True) as ledger:
        looked = {place.path: place.take_out(people, True) for place in found}
        delivered, rows = _forget_delivered(config, people, dry_run=True), ledger.of_people(people)
        there = {*rows["customer_id"]}.union(*delivered.values(), *(taken.people for taken in looked.values()))
        _refuse_unknown(config, people, there)
        if not dry_run:
            remember_forgotten(config, people)
            for place in [place for place in found if looked[place.path].people]:
                place.take_out(people, False)
            _forget_delivered(config, people, dry_run=False)
        kept = drop_kept(config, dry_run=dry_run)
        if len(rows) and not dry_run:
            ledger.forget_people(people)
    return Forgot(
        is_done=not dry_run,
        people=len(people),
        boxes=_rows([place for place in found if place.is_box], looked),
        files=_rows([place for place in found if not place.is_box], looked),
        delivered={name: len(theirs) for name, theirs in delivered.items() if theirs},
        assignments=rows.groupby(["campaign", "arm"])["customer_id"].size().rename("customers").reset_index(),
        kept=kept,
        warnings=(*troubles, *_whole(looked, is_done=not dry_run)),
    )


def _forget_delivered(config: Config, people: Collection[str], *, dry_run: bool) -> dict[str, frozenset[str]]:
    states = sorted(config.path(config.delivery.state).glob("*.parquet"))
    return {path.stem: forget_people(path, people, dry_run=dry_run) for path in states}


def _refuse_unknown(config: Config, people: Sequence[str], there: Collection[str]) -> None:
    """Refuse ids that nothing knows, before anything is done; only where they stand among those named is told."""
    already = read_forgotten(config)
    missing = [customer for customer in people if customer not in there and not already.holds(customer)]
    unknown = {*missing} - find_known(config, missing) if missing else set()
    if unknown:
        which = ", ".join(f"{number}." for number, customer in enumerate(people, start=1) if customer in unknown)
        raise DataError(
            f"{len(unknown):,} of {len(people):,} customers are known nowhere, so nobody was forgotten (the {which} of "
            "those named); ids are text, compared to the letter: look for leading zeros, capitals, and blanks within."
        )


def _rows(places: Sequence[Place], looked: Mapping[Path, TakenOut]) -> dict[Path, int]:
    counts = {place.path: sum(looked[place.path].rows.values()) for place in places}
    return {path: count for path, count in counts.items() if count}


def _whole(looked: Mapping[Path, TakenOut], *, is_done: bool) -> list[str]:
    """Tell of files that went whole."""
    what = "was removed" if is_done else "would be removed"
    return [
        f"{path / name} {what} whole, since nothing tells whose its rows are: export again."
        for path, taken in looked.items()
        for name in taken.unknown
    ]
