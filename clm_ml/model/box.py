"""The box a model travels in: boosters as text, everything else as JSON; reading it executes nothing it carries."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd
from pydantic import TypeAdapter

from clm_ml.artifacts import Box, json_text, open_box
from clm_ml.config import USUAL_SEGMENTS, Inputs, Lapse, SegmentRules, Task, read_segment_rules
from clm_ml.errors import ArtifactError, ModelError
from clm_ml.features import Rhythm
from clm_ml.model.attributes import Attributes
from clm_ml.model.bundle import Model
from clm_ml.model.next_order import read_next_order
from clm_ml.model.next_segment import Lifecycle, read_next_segment
from clm_ml.model.partner import Partner
from clm_ml.model.prior import read_prior
from clm_ml.model.probability import Blend, Probability
from clm_ml.model.trees import Trees
from clm_ml.model.value import Amount
from clm_ml.segments import CutPoints

__all__ = ["BOX_KIND", "About", "load_model", "read_about", "save_model"]

T = TypeVar("T")

BOX_KIND = "model"
_CONTENT, _FACTS = "model.json", "evaluation.json"
_REFERENCE, _CARD = "reference.json", "model_card.md"


def save_model(model: Model, folder: Path) -> None:
    """Write the model's files into a folder: boosters as text, everything else as JSON."""
    content: dict[str, Any] = {
        "task": model.task.model_dump(mode="json"),
        "lapse": model.lapse.model_dump(mode="json"),
        "inputs": asdict(model.inputs),
        "attributes": {column: dict(told) for column, told in model.attributes.log_odds.items()},
        "rhythm": asdict(model.rhythm),
        "cuts": model.cuts.facts(),
        "currency": model.currency,
        "features": model.features(),
        "prior": model.prior.facts(),
        "customers": None if model.customers is None else _probability_facts("customers", model.customers, folder),
        "visitors": None if model.visitors is None else _probability_facts("visitors", model.visitors, folder),
        "amount": None if model.amount is None else _amount_facts(model.amount, folder),
        "next_segment": None if model.next_segment is None else model.next_segment.facts(),
        "next_order": None if model.next_order is None else model.next_order.facts(),
    }
    if not model.segments.place_alike(USUAL_SEGMENTS):
        content["segments"] = model.segments.facts()
    (folder / _CONTENT).write_text(json_text(content), encoding="utf-8")
    (folder / _FACTS).write_text(json_text(dict(model.facts)), encoding="utf-8")
    if model.reference:
        (folder / _REFERENCE).write_text(json_text(model.reference), encoding="utf-8")
    if model.card:
        (folder / _CARD).write_text(model.card, encoding="utf-8", newline="\n")


def load_model(folder: str | Path) -> Model:
    """Read a model box back, after checking that its files are those that were written.

    Raises:
        ArtifactError: if there is no box, it was altered, or it was written by a newer version.
    """
    box = open_box(Path(folder), BOX_KIND)
    try:
        content, facts = (json.loads(box.path(name).read_text(encoding="utf-8")) for name in (_CONTENT, _FACTS))
        reference = json.loads(_text_of(box, _REFERENCE) or "{}")
        model = replace(_read(content, facts, box.folder), reference=reference, card=_text_of(box, _CARD))
        _rehearse(model)
        return model
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, OSError, ModelError) as error:
        raise _unreadable(folder, error) from None


def _rehearse(model: Model) -> None:
    """Score a customer and a visitor whom nobody is: what is no model fails here, not in the midst of a long run."""
    people = pd.DataFrame(1.0, range(2), model.numbers())
    people.loc[1, [name for name in model.numbers() if name.startswith("order")]] = 0.0
    model.score(people.assign(customer_id="", as_of=0, **dict.fromkeys(model.attributes.log_odds, None)))


@dataclass(frozen=True)
class About:
    """What a model box tells of itself, without its learners.

    Attributes:
        facts: of the manifest, which scores and lists copy forward.
        told: where and when it was learned, and how it was judged: `Model.facts`.
        lifecycle: what places people in segments.
    """

    facts: Mapping[str, Any]
    told: Mapping[str, Any] = field(repr=False)
    lifecycle: Lifecycle = field(repr=False)


