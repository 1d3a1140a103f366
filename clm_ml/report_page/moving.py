"""Who moves: between segments over the last horizon, if that was counted, and over the next."""

from __future__ import annotations

import numpy as np
import pandas as pd

from clm_ml.lifecycle import NEW
from clm_ml.plots import plot_flows
from clm_ml.report_page.blocks import Block, Drawn, Figures, Section, Table, Words
from clm_ml.report_page.drawing import draw
from clm_ml.report_page.material import Material, Moved
from clm_ml.report_page.words import day, in_words, number
from clm_ml.timeline import date_of, parse_day

__all__ = ["moving"]

_HOW = (
    "Each ribbon goes from where customers were to where they are then, and is as wide as they are many; faint ribbons "
    "are those who stay. Rest a pointer on one to read how many."
)

_HINT = Words(
    ("Who moved until now, and how sure these sizes are, is counted from the tables:",),
    "note",
    ("clm-ml transitions CONFIG --model DIR --out BOX", "clm-ml report … --transitions BOX"),
)


def moving(material: Material) -> Section:
    """Show who moved, and who is expected to."""
    until = date_of(parse_day(material.as_of) + material.horizon_days).isoformat()
    flows, moved = material.counted.flows, material.moved
    figures: list[Drawn] = []
    if moved is not None:
        figures.append(_observed(material, moved))
    if flows is not None:
        figures.append(_expected(material, flows, until))
    told: tuple[Words | Table, ...] = () if flows is None else (_sizes(material, flows, until),)
    if len(figures) == 1:
        blocks: list[Block] = [Figures(tuple(figures), told)]
    else:
        blocks = [*([Figures(tuple(figures))] if figures else []), *told]
    if flows is None:
        blocks.append(Words(("These scores do not look ahead: their model was learned from too short a log.",), "note"))
    blocks.append(_HINT if moved is None else Words((_moves(moved),)))
    return Section("moving", "Who moves", blocks)


def _observed(material: Material, moved: Moved) -> Drawn:
    days = (moved.facts["since"], moved.facts["as_of"])
    return _flows(material, moved.observed, days, "moved", f"Who moved from {day(days[0])} to {day(days[1])}")


def _expected(material: Material, flows: pd.DataFrame, until: str) -> Drawn:
    title = f"Who is expected to move until {day(until)}"
    return _flows(material, flows, (material.as_of, until), "expected", title)


def _flows(material: Material, matrix: pd.DataFrame, days: tuple[str, str], name: str, title: str) -> Drawn:
    phases, rows = material.config.segments.phases, _pairs(matrix)
    largest = "; ".join(f"{count} from {source} to {target}" for source, target, count in rows[:3])
    description = f"Flows between segments from {days[0]} to {days[1]}. The largest moves: {largest or 'none'}."
    return Drawn(
        title,
        draw(lambda: plot_flows(matrix, None, phases, days), name, title, description),
        _HOW,
        Table(f"{title}, most first", ("From", "To", "Customers"), tuple(rows), words=(0, 1)),
    )


def _pairs(matrix: pd.DataFrame) -> list[tuple[str, str, str]]:
    """List the moves, those who stay left out, most first."""
    moves = [
        (count, str(source), str(target))
        for source, counts in zip(matrix.index, matrix.to_numpy(), strict=True)
        for target, count in zip(matrix, counts, strict=True)
        if source != target and count >= 0.5
    ]
    moves.sort(key=lambda move: -move[0])
    return [(_name(source), in_words(target), number(count)) for count, source, target in moves]


def _name(source: str) -> str:
    return "new people" if source == NEW else in_words(source)


def _moves(moved: Moved) -> str:
    m = moved.moves
    return (
        f"Between {day(moved.facts['since'])} and {day(moved.facts['as_of'])} {m['new']:,} people came new, "
        f"{m['new_with_order']:,} of them with an order; {m['first_orders']:,} visitors ordered for the first time; "
        f"{m['gone']:,} customers have gone, and {m['come_back']:,} who were gone have come back."
    )


def _sizes(material: Material, flows: pd.DataFrame, until: str) -> Table:
    """Tell each segment's size now and then: with newcomers and an interval where a forecast was made."""
    moved, caption = material.moved, f"How many will be in each segment on {day(until)}"
    if moved is not None and moved.forecast is not None:
        rows = tuple(
            (in_words(row["segment"]), *(number(row[name]) for name in _FORECAST))
            for row in moved.forecast.to_dict("records")
            if row["customers_now"] or row["expected_customers"] >= 0.5
        )
        head = ("Segment", "Now", "Expected", "Lowest", "Highest", "Of them new")
        return Table(f"{caption}, newcomers included: 8 times in 10 between the lowest and the highest", head, rows)
    now, then = flows.sum(axis=1), flows.sum(axis=0)
    sizes = [(str(name), at, later) for name, at, later in zip(flows, now, then, strict=True)]
    rows = tuple(
        (in_words(name), number(at), number(later), _signed(later - at))
        for name, at, later in sizes
        if at + later >= 0.5
    )
    return Table(f"{caption}, of the people known now", ("Segment", "Now", "Expected", "Change"), rows)


_FORECAST = ("customers_now", "expected_customers", "lowest_customers", "highest_customers", "expected_new_customers")


def _signed(value: float) -> str:
    rounded = int(np.round(value))
    return f"{rounded:+,}".replace("-", "−") if rounded else "0"
