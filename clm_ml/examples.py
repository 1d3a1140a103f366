"""Where features meet labels: one customer at one as_of, what was known, and what came."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from math import ceil
from typing import Any

import narwhals as nw
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from clm_ml.config import Config
from clm_ml.errors import TimelineError
from clm_ml.features import build_features
from clm_ml.labels import next_orders, outcomes, refuse_open
from clm_ml.snapshot import Prepared, only, orders_known_by, take_snapshot
from clm_ml.timeline import as_ofs_before, date_of, day_of, label_window

__all__ = [
    "Examples",
    "collect_examples",
    "draw_evenly",
    "put_beside",
    "refuse_short",
    "standing_ahead",
    "training_as_ofs",
]


@dataclass(frozen=True)
class Examples:
    """Features and labels, keyed by `as_of` and `customer_id` and sorted by them.

    `frame` has the features of `build_features` and the labels of `outcomes`, 0 where nothing happened, and of
    `next_orders`, null without an order before `known_by`. Whole numbers are of the narrowest type that
    holds them: what is computed of them is to be computed as float. `open` has the features of the day of
    learning, whose label windows are not closed; None if nobody asked for them.
    """

    frame: pd.DataFrame
    sampled_share: float = 1.0
    known_by: int = 0
    open: pd.DataFrame | None = None

    @property
    def as_ofs(self) -> list[int]:
        """The as_ofs there are, earliest first."""
        return sorted(int(day) for day in self.frame["as_of"].unique())

    @property
    def latest(self) -> pd.DataFrame:
        """The rows of the last as_of; of the day of learning, where no label window is closed."""
        if self.frame.empty and self.open is not None:
            return self.open
        return self.frame[self.frame["as_of"] == self.frame["as_of"].max()]

    def at(self, as_ofs: Sequence[int], day: int | None = None) -> Examples:
        """Keep the examples of some as_ofs; those that follow on each other are not copied.

        With `day`, one of the as_ofs there are, they become what it would have been to learn then: nothing is known of
        that day, and its features are `open`, without its labels.
        """
        rows = self._between(min(as_ofs, default=0), max(as_ofs, default=-1))
        is_asked = rows["as_of"].isin(as_ofs)
        kept = (rows if is_asked.all() else rows[is_asked]).reset_index(drop=True)
        opened = None if day is None else self._between(day, day).drop(columns=_LABELS)
        return Examples(kept, self.sampled_share, self.known_by if day is None else day, opened)

    def _between(self, first: int, last: int) -> pd.DataFrame:
        days = self.frame["as_of"]
        return self.frame.iloc[days.searchsorted(first) : days.searchsorted(last, side="right")]


def draw_evenly(frame: pd.DataFrame, most: int) -> pd.DataFrame:
    """Keep every so many of the examples, at most so many: of each as_of, since they are sorted by it.

    >>> draw_evenly(pd.DataFrame({"as_of": [1, 1, 2, 2, 3]}), 3)["as_of"].tolist()
    [1, 2, 3]
    """
    return frame.iloc[:: max(1, -(-len(frame) // most))]


def standing_ahead(frame: pd.DataFrame, horizon_days: int) -> pd.DataFrame:
    """Tell where each example stood at the end of its label window, in the columns that segments ask.

    What came is added to what was known; the gaps between order days add up to the days from the first to the last.
    Of an e-mail address it is not told when it came: `has_email` is as it was. The rows and their index are kept.

    Args:
        frame: examples, with the labels of `outcomes`.
        horizon_days: the length of the label window.
    """
    given = {name: frame[name].astype("float64") for name in (*_STANDING, *_ABSENT)}
    has_come, was_there = given["order_days_ahead"] > 0, given["order_days_ever"] > 0
    order_days = given["order_days_ever"] + given["order_days_ahead"]
    since_last = (given["days_since_last_order"] + horizon_days).where(
        ~has_come, horizon_days - given["last_order_days"]
    )
    first = given["days_since_first_order"].where(was_there, -frame["next_order_days"].astype("float64"))
    return pd.DataFrame(
        {
            "days_since_last_order": since_last,
            "orders_ever": given["orders_ever"] + given["orders_ahead"],
            "order_days_ever": order_days,
            # In hundredths both are whole, and so is their sum: it meets a border as if counted anew.
            "amount_ever": ((given["amount_ever"] + given["spent"]) * 100).round() / 100,
            "gaps_ever": (order_days - 1).clip(lower=0),
            "gap_days_sum": (first + horizon_days - since_last).where(order_days > 0, 0.0),
            "has_email": frame["has_email"],
        },
        index=frame.index,
    )


_STANDING = ("days_since_last_order", "days_since_first_order", "orders_ever", "order_days_ever", "amount_ever")


def training_as_ofs(config: Config, first_day: int, as_of: int) -> tuple[int, ...]:
    """Choose the days to learn from when it is `as_of`: those of the config, or every closed one, a step apart.

    Automatic steps become a multiple of `step_days` where `most_as_ofs` of them would not reach so far that the first
    window closes before the last opens. On a short log all windows overlap, or there is none at all: `refuse_short`
    tells.

    Raises:
        TimelineError: if a label window asked for is not closed by `as_of`, or all windows asked for overlap, or there
            is not even the history before `as_of` that a customer's habits take.
    """
    train, horizon = config.train, config.task.horizon_days
    if train.as_ofs != "auto":
        return _asked(config, as_of)
    if as_of <= first_day + train.at_least_history_days:
        refuse_short(config, first_day, as_of)
    step = _step(config)
    return as_ofs_before(as_of - horizon, first_day + train.at_least_history_days, step, train.most_as_ofs)


def _asked(config: Config, as_of: int) -> tuple[int, ...]:
    horizon = config.task.horizon_days
    chosen = tuple(sorted({day_of(day) for day in config.train.as_ofs if isinstance(day, date)}))
    for day in chosen:
        refuse_open(label_window(day, horizon), as_of)
    if not chosen or chosen[0] + horizon > chosen[-1]:
        raise TimelineError(
            f"train.as_ofs must span a horizon of {horizon} days, so that the last can judge what the first taught; "
            f"found {', '.join(str(date_of(day)) for day in chosen) or 'none'}. Add an earlier day, or use auto."
        )
    return chosen


def _step(config: Config) -> int:
    return config.train.step_days * ceil(
        config.task.horizon_days / (config.train.step_days * (config.train.most_as_ofs - 1))
    )


def refuse_short(config: Config, first_day: int, as_of: int) -> None:
    """Refuse a log in which no model can be judged when it is `as_of`.

    The first label window must close before the last opens, so that what was learned is judged on what it did not see.

    Raises:
        TimelineError: with how long a log it takes.
    """
    train, horizon = config.train, config.task.horizon_days
    if train.as_ofs != "auto":
        return
    step = _step(config)
    between = step * ceil(horizon / step)
    first_useful = first_day + train.at_least_history_days + between + horizon
    if as_of < first_useful:
        raise TimelineError(
            f"as_of {date_of(as_of)} is too early to learn: the orders begin on {date_of(first_day)}, and it takes "
            f"{first_useful - first_day} days ({train.at_least_history_days} of history, {between} to learn from one "
            f"label window and {horizon} to be judged on another). "
            f"Use {date_of(first_useful)} or later, or a shorter horizon."
        )


def collect_examples(
    prepared: Prepared,
    config: Config,
    as_ofs: Sequence[int],
    known_by: int,
    tick: Callable[[str], None] = lambda _: None,
    *,
    with_open: bool = False,
    giving_back: bool = False,
    when_read: Callable[[], None] = lambda: None,
) -> Examples:
    """Describe everyone at each as_of, and put beside it what came in the label window.

    Args:
        prepared: the tables, put together.
        config: for the task and `train.max_examples`; above it, a sample of customers is taken that depends on
            nothing but their ids.
        as_ofs: days whose label windows are closed by `known_by`, and by what the tables hold.
        known_by: nothing that arrived from this day on is used, not for labels either.
        tick: called after each as_of, with its date.
        with_open: whether to describe them on the day `known_by` as well, whose labels are open; as_ofs may then be
            none, if no window is closed yet.
        giving_back: whether nobody else needs what is prepared: its memory is then left to what is made of it.
        when_read: called when the tables are needed no more: who closes the engine then leaves its memory to the frame.

    Raises:
        TimelineError: if a label window is not closed.
    """
    known_by = min(known_by, prepared.tables.complete_until)
    last = max(as_ofs, default=known_by)
    people = take_snapshot(prepared, last).customer_ids()  # nobody who comes later decides who is sampled
    engine = prepared.tables.engine
    share = min(1.0, config.train.max_examples / max(1, engine.count(people) * len(as_ofs)))
    asked = prepared if share == 1.0 else only(prepared, engine.sample(people, "customer_id", share))
    if giving_back and asked is not prepared:
        prepared.drop()
    orders, parts = orders_known_by(asked, known_by), []
    for as_of in sorted(as_ofs):
        window = label_window(as_of, config.task.horizon_days)
        refuse_open(window, known_by)
        features = build_features(take_snapshot(asked, as_of), config.task)
        labelled = features.join(outcomes(orders, window), on="customer_id", how="left")
        labelled = labelled.join(next_orders(orders, as_of), on="customer_id", how="left")
        labelled = labelled.with_columns(*(nw.col(name).fill_null(absent) for name, absent in _ABSENT.items()))
        parts += [_narrow(batch) for batch in engine.batches(labelled, "customer_id")]
        tick(date_of(as_of).isoformat())
    described = build_features(take_snapshot(asked, known_by), config.task) if with_open else None
    open_parts = None if described is None else [_narrow(batch) for batch in engine.batches(described, "customer_id")]
    if giving_back or asked is not prepared:
        asked.drop()
    when_read()
    opened = None if open_parts is None else _frame(open_parts)
    if not parts and opened is not None:
        return Examples(put_beside(opened.iloc[:0], **_ABSENT, next_order_days=0), share, known_by, opened)
    return Examples(_frame(parts), share, known_by, opened)


def put_beside(features: pd.DataFrame, **columns: Any) -> pd.DataFrame:
    """Put columns beside features, in place of those that have their names, as a new frame.

    `assign` would warn of a frame of as many parts as there are features.

    >>> put_beside(pd.DataFrame({"orders_ever": [1, 2], "ordered": [0, 0]}), ordered=[1, 0]).to_dict("list")
    {'orders_ever': [1, 2], 'ordered': [1, 0]}
    """
    rest = features.drop(columns=list(columns), errors="ignore")
    return pd.concat([rest, pd.DataFrame(columns, index=features.index)], axis=1)


def _frame(parts: list[pa.Table]) -> pd.DataFrame:
    """Make one frame of tables, which are given up while it is made."""
    whole = pa.concat_tables(parts, promote_options="permissive").unify_dictionaries()
    parts.clear()
    return whole.to_pandas(split_blocks=True, self_destruct=True)


#: What is true of those who have no outcome.
_ABSENT = {"ordered": 0, "spent": 0.0, "orders_ahead": 0, "order_days_ahead": 0, "last_order_days": 0}
_LABELS = [*_ABSENT, "next_order_days"]


_EXACT = 2**24  # whole numbers up to here are exact in 32 bits of float, which can also be missing


def _narrow(batch: pa.RecordBatch) -> pa.Table:
    """Give whole numbers the narrowest type that holds them, and say each word of an attribute once.

    What is not narrowed is copied: a column of the engine's would hold fast the whole batch it came in.
    """
    columns = {name: batch.column(name) for name in batch.schema.names}
    narrowed = pa.record_batch(
        {
            name: column.dictionary_encode() if _is_attribute(name, column) else _narrowed(column)
            for name, column in columns.items()
        }
    )
    return pa.Table.from_batches([narrowed.copy_to(pa.default_cpu_memory_manager())])


def _is_attribute(name: str, column: pa.Array) -> bool:
    return name != "customer_id" and (pa.types.is_string(column.type) or pa.types.is_large_string(column.type))


def _narrowed(column: pa.Array) -> pa.Array:
    if not pa.types.is_integer(column.type):
        return column
    least, most = (bound.as_py() or 0 for bound in pc.min_max(column).values())
    if column.null_count:
        return column.cast(pa.float32() if max(-least, most) < _EXACT else pa.float64())
    return column.cast(next(kind for kind, bound in _KINDS if max(-least, most) < bound))


_KINDS = ((pa.int16(), 2**15), (pa.int32(), 2**31), (pa.int64(), 2**64))
