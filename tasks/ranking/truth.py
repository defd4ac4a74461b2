"""Truth: what is known of a pair that the ranker is to predict, and which truth wins where a pair has several.

Grades: 0 would not care, 1 might glance, 2 would read, 3 would be delighted. Interactions get theirs, and are held out,
in the warehouse (pair_history).
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from tasks.contracts.errors import ConfigError

TRUTH_COLUMNS = ("user_id", "item_id", "grade", "truth", "sampling_probability", "has_interaction")


def merge_truth(*, labels: pl.DataFrame, interactions: pl.DataFrame, order: Sequence[str]) -> pl.DataFrame:
    """One row a pair, TRUTH_COLUMNS; where several truths know a pair, the one named first in `order` wins.

    labels: user_id, item_id, truth ("people" or "judge"), grade, sampling_probability (that the pair was drawn, 0 to 1).
    interactions: user_id, item_id, grade. Only the truths that `order` names are used. An interaction is known for
    certain, so a pair that has one has probability 1, whichever truth grades it. Raises ConfigError on an empty order.
    O(rows log rows).
    """
    if not order:
        raise ConfigError("relevance.truth is empty; name 'people', 'judge' or 'interactions'")
    acts = interactions.with_columns(truth=pl.lit("interactions"), sampling_probability=pl.lit(1.0))
    known = pl.concat([_same_columns(labels), _same_columns(acts)]).filter(pl.col("truth").is_in(list(order)))
    place = pl.col("truth").replace_strict(list(order), list(range(len(order))), return_dtype=pl.Int8)
    best = (
        known.with_columns(place.alias("place"), has_interaction=pl.col("truth") == "interactions")
        .sort("user_id", "item_id", "place")
        .group_by("user_id", "item_id", maintain_order=True)
        .agg(pl.col("grade", "truth").first(), pl.col("sampling_probability", "has_interaction").max())
    )
    return best.select(TRUTH_COLUMNS)


def _same_columns(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.select(
        pl.col("user_id", "item_id", "truth").cast(pl.String),
        pl.col("grade").cast(pl.Int8),
        pl.col("sampling_probability").cast(pl.Float64),
    )
