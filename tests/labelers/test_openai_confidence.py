"""Where a model's confidence comes from, over real HTTP against the fake provider, whose certainty is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tasks.contracts.labels import ConfidenceConfig
from tasks.labelers.openai import OpenAILabeler
from tasks.labelers.protocol import ItemText, JudgeQuestion, PairQuestion, Task, TopicDefinition, UserText
from tasks.llm.cache import MemoryStore
from tasks.llm.fake.faults import Faults
from tasks.llm.fake.provider import FakeProvider
from tasks.llm.fake.server import LoopbackServer
from tasks.llm.probe import probe
from tasks.llm.types import Endpoint, Sampling
from tests.llm.fake_server import FakeServer, Request, completion
from tests.llm.shouting import endpoint_of

TAXONOMY = tuple(
    TopicDefinition(name, f"All of {name}, and “{name}” alone") for name in ("Café", "Tech", "Food", "Art")
)
ITEMS = [ItemText(f"k{n}", f"Title {n} naïve", f"Word{n} and other{n} things, é") for n in range(60)]
PAIRS = [PairQuestion(a, b, 0.9) for a, b in zip(ITEMS[:30], ITEMS[30:], strict=True)]
LOGPROBS, SAMPLES = ConfidenceConfig(method="logprobs"), ConfidenceConfig(method="samples", samples=5)


def serve(**faults: Any) -> LoopbackServer:
    return LoopbackServer(FakeProvider(seed=3, faults=Faults(**faults)))


def labeler_of(server: LoopbackServer, confidence: ConfidenceConfig, **values: Any) -> OpenAILabeler:
    endpoint = Endpoint(name="fake", model="m", base_url=server.url, usd_per_million_in=1.0)
    return OpenAILabeler(endpoint, taxonomy=TAXONOMY, confidence=confidence, **values)


def answers(replies: Any) -> dict[str, Any]:
    found = {reply.key: reply.answer for reply in replies}
    assert all(answer is not None for answer in found.values())
    return found


def test_a_label_has_the_probability_of_its_tokens() -> None:
    with serve() as server:
        labeler = labeler_of(server, LOGPROBS)
        found = answers(labeler.label_topics(ITEMS))
        stated = answers(labeler_of(server, ConfidenceConfig()).label_topics(ITEMS))
        pairs = answers(labeler.verify_similar(PAIRS))
        grades = answers(labeler.judge(JudgeQuestion(UserText("u", "Likes tea"), item) for item in ITEMS))
    assert labeler.notes == ()
    assert {key: answer.primary for key, answer in found.items()} == {key: a.primary for key, a in stated.items()}
    # The fake model is never less sure than one half, and sure of each question in its own way.
    for shares in ([a.confidence for a in found.values()], [a.confidence for a in grades.values()]):
        assert min(shares) >= 0.5
        assert 0.7 < np.mean(shares) < 0.8
        assert len(set(shares)) > 50
    assert all((answer.confidence >= 0.5) == answer.is_similar for answer in pairs.values())


def test_stored_probabilities_are_served_for_nothing() -> None:
    store = MemoryStore()
    with serve() as server:
        first = answers(labeler_of(server, LOGPROBS, store=store).label_topics(ITEMS))
        replies = list(labeler_of(server, LOGPROBS, store=store).label_topics(ITEMS))
    assert sum(reply.usage.requests for reply in replies) == 0
    again = answers(replies)
    assert all(again[key].confidence == pytest.approx(answer.confidence, abs=1e-6) for key, answer in first.items())


def test_a_reply_that_was_stored_without_them_is_asked_again() -> None:
    store = MemoryStore()
    with serve() as server:
        list(labeler_of(server, ConfidenceConfig(), store=store).label_topics(ITEMS[:5]))
        replies = list(labeler_of(server, LOGPROBS, store=store).label_topics(ITEMS[:5]))
    assert sum(reply.usage.requests for reply in replies) == 1


@pytest.mark.parametrize("fault", ["refuses_logprobs", "omits_logprobs"])
def test_a_server_without_them_is_told_and_the_stated_confidence_stays(fault: str) -> None:
    with serve(**{fault: True}) as server:
        labeler = labeler_of(server, LOGPROBS)
        found = answers(labeler.label_topics(ITEMS))
        stated = answers(labeler_of(server, ConfidenceConfig()).label_topics(ITEMS))
        assert not probe(Endpoint(name="fake", model="m", base_url=server.url)).has_logprobs
    assert found == stated
    [note] = labeler.notes
    assert note.startswith(
        "60 of 60 confidences are as the model states them, because endpoint 'fake' sent no log-prob"
    )


def test_the_probe_says_that_a_server_has_them() -> None:
    with serve() as server:
        assert probe(Endpoint(name="fake", model="m", base_url=server.url)).has_logprobs


def test_a_model_cannot_state_its_own_probabilities() -> None:
    row = {"number": 1, "reason": "so", "topics": [{"topic": "Tech", "confidence": 0.4}]}
    with FakeServer(lambda _: completion({"answers": [row], "probabilities": [["Tech", 1.0]]})) as server:
        labeler = OpenAILabeler(endpoint_of(server), taxonomy=TAXONOMY, confidence=LOGPROBS)
        [reply] = labeler.label_topics(ITEMS[:1])
    assert reply.answer is not None
    assert reply.answer.confidence == 0.4


def test_share_of_samples_that_agree_is_what_the_tokens_say() -> None:
    with serve() as server:
        measured = answers(labeler_of(server, LOGPROBS).label_topics(ITEMS))
        many = ConfidenceConfig(method="samples", samples=20)
        sampled = answers(labeler_of(server, many).label_topics(ITEMS))
    pairs = [(measured[key].confidence, answer.confidence) for key, answer in sampled.items()]
    by_token, by_vote = np.array(pairs).T
    assert np.corrcoef(by_token, by_vote)[0, 1] > 0.6
    assert by_token.mean() == pytest.approx(by_vote.mean(), abs=0.06)


def test_each_question_is_asked_as_often_as_wanted_and_costs_the_sum() -> None:
    seeds: list[Any] = []

    def script(request: Request) -> Any:
        seeds.append((request.body.get("seed"), request.body["temperature"]))
        count = len(request.fenced)
        topic = "Tech" if request.body.get("seed") in (None, 1) else "Food"
        rows = [
            {"number": n + 1, "reason": "so", "topics": [{"topic": topic, "confidence": 0.9}]} for n in range(count)
        ]
        return completion({"answers": rows})

    store = MemoryStore()
    with FakeServer(script) as server:
        endpoint = endpoint_of(server, usd_per_million_in=1.0)
        labeler = OpenAILabeler(endpoint, taxonomy=TAXONOMY, confidence=SAMPLES, store=store)
        replies = list(labeler.label_topics(ITEMS[:5]))
        again = list(
            OpenAILabeler(endpoint, taxonomy=TAXONOMY, confidence=SAMPLES, store=store).label_topics(ITEMS[:5])
        )
    assert sorted(seeds, key=str) == [(1, 0.7), (2, 0.7), (3, 0.7), (4, 0.7), (None, 0.7)]
    assert sum(reply.usage.requests for reply in replies) == 5
    assert sum(reply.usage.tokens_in for reply in replies) == 500
    assert sum(reply.usage.cost_usd for reply in replies) == pytest.approx(500 / 1e6)
    assert len(store) == 25
    # Three of five say Food: (3 + 1) / (5 + 2).
    assert [(reply.answer.primary, reply.answer.confidence) for reply in replies if reply.answer] == [
        ("Food", 0.571429)
    ] * 5
    assert sum(reply.usage.requests for reply in again) == 0


def test_a_question_fails_only_when_all_its_askings_do() -> None:
    def script(request: Request) -> Any:
        if "Title 0 " in request.user or request.body.get("seed") == 2:
            return completion("I would rather not.")
        return completion({"answers": [{"number": 1, "reason": "so", "relevance": 2, "confidence": 0.9}]})

    user = UserText("u", "Likes tea")
    with FakeServer(script) as server:
        labeler = OpenAILabeler(endpoint_of(server), confidence=SAMPLES, questions_per_request={"judge": 1})
        replies = {reply.key: reply for reply in labeler.judge(JudgeQuestion(user, item) for item in ITEMS[:3])}
    assert replies["u|k0"].answer is None
    assert replies["u|k0"].failure is not None
    assert replies["u|k0"].failure.reason.startswith("invalid_reply")
    # Four of five answered, all alike: (4 + 1) / (5 + 2).
    assert replies["u|k1"].answer is not None
    assert replies["u|k1"].answer.confidence == pytest.approx(5 / 7, abs=1e-6)


def test_fingerprints_differ_by_method_where_it_counts() -> None:
    def fingerprints(confidence: ConfidenceConfig, **sampling: Any) -> dict[Task, str]:
        endpoint = Endpoint(name="none", model="m", sampling=Sampling(**sampling))
        labeler = OpenAILabeler(endpoint, taxonomy=TAXONOMY, confidence=confidence)
        return {task: labeler.fingerprint(task) for task in ("enrich", "topics", "similar", "judge")}

    stated, more = ConfidenceConfig(), ConfidenceConfig(method="samples", samples=7)
    variants = [fingerprints(one) for one in (stated, LOGPROBS, SAMPLES, more)]
    for task in ("topics", "similar", "judge"):
        assert len({one[task] for one in variants}) == 4
    assert len({one["enrich"] for one in variants}) == 1
    assert fingerprints(SAMPLES)["topics"] == fingerprints(SAMPLES, temperature=0.7)["topics"]


def test_a_plan_counts_every_asking() -> None:
    labeler = OpenAILabeler(Endpoint(name="none", model="m"), taxonomy=TAXONOMY, confidence=SAMPLES)
    estimate = labeler.estimate("topics", ITEMS[:10])
    assert (estimate.requests, estimate.questions) == (10, 50)
