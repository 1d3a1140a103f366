"""How good the model is: beside its baselines, on a day it had not seen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from clm_ml.plots import plot_gain_curves, plot_profit, plot_reliability
from clm_ml.report.blocks import Block, Drawn, Figures, Section, Table, Words
from clm_ml.report.drawing import draw
from clm_ml.report.material import Material
from clm_ml.report.words import day, in_words, number, share, times_in_hundred

__all__ = ["judging", "ranks_right"]

_FIGURES = {
    "auc": "AUC",
    "log_loss": "Log loss",
    "brier": "Brier",
    "ece": "Calibration error",
    "top_decile_lift": "Lift",
}


def judging(material: Material) -> Section:
    """Show how the model did, and by whom it was judged."""
    blocks: list[Block] = []
    if material.about is None:
        gate = material.facts["model"]["facts"].get("gate") or {}
        blocks.append(Words((f"Figures are left out: {material.no_model}.", *_gate(gate)), "note"))
        return Section("model", "How good the model is", blocks)
    told = material.about.told
    judged = told.get("evaluation") or {}
    gate = told.get("gate") or {}
    if "model" not in judged:
        blocks.append(Words((f"The model could not be judged: {judged.get('unjudged', 'nobody says why')}",), "alarm"))
        return Section("model", "How good the model is", blocks)
    blocks.append(Words(tuple(_gate(gate)), "good" if gate.get("passed") else "alarm"))
    learned = f"learned from what was known on {day(judged['learned_until'])}"
    customers = f"{judged['customers']:,} customers of {day(judged['as_of'])}"
    blocks.append(
        Words(
            (f"Judged on {customers}, by a model {learned}: it had seen nothing of what came. {ranks_right(judged)}",)
        )
    )
    curves = told.get("curves")
    if curves:
        blocks.append(
            Figures((_reliability(curves), _gains(curves, judged["customers"]), _profit(curves, material.currency)))
        )
    else:
        blocks.append(
            Words(("Its box has no curves: it was trained by an earlier version. Train again to see them.",), "note")
        )
    blocks.append(_methods(judged))
    return Section("model", "How good the model is", blocks)


def ranks_right(judged: Mapping[str, Any]) -> str:
    """Say in words how well it ranks."""
    return (
        "Of two customers, one who stayed away and one who ordered, it gave the higher risk to the right one "
        f"{times_in_hundred(judged['model']['auc'])}."
    )


def _gate(gate: Mapping[str, Any]) -> list[str]:
    if not gate:
        return []
    passed = "It has passed its gate" if gate["passed"] else "It has not passed its gate"
    return [f"{passed}: {in_words(str(gate['why']))}."]


def _reliability(curves: Mapping[str, Any]) -> Drawn:
    bins = pd.DataFrame(curves["reliability"])
    rows = tuple(
        (share(row["predicted"]), share(row["happened"]), f"{row['customers']:,}") for row in bins.to_dict("records")
    )
    title = "Does a probability mean what it says?"
    told = "Points of ten groups of customers: " + "; ".join(f"{p} predicted, {h} stayed away" for p, h, _ in rows)
    return Drawn(
        title,
        draw(lambda: plot_reliability(bins), "reliability", title, f"{told}."),
        "Customers in ten groups by their predicted risk. A point on the dashed line is right; above it more stayed away "
        "than was said, below it fewer. Bars are what chance allows.",
        Table("Predicted and happened", ("Predicted", "Stayed away", "Customers"), rows),
    )


def _gains(curves: Mapping[str, Any], customers: int) -> Drawn:
    lines = {
        name: pd.Series(curve["found"], [length / customers for length in curve["contacted"]])
        for name, curve in curves["gains"].items()
        if name != "constant_rate"  # which ranks nobody: it is drawn as at random
    }
    title = "How many churners a short list finds"
    rows = tuple(
        (f"{part:.0%}", *(share(np.interp(part, line.index, line)) for line in lines.values()))
        for part in (0.1, 0.2, 0.3, 0.5)
    )
    found = rows[1][1 + list(lines).index("model")]
    told = f"Lines of the share of churners found by the share contacted. The riskiest 20 % hold {found} of them by the model."
    return Drawn(
        title,
        draw(lambda: plot_gain_curves(lines), "gains", title, told),
        "If the riskiest are contacted first: how many of all who stay away are among them. The higher the line, the "
        "better; on the dashed one nothing is known.",
        Table("Churners found", ("Contacted", *map(in_words, lines)), rows),
    )


def _profit(curves: Mapping[str, Any], currency: str) -> Drawn:
    lines = {name: pd.Series(curve["earned"], curve["contacted"]) for name, curve in curves["profit"].items()}
    rows = tuple(
        (in_words(name), f"{line.idxmax():,}", number(line.max()), number(line.iloc[-1]))
        for name, line in lines.items()
    )
    title, plan = "What a list would have earned", curves["list"]
    best = rows[list(lines).index("model")]
    told = f"Lines of profit by the length of a list. The model's is highest with {best[1]} contacts: {best[2]} {currency}."
    return Drawn(
        title,
        draw(lambda: plot_profit(lines, currency), "profit", title, told),
        f"The profit of contacting so many, if a contact costs {plan['contact_cost']:g} {currency}, brings back "
        f"{plan['assumed_save_rate']:.1%} of those who would stay away (assumed), for one order at a margin of "
        f"{plan['margin']:.0%}. A dot is the best length of a list.",
        Table(f"Profit, {currency}", ("Method", "Best length", "Profit there", "If all are contacted"), rows),
    )


def _methods(judged: Mapping[str, Any]) -> Table:
    rows = tuple(
        (in_words(name), *(number(figures.get(figure), 4) for figure in _FIGURES))
        for name, figures in {"this model": judged["model"], **judged["baselines"]}.items()
    )
    caption = "The model beside four rules anybody could use; AUC and lift are better high, the others low"
    return Table(caption, ("Method", *_FIGURES.values()), rows)
