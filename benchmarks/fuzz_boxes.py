"""Boxes that were altered: bytes flipped, files cut, removed, added; and contents that lie under a true seal."""

from __future__ import annotations

import hashlib
import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from fuzz_tables import run
from fuzz_verdicts import Case, Ended, ended, refuse

from clm_ml.artifacts import new_box, open_box
from clm_ml.datasets import simulate
from clm_ml.model import load_model
from clm_ml.uplift import load_uplift

__all__ = ["STORED", "box_cases"]

#: A box of each kind, as an earlier version has written it, of the simulated shop of 150 customers with seed 3.
STORED = Path(__file__).parents[1] / "tests/boxes/format-1"
KINDS = ("model", "scores", "list", "uplift", "measurement", "transitions", "backtest")
_CODES = {2, 11, 12, 13, 14, 15, 16, 17, 18}

Asked = tuple[str, ...]

#: What opens a box of each kind: words that begin with @ are folders of the case.
_VERBS: dict[str, tuple[Asked, ...]] = {
    "model": (
        ("score", "--model", "@model", "--as-of", "2025-07-01", "--out", "@out"),
        ("transitions", "--model", "@model"),
    ),
    "scores": (
        ("export", "--scores", "@scores", "--campaign", "autumn", "--out", "@out"),
        ("report", "--scores", "@scores", "--out", "@page.html"),
        ("monitor", "--scores", "@scores"),
        ("customer", "1", "--scores", "@scores"),
    ),
    "list": (
        ("export", "--delivered", "@list"),
        ("report", "--scores", "@scores", "--list", "@list", "--out", "@page.html"),
    ),
    "uplift": (("export", "--scores", "@scores", "--campaign", "autumn", "--uplift", "@uplift", "--out", "@out"),),
    "measurement": (("report", "--scores", "@scores", "--measured", "@measurement", "--out", "@page.html"),),
    "transitions": (("report", "--scores", "@scores", "--transitions", "@transitions", "--out", "@page.html"),),
    "backtest": (),
}


def box_cases(home: Path) -> Case:
    """Unpack the boxes and draw their shop, once; each case bends a copy of one box and asks for it."""
    simulate(150, 3, home / "shop")
    content = yaml.safe_load((home / "shop/shop.yaml").read_text(encoding="utf-8"))
    (home / "shop/clm.yaml").write_text(yaml.safe_dump(content | {"threads": 1}), encoding="utf-8")
    for kind in KINDS:
        with zipfile.ZipFile(STORED / f"{kind}.zip") as kept:
            kept.extractall(home / "stored")
        facts = dict(open_box(home / "stored" / kind, kind).facts)
        with new_box(home / "whole" / kind, kind, facts) as hidden:  # sealed as this version does it
            shutil.copytree(home / "stored" / kind, hidden, dirs_exist_ok=True)
    return lambda draw: _bent(home, draw)


def _bent(home: Path, draw: Random) -> Ended:
    case = home / "case"
    shutil.rmtree(case, ignore_errors=True)
    case.mkdir()
    kind = draw.choices(KINDS, (4, 4, 3, 3, 1, 1, 1))[0]
    for name in {kind, "scores"}:
        shutil.copytree(home / "whole" / name, case / name)
    if is_sealed := draw.random() < 0.4:
        _bend_contents(case / kind, draw)
    else:
        _bend_files(case / kind, draw)
    done = ended(lambda: _opened(kind, case / kind), {15})
    if not is_sealed:
        refuse(not done.code, "an altered box was opened")
    if _VERBS[kind] and draw.random() < (1 / 2 if is_sealed else 1 / 80):
        verb, *arguments = draw.choice(_VERBS[kind])
        words = [str(case / word[1:]) if word.startswith("@") else word for word in arguments]
        told = run(verb, str(home / "shop/clm.yaml"), *words, codes=_CODES)
        refuse(not is_sealed and not told.code, f"{verb} took an altered box")
        return told
    return Ended(done.code, done.told)


def _opened(kind: str, folder: Path) -> Any:
    box = open_box(folder, kind)
    if kind == "model":
        load_model(folder)
    if kind == "uplift":
        load_uplift(folder)
    return box


# Files -----------------------------------------------------------------------------------------------------------


def _bend_files(box: Path, draw: Random) -> None:
    """Alter a box without telling its manifest, until it is no more what it was."""
    files = sorted(path for path in box.rglob("*") if path.is_file())
    path = draw.choice([*files, box / "manifest.json", box / "manifest.json"])
    before = {file: file.read_bytes() for file in files}
    draw.choice((_flip, _flip, _cut, _remove, _add, _exchange, _link, _empty, _fold))(path, files, draw)
    after = {file: file.read_bytes() for file in sorted(box.rglob("*")) if file.is_file() and not file.is_symlink()}
    if after == before and not path.is_symlink():
        path.write_bytes(b"")


