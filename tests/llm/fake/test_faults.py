"""Every fault on demand: how often, whom it befalls, and whether it mends."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from tasks.llm.fake.faults import Faults
from tasks.llm.fake.provider import FakeProvider
from tests.llm.fake.prompting import ask, body_of, is_answered, message_of

WORDS = [f"word number {n}" for n in range(300)]
COMPLAINT = [{"role": "assistant", "content": "{"}, {"role": "user", "content": "That reply can't be used."}]


def provider_with(**faults: Any) -> FakeProvider:
    return FakeProvider(seed=7, faults=Faults(**faults))


def answered(provider: FakeProvider) -> set[str]:
    """The words that get a valid answer when asked alone."""
    return {word for word in WORDS if is_answered(ask(provider, [word]), 1)}


def ask_after_complaint(provider: FakeProvider, word: str) -> bool:
    body = body_of([word])
    body["messages"] += COMPLAINT
    response = provider.answer("POST", "/v1/chat/completions", {}, json.dumps(body).encode(), 0.0)
    return is_answered(response, 1)


@pytest.mark.parametrize(
    "fault", ["always_500_share", "malformed_share", "foreign_label_share", "refusal_share", "cut_off_share"]
)
def test_a_share_of_questions_fails_alike_alone_and_in_company(fault: str) -> None:
    provider = provider_with(**{fault: 0.2})
    good = answered(provider)
    assert 40 < len(WORDS) - len(good) < 80
    assert answered(provider) == good
    batches = [WORDS[start : start + 3] for start in range(0, len(WORDS), 3)]
    spoilt = [not is_answered(ask(provider, batch), 3) for batch in batches]
    assert spoilt == [not good.issuperset(batch) for batch in batches]
    assert answered(FakeProvider(seed=8, faults=Faults(**{fault: 0.2}))) != good


@pytest.mark.parametrize("name", ["malformed", "foreign_label"])
def test_a_complaint_mends_a_reply_unless_it_is_always_bad(name: str) -> None:
    bad = provider_with(**{f"{name}_share": 1.0, f"{name}_always": True})
    mending = provider_with(**{f"{name}_share": 1.0})
    assert not is_answered(ask(mending, ["any"]), 1)
    assert ask_after_complaint(mending, "any")
    assert not ask_after_complaint(bad, "any")


def test_faults_look_like_the_real_ones() -> None:
    refusal = message_of(ask(provider_with(refusal_share=1), ["any"]))
    assert refusal["content"] is None
    assert refusal["refusal"].startswith("I'm sorry")
    cut_off = json.loads(ask(provider_with(cut_off_share=1), ["any"]).body)
    assert cut_off["choices"][0]["finish_reason"] == "length"
    failed = ask(provider_with(always_500_share=1), ["any"])
    assert (failed.status, json.loads(failed.body)["error"]["type"]) == (500, "server_error")


def test_foreign_values_befall_the_guilty_answer_alone() -> None:
    good = answered(provider_with(foreign_label_share=0.2))
    guilty = next(word for word in WORDS if word not in good)
    asked = [min(good), guilty, max(good)]
    rows = json.loads(message_of(ask(provider_with(foreign_label_share=0.2), asked))["content"])["answers"]
    assert [row["topic"] == "no such label" for row in rows] == [False, True, False]


def test_a_schema_without_labels_gets_a_number_out_of_range() -> None:
    body = body_of(["any"])
    del body["response_format"]["json_schema"]["schema"]["properties"]["answers"]["items"]["properties"]["topic"]
    response = provider_with(foreign_label_share=1).answer(
        "POST", "/v1/chat/completions", {}, json.dumps(body).encode(), 0.0
    )
    assert json.loads(message_of(response)["content"])["answers"][0]["confidence"] > 1


def test_once_500_fails_on_the_first_arrival_alone() -> None:
    provider = provider_with(once_500_share=0.3)
    first = answered(provider)
    assert 60 < len(WORDS) - len(first) < 120
    assert answered(provider) == set(WORDS)


def test_drops_and_slow_replies_are_drawn_for_each_arrival() -> None:
    provider = provider_with(dropped_share=0.5, slow_share=0.5, slow_seconds=3, latency_seconds=1)
    arrivals = [ask(provider, ["any"]) for _ in range(100)]
    assert 30 < sum(arrival.is_dropped for arrival in arrivals) < 70
    assert {arrival.delay_seconds for arrival in arrivals} == {1, 3}
    again = provider_with(dropped_share=0.5, slow_share=0.5, slow_seconds=3, latency_seconds=1)
    assert [ask(again, ["any"]) for _ in range(100)] == arrivals


@pytest.mark.parametrize(
    ("fault", "status", "said"),
    [
        ("wrong_key", 401, "invalid_api_key"),
        ("unknown_model", 404, "model_not_found"),
        ("no_credit", 429, "insufficient_quota"),
        ("refuses_json_schema", 400, "json_schema"),
    ],
)
def test_what_no_retry_mends(fault: str, status: int, said: str) -> None:
    response = ask(provider_with(**{fault: True}), ["any"])
    assert response.status == status
    assert said in response.body.decode()
    assert "retry-after" not in response.headers


def test_formats_are_refused_one_by_one() -> None:
    provider = provider_with(refuses_json_schema=True, refuses_json_object=True)
    formats: list[Any] = ["json_schema", "json_object", "text"]
    assert [ask(provider, ["any"], dialect=name).status for name in formats] == [400, 400, 200]


def test_a_token_limit_cuts_the_reply_off() -> None:
    response = json.loads(ask(provider_with(), ["any"], max_completion_tokens=5).body)
    assert response["choices"][0]["finish_reason"] == "length"
    assert response["usage"]["completion_tokens"] <= 5


def test_faults_that_nobody_knows_are_an_error() -> None:
    with pytest.raises(ValidationError, match="Extra inputs"):
        Faults.model_validate({"fire_share": 1})
    with pytest.raises(ValidationError, match="less than or equal to 1"):
        Faults(dropped_share=5)
