"""What the server sent becomes a completion, or the error that says whether another try helps."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest
from pydantic import SecretStr

from tasks.contracts.errors import LabelerError, TerminalError
from tasks.llm.errors import BusyError, NoAnswerError, RejectedError
from tasks.llm.responses import RawResponse, read_response, retry_after
from tasks.llm.types import Completion, Endpoint
from tests.llm.data import read_recorded

ENDPOINT = Endpoint(name="cloud", model="m", base_url="https://user:pa55@llm.example/v1", api_key_env="CLOUD_KEY")


def read(status: int, body: Any, headers: dict[str, str] | None = None, *, secret: str = "") -> Completion:
    text = body if isinstance(body, str) else json.dumps(body)
    return read_response(RawResponse(status, headers or {}, text), ENDPOINT, secret=SecretStr(secret))


def fail(status: int, message: Any = "", *, code: str | None = None, **headers: str) -> LabelerError:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    with pytest.raises(LabelerError, match=r"endpoint 'cloud' \(https://llm.example/v1\)") as caught:
        read(status, {"error": {"message": message, "code": code}}, named)
    return caught.value


def test_a_completion_is_read_with_its_usage() -> None:
    usage = {"prompt_tokens": 9, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 4}}
    choice = {"message": {"content": "hi\x00\ud800", "refusal": None}, "finish_reason": "stop"}
    completion = read(200, {"choices": [choice], "usage": usage, "model": "m-1"})
    assert completion.text == "hi\ufffd?"
    assert (completion.usage.tokens_in, completion.usage.tokens_out, completion.usage.tokens_cached) == (9, 3, 4)


@pytest.mark.parametrize(
    "usage", [None, {}, {"prompt_tokens": "9"}, {"prompt_tokens": -1, "prompt_tokens_details": []}]
)
def test_usage_that_is_absent_or_odd_counts_nothing(usage: Any) -> None:
    completion = read(200, {"choices": [{"message": {"content": [{"type": "text", "text": "a"}]}}], "usage": usage})
    assert (completion.text, completion.usage.tokens_in) == ("a", 0)


@pytest.mark.parametrize("body", ["", "<html>", "null", "[]", {"choices": []}, {"choices": [None]}, {"choices": [{}]}])
def test_a_garbled_body_is_worth_another_try(body: Any) -> None:
    with pytest.raises(NoAnswerError, match="choices"):
        read(200, body)


@pytest.mark.parametrize(
    ("status", "message", "code", "kind"),
    [
        (401, "Incorrect API key", "invalid_api_key", TerminalError),
        (403, "Country not supported", None, TerminalError),
        (404, "The model `m` does not exist", "model_not_found", TerminalError),
        (402, "Insufficient balance", None, TerminalError),
        (429, "You exceeded your current quota", "insufficient_quota", TerminalError),
        (405, "Method not allowed", None, TerminalError),
        (429, "Rate limit reached", "rate_limit_exceeded", BusyError),
        (408, "timeout", None, NoAnswerError),
        (500, "oops", None, NoAnswerError),
        (529, "overloaded", None, NoAnswerError),
        (400, "Invalid 'messages'", "empty_array", RejectedError),
        (422, [{"loc": ["body"], "msg": "field required"}], None, RejectedError),
        (400, "The response was filtered", "content_filter", RejectedError),
        (403, "Your input was flagged by moderation", None, RejectedError),
    ],
)
def test_errors_are_told_apart(status: int, message: Any, code: str | None, kind: type[LabelerError]) -> None:
    assert type(fail(status, message, code=code)) is kind


def test_a_rejection_says_whether_it_was_too_long_or_filtered() -> None:
    for status, message, code in (
        (413, "", "too_long"),
        (400, "maximum context length", "too_long"),
        (400, "content_filter", "content_filter"),
    ):
        error = fail(status, message)
        assert isinstance(error, RejectedError)
        assert error.code == code


def test_503_with_retry_after_is_busy_and_without_is_no_answer() -> None:
    busy = fail(503, "later", retry_after="7")
    assert isinstance(busy, BusyError)
    assert busy.retry_after == 7.0
    assert isinstance(fail(503, "down"), NoAnswerError)


def test_an_error_inside_a_200_counts_as_the_error() -> None:
    with pytest.raises(BusyError, match="upstream"):
        read(200, {"error": {"message": "upstream is busy", "code": 429}})
    with pytest.raises(NoAnswerError, match="odd"):
        read(200, {"error": "odd"})


@pytest.mark.parametrize("body", [{"error": "model sk-secret not loaded"}, {"detail": "sk-secret"}, "plain sk-secret"])
def test_the_key_is_cut_out_of_what_the_server_says(body: Any) -> None:
    with pytest.raises(NoAnswerError, match=r"\[key\]") as caught:
        read(500, body, secret="sk-secret")
    assert "sk-secret" not in str(caught.value)


def test_a_refused_key_is_named_by_its_variable_and_not_quoted() -> None:
    error = fail(401, "Incorrect API key provided: sk-se****et")
    assert "CLOUD_KEY" in str(error)
    assert "sk-se" not in str(error)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "20"}, 20.0),
        ({"retry-after": " 1.5 "}, 1.5),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after": "Sat, 21 Nov 2026 05:00:30 GMT", "date": "Sat, 21 Nov 2026 05:00:00 GMT"}, 30.0),
        ({"retry-after": "Sat, 21 Nov 2026 04:00:00 GMT", "date": "Sat, 21 Nov 2026 05:00:00 GMT"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after-ms": "soon"}, None),
        ({}, None),
    ],
)
def test_retry_after_is_read_in_all_its_forms(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers) == seconds


def test_every_recorded_body_is_read_without_surprise() -> None:
    found: Counter[str] = Counter()
    for row in read_recorded("recorded-llm-http.jsonl.gz"):
        headers = {name.lower(): values[0] for name, values in (row["response_headers"] or {}).items()}
        response = RawResponse(row["status"], headers, row["response_body"] or "")
        is_chat = "/chat/completions" in row["uri"]
        try:
            read_response(response, ENDPOINT)
            found["completion" if is_chat else "completion elsewhere"] += 1
        except LabelerError as error:
            found[f"{type(error).__name__} {'chat' if is_chat else 'elsewhere'} {row['status']}"] += 1
    assert found == {
        "completion": 176,
        "TerminalError chat 401": 23,
        "TerminalError chat 404": 1,
        "RejectedError chat 400": 30,
        "NoAnswerError elsewhere 200": 171,
    }
