"""The other lines out: a webhook and a mail server that redirect, hang or never end. Neither holds a run up or learns a key."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable
from typing import Any

import pytest
from prefect.blocks import notifications
from pydantic import SecretStr

from flows import hooks
from flows.hook_settings import HooksSection
from flows.hooks import example_ending, tell
from flows.settings import Settings
from tasks.contracts.digesting import MailServer, SmtpSection
from tasks.contracts.errors import NightjarError
from tasks.mailing import patience
from tasks.mailing.connect import connect
from tests.chaos.endpoints_server import Heard, RawServer, http

TOKEN = "hook-token-4711"


def webhook(url: str) -> Any:
    body = {"subject": "{{subject}}", "body": "{{body}}", "token": "{{token}}"}
    return notifications.CustomWebhookNotificationBlock(
        name="ops", url=url, json_data=body, secrets={"token": TOKEN}, headers={"x-key": "{{token}}"}, timeout=0.3
    )


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], list[str]]:
    def tell_to(url: str) -> list[str]:
        monkeypatch.setattr(hooks, "load_block", lambda name: webhook(url))
        section = HooksSection(on_failure=("custom-webhook/ops",))
        return tell("failure", example_ending("failure"), Settings(hooks=section))

    return tell_to


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "307 Temporary", "308 Permanent"])
def test_a_webhooks_key_follows_no_redirect(
    status: str, told: Callable[[str], list[str]], capfd: pytest.CaptureFixture[str]
) -> None:
    with RawServer(lambda r, c: c.sendall(http(b""))) as thief:
        lead = http(b"", status=status, location=f"http://localhost:{thief.port}/take")
        with RawServer(lambda r, c: c.sendall(lead)) as server:
            assert told(server.url) == ["custom-webhook/ops"]
    assert thief.heard == []
    assert server.heard[0].headers["x-key"] == json.loads(server.heard[0].body)["token"] == TOKEN
    printed = capfd.readouterr()
    assert f"status {status[:3]}" in printed.out + printed.err
    assert TOKEN not in printed.out + printed.err


def test_a_webhook_that_hangs_or_drips_is_left(
    told: Callable[[str], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hooks, "PATIENCE_S", 0.5)

    def drip(request: Heard, connection: socket.socket) -> None:
        connection.sendall(http(b"x", length=10**9))
        server.drip(connection, b"x")

    for script in (lambda request, connection: server.hang(), drip):
        began = time.monotonic()
        with RawServer(script) as server:
            assert told(server.url) == ["custom-webhook/ops"]
        assert time.monotonic() - began < 3


class MailTalker(RawServer):
    """Greets as a mail server does, which speaks first."""

    def _read(self, connection: socket.socket) -> Heard | None:
        return Heard(1, "", {}, b"")


def server_of(talker: RawServer) -> MailServer:
    values = {"host": "127.0.0.1", "port": talker.port, "security": "none", "timeout_s": 1.0, "sender": "a@example.org"}
    return MailServer(SmtpSection.model_validate(values), SecretStr("pa55word"))


@pytest.mark.parametrize("fault", ["greeting drips", "list without end", "line without end", "dies", "HTML", "hangs"])
def test_a_mail_server_that_never_comes_to_the_point_is_left(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "REPLY_SECONDS", 0.3)

    def script(request: Heard, connection: socket.socket) -> None:
        if fault == "greeting drips":
            talker.drip(connection, b"2")
        elif fault == "list without end":
            connection.sendall(b"220 hello\r\n")
            talker.drip(connection, b"250-MORE\r\n" * 100, every=0)
        elif fault == "line without end":
            talker.drip(connection, b"2" * 4096, every=0)
        elif fault == "HTML":
            connection.sendall(http(b"<html>"))
        elif fault == "hangs":
            talker.hang()

    began = time.monotonic()
    with MailTalker(script) as talker, pytest.raises(NightjarError, match="the mail server 127.0.0.1") as caught:
        connect(server_of(talker))
    assert "pa55word" not in str(caught.value)
    assert time.monotonic() - began < 3
