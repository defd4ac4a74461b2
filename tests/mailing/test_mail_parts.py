"""Parts of a digest without a warehouse: addresses, consent, texts, links, what is chosen, headers, file names."""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, date, datetime
from email import message_from_bytes
from email.errors import MessageError
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tasks.contracts.digesting import DigestConfig, DigestSection
from tasks.contracts.errors import ConfigError
from tasks.mailing.address import BAD_ADDRESS, DOUBTFUL, NO_ADDRESS, UNSUBSCRIBED, read_address, refusal_of
from tasks.mailing.compose import Digest, compose
from tasks.mailing.folder import file_stem, sweep_days
from tasks.mailing.message import Letter, make_mail, read_sender
from tasks.mailing.texts import logline, safe_link, tidy_line
from warehouse.statements import SQL_FOLDER

DAY = date(2026, 11, 1)
NOW = datetime(2026, 11, 1, 4, 30, tzinfo=UTC)
SENDER = read_sender("Village Library <library@example.org>")


def row(rank: int = 1, catalog: str = "news", user_id: str = "u1", **more: Any) -> dict[str, Any]:
    stated = {
        "user_id": user_id,
        "catalog": catalog,
        "rank": rank,
        "item_id": f"{catalog}{rank}",
        "title": f"{catalog} {rank}",
    }
    return {**stated, "url": "", "reason": "because", "topic": None, "summary": "", "text": "", **more}


def digest_of(*rows: dict[str, Any], max_items: int = 6, name: str = "Ana") -> Digest:
    found = compose(
        rows, user_space="readers", names={"u1": name}, titles={"news": "News"}, day=DAY, max_items=max_items
    )
    return found["u1"]


def mail_of(digest: Digest, **options: Any) -> tuple[EmailMessage, str]:
    """The mail as a reader's program understands it, and as it goes over the wire."""
    letter = Letter(digest, "ana@example.org")
    raw = make_mail(letter, DigestSection(**options), sender=SENDER, now=NOW).as_bytes()
    return message_from_bytes(raw, policy=default), raw.decode("ascii")  # type: ignore[return-value, arg-type]


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("ana@example.org", "ana@example.org"), (" ana+news@mail.example.org ", "ana+news@mail.example.org"),
        ("ana@bücher.example", "ana@xn--bcher-kva.example"), ("ana@intranet", "ana@intranet"),
    ],
)  # fmt: skip
def test_address_is_read(text: str, address: str) -> None:
    assert read_address(text) == address


@pytest.mark.parametrize(
    "text",
    [
        "", "ana", "@example.org", "ana@", "ana@@example.org", "ana@example.org\nBcc: eve@example.org", "ana@example.org\r",
        "ana@exa mple.org", "ana@example.org, eve@example.org", "ana@example.org;eve@example.org", "Ana <ana@example.org>",
        "ana@example..org", ".ana@example.org", "ana@-example.org", '"ana eve"@example.org', "ana@[127.0.0.1]",
        "änä@example.org", f"{'a' * 65}@example.org", f"ana@{'x' * 300}.org", '["ana@example.org"]', "mailto:ana@example.org",
    ],
)  # fmt: skip
def test_what_is_not_plainly_one_address_is_refused(text: str) -> None:
    assert read_address(text) is None


@given(st.text())
def test_address_that_is_read_can_stand_in_a_header(text: str) -> None:
    address = read_address(text + "@example.org")
    assert address is None or (address.isascii() and address.isprintable() and not set(address) & set(' ,;<>()[]"\\'))


OPT_OUT = DigestConfig(address="email", unsubscribed="out")
OPT_IN = DigestConfig(address="email", subscribed="in")


@pytest.mark.parametrize(
    ("config", "address", "consent", "reason"),
    [
        (OPT_OUT, "a@b.c", None, None), (OPT_OUT, "a@b.c", " ", None), (OPT_OUT, "a@b.c", "No", None),
        (OPT_OUT, "a@b.c", "0", None), (OPT_OUT, "a@b.c", "false", None),
        (OPT_OUT, "a@b.c", "TRUE", UNSUBSCRIBED), (OPT_OUT, "a@b.c", "1", UNSUBSCRIBED), (OPT_OUT, None, "yes", UNSUBSCRIBED),
        (OPT_OUT, "a@b.c", "2026-10-01", DOUBTFUL), (OPT_OUT, "a@b.c", "nein", DOUBTFUL), (OPT_OUT, "a@b.c", "[]", DOUBTFUL),
        (OPT_IN, "a@b.c", "yes", None), (OPT_IN, "a@b.c", None, UNSUBSCRIBED), (OPT_IN, "a@b.c", "no", UNSUBSCRIBED),
        (OPT_IN, "a@b.c", "2026-10-01", DOUBTFUL),
        (OPT_OUT, None, None, NO_ADDRESS), (OPT_OUT, "  ", None, NO_ADDRESS), (OPT_OUT, "a@b.c, d@e.f", None, BAD_ADDRESS),
        (DigestConfig(), None, None, None),
    ],
)  # fmt: skip
def test_who_may_be_written_to(
    config: DigestConfig, address: str | None, consent: str | None, reason: str | None
) -> None:
    assert refusal_of(config, address, consent) == reason


