"""Where customers stand: the segment map, and what is expected and at risk in each segment."""

from __future__ import annotations

from clm_ml.lifecycle import border_words, playbook, rule_words
from clm_ml.plots import plot_grid
from clm_ml.report.blocks import Block, Drawn, Figures, Section, Table, Words
from clm_ml.report.drawing import draw
from clm_ml.report.material import Material
from clm_ml.report.words import in_words, number, share

__all__ = ["standing"]


def standing(material: Material) -> Section:
    """Show who is in which segment."""
    blocks: list[Block] = [Figures((_map(material),)), _segments(material), _rules(material)]
    if material.about is not None:
        lines = tuple(border_words(material.about.lifecycle, material.currency))
        learned = material.about.told.get("as_of", "")
        blocks.append(Words((f"What the words mean, by borders fitted on {learned}:", *lines), "note"))
    return Section("standing", "Where customers stand", blocks)


def _map(material: Material) -> Drawn:
    grid, table = material.counted.grid, material.counted.segments
    sums = grid.groupby(["r_score", "f_score"])["customers"].sum().unstack(fill_value=0)
    sums = sums.reindex(index=range(1, 6), columns=range(1, 6), fill_value=0)
    fullest = max(((r, f) for r in sums.index for f in sums.columns), key=lambda at: sums.loc[at])
    told = (
        f"A grid of R score (across) and F score (upwards), {int(sums.to_numpy().sum()):,} customers in all. The fullest "
        f"cell has R {fullest[0]} and F {fullest[1]}: {int(sums.loc[fullest]):,} customers."
    )
    rows = tuple((f"F {f}", *(f"{int(sums.loc[r, f]):,}" for r in sums.index)) for f in reversed(sums.columns))
    return Drawn(
        "The segment map",
        draw(lambda: plot_grid(grid, table, material.as_of, legend=False), "map", "The segment map", told),
        "Further right is ordered more lately, further up is ordered more often. The larger a square, the more "
        "customers; its strips are their segments, in the colours of the table. Customers to keep are at the top "
        "right; those at the top left were as good, and have gone quiet.",
        Table("Customers by R and F score", ("", *(f"R {r}" for r in sums.index)), rows),
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
    caption = f"Segments as of {material.as_of}, and the {material.horizon_days} days after it"
    return Table(caption, head, tuple(rows), words=(0, 5), swatches=tuple(swatches))


def _rules(material: Material) -> Table:
    there = material.counted.segments.query("customers > 0")["segment"].tolist()
    rows = tuple(
        (in_words(name), words) for name, words in rule_words(material.config.segments).items() if name in there
    )
    return Table("Who is in which segment", ("Segment", "Rule"), rows, words=(0, 1), is_folded=True)
