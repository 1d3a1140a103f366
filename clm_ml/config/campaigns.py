"""Whom a list may hold and what it assumes, what each segment is offered, how lists travel and how they are judged."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from clm_ml.config.frozen import Frozen
from clm_ml.config.kinds import MOST_DAYS, Days, Number, SomeDays, Text, Whole

__all__ = ["Delivery", "ListPlan", "MaxContacts", "Measure", "PlayPlan"]


class MaxContacts(Frozen):
    """How often somebody may be contacted at most."""

    n: Annotated[Whole, Field(ge=1, le=MOST_DAYS)] = Field(3, description="So many contacts at most …")
    days: Days = Field(90, description="… in any so many days.")


class ListPlan(Frozen):
    """The list: whom it may hold, what it may cost, what it assumes."""

    segments: tuple[str, ...] = Field(
        ("cannot_lose", "at_risk", "falling_asleep"), description="Only customers of these segments."
    )
    also_predicted: bool = Field(
        True,
        description="Also customers of other segments who are likely to be at_risk or cannot_lose when the horizon "
        "ends, if these are among the segments; where may_profile is mapped, only with a yes to it.",
    )
    predicted_from: Annotated[Number, Field(gt=0, le=1)] = Field(
        0.5, description="Likely is from this becomes_at_risk_probability or becomes_cannot_lose_probability on."
    )
    silent_days: SomeDays = Field(
        0, description="Only customers who have not ordered for so many days: what the shop itself calls lapsed."
    )
    budget: Annotated[Number, Field(gt=0)] = Field(500.0, description="Money for contacting, in the currency.")
    capacity: dict[str, Annotated[Whole, Field(ge=0)]] = Field(
        {},
        description="The most customers of a list by channel of their play, as {phone: 100}; a channel that is not "
        "named has no limit but the budget.",
    )
    min_gap_days: SomeDays = Field(
        30, description="Nobody is contacted by two campaigns of the ledger within so many days."
    )
    max_contacts: MaxContacts = Field(MaxContacts(), description="Nor oftener than this, by campaigns of the ledger.")
    holdout_share: Literal["auto"] | Annotated[Number, Field(ge=0, lt=1)] = Field(
        0.1,
        description="Share deliberately not contacted; auto: the smallest from .05 to .5 with which a campaign "
        "that just pays for itself can be told from nothing.",
    )
    universal_holdout_share: Annotated[Number, Field(ge=0, lt=1)] = Field(
        0.0, description="Share of all who could be listed whom no campaign contacts, to judge the whole programme by."
    )
    universal_horizon_days: Days = Field(
        365, description="Days over which the programme is judged, for each customer from the first list on."
    )
    assignment: Literal["blocks", "hash"] = Field(
        "blocks", description="blocks along the ranking (exact share at every rank), or hash for always-on lists."
    )
    compare_plays: Annotated[Whole, Field(ge=1)] = Field(
        1,
        description="How many plays of each segment are tried against each other, every one on an equal part of those "
        "to contact; measure then tells what each earned, against the one holdout.",
    )
    margin: Annotated[Number, Field(gt=0, le=1)] = Field(0.3, description="Share of an order's amount that is profit.")
    contact_cost: Annotated[Number, Field(gt=0)] = Field(1.0, description="Cost of contacting one customer.")
    assumed_save_rate: Annotated[Number, Field(gt=0, le=1)] = Field(
        0.05, description="Assumed share of churners whom a contact brings back, until campaigns have measured it."
    )
    measured_days: SomeDays = Field(
        730,
        description="Campaigns that began within so many days, held somebody out and have closed measure what contacts "
        "bring back, in place of assumed_save_rate once they show that it is something; 0: it stays assumed.",
    )
    save_days: Days = Field(
        30,
        description="Whoever orders within so many days of a contact, or within the horizon, if that is shorter, was "
        "saved, when the save rate is measured: what comes later would mostly have come anyway.",
    )
    read_days: SomeDays = Field(
        30,
        description="By e-mail, those are the likelier brought back who would open one within so many days, as far as "
        "those they opened tell; 0: all alike.",
    )
    answer_contacts: Annotated[Whole, Field(ge=0)] = Field(
        8,
        description="Once contacts are measured, what a customer answered to as many weighs as much as what everyone "
        "alike does: who came back after one is the likelier to, who did not the less; 0: all alike.",
    )
    suppress: Path | None = Field(
        None,
        description="Whom never to list: a text file or CSV of customer ids, e-mail addresses, or SHA-256 hashes of "
        "lower-case addresses.",
    )
    scores_of: Literal["everyone", "permitted"] = Field(
        "everyone",
        description="Of whom scores are made: everyone, for analysis too, or only who is permitted on a list: not "
        "suppressed, with consent, not objecting to profiling; then export takes no other scores.",
    )
    ledger: Path = Field(Path("ledger.db"), description="Who was assigned to which arm; append-only.")
    delete_after_days: Days = Field(
        365, description="Scores, lists and backtests say they are to be deleted so many days after as_of."
    )

    def delete_after(self, as_of: date) -> str:
        """Tell the last day (ISO) on which what was made as of a day may be kept."""
        return (as_of + timedelta(days=self.delete_after_days)).isoformat()


class Delivery(Frozen):
    """How a list goes to its destinations."""

    control: Literal["separate", "flag", "omit"] = Field(
        "separate",
        description="Where a CRM's files have those held out: in a file of their own, for suppression; flag: in one "
        "file with the others, told apart by its group column; omit: nowhere.",
    )
    state: Path = Field(
        Path("delivered"), description="The folder that remembers, in digests, what each destination was delivered."
    )
    campaign_ids: dict[str, Text] = Field(
        {}, description="What Salesforce calls a campaign, by its name here: its members are then written too."
    )


class PlayPlan(Frozen):
    """What a project does otherwise with one segment; what is left out stays as the playbook has it."""

    target: Text | None = Field(None, description="Who they are, in a sentence.")
    goal: Text | None = Field(None, description="What we want, in a sentence.")
    plays: Annotated[tuple[Text, ...], Field(min_length=1)] | None = Field(
        None, description="What to do, the best first; lists say the first."
    )
    channel: Text | None = Field(None, description="How to reach them: email, phone, site, or the shop's own word.")
    contact_cost: Annotated[Number, Field(gt=0)] | None = Field(
        None, description="Cost of contacting one of them; list.contact_cost if empty."
    )


class Measure(Frozen):
    """How campaigns are measured."""

    confidence: Annotated[Number, Field(gt=0.5, lt=1)] = Field(
        0.95, description="How often an interval is to hold the truth; above it a verdict is given."
    )
    interim_level: Annotated[Number, Field(gt=0, lt=0.5)] = Field(
        0.02, description="Chance of a false alarm before the horizon has closed, however often one looks."
    )
    mismatch_level: Annotated[Number, Field(gt=0, lt=0.5)] = Field(
        0.001, description="Below this probability of arms as unequal as found nothing is measured."
    )
    pre_period_days: Days = Field(365, description="Spend of so many days before a campaign steadies what is measured.")
