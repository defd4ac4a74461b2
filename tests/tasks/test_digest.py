"""digest: who gets what, once a day, and what is only written or looked at."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.contracts.digest_context import Channel
from tasks.contracts.digesting import DigestConfig, DigestSection
from tasks.contracts.errors import ConfigError, MissingInputError
from tests.mail_server import Post
from tests.mailing.readers import SPACE, Library, make_library
from tests.tasks.digested import EVERYBODY, addresses, run, text_of
from warehouse.errors import PublicationError


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
