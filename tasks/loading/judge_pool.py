"""What the judge's sources say of a block of users: each source's order of the catalog's contents, side by side.

Reads items, interactions and profiles. The index is built once a draw, O(items x dimension); a block takes
O(users x depth) beside the pool itself, which is O(users x items).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.contracts.context import StepContext
from tasks.labeling.sampling import Pool, pool_depth
from tasks.loading.history import make_history
from tasks.loading.profile_texts import profile_texts
from tasks.loading.shard_inputs import aligned
from tasks.retrieval.bm25 import Bm25
from tasks.retrieval.dense_profile import DenseProfile
from tasks.retrieval.exact_search import ExactSearch
from tasks.retrieval.item_index import build_item_index
from tasks.retrieval.popularity import Popularity
from tasks.retrieval.source import Source
from tasks.retrieval.user_shard import HISTORY_COLUMNS, build_user_shard
from warehouse.connection import Warehouse
from warehouse.vectors import read_vectors

NO_HISTORY = pl.DataFrame(
    schema=dict(zip(HISTORY_COLUMNS, (pl.String, pl.String, pl.Float64, pl.Float64), strict=True))
)


class PoolLoader:
    """Makes the pool of each block; counts the users for whom a source had nothing.

    contents (n,) and vectors (n, d) are the catalog's contents in the order of their hashes.
    """

    def __init__(
        self, warehouse: Warehouse, context: StepContext, *, contents: pl.Series, vectors: NDArray[np.float32]
    ) -> None:
        self._warehouse = warehouse
        self._context = context
        config = context.catalog.judge
        make_history(warehouse, context)
        words = warehouse.query(
            "queries/judge_words",
            catalog=context.catalog.name,
            half_life_days=context.catalog.candidates.popularity_half_life_days,
        )
        rows = pl.DataFrame({"content_hash": contents}).join(
            words, on="content_hash", how="left", maintain_order="left"
        )
        nothing = pl.lit(None, dtype=pl.String)
        items = rows.select(
            "title", "text", item_id="content_hash", published_at=pl.lit(None), is_active=pl.lit(True), group_id=nothing
        )
        popularity = rows["popularity"].fill_null(0.0).to_numpy()
        self._index = build_item_index(items, vectors, popularity=popularity)
        # The index orders its items by id; contents may come in another order.
        self._column = contents.arg_sort().to_numpy().astype(np.int64)
        self._sources: Mapping[str, Source] = {name: self._fit(name) for name in config.sources}
        self._n_users = 0
        self._without: Counter[str] = Counter()

    def load(self, users: pl.DataFrame, *, n_pairs: NDArray[np.int64], n_seen: NDArray[np.int64]) -> Pool:
        """The pool of some users (column user_id); n_seen is how many items of each can't be drawn, so to read deeper."""
        catalog, ids = self._context.catalog, users["user_id"].to_list()
        scope = {"user_space": catalog.user_space, "user_ids": ids}
        profiles = self._warehouse.query("queries/shard_profiles", **scope)
        texts = profile_texts(profiles).select("user_id", "profile_text", "wanted_text")
        found, known = read_vectors(self._warehouse, "queries/user_vectors", catalog=catalog.name, **scope)
        width = self._index.vectors.shape[1]
        vectors = (
            aligned(users["user_id"], found["user_id"], known)
            if len(known)
            else np.zeros((len(ids), width), np.float32)
        )
        shard = build_user_shard(
            users.select("user_id").join(texts, on="user_id", how="left", maintain_order="left"),
            vectors,
            index=self._index,
            history=NO_HISTORY,
            half_life_days=1.0,
        )
        depth = np.minimum(pool_depth(catalog.judge, n_pairs) + n_seen, len(self._index)).astype(np.int64)
        pool = Pool(catalog.judge.sources, (len(ids), len(self._index)))
        for name, source in self._sources.items():
            hits = source.retrieve(shard, depth)
            user = hits["user"].to_numpy().astype(np.int64)
            item = self._column[hits["item"].to_numpy().astype(np.int64)]
            pool.add(name, user=user, item=item, rank=hits["rank"].to_numpy().astype(np.int64))
            self._without[name] += int(((np.bincount(user, minlength=len(ids)) == 0) & (depth > 0)).sum())
        self._n_users += len(ids)
        return pool

    @property
    def notes(self) -> tuple[str, ...]:
        """For each source that had nothing for somebody: for how many, whose share others got."""
        return tuple(
            f"source {name} had nothing for {count} of {self._n_users} users: the other sources and the random draw took its share"
            for name, count in self._without.items()
            if count
        )

    def _fit(self, name: str) -> Source:
        if name == "bm25":
            return Bm25(self._index, history_items=0)
        if name == "popularity":
            return Popularity(self._index)
        return DenseProfile(self._index, ExactSearch(self._index.vectors, self._index.has_vector))
