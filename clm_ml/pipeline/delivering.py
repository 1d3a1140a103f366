"""Destinations: which are asked for, what the list becomes for each, and what has been delivered.

What was delivered is remembered in digests beside the config, once somebody says that it was: from then on files can
hold only what has changed, and those who leave a campaign are told to be out of it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from clm_ml.artifacts import open_box
from clm_ml.config import Config
from clm_ml.destinations import (
    CONTACT_FIELDS,
    DIGESTS,
    Destination,
    Order,
    Outcome,
    cleared,
    find_destinations,
    read_state,
    remember,
    write_destination,
)
from clm_ml.engine import BATCH_ROWS
from clm_ml.errors import ConfigError, UsageError
from clm_ml.memory import give_back_memory
from clm_ml.progress import Progress, silent
from clm_ml.tables import Tables

__all__ = ["Going", "choose_destinations", "confirm_delivered", "deliver", "find_people"]

Destinations = Mapping[str, Destination]


@dataclass(frozen=True)
class Going:
    """A campaign's customers on their way out.

    Attributes:
        contact: those to contact, in rank order, with the list's columns.
        holdout: those held out.
        others: customers who were in the campaign once and are no longer.
        order: how the list goes out.
    """

    contact: pd.DataFrame
    holdout: pd.DataFrame
    others: Collection[str]
    order: Order


def choose_destinations(config: Config, names: Sequence[str] = ()) -> Destinations:
    """Find the destinations named on the command line, or else the config's, by the folders of their files.

    Raises:
        UsageError: if one is unknown.
        ConfigError: if a YAML says what cannot be, or wants customers told by what the shop does not have.
    """
    found = find_destinations(names) if names else find_destinations(config.destinations, config.home)
    people = config.tables.customers
    there = {"customer_id", *(people.columns if people is not None else ())}
    for name, destination in found.items():
        needed = destination.needs()
        if needed and not there & {*needed}:
            raise ConfigError(
                f"{name} knows customers by {' or '.join(needed)}, which tables.customers does not map; map it, or "
                f"leave {name} out."
            )
    return found


def deliver(
    folder: Path,
    going: Going,
    tables: Tables,
    config: Config,
    destinations: Destinations,
    progress: Progress = silent,
) -> dict[str, Outcome]:
    """Write each destination's files into a folder of its name, a batch at a time; nobody is held twice."""
    others = sorted(going.others)
    ids = [going.holdout["customer_id"], going.contact["customer_id"], pd.Series(others, dtype="str")]
    people = find_people(pd.concat(ids, ignore_index=True), tables)
    give_back_memory()
    columns = [*going.contact.columns, *people.columns]
    outcomes: dict[str, Outcome] = {}
    for name, destination in destinations.items():
        progress("destinations", len(outcomes), len(destinations))
        # what was delivered is as long as the list: it is given away at once, so that no two are held
        outcomes[name] = write_destination(
            name,
            destination,
            _batches(going, others, people),
            folder,
            going.order,
            columns=columns,
            known=read_state(_state(config, name)),
        )
        give_back_memory()
    return outcomes


def find_people(customer_ids: pd.Series[str], tables: Tables) -> pd.DataFrame:
    """Fetch the contact fields that the shop has of some customers, a row for each, in their order."""
    if tables.customers is None:
        return pd.DataFrame(index=range(len(customer_ids)))
    engine = tables.engine
    names = [name for name in CONTACT_FIELDS if name in tables.customers.collect_schema().names()]
    places = pd.DataFrame({"customer_id": customer_ids, "place": range(len(customer_ids))})
    wanted = engine.keep(engine.given(places)).join(
        tables.customers.select("customer_id", *names), on="customer_id", how="left"
    )
    return engine.collect(wanted.select("place", *names), "place").to_pandas().drop(columns="place")


def _batches(going: Going, others: Sequence[str], people: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """Put contact fields beside the rows, which have the order of the people."""
    place = 0
    for rows in _parts(going, others):
        found = people.iloc[place : place + len(rows)]
        yield rows.assign(**{name: found[name].to_numpy() for name in people.columns})
        place += len(rows)


def _parts(going: Going, others: Sequence[str]) -> Iterator[pd.DataFrame]:
    """Give those held out first: nobody is contacted by an address that one of them has too."""
    for rows in (going.holdout, going.contact):
        for start in range(0, len(rows), BATCH_ROWS):
            yield rows.iloc[start : start + BATCH_ROWS]
    scored_on = max(str(rows["scored_on"].max()) for rows in (going.holdout, going.contact) if len(rows))
    for start in range(0, len(others), BATCH_ROWS):
        yield cleared(others[start : start + BATCH_ROWS], scored_on)


def confirm_delivered(config: Config, folder: Path, names: Sequence[str] = ()) -> dict[str, int]:
    """Remember that the files of a list box were delivered, and tell how many rows to each destination.

    Saying so twice changes nothing.

    Args:
        config: whose memory it is.
        folder: the list box.
        names: the destinations it was delivered to; all that the box has files of, if none is named.

    Raises:
        ArtifactError: if it is no list box, or was altered.
        UsageError: if the box has nothing of a destination.
    """
    box = open_box(folder, "list")
    there = sorted(path.stem for path in box.path(DIGESTS).glob("*.parquet"))
    for name in names:
        if name not in there:
            known = ", ".join(there) or "none"
            raise UsageError(f"{folder} has no files that are remembered as delivered to {name!r}; it has {known}.")
    delivered = {}
    for name in dict.fromkeys(names or there):
        news = read_state(box.path(DIGESTS) / f"{name}.parquet")
        remember(_state(config, name), news)
        delivered[name] = len(news)
    return delivered


def _state(config: Config, name: str) -> Path:
    return config.path(config.delivery.state) / f"{name}.parquet"