def read_about(folder: str | Path) -> About:
    """Read what a model box tells of itself, after the checks of `load_model`; no learner is read.

    Raises:
        ArtifactError: as `load_model`.
    """
    box = open_box(Path(folder), BOX_KIND)
    try:
        content, told = (json.loads(box.path(name).read_text(encoding="utf-8")) for name in (_CONTENT, _FACTS))
        lifecycle = Lifecycle(
            cuts=_of(CutPoints, content["cuts"]),
            lapse=Lapse(**content["lapse"]),
            rhythm=_of(Rhythm, content["rhythm"]),
            horizon_days=Task(**content["task"]).horizon_days,
            rules=_read_rules(content),
        )
    except (AttributeError, KeyError, TypeError, ValueError, OSError) as error:
        raise _unreadable(folder, error) from None
    return About(box.facts, told, lifecycle)


def _unreadable(folder: str | Path, error: Exception) -> ArtifactError:
    return ArtifactError(f"{folder} is no model this clm-ml can read ({type(error).__name__}).")


def _of(kind: type[T], told: Any) -> T:
    """Make one of ours of plain data, whose numbers have to be numbers."""
    return TypeAdapter(kind).validate_python(told)


def _read_rules(content: Mapping[str, Any]) -> SegmentRules:
    return read_segment_rules(content["segments"]) if "segments" in content else USUAL_SEGMENTS


def _text_of(box: Box, name: str) -> str:
    """Read a file that boxes written by an earlier clm-ml lack."""
    place = box.path(name)
    return place.read_text(encoding="utf-8") if place.exists() else ""


def _read(content: Mapping[str, Any], facts: Mapping[str, Any], folder: Path) -> Model:
    both = (content["customers"], content["visitors"])
    customers, visitors = (None if learned is None else _read_probability(learned, folder) for learned in both)
    segment, order, rules = content["next_segment"], content["next_order"], _read_rules(content)
    return Model(
        task=Task(**content["task"]),
        lapse=Lapse(**content["lapse"]),
        inputs=_read_inputs(content["inputs"]),
        attributes=Attributes(content["attributes"]),
        rhythm=_of(Rhythm, content["rhythm"]),
        cuts=_of(CutPoints, content["cuts"]),
        prior=read_prior(content["prior"]),
        customers=customers,
        visitors=visitors,
        amount=None if content["amount"] is None else _read_amount(content["amount"], folder),
        next_segment=None if segment is None else read_next_segment(segment, len(rules.names)),
        next_order=None if order is None else read_next_order(order),
        segments=rules,
        currency=content["currency"],
        facts=facts,
    )


def _read_inputs(content: Mapping[str, Any]) -> Inputs:
    meanings, told = content["meanings"], {name: _frozen(value) for name, value in content.items()}
    named = None if meanings is None else {name: tuple(types) for name, types in meanings.items()}
    return Inputs(**{**told, "meanings": named})


def _probability_facts(name: str, learned: Probability, folder: Path) -> dict[str, Any]:
    return {
        "trees": None if learned.trees is None else _write_trees(name, learned.trees, folder),
        "partner": None if learned.partner is None else learned.partner.facts(),
        "blend": asdict(learned.blend),
    }


def _read_probability(content: Mapping[str, Any], folder: Path) -> Probability:
    partner = content["partner"]
    return Probability(
        trees=None if content["trees"] is None else _read_trees(content["trees"], folder),
        partner=None if partner is None else _of(Partner, partner),
        blend=_of(Blend, content["blend"]),
    )


def _amount_facts(amount: Amount, folder: Path) -> dict[str, Any]:
    return {"trees": _write_trees("amount", amount.trees, folder), "factor": amount.factor}


def _read_amount(content: Mapping[str, Any], folder: Path) -> Amount:
    return Amount(_read_trees(content["trees"], folder), content["factor"])


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _write_trees(name: str, trees: Trees, folder: Path) -> dict[str, Any]:
    files = [f"{name}-{seed}.txt" for seed in range(1, len(trees.texts) + 1)]
    for file, text in zip(files, trees.texts, strict=True):
        (folder / file).write_text(text, encoding="utf-8", newline="\n")
    return {"files": files, "columns": list(trees.columns)}


def _read_trees(content: Mapping[str, Any], folder: Path) -> Trees:
    if any("/" in file for file in content["files"]):
        raise ValueError("a booster lies outside the box")
    texts = tuple((folder / file).read_text(encoding="utf-8") for file in content["files"])
    trees = Trees(texts, tuple(content["columns"]))
    _ = trees.boosters  # read now, so that a damaged box is refused here
    return trees
