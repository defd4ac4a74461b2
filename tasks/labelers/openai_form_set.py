"""The forms of one labeler, by task: each is built from its prompt file when it is first needed, and kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from tasks.contracts.labels import EnrichmentConfig
from tasks.contracts.recommending import RewriteConfig
from tasks.labelers.openai_enrich import EnrichForm, build_enrich_form
from tasks.labelers.openai_explain import ExplainForm, build_explain_form
from tasks.labelers.openai_forms import JudgeForm, PromptForm, Tally, build_judge_form
from tasks.labelers.openai_ranking import RankForm, build_rank_form, read_known
from tasks.labelers.openai_rewrite import RewriteForm, build_rewrite_form
from tasks.labelers.openai_similar import SimilarForm, build_similar_form
from tasks.labelers.openai_topics import TopicsForm, build_topics_form
from tasks.labelers.protocol import Task, TopicDefinition
from tasks.llm.redact import Redaction


@dataclass(frozen=True)
class FormSet:
    """What the prompts of a catalog are made of; is_measured: confidences are to be read from a model's own probabilities."""

    prompts_dir: Path
    taxonomy: Sequence[TopicDefinition]
    aspects: Sequence[str]
    enrichment: EnrichmentConfig
    rewriting: RewriteConfig
    gold_examples: int
    redaction: Redaction
    is_measured: bool

    def of(self, task: Task) -> PromptForm[Any, Any, Any]:
        """The form of a task. Raises ConfigError for topics without a taxonomy."""
        forms: Mapping[Task, Callable[[], PromptForm[Any, Any, Any]]] = {
            "enrich": lambda: self.enrich,
            "topics": lambda: self.topics,
            "similar": lambda: self.similar,
            "judge": lambda: self.judge,
            "rank": lambda: self.rank,
            "rewrite": lambda: self.rewrite,
            "rerank": lambda: self.rerank,
            "explain": lambda: self.explain,
        }
        return forms[task]()

    @property
    def tallies(self) -> list[Tally]:
        """Of the forms that were built and measure confidences."""
        return [
            form.measure.tally
            for form in vars(self).values()
            if isinstance(form, PromptForm) and form.measure is not None
        ]

    @cached_property
    def enrich(self) -> EnrichForm:
        """Descriptions of items."""
        return build_enrich_form(self.prompts_dir, self.aspects, redaction=self.redaction, config=self.enrichment)

    @cached_property
    def topics(self) -> TopicsForm:
        """Topics of items."""
        return build_topics_form(
            self.prompts_dir,
            self.taxonomy,
            redaction=self.redaction,
            gold_examples=self.gold_examples,
            is_measured=self.is_measured,
        )

    @cached_property
    def similar(self) -> SimilarForm:
        """Verdicts on pairs of items."""
        return build_similar_form(self.prompts_dir, redaction=self.redaction, is_measured=self.is_measured)

    @cached_property
    def judge(self) -> JudgeForm:
        """Grades of items for a user."""
        return build_judge_form(self.prompts_dir, redaction=self.redaction, is_measured=self.is_measured)

    @cached_property
    def rank(self) -> RankForm:
        """Orders of lists, whole ones only."""
        return build_rank_form(self.prompts_dir, redaction=self.redaction)

    @cached_property
    def rerank(self) -> RankForm:
        """The same question; of an order that is none, what can be used."""
        return build_rank_form(self.prompts_dir, redaction=self.redaction, read=read_known)

    @cached_property
    def rewrite(self) -> RewriteForm:
        """Search texts of users."""
        return build_rewrite_form(self.prompts_dir, n_queries=self.rewriting.queries, redaction=self.redaction)

    @cached_property
    def explain(self) -> ExplainForm:
        """Explanations of recommendations."""
        return build_explain_form(self.prompts_dir, redaction=self.redaction)
