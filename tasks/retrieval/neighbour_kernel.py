"""What item_to_item compiles. Imported only where it is called (see contracts.compiled)."""

from __future__ import annotations

from typing import Any

import numpy as np

from tasks.contracts.compiled import compiled


@compiled
def find_nearest(
    starts: Any, users: Any, weights: Any, user_starts: Any, items: Any, user_weights: Any,
    norms: Any, damping: float, nearest: Any, similarities: Any, counts: Any,
) -> None:  # fmt: skip
    """Of item a nearest[a, : counts[a]] and their similarities, the highest first, of equals the lower item (see fit_neighbours).

    (starts, users, weights): who chose each item; (user_starts, items, user_weights): what each user chose, both as CSR.
    Weights are above 0. The products of one item with all are summed in one row of all items, in the order of its users, as
    SciPy does; of that row only what is not 0 is looked at, and made 0 again.
    """
    sums, met = np.zeros(len(norms), weights.dtype), np.empty(len(norms), np.int32)
    for item in range(len(norms)):
        n_met = 0
        for place in range(starts[item], starts[item + 1]):
            user, weight = users[place], weights[place]
            for entry in range(user_starts[user], user_starts[user + 1]):
                other = items[entry]
                before = sums[other]
                sums[other] = before + weight * user_weights[entry]
                if before == 0 and sums[other] != 0:
                    met[n_met] = other
                    n_met += 1
        for other in met[:n_met]:
            product, divisor = sums[other], norms[item] * norms[other] + damping
            sums[other] = 0
            # A weight whose square is too small for a float has no length; a compiled division by 0 would end the night.
            if other != item and product > 0 and divisor > 0:
                counts[item] = _keep(nearest[item], similarities[item], counts[item], other, product / divisor)


@compiled
def _keep(nearest: Any, similarities: Any, n_kept: int, other: int, similarity: float) -> int:
    """Put one item in its place among the n_kept, unless all are nearer; returns how many there are now."""
    place = n_kept
    while place > 0 and (
        similarity > similarities[place - 1] or (similarity == similarities[place - 1] and other < nearest[place - 1])
    ):
        place -= 1
    if place == len(nearest):
        return n_kept
    n_now = min(n_kept + 1, len(nearest))
    for later in range(n_now - 1, place, -1):
        nearest[later], similarities[later] = nearest[later - 1], similarities[later - 1]
    nearest[place], similarities[place] = other, similarity
    return n_now
