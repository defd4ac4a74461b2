"""Source `collaborative`: what people with such a history choose, by a model of all interactions.

    EASE    up to ease_max_items items that have interactions, in closed form; what was chosen in one sitting counts more,
            and what the items' vectors say of their content counts a little
    ALS     above, where EASE's matrix of items * items is too large

Reads all interactions of the catalog once, to fit; in training these are the history part only. Scores are made from
the histories of the shard, so a user whom the fit did not know is served like any other.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import numpy as np
import polars as pl
from scipy import sparse

from tasks.contracts.recommending import CandidatesConfig
from tasks.retrieval.als import fit_als
from tasks.retrieval.choices import choice_matrix, history_matrix, sitting_matrix
from tasks.retrieval.ease import fit_ease
from tasks.retrieval.item_index import FloatMatrix, FloatVector, IntVector, ItemIndex
from tasks.retrieval.source import BLOCK_CELLS, SCORE_DECIMALS, Pairs, best_positions, rank_hits
from tasks.retrieval.user_shard import UserShard

SITTING_SHARE = 0.6
"""How much of EASE's co-occurrence is within one sitting: see sitting_matrix."""

DROPOUT = 0.33

CONTENT_SHARE = 0.1
"""Weight of the items' vectors in EASE, as a share of its regularization."""


class Model(Protocol):
    """A fitted model: the items that it knows, and their scores for any histories."""

    @property
    def items(self) -> IntVector: ...

    def score(self, histories: sparse.csr_matrix) -> FloatMatrix: ...


def fit_collaborative(interactions: pl.DataFrame, index: ItemIndex, config: CandidatesConfig) -> Collaborative | None:
    """The source, or None where no interaction with an item of the index has a weight above 0.

    interactions: user_id, item_id, weight, age_days (null: unknown). collaborative_model "auto" takes EASE for up to
    ease_max_items items with interactions; "ease" takes it always, for the ease_max_items most chosen.
    """
    choices = choice_matrix(interactions, index)
    n_items = int(np.count_nonzero(choices.getnnz(axis=0)))
    if not n_items:
        return None
    if config.collaborative_model == "als" or (
        config.collaborative_model == "auto" and n_items > config.ease_max_items
    ):
        return Collaborative(index, fit_als(choices, factors=config.als_factors))
    rows = sitting_matrix(interactions, index, share=SITTING_SHARE)
    content = _content_rows(index) * np.float32(np.sqrt(CONTENT_SHARE * config.ease_regularization))
    model = fit_ease(
        rows,
        regularization=config.ease_regularization,
        max_items=config.ease_max_items,
        dropout=DROPOUT,
        content=content,
    )
    return Collaborative(index, model)


def _content_rows(index: ItemIndex) -> FloatMatrix:
    """(n, d): vectors less their mean, which says only that all items are of one catalog; zero where there is none."""
    if not index.has_vector.any():
        return index.vectors
    mean = index.vectors[index.has_vector].mean(axis=0, dtype=np.float64)
    return np.asarray((index.vectors - mean) * index.has_vector[:, None], dtype=np.float32)


class Collaborative:
    """Score: the model's, for the user's liked history; see history_matrix. Items without interactions have none."""

    name = "collaborative"

    def __init__(self, index: ItemIndex, model: Model) -> None:
        self._model = model
        self._n_items = len(index)
        self._is_active = index.is_active[model.items]
        self._column = np.full(len(index), -1)
        self._column[model.items] = np.arange(len(model.items))

    def retrieve(self, shard: UserShard, depth: IntVector) -> pl.DataFrame:
        """See Source; only items with a positive score. O(u m) time; memory: blocks of users."""
        histories = history_matrix(shard, self._n_items)
        users, items, scores = [np.empty(0, np.int64)], [np.empty(0, np.int64)], [np.empty(0)]
        for block, values in self._blocks(histories, np.flatnonzero(np.diff(histories.indptr))):
            for user, row in zip(block, values, strict=True):
                found = np.flatnonzero(self._is_active & (row > 0))
                best = found[best_positions(row[found], int(depth[user]))]
                users.append(np.full(len(best), user))
                items.append(self._model.items[best])
                scores.append(row[best])
        return rank_hits(np.concatenate(users), np.concatenate(items), np.concatenate(scores), depth=depth)

    def score_pairs(self, shard: UserShard, pairs: Pairs) -> FloatVector:
        """The model's score; NaN where the user has liked nothing of this catalog, or nobody has chosen the item."""
        histories = history_matrix(shard, self._n_items)
        scores = np.full(len(pairs), np.nan)
        order = np.argsort(pairs.users, kind="stable")
        bounds = np.searchsorted(pairs.users[order], np.arange(len(shard) + 1))
        asked = np.unique(pairs.users)
        for block, values in self._blocks(histories, asked[np.diff(histories.indptr)[asked] > 0]):
            for user, row in zip(block, values, strict=True):
                places = order[bounds[user] : bounds[user + 1]]
                columns = self._column[pairs.items[places]]
                scores[places] = np.where(columns >= 0, row[columns], np.nan)
        return scores

    def _blocks(self, histories: sparse.csr_matrix, users: IntVector) -> Iterator[tuple[IntVector, FloatVector]]:
        """(users, their scores of the known items); at most BLOCK_CELLS scores are in memory."""
        step = max(1, BLOCK_CELLS // max(1, len(self._model.items)))
        for start in range(0, len(users), step):
            block = users[start : start + step]
            scores: FloatVector = self._model.score(histories[block]).astype(np.float64)
            yield block, scores.round(SCORE_DECIMALS)
