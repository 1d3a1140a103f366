"""Reads a YAML that a person wrote; every mistake becomes one line with file, line and key."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError

from clm_ml.config.schema import Config
from clm_ml.errors import ConfigError, did_you_mean

__all__ = ["load_config", "read_yaml"]

Read = TypeVar("Read", bound=BaseModel)


#: Keys and values of one YAML, aliases counted as what they stand for.
_MOST_NODES = 100_000
_LONGEST_SHOWN = 80


class _Loader(yaml.SafeLoader):
    """Leaves days as text: the schema reads them, and can say which key holds an impossible one."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def load_config(path: str | Path) -> Config:
    """Read and check one project's YAML.

    Args:
        path: the YAML file; relative paths in it start at its folder.

    Raises:
        ConfigError: with one line for every mistake, each as `file:line: key: what is wrong`.
    """
    path = Path(path)
    return read_yaml(path, Config, "a config is a mapping of keys such as project, tables, task", path.resolve().parent)


def read_yaml(path: Path, model: type[Read], what: str, home: Path | None = None) -> Read:
    """Read and check any YAML that a person wrote.

    Args:
        path: the file.
        model: what it may say.
        what: what it is, for whoever gave a file that is no mapping.
        home: the model's key `home`, if it has one; the YAML may not say it.

    Raises:
        ConfigError: with one line for every mistake, each as `file:line: key: what is wrong`.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"config {path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise ConfigError(f"config {path} is not UTF-8 text.") from None
    tree, content = _parse(text, path, what)
    try:
        return model.model_validate(content if home is None else {**content, "home": home})
    except ValidationError as error:
        raise ConfigError("\n".join(_sentences(error, tree, path, model))) from None


def _parse(text: str, path: Path, what: str) -> tuple[yaml.MappingNode, dict[Any, Any]]:
    try:
        tree = yaml.compose(text, Loader=_Loader)
        if isinstance(tree, yaml.MappingNode):
            _refuse_endless(tree, path)
            _refuse_repeated_keys(tree, path)
        content = yaml.load(text, Loader=_Loader)  # noqa: S506 - a SafeLoader
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}:{_line_of_error(error, text)}: not YAML: {_words_of_error(error)}.") from None
    except RecursionError:
        raise ConfigError(f"{path}:1: not a config: something in it is part of itself.") from None
    if not isinstance(tree, yaml.MappingNode):
        raise ConfigError(f"{path}:1: {what}.")
    if "home" in content:
        raise ConfigError(f"{path}:{_walk(tree, ['home'])[1]}: home: unknown key.")
    return tree, content


def _line_of_error(error: yaml.YAMLError, text: str) -> int:
    mark = getattr(error, "problem_mark", None)
    return mark.line + 1 if mark else text.count("\n", 0, getattr(error, "position", 0)) + 1


def _words_of_error(error: yaml.YAMLError) -> str:
    what = getattr(error, "problem", None) or getattr(error, "reason", None) or "unreadable"
    return f"{getattr(error, 'context', '')}, {what}" if what.startswith("but ") else what


def _refuse_endless(tree: yaml.Node, path: Path) -> None:
    """Refuse a YAML whose aliases say more than a person would write: a few lines may stand for billions."""
    sizes: dict[int, int] = {}

    def size(node: yaml.Node) -> int:
        if sizes.get(id(node)) == 0:
            raise RecursionError
        if id(node) not in sizes:
            sizes[id(node)] = 0  # until it is known
            sizes[id(node)] = 1 + sum(map(size, _children(node)))
        return sizes[id(node)]

    if size(tree) > _MOST_NODES:
        raise ConfigError(f"{path}:1: not a config: its aliases (*) stand for more than anybody writes.")


def _refuse_repeated_keys(node: yaml.Node, path: Path) -> None:
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, _ in node.value:
            name = str(key.value)
            if name in seen:
                raise ConfigError(f"{path}:{key.start_mark.line + 1}: {name}: this key stands twice.")
            seen.add(name)
    for child in _children(node):
        _refuse_repeated_keys(child, path)


def _children(node: yaml.Node) -> Iterator[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        yield from (value for _, value in node.value)
    elif isinstance(node, yaml.SequenceNode):
        yield from node.value


def _sentences(error: ValidationError, tree: yaml.MappingNode, path: Path, model: type[BaseModel]) -> list[str]:
    """Tell each key's mistakes in one line, in the order of the file."""
    told: dict[tuple[int, tuple[str, ...]], list[Any]] = {}
    for problem in error.errors():
        known, line = _walk(tree, [str(step) for step in problem["loc"]])
        steps = [*known, str(problem["loc"][-1])] if problem["type"] == "missing" else known
        told.setdefault((line, tuple(steps)), []).append(problem)
    deepest = {key: found for key, found in told.items() if not any(_lies_above(key[1], other) for _, other in told)}
    return [
        f"{path}:{line}: {'.'.join(steps)}{': ' if steps else ''}{_sentence(problems, steps, model)}"
        for (line, steps), problems in sorted(deepest.items())
    ]


