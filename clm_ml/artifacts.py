"""The back door: a folder of files with a manifest, written whole or not at all.

A box is filled in a hidden folder beside its place and renamed when it is complete, so that nothing half-written
ever stands under its final name. Whoever fills a box holds a lock on the hidden folder; the next run removes hidden
folders that nobody holds, and leaves alone those of runs that are still going on. Folders are made, renamed and
removed one run at a time, under a lock on the folder around them.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import math
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from clm_ml.errors import ArtifactError

__all__ = [
    "Box",
    "find_boxes",
    "json_text",
    "new_box",
    "open_box",
    "refuse_existing",
    "refuse_existing_file",
    "tidy_below",
    "whole_file",
]

MANIFEST = "manifest.json"
FORMAT = 1
_SHAPE = {"format": int, "kind": str, "facts": dict, "files": dict}
#: How the name of a folder ends that a run fills, or has set aside.
_LEFT = r"\.[a-z0-9_]{8}\.(partial|replaced)"
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@dataclass(frozen=True)
class Box:
    """A folder whose files are those its manifest tells of, each with its digest."""

    folder: Path
    kind: str
    facts: Mapping[str, Any]
    files: Mapping[str, str] = field(default_factory=dict, repr=False)

    def path(self, name: str) -> Path:
        """Find one of its files."""
        return self.folder / name


class _Facts(dict[str, Any]):
    """Facts of a box; one that is asked for and not there tells which box lacks it."""

    def __init__(self, facts: Mapping[str, Any], folder: Path) -> None:
        super().__init__(facts)
        self._folder = folder

    def __missing__(self, name: str) -> Any:
        raise ArtifactError(f"{self._folder} does not tell its {name!r}: it was altered, or made by something else.")


def _told(facts: Any, folder: Path) -> Any:
    if isinstance(facts, dict):
        return _Facts({name: _told(fact, folder) for name, fact in facts.items()}, folder)
    return [_told(fact, folder) for fact in facts] if isinstance(facts, list) else facts


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
    """Refuse a place that is taken or lies in no folder: before the work, not after it.

    Raises:
        ArtifactError: if there is something, and it is not to be replaced; or a file is where a folder must be.
    """
    with _sentences(folder):
        above = next(parent for parent in folder.absolute().parents if parent.exists())
        if not above.is_dir():
            raise ArtifactError(f"{folder} cannot be written: {above} is a file, not a folder.")
        if above == folder.absolute().parent:
            with _alone_in(above):  # another run may be replacing the box at this very moment
                _refuse_taken(folder, force)


def _refuse_taken(folder: Path, force: bool) -> None:
    if not os.path.lexists(folder):
        return
    if not force:
        raise ArtifactError(f"{folder} exists already; choose another place, or replace it with --force.")
    if folder.is_symlink() or not {"format", "kind", "files"} <= set(_manifest(folder)):
        raise ArtifactError(f"{folder} is no box of clm-ml, so --force does not replace it; choose another place.")


def _refuse_replaced(folder: Path, box: Box | None) -> None:
    """Refuse to undo what another run has done since a box was opened: it may have taken people out of it."""
    now = _manifest(folder)
    if box is not None and (now.get("kind"), now.get("facts"), now.get("files")) != (box.kind, box.facts, box.files):
        raise ArtifactError(f"{folder} was replaced by another run meanwhile, and stays as it is; run this again.")


@contextmanager
def new_box(
    folder: Path,
    kind: str,
    facts: dict[str, Any],
    *,
    force: bool = False,
    private: bool = False,
    instead_of: Box | None = None,
) -> Iterator[Path]:
    """Fill a box: the block writes files into the folder it is given; the manifest is added and all is renamed.

    Args:
        folder: the final place.
        kind: what it holds: model, scores, list.
        facts: plain data that say what made it; the block may still add to them.
        force: whether a box that is there already is replaced.
        private: whether the files tell of people, and only the owner may read them.
        instead_of: the box that the new one is made of, and takes the place of, if nobody has replaced it meanwhile.

    Raises:
        ArtifactError: if the place is taken, or the files cannot be written.
    """
    with _hidden_beside(folder) as hidden:
        refuse_existing(folder, force)
        yield hidden
        with _sentences(folder):
            _seal(hidden, kind, facts, private)
            with _alone_in(folder.parent):
                _refuse_taken(folder, force)
                _refuse_replaced(folder, instead_of)
                _put_in_place(hidden, folder)


def open_box(folder: Path, kind: str) -> Box:
    """Open a box and check that its files are what they were when it was sealed.

    Raises:
        ArtifactError: if it is missing, of another kind, of a newer format, or was altered.
    """
    with _sentences(folder, "read"):
        if not (folder / MANIFEST).is_file():
            raise ArtifactError(f"there is no {kind} box at {folder}: a box is a folder with {MANIFEST}.")
        manifest = _manifest(folder)
        version = manifest.get("format")
        if isinstance(version, int) and version > FORMAT:
            newer = f"was written by a newer clm-ml (format {version}); this one reads up to {FORMAT}"
            raise ArtifactError(f"{folder} {newer}: bring clm-ml up to date.")
        if not all(isinstance(manifest.get(key), shape) for key, shape in _SHAPE.items()):
            raise ArtifactError(f"{folder / MANIFEST} is damaged: it is not the manifest of a box.")
        if manifest["kind"] != kind:
            raise ArtifactError(f"{folder} holds {manifest['kind']}, where {kind} is needed.")
        _refuse_altered(folder, manifest["files"])
        if manifest.get("seal", seal := _seal_of(manifest)) != seal:  # boxes from before manifests had one are taken
            raise ArtifactError(f"{folder} was altered: {MANIFEST} is not what it was when it was written.")
    return Box(folder, kind, _told(manifest["facts"], folder), manifest["files"])


def find_boxes(folder: Path, kind: str) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """Find the boxes of a kind in a folder, itself or below, with their facts; whether they are whole is not asked.

    Raises:
        ArtifactError: if there is no such folder.
    """
    if not folder.is_dir():
        raise ArtifactError(f"there is no folder {folder}.")
    for path in sorted(folder.rglob(MANIFEST)):
        if re.fullmatch(rf"\..+{_LEFT}", path.parent.name):  # another run is filling it
            continue
        manifest = _manifest(path.parent)
        if manifest.get("kind") == kind and isinstance(manifest.get("facts"), dict):
            yield path.parent, manifest["facts"]


def refuse_existing_file(path: Path | None, force: bool) -> None:
    """Refuse a file that is there and not to be replaced: before the work, not after it.

    Raises:
        ArtifactError: if it is there.
    """
    if path is None:
        return
    with _sentences(path):
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
    with _hidden_beside(path) as hidden:
        yield hidden / path.name
        with _sentences(path):
            _sync(hidden / path.name)
            with _alone_in(path.parent):
                if not (first_stays and path.exists()):
                    (hidden / path.name).replace(path)


def _manifest(folder: Path) -> dict[str, Any]:
    """Read a folder's manifest; nothing if it has none that can be read as one."""
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
    except (FileNotFoundError, NotADirectoryError, ValueError, RecursionError):
        return {}
    return manifest if isinstance(manifest, dict) else {}


