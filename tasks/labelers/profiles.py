"""What a user says they want and what they say they avoid, as phrases. Pure; English wording, by rules.

"Reads about rugby and old churches; avoids celebrity gossip and crime." wants "Reads about rugby and old churches", and
avoids "celebrity gossip" and "crime".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from tasks.labelers.protocol import UserText
from tasks.labelers.sentences import split_sentences
from tasks.labelers.words import content_stems

KIND_WEIGHTS = {"interest": 1.0, "hobby": 0.9, "summary": 0.8, "skill": 0.6, "job": 0.5}
"""How far a phrase of each kind speaks for what a user wants to read: they stated interests for that, a job not."""

_MAX_AVOIDED_WORDS = 6
_VERBS = r"reads?|watch(?:es)?|follows?|plays?|buys?|opens?|clicks? on|listens? to"
_AVOIDING = re.compile(
    rf"""\b(?:
        avoid(?:s|ing)? | (?<!not\s)(?:dislikes? | hates? | detests? | loathes?) | ignor(?:es?|ing) | skips?(?:\s+over)?
      | ca(?:n['’]t|nnot|n\s+not)\s+(?:stand|bear|abide)
      | (?:not|n['’]t|never)\s+(?:really\s+|much\s+|at\s+all\s+)?(?:interested\s+in|into|keen\s+on|a\s+fan\s+of|fond\s+of)
      | (?:does|do)(?:\s+not|n['’]t)\s+(?:like|enjoy|want|care\s+(?:for|about)|bother\s+with|{_VERBS})
      | never\s+(?:{_VERBS})
      | (?:no|little|zero)\s+(?:interest\s+in|time\s+for|patience\s+(?:for|with)|appetite\s+for|taste\s+for)
      | (?:bored|tired|sick|weary|put\s+off)\s+(?:by|with|of)
      | (?:stay(?:s|ing)?|keep(?:s|ing)?)\s+away\s+from | steer(?:s|ing)?\s+clear\s+of | uninterested\s+in | anything\s+but
      | (?:(?<=[.,;:]\s)|(?<=\band\s)|(?<=\bbut\s)|^)no(?=\s+(?!longer\b|matter\b|doubt\b|more\b|one\b|wonder\b))
    )\s+(?P<what>[^.;!?\n]+)""",
    re.IGNORECASE | re.VERBOSE,
)
_STOP = re.compile(
    r"\s*[,–—-]?\s*\b(?:but|except|because|while|although|though|unless|who|which|whenever|when)\b", re.IGNORECASE
)
_SEPARATOR = re.compile(r"\s*(?:,\s*(?:and|or|nor)?|\band\b|\bor\b|\bnor\b|/)\s*", re.IGNORECASE)
_PREFIX = re.compile(
    r"^(?:(?:any|all|most|the|every|too much|anything (?:on|about)|(?:articles?|stories|news|texts?|coverage|items?|books?|films?)"
    r" (?:on|about|of))\s+)+",
    re.IGNORECASE,
)
_SUFFIX = re.compile(r"(?:^|\s+)(?:at all|please|whatsoever|any ?more|of any kind)$", re.IGNORECASE)
_DANGLING = re.compile(r"[\s,;:–—-]*(?:\b(?:but|and|or|she|he|they|i)\b)?[\s,;:.–—-]*$", re.IGNORECASE)
_WANTING = re.compile(
    r"^(?:also\s+)?(?:(?:he|she|they|i)\s+)?(?:loves?|likes?|enjoys?|follows?|reads?|prefers?|wants?|is|are|has|have|works?|collects?"
    r"|plays?|watch(?:es)?)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Phrase:
    """One thing that a user wants or avoids; weight in (0, 1]; stems of its content words."""

    kind: str
    text: str
    weight: float
    stems: frozenset[str]


@dataclass(frozen=True)
class Profile:
    """A user's statements. Both may be empty."""

    wanted: tuple[Phrase, ...]
    avoided: tuple[Phrase, ...]


def read_profile(user: UserText) -> Profile:
    """The phrases of a user's interests, hobbies, skills, job and summary."""
    return _read_fields(user.summary, user.interests, user.hobbies, user.skills, user.job)


def split_summary(summary: str) -> tuple[list[str], list[str]]:
    """(what is wanted: the sentences without avoidances, what is avoided: one phrase each)."""
    avoided: list[str] = []
    wanted = []
    for sentence in split_sentences(summary):
        kept = _cut_avoidances(sentence, avoided)
        if content_stems(kept):
            wanted.append(kept)
    return wanted, avoided


def _cut_avoidances(sentence: str, avoided: list[str]) -> str:
    kept = sentence
    while match := _AVOIDING.search(kept):
        stop = _STOP.search(match["what"])
        end = match.start("what") + (stop.start() if stop else len(match["what"]))
        parts = _SEPARATOR.split(kept[match.start("what") : end])
        positive = next((index for index, part in enumerate(parts) if _WANTING.match(part)), len(parts))
        avoided.extend(phrase for part in parts[:positive] if (phrase := _clean(part)))
        kept = f"{kept[: match.start()]} {', '.join(parts[positive:])} {kept[end:]}"
    return _DANGLING.sub("", " ".join(kept.split()))


def _clean(part: str) -> str:
    words = _SUFFIX.sub("", _PREFIX.sub("", part.strip(" '\"“”‘’.,"))).split()
    return " ".join(words[:_MAX_AVOIDED_WORDS]) if content_stems(" ".join(words)) else ""


@lru_cache(maxsize=10_000)
def _read_fields(
    summary: str, interests: tuple[str, ...], hobbies: tuple[str, ...], skills: tuple[str, ...], job: str
) -> Profile:
    wanted, avoided = split_summary(summary)
    stated = {"interest": interests, "hobby": hobbies, "summary": wanted, "skill": skills, "job": (job,)}
    return Profile(
        wanted=tuple(_make_phrase(kind, text) for kind, texts in stated.items() for text in texts if text.strip()),
        avoided=tuple(_make_phrase("avoided", text) for text in dict.fromkeys(avoided)),
    )


def _make_phrase(kind: str, text: str) -> Phrase:
    return Phrase(kind, text.strip(), KIND_WEIGHTS.get(kind, 1.0), frozenset(content_stems(text)))
