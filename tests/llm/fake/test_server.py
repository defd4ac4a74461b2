"""The provider over real HTTP, and as a process of its own."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import openai
import pytest

from tasks.llm.fake.__main__ import main
from tasks.llm.fake.ledger import JsonlLog, LogEntry
from tasks.llm.fake.provider import FakeProvider
from tasks.llm.fake.server import LoopbackServer
from tests.llm.fake.prompting import body_of, client_of, read_filed, serve

ROOT = Path(__file__).resolve().parents[3]


def ask_many(server: LoopbackServer, texts: list[str]) -> list[Any]:
    """Ask all at once; an exception stands for itself."""

    async def run() -> list[Any]:
        async with openai.AsyncOpenAI(api_key="sk-any", base_url=server.url, max_retries=0, timeout=10) as client:
            asked = (client.chat.completions.create(**body_of([text])) for text in texts)
            return await asyncio.gather(*asked, return_exceptions=True)

    return asyncio.run(run())


def get_json(url: str, *, method: str = "GET") -> Any:
    with urllib.request.urlopen(urllib.request.Request(url, method=method), timeout=5) as response:
        return json.load(response)


def test_openais_client_is_answered() -> None:
    with serve() as server, client_of(server) as client:
        completion = client.chat.completions.create(**body_of(["The club won", "A phone rang"]))
        assert [model.id for model in client.models.list()] == ["fake"]
        with pytest.raises(openai.NotFoundError, match="Invalid URL"):
            client.embeddings.create(model="fake", input="any")
    assert completion.choices[0].finish_reason == "stop"
    assert [one.topic for one in read_filed(completion.choices[0].message.content or "", 2)] == ["sport", "tech"]
    assert completion.usage is not None
    assert completion.usage.total_tokens == completion.usage.prompt_tokens + completion.usage.completion_tokens


def test_requests_are_served_at_once_and_counted() -> None:
    with serve(latency_seconds=0.2) as server:
        started = time.monotonic()
        completions = ask_many(server, [f"text {n}" for n in range(30)])
        assert 0.2 <= time.monotonic() - started < 2
        stats = get_json(server.url.removesuffix("/v1") + "/stats")
        assert stats == server.stats()
        reset = get_json(server.url.removesuffix("/v1") + "/stats/reset", method="POST")
    assert len({completion.id for completion in completions}) == 30
    assert stats["n_by_status"] == {"200": 30}
    assert (stats["n_requests"], stats["n_questions"], stats["n_in_flight"]) == (30, 30, 0)
    assert 10 < stats["highest_in_flight"] <= 30
    assert 0.2 <= stats["seconds"] < 2
    assert stats["tokens_in"] == sum(completion.usage.prompt_tokens for completion in completions)
    assert (reset["n_requests"], reset["seconds"], reset["n_by_status"]) == (0, 0, {})


def test_more_than_are_allowed_at_once_are_refused_while_others_are_in_flight() -> None:
    with serve(latency_seconds=0.3, max_concurrent=4) as server:
        completions = ask_many(server, [f"text {n}" for n in range(20)])
        stats = server.stats()
    n_refused = sum(isinstance(one, openai.RateLimitError) for one in completions)
    assert 8 <= n_refused <= 16
    assert stats["highest_in_flight"] == 4
    assert stats["n_by_status"] == {"200": 20 - n_refused, "429": n_refused}


def test_a_dropped_request_resets_the_connection() -> None:
    with serve(dropped_share=1.0) as server, client_of(server) as client:
        with pytest.raises(openai.APIConnectionError):
            client.chat.completions.create(**body_of(["any"]))
        assert server.stats()["n_by_status"] == {"dropped": 1}


def test_a_request_is_logged_before_it_is_answered(tmp_path: Path) -> None:
    path = tmp_path / "requests.jsonl"
    log = JsonlLog(path)
    with LoopbackServer(FakeProvider(7, log=log)) as server, client_of(server) as client:
        for n in range(1, 4):
            client.chat.completions.create(**body_of(["first", f"text {n}"]))
            assert len(path.read_text().splitlines()) == n
    log.close()
    entries = [json.loads(line) for line in path.read_text().splitlines()]
    assert {entry["n_questions"] for entry in entries} == {2}
    assert {entry["path"] for entry in entries} == {"/v1/chat/completions"}
    assert len({entry["user_sha256"] for entry in entries}) == 3
    assert all(entry["arrived_at"] <= entry["finished_at"] <= time.time() for entry in entries)


def test_a_list_serves_as_a_log() -> None:
    entries: list[LogEntry] = []
    with LoopbackServer(FakeProvider(log=entries.append)) as server:
        ask_many(server, ["any", "any"])
    assert [entry.status for entry in entries] == [200, 200]
    assert len({entry.user_sha256 for entry in entries}) == 1


def test_it_runs_as_a_process_of_its_own(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tasks.llm.fake", "--seed", "7", "--faults", '{"latency_seconds": 0.01}']
    with subprocess.Popen(
        [*command, "--log", str(tmp_path / "log.jsonl")], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        with openai.OpenAI(api_key="sk-any", base_url=url, max_retries=0) as client:
            text = client.chat.completions.create(**body_of(["any"])).choices[0].message.content
        process.terminate()
        assert process.wait(timeout=5) == 0
    assert len((tmp_path / "log.jsonl").read_text().splitlines()) == 1
    with serve() as server, client_of(server) as client:
        assert client.chat.completions.create(**body_of(["any"])).choices[0].message.content == text


def test_faults_that_nobody_knows_end_the_process(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["--faults", '{"fire_share": 1}'])
    assert "fire_share" in capsys.readouterr().err
