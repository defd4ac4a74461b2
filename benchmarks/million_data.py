"""A warehouse of many users and items before `candidates`: clustered vectors, 20 interactions a user, topics. From a seed.

Items lie around the centres of clusters, clusters around topics, as embedded texts do. A user follows a few clusters and now
and then takes what is popular. All is written in bulk, a block at a time: memory O(block), and the centres.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from benchmarks.million_lists import ADJECTIVES, NOUNS, PLACES
from warehouse.connection import Warehouse, open_warehouse

CATALOG = "library"
SPACE = "readers"
DIMENSION = 384
ITEMS_A_CLUSTER = 250
TOPICS = 16
PER_USER = 20
FOLLOWED_SHARE = 0.8
BLOCK_ITEMS = 50_000
BLOCK_USERS = 50_000
DAYS = 500
SEED = 11

FloatMatrix = NDArray[np.float32]
IntVector = NDArray[np.int64]


def fill(folder: Path, *, n_users: int, n_items: int) -> None:
    """Catalog, items with vectors, topics, users and interactions. O(items * d + interactions)."""
    with open_warehouse(folder, memory_limit_mb=4096) as warehouse:
        _insert_catalog(warehouse)
        for block in _make_items(n_items):
            _insert_items(warehouse, *block)
        warehouse.connection.execute(
            "insert into users by name select $space as user_space, printf('u%07d', i) as user_id, '' as name,"
            " '' as job, []::text[] as skills, []::text[] as hobbies, []::text[] as interests, '' as summary,"
            " '{}' as attributes, '' as profile_hash, $name as source_catalog, 'interactions' as origin, true as is_active,"
            " timestamp '2026-10-01' as first_seen_at, timestamp '2026-10-01' as changed_at, 'r0' as last_seen_run"
            " from range($n_users) as users(i)",
            {"space": SPACE, "name": CATALOG, "n_users": n_users},
        )
        for start in range(0, n_users, BLOCK_USERS):
            _insert_interactions(warehouse, start, min(BLOCK_USERS, n_users - start), n_items)


def cluster_of(items: IntVector, n_items: int) -> IntVector:
    """An item's cluster: neighbours by number lie in different ones."""
    return items % _n_clusters(n_items)


