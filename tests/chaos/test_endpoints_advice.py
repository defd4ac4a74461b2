"""An endpoint that sends us elsewhere or tells us how long to wait: followed as far as is sound, and nobody learns the key."""

from __future__ import annotations

import socket

import pytest

from tasks.contracts.errors import LabelerError, TerminalError
from tests.chaos.endpoints_server import Heard, RawServer, http, right_body
from tests.chaos.odd_endpoint import KEY, ask


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_key_and_texts_follow_no_redirect(status: str, host: str) -> None:
    def swallow(request: Heard, connection: socket.socket) -> None:
        connection.sendall(http(right_body(request)))

    with RawServer(swallow) as thief:
        target = f"http://{host}:{thief.port}/v1/chat/completions?code=1"

        def script(request: Heard, connection: socket.socket) -> None:
            connection.sendall(http(b"", status=status, location=target))

        with (
            RawServer(script) as server,
            pytest.raises(TerminalError, match=rf"redirects \({status[:3]}: to http://{host}:\d+\), where"),
        ):
            ask(server)
    assert thief.heard == []
    assert len(server.heard) == 1


@pytest.mark.parametrize("location", ["/elsewhere", "", "https://[", "http://\x1b[31mred", "//" + "a" * 5000])
def test_an_odd_redirect_is_told_in_a_line(location: str) -> None:
    with (
        RawServer(lambda r, c: c.sendall(http(b"", status="302 Found", location=location))) as server,
        pytest.raises(TerminalError, match="correct base_url") as caught,
    ):
        ask(server)
    assert "\x1b" not in str(caught.value)
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize(
    "headers",
    [
        {"retry_after_ms": "nan"},
        {"retry_after_ms": "-1e400"},
        {"retry_after": "-5"},
        {"retry_after": "0"},
        {"retry_after": "Thu, 99 Foo 2026"},
        {"x_ratelimit_limit_requests": "0", "x_ratelimit_remaining_requests": "0", "x_ratelimit_reset_requests": "1s"},
        {"x_ratelimit_limit_tokens": "9" * 5000, "x_ratelimit_remaining_tokens": "0"},
        {
            "x_ratelimit_limit_requests": "60",
            "x_ratelimit_remaining_requests": "0",
            "x_ratelimit_reset_requests": "9" * 400,
        },
    ],
)
@pytest.mark.parametrize("status", ["429 Busy", "200 OK"])
def test_odd_advice_on_the_pace_does_no_harm(headers: dict[str, str], status: str) -> None:
    def script(request: Heard, connection: socket.socket) -> None:
        is_busy = status.startswith("429") and request.n == 1
        connection.sendall(http(right_body(request), status=status if is_busy else "200 OK", **headers))

    with RawServer(script) as server:
        assert ask(server)[0].answer == "WORD0"
    assert len(server.heard) == (2 if status.startswith("429") else 1)


@pytest.mark.parametrize("told", ["1e300", "inf", "99999999999"])
def test_a_pause_of_years_ends_the_stage_with_its_reason(told: str) -> None:
    wanted = {"retry_after_ms": told} if not told.isdigit() else {"retry_after": told}
    with (
        RawServer(lambda r, c: c.sendall(http(b"{}", status="429 Busy", **wanted))) as server,
        pytest.raises(TerminalError, match="longer than patience_seconds = 900; run again later"),
    ):
        ask(server)
    assert len(server.heard) == 1


def test_who_says_at_once_for_ever_is_not_asked_for_ever() -> None:
    busy = http(b"{}", status="429 Busy", retry_after="0")
    with RawServer(lambda request, connection: connection.sendall(busy)) as server:
        [outcome] = ask(server, backoff_seconds=0.05, patience_seconds=0.3)
    assert outcome.trouble is not None
    assert outcome.trouble.code == "rate_limited"
    assert len(server.heard) < 40


def test_no_error_of_these_holds_the_key(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    said = http(f"<p>{KEY}</p>".encode(), status="302 Found", location=f"http://{KEY}.example/")
    with (
        RawServer(lambda request, connection: connection.sendall(said)) as server,
        pytest.raises(LabelerError) as caught,
    ):
        ask(server)
    assert KEY not in str(caught.value) + caplog.text
