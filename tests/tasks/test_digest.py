"""digest: who gets what, once a day, whatever the mail server does and however many processes try."""

from __future__ import annotations

import smtplib
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tasks.contracts.digest_context import Channel
from tasks.contracts.digesting import DigestConfig, DigestSection
from tasks.contracts.errors import ConfigError, MissingInputError, StepError, TransientError
from tasks.contracts.report import StepReport
from tasks.digest import digest
from tests.mail_server import DROP, Post, mail_server
from tests.mailing.readers import SPACE, Library, copy_library, make_library
from warehouse.connection import open_warehouse
from warehouse.errors import PublicationError
from warehouse.lock import hold_run_lock, lock_owner

EVERYBODY = ["u00", "u01", "u02", "u03", "u04"]


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Library:
    return make_library(tmp_path_factory.mktemp("library"))


@pytest.fixture
def library(filled: Library, tmp_path: Path) -> Library:
    return copy_library(filled, tmp_path / "warehouse")


@pytest.fixture
def post() -> Iterator[Post]:
    with mail_server() as running:
        yield running


def run(library: Library, post: Post | None = None, **changes: Any) -> StepReport:
    report: StepReport = digest.fn(library.context(post, **changes))
    return report


def addresses(*users: str) -> list[str]:
    return [f"{user}@example.org" for user in users]


def text_of(post: Post, user: str) -> str:
    return str(post.mail_to(f"{user}@example.org").get_body(("plain",)).get_content()).replace("\r\n", "\n")


def test_everybody_gets_one_mail_over_all_catalogs(library: Library, post: Post) -> None:
    report = run(library, post, shard_users=3, claim_users=2)
    assert (report.rows_in, report.rows_out, dict(report.dropped)) == (5, 5, {})
    assert sorted(post.recipients) == addresses(*EVERYBODY)
    assert library.ledger() == dict.fromkeys(EVERYBODY, "sent")
    assert text_of(post, "u00").split("\n\n") == [
        "For you today\nSunday, 1 November 2026\nPicked for Name of u00",
        "== Books ==",
        "1. i1 of books\nSummary of i1.\nWhy: because\nhttps://example.org/books/i1",
        "2. i2 of books\nSummary of i2.\nWhy: because\nhttps://example.org/books/i2",
        "3. i3 of books\nSummary of i3.\nWhy: because\nhttps://example.org/books/i3",
        "== News ==",
        "1. i1 of news\nSummary of i1.\nWhy: because\nhttps://example.org/news/i1",
        "2. i2 of news\nSummary of i2.\nWhy: because\nhttps://example.org/news/i2",
        "3. i3 of news\nSummary of i3.\nWhy: because\nhttps://example.org/news/i3",
        "--\nYou get this at most once a day.\n",
    ]


def test_second_run_of_the_day_sends_nothing_and_the_next_day_does(library: Library, post: Post) -> None:
    run(library, post)
    again = run(library, post)
    assert (again.rows_in, again.rows_out, dict(again.dropped)) == (0, 0, {"had theirs today": 5})
    assert len(post.mails) == 5
    tomorrow = library.context().day.replace(day=2)
    assert run(library, post, day=tomorrow, options=DigestSection(repeat_after_days=0)).rows_out == 5


def test_what_was_mailed_lately_is_not_mailed_again(library: Library, post: Post) -> None:
    day = library.context().day
    few = DigestSection(max_items=2, repeat_after_days=3, max_age_days=30)
    sent = []
    for number in (1, 2, 4, 5):
        run(library, post, day=day.replace(day=number), options=few, users=("u00",))
        [(items,)] = library.rows(f"select items from digests where user_id = 'u00' and day = date '2026-11-0{number}'")
        sent.append(sorted(items))
    first, second, third, fourth = sent
    assert len({*first, *second, *third}) == 6
    assert fourth == first


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


def test_what_was_met_since_is_left_out_and_so_is_what_is_gone(library: Library, post: Post) -> None:
    library.run("insert into interactions values ('news', 'u00', 'i1', 'view', null, null, '2026-11-01')")
    library.run("insert into interactions values ('news', 'u01', 'i2', 'skip', null, null, '2026-11-01')")
    library.run("insert into catalog_events values ('news', 1, 'skip', null, 0.0, false)")
    library.run("update items set is_active = false where catalog = 'books' and item_id = 'i2'")
    library.changes = {"channels": {SPACE: Channel(library.context().channels[SPACE].config, ("books/i4",))}}
    run(library, post)
    titles = {
        user: [line for line in text_of(post, user).splitlines() if line[:2] in ("1.", "2.", "3.", "4.")]
        for user in ("u00", "u01")
    }
    assert titles["u00"] == ["1. i1 of books", "2. i3 of books", "1. i2 of news", "2. i3 of news", "3. i4 of news"]
    # An event after which an item may still be recommended keeps none back.
    assert titles["u01"] == [
        "1. i2 of news",
        "2. i3 of news",
        "3. i4 of news",
        "4. i5 of news",
        "1. i3 of books",
        "2. i5 of books",
    ]


