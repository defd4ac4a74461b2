"""The seam between Nightjar and whoever answers: the questions, their answers, and the Labeler protocol.

Questions are streamed in and replies streamed out, in any order, joined by `key`. A reply carries either an answer
or a failure, never a default. Vectors are float32, unit length, shape (d,).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, Literal, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

Task = Literal["enrich", "topics", "similar", "judge", "rank", "rewrite", "rerank", "explain"]
Vector = NDArray[np.float32]


@dataclass(frozen=True)
class GoldExample:
    """What people filed an item under: its title and topic ("": none of these)."""

    title: str
    topic: str


@dataclass(frozen=True)
class ItemText:
    """One item as a labeler sees it; `key` is the item's content hash.

    topic is its primary topic where that is known, examples are people's labels of the nearest items.
    """

    key: str
    title: str
    text: str
    author: str = ""
    vector: Vector | None = None
    topic: str = ""
    examples: tuple[GoldExample, ...] = ()


@dataclass(frozen=True)
class UserText:
    """One user as a labeler sees it; `key` is the profile hash; lists may be empty; history newest first."""

    key: str
    summary: str
    interests: tuple[str, ...] = ()
    hobbies: tuple[str, ...] = ()
    skills: tuple[str, ...] = ()
    job: str = ""
    vector: Vector | None = None
    history: tuple[ItemText, ...] = ()
    topic_affinity: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class PairQuestion:
    """Are these two items the same story or product? `key` is "<key a>|<key b>" with key a < key b."""

    a: ItemText
    b: ItemText
    cosine: float

    @property
    def key(self) -> str:
        return f"{self.a.key}|{self.b.key}"


@dataclass(frozen=True)
class JudgeQuestion:
    """How much would this user care for this item? `topics` are the item's labels with their shares."""

    user: UserText
    item: ItemText
    topics: Mapping[str, float] = field(default_factory=dict)

    @property
    def key(self) -> str:
        return f"{self.user.key}|{self.item.key}"


@dataclass(frozen=True)
class RankQuestion:
    """In which order would this user care for these items? At least two, in the order in which they are shown."""

    user: UserText
    items: tuple[ItemText, ...]

    @property
    def key(self) -> str:
        return "|".join((self.user.key, *(item.key for item in self.items)))


@dataclass(frozen=True)
class RewriteQuestion:
    """What would this user look for, if they searched? `key` is a hash of the profile and of the contents of the history."""

    key: str
    user: UserText


@dataclass(frozen=True)
class ExplainQuestion:
    """Why is this item recommended to this user? facts by name: "reason", or "content", "popularity", "diversity", "time"."""

    user: UserText
    item: ItemText
    facts: Mapping[str, str]

    @property
    def key(self) -> str:
        return explain_key(self.user.key, self.item.key, self.facts)


def explain_key(profile_hash: str, content_hash: str, facts: Mapping[str, str]) -> str:
    """ "<profile>|<content>|<hash of the facts>": when a fact is true no more, what was said of it counts no more."""
    told = json.dumps(dict(facts), sort_keys=True, ensure_ascii=False)
    return f"{profile_hash}|{content_hash}|{hashlib.sha256(told.encode()).hexdigest()[:16]}"


@dataclass(frozen=True)
class Enrichment:
    """What the item is about. `aspects` maps an aspect's name to a few words taken from the text.

    n_claims counts what was checked against the text, ungrounded holds the claims that the text does not carry.
    """

    summary: str
    themes: tuple[str, ...]
    mood: str
    audience: str
    keywords: tuple[str, ...]
    aspects: Mapping[str, str]
    confidence: float
    n_claims: int = 0
    ungrounded: tuple[str, ...] = ()


@dataclass(frozen=True)
class ScoredTopic:
    """One topic with its probability in [0, 1]."""

    topic: str
    confidence: float


@dataclass(frozen=True)
class TopicAnswer:
    """Up to three topics, best first. An empty list is an abstention ("none of these")."""

    topics: tuple[ScoredTopic, ...]
    reason: str

    @property
    def primary(self) -> str | None:
        return self.topics[0].topic if self.topics else None

    @property
    def confidence(self) -> float:
        return self.topics[0].confidence if self.topics else 0.0


