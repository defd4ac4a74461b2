"""Names in a text, by capitals, and what kind of thing they name where the words around tell. Pure; English rules."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tasks.labelers.words import CALENDAR_WORDS, STOPWORDS, plain_word

_CAPITAL = r"[A-ZÀ-Þ][\w&.-]*[\w]"
_NAME = re.compile(rf"{_CAPITAL}(?:[ \t]+(?:(?:of|de|der|van|von|al|the)[ \t]+){{0,2}}{_CAPITAL}){{0,4}}")
_HONORIFIC = re.compile(r"(?:Mr|Mrs|Ms|Miss|Dr|Sir|Dame|Lord|Lady|Prof|Professor)\.?$")
_TITLES = r"(?:President|Minister|Chancellor|Senator|Secretary|coach|manager|striker|singer|actor|actress|director|analyst|author)"
_BEFORE_PERSON = re.compile(rf"(?:\b(?:Mr|Mrs|Ms|Miss|Dr|Sir|Dame|Lord|Lady|Prof|Professor)\.?|\b{_TITLES})\s*$")
_ORGANISATION = re.compile(
    r"\b(?:Inc|Ltd|plc|Corp|Corporation|Company|Group|Bank|Airways|Airlines|University|College|Institute|Foundation|Party"
    r"|Union|Commission|Council|Committee|Court|Parliament|Ministry|Department|Agency|Authority|Office|Board|Association"
    r"|Society|Federation|Organi[sz]ation|League|Club|FC|United(?! States| Kingdom| Arab)|House|Fund|Trust|Church)\b"
)
_OF_HEADS = frozenset(
    {"Republic", "Kingdom", "States", "Isle", "Isles", "Bay", "Cape", "City", "Duke", "Prince", "Lord"}
)


@dataclass(frozen=True)
class Name:
    """A name as written; kind is "person" or "organisation", or None where the text does not tell."""

    text: str
    kind: str | None


def extract_names(text: str) -> list[Name]:
    """Names in order of first occurrence, each once, with the first kind that the text tells.

    A lone word that only ever opens a sentence is no name, nor is a day or a month.
    """
    found: dict[str, str | None] = {}
    inside = set(re.findall(rf"(?<=[\w,)][ \t]){_CAPITAL}", text))
    for match in _NAME.finditer(text):
        for name, start in _split_name(match):
            before = text[max(0, start - 40) : start]
            words = name.split()
            opens = not before.rstrip(" \t") or before.rstrip(" \t")[-1] in ".!?:\n\"“'‘"
            is_name = len(words) > 1 or not opens or words[0] in inside
            if is_name and plain_word(words[-1]) not in STOPWORDS | CALENDAR_WORDS:
                found[name] = found.get(name) or _tell_kind(name, before)
    return [Name(name, kind) for name, kind in _drop_parts(found).items()]


def _split_name(match: re.Match[str]) -> list[tuple[str, int]]:
    """The names of one run of capitals, with their places: "Mike Powell of Dresdner" is two, "Bank of England" one."""
    text, start = match.group(), match.start()
    if " of " in text:
        left, right = text.split(" of ", 1)
        if not (_ORGANISATION.search(left) or left.split()[-1] in _OF_HEADS):
            return [*_trim(left, start), *_trim(right, start + len(left) + 4)]
    return _trim(text, start)


def _trim(text: str, start: int) -> list[tuple[str, int]]:
    # An honorific or a sentence's first word ("But Blair") is no part of the name.
    words = text.split()
    while words and (plain_word(words[0]) in STOPWORDS or _HONORIFIC.match(words[0])):
        start += text.index(words[0]) + len(words[0])
        text = text[text.index(words[0]) + len(words[0]) :]
        words = words[1:]
    return [(" ".join(words).rstrip("."), start)] if words else []


def _tell_kind(name: str, before: str) -> str | None:
    if _ORGANISATION.search(name):
        return "organisation"
    return "person" if _BEFORE_PERSON.search(before) else None


def _drop_parts(found: dict[str, str | None]) -> dict[str, str | None]:
    """Without names that are the last word of a longer one ("Blair" beside "Tony Blair"), whose kind they may tell."""
    kept = dict(found)
    for name in found:
        longer = next((other for other in found if other.endswith(f" {name}")), None)
        if longer is not None:
            kept[longer] = kept.get(longer) or found[name]
            kept.pop(name, None)
    return kept
