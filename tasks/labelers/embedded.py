"""The embedded labeler: answers every task from sentence embeddings, on this machine, without a key or a network.

It reads what it is given and writes nothing. Each answer depends on its own question and on the labeler's fitted
prototypes only, so it is the same in whatever batch the question comes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from itertools import islice
from typing import TypeVar

from tasks.contracts.errors import LabelerError
from tasks.embedding.protocol import Embedder
from tasks.labelers.enrich_embedded import Tone, answer_enrich, load_tone
from tasks.labelers.explain_embedded import answer_explain
from tasks.labelers.judge_embedded import answer_judge
from tasks.labelers.phrase_vectors import PhraseVectors, item_vectors
from tasks.labelers.protocol import (
    Enrichment,
    ExplainQuestion,
    Explanation,
    Failure,
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
    taxonomy_names,
)
from tasks.labelers.prototypes import Prototypes
from tasks.labelers.rank_embedded import answer_rank
from tasks.labelers.rewrite_embedded import answer_rewrite
from tasks.labelers.scale import Scale, measure_scale
from tasks.labelers.similar_embedded import answer_similar
from tasks.labelers.summaries import MAX_WORDS
from tasks.labelers.taxonomy import lowest_topics, parents_of
from tasks.labelers.topics_embedded import answer_topics

LABELER_VERSIONS: dict[Task, str] = {
    "enrich": "2",
    "topics": "1",
    "similar": "2",
    "judge": "1",
    "rank": "1",
    "rewrite": "1",
    "rerank": "1",
    "explain": "1",
}
"""Raise a task's version with any change of rules, constants or reference texts that changes its answers."""

QUESTIONS_AT_ONCE: dict[Task, int] = {
    "enrich": 256,
    "topics": 256,
    "similar": 1024,
    "judge": 1024,
    "rank": 128,
    "rewrite": 256,
    "rerank": 128,
    "explain": 1024,
}
"""How many questions are answered together, so that what they share is embedded once."""

T = TypeVar("T")
Answer = TypeVar("Answer", Enrichment, TopicAnswer, SimilarAnswer, JudgeAnswer, RankAnswer, RewriteAnswer, Explanation)


