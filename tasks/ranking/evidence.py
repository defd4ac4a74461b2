"""What the data holds for a recommendation: looked up for the published rows, before anything is said of it.

Nothing here depends on the ranker or its scores: only on profile, history, labels, relations, sources and dates.
Time O(rows * (history * d + words)), memory O(rows + words of the items shown): meant for the published rows alone.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import polars as pl

from tasks.ranking.affinity import user_shares
from tasks.ranking.features import EPOCH, SECONDS_A_DAY
from tasks.ranking.history_features import NEWEST
from tasks.ranking.inputs import CatalogArrays, FloatVector, IntVector, ItemFacts, ShardArrays, locate_pairs

WORD = re.compile(r"\w\w+")
OPTIONAL = ("aspect", "aspects_score", "relation", "related_item", "propensity", "recent_popularity_rank")
"""Columns of candidates that only some sources give."""

ASPECT_NEAR = 0.45
"""The score from which on an aspect of the item is like one of a liked item."""

SEGMENT_POPULAR = 0.8
"""Share of the catalog that must be at most as popular in a segment as an item that is popular there."""

STRONG_PLACES = 25
"""A source speaks for an item only if it has it among its first so many: what it lists last is not what it stands for."""

AspectTexts = Mapping[tuple[str, str], str]
"""By item id and aspect, what the enrichment says of it."""


@dataclass(frozen=True)
class Evidence:
    """What is known of one row; None or NaN where there is nothing.

    relation: how the item is related to related_title, which the user liked. topic: the item's first; topic_share: how
    much of the user's liked history it has. popularity: share of the catalog that is at most as popular. recent_place:
    its place among the recently popular, as a share of the catalog. segment: of a user without history, in which the item
    is popular. sources: which may speak for it, best place first.
    """

    is_explored: bool = False
    relation: str | None = None
    related_title: str | None = None
    interest: str | None = None
    aspect: str | None = None
    aspect_text: str | None = None
    nearest_title: str | None = None
    nearest_cosine: float = float("nan")
    topic: str | None = None
    topic_share: float = 0.0
    is_only_of_topic: bool = False
    popularity: float = 0.0
    recent_place: float = float("nan")
    segment: str | None = None
    age_days: float = float("nan")
    sources: tuple[str, ...] = ()


class EvidenceFinder:
    """Looks evidence up for the rows of one shard of users.

    interests: by user_id, as the profile states them. aspects: of the items shown. as_of: in UTC, naive.
    segment_popularity: segment, item_id, popularity.
    """

    def __init__(
        self,
        *,
        catalog: CatalogArrays,
        shard: ShardArrays,
        facts: ItemFacts,
        interests: Mapping[object, Sequence[str]],
        aspects: AspectTexts,
        as_of: datetime,
        segment_popularity: pl.DataFrame | None = None,
    ) -> None:
        self._catalog = catalog
        self._shard = shard
        self._facts = facts
        self._interests = interests
        self._aspects = aspects
        self._today = (as_of - EPOCH).total_seconds() / SECONDS_A_DAY
        self._followed = user_shares(shard, facts.topics)
        self._popularity = share_at_most(catalog.popularity)
        self._positions = {item_id: position for position, item_id in enumerate(catalog.item_ids)}
        self._words: dict[int, frozenset[str]] = {}
        self._in_segments = segment_popularity
        self._popular_in: dict[str, frozenset[object]] = {}

    def find(self, top: pl.DataFrame) -> list[Evidence]:
        """One a row of top: user_id, item_id, those of OPTIONAL that there are, and sources (list): which may speak for it."""
        rows = locate_pairs(top, user_ids=self._shard.user_ids, item_ids=self._catalog.item_ids)
        blanks = [pl.lit(None).alias(name) for name in OPTIONAL if name not in top.columns]
        told = top.with_columns(blanks).select("user_id", "item_id", "sources", *OPTIONAL).iter_rows(named=True)
        topics = [self._first_topic(int(item)) for item in rows.items]
        n_of_topic = Counter(zip(rows.users.tolist(), topics, strict=True))
        return [
            self._find_one(row, user=int(user), item=int(item), topic=topic, is_only=n_of_topic[int(user), topic] == 1)
            for row, user, item, topic in zip(told, rows.users, rows.items, topics, strict=True)
        ]

    def _find_one(
        self, row: Mapping[str, object], *, user: int, item: int, topic: int | None, is_only: bool
    ) -> Evidence:
        nearest, cosine = self._nearest_liked(user, item)
        related = self._liked_title(user, row["related_item"])
        aspect = str(row["aspect"]) if _is_near(row) else None
        recent, n_items = row["recent_popularity_rank"], max(1, len(self._positions))
        sources = row["sources"] if isinstance(row["sources"], Sequence) else ()
        return Evidence(
            is_explored=row["propensity"] is not None,
            relation=str(row["relation"]) if related and row["relation"] is not None else None,
            related_title=related,
            interest=self._interest(row["user_id"], item),
            aspect=aspect,
            aspect_text=self._aspects.get((str(row["item_id"]), aspect)) if aspect else None,
            nearest_title=nearest,
            nearest_cosine=cosine,
            topic=None if topic is None else self._facts.topics.names[topic],
            topic_share=0.0 if topic is None else float(self._followed[user, topic]),
            is_only_of_topic=topic is not None and is_only,
            popularity=float(self._popularity[item]),
            recent_place=float("nan") if recent is None else float(str(recent)) / n_items,
            segment=self._segment(user, row["item_id"]),
            age_days=self._today - float(self._catalog.published_days[item]),
            sources=tuple(str(name) for name in sources),
        )

    def _liked(self, user: int) -> IntVector:
        """Entries of the user's liked history, newest first."""
        entries = np.arange(self._shard.indptr[user], self._shard.indptr[user + 1])
        return entries[self._shard.history_weights[entries] > 0]

    def _liked_title(self, user: int, item_id: object) -> str | None:
        """The title of an item, if the user liked it."""
        position = self._positions.get(item_id) if item_id is not None else None
        if position is None or position not in self._shard.history_items[self._liked(user)]:
            return None
        return self._catalog.titles[position] or None

    def _nearest_liked(self, user: int, item: int) -> tuple[str | None, float]:
        newest = self._shard.indptr[user] + NEWEST
        entries = self._liked(user)
        entries = entries[entries < newest]
        if not len(entries) or not self._catalog.has_vector[item]:
            return None, float("nan")
        cosines = self._shard.item_vectors[self._shard.history_rows[entries]] @ self._catalog.vectors[item]
        best = int(np.argmax(cosines))
        return self._shard.item_titles[self._shard.history_rows[entries[best]]] or None, float(cosines[best])

    def _segment(self, user: int, item_id: object) -> str | None:
        """The user's segment, if it is all that is known of them and the item is popular in it."""
        segment = "" if len(self._liked(user)) else self._shard.segments[user]
        if not segment or self._in_segments is None:
            return None
        if segment not in self._popular_in:
            of_segment = self._in_segments.filter(pl.col("segment") == segment)
            ids = pl.DataFrame({"item_id": self._catalog.item_ids})
            aligned = ids.join(of_segment, on="item_id", how="left", maintain_order="left")["popularity"]
            known = aligned.cast(pl.Float64).fill_null(0.0).to_numpy()
            is_popular = (known > 0) & (share_at_most(known) >= SEGMENT_POPULAR)
            self._popular_in[segment] = frozenset(self._catalog.item_ids.filter(pl.Series(is_popular)))
        return segment if item_id in self._popular_in[segment] else None

    def _first_topic(self, item: int) -> int | None:
        shares = self._facts.topics.shares
        start, stop = shares.indptr[item], shares.indptr[item + 1]
        return int(shares.indices[start + np.argmax(shares.data[start:stop])]) if stop > start else None

    def _interest(self, user_id: object, item: int) -> str | None:
        stated = self._interests.get(user_id, ())
        if not stated:
            return None
        if item not in self._words:
            self._words[item] = known_words(self._catalog.texts[item])
        return find_interest(stated, self._words[item])


def _is_near(row: Mapping[str, object]) -> bool:
    """Whether the source aspects proposed the row by an aspect that is like one of a liked item."""
    score, sources = row["aspects_score"], row["sources"]
    is_proposed = isinstance(sources, Sequence) and "aspects" in sources
    return row["aspect"] is not None and is_proposed and isinstance(score, float) and score >= ASPECT_NEAR


def find_interest(interests: Sequence[str], known: frozenset[str]) -> str | None:
    """The first interest all of whose words are among the known ones, most words first; a plural s is ignored."""
    for interest in sorted(interests, key=lambda phrase: -len(WORD.findall(phrase))):
        words = known_words(interest)
        if words and words <= known:
            return interest
    return None


def known_words(text: str) -> frozenset[str]:
    """The words of a text as they are compared.

    >>> sorted(known_words("Comets, a comet"))
    ['comet']
    """
    return frozenset(word[:-1] if len(word) > 3 and word.endswith("s") else word for word in WORD.findall(text.lower()))


def share_at_most(popularity: FloatVector) -> FloatVector:
    """(n,): the share of the catalog that is at most as popular, in (0, 1]."""
    ordered = np.sort(popularity)
    return np.searchsorted(ordered, popularity, side="right") / max(1, len(ordered))
