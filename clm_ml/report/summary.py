"""The one thing to know, in words with numbers, and what else to know in short."""

from __future__ import annotations

from clm_ml.report.blocks import Section, Tile, Tiles, Words
from clm_ml.report.drifting import drift_in_short
from clm_ml.report.earning import verdict_of
from clm_ml.report.judging import ranks_right
from clm_ml.report.material import Material
from clm_ml.report.quality import rejected_share
from clm_ml.report.words import about, money, share

__all__ = ["headline", "summary"]

_MANY_REJECTED = 0.1


def headline(material: Material) -> str:
    """Say the one thing to know."""
    counted, days, currency = material.counted, material.horizon_days, material.currency
    at_risk = float(counted.segments["value_at_risk"].sum())
    if not counted.customers:
        return f"Nobody has ordered yet: {counted.people:,} visitors are known."
    if at_risk <= 0:
        return f"Nothing that {counted.customers:,} customers would spend in the next {days} days is at risk."
    return (
        f"{about(at_risk)} {currency} of sales in the next {days} days is at risk; half of it lies with "
        f"{counted.half:,} of {counted.customers:,} customers."
    )


def summary(material: Material) -> Section:
    """Tell the figures behind the headline, and each part of the page in a sentence."""
    counted, currency, days = material.counted, material.currency, material.horizon_days
    away, sums = counted.expected_to_stay_away, counted.segments[["expected_value", "value_at_risk"]].sum()
    visitors = counted.people - counted.customers
    tiles = [
        Tile(f"{counted.customers:,}", "customers", f"and {visitors:,} who have not ordered yet" if visitors else ""),
        Tile(
            f"{away:,.0f}",
            "are expected to stay away",
            f"{share(away / max(1, counted.customers))} of them, {days} days long",
        ),
        Tile(f"{about(sums['expected_value'])} {currency}", "sales expected", f"in the next {days} days"),
        Tile(f"{about(sums['value_at_risk'])} {currency}", "at risk", "risk times what each spends if they order"),
    ]
    return Section("short", "In short", (Tiles(tuple(tiles)), *_short(material)))


def _short(material: Material) -> list[Words]:
    told = []
    for made in material.lists:
        promise = made.facts["promise"]
        by = ", if the assumed save rate holds" if promise["assumed"] else ""
        told.append(
            f"Contacting the {made.facts['contact']:,} of {made.facts['campaign']} is expected to earn "
            f"{money(promise['profit'], material.currency)}{by}."
        )
    told += [verdict_of(measured)[0] for measured in material.measured]
    judged = {} if material.about is None else material.about.told.get("evaluation") or {}
    if "model" in judged:
        told.append(ranks_right(judged))
    warned = []
    if material.about is not None and not (material.about.told.get("gate") or {}).get("passed", True):
        warned.append("The model has not passed its gate: simple rules may do as well.")
    if (rejected := rejected_share(material)) > _MANY_REJECTED:
        warned.append(f"{share(rejected)} of the rows of orders were rejected; see what the data are like.")
    if material.monitored is not None:
        (warned if material.monitored["alarm"] else told).append(drift_in_short(material.monitored))
    blocks = [Words(tuple(told))] if told else []
    return [*blocks, *([Words(tuple(warned), "alarm")] if warned else [])]
