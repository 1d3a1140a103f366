"""Where customers stand: the segment map, and what is expected and at risk in each segment."""

from __future__ import annotations

from clm_ml.lifecycle import border_words, playbook, rule_words
from clm_ml.model import About
from clm_ml.plots import plot_at_risk, plot_grid
from clm_ml.report_page.blocks import Block, Drawn, Figures, Section, Table
from clm_ml.report_page.drawing import draw
from clm_ml.report_page.material import Material
from clm_ml.report_page.words import day, in_words, number, share

__all__ = ["standing"]


def standing(material: Material) -> Section:
    """Show who is in which segment."""
    figures = (_map(material), _at_risk(material)) if material.counted.customers else (_map(material),)
    blocks: list[Block] = [Figures(figures), _segments(material), _rules(material)]
    if material.about is not None:
        blocks.append(_borders(material, material.about))
    return Section("standing", "Where customers stand", blocks)


def _map(material: Material) -> Drawn:
    grid, table = material.counted.grid, material.counted.segments
    sums = grid.groupby(["r_score", "f_score"])["customers"].sum().unstack(fill_value=0)
    sums = sums.reindex(index=range(1, 6), columns=range(1, 6), fill_value=0)
    fullest = max(((r, f) for r in sums.index for f in sums.columns), key=lambda at: sums.loc[at])
    told = (
        f"A grid of R score (across) and F score (upwards), {int(sums.to_numpy().sum()):,} customers in all. The "
        f"fullest cell has R {fullest[0]} and F {fullest[1]}: {int(sums.loc[fullest]):,} customers."
    )
    rows = tuple((f"F {f}", *(f"{int(sums.loc[r, f]):,}" for r in sums.index)) for f in reversed(sums.columns))
    return Drawn(
        "The segment map",
        draw(lambda: plot_grid(grid, table, material.as_of, legend=False), "map", "The segment map", told),
        "Further right is ordered more lately, further up is ordered more often. The larger a square, the more "
        "customers; its strips are their segments, in the colours of the table below. Customers to keep are at the top "
        "right; those at the top left were as good, and have gone quiet.",
        Table("Customers by R and F score", ("", *(f"R {r}" for r in sums.index)), rows),
    )


def _at_risk(material: Material) -> Drawn:
    table = material.counted.segments
    total = table["value_at_risk"].sum()
    most = table[table["customers"] > 0].sort_values("value_at_risk", ascending=False, kind="stable")
    told = "Bars of the value at risk by segment. " + "; ".join(
        f"{in_words(row['segment'])} {number(row['value_at_risk'])} {material.currency}"
        for row in most[most["value_at_risk"] > 0].to_dict("records")
    )
    rows = tuple(
        (in_words(row["segment"]), number(row["value_at_risk"]), share(row["value_at_risk"] / total if total else None))
        for row in most.to_dict("records")
    )
    title = "Where the value at risk lies"
    return Drawn(
        title,
        draw(lambda: plot_at_risk(table, material.currency), "at-risk", title, f"{told}."),
        "What customers would spend if they order, times the probability that they do not. A long bar of many "
        "customers is won back at low cost each, a bar of few is worth a call.",
        Table(f"Value at risk, {material.currency}", ("Segment", "At risk", "Of all"), rows),
    )


def _segments(material: Material) -> Table:
    plays, rows, swatches = playbook(material.config), [], []
    for row in material.counted.segments.to_dict("records"):
        if not row["customers"]:
            continue
        swatches.append(material.colours[row["segment"]])
        rows.append(
            (
                in_words(row["segment"]),
                f"{row['customers']:,}",
                share(row["churn_probability"]),
                number(row["expected_value"]),
                number(row["value_at_risk"]) if row["rated"] else "–",
                plays[row["segment"]].goal or "–",
            )
        )
    head = (
        "Segment", "People", "Will stay away", f"Expected sales, {material.currency}", f"At risk, {material.currency}",
        "What we want",
    )  # fmt: skip
    caption = f"Segments as of {day(material.as_of)}, and the {material.horizon_days} days after it"
    return Table(caption, head, tuple(rows), words=(0, 5), swatches=tuple(swatches))


def _rules(material: Material) -> Table:
    there = material.counted.segments.query("customers > 0")["segment"].tolist()
    rows = tuple(
        (in_words(name), words) for name, words in rule_words(material.config.segments).items() if name in there
    )
    return Table("Who is in which segment", ("Segment", "Rule"), rows, words=(0, 1), is_folded=True)


def _borders(material: Material, about: About) -> Table:
    lines = (line.partition(": ") for line in border_words(about.lifecycle, material.currency))
    caption = f"What these words mean, by borders fitted on {day(about.told['as_of'])}"
    return Table(caption, ("Word", "Meaning"), tuple((w, m) for w, _, m in lines), words=(0, 1), is_folded=True)