@given(st.text(max_size=400))
def test_tidy_line_is_one_line_that_steers_nothing(text: str) -> None:
    line = tidy_line(text, most=80)
    assert len(line) <= 80
    assert line == line.strip()
    assert len(line.splitlines()) <= 1
    assert not [sign for sign in line if unicodedata.category(sign) in ("Cc", "Cs", "Zl", "Zp")]
    assert not set(line) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200b\ufeff")


def test_tidy_line_keeps_what_scripts_and_emoji_need() -> None:
    family, persian = "\U0001f469\u200d\U0001f469\u200d\U0001f467", "می\u200cخواهم"
    assert tidy_line(f"{family} {persian}", most=80) == f"{family} {persian}"
    assert tidy_line("Z" + "\u0301" * 50, most=80).count("\u0301") <= 3


@pytest.mark.parametrize(
    "url", ["https://example.org/a?b=1&c=2#d", "http://example.org:8080/", "https://example.org/ü"]
)
def test_link_to_a_web_page_stands(url: str) -> None:
    assert safe_link(url) == url


@pytest.mark.parametrize(
    "url",
    [
        "", "javascript:alert(1)", "JaVaScRiPt:alert(1)", "java\tscript:alert(1)", "data:text/html,x", "vbscript:x", "file:///etc",
        "//example.org", "/path", "example.org", "https://", "https:///path", "https://user@example.org/", "https://a:b@c.d/",
        "https://example.org/ a", 'https://example.org/"onclick="x', "https://example.org/<b>", "https://example.org\\@e.org",
        "https://example.org/\u202e", "https://[::1", "https://example.org:99999/", "https://example.org/\n", f"https://e.org/{'x' * 2000}",
        "mailto:ana@example.org", "ftp://example.org/",
    ],
)  # fmt: skip
def test_any_other_link_is_none(url: str) -> None:
    assert safe_link(url.strip("\n") + ("\nx" if url.endswith("\n") else "")) == ""


@pytest.mark.parametrize(
    ("title", "summary", "text", "line"),
    [
        ("Tides", "The sea rose. Nobody slept.", "x", "The sea rose."),
        ("Tides", "He was cold. The sea rose.", "", "The sea rose."),
        ("Tides", "He was cold.", "The sea rose.", "The sea rose."),
        ("Tides", "He was cold.", "", "He was cold."),
        ("The sea rose", "The sea rose.", "The sea rose.\nNobody slept.", "Nobody slept."),
        ("Tides", "", "", ""),
        ("Tides", " … ", "Tides", ""),
    ],
)
def test_logline_is_a_sentence_of_the_item(title: str, summary: str, text: str, line: str) -> None:
    assert logline(title, summary, text) == line


def test_catalogs_take_turns() -> None:
    rows = [row(rank, "books") for rank in (1, 2, 3, 4)] + [row(rank, "news") for rank in (2, 5)]
    digest = digest_of(*rows, max_items=5)
    assert [(section.title, [pick.item_id for pick in section.picks]) for section in digest.sections] == [
        ("books", ["books1", "books2", "books3"]), ("News", ["news2", "news5"]),
    ]  # fmt: skip


def test_headers_say_who_writes_why_and_how_to_end_it() -> None:
    mail, raw = mail_of(
        digest_of(row(title="Tides")), unsubscribe_url="https://example.org/u?user={user}&space={space}", unsubscribe_mail="off@example.org"
    )  # fmt: skip
    assert (mail["From"], mail["To"]) == ("Village Library <library@example.org>", "ana@example.org")
    assert mail["Subject"] == "For you today: Tides"
    assert mail["Date"].datetime == NOW
    assert mail["Message-ID"].startswith("<digest.20261101.")
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert (
        "List-Unsubscribe: <https://example.org/u?user=u1&space=readers>,\r\n <mailto:off@example.org?subject=unsubscribe>\r\n"
        in raw
    )
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]


