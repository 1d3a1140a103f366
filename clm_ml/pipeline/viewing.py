"""View: everything that is known of one customer, by the same stairs as scoring, and nothing of anybody else."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from clm_ml.artifacts import Box
from clm_ml.campaign import open_ledger
from clm_ml.config import Config
from clm_ml.customer_view import (
    CustomerView,
    Known,
    Permission,
    channel_trouble,
    contacts_made,
    favourites,
    find_permission,
    habits,
    known_rows,
    segment_history,
    service,
    time_line,
    who,
)
from clm_ml.errors import ArtifactError, DataError, ModelError, UsageError
from clm_ml.features import build_features
from clm_ml.lifecycle import playbook
from clm_ml.model import Model, load_model
from clm_ml.pipeline.permission import find_consent
from clm_ml.pipeline.programme import find_fatigued, find_held_back
from clm_ml.pipeline.scores import SCORES, bare_schema, open_scores
from clm_ml.pipeline.scoring import find_model, find_same_model, refuse_other_task
from clm_ml.pipeline.suppressing import find_suppressed
from clm_ml.progress import Progress, silent
from clm_ml.ranking import Permits, find_refusals
from clm_ml.snapshot import Prepared, prepare, take_snapshot
from clm_ml.tables import Tables, read_customer, refuse_unknown
from clm_ml.timeline import date_of, parse_day

__all__ = ["customer"]


def customer(
    config: Config,
    customer_id: str,
    *,
    as_of: str | None = None,
    model: Model | str | Path | None = None,
    scores: str | Path | None = None,
    reveal: bool = False,
    progress: Progress = silent,
) -> CustomerView:
    """View one customer: who they are, what happened, where they stand, what to expect, and what to do.

    Only this customer's rows are read; whatever was fitted on others (cut-points, rhythm, learners) is the model's, so
    that scores are those that `score` gives among everybody, to the byte.

    Args:
        config: the project.
        customer_id: who, as the tables have it: `17850`, not `17850.0`; blanks around it do not count.
        as_of: ISO day; the scores' if these are given, else the day until which the tables are complete.
        model: a model, its box, or a registered one as `models:/shop@champion`; if not given the one that made the
            scores, else the project's champion. Without one the view has no scores, segments and habits.
        scores: a scores box whose row is shown, instead of scoring now.
        reveal: whether contact fields are told as they are; else they are masked.
        progress: told of each step.

    Raises:
        DataError: if nobody with this id is known before the as_of; the id is not repeated.
        TimelineError: if the tables are not complete until `as_of`, or it lies before the first order.
        ModelError: if the named model is not there, or was learned for another task.
        UsageError: if `as_of` is not the scores' own.
    """
    customer_id, box = customer_id.strip(), None if scores is None else open_scores(Path(scores))
    day = _day(as_of, box)
    tables = read_customer(config, customer_id, day, progress)
    day = tables.complete_until if day is None else day
    progress("looking", 0, 1)
    prepared = prepare(tables)
    if not tables.engine.count(take_snapshot(prepared, day).customer_ids()):
        refuse_unknown(config, tables, day)
    learned, warnings = _model(config, tables, model, box)
    seen = _Seen(config, tables, prepared, known_rows(tables, day), learned)
    view = _view(seen, customer_id, None if box is None else _row_of(box, customer_id), reveal, warnings)
    tables.engine.close()
    return view


@dataclass(frozen=True)
class _Seen:
    """What one customer is seen by."""

    config: Config
    tables: Tables
    prepared: Prepared = field(repr=False)
    known: Known = field(repr=False)
    model: Model | None = field(repr=False)

    @property
    def mapped(self) -> list[str]:
        """The columns of the customer table; none if there is no such table."""
        people = self.tables.customers
        return [] if people is None else people.collect_schema().names()


def _day(as_of: str | None, box: Box | None) -> int | None:
    asked = None if as_of is None else parse_day(as_of)
    if box is None:
        return asked
    own = parse_day(str(box.facts["as_of"]))
    if asked not in (None, own):
        raise UsageError(f"the scores are of {date_of(own)}; leave --as-of out, or name other scores.")
    return own


def _model(
    config: Config, tables: Tables, named: Model | str | Path | None, box: Box | None
) -> tuple[Model | None, tuple[str, ...]]:
    """Find the model: the one named, the one that made the scores, or the champion, which need not be there."""
    warnings, model = tables.warnings, named if isinstance(named, Model) else None
    if named is not None:
        model = model or load_model(find_model(config, str(named)))
    elif box is not None:
        with suppress(ArtifactError, ModelError):
            model = find_same_model(box, config)
        lost = "the model that made the scores is not where it was: no habits and no history of segments."
        warnings = (*warnings, *(() if model is not None else (lost,)))
    else:
        with suppress(ModelError):
            model = load_model(find_model(config, f"models:/{config.project}@champion"))
        none = "there is no champion yet: no scores, no segment, no play; train a model, or name one with --model."
        warnings = (*warnings, *(() if model is not None else (none,)))
    if model is not None:
        refuse_other_task(model, config, tables)
    return model, warnings


def _row_of(box: Box, customer_id: str) -> dict[str, Any]:
    rows = pq.read_table(box.path(SCORES), filters=[("customer_id", "=", customer_id)]).to_pylist()
    if not rows and box.facts.get("scores_of") == "permitted":
        raise DataError(
            f"the scores of {box.facts['as_of']} are of those whom a list may hold, and this customer_id is not among "
            "them; leave --scores out."
        )
    if not rows:
        raise DataError(f"the scores of {box.facts['as_of']} hold nobody with this customer_id; score again.")
    row: dict[str, Any] = rows[0]
    return row


def _view(
    seen: _Seen, customer_id: str, row: dict[str, Any] | None, reveal: bool, warnings: tuple[str, ...]
) -> CustomerView:
    config, known, tables = seen.config, seen.known, seen.tables
    complete = None if seen.model is None else _complete(seen, seen.model)
    scores = _with_reasons(row, complete, seen.model)
    with open_ledger(config.path(config.list.ledger), only_look=True) as ledger:
        assigned = ledger.of(customer_id)
        day = date_of(known.as_of).isoformat()
        permits = Permits(
            suppressed=find_suppressed(config, tables).customers,
            consent=find_consent(tables),
            reserved=ledger.reserved(None, day),
            fatigued=find_fatigued(ledger, config.list, None, day),
            is_held_back=find_held_back(ledger, config.list),
        )
    play = None if scores is None else playbook(config)[scores["segment"]]
    permission = _permission(seen, customer_id, scores, permits)
    mapped, meanings = seen.mapped, tables.meanings
    return CustomerView(
        customer_id=customer_id,
        as_of=date_of(known.as_of).isoformat(),
        project=config.project,
        currency=config.currency,
        horizon_days=config.task.horizon_days,
        person=who(known.person, reveal),
        scores=scores,
        history=pd.DataFrame() if seen.model is None else segment_history(seen.prepared, known, seen.model),
        habits=pd.DataFrame() if complete is None else habits(_first(complete), config.task, meanings),
        timeline=time_line(known),
        favourites=favourites(known),
        service=service(known, meanings),
        contacts=contacts_made(known),
        assigned=assigned[assigned["sent_on"] <= date_of(known.as_of).isoformat()].reset_index(drop=True),
        permission=permission,
        play=play,
        channel_trouble=None if play is None else channel_trouble(play, permission, known.person, mapped),
        warnings=(*warnings, *_rejected(tables)),
    )


def _complete(seen: _Seen, model: Model) -> pd.DataFrame:
    described = build_features(take_snapshot(seen.prepared, seen.known.as_of), model.task)
    return model.complete(seen.tables.engine.collect(described, "customer_id").to_pandas())


def _with_reasons(
    row: dict[str, Any] | None, complete: pd.DataFrame | None, model: Model | None
) -> dict[str, Any] | None:
    """Score the customer, unless a scores box has; say why, unless it says so."""
    if complete is None or model is None or (row is not None and row["reason_1"] is not None):
        return row
    if row is None:
        told = pa.RecordBatch.from_pandas(model.score(complete, reasons=False), bare_schema(model), False)
        row = told.to_pylist()[0]
    reasons = model.explain(complete).astype(object)
    return row | _first(reasons.where(reasons.notna(), None))


def _first(frame: pd.DataFrame) -> dict[str, Any]:
    rows: Any = frame.to_dict("records")
    row: dict[str, Any] = rows[0]
    return row


def _permission(seen: _Seen, customer_id: str, scores: dict[str, Any] | None, permits: Permits) -> Permission:
    """Ask the steps of ranking what speaks against this customer; without scores only those that need none."""
    config = seen.config
    needed = ("segment", "churn_probability", "expected_value_if_ordering", "days_since_last_order")
    unknown: dict[str, Any] = dict.fromkeys(needed)
    row = pd.DataFrame([unknown | (scores or {}) | {"customer_id": customer_id}])
    steps = find_refusals(row, config.list, permits, plays=playbook(config))
    told = [str(step) for step in steps if steps[step].iloc[0]]
    need_scores = (
        () if scores is not None else ("never ordered", "other segment", "ordered lately", "not worth the contact")
    )
    return find_permission([step for step in told if step not in need_scores], seen.known.person, seen.mapped)


def _rejected(tables: Tables) -> tuple[str, ...]:
    counts = {name: found.read - found.used for name, found in tables.counts.items()}
    return tuple(
        f"{count:,} rows of {name} are rejected: clm-ml check says why." for name, count in counts.items() if count
    )
