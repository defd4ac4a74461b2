"""Aggregates of the feature shards, which the suite `features` looks at. Streams: one shard in memory at a time.

Exact over all rows, not a sample. Memory O(shard), time O(rows x features).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import polars as pl

KEPT_DUPLICATES = 100
Range = tuple[float | None, float | None]


def summarize_features(shards: Iterable[pl.DataFrame], features: Mapping[str, Range]) -> dict[str, pl.DataFrame]:
    """The frames of the suite `features`; a user's rows must lie in one shard.

    features maps each feature to its declared range, None where it is open; NaN counts as null, as LightGBM takes it.

    feature_summary     one row a feature: n_rows, n_filled, filled_share, n_infinite, n_out_of_range
    feature_shape       one row: n_rows, n_shards
    feature_duplicates  user_id, item_id, n_rows of pairs that come more than once, at most 100; n_bad counts all
    """
    totals = {name: {"n_filled": 0, "n_infinite": 0, "n_out_of_range": 0} for name in features}
    duplicates: list[pl.DataFrame] = []
    n_rows = n_shards = n_bad = n_kept = 0
    for shard in shards:
        n_rows += shard.height
        n_shards += 1
        for name, limits in features.items():
            for key, count in _count_values(shard[name], limits).items():
                totals[name][key] += count
        twice = shard.group_by("user_id", "item_id").agg(n_rows=pl.len()).filter(pl.col("n_rows") > 1)
        n_bad += twice.height
        if n_kept < KEPT_DUPLICATES and twice.height:
            duplicates.append(twice.sort("user_id", "item_id").head(KEPT_DUPLICATES - n_kept))
            n_kept += duplicates[-1].height
    summary = [
        {"feature": name, "n_rows": n_rows, **counts, "filled_share": counts["n_filled"] / n_rows if n_rows else 0.0}
        for name, counts in totals.items()
    ]
    nothing = pl.DataFrame(schema={"user_id": pl.String, "item_id": pl.String, "n_rows": pl.UInt32})
    columns = {
        "feature": pl.String, "n_rows": pl.Int64, "n_filled": pl.Int64, "n_infinite": pl.Int64,
        "n_out_of_range": pl.Int64, "filled_share": pl.Float64,
    }  # fmt: skip
    return {
        "feature_summary": pl.DataFrame(summary, schema=columns),
        "feature_shape": pl.DataFrame({"n_rows": [n_rows], "n_shards": [n_shards]}),
        "feature_duplicates": pl.concat(duplicates or [nothing]).with_columns(n_bad=pl.lit(n_bad)),
    }


def _count_values(values: pl.Series, limits: Range) -> dict[str, int]:
    numbers = values.cast(pl.Float64).fill_nan(None).drop_nulls()
    finite = numbers.filter(numbers.is_finite())
    low, high = limits
    n_low = 0 if low is None else int((finite < low).sum())
    n_high = 0 if high is None else int((finite > high).sum())
    return {"n_filled": len(numbers), "n_infinite": len(numbers) - len(finite), "n_out_of_range": n_low + n_high}
