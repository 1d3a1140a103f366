"""One customer's rows through the same doors as everybody's, without judging everybody's.

Whether a row is used depends on the row and on others of its customer alone: a duplicate has the same customer, and so
has a repeated person. What is passed over is the share of rejected rows, which only all rows could tell.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

import narwhals as nw

from clm_ml.config import COLUMNS, Config, Table
from clm_ml.engine import AnyEngine, Engine, open_engine
from clm_ml.errors import DataError
from clm_ml.progress import Progress, silent
from clm_ml.tables.columns import ours
from clm_ml.tables.door import Door, first_day, ids_known_by, judge, open_door
from clm_ml.tables.forgotten import pass_over, read_forgotten
from clm_ml.tables.reading import as_tables, find_complete_until, read_tables
from clm_ml.tables.validated import Tables
from clm_ml.timeline import date_of

__all__ = ["find_known", "read_customer", "refuse_unknown"]

#: The tables that tell of customers.
_THEIRS = tuple(name for name, (needed, _) in COLUMNS.items() if "customer_id" in needed)
_WHO = ours("customer_id")


def read_customer(config: Config, customer_id: str, as_of: int | None = None, progress: Progress = silent) -> Tables:
    """Read one customer's rows: those that `read_tables` would use, and no others.

    The other rows are passed over while the source is read; on Spark all are read and judged first. There may be no
    row at all. `first_day` is the customer's own first order if it lies before the as_of, else the log's.

    Args:
        config: the project.
        customer_id: as it is behind the door: text without blanks around it.
        as_of: the day asked about, complete_until if not given.
        progress: told of each table.

    Raises:
        DataError: if a source or a mapped column is missing.
        ConfigError: if an expression is none, or uses what is not allowed.
    """
    engine = open_engine(config)
    if not isinstance(engine, Engine):
        return _of_all(read_tables(config, engine, progress=progress), customer_id)
    until, warnings = find_complete_until(config, _whole_doors(config, engine) if config.complete_until is None else {})
    doors, judged = {}, {}
    for name, plan in _plans(config).items():
        progress(f"reading {name}", 0, 1)
        source = engine.source(name, plan, config, customer=customer_id)
        doors[name] = open_door(name, plan, pass_over(read_forgotten(config), name, plan, source, engine), engine)
        judged[name] = judge(doors[name], until)
    counts = {name: found.counts for name, found in judged.items()}
    own = counts["orders"].first_day
    if own is None or own >= (until if as_of is None else as_of):
        whole = first_day(_whole_door(config, engine, "orders"), until)
        counts["orders"] = replace(counts["orders"], first_day=until if whole is None else whole)
    return as_tables(config, doors, judged, counts, until, warnings)


def find_known(config: Config, customer_ids: Collection[str]) -> frozenset[str]:
    """Tell whom of some people the tables have a row of, used or not, or had before they were forgotten.

    Raises:
        DataError, ConfigError: as `read_tables`, where a table cannot be read.
    """
    engine, missing = open_engine(config), {*customer_ids}
    for name, plan in _plans(config).items():
        source, where = engine.source(name, plan, config), f"tables.{name}.columns.customer_id"
        sql = engine.expression(plan.columns["customer_id"], source, where)
        who = engine.beside(source, {_WHO: engine.as_id(sql, engine.kind_of(sql, source, where))}).select(_WHO)
        found = engine.collect(who.filter(nw.col(_WHO).is_in(sorted(missing))).unique(_WHO))
        missing -= {*found.column(0).to_pylist()}
        if not missing:
            break
    engine.close()
    return frozenset(customer_ids) - missing


def refuse_unknown(config: Config, tables: Tables, as_of: int) -> None:
    """Say that a customer is not known at an as_of, and how many are; the id itself is not repeated.

    Raises:
        DataError: always.
    """
    doors, until = _whole_doors(config, tables.engine), tables.complete_until
    known = [
        ids_known_by(door, until, as_of)
        for name, door in doors.items()
        if name in ("orders", "events") or (name == "customers" and "created_at" in door.plan.columns)
    ]
    count = tables.engine.count(nw.concat(known).unique("customer_id"))
    raise DataError(
        f"nobody with this customer_id is known before {date_of(as_of)}, while {count:,} customers are; ids are text, "
        "compared to the letter: look for leading zeros, capitals, and blanks within."
    )


def _plans(config: Config) -> Mapping[str, Table]:
    return {name: plan for name, plan in config.tables.named().items() if name in _THEIRS}


def _whole_doors(config: Config, engine: AnyEngine) -> dict[str, Door]:
    return {name: _whole_door(config, engine, name) for name in _plans(config)}


def _whole_door(config: Config, engine: AnyEngine, name: str) -> Door:
    plan = config.tables.named()[name]
    source = engine.source(name, plan, config)
    return open_door(name, plan, pass_over(read_forgotten(config), name, plan, source, engine), engine)


def _of_all(tables: Tables, customer_id: str) -> Tables:
    is_theirs = nw.col("customer_id") == customer_id
    frames = {name: rows for name in _THEIRS if (rows := getattr(tables, name)) is not None}
    theirs: dict[str, Any] = {name: tables.engine.keep(rows.filter(is_theirs)) for name, rows in frames.items()}
    return replace(tables, **theirs)
