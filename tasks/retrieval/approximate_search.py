"""Nearest vectors of a large catalog: faiss's inverted file (IVF) looks into the cells around a query, not into all.

Source: Jegou, Douze and Schmid, "Product quantization for nearest neighbor search", TPAMI 2011. The vectors lie in the
cells with 8 bits a number; what is found is scored again with the full vectors, so scores equal those of exact search.
How many cells are looked into is chosen by recall: the fewest (doubling) that find TARGET_RECALL of the true nearest
of sample queries. The recall of other sample queries is measured then, and told as `index_recall`.
"""

from __future__ import annotations

import faiss
import numpy as np

from tasks.retrieval.exact_search import TIE_SLACK, ExactSearch, next_power, query_blocks
from tasks.retrieval.item_index import BoolVector, FloatMatrix, FloatVector, IntVector, unit_rows
from tasks.retrieval.source import SCORE_DECIMALS
from tasks.retrieval.vector_search import Hits, Near, VectorSearch, join_near, pair_dots

TARGET_RECALL = 0.97
SAMPLE_QUERIES = 400
MIN_VECTORS_PER_CELL = 40
TRAINING_VECTORS_PER_CELL = 20
TRAINING = ((2, 4), (1, 1))
"""Every 2nd vector of the sample for 4 rounds, then each for 1: more moves no recall, which is measured afterwards."""
LOOKED_AT = 8
"""Groups of cells in which a vector looks for its own; that of the nearest centre nearly always is among them."""
ADDED_AT_ONCE = 50_000
DEEPER = 4
SEED = 7


class ApproximateSearch:
    """Search among the rows of `vectors` (n, d) that `searchable` (n,) allows, as ExactSearch, of which it finds most.

    depth is how deep the recall is measured. samples (s, d): queries like those to come; without them items and means
    of two items stand in. About 4 sqrt(n) cells. Building: O(n d) to train, for the sample is of 80 sqrt(n) vectors, and
    O(n sqrt(cells) d) to add; memory: n (d + 4) bytes beside the vectors, and the sample while building.
    """

    def __init__(
        self, vectors: FloatMatrix, searchable: BoolVector, *, depth: int, samples: FloatMatrix | None = None
    ) -> None:
        self._all = vectors
        self._positions = np.flatnonzero(searchable)
        self._index = _build_index(vectors, self._positions)
        self._losses = _measure_losses(self._index, vectors, self._positions)
        queries = _sample_queries(vectors, self._positions, samples)
        truth = _true_scores(vectors, self._positions, queries, depth)
        self._probes = 1
        while self._probes < self._index.nlist:
            if _recall_of(self, queries[::2], depth, truth=truth[::2]) >= TARGET_RECALL:
                break
            self._probes = min(self._probes * 2, self._index.nlist)
        self._recall = _recall_of(self, queries[1::2], depth, truth=truth[1::2])

    @property
    def index_recall(self) -> float | None:
        """The share of the true `depth` nearest of the sample queries (those not used for tuning) that it finds."""
        return self._recall

    @property
    def probed_share(self) -> float:
        """Share of the cells that a query looks into."""
        return float(self._probes / self._index.nlist)

    def search(self, queries: FloatMatrix, depth: IntVector) -> Hits:
        """About the depth[q] nearest rows of each query q and more, in no order; never fewer than there are.

        A query that finds too little in its cells looks into DEEPER times as many. O(q * probed share * n d).
        """
        near = self.find(queries, depth)
        return Hits(near.queries, near.items, self.score(queries, near.queries, near.items))

    def score(self, queries: FloatMatrix, rows: IntVector, items: IntVector) -> FloatVector:
        """See VectorSearch."""
        return pair_dots(queries, rows, self._all, items)

    def find(self, queries: FloatMatrix, depth: IntVector) -> Near:
        """The hits of search with the scores of 8 bits a number, which are off by what rounding took from the item."""
        n = len(self._positions)
        wanted = np.minimum(depth, n)
        fetch = next_power(wanted + 1, n)
        found: list[Near] = []
        pending, probes = np.flatnonzero(wanted > 0), self._probes
        while len(pending):
            again = []
            for size in np.unique(fetch[pending]):
                for rows in query_blocks(pending[fetch[pending] == size], int(size)):
                    hits, is_done = self._search_block(queries, rows, wanted, size=int(size), probes=probes)
                    found.append(hits)
                    again.append(rows[~is_done])
            pending, probes = np.concatenate(again), min(probes * DEEPER, self._index.nlist)
        return join_near(found)

    def search_cells(
        self, queries: FloatMatrix, size: int, *, probes: int | None = None
    ) -> tuple[FloatMatrix, IntVector]:
        """Scores and places (q, size) of what faiss finds in so many cells around each query (None: as many as were chosen).

        A place of -1: there is no more.
        """
        parameters = faiss.SearchParametersIVF()
        parameters.nprobe = self._probes if probes is None else probes
        scores, places = self._index.search(np.ascontiguousarray(queries), size, params=parameters)
        return np.asarray(scores, dtype=np.float32), np.asarray(places, dtype=np.int64)

    def _search_block(
        self, queries: FloatMatrix, rows: IntVector, wanted: IntVector, *, size: int, probes: int
    ) -> tuple[Near, BoolVector]:
        scores, places = self.search_cells(queries[rows], size, probes=probes)
        is_found = places >= 0
        is_done = (is_found.sum(axis=1) >= wanted[rows]) | (probes == self._index.nlist)
        is_kept = is_found & is_done[:, None]
        n_kept = is_kept.sum(axis=1)
        found = places[is_kept]
        # |q . x - q . y| <= |q| |x - y| (Cauchy and Schwarz); and TIE_SLACK for the last bits of the sums.
        lengths = np.linalg.norm(queries[rows], axis=1)
        slack = self._losses[found] * np.repeat(lengths, n_kept) + np.float32(TIE_SLACK)
        return Near(np.repeat(rows, n_kept), self._positions[found], scores[is_kept], slack), is_done


