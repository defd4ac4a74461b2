"""Why an item is recommended: one sentence a row, and what speaks for it by content, popularity, diversity and time.

A reason claims nothing that was not looked up (see `evidence`): a title stands in the user's liked history, an interest
in the profile and its words in the item's text, a topic in both the item's labels and the user's history. What is said
first is what can be checked best, whatever the ranker made of it; so the sentence is that of the first row that applies:

    something different: food                  drawn at random for a slot of exploration; the topic is not followed
    picked at random, for a change             drawn at random; the topic is followed, or there is none
    the next part after "Dune"                 relation to a liked item: sequel, series ("same series as ..."), same_story
    matches your interest "astronomy"          all words of the interest stand in the item's text
    theme: exile and memory                    proposed by the source aspects, score >= ASPECT_NEAR; words of the enrichment
    because you read "Probe lands on comet"    a liked item of the history lies near (cosine >= NEAR)
    by the author of "Dune"                    relation to a liked item: author, brand ("same brand as ...")
    others who read "Dune" read this too       relation also_bought to a liked item
    a topic you follow: science                the topic is the item's first and has FOLLOWED of the user's history
    close to your profile                      and the like: the source has it among its first STRONG_PLACES
    popular these days in sport                among the first POPULAR of the recently chosen; the topic is the item's first
    popular with students                      in the top fifth of the segment of a user without history
    popular now                                in the top POPULAR of the catalog, found by the source popularity
    new this week in tech                      published at most 7 days ago
    new this month                             published at most 30 days ago, found as a new arrival
    the only one on food in your list          no other item of the list has this first topic
    chosen to complete your list               nothing of the above

Each line belongs to one of the four fields; a field holds its own first line, and is null without one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import polars as pl

from tasks.ranking.evidence import Evidence

NEAR = 0.45
FOLLOWED = 0.2
POPULAR = 0.05
WEEK, MONTH = 7.0, 31.0
MAX_WORDS = 80
"""Characters of a title or an aspect that a reason shows."""

FIELDS = ("content", "popularity", "diversity", "time")
COLUMNS = ("reason", *(f"reason_{name}" for name in FIELDS))
LAST_RESORT = "chosen to complete your list"
CONTINUATIONS = {"sequel": "the next part after", "series": "same series as", "same_story": "more on the story of"}
MAKERS = {"author": "by the author of", "brand": "same brand as"}
CONTENT_SOURCES = {
    "rewritten_query": "fits what you seem to look for",
    "dense_profile": "close to your profile",
}
CO_CHOICE_SOURCES = {
    "collaborative": "chosen by people who like what you like",
    "item_to_item": "often chosen with what you like",
}

Rule = Callable[[Evidence, str], str | None]


def write_reasons(evidence: Sequence[Evidence], *, verb: str = "read") -> pl.DataFrame:
    """COLUMNS, one row each; the four fields may be null. verb: what users do with items ("because you watched ...")."""
    rows = [(write_reason(one, verb=verb), *write_fields(one, verb=verb).values()) for one in evidence]
    return pl.DataFrame(rows, schema=dict.fromkeys(COLUMNS, pl.String), orient="row")


def write_reason(evidence: Evidence, *, verb: str = "read") -> str:
    """One sentence; see the module's table.

    >>> write_reason(Evidence(nearest_title="Probe lands on comet", nearest_cosine=0.7))
    'because you read "Probe lands on comet"'
    """
    return next((said for _, rule in RULES if (said := rule(evidence, verb))), LAST_RESORT)


def write_fields(evidence: Evidence, *, verb: str = "read") -> dict[str, str | None]:
    """By field, the first line that applies, or None."""
    return {
        name: next((said for field, rule in RULES if field == name and (said := rule(evidence, verb))), None)
        for name in FIELDS
    }


def _explored(evidence: Evidence, verb: str) -> str | None:
    if not evidence.is_explored:
        return None
    is_new = evidence.topic and evidence.topic_share < FOLLOWED
    return f"something different: {evidence.topic}" if is_new else "picked at random, for a change"


def _continued(evidence: Evidence, verb: str) -> str | None:
    return _related(evidence, CONTINUATIONS)


def _made_by(evidence: Evidence, verb: str) -> str | None:
    return _related(evidence, MAKERS)


def _related(evidence: Evidence, told: Mapping[str, str]) -> str | None:
    said = told.get(evidence.relation or "")
    return f'{said} "{_shorten(evidence.related_title)}"' if said and evidence.related_title else None


def _interest(evidence: Evidence, verb: str) -> str | None:
    return f'matches your interest "{evidence.interest}"' if evidence.interest else None


def _aspect(evidence: Evidence, verb: str) -> str | None:
    return f"{evidence.aspect}: {_shorten(evidence.aspect_text)}" if evidence.aspect and evidence.aspect_text else None


def _near(evidence: Evidence, verb: str) -> str | None:
    is_near = evidence.nearest_cosine >= NEAR
    return f'because you {verb} "{_shorten(evidence.nearest_title)}"' if evidence.nearest_title and is_near else None


def _also_bought(evidence: Evidence, verb: str) -> str | None:
    if evidence.relation != "also_bought" or not evidence.related_title:
        return None
    return f'others who {verb} "{_shorten(evidence.related_title)}" {verb} this too'


def _topic(evidence: Evidence, verb: str) -> str | None:
    is_followed = evidence.topic_share >= FOLLOWED
    return f"a topic you follow: {evidence.topic}" if evidence.topic and is_followed else None


def _content_source(evidence: Evidence, verb: str) -> str | None:
    return next((said for source, said in CONTENT_SOURCES.items() if source in evidence.sources), None)


def _co_choice_source(evidence: Evidence, verb: str) -> str | None:
    return next((said for source, said in CO_CHOICE_SOURCES.items() if source in evidence.sources), None)


def _words(evidence: Evidence, verb: str) -> str | None:
    return "shares words with what you like" if "bm25" in evidence.sources else None


def _recent(evidence: Evidence, verb: str) -> str | None:
    return _in_topic("popular these days", evidence) if evidence.recent_place <= POPULAR else None


def _segment(evidence: Evidence, verb: str) -> str | None:
    return f"popular with {evidence.segment}" if evidence.segment else None


def _popular(evidence: Evidence, verb: str) -> str | None:
    is_popular = evidence.popularity > 1.0 - POPULAR and "popularity" in evidence.sources
    return "popular now" if is_popular else None


def _this_week(evidence: Evidence, verb: str) -> str | None:
    return _in_topic("new this week", evidence) if 0.0 <= evidence.age_days <= WEEK else None


def _this_month(evidence: Evidence, verb: str) -> str | None:
    is_new = 0.0 <= evidence.age_days <= MONTH and "new_arrivals" in evidence.sources
    return _in_topic("new this month", evidence) if is_new else None


def _only(evidence: Evidence, verb: str) -> str | None:
    return f"the only one on {evidence.topic} in your list" if evidence.is_only_of_topic else None


def _in_topic(said: str, evidence: Evidence) -> str:
    return f"{said} in {evidence.topic}" if evidence.topic else said


def _shorten(text: str | None) -> str:
    flat = " ".join((text or "").split())
    return flat if len(flat) <= MAX_WORDS else flat[: MAX_WORDS - 1].rstrip() + "…"


RULES: tuple[tuple[str, Rule], ...] = (
    ("diversity", _explored),
    ("content", _continued),
    ("content", _interest),
    ("content", _aspect),
    ("content", _near),
    ("content", _made_by),
    ("popularity", _also_bought),
    ("content", _topic),
    ("content", _content_source),
    ("popularity", _co_choice_source),
    ("content", _words),
    ("popularity", _recent),
    ("popularity", _segment),
    ("popularity", _popular),
    ("time", _this_week),
    ("time", _this_month),
    ("diversity", _only),
)
