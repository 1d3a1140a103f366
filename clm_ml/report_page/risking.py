"""What drives risk: what moves the churn probability, and how it runs with silence and with the scores."""

from __future__ import annotations

import pandas as pd

from clm_ml.plots import plot_drivers, plot_risk_by_score, plot_risk_by_silence
from clm_ml.report_page.blocks import Drawn, Figures, Section, Table, Words
from clm_ml.report_page.drawing import draw
from clm_ml.report_page.material import Material
from clm_ml.report_page.words import in_words, share

__all__ = ["risking"]

#: So many themes are told, of those that move the risk by so much at least.
_MOST, _SEEN = 8, 0.002

#: What each theme speaks about.
_THEMES = {
    "recency": "days since the last order", "frequency": "how often they order", "money": "how much they spend",
    "rhythm": "rhythm of orders", "returns": "returns", "tenure": "how long they are customers",
    "engagement": "visits and other events", "campaigns": "earlier campaigns", "email_open": "e-mails opened",
    "email_click": "e-mails clicked", "ticket": "service tickets", "visit": "visits",
}  # fmt: skip


def risking(material: Material) -> Section:
    """Show what risk hangs together with."""
    told = {} if material.about is None else material.about.told
    drivers = _weighty(pd.DataFrame((told.get("curves") or {}).get("drivers") or []))
    figures = [_silence(material), _scores(material)]
    if len(drivers):
        figures.insert(0, _drivers(drivers.assign(theme=[_theme(name) for name in drivers["theme"]])))
        note = "These are what the model goes by; that changing one of them would change the outcome is not said."
    else:
        why = material.no_model or "its box has no curves: it was trained by an earlier version, or could not be judged"
        note = f"What moves the risk most is left out: {why}."
    return Section("risk", "What drives risk", (Figures(tuple(figures)), Words((note,), "note")))


def _weighty(drivers: pd.DataFrame) -> pd.DataFrame:
    """Keep the first themes that move anybody's risk by something that is seen."""
    if drivers.empty:
        return drivers
    return drivers[drivers[["raises", "lowers"]].max(axis=1) >= _SEEN].head(_MOST)


def _theme(name: str) -> str:
    return _THEMES.get(name, in_words(name))


def _drivers(drivers: pd.DataFrame) -> Drawn:
    rows = tuple(
        (row["theme"], share(row["raises_share"]), f"+{100 * row['raises']:.1f}", f"−{100 * row['lowers']:.1f}")
        for row in drivers.to_dict("records")
    )
    first = drivers.iloc[0]
    told = (
        f"Bars of how far each theme moves the churn probability. Most of all {first['theme']}: it raises that of "
        f"{first['raises_share']:.0%} of customers by {100 * first['raises']:.1f} points in the mean, and lowers that "
        f"of the others by {100 * first['lowers']:.1f}."
    )
    return Drawn(
        "What moves the risk",
        draw(lambda: plot_drivers(drivers), "drivers", "What moves the risk", told),
        "Each bar is by how many points a theme raises the churn probability of some customers (right), and lowers "
        "that of the others (left), against what it would be if the theme said nothing. The longest is at the top.",
        Table("Points of churn probability", ("Theme", "Raised for", "Raises by", "Lowers by"), rows),
    )


def _silence(material: Material) -> Drawn:
    bands = material.counted.by_silence
    rows = tuple(
        (row["band"], f"{row['customers']:,}", share(row["churn_probability"])) for row in bands.to_dict("records")
    )
    there = bands.dropna(subset=["churn_probability"])
    told = "Bars of the mean churn probability by silence. " + "; ".join(
        f"{row['band']} gaps {row['churn_probability']:.0%}" for row in there.to_dict("records")
    )
    return Drawn(
        "How risk grows with silence",
        draw(lambda: plot_risk_by_silence(bands), "silence", "How risk grows with silence", f"{told}."),
        "Silence is counted in each customer's own usual gap between orders: two gaps of silence is twice as long as "
        "they usually wait. Whoever waits longer than usual is the likelier to stay away.",
        Table("Churn probability by silence", ("Gaps of silence", "Customers", "Will stay away"), rows),
    )


def _scores(material: Material) -> Drawn:
    scores = material.counted.by_score
    rows = tuple((f"{score}", *(share(value) for value in values)) for score, *values in scores.itertuples())
    told = "Lines of the mean churn probability by score, from 1 to 5. " + "; ".join(
        f"{name} falls from {share(scores[name].iloc[0])} to {share(scores[name].iloc[-1])}" for name in scores
    )
    return Drawn(
        "How risk falls with the scores",
        draw(lambda: plot_risk_by_score(scores), "scores", "How risk falls with the scores", f"{told}."),
        "R says how lately somebody ordered, F how often, M how much they spent; 5 is the best fifth. The steeper a "
        "line, the more that score says about who stays away.",
        Table("Churn probability by score", ("Score", "R", "F", "M"), rows),
    )
