"""A warehouse as it stands before `publish` on a large night: users, items, what they read, and a list for every user.

Everything is drawn from a seed and written in a stream: lists go to shards of whole users, in no order, as `score` writes
them. Popular items are in many lists; a list shares four fifths with the same user's list of the night before. Users have read
items of odd numbers only and are recommended even ones, so that nobody is recommended what they know.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import polars as pl

from tasks.runs import finish_run, start_run
from warehouse.connection import Warehouse, open_warehouse
from warehouse.outputs import stage_output

CATALOG = "library"
PER_USER = 20
READ_PER_USER = 3
CHANGED_PER_NIGHT = 4
SHARD_USERS = 2000
TOPICS = ("travel", "history", "science", "crime", "poetry", "cooking", "gardens", "music")
ADJECTIVES = (
    "quiet",
    "northern",
    "forgotten",
    "late",
    "narrow",
    "golden",
    "patient",
    "wild",
    "second",
    "paper",
    "blue",
    "salt",
)
NOUNS = (
    "harbour",
    "orchard",
    "letters",
    "winter",
    "cartographer",
    "kitchen",
    "observatory",
    "river",
    "neighbour",
    "archive",
)
PLACES = (
    "Lisbon",
    "the Faroes",
    "Ghent",
    "Valparaiso",
    "the upper valley",
    "Kyoto",
    "Trieste",
    "the old mill",
    "Tbilisi",
)
SOURCES = ("dense_profile", "bm25", "collaborative", "popular", "similar_items", "topics")


def fill_warehouse(folder: Path, *, n_users: int, n_items: int) -> None:
    """Users, items with a topic each, and three interactions a user; made inside DuckDB."""
    with open_warehouse(folder) as warehouse:
        run = warehouse.connection.execute
        run(
            "insert into catalogs by name select $name as catalog, 'readers' as user_space, 'The library' as title,"
            " 'CC0-1.0' as licence, '' as config_hash, '' as file, '{}' as parameters, 'r0' as last_seen_run",
            {"name": CATALOG},
        )
        run(
            "insert into catalog_events by name select $name as catalog, 0 as position, 'borrow' as event,"
            " 1.0 as weight, true as is_seen",
            {"name": CATALOG},
        )
        warehouse.connection.register("made", _make_items(n_items).to_arrow())
        run(
            "insert into items by name select $name as catalog, item_id, title, title as text, '' as author, url,"
            " topic as category, 'en' as language, '{}' as attributes, item_id as content_hash, true as is_active,"
            " timestamp '2026-10-01' as first_seen_at, timestamp '2026-10-01' as changed_at, 'r0' as last_seen_run from made",
            {"name": CATALOG},
        )
        _label_topics(warehouse)
        run(
            "insert into users by name select 'readers' as user_space, printf('u%07d', i) as user_id, '' as name,"
            " '' as job, []::text[] as skills, []::text[] as hobbies, []::text[] as interests, '' as summary,"
            " '{}' as attributes, '' as profile_hash, $name as source_catalog, 'source' as origin, true as is_active,"
            " timestamp '2026-10-01' as first_seen_at, timestamp '2026-10-01' as changed_at, 'r0' as last_seen_run"
            " from range($n_users) as users(i)",
            {"name": CATALOG, "n_users": n_users},
        )
        run(
            "insert into interactions by name select $name as catalog, printf('u%07d', i) as user_id,"
            " printf('i%06d', (hash(i, k) % ($n_items // 2))::bigint * 2 + 1) as item_id, 'borrow' as event,"
            " timestamp '2026-10-01' + to_hours((i % 500)::int) as occurred_at,"
            " timestamp '2026-10-30' as first_seen_at from range($n_users) as users(i), range($per_user) as reads(k)",
            {"name": CATALOG, "n_users": n_users, "n_items": n_items, "per_user": READ_PER_USER},
        )


def write_lists(folder: Path, run_id: str, *, night: int, as_of: date, n_users: int, n_items: int) -> int:
    """A run whose recommendations lie in shards, as `score` leaves them; bytes written. Memory O(shard)."""
    start_run(folder, run_id, as_of=as_of, catalogs=[CATALOG], code_version="benchmark")
    items = _make_items(n_items)
    # Shards hold users by hash: neighbours in the alphabet are far apart.
    order = np.random.default_rng(0).permutation(n_users)
    with (
        open_warehouse(folder) as warehouse,
        stage_output(warehouse, run_id=run_id, catalog=CATALOG, stage="recommendations") as shards,
    ):
        for number, start in enumerate(range(0, n_users, SHARD_USERS)):
            users = order[start : start + SHARD_USERS]
            shards.write(_make_lists(users, items, night=night, seed=number, as_of=as_of))
    finish_run(folder, run_id, status="completed", message="", peak_rss_mb=0.0)
    return sum(path.stat().st_size for path in (folder / "runs" / run_id).rglob("*.parquet"))


def _make_items(n_items: int) -> pl.DataFrame:
    number = np.arange(n_items)
    words = [
        np.take(words, number // step % len(words)) for words, step in ((ADJECTIVES, 1), (NOUNS, 12), (PLACES, 120))
    ]
    frame = pl.DataFrame(
        {"n": number, "a": words[0], "b": words[1], "c": words[2], "topic": np.take(TOPICS, number // 7 % 8)}
    )
    return frame.select(
        item_id=pl.format("i{}", pl.col("n").cast(pl.String).str.zfill(6)),
        title=pl.format("The {} {} of {} ({})", "a", "b", "c", pl.col("n") // 1080 + 1),
        url=pl.format("https://library.example/items/{}", "n"),
        topic="topic",
    )


def _make_lists(users: np.ndarray, items: pl.DataFrame, *, night: int, seed: int, as_of: date) -> pl.DataFrame:
    """The published columns of the users' lists; a night's changes are the last places of the night before."""
    rng = np.random.default_rng((1, seed))
    width = PER_USER * 2 + 4 * CHANGED_PER_NIGHT
    # Skewed like circulation: of 25,000 items the most popular is in every second list.
    drawn = (rng.random((len(users), width)) ** 3 * (items.height // 2)).astype(np.int64) * 2
    places = np.tile(np.arange(width), len(users))
    draft = pl.DataFrame({"user": np.repeat(users, width), "place": places, "item": drawn.ravel()})
    distinct = draft.unique(["user", "item"], keep="first", maintain_order=True)
    kept, first_new = PER_USER - CHANGED_PER_NIGHT, PER_USER + CHANGED_PER_NIGHT * (night - 1)
    place = pl.int_range(pl.len()).over("user")
    chosen = distinct.filter((place < kept) | place.is_between(first_new, first_new + CHANGED_PER_NIGHT - 1))
    ranked = chosen.with_columns(rank=pl.int_range(1, pl.len() + 1, dtype=pl.Int32).over("user"))
    listed = ranked.with_columns(
        items.select(pl.col("item_id", "title", "url", "topic").gather(ranked["item"])),
        likes=items["title"].gather((ranked["item"] + ranked["user"] % 97 * 2) % items.height),
        draw=pl.Series(rng.random(ranked.height)),
    )
    return _name_columns(listed, as_of)


def _name_columns(listed: pl.DataFrame, as_of: date) -> pl.DataFrame:
    draw, rank = pl.col("draw"), pl.col("rank")
    n_sources = (draw * 3).cast(pl.Int64) + 1
    first_source = (draw * 1e6).cast(pl.Int64) % len(SOURCES)
    sources = pl.Series([list((SOURCES + SOURCES)[i : i + n]) for i in range(len(SOURCES)) for n in (1, 2, 3)])
    because = pl.format("Because you read “{}”: another on {}.", "likes", "topic")
    return listed.select(
        catalog=pl.lit(CATALOG), user_space=pl.lit("readers"),
        user_id=pl.format("u{}", pl.col("user").cast(pl.String).str.zfill(7)),
        rank="rank", item_id="item_id", title="title", url="url", score=2.0 - rank / 20 + draw / 50,
        sources=pl.lit(sources).gather(first_source * 3 + n_sources - 1), reason=because,
        reason_content=pl.format("on {}, as much of what you read", "topic"),
        reason_popularity=pl.when(draw < 0.3).then(pl.format("{} readers this week", (draw * 900).cast(pl.Int64))),
        reason_diversity=pl.when(rank > 15).then(pl.lit("a topic that you have not had yet")),
        reason_time=pl.lit(None, dtype=pl.String), reason_source=pl.lit("template"),
        propensity=pl.when(rank == PER_USER).then(pl.lit(0.1)), primary_topic="topic", as_of=pl.lit(as_of),
    )  # fmt: skip


def _label_topics(warehouse: Warehouse) -> None:
    warehouse.connection.execute(
        "insert into active_fingerprints by name select $name as catalog, 'topics' as task, 'f' as fingerprint,"
        " 'embedded:made' as labeler, '' as prompt_hash, 'r0' as run_id, timestamp '2026-10-01' as set_at",
        {"name": CATALOG},
    )
    warehouse.connection.execute(
        "insert into topic_labels by name select content_hash, 'f' as fingerprint, 'embedded:made' as labeler,"
        " category as primary_topic, [struct_pack(topic := category, confidence := 0.8::double)] as topics,"
        " 0.8 as confidence, 'nearest description' as reason, 0 as requests, 0 as tokens_in, 0 as tokens_out,"
        " 0.0 as cost_usd, 'r0' as run_id, timestamp '2026-10-01' as created_at from items"
    )
