"""Questions to the embedded labeler, answered in parts by the workers of a pool; the parts are the groups of one machine.

What a language model is asked stays with the coordinator, which has the key, the rate and the store of replies. Memory O(parts
under way). A reply travels as a row: its question's key, and the reply as the codec's JSON.
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, cast

import polars as pl

from tasks.contracts.errors import StepError
from tasks.contracts.sharding import ShardPool
from tasks.embedding.protocol import Embedder
from tasks.labelers.embedded import EmbeddedLabeler, split_questions
from tasks.labelers.protocol import (
    Enrichment,
    ExplainQuestion,
    Explanation,
    ItemText,
    JudgeAnswer,
    JudgeQuestion,
    PairQuestion,
    RankAnswer,
    RankQuestion,
    Reply,
    RewriteAnswer,
    RewriteQuestion,
    SimilarAnswer,
    Task,
    TopicAnswer,
    TopicDefinition,
)
from tasks.labelers.prototypes import Prototypes
from tasks.sharding.codec import decode, encode
from tasks.sharding.registry import MadeShard

Question = TypeVar("Question")
_of_thread = threading.local()


@dataclass(frozen=True)
class LabelerParts:
    """What makes an embedded labeler: the model and how it computes, and what the catalog gives; see EmbeddedLabeler."""

    model: str
    precision: str
    device: str
    taxonomy: Sequence[TopicDefinition]
    prototypes: Prototypes | None
    aspects: Sequence[str]
    summary_words: int
    n_queries: int


@dataclass(frozen=True)
class LabelingKit:
    """Which task is answered, by which labeler; fingerprint: the coordinator's own labeler's for this task."""

    task: Task
    labeler: LabelerParts
    fingerprint: str


@dataclass(frozen=True)
class LabelingPart:
    """Questions that are answered together."""

    questions: Sequence[Any]


def build_embedded(parts: LabelerParts, embedder: Embedder) -> EmbeddedLabeler:
    """The labeler of these parts. Raises LabelerError where prototypes and taxonomy don't match."""
    return EmbeddedLabeler(
        embedder,
        taxonomy=parts.taxonomy,
        prototypes=parts.prototypes,
        aspects=parts.aspects,
        summary_words=parts.summary_words,
        n_queries=parts.n_queries,
    )


def label(kit: LabelingKit, part: LabelingPart) -> MadeShard:
    """The replies: columns key and reply. Raises StepError where this machine's model, precision or rules are others."""
    replies = list(_ask(_labeler_of(kit), kit.task, part.questions))
    rows = {
        "key": [reply.key for reply in replies],
        "reply": [encode(reply, _NoPieces()).decode() for reply in replies],
    }
    return MadeShard(pl.DataFrame(rows, schema={"key": pl.String, "reply": pl.String}), {})


class SpreadLabeler:
    """A Labeler whose questions the workers of a pool answer; name and fingerprints are those of the labeler itself.

    folder names what travels, in the pool's own folder.
    """

    def __init__(self, parts: LabelerParts, embedder: Embedder, *, pool: ShardPool, folder: str) -> None:
        self._parts = parts
        self._own = build_embedded(parts, embedder)
        self._pool = pool
        self._folder = folder

    @property
    def name(self) -> str:
        return self._own.name

    def fingerprint(self, task: Task) -> str:
        """The embedded labeler's: where an answer is computed does not change it."""
        return self._own.fingerprint(task)

    def enrich(self, items: Iterable[ItemText]) -> Iterator[Reply[Enrichment]]:
        """As EmbeddedLabeler, on workers."""
        return self._spread("enrich", items)

    def label_topics(self, items: Iterable[ItemText]) -> Iterator[Reply[TopicAnswer]]:
        """As EmbeddedLabeler, on workers."""
        return self._spread("topics", items)

    def verify_similar(self, pairs: Iterable[PairQuestion]) -> Iterator[Reply[SimilarAnswer]]:
        """As EmbeddedLabeler, on workers."""
        return self._spread("similar", pairs)

    def judge(self, pairs: Iterable[JudgeQuestion]) -> Iterator[Reply[JudgeAnswer]]:
        """As EmbeddedLabeler, on workers."""
        return self._spread("judge", pairs)

    def rank(self, windows: Iterable[RankQuestion]) -> Iterator[Reply[RankAnswer]]:
        """As EmbeddedLabeler, on workers."""
        return self._spread("rank", windows)

    def rewrite(self, users: Iterable[RewriteQuestion]) -> Iterator[Reply[RewriteAnswer]]:
        """As EmbeddedLabeler, on workers."""
        return self._spread("rewrite", users)

    def rerank(self, windows: Iterable[RankQuestion]) -> Iterator[Reply[RankAnswer]]:
        """As EmbeddedLabeler, on workers."""
        return self._spread("rerank", windows)

    def explain(self, questions: Iterable[ExplainQuestion]) -> Iterator[Reply[Explanation]]:
        """As EmbeddedLabeler, on workers."""
        return self._spread("explain", questions)

    def _spread(self, task: Task, questions: Iterable[Question]) -> Iterator[Reply[Any]]:
        """The replies, a part's in the order of its questions, the parts as they are there."""
        kit = LabelingKit(task, self._parts, self.fingerprint(task))
        parts = (LabelingPart(chunk) for chunk in split_questions(task, questions))
        with tempfile.TemporaryDirectory(prefix="nightjar-labels-") as folder:
            for done in self._pool.map("label", kit, parts, stage=f"{self._folder}/{task}"):
                path = Path(folder) / f"{done.number}.parquet"
                self._pool.take(done, path)
                for told in pl.read_parquet(path)["reply"]:
                    yield decode(told.encode(), _NoPieces())
                path.unlink()


_METHODS: dict[Task, str] = {"topics": "label_topics", "similar": "verify_similar"}


def _ask(labeler: EmbeddedLabeler, task: Task, questions: Sequence[Any]) -> Iterator[Reply[Any]]:
    return cast("Iterator[Reply[Any]]", getattr(labeler, _METHODS.get(task, task))(questions))


def _labeler_of(kit: LabelingKit) -> EmbeddedLabeler:
    """The kit's labeler with what it has embedded already; each thread of a worker holds the one that it used last."""
    held: tuple[str, EmbeddedLabeler] | None = getattr(_of_thread, "labeler", None)
    if held is not None and held[0] == kit.fingerprint:
        return held[1]
    # Imported here: a model and what runs it are loaded by those that label alone.
    from tasks.labeling.embedder import load_once

    labeler = build_embedded(kit.labeler, load_once(kit.labeler.model, kit.labeler.precision, kit.labeler.device))
    found = labeler.fingerprint(kit.task)
    if found != kit.fingerprint:
        raise StepError(
            f"a worker's {labeler.name} answers {kit.task!r} under the fingerprint {found}, the coordinator's under"
            f" {kit.fingerprint}: another model file, or another precision; set embedding_precision, or take that worker away"
        )
    _of_thread.labeler = (kit.fingerprint, labeler)
    return labeler


class _NoPieces:
    """A sink and an origin for what has no large pieces: answers are words and numbers."""

    def add(self, suffix: str, _buffers: Sequence[bytes | memoryview]) -> str:
        raise StepError(f"a reply holds a piece {suffix!r}, which never travels; answers are words and numbers")

    def array(self, name: str) -> Any:
        raise StepError(f"a reply names a piece {name!r}; what lies in the shared folder is damaged")

    def read(self, name: str) -> bytes:
        raise StepError(f"a reply names a piece {name!r}; what lies in the shared folder is damaged")