def test_who_has_met_all_gets_no_mail_and_is_counted(library: Library, post: Post) -> None:
    library.run("insert into interactions select catalog, 'u00', item_id, 'view', null, null, '2026-11-01' from items")
    report = run(library, post)
    assert (report.rows_in, report.rows_out, dict(report.dropped)) == (5, 4, {"nothing new": 1})
    assert "u00" not in library.ledger()


def test_who_wants_none_or_can_not_be_written_to_gets_none(tmp_path: Path, post: Post) -> None:
    users = {
        "u01": {"email": "u01@example.org", "out": True}, "u02": {"email": "u02@example.org", "out": "since May"},
        "u03": {"email": "u03@example.org\nBcc: eve@example.org", "out": "no"}, "u04": {"out": "no"},
    }  # fmt: skip
    library = make_library(tmp_path, users=users)
    report = run(library, post)
    assert post.recipients == addresses("u00")
    assert dict(report.dropped) == {
        "unsubscribed": 1, "unsubscribed is neither yes nor no": 1, "no address": 1, "bad address": 1,
    }  # fmt: skip
    assert report.notes[-1] == "1 users get no mail: what their source says of consent is neither yes nor no"
    assert library.ledger() == {"u00": "sent"}
    assert "@" not in repr(report).replace("library@example.org", "")


def test_inactive_user_gets_none(library: Library, post: Post) -> None:
    library.run("update users set is_active = false where user_id = 'u00'")
    run(library, post)
    assert sorted(post.recipients) == addresses("u01", "u02", "u03", "u04")


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


def test_without_a_server_digests_are_written_once_a_day(library: Library) -> None:
    report = run(library)
    folder = library.folder / "digests" / "2026-11-01"
    assert (report.rows_out, library.ledger()) == (5, dict.fromkeys(EVERYBODY, "written"))
    assert sorted(path.name for path in (folder / SPACE).glob("u00.*")) == ["u00.eml", "u00.html", "u00.txt"]
    assert 'href="readers/u00.html"' in (folder / "index.html").read_text()
    assert (folder / SPACE / "u00.eml").stat().st_mode & 0o077 == 0
    (folder / SPACE / "u00.html").unlink()
    assert dict(run(library).dropped) == {"had theirs today": 5}
    assert not (folder / SPACE / "u00.html").exists()


def test_what_was_only_written_is_still_sent_once_there_is_a_server(library: Library, post: Post) -> None:
    run(library)
    assert run(library, post).rows_out == 5
    assert library.ledger() == dict.fromkeys(EVERYBODY, "sent")
    assert run(library).rows_out == 0


def test_looking_leaves_no_trace(library: Library, post: Post, tmp_path: Path) -> None:
    run(library, post)
    before = library.rows("from digests order by all")
    looked = run(library, to=tmp_path / "look", users=("u03",))
    dry = run(library, is_dry=True)
    assert (looked.rows_out, dry.rows_out, dict(dry.dropped)) == (1, 0, {"had theirs today": 5})
    assert sorted(path.name for path in (tmp_path / "look" / SPACE).iterdir()) == ["u03.eml", "u03.html", "u03.txt"]
    assert library.rows("from digests order by all") == before
    assert not (library.folder / "digests").exists()


def test_user_nobody_knows_is_a_mistake(library: Library) -> None:
    with pytest.raises(ConfigError, match="no active user has the id 'nobody'"):
        run(library, is_dry=True, users=("nobody",))


def test_old_publication_is_not_mailed_again(library: Library, post: Post) -> None:
    with pytest.raises(
        MissingInputError, match="the latest publication is of 2026-11-01, 3 days before 2026-11-04: readers"
    ):
        run(library, post, day=library.context().day.replace(day=4))
    assert post.mails == []


def test_without_a_publication_it_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(PublicationError, match="nothing is published in .* yet; run `nightjar publish`"):
        run(Library(tmp_path, {}))


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (DigestConfig(), "no catalog says where its users' addresses are; name the attribute in the catalog file"),
        (
            DigestConfig(address="mail"),
            r"address = 'mail', and no user of 'readers' has this attribute; did you mean 'email'\?",
        ),
    ],
)
def test_addresses_that_nobody_named_are_a_mistake(
    library: Library, post: Post, config: DigestConfig, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        run(library, post, channels={SPACE: Channel(config)})
    assert post.mails == []


def test_digest_settings_shape_the_mail(library: Library, post: Post) -> None:
    options = DigestSection(
        title="Morning list", subject="{day}", max_items=2, unsubscribe_url="https://example.org/{space}/{user}"
    )
    run(library, post, options=options)
    mail = post.mail_to("u00@example.org")
    assert mail["Subject"] == "Sunday, 1 November 2026"
    assert mail["List-Unsubscribe"] == "<https://example.org/readers/u00>"
    assert text_of(post, "u00").count("Why:") == 2
    assert "Unsubscribe: https://example.org/readers/u00" in text_of(post, "u00")
