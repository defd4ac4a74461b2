"""Source `bm25`: the items whose words answer the user's words: those of the profile and of the titles read lately."""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Mapping

import bm25s
import numpy as np
import polars as pl
from bm25s.stopwords import STOPWORDS_EN
from scipy import sparse

from tasks.retrieval.item_index import FloatVector, IntVector, ItemIndex
from tasks.retrieval.source import Pairs
from tasks.retrieval.sparse_search import rank_products, score_products
from tasks.retrieval.user_shard import UserShard

# bm25s sets its own logger to DEBUG, which would tell the operator about every index.
logging.getLogger("bm25s").setLevel(logging.WARNING)

WORD = re.compile(r"\w\w+")
STOPWORDS = frozenset(STOPWORDS_EN)
QUERY_WORDS = 32
TITLE_WEIGHT = 0.5


class Bm25:
    """Score: BM25 (Lucene's variant, k1 1.5, b 0.75) of a weighted query, >= 0.

    The query: each distinct word of the profile weighs 1, each word of a liked title TITLE_WEIGHT times the title's
    weight relative to the user's largest; of these the QUERY_WORDS of the highest weight * idf are kept.
    O(postings of the query's words) a user.
    """

    name = "bm25"

    def __init__(self, index: ItemIndex, *, history_items: int) -> None:
        self._is_active = index.is_active
        self._limit = history_items
        self._vocabulary, self._postings = _index_words(index.texts)
        counts = np.diff(self._postings.indptr)
        self._idf = np.log1p((len(index) - counts + 0.5) / (counts + 0.5))

    def retrieve(self, shard: UserShard, depth: IntVector) -> pl.DataFrame:
        """See Source; only items that share a word with the query."""
        return rank_products(self._queries(shard), self._postings, is_active=self._is_active, depth=depth)

    def score_pairs(self, shard: UserShard, pairs: Pairs) -> FloatVector:
        """BM25, 0 without a shared word; NaN where the user has no known word."""
        queries = self._queries(shard)
        has_query = np.diff(queries.indptr) > 0
        return np.where(has_query[pairs.users], score_products(queries, self._postings, pairs), np.nan)

    def _queries(self, shard: UserShard) -> sparse.csr_matrix:
        weights: list[dict[int, float]] = []
        for text in shard.wanted_texts:
            known = (self._vocabulary.get(word) for word in split_words(text))
            weights.append({word: 1.0 for word in known if word is not None})
        users, entries = shard.liked_entries(self._limit)
        largest = np.zeros(len(shard))
        np.maximum.at(largest, users, shard.history_weights[entries])
        for user, entry in zip(users, entries, strict=True):
            weight = TITLE_WEIGHT * float(shard.history_weights[entry] / largest[user])
            for word in set(split_words(shard.item_titles[shard.history_rows[entry]])) & self._vocabulary.keys():
                code = self._vocabulary[word]
                weights[user][code] = weights[user].get(code, 0.0) + weight
        return self._pack(weights)

    def _pack(self, weights: list[dict[int, float]]) -> sparse.csr_matrix:
        kept = [
            sorted(query.items(), key=lambda pair: (-pair[1] * self._idf[pair[0]], pair[0]))[:QUERY_WORDS]
            for query in weights
        ]
        indptr = np.concatenate([[0], np.cumsum([len(query) for query in kept], dtype=np.int64)])
        words = np.array([word for query in kept for word, _ in query], dtype=np.int64)
        values = np.array([value for query in kept for _, value in query], dtype=np.float32)
        return sparse.csr_matrix((values, words, indptr), shape=(len(weights), self._postings.shape[0]))


def split_words(text: str) -> list[str]:
    """Lower-case words of two letters or more that are not stop words."""
    return [word for word in WORD.findall(text.lower()) if word not in STOPWORDS]


def _index_words(texts: list[str]) -> tuple[Mapping[str, int], sparse.csr_matrix]:
    """The code of each word, and the BM25 scores (words, items)."""
    documents = [split_words(text) for text in texts]
    counts = Counter(word for document in documents for word in document)
    vocabulary = {word: code for code, word in enumerate(sorted(counts))}
    if not vocabulary:
        return {}, sparse.csr_matrix((0, len(texts)), dtype=np.float32)
    ids = [[vocabulary[word] for word in document] for document in documents]
    engine = bm25s.BM25(method="lucene")
    engine.index((ids, vocabulary), show_progress=False, create_empty_token=False)
    shape = (len(vocabulary), len(texts))
    parts = (engine.scores["data"], engine.scores["indices"], engine.scores["indptr"])
    return vocabulary, sparse.csr_matrix(parts, shape=shape)
