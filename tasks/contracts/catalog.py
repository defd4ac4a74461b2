"""The catalog file's model: what a catalog is, where it comes from and how it is treated. Reading it is catalog_file's work.

Every key is declared here with its bounds and default; docs/catalog-reference.md is made from it.
"""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, model_validator

from tasks.contracts.asking import BudgetConfig, BuiltInPattern, LabelersConfig, RedactPattern
from tasks.contracts.digesting import DigestConfig
from tasks.contracts.labels import (
    CascadeConfig,
    CombineConfig,
    ConfidenceConfig,
    EnrichmentConfig,
    JudgeConfig,
    SimilarConfig,
    TopicsConfig,
)
from tasks.contracts.recommending import (
    CandidatesConfig,
    ExplainConfig,
    RankingConfig,
    RecommendConfig,
    RelationsConfig,
    RelevanceConfig,
    RerankConfig,
    RewriteConfig,
    RuleConfig,
)
from tasks.contracts.section import Section

Kind = Literal["items", "users", "interactions"]
Format = Literal[
    "csv",
    "jsonl",
    "parquet",
    "text-folder",
    "movielens-100k",
    "movielens-csv",
    "mind",
    "amazon-metadata",
    "amazon-reviews",
]
ColumnType = Literal["text", "integer", "number", "timestamp", "list"]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]


class SourceConfig(Section):
    """One file, folder or zip of items, users or interactions.

    columns maps our name to the source's column. attributes lists source columns that are kept as they are (JSON).
    types states the type of a column of ours or of an attribute, for those that are not text by default.
    required names columns of ours that must not be empty, beside those that always are required (ids, title, event).
    events maps the source's event names to ours; default_event is the event of a source without such a column.
    """

    format: Format
    path: str
    columns: Mapping[str, str] = {}
    attributes: tuple[str, ...] = ()
    types: Mapping[str, ColumnType] = {}
    required: tuple[str, ...] = ()
    events: Mapping[str, str] = {}
    encoding: str = "utf-8"
    separator: str = ","
    list_separator: str = ";"
    has_header: bool = True
    has_quotes: bool = True
    default_event: str | None = None
    member: str | None = Field(default=None, description="path or prefix inside a zip")


class Topic(Section):
    """One topic: its name, the topic that it is part of, what belongs to it, guidelines for doubtful cases, examples."""

    name: Annotated[str, Field(min_length=1)]
    parent: str = ""
    description: Annotated[str, Field(min_length=1)]
    guidelines: str = ""
    examples: tuple[str, ...] = ()


class TextConfig(Section):
    """How an item and a user become text; `{field}` names a column, and an absent field is left out."""

    item: str = "{title}\n{text}"
    user: str = "{summary} {interests} {hobbies} {onboarding}"
    max_chars: Annotated[int, Field(ge=50, le=100_000)] = 2000


class GatesConfig(Section):
    """Thresholds of the quality gates; shares in [0, 1]."""

    max_quarantined_share: Annotated[float, Field(ge=0, le=1)] = 0.2
    min_items: Annotated[int, Field(ge=0)] = 1
    max_dead_letter_share: Annotated[float, Field(ge=0, le=1)] = 0.05
    max_abstained_share: Annotated[float, Field(ge=0, le=1)] = 0.5
    max_topic_share: Annotated[float, Field(ge=0, le=1)] = 0.95
    min_users_covered: Annotated[float, Field(ge=0, le=1)] = 0.95
    max_inactive_share: Annotated[float, Field(ge=0, le=1)] = 0.5
    min_users: Annotated[int, Field(ge=0)] = 0
    max_untitled_share: Annotated[float, Field(ge=0, le=1)] = 0.01
    max_unlabeled_share: Annotated[float, Field(ge=0, le=1)] = 0.0
    min_list_items: Annotated[int, Field(ge=1)] = 1
    max_label_shift: Annotated[float, Field(gt=0)] = 0.25
    min_agreement: Annotated[float, Field(ge=-1, le=1)] = 0.2
    max_cost_per_label_usd: Annotated[float, Field(gt=0)] | None = None
    max_ungrounded_share: Annotated[float, Field(ge=0, le=1)] = 0.2
    min_index_recall: Annotated[float, Field(ge=0, le=1)] = 0.95
    max_short_lists: Annotated[float, Field(ge=0, le=1)] = 0.05
    max_coverage_drop: Annotated[float, Field(ge=0, le=1)] = 0.2
    min_overlap: Annotated[float, Field(ge=0, le=1)] = 0.05
    max_overlap_drop: Annotated[float, Field(ge=0, le=1)] = 0.5


