"""What is answered: it fits the schema, comes back the same, and depends on nobody else in the request."""

from __future__ import annotations

import doctest
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.labelers.openai_schemas import EnrichReplyWithAspects, JudgeReply, SimilarReply, TopicsReply
from tasks.llm.fake import chat_request, limits, server
from tasks.llm.fake.provider import FakeProvider
from tasks.llm.hostile import Data
from tasks.llm.prompts import PromptTemplate, load_prompt
from tasks.llm.schema import build_schema
from tasks.llm.structured import read_answers
from tests.llm.data import FUZZ
from tests.llm.fake.prompting import TOPICS, answers_of, ask, body_of, message_of

PROMPTS = Path(__file__).resolve().parents[3] / "prompts"
TEXTS = [
    "The club won its matches",
    "A new phone runs old software",
    "Zebras cross the river",
    "",
    "Ünïcode <b>wörds</b>",
]
TAXONOMY = [
    {"name": name, "description": text, "guidelines": "", "examples": (), "parent": ""} for name, text in TOPICS.items()
]


def completed(body: dict[str, Any], *, seed: int = 7) -> str:
    """The text of the reply to a body."""
    response = FakeProvider(seed).answer("POST", "/v1/chat/completions", {}, json.dumps(body).encode(), 0.0)
    assert response.status == 200, response.body
    text: str = message_of(response)["content"]
    return text


@pytest.mark.parametrize(
    ("task", "reply", "enums", "shared"),
    [
        (
            "enrich",
            EnrichReplyWithAspects,
            {"aspect": ["genre", "setting"]},
            {"aspects": ["genre", "setting"], "summary_words": 60, "voice": ""},
        ),
        (
            "topics",
            TopicsReply,
            {"topic": list(TOPICS)},
            {"taxonomy": TAXONOMY, "has_levels": False, "gold_examples": 0},
        ),
        ("similar", SimilarReply, {}, {}),
        ("judge", JudgeReply, {}, {}),
    ],
)
def test_each_task_gets_valid_answers_that_do_not_depend_on_neighbours(
    task: str, reply: Any, enums: Any, shared: Any
) -> None:
    schema = build_schema(reply, enums)
    template = PromptTemplate(load_prompt(PROMPTS / f"{task}.md"), schema=schema, shared=shared)
    per_request = {"profile": Data.of(summary="follows clubs and phones")} if task == "judge" else {}
    fields = ("a", "b") if task == "similar" else ("item",)
    questions = [{name: Data.of(title=text, text=f"{text} {name}") for name in fields} for text in TEXTS]

    def replies(asked: list[dict[str, Data]]) -> list[dict[str, Any]]:
        prompt = template.render(asked, **per_request)
        format_ = {"type": "json_schema", "json_schema": {"name": task, "strict": True, "schema": schema}}
        text = completed({"model": "fake", "messages": prompt.messages, "response_format": format_})
        answers = read_answers(text, reply, n_questions=len(asked))
        return [answer.model_dump(exclude={"number"}) for answer in answers]

    together = replies(questions)
    assert together == [one for question in questions for one in replies([question])]
    assert together[::-1] == replies(questions[::-1])


def test_labels_are_those_whose_words_the_text_shares() -> None:
    filed = answers_of(FakeProvider(seed=7), TEXTS[:2])
    assert [answer.topic for answer in filed] == ["sport", "tech"]


def test_a_text_that_shares_no_word_gets_a_drawn_label() -> None:
    texts = [f"Qqqq{chr(97 + n)} zzzz" for n in range(20)]
    assert {answer.topic for answer in answers_of(FakeProvider(seed=7), texts)} == set(TOPICS)


@given(texts=st.lists(st.text(), min_size=1, max_size=4))
@FUZZ
def test_any_text_gets_a_valid_answer(texts: list[str]) -> None:
    assert len(answers_of(FakeProvider(seed=7), texts)) == len(texts)


def test_the_reply_format_changes_no_answer() -> None:
    replies = [completed(body_of(TEXTS, dialect=name)) for name in ("json_schema", "json_object", "text")]
    assert len(set(replies)) == 1


@pytest.mark.parametrize("more", [{"seed": 8}, {"model": "other"}, {"system": "You guess."}])
def test_seed_model_and_instructions_change_answers(more: dict[str, Any]) -> None:
    seed = more.pop("seed", 7)
    assert completed(body_of(TEXTS)) == completed(body_of(TEXTS))
    assert completed(body_of(TEXTS)) != completed(body_of(TEXTS, **more), seed=seed)


def test_a_shared_profile_changes_answers() -> None:
    def grades(profile: str) -> str:
        user = f"Items: 2, numbered from 1.\n<<<m\n{profile}\nm>>>\n<<<m\nfirst\nm>>>\n<<<m\nsecond\nm>>>"
        body = body_of(["any"])
        body["messages"][1]["content"] = user
        return completed(body)

    assert grades("likes chess") != grades("likes ballet")


def test_prompts_that_are_not_ours_are_answered() -> None:
    hello = [{"role": "user", "content": "Hello there, friend"}]
    assert "friend" in completed({"model": "fake", "messages": hello})
    assert json.loads(completed({"model": "fake", "messages": hello, "response_format": {"type": "json_object"}}))
    schema = {
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "age": {"type": "integer", "minimum": 18, "maximum": 21},
            "mood": {"anyOf": [{"type": "null"}, {"enum": ["merry"]}]},
            "tags": {"type": "array", "items": {"type": "string"}, "minItems": 2},
        },
    }
    format_ = {"type": "json_schema", "json_schema": {"name": "person", "schema": schema}}
    person = json.loads(completed({"model": "fake", "messages": hello, "response_format": format_}))
    assert 18 <= person["age"] <= 21
    assert person["mood"] == "merry"
    assert len(person["tags"]) == 2


def test_tokens_of_instructions_are_cached_once_they_were_seen() -> None:
    provider = FakeProvider(seed=7)
    long = "You file items with great care. " * 200
    usages = [json.loads(ask(provider, [text], system=long).body)["usage"] for text in TEXTS[:2]]
    assert [usage["prompt_tokens_details"]["cached_tokens"] > 1024 for usage in usages] == [False, True]
    assert usages[1]["prompt_tokens_details"]["cached_tokens"] < usages[1]["prompt_tokens"]
    short = [json.loads(ask(provider, [text]).body)["usage"] for text in TEXTS[:2]]
    assert [usage["prompt_tokens_details"]["cached_tokens"] for usage in short] == [0, 0]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"{", "could not parse"),
        (b"[]", "model parameter"),
        (b'{"model": "fake", "messages": []}', "empty array"),
        (b'{"model": "fake", "messages": [{"role": "user"}], "stream": true}', "stream"),
    ],
)
def test_what_is_no_request_is_refused(body: bytes, said: str) -> None:
    response = FakeProvider().answer("POST", "/v1/chat/completions", {}, body, 0.0)
    assert response.status == 400
    assert said in json.loads(response.body)["error"]["message"]


def test_a_schema_that_refers_to_nothing_is_refused() -> None:
    body = body_of(["any"])
    body["response_format"]["json_schema"]["schema"] = {"properties": {"one": {"$ref": "#/$defs/none"}}}
    response = FakeProvider().answer("POST", "/v1/chat/completions", {}, json.dumps(body).encode(), 0.0)
    assert response.status == 400
    assert b"Invalid schema" in response.body


@pytest.mark.parametrize("module", [chat_request, limits, server])
def test_examples_in_the_docstrings_hold(module: ModuleType) -> None:
    result = doctest.testmod(module)
    assert result.attempted
    assert not result.failed
