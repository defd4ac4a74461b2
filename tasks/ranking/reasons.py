"""Why an item is recommended: one sentence a row, from the strongest evidence that the data holds.

A reason claims nothing that was not looked up: a title stands in the user's history, an interest in the profile and its
words in the item's text, a topic in both the item's labels and the user's history. In this order:

    matches your interest "astronomy"          all words of the interest stand in the item's text
    because you read "Probe lands on comet"    a liked item of the history lies near (cosine >= NEAR)
    a topic you follow: science                the topic is the item's first and has FOLLOWED of the user's history
    close to your profile                      the source dense_profile found it
    chosen by people who like what you like    the source collaborative found it
    shares words with what you like            the source bm25 found it
    popular now                                in the top POPULAR of the catalog
    new in the catalog                         published at most NEW_DAYS ago
    chosen to complete your list               nothing of the above
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy import sparse

from tasks.ranking.affinity import user_shares
from tasks.ranking.history_features import NEWEST
from tasks.ranking.inputs import CatalogArrays, ItemFacts, ShardArrays, locate_pairs

NEAR = 0.45
FOLLOWED = 0.2
POPULAR = 0.05
NEW_DAYS = 7.0
MAX_TITLE = 80
WORD = re.compile(r"\w\w+")
SOURCE_REASONS = {
    "dense_profile": "close to your profile",
    "collaborative": "chosen by people who like what you like",
    "bm25": "shares words with what you like",
}


@dataclass(frozen=True)
class Evidence:
    """What is known of one row; None or NaN where there is nothing."""

    interest: str | None = None
    nearest_title: str | None = None
    nearest_cosine: float = float("nan")
    topic: str | None = None
    topic_share: float = 0.0
    popularity_percentile: float = 0.0
    age_days: float = float("nan")
    sources: tuple[str, ...] = ()


def write_reasons(
    top: pl.DataFrame,
    *,
    catalog: CatalogArrays,
    shard: ShardArrays,
    facts: ItemFacts,
    interests: Mapping[object, Sequence[str]],
    verb: str = "read",
) -> pl.Series:
    """A reason for each row of top: user_id, item_id, sources (list), popularity_percentile, age_days.

    interests: by user_id, the interests as the profile states them. verb: what the catalog's users do ("because you
    watched ..."). O(rows * (history * d + words)): meant for the published rows, not for all candidates.
    """
    rows = locate_pairs(top, user_ids=shard.user_ids, item_ids=catalog.item_ids)
    followed = user_shares(shard, facts.topics)
    reasons = []
    facts_of_rows = top.select("user_id", "sources", "popularity_percentile", "age_days").iter_rows()
    for user, item, (user_id, sources, percentile, age) in zip(rows.users, rows.items, facts_of_rows, strict=True):
        title, cosine = _nearest_liked(shard, catalog, user=int(user), item=int(item))
        topic, share = _followed_topic(facts, followed, user=int(user), item=int(item))
        evidence = Evidence(
            interest=find_interest(interests.get(user_id, ()), catalog.texts[item]),
            nearest_title=title,
            nearest_cosine=cosine,
            topic=topic,
            topic_share=share,
            popularity_percentile=float(percentile),
            age_days=float("nan") if age is None else float(age),
            sources=tuple(sources),
        )
        reasons.append(write_reason(evidence, verb=verb))
    return pl.Series("reason", reasons, dtype=pl.String)


def write_reason(evidence: Evidence, *, verb: str = "read") -> str:
    """One sentence; see the module's table.

    >>> write_reason(Evidence(nearest_title="Probe lands on comet", nearest_cosine=0.7))
    'because you read "Probe lands on comet"'
    """
    if evidence.interest:
        return f'matches your interest "{evidence.interest}"'
    if evidence.nearest_title and evidence.nearest_cosine >= NEAR:
        return f'because you {verb} "{_shorten(evidence.nearest_title)}"'
    if evidence.topic and evidence.topic_share >= FOLLOWED:
        return f"a topic you follow: {evidence.topic}"
    for source, reason in SOURCE_REASONS.items():
        if source in evidence.sources:
            return reason
    if evidence.popularity_percentile > 1.0 - POPULAR and "popularity" in evidence.sources:
        return "popular now"
    if 0.0 <= evidence.age_days <= NEW_DAYS:
        return "new in the catalog"
    return "chosen to complete your list"


def find_interest(interests: Sequence[str], text: str) -> str | None:
    """The first interest all of whose words stand in the text, most words first; a plural s is ignored."""
    known = {_stem(word) for word in WORD.findall(text.lower())}
    for interest in sorted(interests, key=lambda phrase: -len(WORD.findall(phrase))):
        words = {_stem(word) for word in WORD.findall(interest.lower())}
        if words and words <= known:
            return interest
    return None


def _stem(word: str) -> str:
    return word[:-1] if len(word) > 3 and word.endswith("s") else word


def _shorten(title: str) -> str:
    flat = " ".join(title.split())
    return flat if len(flat) <= MAX_TITLE else flat[: MAX_TITLE - 1].rstrip() + "…"


def _nearest_liked(shard: ShardArrays, catalog: CatalogArrays, *, user: int, item: int) -> tuple[str | None, float]:
    entries = np.arange(shard.indptr[user], min(shard.indptr[user + 1], shard.indptr[user] + NEWEST))
    entries = entries[shard.history_weights[entries] > 0]
    if not len(entries) or not catalog.has_vector[item]:
        return None, float("nan")
    cosines = shard.item_vectors[shard.history_rows[entries]] @ catalog.vectors[item]
    best = int(np.argmax(cosines))
    return shard.item_titles[shard.history_rows[entries[best]]] or None, float(cosines[best])


def _followed_topic(facts: ItemFacts, followed: sparse.csr_matrix, *, user: int, item: int) -> tuple[str | None, float]:
    shares = facts.topics.shares[[item]]
    if not shares.nnz:
        return None, 0.0
    first = int(shares.indices[np.argmax(shares.data)])
    return facts.topics.names[first], float(followed[user, first])
