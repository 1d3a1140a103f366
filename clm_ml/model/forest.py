"""LightGBM's trees, read from their text and asked of many rows at once: the same bits, three times as fast.

Each tree's leaves are bits of a word, and several trees share one. A condition that a row does not meet rules out
the leaves on its left; what is left over after all conditions, the lowest bit tells the row's leaf (QuickScorer,
Lucchese et al. 2015). Which leaves a feature's value rules out is looked up, not compared: by the interval between
thresholds that the value falls into.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from clm_ml.errors import ArtifactError

__all__ = ["Forest", "read_forest"]

Floats = np.ndarray[Any, np.dtype[np.float64]]
Words = np.ndarray[Any, np.dtype[np.uint64]]
Places = np.ndarray[Any, np.dtype[np.intp]]

_BLOCK = 8_192  # rows at a time: what is looked up for them stays in the processor's cache
_ALL = np.uint64(2**64 - 1)
_WORD = {8: np.uint8, 16: np.uint16, 32: np.uint32, 64: np.uint64}


@dataclass(frozen=True)
class _Node:
    """A condition `feature <= threshold`, and the leaves on its left, which a row that does not meet it rules out."""

    feature: int
    threshold: float
    missing_meets: bool
    first_leaf: int
    leaves: int


Tree = tuple[Floats, list[_Node]]


@dataclass(frozen=True)
class _Group:
    """As many trees as share a word: what each feature's intervals leave over, and each tree's values by leaf."""

    left_over: Mapping[int, Words]
    values: Floats


@dataclass(frozen=True)
class Forest:
    """Several models of trees: the values of a model's trees add up to its raw score, and the models' mean is ours.

    Attributes:
        thresholds: each feature's, ascending: interval i ends at threshold i, which belongs to it; then comes one
            interval beyond the last, and one for what is missing.
        models: each one's trees, in their order.
        bits: those of one tree in a word.
    """

    thresholds: Mapping[int, Floats]
    models: tuple[tuple[_Group, ...], ...]
    bits: int

    def raw(self, values: Floats) -> Floats:
        """Give each row's raw score, the mean of the models'; a column per feature, NaN where it is missing."""
        scores = np.zeros((len(self.models), len(values)))
        for start in range(0, len(values), _BLOCK):
            block = slice(start, start + _BLOCK)
            intervals = self._intervals(values[block])
            for groups, mine in zip(self.models, scores, strict=True):
                for group in groups:
                    self._add(group, intervals, mine[block])
        return np.mean(scores, axis=0)

    def _intervals(self, values: Floats) -> dict[int, Places]:
        found = {}
        for feature, thresholds in self.thresholds.items():
            column = np.ascontiguousarray(values[:, feature])
            found[feature] = np.searchsorted(thresholds, column)
            found[feature][np.isnan(column)] = len(thresholds) + 1
        return found

    def _add(self, group: _Group, intervals: Mapping[int, Places], scores: Floats) -> None:
        words, found = np.full(len(scores), _ALL), np.empty(len(scores), np.uint64)
        for feature, left_over in group.left_over.items():
            left_over.take(intervals[feature], out=found, mode="clip")
            words &= found
        kind = _WORD[self.bits]
        trees = words.view(kind).reshape(len(scores), -1)
        leaves = np.bitwise_count((trees & -trees) - kind(1))  # as many zeros stand below the lowest one
        for number, values in enumerate(group.values):
            scores += values.take(leaves[:, number])


def read_forest(texts: Sequence[str]) -> Forest:
    """Read models in LightGBM's text format; nothing in them is executed.

    Raises:
        ArtifactError: if one is none, or has trees of another make than ours: with categories, or over 64 leaves.
    """
    try:
        models = [[_read_tree(block) for block in text.split("\nTree=")[1:]] for text in texts]
        most = max(len(values) for trees in models for values, _ in trees)
        bits = next(bits for bits in _WORD if most <= bits)
    except (KeyError, ValueError, IndexError, StopIteration, RecursionError):
        raise ArtifactError("a booster in the model box cannot be read: the box is damaged.") from None
    met = {(node.feature, node.threshold) for trees in models for _, nodes in trees for node in nodes}
    features = sorted({feature for feature, _ in met})
    thresholds = {feature: np.array(sorted(edge for at, edge in met if at == feature)) for feature in features}
    return Forest(thresholds, tuple(_groups(trees, thresholds, bits) for trees in models), bits)


def _read_tree(block: str) -> Tree:
    """Read a tree's values in the order of its leaves from left to right, and its conditions."""
    lines = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
    values = np.array(lines["leaf_value"].split(), dtype=np.float64)
    if len(values) == 1:
        return values, []
    if lines.get("num_cat", "0") != "0":
        raise ValueError("categories")
    columns = ("split_feature", "threshold", "decision_type", "left_child", "right_child")
    told = list(zip(*(lines[column].split() for column in columns), strict=True))
    order: list[int] = []
    nodes = list(_nodes(told, 0, order))
    return values[order], nodes


def _nodes(told: list[tuple[str, ...]], place: int, order: list[int]) -> Iterator[_Node]:
    """Walk a tree from left to right; `order` collects its leaves, which LightGBM numbers as they came to be."""
    if place < 0:
        order.append(~place)
        return
    feature, threshold, decision, left, right = told[place]
    first = len(order)
    yield from _nodes(told, int(left), order)
    has_missing, by_default = int(decision) >> 2 & 3, bool(int(decision) >> 1 & 1)
    if has_missing == 1:
        raise ValueError("zero as missing")
    meets = by_default if has_missing else float(threshold) >= 0  # where none was seen in training, missing is 0
    yield _Node(int(feature), float(threshold), meets, first, len(order) - first)
    yield from _nodes(told, int(right), order)


def _groups(trees: list[Tree], thresholds: Mapping[int, Floats], bits: int) -> tuple[_Group, ...]:
    at_once = 64 // bits
    starts = range(0, len(trees), at_once)
    return tuple(_group(trees[start : start + at_once], thresholds, bits) for start in starts)


def _group(trees: list[Tree], thresholds: Mapping[int, Floats], bits: int) -> _Group:
    left_over: dict[int, Words] = {}
    values = np.zeros((64 // bits, bits))
    for number, (leaves, nodes) in enumerate(trees):
        values[number, : len(leaves)] = leaves
        for node in nodes:
            edges = thresholds[node.feature]
            kept = left_over.setdefault(node.feature, np.full(len(edges) + 2, _ALL))
            ruled_out = ((1 << node.leaves) - 1) << (node.first_leaf + number * bits)
            kept[np.searchsorted(edges, node.threshold) + 1 : -1] &= ~np.uint64(ruled_out)
            if not node.missing_meets:
                kept[-1] &= ~np.uint64(ruled_out)
    return _Group(left_over, values)