class EmbeddedLabeler:
    """A Labeler (see `protocol`) on top of an embedder.

    taxonomy and prototypes are needed for topics only: fit the prototypes with `prototypes.fit_prototypes` and store
    them. aspects are what enrichments should look for, summary_words the most words of their
    summaries, n_queries the most search texts of a user. Raises LabelerError when prototypes and taxonomy don't match.
    """

    def __init__(
        self,
        embedder: Embedder,
        *,
        taxonomy: Sequence[TopicDefinition] = (),
        prototypes: Prototypes | None = None,
        aspects: Sequence[str] = (),
        summary_words: int = MAX_WORDS,
        n_queries: int = 3,
    ) -> None:
        names = taxonomy_names(lowest_topics(taxonomy))
        if prototypes is not None and prototypes.names != names:
            raise LabelerError(
                f"prototypes are for topics {prototypes.names}, the taxonomy has {names}; fit them again"
            )
        self._embedder = embedder
        self._taxonomy = tuple(taxonomy)
        self._prototypes = prototypes
        self._aspects = tuple(aspects)
        self._summary_words = summary_words
        self._n_queries = n_queries
        self._phrases = PhraseVectors(embedder)

    @property
    def name(self) -> str:
        return f"embedded:{self._embedder.name}"

    def fingerprint(self, task: Task) -> str:
        """16 hex digits over the model, our version of the task, and for topics the taxonomy and prototypes, for enrich
        the aspects and the length of summaries, for rewrite the number of queries."""
        parts: list[object] = [task, LABELER_VERSIONS[task], self._embedder.fingerprint]
        if task == "topics":
            parts += [
                # A parent is only told where there is one, so that flat taxonomies keep their fingerprint.
                [
                    [t.name, t.description, t.guidelines, list(t.examples), *filter(None, [t.parent])]
                    for t in self._taxonomy
                ]
            ]
            parts += [self._prototypes.version if self._prototypes else ""]
        if task == "enrich":
            parts += [list(self._aspects), self._summary_words]
        if task == "rewrite":
            parts += [self._n_queries]
        return hashlib.sha256(json.dumps(parts, ensure_ascii=False).encode()).hexdigest()[:16]

    def enrich(self, items: Iterable[ItemText]) -> Iterator[Reply[Enrichment]]:
        """Extracts; see `enrich_embedded`. An item without any text is a failure."""
        return _reply_to_items("enrich", items, self._enrich)

    def label_topics(self, items: Iterable[ItemText]) -> Iterator[Reply[TopicAnswer]]:
        """Topics by prototype; see `topics_embedded`. Raises LabelerError without prototypes."""
        prototypes = self._prototypes
        if prototypes is None:
            raise LabelerError("the labeler has no topic prototypes; fit them with fit_prototypes and pass them in")
        parents = parents_of(self._taxonomy)
        return _reply_to_items(
            "topics",
            items,
            lambda chunk: answer_topics(
                chunk,
                item_vectors(chunk, self._phrases),
                prototypes=prototypes,
                phrases=self._phrases,
                parents=parents,
            ),
        )

    def verify_similar(self, pairs: Iterable[PairQuestion]) -> Iterator[Reply[SimilarAnswer]]:
        """Near-duplicates; see `similar_embedded`."""
        for chunk in split_questions("similar", pairs):
            for pair, answer in zip(chunk, answer_similar(chunk), strict=True):
                yield Reply(pair.key, answer)

    def judge(self, pairs: Iterable[JudgeQuestion]) -> Iterator[Reply[JudgeAnswer]]:
        """Relevance; see `judge_embedded`. A user about whom nothing is known is a failure."""
        for chunk in split_questions("judge", pairs):
            for pair, answer in zip(chunk, answer_judge(chunk, phrases=self._phrases, scale=self._scale), strict=True):
                yield _reply(pair.key, answer)

    def rank(self, windows: Iterable[RankQuestion]) -> Iterator[Reply[RankAnswer]]:
        """Orders by expected grade; see `rank_embedded`. A user about whom nothing is known is a failure."""
        for chunk in split_questions("rank", windows):
            for window, answer in zip(chunk, answer_rank(chunk, phrases=self._phrases, scale=self._scale), strict=True):
                yield _reply(window.key, answer)

    def rewrite(self, users: Iterable[RewriteQuestion]) -> Iterator[Reply[RewriteAnswer]]:
        """Search texts of users; see `rewrite_embedded`. A user about whom nothing is known is a failure."""
        for chunk in split_questions("rewrite", users):
            answers = answer_rewrite(chunk, phrases=self._phrases, n_queries=self._n_queries)
            for question, answer in zip(chunk, answers, strict=True):
                yield _reply(question.key, answer)

    def rerank(self, windows: Iterable[RankQuestion]) -> Iterator[Reply[RankAnswer]]:
        """The same orders; no list is left out or invented."""
        return self.rank(windows)

    def explain(self, questions: Iterable[ExplainQuestion]) -> Iterator[Reply[Explanation]]:
        """Explanations out of the facts and the item; see `explain_embedded`."""
        for chunk in split_questions("explain", questions):
            for question, answer in zip(chunk, answer_explain(chunk), strict=True):
                yield _reply(question.key, answer)

    def _enrich(self, items: Sequence[ItemText]) -> list[Enrichment]:
        return answer_enrich(
            items,
            item_vectors(items, self._phrases),
            aspects=self._aspects,
            phrases=self._phrases,
            scale=self._scale,
            tone=self._tone,
            summary_words=self._summary_words,
        )

    @cached_property
    def _scale(self) -> Scale:
        return measure_scale(self._embedder)

    @cached_property
    def _tone(self) -> Tone:
        return load_tone(self._embedder, self._scale)


def split_questions(task: Task, questions: Iterable[T]) -> Iterator[list[T]]:
    """The questions in the groups in which they are answered."""
    remaining = iter(questions)
    while chunk := list(islice(remaining, QUESTIONS_AT_ONCE[task])):
        yield chunk


def _reply_to_items(
    task: Task, items: Iterable[ItemText], answer: Callable[[Sequence[ItemText]], Sequence[Answer]]
) -> Iterator[Reply[Answer]]:
    for chunk in split_questions(task, items):
        readable = [item for item in chunk if item.title.strip() or item.text.strip()]
        answers = dict(zip([item.key for item in readable], answer(readable), strict=True)) if readable else {}
        for item in chunk:
            empty = Failure(f"item {item.key!r} has neither title nor text; nothing to label")
            yield _reply(item.key, answers.get(item.key, empty))


def _reply(key: str, answer: Answer | Failure) -> Reply[Answer]:
    return Reply(key, None, failure=answer) if isinstance(answer, Failure) else Reply(key, answer)
