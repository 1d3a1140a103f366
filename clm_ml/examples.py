"""Where features meet labels: one customer at one as_of, what was known, and what came."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil

import narwhals as nw
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from clm_ml.config import Config
from clm_ml.errors import TimelineError
from clm_ml.features import build_features
from clm_ml.labels import outcomes, refuse_open
from clm_ml.snapshot import Prepared, only, orders_known_by, take_snapshot
from clm_ml.timeline import as_ofs_before, date_of, day_of, label_window

__all__ = ["Examples", "collect_examples", "training_as_ofs"]


@dataclass(frozen=True)
class Examples:
    """Features and labels, keyed by `as_of` and `customer_id` and sorted by them.

    `frame` has the features of `build_features` and two labels: `ordered` (0 or 1 in the label window) and
    `spent` (amount in it after returns, in the currency; 0 where nothing happened). Whole numbers are of the narrowest
    type that holds them: what is computed of them is to be computed as float.
    """

    frame: pd.DataFrame
    sampled_share: float = 1.0

    @property
    def as_ofs(self) -> list[int]:
        """The as_ofs there are, earliest first."""
        return sorted(int(day) for day in self.frame["as_of"].unique())

    def at(self, as_ofs: Sequence[int]) -> Examples:
        """Keep the examples of some as_ofs; those that follow on each other are not copied."""
        days = self.frame["as_of"]
        rows = self.frame.iloc[days.searchsorted(min(as_ofs)) : days.searchsorted(max(as_ofs), side="right")]
        is_asked = rows["as_of"].isin(as_ofs)
        return Examples((rows if is_asked.all() else rows[is_asked]).reset_index(drop=True), self.sampled_share)


def training_as_ofs(config: Config, first_day: int, as_of: int) -> tuple[int, ...]:
    """Choose the days to learn from when it is `as_of`: those of the config, or every closed one, a step apart.

    The first window must close before the last opens, so that what was learned can be judged on what it did not
    see. Automatic steps become a multiple of `step_days` where `most_as_ofs` of them would not reach so far.

    Raises:
        TimelineError: if a label window asked for is not closed by `as_of`, or all windows overlap.
    """
    horizon = config.task.horizon_days
    if config.train.as_ofs == "auto":
        return _automatic(config, first_day, as_of)
    chosen = tuple(sorted({day_of(day) for day in config.train.as_ofs}))
    for day in chosen:
        refuse_open(label_window(day, horizon), as_of)
    if not chosen or chosen[0] + horizon > chosen[-1]:
        raise TimelineError(
            f"train.as_ofs must span a horizon of {horizon} days, so that the last can judge what the first taught; "
            f"found {', '.join(str(date_of(day)) for day in chosen) or 'none'}. Add an earlier day, or use auto."
        )
    return chosen


def _automatic(config: Config, first_day: int, as_of: int) -> tuple[int, ...]:
    train, horizon = config.train, config.task.horizon_days
    step = train.step_days * ceil(horizon / (train.step_days * (train.most_as_ofs - 1)))
    between = step * ceil(horizon / step)
    first_useful = first_day + train.at_least_history_days + between + horizon
    if as_of < first_useful:
        raise TimelineError(
            f"as_of {date_of(as_of)} is too early to learn: the orders begin on {date_of(first_day)}, and it takes "
            f"{first_useful - first_day} days ({train.at_least_history_days} of history, {between} to learn from one "
            f"label window and {horizon} to be judged on another). "
            f"Use {date_of(first_useful)} or later, or a shorter horizon."
        )
    return as_ofs_before(as_of - horizon, first_day + train.at_least_history_days, step, train.most_as_ofs)


def collect_examples(
    prepared: Prepared,
    config: Config,
    as_ofs: Sequence[int],
    known_by: int,
    tick: Callable[[str], None] = lambda _: None,
) -> Examples:
    """Describe everyone at each as_of, and put beside it what came in the label window.

    Args:
        prepared: the tables, put together.
        config: for the task and `train.max_examples`; above it, a sample of customers is taken that depends on
            nothing but their ids.
        as_ofs: days whose label windows are closed by `known_by`, and by what the tables hold.
        known_by: nothing that arrived from this day on is used, not for labels either.
        tick: called after each as_of, with its date.

    Raises:
        TimelineError: if a label window is not closed.
    """
    known_by = min(known_by, prepared.tables.complete_until)
    people = take_snapshot(prepared, max(as_ofs)).customer_ids()  # nobody who comes later decides who is sampled
    engine = prepared.tables.engine
    share = min(1.0, config.train.max_examples / max(1, engine.count(people) * len(as_ofs)))
    asked = prepared if share == 1.0 else only(prepared, engine.sample(people, "customer_id", share))
    orders, parts = orders_known_by(asked, known_by), []
    for as_of in sorted(as_ofs):
        window = label_window(as_of, config.task.horizon_days)
        refuse_open(window, known_by)
        features = build_features(take_snapshot(asked, as_of), config.task)
        labelled = features.join(outcomes(orders, window), on="customer_id", how="left")
        labelled = labelled.with_columns(nw.col("ordered").fill_null(0), nw.col("spent").fill_null(0.0))
        parts += [_narrow(batch) for batch in engine.batches(labelled, "customer_id")]
        tick(date_of(as_of).isoformat())
    if asked is not prepared:
        asked.drop()
    examples = pa.concat_tables(parts, promote_options="permissive")
    parts.clear()
    return Examples(examples.to_pandas(split_blocks=True, self_destruct=True), share)


_EXACT = 2**24  # whole numbers up to here are exact in 32 bits of float, which can also be missing


def _narrow(batch: pa.RecordBatch) -> pa.Table:
    """Give whole numbers the narrowest type that holds them: there are many examples, and most numbers are small.

    What is not narrowed is copied: a column of the engine's would hold fast the whole batch it came in.
    """
    narrowed = pa.record_batch({name: _narrowed(batch.column(name)) for name in batch.schema.names})
    return pa.Table.from_batches([narrowed.copy_to(pa.default_cpu_memory_manager())])


def _narrowed(column: pa.Array) -> pa.Array:
    if not pa.types.is_integer(column.type):
        return column
    least, most = (bound.as_py() or 0 for bound in pc.min_max(column).values())
    if column.null_count:
        return column.cast(pa.float32() if max(-least, most) < _EXACT else pa.float64())
    return column.cast(next(kind for kind, bound in _KINDS if max(-least, most) < bound))


_KINDS = ((pa.int16(), 2**15), (pa.int32(), 2**31), (pa.int64(), 2**64))
