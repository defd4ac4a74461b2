"""Recommending from interactions: users without what was held out of them, sources fitted to the rest, and their lists.

The sources, the loaders and the held-out pairs are the night's own. Memory O(items x dimension + measured users' histories).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from tasks.contracts.errors import MissingInputError
from tasks.contracts.recommending import CandidatesConfig
from tasks.experiments.setting import Setting, sample_by_hash
from tasks.loading.arrays import load_catalog_arrays, load_shard
from tasks.loading.history import make_history
from tasks.loading.truth import read_truth, users_with_truth
from tasks.retrieval.build import build_sources
from tasks.retrieval.item_index import ItemIndex, decay_popularity
from tasks.retrieval.source import Source, SourceInputs
from tasks.retrieval.user_shard import HISTORY_COLUMNS, UserShard, build_user_shard

MAX_USERS = 1000
PAIR = ("user_id", "item_id")


@dataclass(frozen=True)
class NextItems:
    """Measured users with what is known of them, and what was held out.

    known: user_id, item_id, weight, age_days of all users, weights > 0, without what is held out. truth: user_id,
    item_id, grade of the measured users' held-out interactions. shard: these users. fixed: what the sources read beside
    interactions.
    """

    index: ItemIndex
    shard: UserShard
    known: pl.DataFrame
    truth: pl.DataFrame
    config: CandidatesConfig
    as_of_day: float

    @property
    def user_ids(self) -> pl.Series:
        """The measured users."""
        return self.shard.user_ids


def read_next_items(setting: Setting, *, max_users: int = MAX_USERS) -> NextItems:
    """What fold 0 holds out, for at most max_users users by hash.

    Raises MissingInputError where interactions are no truth of the catalog, or where it has none.
    """
    warehouse, context = setting.warehouse, setting.context
    make_history(warehouse, context)
    found = pl.Series("user_id", users_with_truth(warehouse, context, fold=0), dtype=pl.String)
    truth = read_truth(warehouse, context, found.to_list(), fold=0).filter("has_interaction").select(*PAIR, "grade")
    if truth.is_empty():
        raise MissingInputError(
            f"catalog {setting.catalog!r} holds out no interaction; this experiment needs [[interactions]], a grade for"
            " their events in [relevance.grades], and 'interactions' in relevance.truth"
        )
    users = sample_by_hash(truth["user_id"].unique().sort(), n=max_users, seed=setting.seed)
    index = load_catalog_arrays(warehouse, context, fold=0, only=()).index
    return NextItems(
        index=index,
        shard=load_shard(warehouse, context, index, user_ids=users.to_list(), fold=0),
        known=warehouse.query("queries/choices", fold=0, max_age_days=None),
        truth=truth.filter(pl.col("user_id").is_in(users.implode())),
        config=context.catalog.candidates,
        as_of_day=np.datetime64(context.as_of_end, "D").astype(float),
    )


def fit_sources(of: NextItems, config: CandidatesConfig | None = None) -> dict[str, Source]:
    """The sources of the config (None: the catalog's) fitted to what is known, by name; see build_sources."""
    inputs = SourceInputs(interactions=of.known, as_of_day=of.as_of_day)
    return {source.name: source for source in build_sources(of.index, config or of.config, inputs=inputs)}


def config_with(of: NextItems, sources: Mapping[str, float], **changes: object) -> CandidatesConfig:
    """The catalog's config with other sources and other values."""
    return CandidatesConfig.model_validate({**of.config.model_dump(), "sources": dict(sources), **changes})


def with_known(of: NextItems, known: pl.DataFrame, truth: pl.DataFrame, *, half_life_days: float) -> NextItems:
    """The same users, of whom and of all others only `known` is known: popularity and histories are made of it."""
    popularity = decay_popularity(known, of.index.item_ids, half_life_days=half_life_days)
    return replace(
        of, index=replace(of.index, popularity=popularity), shard=with_history(of, known), known=known, truth=truth
    )


def with_history(of: NextItems, history: pl.DataFrame, *, has_profile: bool = True) -> UserShard:
    """The measured users with this history (HISTORY_COLUMNS), with or without their profiles."""
    shard = of.shard
    texts = shard.profile_texts if has_profile else [""] * len(shard)
    users = pl.DataFrame({"user_id": shard.user_ids, "profile_text": texts, "segment": shard.segments})
    return build_user_shard(
        users,
        shard.profile_vectors if has_profile else np.zeros_like(shard.profile_vectors),
        index=of.index,
        history=history.select(HISTORY_COLUMNS),
        half_life_days=of.config.history_half_life_days,
    )


def top_list(source: Source, of: NextItems, *, k: int) -> pl.DataFrame:
    """The first k unseen items of each measured user in the source's list: user_id, item_id, rank."""
    shard = of.shard
    n_seen = np.diff(shard.seen_indptr)
    seen = pl.DataFrame(
        {
            "user": np.repeat(np.arange(len(shard)), n_seen).astype(np.uint32),
            "item": shard.seen_items.astype(np.uint32),
        }
    )
    hits = source.retrieve(shard, k + n_seen.astype(np.int64)).join(seen, on=["user", "item"], how="anti")
    rank = pl.int_range(1, pl.len() + 1, dtype=pl.UInt32).over("user")
    top = hits.sort("user", "rank").with_columns(rank=rank).filter(pl.col("rank") <= k)
    return top.select(
        shard.user_ids.gather(top["user"].cast(pl.Int64)).alias("user_id"),
        of.index.item_ids.gather(top["item"].cast(pl.Int64)).alias("item_id"),
        "rank",
    )
