"""How strong each item of a user is, from the orders in which a judge put some of them.

Bradley and Terry (1952) for pairs, Luce (1959) and Plackett (1975) for longer lists: with strengths s, the first of a list
is item i with probability exp(s_i) / sum exp(s_j), the second likewise among the rest, and so on. Strengths are those of
the highest posterior under a normal prior, the same as `choix.opt_rankings` finds (Maystre and Grossglauser 2015), a few
hundred times quicker: all lists of one length are one array. Pure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tasks.contracts.errors import StepError

PRIOR = 0.1
"""The penalty on s²: a normal prior with variance 1 / (2 * PRIOR), so that who always wins stays finite."""

TOLERANCE = 1e-8
MAX_STEPS = 100


@dataclass(frozen=True)
class Strengths:
    """values (n,): log-strengths, about 0 on average; errors (n,): their standard errors; n_lists (n,): lists each was in."""

    values: NDArray[np.float64]
    errors: NDArray[np.float64]
    n_lists: NDArray[np.int64]


def fit_strengths(orders: Sequence[Sequence[int]], n_items: int, *, prior: float = PRIOR) -> Strengths:
    """Strengths of items 0..n-1 from orders, each the numbers of two or more items, best first.

    The same items ordered several times (as shown the other way round) count as one list together, so that an item
    which wins only where it stands first comes out even, and no certainty comes from asking twice. An item in no list
    gets 0 with the prior's error. Raises StepError for an unknown or repeated item. O(steps * (lists * k² + n³)).
    """
    _check(orders, n_items)
    times = Counter(frozenset(order) for order in orders)
    groups: dict[int, list[Sequence[int]]] = {}
    for order in orders:
        groups.setdefault(len(order), []).append(order)
    lists = [
        (np.array(group, dtype=np.int64), np.array([1.0 / times[frozenset(order)] for order in group]))
        for group in groups.values()
    ]
    values = np.zeros(n_items)
    loss, gradient, hessian = _derive(values, lists, prior)
    for _ in range(MAX_STEPS):
        step = np.linalg.solve(hessian, gradient)
        scale = 1.0
        while _derive(values - scale * step, lists, prior)[0] > loss and scale > 1e-6:
            scale /= 2
        values = values - scale * step
        loss, gradient, hessian = _derive(values, lists, prior)
        if np.abs(scale * step).max(initial=0.0) < TOLERANCE:
            break
    errors = np.sqrt(np.diag(np.linalg.inv(hessian))) if n_items else np.zeros(0)
    n_lists = np.bincount([item for order in orders for item in order], minlength=n_items).astype(np.int64)
    return Strengths(values, errors, n_lists)


def _check(orders: Sequence[Sequence[int]], n_items: int) -> None:
    for order in orders:
        if len(order) < 2 or len(set(order)) < len(order) or not all(0 <= item < n_items for item in order):
            raise StepError(
                f"order {list(order)} of {n_items} items; give two or more different numbers below {n_items}"
            )


def _derive(
    values: NDArray[np.float64], lists: Sequence[tuple[NDArray[np.int64], NDArray[np.float64]]], prior: float
) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
    """The negative log posterior with its gradient and Hessian."""
    loss = prior * float(values @ values)
    gradient = 2 * prior * values
    hessian = 2 * prior * np.eye(len(values))
    for orders, weights in lists:
        length = orders.shape[1]
        scores = values[orders]
        scores = np.exp(scores - scores.max(axis=1, keepdims=True))
        # Stage j chooses the item at place j among those at j and after it.
        still_there = np.triu(np.ones((length - 1, length)))
        left = scores[:, None, :] * still_there
        shares = left / left.sum(axis=2, keepdims=True)
        chosen = np.einsum("njj->nj", shares[:, :, : length - 1])
        loss -= float(weights @ np.log(chosen).sum(axis=1))
        pull = shares.sum(axis=1)
        pull[:, : length - 1] -= 1.0
        np.add.at(gradient, orders, weights[:, None] * pull)
        blocks = -np.einsum("nsk,nsl->nkl", shares, shares)
        blocks[:, np.arange(length), np.arange(length)] += shares.sum(axis=1)
        np.add.at(hessian, (orders[:, :, None], orders[:, None, :]), weights[:, None, None] * blocks)
    return loss, gradient, hessian