@dataclass(frozen=True)
class SimilarAnswer:
    """Whether two items are near-duplicates, with the probability that they are in [0, 1].

    is_same_topic: whether they belong together without being the same; None where the labeler does not say.
    """

    is_similar: bool
    confidence: float
    reason: str
    is_same_topic: bool | None = None


@dataclass(frozen=True)
class JudgeAnswer:
    """Relevance: 0 would not care, 1 might glance, 2 would read, 3 would be delighted. confidence in [0, 1]."""

    relevance: int
    confidence: float
    reason: str


@dataclass(frozen=True)
class RankAnswer:
    """The rank of each item shown, 1 the most relevant, no ties, in the order of the question; from `rerank` 0: left out.

    n_invented and n_repeated count entries that were dropped: no item of the list, or one that had its place already."""

    ranks: tuple[int, ...]
    confidence: float
    reason: str
    n_invented: int = 0
    n_repeated: int = 0


@dataclass(frozen=True)
class RewriteAnswer:
    """A user as search texts: one or more `queries`, the most telling first, that expand what the user says and likes.

    needs are wishes that follow from these and are not stated; avoid is what the user does not want to get.
    """

    queries: tuple[str, ...]
    needs: tuple[str, ...]
    avoid: tuple[str, ...]
    confidence: float


@dataclass(frozen=True)
class Explanation:
    """Why an item is recommended: one or two sentences, and what speaks for it in a few words each; None: nothing known.

    n_claims counts what was checked, ungrounded holds what neither profile, history, item nor facts carry."""

    text: str
    content: str | None = None
    popularity: str | None = None
    diversity: str | None = None
    time: str | None = None
    n_claims: int = 0
    ungrounded: tuple[str, ...] = ()


@dataclass(frozen=True)
class Usage:
    """What one reply cost. Several replies of one request share it: only the first carries it."""

    requests: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    tokens_cached: int = 0
    cost_usd: float = 0.0


@dataclass(frozen=True)
class Failure:
    """Why a question has no answer, with the last raw reply (may be empty)."""

    reason: str
    raw_reply: str = ""
    attempts: int = 1


A = TypeVar("A", Enrichment, TopicAnswer, SimilarAnswer, JudgeAnswer, RankAnswer, RewriteAnswer, Explanation)


@dataclass(frozen=True)
class Reply(Generic[A]):
    """The answer to the question `key`, or the failure to get one; exactly one of both is set."""

    key: str
    answer: A | None
    failure: Failure | None = None
    usage: Usage = Usage()


@dataclass(frozen=True)
class TopicDefinition:
    """One topic of a taxonomy, as the labeling owner wrote it."""

    name: str
    description: str
    guidelines: str = ""
    examples: tuple[str, ...] = ()
    parent: str = ""


class Labeler(Protocol):
    """Anyone who answers the questions: `embedded:…`, `openai:…`, a script in a test."""

    @property
    def name(self) -> str:
        """Who answers, as it stands in every row: "embedded:all-MiniLM-L6-v2"."""
        ...

    def fingerprint(self, task: Task) -> str:
        """Hash of all that changes this labeler's answers to `task` (model, prompt, schema, taxonomy, artifacts)."""
        ...

    def enrich(self, items: Iterable[ItemText]) -> Iterator[Reply[Enrichment]]: ...
    def label_topics(self, items: Iterable[ItemText]) -> Iterator[Reply[TopicAnswer]]: ...
    def verify_similar(self, pairs: Iterable[PairQuestion]) -> Iterator[Reply[SimilarAnswer]]: ...
    def judge(self, pairs: Iterable[JudgeQuestion]) -> Iterator[Reply[JudgeAnswer]]: ...
    def rank(self, windows: Iterable[RankQuestion]) -> Iterator[Reply[RankAnswer]]: ...
    def rewrite(self, users: Iterable[RewriteQuestion]) -> Iterator[Reply[RewriteAnswer]]: ...
    def rerank(self, windows: Iterable[RankQuestion]) -> Iterator[Reply[RankAnswer]]: ...
    def explain(self, questions: Iterable[ExplainQuestion]) -> Iterator[Reply[Explanation]]: ...


def taxonomy_names(taxonomy: Sequence[TopicDefinition]) -> tuple[str, ...]:
    """The topics' names in the order of the catalog file."""
    return tuple(topic.name for topic in taxonomy)
