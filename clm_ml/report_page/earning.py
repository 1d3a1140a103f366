"""What campaigns earned: each measurement's verdict, and its figures with their intervals."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from clm_ml.plots import plot_effects
from clm_ml.report_page.blocks import Block, Drawn, Figures, Section, Table, Words
from clm_ml.report_page.drawing import draw
from clm_ml.report_page.material import Material, Measurement
from clm_ml.report_page.words import day, in_words, number

__all__ = ["earning", "verdict_of"]

_TONES = {"earned": "good", "lost": "alarm", "refused": "alarm"}
_PANELS = {
    "rate": ("More buyers in 100 contacted", ("revenue", "revenue_low", "revenue_high")),
    "revenue": ("More revenue a contacted customer", ("rate", "rate_low", "rate_high")),
}

_HINT = Words(
    ("Nothing is measured yet; a campaign can be when its horizon has closed:",),
    "note",
    ("clm-ml measure CONFIG CAMPAIGN --out DIR", "clm-ml report … --measured DIR"),
)


def earning(material: Material) -> Section:
    """Show what was measured."""
    blocks = [
        block
        for place, measured in enumerate(material.measured, start=1)
        for block in _measurement(measured, place, material.config.segments.names)
    ]
    return Section("earned", "What campaigns earned", blocks or [_HINT])


def verdict_of(measured: Measurement) -> tuple[str, str]:
    """Give a measurement's verdict in a sentence, and its tone: that of all together, or of its only campaign."""
    told = measured.facts["together"] or measured.facts["campaigns"][0]
    why = str(told["why"])
    return f"Campaign {told['campaign']}: {told['verdict']}. {why[:1].upper()}{why[1:]}", _TONES.get(
        told["verdict"], "plain"
    )


def _measurement(measured: Measurement, place: int, segments: tuple[str, ...]) -> Iterator[Block]:
    facts = measured.facts
    told = [*facts["campaigns"], *([facts["together"]] if facts["together"] else [])]
    for number_, campaign in enumerate(told, start=1):
        why = str(campaign["why"])
        sentence = f"Campaign {campaign['campaign']}: {campaign['verdict']}. {why[:1].upper()}{why[1:]}"
        yield Words((f"{sentence} (As known on {day(facts['as_of'])}.)",), _TONES.get(campaign["verdict"], "plain"))
        rows = _rows(measured.effects, campaign["campaign"], segments)
        if campaign["total"] is None or rows.empty:
            yield _arms(campaign)
            continue
        figures = (_figure(rows, campaign, panel, f"earned-{place}-{number_}-{panel}") for panel in _PANELS)
        yield Figures(tuple(figure for figure in figures if figure is not None))
        yield _effects(rows, campaign)
        if campaign["differing"] is not None:
            yield Words((campaign["differing"]["sentence"],), "note")


def _rows(effects: pd.DataFrame, campaign: str, segments: tuple[str, ...]) -> pd.DataFrame:
    if effects.empty:
        return effects
    rows = effects[effects["campaign"] == campaign].reset_index(drop=True)
    return rows.assign(name=[in_words(name) if name in segments else name for name in rows["name"]])


def _figure(rows: pd.DataFrame, campaign: Any, panel: str, name: str) -> Drawn | None:
    heading, others = _PANELS[panel]
    if not rows[panel].notna().any():
        return None
    shown = rows.assign(**dict.fromkeys(others, np.nan))
    first, scale = shown.iloc[0], 100.0 if panel == "rate" else 1 / shown["contacted"].iloc[0]
    low, value, high = (scale * float(first[column]) for column in (f"{panel}_low", panel, f"{panel}_high"))
    told = f"Points with 95 % intervals. For all: {value:+.2f}, between {low:+.2f} and {high:+.2f}."
    return Drawn(
        heading,
        draw(
            lambda: plot_effects(shown, "", campaign["currency"] if panel == "revenue" else ""),
            name,
            f"{campaign['campaign']}: {heading}",
            told,
            height=1.1 + 0.5 * len(shown),
        ),
        "Each point is the difference between those contacted and those held out, each line the interval that holds "
        "the truth as often as it promises. A line that crosses the dashed one may be chance. The diamond is all.",
        _numbers(rows, panel, heading),
    )


def _numbers(rows: pd.DataFrame, panel: str, heading: str) -> Table:
    scale = pd.Series(100.0, rows.index) if panel == "rate" else 1 / rows["contacted"]
    values = rows[[f"{panel}_low", panel, f"{panel}_high"]].mul(scale, axis=0)
    lines = (
        (str(name), *(number(value, 2) for value in line))
        for name, line in zip(rows["name"], values.to_numpy(), strict=True)
    )
    return Table(heading, ("Who", "Lowest", "Difference", "Highest"), tuple(lines))


def _effects(rows: pd.DataFrame, campaign: Any) -> Table:
    currency = campaign["currency"]
    lines = tuple(
        (
            str(row["name"]) if row["kind"] != "all" or len(rows) == 1 else "all",
            f"{row['contacted']:,} / {row['held_out']:,}",
            f"{row['contacted_rate']:.1%} / {row['holdout_rate']:.1%}",
            _interval(row, "buyers"),
            _interval(row, "revenue"),
            _interval(row, "profit"),
        )
        for row in rows.to_dict("records")
    )
    head = (
        "Who", "Contacted / held out", "Bought", "More buyers", f"More revenue, {currency}", f"Profit, {currency}",
    )  # fmt: skip
    return Table(f"What {campaign['campaign']} brought, with {campaign['confidence']:.0%} intervals", head, lines)


def _interval(row: Any, name: str) -> str:
    if pd.isna(row[name]):
        return "–"
    value, low, high = (f"{round(row[part]) + 0.0:+,.0f}" for part in (name, f"{name}_low", f"{name}_high"))
    return f"{value} [{low}, {high}]".replace("-", "−")


def _arms(campaign: Any) -> Table:
    rows = tuple((name, f"{arm['customers']:,}") for name, arm in campaign["arms"].items())
    return Table(f"The arms of {campaign['campaign']}", ("Arm", "Customers"), rows)
