"""What a model must reply to each task. Fields are written in order: reason before verdict.

The descriptions travel to the model in the JSON schema; the bounds are checked here when the reply comes back.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, create_model

from tasks.llm.schema import Number, NumberedAnswer, Probability, Words

CONFIDENCE = "the probability, from 0 to 1, that a careful colleague would agree"


class AspectWords(BaseModel):
    """What the item says of one aspect."""

    model_config = ConfigDict(frozen=True)

    aspect: Annotated[Words, Field(description="the name of the aspect")]
    words: Annotated[Words, Field(description="a few words that say what it is in this item")]
    quote: Annotated[Words, Field(description="the passage that says so, copied from the item to the letter")]


class _Described(NumberedAnswer):
    """What every description holds."""

    summary: Annotated[Words, Field(description="a few sentences")]
    themes: Annotated[list[Words], Field(min_length=1, max_length=10, description="one to five subjects, best first")]
    mood: Annotated[Words, Field(description="the tone in one or two words")]
    audience: Annotated[Words, Field(description="who would seek this item out, in a few words")]
    keywords: Annotated[list[Words], Field(max_length=20, description="three to eight terms that stand in the item")]


class EnrichReply(_Described):
    """The description of one item."""

    confidence: Annotated[Probability, Field(description=CONFIDENCE)]


class EnrichReplyWithAspects(_Described):
    """The description of one item, with the aspects that the catalog names."""

    aspects: Annotated[list[AspectWords], Field(description="one entry for each aspect that the item speaks of")]
    confidence: Annotated[Probability, Field(description=CONFIDENCE)]


class TopicShare(BaseModel):
    """One topic of the list."""

    model_config = ConfigDict(frozen=True)

    topic: Annotated[Words, Field(description="a name from the list of topics")]
    confidence: Annotated[Probability, Field(description=CONFIDENCE)]


class TopicsReply(NumberedAnswer):
    """The topics of one item."""

    reason: Annotated[Words, Field(description="one short sentence")]
    topics: Annotated[list[TopicShare], Field(max_length=3, description="up to three, best first; empty if none fits")]


class SimilarReply(NumberedAnswer):
    """The verdict on one pair."""

    reason: Annotated[Words, Field(description="one short sentence")]
    is_similar: Annotated[bool, Field(description="whether the two items are similar")]
    probability: Annotated[Probability, Field(description="the probability, from 0 to 1, that they are similar")]
    same_topic: Annotated[bool, Field(description="whether the two items belong to the same subject")]


class JudgeReply(NumberedAnswer):
    """The grade of one item for the person."""

    reason: Annotated[Words, Field(description="one short sentence")]
    relevance: Annotated[Number, Field(ge=0, le=3, description="the grade: 0, 1, 2 or 3")]
    confidence: Annotated[Probability, Field(description=CONFIDENCE)]


class RankReply(NumberedAnswer):
    """The order of one list of items for the person."""

    reason: Annotated[Words, Field(description="one short sentence")]
    order: Annotated[
        list[Number], Field(description="the numbers of all items of the list, best first, each exactly once")
    ]
    confidence: Annotated[Probability, Field(description=CONFIDENCE)]


class RewriteReply(NumberedAnswer):
    """One person as search texts; see `rewrite_reply`, which bounds how many."""

    needs: Annotated[list[Words], Field(max_length=5, description="from 0 to 5 wishes that follow and are not stated")]
    queries: Annotated[list[Words], Field(min_length=1, description="search texts, the most telling first")]
    avoid: Annotated[list[Words], Field(max_length=5, description="from 0 to 5 things that the person does not want")]
    confidence: Annotated[Probability, Field(description=CONFIDENCE)]


def rewrite_reply(n_queries: int) -> type[RewriteReply]:
    """The reply with at most n_queries search texts, as the schema tells it and the check holds it."""
    told = f"from 1 to {n_queries} search texts, the most telling first"
    queries = Field(min_length=1, max_length=n_queries, description=told)
    return create_model("RewriteReply", __base__=RewriteReply, queries=(list[Words], queries))
