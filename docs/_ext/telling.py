"""The catalogues of the reference as Markdown, each made of what the package itself goes by.

Nothing here is written twice: commands are told by the command line, keys by the config's schema, features and KPIs
by their catalogues, exit codes by the errors. `catalogues` puts them into pages, and the tests read them here.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import typer
import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from clm_ml import errors
from clm_ml.cli import app
from clm_ml.config import Config, Inputs, Task
from clm_ml.config.contract import COLUMNS, MEANINGS, RATED
from clm_ml.features import catalogue
from clm_ml.lifecycle import kpi_catalogue

__all__ = ["CATALOGUES", "KEYS", "VERBS", "Key", "keys"]

_LINE = typer.main.get_command(app)

#: The verbs of the command line, in the order in which they are used.
VERBS: dict[str, Any] = {name: _LINE.commands[name] for name in _LINE.list_commands(None)}  # type: ignore[attr-defined]


def commands() -> str:
    """Tell every verb: what it does, what it takes."""
    return "\n\n".join(_verb(name, verb) for name, verb in VERBS.items())


def _verb(name: str, verb: Any) -> str:
    taken = [one for one in verb.params if one.name != "help"]
    places = [one for one in taken if one.param_type_name == "argument"]
    usage = " ".join(["clm-ml", name, *map(_place, places), *(["[OPTIONS]"] if len(taken) > len(places) else [])])
    told = [f"```{{verb}} {name}\n```", f"## `clm-ml {name}`", _prose(verb.help), f"```text\n{usage}\n```"]
    told.append(f"```{{program}} clm-ml {name}\n```")
    told += [f"````{{option}} {_called(one)}\n{_prose(one.help)}{_whether_needed(one)}\n````" for one in taken]
    return "\n\n".join(told)


def _prose(text: str) -> str:
    """Write the options that a text names as code: of their hyphens no dash is to be made."""
    return re.sub(r"(--[a-z][a-z-]+)", r"`\1`", text)


def _place(argument: Any) -> str:
    return argument.metavar if argument.required else f"[{argument.metavar}]"


def _called(one: Any) -> str:
    """Give an argument's or an option's name, with what it is given."""
    if one.param_type_name == "argument":
        return str(one.metavar)
    if one.is_flag:
        return ", ".join(one.opts)
    return f"{', '.join(one.opts)} {one.metavar}"


def _whether_needed(one: Any) -> str:
    if one.required:
        return " Needed."
    is_told = one.default not in (None, False, ()) and not callable(one.default)
    return f" Default: `{one.default}`." if is_told else ""


class Key:
    """One key of the config: where it stands, what it may be, its default and what it means."""

    def __init__(self, path: str, field: FieldInfo, part: type[BaseModel] | None) -> None:
        """Take it from the schema; `part` is what it holds, if that has keys of its own."""
        self.path, self.part, self.meaning = path, part, field.description or ""
        self.kind = _kind(field.annotation, field.metadata)
        self.default = _default(field)

    @property
    def has_heading(self) -> bool:
        """Whether it is a part of the YAML that is told under a heading of its own."""
        return self.part is not None and (self.path.startswith("tables.") or "." not in self.path)

    def told(self) -> str:
        """Tell it as a definition that others can link to."""
        if self.has_heading:
            return f"```{{part}} {self.path}\n```\n\n## `{self.path}`\n\n{self.meaning}"
        facts = " · ".join([*([self.kind] if self.part is None else []), *([self.default] if self.default else [])])
        return f"````{{confval}} {self.path}\n{self.meaning}\n\n{f'*{facts}*' if facts else ''}\n````"


#: What stands for the names that a project gives.
_A_NAME = "SEGMENT"


def keys(model: type[BaseModel] = Config, above: str = "") -> Iterator[Key]:
    """List every key of the config in the order of the YAML, those of a part after it."""
    for name, field in model.model_fields.items():
        if field.exclude:
            continue
        part, path = _part(field.annotation), f"{above}{name}"
        yield Key(path, field, part)
        if part is not None:
            yield from keys(part, f"{path}.{_A_NAME}." if get_origin(field.annotation) is dict else f"{path}.")


def config_keys() -> str:
    """Tell every key, those of one part of the YAML under a heading of its own; keys of none come first."""
    own = [key for key in KEYS.values() if key.part is None and "." not in key.path]
    return "\n\n".join(["## The project", *(key.told() for key in [*own, *(k for k in KEYS.values() if k not in own)])])


def _part(kind: Any) -> type[BaseModel] | None:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return kind
    return next((part for inner in get_args(kind) if (part := _part(inner)) is not None), None)


def _kind(kind: Any, limits: Any = ()) -> str:
    """Say in words what a value may be."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _kind(inner[0], [*inner[1:], *limits])
    if origin is Literal:
        return " or ".join(f"`{word}`" for word in inner)
    if origin in (Union, UnionType):
        told = " or ".join(_kind(one, limits) for one in inner if one is not NoneType)
        return f"{told}, or empty" if NoneType in inner else told
    if origin in (tuple, list):
        how_many = "" if origin is list or inner[-1] is ... else f"{len(inner)}, each "
        return f"list of {how_many}{_kind(inner[0])}"
    if origin is dict:
        return f"names, each with {_kind(inner[1])}"
    words = {"int": "whole number", "float": "number", "str": "text", "bool": "`true` or `false`", "date": "day"}
    return f"{words.get(kind.__name__, kind.__name__.lower())}{_limits(limits)}"


