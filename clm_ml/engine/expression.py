"""Expressions over columns, as a config may write them, made safe.

The engine parses them; they pass only if every part is a column that exists, a constant, or a function listed
here. So nothing they say can reach a file, another table or a setting.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from clm_ml.errors import ConfigError, DataError, did_you_mean

__all__ = ["Rows", "as_literal", "expression_to_sql", "is_text_type", "quoted"]

Rows = Callable[[str], list[tuple[Any, ...]]]
Node = dict[str, Any]

#: Classes of nodes in DuckDB's syntax tree, and functions, that an expression may be made of.
_NODES = frozenset({
    "COLUMN_REF", "CONSTANT", "FUNCTION", "OPERATOR", "COMPARISON", "CONJUNCTION", "CAST", "TYPE", "CASE", "BETWEEN",
})  # fmt: skip
_CALCULATIONS = frozenset({"+", "-", "*", "/", "%", "//", "abs", "ceil", "floor", "round"})
_CHOICES = frozenset({"greatest", "if", "least", "nullif"})
_TEXTUAL = frozenset({
    "concat", "left", "lower", "lpad", "ltrim", "regexp_extract", "regexp_replace", "replace", "right", "rtrim",
    "split_part", "substr", "substring", "trim", "upper", "||",
})  # fmt: skip
_FUNCTIONS = _CALCULATIONS | _CHOICES | _TEXTUAL | {
    "contains", "ends_with", "isfinite", "isnan", "length", "regexp_matches", "starts_with", "~~", "!~~", "~~*", "!~~*",
    "date_trunc", "make_date", "strptime", "to_timestamp", "try_strptime",
}  # fmt: skip


_LONGEST_SHOWN = 60


def quoted(name: str) -> str:
    """Write a column's name so that the engine takes it to the letter.

    >>> print(quoted("Customer ID"))
    "Customer ID"
    """
    return '"' + name.replace('"', '""') + '"'


def as_literal(value: str) -> str:
    """Write a text so that the engine takes it as a constant.

    >>> print(as_literal("O'Neill"))
    'O''Neill'
    """
    return "'" + value.replace("'", "''") + "'"


def is_text_type(kind: str) -> bool:
    """Say whether a column's type is text, or a list of allowed texts."""
    return kind == "VARCHAR" or kind.startswith("ENUM")


def expression_to_sql(text: str, types: Mapping[str, str], where: str, rows: Rows) -> str:
    """Turn a column's name or an expression into SQL that is safe to run.

    Text that is calculated with, or compared with numbers, is read as numbers. Where an expression
    cannot be computed for a row (a failed cast, an overflow), it is null.

    Args:
        text: a column's name, or an expression over columns.
        types: the columns there are, and their types.
        where: the config's key, for the error.
        rows: runs a query on the engine, for its parser.

    Raises:
        DataError: if it names a column that is not there.
        ConfigError: if it is no expression, or uses what is not allowed.
    """
    if text in types:
        return quoted(text)
    tree = _parse(text, where, rows)
    item = tree["statements"][0]["node"]["select_list"][0]
    for node in list(_nodes(item)):
        _refuse_unknown(node, types, where)
    texts = {column.casefold() for column, kind in types.items() if is_text_type(kind)}
    cast = _parse('TRY_CAST("x" AS DOUBLE)', where, rows)["statements"][0]["node"]["select_list"][0]
    for side in [side for node in _nodes(item) for side in _numeric_sides(node) if _is_textual(side, texts)]:
        as_written = dict(side)
        side.clear()
        side.update(cast | {"child": as_written})
    sql: str = rows(f"SELECT json_deserialize_sql({as_literal(json.dumps(tree))}::JSON)")[0][0]
    return "TRY(" + sql.removeprefix("SELECT ").rstrip(";") + ")"


def _parse(text: str, where: str, rows: Rows) -> Node:
    tree: Node = json.loads(rows(f"SELECT json_serialize_sql({as_literal('SELECT ' + text)})")[0][0])
    if tree.get("error") or len(tree["statements"]) != 1:
        raise ConfigError(f"{where}: {text!r} is neither a column nor an expression over columns.")
    if not _is_bare(tree["statements"][0]["node"]):
        raise ConfigError(f"{where}: {text!r} must be one expression over columns.")
    return tree


