"""Pairs of near items as a form of the engine: are the two the same thing, and do they belong to the same subject?

Building reads prompts/similar.md; the rest is pure. Time O(text).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from tasks.labelers.openai_forms import Measure, PromptForm, show_item
from tasks.labelers.openai_schemas import SimilarReply
from tasks.labelers.protocol import PairQuestion, SimilarAnswer
from tasks.llm.errors import InvalidReplyError
from tasks.llm.logprobs import Values
from tasks.llm.prompts import PromptTemplate, load_prompt
from tasks.llm.redact import NO_REDACTION, Redaction
from tasks.llm.schema import build_schema

SimilarForm = PromptForm[PairQuestion, SimilarReply, SimilarAnswer]


def build_similar_form(
    prompts_dir: Path, *, redaction: Redaction = NO_REDACTION, is_measured: bool = False
) -> SimilarForm:
    """Compare pairs. The cosine is not sent: the model is to look for itself."""
    file = load_prompt(prompts_dir / "similar.md")
    template = PromptTemplate(file, schema=build_schema(SimilarReply, {}), shared={}, redaction=redaction)

    def describe(pair: PairQuestion) -> Mapping[str, Any]:
        return {"a": show_item(redaction, pair.a), "b": show_item(redaction, pair.b)}

    def convert(reply: SimilarReply, pair: PairQuestion) -> SimilarAnswer:
        if reply.is_similar != (reply.probability >= 0.5) and reply.probability != 0.5:
            verdict = str(reply.is_similar).lower()
            raise InvalidReplyError(
                f"answer {reply.number}: is_similar {verdict} contradicts probability {reply.probability:g}, "
                "which is the probability that the two are similar"
            )
        # What is the same thing is of the same subject, whatever the model says of that.
        is_same_topic = reply.is_similar or reply.same_topic
        return SimilarAnswer(reply.is_similar, reply.probability, reply.reason, is_same_topic)

    measure = Measure("is_similar", confide_similar) if is_measured else None
    return PromptForm(template, SimilarReply, describe, convert, tokens_per_answer=50, measure=measure)


def confide_similar(answer: SimilarAnswer, values: Values) -> SimilarAnswer:
    """The answer with the probability that the two are similar, by that of its verdict; never against the verdict.

    >>> confide_similar(SimilarAnswer(False, 0.2, ""), (("false", 0.75),)).confidence
    0.25
    """
    if not values:
        return answer
    share = max(0.5, values[0][1])
    return replace(answer, confidence=round(share if answer.is_similar else 1 - share, 6))
