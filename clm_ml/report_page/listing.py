"""Whom to contact first, and what the list promises: of those whom an export has permitted, and nobody else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from clm_ml.plots import plot_promise
from clm_ml.report_page.blocks import Block, Drawn, Figures, People, Person, Section, Table, Tile, Tiles, Words
from clm_ml.report_page.drawing import draw
from clm_ml.report_page.material import ListMade, Material
from clm_ml.report_page.words import day, in_words, money, number, points, share

__all__ = ["listing"]

_NOTE = "Risk is the probability to stay away; ▲ raises it, ▼ lowers it. Ranks that are missing are held out."
_REASONS = ("reason_1", "reason_2", "reason_3")

_HINT = Words(
    ("No customer is named here, since only an export asks for consent:",),
    "note",
    ("clm-ml export CONFIG --scores DIR --campaign NAME --out LIST", "clm-ml report … --list LIST"),
)


def listing(material: Material) -> Section:
    """Show each list: its promise, and its first customers with reasons and plays."""
    blocks: list[Block] = []
    for place, made in enumerate(material.lists, start=1):
        blocks += _list(material, made, place)
    return Section("list", "Whom to contact first", blocks or [_HINT])


def _list(material: Material, made: ListMade, place: int) -> list[Block]:
    facts, promise = made.facts, made.facts["promise"]
    name, currency = facts["campaign"], material.currency
    blocks: list[Block] = []
    if facts["as_of"] != material.as_of:
        blocks.append(Words((f"The list {name} was made on {day(facts['as_of'])}, from other scores.",), "alarm"))
    assumed = ", if the assumed save rate holds" if promise["assumed"] else ""
    orders, revenue, profit, cost = (promise[part] for part in ("orders", "revenue", "profit", "cost"))
    tiles = (
        Tile(number(facts["contact"]), f"to contact in {name}", f"{number(facts['holdout'])} held out to compare with"),
        Tile(f"+{number(orders, 1)}", "orders expected", f"{money(revenue, currency)} more revenue"),
        Tile(number(profit), f"{currency} profit expected", f"after {money(cost, currency)} for contacting{assumed}"),
    )
    blocks += [Tiles(tiles), Words(tuple(_promise(facts, currency)))]
    if len(made.contact):
        blocks.append(Figures((_curve(made, currency, place),), (_plays(made, currency),)))
        if material.rows:
            shown = [_person(material, row) for row in made.contact.head(material.rows).to_dict("records")]
            blocks.append(People(f"The first {len(shown):,} of {name}", _NOTE, tuple(shown)))
    blocks.append(_left_out(facts))
    return blocks


def _promise(facts: Any, currency: str) -> list[str]:
    promise = facts["promise"]
    told = []
    if promise["assumed"]:
        rate, some, of = facts["list"]["assumed_save_rate"], promise.get("assumed_of"), promise.get("customers")
        whom = "" if some == of else f", of {number(some)} of {number(of)} customers,"
        told.append(f"Assumed{whom} is that a contact brings back {share(rate, 1)} of those who would stay away.")
    elif facts.get("save_rates"):
        told.append("What a contact brings back was measured by past campaigns.")
    rise, pays = points(promise["expected_rise"]), points(promise["break_even_rise"])
    told.append(f"Contacting should raise the share that orders by {rise}; {pays} would pay for it.")
    if not facts["holdout"]:
        told.append("Nobody is held out: what contacting did will not be known.")
    elif promise["detectable_rise"] is None:
        told.append(f"The holdout of {number(facts['holdout'])} is too small to show any rise.")
    else:
        cost, least = money(promise["holdout_cost"], currency), points(promise["detectable_rise"])
        told.append(f"The holdout costs {cost} of that profit, and shows a rise of {least} four times in five.")
        if promise["detectable_rise"] > promise["expected_rise"]:
            told.append("That is more than is expected: one campaign of this size will hardly prove it; several may.")
    return told


def _curve(made: ListMade, currency: str, place: int) -> Drawn:
    profits = made.contact["expected_profit"].astype("float64")
    sums = profits.cumsum()
    is_assumed = bool(made.facts["promise"]["assumed"])
    title = "What the list is expected to earn"
    tenths = sorted({max(1, round(len(sums) * part / 10)) for part in range(1, 11)})
    rows = tuple((f"{length:,}", number(sums.iloc[length - 1])) for length in tenths)
    told = (
        f"A line of expected profit by how many are contacted: {number(sums.iloc[tenths[0] - 1])} {currency} from the "
        f"first {tenths[0]:,}, {number(sums.iloc[-1])} {currency} from all {len(sums):,}."
    )
    return Drawn(
        title,
        draw(lambda: plot_promise(profits, currency, is_assumed=is_assumed), f"promise-{place}", title, told),
        "The line adds up what each further contact is expected to earn, the best first. Where it flattens, the rest "
        "of the list hardly pays.",
        Table(f"Expected profit, {currency}", ("Contacted", "Profit"), rows),
    )


def _plays(made: ListMade, currency: str) -> Table:
    told = made.contact.assign(play=made.contact["play"].fillna("–"))
    groups = told.groupby(["segment", "play"], sort=False)["expected_profit"].agg(["size", "sum"]).reset_index()
    groups = groups.sort_values("sum", ascending=False, kind="stable")
    rows = tuple(
        (in_words(segment), play, f"{size:,}", number(total))
        for segment, play, size, total in groups.itertuples(index=False)
    )
    return Table("What to do with whom", ("Segment", "Play", "To contact", f"Profit, {currency}"), rows, words=(0, 1))


def _person(material: Material, row: Mapping[Any, Any]) -> Person:
    currency = material.currency
    figures: tuple[tuple[str, str], ...] = (
        ("risk", share(row["churn_probability"])),
        ("at risk", money(row["value_at_risk"], currency)),
        ("profit expected", money(row["expected_profit"], currency, 2)),
        ("last order", day(row["last_order_on"])),
    )
    likes = row.get("favourite_category")
    if likes is not None and not pd.isna(likes):
        figures = (*figures, ("likes", str(likes)))
    return Person(
        rank=f"{row['rank']}",
        customer_id=str(row["customer_id"]),
        segment=in_words(row["segment"]),
        swatch=material.colours.get(row["segment"], ""),
        figures=figures,
        reasons=tuple(_reason(str(row[name])) for name in _REASONS if not pd.isna(row[name])),
        play="" if pd.isna(row["play"]) else str(row["play"]),
        contact=_contact(material, str(row["customer_id"])),
    )


def _reason(sentence: str) -> tuple[str, str]:
    """Take a reason apart: what it says, and which way it moves the risk.

    >>> _reason("a single order so far (raises the risk)")
    ('a single order so far', 'up')
    """
    for end, way in ((" (raises the risk)", "up"), (" (lowers the risk)", "down")):
        if sentence.endswith(end):
            return sentence.removesuffix(end), way
    return sentence, ""


def _contact(material: Material, customer_id: str) -> tuple[tuple[str, str], ...]:
    people = material.people
    if people is None or customer_id not in people.index:
        return ()
    fields = people.loc[customer_id]
    return tuple((str(name), str(value)) for name, value in fields.items() if not pd.isna(value) and str(value).strip())


def _left_out(facts: Any) -> Table:
    counts = {reason: count for reason, count in facts["dropped"].items() if count}
    rows = tuple((reason, f"{count:,}") for reason, count in sorted(counts.items(), key=lambda item: -item[1]))
    return Table("Who is not on it, and why", ("Reason", "People"), rows or (("nobody", "0"),), is_folded=True)
