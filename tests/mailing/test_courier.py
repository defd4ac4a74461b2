"""Sending, against a real mail server: one connection for many, what is tried again, what is not, and how it is told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from tasks.contracts.digesting import MailServer, SmtpSection
from tasks.contracts.errors import TerminalError, TransientError
from tasks.mailing.send import Courier, Envelope
from tests.mail_server import DROP, HOST, Post, mail_server, make_certificate

SENDER = "library@example.org"
PASSWORD = "correct horse battery staple"


@pytest.fixture
def post() -> Iterator[Post]:
    with mail_server() as running:
        yield running


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificate(tmp_path_factory.mktemp("tls") / "server.pem")


def server_at(post: Post, *, password: str = "", **more: Any) -> MailServer:
    section = SmtpSection(host=HOST, port=post.port, sender=SENDER, timeout_s=5, **{"security": "none", **more})
    return MailServer(section, SecretStr(password) if password else None)


def envelopes(*users: str, body: bytes = b"Subject: s\r\n\r\nText.\r\n") -> list[Envelope]:
    return [Envelope(user, f"{user}@example.org", body) for user in users]


def send(post: Post, *users: str, waits_s: tuple[float, ...] = (), **more: Any) -> dict[str, tuple[str, int]]:
    """The state and the number of tries by user; pauses are only noted."""
    courier = Courier(server_at(post), sender=SENDER, waits_s=waits_s, **{"pause": lambda seconds: None, **more})
    try:
        return {one.user_id: (one.state, one.attempts) for one in courier.deliver(envelopes(*users))}
    finally:
        courier.close()


def test_many_mails_go_over_one_connection(post: Post) -> None:
    users = [f"u{number:03d}" for number in range(200)]
    assert set(send(post, *users).values()) == {("sent", 1)}
    assert post.n_connections == 1
    assert post.recipients == [f"{user}@example.org" for user in users]


def test_text_arrives_as_it_was_also_where_lines_begin_with_a_dot(post: Post) -> None:
    body = b"Subject: s\r\n\r\n.\r\n..two\r\n.end"
    courier = Courier(server_at(post), sender=SENDER)
    [outcome] = courier.deliver(envelopes("ana", body=body))
    courier.close()
    assert (outcome.state, post.raw) == ("sent", [body + b"\r\n"])


def test_refused_recipient_is_told_without_the_address_and_the_rest_goes_on(post: Post) -> None:
    post.rcpt = lambda address: f"550 no mailbox <{address.upper()}>" if address.startswith("bea") else None
    courier = Courier(server_at(post), sender=SENDER, waits_s=(1.0,), pause=pytest.fail)
    found = {one.user_id: one for one in courier.deliver(envelopes("ana", "bea", "cem"))}
    courier.close()
    assert {user: one.state for user, one in found.items()} == {"ana": "sent", "bea": "refused", "cem": "sent"}
    assert found["bea"].reply == "550 no mailbox <[address]>"


def test_refused_content_is_not_tried_again(post: Post) -> None:
    post.data = lambda address: "554 looks like spam"
    assert send(post, "ana", waits_s=(1.0,)) == {"ana": ("refused", 1)}


def test_what_is_put_off_is_tried_again_after_the_others(post: Post) -> None:
    tries: list[str] = []

    def greylist(address: str) -> str | None:
        tries.append(address)
        return "451 come back later" if tries.count(address) == 1 and address.startswith("ana") else None

    waited: list[float] = []
    post.rcpt = greylist
    assert send(post, "ana", "bea", waits_s=(1.0, 5.0), pause=waited.append) == {"bea": ("sent", 1), "ana": ("sent", 2)}
    assert waited == [1.0]
    assert post.recipients == ["bea@example.org", "ana@example.org"]


def test_what_is_put_off_for_good_is_due(post: Post) -> None:
    post.rcpt = lambda address: "450 mailbox busy"
    assert send(post, "ana", waits_s=(1.0, 5.0)) == {"ana": ("due", 3)}
    assert post.mails == []


def test_connection_lost_before_the_text_is_opened_again(post: Post) -> None:
    post.rcpt = lambda address: DROP if address.startswith("bea") and post.n_connections == 1 else None
    assert send(post, "ana", "bea", "cem") == dict.fromkeys(("ana", "bea", "cem"), ("sent", 1))
    assert (post.n_connections, len(post.mails)) == (2, 3)


def test_mail_whose_receipt_was_lost_is_not_sent_twice(post: Post) -> None:
    post.data = lambda address: DROP if address.startswith("bea") else None
    assert send(post, "ana", "bea", "cem", waits_s=(1.0,)) == {
        "ana": ("sent", 1), "bea": ("uncertain", 1), "cem": ("sent", 1),
    }  # fmt: skip
    assert post.recipients == ["ana@example.org", "bea@example.org", "cem@example.org"]


def test_server_that_closes_is_asked_again(post: Post) -> None:
    post.sender = lambda address: "421 too many from you" if post.n_connections == 1 else None
    assert send(post, "ana", waits_s=(1.0,)) == {"ana": ("sent", 2)}
    assert post.n_connections == 2


def test_sender_whom_the_server_does_not_take_stops_the_work(post: Post) -> None:
    post.sender = lambda address: "550 who are you?"
    with pytest.raises(
        TerminalError, match=r"takes no mail from library@example.org: 550 who are you\?; check smtp.sender"
    ):
        send(post, "ana")


def test_server_that_is_not_there_is_waited_for_and_named() -> None:
    waited: list[float] = []
    with pytest.raises(TransientError, match="127.0.0.1:9 can't be reached: .*refused; check smtp.host"):
        send(Post(port=9), "ana", waits_s=(1.0, 5.0), pause=waited.append)
    assert waited == [1.0, 5.0]


def test_pace_is_kept(post: Post) -> None:
    now, waited = [100.0], []

    def pause(seconds: float) -> None:
        waited.append(round(seconds, 3))
        now[0] += seconds

    send(post, "ana", "bea", "cem", messages_a_minute=120, pause=pause, clock=lambda: now[0])
    assert waited == [0.5, 0.5]


def test_starttls_with_login_over_a_certificate_of_our_own(certificate: Path) -> None:
    with mail_server(password=PASSWORD, certificate=certificate) as post:
        server = server_at(post, password=PASSWORD, security="starttls", user="library", ca_file=certificate)
        [outcome] = Courier(server, sender=SENDER).deliver(envelopes("ana"))
    assert (outcome.state, post.users) == ("sent", ["library"])


def test_tls_from_the_start(certificate: Path) -> None:
    with mail_server(certificate=certificate, is_tls=True) as post:
        server = server_at(post, security="tls", ca_file=certificate)
        [outcome] = Courier(server, sender=SENDER).deliver(envelopes("ana"))
    assert outcome.state == "sent"


def test_certificate_that_nobody_vouches_for_is_refused(certificate: Path) -> None:
    with mail_server(password=PASSWORD, certificate=certificate) as post:
        server = server_at(post, password=PASSWORD, security="starttls", user="library")
        with pytest.raises(TerminalError, match="certificate that is not trusted .*name its authority in smtp.ca_file"):
            list(Courier(server, sender=SENDER).deliver(envelopes("ana")))
    assert (post.users, post.mails) == ([], [])


def test_server_without_encryption_gets_no_password(post: Post) -> None:
    server = server_at(post, password=PASSWORD, security="starttls", user="library")
    with pytest.raises(TerminalError, match="STARTTLS extension not supported by server; check smtp.security"):
        list(Courier(server, sender=SENDER).deliver(envelopes("ana")))


def test_wrong_password_names_the_variable_and_not_the_password(certificate: Path) -> None:
    with mail_server(password=PASSWORD, certificate=certificate) as post:
        server = server_at(post, password="hunter2", security="starttls", user="library", ca_file=certificate)
        with pytest.raises(
            TerminalError, match="refuses the user 'library' with the password in 'SMTP_PASSWORD': 535"
        ) as told:
            list(Courier(server, sender=SENDER).deliver(envelopes("ana")))
    assert "hunter2" not in repr(told.value)
    assert told.value.__cause__ is None


def test_password_is_not_sent_in_clear_to_another_machine() -> None:
    with pytest.raises(ValidationError, match="would send the password of 'library' readable to 'mail.example.org'"):
        SmtpSection(host="mail.example.org", security="none", user="library", sender=SENDER)
