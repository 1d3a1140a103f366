"""Boxes: folders of files with a manifest, filled in a hidden place and renamed when they are complete."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from clm_ml.artifacts.manifests import MANIFEST, read_manifest, read_whole, seal
from clm_ml.artifacts.places import LEFT, alone_in, hidden_beside, sentences
from clm_ml.errors import ArtifactError

__all__ = ["Box", "find_boxes", "new_box", "open_box", "refuse_existing"]


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


def refuse_existing(folder: Path, force: bool) -> None:
    """Refuse a place that is taken or lies in no folder: before the work, not after it.

    Raises:
        ArtifactError: if there is something, and it is not to be replaced; or a file is where a folder must be.
    """
    with sentences(folder):
        above = next(parent for parent in folder.absolute().parents if parent.exists())
        if not above.is_dir():
            raise ArtifactError(f"{folder} cannot be written: {above} is a file, not a folder.")
        if above == folder.absolute().parent:
            with alone_in(above):  # another run may be replacing the box at this very moment
                _refuse_taken(folder, force)


def _refuse_taken(folder: Path, force: bool) -> None:
    if not os.path.lexists(folder):
        return
    if not force:
        raise ArtifactError(f"{folder} exists already; choose another place, or replace it with --force.")
    if folder.is_symlink() or not {"format", "kind", "files"} <= set(read_manifest(folder)):
        raise ArtifactError(f"{folder} is no box of clm-ml, so --force does not replace it; choose another place.")


def _refuse_replaced(folder: Path, box: Box | None) -> None:
    """Refuse to undo what another run has done since a box was opened: it may have taken people out of it."""
    now = read_manifest(folder)
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
    with hidden_beside(folder) as hidden:
        refuse_existing(folder, force)
        yield hidden
        with sentences(folder):
            seal(hidden, kind, facts, private)
            with alone_in(folder.parent):
                _refuse_taken(folder, force)
                _refuse_replaced(folder, instead_of)
                _put_in_place(hidden, folder)


def open_box(folder: Path, kind: str) -> Box:
    """Open a box and check that its files are what they were when it was sealed.

    Raises:
        ArtifactError: if it is missing, of another kind, of a newer format, or was altered.
    """
    with sentences(folder, "read"):
        manifest = read_whole(folder, kind)
    return Box(folder, kind, _told(manifest["facts"], folder), manifest["files"])


def find_boxes(folder: Path, kind: str) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """Find the boxes of a kind in a folder, itself or below, with their facts; whether they are whole is not asked.

    Raises:
        ArtifactError: if there is no such folder.
    """
    if not folder.is_dir():
        raise ArtifactError(f"there is no folder {folder}.")
    for path in sorted(folder.rglob(MANIFEST)):
        if re.fullmatch(rf"\..+{LEFT}", path.parent.name):  # another run is filling it
            continue
        manifest = read_manifest(path.parent)
        if manifest.get("kind") == kind and isinstance(manifest.get("facts"), dict):
            yield path.parent, manifest["facts"]


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
