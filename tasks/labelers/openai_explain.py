"""Explanations of recommendations as a form of the engine: one or two sentences, checked against what is known.

Pure once built; building reads prompts/explain.md. What an explanation names and nothing carries is noted with it, and who
serves it takes the template instead; it is not asked again, for the same question would bring the same answer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from tasks.labelers.explaining import QUOTED, check_explanation, list_sources
from tasks.labelers.openai_forms import PromptForm, redact, show_item, show_user
from tasks.labelers.openai_ranking import NOTHING_KNOWN
from tasks.labelers.protocol import ExplainQuestion, Explanation
from tasks.labelers.sentences import split_sentences
from tasks.llm.errors import InvalidReplyError
from tasks.llm.hostile import Data
from tasks.llm.prompts import PromptTemplate, load_prompt
from tasks.llm.redact import NO_REDACTION, Redaction
from tasks.llm.schema import MaybeWords, NumberedAnswer, Words, build_schema

MAX_SENTENCES = 2
MAX_WORDS = 70

FACTS = ("reason", "content", "popularity", "diversity", "time")


class ExplainReply(NumberedAnswer):
    """Why one item is recommended to the person."""

    explanation: Annotated[Words, Field(description="one or two sentences to the reader")]
    content: Annotated[MaybeWords, Field(description="a few words on what in the item suits, or nothing")]
    popularity: Annotated[MaybeWords, Field(description="a few words on what others made of it, or nothing")]
    diversity: Annotated[MaybeWords, Field(description="a few words on what it adds to the list, or nothing")]
    time: Annotated[MaybeWords, Field(description="a few words on why it is timely, or nothing")]


ExplainForm = PromptForm[ExplainQuestion, ExplainReply, Explanation]


def build_explain_form(prompts_dir: Path, *, redaction: Redaction = NO_REDACTION) -> ExplainForm:
    """Explain items to one user; all questions of a request are about the same one."""
    file = load_prompt(prompts_dir / "explain.md")
    template = PromptTemplate(file, schema=build_schema(ExplainReply, {}), shared={}, redaction=redaction)

    def describe(question: ExplainQuestion) -> Mapping[str, Any]:
        item = question.item
        facts = {name: redact(redaction, question.facts[name]) for name in FACTS if name in question.facts}
        return {
            "item": show_item(redaction, item, topics=(item.topic,) if item.topic else ()),
            "facts": Data.of(**facts),
        }

    def share(questions: Sequence[ExplainQuestion]) -> Mapping[str, Any]:
        return {"profile": show_user(redaction, questions[0].user) or NOTHING_KNOWN}

    def convert(reply: ExplainReply, question: ExplainQuestion) -> Explanation:
        _check_length(reply)
        explanation = Explanation(
            text=reply.explanation,
            content=reply.content or None,
            popularity=reply.popularity or None,
            diversity=reply.diversity or None,
            time=reply.time or None,
        )
        shown = [redact(redaction, text) for text in list_sources(question)] if redaction else []
        return check_explanation(explanation, question, also_shown=shown)

    return PromptForm(
        template, ExplainReply, describe, convert, tokens_per_answer=110, share=share, group_of=lambda one: one.user.key
    )


def _check_length(reply: ExplainReply) -> None:
    # A quoted title may hold what looks like the end of a sentence.
    n_sentences = len(split_sentences(QUOTED.sub("it", reply.explanation)))
    n_words = len(re.findall(r"\w+", reply.explanation))
    if n_sentences > MAX_SENTENCES or n_words > MAX_WORDS:
        raise InvalidReplyError(
            f"answer {reply.number}: the explanation has {n_sentences} sentences and {n_words} words; write one or two"
            f" sentences, at most {MAX_WORDS} words"
        )
