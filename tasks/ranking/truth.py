"""Truth: what is known of a pair that the ranker is to predict, and which truth wins where a pair has several.

Grades: 0 would not care, 1 might glance, 2 would read, 3 would be delighted. Interactions get theirs, and are held out,
in the warehouse (pair_history).
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from tasks.contracts.errors import ConfigError

TRUTH_COLUMNS = ("user_id", "item_id", "grade", "truth", "sampling_probability", "has_interaction")


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
