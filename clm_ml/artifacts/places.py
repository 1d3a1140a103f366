"""Places that are written whole or not at all: hidden folders, locks, and what killed runs have left."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import overload

from clm_ml.errors import ArtifactError

__all__ = [
    "LEFT",
    "alone_in",
    "as_path",
    "hidden_beside",
    "refuse_existing_file",
    "sentences",
    "sync",
    "tidy_below",
    "whole_file",
]

#: How the name of a folder ends that a run fills, or has set aside.
LEFT = r"\.[a-z0-9_]{8}\.(partial|replaced)"
#: Which thread is alone in which folder.
_ALONE: set[tuple[int, int, int]] = set()
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@overload
def as_path(place: str | Path) -> Path: ...
@overload
def as_path(place: str | Path | None) -> Path | None: ...
def as_path(place: str | Path | None) -> Path | None:
    """Take a place as text too, as notebooks name it; None stays None."""
    return None if place is None else Path(place)


def refuse_existing_file(path: Path | None, force: bool) -> None:
    """Refuse a file that is there and not to be replaced: before the work, not after it.

    Raises:
        ArtifactError: if it is there.
    """
    if path is None:
        return
    with sentences(path):
        if path.exists() and not force:
            raise ArtifactError(f"{path} exists already; choose another name, or replace it with --force.")


@contextmanager
def whole_file(path: Path, *, force: bool = False, first_stays: bool = False) -> Iterator[Path]:
    """Write one file whole or not at all: the block writes to the path it is given, which is then renamed.

    Args:
        path: the final place.
        force: whether a file that is there already is replaced.
        first_stays: whether a file that another run has put there meanwhile stays, and this one is dropped.

    Raises:
        ArtifactError: if the file exists and is not to be replaced, or cannot be written.
    """
    refuse_existing_file(path, force or first_stays)
    with hidden_beside(path) as hidden:
        yield hidden / path.name
        with sentences(path):
            sync(hidden / path.name)
            with alone_in(path.parent):
                if not (first_stays and path.exists()):
                    (hidden / path.name).replace(path)


@contextmanager
def hidden_beside(place: Path) -> Iterator[Path]:
    """Make a hidden folder beside a place, and hold it while the block runs; nothing is left of it."""
    with sentences(place):
        place.parent.mkdir(parents=True, exist_ok=True)
        with alone_in(place.parent):
            _tidy(place)
            hidden = Path(tempfile.mkdtemp(prefix=f".{place.name}.", suffix=".partial", dir=place.parent))
            held = os.open(hidden, os.O_RDONLY)
            _lock(held, fcntl.LOCK_EX)
    try:
        with sentences(place, hidden=hidden):
            yield hidden
    finally:
        shutil.rmtree(hidden, ignore_errors=True)
        os.close(held)


def tidy_below(folder: Path) -> None:
    """Remove what killed runs left anywhere in a folder, and bring back boxes that they had set aside.

    The next run into the same place would do so; whoever removes people's rows cannot wait for it.
    """
    for left in sorted(folder.rglob(".*")):
        if (found := re.fullmatch(rf"\.(.+){LEFT}", left.name)) and left.parent.exists():
            with sentences(left), alone_in(left.parent):
                _tidy(left.parent / found[1])


def _tidy(place: Path) -> None:
    """Remove what killed runs left beside a place, and bring back a box that one had set aside to replace it."""
    ours = re.compile(rf"\.{re.escape(place.name)}{LEFT}")
    for left in sorted(path for path in place.parent.iterdir() if ours.fullmatch(path.name)):
        if left.suffix == ".replaced" and not place.exists():
            left.rename(place)
        elif _is_abandoned(left):
            shutil.rmtree(left, ignore_errors=True)


def _is_abandoned(hidden: Path) -> bool:
    try:
        held = os.open(hidden, os.O_RDONLY)
    except FileNotFoundError:  # its run has just ended
        return False
    try:
        return _lock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    finally:
        os.close(held)


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Let no other run make, rename or remove folders here while the block runs; a block within it is alone already."""
    held = os.open(folder, os.O_RDONLY)
    there = os.fstat(held)
    mine = threading.get_ident(), there.st_dev, there.st_ino
    is_outer = mine not in _ALONE
    try:
        if is_outer:
            _lock(held, fcntl.LOCK_EX)
            _ALONE.add(mine)
        yield
    finally:
        if is_outer:
            _ALONE.discard(mine)
        os.close(held)


def _lock(held: int, how: int) -> bool:
    """Lock a folder until it is closed; False if another run has it, or the file system keeps no locks."""
    with suppress(OSError):
        fcntl.flock(held, how)
        return True
    return False


def sync(path: Path) -> None:
    """Wait until what was written is on the disk."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


@contextmanager
def sentences(place: Path, doing: str = "written", hidden: Path | None = None) -> Iterator[None]:
    """Tell what the file system refused in a sentence; with a hidden folder, only what concerns it or a full disk."""
    try:
        yield
    except OSError as error:
        if hidden is None or error.errno in _FULL or str(hidden) in f"{error.filename} {error.filename2}":
            reason = error.strerror or type(error).__name__
            raise ArtifactError(f"{place} cannot be {doing}: {reason}.") from error
        raise
