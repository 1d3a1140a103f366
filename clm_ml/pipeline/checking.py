"""Check and init: what is there, what is rejected, what each threshold would have said, and a first config."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from math import isnan
from pathlib import Path
from typing import Any

import narwhals as nw
import pandas as pd

from clm_ml.artifacts import as_path, whole_file
from clm_ml.config import COLUMNS, Config
from clm_ml.errors import ArtifactError, DataError, UsageError
from clm_ml.features import against_habit, build_features, fit_rhythm
from clm_ml.lifecycle import lapse_sensitivity, later_orders, long_gap
from clm_ml.progress import Progress, silent
from clm_ml.proposal import propose
from clm_ml.snapshot import Prepared, prepare, take_snapshot
from clm_ml.tables import Counts, Tables, counts_html, read_tables
from clm_ml.timeline import date_of, label_window, sensible_horizon

__all__ = ["Checked", "check", "propose_config"]

#: What a missing table switches off.
_WITHOUT = {
    "events": "engagement features, and visitors who never ordered",
    "customers": "consent, contact fields in lists, and telling engaged from loyal visitors",
    "contacts": "what is known of earlier campaigns",
    "spend": "what customers cost",
}


@dataclass(frozen=True)
class Checked:
    """What the tables hold.

    Attributes:
        counts: rows read, used and rejected, by table.
        first_day: the day of the first order, ISO.
        complete_until: the day before which all rows have arrived, ISO.
        customers: who has ordered.
        missing: what each absent table switches off.
        lapse: the sensitivity table, as of one horizon before the end; empty if the log is shorter.
        horizon_days: a horizon suggested from the gaps between orders.
        long_gap_days: the days within which 85 % of these gaps end; NaN if nobody ordered twice.
        quarantine: the files written, if asked for.
    """

    counts: Mapping[str, Counts]
    first_day: str
    complete_until: str
    customers: int
    missing: Mapping[str, str]
    lapse: pd.DataFrame = field(repr=False)
    horizon_days: int
    long_gap_days: float
    quarantine: tuple[Path, ...]
    warnings: tuple[str, ...]

    def _repr_html_(self) -> str:
        """Tell counts, what is missing, and a horizon; what a threshold would do `plot_lapse` draws."""
        span = f"{self.customers:,} customers; orders from {self.first_day}, complete until {self.complete_until}"
        gaps = "" if isnan(self.long_gap_days) else f"; 85% of gaps end within {self.long_gap_days:.0f} days"
        lines = [f"a sensible horizon: {self.horizon_days} days{gaps}"]
        lines += [f"no {name}: without {what}" for name, what in self.missing.items()]
        told = "".join(f"<li>{escape(line)}</li>" for line in (*lines, *self.warnings))
        lapse = "" if self.lapse.empty else self.lapse.round(3).to_html(index=False)
        return f"<p>{span}</p>{counts_html(self.counts)}<ul>{told}</ul>{lapse}"


def check(
    config: Config, quarantine: str | Path | None = None, force: bool = False, progress: Progress = silent
) -> Checked:
    """Read and validate the tables, and tell what they hold; with a folder, keep the rejected rows there."""
    quarantine = as_path(quarantine)
    if quarantine is not None:
        _refuse_kept(config, quarantine, force)
    tables = read_tables(config, progress=progress)
    files = () if quarantine is None else _keep_rejected(tables, quarantine, force)
    progress("preparing", 0, 1)
    prepared = prepare(tables)
    gap = long_gap(tables.engine.collect(prepared.orders.select("gap_days")).column(0).to_numpy())
    span = tables.complete_until - tables.first_day
    lapse, customers = _sensitivity(tables, prepared, config)
    progress("preparing", 1, 1)
    checked = Checked(
        counts=tables.counts,
        first_day=date_of(tables.first_day).isoformat(),
        complete_until=date_of(tables.complete_until).isoformat(),
        customers=customers,
        missing={name: _WITHOUT[name] for name in COLUMNS if name not in tables.counts},
        lapse=lapse,
        horizon_days=sensible_horizon(config.task.horizon_days if isnan(gap) else gap, span),
        long_gap_days=gap,
        quarantine=files,
        warnings=tables.warnings,
    )
    tables.engine.close()
    return checked


def propose_config(files: Sequence[Path], out: Path, force: bool = False) -> Path:
    """Look at files never seen before, and write a commented config for them."""
    if not files:
        raise UsageError("name at least one file to look at.")
    text = propose(files, out.resolve().parent)
    with whole_file(out, force=force) as hidden:
        hidden.write_text(text, encoding="utf-8", newline="\n")
    return out


def _refuse_kept(config: Config, folder: Path, force: bool) -> None:
    """Refuse to replace any table's rejected rows before the first is written."""
    kept = [path for name in config.tables.named() if (path := folder / f"{name}.parquet").exists()]
    if kept and not force:
        raise ArtifactError(f"{kept[0]} exists already; choose another folder, or replace it with --force.")


def _keep_rejected(tables: Tables, folder: Path, force: bool) -> tuple[Path, ...]:
    files = []
    for name, rejected in tables.quarantined.items():
        path = folder / f"{name}.parquet"
        with whole_file(path, force=force) as hidden:
            try:
                tables.engine.write_parquet(rejected, hidden, "reason")
            except DataError as error:  # the rows were read before; what fails now is the writing
                raise ArtifactError(f"{path} cannot be written; is there room left on the disk?") from error
            hidden.chmod(0o600)
        files.append(path)
    return tuple(files)


def _sensitivity(tables: Tables, prepared: Prepared, config: Config) -> tuple[pd.DataFrame, int]:
    """Ask the thresholds at the last as_of whose label window is closed."""
    buyers = prepared.orders.filter(nw.col("orders") > 0).select("customer_id").unique("customer_id")
    customers = tables.engine.count(buyers)
    as_of = tables.complete_until - config.task.horizon_days
    if as_of <= tables.first_day:
        return pd.DataFrame(), customers
    features = tables.engine.collect(build_features(take_snapshot(prepared, as_of), config.task), "customer_id")
    frame: Any = features.to_pandas()
    rhythm = fit_rhythm(frame["gaps_ever"], frame["gap_days_sum"], frame["gap_days_square_sum"])
    came = later_orders(prepared.orders, label_window(as_of, config.task.horizon_days))
    later = tables.engine.collect(came, "customer_id").to_pandas().set_index("customer_id")["orders"]
    return lapse_sensitivity(against_habit(frame, rhythm, config.lapse), later), customers
