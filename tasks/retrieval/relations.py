"""Source `relations`: items that are related to what the user liked: of the same series or author, a sequel, the same story."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl

from tasks.retrieval.best_query import relative_weights
from tasks.retrieval.item_index import BoolVector, FloatVector, IntVector, ItemIndex
from tasks.retrieval.source import BLOCK_CELLS, SCORE_DECIMALS, Pairs, rank_hits
from tasks.retrieval.user_shard import UserShard

BLOCK_TERMS = BLOCK_CELLS // 8


class Relations:
    """Score: the sum over the user's liked items h of weight(h) * strength(h, item), >= 0.

    weight is relative to the user's largest, in (0, 1]; the newest history_items count. relations: item_id, related_id,
    relation, strength in (0, 1]; a row says that who liked item_id may want related_id. Of several relations between two
    items the strongest counts, of equal ones the first by name. O(history_items * related items) a user; memory
    O(rows of relations), and BLOCK_TERMS terms of the sum, or one user's.
    """

    name = "relations"

    def __init__(self, index: ItemIndex, relations: pl.DataFrame, *, history_items: int) -> None:
        self._index = index
        self._limit = history_items
        positions = index.positions.with_columns(pl.col("item").cast(pl.Int64))
        rows = (
            relations.join(positions.rename({"item": "liked"}), on="item_id")
            .join(positions.rename({"item": "related", "item_id": "related_id"}), on="related_id")
            .filter(pl.col("liked") != pl.col("related"))
            .sort("liked", "related", "strength", "relation", descending=[False, False, True, False])
            .unique(["liked", "related"], keep="first", maintain_order=True)
        )
        names = rows["relation"].cast(pl.String).unique().sort()
        self._names = names
        self._codes = names.search_sorted(rows["relation"].cast(pl.String)).cast(pl.Int64).to_numpy()
        self._related = rows["related"].to_numpy()
        self._strengths = rows["strength"].cast(pl.Float64).to_numpy()
        self._starts = np.searchsorted(rows["liked"].to_numpy(), np.arange(len(index) + 1))

    def __len__(self) -> int:
        return len(self._related)

    def retrieve(self, shard: UserShard, depth: IntVector) -> pl.DataFrame:
        """See Source; only items that are related to a liked one."""
        parts = [rank_hits(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0), depth=depth)]
        for terms in self._terms(shard, depth > 0):
            found = _sum_terms(terms.filter(pl.Series(self._index.is_active[terms["item"].to_numpy()])))
            users, items = found["user"].to_numpy(), found["item"].to_numpy()
            parts.append(rank_hits(users, items, found["score"].to_numpy(), depth=depth))
        return pl.concat(parts)

    def score_pairs(self, shard: UserShard, pairs: Pairs) -> FloatVector:
        """The sum as above, 0 for no relation; NaN where the user has liked nothing of this catalog."""
        scores = self._matched(shard, pairs)["score"].fill_null(0.0).to_numpy()
        users, _ = self._liked(shard)
        return np.where(np.isin(pairs.users, users), np.round(scores, SCORE_DECIMALS), np.nan)

    def describe(self, shard: UserShard, pairs: Pairs) -> pl.DataFrame:
        """A row a pair: `relation` and `related_item` (its id) of the strongest term; of equal ones the newest liked item's."""
        matched = self._matched(shard, pairs)
        names = self._names.gather(matched["code"]).alias("relation")
        return pl.DataFrame([names, self._index.item_ids.gather(matched["liked"]).alias("related_item")])

    def _matched(self, shard: UserShard, pairs: Pairs) -> pl.DataFrame:
        """score, code and liked of each pair, in the order of the pairs; null without a relation."""
        wanted = pl.DataFrame({"user": pairs.users.astype(np.int64), "item": pairs.items.astype(np.int64)})
        has_pairs = np.zeros(len(shard), dtype=np.bool_)
        has_pairs[pairs.users] = True
        found = [
            _sum_terms(terms.join(wanted, on=["user", "item"], how="semi", maintain_order="left"))
            for terms in self._terms(shard, has_pairs)
        ]
        known = pl.concat(found)
        return wanted.join(known, on=["user", "item"], how="left", maintain_order="left")

    def _liked(self, shard: UserShard) -> tuple[IntVector, IntVector]:
        users, entries = shard.liked_entries(self._limit)
        is_own = shard.history_items[entries] >= 0
        return users[is_own], entries[is_own]

    def _terms(self, shard: UserShard, is_wanted: BoolVector) -> Iterator[pl.DataFrame]:
        """user, item, term, liked, code of the wanted users (u,): blocks of whole users, newest liked item first."""
        users, entries = self._liked(shard)
        weights = relative_weights(users, shard.history_weights[entries], len(shard))
        liked = shard.history_items[entries]
        sizes = np.where(is_wanted[users], self._starts[liked + 1] - self._starts[liked], 0)
        block = np.cumsum(sizes) // BLOCK_TERMS
        block = block[np.searchsorted(users, users)] if len(users) else block
        for part in np.split(np.arange(len(users)), np.flatnonzero(np.diff(block)) + 1):
            counts = sizes[part]
            within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
            places = np.repeat(self._starts[liked[part]], counts) + within
            yield _frame_of_terms(
                np.repeat(users[part], counts),
                self._related[places],
                np.repeat(weights[part], counts) * self._strengths[places],
                np.repeat(liked[part], counts),
                self._codes[places],
            )


def _frame_of_terms(
    users: IntVector, items: IntVector, terms: FloatVector, liked: IntVector, codes: IntVector
) -> pl.DataFrame:
    columns = {"user": users, "item": items, "term": terms, "liked": liked, "code": codes}
    return pl.DataFrame(columns, schema_overrides={"user": pl.Int64})


def _sum_terms(terms: pl.DataFrame) -> pl.DataFrame:
    """user, item, score, and liked and code of the largest term."""
    rounded = terms.with_columns(pl.col("term").round(SCORE_DECIMALS).alias("rounded"))
    best = pl.col("rounded").arg_max()
    return rounded.group_by("user", "item", maintain_order=True).agg(
        pl.col("term").sum().alias("score"), pl.col("liked").get(best), pl.col("code").get(best)
    )
