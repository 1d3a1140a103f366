"""Configs with every key bent: missing, null, of another type, negative, huge, unknown, out of the house."""

from __future__ import annotations

import copy
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import yaml
from fuzz_shop import draw_shop
from fuzz_tables import run
from fuzz_verdicts import Case, Ended, ended, refuse

from clm_ml.config import load_config

__all__ = ["config_cases"]

#: What a key may hold instead of what it should.
_VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2, 10**6, 10**9, 2**31, 2**63, 10**30, -(10**30), 0.5, -0.5, 1.5, 1e300, 5e-324,
    -0.0, float("inf"),
    float("nan"), "", " ", "auto", "x", "0", "1e9", "-", "null", "2024-02-30", "2024-01-01", "0001-01-01",
    "9999-12-31", "1e3",
    [], {}, [1], ["x"], [None], [[]], {"x": 1}, {"x": None}, {1: 2}, [1, 1], [10**12], {"": ""}, "../../out.db",
    "/proc/none/out.db",
    "/", ".", "..", "~", "clm.yaml", "orders.parquet", "a\nb", "😀", "Čeština", "x" * 5000, "'", '"', "';--", "{}",
    "%s", "%Y", "%",
    "${HOME}", "a\u0000b", "customer_id", "1 + 1", "amount / 0", "amount *", "sum(amount)", "duckdb:///nothing.db",
    "spark://x:1:2",
    "postgresql://u:p@127.0.0.1:1/none", "sqlite:///none/mlflow.db", "Europe/Prague", "EUR", "models:/x@y",
    "*.parquet", "[", "**",
)  # fmt: skip
_CODES = {2, 11, 12, 13, 14, 15, 16, 17, 18}

#: What reads a part of the config: asked only now and then, since loading alone costs a hundredth of it.
_CHECK = ("check", "--json")
_EXPORT = ("export", "--scores", "scores", "--campaign", "autumn", "--out", "list")
_ASKED: dict[str, tuple[tuple[str, ...], ...]] = {
    "list": (_EXPORT,),
    "delivery": (_EXPORT,),
    "destinations": (_EXPORT,),
    "playbook": (_EXPORT, ("customer", "c1")),
    "report": (("report", "--scores", "scores", "--out", "page.html"),),
    "segments": (("segments",), ("transitions",)),
    "task": (_CHECK, ("segments",), ("kpis",)),
    "lapse": (_CHECK, ("segments",)),
    "forgotten": (_CHECK, ("forget", "c1")),
    "measure": (("measure", "winter"),),
    "uplift": (("uplift", "winter", "--out", "uplift"),),
    "tracking": (("score", "--out", "again"),),
    "monitor": (("monitor", "--scores", "scores"),),
    "train": (("train", "--model", "model"), _CHECK),
}


def config_cases(home: Path) -> Case:
    """Draw a small shop once, and bend its whole config."""
    whole = draw_shop(home / "a/b/shop")  # a path that climbs out of it still stays in the fuzzer's folder
    return lambda draw: _bent(copy.deepcopy(whole), home / "a/b/shop", draw)


def _bent(content: dict[str, Any], shop: Path, draw: Random) -> Ended:
    places = [_bend(content, draw) for _ in range(draw.choice((1, 1, 1, 1, 2, 4)))]
    path = shop / "clm.yaml"
    short = {key: value for key, value in content.items() if str(key) in (*places, *_KEPT) or draw.random() < 0.1}
    path.write_text(_text(short, draw), encoding="utf-8", errors="surrogatepass")
    done = ended(lambda: load_config(path), {11})
    refuse(bool(done.code) and not done.told.startswith(("config ", f"{path}:")), f"no file and line: {done.told}")
    share = 1 / 200 if "train" in places else 1 / 25
    if done.code or draw.random() > share:
        return Ended(done.code, done.told)
    verb, *arguments = draw.choice(_ASKED.get(draw.choice(places), (_CHECK,)))
    named = [str(shop / word) if word in _FILES else word for word in arguments]
    for name in _MADE:
        shutil.rmtree(shop / name, ignore_errors=True)
    return run(verb, str(path), *named, codes=_CODES)


#: What every config says, bent or not; of the rest what is not bent is mostly left out: YAML is slow to read.
_KEPT = ("project", "tables", "complete_until", "threads")
_MADE = ("list", "again", "model", "uplift", "delivered")
_FILES = ("scores", "page.html", *_MADE)


def _text(content: Any, draw: Random) -> str:
    """Write the YAML, now and then with the text itself bent."""
    text: str = yaml.safe_dump(content, sort_keys=False, allow_unicode=draw.random() < 0.5)
    if draw.random() < 0.9:
        return text
    place = draw.randrange(len(text))
    inserted = draw.choice(
        (
            "\t",
            ":",
            "- ",
            "&a ",
            "*a",
            "!!python/object:os.system ",
            "{",
            "\n",
            "%",
            "|",
            "? ",
            "<<: ",
            "\x07",
            "\ufeff",
        )
    )
    return text[:place] + draw.choice(("", inserted)) + text[place + draw.choice((0, 1, 30)) :]


def _bend(content: dict[str, Any], draw: Random) -> str:
    """Bend one key or place, and name the part of the config that it lies in."""
    place = draw.choice(sorted(content, key=str))
    part, holder, key = draw.choice([(str(place), content, place), *_places(content[place], str(place))])
    bends = (_set, _set, _set_alike, _set_alike, _set_alike, _set_alike, _set_alike, _remove, _add, _rename, _swap)
    bend: Callable[[Any, Any, Random], None] = draw.choice(bends)
    bend(holder, key, draw)
    return part


def _places(node: Any, part: str = "") -> Iterator[tuple[str, Any, Any]]:
    steps = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in list(steps):
        yield part or str(key), node, key
        yield from _places(value, part or str(key))


def _set(holder: Any, key: Any, draw: Random) -> None:
    holder[key] = copy.deepcopy(draw.choice(_VALUES))


def _set_alike(holder: Any, key: Any, draw: Random) -> None:
    """Set another value of the same type: what a schema of types alone would let pass."""
    alike = [value for value in _VALUES if type(value) is type(holder[key])]
    holder[key] = copy.deepcopy(draw.choice(alike or _VALUES))


def _remove(holder: Any, key: Any, draw: Random) -> None:
    del holder[key]


def _add(holder: Any, key: Any, draw: Random) -> None:
    value = copy.deepcopy(draw.choice(_VALUES))
    if isinstance(holder, list):
        holder.insert(key, value)
    else:
        holder[draw.choice((f"{key}s", str(key)[:-1], str(key).upper(), "home", "x", "😀", 1, None, True))] = value


def _rename(holder: Any, key: Any, draw: Random) -> None:
    if isinstance(holder, dict):
        holder[f"{key}{draw.choice(('_', 'x', ' '))}"] = holder.pop(key)


def _swap(holder: Any, key: Any, draw: Random) -> None:
    """Wrap a value in a list or a mapping, or take it for text."""
    holder[key] = draw.choice(([holder[key]], {"x": holder[key]}, str(holder[key])))