def _flip(path: Path, files: list[Path], draw: Random) -> None:
    content = bytearray(path.read_bytes())
    place = draw.randrange(len(content))
    if path.name == "manifest.json":  # blanks and the names of facts are not what a seal is about
        place = content.index(b'"facts"') + draw.randrange(40, 200)
        content[place] = ord("7") if content[place] != ord("7") else ord("8")
        if content[place - 1 : place] in (b" ", b"\n"):
            content[place] = ord("}")
    else:
        content[place] ^= 1 << draw.randrange(8)
    path.write_bytes(bytes(content))


def _cut(path: Path, files: list[Path], draw: Random) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: draw.randrange(max(len(content) - 3, 1))])


def _remove(path: Path, files: list[Path], draw: Random) -> None:
    path.unlink()


def _add(path: Path, files: list[Path], draw: Random) -> None:
    (path.parent / draw.choice(("more.csv", ".hidden", "x.parquet", "manifest.json.bak"))).write_bytes(b"klara")


def _exchange(path: Path, files: list[Path], draw: Random) -> None:
    other = draw.choice(files)
    mine, theirs = path.read_bytes(), other.read_bytes()
    path.write_bytes(theirs)
    other.write_bytes(mine)


def _link(path: Path, files: list[Path], draw: Random) -> None:
    if path.name == "manifest.json":
        path.unlink()
        return
    path.rename(path.with_suffix(".real"))
    path.symlink_to(path.with_suffix(".real"))


def _empty(path: Path, files: list[Path], draw: Random) -> None:
    path.write_bytes(draw.choice((b"", b"{}", b"[]", b"null", b"\xff\xfe", b"[" * 100_000)))


def _fold(path: Path, files: list[Path], draw: Random) -> None:
    path.unlink()
    path.mkdir()


# Contents --------------------------------------------------------------------------------------------------------


def _bend_contents(box: Path, draw: Random) -> None:
    """Alter what a box says, and seal it anew, as whoever writes boxes by other means would."""
    files = sorted(path for path in box.rglob("*") if path.is_file())
    # LightGBM ends the process on trees that are none: they are only believed under the digest of whoever wrote them.
    path = draw.choice([path for path in files if not (box.name == "model" and path.suffix == ".txt")])
    bends: dict[str, Callable[[Path, Random], None]] = {".json": _bend_json, ".parquet": _bend_rows}
    bends.get(path.suffix, _bend_text)(path, draw)
    manifest = json.loads((box / "manifest.json").read_text(encoding="utf-8"))
    if isinstance(manifest, dict) and isinstance(manifest.get("files"), dict):
        manifest["files"] = {
            file.relative_to(box).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
            for file in sorted(box.rglob("*"))
            if file.is_file() and file.name != "manifest.json"
        }
        manifest.pop("seal", None)
        (box / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")


_WRONG: tuple[Any, ...] = (
    None,
    True,
    -1,
    10**30,
    0.5,
    "",
    "odd",
    "2024-02-30",
    [],
    {},
    [None],
    {"x": 1},
    "\u0000",
    float("nan"),
)


def _bend_json(path: Path, draw: Random) -> None:
    content = json.loads(path.read_text(encoding="utf-8"))
    holder: Any = content
    while isinstance(holder, dict | list) and holder:
        key = draw.choice(sorted(holder) if isinstance(holder, dict) else range(len(holder)))
        if not isinstance(holder[key], dict | list) or not holder[key] or draw.random() < 0.25:
            _set_or_remove(holder, key, draw)
            break
        holder = holder[key]
    path.write_text(json.dumps(content), encoding="utf-8")


def _set_or_remove(holder: Any, key: Any, draw: Random) -> None:
    if draw.random() < 0.3:
        del holder[key]
    else:
        holder[key] = draw.choice(_WRONG)


def _bend_rows(path: Path, draw: Random) -> None:
    table = pq.read_table(path)
    name = draw.choice(table.column_names)
    place = table.column_names.index(name)
    how = draw.randrange(6)
    if how == 0:
        table = table.drop_columns([name])
    elif how == 1:
        table = table.rename_columns([f"{each}_" if each == name else each for each in table.column_names])
    elif how == 2:
        table = table.set_column(place, name, pa.nulls(len(table), table.schema.field(name).type))
    elif how == 3:
        table = table.set_column(place, name, pa.array(["klara"] * len(table)))
    elif how == 4:
        table = table.slice(0, 0)
    else:
        table = pa.concat_tables([table, table])
    pq.write_table(table, path)


def _bend_text(path: Path, draw: Random) -> None:
    content = path.read_bytes()
    place = draw.randrange(len(content))
    path.write_bytes(
        content[:place]
        + draw.choice((b"", b"\xff", b"klara", b",", b"\n", b'"'))
        + content[place + draw.choice((0, 1, 50)) :]
    )
