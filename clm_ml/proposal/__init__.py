"""A config for files never seen before: what each file is, what its columns are, and why one thinks so."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from clm_ml.config import COLUMNS
from clm_ml.engine import open_embedded
from clm_ml.errors import UsageError
from clm_ml.proposal.deciding import decide
from clm_ml.proposal.finishing import finish, with_strangers_told
from clm_ml.proposal.looking import any_config, look
from clm_ml.proposal.timing import complete_until, horizon
from clm_ml.proposal.writing import written

__all__ = ["propose"]


def propose(files: Sequence[str | Path], home: str | Path) -> str:
    """Look at files and write a commented config that reads them.

    Each file is judged by the names of its columns and by what they hold; each guess stands in the text with its
    reason, and so do the columns that are not used. Nothing is written to disk.

    Args:
        files: CSV (also gzip) or Parquet files, or folders of Parquet: one for each table, at most five.
        home: the folder in which the config will lie; paths in it start there.

    Raises:
        UsageError: if there is no such file, it is of another kind, or two are the same table.
        DataError: if a file cannot be read, or is no table, or nothing can serve as orders.
    """
    paths = [Path(file) for file in files]
    if not paths:
        raise UsageError("init needs the files to look at: at least one with orders or events.")
    if len(paths) > len(COLUMNS):
        raise UsageError(f"init takes one file a table: {', '.join(COLUMNS)}; {len(paths)} were given.")
    engine = open_embedded(any_config(paths[0]))
    try:
        drafts = decide(engine, [look(engine, path) for path in paths])
        finished = {table: finish(engine, draft) for table, draft in drafts.items()}
        finished = {table: with_strangers_told(engine, one, finished["orders"]) for table, one in finished.items()}
        until = complete_until(engine, finished)
        return written(finished, until, horizon(engine, finished["orders"]), Path(home))
    finally:
        engine.close()
