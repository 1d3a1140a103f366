"""The one thing to know, in words with numbers, and what else to know in short."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from clm_ml.report_page.blocks import Section, Tile, Tiles, Words
from clm_ml.report_page.drifting import drift_in_short
from clm_ml.report_page.earning import verdict_of
from clm_ml.report_page.judging import ranks_right
from clm_ml.report_page.material import Material
from clm_ml.report_page.quality import doubts
from clm_ml.report_page.words import about, money, share

__all__ = ["headline", "summary"]


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
    away, visitors = counted.expected_to_stay_away, counted.people - counted.customers
    sales, at_risk = (float(counted.segments[name].sum()) for name in ("expected_value", "value_at_risk"))
    part = share(away / max(1, counted.customers))
    tiles = (
        Tile(f"{counted.customers:,}", "customers", f"and {visitors:,} who have not ordered yet" if visitors else ""),
        Tile(f"{away:,.0f}", "expected to stay away", f"{part} of customers, for {days} days"),
        Tile(about(sales), f"{currency} sales expected", f"in the next {days} days"),
        Tile(about(at_risk), f"{currency} at risk", "risk × what each spends if they order"),
    )
    return Section("short", "In short", (Tiles(tiles), *_short(material)))


def _short(material: Material) -> Iterator[Words]:
    told, warned = [*_told(material)], [*_warned(material)]
    if told:
        yield Words(tuple(told))
    if warned:
        yield Words(tuple(warned), "alarm")


def _told(material: Material) -> Iterator[str]:
    for made in material.lists:
        promise = made.facts["promise"]
        by = ", if the assumed save rate holds" if promise["assumed"] else ""
        whom = f"the {made.facts['contact']:,} customers of the list {made.facts['campaign']}"
        yield f"Contacting {whom} is expected to earn {money(promise['profit'], material.currency)}{by}."
    yield from (verdict_of(measured)[0] for measured in material.measured)
    if "model" in _judged(material):
        yield ranks_right(_judged(material))
    if material.monitored is not None and not material.monitored["alarm"]:
        yield drift_in_short(material.monitored)


def _warned(material: Material) -> Iterator[str]:
    if not _gate(material).get("passed", True):
        yield "The model has not passed its gate: simple rules may do as well."
    if doubt := doubts(material):
        yield doubt
    if material.monitored is not None and material.monitored["alarm"]:
        yield drift_in_short(material.monitored)


def _judged(material: Material) -> Mapping[str, Any]:
    return {} if material.about is None else material.about.told.get("evaluation") or {}


def _gate(material: Material) -> Mapping[str, Any]:
    return {} if material.about is None else material.about.told.get("gate") or {}
