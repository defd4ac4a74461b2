"""The labeler that asks a language model behind any OpenAI-compatible endpoint.

Reads the prompt files and the reply store, writes the reply store, talks to the endpoint. It holds the key it is
handed and takes nothing from the environment.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from pydantic import SecretStr

from tasks.contracts.errors import ConfigError
from tasks.labelers.openai_forms import (
    EnrichForm,
    JudgeForm,
    PromptForm,
    SimilarForm,
    TopicsForm,
    build_enrich_form,
    build_judge_form,
    build_similar_form,
    build_topics_form,
)
from tasks.labelers.protocol import (
    Enrichment,
    Failure,
    ItemText,
    JudgeAnswer,
    JudgeQuestion,
    PairQuestion,
    Reply,
    SimilarAnswer,
    Task,
    TopicAnswer,
    TopicDefinition,
    Usage,
)
from tasks.llm.batch.run import BatchDesk
from tasks.llm.budget import Budget
from tasks.llm.cache import ReplyStore
from tasks.llm.engine import Engine
from tasks.llm.estimate import Estimate
from tasks.llm.form import Form, Outcome
from tasks.llm.prompts import PROMPTS_DIR, PromptTemplate
from tasks.llm.rates import RateWindow
from tasks.llm.redact import NO_REDACTION, Redaction
from tasks.llm.types import Endpoint

Q = TypeVar("Q", ItemText, PairQuestion, JudgeQuestion)
A = TypeVar("A", Enrichment, TopicAnswer, SimilarAnswer, JudgeAnswer)

QUESTIONS_PER_REQUEST: Mapping[Task, int] = {"enrich": 2, "topics": 5, "similar": 5, "judge": 5}


class OpenAILabeler:
    """Answers the four questions by asking `endpoint`; a Labeler.

    store is where paid replies are kept, None for the life of the labeler only. budget is what may still be spent, window
    where requests per minute are counted (both None: for this labeler alone, without a limit of ours), desk where
    batches are noted; an endpoint of mode "batch" needs one. redaction is applied to every text of others.
    questions_per_request overrides the defaults by task; it is no part of the fingerprint, because batches differ in
    size within a run anyway.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        api_key: SecretStr | None = None,
        taxonomy: Sequence[TopicDefinition] = (),
        aspects: Sequence[str] = (),
        store: ReplyStore | None = None,
        budget: Budget | None = None,
        window: RateWindow | None = None,
        desk: BatchDesk | None = None,
        redaction: Redaction = NO_REDACTION,
        questions_per_request: Mapping[Task, int] | None = None,
        prompts_dir: Path = PROMPTS_DIR,
        seed: int = 0,
    ) -> None:
        self._engine = Engine(
            endpoint, api_key=api_key, store=store, budget=budget, window=window, desk=desk, seed=seed
        )
        self._redaction = redaction
        self._taxonomy = tuple(taxonomy)
        self._aspects = tuple(aspects)
        self._sizes = {**QUESTIONS_PER_REQUEST, **(questions_per_request or {})}
        self._prompts_dir = prompts_dir
        for task, size in self._sizes.items():
            if task not in QUESTIONS_PER_REQUEST or size < 1:
                known = ", ".join(QUESTIONS_PER_REQUEST)
                raise ConfigError(f"questions_per_request {task!r} = {size}; give a number from 1 for one of {known}")

    @property
    def name(self) -> str:
        """Who answers, as it stands in every row: "openai:gpt-4o-mini"."""
        return f"openai:{self._engine.endpoint.model}"

    def fingerprint(self, task: Task) -> str:
        """16 hex digits of server, model, sampling, prompt (with taxonomy and aspects) and reply schema."""
        parts = [self._engine.endpoint.identity, self.template(task).hash]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]

    def enrich(self, items: Iterable[ItemText]) -> Iterator[Reply[Enrichment]]:
        """A description of every item, as they come in."""
        return self._ask("enrich", self._enrich_form, items)

    def label_topics(self, items: Iterable[ItemText]) -> Iterator[Reply[TopicAnswer]]:
        """The topics of every item, as they come in; raises ConfigError without a taxonomy."""
        return self._ask("topics", self._topics_form, items)

    def verify_similar(self, pairs: Iterable[PairQuestion]) -> Iterator[Reply[SimilarAnswer]]:
        """A verdict on every pair, as they come in."""
        return self._ask("similar", self._similar_form, pairs)

    def judge(self, pairs: Iterable[JudgeQuestion]) -> Iterator[Reply[JudgeAnswer]]:
        """A grade for every pair, as they come in; each request is about one user."""
        return self._ask("judge", self._judge_form, pairs)

    def estimate(self, task: Task, questions: Iterable[Any]) -> Estimate:
        """What asking `questions` of `task` would take, with one rendered prompt; asks nothing."""
        return self._engine.estimate(self._form(task), questions, size=self._sizes[task])

    def template(self, task: Task) -> PromptTemplate:
        """The prompt of a task with this catalog's taxonomy and aspects."""
        return self._form(task).template

    def _ask(self, task: Task, form: Form[Q, A], questions: Iterable[Q]) -> Iterator[Reply[A]]:
        with closing(self._engine.ask(form, questions, size=self._sizes[task])) as outcomes:
            for outcome in outcomes:
                yield self._to_reply(outcome)

    def _to_reply(self, outcome: Outcome[Q, A]) -> Reply[A]:
        used = outcome.usage
        usage = Usage(
            requests=used.requests,
            tokens_in=used.tokens_in,
            tokens_out=used.tokens_out,
            tokens_cached=used.tokens_cached,
            cost_usd=outcome.cost_usd,
        )
        failure = None
        if outcome.trouble is not None:
            failure = Failure(outcome.trouble.reason, outcome.trouble.raw, outcome.attempts)
        return Reply(outcome.question.key, outcome.answer, failure, usage)

    def _form(self, task: Task) -> PromptForm[Any, Any, Any]:
        forms: Mapping[Task, Callable[[], PromptForm[Any, Any, Any]]] = {
            "enrich": lambda: self._enrich_form,
            "topics": lambda: self._topics_form,
            "similar": lambda: self._similar_form,
            "judge": lambda: self._judge_form,
        }
        return forms[task]()

    @cached_property
    def _enrich_form(self) -> EnrichForm:
        return build_enrich_form(self._prompts_dir, self._aspects, redaction=self._redaction)

    @cached_property
    def _topics_form(self) -> TopicsForm:
        return build_topics_form(self._prompts_dir, self._taxonomy, redaction=self._redaction)

    @cached_property
    def _similar_form(self) -> SimilarForm:
        return build_similar_form(self._prompts_dir, redaction=self._redaction)

    @cached_property
    def _judge_form(self) -> JudgeForm:
        return build_judge_form(self._prompts_dir, redaction=self._redaction)
