"""The whole config as a commented YAML: every key, what it means, and its default."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from clm_ml.config.contract import COLUMNS
from clm_ml.config.schema import Config
from clm_ml.config.segments import SegmentRule
from clm_ml.config.sources import Input

__all__ = ["commented"]

#: What stands for the names that a project gives, where a key holds a part for each of several.
_A_NAME = {"playbook": "at_risk"}


def commented(model: type[BaseModel] = Config) -> str:
    """Write every key with its meaning and default, as a YAML to start from.

    What must be filled in has `…` as its value. Optional parts, such as tables one may not have, are written as
    comments: take the first `# ` of their lines away to have them.

    >>> from clm_ml.config import Lapse
    >>> print(commented(Lapse))
    # Lapsed (just stopped) from this many gaps on.
    after_gaps: 2.0
    # Gone from this many gaps on.
    gone_after_gaps: 4.0
    # Nobody is lapsed before this many days.
    at_least_days: 14
    """
    lines = [_key(model, name, field) for name, field in model.model_fields.items() if not field.exclude]
    return "\n".join(line for key in lines for line in key)


def _key(model: type[BaseModel], name: str, field: FieldInfo) -> list[str]:
    part = _part(field)
    if _are_rules(field.default):
        return [f"# {field.description}", f"{name}:", *_rules(field.default)]
    if part is None:
        value = _columns(model) if name == "columns" and issubclass(model, Input) else _default(field)
        return [f"# {field.description}", f"{name}: {value}".rstrip()]
    inner = [f"  {line}" for line in commented(part).splitlines()]
    if field.default == {}:  # a part for each name one gives
        inner = [f"  {_A_NAME[name]}:", *(f"  {line}" for line in inner)]
    lines = [f"# {field.description}", f"{name}:", *inner]
    optional = not field.is_required() and not field.default
    return [f"# {line}" for line in lines] if optional else lines


def _columns(table: type[Input]) -> str:
    needed, optional = COLUMNS[table.table]
    more = f"  # optional: {', '.join(optional)}" if optional else ""
    return f"{{{', '.join(f'{column}: …' for column in needed)}}}{more}"


def _are_rules(default: Any) -> bool:
    return isinstance(default, dict) and any(isinstance(value, SegmentRule) for value in default.values())


def _rules(rules: dict[str, SegmentRule]) -> list[str]:
    """Write each segment on a line of its own."""
    return [f"  {name}: {_in_flow(rule.written())}" for name, rule in rules.items()]


def _part(field: FieldInfo) -> type[BaseModel] | None:
    """Find the model whose keys a field holds, as in `Table`, `Table | None` and `dict[str, Table]`."""
    kinds = [field.annotation, *getattr(field.annotation, "__args__", ())]
    return next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)), None)


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "…"
    if field.default is None:
        return ""
    plain: Any = field.default
    plain = str(plain) if isinstance(plain, Path) else list(plain) if isinstance(plain, tuple) else plain
    return _in_flow(plain)


def _in_flow(plain: Any) -> str:
    text: str = yaml.safe_dump(plain, default_flow_style=True, sort_keys=False, width=10_000)
    return text.removesuffix("\n").removesuffix("\n...")
