"""The labeler that asks a language model behind any OpenAI-compatible endpoint.

Reads the prompt files and the reply store, writes the reply store, talks to the endpoint. It holds the key it is
handed and takes nothing from the environment.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import SecretStr

from tasks.contracts.errors import ConfigError
from tasks.contracts.labels import ConfidenceConfig, ConfidenceMethod, EnrichmentConfig
from tasks.contracts.recommending import RewriteConfig
from tasks.labelers.openai_form_set import FormSet
from tasks.labelers.protocol import (
    Enrichment,
    ExplainQuestion,
    Explanation,
    Failure,
    ItemText,
    JudgeAnswer,
    JudgeQuestion,
    PairQuestion,
    RankAnswer,
    RankQuestion,
    Reply,
    RewriteAnswer,
    RewriteQuestion,
    SimilarAnswer,
    Task,
    TopicAnswer,
    TopicDefinition,
    Usage,
)
from tasks.labelers.votes import vote_judge, vote_similar, vote_topics
from tasks.llm.batch.run import BatchDesk
from tasks.llm.budget import Budget
from tasks.llm.cache import MemoryStore, ReplyStore
from tasks.llm.engine import Engine
from tasks.llm.estimate import Estimate
from tasks.llm.form import Form, Outcome
from tasks.llm.prompts import PROMPTS_DIR, PromptTemplate
from tasks.llm.rates import RateWindow
from tasks.llm.redact import NO_REDACTION, Redaction
from tasks.llm.samples import SampledForm, gather, sample_questions
from tasks.llm.types import Endpoint

Q = TypeVar("Q", ItemText, PairQuestion, JudgeQuestion, RankQuestion, RewriteQuestion, ExplainQuestion)
A = TypeVar("A", Enrichment, TopicAnswer, SimilarAnswer, JudgeAnswer, RankAnswer, RewriteAnswer, Explanation)

QUESTIONS_PER_REQUEST: Mapping[Task, int] = dict.fromkeys(get_args(Task), 5) | {"enrich": 2, "rank": 2, "rewrite": 2}
MEASURED: Mapping[Task, Callable[[Any, int], Any]] = {
    "topics": vote_topics,
    "similar": vote_similar,
    "judge": vote_judge,
}
"""The tasks whose confidence may be measured, and how several answers to one question become one."""

SAMPLING_TEMPERATURE = 0.7
"""At which an endpoint of temperature 0 is asked for several answers: there, all of them would be the same."""


class OpenAILabeler:
    """Answers all tasks by asking `endpoint`; a Labeler.

    store is where paid replies are kept, None for the life of the labeler only. budget is what may still be spent, window
    where requests per minute are counted (both None: for this labeler alone, without a limit of ours), desk where
    batches are noted; an endpoint of mode "batch" needs one. redaction is applied to every text of others.
    questions_per_request overrides the defaults by task; it is no part of the fingerprint, because batches differ in
    size within a run anyway. gold_examples is how many of people's labels stand beside an item whose topics are asked,
    confidence where the confidence of topics, verdicts and grades comes from; other tasks state their own.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        api_key: SecretStr | None = None,
        taxonomy: Sequence[TopicDefinition] = (),
        aspects: Sequence[str] = (),
        enrichment: EnrichmentConfig | None = None,
        rewriting: RewriteConfig | None = None,
        gold_examples: int = 0,
        confidence: ConfidenceConfig | None = None,
        store: ReplyStore | None = None,
        budget: Budget | None = None,
        window: RateWindow | None = None,
        desk: BatchDesk | None = None,
        redaction: Redaction = NO_REDACTION,
        questions_per_request: Mapping[Task, int] | None = None,
        prompts_dir: Path = PROMPTS_DIR,
        seed: int = 0,
    ) -> None:
        self._budget = budget
        self._confidence = confidence or ConfidenceConfig()
        self._make_engine = partial(
            Engine,
            api_key=api_key,
            store=MemoryStore() if store is None else store,
            budget=budget,
            window=window,
            desk=desk,
            seed=seed,
        )
        self._engine = self._make_engine(endpoint)
        self._forms = FormSet(
            prompts_dir=prompts_dir,
            taxonomy=tuple(taxonomy),
            aspects=tuple(aspects),
            enrichment=enrichment or EnrichmentConfig(),
            rewriting=rewriting or RewriteConfig(),
            gold_examples=gold_examples,
            redaction=redaction,
            is_measured=self._confidence.method == "logprobs",
        )
        self._sizes = {**QUESTIONS_PER_REQUEST, **(questions_per_request or {})}
        for task, size in self._sizes.items():
            if task not in QUESTIONS_PER_REQUEST or size < 1:
                known = ", ".join(QUESTIONS_PER_REQUEST)
                raise ConfigError(f"questions_per_request {task!r} = {size}; give a number from 1 for one of {known}")

    @property
    def name(self) -> str:
        """Who answers, as it stands in every row: "openai:gpt-4o-mini"."""
        return f"openai:{self._engine.endpoint.model}"

    def fingerprint(self, task: Task) -> str:
        """16 hex digits of server, model, sampling, prompt (with taxonomy and aspects), reply schema, and how confidence is
        measured."""
        parts: list[Any] = [self._engine_for(task).endpoint.identity, self.template(task).hash]
        if self._method(task) == "samples":
            parts.append({"samples": self._confidence.samples})
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]

    def enrich(self, items: Iterable[ItemText]) -> Iterator[Reply[Enrichment]]:
        """A description of every item, as they come in."""
        return self._ask("enrich", self._forms.enrich, items)

    def label_topics(self, items: Iterable[ItemText]) -> Iterator[Reply[TopicAnswer]]:
        """The topics of every item, as they come in; raises ConfigError without a taxonomy."""
        return self._ask("topics", self._forms.topics, items)

    def verify_similar(self, pairs: Iterable[PairQuestion]) -> Iterator[Reply[SimilarAnswer]]:
        """A verdict on every pair, as they come in."""
        return self._ask("similar", self._forms.similar, pairs)

    def judge(self, pairs: Iterable[JudgeQuestion]) -> Iterator[Reply[JudgeAnswer]]:
        """A grade for every pair, as they come in; each request is about one user."""
        return self._ask("judge", self._forms.judge, pairs)

    def rank(self, windows: Iterable[RankQuestion]) -> Iterator[Reply[RankAnswer]]:
        """An order of every list, as they come in; each request is about one user."""
        return self._ask("rank", self._forms.rank, windows)

    def rewrite(self, users: Iterable[RewriteQuestion]) -> Iterator[Reply[RewriteAnswer]]:
        """Search texts for every user, as they come in."""
        return self._ask("rewrite", self._forms.rewrite, users)

    def rerank(self, windows: Iterable[RankQuestion]) -> Iterator[Reply[RankAnswer]]:
        """An order of every list, as they come in; of one that is not whole, what can be used."""
        return self._ask("rerank", self._forms.rerank, windows)

    def explain(self, questions: Iterable[ExplainQuestion]) -> Iterator[Reply[Explanation]]:
        """An explanation of every item, as they come in; each request is about one user."""
        return self._ask("explain", self._forms.explain, questions)

    def estimate(self, task: Task, questions: Iterable[Any]) -> Estimate:
        """What asking `questions` of `task` would take, with one rendered prompt; asks nothing."""
        form: Form[Any, Any] = self._forms.of(task)
        if self._method(task) == "samples":
            form, questions = SampledForm(form), sample_questions(questions, self._confidence.samples)
        return self._engine_for(task).estimate(form, questions, size=self._sizes[task])

    def template(self, task: Task) -> PromptTemplate:
        """The prompt of a task with this catalog's taxonomy and aspects."""
        return self._forms.of(task).template

    @property
    def budget(self) -> Budget | None:
        """What may still be spent; None: no limit."""
        return self._budget

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the labels must know of how they came about; empty where all is as the settings say."""
        tallies = self._forms.tallies
        n_stated, n_measured = sum(one.n_stated for one in tallies), sum(one.n_measured for one in tallies)
        if not n_stated:
            return ()
        who = f"endpoint {self._engine.endpoint.name!r} sent no log-probabilities that could be read"
        return (f"{n_stated} of {n_stated + n_measured} confidences are as the model states them, because {who}",)

    def _ask(self, task: Task, form: Form[Q, A], questions: Iterable[Q]) -> Iterator[Reply[A]]:
        if self._method(task) == "samples":
            yield from self._ask_often(task, form, questions)
            return
        with closing(self._engine_for(task).ask(form, questions, size=self._sizes[task])) as outcomes:
            for outcome in outcomes:
                yield self._to_reply(outcome)

    def _ask_often(self, task: Task, form: Form[Q, A], questions: Iterable[Q]) -> Iterator[Reply[A]]:
        n, engine, sampled = self._confidence.samples, self._engine_for(task), SampledForm(form)
        with closing(engine.ask(sampled, sample_questions(questions, n), size=self._sizes[task])) as outcomes:
            for gathered in gather(outcomes, n):
                outcome = gathered.outcome
                if gathered.answers:
                    outcome = replace(outcome, answer=MEASURED[task](gathered.answers, n), trouble=None)
                yield self._to_reply(outcome)

    def _method(self, task: Task) -> ConfidenceMethod:
        return self._confidence.method if task in MEASURED else "stated"

    def _engine_for(self, task: Task) -> Engine:
        return self._engine if self._method(task) == "stated" else self._measuring_engine

    @cached_property
    def _measuring_engine(self) -> Engine:
        """The engine that asks in the way in which confidences are measured."""
        endpoint = self._engine.endpoint
        if self._confidence.method == "logprobs":
            return self._make_engine(endpoint.model_copy(update={"wants_logprobs": True}))
        sampling = endpoint.sampling
        if sampling.temperature == 0:
            sampling = sampling.model_copy(update={"temperature": SAMPLING_TEMPERATURE})
        return self._make_engine(endpoint.model_copy(update={"sampling": sampling}))

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
