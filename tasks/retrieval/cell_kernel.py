"""What cells and approximate_search compile. Imported only where it is called (see contracts.compiled)."""

from __future__ import annotations

from typing import Any

import numpy as np

from tasks.contracts.compiled import compiled
from tasks.contracts.copy_kernel import copy_rows

BINS = 4096
ONE, HALF_BINS = np.float32(1), np.float32(BINS // 2)


@compiled
def score_turns(
    queries: Any,
    asked: Any,
    turns: Any,
    visited: Any,
    begins: Any,
    members: Any,
    starts: Any,
    vectors: Any,
    scores: Any,
) -> None:
    """The products of queries[asked[i]] with the members of cell visited[i], from scores[begins[i]] on.

    turns: where another cell begins, and the end: all that ask of a cell are one product of two matrices.
    """
    widest = most = 0
    for turn in range(len(turns) - 1):
        cell = visited[turns[turn]]
        widest = max(widest, starts[cell + 1] - starts[cell])
        most = max(most, turns[turn + 1] - turns[turn])
    held = np.empty((widest, vectors.shape[1]), np.float32)
    asking = np.empty((most, vectors.shape[1]), np.float32)
    for turn in range(len(turns) - 1):
        first, n_asking = turns[turn], turns[turn + 1] - turns[turn]
        cell = visited[first]
        n_held = starts[cell + 1] - starts[cell]
        copy_rows(vectors, members[starts[cell] : starts[cell] + n_held], held)
        copy_rows(queries, asked[first : first + n_asking], asking)
        out = scores[begins[first] : begins[first] + n_asking * n_held].reshape((n_asking, n_held))
        np.dot(asking[:n_asking], held[:n_held].T, out)


@compiled
def find_least(scores: Any, begins: Any, sizes: Any, wanted: Any, slack: Any, least: Any, counts: Any) -> None:
    """least (rows,): below the wanted[r]-th best score of row r by slack, or by a bin more; counts: how many reach it.

    Row r has scores[begins[r, v] : begins[r, v] + sizes[r, v]] of each visit v; of few enough all are kept. Cosines are
    counted in BINS of equal width, for nobody needs to know which of them is the wanted[r]-th; what lies outside of
    [-1, 1) is counted in the first or the last.
    """
    n_in = np.empty(BINS, np.int64)
    for row in range(len(wanted)):
        counts[row], least[row] = sizes[row].sum(), -np.inf
        if counts[row] <= wanted[row]:
            continue
        n_in[:] = 0
        for visit in range(begins.shape[1]):
            for score in scores[begins[row, visit] :][: sizes[row, visit]]:
                n_in[min(max(int((score + ONE) * HALF_BINS), 0), BINS - 1)] += 1
        place, n_above = BINS - 1, n_in[BINS - 1]
        while n_above < wanted[row]:
            place -= 1
            n_above += n_in[place]
        if place > 0:
            least[row] = np.float32(place) / HALF_BINS - ONE - slack
        counts[row] = 0
        for visit in range(begins.shape[1]):
            counts[row] += _count_from(scores[begins[row, visit] :], least[row], sizes[row, visit])


@compiled
def _count_from(scores: Any, least: Any, size: int) -> int:
    n_from = 0
    for place in range(size):
        n_from += scores[place] >= least
    return n_from


@compiled
def take_nearest(
    scores: Any, begins: Any, sizes: Any, cells: Any, members: Any, starts: Any, least: Any, items: Any, worth: Any
) -> None:
    """The members that reach each row's least, row by row, and what they are worth."""
    place = 0
    for row in range(len(least)):
        for visit in range(begins.shape[1]):
            begin, own = begins[row, visit], starts[cells[row, visit]]
            for offset in range(sizes[row, visit]):
                if scores[begin + offset] >= least[row]:
                    items[place] = members[own + offset]
                    worth[place] = scores[begin + offset]
                    place += 1


@compiled
def take_largest(scores: Any, begins: Any, cells: Any, members: Any, starts: Any, found: Any) -> None:
    """found (rows, n): the members with the n highest scores of each row, which has at least n; of equals the first."""
    n_wanted = found.shape[1]
    highest = np.empty(n_wanted, np.float32)
    for row in range(len(found)):
        n_held = 0
        for visit in range(begins.shape[1]):
            own = starts[cells[row, visit]]
            for offset in range(starts[cells[row, visit] + 1] - own):
                score = scores[begins[row, visit] + offset]
                if n_held == n_wanted and not score > highest[n_wanted - 1]:
                    continue
                place = min(n_held, n_wanted - 1)
                while place > 0 and score > highest[place - 1]:
                    highest[place], found[row, place] = highest[place - 1], found[row, place - 1]
                    place -= 1
                highest[place], found[row, place] = score, members[own + offset]
                n_held = min(n_held + 1, n_wanted)
