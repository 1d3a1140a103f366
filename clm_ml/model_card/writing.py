"""The card itself, as Markdown: the same bytes for the same model, and nobody's row in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from math import isfinite
from typing import Any

import numpy as np

from clm_ml.certainty import auc_limits, wilson
from clm_ml.config import Config
from clm_ml.evaluation import reliability
from clm_ml.model import Model
from clm_ml.model_card.groups import Group, compare_groups, would_be_listed
from clm_ml.model_card.purpose import LIMITS, NOT_FOR, USES, retiring

__all__ = ["Subject", "write_card"]

Floats = np.ndarray[Any, np.dtype[np.float64]]

#: Of smaller segments nothing is told, and no bin of the calibration holds fewer.
_FEWEST = 20


@dataclass(frozen=True)
class Subject:
    """What a model was judged on: a value a customer, in one order.

    Attributes:
        ordered: 1 or 0.
        order_probability: what the model said.
        baselines: what each baseline said.
        segments: where each customer stood.
        attributes: the values of what somebody is, by attribute.
    """

    ordered: Any = field(repr=False)
    order_probability: Floats = field(repr=False)
    baselines: Mapping[str, Floats] = field(repr=False)
    segments: Sequence[str] = field(repr=False)
    attributes: Mapping[str, Sequence[Any]] = field(default_factory=dict, repr=False)


def write_card(model: Model, config: Config, subject: Subject | None) -> str:
    """Write the card of a model.

    Args:
        model: with its facts.
        config: for the budget, and what its fairness is asked over.
        subject: what it was judged on; None if it could not be judged.
    """
    facts = model.facts
    parts = [
        f"# Model card: {facts['project']}, learned on {facts['as_of']}",
        _summary(model, subject),
        "## What it is for",
        *_bullets(USES),
        "Not for:",
        *_bullets(NOT_FOR),
        "## Data",
        *_data(model),
        "## Task and cohort",
        _task(model),
        "## How it learned",
        _learning(model),
        *(_unjudged(model) if subject is None else _judged(model, config, subject)),
        "## Limits",
        *_bullets(LIMITS),
        "## When to look again, and how to retire it",
        *_bullets(retiring(str(facts["project"]), str(facts["as_of"]), model.task.horizon_days)),
    ]
    return "\n\n".join(parts) + "\n"


def _bullets(lines: Iterable[str]) -> list[str]:
    return ["\n".join(f"- {line}" for line in lines)]


def _summary(model: Model, subject: Subject | None) -> str:
    days = model.task.horizon_days
    told = (
        f"For every customer: the probability of no order in the next {days} days (churn), what they will spend, "
        "their segment when those days end, and the day of their next order."
    )
    if subject is None:
        return f"{told} It could not be judged: {model.facts['evaluation'].get('unjudged')}"
    auc, low, high = auc_limits(1 - np.asarray(subject.ordered), 1 - subject.order_probability)
    judged = f"Judged on {len(subject.order_probability):,} customers it had not seen the outcome of"
    gate = model.facts.get("gate")
    verdict = "" if gate is None else f" Gate {'passed' if gate['passed'] else 'not passed'}: {gate['why']}."
    return f"{told} {judged}, its AUC is {auc:.3f} [{low:.3f}, {high:.3f}].{verdict}"


def _data(model: Model) -> list[str]:
    data = model.facts["data"]
    rows = [
        (name, f"{told['read']:,}", f"{told['used']:,}", _reasons(told["rejected"]))
        for name, told in sorted(data["tables"].items())
    ]
    until = f"Complete until {data['complete_until']}; nothing known later than {model.facts['as_of']} was used."
    return [until, _table(("table", "rows read", "used", "rejected"), rows)]


def _reasons(rejected: Mapping[str, int]) -> str:
    return ", ".join(f"{reason} {count:,}" for reason, count in sorted(rejected.items())) or "none"


def _task(model: Model) -> str:
    task = model.task
    return (
        f"Churned means: no order in the {task.horizon_days} days from a day on. Judged are customers who had ordered "
        f"in the {task.active_days} days before; everybody is scored. Features look "
        f"{', '.join(map(str, task.windows_days))} days back, and at everything known. Amounts are in "
        f"{model.currency}."
    )


def _learning(model: Model) -> str:
    facts = model.facts
    days = facts["as_ofs"]
    told = f"From {facts['examples']:,} examples at {len(days)} days"
    told += f" from {days[0]} to {days[-1]}" if days else ""
    share = facts["sampled_share"]
    sampled = "" if share == 1.0 else f", of a sample of {share:.1%} of the customers"
    attributes = ", ".join(model.inputs.attributes) or "none"
    tuned = " How trees grow was searched for on earlier days." if facts.get("tuned") else ""
    return (
        f"{told}{sampled}, seed {facts['seed']}, clm-ml {version('clm-ml')}: LightGBM and a logistic partner, blended "
        "and calibrated on later days, beside order histories alone (BG/NBD, Gamma-Gamma). Attributes of people that "
        f"it learned from: {attributes}.{tuned}"
    )


def _unjudged(model: Model) -> list[str]:
    return [
        "## How good it is",
        f"Nobody knows: {model.facts['evaluation'].get('unjudged')} Treat its numbers as a first guess.",
    ]


def _judged(model: Model, config: Config, subject: Subject) -> list[str]:
    evaluation = model.facts["evaluation"]
    places = int(config.list.budget / config.list.contact_cost)
    listed = would_be_listed(1 - subject.order_probability, places)
    segments, _ = compare_groups(subject.segments, subject.ordered, subject.order_probability, listed, _FEWEST)
    return [
        "## How good it is",
        f"By a model that had learned until {evaluation['learned_until']}, on {evaluation['customers']:,} active "
        f"customers of {evaluation['as_of']}, beside four rules anyone could have used instead. Brackets hold the "
        "truth 95 times in a hundred.",
        _methods(evaluation, subject),
        "## By segment",
        _table(_GROUP_HEAD[:-1], [row[:-1] for row in map(_row, segments)]),
        f"Segments of fewer than {_FEWEST} customers are left out.",
        "## Calibration",
        "Customers in the order of their churn probability, in groups of equal size: whether it means what it says.",
        _calibration(subject),
        "## Value, next segment, next order",
        *_bullets(_ahead(evaluation, model.currency)),
        "## Fairness",
        *_fairness(config, subject, listed, places),
    ]


def _methods(evaluation: Mapping[str, Any], subject: Subject) -> str:
    churned = 1 - np.asarray(subject.ordered)
    said = {"model": subject.order_probability, **subject.baselines}
    figures = {"model": evaluation["model"], **evaluation["baselines"]}
    rows = [
        (
            name,
            _with_limits(auc_limits(churned, 1 - np.asarray(said[name]))),
            f"{figures[name]['log_loss']:.4f}",
            f"{figures[name]['brier']:.4f}",
            f"{figures[name]['ece']:.4f}",
            _number(figures[name]["calibration_slope"], ".2f"),
            f"{figures[name]['predicted_to_happened']:.2f}",
            f"{figures[name]['top_decile_lift']:.2f}",
        )
        for name in figures
    ]
    head = ("method", "AUC", "log loss", "Brier", "ECE", "slope", "predicted / happened", "lift of the first tenth")
    return _table(head, rows)


_GROUP_HEAD = (
    "group", "customers", "AUC", "ordered", "predicted / happened", "ECE (by chance)", "on a list by risk",
)  # fmt: skip


def _row(group: Group) -> tuple[str, ...]:
    return (
        group.name,
        f"{group.customers:,}",
        _with_limits(group.auc),
        _with_limits(group.happened, ".1%"),
        _with_limits(group.predicted_to_happened, ".2f"),
        f"{_number(group.ece[0], '.3f')} ({group.ece[1]:.3f})",
        _with_limits(group.listed, ".1%"),
    )


def _calibration(subject: Subject) -> str:
    bins = reliability(subject.ordered, subject.order_probability, max(1, min(10, len(subject.segments) // _FEWEST)))
    rows = []
    for said, came, customers in bins.to_numpy(dtype=np.float64):
        low, high = wilson(came * customers, customers)
        rows.append((f"{customers:,.0f}", f"{said:.1%}", _with_limits((came, low, high), ".1%")))
    return _table(("customers", "predicted churn", "churned"), rows)


def _ahead(evaluation: Mapping[str, Any], currency: str) -> list[str]:
    value, segments, orders = evaluation["value"], evaluation["next_segment"], evaluation["next_order"]["model"]
    own, markov = segments["model"], segments["markov"]
    speaks = "" if own["log_loss"] < markov["log_loss"] else "; the matrix is as good, so it speaks"
    return [
        f"Expected value: Spearman {_number(value['spearman'], '.2f')}, Gini {_number(value['gini'], '.2f')}, "
        f"predicted / spent {_number(value['total_to_spent'], '.2f')}, mean absolute error {value['mae']:,.2f} "
        f"{currency}.",
        f"Next segment: right {own['top_1']:.1%} of the time, log loss {own['log_loss']:.3f}; the Markov matrix "
        f"{markov['top_1']:.1%}, {markov['log_loss']:.3f}{speaks}.",
        f"Next order: of {orders['coverage_customers']:,} closed 80 % intervals {_number(orders['coverage'], '.0%')} "
        "held it.",
    ]


def _fairness(config: Config, subject: Subject, listed: Any, places: int) -> list[str]:
    if not subject.attributes:
        return [
            "Not asked: `train.fairness` names no attribute. Name those over which customers must not be treated "
            "unequally, such as country or age band, and train again."
        ]
    whole = "everyone here" if places >= len(subject.order_probability) else f"the {places:,} with the highest risk"
    least = config.train.fairness_at_least
    parts = [
        f"A list by risk within the budget holds {whole}, whatever their segment. Groups of fewer than {least} "
        "customers are not told of. Different shares are no proof of unfairness, since groups order differently; a "
        "group whose AUC or predicted / happened lies outside of the others' brackets is served worse."
    ]
    for name, values in subject.attributes.items():
        groups, left = compare_groups(values, subject.ordered, subject.order_probability, listed, least)
        parts.append(f"### {name}")
        parts.append(
            _table((name, *_GROUP_HEAD[1:]), list(map(_row, groups))) if groups else "No group is large enough."
        )
        parts.append(f"{left:,} customers are in smaller groups.")
    return parts


def _with_limits(limits: tuple[float, float, float], how: str = ".3f") -> str:
    """Write a figure and its limits.

    >>> _with_limits((0.5, 0.4, 0.6), ".0%"), _with_limits((float("nan"),) * 3)
    ('50% [40%, 60%]', '–')
    """
    if not isfinite(limits[0]):
        return "–"
    value, low, high = (format(number, how) for number in limits)
    return f"{value} [{low}, {high}]"


def _number(value: Any, how: str) -> str:
    return "–" if value is None or not isfinite(value) else format(value, how)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Write a Markdown table; a bar in a word would end its cell.

    >>> print(_table(("a", "b"), [("1", "2")]))
    | a | b |
    |---|---|
    | 1 | 2 |
    """
    lines = [head, ["---"] * len(head), *rows]
    cells = [[cell.replace("|", "\\|").replace("\n", " ") for cell in line] for line in lines]
    return "\n".join("|".join(["", *(c if c == "---" else f" {c} " for c in line), ""]) for line in cells)