def _n_clusters(n_items: int) -> int:
    return max(8, n_items // ITEMS_A_CLUSTER)


def _make_centres(n_items: int) -> FloatMatrix:
    """(clusters, d): each a topic's direction and one of its own, unit rows."""
    rng = np.random.default_rng(SEED)
    n_clusters = _n_clusters(n_items)
    topics = _unit(rng.standard_normal((TOPICS, DIMENSION), dtype=np.float32))
    own = _unit(rng.standard_normal((n_clusters, DIMENSION), dtype=np.float32))
    return _unit(topics[np.arange(n_clusters) % TOPICS] * np.float32(0.7) + own)


def _make_items(n_items: int) -> Iterator[tuple[pl.DataFrame, FloatMatrix]]:
    centres = _make_centres(n_items)
    for number, start in enumerate(range(0, n_items, BLOCK_ITEMS)):
        rng = np.random.default_rng((SEED, 1, number))
        items = np.arange(start, min(start + BLOCK_ITEMS, n_items))
        clusters = cluster_of(items, n_items)
        noise = _unit(rng.standard_normal((len(items), DIMENSION), dtype=np.float32))
        words = [
            np.take(parts, items // step % len(parts)) for parts, step in ((ADJECTIVES, 1), (NOUNS, 12), (PLACES, 120))
        ]
        frame = pl.DataFrame({"n": items, "topic": clusters % TOPICS, "a": words[0], "b": words[1], "c": words[2]})
        yield (
            frame.with_columns(author=clusters * 7 + items // 5 % 40, age=pl.Series(rng.integers(0, 1000, len(items)))),
            _unit(centres[clusters] + noise * np.float32(0.9)),
        )


def _insert_catalog(warehouse: Warehouse) -> None:
    run = warehouse.connection.execute
    run(
        "insert into catalogs by name select $name as catalog, $space as user_space, 'The library' as title,"
        " 'CC0-1.0' as licence, '' as config_hash, '' as file, '{}' as parameters, 'r0' as last_seen_run",
        {"name": CATALOG, "space": SPACE},
    )
    run(
        "insert into catalog_events by name select $name as catalog, 0 as position, 'borrow' as event,"
        " 1.0 as weight, true as is_seen",
        {"name": CATALOG},
    )
    run(
        "insert into catalog_grades by name select $name as catalog, 0 as position, 'borrow' as event, 2 as grade",
        {"name": CATALOG},
    )
    for task, labeler in (("embed_items", "made"), ("topics", "embedded:made")):
        run(
            "insert into active_fingerprints by name select $name as catalog, $task as task, $task as fingerprint,"
            " $labeler as labeler, '' as prompt_hash, 'r0' as run_id, timestamp '2026-10-01' as set_at",
            {"name": CATALOG, "task": task, "labeler": labeler},
        )


def _insert_items(warehouse: Warehouse, items: pl.DataFrame, vectors: FloatMatrix) -> None:
    connection = warehouse.connection
    arrow = items.to_arrow().append_column(
        "vector", pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), DIMENSION)
    )
    connection.register("made", arrow)
    connection.execute(
        "insert into items by name select $name as catalog, printf('i%07d', n) as item_id,"
        " printf('The %s %s of %s (%d)', a, b, c, n // 1080 + 1) as title,"
        " printf('A %s %s about the %s of %s, for those who read topic %d.', a, b, b, c, topic) as text,"
        " printf('author %d', author) as author, printf('https://library.example/items/%d', n) as url,"
        " printf('topic-%02d', topic) as category, 'en' as language, '{}' as attributes, printf('i%07d', n) as content_hash,"
        " timestamp '2026-10-31' - to_days(age::int) as published_at, true as is_active,"
        " timestamp '2026-10-01' as first_seen_at, timestamp '2026-10-01' as changed_at, 'r0' as last_seen_run from made",
        {"name": CATALOG},
    )
    connection.execute(
        "insert into embeddings by name select printf('i%07d', n) as content_hash, 'embed_items' as fingerprint,"
        " vector::float[] as vector, 'r0' as run_id, timestamp '2026-10-01' as created_at from made"
    )
    connection.execute(
        "insert into topic_labels by name select printf('i%07d', n) as content_hash, 'topics' as fingerprint,"
        " 'embedded:made' as labeler, printf('topic-%02d', topic) as primary_topic,"
        " [struct_pack(topic := printf('topic-%02d', topic), confidence := 0.8::double)] as topics, 0.8 as confidence,"
        " 'nearest description' as reason, 0 as requests, 0 as tokens_in, 0 as tokens_out, 0.0 as cost_usd,"
        " 'r0' as run_id, timestamp '2026-10-01' as created_at from made"
    )
    connection.unregister("made")


def _insert_interactions(warehouse: Warehouse, start: int, n: int, n_items: int) -> None:
    """PER_USER a user: most from two to four clusters, the rest by popularity; within a cluster low numbers are popular."""
    rng = np.random.default_rng((SEED, 2, start))
    n_clusters = _n_clusters(n_items)
    followed = rng.integers(0, n_clusters, size=(n, 4))
    n_followed = rng.integers(2, 5, size=n)
    which = rng.integers(0, 4, size=(n, PER_USER)) % n_followed[:, None]
    cluster = np.take_along_axis(followed, which, axis=1)
    in_cluster = (rng.random((n, PER_USER)) ** 2 * (n_items // n_clusters)).astype(np.int64) * n_clusters + cluster
    popular = (rng.random((n, PER_USER)) ** 6 * n_items).astype(np.int64)
    item = np.where(rng.random((n, PER_USER)) < FOLLOWED_SHARE, in_cluster, popular)
    table = pa.table({
        "user": np.repeat(np.arange(start, start + n), PER_USER), "k": np.tile(np.arange(PER_USER), n),
        "item": item.ravel(), "minutes": rng.integers(0, DAYS * 1440, n * PER_USER),
    })  # fmt: skip
    warehouse.connection.register("made", table)
    warehouse.connection.execute(
        "insert into interactions by name select $name as catalog, printf('u%07d', \"user\") as user_id,"
        " printf('i%07d', item) as item_id, 'borrow' as event,"
        " timestamp '2026-10-31' - to_minutes(minutes) as occurred_at, timestamp '2026-10-31' as first_seen_at from made",
        {"name": CATALOG},
    )
    warehouse.connection.unregister("made")


def _unit(rows: FloatMatrix) -> FloatMatrix:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)
