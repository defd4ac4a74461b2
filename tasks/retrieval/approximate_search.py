"""Nearest vectors of a large catalog: only the cells around a query are looked into, not all (see cells).

All queries that look into a cell are scored by one product of two matrices: so a cell's vectors are read once for many
users, which takes under half the time of a search query by query (benchmarks/results/million_changes.md). What is found is
scored again pair by pair, so scores equal those of exact search. How many cells are looked into is chosen by recall: the
fewest (doubling) that find TARGET_RECALL of the true nearest of sample queries. The recall of other sample queries is
measured then, and told as `index_recall`.
"""

from __future__ import annotations

from collections.abc import Iterator

import faiss
import numpy as np

from tasks.contracts.dots import map_on_threads
from tasks.retrieval.cells import Cells, part_into_cells
from tasks.retrieval.exact_search import TIE_SLACK, ExactSearch
from tasks.retrieval.item_index import BoolVector, FloatMatrix, FloatVector, IntVector, unit_rows
from tasks.retrieval.source import SCORE_DECIMALS
from tasks.retrieval.vector_search import Hits, Near, VectorSearch, join_near, pair_dots

TARGET_RECALL = 0.97
SAMPLE_QUERIES = 400
BLOCK_SCORES = 1 << 27
"""Scores that a thread holds at once, of 4 bytes: the more, the more queries share the reading of a cell."""
BLOCK_VISITS = 1 << 22
"""Pairs of a query and a cell that are listed at once; more than a shard has, unless its queries look into most cells."""
TRUE_AT_ONCE = 50_000
DEEPER = 4
SEED = 7


class ApproximateSearch:
    """Search among the rows of `vectors` (n, d) that `searchable` (n,) allows, as ExactSearch, of which it finds most.

    depth is how deep the recall is measured. samples (s, d): queries like those to come; without them items and means
    of two items stand in. About 4 sqrt(n) cells; for what building takes see cells. Memory: 8 n bytes beside the vectors,
    and BLOCK_SCORES a thread, or one query's.
    """

    def __init__(
        self, vectors: FloatMatrix, searchable: BoolVector, *, depth: int, samples: FloatMatrix | None = None
    ) -> None:
        self._all = vectors
        positions = np.flatnonzero(searchable)
        self._cells = part_into_cells(vectors, positions)
        queries = _sample_queries(vectors, positions, samples)
        truth = _true_scores(vectors, positions, queries, depth)
        self._probes = 1
        while self._probes < len(self._cells):
            if _recall_of(self, queries[::2], depth, truth=truth[::2]) >= TARGET_RECALL:
                break
            self._probes = min(self._probes * 2, len(self._cells))
        self._recall = _recall_of(self, queries[1::2], depth, truth=truth[1::2])

    @property
    def index_recall(self) -> float | None:
        """The share of the true `depth` nearest of the sample queries (those not used for tuning) that it finds."""
        return self._recall

    @property
    def cells(self) -> Cells:
        """Where the rows lie."""
        return self._cells

    @property
    def probes(self) -> int:
        """How many cells a query looks into."""
        return self._probes

    @property
    def probed_share(self) -> float:
        """Share of the cells that a query looks into."""
        return self._probes / len(self._cells)

    def search(self, queries: FloatMatrix, depth: IntVector) -> Hits:
        """About the depth[q] nearest rows of each query q and what ties with the last, in no order; never fewer than there are.

        A query whose cells hold too little looks into DEEPER times as many. O(q (cells + probes * n / cells) d).
        """
        near = self.find(queries, depth)
        return Hits(near.queries, near.items, self.score(queries, near.queries, near.items))

    def score(self, queries: FloatMatrix, rows: IntVector, items: IntVector) -> FloatVector:
        """See VectorSearch."""
        return pair_dots(queries, rows, self._all, items)

    def find(self, queries: FloatMatrix, depth: IntVector) -> Near:
        """The hits of search with the scores of the product, whose last bits depend on the queries around.

        Runs on as many threads as faiss may use here.
        """
        # A product in one cell is too small for several threads; the blocks are not.
        blocks = self._blocks(queries, depth, parts=faiss.omp_get_max_threads())
        return join_near(map_on_threads(lambda block: self._search_block(*block), blocks))

    def _blocks(
        self, queries: FloatMatrix, depth: IntVector, parts: int
    ) -> Iterator[tuple[FloatMatrix, IntVector, IntVector, IntVector]]:
        """(queries, rows of them, the rows' depth, their cells), at least `parts` where there are as many rows."""
        wanted = np.minimum(depth, len(self._cells.members))
        pending, probes = np.flatnonzero(wanted > 0), self._probes
        while len(pending):
            again = []
            step = max(1, BLOCK_VISITS // probes)
            for asked in (pending[start : start + step] for start in range(0, len(pending), step)):
                cells = self._cells.centres.nearest(queries[asked], probes)
                n_scores = self._cells.sizes[cells].sum(axis=1)
                is_done = (n_scores >= wanted[asked]) | (probes >= len(self._cells))
                again.append(asked[~is_done])
                rows, cells, total = asked[is_done], cells[is_done], np.cumsum(n_scores[is_done])
                if len(rows):
                    limit = min(BLOCK_SCORES, int(total[-1]) // parts + 1)
                    cuts = np.flatnonzero(np.diff(total // limit)) + 1
                    for some, theirs in zip(np.split(rows, cuts), np.split(cells, cuts), strict=True):
                        yield queries, some, wanted[some], theirs
            pending, probes = np.concatenate(again), min(probes * DEEPER, len(self._cells))

    def _search_block(self, queries: FloatMatrix, rows: IntVector, wanted: IntVector, cells: IntVector) -> Near:
        """What is near the queries of some rows, in their order, of those in their cells (rows, probes)."""
        from tasks.retrieval.cell_kernel import find_least, take_nearest

        scores, begins = self._cells.score(queries, rows, cells, self._all)
        sizes, least, counts = self._cells.sizes[cells], np.empty(len(rows), np.float32), np.empty(len(rows), np.int64)
        # Off by the last bits, those at the end of the list and one that ties with it both stay.
        find_least(scores, begins, sizes, wanted, np.float32(2 * TIE_SLACK), least, counts)
        items, worth = np.empty(counts.sum(), np.int64), np.empty(counts.sum(), np.float32)
        take_nearest(scores, begins, sizes, cells, self._cells.members, self._cells.starts, least, items, worth)
        slack = np.full(len(items), TIE_SLACK, dtype=np.float32)
        return Near(np.repeat(rows, counts), items, worth, slack)


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
    for start in range(0, len(positions), TRUE_AT_ONCE):
        found = queries @ vectors[positions[start : start + TRUE_AT_ONCE]].T
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
