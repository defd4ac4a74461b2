"""A user's statements as phrases: what they want, with how far that speaks for their reading, and what they avoid. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from tasks.labelers.avoidances import split_summary
from tasks.labelers.protocol import UserText
from tasks.labelers.words import content_stems

KIND_WEIGHTS = {"interest": 1.0, "hobby": 0.9, "summary": 0.8, "skill": 0.6, "job": 0.5}
"""How far a phrase of each kind speaks for what a user wants to read: they stated interests for that, a job not."""


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


@lru_cache(maxsize=10_000)
def _read_fields(
    summary: str, interests: tuple[str, ...], hobbies: tuple[str, ...], skills: tuple[str, ...], job: str
) -> Profile:
    wanted, avoided = split_summary(summary)
    stated = {"interest": interests, "hobby": hobbies, "summary": wanted, "skill": skills, "job": (job,)}
    return Profile(
        wanted=tuple(_make_phrase(kind, text) for kind, texts in stated.items() for text in texts if text.strip()),
        avoided=tuple(_make_phrase("avoided", text) for text in avoided),
    )


def _make_phrase(kind: str, text: str) -> Phrase:
    return Phrase(kind, text.strip(), KIND_WEIGHTS.get(kind, 1.0), frozenset(content_stems(text)))
