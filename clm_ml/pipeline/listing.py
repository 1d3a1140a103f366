"""Listing: scores become the ranked list of one campaign, in two arms; nothing is written here."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from clm_ml.artifacts import as_path
from clm_ml.campaign import CONTACT, HOLDOUT, Ledger, assign_arms, assign_plays, open_ledger, refuse_bad_name
from clm_ml.config import Config
from clm_ml.errors import CampaignError
from clm_ml.lifecycle import playbook
from clm_ml.memory import give_back_memory
from clm_ml.model import BECOMES, REASONS
from clm_ml.pipeline.favourites import find_favourite_categories
from clm_ml.pipeline.permission import find_consent
from clm_ml.pipeline.persuading import Proved, find_effects
from clm_ml.pipeline.programme import find_fatigued, find_held_back
from clm_ml.pipeline.promising import Promise, promise, smallest_share
from clm_ml.pipeline.reading import find_reading
from clm_ml.pipeline.saved import Saved, find_saved
from clm_ml.pipeline.suppressing import Suppressed, find_suppressed
from clm_ml.plots import plot_list
from clm_ml.ranking import (
    Effects,
    Floats,
    Permits,
    Ranked,
    find_barred,
    find_wanted,
    give_away,
    look_up,
    rank_customers,
)
from clm_ml.tables import Forgotten, Tables, read_forgotten
from clm_ml.timeline import parse_day

__all__ = ["Candidates", "Listed", "arms_of", "find_candidates", "listed_of", "plays_of", "rank", "share_to_hold_out"]

#: Gives frames of scores, anew each time it is called.
Scores = Callable[[], Iterable[pd.DataFrame]]

COLUMNS = [
    "rank", "customer_id", "campaign", "arm", "segment", "phase", "play", "churn_probability",
    "expected_value_if_ordering", "value_at_risk", "expected_profit", "ranked_by", *REASONS, *BECOMES,
    "favourite_category", "last_order_on", "scored_on",
]  # fmt: skip

#: What a notebook shows of a list, and how: the first rows, with the columns that say whom, why and what for.
_SHOWN = ["rank", "customer_id", "segment", "play", "churn_probability", "value_at_risk", "expected_profit", "reason_1"]
_MOST_SHOWN = 10
_FORMATS = {
    "churn_probability": "{:.2f}".format,
    "value_at_risk": "{:,.0f}".format,
    "expected_profit": "{:,.2f}".format,
}


@dataclass(frozen=True)
class Listed:
    """One campaign's customers, in rank order, in two frames, so that nobody mails the holdout.

    Both have the list's columns; `dropped` counts who fell away, by reason; `promise` is what the list is expected to
    earn; `profits` is the expected profit of everybody who may be contacted, in the order in which the budget takes
    them; `suppressed` says what the file of those never to list was taken for; `saved` is what past campaigns brought
    back.
    """

    campaign: str
    contact: pd.DataFrame = field(repr=False)
    holdout: pd.DataFrame = field(repr=False)
    dropped: Mapping[str, int]
    promise: Promise = field(repr=False)
    profits: Floats = field(repr=False)
    warnings: tuple[str, ...] = ()
    suppressed: Suppressed = field(default_factory=Suppressed)
    saved: Saved = field(default_factory=Saved, repr=False)
    currency: str = "EUR"

    def figure(self) -> Figure:
        """Draw what lists of other lengths would be expected to earn, beside this one."""
        profits = pd.concat([self.contact, self.holdout])["expected_profit"]
        assumed = bool(self.promise.assumed)
        return plot_list(self.profits, len(profits), float(profits.sum()), self.currency, is_assumed=assumed)

    def _repr_html_(self) -> str:
        sizes = f"{len(self.contact):,} to contact, {len(self.holdout):,} held out"
        promised = self.promise.lines(len(self.holdout), self.currency)
        lines = [*promised, *self.saved.lines(), *_dropped(self.dropped), *self.warnings]
        told = "".join(f"<li>{escape(line)}</li>" for line in lines)
        first = self.contact[_SHOWN].head(_MOST_SHOWN).to_html(index=False, formatters=_FORMATS)
        return f"<p><b>{escape(self.campaign)}</b>: {sizes}</p><ul>{told}</ul>{first}"


def _dropped(dropped: Mapping[str, int]) -> list[str]:
    """Tell who was left out, and why, in a line."""
    told = ", ".join(f"{name} {count:,}" for name, count in dropped.items() if count)
    return [f"left out: {told}"] if told else []


def rank(
    scores: pd.DataFrame, tables: Tables, config: Config, campaign: str, *, uplift: str | Path | None = None
) -> Listed:
    """Rank customers for a campaign as `export` would, without writing anything.

    Args:
        scores: one row a customer, as `Model.score` or a scores box gives them.
        tables: for consent.
        config: for the list and the ledger, which is read if it is there.
        campaign: its name; the arms depend on it.
        uplift: an uplift box to rank by, if it has passed its gate; otherwise a warning says that it has not.

    Raises:
        CampaignError: if nobody is left to contact.
    """
    uplift = as_path(uplift)
    refuse_bad_name(campaign)
    with open_ledger(config.path(config.list.ledger), only_look=True) as ledger:
        ledger.refuse_pruned(campaign)
        day = pd.Timestamp(scores["as_of"].max()).date().isoformat()
        found = find_candidates(lambda: [scores], day, tables, config, campaign, ledger, uplift)
        share = share_to_hold_out(found.ranked, config, ledger, campaign)
        members = ledger.arms(campaign)
        arms = arms_of(found.ranked, campaign, config, share, members)
        plays = plays_of(found.ranked, arms, members, campaign, config, ledger)
    return listed_of(found, arms, plays, campaign, tables, config)


@dataclass(frozen=True)
class Candidates:
    """Who would be sent, and what was known of them: who is never to be listed, and what contacts do."""

    ranked: Ranked
    suppressed: Suppressed
    proved: Proved
    saved: Saved
    warnings: tuple[str, ...]


def find_candidates(
    scores: Scores,
    as_of: str,
    tables: Tables,
    config: Config,
    campaign: str,
    ledger: Ledger,
    uplift: Path | None,
) -> Candidates:
    """Suppress, ask for consent, rank and cut to the budget, by what the config, the tables and the ledger say.

    `scores` gives the frames anew each time it is called: they are gone through once more where uplift is asked.
    """
    suppressed, consent = find_suppressed(config, tables), find_consent(tables)
    members = frozenset(ledger.arms(campaign))
    permits = Permits(
        suppressed=suppressed.customers,
        consent=consent,
        reserved=ledger.reserved(campaign, as_of),
        fatigued=find_fatigued(ledger, config.list, campaign, as_of),
        members=members,
        is_held_back=find_held_back(ledger, config.list, members),
    )
    scores = _of_others(scores, read_forgotten(config))
    proved = Proved() if uplift is None else _proved(uplift, scores(), as_of, tables, config, permits)
    day = parse_day(as_of)
    saved = find_saved(tables, day, config, ledger)
    effects = Effects(find_reading(tables, day, config.list.read_days), saved.rates, proved.effects)
    give_back_memory()
    ranked = rank_customers(scores(), config.list, permits, effects=effects, plays=playbook(config))
    is_asked = consent is not None and "may_contact" in consent.columns
    warnings = [] if is_asked else ["consent is not checked: no table of customers maps may_contact."]
    if suppressed.rows and not ranked.dropped.get("suppressed"):
        warnings.append(f"list.suppress has {suppressed.told()}, and nobody who is scored is among them: look at it.")
    return Candidates(ranked, suppressed, proved, saved, (*warnings, *saved.warnings, *proved.warnings))


def _of_others(scores: Scores, forgotten: Forgotten) -> Scores:
    """Leave the forgotten out of scores that were made before they were."""
    if not forgotten.digests:
        return scores
    return lambda: (part[~part["customer_id"].map(forgotten.holds)] for part in scores())


def _proved(
    uplift: Path,
    scores: Iterable[pd.DataFrame],
    day: str,
    tables: Tables,
    config: Config,
    permits: Permits,
) -> Proved:
    """Find what uplift proves of those whom the list is for; nobody is asked about whom no list may hold."""
    ids = []
    for part in scores:
        barred = find_barred(part, playbook(config), permits)
        wanted = find_wanted(part, config.list, permits) & ~barred.any(axis=1)
        ids.append(part.loc[wanted, "customer_id"])
    return find_effects(uplift, pd.concat(ids, ignore_index=True), day, tables, config)


def share_to_hold_out(ranked: Ranked, config: Config, ledger: Ledger, campaign: str) -> float:
    """Tell the share to hold out; where the list is to find it, a campaign that is exported again keeps its own."""
    if config.list.holdout_share != "auto":
        return config.list.holdout_share
    known = ledger.share(campaign)
    return smallest_share(ranked.customers, config) if known is None else known


def arms_of(ranked: Ranked, campaign: str, config: Config, share: float, known: Mapping[str, str]) -> dict[str, str]:
    """Keep the arms there are, and assign those who are new."""
    new = _new(ranked, known)
    ids = new["customer_id"].tolist()
    assigned = assign_arms(ids, new["segment"].tolist(), campaign, share, config.list.assignment)
    arms = dict(known)
    arms.update(zip(ids, assigned, strict=True))
    return arms


def _new(ranked: Ranked, known: Collection[str]) -> pd.DataFrame:
    """Give id and segment of those who are listed for the first time."""
    customers = ranked.customers[["customer_id", "segment"]]
    return customers[[name not in known for name in customers["customer_id"]]]


def plays_of(
    ranked: Ranked, arms: Mapping[str, str], members: Collection[str], campaign: str, config: Config, ledger: Ledger
) -> dict[str, int]:
    """Keep the plays of members, and assign those who are new; given are those who are told another than the first.

    Raises:
        CampaignError: if a segment has fewer plays than are to be compared, or the config does not know it.
    """
    count, told = config.list.compare_plays, playbook(config)
    new = _new(ranked, members)
    if not new["segment"].isin(list(told)).all():
        raise CampaignError("the scores have a segment that the config does not; score again, or restore the config.")
    short = [name for name in sorted(new["segment"].unique()) if len(told[name].plays) < count]
    if count > 1 and short:
        raise CampaignError(
            f"list.compare_plays asks for {count} plays of each segment, and {short[0]} has "
            f"{len(told[short[0]].plays)}; name more in playbook.{short[0]}.plays, or compare fewer."
        )
    plays = ledger.plays(campaign)
    if count > 1:
        sent = new[np.array([arms[name] == CONTACT for name in new["customer_id"]], dtype=np.bool_)]
        ids = sent["customer_id"].tolist()
        assigned = assign_plays(ids, sent["segment"].tolist(), campaign, count)
        plays.update((name, play) for name, play in zip(ids, assigned, strict=True) if play != 1)
    return plays


def listed_of(
    found: Candidates, arms: Mapping[str, str], plays: Mapping[str, int], campaign: str, tables: Tables, config: Config
) -> Listed:
    """Make the two frames of a list, and what it promises; the customers who were found are given away to them."""
    customers = found.ranked.customers
    scored_on = pd.to_datetime(customers["as_of"])
    last = scored_on - pd.to_timedelta(customers["days_since_last_order"].astype("int64"), unit="D")
    ids = customers["customer_id"]
    arm = pd.Series([arms[name] for name in ids], customers.index, dtype="str")  # a mapped dict would be held twice
    likes = find_favourite_categories(ids, tables, parse_day(scored_on.max().date()))
    promised = promise(customers, arm, config)
    rows = customers.assign(
        campaign=campaign,
        arm=arm,
        play=_in_words(customers, plays, config),
        favourite_category=look_up(ids, likes),
        last_order_on=last.dt.strftime("%Y-%m-%d"),
        scored_on=scored_on.dt.strftime("%Y-%m-%d"),
    )[COLUMNS]
    customers.drop(columns=list(customers), inplace=True)
    contact, holdout = give_away(rows, *(np.flatnonzero(arm == name) for name in (CONTACT, HOLDOUT)))
    return Listed(
        campaign=campaign,
        contact=contact,
        holdout=holdout,
        dropped=found.ranked.dropped,
        promise=promised,
        profits=found.ranked.profits,
        warnings=found.warnings,
        suppressed=found.suppressed,
        saved=found.saved,
        currency=config.currency,
    )


def _in_words(customers: pd.DataFrame, plays: Mapping[str, int], config: Config) -> pd.Series[str]:
    """Say each one's play; null where the segment has none, or the playbook has lost the one that was sent."""
    told = {(name, 1 + place): said for name, play in playbook(config).items() for place, said in enumerate(play.plays)}
    theirs = zip(customers["segment"], customers["customer_id"], strict=True)
    words = [told.get((segment, plays.get(name, 1))) for segment, name in theirs]
    return pd.Series(words, index=customers.index, dtype="str")
