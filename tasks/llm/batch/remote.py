"""The Batch API over HTTP: upload, create, look, download, cancel; through the `openai` client and its own retries."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import httpx2
import openai
from pydantic import SecretStr

from tasks.contracts.errors import TerminalError
from tasks.llm.bounds import TooMuchError, bound_sync, decode_body, split_lines
from tasks.llm.errors import BusyError, NoAnswerError, RejectedError
from tasks.llm.responses import RawResponse, read_error
from tasks.llm.types import Endpoint

METADATA = "nightjar_batch"
RETRIES = 5
CREATE_TRIES = 4
PAGE = 100
# What the typed client stumbles over where a reply is HTML, no JSON, or JSON of another shape.
_ODD_SHAPES = (AttributeError, TypeError, ValueError, KeyError, RecursionError)
# A server that always has another page is not looked through for ever.
MOST_LISTED = 100_000


@dataclass(frozen=True)
class RemoteBatch:
    """A batch as the server describes it; message holds what it says of counts and errors."""

    batch_id: str
    status: str
    output_file_id: str
    error_file_id: str
    message: str

    @property
    def has_ended(self) -> bool:
        """Whether nothing will be added to its files."""
        return self.status in ("completed", "failed", "expired", "cancelled")


class BatchClient:
    """Speaks the Batch API of one endpoint, from one thread."""

    def __init__(self, endpoint: Endpoint, api_key: SecretStr | None, *, sleep: Callable[[float], None] = time.sleep):
        self._endpoint = endpoint
        self._api_key = api_key
        self._sleep = sleep
        key = api_key.get_secret_value() if api_key else "no-key"
        self._openai = openai.OpenAI(
            api_key=key,
            base_url=endpoint.base_url,
            timeout=endpoint.timeout_seconds,
            max_retries=RETRIES,
            http_client=openai.DefaultHttpxClient(
                timeout=endpoint.timeout_seconds,
                follow_redirects=False,
                event_hooks=bound_sync(endpoint.timeout_seconds),
            ),
        )
        if "api.openai.com" not in endpoint.base_url:
            self._openai.organization = self._openai.project = None

    def close(self) -> None:
        """Close the connections."""
        self._openai.close()

    def submit(self, key: str, path: Path) -> RemoteBatch:
        """Upload an input file and create its batch; one that carries the same key is adopted instead.

        A reply that was lost on its way says nothing of whether the batch exists: the server is looked through before
        every try.
        """
        error: TerminalError | None = None
        for attempt in range(CREATE_TRIES):
            found = self.find(key)
            if found is not None:
                return found
            if attempt:
                self._sleep(self._endpoint.backoff_seconds * 2**attempt)
            try:
                return self._create(key, path)
            except NoAnswerError as failed:
                error = TerminalError(f"the batch could not be created: {failed}")
        raise error or TerminalError("the batch could not be created")

    def find(self, key: str) -> RemoteBatch | None:
        """The batch that carries a key, the oldest that may still bring replies; further ones are cancelled.

        Two can exist after a crash between the creating and the noting.
        """
        with self._told():
            page = self._openai.batches.list(limit=PAGE)
            found = [batch for batch in islice(page, MOST_LISTED) if (batch.metadata or {}).get(METADATA) == key]
        alive = [
            one for one in map(_describe, reversed(found)) if one.status not in ("failed", "cancelled", "cancelling")
        ]
        for surplus in alive[1:]:
            self.cancel(surplus.batch_id)
        return alive[0] if alive else None

    def look(self, batch_id: str) -> RemoteBatch:
        """The batch as it is now; one that the server does not know any more has failed."""
        with self._told():
            try:
                return _describe(self._openai.batches.retrieve(batch_id))
            except openai.NotFoundError:
                return RemoteBatch(batch_id, "failed", "", "", "the server does not know it any more")

    def cancel(self, batch_id: str) -> None:
        """Ask the server to end a batch; one that has ended already stays as it is."""
        with self._told():
            try:
                self._openai.batches.cancel(batch_id)
            except (openai.BadRequestError, openai.ConflictError):
                return

    def read_lines(self, file_id: str) -> Iterator[dict[str, Any]]:
        """The rows of an output or error file, streamed; a line that is no JSON object is given as {}.

        A file that is gone (providers keep them for a month) has no rows.
        """
        with self._told():
            try:
                with self._openai.files.with_streaming_response.content(file_id) as response:
                    for line in split_lines(response.iter_bytes()):
                        if line.strip():
                            yield _read_line(line)
            except openai.NotFoundError:
                return

    def _create(self, key: str, path: Path) -> RemoteBatch:
        with self._told():
            with path.open("rb") as file:
                uploaded = self._openai.files.create(file=(f"nightjar-{path.name}", file), purpose="batch")
            created = self._openai.with_options(max_retries=0).batches.create(
                completion_window="24h",
                endpoint="/v1/chat/completions",
                input_file_id=uploaded.id,
                metadata={METADATA: key},
            )
        return _describe(created)

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Turn the client's errors into ours, which carry neither key nor request."""
        where = f"the Batch API of endpoint {self._endpoint.name!r} ({self._endpoint.shown_url})"
        error: Exception
        try:
            yield
            return
        except openai.APIStatusError as failed:
            response = RawResponse(failed.status_code, dict(failed.response.headers), _text_of(failed))
            error = read_error(response, self._endpoint, secret=self._api_key)
            if failed.status_code == 404:
                error = TerminalError(f'{where} answers 404: there is none, or base_url is wrong; use mode = "online"')
            elif isinstance(error, (RejectedError, BusyError)):
                error = TerminalError(f'{where}: {error}; use mode = "online", or mend what it says')
        except openai.APIConnectionError:
            error = NoAnswerError(f"{where} can't be reached; run again later")
        except (httpx2.HTTPError, httpx2.StreamError, TooMuchError) as failed:
            error = NoAnswerError(f"{where} sent a file that can't be read to its end ({type(failed).__name__})")
        except (openai.APIError, *_ODD_SHAPES) as failed:
            error = NoAnswerError(f"{where} sent what is no reply ({type(failed).__name__})")
        raise error


def _read_line(line: bytes) -> dict[str, Any]:
    try:
        row = json.loads(decode_body(line))
    except (ValueError, RecursionError):
        return {}
    return row if isinstance(row, dict) else {}


def _text_of(failed: openai.APIStatusError) -> str:
    try:
        return failed.response.text
    except Exception:  # noqa: BLE001 - a streamed body that was never read has no text; the status says enough
        return ""


def _describe(batch: Any) -> RemoteBatch:
    counts = batch.request_counts
    told = f"{counts.completed} of {counts.total} answered, {counts.failed} failed" if counts else ""
    errors = [f"line {one.line}: {one.message}" for one in (batch.errors.data or [])] if batch.errors else []
    return RemoteBatch(
        batch_id=str(batch.id),
        status=str(batch.status),
        output_file_id=str(batch.output_file_id or ""),
        error_file_id=str(batch.error_file_id or ""),
        message="; ".join([*([told] if told else []), *errors[:3]]),
    )
