"""How good the model is: beside its baselines, on a day it had not seen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from clm_ml.plots import plot_gain_curves, plot_profit, plot_reliability
from clm_ml.report_page.blocks import Block, Drawn, Figures, Section, Table, Words
from clm_ml.report_page.drawing import draw
from clm_ml.report_page.material import Material
from clm_ml.report_page.words import day, method, number, share, times_in_hundred

__all__ = ["judging", "ranks_right"]

_FIGURES = {"auc": "AUC", "log_loss": "Log loss", "brier": "Brier", "ece": "ECE", "top_decile_lift": "Lift"}
#: Ours first, then the better rules.
_ORDER = ("model", "bg_nbd", "logistic_rfm", "recency_rule", "constant_rate")


def judging(material: Material) -> Section:
    """Show how the model did, and by whom it was judged."""
    return Section("model", "How good the model is", list(_told(material)))


def _told(material: Material) -> Iterator[Block]:
    if material.about is None:
        yield Words((f"Figures are left out: {material.no_model}.",), "note")
        return
    told = material.about.told
    judged, gate, curves = told.get("evaluation") or {}, told.get("gate"), told.get("curves")
    if "model" not in judged:
        yield Words((f"The model was not judged: {judged.get('unjudged', 'nobody asked for it.')}",), "alarm")
        return
    if gate and gate["passed"]:
        yield Words((f"It beats {len(judged['baselines'])} simple rules on a day it had not seen.",), "good")
    elif gate:
        yield Words((f"It has not passed its gate: {gate['why']}.",), "alarm")
    whom = f"{judged['customers']:,} customers of {day(judged['as_of'])}"
    by = f"by a model learned from what was known on {day(judged['learned_until'])}"
    yield Words((f"Judged on {whom}, {by}: nothing of what came was known to it. {ranks_right(judged)}",))
    if curves:
        figures = (_reliability(curves), _gains(curves, judged["customers"]), _profit(curves, material.currency))
        yield Figures(figures, (_methods(judged),))
    else:
        yield Words(("Its box has no curves: an earlier version trained it. Train again to see them.",), "note")
        yield _methods(judged)


def ranks_right(judged: Mapping[str, Any]) -> str:
    """Say in words how well it ranks."""
    return (
        "Of two customers, one who stayed away and one who ordered, the model gave the higher risk to the right one "
        f"{times_in_hundred(judged['model']['auc'])}."
    )


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
        "Customers in ten groups by their predicted risk. A point on the dashed line is right; above it more stayed "
        "away than was said, below it fewer. Bars are what chance allows.",
        Table("Predicted and happened", ("Predicted", "Stayed away", "Customers"), rows),
    )


def _gains(curves: Mapping[str, Any], customers: int) -> Drawn:
    lines = {
        method(name): pd.Series(curve["found"], [length / customers for length in curve["contacted"]])
        for name, curve in _in_order(curves["gains"]).items()
        if name != "constant_rate"  # which ranks nobody: it is drawn as at random
    }
    rows = tuple(
        (f"{part:.0%}", *(share(np.interp(part, line.index, line)) for line in lines.values()))
        for part in (0.1, 0.2, 0.3, 0.5)
    )
    title = "How many churners a short list finds"
    told = f"Lines of churners found by customers contacted. The riskiest 20 % hold {rows[1][1]} of them by the model."
    return Drawn(
        title,
        draw(lambda: plot_gain_curves(lines), "gains", title, told),
        "If the riskiest are contacted first: how many of all who stay away are among them. The higher the line, the "
        "better; on the dashed one nothing is known.",
        Table("Churners found", ("Contacted", *lines), rows),
    )


def _profit(curves: Mapping[str, Any], currency: str) -> Drawn:
    earned, plan = _in_order(curves["profit"]), curves["list"]
    lines = {method(name): pd.Series(curve["earned"], curve["contacted"]) for name, curve in earned.items()}
    rows = tuple(
        (name, f"{line.idxmax():,}", number(line.max()), number(line.iloc[-1])) for name, line in lines.items()
    )
    title = "What a list would have earned"
    told = (
        f"Lines of profit by length of list. The model's is highest at {rows[0][1]} contacts: {rows[0][2]} {currency}."
    )
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
        (method(name), *(number(figures.get(figure), 3) for figure in _FIGURES))
        for name, figures in _in_order({"model": judged["model"], **judged["baselines"]}).items()
    )
    caption = "Beside rules anybody could use: AUC and lift are better high, the others low"
    return Table(caption, ("Method", *_FIGURES.values()), rows)


def _in_order(methods: Mapping[str, Any]) -> dict[str, Any]:
    return {name: methods[name] for name in (*_ORDER, *methods) if name in methods}
