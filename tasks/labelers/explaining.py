"""Whether an explanation says only what is known: names, numbers and quotations by `grounding`, and what is told of a reader.

The sources are the profile, the titles of the history, the item, and the facts that were given. Beyond `grounding`, every
quotation must stand in one of them word for word, however short (a title of two words is where a model invents); what a
reader is said to have read must be in the history or a fact; popularity and newness need a fact or a source that says so;
and there is no link. English rules. Pure; time O(text x distinct words of the claims).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from tasks.labelers.grounding import Claim, find_ungrounded, fold
from tasks.labelers.protocol import ExplainQuestion, Explanation
from tasks.labelers.sentences import split_sentences

FIELDS = ("content", "popularity", "diversity", "time")
"""All but content need a fact of their name, for no text can carry them."""

QUOTED = re.compile(r"[“„«\"]([^“”„«»\"]{1,300})[”“»\"]|‘([^‘’]{1,300})’")
_DID = (
    "read|watched|saw|seen|heard|bought|liked|loved|enjoyed|finished|followed|played|rated|chose|chosen|picked|visited"
)
_TOLD_OF_READER = re.compile(
    rf"\byou(?:['’]ve)?\s+(?:\w+\s+){{0,2}}?(?:{_DID})\s+(?:\w+\s+){{0,3}}?[“„«\"]([^“”„«»\"]{{1,300}})[”“»\"]",
    re.IGNORECASE,
)
_POPULARITY = re.compile(r"\b(popular\w*|bestsell\w*|trending|acclaimed|viral|favou?rite of)\b", re.IGNORECASE)
_NEWNESS = re.compile(r"\b(new|newest|latest|brand-new|just (?:published|released|out))\b", re.IGNORECASE)
_LINK = re.compile(r"https?:|www\.|<[a-z/]|\]\(", re.IGNORECASE)


def check_explanation(
    explanation: Explanation, question: ExplainQuestion, *, also_shown: Sequence[str] = ()
) -> Explanation:
    """The explanation with n_claims and ungrounded filled in, and without fields for which no fact was given.

    also_shown: the same texts as the labeler saw them, where something was taken out.
    """
    facts = question.facts
    kept = replace(
        explanation,
        popularity=explanation.popularity if "popularity" in facts else None,
        diversity=explanation.diversity if "diversity" in facts else None,
        time=explanation.time if "time" in facts else None,
    )
    fields = [(name, said) for name in FIELDS if (said := getattr(kept, name))]
    parts = [*(("explanation", sentence) for sentence in split_sentences(kept.text)), *fields]
    sources = [*list_sources(question), *also_shown]
    faults = find_ungrounded([Claim(part, said) for part, said in parts], sources)
    # A quotation may go over the end of a sentence.
    found = [*faults, *_find_more([("explanation", kept.text), *fields], question, sources)]
    return replace(kept, n_claims=len(parts), ungrounded=tuple(dict.fromkeys(found)))


def list_sources(question: ExplainQuestion) -> list[str]:
    """Every text that an explanation may draw on."""
    user, item = question.user, question.item
    profile = [user.summary, user.job, *user.interests, *user.hobbies, *user.skills]
    history = [read.title for read in user.history]
    return [text for text in (*profile, *history, item.title, item.text, item.author, *question.facts.values()) if text]


def _find_more(parts: Sequence[tuple[str, str]], question: ExplainQuestion, sources: Sequence[str]) -> Iterator[str]:
    known = [_plain(text) for text in sources]
    read = [_plain(title) for title in _read_titles(question)]
    words = " ".join(known)
    for part, said in parts:
        if _LINK.search(said):
            yield f"{part}: it holds a link or markup"
        for match in QUOTED.finditer(said):
            quoted = match.group(1) or match.group(2)
            if not _stands_in(quoted, known):
                yield f"{part}: {quoted[:60]!r} is quoted and stands in no text"
        for match in _TOLD_OF_READER.finditer(said):
            if not _stands_in(match.group(1), read):
                yield f"{part}: {match.group(1)[:60]!r} is not in the history"
        for name, pattern in (("popularity", _POPULARITY), ("time", _NEWNESS)):
            for match in pattern.finditer(said):
                if name not in question.facts and f" {_plain(match.group())} " not in f" {words} ":
                    yield f"{part}: {match.group()!r} is told without a fact"


def _read_titles(question: ExplainQuestion) -> list[str]:
    """Titles of the history, and those that the facts quote."""
    quoted = [match.group(1) or match.group(2) for fact in question.facts.values() for match in QUOTED.finditer(fact)]
    return [*(item.title for item in question.user.history), *quoted]


def _stands_in(quoted: str, known: Sequence[str]) -> bool:
    """Whether one of the texts has these words in this order; a cut title ends with an ellipsis."""
    words = _plain(quoted)
    return not words or any(f" {words} " in f" {text} " for text in known)


def _plain(text: str) -> str:
    return " ".join(re.findall(r"\w+", fold(text)))