def choose_search(
    vectors: FloatMatrix,
    searchable: BoolVector,
    *,
    exact_up_to: int,
    depth: int,
    samples: FloatMatrix | None = None,
) -> VectorSearch:
    """ExactSearch where at most exact_up_to rows are searchable, else ApproximateSearch."""
    if searchable.sum() <= exact_up_to:
        return ExactSearch(vectors, searchable)
    return ApproximateSearch(vectors, searchable, depth=depth, samples=samples)


def measure_recall(search: VectorSearch, exact: VectorSearch, queries: FloatMatrix, k: int) -> float:
    """Mean over the queries (q, d; q >= 1) of the share of the k best of `exact` that `search` reaches, in [0, 1].

    Scores are compared, so of items that tie at the end any will do. O(q n d).
    """
    return _recall_of(search, queries, k, truth=_best_scores(exact, queries, k))


def _recall_of(search: VectorSearch, queries: FloatMatrix, k: int, *, truth: list[FloatVector]) -> float:
    shares = [
        min(1.0, float((found >= true[-1] - 10.0**-SCORE_DECIMALS).sum() / len(true)))
        for true, found in zip(truth, _best_scores(search, queries, k), strict=True)
    ]
    return float(np.mean(shares))


def _best_scores(search: VectorSearch, queries: FloatMatrix, k: int) -> list[FloatVector]:
    """The k best scores of each query, best first."""
    hits = search.search(queries, np.full(len(queries), k))
    order = np.lexsort((-hits.scores, hits.queries))
    cuts = np.searchsorted(hits.queries[order], np.arange(1, len(queries)))
    return [scores[:k] for scores in np.split(hits.scores[order], cuts)]


