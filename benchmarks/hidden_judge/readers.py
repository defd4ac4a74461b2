"""Simulated readers: a hidden taste each, drawn by seed, and a profile that hints at it in words.

A taste is one or two strong topics, one weak one, two disliked words, and a liking for long or short, for recent articles, or
both. The profile never names a topic: it names subjects of it. It says what is disliked and which kind of article is liked,
in one of three wordings each; how much each counts, where long begins and what a word costs stands nowhere but in `rules`.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

SUBJECTS = {
    "business": (
        "company results", "takeover battles", "the stock market", "interest rates", "oil prices", "jobs and trade figures",
        "bank mergers", "economic growth", "the dollar", "airlines and car makers",
    ),
    "entertainment": (
        "new films", "pop charts", "award ceremonies", "television drama", "album releases", "theatre", "box office takings",
        "celebrities", "band reunions", "festival line-ups",
    ),
    "politics": (
        "parliament", "election campaigns", "cabinet rows", "party conferences", "government bills", "the prime minister",
        "immigration policy", "council tax", "peers and MPs", "human rights law",
    ),
    "sport": (
        "football transfers", "rugby internationals", "grand slams", "athletics championships", "cricket tests", "cup draws",
        "injured players", "coaches under pressure", "Olympic hopefuls", "doping cases",
    ),
    "tech": (
        "mobile phones", "video games", "computer viruses", "broadband", "search engines", "gadgets", "spam and phishing",
        "open source software", "digital music players", "net piracy",
    ),
}  # fmt: skip
WORDS = (
    "england", "ireland", "france", "china", "japan", "america", "london", "microsoft", "sony", "labour", "blair", "brown",
    "oscar", "chelsea", "arsenal", "lawyer", "police", "oil", "bank", "children", "women", "apple", "yukos", "iraq",
)  # fmt: skip
"""Words that a reader may dislike."""

LENGTH_WORDING = {
    1: (
        "Wants long reads that go into depth.",
        "Enjoys detailed articles with room for the background.",
        "Prefers thorough pieces to short notices.",
    ),
    -1: (
        "Has little time and wants short pieces.",
        "Likes brief items that come to the point.",
        "Is content with a quick summary.",
    ),
}
RECENT_WORDING = ("Wants the latest news first.", "Cares for what is new today.", "Follows the most recent stories.")
DISLIKE_WORDING = (
    "Avoids anything about {0} or {1}.",
    "Has no patience for {0} and skips {1}.",
    "Does not want to read about {0} or {1}.",
)
Length = Literal[-1, 0, 1]


@dataclass(frozen=True)
class Taste:
    """What a reader likes: topics by strength, words, length (1 long, -1 short, 0 no matter), recent ones or not."""

    strong: tuple[str, ...]
    weak: str
    disliked: tuple[str, ...]
    length: Length
    is_recent: bool


@dataclass(frozen=True)
class Reader:
    """A taste, and what the reader says of themselves."""

    user_id: str
    taste: Taste
    interests: tuple[str, ...]
    summary: str


def draw_readers(n: int, *, seed: int) -> list[Reader]:
    """n readers with different summaries; the same for the same n and seed."""
    readers: dict[str, Reader] = {}
    number = 0
    while len(readers) < n:
        chance = random.Random(f"{seed}|{number}")
        reader = _draw(f"r{len(readers):03d}", chance)
        readers.setdefault(reader.summary, reader)
        number += 1
    return list(readers.values())


def _draw(user_id: str, chance: random.Random) -> Reader:
    topics = chance.sample(sorted(SUBJECTS), 3)
    strong = tuple(topics[: chance.choice((1, 2))])
    kind = chance.random()
    has_length, is_recent = kind < 0.7, kind >= 0.4
    length: Length = (1 if chance.random() < 0.65 else -1) if has_length else 0
    taste = Taste(strong, topics[2], tuple(chance.sample(WORDS, 2)), length, is_recent)
    subjects = [chance.sample(SUBJECTS[topic], 3) for topic in strong]
    interests = tuple(subject for of in subjects for subject in of)
    return Reader(user_id, taste, interests, _summary(taste, subjects, chance))


def _summary(taste: Taste, subjects: Sequence[Sequence[str]], chance: random.Random) -> str:
    first = " and ".join(of[0] for of in subjects)
    sentences = [f"Reads mostly about {first}, now and then about {chance.choice(SUBJECTS[taste.weak])}."]
    if taste.length:
        sentences.append(chance.choice(LENGTH_WORDING[taste.length]))
    if taste.is_recent:
        sentences.append(chance.choice(RECENT_WORDING))
    sentences.append(chance.choice(DISLIKE_WORDING).format(*(word.title() for word in taste.disliked)))
    return " ".join(sentences)
