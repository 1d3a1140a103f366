"""What past campaigns have brought back, by channel and silence: the save rate that need not be assumed any more."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd

from clm_ml.campaign import HOLDOUT, UNIVERSAL, Ledger
from clm_ml.config import Config
from clm_ml.errors import CampaignError
from clm_ml.lifecycle import playbook
from clm_ml.measuring import SaveRate, measure_save_rate
from clm_ml.pipeline.answers import find_answers
from clm_ml.pipeline.assigned import Assigned, contacts_of, of_contacts, of_ledger
from clm_ml.pipeline.outcomes import collect_outcomes
from clm_ml.pipeline.reading import find_reading
from clm_ml.ranking import Place, SaveRates
from clm_ml.snapshot import HELD_OUT
from clm_ml.tables import Tables
from clm_ml.timeline import parse_day

__all__ = ["Saved", "find_saved"]

#: Silent for less than a horizon, or for longer.
_SILENT = {"lately": "who ordered lately", "lapsed": "who have lapsed"}
#: What to do about orders that would have come later.
_FORWARD = "fewer than of those held out came later in the horizon; list.save_days as long as it counts both."
#: With fewer in either arm nothing is measured.
_FEWEST = 100
#: Who joined a campaign so many days after it began is not described as of its first day.
_JOINED_DAYS = 30
#: Arms that differ by so many standard errors before the campaign were not chosen by chance.
_UNLIKE = 3.29

#: A campaign's name, its channel, if it tells one, and how to find who was assigned in it.
Past = tuple[str, str | None, Callable[[str], Assigned]]


@dataclass(frozen=True)
class Saved:
    """What past campaigns have brought back; no rates where that is not shown, and the save rate is assumed.

    Attributes:
        rates: by which a list may be ranked.
        measured: each channel's rate, of everybody and of those silent for less than a horizon, and longer.
        save_days: within which somebody had to order to have been saved.
        warnings: why a campaign was not learned from, and what the rates leave out.
    """

    rates: SaveRates | None = None
    measured: Mapping[tuple[str | None, str], SaveRate] = field(default_factory=dict)
    save_days: int = 0
    warnings: tuple[str, ...] = ()

    def lines(self) -> list[str]:
        """Tell it in sentences: what lists are ranked by, or that nothing is shown."""
        told = []
        for (channel, silent), found in self.measured.items():
            by = "contacts" if channel is None else f"contacts by {channel}"
            is_used = self.rates is not None and (channel, True) in self.rates.rates
            if silent == "everybody" and not is_used:
                told.append(f"past campaigns do not show that {by} bring anybody back ({found}): that is assumed")
            elif silent != "everybody" and is_used:
                of = f"within {self.save_days:,} days of those {_SILENT[silent]}"
                told.append(f"past campaigns show what {by} bring back {of}: {found}")
        answers = [] if self.rates is None else list(self.rates.answers.values())
        if answers:
            customers = pd.concat(answers).index.nunique()
            told.append(f"what {customers:,} customers answered to them counts too: who came back is likelier to again")
        return told

    def facts(self) -> list[dict[str, Any]]:
        """Tell what was measured as plain data, for the manifest and JSON."""
        return [
            {
                "channel": channel,
                "silent": silent,
                "save_days": self.save_days,
                "rise": found.rise,
                "error": found.error,
                "contacted": found.contacted,
                "held_out": found.held_out,
            }
            for (channel, silent), found in self.measured.items()
        ]


def find_saved(tables: Tables, day: int, config: Config, ledger: Ledger) -> Saved:
    """Measure what the closed campaigns of the ledger and of a table of contacts brought back, as known at a day.

    Only campaigns count that held somebody out and began within `list.measured_days`. A channel's rates are used once
    the rise it caused over all its campaigns is as many standard errors above zero as uplift is asked for; those silent
    for less than a horizon and those silent for longer have a rate each, where enough of them were in both arms.

    Who ordered within `list.save_days` was saved: what comes later in the horizon would mostly have come anyway, and
    hides the rise. Where it falls as clearly as a rise has to show, orders only came sooner, and that is said.
    """
    known, left_out = list[pd.DataFrame](), 0
    for name, channel, find in _campaigns(tables, ledger, config, day):
        try:
            customers = _closed(find(name).customers, config, day)
        except CampaignError:  # of a table's campaigns no name is shown
            left_out += 1
            continue
        known += [] if customers is None else [customers.assign(campaign=name, told_channel=channel)]
    if known:
        came = collect_outcomes(pd.concat(known, ignore_index=True), tables, config, day)
        parts = [rows for _, rows in came.groupby("campaign", sort=True)]
        alike = [rows for rows in parts if _are_alike(rows["spent_before"].gt(0), rows["arm"].eq(HOLDOUT))]
        left_out += len(parts) - len(alike)
        known = [_told(rows, tables, config) for rows in alike]
    why = "somebody is in two arms, or the arms differed before"
    told = (f"past campaigns that do not measure the save rate: {left_out:,}; {why}.",) if left_out else ()
    found = _by_channel(known, config)
    return replace(found, warnings=(*told, *found.warnings))


def _by_channel(parts: Sequence[pd.DataFrame], config: Config) -> Saved:
    """Measure each channel over all its campaigns; who is not enough for a rate of their own has everybody's."""
    if not parts:
        return Saved()
    rates, measured = dict[Place, float](), dict[tuple[str | None, str], SaveRate]()
    days, least_z, warnings = min(config.list.save_days, config.task.horizon_days), config.uplift.least_z, list[str]()
    everyone = pd.concat(parts, ignore_index=True)
    for label, rows in everyone.groupby("channel", dropna=False, sort=True):
        channel = label if isinstance(label, str) else None
        everybody = _measure(rows, "saved_beyond")
        if everybody is None:
            continue
        measured[channel, "everybody"] = everybody
        for is_lapsed, words in ((False, "lately"), (True, "lapsed")):
            own = _measure(rows[rows["is_lapsed"] == is_lapsed], "saved_beyond")
            measured |= {} if own is None else {(channel, words): own}
            if everybody.z >= least_z:
                rates[channel, is_lapsed] = (own or everybody).rise
        later = _measure(rows, "later_beyond")
        if everybody.z >= least_z and later is not None and later.z <= -least_z:
            by = "contacts" if channel is None else f"contacts by {channel}"
            warnings.append(f"some of what {by} brought within {days:,} days they only brought forward: {_FORWARD}")
    answers = find_answers(everyone, rates) if config.list.answer_contacts else {}
    found = SaveRates(rates, config.task.horizon_days, answers) if rates else None
    return Saved(found, measured, days, tuple(warnings))


