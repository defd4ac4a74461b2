"""Source `aspects`: items that are like a liked one in one respect: its theme, its setting, its characters.

Reads what enrichment says of each item, aspect by aspect, as vectors. Each aspect has a list of its own, and the aspect
that puts an item highest is the reason for it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import polars as pl

from tasks.contracts.errors import StepError
from tasks.retrieval.best_query import Queries, damp, relative_weights, retrieve_best, score_best
from tasks.retrieval.item_index import BoolVector, FloatMatrix, FloatVector, IntVector, ItemIndex
from tasks.retrieval.source import AspectVectors, Pairs, rank_hits
from tasks.retrieval.user_shard import UserShard
from tasks.retrieval.vector_search import VectorSearch


@dataclass(frozen=True)
class Aspect:
    """One aspect of the catalog: row i of vectors (a, d) is what texts[i] says of the item items[i] (ascending).

    rows: (n,) the row of each item of the index, -1 where nothing is said of it.
    """

    name: str
    items: IntVector
    rows: IntVector
    texts: list[str]
    vectors: FloatMatrix
    search: VectorSearch


@dataclass(frozen=True)
class AspectMatches:
    """For each pair: the score, the code of the best aspect and the position of the nearest liked item; NaN, -1, -1."""

    scores: FloatVector
    aspects: IntVector
    liked: IntVector


class Aspects:
    """Score: the best aspect's; an aspect's: max over liked items h of cosine(h, item) + damp(weight(h)).

    Both vectors are of that aspect; weight is relative to the user's largest, so the score is at most 1. The newest
    history_items liked items count. A liked item that several users share is searched once a shard:
    O(aspects * distinct liked items * n d). Memory O(a d) for all a texts of the catalog.
    """

    name = "aspects"

    def __init__(self, aspects: list[Aspect], *, history_items: int) -> None:
        self._aspects = aspects
        self._limit = history_items

    @property
    def index_recall(self) -> float | None:
        """The lowest of the aspects' searches; None: all are exact."""
        known = [aspect.search.index_recall for aspect in self._aspects]
        return min((recall for recall in known if recall is not None), default=None)

    @property
    def names(self) -> list[str]:
        """The aspects' names, by code."""
        return [aspect.name for aspect in self._aspects]

    def retrieve(self, shard: UserShard, depth: IntVector) -> pl.DataFrame:
        """See Source; users who liked nothing that has an aspect have no row."""
        lists = []
        for aspect in self._aspects:
            queries, _ = self._queries(shard, aspect)
            found = retrieve_best(aspect.search, queries, depth=depth)
            items = aspect.items[found["item"].cast(pl.Int64).to_numpy()]
            lists.append(found.select(pl.col("user").cast(pl.Int64), pl.Series("item", items), "score"))
        best = pl.concat(lists).group_by("user", "item").agg(pl.col("score").max())
        users, items = best["user"].to_numpy(), best["item"].to_numpy()
        return rank_hits(users, items, best["score"].cast(pl.Float64).to_numpy(), depth=depth)

    def score_pairs(self, shard: UserShard, pairs: Pairs) -> FloatVector:
        """The score as above; NaN where no aspect is known of both a liked item and the item."""
        return self.best_aspects(shard, pairs).scores

    def best_aspects(self, shard: UserShard, pairs: Pairs) -> AspectMatches:
        """Of each pair which aspect gives its score and which liked item; of equal aspects the first, of items the newest."""
        scores = np.full(len(pairs), -np.inf)
        codes, liked = np.full(len(pairs), -1), np.full(len(pairs), -1)
        for code, aspect in enumerate(self._aspects):
            queries, entries = self._queries(shard, aspect)
            rows = aspect.rows[pairs.items]
            known = np.flatnonzero(rows >= 0)
            found, best = score_best(queries, Pairs(pairs.users[known], rows[known]), aspect.vectors)
            is_better = np.nan_to_num(found, nan=-np.inf) > scores[known]
            places = known[is_better]
            scores[places], codes[places] = found[is_better], code
            liked[places] = shard.history_items[entries[best[is_better]]]
        return AspectMatches(np.where(codes >= 0, scores, np.nan), codes, liked)

    def texts_of(self, items: IntVector, codes: IntVector) -> list[str | None]:
        """What the aspect codes[i] says of the item at position items[i]; None where it says nothing, or the code is -1."""
        texts: list[str | None] = []
        for item, code in zip(items.tolist(), codes.tolist(), strict=True):
            row = int(self._aspects[code].rows[item]) if code >= 0 else -1
            texts.append(self._aspects[code].texts[row] if row >= 0 else None)
        return texts

    def describe(self, shard: UserShard, pairs: Pairs) -> pl.DataFrame:
        """A row a pair: `aspect`, the name of the best aspect, null where no score."""
        names = pl.Series("aspect", self.names, dtype=pl.String)
        codes = self.best_aspects(shard, pairs).aspects
        return pl.DataFrame(names.gather(pl.Series(codes).replace(-1, None)))

    def _queries(self, shard: UserShard, aspect: Aspect) -> tuple[Queries, IntVector]:
        """The liked items that have the aspect, newest first a user, and the history entry of each."""
        users, entries = shard.liked_entries(self._limit)
        weights = relative_weights(users, shard.history_weights[entries], len(shard))
        items = shard.history_items[entries]
        rows = np.where(items >= 0, aspect.rows[items], -1)
        has_aspect = rows >= 0
        offsets = damp(weights[has_aspect])
        return Queries(users[has_aspect], rows[has_aspect], offsets, aspect.vectors), entries[has_aspect]


def build_aspects(
    index: ItemIndex, inputs: AspectVectors, *, make_search: Callable[[FloatMatrix, BoolVector], VectorSearch]
) -> list[Aspect]:
    """The aspects that have a text, in the order of inputs.names; make_search(vectors, searchable) searches one.

    Rows whose item is -1, because the index lacks it, are ignored.
    Raises StepError where an aspect says two things of one item. O(a log a + a d).
    """
    known = np.flatnonzero(inputs.items >= 0)
    keys = inputs.items[known] * len(inputs.names) + inputs.aspects[known]
    _, first, counts = np.unique(keys, return_index=True, return_counts=True)
    if (counts > 1).any():
        row = known[first[counts > 1][0]]
        item, name = index.item_ids[int(inputs.items[row])], inputs.names[inputs.aspects[row]]
        raise StepError(f"item {item!r} has more than one text of the aspect {name!r}; give one row an item and aspect")
    aspects = []
    for code, name in enumerate(inputs.names):
        found = np.flatnonzero((inputs.aspects == code) & (inputs.items >= 0))
        found = found[np.argsort(inputs.items[found], kind="stable")]
        if len(found):
            items, vectors = inputs.items[found], np.ascontiguousarray(inputs.vectors[found])
            rows = np.full(len(index), -1)
            rows[items] = np.arange(len(items))
            texts = [inputs.texts[row] for row in found]
            search = make_search(vectors, index.is_active[items])
            aspects.append(Aspect(name, items, rows, texts, vectors, search))
    return aspects
