"""The engine's own errors, below the project's tree in tasks/contracts/errors.py.

LabelerError
├── TransientError
│   ├── BusyError        429, or 503 with `retry-after`: wait, then ask again
│   └── NoAnswerError    timeout, lost connection, 5xx, garbled body: try again
├── RejectedError        this one request is refused as such (400, 413, 422); others may pass
└── InvalidReplyError    a reply that does not fit the schema or the question
Stopped                  no error: the run ends, and this prompt had not been sent
"""

from __future__ import annotations

from typing import Literal

from tasks.contracts.errors import LabelerError, TransientError


class BusyError(TransientError):
    """The endpoint asks to wait; retry_after in seconds, None where it does not say how long."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class NoAnswerError(TransientError):
    """The request brought no usable answer; code says whether time ran out."""

    def __init__(self, message: str, code: Literal["server_error", "timeout"] = "server_error") -> None:
        super().__init__(message)
        self.code: Literal["server_error", "timeout"] = code


class RejectedError(LabelerError):
    """The endpoint refuses this request as such; `named` is all the text in which it may name the culprit."""

    def __init__(
        self, message: str, code: Literal["rejected", "too_long", "content_filter"], *, named: str = ""
    ) -> None:
        super().__init__(message)
        self.code: Literal["rejected", "too_long", "content_filter"] = code
        self.named = named


class InvalidReplyError(LabelerError):
    """A reply that can't be used; the message says what is wrong, so that the model can mend it."""


class Stopped(Exception):  # noqa: N818 - a signal, not an error
    """The run is ending and this prompt had not been sent."""
