"""Topics from prototypes: which centres an item is near, how surely, and the words that say so. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tasks.embedding.protocol import Matrix
from tasks.labelers.calibration import topic_probabilities
from tasks.labelers.phrase_vectors import PhraseVectors
from tasks.labelers.protocol import ItemText, ScoredTopic, TopicAnswer
from tasks.labelers.prototypes import Prototypes
from tasks.labelers.words import content_words, stem

MAX_TOPICS = 3
MIN_SECONDARY = 0.15
"""A second or third topic is named when it is right at least about one time in seven."""

_CANDIDATE_WORDS = 8
_REASON_WORDS = 3


def answer_topics(
    items: Sequence[ItemText], vectors: Matrix, *, prototypes: Prototypes, phrases: PhraseVectors
) -> list[TopicAnswer]:
    """One answer an item; vectors are the items' own, shape (n, d).

    Confidence is the calibrated probability of a topic (see `calibration`). An item that is nearer to "none of these" than
    to any topic gets no topic.
    """
    cosines = vectors @ prototypes.centres.T
    probabilities = topic_probabilities(cosines, fence=prototypes.fence, temperature=prototypes.temperature)
    words = [frequent_words(item) for item in items]
    # Embeds every new word of the chunk in one call.
    known = dict(zip(flat := sorted({word for row in words for word in row}), phrases.encode(flat), strict=True))
    return [
        _answer_one(cosines[row], probabilities[row], prototypes, {word: known[word] for word in words[row]})
        for row in range(len(items))
    ]


def frequent_words(item: ItemText) -> list[str]:
    """The words that an item leans on: at most eight, by count, those of the title counted three times more, then by place."""
    counts: Counter[str] = Counter()
    written: dict[str, str] = {}
    for weight, text in ((4, item.title), (1, item.text)):
        for word in content_words(text):
            counts[stem(word)] += weight
            written.setdefault(stem(word), word)
    return [written[root] for root, _ in counts.most_common(_CANDIDATE_WORDS)]


def _answer_one(
    cosines: NDArray[np.floating], probabilities: NDArray[np.float64], prototypes: Prototypes, words: dict[str, Matrix]
) -> TopicAnswer:
    order = np.argsort(-probabilities[:-1], kind="stable")
    best = int(order[0])
    if probabilities[-1] > probabilities[best]:
        return TopicAnswer(
            topics=(),
            reason=f"closest to {prototypes.names[best]} ({cosines[best]:.2f}), which is further than an item of this "
            f"catalog lies from its topic ({prototypes.fence:.2f} at least)",
        )
    chosen = [int(topic) for topic in order[:MAX_TOPICS] if topic == best or probabilities[topic] >= MIN_SECONDARY]
    scored = tuple(ScoredTopic(prototypes.names[topic], round(float(probabilities[topic]), 4)) for topic in chosen)
    runner_up = int(order[1]) if len(order) > 1 else None
    return TopicAnswer(scored, _explain(cosines, best, runner_up, prototypes, words))


def _explain(
    cosines: NDArray[np.floating], best: int, runner_up: int | None, prototypes: Prototypes, words: dict[str, Matrix]
) -> str:
    direction = prototypes.centres[best]
    against = ""
    if runner_up is not None:
        direction = direction - prototypes.centres[runner_up]
        against = f" against {cosines[runner_up]:.2f} {prototypes.names[runner_up]}"
    pulls = sorted(((float(vector @ direction), word) for word, vector in words.items()), reverse=True)
    telling = [word for pull, word in pulls[:_REASON_WORDS] if pull > 0]
    said = f": {', '.join(telling)}" if telling else ""
    return f"closest to {prototypes.names[best]} ({cosines[best]:.2f}{against}){said}"
