"""Vectors parted into cells of near ones, so that a search need not look at all of them.

Source: the inverted file of Jegou, Douze and Schmid, "Product quantization for nearest neighbor search", TPAMI 2011. The
centres are those of faiss's spherical k-means on a sample; where there are many, they lie in cells of their own, here
called groups, so that a vector is compared with a few hundred of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import faiss
import numpy as np

from tasks.contracts.dots import map_on_threads
from tasks.retrieval.item_index import FloatMatrix, FloatVector, IntVector
from tasks.retrieval.order import run_starts

MIN_VECTORS_PER_CELL = 40
TRAINING_VECTORS_PER_CELL = 20
TRAINING = ((2, 4), (1, 1))
"""Every 2nd vector of the sample for 4 rounds, then each for 1: more moves no recall, which is measured afterwards."""
LOOKED_AT = 12
"""Groups of cells in which a vector looks for those that are near; the nearest centre nearly always is among them."""
SPARE = 8
"""Where these groups have fewer than so many centres for each that is wanted, all centres are looked at."""
MIN_GROUPS = 2 * LOOKED_AT
ASKED_AT_ONCE = 8192
"""Queries whose products with centres are made at once: fewer share the reading of a group."""
COMPARED_AT_ONCE = 1 << 22
"""Products of queries and centres that are made at once: they fit the processor's cache."""
FEW = 8
SEED = 7


