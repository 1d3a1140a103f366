"""Judge what looks ahead: the next segment beside the Markov matrix, the next order beside its other shape."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from clm_ml.evaluation import reliability
from clm_ml.model import BECOMES, QUANTILES, Model, pinball

__all__ = ["foresee", "foresight_figures", "is_beaten"]

Floats = np.ndarray[Any, np.dtype[np.float64]]

_SPEAKERS = ("model", "markov")
_SHAPES = ("model", "other")
_EARLIEST, _LATEST = "next_order_earliest_on", "next_order_latest_on"


def foresee(model: Model, cohort: pd.DataFrame, order_probability: Floats, known_by: int) -> pd.DataFrame:
    """Lay out what was said of each customer's next segment and next order, beside what came.

    Args:
        model: whose word it is.
        cohort: examples of those who have ordered, with the labels and what is held against the habit.
        order_probability: what the model said of each.
        known_by: the day from which on nobody knows whether an order came.

    Returns:
        in the cohort's rows: `next_segment` as it came; of the model and the Markov matrix `next_segment_NAME`, the
        likeliest, and `came_probability_NAME`, what was given to the one that came; the probabilities of the two
        segments that matter, if the rules know them; `next_order_days` as they came, null if they had not
        `watched_days` after as_of; and of the shape that speaks (model) and the other one `next_order_on_NAME` and so
        on, as days from as_of, null beyond reach.
    """
    assert model.next_segment is not None, "what is judged was learned from examples"
    assert model.next_order is not None, "what is judged was learned from examples"
    came, names = model.lifecycle.ahead(cohort), model.segments.names
    watched = (known_by - cohort["as_of"]).astype("float64")
    days = cohort["next_order_days"].astype("float64")
    told: dict[str, Any] = {"next_segment": np.array(names, dtype=object)[came]}
    said = {
        "model": model.next_segment.probabilities(cohort, order_probability, model.lifecycle),
        "markov": model.next_segment.of_markov(cohort, model.lifecycle),
    }
    for name, rows in said.items():
        told[f"next_segment_{name}"] = np.array(names, dtype=object)[rows.argmax(axis=1)]
        told[f"came_probability_{name}"] = rows[np.arange(len(came)), came]
    known = {name: segment for name, segment in BECOMES.items() if segment in names}
    told |= {name: said["model"][:, names.index(segment)] for name, segment in known.items()}
    told |= {"next_order_days": days.where(days < watched), "watched_days": watched}
    for shape, waits in zip(_SHAPES, (model.next_order, model.next_order.swapped()), strict=True):
        said_days = waits.days(cohort, order_probability, list(QUANTILES.values()))
        for name, wait in zip(QUANTILES, said_days, strict=True):
            told[f"{name}_{shape}"] = np.where(np.isinf(wait), np.nan, wait)
    return pd.DataFrame(told, index=cohort.index)


def foresight_figures(rows: pd.DataFrame) -> dict[str, Any]:
    """Judge the rows of `foresee`, of one as_of or several: `next_segment` and `next_order`.

    The segment by log loss and top-1 accuracy, and by the reliability of the two that matter. The next order by the
    pinball loss of its three quantiles, in days (see `pinball`), and by its interval: `coverage` is the share of
    orders in it among those whose interval had closed before what is known ends, .8 if it is right; `before_earliest`
    the share that came before their earliest day, at most .1. Days are whole, so an interval holds a little more.
    """
    segments = {name: _speaker(rows, name) for name in _SPEAKERS}
    becomes = {name: _becoming(rows, name, segment) for name, segment in BECOMES.items() if name in rows}
    orders = {shape: _waits(rows, shape) for shape in _SHAPES}
    return {"next_segment": {"customers": len(rows), **segments, **becomes}, "next_order": orders}


def is_beaten(figures: Mapping[str, Any]) -> bool:
    """Say whether the Markov matrix told the next segment at least as well as the model, so that it must speak."""
    model, markov = (figures["next_segment"][name]["log_loss"] for name in _SPEAKERS)
    return not model < markov


def _speaker(rows: pd.DataFrame, name: str) -> dict[str, float]:
    given = rows[f"came_probability_{name}"].to_numpy(dtype=np.float64)
    hits = (rows[f"next_segment_{name}"] == rows["next_segment"]).mean()
    return {"log_loss": float(-np.log(np.clip(given, 1e-12, 1.0)).mean()), "top_1": float(hits)}


def _becoming(rows: pd.DataFrame, name: str, segment: str) -> dict[str, float]:
    """Tell how reliable the probability of one segment is, in ten bins of equal count."""
    came = (rows["next_segment"] == segment).to_numpy(dtype=np.float64)
    said = rows[name].to_numpy(dtype=np.float64)
    bins = reliability(1 - came, 1 - said)
    error = np.average((bins["predicted"] - bins["happened"]).abs(), weights=bins["customers"])
    return {"predicted": float(said.mean()), "happened": float(came.mean()), "ece": float(error)}


def _waits(rows: pd.DataFrame, shape: str) -> dict[str, float]:
    watched, came = rows["watched_days"].to_numpy(), rows["next_order_days"].fillna(np.inf).to_numpy()
    said = {name: rows[f"{name}_{shape}"].fillna(np.inf).to_numpy() for name in QUANTILES}
    told = {f"pinball_{q:g}": pinball(rows["next_order_days"], said[name], q, watched) for name, q in QUANTILES.items()}
    closed, begun = said[_LATEST] < watched, said[_EARLIEST] < watched
    inside = (came >= said[_EARLIEST]) & (came <= said[_LATEST])
    return {
        "pinball": float(np.mean(list(told.values()))),
        **told,
        "coverage": _share(inside, closed),
        "coverage_customers": int(closed.sum()),
        "before_earliest": _share(came < said[_EARLIEST], begun),
        "before_earliest_customers": int(begun.sum()),
    }


def _share(happened: Any, among: Any) -> float:
    return float(happened[among].mean()) if among.any() else float("nan")
