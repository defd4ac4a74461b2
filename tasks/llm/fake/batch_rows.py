"""The lines of batch files: requests that are checked before any is answered, and results. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tasks.llm.fake.draws import hash_texts

ENDPOINT = "/v1/chat/completions"
MAX_ERRORS = 100
_REQUIRED = ("custom_id", "method", "url", "body")


@dataclass(frozen=True, slots=True)
class BatchRow:
    """One request of a batch, as it was written; it is parsed when its turn comes, for there may be many."""

    custom_id: str
    line: bytes

    @property
    def body(self) -> Any:
        """The chat completion request."""
        return json.loads(self.line)["body"]


def read_rows(content: bytes, *, max_rows: int) -> tuple[list[BatchRow], list[dict[str, Any]]]:
    """The rows of an input file, and what is wrong with it; a batch with any error is not begun."""
    rows: list[BatchRow] = []
    errors: list[dict[str, Any]] = []
    seen: set[str] = set()
    models: set[str] = set()
    lines = [line for line in content.split(b"\n") if line.strip()]
    if not lines:
        errors.append(_tell("empty_file", "The batch input file is empty.", None))
    if len(lines) > max_rows:
        message = f"The batch input file contains too many requests ({len(lines)}); the limit is {max_rows}."
        return [], [_tell("too_many_tasks", message, None)]
    for number, line in enumerate(lines, start=1):
        row = _parse(line)
        error = _find_error(row, number, seen=seen, models=models)
        if error:
            errors.append(error)
        else:
            rows.append(BatchRow(row["custom_id"], line))
    return rows, errors[:MAX_ERRORS]


def _parse(line: bytes) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except ValueError:
        return {}
    return row if isinstance(row, dict) else {}


def _find_error(row: Mapping[str, Any], number: int, *, seen: set[str], models: set[str]) -> dict[str, Any] | None:
    if not row:
        return _tell("invalid_json_line", "This line is not parseable as valid JSON.", number)
    for name in _REQUIRED:
        if not row.get(name) or not isinstance(row[name], dict if name == "body" else str):
            return _tell("missing_required_parameter", f"Missing required parameter: '{name}'.", number, param=name)
    if row["method"] != "POST" or row["url"] != ENDPOINT:
        message = "The URL provided for this request does not match the batch endpoint."
        return _tell("url_mismatch", message, number, param="url")
    if row["custom_id"] in seen:
        message = "The custom_id for this request is a duplicate of another request."
        return _tell("duplicate_custom_id", message, number, param="custom_id")
    seen.add(row["custom_id"])
    models.add(str(row["body"].get("model")))
    if len(models) > 1:
        message = "The provided model does not match the one that others in this file name."
        return _tell("model_mismatch", message, number, param="body.model")
    return None


def _tell(code: str, message: str, line: int | None, *, param: str | None = None) -> dict[str, Any]:
    return {"code": code, "line": line, "message": message, "param": param}


def write_result(batch_id: str, custom_id: str, *, status: int, body: Mapping[str, Any]) -> dict[str, Any]:
    """The line of a row that was answered, whatever the answer's status."""
    digest = hash_texts(batch_id, custom_id).hex()
    response = {"status_code": status, "request_id": digest[:32], "body": body}
    return {"id": f"batch_req_{digest[32:64]}", "custom_id": custom_id, "response": response, "error": None}


def write_expired(batch_id: str, custom_id: str) -> dict[str, Any]:
    """The line of a row whose turn did not come in time."""
    message = "This request could not be executed before the completion window expired."
    error = {"code": "batch_expired", "message": message}
    digest = hash_texts(batch_id, custom_id).hex()
    return {"id": f"batch_req_{digest[32:64]}", "custom_id": custom_id, "response": None, "error": error}


def shuffle_lines(lines: Mapping[str, bytes], *, seed: str) -> bytes:
    """The lines by custom_id in an order that has nothing to do with the one they came in."""
    ids: Sequence[str] = sorted(lines, key=lambda custom_id: hash_texts(seed, custom_id))
    if len(ids) > 1 and ids == list(lines):
        ids = ids[::-1]
    return b"".join(lines[custom_id] for custom_id in ids)
