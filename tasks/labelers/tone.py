"""Mood and audience of an item: the nearest of a few plain descriptions. Pure.

An item is compared with each description, and the comparison read against the 48 reference texts: a mood stands out when
the item lies two standard deviations above what those texts show for it. Where none does, the mood is "neutral" and the
audience "general". This tells clear cases (a joke, a research paper); it does not read between the lines.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tasks.embedding.protocol import Embedder, Matrix
from tasks.labelers.scale import Scale

MOODS: Mapping[str, str] = {
    "hopeful": "Hopeful and encouraging: progress, recovery, a promising future.",
    "joyful": "Joyful and celebrating: a victory, a party, happiness, delight.",
    "tense": "Tense and alarming: danger, threat, crisis, conflict, fear.",
    "sad": "Sad and mourning: death, loss, grief, tragedy.",
    "angry": "Angry and accusing: outrage, protest, a bitter row, condemnation.",
    "humorous": "Humorous and playful: jokes, comedy, satire, laughter.",
}
AUDIENCES: Mapping[str, str] = {
    "experts": "For specialists: a technical or scholarly text with methods, data and terms of the trade.",
    "professionals": "For people in business: advice and news for managers, investors and companies.",
    "families": "For families: parents and young children at home and at play.",
    "young people": "For teenagers and students: school, games, pop stars and social life.",
    "fans": "For fans: line-ups, scores, charts and gossip about teams, players and stars.",
}
NO_MOOD = "neutral"
NO_AUDIENCE = "general"
STANDS_OUT = 2.0
"""Standard deviations above the reference texts."""


@dataclass(frozen=True, eq=False)
class Lexicon:
    """Labels, their descriptions' vectors, shape (k, d), and each one's mean and deviation on the reference texts, (k,)."""

    labels: tuple[str, ...]
    default: str
    vectors: Matrix
    means: Matrix
    deviations: Matrix

    def classify(self, vectors: Matrix) -> list[str]:
        """The label that stands out most for each item, or the default; vectors: shape (n, d)."""
        scores = (vectors @ self.vectors.T - self.means) / self.deviations
        best = scores.argmax(axis=1)
        return [
            self.labels[label] if scores[row, label] >= STANDS_OUT else self.default for row, label in enumerate(best)
        ]


def load_lexicon(descriptions: Mapping[str, str], *, default: str, embedder: Embedder, scale: Scale) -> Lexicon:
    """Embed the descriptions and measure them on the reference texts."""
    labels: Sequence[str] = list(descriptions)
    vectors = embedder.encode(list(descriptions.values()))
    cosines = scale.texts @ vectors.T
    deviations = np.maximum(cosines.std(axis=0), 1e-6)
    return Lexicon(tuple(labels), default, vectors, cosines.mean(axis=0), deviations)
