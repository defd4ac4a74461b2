"""Whether a text carries what an enrichment claims of it: its numbers, dates, names, terms and quotations. Pure.

A claim is a sentence of the summary, an aspect, or a keyword. It is ungrounded where something checkable in it stands
nowhere in title, text or author: a number (in any writing), a month or a weekday, a name, a quotation. What can't be checked
so is taken as carried: a wrong verb, or two facts crossed, passes. Where a text leaves room (another form of a name, an
abbreviation, a number that may be read in two ways), the claim has it. Names are those of scripts with capitals; German
gives every noun one, so that there only names of several words count. Time O(text x distinct words of the claims).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from tasks.labelers.names import extract_names
from tasks.labelers.protocol import Enrichment
from tasks.labelers.quantities import known_values, read_quantities
from tasks.labelers.sentences import split_sentences
from tasks.labelers.words import STOPWORDS, split_words

MIN_QUOTED_WORDS = 3
"""Fewer words between quotation marks are a word used with reserve, and no quotation."""

SHOWN_CHARS = 60
SHOWN_FAULTS = 3
_STEM_SHARE = 0.55
_STEM_CHARS = 4
_GERMAN = frozenset(
    ["der", "die", "das", "und", "ist", "nicht", "ein", "eine", "mit", "von", "zu", "den", "dem", "auf", "für"]
)
_GERMAN_SHARE = 0.08
_MONTHS = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
]
_DAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
_MONTH = re.compile(
    rf"\b(?:{'|'.join(name.title() for name in _MONTHS if name != 'may')})\b|\bMay(?=,? \d)|(?<=\d )May\b"
)
_DAY = re.compile(rf"\b(?:{'|'.join(name.title() for name in _DAYS)})s?\b")
_NUMERIC_DATE = re.compile(r"\b\d{1,4}[-./](\d{1,2})[-./]\d{1,4}\b|\b(\d{1,2})/(\d{1,2})/\d{2,4}\b")
# A straight mark opens behind a blank and closes before one: what stands between two quotations is none.
_QUOTED = re.compile(r"(?:[“„«]|(?<![^\s(\[])\"(?=\S))([^\"“”„«»]{8,400})(?:[”“»]|(?<=\S)\"(?!\w))")
_ELISION = re.compile(r"\s*(?:…|\.\.\.|\[…\]|\[\.\.\.\])\s*")
_PLACES = """
    french france spanish spain dutch netherlands dutch holland swiss switzerland irish ireland welsh wales scottish scotland
    scots scotland danish denmark polish poland finnish finland norwegian norway british uk british britain american us
    american usa american america english england greek greece
"""
_DEMONYMS = frozenset(zip(_PLACES.split()[::2], _PLACES.split()[1::2], strict=True))


@dataclass(frozen=True)
class Claim:
    """Something that an enrichment says: where it says it, the words, and what it gives as a quotation ("": nothing)."""

    part: str
    text: str
    quote: str = ""


def check_enrichment(
    enrichment: Enrichment, sources: Sequence[str], *, quotes: Mapping[str, str] | None = None
) -> Enrichment:
    """The enrichment with n_claims and ungrounded filled in, at most one entry a claim.

    sources are title, text and author; quotes maps an aspect to the passage that is said to carry it.
    """
    claims = list_claims(enrichment, quotes or {})
    return replace(enrichment, n_claims=len(claims), ungrounded=tuple(find_ungrounded(claims, sources)))


def list_claims(enrichment: Enrichment, quotes: Mapping[str, str]) -> list[Claim]:
    """What of an enrichment can be checked against the text; themes, mood and audience are the labeler's own words."""
    said = [Claim("summary", sentence) for sentence in split_sentences(enrichment.summary)]
    said += [Claim(f"aspect {name}", words, quotes.get(name, "")) for name, words in enrichment.aspects.items()]
    return [*said, *(Claim("keyword", word) for word in enrichment.keywords)]


def find_ungrounded(claims: Sequence[Claim], sources: Sequence[str]) -> list[str]:
    """The claims that the sources do not carry, in order, each as "summary: 'Paris' is not in the text"."""
    known = _read_source("\n".join(sources))
    told = []
    for claim in claims:
        faults = list(dict.fromkeys(_find_faults(claim, known)))
        if faults:
            shown = ", ".join(repr(fault[:SHOWN_CHARS]) for fault in faults[:SHOWN_FAULTS])
            told.append(f"{claim.part}: {shown} {'is' if len(faults) == 1 else 'are'} not in the text")
    return told


@dataclass(frozen=True)
class _Known:
    """What a source holds, in the forms in which claims are looked up."""

    folded: str
    words: frozenset[str]
    by_start: Mapping[str, tuple[str, ...]]
    initials: str
    values: frozenset[Decimal]
    date_numbers: frozenset[int]
    is_german: bool