def _is_bare(node: Node) -> bool:
    """Say whether a SELECT selects one thing, from nowhere, with nothing around it."""
    parts = ("where_clause", "group_expressions", "group_sets", "having", "qualify", "sample", "modifiers")
    return (
        node["type"] == "SELECT_NODE"
        and node["from_table"]["type"] == "EMPTY"
        and node["aggregate_handling"] == "STANDARD_HANDLING"
        and not any(node.get(part) for part in parts)
        and not node.get("cte_map", {}).get("map")
        and len(node["select_list"]) == 1
        and not node["select_list"][0].get("alias")
    )


def _nodes(tree: Any) -> Iterator[Node]:
    if isinstance(tree, dict):
        if "class" in tree:
            yield tree
        for child in tree.values():
            yield from _nodes(child)
    elif isinstance(tree, list):
        for child in tree:
            yield from _nodes(child)


def _refuse_unknown(node: Node, types: Mapping[str, str], where: str) -> None:
    kind = node["class"]
    if kind not in _NODES:
        raise ConfigError(f"{where}: {kind.lower().replace('_', ' ')} is not allowed in an expression.")
    if kind == "FUNCTION" and (_function(node) not in _FUNCTIONS or node["schema"]):
        raise ConfigError(f"{where}: the function {node['function_name']} is not allowed in an expression.")
    if kind == "COLUMN_REF":
        name = ".".join(node["column_names"])
        if name.casefold() not in {column.casefold() for column in types}:
            raise DataError(f"{where}: there is no column {name!r}{did_you_mean(name, types) or _some(types)}")


def _some(columns: Iterable[str]) -> str:
    """List columns for a person; a header that is a row of data is no list of columns, and is not shown."""
    names = list(columns)
    if any(re.fullmatch(r"[-+]?\d[\d.,:/ TZ-]*|.*@.*", name) for name in names):
        return "; the first line of the file does not look like a header."
    shown = [name if len(name) <= _LONGEST_SHOWN else f"{name[:_LONGEST_SHOWN]}…" for name in names[:12]]
    return f"; there are {', '.join(shown)}{', …' if len(names) > 12 else ''}."


def _function(node: Node) -> str:
    return str(node.get("function_name", "")).lower()


def _numeric_sides(node: Node) -> list[Node]:
    """Find what a node calculates with, or chooses from and compares with when one of it is a number."""
    sides = _sides(node)
    return sides if _function(node) in _CALCULATIONS or any(map(_is_number, sides)) else []


def _sides(node: Node) -> list[Node]:
    """Find the parts of a node that must be of one type: what it calculates with, compares or chooses from."""
    kind = node["class"]
    if _function(node) in _CALCULATIONS | _CHOICES:
        arguments = [argument["expression"] for argument in node["arguments"]]
        return arguments[1:] if _function(node) == "if" else arguments
    if kind in ("COMPARISON", "BETWEEN"):
        return [node[side] for side in ("left", "right", "input", "lower", "upper") if side in node]
    if kind == "CASE":
        return [*(check["then_expr"] for check in node["case_checks"]), node["else_expr"]]
    if node.get("type") in ("OPERATOR_COALESCE", "OPERATOR_NULLIF", "COMPARE_IN", "COMPARE_NOT_IN"):
        return list(node["children"])
    return []


def _is_number(node: Node) -> bool:
    return node.get("literal", {}).get("kind") in ("INTEGER", "NUMERIC") or _function(node) in _CALCULATIONS


def _is_textual(node: Node, columns: set[str]) -> bool:
    """Say whether a node gives text: a text column, a function of text, or a choice from texts."""
    if node["class"] == "COLUMN_REF":
        return ".".join(node["column_names"]).casefold() in columns
    if _function(node) in _TEXTUAL:
        return True
    chosen = [] if node["class"] in ("COMPARISON", "BETWEEN") or _numeric_sides(node) else _sides(node)
    return any(_is_textual(side, columns) for side in chosen)
