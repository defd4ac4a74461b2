"""The scores of LightGBM's trees without LightGBM, for very many rows: the same to the last bit, several times faster.

LightGBM follows each row through each tree, and the processor cannot foresee where a row turns. Here every split of a tree
is asked of a few hundred rows at once, and answers are put together from the leaves up without a jump, so that many rows go
through one instruction (the idea is that of Lucchese and others, "QuickScorer", SIGIR 2015: ask by feature, not by path).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

IntVector = NDArray[np.int64]

MOST_LEAVES = 256
"""A leaf's number fits into a byte."""

ALMOST_ZERO = np.float32(1e-35)
NAN_LEFT = 2
MISSING_BY_ZERO, MISSING_BY_NAN = 1, 2


@dataclass(frozen=True)
class Trees:
    """The trees of one model, end to end. Splits of tree t: bounds[t] to bounds[t + 1]; its leaves: leaf_bounds likewise.

    Split i asks whether columns[i] of a row is at most thresholds[i]; nan_left[i]: a NaN counts as if it were. lefts and
    rights: the split that follows, of the same tree and always a later one, or ~leaf. leaves: their values.
    """

    bounds: IntVector
    columns: IntVector
    thresholds: NDArray[np.float32]
    nan_left: NDArray[np.bool_]
    lefts: IntVector
    rights: IntVector
    leaf_bounds: IntVector
    leaves: NDArray[np.float64]

    @property
    def most_splits(self) -> int:
        """Of one tree."""
        return int(np.diff(self.bounds).max(initial=0))


@lru_cache(maxsize=8)
def read_trees(text: str, places: tuple[int, ...]) -> Trees | None:
    """The trees of a model as LightGBM writes it; places: the features that rows will have, in the order of their columns.

    None where a tree is of a kind that only LightGBM scores: more than MOST_LEAVES, splits by category, zeros that are
    missing, linear leaves. O(text).
    """
    column_of = {place: column for column, place in enumerate(places)}
    read = [_read_tree(part, column_of) for part in text.split("\nTree=")[1:]]
    trees = [tree for tree in read if tree is not None]
    if len(trees) < len(read):
        return None

    def join(name: str, dtype: Any) -> Any:
        return np.concatenate([np.empty(0, dtype), *(np.asarray(tree[name], dtype) for tree in trees)])

    thresholds = join("threshold", np.float64)
    decisions = join("decision_type", np.int64)
    by_nan = decisions >> 2 & 3 == MISSING_BY_NAN
    # Where nothing was missing in training, LightGBM takes a NaN for a 0.
    nan_left = np.where(by_nan, decisions & NAN_LEFT > 0, thresholds >= 0)
    return Trees(
        bounds=np.cumsum([0, *(len(tree["threshold"]) for tree in trees)]),
        columns=join("split_feature", np.int64),
        thresholds=_not_above(thresholds),
        nan_left=nan_left,
        lefts=join("left_child", np.int64),
        rights=join("right_child", np.int64),
        leaf_bounds=np.cumsum([0, *(len(tree["leaf_value"]) for tree in trees)]),
        leaves=join("leaf_value", np.float64),
    )


def add_scores(trees: Trees, values: NDArray[np.float32], total: NDArray[np.float64]) -> None:
    """Add to total (rows,) what the trees say of values (columns, rows). The first call of a process compiles, a second or two.

    O(rows * splits), of which one instruction does many; other threads run meanwhile.
    """
    from tasks.ranking.tree_kernel import add_tree_scores

    add_tree_scores(
        np.ascontiguousarray(values), total, trees.bounds, trees.columns, trees.thresholds, trees.nan_left,
        trees.lefts, trees.rights, trees.leaf_bounds, trees.leaves, trees.most_splits,
    )  # fmt: skip


def _read_tree(part: str, column_of: Mapping[int, int]) -> dict[str, list[Any]] | None:
    # What follows the blank line is of the whole model.
    said = dict(line.split("=", 1) for line in part.split("\n\n")[0].splitlines() if "=" in line)
    names = ("split_feature", "left_child", "right_child", "decision_type")
    numbers = {name: [int(value) for value in said.get(name, "").split()] for name in names}
    is_unknown = (
        int(said["num_leaves"]) > MOST_LEAVES or said.get("num_cat", "0") != "0" or said.get("is_linear", "0") != "0"
    )
    if is_unknown or any(decision >> 2 & 3 == MISSING_BY_ZERO for decision in numbers["decision_type"]):
        return None
    columns = [column_of[place] for place in numbers["split_feature"]]
    thresholds = [float(value) for value in said.get("threshold", "").split()]
    leaves = [float(value) for value in said["leaf_value"].split()]
    return {**numbers, "split_feature": columns, "threshold": thresholds, "leaf_value": leaves}


def _not_above(thresholds: NDArray[np.float64]) -> NDArray[np.float32]:
    """32-bit thresholds: a 32-bit value is at most one where LightGBM finds it at most the other.

    That is the largest 32-bit number that is not above, but LightGBM takes what is at most ALMOST_ZERO from 0 for 0.
    """
    with np.errstate(over="ignore"):
        near = thresholds.astype(np.float32)
    found = np.where(near.astype(np.float64) > thresholds, np.nextafter(near, np.float32(-np.inf)), near)
    is_near = np.abs(thresholds) <= ALMOST_ZERO
    return np.where(is_near, np.where(thresholds < 0, np.nextafter(-ALMOST_ZERO, np.float32(-1)), ALMOST_ZERO), found)
