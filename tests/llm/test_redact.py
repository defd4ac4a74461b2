"""What must not leave is taken out, and what only looks like it stays."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.contracts.errors import ConfigError
from tasks.labelers.openai_enrich import build_enrich_form
from tasks.labelers.openai_forms import build_judge_form
from tasks.labelers.openai_similar import build_similar_form
from tasks.labelers.openai_topics import build_topics_form
from tasks.labelers.protocol import ItemText, JudgeQuestion, PairQuestion, TopicDefinition, UserText
from tasks.llm.prompts import PROMPTS_DIR
from tasks.llm.redact import NO_REDACTION, WINDOW, Redaction
from tests.llm.data import FUZZ

BOTH = Redaction.of(["email", "phone"])
PHONES = """+44 20 7946 0958|+44 (0)20 7946 0958|+1-202-555-0143|+1 (202) 555-0143|(202) 555-0143|202-555-0143|202.555.0143
1-800-555-0199|0049 30 901820|+49 30 901820|030 901820|030/901820|0171-1234567|(030) 90 18 20|089 / 12 34 56|06 12 34 56 78
01.02.03.04.05|020 7946 0958|(020) 7946 0958|0161 496 0000|07700 900123|07700900123|01632 960001|+33 6 12 34 56 78
+33.6.12.34.56.78|(+44) 20 7946 0958|tel. 912 345 678|Phone: 555-0143|call 555 0143|+39 06 698 3145|+4915112345678
0612345678|fax no. 901820|+46-8-123 456 78|00 44 20 7946 0958|telephoning 0800 028 9276"""
OTHERS = """01.02.2004|1/2/2004|2004-05-06|2004-2005|2004 - 2005|1,000,000|1.000.000|10 000 000|£1,200.50|$2,000,000|3-2
6-4 6-3 7-6|ISBN 0-306-40615-2|ISBN: 0306406152|978-0-306-40615-7|9780306406157|09:30 - 10:45|0930 - 1045|0.1234567|007
+12.5%|+1.234.567|01.02.2004 10:30|01/02/2004 to|127.0.0.1|call 911|1 2 3 4 5 6 7 8 9|phone sales in 2004-2005|1234567890
100-200-300|06 05 04|2004 2005 2006|12345678901234567890|call 2004-05-06|$202 555 0143|/dp/0783503083/
01 02 03 04 05 06 07 08 09 10 11 12 13 14"""


def split(table: str) -> list[str]:
    return [cell for line in table.splitlines() for cell in line.split("|")]


@pytest.mark.parametrize("phone", split(PHONES))
def test_phone_numbers_are_taken_out(phone: str) -> None:
    redacted = BOTH.apply(f"so {phone}, and on.")
    assert redacted.count("[phone]") == 1
    assert not any(char.isdigit() for char in redacted)


@pytest.mark.parametrize("other", split(OTHERS))
def test_other_numbers_stay(other: str) -> None:
    assert BOTH.apply(f"so {other} and on.") == f"so {other} and on."


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("a@b.co.uk, x.y+z@sub.example.museum.", "[email], [email]."),
        ("<mailto:ann_o'neil@example.org>", "<mailto:[email]>"),
        ("jürgen@müller.de", "[email]"),
        ("@handle, a @ b, 3@4, user@localhost", "@handle, a @ b, 3@4, user@localhost"),
        ("call 020 7946 0958 24 hours a day", "call [phone] hours a day"),
        ("", ""),
    ],
)
def test_addresses_are_taken_out_with_nothing_around_them(text: str, redacted: str) -> None:
    assert BOTH.apply(text) == redacted


def test_own_patterns_take_their_name_and_overlaps_go_as_a_whole() -> None:
    own = {"name": "customer", "pattern": r"K-\d{6}"}
    assert Redaction.of([own]).apply("K-123456 wrote") == "[customer] wrote"
    wide = {"name": "sentence", "pattern": r"Write to \S+ now"}
    assert Redaction.of(["email", wide]).apply("Write to a@b.de now, or c@d.de") == "[email], or [email]"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("iban", "unknown redaction 'iban'; expected one of email, phone, or a table"),
        ({"name": "x"}, "give it a `name` and a `pattern`"),
        ({"name": "<<<", "pattern": "x"}, "redaction name '<<<' can't be used"),
        ({"name": "email", "pattern": "x"}, "'email' is a built-in; choose another name"),
        ({"name": "x", "pattern": "(a"}, r"pattern 'x' is no regular expression: missing \), .*correct it"),
        ({"name": "x", "pattern": "a*"}, "matches the empty text; make some part of it required"),
        ({"name": "x", "pattern": "(a+)+b"}, r"'x' could take forever: .* possessive, as in \(a\+\+b\)\+"),
        ({"name": "x", "pattern": "(ab|a)*b"}, r"'x' could take forever: .* atomic, as in \(\?>a\|b\)\+"),
        ({"name": "x", "pattern": r"(\w?\d?)*-"}, "'x' could take forever"),
        ({"name": "x", "pattern": "a" * 1001}, "longer than 1000 characters; split it"),
    ],
)
def test_patterns_that_cannot_be_used_are_named_with_their_mend(given: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Redaction.of([given])


def test_a_name_is_given_once() -> None:
    with pytest.raises(ConfigError, match="'phone' is given twice"):
        Redaction.of(["phone", "email", "phone"])


@pytest.mark.parametrize(
    "pattern", [r"(?:\d[ -]?){13,16}", r"(\d++-)+x", r"[A-Z]{2}\d{2}(?: ?\w{4}){3,7}", r"(?>foo|bar)+"]
)
def test_patterns_that_cannot_run_away_are_taken(pattern: str) -> None:
    assert Redaction.of([{"name": "x", "pattern": pattern}])


def test_own_patterns_match_across_the_windows_in_which_they_run() -> None:
    own = Redaction.of([{"name": "id", "pattern": r"\bID\d{4}\b"}])
    for shift in range(40):
        text = "x" * (WINDOW - 20 + shift) + " ID1234 " + "y" * WINDOW
        assert own.apply(text) == text.replace("ID1234", "[id]")


def test_a_flood_takes_no_time() -> None:
    slow = Redaction.of(["email", "phone", {"name": "slow", "pattern": r"a.*b.*c"}])
    for flood in ("0", "0 1", "+1", "(0", "a", "a@", "a.", "call ", "01-"):
        begun = time.thread_time()
        slow.apply(flood * (100_000 // len(flood)))
        assert time.thread_time() - begun < 5.0


def test_the_key_tells_what_is_taken_out() -> None:
    own = {"name": "x", "pattern": "y+"}
    assert NO_REDACTION.key == []
    assert BOTH.key == Redaction.of(["email", "phone"]).key
    assert len({str(Redaction.of(given).key) for given in (["email"], ["phone"], ["email", own], ["phone", own])}) == 4


@FUZZ
@given(st.lists(st.text(max_size=20) | st.sampled_from(split(PHONES) + split(OTHERS) + ["a@b.de"]), max_size=6))
def test_no_address_survives_whatever_stands_around_it(texts: list[str]) -> None:
    text = " ".join(texts)
    once = BOTH.apply(text)
    assert "a@b.de" not in once
    assert NO_REDACTION.apply(text) == text


def test_every_text_of_others_is_redacted_on_its_way_into_a_prompt() -> None:
    places = ["title", "author", "text", "summary", "interest", "hobby", "skill", "job", "read"]
    address = {place: f"{place}\u200b@example.org" for place in places}
    item = ItemText("i", address["title"], address["text"], address["author"])
    read = ItemText("r", address["read"], "")
    user = UserText(
        "u",
        address["summary"],
        (address["interest"],),
        (address["hobby"],),
        (address["skill"],),
        address["job"],
        history=(read,),
    )
    taxonomy = [TopicDefinition("help@example.org", "a topic of ours")]
    judged = JudgeQuestion(user, item, {"help@example.org": 0.5})
    prompts = [
        build_enrich_form(PROMPTS_DIR, (), redaction=BOTH).render([item]),
        build_topics_form(PROMPTS_DIR, taxonomy, redaction=BOTH).render([item]),
        build_similar_form(PROMPTS_DIR, redaction=BOTH).render([PairQuestion(item, item, 0.5)]),
        build_judge_form(PROMPTS_DIR, redaction=BOTH).render([judged]),
    ]
    for prompt, n_places in zip(prompts, (3, 3, 6, 9), strict=True):
        assert prompt.user.count("[email]") == n_places
        assert not any(f"{place}@" in prompt.user for place in places)
    assert "Topics: help@example.org" in prompts[3].user
    assert "title@example.org" in build_enrich_form(PROMPTS_DIR, ()).render([item]).user


def test_labels_made_from_redacted_text_are_other_labels() -> None:
    plain, none, email, both = (
        build_similar_form(PROMPTS_DIR, **given).template.hash
        for given in ({}, {"redaction": NO_REDACTION}, {"redaction": Redaction.of(["email"])}, {"redaction": BOTH})
    )
    assert plain == none
    assert len({plain, email, both}) == 3
