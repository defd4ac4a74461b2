"""digest: whatever the mail server does and however many processes try, nobody is mailed twice and nobody is forgotten."""

from __future__ import annotations

import smtplib
import subprocess
import sys
import textwrap
from typing import Any

import pytest

from tasks.contracts.errors import StepError, TransientError
from tests.mail_server import DROP, Post
from tests.mailing.readers import Library
from tests.tasks.digested import EVERYBODY, addresses, run
from warehouse.connection import open_warehouse
from warehouse.lock import hold_run_lock, lock_owner


def test_two_processes_at_once_mail_everybody_once(library: Library, post: Post) -> None:
    program = textwrap.dedent(f"""
        from pathlib import Path
        from tasks.digest import digest
        from tests.mail_server import Post
        from tests.mailing.readers import Library
        print("ready", flush=True)
        input()
        context = Library(Path({str(library.folder)!r}), {{}}, n_runs=10).context(Post(port={post.port}), claim_users=1)
        print(digest.fn(context).rows_out)
    """)
    other = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert other.stdout is not None
    assert other.stdout.readline() == "ready\n"
    assert other.stdin is not None
    other.stdin.write("go\n")
    other.stdin.flush()
    ours = run(library, post, claim_users=1).rows_out
    theirs = int(other.communicate(timeout=60)[0])
    assert ours + theirs == 5
    assert sorted(post.recipients) == addresses(*EVERYBODY)
    assert library.ledger() == dict.fromkeys(EVERYBODY, "sent")


def test_killed_between_claim_and_answer_nobody_is_mailed_twice(library: Library, post: Post) -> None:
    """The server took u01's mail; the process dies before it hears so."""
    program = textwrap.dedent(f"""
        import os
        from pathlib import Path
        from tasks.digest import digest
        from tasks.mailing.send import Courier
        from tests.mail_server import Post
        from tests.mailing.readers import Library
        real = Courier._hand_over
        def die_after(self, smtp, envelope, attempt):
            outcome = real(self, smtp, envelope, attempt)
            if envelope.user_id == "u01":
                os._exit(9)
            return outcome
        Courier._hand_over = die_after
        digest.fn(Library(Path({str(library.folder)!r}), {{}}, n_runs=5).context(Post(port={post.port}), claim_users=2))
    """)
    assert subprocess.run([sys.executable, "-c", program], check=False, timeout=60).returncode == 9
    assert library.ledger() == {"u00": "claimed", "u01": "claimed"}
    report = run(library, post)
    assert sorted(post.recipients) == addresses(*EVERYBODY)
    assert library.ledger() == {"u00": "claimed", "u01": "claimed", "u02": "sent", "u03": "sent", "u04": "sent"}
    assert dict(report.dropped) == {"had theirs today": 2}
    assert any(
        note.startswith("2 digests of 2026-11-01 were claimed by a run that is still at work") for note in report.notes
    )


def test_refused_recipient_is_on_record_and_not_tried_again_today(library: Library, post: Post) -> None:
    post.rcpt = lambda address: f"550 no mailbox {address}" if address.startswith("u01") else None
    report = run(library, post)
    assert dict(report.dropped) == {"refused": 1}
    assert library.rows("select state, reply, attempts from digests where user_id = 'u01'") == [
        ("refused", "550 no mailbox [address]", 1)
    ]
    post.rcpt = lambda address: None
    assert run(library, post).rows_out == 0


def test_what_the_server_puts_off_stays_due_and_goes_with_the_next_run(library: Library, post: Post) -> None:
    post.rcpt = lambda address: "451 greylisted" if address.startswith("u01") else None
    report = run(library, post)
    assert (report.rows_out, report.is_partial, report.n_due, dict(report.dropped)) == (4, True, 1, {"left due": 1})
    assert "u01" not in library.ledger()
    post.rcpt = lambda address: None
    assert run(library, post).rows_out == 1
    assert sorted(post.recipients) == addresses(*EVERYBODY)


def test_lost_receipt_is_uncertain_and_never_sent_again(library: Library, post: Post) -> None:
    post.data = lambda address: DROP if address.startswith("u01") else None
    assert dict(run(library, post).dropped) == {"uncertain": 1}
    post.data = lambda address: None
    run(library, post)
    assert sorted(post.recipients) == addresses(*EVERYBODY)
    assert library.ledger()["u01"] == "uncertain"


def test_server_that_puts_everything_off_is_left_in_peace(library: Library, post: Post) -> None:
    post.sender = lambda address: "451 try tomorrow"
    with pytest.raises(
        StepError,
        match="puts off every mail of a group of 5: 451 try tomorrow; 0 digests are delivered, the rest is due",
    ):
        run(library, post)
    with pytest.raises(TransientError, match="puts off every mail"):
        run(library, post, is_patient=True)
    assert library.ledger() == {}


def test_stopped_by_hand_only_the_mail_on_its_way_stays_claimed(
    library: Library, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = smtplib.SMTP.getreply

    def stop(self: Any) -> tuple[int, bytes]:
        reply = real(self)
        if len(post.mails) == 3:
            raise KeyboardInterrupt
        return reply

    monkeypatch.setattr(smtplib.SMTP, "getreply", stop)
    with pytest.raises(KeyboardInterrupt):
        run(library, post)
    monkeypatch.setattr(smtplib.SMTP, "getreply", real)
    assert library.ledger() == {"u00": "sent", "u01": "sent", "u02": "claimed"}
    run(library, post)
    assert sorted(post.recipients) == addresses(*EVERYBODY)


def test_warehouse_is_free_while_mails_go_out(library: Library, post: Post) -> None:
    owners: list[str | None] = []

    def look(address: str) -> None:
        owners.append(lock_owner(library.folder))
        with open_warehouse(library.folder):
            pass

    post.rcpt = look  # type: ignore[assignment]
    run(library, post)
    assert owners == [None] * 5


def test_digest_waits_for_a_run_that_holds_the_warehouse(library: Library) -> None:
    told: list[str] = []
    with hold_run_lock(library.folder), pytest.raises(Exception, match="still in use by process"):
        run(library, patience_s=0.3, on_wait=told.append)
    assert told
