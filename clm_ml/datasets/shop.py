"""A simulated shop of any size, whose truth is known: five tables, their config, and the truth itself.

The process is told in `truth` (parameters, season, customers), `ordering` (the BG/NBD of Fader, Hardie & Lee 2005,
and campaigns with known effects) and `traces` (lines and events); `columns` makes tables of them.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from importlib import resources
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from clm_ml.datasets.columns import (
    coded,
    contacts_table,
    customers_table,
    events_table,
    orders_table,
    spend_table,
    truth_table,
)
from clm_ml.datasets.ordering import draw_campaigns, draw_orders
from clm_ml.datasets.traces import CATEGORIES, draw_events, draw_lines, draw_prices, draw_reductions
from clm_ml.datasets.truth import Floats, Ints, draw_people
from clm_ml.errors import ArtifactError, UsageError

__all__ = ["write_shop"]

CHUNK = 20_000  # customers drawn at once: more would need memory, not save time
LEAST, MOST = 100, 10_000_000

_TABLES = ("orders", "events", "customers", "contacts", "spend", "truth")
_CONFIG = "shop.yaml"  # removed first and moved to its name last: where it stands, the tables it speaks of stand too
_HIDDEN = ".simulated-"


def write_shop(
    customers: int, seed: int, out: Path, progress: Callable[[int, int], None] | None = None, force: bool = False
) -> dict[str, int]:
    """Write a shop into a folder; what it holds is told by `clm_ml.datasets.simulate`."""
    _refuse_impossible(customers, seed)
    names = [*(f"{table}.parquet" for table in _TABLES), _CONFIG]
    with _moved_when_whole(out, names, force) as folder:
        rng = np.random.default_rng(np.random.SeedSequence([seed, 0]))
        rows = _write(_chunks(customers, seed, draw_prices(rng), progress), folder)
        rows |= _write(iter([{"spend": spend_table(rng, customers)}]), folder)
        config = resources.files("clm_ml.datasets") / "simulated_shop.yaml"
        (folder / _CONFIG).write_bytes(config.read_bytes())
    return rows


def _refuse_impossible(customers: int, seed: int) -> None:
    if not LEAST <= customers <= MOST:
        raise UsageError(f"customers must be from {LEAST:,} to {MOST:,}; {customers:,} were asked for.")
    if seed < 0:
        raise UsageError(f"seed must be 0 or more; it is {seed}.")


@contextmanager
def _moved_when_whole(out: Path, names: list[str], force: bool) -> Iterator[Path]:
    """Give a hidden folder to write into; move the files to their names if all went well, else remove it."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        there = [name for name in names if (out / name).exists()]
        if there and not force:
            raise ArtifactError(f"{out} holds {there[0]} already; choose another folder, or replace it with --force.")
        with _hidden_in(out) as hidden:
            yield hidden
            (out / _CONFIG).unlink(missing_ok=True)
            for name in names:
                (hidden / name).replace(out / name)
    except OSError as error:
        raise UsageError(f"{out} cannot be written: {error.strerror or 'no reason is given'}.") from None


@contextmanager
def _hidden_in(out: Path) -> Iterator[Path]:
    """Make a hidden folder and hold it; remove those that nobody holds, since killed runs have left them."""
    with ExitStack() as stack:
        with _held(out, fcntl.LOCK_EX):  # or another run could take the new one for forsaken
            for left in out.glob(f"{_HIDDEN}*"):
                with suppress(OSError), _held(left, fcntl.LOCK_EX | fcntl.LOCK_NB):
                    shutil.rmtree(left, ignore_errors=True)
            hidden = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=_HIDDEN, dir=out)))
            stack.enter_context(_held(hidden, fcntl.LOCK_EX))
        yield hidden


@contextmanager
def _held(folder: Path, how: int) -> Iterator[None]:
    """Hold a folder against other runs; an OSError if one that is not to be waited for has it."""
    held = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(held, how)
        yield
    finally:
        os.close(held)


def _chunks(
    customers: int, seed: int, prices: Floats, progress: Callable[[int, int], None] | None
) -> Iterator[dict[str, pa.Table]]:
    """Draw chunk after chunk of customers, each from its own seed, so that chunks do not depend on each other."""
    orders_before = 0
    for chunk, first in enumerate(range(0, customers, CHUNK), start=1):
        rng = np.random.default_rng(np.random.SeedSequence([seed, chunk]))
        number = np.arange(first, min(first + CHUNK, customers))
        tables, orders = _chunk(rng, number, prices, orders_before)
        yield tables
        orders_before += orders
        if progress is not None:
            progress(first + len(number), customers)


def _chunk(
    rng: np.random.Generator, number: Ints, prices: Floats, orders_before: int
) -> tuple[dict[str, pa.Table], int]:
    people = draw_people(rng, number, len(CATEGORIES))
    unprompted, lost_day = draw_orders(rng, people)
    contacts, orders = draw_campaigns(rng, people, unprompted)
    reductions = draw_reductions(rng, len(orders.day))
    customer_id = coded("C", number, 7)
    order_id = coded("O", orders_before + np.arange(len(orders.day)), 9)
    tables = {
        "orders": orders_table(customer_id, order_id, draw_lines(rng, people, orders, prices, reductions)),
        "events": events_table(customer_id, draw_events(rng, people, orders, lost_day, reductions)),
        "customers": customers_table(rng, customer_id, people),
        "contacts": contacts_table(customer_id, contacts),
        "truth": truth_table(customer_id, people, lost_day),
    }
    return tables, len(orders.day)


def _write(chunks: Iterator[dict[str, pa.Table]], folder: Path) -> dict[str, int]:
    """Write each table's chunks into one file."""
    rows: dict[str, int] = {}
    with ExitStack() as open_files:
        writers: dict[str, pq.ParquetWriter] = {}
        for tables in chunks:
            for name, table in tables.items():
                if name not in writers:
                    writers[name] = open_files.enter_context(_writer(folder / f"{name}.parquet", table))
                writers[name].write_table(table)
                rows[name] = rows.get(name, 0) + table.num_rows
    return rows


def _writer(path: Path, table: pa.Table) -> pq.ParquetWriter:
    """Open a file; without the Arrow schema in it, a dictionary of words is written fast and read as plain text."""
    repeating = [field.name for field in table.schema if pa.types.is_dictionary(field.type)]
    return pq.ParquetWriter(
        path,
        table.schema,
        compression="zstd",
        use_dictionary=repeating,
        dictionary_pagesize_limit=16 << 20,  # the order ids of a whole chunk
        store_schema=False,
    )
