"""Reads a project's inputs through their doors, and stops where too little is left."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from clm_ml.config import COLUMNS, Config, Events, Table
from clm_ml.engine import AnyEngine, open_engine
from clm_ml.errors import DataError
from clm_ml.progress import Progress, silent
from clm_ml.tables.door import Door, Judged, judge, last_day, open_door
from clm_ml.tables.forgotten import pass_over, read_forgotten
from clm_ml.tables.validated import Counts, Doubt, Earlier, Tables
from clm_ml.timeline import date_of, day_of

__all__ = ["as_tables", "find_complete_until", "read_tables"]

_NOTHING: Mapping[str, Earlier] = {}


def read_tables(
    config: Config,
    engine: AnyEngine | None = None,
    earlier: Mapping[str, Earlier] = _NOTHING,
    progress: Progress = silent,
    **frames: Any,
) -> Tables:
    """Read and validate the inputs of a project, but for the rows of people whom it has forgotten.

    Args:
        config: the project.
        engine: where to read them; opened from the config if not given.
        earlier: of some tables, what an earlier run has read already: only files that are new since are read.
        progress: told of each table how many of how many rows are read.
        **frames: tables held in memory (pandas, Polars, Arrow, DuckDB), by name, instead of their sources;
            the config's column mapping and `where` apply to them all the same.

    Raises:
        DataError: if a source or a mapped column is missing, nothing is left, or more rows are rejected than
            `max_rejected_share` allows.
        Doubt: if what is there now may not be what an earlier run has read.
        ConfigError: if an expression is none, or uses what is not allowed.
    """
    engine = engine or open_engine(config)
    plans = config.tables.named()
    unknown = [name for name in frames if name not in plans]
    if unknown:
        raise DataError(f"a frame was given for {unknown[0]}, but the config maps no columns of it.")
    forgotten, doors = read_forgotten(config), dict[str, Door]()
    for name, plan in plans.items():
        if name in frames:
            source = engine.frame(name, frames[name], plan)
        else:
            source = engine.source(name, plan, config, earlier[name].files if name in earlier else ())
        doors[name] = open_door(name, plan, pass_over(forgotten, name, plan, source, engine), engine)
    complete_until, warnings = find_complete_until(config, doors, earlier)
    judged = {name: _judged(door, complete_until, progress) for name, door in doors.items()}
    counts = {name: found.counts for name, found in judged.items()}
    for name, told in earlier.items():
        _doubt(told, doors[name], counts[name], complete_until)
        counts[name] = told.counts + counts[name]
    for name, found in counts.items():
        _refuse_too_many_rejected(name, found, plans[name])
    return as_tables(config, doors, judged, counts, complete_until, warnings)


def as_tables(
    config: Config,
    doors: Mapping[str, Door],
    judged: Mapping[str, Judged],
    counts: Mapping[str, Counts],
    complete_until: int,
    warnings: tuple[str, ...],
) -> Tables:
    """Put together what has passed the doors."""
    plans = config.tables.named()
    return Tables(
        engine=doors["orders"].engine,
        **{name: judged[name].used if name in judged else None for name in COLUMNS},  # type: ignore[arg-type]
        complete_until=complete_until,
        counts=counts,
        quarantined={name: found.quarantined for name, found in judged.items()},
        meanings={} if config.tables.events is None else _meanings(config.tables.events),
        attributes=config.train.attributes if config.tables.customers is not None else (),
        has_loaded_at=any("loaded_at" in plans[name].columns for name in ("orders", "events") if name in plans),
        warnings=warnings,
        types={name: door.source.types for name, door in doors.items()},
    )


def _judged(door: Door, end: int, progress: Progress) -> Judged:
    step, rows = f"reading {door.table}", door.engine.rows_of(door.source)
    progress(step, 0, rows)
    with door.engine.watched(lambda share: progress(step, int(share * rows), rows), queries=2):
        judged = judge(door, end)
    progress(step, rows, rows)
    return judged


def _doubt(earlier: Earlier, door: Door, new: Counts, complete_until: int) -> None:
    """Doubt what was read before if a new row could have been among it, or its columns have changed.

    Rows known on different days are no duplicates of each other, and nothing known later changes what was known.

    Raises:
        Doubt: so that all is read again.
    """
    is_early = new.first_known is not None and new.first_known < earlier.until
    if is_early or complete_until < earlier.until or dict(door.source.types) != dict(earlier.types):
        raise Doubt


def _meanings(events: Events) -> dict[str, tuple[str, ...]]:
    """List the meanings by name: in which order the config has them changes no column, and no model."""
    return {meaning: tuple(types) for meaning, types in sorted(events.meanings.items())}


def find_complete_until(
    config: Config, doors: Mapping[str, Door], earlier: Mapping[str, Earlier] = _NOTHING
) -> tuple[int, tuple[str, ...]]:
    """Take the day until which tables are complete from the config, else from the log's last row, with a warning."""
    if config.complete_until is not None:
        return day_of(config.complete_until), ()
    days = [last_day(doors[name]) for name in ("orders", "events") if name in doors]
    days += [told.until - 1 for told in earlier.values()]
    last = max((day for day in days if day is not None), default=None)
    if last is None:
        _refuse_too_many_rejected("orders", judge(doors["orders"], None).counts, config.tables.orders)
        raise AssertionError("a row that breaks no rule has a day")
    text = date_of(last + 1).isoformat()
    return last + 1, (f"complete_until is not declared; taken as {text}, the day after the log's last row.",)


def _refuse_too_many_rejected(name: str, counts: Counts, plan: Table) -> None:
    reasons = ", ".join(f"{reason} {count:,}" for reason, count in counts.rejected.items())
    if counts.read == 0:
        raise DataError(f"tables.{name}: there is no row{' that where lets in' if plan.where else ''}.")
    if counts.used == 0:
        raise DataError(
            f"tables.{name}: every row is rejected ({reasons}); mend the data, or the mapping: columns, date_format, "
            "min_date, complete_until."
        )
    if counts.rejected_share > plan.max_rejected_share:
        raise DataError(
            f"tables.{name}: {counts.read - counts.used:,} of {counts.read:,} rows are rejected ({reasons}), more than "
            f"max_rejected_share {plan.max_rejected_share:g} allows; mend the mapping or the data, or raise the share."
        )