def _lies_above(steps: tuple[str, ...], other: tuple[str, ...]) -> bool:
    return len(steps) < len(other) and other[: len(steps)] == steps


def _walk(tree: yaml.MappingNode, steps: list[str]) -> tuple[list[str], int]:
    """Follow steps down the YAML: those that are keys or places in it, and the line of the last.

    Pydantic's steps also name the alternatives of a union that it tried; these are no keys and fall out.
    """
    known: list[str] = []
    node: yaml.Node = tree
    line = tree.start_mark.line
    for step in steps:
        if isinstance(node, yaml.SequenceNode) and step.isdigit() and int(step) < len(node.value):
            node = node.value[int(step)]
            line = node.start_mark.line
        elif isinstance(node, yaml.MappingNode) and (pair := _pair(node, step)):
            line, node = pair[0].start_mark.line, pair[1]
        else:
            continue
        known.append(step)
    return known, line + 1


def _pair(node: yaml.MappingNode, name: str) -> tuple[yaml.Node, yaml.Node] | None:
    return next(((key, value) for key, value in node.value if key.value == name), None)


def _sentence(problems: list[Any], steps: tuple[str, ...], model: type[BaseModel]) -> str:
    whats = list(dict.fromkeys(_what(problem, steps, model) for problem in problems))
    what = " or ".join([whats[0], *(other.removeprefix("must be ") for other in whats[1:])])
    what = re.sub(rf"[^\s'\"]{{{2 * _LONGEST_SHOWN},}}", lambda long: f"{long[0][:_LONGEST_SHOWN]}…", what)
    found = problems[0]["input"]
    if isinstance(found, str | int | float) and problems[0]["type"] not in _TOLD and repr(_shown(found)) not in what:
        what += f"; found {_shown(found)!r}"
    return what if what.endswith("?") else f"{what}."


def _shown(found: Any) -> Any:
    """Show what was found, if it is long only how it begins, as of an address: it may hold a password.

    >>> _shown("postgres://me:secret@db/sales"), _shown("sparkk"), _shown("x" * 99)[-3:]
    ('postgres…', 'sparkk', 'xx…')
    """
    if not isinstance(found, str):
        return found
    shown = re.split(r"[:/@]", found)[0] + "…" if re.search("//|@", found) else found
    return shown if len(shown) <= _LONGEST_SHOWN else f"{shown[:_LONGEST_SHOWN]}…"


#: What to say instead of pydantic's words.
_TOLD = {
    "missing": "this key is needed",
    "extra_forbidden": "unknown key",
    "model_type": "here belongs a mapping of keys",
    "invalid_key": "a key must be text",
}
_INSTEAD = {"path_type": "must be a path", "tuple_type": "must be a list", "dict_type": "must be a mapping"}


def _what(problem: Any, steps: tuple[str, ...], model: type[BaseModel]) -> str:
    kind = problem["type"]
    if kind == "extra_forbidden":
        return _TOLD[kind] + did_you_mean(steps[-1], _fields(steps[:-1], model))
    if kind == "string_pattern_mismatch":
        fits = str(_fields(steps[:-1], model)[steps[-1]].description).removesuffix(".")
        return f"{_shown(problem['input'])!r} does not fit: {fits}"
    what = (_TOLD | _INSTEAD).get(kind) or problem["msg"].removeprefix("Value error, ")
    what = what.replace("Input should", "must").replace("String should", "must")
    return what[:1].lower() + what[1:]


def _fields(steps: tuple[str, ...], kind: Any) -> dict[str, Any]:
    """List the keys that may stand at a place of the YAML, by the names that it gives them."""
    for step in steps:
        kind = _below(kind, step)
    return _named(kind)


def _below(kind: Any, step: str) -> Any:
    """Find what lies under a key or a place of a part, a mapping or a list; of `Table | None` it is the Table."""
    below = _named(kind)[step].annotation if _is_part(kind) else get_args(kind)[get_origin(kind) is dict]
    return below if get_origin(below) in (dict, tuple) else next(filter(_is_part, (below, *get_args(below))), below)


def _is_part(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _named(model: type[BaseModel]) -> dict[str, Any]:
    return {field.alias or name: field for name, field in model.model_fields.items() if not field.exclude}
