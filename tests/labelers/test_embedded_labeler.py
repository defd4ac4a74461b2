"""The seam: names, fingerprints, streaming, failures as replies, and vectors that come with the question or not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import get_args

import numpy as np
import pytest

from tasks.contracts.errors import LabelerError
from tasks.labelers.embedded import QUESTIONS_AT_ONCE, EmbeddedLabeler
from tasks.labelers.phrase_vectors import PhraseVectors
from tasks.labelers.protocol import ItemText, Labeler, PairQuestion, Task, TopicDefinition
from tasks.labelers.prototypes import Prototypes, fit_prototypes
from tests.fake_embedder import HashingEmbedder

TAXONOMY = (TopicDefinition("sport", "match goal team"), TopicDefinition("business", "bank profit market"))
TASKS: tuple[Task, ...] = get_args(Task)


def fit(embedder: HashingEmbedder, taxonomy: tuple[TopicDefinition, ...] = TAXONOMY) -> Prototypes:
    return fit_prototypes(
        embedder.encode(["the team won the match", "the bank made a profit"]), taxonomy, embedder=embedder
    )


def build(embedder: HashingEmbedder | None = None, *, aspects: tuple[str, ...] = ()) -> EmbeddedLabeler:
    embedder = embedder or HashingEmbedder()
    return EmbeddedLabeler(embedder, taxonomy=TAXONOMY, prototypes=fit(embedder), aspects=aspects)


def fingerprints(labeler: Labeler) -> dict[Task, str]:
    return {task: labeler.fingerprint(task) for task in TASKS}


def changed(before: Labeler, after: Labeler) -> set[Task]:
    return {task for task in TASKS if before.fingerprint(task) != after.fingerprint(task)}


def test_name_says_who_answers() -> None:
    assert build().name == "embedded:hashing"


def test_fingerprints_are_stable_and_differ_by_task() -> None:
    assert fingerprints(build()) == fingerprints(build())
    assert len(set(fingerprints(build()).values())) == len(TASKS)


def test_another_model_changes_every_fingerprint() -> None:
    assert changed(build(), build(HashingEmbedder(version="2"))) == set(TASKS)


def test_aspects_change_enrich_alone() -> None:
    assert changed(build(), build(aspects=("plot",))) == {"enrich"}


def test_taxonomy_and_prototypes_change_topics_alone() -> None:
    embedder = HashingEmbedder()
    reworded = (replace(TAXONOMY[0], description="match goal team stadium"), TAXONOMY[1])
    other = EmbeddedLabeler(embedder, taxonomy=reworded, prototypes=fit(embedder))
    assert changed(build(embedder), other) == {"topics"}
    refitted = replace(fit(embedder), n_items=3)
    assert changed(build(embedder), EmbeddedLabeler(embedder, taxonomy=TAXONOMY, prototypes=refitted)) == {"topics"}


def test_prototypes_of_another_taxonomy_are_refused() -> None:
    embedder = HashingEmbedder()
    with pytest.raises(LabelerError, match=r"prototypes are for topics \('sport', 'business'\).*fit them again"):
        EmbeddedLabeler(embedder, taxonomy=TAXONOMY[:1], prototypes=fit(embedder))


def test_topics_without_prototypes_are_refused() -> None:
    with pytest.raises(LabelerError, match="no topic prototypes; fit them"):
        EmbeddedLabeler(HashingEmbedder(), taxonomy=TAXONOMY).label_topics([])


def test_item_without_text_is_a_failure_and_the_others_are_answered() -> None:
    items = [ItemText("a", "", "the team won"), ItemText("b", " ", "\n"), ItemText("c", "A bank", "")]
    for replies in (list(build().label_topics(items)), list(build().enrich(items))):
        assert [reply.key for reply in replies] == ["a", "b", "c"]
        assert [reply.failure is None for reply in replies] == [True, False, True]
        assert [reply.answer is None for reply in replies] == [False, True, False]
        assert "item 'b' has neither title nor text" in str(replies[1].failure)


def test_questions_are_taken_as_they_are_answered() -> None:
    taken = 0

    def questions() -> Iterator[PairQuestion]:
        nonlocal taken
        for number in range(3 * QUESTIONS_AT_ONCE["judge"]):
            taken += 1
            yield PairQuestion(ItemText("a", "x", "y"), ItemText(f"b{number}", "x", "z"), 0.8)

    assert next(build().verify_similar(questions())).answer is not None
    assert taken == QUESTIONS_AT_ONCE["judge"]


def test_every_question_gets_one_reply_across_chunks() -> None:
    items = [ItemText(f"i{number}", "team", "match") for number in range(QUESTIONS_AT_ONCE["topics"] + 3)]
    assert [reply.key for reply in build().label_topics(items)] == [item.key for item in items]


def test_given_vector_is_used_and_an_absent_one_made() -> None:
    bank = HashingEmbedder().encode(["the bank made a profit"])[0]
    asked = [ItemText("a", "", "the team won the match"), ItemText("b", "", "the team won the match", vector=bank)]
    answers = [reply.answer for reply in build().label_topics(asked)]
    assert [answer.primary for answer in answers if answer] == ["sport", "business"]


def test_vector_of_another_model_is_refused() -> None:
    stale = ItemText("a", "", "the team", vector=np.ones(12, dtype=np.float32))
    with pytest.raises(LabelerError, match=r"item 'a' has a vector of shape \(12,\).*embed the catalog again"):
        list(build().label_topics([stale]))


def test_phrases_are_embedded_once_and_the_oldest_are_forgotten() -> None:
    embedder = HashingEmbedder()
    phrases = PhraseVectors(embedder, max_phrases=2)
    phrases.encode(["chess", "golf", "chess"])
    phrases.encode(["chess"])
    assert embedder.n_encoded == 2
    assert phrases.encode(["opera", "jazz", "film"]).shape == (3, 384)
    assert len(phrases) == 2
    phrases.encode(["chess"])
    assert embedder.n_encoded == 6
