"""What pair_runs compiles. Imported only where it is called (see contracts.compiled)."""

from __future__ import annotations

from typing import Any

import numpy as np

from tasks.contracts.compiled import compiled


@compiled
def add_entries(starts: Any, columns: Any, weights: Any, users: Any, items: Any, table: Any, sums: Any) -> None:
    """sums[p]: weights[e] * table[users[p], columns[e]] over the entries e of items[p], added in their order."""
    for pair in range(len(items)):
        values, total = table[users[pair]], 0.0
        for entry in range(starts[items[pair]], starts[items[pair] + 1]):
            total += np.float64(weights[entry]) * values[columns[entry]]
        sums[pair] = total
