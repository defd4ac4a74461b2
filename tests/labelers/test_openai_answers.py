"""The openai labeler's answers over real HTTP: what is read from a reply, and what it refuses to believe."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any

import pytest

from tasks.contracts.labels import EnrichmentConfig
from tasks.labelers.protocol import (
    JudgeQuestion,
    Labeler,
    PairQuestion,
)
from tasks.llm.redact import Redaction
from tests.labelers.openai_asked import (
    by_key,
    item,
    labeler_of,
    replying,
    user,
)
from tests.llm.data import read_recorded
from tests.llm.fake_server import Answer, FakeServer, Request, completion


def test_topics_are_read_best_first_in_the_taxonomys_spelling() -> None:
    topics = [{"topic": " tech", "confidence": 0.3}, {"topic": "SPORT", "confidence": "0.9"}]
    with FakeServer(
        replying(lambda n, text: {"reason": "so", "topics": topics if "Title 1\n" in text else []})
    ) as server:
        labeler: Labeler = labeler_of(server)
        replies = by_key(labeler.label_topics([item(1), item(2)]))
    answer = replies["item-key-1"].answer
    assert [(topic.topic, topic.confidence) for topic in answer.topics] == [("Sport", 0.9), ("Tech", 0.3)]
    assert replies["item-key-2"].answer.primary is None
    assert labeler.name == "openai:fake-model"


def test_an_unknown_topic_never_becomes_a_label() -> None:
    topics = [{"topic": "sprot", "confidence": 0.9}]
    with FakeServer(
        replying(lambda n, text: {"reason": "so", "topics": topics if "Title 3\n" in text else []})
    ) as server:
        replies = by_key(labeler_of(server).label_topics(item(n) for n in range(5)))
    failed = {key: reply.failure for key, reply in replies.items() if reply.failure}
    assert list(failed) == ["item-key-3"]
    failure = failed["item-key-3"]
    assert failure.reason == "invalid_reply: answer 1: unknown topic 'sprot'; expected one of Sport, Tech"
    assert json.loads(failure.raw_reply)["answers"][0]["topics"] == topics
    assert sum(reply.usage.requests for reply in replies.values()) == len(server.requests)


@pytest.mark.parametrize(
    ("topics", "message"),
    [
        ([{"topic": "Tech", "confidence": 0.9}, {"topic": "tech", "confidence": 0.1}], "a topic is given twice"),
        ([{"topic": "Tech", "confidence": 90}], "less than or equal to 1"),
        ([{"topic": "Tech"}], "confidence: Field required"),
    ],
)
def test_topics_that_make_no_sense_fail(topics: list[dict[str, Any]], message: str) -> None:
    with FakeServer(replying(lambda n, text: {"reason": "so", "topics": topics})) as server:
        [reply] = labeler_of(server).label_topics([item(1)])
    assert reply.answer is None
    assert reply.failure is not None
    assert message in reply.failure.reason


def test_enrichment_holds_the_aspects_that_were_asked_for() -> None:
    described = {"summary": "A thing.", "themes": ["things"], "mood": "sober", "audience": "all", "keywords": ["thing"]}
    aspects = [{"aspect": "place", "words": "by the sea", "quote": "Text of 1"}]
    with FakeServer(replying(lambda n, text: {**described, "aspects": aspects, "confidence": 0.7})) as server:
        [reply] = labeler_of(server, aspects=("Place", "Price")).enrich([item(1)])
        assert reply.answer is not None
        assert reply.answer.aspects == {"Place": "by the sea"}
        server.script = replying(lambda n, text: {**described, "confidence": 0.7})
        [reply] = labeler_of(server).enrich([item(1)])
        assert reply.answer is not None
        assert (reply.answer.aspects, reply.answer.themes, reply.answer.confidence) == ({}, ("things",), 0.7)


def test_a_summary_that_is_far_too_long_is_asked_again() -> None:
    described = {"themes": ["things"], "mood": "sober", "audience": "all", "keywords": [], "confidence": 0.7}

    def script(request: Request) -> Answer:
        n_words = 16 if request.n == 1 else 15
        return completion({"answers": [{"number": 1, "summary": " ".join(["word"] * n_words), **described}]})

    with FakeServer(script) as server:
        [reply] = labeler_of(server, enrichment=EnrichmentConfig(summary_words=10)).enrich([item(1)])
    assert reply.answer is not None
    assert "the summary has 16 words; write at most 10" in server.requests[1].last


def test_claims_are_checked_against_the_item_as_it_is_and_as_it_was_shown() -> None:
    described = {"themes": ["things"], "mood": "sober", "audience": "all", "confidence": 0.7}
    aspects = [{"aspect": "place", "words": "Rome", "quote": "in Rome"}]
    told = {"summary": "Write to [email] in Oslo.", "keywords": ["price"], "aspects": aspects}
    with FakeServer(replying(lambda n, text: {**described, **told})) as server:
        labeler = labeler_of(server, aspects=("Place",), redaction=Redaction.of(["email"]))
        [reply] = labeler.enrich([item(1, "The price is 3. Write to ann@example.org in Bergen.")])
    assert reply.answer is not None
    assert reply.answer.n_claims == 3
    assert reply.answer.ungrounded == (
        "summary: 'Oslo' is not in the text",
        "aspect Place: 'in Rome' is not in the text",
    )


def test_a_similar_pair_has_the_same_topic_whatever_the_model_says() -> None:
    row = {"reason": "so", "is_similar": True, "probability": 0.9, "same_topic": False}
    with FakeServer(lambda r: completion({"answers": [{"number": 1, **row}]})) as server:
        [reply] = labeler_of(server).verify_similar([PairQuestion(item(1), item(2), 0.9)])
    assert reply.answer is not None
    assert reply.answer.is_same_topic is True


def test_a_verdict_that_contradicts_its_probability_is_asked_again() -> None:
    def script(request: Request) -> Answer:
        probability = 0.95 if request.n == 1 else 0.05
        row = {"number": 1, "reason": "so", "is_similar": False, "probability": probability, "same_topic": True}
        return completion({"answers": [row]})

    with FakeServer(script) as server:
        [reply] = labeler_of(server).verify_similar([PairQuestion(item(1), item(2), 0.9)])
    assert reply.key == "item-key-1|item-key-2"
    assert reply.answer is not None
    assert (reply.answer.is_similar, reply.answer.confidence, reply.answer.is_same_topic) == (False, 0.05, True)
    assert "is_similar false contradicts probability 0.95" in server.requests[1].last


def test_every_reply_that_broke_other_parsers_is_a_grade_in_range_or_a_failure_with_reason() -> None:
    # The first is answered in form: a model that never is, is not asked all night.
    good = {"answers": [{"number": 1, "reason": "so", "relevance": 2, "confidence": 0.9}]}
    texts: list[Any] = [good, *(row["reply"] for row in read_recorded("llm-unparseable-replies.jsonl.gz"))]
    pairs = [JudgeQuestion(user(1), item(n)) for n in range(len(texts))]

    def script(request: Request) -> Answer:
        [number] = re.findall(r"Title (\d+)\nAuthor", request.user)
        return completion(texts[int(number)])

    with FakeServer(script) as server:
        replies = by_key(labeler_of(server, questions_per_request={"judge": 1}).judge(pairs))
    assert replies.keys() == {pair.key for pair in pairs}
    assert all((reply.answer is None) != (reply.failure is None) for reply in replies.values())
    assert all(reply.answer.relevance in range(4) for reply in replies.values() if reply.answer)
    reasons = Counter(reply.failure.reason if reply.failure else "grade" for reply in replies.values())
    print(f"\n{len(texts) - 1} replies that broke other parsers: {dict(reasons)}")  # noqa: T201 - asked for: pytest -s
    assert reasons["grade"] == 1
