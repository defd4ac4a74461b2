"""What tree_scores compiles. Imported only where it is called (see contracts.compiled)."""

from __future__ import annotations

from typing import Any

import numpy as np

from tasks.contracts.compiled import compiled

CHUNK = 512
"""Rows at once: what is held of them fits the processor's nearest cache."""


@compiled
def add_tree_scores(
    values: Any, total: Any, bounds: Any, columns: Any, thresholds: Any, nan_left: Any, lefts: Any, rights: Any,
    leaf_bounds: Any, leaves: Any, most_splits: int,
) -> None:  # fmt: skip
    """See tree_scores.Trees; values: (columns, rows), in the order of memory."""
    n_leaves = most_splits + 1
    # Which leaf each row reaches: below a leaf itself, and from n_leaves on below the splits of a tree.
    reached = np.empty((n_leaves + most_splits, CHUNK), np.uint8)
    for leaf in range(n_leaves):
        reached[leaf, :] = leaf
    for start in range(0, len(total), CHUNK):
        size = min(CHUNK, len(total) - start)
        for tree in range(len(bounds) - 1):
            first = bounds[tree]
            n_splits = bounds[tree + 1] - first
            # A split's followers have higher numbers, so theirs are known already.
            for place in range(n_splits - 1, -1, -1):
                split = first + place
                left = reached[n_leaves + lefts[split] if lefts[split] >= 0 else ~lefts[split]]
                right = reached[n_leaves + rights[split] if rights[split] >= 0 else ~rights[split]]
                column, here = values[columns[split]][start:], reached[n_leaves + place]
                if nan_left[split]:
                    _pick_right_above(column, thresholds[split], left, right, here, size)
                else:
                    _pick_left_up_to(column, thresholds[split], left, right, here, size)
            top = reached[n_leaves] if n_splits else reached[0]
            _add_leaves(total[start:], leaves[leaf_bounds[tree] :], top, size)


@compiled
def _pick_right_above(column: Any, threshold: Any, left: Any, right: Any, here: Any, size: int) -> None:
    for row in range(size):
        # Both are read first: a choice between two numbers is no jump.
        below, above = left[row], right[row]
        here[row] = above if column[row] > threshold else below


@compiled
def _pick_left_up_to(column: Any, threshold: Any, left: Any, right: Any, here: Any, size: int) -> None:
    for row in range(size):
        below, above = left[row], right[row]
        here[row] = below if column[row] <= threshold else above


@compiled
def _add_leaves(total: Any, leaves: Any, reached: Any, size: int) -> None:
    for row in range(size):
        total[row] += leaves[reached[row]]
