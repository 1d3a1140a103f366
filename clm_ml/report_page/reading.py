"""How to read the page: what its words mean, and what made it."""

from __future__ import annotations

from importlib.metadata import version

from clm_ml.report_page.blocks import Section, Table
from clm_ml.report_page.material import Material
from clm_ml.report_page.words import day, number

__all__ = ["reading"]


def reading(material: Material) -> Section:
    """Give the words, and the provenance."""
    return Section("reading", "How to read this", (_words(material), _provenance(material)))


def _words(material: Material) -> Table:
    days, when = material.horizon_days, day(material.as_of)
    rows = (
        ("As of", f"The first instant of {when}: what lies before it is known, what lies after it is estimated."),
        ("Stay away, churn", f"To place no order in the {days} days from then on; its probability is an estimate."),
        ("Expected sales", f"The probability of an order times what somebody spends in {days} days if they order."),
        ("At risk", f"The probability to stay away times what somebody spends in {days} days if they order."),
        ("Segment", "A place in the lifecycle, by how lately, how often and for how much somebody has ordered."),
        ("Expected profit", "What a contact brings: risk, save rate, margin and one order multiplied, less its cost."),
        ("Held out", "Chosen by lot not to be contacted, so that what contacting did can be told."),
        ("Interval", "Where the truth lies as often as it says; a figure without one is a count, or an estimate."),
        (
            "AUC, lift",
            "How well risk ranks: 0.5 is chance; how many more stay away in the riskiest tenth than overall.",
        ),
        ("Log loss, Brier, ECE", "How far probabilities are off from what came."),
    )
    return Table("What the words mean", ("Word", "Meaning"), rows, words=(0, 1))


def _provenance(material: Material) -> Table:
    model = material.facts["model"]
    facts = model["facts"]
    rows = [
        ("Project", material.config.project),
        ("Scores", f"as of {material.as_of}, {number(material.facts['customers'])} people"),
        ("Model", f"learned from what was known on {facts['as_of']}, {number(facts.get('examples'))} examples"),
        ("Data", f"complete until {material.facts['data']['complete_until']}"),
        *(
            ("List", f"{made.facts['campaign']}, to be deleted after {made.facts['delete_after']}")
            for made in material.lists
        ),
        ("Written by", f"clm-ml {version('clm-ml')}"),
    ]
    return Table("What made it", ("", ""), tuple(rows), words=(0, 1))
