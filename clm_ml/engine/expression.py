"""Expressions over columns, as a config may write them, made safe.

The engine parses them; they pass only if every part is a column that exists, a constant, or a function listed
here. So nothing they say can reach a file, another table or a setting.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from clm_ml.errors import ConfigError, DataError, did_you_mean

__all__ = ["as_literal", "expression_to_sql", "quoted"]

#: Classes of nodes in DuckDB's syntax tree, and functions, that an expression may be made of.
_NODES = frozenset({
    "COLUMN_REF", "CONSTANT", "FUNCTION", "OPERATOR", "COMPARISON", "CONJUNCTION", "CAST", "TYPE", "CASE", "BETWEEN",
})  # fmt: skip
_ARITHMETIC = frozenset({"+", "-", "*", "/", "%", "//"})
_FUNCTIONS = _ARITHMETIC | {
    "abs", "ceil", "floor", "greatest", "least", "round",
    "coalesce", "if", "ifnull", "nullif",
    "concat", "contains", "ends_with", "left", "length", "lower", "lpad", "ltrim", "regexp_extract", "regexp_matches",
    "regexp_replace", "replace", "right", "rtrim", "split_part", "starts_with", "substr", "substring", "trim", "upper",
    "||", "~~", "!~~", "~~*", "!~~*",
    "date_trunc", "make_date", "strptime", "try_strptime",
}  # fmt: skip

Rows = Callable[[str], list[tuple[Any, ...]]]


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


def expression_to_sql(text: str, types: Mapping[str, str], where: str, rows: Rows) -> str:
    """Turn a column's name or an expression into SQL that is safe to run.

    Text columns that are calculated with, or compared with a number, are read as numbers; what cannot be read
    becomes null, and so does a failed cast.

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
        if node["class"] == "CAST":
            node["try_cast"] = True
    texts = {column.casefold() for column, kind in types.items() if kind == "VARCHAR"}
    cast = _parse('TRY_CAST("x" AS DOUBLE)', where, rows)["statements"][0]["node"]["select_list"][0]
    for column in [c for node in _nodes(item) for c in _calculated(node) if c["column_names"][0].casefold() in texts]:
        inner = dict(column)
        column.clear()
        column.update(copy.deepcopy(cast) | {"child": inner})
    sql: str = rows(f"SELECT json_deserialize_sql({as_literal(json.dumps(tree))}::JSON)")[0][0]
    return "(" + sql.removeprefix("SELECT ").rstrip(";") + ")"


def _parse(text: str, where: str, rows: Rows) -> dict[str, Any]:
    tree: dict[str, Any] = json.loads(rows(f"SELECT json_serialize_sql({as_literal('SELECT ' + text)})")[0][0])
    if tree.get("error") or len(tree["statements"]) != 1:
        raise ConfigError(f"{where}: {text!r} is neither a column nor an expression over columns.")
    node = tree["statements"][0]["node"]
    bare = node.get("type") == "SELECT_NODE" and node.get("from_table", {}).get("type") == "EMPTY"
    if not bare or len(node["select_list"]) != 1 or node.get("where_clause") or node.get("modifiers"):
        raise ConfigError(f"{where}: {text!r} must be one expression over columns.")
    return tree


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    if isinstance(tree, dict):
        if "class" in tree:
            yield tree
        for child in tree.values():
            yield from _nodes(child)
    elif isinstance(tree, list):
        for child in tree:
            yield from _nodes(child)


def _refuse_unknown(node: dict[str, Any], types: Mapping[str, str], where: str) -> None:
    kind = node["class"]
    if kind not in _NODES:
        raise ConfigError(f"{where}: {kind.lower().replace('_', ' ')} is not allowed in an expression.")
    if kind == "FUNCTION" and node["function_name"].lower() not in _FUNCTIONS:
        raise ConfigError(f"{where}: the function {node['function_name']} is not allowed in an expression.")
    if kind == "COLUMN_REF":
        name = ".".join(node["column_names"])
        if name.casefold() not in {column.casefold() for column in types}:
            raise DataError(f"{where}: there is no column {name!r}{did_you_mean(name, types) or _some(types)}")


def _some(columns: Iterable[str]) -> str:
    return f"; there are {', '.join(list(columns)[:12])}."


def _calculated(node: dict[str, Any]) -> list[dict[str, Any]]:
    """Find the columns that a node calculates with, or compares with a number."""
    if node["class"] == "FUNCTION" and node["function_name"] in _ARITHMETIC:
        sides = [argument["expression"] for argument in node["arguments"]]
    elif node["class"] in ("COMPARISON", "BETWEEN"):
        sides = [node[side] for side in ("left", "right", "input", "lower", "upper") if side in node]
        if not any(side.get("literal", {}).get("kind") in ("INTEGER", "NUMERIC") for side in sides):
            sides = []
    else:
        sides = []
    return [side for side in sides if side["class"] == "COLUMN_REF"]
