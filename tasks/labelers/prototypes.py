"""Topic prototypes: a centre for each topic, learned from the catalog without a single gold label. Pure.

Only topics without children have one: an upper topic is answered through those below it. Time O(rounds x items x topics).
Start at the embedding of the topic's description; ten times over, give every item to its nearest centre and move each
centre to the mean of its items. The description stays in that mean as if it were a few items, so that a topic with few
items can't drift away from what it is said to be. (Seeded spherical k-means: Basu et al. 2002; Dhillon & Modha 2001.)
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tasks.contracts.errors import LabelerError
from tasks.embedding.protocol import Embedder, Matrix
from tasks.labelers.calibration import estimate_accuracy, fit_temperature, outlier_fence
from tasks.labelers.protocol import TopicDefinition, taxonomy_names
from tasks.labelers.sentences import split_sentences
from tasks.labelers.taxonomy import lowest_topics

DESCRIPTION_WEIGHT = 5
"""How many items a topic's description counts for; negligible beside hundreds of items, dominant beside one or two."""

_BLOCK = 10_000
_DECIMALS = 6
_NEGATION = re.compile(
    r"\b(?:not|never|no|except|unless|rather|instead|without|exclud\w*|only if)\b|n['’]t\b", re.IGNORECASE
)


@dataclass(frozen=True, eq=False)
class Prototypes:
    """Fitted topics. centres: unit vectors, shape (t, d), in the order of names.

    temperature turns cosines into probabilities; an item whose best cosine is below `fence` fits no topic.
    expected_accuracy is the share of primary topics expected to be right, estimated without gold labels.
    """

    names: tuple[str, ...]
    centres: Matrix
    temperature: float
    fence: float
    expected_accuracy: float
    n_items: int

    @property
    def version(self) -> str:
        """16 hex digits that change when any number of the prototypes changes."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()[:16]

    def to_json(self) -> str:
        """All of it as JSON; `from_json` gives it back exactly."""
        values = {
            "names": list(self.names),
            "centres": [[round(float(value), _DECIMALS) for value in centre] for centre in self.centres],
            "temperature": self.temperature,
            "fence": self.fence,
            "expected_accuracy": self.expected_accuracy,
            "n_items": self.n_items,
        }
        return json.dumps(values, ensure_ascii=False, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Prototypes:
        """The prototypes that `to_json` wrote. Raises LabelerError when the text is none of its."""
        try:
            values = json.loads(text)
            return cls(
                names=tuple(values["names"]),
                centres=np.asarray(values["centres"], dtype=np.float32),
                temperature=float(values["temperature"]),
                fence=float(values["fence"]),
                expected_accuracy=float(values["expected_accuracy"]),
                n_items=int(values["n_items"]),
            )
        except (ValueError, KeyError, TypeError) as error:
            raise LabelerError(f"stored prototypes {text[:40]!r} can't be read ({error!r}); fit them again") from error


def fit_prototypes(
    vectors: Matrix, taxonomy: Sequence[TopicDefinition], *, embedder: Embedder, rounds: int = 10
) -> Prototypes:
    """Fit a centre for each topic without children to the items' unit vectors, shape (n, d).

    n = 0, or rounds = 0, leaves every centre at its description. The order of the items does not matter.
    Raises LabelerError for an empty taxonomy or vectors of another dimension.
    """
    if not taxonomy:
        raise LabelerError("the taxonomy is empty; give the catalog a [[taxonomy]], or don't label topics")
    if vectors.ndim != 2 or vectors.shape[1] != embedder.dimension:
        raise LabelerError(
            f"vectors have shape {vectors.shape}, expected (n, {embedder.dimension}); embed the catalog again"
        )
    lowest = lowest_topics(taxonomy)
    described = embed_topics(lowest, embedder)
    refined = refine_centres(vectors, described, rounds=rounds)
    cosines = held_out_cosines(vectors, described, refined)
    accuracy = estimate_accuracy((vectors @ described.T).argmax(axis=1), cosines.argmax(axis=1), n_classes=len(lowest))
    fence = outlier_fence(cosines.max(axis=1))
    return Prototypes(
        names=taxonomy_names(lowest),
        centres=refined.centres,
        temperature=fit_temperature(cosines, fence=fence, expected_accuracy=accuracy),
        fence=fence,
        expected_accuracy=accuracy,
        n_items=len(vectors),
    )


def embed_topics(taxonomy: Sequence[TopicDefinition], embedder: Embedder) -> Matrix:
    """One unit vector a topic, shape (t, d): name and description twice, what guidelines include and each example once."""
    centres = []
    for topic in taxonomy:
        described = f"{topic.name}: {topic.description}"
        others = [other.name for other in taxonomy if other.name != topic.name]
        included = read_inclusions(topic.guidelines, others=others)
        centres.append(embedder.encode([described, described, *filter(None, [included, *topic.examples])]).mean(axis=0))
    return _to_unit(np.stack(centres))


def read_inclusions(guidelines: str, *, others: Sequence[str]) -> str:
    """The clauses of guidelines that say what belongs to a topic, without those that negate or name another topic.

    An embedding of "not tech" or of "that is business" lies as near to tech and business as the words alone.

    >>> read_inclusions("Works and artists; how they sell is business. Not their trials.", others=["business"])
    'Works and artists'
    """
    clauses = [part.strip(" .") for sentence in split_sentences(guidelines) for part in sentence.split(";")]
    elsewhere = re.compile(rf"\b(?:{'|'.join(map(re.escape, others))})\b", re.IGNORECASE) if others else _NEGATION
    return ". ".join(part for part in clauses if part and not _NEGATION.search(part) and not elsewhere.search(part))


@dataclass(frozen=True, eq=False)
class RefinedCentres:
    """Unit centres, shape (t, d), and the topic whose centre each item is part of, shape (n,); -1: of none."""

    centres: Matrix
    members: NDArray[np.intp]


def refine_centres(vectors: Matrix, described: Matrix, *, rounds: int) -> RefinedCentres:
    """Move each centre to the mean of its items and its description, `rounds` times; stops early once nothing moves.

    The centres are rounded to six decimals, so that the order of summation and the JSON of them change nothing.
    """
    centres = np.round(described, _DECIMALS)
    members = np.full(len(vectors), -1, dtype=np.intp)
    for _ in range(rounds if len(vectors) else 0):
        nearest = (vectors @ centres.T).argmax(axis=1)
        if np.array_equal(nearest, members):
            break
        members = nearest
        centres = np.round(_to_unit(_sum_members(vectors, described, members)), _DECIMALS)
    return RefinedCentres(centres, members)


def held_out_cosines(vectors: Matrix, described: Matrix, refined: RefinedCentres) -> Matrix:
    """Cosines of items and centres, shape (n, t), each item's own centre taken without the item itself.

    So an item is measured as a new one would be. With s the sum of a topic's members, v an item of it, that cosine is
    (s·v - 1) / |s - v|.
    """
    cosines = np.asarray(vectors @ refined.centres.T)
    sums = _sum_members(vectors, described, refined.members)
    assigned = np.flatnonzero(refined.members >= 0)
    for start in range(0, len(assigned), _BLOCK):
        inside = assigned[start : start + _BLOCK]
        own = sums[refined.members[inside]]
        products = np.einsum("nd,nd->n", own, vectors[inside])
        remainders = np.einsum("nd,nd->n", own, own) - 2 * products + 1
        cosines[inside, refined.members[inside]] = (products - 1) / np.sqrt(np.maximum(remainders, 1e-12))
    return cosines


def _sum_members(vectors: Matrix, described: Matrix, members: NDArray[np.intp]) -> NDArray[np.float64]:
    sums = [vectors[members == topic].sum(axis=0, dtype=np.float64) for topic in range(len(described))]
    return np.asarray(np.stack(sums) + DESCRIPTION_WEIGHT * described)


def _to_unit(rows: NDArray[np.floating]) -> Matrix:
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(norms == 0, 1.0, norms), dtype=np.float32)
