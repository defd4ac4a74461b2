"""Vectors parted into cells of near ones, so that a search need not look at all of them.

Source: the inverted file of Jegou, Douze and Schmid, "Product quantization for nearest neighbor search", TPAMI 2011. The
centres are those of faiss's spherical k-means on a sample.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import faiss
import numpy as np

from tasks.retrieval.item_index import FloatMatrix, FloatVector, IntVector

MIN_VECTORS_PER_CELL = 40
TRAINING_VECTORS_PER_CELL = 20
TRAINING = ((2, 4), (1, 1))
"""Every 2nd vector of the sample for 4 rounds, then each for 1: more moves no recall, which is measured afterwards."""
LOOKED_AT = 8
"""Groups of cells in which a vector looks for its own; that of the nearest centre nearly always is among them."""
ADDED_AT_ONCE = 50_000
COMPARED_AT_ONCE = 1 << 22
"""Products of queries and centres that are made at once: they fit the processor's cache."""
FEW = 8
SEED = 7


@dataclass(frozen=True)
class Cells:
    """c cells, none of them empty. centres: (c, d). members[starts[i] : starts[i + 1]] are the rows in cell i, ascending."""

    centres: FloatMatrix
    members: IntVector
    starts: IntVector

    def __len__(self) -> int:
        return len(self.centres)

    @cached_property
    def sizes(self) -> IntVector:
        """(c,) rows of each cell."""
        return np.diff(self.starts)

    def nearest(self, queries: FloatMatrix, n: int) -> IntVector:
        """(q, n) the cells of the n nearest centres of each query, in no order. O(q c d)."""
        if n >= len(self):
            return np.tile(np.arange(len(self)), (len(queries), 1))
        found = np.empty((len(queries), n), dtype=np.int64)
        step = max(1, COMPARED_AT_ONCE // len(self))
        for start in range(0, len(queries), step):
            near = queries[start : start + step] @ self.centres.T
            found[start : start + step] = _largest(near, n)
        return found


def part_into_cells(vectors: FloatMatrix, positions: IntVector) -> Cells:
    """The rows `positions` (m,) of vectors (n, d) in about 4 sqrt(m) cells.

    O(m d) to train, for the sample is of 80 sqrt(m) vectors, and O(m sqrt(cells) d) to find each row's cell; memory: the
    sample and ADDED_AT_ONCE rows.
    """
    n = len(positions)
    n_cells = max(1, min(round(4 * np.sqrt(n)), n // MIN_VECTORS_PER_CELL))
    draw = np.random.default_rng(SEED)
    sample = vectors[positions[np.sort(draw.permutation(n)[: n_cells * TRAINING_VECTORS_PER_CELL])]]
    centres = _train(sample, n_cells)
    groups = _group(centres)
    own = np.empty(n, dtype=np.int64)
    for start in range(0, n, ADDED_AT_ONCE):
        block = vectors[positions[start : start + ADDED_AT_ONCE]]
        own[start : start + len(block)] = _own_cells(block, centres, groups)
    return _part(centres, positions, own)


def _part(centres: FloatMatrix, members: IntVector, own: IntVector) -> Cells:
    """The members, each in its own cell, without the cells that have none."""
    sizes = np.bincount(own, minlength=len(centres))
    used = np.flatnonzero(sizes)
    starts = np.r_[0, np.cumsum(sizes[used])].astype(np.int64)
    return Cells(centres[used], members[np.argsort(own, kind="stable")], starts)


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


def _group(centres: FloatMatrix) -> Cells:
    """The centres in cells of their own, so that a vector is not compared with each of them."""
    n_groups = max(1, min(round(2 * np.sqrt(len(centres))), len(centres) // 2))
    middles = _train(centres, n_groups)
    return _part(middles, np.arange(len(centres)), (centres @ middles.T).argmax(axis=1))


def _own_cells(block: FloatMatrix, centres: FloatMatrix, groups: Cells) -> IntVector:
    """(b,) the nearest centre of each row, of those in the LOOKED_AT groups that are nearest to it."""
    near = groups.nearest(block, min(LOOKED_AT, len(groups)))
    visits = np.argsort(near, axis=None, kind="stable")
    of_group = np.split(visits // near.shape[1], np.cumsum(np.bincount(near.ravel(), minlength=len(groups)))[:-1])
    best, own = np.full(len(block), -np.inf, dtype=np.float32), np.empty(len(block), dtype=np.int64)
    for group, rows in enumerate(of_group):
        members = groups.members[groups.starts[group] : groups.starts[group + 1]]
        products = block[rows] @ centres[members].T
        places = products.argmax(axis=1)
        highest = products[np.arange(len(rows)), places]
        is_better = highest > best[rows]
        best[rows[is_better]], own[rows[is_better]] = highest[is_better], members[places[is_better]]
    return own
