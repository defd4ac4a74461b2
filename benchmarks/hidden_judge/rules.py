"""The hidden rules: what an article is worth to a taste. They were written down before any ranker was measured by them.

    worth   2.2 for a strong topic, 1.2 for a weak one, else 0; where it is above 0:
            + 0.6 for an article of the third by length that the reader likes, - 0.6 for one of the opposite third
            + 0.6 for an article of the newest third, - 0.6 for one of the oldest, where the reader likes recent ones
            - 2.0 if a disliked word stands in title or text
    grade   worth, rounded to the nearest of 0, 1, 2, 3
    judge   worth plus noise of standard deviation 0.5, the same whenever the pair is asked, rounded likewise

So a 3 takes a strong topic and more tastes met than missed, and no disliked word. Topic is the article's folder.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from benchmarks.hidden_judge.readers import WORDS, Taste

STRONG, WEAK, MATCH, DISLIKED = 2.2, 1.2, 0.6, 2.0
NOISE = 0.5
GRADES = np.arange(4)
WORD = re.compile(r"\w+")
FloatVector = NDArray[np.float64]


@dataclass(frozen=True)
class Article:
    """An article with what the rules look at; day counts up to the newest."""

    item_id: str
    topic: str
    title: str
    text: str
    day: int


@dataclass(frozen=True)
class Shelf:
    """n articles as arrays: by_length and by_day are -1, 0 or 1 for the lowest, middle and highest third."""

    articles: Sequence[Article]
    topics: NDArray[np.str_]
    by_length: NDArray[np.int64]
    by_day: NDArray[np.int64]
    words: Sequence[frozenset[str]]


def build_shelf(articles: Sequence[Article]) -> Shelf:
    """The articles, and in which third each lies."""
    return Shelf(
        articles,
        np.array([one.topic for one in articles]),
        _thirds(np.array([len(one.text) for one in articles])),
        _thirds(np.array([one.day for one in articles])),
        [frozenset(WORD.findall(f"{one.title} {one.text}".lower())) & frozenset(WORDS) for one in articles],
    )


def worth_of(shelf: Shelf, taste: Taste) -> FloatVector:
    """(n,) what each article is worth to the taste, before rounding and without noise."""
    worth = np.where(np.isin(shelf.topics, taste.strong), STRONG, np.where(shelf.topics == taste.weak, WEAK, 0.0))
    met = MATCH * (taste.length * shelf.by_length + taste.is_recent * shelf.by_day)
    has_disliked = np.array([bool(found & set(taste.disliked)) for found in shelf.words])
    return np.where(worth > 0, worth + met - DISLIKED * has_disliked, 0.0)


def grade_of(worth: FloatVector) -> NDArray[np.int64]:
    """Grades 0 to 3; a half goes up."""
    return np.clip(np.floor(worth + 0.5), 0, 3).astype(np.int64)


def noise_of(user_id: str, item_id: str, *, seed: int) -> float:
    """The judge's error on a pair: normal, by hash."""
    digest = hashlib.blake2b(f"{seed}|{user_id}|{item_id}".encode(), digest_size=8).digest()
    share = (int.from_bytes(digest, "big") + 0.5) / 2**64
    return NOISE * NormalDist().inv_cdf(share)


def expected_grade(worth: FloatVector) -> FloatVector:
    """The mean of the judge's grades over the noise: what the oracle ranks by."""
    edges = (np.arange(0.5, 3.0) - worth[:, None]) / NOISE
    from_normal = np.vectorize(NormalDist().cdf)
    expected: FloatVector = (1.0 - from_normal(edges)).sum(axis=1)
    return expected


def _thirds(values: NDArray[np.int64]) -> NDArray[np.int64]:
    low, high = np.quantile(values, [1 / 3, 2 / 3])
    return (values >= high).astype(np.int64) - (values <= low).astype(np.int64)
