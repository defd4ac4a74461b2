"""How much a row counts in training: by its truth, times the inverse of the probability with which it was drawn.

LightGBM multiplies the lambda and the hessian of each document by its weight, after it has summed the lambdas over the
document's pairs (rank_objective.hpp). So a weight says how much the leaf values heed that document; it neither moves the
document to another query nor changes which pairs are compared, and what counts is how weights compare to one another.
Inverse propensity: Horvitz and Thompson, 1952; for learning to rank: Joachims et al., "Unbiased Learning-to-Rank with
Biased Feedback", 2017.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from tasks.contracts.errors import ConfigError
from tasks.contracts.recommending import Truth

MAX_INVERSE_PROPENSITY = 3.0
"""A pair drawn with probability 0.001 would outweigh a thousand others; clipping trades that variance for some bias. Lists
are made of candidates, which are drawn more often than the rest: what is rare among labels is rare there too."""

UNOBSERVED = "unobserved"
"""The truth of a candidate that a user with interactions did not choose; it weighs as an interaction does."""


def weigh_rows(rows: pl.DataFrame, weights: Mapping[Truth, float]) -> pl.DataFrame:
    """rows with a column weight (f32), 1 on average: weights[truth] / sampling_probability, the inverse clipped.

    rows: truth, and sampling_probability in (0, 1]; null: not known, counts as 1. A truth that weights leave out
    weighs 1. Raises ConfigError on a weight of 0 or less. O(rows).
    """
    if rows.is_empty():
        _check(weights)
        return rows.with_columns(weight=pl.lit(1.0, dtype=pl.Float32))
    weighed = rows.with_columns(raw_weights(rows, weights))
    return weighed.with_columns((pl.col("weight") / pl.col("weight").mean()).cast(pl.Float32))


def raw_weights(rows: pl.DataFrame, weights: Mapping[Truth, float]) -> pl.Series:
    """The column weight (f64) of weigh_rows before it is made 1 on average: comparable between frames."""
    _check(weights)
    known = {str(truth): weight for truth, weight in weights.items()} | {UNOBSERVED: weights.get("interactions", 1.0)}
    of_truth = pl.col("truth").replace_strict(list(known), list(known.values()), default=1.0, return_dtype=pl.Float64)
    inverse = (1.0 / pl.col("sampling_probability").fill_null(1.0)).clip(1.0, MAX_INVERSE_PROPENSITY)
    return rows.select((of_truth * inverse).cast(pl.Float64).alias("weight"))["weight"]


def _check(weights: Mapping[Truth, float]) -> None:
    wrong = [name for name, weight in weights.items() if not weight > 0]
    if wrong:
        raise ConfigError(f"relevance.weights.{wrong[0]} is {weights[wrong[0]]}; give a number above 0")
