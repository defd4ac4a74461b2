"""Files and batches, asked for with OpenAI's own client."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import openai
import pytest
from openai.types import Batch

from tasks.llm.fake.batch import Batch as FakeBatch
from tests.llm.fake.prompting import body_of, client_of, read_filed, serve

WORDS = [f"word number {n}" for n in range(40)]


def line_of(custom_id: str, text: str, **more: Any) -> dict[str, Any]:
    row = {"custom_id": custom_id, "method": "POST", "url": "/v1/chat/completions", "body": body_of([text])}
    return {**row, **more}


def upload(client: openai.OpenAI, lines: Sequence[Any]) -> str:
    content = "".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines)
    return client.files.create(file=("asked.jsonl", content.encode()), purpose="batch").id


def begin(client: openai.OpenAI, lines: Sequence[Any], **metadata: str) -> Batch:
    file_id = upload(client, lines)
    return client.batches.create(
        input_file_id=file_id, endpoint="/v1/chat/completions", completion_window="24h", metadata=metadata
    )


def rows_of(client: openai.OpenAI, file_id: str | None) -> list[dict[str, Any]]:
    if file_id is None:
        return []
    return [json.loads(line) for line in client.files.content(file_id).text.splitlines()]


def asked() -> list[dict[str, Any]]:
    return [line_of(f"row-{n}", word) for n, word in enumerate(WORDS)]


def test_a_batch_is_answered_as_the_same_requests_would_be_and_out_of_order() -> None:
    with serve() as server, client_of(server) as client:
        batch = begin(client, asked(), nightjar="run-1")
        assert batch.status == "validating"
        done = client.batches.retrieve(batch.id)
        assert (done.status, done.metadata, done.error_file_id) == ("completed", {"nightjar": "run-1"}, None)
        assert done.request_counts is not None
        assert (done.request_counts.total, done.request_counts.completed) == (40, 40)
        rows = rows_of(client, done.output_file_id)
        assert sorted(row["custom_id"] for row in rows) == sorted(row["custom_id"] for row in asked())
        assert [row["custom_id"] for row in rows] != [row["custom_id"] for row in asked()]
        online = client.chat.completions.create(**body_of([WORDS[0]])).choices[0].message.content
        [first] = [row["response"]["body"] for row in rows if row["custom_id"] == "row-0"]
        assert first["choices"][0]["message"]["content"] == online
        assert online
        assert read_filed(online, 1)
        stats = server.stats()
        assert (stats["n_batch_rows"], stats["n_by_path"]["/v1/batches"], stats["n_questions"]) == (40, 2, 41)


def test_statuses_follow_the_time() -> None:
    fields: Any = {"seconds": 100, "ends_as": "completed", "rows": [None] * 10, "errors": []}
    batch = FakeBatch(id="b", input_file_id="f", metadata=None, created_at=1000, **fields)
    seen = [(batch.advance(1000 + seconds), batch.count_due(1000 + seconds)) for seconds in (0, 9, 10, 50, 90, 100)]
    assert seen == [
        ("validating", 0),
        ("validating", 0),
        ("in_progress", 0),
        ("in_progress", 5),
        ("finalizing", 10),
        ("completed", 10),
    ]
    shown = batch.show("completed")
    assert (shown["in_progress_at"], shown["finalizing_at"], shown["completed_at"]) == (1010, 1090, 1100)


def test_failed_rows_are_found_in_both_files() -> None:
    with serve(batch_failed_share=0.4) as server, client_of(server) as client:
        done = client.batches.retrieve(begin(client, asked()).id)
        output, errors = rows_of(client, done.output_file_id), rows_of(client, done.error_file_id)
    failed = [row for row in output if row["response"]["status_code"] != 200]
    assert failed
    assert errors
    assert all(row["response"]["status_code"] == 500 and row["error"] is None for row in errors)
    assert done.status == "completed"
    assert done.request_counts is not None
    assert done.request_counts.failed == len(failed) + len(errors)
    assert len(output) + len(errors) == 40


def test_a_batch_of_failed_rows_may_have_no_output() -> None:
    with serve(always_500_share=1.0) as server, client_of(server) as client:
        lines = [line_of(f"row-{n}", "any") for n in range(3)]
        done = client.batches.retrieve(begin(client, lines).id)
        n_rows = [len(rows_of(client, one)) for one in (done.output_file_id, done.error_file_id)]
    assert sum(n_rows) == 3
    assert [bool(n) for n in n_rows] == [one is not None for one in (done.output_file_id, done.error_file_id)]


@pytest.mark.parametrize("faults", [{"batch_expired_share": 0.3}, {"batch_ends_as": "expired"}])
def test_rows_that_expire_are_told_of_and_others_are_kept(faults: dict[str, Any]) -> None:
    with serve(**faults) as server, client_of(server) as client:
        done = [client.batches.retrieve(begin(client, asked()).id) for _ in range(2)]
        expired = [rows_of(client, one.error_file_id) for one in done]
        assert [len(rows_of(client, one.output_file_id)) + len(rows) for one, rows in zip(done, expired, strict=True)]
    assert done[0].status == faults.get("batch_ends_as", "completed")
    assert all(row["response"] is None and row["error"]["code"] == "batch_expired" for row in expired[0])
    assert 0 < len(expired[0]) < 40
    # Drawn anew: a row that is asked for again and again is answered some day.
    assert {row["custom_id"] for row in expired[0]} != {row["custom_id"] for row in expired[1]}


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        (["{no json"], "invalid_json_line"),
        ([line_of("a", "x"), line_of("a", "y")], "duplicate_custom_id"),
        ([line_of("a", "x", url="/v1/embeddings")], "url_mismatch"),
        ([line_of("a", "x", body={})], "missing_required_parameter"),
        ([line_of("a", "x"), line_of("b", "y", body=body_of(["y"], model="other"))], "model_mismatch"),
        ([], "empty_file"),
        ([line_of(str(n), "x") for n in range(6)], "too_many_tasks"),
    ],
)
def test_a_file_with_a_mistake_fails_the_batch(lines: list[Any], code: str) -> None:
    with serve(batch_max_rows=5) as server, client_of(server) as client:
        failed = client.batches.retrieve(begin(client, lines).id)
    assert (failed.status, failed.output_file_id) == ("failed", None)
    assert failed.errors is not None
    assert failed.errors.data is not None
    assert [error.code for error in failed.errors.data] == [code]


def test_a_batch_may_fail_or_be_cancelled_by_itself() -> None:
    with serve(batch_ends_as="failed") as server, client_of(server) as client:
        failed = client.batches.retrieve(begin(client, asked()).id)
        assert failed.status == "failed"
        assert failed.errors is not None
        assert server.stats()["n_batch_rows"] == 0
    with serve(batch_ends_as="cancelled") as server, client_of(server) as client:
        cancelled = client.batches.retrieve(begin(client, asked()).id)
        assert (cancelled.status, cancelled.error_file_id) == ("cancelled", None)
        assert 0 < len(rows_of(client, cancelled.output_file_id)) < 40


def test_cancelling_keeps_what_was_answered() -> None:
    with serve(batch_seconds=1000) as server, client_of(server) as client:
        batch = begin(client, asked())
        assert client.batches.cancel(batch.id).status == "cancelling"
        assert client.batches.retrieve(batch.id).status == "cancelling"
    with serve() as server, client_of(server) as client:
        done = begin(client, asked())
        with pytest.raises(openai.ConflictError, match="status 'completed'"):
            client.batches.cancel(done.id)


def test_batches_are_listed_newest_first_in_pages() -> None:
    with serve() as server, client_of(server) as client:
        made = [begin(client, [line_of("a", "x")], n=str(n)).id for n in range(5)]
        first = client.batches.list(limit=2)
        assert [batch.id for batch in first.data] == made[:2:-1]
        assert first.has_more
        assert [batch.id for batch in client.batches.list(limit=2)] == made[::-1]
        assert [batch.id for batch in client.batches.list(after=made[1])] == [made[0]]
        with pytest.raises(openai.BadRequestError, match="limit"):
            client.batches.list(limit=1000)


def test_files_are_kept_listed_and_deleted() -> None:
    with serve() as server, client_of(server) as client:
        ids = [upload(client, [line_of("a", "x")]) for _ in range(3)]
        assert [file.id for file in client.files.list()] == ids[::-1]
        assert [file.id for file in client.files.list(purpose="batch_output")] == []
        assert client.files.retrieve(ids[0]).bytes == len(client.files.content(ids[0]).content)
        assert client.files.delete(ids[0]).deleted
        with pytest.raises(openai.NotFoundError, match=ids[0]):
            client.files.retrieve(ids[0])
        with pytest.raises(openai.NotFoundError, match="file-none"):
            client.batches.create(input_file_id="file-none", endpoint="/v1/chat/completions", completion_window="24h")


def test_files_and_metadata_that_the_api_refuses() -> None:
    with serve(batch_max_bytes=100) as server, client_of(server) as client:
        with pytest.raises(openai.BadRequestError, match=r"\.jsonl"):
            client.files.create(file=("asked.txt", b"{}"), purpose="batch")
        with pytest.raises(openai.APIStatusError, match="413"):
            upload(client, ["x" * 200])
        file_id = upload(client, ["{}"])
        with pytest.raises(openai.BadRequestError, match="metadata"):
            client.batches.create(
                input_file_id=file_id,
                endpoint="/v1/chat/completions",
                completion_window="24h",
                metadata={"long": "x" * 513},
            )


def test_a_file_of_megabytes_arrives_whole() -> None:
    with serve() as server, client_of(server) as client:
        content = b"".join(b'{"n": %d}\r\n\r\n' % n for n in range(300_000))
        file = client.files.create(file=("large.jsonl", content), purpose="batch")
        assert client.files.content(file.id).content == content
