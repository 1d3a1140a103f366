"""The back door: a folder of files with a manifest, written whole or not at all.

A box is filled in a hidden folder beside its place and renamed when it is complete, so that nothing half-written
ever stands under its final name. Whoever fills a box holds a lock on the hidden folder; the next run removes hidden
folders that nobody holds, and leaves alone those of runs that are still going on.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import math
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clm_ml.errors import ArtifactError

__all__ = ["Box", "json_text", "new_box", "open_box", "refuse_existing", "whole_file"]

MANIFEST = "manifest.json"
FORMAT = 1
_LOCK = ".lock"


@dataclass(frozen=True)
class Box:
    """A folder whose files are those its manifest tells of."""

    folder: Path
    kind: str
    facts: Mapping[str, Any]

    def path(self, name: str) -> Path:
        """Find one of its files."""
        return self.folder / name


def json_text(content: Any) -> str:
    """Write plain data as JSON, the same bytes for the same content; numbers that are none become null.

    >>> print(json_text({"b": 1, "a": [0.5]}), end="")
    {
      "a": [
        0.5
      ],
      "b": 1
    }
    """
    return json.dumps(_without_nan(content), indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"


def _without_nan(content: Any) -> Any:
    if isinstance(content, Mapping):
        return {str(key): _without_nan(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_without_nan(value) for value in content]
    return None if isinstance(content, float) and not math.isfinite(content) else content


def refuse_existing(folder: Path, force: bool) -> None:
    """Refuse a place that is taken: before the work, not after it.

    Raises:
        ArtifactError: if there is something, and it is not to be replaced.
    """
    if folder.exists() and not force:
        raise ArtifactError(f"{folder} exists already; choose another place, or replace it with --force.")
    if folder.exists() and not (folder / MANIFEST).is_file():
        raise ArtifactError(f"{folder} is no box of clm-ml, so --force does not replace it; choose another place.")


@contextmanager
def new_box(
    folder: Path, kind: str, facts: dict[str, Any], *, force: bool = False, private: bool = False
) -> Iterator[Path]:
    """Fill a box: the block writes files into the folder it is given; the manifest is added and all is renamed.

    Args:
        folder: the final place.
        kind: what it holds: model, scores, list.
        facts: plain data that say what made it; the block may still add to them.
        force: whether a box that is there already is replaced.
        private: whether the files tell of people, and only the owner may read them.

    Raises:
        ArtifactError: if the place is taken, or the files cannot be written.
    """
    refuse_existing(folder, force)
    with _sentences(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        _tidy(folder)
        hidden = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=".partial", dir=folder.parent))
    lock = os.open(hidden / _LOCK, os.O_CREAT | os.O_RDWR, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        yield hidden
        with _sentences(folder):
            _seal(hidden, kind, facts, private)
            refuse_existing(folder, force)
            _put_in_place(hidden, folder)
    except OSError as error:
        raise ArtifactError(f"{folder} cannot be written: {error.strerror or type(error).__name__}.") from error
    finally:
        os.close(lock)
        shutil.rmtree(hidden, ignore_errors=True)


def open_box(folder: Path, kind: str) -> Box:
    """Open a box and check that its files are what they were when it was sealed.

    Raises:
        ArtifactError: if it is missing, of another kind, of a newer format, or was altered.
    """
    if not (folder / MANIFEST).is_file():
        raise ArtifactError(f"there is no {kind} box at {folder}: a box is a folder with {MANIFEST}.")
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        found, version, files, facts = (manifest[key] for key in ("kind", "format", "files", "facts"))
    except (ValueError, KeyError, TypeError, OSError):
        raise ArtifactError(f"{folder / MANIFEST} is damaged: it is not the manifest of a box.") from None
    if version > FORMAT:
        raise ArtifactError(
            f"{folder} was written by a newer clm-ml (format {version}); this one reads up to {FORMAT}."
        )
    if found != kind:
        raise ArtifactError(f"{folder} holds {found}, where {kind} is needed.")
    _refuse_altered(folder, files)
    return Box(folder, kind, facts)


@contextmanager
def whole_file(path: Path, *, force: bool = False) -> Iterator[Path]:
    """Write one file whole or not at all: the block writes to the path it is given, which is then renamed.

    Raises:
        ArtifactError: if the file exists and is not to be replaced, or cannot be written.
    """
    if path.exists() and not force:
        raise ArtifactError(f"{path} exists already; choose another name, or replace it with --force.")
    hidden = path.parent / f".{path.name}.{os.getpid()}.partial"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield hidden
        hidden.replace(path)
    except OSError as error:
        raise ArtifactError(f"{path} cannot be written: {error.strerror or type(error).__name__}.") from error
    finally:
        hidden.unlink(missing_ok=True)


def _refuse_altered(folder: Path, files: Mapping[str, str]) -> None:
    present = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} - {MANIFEST}
    for name in sorted(set(files) - present):
        raise ArtifactError(f"{folder} was altered: {name} is missing.")
    for name in sorted(present - set(files)):
        raise ArtifactError(f"{folder} was altered: {name} was not there when it was written.")
    for name, digest in sorted(files.items()):
        if _digest(folder / name) != digest:
            raise ArtifactError(f"{folder} was altered: {name} is not what it was when it was written.")


def _seal(hidden: Path, kind: str, facts: dict[str, Any], private: bool) -> None:
    paths = sorted(path for path in hidden.rglob("*") if path.is_file() and path.name != _LOCK)
    files = {path.relative_to(hidden).as_posix(): _digest(path) for path in paths}
    manifest = hidden / MANIFEST
    manifest.write_text(json_text({"format": FORMAT, "kind": kind, "facts": facts, "files": files}), encoding="utf-8")
    hidden.chmod(0o700 if private else 0o755)
    for path in [*paths, manifest]:
        path.chmod(0o600 if private else 0o644)
        with path.open("rb") as file:
            os.fsync(file.fileno())


def _put_in_place(hidden: Path, folder: Path) -> None:
    """Rename the hidden folder; one that it replaces steps aside first, and comes back if the rename fails."""
    (hidden / _LOCK).unlink()
    aside = hidden.with_suffix(".replaced")
    if folder.exists():
        folder.rename(aside)
    try:
        hidden.rename(folder)
    except OSError:
        if aside.exists():
            aside.rename(folder)
        raise
    shutil.rmtree(aside, ignore_errors=True)


def _tidy(folder: Path) -> None:
    """Remove what killed runs left beside a box, and bring back a box that one had just set aside."""
    for aside in sorted(folder.parent.glob(f".{folder.name}.*.replaced")):
        if folder.exists():
            shutil.rmtree(aside, ignore_errors=True)
        elif not list(folder.parent.glob(f".{folder.name}.*.partial")):
            aside.rename(folder)
    for hidden in folder.parent.glob(f".{folder.name}.*.partial"):
        if _is_abandoned(hidden):
            shutil.rmtree(hidden, ignore_errors=True)


def _is_abandoned(hidden: Path) -> bool:
    try:
        lock = os.open(hidden / _LOCK, os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    else:
        return True
    finally:
        os.close(lock)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def _sentences(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ArtifactError(f"{folder} cannot be written: {error.strerror or type(error).__name__}.") from None
