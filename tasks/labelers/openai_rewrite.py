"""Users as search texts, as a form of the engine: a profile and what was read lately become queries, needs and avoidances.

Pure once built; building reads prompts/rewrite.md. A question is one person; the persons of a request have nothing to do
with one another. What comes back is only ever embedded and compared with items: it is bounded, not trusted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tasks.labelers.openai_forms import PromptForm, show_user
from tasks.labelers.openai_ranking import NOTHING_KNOWN
from tasks.labelers.openai_schemas import RewriteReply, rewrite_reply
from tasks.labelers.protocol import RewriteAnswer, RewriteQuestion
from tasks.labelers.words import content_words
from tasks.llm.errors import InvalidReplyError
from tasks.llm.prompts import PromptTemplate, load_prompt
from tasks.llm.redact import NO_REDACTION, Redaction
from tasks.llm.schema import build_schema

MAX_QUERY_CHARS = 300
MAX_PHRASE_CHARS = 100
"""Longer texts than these say everything at once, and their vectors nothing."""

RewriteForm = PromptForm[RewriteQuestion, RewriteReply, RewriteAnswer]


def build_rewrite_form(prompts_dir: Path, *, n_queries: int, redaction: Redaction = NO_REDACTION) -> RewriteForm:
    """Write at most n_queries search texts for each person; all titles of a question's history are shown."""
    reply = rewrite_reply(n_queries)
    file = load_prompt(prompts_dir / "rewrite.md")
    template = PromptTemplate(
        file, schema=build_schema(reply, {}), shared={"n_queries": n_queries}, redaction=redaction
    )

    def describe(question: RewriteQuestion) -> Mapping[str, Any]:
        user = question.user
        return {"profile": show_user(redaction, user, n_titles=len(user.history)) or NOTHING_KNOWN}

    return PromptForm(template, reply, describe, read_rewrite, tokens_per_answer=40 + 40 * n_queries)


def read_rewrite(reply: RewriteReply, question: RewriteQuestion) -> RewriteAnswer:
    """The texts, each once. Raises InvalidReplyError for one that is too long, says nothing, or is wanted and avoided."""
    queries = _read_texts(reply.number, "queries", reply.queries, max_chars=MAX_QUERY_CHARS)
    needs = _read_texts(reply.number, "needs", reply.needs, max_chars=MAX_PHRASE_CHARS)
    avoid = _read_texts(reply.number, "avoid", reply.avoid, max_chars=MAX_PHRASE_CHARS)
    wanted = {text.casefold() for text in (*queries, *needs)}
    both = [text for text in avoid if text.casefold() in wanted]
    if both:
        raise InvalidReplyError(
            f"answer {reply.number}: {both[0]!r:.60} is among what to avoid and among what to look for; decide for one"
        )
    return RewriteAnswer(queries, needs, avoid, reply.confidence)


def _read_texts(number: int, name: str, texts: Sequence[str], *, max_chars: int) -> tuple[str, ...]:
    for text in texts:
        if len(text) > max_chars:
            raise InvalidReplyError(
                f"answer {number}: {name} holds a text of {len(text)} characters; write at most {max_chars}"
            )
        if not content_words(text):
            raise InvalidReplyError(
                f"answer {number}: {name} holds {text!r:.60}, which says nothing to search by; name what is looked for"
            )
    return tuple({text.casefold(): text for text in reversed(texts)}.values())[::-1]