def test_user_in_the_unsubscribe_address_is_percent_encoded_and_never_folded() -> None:
    digest = digest_of(row())
    odd = Digest(digest.user_space, 'ü/?&x="<b>\r\nBcc: eve@example.org' + "n" * 200, "", DAY, digest.sections)
    mail, raw = mail_of(odd, unsubscribe_url="https://example.org/unsubscribe/{user}")
    coded = "%C3%BC%2F%3F%26x%3D%22%3Cb%3E%0D%0ABcc%3A%20eve%40example.org" + "n" * 200
    assert f"List-Unsubscribe: <https://example.org/unsubscribe/{coded}>\r\n" in raw
    assert mail["Bcc"] is None


def test_without_an_https_address_there_is_no_one_click() -> None:
    assert mail_of(digest_of(row()), unsubscribe_url="http://example.org/{user}")[0]["List-Unsubscribe-Post"] is None
    assert mail_of(digest_of(row()))[0]["List-Unsubscribe"] is None


@pytest.mark.parametrize(
    "title",
    [
        "Tides\r\nBcc: eve@example.org", "Tides\nBcc: eve@example.org\n\n<script>", "\u2028Bcc: eve@example.org", "\x0bBcc: eve@example.org",
        "=?utf-8?q?=0D=0ABcc=3A_eve=40example=2Eorg?=", "\U0001f30a" * 300, "\u202eBcc: eve", "x" * 5000, "\x00", "ع" * 200,
    ],
)  # fmt: skip
def test_no_title_adds_a_header(title: str) -> None:
    plain, _ = mail_of(digest_of(row(title="Tides"), name=""))
    mail, raw = mail_of(digest_of(row(title=title), name=title), subject="{name} {title}: {first} {day}")
    assert list(mail.keys()) == list(plain.keys())
    assert mail["Bcc"] is None
    assert len(mail["Subject"]) <= 160
    assert max(len(line) for line in raw.split("\r\n")) < 998


@given(st.text(max_size=200))
def test_any_title_makes_a_mail_whose_subject_is_one_line(title: str) -> None:
    mail, raw = mail_of(digest_of(row(title=title)))
    assert "\n" not in mail["Subject"]
    assert raw.isascii()


@pytest.mark.parametrize("text", ["library", "Library <library@>", "a@b.c\nBcc: eve@example.org", ""])
def test_sender_that_is_no_address_is_a_mistake_of_the_settings(text: str) -> None:
    with pytest.raises(ConfigError, match="smtp.sender .* is no address; write for example"):
        read_sender(text)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"subject": "{titel}"}, "known in braces are title, first, day and name"),
        ({"unsubscribe_url": "javascript:{user}"}, "must be an http or https address"),
        ({"unsubscribe_url": "https://example.org/off"}, "must hold {user}"),
        ({"unsubscribe_mail": "a@b.c>\r\nBcc: x"}, "String should match pattern"),
        ({"timezone": "Mars/Olympus"}, "is no time zone; write for example Europe/Berlin"),
        ({"max_items": 0}, "greater than or equal to 1"),
    ],
)
def test_settings_that_can_not_be_used_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        DigestSection(**options)


@given(st.lists(st.text(min_size=1, max_size=60), unique=True, max_size=20))
def test_file_names_are_safe_and_no_two_users_share_one(users: list[str]) -> None:
    stems = [file_stem(user) for user in users]
    assert len({stem.lower() for stem in stems}) == len(users)
    assert all(stem.isascii() and len(stem) <= 64 and not set(stem) & set("/\\. :%\x00") for stem in stems)


def test_old_days_are_swept_and_nothing_else(tmp_path: Path) -> None:
    for name in ("2026-10-24", "2026-10-25", "2026-11-01", "2026-13-99", "notes"):
        (tmp_path / name).mkdir()
    assert [path.name for path in sweep_days(tmp_path, DAY, keep=7)] == ["2026-10-24", "2026-10-25"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["2026-11-01", "2026-13-99", "notes"]


def test_header_that_would_be_two_is_never_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.mailing.message.make_subject", lambda digest, options: "=?utf-8?q?=0D=0ABcc=3A_eve?=")
    with pytest.raises(MessageError, match="the header Subject holds the start of another one"):
        mail_of(digest_of(row()))


def test_addresses_are_read_by_the_digest_and_by_what_a_rule_names() -> None:
    """No prompt, embedding, feature or published table is made from attributes of users."""
    reading = {
        path.stem
        for folder in ("queries", "marts", "published", "audits")
        for path in (SQL_FOLDER / folder).glob("*.sql")
        if re.search(r"\b(from|join) users\b", path.read_text(encoding="utf-8"))
        and re.search(r"\battributes\b|\busers\.\*", path.read_text(encoding="utf-8"))
    }
    assert reading == {"digest_users", "user_attributes", "user_fields"}
