"""Segments: who is where at an as_of, by which rules and borders; and where everyone was at many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from matplotlib.figure import Figure

from clm_ml.artifacts import refuse_existing_file, whole_file
from clm_ml.config import Config
from clm_ml.engine import parquet_writer
from clm_ml.errors import UsageError
from clm_ml.keeping import read_kept_tables
from clm_ml.lifecycle import border_words, census, grid, phases_of, place, rule_words, tally
from clm_ml.model import Lifecycle, Model
from clm_ml.pipeline.scoring import find_speaker
from clm_ml.pipeline.standing import batches_at, fitted_at
from clm_ml.plots import plot_grid
from clm_ml.progress import Progress, silent
from clm_ml.snapshot import Prepared, prepare
from clm_ml.tables import Tables
from clm_ml.timeline import as_ofs_before, date_of, parse_day

__all__ = ["Segmented", "segment", "segment_files"]

#: The columns of a history, in their order.
HISTORY = pa.schema(
    [
        pa.field("customer_id", pa.string(), nullable=False),
        pa.field("as_of", pa.date32(), nullable=False),
        pa.field("segment", pa.string(), nullable=False),
    ]
)


@dataclass(frozen=True)
class History:
    """The file that says where everyone was at each of several as_ofs."""

    path: Path
    as_ofs: tuple[str, ...]
    rows: int


@dataclass(frozen=True)
class Segmented:
    """Who is in which segment at an as_of.

    Attributes:
        as_of: ISO day.
        table: a row a segment: `phase, segment, customers, customers_share, amount, amount_share`, as `census` says.
        grid: `r_score, f_score, segment, customers`, of those who have ordered.
        rules: of each segment, who is in it, in words.
        borders: what these words mean, a line each.
        fitted_on: the ISO day on which the borders were fitted.
        model: the model whose borders they are; None if they were fitted here.
        lifecycle: the borders, rhythm and rules themselves.
        currency: of the amounts.
        history: the file that says where everyone was, if one was asked for.
        plot: the figure written, if one was asked for.
    """

    as_of: str
    table: pd.DataFrame = field(repr=False)
    grid: pd.DataFrame = field(repr=False)
    rules: dict[str, str] = field(repr=False)
    borders: list[str] = field(repr=False)
    fitted_on: str
    model: str | None
    lifecycle: Lifecycle = field(repr=False)
    currency: str = "EUR"
    history: History | None = None
    plot: Path | None = None
    warnings: tuple[str, ...] = ()

    @property
    def phases(self) -> pd.DataFrame:
        """The table, added up by phase."""
        return phases_of(self.table)

    def figure(self) -> Figure:
        """Draw customers by R and F score."""
        return plot_grid(self.grid, self.table, self.as_of)

    def _repr_html_(self) -> str:
        whose = f"of {escape(self.model)}, fitted" if self.model else "fitted"
        shares = dict.fromkeys(("customers_share", "amount_share"), "{:.1%}".format)
        table = self.table.to_html(index=False, formatters={"amount": "{:,.0f}".format, **shares})
        return f"<p>as of {self.as_of}; borders {whose} on {self.fitted_on}; amounts in {self.currency}</p>{table}"


def segment(tables: Tables, config: Config, as_of: Any = None, model: Model | str | Path | None = None) -> Segmented:
    """Tell who is in which segment at an as_of.

    Args:
        tables: the validated inputs.
        config: for the rules, the lapse thresholds and the currency.
        as_of: an ISO day, date or day number; the day until which the tables are complete, if not given.
        model: whose borders and rhythm are used, its box or models:/NAME@ALIAS; if none is given, both are fitted on
            the customers of this as_of.

    Raises:
        TimelineError: if the tables are not complete until `as_of`, or it lies before the first order.
        ModelError: if the model is of another task, other inputs or other segments.
    """
    day = tables.complete_until if as_of is None else parse_day(as_of)
    prepared = prepare(tables)
    borders = _borders(config, prepared, day, model)
    tallies = [tally(place(batch, borders.lifecycle)) for batch in batches_at(prepared, config, day, narrow=True)]
    told = _told(tallies, config, day, borders)
    prepared.drop()
    return told


def segment_files(
    config: Config,
    as_ofs: Sequence[str] = (),
    *,
    every: int | None = None,
    model: str | None = None,
    history: Path | None = None,
    plot: Path | None = None,
    force: bool = False,
    fresh: bool = False,
    progress: Progress = silent,
) -> Segmented:
    """Tell who is in which segment at the last as_of, and write where everyone was at each.

    The borders are the model's, or fitted once, at the first as_of, and the same at all: so somebody's segment changes
    by what they do, and not by what others do. A history is written an as_of at a time, in the order of as_of and
    customer_id.

    Args:
        config: the project.
        as_ofs: ISO days; the day until which the tables are complete, if there is none.
        every: days between as_ofs, back from the last one until `train.at_least_history_days` after the first order.
        model: as for `segment`.
        history: the Parquet file, with `customer_id, as_of, segment`.
        plot: the PNG of segments by R and F score.
        force: whether files that are there are replaced.
        fresh: whether everything is read again, whatever an earlier run has kept.
        progress: told how far it is.
    """
    _refuse_usage(as_ofs, every, history)
    asked = sorted({parse_day(day) for day in as_ofs})
    for file in (history, plot):
        refuse_existing_file(file, force)
    kept = read_kept_tables(config, fresh=fresh, progress=progress)
    days = _days(asked, every, kept.tables, config)
    prepared = kept.prepare(progress)
    borders = _borders(config, prepared, days[0], model)
    if history is None:
        written, tallies = None, _walk(prepared, config, days[-1:], borders, None, progress)
    else:
        with whole_file(history, force=force) as hidden:
            tallies = _write_history(prepared, config, days, borders, hidden, progress)
        written = History(history, tuple(date_of(day).isoformat() for day in days), pq.read_metadata(history).num_rows)
    told = _told(tallies, config, days[-1], borders)
    kept.tables.engine.close()
    if plot is not None:
        with whole_file(plot, force=force) as hidden:
            told.figure().savefig(hidden, dpi=150, format="png")
    return replace(told, history=written, plot=plot, warnings=kept.tables.warnings)


def _refuse_usage(as_ofs: Sequence[str], every: int | None, history: Path | None) -> None:
    if every is not None and len(as_ofs) > 1:
        raise UsageError("--every steps back from one day; give at most one --as-of with it.")
    if history is None and (every is not None or len(as_ofs) > 1):
        raise UsageError("several days are a history; name its file with --history FILE.parquet.")


def _days(asked: Sequence[int], every: int | None, tables: Tables, config: Config) -> Sequence[int]:
    last = asked or [tables.complete_until]
    if every is None:
        return last
    return as_ofs_before(last[0], tables.first_day + config.train.at_least_history_days, every, most=10_000) or last


@dataclass(frozen=True)
class _Borders:
    lifecycle: Lifecycle
    fitted_on: str
    model: str | None


def _borders(config: Config, prepared: Prepared, day: int, model: Model | str | Path | None) -> _Borders:
    """Take a model's borders, or fit them on everyone at a day."""
    if model is None:
        return _Borders(fitted_at(prepared, config, day), date_of(day).isoformat(), None)
    speaker, name = find_speaker(config, model, prepared.tables)
    return _Borders(speaker.lifecycle, str(speaker.facts.get("as_of", "no day")), name)


