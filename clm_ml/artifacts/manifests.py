"""Manifests: what a box says of itself, the digest of each of its files, and the seal of it all."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from clm_ml.artifacts.places import sync
from clm_ml.errors import ArtifactError

__all__ = ["FORMAT", "MANIFEST", "json_text", "read_manifest", "read_whole", "seal"]

MANIFEST = "manifest.json"
FORMAT = 1
_SHAPE = {"format": int, "kind": str, "facts": dict, "files": dict}


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


def read_manifest(folder: Path) -> dict[str, Any]:
    """Read a folder's manifest; nothing if it has none that can be read as one."""
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
    except (FileNotFoundError, NotADirectoryError, ValueError, RecursionError):
        return {}
    return manifest if isinstance(manifest, dict) else {}


def read_whole(folder: Path, kind: str) -> dict[str, Any]:
    """Read the manifest of a box that is whole: of its kind, in a format that is known, and nothing was altered.

    Raises:
        ArtifactError: if it is not.
    """
    if not (folder / MANIFEST).is_file():
        raise ArtifactError(f"there is no {kind} box at {folder}: a box is a folder with {MANIFEST}.")
    manifest = read_manifest(folder)
    version = manifest.get("format")
    if isinstance(version, int) and version > FORMAT:
        newer = f"was written by a newer clm-ml (format {version}); this one reads up to {FORMAT}"
        raise ArtifactError(f"{folder} {newer}: bring clm-ml up to date.")
    if not all(isinstance(manifest.get(key), shape) for key, shape in _SHAPE.items()):
        raise ArtifactError(f"{folder / MANIFEST} is damaged: it is not the manifest of a box.")
    if manifest["kind"] != kind:
        raise ArtifactError(f"{folder} holds {manifest['kind']}, where {kind} is needed.")
    _refuse_altered(folder, manifest["files"])
    if manifest.get("seal", found := _seal_of(manifest)) != found:  # boxes from before manifests had one are taken
        raise ArtifactError(f"{folder} was altered: {MANIFEST} is not what it was when it was written.")
    return manifest


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


def seal(hidden: Path, kind: str, facts: dict[str, Any], private: bool) -> None:
    """Write the manifest of what lies in a folder, let those read it who may, and wait until all is on the disk."""
    files = _files(hidden)
    digests = {name: _digest(path) for name, path in files.items()}
    manifest, told = hidden / MANIFEST, {"format": FORMAT, "kind": kind, "facts": facts, "files": digests}
    manifest.write_text(json_text(told | {"seal": _seal_of(told)}), encoding="utf-8")
    hidden.chmod(0o700 if private else 0o755)
    for path in [*files.values(), manifest]:
        path.chmod(0o600 if private else 0o644)
        sync(path)


def _seal_of(manifest: Mapping[str, Any]) -> str:
    """Digest what a manifest says, so that one that is damaged is told from one that is whole."""
    told = {name: manifest[name] for name in _SHAPE}
    return hashlib.sha256(json_text(json.loads(json_text(told))).encode()).hexdigest()


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