def _refuse_altered(folder: Path, files: Mapping[str, Any]) -> None:
    present = _files(folder)
    for name in sorted(set(files) - set(present)):
        raise ArtifactError(f"{folder} was altered: {name} is missing.")
    for name in sorted(set(present) - set(files)):
        raise ArtifactError(f"{folder} was altered: {name} was not there when it was written.")
    for name, path in present.items():
        if _digest(path) != files[name]:
            raise ArtifactError(f"{folder} was altered: {name} is not what it was when it was written.")


def _files(folder: Path) -> dict[str, Path]:
    """Find the files of a box by name, all but its manifest; a link would lead out of it."""
    found = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*"))}
    for name, path in found.items():
        if path.is_symlink():
            raise ArtifactError(f"{folder} holds a link, {name}; a box holds files only.")
    return {name: path for name, path in found.items() if not path.is_dir() and name != MANIFEST}


def _seal(hidden: Path, kind: str, facts: dict[str, Any], private: bool) -> None:
    files = _files(hidden)
    digests = {name: _digest(path) for name, path in files.items()}
    manifest, told = hidden / MANIFEST, {"format": FORMAT, "kind": kind, "facts": facts, "files": digests}
    manifest.write_text(json_text(told | {"seal": _seal_of(told)}), encoding="utf-8")
    hidden.chmod(0o700 if private else 0o755)
    for path in [*files.values(), manifest]:
        path.chmod(0o600 if private else 0o644)
        _sync(path)


