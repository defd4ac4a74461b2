"""What interests compiles. Imported only where it is called (see contracts.compiled)."""

from __future__ import annotations

from typing import Any

import numpy as np

from tasks.contracts.compiled import compiled


@compiled
def sum_up_users(
    vectors: Any, rows: Any, weights: Any, starts: Any, sizes: Any, same: float, scale: float, rounds: int,
    centroids: Any, shares: Any,
) -> None:  # fmt: skip
    """Of user u with entries starts[u] to starts[u] + sizes[u] the centroids[u, c] and shares[u, c], 0 of none; see interests.

    same, 1 / scale, rounds: SAME_INTEREST, the least length, ROUNDS.
    """
    limit = shares.shape[1]
    for user in range(len(starts)):
        first, n_items = starts[user], sizes[user]
        items, heavy = np.empty((n_items, vectors.shape[1])), np.empty(n_items)
        for place in range(n_items):
            heavy[place] = weights[first + place]
            vector = vectors[rows[first + place]]
            for column in range(len(vector)):
                items[place, column] = vector[column]
        heavy /= heavy.max()
        cosines = np.dot(items, items.T)
        for place in range(n_items):
            for other in range(n_items):
                cosines[place, other] = np.rint(cosines[place, other] * scale) / scale
        cluster = _start(cosines, heavy, same, limit)
        for _ in range(rounds):
            if not _move(cosines, heavy, cluster, scale, limit):
                break
        _sum_up(items, heavy, cluster, scale, centroids[user], shares[user])


@compiled
def _start(cosines: Any, heavy: Any, same: float, limit: int) -> Any:
    """(l,) the start to which each item lies nearest: the first of equals."""
    nearest, cluster = np.full(len(heavy), -np.inf), np.zeros(len(heavy), np.int64)
    chosen = heavy.argmax()
    for turn in range(limit):
        gain, following = 0.0, -1
        for place in range(len(heavy)):
            if cosines[place, chosen] > nearest[place]:
                nearest[place], cluster[place] = cosines[place, chosen], turn
            if nearest[place] < same and heavy[place] * (1.0 - nearest[place]) > gain:
                gain, following = heavy[place] * (1.0 - nearest[place]), place
        if following < 0:
            break
        chosen = following
    return cluster


@compiled
def _move(cosines: Any, heavy: Any, cluster: Any, scale: float, limit: int) -> bool:
    """Each item to the cluster whose weighted sum is nearest, all at once; whether one has moved."""
    n_items = len(heavy)
    dots, squares = np.zeros((n_items, limit)), np.zeros(limit)
    for place in range(n_items):
        for other in range(n_items):
            dots[place, cluster[other]] += cosines[place, other] * heavy[other]
    for place in range(n_items):
        squares[cluster[place]] += heavy[place] * dots[place, cluster[place]]
    has_moved = False
    for place in range(n_items):
        highest, nearest = -np.inf, 0
        for other in range(limit):
            length = np.sqrt(max(squares[other], 0.0))
            if length > 1.0 / scale:
                cosine = np.rint(dots[place, other] / length * scale) / scale
                if cosine > highest:
                    highest, nearest = cosine, other
        has_moved |= nearest != cluster[place]
        cluster[place] = nearest
    return has_moved


@compiled
def _sum_up(items: Any, heavy: Any, cluster: Any, scale: float, centroids: Any, shares: Any) -> None:
    sums = np.zeros((len(shares), items.shape[1]))
    shares[:] = 0.0
    for place in range(len(heavy)):
        shares[cluster[place]] += heavy[place]
        total = sums[cluster[place]]
        for column in range(items.shape[1]):
            total[column] += heavy[place] * items[place, column]
    for one in range(len(shares)):
        length = np.sqrt((sums[one] * sums[one]).sum())
        if length > 1.0 / scale:
            for column in range(items.shape[1]):
                centroids[one, column] = sums[one, column] / length
        else:
            shares[one] = 0.0
    shares /= max(shares.sum(), 1e-300)
