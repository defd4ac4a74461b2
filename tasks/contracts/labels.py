"""The parts of the catalog file that say how labels are made, checked against one another, and paid for by trust."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from tasks.contracts.asking import LabelerName
from tasks.contracts.section import Section

CombineMethod = Literal["auto", "majority", "dawid_skene", "one_coin", "mean", "weighted_mean", "learned"]
ConfidenceMethod = Literal["stated", "logprobs", "samples"]
JudgeMode = Literal["grades", "pairwise", "listwise"]
JudgeSource = Literal["dense_profile", "bm25", "popularity"]


class EnrichmentConfig(Section):
    """How items are described: the most words of a summary, the voice it is told in (empty: plain), and who checks that
    the source text carries every claim, beside the overlap of names and numbers, which is always checked."""

    summary_words: Annotated[int, Field(ge=10, le=200)] = 60
    voice: str = ""
    verify: LabelerName | None = None


class TopicsConfig(Section):
    """refit_growth: prototypes are fitted again when the catalog has grown by this share since the last fit.

    gold_examples: how many of people's nearest labels a prompt shows beside each item.
    """

    refit_growth: Annotated[float, Field(gt=0)] = 0.25
    refit_rounds: Annotated[int, Field(ge=0, le=50)] = 10
    gold_examples: Annotated[int, Field(ge=0, le=10)] = 0


class SimilarConfig(Section):
    """Pairs of items with a cosine of at least min_cosine are verified, at most max_neighbours an item.

    New items are searched for among all by exact search while new x all is at most exact_up_to squared.
    """

    min_cosine: Annotated[float, Field(ge=0, le=1)] = 0.75
    max_neighbours: Annotated[int, Field(ge=1, le=1000)] = 20
    exact_up_to: Annotated[int, Field(ge=1)] = 100_000


class JudgeConfig(Section):
    """How many pairs a user are judged, drawn by stratum: the top of each source, the middle ranks, and at random.

    Users of the held-out split get evaluation_pairs_per_user, the others pairs_per_user. 0 switches the judge off.
    At most max_users users, chosen by hash, have any pair judged. In the modes pairwise and listwise a judge puts two items, or
    `window` of them, in order; each item stands in `rounds` lists, each list is shown both ways round, and the orders become
    grades.
    """

    pairs_per_user: Annotated[int, Field(ge=0)] = 40
    evaluation_pairs_per_user: Annotated[int, Field(ge=0)] = 120
    near_share: Annotated[float, Field(ge=0, le=1)] = 0.5
    middle_share: Annotated[float, Field(ge=0, le=1)] = 0.25
    sources: Annotated[tuple[JudgeSource, ...], Field(min_length=1)] = ("dense_profile", "bm25", "popularity")
    max_users: Annotated[int, Field(ge=1)] = 2000
    seed: int = 20
    mode: JudgeMode = "grades"
    window: Annotated[int, Field(ge=2, le=20)] = 8
    rounds: Annotated[int, Field(ge=1, le=50)] = 4


class CombineConfig(Section):
    """How the answers of several labelers to one question become one label."""

    method: CombineMethod = "auto"


class ConfidenceConfig(Section):
    """Where a model's confidence comes from: what it says itself, the log-probabilities of its answer (where the server
    gives them), or how often `samples` answers to the same question agree."""

    method: ConfidenceMethod = "stated"
    samples: Annotated[int, Field(ge=2, le=20)] = 5


class CascadeConfig(Section):
    """Who labels topics when the budget is short; without `strong` there is no cascade.

    A student, trained each night on trusted labels, answers what it is sure of; labelers.topics answers what remains;
    `strong` what those two dispute and a random audit sample; people the rest. Of the active contents `strong` answers
    at most strong_share, of which audit_share are the audit's. max_error is the share of the student's own answers that
    may differ from what `strong` would say.
    """

    strong: LabelerName | None = None
    strong_share: Annotated[float, Field(gt=0, le=1)] = 0.1
    audit_share: Annotated[float, Field(gt=0, le=1)] = 0.02
    max_error: Annotated[float, Field(gt=0, lt=1)] = 0.05
    seed: int = 4
