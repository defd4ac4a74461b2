"""The line to an endpoint: the HTTP client, and what a failure on the way means. Writes no log line, names no key."""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import Iterator

import aiohttp
import httpx2
import openai
from pydantic import SecretStr

from tasks.contracts.errors import LabelerError, TerminalError
from tasks.llm.bounds import TooMuchError, bound_async
from tasks.llm.errors import NoAnswerError
from tasks.llm.types import Endpoint

MOST_CONNECTIONS = 1000
KEEP_ALIVE_SECONDS = 30.0
# The client turns most of them into its own error, but not what its transport never expected of a server.
LOST = (openai.APIConnectionError, httpx2.HTTPError, httpx2.StreamError, aiohttp.ClientError, TooMuchError)


def make_client(endpoint: Endpoint, api_key: SecretStr | None) -> openai.AsyncOpenAI:
    """The `openai` client of an endpoint over aiohttp, without tries of its own; to be made in a running loop."""
    timeout = openai.Timeout(endpoint.timeout_seconds, connect=endpoint.connect_seconds)
    limits = httpx2.Limits(max_connections=MOST_CONNECTIONS, keepalive_expiry=KEEP_ALIVE_SECONDS)
    # A placeholder, because without a key the client would take OPENAI_API_KEY and send it to any server.
    key = api_key.get_secret_value() if api_key else "no-key"
    client = openai.AsyncOpenAI(
        api_key=key,
        base_url=endpoint.base_url,
        timeout=timeout,
        max_retries=0,
        http_client=openai.DefaultAioHttpClient(
            timeout=timeout,
            limits=limits,
            follow_redirects=False,
            event_hooks=bound_async(endpoint.timeout_seconds),
        ),
    )
    if "api.openai.com" not in endpoint.base_url:
        client.organization = client.project = None
    return client


def too_slow(endpoint: Endpoint) -> NoAnswerError:
    """No complete reply came in time."""
    return NoAnswerError(f"{_where(endpoint)} sent no complete reply in {endpoint.timeout_seconds:g} s", "timeout")


def explain_lost(failed: Exception, endpoint: Endpoint) -> LabelerError:
    """What one of LOST means: a TerminalError where no other try helps, else a NoAnswerError."""
    where = _where(endpoint)
    for cause in _causes(failed):
        if isinstance(cause, OSError) and cause.errno == errno.ECONNREFUSED:
            return TerminalError(f"{where} refuses connections; start the server or correct base_url")
        if isinstance(cause, socket.gaierror) and cause.errno != socket.EAI_AGAIN:
            return TerminalError(f"{where} has a host name that can't be found; correct base_url")
        if isinstance(cause, ssl.SSLCertVerificationError):
            return TerminalError(f"{where} shows a certificate that can't be verified; mend it or correct base_url")
        if isinstance(cause, TimeoutError):
            return too_slow(endpoint)
        if isinstance(cause, TooMuchError):
            return NoAnswerError(f"{where} sent a reply with {cause}, which is no answer to what was asked")
    return NoAnswerError(f"the connection to {where} was lost")


def _where(endpoint: Endpoint) -> str:
    return f"endpoint {endpoint.name!r} ({endpoint.shown_url})"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error and all it was raised from."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__