def _campaigns(tables: Tables, ledger: Ledger, config: Config, day: int) -> Iterator[Past]:
    """Find the campaigns with two arms: the ledger's come first."""
    if config.list.measured_days <= config.task.horizon_days:
        return
    listed, terms = set(ledger.campaigns()) - {UNIVERSAL}, ledger.terms()
    for row in terms[(terms["held_out"] > 0) & (terms["held_out"] < terms["customers"])].to_dict("records"):
        if row["campaign"] in listed and parse_day(row["ends_on"]) <= day:
            yield str(row["campaign"]), None, partial(of_ledger, ledger=ledger, config=config)
    yield from _of_table(tables, listed, config, day)


def _of_table(tables: Tables, listed: Collection[str], config: Config, day: int) -> Iterator[Past]:
    """Find those that a table of contacts tells more of; a channel by which nobody is contacted now tells nothing."""
    names = [] if tables.contacts is None else tables.contacts.collect_schema().names()
    if tables.contacts is None or "arm" not in names:
        return
    by = ["campaign", "arm", *(["channel"] if "channel" in names else [])]
    oldest, newest = day - config.list.measured_days, day - config.task.horizon_days
    closed = tables.contacts.filter(nw.col("day") > oldest, nw.col("day") <= newest)
    counts = closed.group_by(*by).agg(nw.len().alias("rows"))
    found = tables.engine.collect(counts, *by).to_pandas().dropna(subset=["campaign", "arm"])
    found["held_out"] = found["arm"].str.strip().str.lower().isin(HELD_OUT)
    if found.groupby("held_out")["rows"].sum().reindex([True, False]).fillna(0).min() < _FEWEST:
        return
    ours = {_plain(play.channel): play.channel for play in playbook(config).values() if play.channel}
    channels = dict[str, str | None]()
    for name, rows in found[~found["campaign"].isin(list(listed))].groupby("campaign", sort=True):
        told = {_plain(word) for word in rows["channel"].dropna()} if "channel" in rows else set()
        if rows["held_out"].nunique() == 2 and told <= ours.keys():
            channels[str(name)] = ours[told.pop()] if len(told) == 1 else None
    contacts = contacts_of(list(channels), tables)
    for name, channel in channels.items():
        yield name, channel, partial(of_contacts, contacts=contacts, config=config)


