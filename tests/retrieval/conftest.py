"""Small catalogs and shards: `make_index` and `make_shard` fill in what a test does not care about."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import polars as pl
import pytest

from tasks.retrieval.item_index import ItemIndex, build_item_index
from tasks.retrieval.user_shard import UserShard, build_user_shard

HISTORY_SCHEMA = {"user_id": pl.String, "item_id": pl.String, "weight": pl.Float64, "age_days": pl.Float64}


@pytest.fixture
def make_index() -> Callable[..., ItemIndex]:
    def make(ids: Sequence[str], vectors: Any = None, **columns: Any) -> ItemIndex:
        popularity = columns.pop("popularity", None)
        items = pl.DataFrame(
            {
                "item_id": list(ids),
                "title": columns.get("title", [f"title {item}" for item in ids]),
                "text": columns.get("text", [""] * len(ids)),
                "published_at": columns.get("published_at", [None] * len(ids)),
                "is_active": columns.get("is_active", [True] * len(ids)),
                "group_id": columns.get("group_id", [None] * len(ids)),
            },
            schema_overrides={"item_id": pl.String, "published_at": pl.Datetime("us"), "group_id": pl.String},
        )
        if vectors is None:
            vectors = np.zeros((len(ids), 4), dtype=np.float32)
        return build_item_index(
            items,
            np.asarray(vectors, dtype=np.float32),
            popularity=None if popularity is None else np.asarray(popularity, dtype=np.float64),
            blocked=columns.get("blocked", ()),
            fields=columns.get("fields"),
        )

    return make


@pytest.fixture
def make_shard() -> Callable[..., UserShard]:
    def make(
        index: ItemIndex,
        users: Sequence[str],
        *,
        profiles: Any = None,
        texts: Sequence[str] | None = None,
        history: Sequence[tuple[str, str, float, float]] = (),
        **more: Any,
    ) -> UserShard:
        frame = pl.DataFrame(
            {"user_id": list(users), "profile_text": list(texts) if texts else [None] * len(users)},
            schema={"user_id": pl.String, "profile_text": pl.String},
        ).with_columns(**{name: pl.Series(values) for name, values in more.pop("fields", {}).items()})
        if profiles is None:
            profiles = np.zeros((len(users), index.vectors.shape[1]), dtype=np.float32)
        return build_user_shard(
            frame,
            np.asarray(profiles, dtype=np.float32),
            index=index,
            history=pl.DataFrame(list(history), schema=HISTORY_SCHEMA, orient="row"),
            half_life_days=more.pop("half_life_days", 1e9),
            **more,
        )

    return make
