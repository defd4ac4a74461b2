"""Judge questions, and lists to be put in order: users with profile and history, contents with text, topics and vectors.

Reads users, weighted_interactions, items, topic labels and vectors, a block of users at a time, so that each profile and
history is read once. Memory O(block of users + items asked about).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
import polars as pl

from tasks.contracts.context import StepContext
from tasks.labelers.protocol import ItemText, JudgeQuestion, RankQuestion, UserText
from warehouse.connection import Warehouse
from warehouse.vectors import read_vectors

BLOCK_USERS = 500
HISTORY_DEPTH = 10


def make_questions(warehouse: Warehouse, context: StepContext, pairs: pl.DataFrame) -> Iterator[JudgeQuestion]:
    """A question for each pair (columns user_id, content_hash), ordered by user."""
    if pairs.is_empty():
        return
    texts = read_item_texts(warehouse, context, pairs["content_hash"].unique())
    for start in range(0, pairs["user_id"].n_unique(), BLOCK_USERS):
        block = pairs["user_id"].unique().sort().slice(start, BLOCK_USERS)
        users = read_user_texts(warehouse, context, block.to_list())
        for row in pairs.join(block.to_frame(), on="user_id", how="semi", maintain_order="left").iter_rows(named=True):
            item, topics = texts[row["content_hash"]]
            yield JudgeQuestion(user=users[row["user_id"]], item=item, topics=topics)


def make_rank_questions(
    warehouse: Warehouse, context: StepContext, lists: Sequence[tuple[str, tuple[str, ...]]]
) -> Iterator[RankQuestion]:
    """A question for each list (user id, content hashes as shown), in the order given, which goes by user."""
    if not lists:
        return
    texts = read_item_texts(warehouse, context, pl.Series([key for _, keys in lists for key in keys]).unique())
    items = {
        key: replace(item, topic=max(sorted(topics), key=lambda name: topics[name]) if topics else "")
        for key, (item, topics) in texts.items()
    }
    user_ids = list(dict.fromkeys(user_id for user_id, _ in lists))
    users: dict[str, UserText] = {}
    for user_id, keys in lists:
        if user_id not in users:
            start = user_ids.index(user_id)
            users = read_user_texts(warehouse, context, user_ids[start : start + BLOCK_USERS])
        yield RankQuestion(users[user_id], tuple(items[key] for key in keys))


def read_item_texts(
    warehouse: Warehouse, context: StepContext, wanted: pl.Series
) -> dict[str, tuple[ItemText, Mapping[str, float]]]:
    """By content hash, those of the wanted active contents that have a vector, with their topics' shares."""
    frame, vectors = read_vectors(
        warehouse, "queries/items_for_judge", catalog=context.catalog.name, content_hashes=wanted.to_list()
    )
    rows = frame.with_row_index("row")
    return {
        row["content_hash"]: (
            ItemText(row["content_hash"], row["title"], row["text"], row["author"], vectors[row["row"]]),
            {topic["topic"]: topic["confidence"] for topic in row["topics"] or []},
        )
        for row in rows.iter_rows(named=True)
    }


def read_user_texts(warehouse: Warehouse, context: StepContext, user_ids: list[str]) -> dict[str, UserText]:
    """By user id, profiles with the last HISTORY_DEPTH items that each user liked."""
    catalog = context.catalog
    scope = {"user_space": catalog.user_space, "user_ids": user_ids}
    profiles = warehouse.query("queries/user_profiles", catalog=catalog.name, **scope)
    histories = warehouse.query(
        "queries/user_histories", as_of_end=context.as_of_end, depth=HISTORY_DEPTH, catalog=catalog.name, **scope
    )
    read: dict[str, list[ItemText]] = defaultdict(list)
    liked: dict[str, list[str]] = defaultdict(list)
    for row in histories.iter_rows(named=True):
        vector = None if row["vector"] is None else np.asarray(row["vector"], dtype=np.float32)
        read[row["user_id"]].append(ItemText(row["content_hash"], row["title"], row["text"], vector=vector))
        if row["primary_topic"] is not None:
            liked[row["user_id"]].append(row["primary_topic"])
    return {
        row["user_id"]: UserText(
            key=row["profile_hash"],
            summary=row["summary"],
            interests=tuple(row["interests"]),
            hobbies=tuple(row["hobbies"]),
            skills=tuple(row["skills"]),
            job=row["job"],
            vector=None if row["vector"] is None else np.asarray(row["vector"], dtype=np.float32),
            history=tuple(read[row["user_id"]]),
            topic_affinity=_shares(liked[row["user_id"]]),
        )
        for row in profiles.iter_rows(named=True)
    }


def _shares(topics: list[str]) -> dict[str, float]:
    return {topic: topics.count(topic) / len(topics) for topic in sorted(set(topics))}
