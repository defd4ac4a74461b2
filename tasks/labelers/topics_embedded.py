"""Topics from prototypes: which centres an item is near, how surely, and the words that say so. Pure.

In a taxonomy of two levels the lowest topics have centres. An upper topic is answered where those below it are likely
together (SURE) and none of them is alone. Time O(items x topics).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

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

SURE = 0.5
"""An upper topic stands for its children where together they are right at least as often as not, and none alone is."""

_CANDIDATE_WORDS = 8
_REASON_WORDS = 3


def answer_topics(
    items: Sequence[ItemText],
    vectors: Matrix,
    *,
    prototypes: Prototypes,
    phrases: PhraseVectors,
    parents: Mapping[str, str] | None = None,
) -> list[TopicAnswer]:
    """One answer an item; vectors are the items' own, shape (n, d), parents is topic to upper topic.

    Confidence is the calibrated probability of a topic (see `calibration`). An item that is nearer to "none of these" than
    to any topic gets no topic.
    """
    cosines = vectors @ prototypes.centres.T
    probabilities = topic_probabilities(cosines, fence=prototypes.fence, temperature=prototypes.temperature)
    words = [frequent_words(item) for item in items]
    # Embeds every new word of the chunk in one call.
    known = dict(zip(flat := sorted({word for row in words for word in row}), phrases.encode(flat), strict=True))
    return [
        _answer_one(
            cosines[row], probabilities[row], prototypes, {word: known[word] for word in words[row]}, parents or {}
        )
        for row in range(len(items))
    ]


def frequent_words(item: ItemText) -> list[str]:
    """The words that an item leans on: at most eight, by count, those of the title counted three times more, then by place."""
    counts: Counter[str] = Counter()
    written: dict[str, str] = {}
    for weight, text in ((4, item.title), (1, item.text)):
        for word in content_words(text):
            root = stem(word)
            counts[root] += weight
            written.setdefault(root, word)
    return [written[root] for root, _ in counts.most_common(_CANDIDATE_WORDS)]


def _answer_one(
    cosines: NDArray[np.floating],
    probabilities: NDArray[np.float64],
    prototypes: Prototypes,
    words: dict[str, Matrix],
    parents: Mapping[str, str],
) -> TopicAnswer:
    order = np.argsort(-probabilities[:-1], kind="stable")
    best = int(order[0])
    upper = _find_upper(probabilities, prototypes.names, parents)
    if upper is not None:
        return _answer_upper(upper, order, cosines, probabilities, prototypes, words, parents)
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


def _find_upper(probabilities: NDArray[np.float64], names: Sequence[str], parents: Mapping[str, str]) -> str | None:
    """The upper topic whose children are sure together, and none alone; None where there is none."""
    together: dict[str, list[float]] = {}
    for name, probability in zip(names, probabilities[:-1], strict=True):
        if name in parents:
            together.setdefault(parents[name], []).append(float(probability))
    unsure = {upper: sum(shares) for upper, shares in together.items() if max(shares) < SURE <= sum(shares)}
    return max(unsure, key=lambda upper: unsure[upper], default=None)


def _answer_upper(
    upper: str,
    order: NDArray[np.intp],
    cosines: NDArray[np.floating],
    probabilities: NDArray[np.float64],
    prototypes: Prototypes,
    words: dict[str, Matrix],
    parents: Mapping[str, str],
) -> TopicAnswer:
    children = [int(topic) for topic in order if parents.get(prototypes.names[topic]) == upper]
    others = [int(topic) for topic in order if int(topic) not in children and probabilities[topic] >= MIN_SECONDARY]
    scored = [ScoredTopic(upper, round(float(sum(probabilities[topic] for topic in children)), 4))]
    scored += [ScoredTopic(prototypes.names[topic], round(float(probabilities[topic]), 4)) for topic in others]
    between = " and ".join(prototypes.names[topic] for topic in children[:2])
    said = _explain(cosines, children[0], None, prototypes, words)
    return TopicAnswer(tuple(scored[:MAX_TOPICS]), f"{upper}, between {between}; {said}")


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
