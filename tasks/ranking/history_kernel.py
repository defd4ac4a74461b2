"""What history_features compiles. Imported only where it is called (see contracts.compiled)."""

from __future__ import annotations

from typing import Any

import numpy as np

from tasks.contracts.compiled import compiled
from tasks.contracts.copy_kernel import copy_rows


@compiled
def compare_runs(
    vectors: Any, items: Any, order: Any, starts: Any, sizes: Any, histories: Any, history_rows: Any, firsts: Any,
    stops: Any, scale: float, best: Any, mean: Any, nearest: Any,
) -> None:  # fmt: skip
    """Of run r the pairs order[starts[r] :][: sizes[r]] with the entries firsts[r] to stops[r]; see compare_histories.

    Vectors: of the pair order[i] vectors[items[order[i]]], of entry e histories[history_rows[e]].
    """
    longest = most = 0
    for run in range(len(starts)):
        longest, most = max(longest, stops[run] - firsts[run]), max(most, sizes[run])
    held = np.empty((longest, vectors.shape[1]), np.float32)
    asked = np.empty((most, vectors.shape[1]), np.float32)
    rows, space = np.empty(most, np.int64), np.empty(longest * most, np.float32)
    for run in range(len(starts)):
        n_entries, n_pairs = stops[run] - firsts[run], sizes[run]
        if n_entries == 0:
            continue
        for place in range(n_pairs):
            rows[place] = items[order[starts[run] + place]]
        copy_rows(histories, history_rows[firsts[run] : stops[run]], held)
        copy_rows(vectors, rows[:n_pairs], asked)
        dots = space[: n_pairs * n_entries].reshape((n_pairs, n_entries))
        np.dot(asked[:n_pairs], held[:n_entries].T, dots)
        for place in range(n_pairs):
            pair = order[starts[run] + place]
            found, highest, total = 0, -np.inf, 0.0
            for entry in range(n_entries):
                total += np.float64(dots[place, entry])
                rounded = np.rint(np.float64(dots[place, entry]) * scale)
                if rounded > highest:
                    found, highest = entry, rounded
            best[pair], mean[pair], nearest[pair] = highest / scale, total / n_entries, firsts[run] + found
