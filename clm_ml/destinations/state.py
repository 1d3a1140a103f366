"""What each destination was delivered, in digests: enough to tell what has changed and who has left, and no more.

A row of it is a customer: `key` is a digest of the customer_id, `digest` one of the whole row as it was written, and
`campaign` the one that the row spoke of, empty once it was cleared.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from clm_ml.artifacts import alone_in, sentences, whole_file
from clm_ml.destinations.writing import line
from clm_ml.engine import BATCH_ROWS, parquet_writer
from clm_ml.errors import ArtifactError

__all__ = [
    "Delivered",
    "RowDigest",
    "forget_delivered",
    "forget_people",
    "key_of",
    "new_state",
    "read_state",
    "remember",
    "write_state",
]

Rows = Sequence[tuple[bytes, "Delivered"]]

SCHEMA = pa.schema([("key", pa.binary(16)), ("digest", pa.binary(16)), ("campaign", pa.string())])


@dataclass(frozen=True, slots=True)
class Delivered:
    """What is known of one row: what it said, in a digest, and of which campaign."""

    digest: bytes
    campaign: str


def key_of(customer_id: str) -> bytes:
    """Digest a customer_id.

    >>> key_of("12346").hex()
    '34d128f5b3dede622e107438fbefabdf'
    """
    return hashlib.sha256(customer_id.encode()).digest()[:16]


class RowDigest:
    r"""Digests rows as they are written, under their columns' names, so that a column renamed is a change.

    >>> of = RowDigest(["Email", "clm_rank"])
    >>> row = of(b"a@example.org,1\n")
    >>> row == of(b"a@example.org,1\n"), row == of(b"a@example.org,2\n")
    (True, False)
    """

    def __init__(self, headers: Sequence[str]) -> None:
        self._headers = hashlib.sha256(line(headers))

    def __call__(self, row: bytes) -> bytes:
        """Digest one row."""
        digest = self._headers.copy()
        digest.update(row)
        return digest.digest()[:16]


def read_state(path: Path) -> dict[bytes, Delivered]:
    """Read what a destination was delivered; nothing if there is no file yet.

    Raises:
        ArtifactError: if it cannot be read.
    """
    if not path.exists():
        return {}
    try:
        return dict(_rows(path))
    except (OSError, pa.ArrowException):
        raise ArtifactError(
            f"{path} is damaged, so what was delivered is not known; remove it, and export without --changed-only."
        ) from None


def _rows(path: Path) -> Iterator[tuple[bytes, Delivered]]:
    campaigns: dict[str, str] = {}
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(BATCH_ROWS, columns=SCHEMA.names):
            keys, digests, names = (column.to_pylist() for column in batch.columns)
            for key, digest, name in zip(keys, digests, names, strict=True):
                yield key, Delivered(digest, campaigns.setdefault(name, name))


@contextmanager
def new_state(path: Path) -> Iterator[Callable[[Rows], None]]:
    """Write a state as rows come, a batch at a time; the same batches give the same bytes."""
    with parquet_writer(path, SCHEMA) as writer:

        def write(rows: Rows) -> None:
            columns = ([key for key, _ in rows], [row.digest for _, row in rows], [row.campaign for _, row in rows])
            arrays = [pa.array(column, field.type) for column, field in zip(columns, SCHEMA, strict=True)]
            writer.write_batch(pa.record_batch(arrays, schema=SCHEMA))

        yield write


def remember(path: Path, news: Mapping[bytes, Delivered]) -> None:
    """Add what was delivered now to what is remembered: whole or not at all, for its owner's eyes."""
    with _alone(path):
        _replace(path, read_state(path) | dict(news))


def forget_delivered(path: Path, campaigns: Collection[str], *, dry_run: bool = False) -> int:
    """Forget the rows that spoke of some campaigns, or of none any more, and tell how many; an empty file goes.

    Raises:
        ArtifactError: if it cannot be read.
    """
    with _alone(path):
        state = read_state(path)
        kept = {key: row for key, row in state.items() if row.campaign and row.campaign not in campaigns}
        if not dry_run and not kept:
            path.unlink(missing_ok=True)
        elif not dry_run and len(kept) < len(state):
            _replace(path, kept)
    return len(state) - len(kept)


def forget_people(path: Path, customer_ids: Collection[str], *, dry_run: bool = False) -> frozenset[str]:
    """Forget the rows of some people, and tell whose there were; an empty file goes.

    Raises:
        ArtifactError: if it cannot be read.
    """
    with _alone(path):
        state = read_state(path)
        keys = {key: customer for customer in customer_ids if (key := key_of(customer)) in state}
        kept = {key: row for key, row in state.items() if key not in keys}
        if keys and not dry_run and kept:
            _replace(path, kept)
        elif keys and not dry_run:
            path.unlink(missing_ok=True)
    return frozenset(keys.values())


def write_state(path: Path, state: Mapping[bytes, Delivered]) -> None:
    """Write a state in the order of its keys, so that the same rows make the same bytes."""
    ordered = iter(sorted(state.items(), key=lambda row: row[0]))
    with new_state(path) as write:
        while rows := list(islice(ordered, BATCH_ROWS)):
            write(rows)


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Let no other run read and replace what is remembered while the block does, so that nobody's news are lost."""
    with sentences(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with alone_in(path.parent):
            yield


def _replace(path: Path, state: Mapping[bytes, Delivered]) -> None:
    with whole_file(path, force=True) as hidden:
        write_state(hidden, state)
        hidden.chmod(0o600)