def _true_scores(vectors: FloatMatrix, positions: IntVector, queries: FloatMatrix, k: int) -> list[FloatVector]:
    """The k best scores of each query among all positions, best first; a block of vectors at a time."""
    best = np.empty((len(queries), 0), dtype=np.float32)
    for start in range(0, len(positions), ADDED_AT_ONCE):
        found = queries @ vectors[positions[start : start + ADDED_AT_ONCE]].T
        best = np.concatenate([best, found], axis=1)
        n_kept = min(k, best.shape[1])
        best = np.partition(best, best.shape[1] - n_kept, axis=1)[:, -n_kept:]
    ordered = -np.sort(-best, axis=1)
    # As the scores that are compared with them are.
    return list(np.round(ordered.astype(np.float64), SCORE_DECIMALS))


def _sample_queries(vectors: FloatMatrix, positions: IntVector, samples: FloatMatrix | None) -> FloatMatrix:
    """SAMPLE_QUERIES unit rows or fewer: of samples where given, else items and means of two items by turns of two."""
    draw = np.random.default_rng(SEED)
    if samples is not None and len(samples) >= 2:
        return samples[np.sort(draw.permutation(len(samples))[:SAMPLE_QUERIES])]
    first, second = positions[draw.integers(len(positions), size=(2, SAMPLE_QUERIES))]
    is_item = np.arange(SAMPLE_QUERIES)[:, None] % 4 < 2
    return unit_rows(vectors[first] + np.where(is_item, vectors[first], vectors[second]))[0]


def _build_index(vectors: FloatMatrix, positions: IntVector) -> faiss.IndexIVFScalarQuantizer:
    n, width = len(positions), vectors.shape[1]
    n_cells = max(1, min(round(4 * np.sqrt(n)), n // MIN_VECTORS_PER_CELL))
    draw = np.random.default_rng(SEED)
    sample = vectors[positions[np.sort(draw.permutation(n)[: n_cells * TRAINING_VECTORS_PER_CELL])]]
    cells = _train_cells(sample, n_cells)
    index = faiss.IndexIVFScalarQuantizer(
        cells, width, n_cells, faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT
    )
    # The cells are there: only the ranges of the numbers are learnt.
    index.train(sample)
    groups = _group_cells(cells)
    for start in range(0, n, ADDED_AT_ONCE):
        block = np.ascontiguousarray(vectors[positions[start : start + ADDED_AT_ONCE]])
        _, own = groups.search(block, 1)
        if (own < 0).any():
            # Of many equal vectors the groups around may be empty.
            _, own = cells.search(block, 1)
        index.add_core(len(block), faiss.swig_ptr(block), None, faiss.swig_ptr(own))
    return index


def _train_cells(sample: FloatMatrix, n_cells: int) -> faiss.IndexFlatIP:
    """The cells' centres, by spherical k-means."""
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
    return cells


def _group_cells(cells: faiss.IndexFlatIP) -> faiss.IndexIVFFlat:
    """The cells' centres as an index of their own, so that a vector is not compared with each of them."""
    n_groups = max(1, min(round(2 * np.sqrt(cells.ntotal)), cells.ntotal // 2))
    groups = faiss.IndexIVFFlat(faiss.IndexFlatIP(cells.d), cells.d, n_groups, faiss.METRIC_INNER_PRODUCT)
    groups.cp.seed, groups.cp.spherical, groups.cp.min_points_per_centroid = SEED, True, 1
    centres = cells.reconstruct_n(0, cells.ntotal)
    groups.train(centres)
    groups.add(centres)
    groups.nprobe = LOOKED_AT
    return groups


def _measure_losses(index: faiss.IndexIVFScalarQuantizer, vectors: FloatMatrix, positions: IntVector) -> FloatMatrix:
    """(n,) how far each vector lies from what 8 bits a number keep of it."""
    losses = np.empty(len(positions), dtype=np.float32)
    for start in range(0, len(positions), ADDED_AT_ONCE):
        part = positions[start : start + ADDED_AT_ONCE]
        lost = index.reconstruct_n(start, len(part)) - vectors[part]
        losses[start : start + ADDED_AT_ONCE] = np.sqrt(np.einsum("ij,ij->i", lost, lost))
    return losses
