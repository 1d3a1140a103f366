"""Measure: arms from the ledger or a table of contacts, outcomes from the orders, and what the difference says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from clm_ml.artifacts import as_path, json_text, new_box, refuse_existing, whole_file
from clm_ml.campaign import UNIVERSAL
from clm_ml.config import Config
from clm_ml.errors import ArtifactError, TimelineError, UsageError
from clm_ml.measuring import Measured, measure, put_together
from clm_ml.pipeline.assigned import Assigned, find_assigned, read_with_contacts
from clm_ml.pipeline.outcomes import collect_outcomes
from clm_ml.plots import plot_effects
from clm_ml.progress import Progress, silent
from clm_ml.snapshot import refuse_unknowable
from clm_ml.tables import Tables
from clm_ml.timeline import date_of, parse_day

__all__ = ["MeasuredCampaigns", "measure_campaigns"]

KIND, FIGURES, TABLE = "measurement", "measurement.json", "effects.csv"


@dataclass(frozen=True)
class MeasuredCampaigns:
    """What each campaign caused, as known at an as_of, and all of them together if there are several.

    Attributes:
        as_of: ISO day.
        campaigns: one after the other.
        together: all of them as one; None if there is one only.
        box: the folder of the measurement box, if one was asked for.
        plot: the figure, if one was asked for.
        warnings: what to bear in mind.
    """

    as_of: str
    campaigns: tuple[Measured, ...]
    together: Measured | None = None
    box: Path | None = None
    plot: Path | None = None
    warnings: tuple[str, ...] = ()

    @property
    def refused(self) -> tuple[str, ...]:
        """The campaigns whose arms are not what was meant."""
        return tuple(each.campaign for each in self.campaigns if each.verdict.word == "refused")

    def facts(self) -> dict[str, Any]:
        """Tell all of it as plain data, for JSON."""
        return {
            "as_of": self.as_of,
            "campaigns": [each.facts() for each in self.campaigns],
            "together": None if self.together is None else self.together.facts(),
            "warnings": list(self.warnings),
        }

    def table(self) -> pd.DataFrame:
        """Lay the figures out, a row for each campaign, and for its plays and segments."""
        told = self.campaigns if self.together is None else (*self.campaigns, self.together)
        return pd.concat([each.table().assign(campaign=each.campaign) for each in told], ignore_index=True)

    def figure(self) -> Figure | None:
        """Draw what the campaign brought, or all of them together; None while nothing is compared."""
        shown = self.campaigns[0] if self.together is None else self.together
        if shown.total is None:
            return None
        title = f"{shown.campaign}: {shown.verdict.word}"
        return plot_effects(shown.table(), title, shown.currency, shown.total.break_even)

    def _repr_html_(self) -> str:
        told = self.campaigns if self.together is None else (*self.campaigns, self.together)
        return "".join(each._repr_html_() for each in told)


def measure_campaigns(
    config: Config,
    campaigns: Sequence[str],
    *,
    as_of: Any = None,
    contacts: str | Path | None = None,
    holdout_share: float | None = None,
    out: str | Path | None = None,
    plot: str | Path | None = None,
    force: bool = False,
    progress: Progress = silent,
) -> MeasuredCampaigns:
    """Measure campaigns by what was known at `as_of`: everyone counts in the arm they were assigned to.

    Outcomes are those of the model's label: orders and what was spent in `[sent_on, sent_on + horizon_days)`.

    Args:
        config: the project; its margin and contact cost make a profit of revenue.
        campaigns: their names, at least one.
        as_of: a day; what lies before it is known. The day until which the tables are complete if not given.
        contacts: a file with the contacts of campaigns that were not exported here, its columns named as the contract
            names them, instead of the ledger and the config's table.
        holdout_share: the share that was meant to be held out, where no ledger tells.
        out: where the measurement box goes, if one is wanted.
        plot: where the figure goes, if one is wanted.
        force: whether what is there is replaced.
        progress: told how far it is.

    Raises:
        CampaignError: if a campaign is not known, or has no two arms.
        TimelineError: if it was not sent before `as_of`, or not everything before that is known.
    """
    contacts, out, plot = as_path(contacts), as_path(out), as_path(plot)
    _refuse_taken(out, plot, force)
    tables = read_with_contacts(config, contacts, progress)
    day = tables.complete_until if as_of is None else parse_day(as_of)
    refuse_unknowable(day, tables)
    progress("measuring", 0, 1)
    found = find_assigned(campaigns, tables, config, in_contacts=contacts is not None)
    measured = tuple(_measured(each, tables, config, day, holdout_share) for each in found)
    tables.engine.close()
    apart = [each for each in measured if each.campaign != UNIVERSAL]  # the programme has all campaigns in it already
    several = sum(each.total is not None for each in apart) > 1
    together = put_together(apart, config.measure) if several else None
    done = MeasuredCampaigns(date_of(day).isoformat(), measured, together, warnings=tables.warnings)
    progress("measuring", 1, 1)
    return replace(done, box=_write_box(done, out, force), plot=_draw(done, plot, force))


def _refuse_taken(out: Path | None, plot: Path | None, force: bool) -> None:
    """Refuse places that are taken before the work, not after it."""
    if out is not None:
        refuse_existing(out, force)
    if plot is not None:
        if plot.suffix != ".png":
            raise UsageError(f"--plot writes a PNG; name a file that ends in .png, not {plot.name}.")
        if plot.exists() and not force:
            raise ArtifactError(f"{plot} exists already; choose another name, or replace it with --force.")


def _measured(assigned: Assigned, tables: Tables, config: Config, day: int, holdout_share: float | None) -> Measured:
    assigned, closes = _started(assigned, day)
    customers = assigned.customers
    has_shares = "share" in customers
    found = measure(
        collect_outcomes(assigned.customers, tables, config, day),
        spent="spent",
        before=("spent_before",),
        segment="segment" if "segment" in customers else None,
        share="share" if has_shares else holdout_share,
        margin=config.list.margin,
        contact_cost=assigned.contact_cost,
        currency=config.currency,
        campaign=assigned.campaign,
        open_until=None if closes <= day else date_of(closes).isoformat(),
        first_order="first_order_day",
        plan=config.measure,
    )
    return replace(found, warnings=(*assigned.warnings, *found.warnings))


def _started(assigned: Assigned, day: int) -> tuple[Assigned, int]:
    """Keep the customers whose horizon has closed, or, while it has for none, those it has begun for.

    When a customer's horizon begins was known before anything came of it, so nobody is chosen by what came.

    Returns:
        them, and the day on which the last of their horizons closes.
    """
    customers = assigned.customers
    ends = customers["start_day"] + customers["horizon_days"]
    is_asked = ends <= day if (ends <= day).any() else customers["start_day"] < day
    if not is_asked.any():
        sent = date_of(int(customers["start_day"].min()))
        raise TimelineError(
            f"campaign {assigned.campaign!r} was sent on {sent}, and nothing can have come of it before "
            f"{date_of(day)}; measure later, or name a later --as-of."
        )
    later = int((~is_asked).sum())
    told = (f"contacted so late that they do not count yet: {later:,} customers.",) if later else ()
    kept = replace(assigned, customers=customers[is_asked], warnings=(*assigned.warnings, *told))
    return kept, int(ends[is_asked].max())


def _write_box(done: MeasuredCampaigns, out: Path | None, force: bool) -> Path | None:
    if out is None:
        return None
    facts = {"as_of": done.as_of, "campaigns": {each.campaign: each.verdict.word for each in done.campaigns}}
    with new_box(out, KIND, facts, force=force) as hidden:
        (hidden / FIGURES).write_text(json_text(done.facts()), encoding="utf-8", newline="\n")
        done.table().to_csv(hidden / TABLE, index=False, lineterminator="\n")
    return out


def _draw(done: MeasuredCampaigns, plot: Path | None, force: bool) -> Path | None:
    figure = None if plot is None else done.figure()
    if plot is None or figure is None:
        return None
    with whole_file(plot, force=force) as hidden:
        figure.savefig(hidden, dpi=150)
    return plot
