"""Who was assigned to which arm of a campaign, and when: as the ledger says, or a table of contacts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import narwhals as nw
import pandas as pd

from clm_ml.campaign import CONTACT, HOLDOUT, UNIVERSAL, Ledger, open_ledger
from clm_ml.config import COLUMNS, Config, Contacts
from clm_ml.engine import open_engine
from clm_ml.errors import CampaignError, did_you_mean
from clm_ml.progress import Progress
from clm_ml.snapshot import HELD_OUT
from clm_ml.tables import Tables, read_tables
from clm_ml.timeline import parse_day

__all__ = ["Assigned", "contacts_of", "find_assigned", "of_contacts", "of_ledger", "read_with_contacts"]


@dataclass(frozen=True)
class Assigned:
    """Everyone assigned in a campaign: customer_id, arm, segment, share, start_day and horizon_days, a row a customer.

    `segment` and `share` are columns only where somebody wrote them down. `contact_cost` is what a contact cost on
    average, by contacted arm.
    """

    campaign: str
    customers: pd.DataFrame = field(repr=False)
    contact_cost: dict[str, float]
    warnings: tuple[str, ...] = ()


def read_with_contacts(config: Config, contacts: Path | None, progress: Progress) -> Tables:
    """Read the tables; with a file of contacts, that one instead of the config's, its columns named as the contract's.

    Raises:
        DataError: if the file lacks a column it needs: customer_id, campaign, contacted_at, arm.
    """
    if contacts is None:
        return read_tables(config, progress=progress)
    engine = open_engine(config)
    needed = (*COLUMNS["contacts"][0], "arm")
    plan = Contacts(source=str(contacts.absolute()), columns={name: name for name in needed})
    there = engine.source("contacts", plan, config).types
    more = {name: name for name in COLUMNS["contacts"][1] if name in there}
    plan = plan.model_copy(update={"columns": plan.columns | more})
    tables = config.tables.model_copy(update={"contacts": plan})
    return read_tables(config.model_copy(update={"tables": tables}), engine, progress=progress)


def find_assigned(campaigns: Sequence[str], tables: Tables, config: Config, *, in_contacts: bool) -> list[Assigned]:
    """Find who was assigned in each campaign: the ledger is asked first, unless the contacts were given by hand.

    Raises:
        CampaignError: if a campaign is in neither, or a table of contacts does not tell its arms.
    """
    with open_ledger(config.path(config.list.ledger), only_look=True) as ledger:
        listed = [] if in_contacts else ledger.campaigns()
        others = _names(tables)
        unknown = [name for name in campaigns if name not in (*listed, *others)]
        if unknown:
            pruned = {} if in_contacts else ledger.pruned()
            raise CampaignError(_unknown(unknown[0], sorted({*listed, *others}), pruned.get(unknown[0])))
        told = contacts_of([name for name in campaigns if name not in listed], tables)
        return [
            of_ledger(name, ledger, config) if name in listed else of_contacts(name, told, config)
            for name in dict.fromkeys(campaigns)
        ]


def _unknown(name: str, known: Sequence[str], pruned_on: str | None) -> str:
    if pruned_on is not None:
        return f"campaign {name!r} was pruned on {pruned_on}: nobody remembers who was in it, so it cannot be measured."
    where = "neither in the ledger nor in a table of contacts"
    told = did_you_mean(name, known) or (f"; there are {', '.join(known[:5])}." if known else ".")
    return f"campaign {name!r} is {where}{told}"


def _names(tables: Tables) -> list[str]:
    if tables.contacts is None:
        return []
    return tables.engine.collect(tables.contacts.select("campaign").unique(), "campaign")["campaign"].to_pylist()


def of_ledger(name: str, ledger: Ledger, config: Config) -> Assigned:
    """Tell who was assigned in a campaign of the ledger.

    Raises:
        CampaignError: if everyone in it was forgotten.
    """
    rows = ledger.assignments(name)
    if rows.empty:
        raise CampaignError(f"everyone in campaign {name!r} was forgotten, so there is nobody to measure it by.")
    forgotten = _tell_forgotten(ledger.forgotten(name))
    customers = pd.DataFrame(
        {
            "customer_id": rows["customer_id"],
            "arm": _with_plays(rows),
            "segment": rows["stratum"],
            "share": rows["share"],
            "start_day": [parse_day(day) for day in rows["sent_on"]],
            "horizon_days": rows["horizon_days"],
        }
    )
    if name == UNIVERSAL:
        times = _contacts_each(ledger, customers)
        told = (
            f"the whole programme: all campaigns together, {times:,.2f} contacts a customer, against nobody contacted."
        )
        return Assigned(name, customers, {CONTACT: times * config.list.contact_cost}, (told, *forgotten))
    arms = [arm for arm in customers["arm"].unique() if arm != HOLDOUT]
    return Assigned(name, customers, dict.fromkeys(arms, config.list.contact_cost), forgotten)


def _tell_forgotten(counts: Mapping[str, int]) -> tuple[str, ...]:
    """Say how many were forgotten, in which arms: what they ordered nobody can tell, in neither."""
    told = " and ".join(f"{count:,} of {arm}" for arm, count in counts.items())
    return (f"forgotten since, so that they do not count: {told}.",) if counts else ()


def _with_plays(rows: pd.DataFrame) -> pd.Series[str]:
    """Give each their arm; where plays were compared, every one of them is an arm of its own, `play 1` and so on."""
    is_sent = rows["arm"] == CONTACT
    if rows.loc[is_sent, "play"].nunique() < 2:
        return rows["arm"]
    return rows["arm"].mask(is_sent, "play " + rows["play"].astype(str))


def _contacts_each(ledger: Ledger, customers: pd.DataFrame) -> float:
    """Count how often campaigns have contacted each of the programme within their horizon, in the mean."""
    programme = customers[customers["arm"] == CONTACT].set_index("customer_id")
    campaigns = [ledger.assignments(name) for name in ledger.campaigns() if name != UNIVERSAL]
    if programme.empty or not campaigns:
        return 0.0
    sent = pd.concat(campaigns, ignore_index=True)
    sent = sent[(sent["arm"] == CONTACT) & sent["customer_id"].isin(programme.index)]
    theirs = programme.loc[sent["customer_id"]]
    since = [parse_day(day) for day in sent["sent_on"]] - theirs["start_day"].to_numpy()
    return float(((since >= 0) & (since < theirs["horizon_days"].to_numpy())).sum() / len(programme))


def contacts_of(campaigns: Sequence[str], tables: Tables) -> pd.DataFrame:
    """Collect the contacts of some campaigns, all at once.

    Raises:
        CampaignError: if their arms are not told.
    """
    if tables.contacts is None or not campaigns:
        return pd.DataFrame()
    if "arm" not in tables.contacts.collect_schema().names():
        raise CampaignError(f"campaign {campaigns[0]!r} cannot be measured: the table of contacts maps no arm; map it.")
    theirs = tables.contacts.filter(nw.col("campaign").is_in(list(dict.fromkeys(campaigns))))
    return tables.engine.collect(theirs, "campaign", "customer_id", "day").to_pandas()


def of_contacts(name: str, contacts: pd.DataFrame, config: Config) -> Assigned:
    """Take the first contact of each customer; those whose arm is not told are left out, and counted.

    Raises:
        CampaignError: if somebody is in two arms.
    """
    rows = contacts[contacts["campaign"] == name]
    arms = rows["arm"].str.strip().str.lower()
    rows = rows.assign(arm=arms.where(~arms.isin(HELD_OUT), HOLDOUT))
    told = rows[rows["arm"].notna() & (rows["arm"] != "")]
    customers = _one_row_each(name, told)
    untold = rows["customer_id"].nunique() - len(customers)
    warnings = (f"without an arm, so that they do not count: {untold:,} customers.",) if untold else ()
    kept = customers.assign(start_day=customers["day"], horizon_days=config.task.horizon_days)
    kept = kept[["customer_id", "arm", "start_day", "horizon_days"]].reset_index(drop=True)
    return Assigned(name, kept, _mean_costs(told, customers, config), warnings)


def _one_row_each(name: str, rows: pd.DataFrame) -> pd.DataFrame:
    """Keep each customer's first contact.

    Raises:
        CampaignError: if somebody is in two arms.
    """
    twice = int((rows.groupby("customer_id")["arm"].nunique() > 1).sum())
    if twice:
        raise CampaignError(f"campaign {name!r} has {twice:,} customers in two arms; everyone has one: mend the table.")
    return rows.drop_duplicates("customer_id")


def _mean_costs(rows: pd.DataFrame, customers: pd.DataFrame, config: Config) -> dict[str, float]:
    """Give what a customer cost by contacted arm, all their contacts together; the list's where no cost is mapped."""
    arms = [str(arm) for arm in customers["arm"].unique() if arm != HOLDOUT]
    if "cost_minor" not in rows or rows["cost_minor"].isna().all():
        return dict.fromkeys(arms, config.list.contact_cost)
    spent, people = rows.groupby("arm")["cost_minor"].sum() / 100, customers["arm"].value_counts()
    return {arm: float(spent[arm] / people[arm]) for arm in arms}
