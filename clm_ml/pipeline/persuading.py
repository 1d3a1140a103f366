"""Uplift: measured campaigns teach whom a contact moves, and lists may be ranked by it once that is proved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from clm_ml.artifacts import as_path, new_box, open_box, refuse_existing, refuse_existing_file, whole_file
from clm_ml.campaign import HOLDOUT, UNIVERSAL, open_ledger
from clm_ml.config import Config
from clm_ml.errors import CampaignError, TimelineError
from clm_ml.features import build_features
from clm_ml.measuring import check_ratio
from clm_ml.pipeline.assigned import Assigned, find_assigned, read_with_contacts
from clm_ml.pipeline.outcomes import collect_outcomes
from clm_ml.plots import plot_uplift
from clm_ml.progress import Progress, silent
from clm_ml.snapshot import Prepared, prepare, refuse_unknowable, take_snapshot
from clm_ml.tables import Tables
from clm_ml.timeline import date_of, parse_day
from clm_ml.uplift import BOX_KIND, Uplift, learn_uplift, load_uplift, save_uplift

__all__ = ["LearnedUplift", "Proved", "find_effects", "learn_from_campaigns"]

#: Customers who joined a campaign within so many days of each other are described on the first of these.
_BLOCK_DAYS = 30


@dataclass(frozen=True)
class LearnedUplift:
    """Whom a contact moves, and from what it was learned.

    Attributes:
        as_of: ISO day by which campaigns and orders were known.
        uplift: what was learned, and whether it passed its gate.
        campaigns: how many customers each of them taught by.
        box: the folder of the uplift box, if one was asked for.
        plot: the figure, if one was asked for.
        warnings: what to bear in mind.
        task: what is predicted, as in the config.
    """

    as_of: str
    uplift: Uplift
    campaigns: Mapping[str, int]
    box: Path | None = None
    plot: Path | None = None
    warnings: tuple[str, ...] = ()
    task: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def facts(self) -> dict[str, Any]:
        """Tell all of it as plain data, for JSON."""
        told = {"as_of": self.as_of, "campaigns": dict(self.campaigns), "warnings": list(self.warnings)}
        return told | self.uplift.facts()

    def figure(self) -> Figure:
        """Draw what contacting gains in the order of uplift, and what it changed in each tenth."""
        word = "passed" if self.uplift.gate.passed else "not passed"
        return plot_uplift(self.uplift.curve, self.uplift.deciles, f"Uplift: the gate is {word}")

    def _repr_html_(self) -> str:
        return self.uplift._repr_html_()


def learn_from_campaigns(
    config: Config,
    campaigns: Sequence[str] = (),
    *,
    as_of: Any = None,
    contacts: str | Path | None = None,
    holdout_share: float | None = None,
    out: str | Path | None = None,
    plot: str | Path | None = None,
    force: bool = False,
    progress: Progress = silent,
) -> LearnedUplift:
    """Learn from campaigns whose horizon has closed: features of when each began, arms as assigned, orders as labelled.

    The more campaigns, the more there is to learn from: each adds its customers. What was learned is kept whether or
    not it passes the gate, which says so; only lists do not use it then.

    Args:
        config: the project.
        campaigns: their names; all of the ledger that have closed, if none is named.
        as_of: a day; what lies before it is known. The day until which the tables are complete if not given.
        contacts: a file with the contacts of campaigns that were not exported here, instead of the ledger and the
            config's table.
        holdout_share: the share that was meant to be held out, where no ledger tells.
        out: where the uplift box goes, if one is wanted.
        plot: where the figure goes, if one is wanted.
        force: whether what is there is replaced.
        progress: told how far it is.

    Raises:
        CampaignError: if a campaign is not known, its arms are not what was meant, or too few customers are in one.
        TimelineError: if a campaign that was named has not closed before `as_of`, or not everything before is known.
    """
    contacts, out, plot = as_path(contacts), as_path(out), as_path(plot)
    if out is not None:
        refuse_existing(out, force)
    refuse_existing_file(plot, force)
    tables = read_with_contacts(config, contacts, progress)
    day = tables.complete_until if as_of is None else parse_day(as_of)
    refuse_unknowable(day, tables)
    found = find_assigned(_named(campaigns, config), tables, config, in_contacts=contacts is not None)
    closed = [kept for each in found if (kept := _closed(each, day, bool(campaigns))) is not None]
    if not closed:
        raise CampaignError("none of the ledger's campaigns has closed yet, so there is nothing to learn from.")
    parts, prepared = [], prepare(tables)
    for number, each in enumerate(closed):
        progress("campaigns", number, len(closed))
        parts.append(_examples(each, tables, prepared, config, day, holdout_share))
    progress("learning", 0, 1)
    examples = pd.concat(parts, ignore_index=True)
    uplift = learn_uplift(
        examples,
        features=[name for name in map(str, examples) if name not in ("arm", "ordered", "share")],
        share="share",
        plan=config.uplift,
        confidence=config.measure.confidence,
        seed=config.train.seed,
    )
    tables.engine.close()
    done = LearnedUplift(
        as_of=date_of(day).isoformat(),
        uplift=uplift,
        campaigns={each.campaign: len(part) for each, part in zip(closed, parts, strict=True)},
        warnings=tuple(f"{each.campaign}: {warning}" for each in closed for warning in each.warnings) + tables.warnings,
        task=config.task.model_dump(mode="json"),
    )
    progress("learning", 1, 1)
    return replace(done, box=_write_box(done, out, force), plot=_draw(done, plot, force))


def _named(campaigns: Sequence[str], config: Config) -> Sequence[str]:
    if campaigns:
        return campaigns
    with open_ledger(config.path(config.list.ledger), only_look=True) as ledger:
        listed = [name for name in ledger.campaigns() if name != UNIVERSAL]
    if not listed:
        raise CampaignError("the ledger has no campaign to learn from; name one that a table of contacts has.")
    return listed


def _closed(assigned: Assigned, day: int, is_named: bool) -> Assigned | None:
    """Keep the customers whose horizon has closed, which nothing that came of it decides; None if nobody's has.

    Raises:
        TimelineError: if nobody's has, and the campaign was asked for by name.
    """
    customers = assigned.customers
    is_closed = customers["start_day"] + customers["horizon_days"] <= day
    if is_closed.any():
        return replace(assigned, customers=customers[is_closed])
    if not is_named:
        return None
    closes = date_of(int((customers["start_day"] + customers["horizon_days"]).min()))
    raise TimelineError(
        f"campaign {assigned.campaign!r} can be learned from once its horizon has closed, on {closes}; {date_of(day)} "
        "is too early."
    )


def _examples(
    assigned: Assigned, tables: Tables, prepared: Prepared, config: Config, day: int, holdout_share: float | None
) -> pd.DataFrame:
    """Put features of when each customer was assigned beside their arm, the share that was meant, and what came."""
    came = collect_outcomes(assigned.customers, tables, config, day)
    is_held = came["arm"] == HOLDOUT
    if is_held.all() or not is_held.any():
        raise CampaignError(f"campaign {assigned.campaign!r} has one arm only, and nothing is learned from it.")
    if "share" not in came:
        came = came.assign(share=float(is_held.mean()) if holdout_share is None else holdout_share)
    ratio = check_ratio(int(is_held.sum()), len(came), float(came["share"].mean()), config.measure.mismatch_level)
    if not ratio.fits:
        raise CampaignError(
            f"campaign {assigned.campaign!r} holds out {ratio.found_share:.1%} where {ratio.meant_share:.1%} were "
            "meant: something other than chance chose the arms; learn from the others."
        )
    first = came["start_day"].min()
    blocks = [rows for _, rows in came.groupby((came["start_day"] - first) // _BLOCK_DAYS, sort=True)]
    described = pd.concat([_describe(rows, prepared, config) for rows in blocks], ignore_index=True)
    told = came[["customer_id", "arm", "share", "ordered"]].merge(described, on="customer_id", how="left")
    return told.drop(columns="customer_id")


def _describe(rows: pd.DataFrame, prepared: Prepared, config: Config) -> pd.DataFrame:
    return _features(rows["customer_id"], prepared, int(rows["start_day"].min()), config)


def _features(customers: pd.Series[str], prepared: Prepared, day: int, config: Config) -> pd.DataFrame:
    engine = prepared.tables.engine
    wanted = engine.keep(engine.given(pd.DataFrame({"customer_id": customers})))
    features = build_features(take_snapshot(prepared, day, wanted), config.task)
    rows = engine.collect(features, "customer_id").to_pandas()
    numbers = [name for name in rows if name != "customer_id" and rows[name].dtype != "str"]
    return rows.astype(dict.fromkeys(numbers, np.float64))


def _write_box(done: LearnedUplift, out: Path | None, force: bool) -> Path | None:
    if out is None:
        return None
    uplift = done.uplift
    facts = {"as_of": done.as_of, "campaigns": dict(done.campaigns), "task": dict(done.task)}
    with new_box(
        out, BOX_KIND, facts | {"gate": uplift.gate.facts(), "learner": uplift.learner}, force=force
    ) as hidden:
        save_uplift(uplift, hidden)
        uplift.deciles.to_csv(hidden / "deciles.csv", index=False, lineterminator="\n")
    return out


def _draw(done: LearnedUplift, plot: Path | None, force: bool) -> Path | None:
    if plot is None:
        return None
    with whole_file(plot, force=force) as hidden:
        done.figure().savefig(hidden, dpi=150, format="png")
    return plot


@dataclass(frozen=True)
class Proved:
    """What is proved of the effect of a contact, by customer_id; None: nothing is, and the warnings say why.

    `facts` are those of the uplift box.
    """

    effects: pd.Series[float] | None = field(default=None, repr=False)
    warnings: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict, repr=False)


def find_effects(folder: Path, customers: pd.Series[str], as_of: Any, tables: Tables, config: Config) -> Proved:
    """Give the proved effect of a contact on each customer, by an uplift box, or say that its gate was not passed.

    Args:
        folder: the box.
        customers: whose.
        as_of: the day on which they are described.
        tables: the validated inputs.
        config: the project.

    Raises:
        ArtifactError: if there is no such box.
        ModelError: if it knows features that there are not.
    """
    uplift, facts = load_uplift(folder), open_box(folder, BOX_KIND).facts
    if not uplift.gate.passed:
        told = f"uplift is not proved ({uplift.gate.z:.2f} standard errors where {uplift.gate.least_z:g} are asked)"
        return Proved(None, (f"{told}: the list is ranked by the assumed save rate.",), facts)
    features = _features(customers, prepare(tables), parse_day(as_of), config)
    effects = pd.Series(uplift.effects(features), features["customer_id"].to_numpy(), dtype=np.float64)
    return Proved(effects, (), facts)
