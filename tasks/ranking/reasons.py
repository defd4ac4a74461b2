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

from collections.abc import Callable, Mapping
from typing import Any

import polars as pl

from tasks.ranking.evidence import EVIDENCE, Evidence

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

Rule = Callable[[str], pl.Expr]
"""From the verb to what is said of a row of evidence; null where the rule does not apply."""


def write_reasons(evidence: pl.DataFrame, *, verb: str = "read") -> pl.DataFrame:
    """COLUMNS, one row each of evidence (see EVIDENCE); the four fields may be null. verb: what users do with items."""
    names = [f"rule_{place}" for place in range(len(RULES))]
    said = evidence.select(rule(verb).alias(name) for name, (_, rule) in zip(names, RULES, strict=True))
    fields = [
        pl.coalesce([name for name, (of, _) in zip(names, RULES, strict=True) if of == field]).alias(f"reason_{field}")
        for field in FIELDS
    ]
    return said.select(pl.coalesce([*names, pl.lit(LAST_RESORT)]).alias("reason"), *fields)


def write_reason(evidence: Evidence, *, verb: str = "read") -> str:
    """One sentence; see the module's table.

    >>> write_reason(Evidence(nearest_title="Probe lands on comet", nearest_cosine=0.7))
    'because you read "Probe lands on comet"'
    """
    return str(_write_one(evidence, verb)["reason"])


def write_fields(evidence: Evidence, *, verb: str = "read") -> dict[str, str | None]:
    """By field, the first line that applies, or None."""
    said = _write_one(evidence, verb)
    return {name: said[f"reason_{name}"] for name in FIELDS}


def _write_one(evidence: Evidence, verb: str) -> dict[str, Any]:
    row = pl.DataFrame([{**vars(evidence), "sources": list(evidence.sources)}], schema=EVIDENCE)
    return write_reasons(row, verb=verb).row(0, named=True)


def _explored(verb: str) -> pl.Expr:
    is_new = _is_said("topic") & (pl.col("topic_share") < FOLLOWED)
    different = pl.format("something different: {}", "topic")
    said = pl.when(is_new).then(different).otherwise(pl.lit("picked at random, for a change"))
    return pl.when("is_explored").then(said)


def _continued(verb: str) -> pl.Expr:
    return _related(CONTINUATIONS)


def _made_by(verb: str) -> pl.Expr:
    return _related(MAKERS)


def _related(told: Mapping[str, str]) -> pl.Expr:
    said = pl.col("relation").replace_strict(told, default=None, return_dtype=pl.String)
    return pl.when(said.is_not_null() & _is_said("related_title")).then(
        pl.format('{} "{}"', said, _shorten("related_title"))
    )


def _interest(verb: str) -> pl.Expr:
    return pl.when(_is_said("interest")).then(pl.format('matches your interest "{}"', "interest"))


def _aspect(verb: str) -> pl.Expr:
    return pl.when(_is_said("aspect") & _is_said("aspect_text")).then(
        pl.format("{}: {}", "aspect", _shorten("aspect_text"))
    )


def _near(verb: str) -> pl.Expr:
    is_near = _is_least("nearest_cosine", NEAR) & _is_said("nearest_title")
    return pl.when(is_near).then(pl.format('because you {} "{}"', pl.lit(verb), _shorten("nearest_title")))


def _also_bought(verb: str) -> pl.Expr:
    is_bought = (pl.col("relation") == "also_bought") & _is_said("related_title")
    done = pl.lit(verb)
    return pl.when(is_bought).then(pl.format('others who {} "{}" {} this too', done, _shorten("related_title"), done))


def _topic(verb: str) -> pl.Expr:
    is_followed = _is_said("topic") & (pl.col("topic_share") >= FOLLOWED)
    return pl.when(is_followed).then(pl.format("a topic you follow: {}", "topic"))


def _content_source(verb: str) -> pl.Expr:
    return pl.coalesce(_spoken_for(CONTENT_SOURCES))


def _co_choice_source(verb: str) -> pl.Expr:
    return pl.coalesce(_spoken_for(CO_CHOICE_SOURCES))


def _words(verb: str) -> pl.Expr:
    return pl.coalesce(_spoken_for({"bm25": "shares words with what you like"}))


def _spoken_for(told: Mapping[str, str]) -> list[pl.Expr]:
    return [pl.when(_is_from(source)).then(pl.lit(said)) for source, said in told.items()]


def _recent(verb: str) -> pl.Expr:
    return pl.when(_is_most("recent_place", POPULAR)).then(_in_topic("popular these days"))


def _segment(verb: str) -> pl.Expr:
    return pl.when(_is_said("segment")).then(pl.format("popular with {}", "segment"))


def _popular(verb: str) -> pl.Expr:
    is_popular = (pl.col("popularity") > 1.0 - POPULAR) & _is_from("popularity")
    return pl.when(is_popular).then(pl.lit("popular now"))


def _this_week(verb: str) -> pl.Expr:
    return pl.when(_is_most("age_days", WEEK) & (pl.col("age_days") >= 0.0)).then(_in_topic("new this week"))


def _this_month(verb: str) -> pl.Expr:
    is_new = _is_most("age_days", MONTH) & (pl.col("age_days") >= 0.0) & _is_from("new_arrivals")
    return pl.when(is_new).then(_in_topic("new this month"))


def _only(verb: str) -> pl.Expr:
    return pl.when(pl.col("is_only_of_topic") & _is_said("topic")).then(
        pl.format("the only one on {} in your list", "topic")
    )


def _in_topic(said: str) -> pl.Expr:
    return pl.when(_is_said("topic")).then(pl.format(f"{said} in {{}}", "topic")).otherwise(pl.lit(said))


def _is_said(name: str) -> pl.Expr:
    return pl.col(name).is_not_null() & (pl.col(name) != "")


def _is_from(source: str) -> pl.Expr:
    return pl.col("sources").list.contains(source)


def _is_least(name: str, least: float) -> pl.Expr:
    # NaN is above everything to polars, and here it says that nothing is known.
    return pl.col(name).is_not_nan() & (pl.col(name) >= least)


def _is_most(name: str, most: float) -> pl.Expr:
    return pl.col(name).is_not_nan() & (pl.col(name) <= most)


def _shorten(name: str) -> pl.Expr:
    flat = pl.col(name).str.replace_all(r"[\s\x1c-\x1f]+", " ").str.strip_chars(" ")
    cut = pl.format("{}…", flat.str.slice(0, MAX_WORDS - 1).str.strip_chars_end(" "))
    return pl.when(flat.str.len_chars() <= MAX_WORDS).then(flat).otherwise(cut)


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