def _told(tallies: Sequence[pd.DataFrame], config: Config, day: int, borders: _Borders) -> Segmented:
    lifecycle = borders.lifecycle
    return Segmented(
        as_of=date_of(day).isoformat(),
        table=census(tallies, lifecycle.rules),
        grid=grid(tallies),
        rules=rule_words(lifecycle.rules),
        borders=border_words(lifecycle, config.currency),
        fitted_on=borders.fitted_on,
        model=borders.model,
        lifecycle=lifecycle,
        currency=config.currency,
    )


def _write_history(
    prepared: Prepared, config: Config, days: Sequence[int], borders: _Borders, path: Path, progress: Progress
) -> list[pd.DataFrame]:
    with parquet_writer(path, HISTORY) as writer:
        path.chmod(0o600)  # it tells of people
        return _walk(prepared, config, days, borders, writer, progress)


def _walk(
    prepared: Prepared, config: Config, days: Sequence[int], borders: _Borders, writer: Any, progress: Progress
) -> list[pd.DataFrame]:
    """Place everyone at each day, batch by batch, and write who is where; the tallies of the last day are kept."""
    tallies: list[pd.DataFrame] = []
    progress("as_ofs", 0, len(days))
    for number, day in enumerate(days, start=1):
        for batch in batches_at(prepared, config, day, narrow=True):
            placed = place(batch, borders.lifecycle)
            if writer is not None:
                rows = placed.assign(as_of=date_of(day))[HISTORY.names]
                writer.write_table(pa.Table.from_pandas(rows, HISTORY, preserve_index=False))
            if day == days[-1]:
                tallies.append(tally(placed))
        progress("as_ofs", number, len(days))
    return tallies
