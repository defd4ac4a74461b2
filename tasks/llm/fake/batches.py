"""The batches endpoint: rows are answered in proportion to the time that has passed, when somebody looks.

Nothing runs in the background: the clock is handed in with every request.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from tasks.llm.fake.batch import ENDED, Batch
from tasks.llm.fake.batch_rows import ENDPOINT, BatchRow, read_rows, shuffle_lines, write_expired, write_result
from tasks.llm.fake.chat import ChatResult
from tasks.llm.fake.draws import hash_texts, share_at
from tasks.llm.fake.faults import Faults
from tasks.llm.fake.files import FileStore
from tasks.llm.fake.paging import page
from tasks.llm.fake.replies import Refusal

AnswerRow = Callable[[str, BatchRow, float], ChatResult]
"""Answers a row of the batch with this id at this time."""

MAX_METADATA = 16
MAX_METADATA_CHARS = 512
UNANSWERED_SHARE = 0.5


class BatchStore:
    """All batches of an account."""

    def __init__(self, faults: Faults, files: FileStore, *, seed: int, answer_row: AnswerRow) -> None:
        self._faults = faults
        self._files = files
        self._seed = str(seed)
        self._answer_row = answer_row
        self._batches: dict[str, Batch] = {}

    def create(self, body: Any, *, now: float) -> dict[str, Any]:
        """Begin a batch. Its rows are checked at once, though that is told later; raises Refusal."""
        wanted = body if isinstance(body, dict) else {}
        for name, value in (("endpoint", ENDPOINT), ("completion_window", "24h")):
            if wanted.get(name) != value:
                raise Refusal(400, f"Invalid value: {wanted.get(name)!r}. Expected {value!r}.", param=name)
        metadata = _check_metadata(wanted.get("metadata"))
        file = self._files.get(str(wanted.get("input_file_id")))
        if file.purpose != "batch":
            raise Refusal(400, f"File {file.id} was uploaded for {file.purpose!r}, not 'batch'.", param="input_file_id")
        rows, errors = read_rows(file.content, max_rows=self._faults.batch_max_rows)
        if self._faults.batch_ends_as == "failed" and not errors:
            message = "Enqueued token limit reached for this model. Please try again once some batches have ended."
            errors = [{"code": "token_limit_exceeded", "line": None, "message": message, "param": None}]
        batch = Batch(
            id=f"batch_fake{len(self._batches) + 1:08d}",
            input_file_id=file.id,
            metadata=metadata,
            created_at=now,
            seconds=self._faults.batch_seconds,
            ends_as=self._faults.batch_ends_as,
            rows=rows,
            errors=errors,
        )
        batch.unanswered = self._draw_unanswered(batch)
        self._batches[batch.id] = batch
        return batch.show("validating")

    def retrieve(self, batch_id: str, *, now: float) -> dict[str, Any]:
        """The batch as it stands; raises Refusal where there is none."""
        batch = self._get(batch_id)
        return batch.show(self._advance(batch, now))

    def list(self, query: Mapping[str, str], *, now: float) -> dict[str, Any]:
        """A page of batches, newest first."""
        newest_first = [batch.show(self._advance(batch, now)) for batch in reversed(self._batches.values())]
        return page(newest_first, query, default_limit=20, max_limit=100)

    def cancel(self, batch_id: str, *, now: float) -> dict[str, Any]:
        """Answer no more rows; what was answered is kept. Raises Refusal for a batch that has ended."""
        batch = self._get(batch_id)
        status = self._advance(batch, now)
        if status in ENDED:
            raise Refusal(409, f"Cannot cancel a batch with status '{status}'.")
        batch.cancel(now)
        return batch.show("cancelling")

    def _get(self, batch_id: str) -> Batch:
        if batch_id not in self._batches:
            raise Refusal(404, f"No batch found with id '{batch_id}'.")
        return self._batches[batch_id]

    def _draw_unanswered(self, batch: Batch) -> frozenset[str]:
        share = self._faults.batch_expired_share
        if batch.ends_as in ("expired", "cancelled"):
            share = share or UNANSWERED_SHARE
        ids = (row.custom_id for row in batch.rows if share)
        return frozenset(one for one in ids if share_at(hash_texts(self._seed, batch.id, one), 0) < share)

    def _advance(self, batch: Batch, now: float) -> str:
        """The status at `now`, with the rows answered that are due, and the files written once it has ended."""
        status = batch.advance(now)
        if status in ("validating", "failed"):
            return status
        if not batch.is_cancelled:
            self._work(batch, batch.count_due(now), now)
        if status in ENDED and not batch.is_written:
            self._write_files(batch, status, now)
        return status

    def _work(self, batch: Batch, n_due: int, now: float) -> None:
        for row in batch.rows[batch.n_worked : n_due]:
            if row.custom_id in batch.unanswered:
                continue
            result = self._answer_row(batch.id, row, now)
            is_good = result.status == 200
            batch.n_completed += is_good
            batch.n_failed += not is_good
            # A failed row may be found in either file.
            is_error_line = not is_good and share_at(hash_texts(self._seed, "file", row.custom_id), 0) < 0.5
            lines = batch.error_lines if is_error_line else batch.output_lines
            lines[row.custom_id] = _dump(write_result(batch.id, row.custom_id, status=result.status, body=result.body))
        batch.n_worked = max(batch.n_worked, n_due)

    def _write_files(self, batch: Batch, status: str, now: float) -> None:
        """Write what there is. Of rows that a cancelled batch did not come to, nothing is told."""
        if status != "cancelled":
            for custom_id in batch.unanswered:
                batch.error_lines[custom_id] = _dump(write_expired(batch.id, custom_id))
            batch.n_failed += len(batch.unanswered)
        for name, lines in (("output", batch.output_lines), ("error", batch.error_lines)):
            if lines:
                content = shuffle_lines(lines, seed=self._seed)
                file = self._files.add(f"{batch.id}_{name}.jsonl", content, purpose="batch_output", now=now)
                setattr(batch, f"{name}_file_id", file.id)
                lines.clear()
        batch.is_written = True


def _check_metadata(metadata: Any) -> Mapping[str, str] | None:
    if metadata is None:
        return None
    is_good = isinstance(metadata, dict) and len(metadata) <= MAX_METADATA
    if not is_good or any(not isinstance(text, str) or len(text) > MAX_METADATA_CHARS for text in metadata.values()):
        message = f"Invalid 'metadata': at most {MAX_METADATA} strings of at most {MAX_METADATA_CHARS} characters."
        raise Refusal(400, message, param="metadata")
    checked: Mapping[str, str] = metadata
    return checked


def _dump(line: Mapping[str, Any]) -> bytes:
    return json.dumps(line).encode() + b"\n"
