"""What the data holds for a recommendation: looked up for the published rows, before anything is said of it.

Nothing here depends on the ranker or its scores: only on profile, history, labels, relations, sources and dates.
Time O(rows * (history * d + words)), memory O(rows + words of the items shown): meant for the published rows alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import polars as pl

from tasks.ranking.affinity import user_shares
from tasks.ranking.features import EPOCH, SECONDS_A_DAY
from tasks.ranking.history_features import compare_histories, newest_entries
from tasks.ranking.inputs import (
    BoolVector,
    CatalogArrays,
    FloatVector,
    IntVector,
    ItemFacts,
    PairRows,
    ShardArrays,
)
from tasks.ranking.item_counts import share_at_most
from tasks.ranking.pair_places import locate_pairs
from tasks.ranking.pair_runs import look_up

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


_TEXTS = ("relation", "related_title", "interest", "aspect", "aspect_text", "nearest_title", "topic", "segment")
_NUMBERS = ("nearest_cosine", "topic_share", "popularity", "recent_place", "age_days")
EVIDENCE = pl.Schema({
    **dict.fromkeys(_TEXTS, pl.String()),
    **dict.fromkeys(_NUMBERS, pl.Float64()),
    **dict.fromkeys(("is_explored", "is_only_of_topic"), pl.Boolean()),
    "sources": pl.List(pl.String()),
})  # fmt: skip
"""The fields of Evidence as the columns of a frame."""


class EvidenceFinder:
    """Looks evidence up for the rows of one shard of users.

    interests: by user_id, as the profile states them. aspects: of the items shown. as_of: in UTC, naive.
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
    ) -> None:
        self._catalog = catalog
        self._shard = shard
        self._facts = facts
        self._interests = interests
        self._aspects = aspects
        self._today = (as_of - EPOCH).total_seconds() / SECONDS_A_DAY
        self._words: dict[int, frozenset[str]] = {}

    def find(self, top: pl.DataFrame) -> pl.DataFrame:
        """The columns of EVIDENCE, a row each of top: user_id, item_id, those of OPTIONAL that there are, and sources (list):
        which may speak for it.
        """
        rows = locate_pairs(top, user_ids=self._shard.user_ids, item_ids=self._catalog.item_ids)
        blanks = [pl.lit(None).alias(name) for name in OPTIONAL if name not in top.columns]
        told = top.with_columns(blanks)
        related = self._liked_titles(rows, told["related_item"])
        aspects = _near_aspects(told)
        nearest, cosines = self._nearest_liked(rows)
        topics = self._topics(rows)
        n_items = max(1, len(self._catalog.item_ids))
        columns = [
            told["propensity"].is_not_null().alias("is_explored"),
            told["relation"].cast(pl.String).set(related.is_null(), None).alias("relation"),
            related.alias("related_title"),
            pl.Series("interest", self._stated(told["user_id"], rows), dtype=pl.String),
            aspects.alias("aspect"),
            pl.Series("aspect_text", self._aspect_texts(told["item_id"], aspects), dtype=pl.String),
            nearest.alias("nearest_title"),
            pl.Series("nearest_cosine", cosines),
            *topics,
            pl.Series("popularity", self._facts.popularity_share[rows.items]),
            (told["recent_popularity_rank"].cast(pl.Float64) / n_items).fill_null(np.nan).alias("recent_place"),
            pl.Series("segment", self._segments(rows), dtype=pl.String),
            pl.Series("age_days", self._today - self._catalog.published_days[rows.items]),
            told["sources"],
        ]
        return pl.DataFrame(columns).select(EVIDENCE.names()).cast(EVIDENCE)

    def _liked_entries(self) -> tuple[IntVector, IntVector]:
        """(user rows, history entries) of the liked histories, newest first."""
        users = np.repeat(np.arange(len(self._shard.user_ids)), np.diff(self._shard.indptr))
        liked = np.flatnonzero(self._shard.history_weights > 0)
        return users[liked], liked

    def _liked_titles(self, rows: PairRows, related: pl.Series) -> pl.Series:
        """The title of each related item (its id), if the user liked it."""
        titles: list[str | None] = [None] * len(rows)
        named = np.flatnonzero(related.is_not_null().to_numpy())
        if not len(named):
            return pl.Series(titles, dtype=pl.String)
        known = {item_id: place for place, item_id in enumerate(self._catalog.item_ids)}
        places = np.array([known.get(item_id, -1) for item_id in related.gather(named)], dtype=np.int64)
        users, entries = self._liked_entries()
        own = self._shard.history_items[entries] >= 0
        liked = users[own] * len(known) + self._shard.history_items[entries[own]]
        is_liked = (places >= 0) & np.isin(rows.users[named] * len(known) + places, liked)
        for row, place in zip(named[is_liked].tolist(), places[is_liked].tolist(), strict=True):
            titles[row] = self._catalog.titles[place] or None
        return pl.Series(titles, dtype=pl.String)

    def _nearest_liked(self, rows: PairRows) -> tuple[pl.Series, FloatVector]:
        """The title of the liked item that lies nearest, and its cosine; of equal ones the newest."""
        entries, cosines = nearest_liked(self._shard, self._catalog, rows)
        titles, found = self._shard.item_titles, entries >= 0
        places = np.where(found, self._shard.history_rows[entries] if len(self._shard.history_rows) else -1, -1)
        named = [titles[place] or None if place >= 0 else None for place in places.tolist()]
        return pl.Series(named, dtype=pl.String), cosines

    def _topics(self, rows: PairRows) -> list[pl.Series]:
        """topic, topic_share and is_only_of_topic."""
        names, first = self._facts.topics.names, self._facts.first_topics[rows.items]
        topic = pl.Series("topic", names, dtype=pl.String).gather(pl.Series(first).replace(-1, None)) if names else None
        shares = np.zeros(len(rows))
        known = np.flatnonzero(first >= 0)
        if len(known):
            followed = user_shares(self._shard, self._facts.topics)
            shares[known] = look_up(followed, rows.users[known], first[known])
        _, places, counts = np.unique(rows.users * (len(names) + 1) + first, return_inverse=True, return_counts=True)
        return [
            pl.Series("topic", [None] * len(rows), dtype=pl.String) if topic is None else topic.alias("topic"),
            pl.Series("topic_share", shares),
            pl.Series("is_only_of_topic", (first >= 0) & (counts[places] == 1), dtype=pl.Boolean),
        ]

    def _segments(self, rows: PairRows) -> list[str | None]:
        """The user's segment, if it is all that is known of them and the item is popular in it."""
        found: list[str | None] = [None] * len(rows)
        users, _ = self._liked_entries()
        has_liked = np.zeros(len(self._shard.user_ids), dtype=np.bool_)
        has_liked[users] = True
        is_named = np.array([bool(segment) for segment in self._shard.segments], dtype=np.bool_) & ~has_liked
        if self._facts.segments is None or not is_named.any():
            return found
        popular: dict[str, BoolVector] = {}
        for row in np.flatnonzero(is_named[rows.users]).tolist():
            segment = self._shard.segments[int(rows.users[row])]
            if segment not in popular:
                popular[segment] = self._popular_in(segment)
            found[row] = segment if popular[segment][rows.items[row]] else None
        return found

    def _popular_in(self, segment: str) -> BoolVector:
        """(n,) which items are popular in the segment."""
        segments = self._facts.segments
        n_items = len(self._catalog.item_ids)
        known = np.zeros(n_items)
        if segments is not None and segment in segments.names:
            known = segments.shares[:, [segments.names.index(segment)]].toarray().ravel()
        return np.asarray((known > 0) & (share_at_most(known) >= SEGMENT_POPULAR))

    def _aspect_texts(self, item_ids: pl.Series, aspects: pl.Series) -> list[str | None]:
        named = aspects.is_not_null()
        if not named.any():
            return [None] * len(aspects)
        return [
            None if aspect is None else self._aspects.get((item, aspect))
            for item, aspect in zip(item_ids, aspects, strict=True)
        ]

    def _stated(self, user_ids: pl.Series, rows: PairRows) -> list[str | None]:
        """The user's interest whose words stand in the item's text."""
        if not any(self._interests.values()):
            return [None] * len(rows)
        items = rows.items.tolist()
        return [self._interest(user_id, item) for user_id, item in zip(user_ids, items, strict=True)]

    def _interest(self, user_id: object, item: int) -> str | None:
        stated = self._interests.get(user_id, ())
        if not stated:
            return None
        if item not in self._words:
            self._words[item] = known_words(self._catalog.texts[item])
        return find_interest(stated, self._words[item])


def nearest_liked(shard: ShardArrays, catalog: CatalogArrays, rows: PairRows) -> tuple[IntVector, FloatVector]:
    """For each pair the liked entry of the user's NEWEST that lies nearest to the item, and the cosine; -1 and NaN for none."""
    users, entries = newest_entries(shard)
    is_liked = shard.history_weights[entries] > 0
    found = compare_histories(shard, catalog, rows, users=users[is_liked], entries=entries[is_liked])
    has_vector = catalog.has_vector[rows.items]
    return np.where(has_vector, found.nearest, -1), np.where(has_vector, found.best, np.nan)


def _near_aspects(told: pl.DataFrame) -> pl.Series:
    """The aspect by which the source aspects proposed the row, if it is like one of a liked item."""
    is_proposed = pl.col("sources").list.contains("aspects")
    is_near = is_proposed & (pl.col("aspects_score").cast(pl.Float64) >= ASPECT_NEAR)
    named = pl.when(is_near.fill_null(value=False)).then(pl.col("aspect").cast(pl.String))
    return told.select(named.alias("aspect"))["aspect"]


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
