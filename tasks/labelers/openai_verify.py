"""A second look at enrichments: a model says which claims their item does not carry.

Reads prompts/verify.md and the reply store, writes the reply store, talks to the endpoint. Memory O(CHUNK items).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from tasks.labelers.grounding import SHOWN_CHARS, Claim, list_claims
from tasks.labelers.openai_forms import PromptForm, redact, show_item
from tasks.labelers.protocol import (
    Enrichment,
    ExplainQuestion,
    Explanation,
    Failure,
    ItemText,
    JudgeAnswer,
    JudgeQuestion,
    Labeler,
    PairQuestion,
    RankAnswer,
    RankQuestion,
    Reply,
    RewriteAnswer,
    RewriteQuestion,
    SimilarAnswer,
    Task,
    TopicAnswer,
    Usage,
)
from tasks.llm.engine import Engine
from tasks.llm.errors import InvalidReplyError
from tasks.llm.hostile import Data, neutralise
from tasks.llm.prompts import PROMPTS_DIR, PromptTemplate, load_prompt
from tasks.llm.redact import NO_REDACTION, Redaction
from tasks.llm.schema import Number, NumberedAnswer, Words, build_schema

CHUNK = 64
ITEMS_PER_REQUEST = 2


class VerifyReply(NumberedAnswer):
    """The verdict on the claims about one item."""

    reason: Annotated[Words, Field(description="one short sentence")]
    not_carried: Annotated[list[Number], Field(description="the numbers of the claims that the item does not carry")]


@dataclass(frozen=True)
class VerifyQuestion:
    """Which of these claims does the item not carry?"""

    item: ItemText
    claims: tuple[Claim, ...]


VerifyForm = PromptForm[VerifyQuestion, VerifyReply, tuple[Claim, ...]]


def build_verify_form(prompts_dir: Path, *, redaction: Redaction = NO_REDACTION) -> VerifyForm:
    """Check the claims about items; the answer is those that the item does not carry, in their order."""
    schema = build_schema(VerifyReply, {})
    template = PromptTemplate(load_prompt(prompts_dir / "verify.md"), schema=schema, shared={}, redaction=redaction)

    def describe(question: VerifyQuestion) -> Mapping[str, Any]:
        lines = [
            f"{place}. {claim.part}: {' '.join(neutralise(redact(redaction, claim.text)).split())}"
            for place, claim in enumerate(question.claims, start=1)
        ]
        return {"claims": Data("\n".join(lines)), "item": show_item(redaction, question.item)}

    return PromptForm(template, VerifyReply, describe, _find_claims, tokens_per_answer=40)


def _find_claims(reply: VerifyReply, question: VerifyQuestion) -> tuple[Claim, ...]:
    n_claims = len(question.claims)
    unknown = [number for number in reply.not_carried if not 1 <= number <= n_claims]
    if unknown:
        raise InvalidReplyError(
            f"answer {reply.number}: not_carried holds {unknown[0]}; the claims are numbered 1 to {n_claims}"
        )
    return tuple(question.claims[number - 1] for number in sorted(set(reply.not_carried)))


class VerifyingLabeler:
    """A Labeler whose enrichments a model looks at again; all else is the labeler's own.

    A verification that brings no answer leaves the enrichment out: its reply is a failure "verify: …".
    """

    def __init__(
        self,
        labeler: Labeler,
        engine: Engine,
        *,
        redaction: Redaction = NO_REDACTION,
        prompts_dir: Path = PROMPTS_DIR,
    ) -> None:
        self.labeler = labeler
        self._engine = engine
        self._form = build_verify_form(prompts_dir, redaction=redaction)

    @property
    def name(self) -> str:
        """Who enriches; who verifies is in the fingerprint."""
        return self.labeler.name

    @property
    def verifier(self) -> str:
        """Who looks again: "openai:gpt-4o-mini"."""
        return f"openai:{self._engine.endpoint.model}"

    def fingerprint(self, task: Task) -> str:
        """The labeler's own; that of enrich with the verifier's server, model, sampling and prompt."""
        own = self.labeler.fingerprint(task)
        if task != "enrich":
            return own
        parts = [own, self._engine.endpoint.identity, self._form.template.hash]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]

    def enrich(self, items: Iterable[ItemText]) -> Iterator[Reply[Enrichment]]:
        """Descriptions with what the verifier does not find in the item among the ungrounded claims."""
        asked: dict[str, ItemText] = {}

        def remember() -> Iterator[ItemText]:
            for item in items:
                asked[item.key] = item
                yield item

        replies = iter(self.labeler.enrich(remember()))
        while chunk := list(islice(replies, CHUNK)):
            yield from self._verify([(asked.pop(reply.key), reply) for reply in chunk])

    def _verify(self, chunk: Sequence[tuple[ItemText, Reply[Enrichment]]]) -> Iterator[Reply[Enrichment]]:
        described: dict[str, tuple[Enrichment, Reply[Enrichment]]] = {}
        questions = []
        for item, reply in chunk:
            claims = tuple(list_claims(reply.answer, {})) if reply.answer else ()
            if reply.answer is None or not claims:
                yield reply
                continue
            described[item.key] = (reply.answer, reply)
            questions.append(VerifyQuestion(item, claims))
        with closing(self._engine.ask(self._form, questions, size=ITEMS_PER_REQUEST)) as outcomes:
            for outcome in outcomes:
                enrichment, reply = described.pop(outcome.question.item.key)
                usage = _add(reply.usage, outcome.usage, outcome.cost_usd)
                if outcome.trouble is not None:
                    failure = Failure(f"verify: {outcome.trouble.reason}", outcome.trouble.raw, outcome.attempts)
                    yield Reply(reply.key, None, failure, usage)
                else:
                    told = add_verdicts(enrichment, outcome.answer or ())
                    yield Reply(reply.key, told, None, usage)

    def label_topics(self, items: Iterable[ItemText]) -> Iterator[Reply[TopicAnswer]]:
        """The labeler's own."""
        return self.labeler.label_topics(items)

    def verify_similar(self, pairs: Iterable[PairQuestion]) -> Iterator[Reply[SimilarAnswer]]:
        """The labeler's own."""
        return self.labeler.verify_similar(pairs)

    def judge(self, pairs: Iterable[JudgeQuestion]) -> Iterator[Reply[JudgeAnswer]]:
        """The labeler's own."""
        return self.labeler.judge(pairs)

    def rank(self, windows: Iterable[RankQuestion]) -> Iterator[Reply[RankAnswer]]:
        """The labeler's own."""
        return self.labeler.rank(windows)

    def rewrite(self, users: Iterable[RewriteQuestion]) -> Iterator[Reply[RewriteAnswer]]:
        """The labeler's own."""
        return self.labeler.rewrite(users)

    def rerank(self, windows: Iterable[RankQuestion]) -> Iterator[Reply[RankAnswer]]:
        """The labeler's own."""
        return self.labeler.rerank(windows)

    def explain(self, questions: Iterable[ExplainQuestion]) -> Iterator[Reply[Explanation]]:
        """The labeler's own."""
        return self.labeler.explain(questions)


def add_verdicts(enrichment: Enrichment, not_carried: Sequence[Claim]) -> Enrichment:
    """The enrichment with claims that a verifier does not find carried; each claim is told once.

    A claim of which the check of names and numbers has already told something is not told again: one entry a claim.
    """
    told = list(enrichment.ungrounded)
    for claim in not_carried:
        entry = f"{claim.part}: {claim.text[:SHOWN_CHARS]!r} is not carried by the text"
        if len(told) < enrichment.n_claims and entry not in told:
            told.append(entry)
    return replace(enrichment, ungrounded=tuple(told))


def _add(one: Usage, other: Any, cost_usd: float) -> Usage:
    return Usage(
        requests=one.requests + other.requests,
        tokens_in=one.tokens_in + other.tokens_in,
        tokens_out=one.tokens_out + other.tokens_out,
        tokens_cached=one.tokens_cached + other.tokens_cached,
        cost_usd=one.cost_usd + cost_usd,
    )
