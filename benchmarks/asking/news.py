"""Short news of five topics, made of words by a seed: rows for the engine's benchmarks, some of them twice."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator

from tasks.labelers.protocol import ItemText, TopicDefinition

WORDS = {
    "business": "market shares profit bank merger investor sales inflation currency exports budget factory airline retailer",
    "entertainment": "film album singer actor festival premiere director guitar comedy theatre award audience series stage",
    "politics": "minister parliament election party policy vote reform council treaty campaign opposition budget law debate",
    "sport": "match goal coach league striker final season injury referee champion stadium penalty transfer captain",
    "tech": "software phone network browser chip robot console download virus camera server search laptop gadget",
}
FILLERS = [
    "early", "late", "quiet", "sudden", "bold", "narrow", "final", "distant", "careful", "uneven", "modest", "rapid",
    "lasting", "hidden", "local", "foreign",
]  # fmt: skip
TAXONOMY = [
    TopicDefinition(name, f"{name}: {', '.join(words.split()[:6])} and the like") for name, words in WORDS.items()
]


def make_news(n: int, *, distinct: int | None = None, first: int = 0, edition: str = "") -> Iterator[ItemText]:
    """n rows, streamed; row i repeats row i - distinct when there are only `distinct` texts. edition changes every text."""
    for number in range(first, first + n):
        yield make_one(number if distinct is None else number % distinct, row=number, edition=edition)


def make_one(number: int, *, row: int, edition: str = "") -> ItemText:
    """The text of a number under a key of its row, so that equal texts meet as different rows."""
    chance = random.Random(f"{number}|{edition}")
    topic = list(WORDS)[number % len(WORDS)]
    drawn = chance.sample(WORDS[topic].split(), 8)
    fill = [chance.choice(FILLERS) for _ in range(8)]
    title = f"{fill[0].title()} {drawn[0]} for the {fill[1]} {drawn[1]}"
    text = (
        f"A {fill[2]} {drawn[2]} met the {fill[3]} {drawn[3]} on day {number}{edition}, and the {drawn[4]} was {fill[4]}. "
        f"Nobody expected the {fill[5]} {drawn[5]}; one observer called the {drawn[6]} {fill[6]} and the {drawn[7]} {fill[7]}."
    )
    key = hashlib.sha256(f"{row}|{title}|{text}".encode()).hexdigest()
    return ItemText(key=key, title=title, text=text)
