"""The box uplift travels in: boosters as text, everything else as JSON; reading it executes nothing it carries."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from clm_ml.artifacts import json_text, open_box
from clm_ml.errors import ArtifactError
from clm_ml.measuring import Interval
from clm_ml.model.trees import Trees
from clm_ml.uplift.layout import Layout
from clm_ml.uplift.learners import LEARNERS, Learners, Logistic
from clm_ml.uplift.uplift import Gate, Uplift

__all__ = ["BOX_KIND", "load_uplift", "save_uplift"]

BOX_KIND = "uplift"
_FIGURES, _LEARNED = "uplift.json", "learned.json"
_TREES = ("effects-contacted.txt", "effects-holdout.txt")


def save_uplift(uplift: Uplift, folder: Path) -> None:
    """Write the files of uplift into a folder."""
    learners = uplift.learners
    content = {
        "layout": learners.layout.facts(),
        "contacted": asdict(learners.contacted),
        "held_out": asdict(learners.held_out),
        "chance": learners.chance,
        "trees": learners.effects is not None,
    }
    for name, trees in zip(_TREES, learners.effects or (), strict=False):
        (folder / name).write_text(trees.texts[0], encoding="utf-8", newline="\n")
    (folder / _LEARNED).write_text(json_text(content), encoding="utf-8", newline="\n")
    (folder / _FIGURES).write_text(json_text(uplift.facts()), encoding="utf-8", newline="\n")


def load_uplift(folder: str | Path) -> Uplift:
    """Read an uplift box back, after checking that its files are those that were written.

    Raises:
        ArtifactError: if there is no box, it was altered, or it was written by a newer version.
    """
    box = open_box(Path(folder), BOX_KIND)
    try:
        learned, figures = (json.loads(box.path(name).read_text(encoding="utf-8")) for name in (_LEARNED, _FIGURES))
        return _read(learned, figures, box.folder)
    except (AttributeError, KeyError, TypeError, ValueError, OSError) as error:
        raise ArtifactError(f"{folder} is no uplift this clm-ml can read ({type(error).__name__}).") from None


def _read(learned: Mapping[str, Any], figures: Mapping[str, Any], folder: Path) -> Uplift:
    if figures["learner"] not in LEARNERS or (figures["learner"] == "x" and not learned["trees"]):
        raise ValueError("the learner is not in the box")
    gate = figures["gate"]
    return Uplift(
        learner=figures["learner"],
        learners=_read_learners(learned, folder),
        mean=Interval(**figures["effect"]),
        slope=float(figures["slope"]),
        centre=float(figures["centre"]),
        gate=Gate(float(gate["z"]), float(gate["least_z"])),
        qini=Interval(**figures["qini"]),
        each=dict(figures["learners_z"]),
        deciles=pd.DataFrame(figures["deciles"]),
        curve=pd.DataFrame(figures["curve"]),
        customers=(int(figures["customers"]), int(figures["contacted"])),
        confidence=float(figures["confidence"]),
    )


def _read_learners(content: Mapping[str, Any], folder: Path) -> Learners:
    told = content["layout"]
    values = {name: None if known is None else tuple(known) for name, known in told["values"]}
    layout = Layout(values, tuple(told["means"]), tuple(told["scales"]))
    columns = tuple(f"f{place}" for place in range(len(layout.means)))
    rates = [Logistic(tuple(content[arm]["weights"]), content[arm]["intercept"]) for arm in ("contacted", "held_out")]
    effects = None
    if content["trees"]:
        one, other = (Trees(((folder / name).read_text(encoding="utf-8"),), columns) for name in _TREES)
        _ = one.forest, other.forest  # read now, so that a damaged box is refused here
        effects = (one, other)
    return Learners(layout, rates[0], rates[1], effects, float(content["chance"]))