def _seal_of(manifest: Mapping[str, Any]) -> str:
    """Digest what a manifest says, so that one that is damaged is told from one that is whole."""
    told = {name: manifest[name] for name in _SHAPE}
    return hashlib.sha256(json_text(json.loads(json_text(told))).encode()).hexdigest()


def _put_in_place(hidden: Path, folder: Path) -> None:
    """Rename the hidden folder; a box that it replaces steps aside first, and comes back if the rename fails."""
    aside = hidden.with_suffix(".replaced")
    if folder.exists():
        folder.rename(aside)
    try:
        hidden.rename(folder)
    except OSError:
        if aside.exists():
            aside.rename(folder)
        raise
    if aside.exists():
        aside.rename(hidden)  # to be removed as such: what is called replaced is whole


@contextmanager
def _hidden_beside(place: Path) -> Iterator[Path]:
    """Make a hidden folder beside a place, and hold it while the block runs; nothing is left of it."""
    with _sentences(place):
        place.parent.mkdir(parents=True, exist_ok=True)
        with _alone_in(place.parent):
            _tidy(place)
            hidden = Path(tempfile.mkdtemp(prefix=f".{place.name}.", suffix=".partial", dir=place.parent))
            held = os.open(hidden, os.O_RDONLY)
            _lock(held, fcntl.LOCK_EX)
    try:
        with _sentences(place, hidden=hidden):
            yield hidden
    finally:
        shutil.rmtree(hidden, ignore_errors=True)
        os.close(held)


def tidy_below(folder: Path) -> None:
    """Remove what killed runs left anywhere in a folder, and bring back boxes that they had set aside.

    The next run into the same place would do so; whoever removes people's rows cannot wait for it.
    """
    for left in sorted(folder.rglob(".*")):
        if (found := re.fullmatch(rf"\.(.+){_LEFT}", left.name)) and left.parent.exists():
            with _sentences(left), _alone_in(left.parent):
                _tidy(left.parent / found[1])


def _tidy(place: Path) -> None:
    """Remove what killed runs left beside a place, and bring back a box that one had set aside to replace it."""
    ours = re.compile(rf"\.{re.escape(place.name)}{_LEFT}")
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
def _alone_in(folder: Path) -> Iterator[None]:
    held = os.open(folder, os.O_RDONLY)
    try:
        _lock(held, fcntl.LOCK_EX)
        yield
    finally:
        os.close(held)


def _lock(held: int, how: int) -> bool:
    """Lock a folder until it is closed; False if another run has it, or the file system keeps no locks."""
    with suppress(OSError):
        fcntl.flock(held, how)
        return True
    return False


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def _sentences(place: Path, doing: str = "written", hidden: Path | None = None) -> Iterator[None]:
    """Tell what the file system refused in a sentence; with a hidden folder, only what concerns it or a full disk."""
    try:
        yield
    except OSError as error:
        if hidden is None or error.errno in _FULL or str(hidden) in f"{error.filename} {error.filename2}":
            reason = error.strerror or type(error).__name__
            raise ArtifactError(f"{place} cannot be {doing}: {reason}.") from error
        raise