@dataclass(frozen=True)
class Cells:
    """c cells, none of them empty. members[starts[i] : starts[i + 1]] are the rows in cell i, ascending."""

    centres: Centres
    members: IntVector
    starts: IntVector

    def __len__(self) -> int:
        return len(self.centres.vectors)

    @cached_property
    def sizes(self) -> IntVector:
        """(c,) rows of each cell."""
        return np.diff(self.starts)

    def score(
        self, queries: FloatMatrix, asked: IntVector, cells: IntVector, vectors: FloatMatrix
    ) -> tuple[FloatMatrix, IntVector]:
        """The products of queries[asked[i]] with the members of cells[i] (a, visits), which are rows of vectors.

        End to end, by cell; and (a, visits) where those of a visit begin. All that ask of a cell are one product of two
        matrices, so that its vectors are read once. O(products d).
        """
        from tasks.retrieval.cell_kernel import score_turns

        visits = np.argsort(cells, axis=None, kind="stable")
        visited, asking = cells.ravel()[visits], asked[visits // cells.shape[1]]
        ends = np.cumsum(self.sizes[visited])
        begins = ends - self.sizes[visited]
        scores = np.empty(int(ends[-1]), dtype=np.float32)
        turns = np.r_[run_starts(visited), len(visited)]
        score_turns(queries, asking, turns, visited, begins, self.members, self.starts, vectors, scores)
        firsts = np.empty(cells.size, dtype=np.int64)
        firsts[visits] = begins
        return scores, firsts.reshape(cells.shape)


@dataclass(frozen=True)
class Centres:
    """vectors: (c, d) the centre of each cell. groups: they in cells of their own; None where there are too few for that."""

    vectors: FloatMatrix
    groups: Cells | None

    def nearest(self, queries: FloatMatrix, n: int) -> IntVector:
        """(q, n) the n nearest of each query, in no order: of those in the LOOKED_AT groups that are nearest to it.

        O(q sqrt(c) d); where n is more than a group has, O(q c d).
        """
        if n >= len(self.vectors):
            return np.tile(np.arange(len(self.vectors)), (len(queries), 1))
        find = self._nearest_of_all if self.groups is None else self._nearest_in_groups
        found = np.empty((len(queries), n), dtype=np.int64)
        for start in range(0, len(queries), ASKED_AT_ONCE):
            part = slice(start, start + ASKED_AT_ONCE)
            found[part] = find(queries[part], n)
        return found

    def _nearest_in_groups(self, queries: FloatMatrix, n: int) -> IntVector:
        from tasks.retrieval.cell_kernel import take_largest

        assert self.groups is not None
        near, found = self.groups.centres.nearest(queries, LOOKED_AT), np.empty((len(queries), n), dtype=np.int64)
        is_enough = self.groups.sizes[near].sum(axis=1) >= SPARE * n
        some, rest = np.flatnonzero(is_enough), np.flatnonzero(~is_enough)
        if len(some):
            scores, begins = self.groups.score(queries, some, near[some], self.vectors)
            largest = np.empty((len(some), n), dtype=np.int64)
            take_largest(scores, begins, near[some], self.groups.members, self.groups.starts, largest)
            found[some] = largest
        found[rest] = self._nearest_of_all(queries[rest], n)
        return found

    def _nearest_of_all(self, queries: FloatMatrix, n: int) -> IntVector:
        found = np.empty((len(queries), n), dtype=np.int64)
        step = max(1, COMPARED_AT_ONCE // len(self.vectors))
        for start in range(0, len(queries), step):
            found[start : start + step] = _largest(queries[start : start + step] @ self.vectors.T, n)
        return found


def part_into_cells(vectors: FloatMatrix, positions: IntVector) -> Cells:
    """The rows `positions` (m,) of vectors (n, d) in about 4 sqrt(m) cells.

    O(m d) to train, for the sample is of 80 sqrt(m) vectors, and O(m sqrt(cells) d) to find each row's cell, on as many
    threads as faiss may use here; memory: the sample, and ASKED_AT_ONCE rows a thread.
    """
    n = len(positions)
    n_cells = max(1, min(round(4 * np.sqrt(n)), n // MIN_VECTORS_PER_CELL))
    draw = np.random.default_rng(SEED)
    sample = vectors[positions[np.sort(draw.permutation(n)[: n_cells * TRAINING_VECTORS_PER_CELL])]]
    centres = _group(_train(sample, n_cells))
    blocks = [positions[start : start + ASKED_AT_ONCE] for start in range(0, n, ASKED_AT_ONCE)]
    own = map_on_threads(lambda block: centres.nearest(vectors[block], 1)[:, 0], blocks)
    return _part(centres, positions, np.concatenate([np.empty(0, np.int64), *own]))


def _part(centres: Centres, members: IntVector, own: IntVector) -> Cells:
    """The members, each in its own cell, without the cells that have none."""
    sizes = np.bincount(own, minlength=len(centres.vectors))
    used = np.flatnonzero(sizes)
    starts = np.r_[0, np.cumsum(sizes[used])].astype(np.int64)
    if len(used) < len(sizes):
        centres = Centres(centres.vectors[used], None) if centres.groups is None else _group(centres.vectors[used])
    return Cells(centres, members[np.argsort(own, kind="stable")], starts)


def _largest(values: FloatMatrix, n: int) -> IntVector:
    """(rows, n) the columns of the n largest of each row, which is spoilt: a few are looked for one by one, which is faster."""
    if n > FEW:
        return np.asarray(np.argpartition(values, values.shape[1] - n, axis=1)[:, -n:])
    found = np.empty((len(values), n), dtype=np.int64)
    for place in range(n):
        found[:, place] = values.argmax(axis=1)
        values[np.arange(len(values)), found[:, place]] = -np.inf
    return found


def _train(sample: FloatMatrix, n_cells: int) -> FloatMatrix:
    """(n_cells, d) the centres."""
    cells = faiss.IndexFlatIP(sample.shape[1])
    centres: FloatVector | None = None
    for step, rounds in TRAINING:
        clustering = faiss.Clustering(sample.shape[1], n_cells)
        clustering.seed, clustering.spherical, clustering.niter = SEED, True, rounds
        clustering.min_points_per_centroid = 1
        if centres is not None:
            faiss.copy_array_to_vector(centres, clustering.centroids)
        clustering.train(np.ascontiguousarray(sample[::step]), cells)
        centres = faiss.vector_to_array(clustering.centroids)
    return np.asarray(cells.reconstruct_n(0, n_cells), dtype=np.float32)


def _group(vectors: FloatMatrix) -> Centres:
    """The centres with their groups."""
    n_groups = round(2 * np.sqrt(len(vectors)))
    if n_groups < MIN_GROUPS:
        return Centres(vectors, None)
    middles = Centres(_train(vectors, n_groups), None)
    return Centres(vectors, _part(middles, np.arange(len(vectors)), middles.nearest(vectors, 1)[:, 0]))
