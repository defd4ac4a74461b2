"""What a profile says of the kind of text its user wants, beside the subject: long or short, the latest, words to avoid.

English wording, by rules: what the rules don't know gives no value. A profile is read once; an item's words only where
somebody avoids something. Time O(characters of the profiles, and of the texts of the pairs of those who avoid words).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from tasks.ranking.feature import Feature
from tasks.ranking.inputs import FloatVector, PairRows

PROFILE_FEATURES: tuple[Feature, ...] = (
    Feature(
        "length_match",
        "the profile's taste for long (1) or short (-1) texts, times the text's place by length, from -1 to 1",
        "users, items",
        "the profile says so",
        1,
    ),
    Feature(
        "recency_match",
        "the item's place by publication, from -1 (the oldest) to 1, where the profile asks for the latest",
        "users, items",
        "the profile says so, published_at is known",
        1,
    ),
    Feature(
        "avoided_words",
        "words that the profile avoids and that stand in the title or the text",
        "users, items",
        "the profile avoids something",
        -1,
    ),
)

_LONG = (
    r"long(?:er|[ -]?reads?|[ -]form)?\b(?!\s+(?:been|ago|since))|in[ -]depth|into depth|detailed|thorough|background\b"
)
_SHORT = r"short(?:er)?\b|brief|quick summar|concise|to the point|little time"
_LENGTH = re.compile(rf"\b(?:(?P<long>{_LONG})|(?P<short>{_SHORT}))", re.IGNORECASE)
_LATEST = re.compile(
    r"\b(?:latest|newest|most recent|breaking news|up to date|new (?:today|each day|this week))\b", re.IGNORECASE
)
_AVOIDS = re.compile(
    r"""\b(?:avoids?|dislikes?|hates?|skips?|ignores?|(?:no|little)\s+(?:interest\s+in|patience\s+(?:for|with)|time\s+for)
      |(?:does|do)(?:\s+not|n['’]t)\s+(?:like|want|care\s+(?:for|about)|enjoy|read|follow)
      |never\s+(?:reads?|follows?|watch(?:es)?)|tired\s+of)\s+(?P<what>[^.;!?\n]+)""",
    re.IGNORECASE | re.VERBOSE,
)
_BUT = re.compile(
    r"\b(?:but|except|because|while|although|unless|when|if|as soon as|likes?|loves?|reads)\b", re.IGNORECASE
)
_WORD = re.compile(r"\w\w\w+")
_EMPTY = frozenset(
    [
        "about",
        "all",
        "altogether",
        "and",
        "any",
        "anything",
        "avoids",
        "does",
        "for",
        "from",
        "has",
        "her",
        "him",
        "into",
        "more",
        "news",
        "not",
        "nothing",
        "of",
        "out",
        "over",
        "read",
        "skips",
        "stories",
        "story",
        "text",
        "the",
        "them",
        "to",
        "too",
        "want",
        "with",
    ]
)


def profile_columns(
    profiles: Sequence[str],
    titles: Sequence[str],
    texts: Sequence[str],
    rows: PairRows,
    *,
    length_places: FloatVector,
    age_places: FloatVector,
) -> dict[str, FloatVector]:
    """The columns of PROFILE_FEATURES, one value a pair; NaN where the profile says nothing.

    profiles: (u,) texts of the shard's users. titles, texts: (n,) of the index's items. length_places, age_places: (n,) what
    places_of gives for the texts' lengths and for the days of publication.
    """
    length = np.array([read_length_taste(profile) for profile in profiles], dtype=np.float64)
    latest = np.array([1.0 if _LATEST.search(profile) else np.nan for profile in profiles], dtype=np.float64)
    return {
        "length_match": length[rows.users] * length_places[rows.items],
        "recency_match": latest[rows.users] * age_places[rows.items],
        "avoided_words": _count_avoided([read_avoided_words(profile) for profile in profiles], titles, texts, rows),
    }


def read_length_taste(profile: str) -> float:
    """1: long texts, -1: short ones, NaN: not said; of several words the first counts.

    >>> read_length_taste("Prefers thorough pieces to short notices.")
    1.0
    """
    found = _LENGTH.search(profile)
    return float("nan") if found is None else 1.0 if found["long"] else -1.0


def read_avoided_words(profile: str) -> frozenset[str]:
    """The words, in lower case, of what the profile says is avoided.

    >>> sorted(read_avoided_words("Follows chess. Has no patience for rugby and skips golf, but likes tennis."))
    ['golf', 'rugby']
    """
    parts = [_BUT.split(match["what"])[0] for match in _AVOIDS.finditer(profile)]
    return frozenset(word for part in parts for word in _WORD.findall(part.lower())) - _EMPTY


def _count_avoided(
    avoided: Sequence[frozenset[str]], titles: Sequence[str], texts: Sequence[str], rows: PairRows
) -> FloatVector:
    counts = np.full(len(rows), np.nan)
    wanted = frozenset().union(*avoided)
    concerned = np.flatnonzero(np.array([bool(words) for words in avoided], dtype=np.bool_)[rows.users])
    found: dict[int, frozenset[str]] = {}
    for row in concerned.tolist():
        item = int(rows.items[row])
        if item not in found:
            found[item] = wanted & set(_WORD.findall(f"{titles[item]} {texts[item]}".lower()))
        counts[row] = len(avoided[int(rows.users[row])] & found[item])
    return counts