def _read_source(text: str) -> _Known:
    written = split_words(text)
    parts = [part for word in written for part in _parts(word)]
    words = frozenset(parts) | {_joined(word) for word in written if not word[0].isdigit()}
    by_start: dict[str, list[str]] = {}
    for word in words:
        by_start.setdefault(word[:_STEM_CHARS], []).append(word)
    dates = [int(number) for match in _NUMERIC_DATE.finditer(text) for number in match.groups() if number]
    n_german = sum(word in _GERMAN for word in parts)
    return _Known(
        folded=fold(text),
        words=words,
        by_start={start: tuple(found) for start, found in by_start.items()},
        initials="".join(word[0].casefold() for word in written if word[0].isupper()),
        values=known_values(text),
        date_numbers=frozenset(dates),
        is_german=n_german >= _GERMAN_SHARE * max(len(parts), 1) > 0,
    )


def _find_faults(claim: Claim, known: _Known) -> Iterator[str]:
    if claim.quote and not _is_quoted(claim.quote, known):
        yield claim.quote
    for match in _QUOTED.finditer(claim.text):
        if len(match.group(1).split()) >= MIN_QUOTED_WORDS and not _is_quoted(match.group(1), known):
            yield match.group(1)
    for quantity in read_quantities(claim.text):
        if not quantity.values & known.values:
            yield quantity.text
    for match in _MONTH.finditer(claim.text):
        if not _has_month(match.group().lower(), known):
            yield match.group()
    for match in _DAY.finditer(claim.text):
        if match.group()[:3].lower() not in known.words and not known.by_start.get(match.group()[:_STEM_CHARS].lower()):
            yield match.group()
    if claim.part == "keyword":
        if not all(_is_known(word, known) for word in split_words(claim.text)):
            yield claim.text
        return
    for name in extract_names(claim.text):
        # "Pod" of "iPod" and "Mbps" of "8Mbps" are no names.
        is_whole = re.search(rf"(?<!\w){re.escape(name.text)}", claim.text) is not None
        if is_whole and not _is_named(name.text, known):
            yield name.text


def _is_named(name: str, known: _Known) -> bool:
    words = [word for word in split_words(name) if word.lower() not in STOPWORDS]
    if known.is_german:
        words = [word for word in words if word.lower() not in _GERMAN]
        if len(words) < 2:
            return True
    if all(_is_known(word, known) for word in words):
        return True
    # "European Union" where the text says EU.
    return len(words) > 1 and "".join(word[0] for word in words).casefold() in known.words


def _is_known(word: str, known: _Known) -> bool:
    """Whether the text has the word, in this or another form, or what it abbreviates."""
    if word.isupper() and 2 <= len(word.replace(".", "")) <= 6 and word.replace(".", "").casefold() in known.initials:
        return True
    return _joined(word) in known.words or all(_is_part_known(part, known) for part in _parts(word))


def _is_part_known(part: str, known: _Known) -> bool:
    if part in known.words or part in STOPWORDS or part.isdigit():
        # Numbers are looked at by their values.
        return True
    if part.endswith("s") and part[:-1] in known.words:
        return True
    alike = (word for word in known.by_start.get(part[:_STEM_CHARS], ()) if _is_other_form(part, word))
    return next(alike, None) is not None or any(
        (part == one and other in known.words) or (part == other and one in known.words) for one, other in _DEMONYMS
    )


def _is_other_form(one: str, other: str) -> bool:
    """ "British" and "Britain", "elections" and "electoral": a long common beginning, and short ends."""
    common = next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    longest = max(len(one), len(other))
    return common >= max(_STEM_CHARS, _STEM_SHARE * longest) and longest - common <= 3


def _has_month(name: str, known: _Known) -> bool:
    if _MONTHS.index(name) + 1 in known.date_numbers:
        return True
    return name in known.words or name[:3] in known.words or (name == "september" and "sept" in known.words)


def _is_quoted(quote: str, known: _Known) -> bool:
    """Whether every part of a quotation stands in the text, one behind the other."""
    place = 0
    for part in filter(None, map(fold, _ELISION.split(quote))):
        found = known.folded.find(part.strip(" .,;:!?'-"), place)
        if found < 0:
            return False
        place = found
    return True


def fold(text: str) -> str:
    """Text as it is compared: one case, plain quotation marks and dashes, no accents, no more blanks than one.

    >>> fold("Café –  no")
    'cafe - no'
    """
    plain = re.sub(r"[\"“”„«»‘’‚‹›`´]", "'", re.sub(r"[‐-―−]", "-", text))
    bare = "".join(char for char in unicodedata.normalize("NFKD", plain) if not unicodedata.combining(char))
    return " ".join(bare.casefold().split())


def _parts(word: str) -> list[str]:
    """A word as it is compared: without its possessive, cut at hyphens and inner points."""
    return [part for part in re.split(r"[-'.]", re.sub(r"'s?$", "", fold(word))) if part]


def _joined(word: str) -> str:
    """The same in one piece: "U.S." is "us", and "e-mail" "email"."""
    return re.sub(r"[-'.]", "", re.sub(r"'s?$", "", fold(word)))