class Catalog(Section):
    """One catalog file, checked."""

    name: Name
    title: str = ""
    licence: str = ""
    user_space: Name = Field(description="users of the same space are the same people")
    parameters: Mapping[str, str] = {}
    items: Annotated[tuple[SourceConfig, ...], Field(min_length=1)]
    users: tuple[SourceConfig, ...] = ()
    interactions: tuple[SourceConfig, ...] = ()
    taxonomy: tuple[Topic, ...] = ()
    aspects: tuple[str, ...] = ()
    events: Mapping[str, float] = {}
    unseen_events: tuple[str, ...] = Field((), description="events after which an item may still be recommended")
    blocking_events: tuple[str, ...] = Field((), description="events after which a user never gets the item")
    blocked_items: tuple[str, ...] = Field((), description="items that nobody gets")
    redact: tuple[BuiltInPattern, ...] = ("email", "phone")
    redact_patterns: tuple[RedactPattern, ...] = ()
    text: TextConfig = TextConfig()
    labelers: LabelersConfig = LabelersConfig()
    combine: CombineConfig = CombineConfig()
    confidence: ConfidenceConfig = ConfidenceConfig()
    cascade: CascadeConfig = CascadeConfig()
    enrichment: EnrichmentConfig = EnrichmentConfig()
    topics: TopicsConfig = TopicsConfig()
    similar: SimilarConfig = SimilarConfig()
    judge: JudgeConfig = JudgeConfig()
    candidates: CandidatesConfig = CandidatesConfig()
    relations: RelationsConfig = RelationsConfig()
    rewrite: RewriteConfig = RewriteConfig()
    rules: tuple[RuleConfig, ...] = ()
    ranking: RankingConfig = RankingConfig()
    relevance: RelevanceConfig = RelevanceConfig()
    recommend: RecommendConfig = RecommendConfig()
    rerank: RerankConfig = RerankConfig()
    explain: ExplainConfig = ExplainConfig()
    budget: BudgetConfig = BudgetConfig()
    digest: DigestConfig = DigestConfig()
    gates: GatesConfig = GatesConfig()

    @model_validator(mode="before")
    @classmethod
    def _user_space_is_the_name_unless_said(cls, values: Any) -> Any:
        if isinstance(values, dict) and "name" in values:
            return {"user_space": values["name"], **values}
        return values

    @property
    def event_rules(self) -> list[tuple[str, float | None, float]]:
        """Event, least value (None: any) and weight, in the order in which they are tried: "rating>=4" = 1.0."""
        return [(*split_rule(rule), weight) for rule, weight in self.events.items()]

    @property
    def grade_rules(self) -> list[tuple[str, float | None, int]]:
        """Event, least value (None: any) and grade 0-3, in the order in which they are tried."""
        return [(*split_rule(rule), grade) for rule, grade in self.relevance.grades.items()]

    @property
    def event_names(self) -> tuple[str, ...]:
        """The events that the catalog knows."""
        return tuple(dict.fromkeys(event for event, _, _ in self.event_rules))

    @model_validator(mode="after")
    def _interactions_have_events(self) -> Catalog:
        if self.interactions and not self.events:
            raise ValueError(
                "[events] is missing; give each event of the interactions a weight, for example click = 1.0"
            )
        for rule in (*self.events, *self.relevance.grades):
            split_rule(rule)
        return self

    @model_validator(mode="after")
    def _blocking_events_are_known(self) -> Catalog:
        known = self.event_names
        for event in self.blocking_events:
            if event not in known:
                near = difflib.get_close_matches(event, known, n=1)
                mend = f"did you mean {near[0]!r}?" if near else "give it a weight there, 0 if it says nothing"
                raise ValueError(f"blocking_events names {event!r}, which [events] does not; {mend}")
        return self

    @model_validator(mode="after")
    def _digest_names_attributes_of_users(self) -> Catalog:
        for key, name in self.digest.named.items():
            if not self.users:
                raise ValueError(
                    "[digest] belongs into the catalog file that lists the users; this one has no [[users]]"
                )
            for source in self.users:
                if name not in source.attributes:
                    near = difflib.get_close_matches(name, source.attributes, n=1)
                    mend = f"did you mean {near[0]!r}?" if near else f"keep it there: attributes = [{name!r}]"
                    raise ValueError(
                        f"digest.{key} names {name!r}, which is no attribute of the users in {source.path!r}; {mend}"
                    )
        return self

    @model_validator(mode="after")
    def _topics_are_distinct(self) -> Catalog:
        names = [topic.name for topic in self.taxonomy]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"topic {twice[0]!r} is defined twice; give each topic a name of its own")
        parents = {topic.name: topic.parent for topic in self.taxonomy}
        for name, parent in parents.items():
            if parent and parent not in parents:
                near = difflib.get_close_matches(parent, parents, n=1)
                mend = f"did you mean {near[0]!r}?" if near else "define it as a topic of its own"
                raise ValueError(f"topic {name!r} is part of {parent!r}, which is no topic; {mend}")
            if parent and parents[parent]:
                raise ValueError(
                    f"topic {name!r} is part of {parent!r}, which is part of {parents[parent]!r}; a taxonomy has two levels"
                )
        return self


def split_rule(rule: str) -> tuple[str, float | None]:
    """The event and the least value of a rule: "rating>=4" gives ("rating", 4.0), "click" gives ("click", None)."""
    event, sign, value = (part.strip() for part in rule.partition(">="))
    try:
        return event, float(value) if sign else None
    except ValueError as error:
        raise ValueError(f"rule {rule!r} has no number after '>='; write for example 'rating>=4'") from error


def hash_config(*parts: Any) -> str:
    """16 hex digits that change when any part of a configuration changes; parts are JSON values or models."""
    plain = [part.model_dump(mode="json") if isinstance(part, BaseModel) else part for part in parts]
    return hashlib.sha256(json.dumps(plain, sort_keys=True, ensure_ascii=False).encode()).hexdigest()[:16]
