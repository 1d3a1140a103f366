"""Measure: from a frame of customers with arms and outcomes to a verdict and its figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from clm_ml.config import Measure
from clm_ml.errors import DataError
from clm_ml.measuring.adjusting import adjusted_difference
from clm_ml.measuring.detecting import smallest_detectable_rise
from clm_ml.measuring.differing import ask_whether_they_differ
from clm_ml.measuring.effects import Effect, Terms, compare
from clm_ml.measuring.frames import Cells, Columns, count_cells, read_frame
from clm_ml.measuring.interim import Interim, watch_buyers
from clm_ml.measuring.intervals import Interval, add_up, z_of
from clm_ml.measuring.measured import Measured
from clm_ml.measuring.ratio import Ratio, check_ratio
from clm_ml.measuring.verdicts import Judged, Verdict, collecting, correct, decide, refused

__all__ = ["measure"]

#: From so many buyers in the holdout on, the regression's standard errors can be relied on; below so few, we warn.
_ENOUGH_TO_ADJUST, _FEW_HELD_OUT_BUYERS = 100, 20


def measure(
    frame: Any,
    *,
    arm: str = "arm",
    holdout: str = "holdout",
    ordered: str = "ordered",
    spent: str | None = None,
    before: Sequence[str] = (),
    segment: str | None = None,
    share: float | str | None = None,
    margin: float | None = None,
    contact_cost: float | Mapping[str, float] | None = None,
    currency: str = "",
    campaign: str = "campaign",
    open_until: str | None = None,
    first_order: str | None = None,
    plan: Measure | None = None,
) -> Measured:
    """Measure what a randomised campaign caused: everyone counts in the arm they were assigned to.

    Any experiment will do, whoever ran it: a frame with an arm and an outcome is enough.

    Args:
        frame: one row a customer (pandas, Polars, Arrow, DuckDB), everyone who was assigned to an arm.
        arm: the column with the arm; every other than the holdout was contacted, each with a play of its own.
        holdout: what the arm that was deliberately not contacted is called.
        ordered: the column that says who ordered within the horizon: 1 or 0.
        spent: the column with what they spent within it, in the currency, returns taken off.
        before: columns with numbers known before the campaign, as what was spent in the year before, for a second
            line that is steadier.
        segment: the column with groups to look at one by one.
        share: of customers that was meant to be held out, or the column that has it where it was not the same for
            all; without it nobody can check the arms' sizes, and all are taken as alike.
        margin: the share of revenue that is profit.
        contact_cost: of one contact, in the currency; or of each contacted arm. With `margin`, it gives the profit.
        currency: to be written beside money.
        campaign: its name.
        open_until: while the horizon has not closed, the day on which it will: then only `first_order` is looked at.
        first_order: the column that tells when customers first ordered, null for those who have not.
        plan: confidence and levels; those of the config's defaults if not given.

    Raises:
        DataError: if a column is not there, has nulls, or values that it cannot have.
        CampaignError: if nobody was held out, or nobody contacted.

    >>> people = pd.DataFrame({"arm": ["mail"] * 400 + ["holdout"] * 400, "ordered": [1, 0] * 200 + [1, 0, 0, 0] * 100})
    >>> told = measure(people)
    >>> told.verdict.word, told.total.buyers.value
    ('earned', 100.0)
    """
    plan, z = plan or Measure(), z_of((plan or Measure()).confidence)
    shares = share if isinstance(share, str) else None
    columns = Columns(arm, ordered, spent, tuple(before), segment, first_order, shares)
    rows = read_frame(frame, columns, holdout)
    cells = count_cells(rows, columns, holdout)
    meant = float(rows[share].mean()) if isinstance(share, str) else share
    found = Measured(campaign, cells.arms, _NOTHING, confidence=plan.confidence, currency=currency)
    found = replace(found, ratio=_ratio(cells, meant, plan))
    if found.ratio is not None and not found.ratio.fits:
        return replace(found, verdict=refused(found.ratio))
    if open_until is not None:
        interim = _interim(rows, columns, plan)
        return replace(found, verdict=collecting(interim, open_until), interim=interim)
    costs = _costs(cells, contact_cost)
    return _with_effects(found, cells, margin, costs, z, _adjusted(rows, columns, z))


_NOTHING = Verdict("inconclusive", "nothing was compared.")


def _ratio(cells: Cells, share: float | None, plan: Measure) -> Ratio | None:
    if share is None or not 0 < share < 1:
        return None
    customers = sum(arm.customers for arm in cells.arms.values())
    return check_ratio(cells.arms[cells.holdout].customers, customers, share, plan.mismatch_level)


def _interim(rows: pd.DataFrame, columns: Columns, plan: Measure) -> Interim:
    """Watch the buyers so far, each against the contacted share of those like them."""
    if columns.first_order is None:
        raise DataError(
            "while the horizon is open, first_order must name the column that tells when customers ordered."
        )
    alike = rows[columns.share] if columns.share else pd.Series(0.0, rows.index)
    contacted_share = 1 - rows.groupby(alike.to_numpy())["is_held_out"].transform("mean")
    is_told = rows[columns.first_order].notna() & contacted_share.between(0, 1, inclusive="neither")
    buyers = rows[is_told]
    days = buyers[columns.first_order].to_numpy()
    return watch_buyers(days, ~buyers["is_held_out"], contacted_share[is_told], plan.interim_level)


def _costs(cells: Cells, contact_cost: float | Mapping[str, float] | None) -> dict[str, float | None]:
    """Tell what contacting each arm cost."""
    contacted = [name for name in cells.arms if name != cells.holdout]
    if contact_cost is None or isinstance(contact_cost, int | float):
        contact_cost = {} if contact_cost is None else dict.fromkeys(contacted, contact_cost)
    each = {name: contact_cost.get(name) for name in contacted}
    return {name: None if cost is None else cost * cells.arms[name].customers for name, cost in each.items()}


def _with_effects(
    found: Measured,
    cells: Cells,
    margin: float | None,
    costs: Mapping[str, float | None],
    z: float,
    adjusted: Mapping[str, Interval],
) -> Measured:
    """Compare all, each play and each segment."""
    known = [cost for cost in costs.values() if cost is not None]
    terms = Terms(margin, sum(known) if len(known) == len(costs) else None)
    pairs = cells.pairs()
    total = decide(found.campaign, pairs, terms, z, found.confidence, found.currency)
    segments = _segments(cells, terms, z) if len(cells.segments) > 1 else ()
    rates = {segment.name: segment.rate for segment in segments}
    held = total.effect.holdout
    return replace(
        found,
        verdict=total.verdict,
        total=total.effect,
        plays=_plays(cells, margin, costs, z, found),
        segments=segments,
        differing=ask_whether_they_differ(rates, z, found.confidence),
        adjusted=adjusted,
        detectable=smallest_detectable_rise(
            total.effect.contacted.customers, held.customers, max(held.rate, 0.5 / held.customers), found.confidence
        ),
        warnings=_warnings(cells, total.effect, segments),
        pairs=tuple(pairs),
    )


def _plays(
    cells: Cells, margin: float | None, costs: Mapping[str, float | None], z: float, found: Measured
) -> tuple[Judged, ...]:
    if len(costs) < 2:
        return ()
    judged = [
        decide(name, cells.pairs(name), Terms(margin, cost), z, found.confidence, found.currency)
        for name, cost in costs.items()
        if cells.pairs(name)
    ]
    return correct(judged, found.confidence, found.currency)


def _segments(cells: Cells, terms: Terms, z: float) -> tuple[Effect, ...]:
    """Compare each segment that has both arms; its share of the cost is that of those to contact in it."""
    everyone = sum(pair.contacted.customers for pair in cells.pairs())
    effects = []
    for name in cells.segments:
        if pairs := cells.pairs(segment=name):
            share = sum(pair.contacted.customers for pair in pairs) / everyone
            cost = None if terms.cost is None else terms.cost * share
            effects.append(compare(name, pairs, replace(terms, cost=cost), z))
    return tuple(effects)


def _adjusted(rows: pd.DataFrame, columns: Columns, z: float) -> dict[str, Interval]:
    """Adjust for what was known before, if there are buyers enough for the regression to be relied on."""
    enough = int(rows.loc[rows["is_held_out"], columns.ordered].sum()) >= _ENOUGH_TO_ADJUST
    if not columns.before or not enough:
        return {}
    outcomes = {"buyers": columns.ordered, "revenue": columns.spent}
    alike = rows[columns.share] if columns.share else pd.Series(0.0, rows.index)
    groups = [part for _, part in rows.groupby(alike.to_numpy()) if part["is_held_out"].nunique() == 2]
    return {
        name: add_up(_adjusted_total(part, column, columns.before, z) for part in groups)
        for name, column in outcomes.items()
        if column is not None
    }


def _adjusted_total(rows: pd.DataFrame, column: str, before: Sequence[str], z: float) -> Interval:
    contacted = ~rows["is_held_out"]
    return adjusted_difference(rows[column], contacted, rows[list(before)], z).times(int(contacted.sum()))


def _warnings(cells: Cells, total: Effect, segments: Sequence[Effect]) -> tuple[str, ...]:
    told = []
    if total.holdout.buyers < _FEW_HELD_OUT_BUYERS:
        told.append(f"of those held out {total.holdout.buyers} bought, and a larger holdout would tell much more.")
    without = sum(arm.customers for arm in cells.arms.values()) - total.contacted.customers - total.holdout.customers
    if without:
        who = "without a counterpart of the same share in the other arm, so that they do not count"
        told.append(f"{who}: {without:,} customers.")
    lineless = sorted({*cells.segments} - {segment.name for segment in segments}) if len(cells.segments) > 1 else []
    told += [f"without a line, since all of its customers are in one arm: {name}." for name in lineless]
    return tuple(told)
