"""Hooks: who is told of which end of a run, what they read, and that a hook never fails a run."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from flows.hook_blocks import add_block, notification_types
from flows.hook_settings import EVENTS, HooksSection
from flows.hook_texts import write_notice
from flows.hooks import example_ending, tell, tell_crashed, tell_ended
from flows.request import RunRequest
from flows.settings import Settings
from tasks.contracts.errors import ConfigError
from tasks.endings import blank_values, read_ending
from tasks.runs import finish_run, start_run
from tests.flows.conftest import Nightjar
from tests.night import DAY, Nights, SmallCatalog
from warehouse.errors import WarehouseError

BODY = {"subject": "{{subject}}", "body": "{{body}}"}


@pytest.fixture(scope="module")
def hook_server() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A webhook's other end on loopback: its URL and what was posted; /broken answers 500."""
    told: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["content-length"]))
            if self.path != "/broken":
                told.append(json.loads(content))
            self.send_response(500 if self.path == "/broken" else 200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}", told
    server.shutdown()


@pytest.fixture
def told(prefect_server: None, hook_server: tuple[str, list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """What was posted to the block custom-webhook/ops; custom-webhook/broken is refused."""
    url, posted = hook_server
    posted.clear()
    for name, path in (("ops", "/night"), ("broken", "/broken")):
        add_block(f"custom-webhook/{name}", [f"url={url}{path}", f"json_data={json.dumps(BODY)}"])
    return posted


class Inbox:
    """What a mail server on loopback was given: recipients and text of each mail."""

    def __init__(self) -> None:
        self.mails: list[tuple[list[str], bytes]] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        self.mails.append((envelope.rcpt_tos, envelope.content))
        return "250 OK"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


def all_to(*names: str) -> HooksSection:
    return HooksSection.model_validate({f"on_{event}": names for event in EVENTS})


def end_run(folder: Path, *, status: str, message: str = "") -> None:
    start_run(folder, "r001", as_of=DAY, catalogs=["news"], code_version="test")
    finish_run(folder, "r001", status=status, message=message, peak_rss_mb=1.0)


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("completed", ["(news) completed", "all stages completed", "What to do: Nothing."]),
        ("failed", ["(news) failed", "run the same command again", "chapter 'When it fails'"]),
        ("gated", ["(news) was stopped by a gate", "chapter 'Gates'"]),
        ("interrupted", ["(news) was interrupted", "Nothing needs to be cleaned"]),
    ],
)
def test_webhook_is_told_how_the_run_ended(
    tmp_path: Path, told: list[dict[str, Any]], status: str, words: list[str]
) -> None:
    end_run(tmp_path, status=status)
    tell_ended(RunRequest(run_id="r001"), Settings(warehouse=tmp_path, hooks=all_to("custom-webhook/ops")))
    [notice] = told
    text = f"{notice['subject']}\n{notice['body']}"
    assert all(word in text for word in ["r001", "as of 2026-11-01", *words])


