"""The parts of the catalog file that say how recommendations are found, filtered, ranked, arranged and explained."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, model_validator

from tasks.contracts.asking import LabelerName
from tasks.contracts.section import Section

SourceName = Literal[
    "dense_profile",
    "dense_history",
    "aspects",
    "bm25",
    "rewritten_query",
    "relations",
    "item_to_item",
    "collaborative",
    "popularity",
    "recent_popularity",
    "new_arrivals",
    "exploration",
]
RelationName = Literal["series", "sequel", "author", "brand", "same_story", "also_bought"]
FieldRelation = Literal["series", "author", "brand"]
RuleTest = Literal["equal", "one_of", "none_of", "at_least", "at_most"]
Truth = Literal["judge", "people", "interactions"]
Share = Annotated[float, Field(ge=0, le=1)]


class CandidatesConfig(Section):
    """Candidate sources with their fusion weights, the depth of each, and how many candidates a user keeps.

    Of a user's history the latest history_items count, and a weight halves every history_half_life_days.
    An item keeps its `neighbours` nearest items by co-choice; shrinkage damps similarities that few users support.
    """

    sources: Mapping[SourceName, Annotated[float, Field(gt=0)]] = {
        "dense_profile": 1.0,
        "dense_history": 1.0,
        "bm25": 1.0,
        "relations": 0.5,
        "item_to_item": 0.5,
        "collaborative": 1.0,
        "popularity": 0.5,
        "recent_popularity": 0.25,
        "new_arrivals": 0.25,
    }
    fusion: Literal["reciprocal-rank", "weighted-scores"] = "reciprocal-rank"
    per_source: Annotated[int, Field(ge=1, le=10_000)] = 100
    total: Annotated[int, Field(ge=1, le=10_000)] = 200
    rrf_k: Annotated[int, Field(ge=1)] = 60
    popularity_half_life_days: Annotated[float, Field(gt=0)] = 3650.0
    recent_days: Annotated[float, Field(gt=0)] = 14.0
    history_items: Annotated[int, Field(ge=1, le=1000)] = 20
    history_half_life_days: Annotated[float, Field(gt=0)] = 365.0
    interests: Annotated[int, Field(ge=1, le=20)] = 4
    neighbours: Annotated[int, Field(ge=1, le=10_000)] = 100
    shrinkage: Annotated[float, Field(ge=0)] = 10.0
    collaborative_model: Literal["auto", "ease", "als"] = "auto"
    ease_max_items: Annotated[int, Field(ge=1, le=50_000)] = 20_000
    ease_regularization: Annotated[float, Field(gt=0)] = 300.0
    als_factors: Annotated[int, Field(ge=1, le=1024)] = 64
    exploration_items: Annotated[int, Field(ge=1, le=1000)] = 10
    exact_up_to: Annotated[int, Field(ge=1)] = 100_000


class RuleConfig(Section):
    """One rule that an item must pass to be recommended: the item's field, a test, and a value or a user's field.

    A field is a column of items or users ("language", "category", "price", "age"), "age_days" of an item, or
    "attributes.NAME". What has no value in the field passes, unless drop_missing.
    """

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$")]
    item: Annotated[str, Field(min_length=1)]
    test: RuleTest
    value: str | float | bool | tuple[str | float, ...] | None = None
    user: str | None = None
    drop_missing: bool = False

    @model_validator(mode="after")
    def _compares_with_one_thing(self) -> RuleConfig:
        if (self.value is None) == (self.user is None):
            raise ValueError(f"rule {self.name!r} needs either a value or a user's field to compare with")
        is_list = isinstance(self.value, tuple)
        if self.value is not None and is_list != (self.test in ("one_of", "none_of")):
            raise ValueError(f"rule {self.name!r}: test {self.test!r} takes {'a list' if not is_list else 'one value'}")
        if self.test in ("at_least", "at_most") and isinstance(self.value, str):
            raise ValueError(f"rule {self.name!r}: test {self.test!r} compares numbers, {self.value!r} is text")
        return self


class RelationsConfig(Section):
    """From which fields of items relations are made, each "author", "category" or "attributes.NAME".

    sequel is the number of an item within its series. A value that more than max_items items share (a house brand, say)
    relates none of them. also_bought items are kept for each item, from co-choice.
    """

    fields: Mapping[FieldRelation, str] = {"author": "author"}
    sequel: str | None = None
    from_titles: bool = True
    also_bought: Annotated[int, Field(ge=0, le=100)] = 10
    max_items: Annotated[int, Field(ge=2, le=10_000)] = 200


class RewriteConfig(Section):
    """Who turns a profile and the last history_items titles into search text, for the source rewritten_query."""

    labeler: LabelerName = "embedded"
    history_items: Annotated[int, Field(ge=0, le=50)] = 10
    queries: Annotated[int, Field(ge=1, le=8)] = 3


class RankingConfig(Section):
    """LambdaMART's parameters, the budget of their search, and the shares of users for validation and for the final test.

    Of more than max_users users with truth so many are learnt from and measured. tuning_trials 0 takes the parameters as
    they stand. A new model is promoted unless it is worse than the champion on
    the validation users with `promotion_level` confidence. A night makes none while less than retrain_share of the
    labelled pairs has changed and the champion is younger than retrain_days; 0 of either makes one every night.
    """

    learning_rate: Annotated[float, Field(gt=0, le=1)] = 0.05
    num_leaves: Annotated[int, Field(ge=2)] = 15
    min_data_in_leaf: Annotated[int, Field(ge=1)] = 20
    max_rounds: Annotated[int, Field(ge=1)] = 400
    early_stopping_rounds: Annotated[int, Field(ge=1)] = 100
    tuning_trials: Annotated[int, Field(ge=0, le=1000)] = 0
    tuning_seconds: Annotated[float, Field(gt=0)] = 600.0
    promotion_level: Annotated[float, Field(gt=0, lt=1)] = 0.95
    retrain_share: Annotated[float, Field(ge=0, le=1)] = 0.05
    retrain_days: Annotated[int, Field(ge=0, le=365)] = 7
    validation_share: Annotated[float, Field(gt=0, lt=1)] = 0.2
    test_share: Annotated[float, Field(gt=0, lt=1)] = 0.25
    max_users: Annotated[int, Field(ge=100)] = 25_000
    seed: int = 7


class RelevanceConfig(Section):
    """What counts as relevant: which truth wins for a pair that has several, and how an interaction becomes a grade.

    grades maps "event" or "event>=value" to a grade; the first rule that fits wins, an event with no rule has none.
    A pair counts as relevant in precision, recall, MAP and MRR when its grade is at least relevant_grade.
    holdout_share of each user's latest interactions is hidden from the sources and used as truth. With
    holdout_order "random" there may be several `folds`, each hiding another share.
    weights multiply what a pair of each truth counts in training.
    """

    truth: Annotated[tuple[Truth, ...], Field(min_length=1)] = ("people", "judge", "interactions")
    weights: Mapping[Truth, Annotated[float, Field(gt=0)]] = {"people": 1.0, "judge": 1.0, "interactions": 1.0}
    grades: Mapping[str, Annotated[int, Field(ge=0, le=3)]] = {}
    relevant_grade: Annotated[int, Field(ge=1, le=3)] = 2
    holdout_share: Annotated[float, Field(ge=0, lt=1)] = 0.25
    holdout_order: Literal["time", "random"] = "time"
    folds: Annotated[int, Field(ge=1, le=20)] = 1

    @model_validator(mode="after")
    def _folds_are_disjoint(self) -> RelevanceConfig:
        if self.folds > 1 and self.holdout_order != "random":
            raise ValueError(
                "folds above 1 need holdout_order = 'random': of the latest interactions there is one part"
            )
        if self.folds * self.holdout_share > 1.0 + 1e-9:
            raise ValueError(
                f"{self.folds} folds of holdout_share {self.holdout_share} are more than all interactions; lower one"
            )
        return self


class RerankConfig(Section):
    """An LLM puts the first `top` of each list in order, in windows that overlap by half, each shown both ways round.

    Without a labeler nobody is asked. users limits whose lists are shown, best-known users first; None: everybody's.
    """

    labeler: LabelerName | None = None
    top: Annotated[int, Field(ge=2, le=100)] = 20
    window: Annotated[int, Field(ge=2, le=20)] = 10
    users: Annotated[int, Field(ge=1)] | None = None


class ExplainConfig(Section):
    """An LLM explains the first `top` of each list in one or two sentences; without a labeler the templates stand."""

    labeler: LabelerName | None = None
    top: Annotated[int, Field(ge=1, le=100)] = 3
    users: Annotated[int, Field(ge=1)] | None = None


class RecommendConfig(Section):
    """How many items a user gets, how the list is arranged, and what users do with items, as a reason says it.

    diversity is MMR's share of unlikeness to what stands above (0: the ranker's order stays); calibration draws the
    topic mix of a list towards that of the user's history (0: not at all). The last exploration_slots places go to
    items of the source exploration, with the propensity recorded. The lists of a catalog of which nothing has changed are
    kept for keep_days; then they are made anew, since recency has moved on.
    """

    top_n: Annotated[int, Field(ge=1, le=1000)] = 10
    diversity: Share = 0.0
    calibration: Share = 0.0
    exploration_slots: Annotated[int, Field(ge=0, le=20)] = 0
    keep_days: Annotated[int, Field(ge=0, le=365)] = 7
    verb: str = "read"