def _plain(channel: str) -> str:
    """Write a channel so that E-Mail is email; words of a table's own are nobody's to show."""
    return re.sub(r"[^a-z0-9]", "", channel.lower())


def _closed(customers: pd.DataFrame, config: Config, day: int) -> pd.DataFrame | None:
    """Keep whose horizon has closed, of those who were there when it began; None if they do not have both arms."""
    first = int(customers["start_day"].min())
    closes = customers["start_day"] + customers["horizon_days"]
    kept = customers[(customers["start_day"] < first + _JOINED_DAYS) & (closes <= day)]
    is_old = first <= day - config.list.measured_days
    return None if is_old or kept["arm"].eq(HOLDOUT).nunique() < 2 else kept


def _are_alike(had_ordered: pd.Series[bool], is_held: pd.Series[bool]) -> bool:
    """Say whether as many of either arm had ordered lately before the campaign, as far as chance has it."""
    share = float(had_ordered.mean())
    sizes = 1 / int(is_held.sum()) + 1 / int((~is_held).sum())
    gap = abs(float(had_ordered[is_held].mean()) - float(had_ordered[~is_held].mean()))
    return gap <= _UNLIKE * float(np.sqrt(share * (1 - share) * sizes))


def _told(came: pd.DataFrame, tables: Tables, config: Config) -> pd.DataFrame:
    """Put beside each customer of a campaign what they read, and by how much more than those alike they ordered."""
    is_held = came["arm"].eq(HOLDOUT)
    share = came["share"] if "share" in came else pd.Series(np.nan, came.index)  # the table of contacts tells none
    told = came.assign(
        is_contacted=(~is_held).astype(np.float64),
        contacted_share=1.0 - share.fillna(float(is_held.mean())),
        channel=_channels(came, config),
        is_lapsed=came["silent_days"].ge(config.task.horizon_days),
    )
    is_saved = told["first_order_day"] < told["start_day"] + config.list.save_days
    told["saved"] = told["ordered"].where(is_saved, 0.0)
    told["came_later"] = told["ordered"] - told["saved"]
    alike = told.groupby(["channel", "is_lapsed"], dropna=False)[["saved", "came_later"]].transform("mean")
    told = told.assign(
        saved_beyond=told["saved"] - alike["saved"], later_beyond=told["came_later"] - alike["came_later"]
    )
    return told.assign(reading=_reading(told, tables, config))


def _channels(came: pd.DataFrame, config: Config) -> pd.Series[str]:
    """Tell by which channel each was contacted: as was told, or by their segment's play."""
    told = came["told_channel"].astype(object)
    if "segment" not in came:
        return told
    return told.fillna(came["segment"].map({name: play.channel for name, play in playbook(config).items()}))


def _reading(told: pd.DataFrame, tables: Tables, config: Config) -> pd.Series[float]:
    """Tell how much each reads what came by e-mail, or may have; 1 of other channels."""
    found = find_reading(tables, int(told["start_day"].min()), config.list.read_days)
    if found is None:
        return pd.Series(1.0, told.index)
    may_be_read = told["channel"].eq("email") | told["channel"].isna()
    return told["customer_id"].map(found).fillna(1.0).where(may_be_read, 1.0)


def _measure(rows: pd.DataFrame, beyond: str) -> SaveRate | None:
    """Measure the rise; None where an arm is too small."""
    if min(rows["is_contacted"].sum(), (1 - rows["is_contacted"]).sum()) < _FEWEST:
        return None
    names = ("is_contacted", "contacted_share", beyond, "reading")
    return measure_save_rate(*(rows[name].to_numpy(dtype=np.float64) for name in names))
