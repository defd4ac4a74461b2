"""What the candidate sources say of a pair: score, standing within the user, place; and what the fusion makes of it."""

from __future__ import annotations

import numpy as np
import polars as pl

from tasks.ranking.feature import Feature
from tasks.ranking.inputs import FloatVector

NEEDS = {
    "dense_profile": "user has a profile, item a vector",
    "dense_history": "user has a history, item a vector",
    "aspects": "user has a history or profile, item has aspects",
    "bm25": "user has a word that the catalog knows",
    "rewritten_query": "user has search texts, item a vector",
    "relations": "user has a history in this catalog",
    "item_to_item": "user has a history in this catalog",
    "collaborative": "user has a history in this catalog, item was chosen",
    "popularity": "source is configured",
    "recent_popularity": "source is configured",
    "new_arrivals": "source is configured, published_at is known",
}
"""The sources whose scores are features, and what each needs. Exploration draws at random, which says nothing."""

SOURCES: tuple[str, ...] = tuple(NEEDS)


def _features_of(source: str, needs: str) -> tuple[Feature, ...]:
    return (
        Feature(f"{source}_score", f"score of source {source}", "candidates", needs, 1),
        Feature(f"{source}_z", f"{source}_score less the user's mean, in standard deviations", "candidates", needs, 1),
        Feature(f"{source}_ratio", f"{source}_score, the user's best being 1", "candidates", needs, 1),
        Feature(f"{source}_rank", f"place in the list of {source}, from 1", "candidates", "source found it", -1),
    )


SOURCE_FEATURES: tuple[Feature, ...] = (
    *(feature for source, needs in NEEDS.items() for feature in _features_of(source, needs)),
    Feature("fused_score", "what the fusion gives; 0: no source found it", "candidates", "always", 1),
    Feature("fused_rank", "place in the fused list, from 1", "candidates", "for candidates", -1),
    Feature("n_sources", "how many sources found it", "candidates", "always", 1),
)


def source_columns(candidates: pl.DataFrame) -> dict[str, FloatVector]:
    """The columns of SOURCE_FEATURES; NaN for a source that is not configured. O(rows log rows)."""
    blank = pl.lit(None, dtype=pl.Float64)
    expressions = []
    for source in SOURCES:
        names = [f"{source}_score", f"{source}_z", f"{source}_ratio", f"{source}_rank"]
        values = [blank] * 4
        if names[0] in candidates.columns:
            score = pl.col(names[0]).cast(pl.Float64)
            values = [score, standardise(score), _relate_to_best(score), pl.col(names[3]).cast(pl.Float64)]
        expressions += [value.alias(name) for value, name in zip(values, names, strict=True)]
    expressions += [pl.col(name).cast(pl.Float64) for name in ("fused_score", "fused_rank", "n_sources")]
    frame = candidates.select(expressions)
    return {name: frame[name].fill_null(float("nan")).to_numpy() for name in frame.columns}


def standardise(value: pl.Expr) -> pl.Expr:
    """value less its mean over the user's candidates, in standard deviations of these; 0 where they don't vary."""
    among = value.filter(pl.col("fused_rank").is_not_null())
    spread = among.std(ddof=0).over("user_id")
    return pl.when(spread > 0).then((value - among.mean().over("user_id")) / spread).otherwise(value * 0.0)


def standardise_column(candidates: pl.DataFrame, values: FloatVector) -> FloatVector:
    """standardise for values (rows,) that stand beside candidates (user_id, fused_rank)."""
    frame = candidates.select("user_id", "fused_rank", pl.Series("value", values).fill_nan(None))
    z = frame.select(standardise(pl.col("value")).fill_null(float("nan")).alias("z"))["z"]
    return np.asarray(z.to_numpy(), dtype=np.float64)


def _relate_to_best(value: pl.Expr) -> pl.Expr:
    """value over the highest of the user's candidates; null where that is not above 0."""
    best = value.filter(pl.col("fused_rank").is_not_null()).max().over("user_id")
    return pl.when(best > 0).then(value / best)