def _limits(limits: Any) -> str:
    """Say between which limits a number lies."""
    words = {"ge": "from", "gt": "above", "le": "to", "lt": "below"}
    told = []
    for limit in limits:
        for each in getattr(limit, "metadata", None) or [limit]:
            told += [f" {words[sign]} {getattr(each, sign)}" for sign in words if getattr(each, sign, None) is not None]
    return ",".join(told)


def _default(field: FieldInfo) -> str:
    plain = field.default
    if plain is PydanticUndefined:
        return "needed"
    if _part(field.annotation) is not None or plain in (None, {}):
        return ""
    plain = list(plain) if isinstance(plain, tuple) else plain
    text = yaml.safe_dump(plain if isinstance(plain, (int, float, list, dict)) else str(plain), default_flow_style=True)
    bare = text.removesuffix("\n").removesuffix("\n...").strip("'")
    return f"default `{bare}`"


#: Every key by its path.
KEYS = {key.path: key for key in keys()}


def columns_of_inputs() -> str:
    """Tell the columns of every table a project may have."""
    rows = [f"| `{name}` | {_named(needed)} | {_named(optional)} |" for name, (needed, optional) in COLUMNS.items()]
    return "\n".join(["| table | needed | optional |", "|---|---|---|", *rows])


def meanings() -> str:
    """Name what an event can mean."""
    return f"{_named(MEANINGS)}; of {_named(RATED)} the value is looked at too."


def _named(words: tuple[str, ...]) -> str:
    return ", ".join(f"`{word}`" for word in words)


def features() -> str:
    """Tell every feature there is where all inputs are, with the windows of the defaults."""
    everything = Inputs(meanings={name: (name,) for name in MEANINGS}, rated=RATED, has_contacts=True)
    rows: dict[str, list[str]] = {}
    for one in catalogue(Task(), everything):
        sign = {1: "; *raises the probability*", -1: "; *lowers it*", 0: ""}[one.sign]
        kept = "" if one.learned else "; *not learned from*"
        rows.setdefault(one.theme, []).append(f"| `{one.name}` | {one.meaning}{sign}{kept} |")
    head = ["| feature | what it is |", "|---|---|"]
    return "\n\n".join("\n".join([f"## {theme.capitalize()}", "", *head, *those]) for theme, those in rows.items())


def kpis() -> str:
    """Tell every KPI: its unit, its definition, and what it takes."""
    head = ["| KPI | unit | definition | takes |", "|---|---|---|---|"]
    rows = [
        f"| `{one.name}` | {one.unit} | {one.meaning} | {', '.join(f'`{need}`' for need in one.needs)} |"
        for one in kpi_catalogue()
    ]
    return "\n".join([*head, *rows])


def exit_codes() -> str:
    """Tell every exit code, and the error that ends in it."""
    rows = ["| 0 |  | Done. |", "| 1 |  | A bug: its traceback is kept in a file, which the last line names. |"]
    for name in errors.__all__:
        thing = getattr(errors, name)
        if inspect.isclass(thing) and thing is not errors.ClmError:
            rows.append(f"| {thing.exit_code} | `{name}` | {inspect.getdoc(thing)} |")
    head = ["| exit code | error in Python | means |", "|---|---|---|"]
    return "\n".join([*head, *sorted(rows, key=lambda row: int(row.split("|")[1]))])


#: The catalogues by the word that pages ask for them with.
CATALOGUES = {
    "commands": commands,
    "config": config_keys,
    "inputs": columns_of_inputs,
    "meanings": meanings,
    "features": features,
    "kpis": kpis,
    "exit-codes": exit_codes,
}
