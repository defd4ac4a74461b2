"""What counts as relevant: grades from interactions, and which truth wins where a pair has several.

Grades: 0 would not care, 1 might glance, 2 would read, 3 would be delighted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from tasks.contracts.catalog import RelevanceConfig, split_rule
from tasks.contracts.errors import ConfigError
from tasks.ranking.hashing import hash_pairs

TRUTH_COLUMNS = ("user_id", "item_id", "grade", "truth", "sampling_probability", "has_interaction")


@dataclass(frozen=True)
class HistorySplit:
    """Interactions (columns as given): history is what sources and features may know, held_out is truth."""

    history: pl.DataFrame
    held_out: pl.DataFrame


def split_history(interactions: pl.DataFrame, *, config: RelevanceConfig, seed: int) -> HistorySplit:
    """Hide holdout_share of each user's items, at least one, from users with two items or more.

    interactions: user_id, item_id, occurred_at (may be null), and any more. The unit is the pair: all interactions with
    an item go to the same side, or the held-out item would be known from the history. Order "time" hides the items met
    last (by their first interaction; without a time they count as oldest), "random" goes by hash; so do ties.
    """
    pairs = interactions.group_by("user_id", "item_id").agg(pl.col("occurred_at").min()).sort("user_id", "item_id")
    coins = pl.Series("coin", hash_pairs(pairs["user_id"], pairs["item_id"], seed=seed))
    keys = ["user_id", "occurred_at", "coin"] if config.holdout_order == "time" else ["user_id", "coin"]
    ordered = pairs.with_columns(coins).sort(keys, nulls_last=False)
    count, nth = pl.len().over("user_id"), pl.int_range(pl.len()).over("user_id")
    n_hidden = (
        pl.when((count < 2) | (config.holdout_share == 0))
        .then(0)
        .otherwise((count * config.holdout_share).floor().cast(pl.Int64).clip(lower_bound=1))
    )
    hidden = ordered.filter(nth >= count - n_hidden).select("user_id", "item_id")
    keys = ["user_id", "item_id"]
    return HistorySplit(
        history=interactions.join(hidden, on=keys, how="anti", maintain_order="left"),
        held_out=interactions.join(hidden, on=keys, how="semi", maintain_order="left"),
    )


def grade_interactions(interactions: pl.DataFrame, rules: Mapping[str, int]) -> pl.DataFrame:
    """user_id, item_id, grade (i8) of each pair with an interaction that a rule fits; the best of several.

    interactions: user_id, item_id, event, value (may be null). rules: "event" or "event>=value" to a grade, tried in
    order; an interaction that no rule fits has no grade. Raises ConfigError on a grade outside 0-3.

    >>> rows = pl.DataFrame({"user_id": ["u"], "item_id": ["i"], "event": ["rating"], "value": [4.0]})
    >>> grade_interactions(rows, {"rating>=5": 3, "rating>=4": 2, "rating": 0})["grade"].to_list()
    [2]
    """
    grade = pl.lit(None, dtype=pl.Int8)
    for rule, stated in reversed(list(rules.items())):
        event, least = split_rule(rule)
        if not 0 <= stated <= 3:
            raise ConfigError(f"grade rule {rule!r} gives {stated}; a grade is 0, 1, 2 or 3")
        fits = pl.col("event") == event
        if least is not None:
            fits &= (pl.col("value") >= least).fill_null(value=False)
        grade = pl.when(fits).then(pl.lit(stated, dtype=pl.Int8)).otherwise(grade)
    graded = interactions.select("user_id", "item_id", grade.alias("grade")).drop_nulls("grade")
    return graded.group_by("user_id", "item_id").agg(pl.col("grade").max()).sort("user_id", "item_id")


def merge_truth(*, judge: pl.DataFrame, interactions: pl.DataFrame, order: Sequence[str]) -> pl.DataFrame:
    """One row a pair, TRUTH_COLUMNS; where both know a pair, the truth named first in `order` wins.

    judge: user_id, item_id, grade, sampling_probability. interactions: user_id, item_id, grade. Only the truths that
    `order` names are used. An interaction is known for certain, so a pair that has one has probability 1, whichever
    truth grades it.
    """
    sources = {"judge": judge, "interactions": interactions.with_columns(sampling_probability=pl.lit(1.0))}
    parts = [
        sources[name].select(
            "user_id",
            "item_id",
            pl.col("grade").cast(pl.Int8),
            pl.lit(name).alias("truth"),
            pl.col("sampling_probability").cast(pl.Float64),
            pl.lit(name == "interactions").alias("has_interaction"),
            pl.lit(place).alias("place"),
        )
        for place, name in enumerate(order)
    ]
    if not parts:
        raise ConfigError("relevance.truth is empty; name 'judge', 'interactions' or both")
    merged = pl.concat(parts).sort("user_id", "item_id", "place")
    best = merged.group_by("user_id", "item_id", maintain_order=True).agg(
        pl.col("grade", "truth").first(), pl.col("sampling_probability", "has_interaction").max()
    )
    return best.select(TRUTH_COLUMNS)


def count_grades(truth: pl.DataFrame) -> dict[int, int]:
    """How many pairs have each grade 0-3."""
    counts = np.bincount(truth["grade"].to_numpy(), minlength=4)
    return {grade: int(counts[grade]) for grade in range(4)}