def test_mail_is_sent_through_the_server_of_the_settings(
    nightjar: Nightjar, prefect_server: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    inbox = Inbox()
    controller = Controller(inbox, hostname="127.0.0.1", port=free_port())
    controller.start()
    try:
        smtp = {"host": "127.0.0.1", "port": controller.port, "security": "none", "sender": "night@example.org"}
        monkeypatch.setenv("NIGHTJAR_SMTP", json.dumps(smtp))
        monkeypatch.setenv("NIGHTJAR_HOOKS", json.dumps({"on_failure": ["mail/operator"]}))
        assert nightjar("hooks", "add", "mail/operator", "--set", 'to=["ops@example.org", "two@example.org"]').code == 0
        assert nightjar("hooks", "test", "failure").code == 0
    finally:
        controller.stop()
    [(recipients, text)] = inbox.mails
    assert recipients == ["ops@example.org", "two@example.org"]
    mail = message_from_bytes(text, policy=policy.default)
    assert mail["subject"] == "Nightjar: run trial (example) failed"
    assert mail["from"] == "night@example.org"
    assert "What to do: Mend what the message names" in mail.get_content()


def test_mail_without_a_server_is_a_warning(
    nightjar: Nightjar, prefect_server: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIGHTJAR_HOOKS", json.dumps({"on_failure": ["mail/nobody"]}))
    assert nightjar("hooks", "add", "mail/nobody", "--set", 'to=["ops@example.org"]').code == 0
    ended = nightjar("hooks", "test", "failure")
    assert ended.code == 1
    assert "no mail server is set: describe it in [smtp] of nightjar.toml" in ended.out


def test_only_those_named_for_the_event_are_told(tmp_path: Path, told: list[dict[str, Any]]) -> None:
    end_run(tmp_path, status="completed")
    hooks = HooksSection(on_failure=("custom-webhook/ops",), on_crash=("custom-webhook/ops",))
    tell_ended(RunRequest(run_id="r001"), Settings(warehouse=tmp_path, hooks=hooks))
    assert told == []


def test_night_of_a_backfill_tells_of_gates_and_not_of_success(tmp_path: Path, told: list[dict[str, Any]]) -> None:
    settings = Settings(warehouse=tmp_path, hooks=all_to("custom-webhook/ops"))
    request = RunRequest(run_id="r001", is_backfill=True)
    end_run(tmp_path, status="completed")
    tell_ended(request, settings)
    assert told == []
    finish_run(tmp_path, "r001", status="gated", message="", peak_rss_mb=1.0)
    tell_ended(request, settings)
    assert len(told) == 1


def test_run_that_a_dead_process_left_is_told_at_the_next_start(tmp_path: Path, told: list[dict[str, Any]]) -> None:
    start_run(tmp_path, "dead", as_of=DAY, catalogs=["news"], code_version="test")
    crashed = start_run(tmp_path, "next", as_of=DAY, catalogs=["news"], code_version="test")
    assert crashed == ["dead"]
    tell_crashed(Settings(warehouse=tmp_path, hooks=HooksSection(on_crash=("custom-webhook/ops",))), crashed)
    assert [notice["subject"] for notice in told] == ["Nightjar: run dead (news) was interrupted"]
    assert "in its first stage" in told[0]["body"]


def test_closed_gate_is_told_with_its_numbers_and_without_its_rows(
    nightjar: Nightjar,
    nights: Nights,
    catalog: SmallCatalog,
    told: list[dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    catalog.more = "[gates]\nmin_items = 500"
    monkeypatch.setenv("NIGHTJAR_HOOKS", json.dumps({"on_gate": ["custom-webhook/ops", "log"]}))
    ended = nightjar("ingest", "--catalog", catalog.save())
    assert ended.code == 3
    [notice] = told
    assert (
        "gate ingest of news is closed: enough_items observed n_items 30, expected n_items at least 500."
        in notice["body"]
    )
    assert "gates.min_items" in notice["body"]
    assert "Nightjar: run" in ended.out
    assert not [name for name in (*catalog.users, *catalog.items) if name in notice["body"]]


def test_hook_that_fails_is_a_warning_and_the_next_one_is_told(
    tmp_path: Path, told: list[dict[str, Any]], capfd: pytest.CaptureFixture[str]
) -> None:
    end_run(tmp_path, status="failed", message="StepError: no")
    names = ("custom-webhook/broken", "custom-webhook/absent", "custom-webhook/ops")
    tell_ended(RunRequest(run_id="r001"), Settings(warehouse=tmp_path, hooks=all_to(*names)))
    assert len(told) == 1
    printed = capfd.readouterr().out
    assert "could not tell 'custom-webhook/broken': HTTPStatusError, status 500" in printed
    assert "Prefect has no block 'custom-webhook/absent'; add it: `nightjar hooks add custom-webhook/absent" in printed


def test_run_without_a_record_is_a_warning(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    tell_ended(RunRequest(run_id="r001"), Settings(warehouse=tmp_path, hooks=all_to("log")))
    assert "nobody was told of the end of run r001: there is no warehouse" in capfd.readouterr().out


def test_unknown_run_is_refused(tmp_path: Path) -> None:
    end_run(tmp_path, status="completed")
    with pytest.raises(WarehouseError, match="there is no run 'r9'"):
        read_ending(tmp_path, "r9")


def test_block_of_another_kind_is_no_hook(
    prefect_server: None, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    from prefect.blocks.system import Secret

    Secret(value="s3cret").save("thing", overwrite=True)
    settings = Settings(warehouse=tmp_path, hooks=all_to("secret/thing"))
    assert tell("failure", example_ending("failure"), settings) == ["secret/thing"]
    printed = capfd.readouterr().out
    assert "block 'secret/thing' is a Secret, which can't notify" in printed
    assert "s3cret" not in printed


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("custom-webhook/ops", "--set", "uri=http://x"), "look at"),
        (("no-such-type/ops", "--set", "url=x"), "types are custom-webhook, discord-webhook, mail, "),
        (("custom-webhook/ops", "--set", "url"), "is not of the form KEY=VALUE"),
        (("custom-webhook/ops", "--set", "url=env:NO_SUCH_VARIABLE"), "'NO_SUCH_VARIABLE' is not set"),
        (("mail/ops", "--set", "to=[]"), "look at to"),
    ],
)
def test_block_that_can_not_be_made_is_refused(
    prefect_server: None, nightjar: Nightjar, words: tuple[str, ...], problem: str
) -> None:
    ended = nightjar("hooks", "add", *words)
    assert ended.code == 2
    assert problem in ended.err


def test_trial_tells_all_and_fails_if_one_can_not_be_told(
    nightjar: Nightjar, told: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIGHTJAR_HOOKS", json.dumps({"on_crash": ["custom-webhook/ops"]}))
    assert nightjar("hooks", "test").code == 0
    assert "this is a trial" not in told[0]["subject"]
    assert nightjar("hooks", "test", "crasch").code == 2
    monkeypatch.setenv("NIGHTJAR_HOOKS", json.dumps({"on_crash": ["custom-webhook/broken"], "on_gate": ["log"]}))
    ended = nightjar("hooks", "test")
    assert ended.code == 1
    assert "1 of 2 hooks could not tell: custom-webhook/broken" in ended.err
    listed = nightjar("hooks", "list").out
    assert "on_crash" in listed
    assert "nobody" in listed


def test_hook_of_no_known_form_is_a_wrong_setting(nightjar: Nightjar, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NIGHTJAR_HOOKS", json.dumps({"on_crash": ["Slack: night"]}))
    ended = nightjar("hooks", "list")
    assert ended.code == 2
    assert "hooks.on_crash" in ended.err


def test_types_are_those_of_prefect_and_mail() -> None:
    assert {"slack-webhook", "custom-webhook", "ms-teams-webhook", "sendgrid-email", "mail"} <= set(
        notification_types()
    )


@pytest.mark.parametrize(
    ("message", "sent"),
    [
        ("user 'u04' of catalog 'news' has no row", "user '…' of catalog 'news' has no row"),
        ('title "A day out" is empty', 'title "…" is empty'),
        ("401: key sk-proj-abc123def456 is wrong", "401: key … is wrong"),
        ("refused: Bearer abc.def", "refused: …"),
        ("write to ada@example.org at once", "write to [email] at once"),
        ("observed 3, for example [{'user_id': 'u1'}].", "observed 3, for example […]."),
        ("x" * 30 + " " * 500, "x" * 30 + " " * 369 + "…"),
    ],
)
def test_message_is_sent_without_values_keys_and_addresses(message: str, sent: str) -> None:
    assert blank_values(message, known={"news"}) == sent


def test_notice_of_a_failed_stage_names_it_and_what_readers_see() -> None:
    ending = replace(example_ending("failure"), message="TerminalError: the server refused", publication_id=None)
    notice = write_notice("failure", ending, url="http://127.0.0.1:4200/runs/flow-run/1")
    assert "stage topics of example failed. TerminalError: the server refused" in notice.body
    assert "What readers see: what was published before: it stands." in notice.body
    assert notice.body.endswith("http://127.0.0.1:4200/runs/flow-run/1")


def test_values_of_a_refused_block_are_not_told(prefect_server: None) -> None:
    with pytest.raises(ConfigError) as refused:
        add_block("slack-webhook/night", ['url={"secret": "hunter2"}'])
    assert "hunter2" not in str(refused.value)
