"""Leakage: what would make a measurement look better than the future will be. Frames in, rows that must not be out.

    users     a measured user from whom the model learnt
    pairs     a held-out pair that the sources were given, or one from after the day
    features  a single feature that tells relevant from other items almost without error: it knows the label

What these can't see, the label-permutation test may: see permutation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

MAX_AUC = 0.999
MIN_RELEVANT = 30
MIN_USERS = 5
SHARED_SCHEMA = {"user_id": pl.String, "met_as": pl.String}
TELLING_SCHEMA = {"feature": pl.String, "auc": pl.Float64, "n_relevant": pl.Int64, "n_users": pl.Int64}


def find_shared_users(measured: pl.Series, learnt_from: Mapping[str, pl.Series]) -> pl.DataFrame:
    """user_id, met_as: measured users who are among those that the model met; learnt_from: how they were met to ids."""
    users = pl.DataFrame({"user_id": measured.cast(pl.String).unique()})
    met = [
        pl.DataFrame({"user_id": ids.cast(pl.String).unique()}).with_columns(met_as=pl.lit(name))
        for name, ids in learnt_from.items()
    ]
    rows = pl.concat(met) if met else pl.DataFrame(schema=SHARED_SCHEMA)
    return rows.join(users, on="user_id", how="semi").sort("user_id", "met_as").select(SHARED_SCHEMA.keys())


class FeatureEvidence:
    """How well each feature alone orders items within users, summed over shards of whole users.

    For each feature the share of pairs (relevant, other) of one user that it puts in the right order, ties counting half:
    the AUC, weighted by pairs. A missing value counts once as lowest and once as highest, since a tree may use either.
    Memory O(features + rows of a shard); time O(features * rows log rows).
    """

    def __init__(self, features: Sequence[str]) -> None:
        self.features = tuple(features)
        self._won = np.zeros((2, len(self.features)))
        self._n_pairs = 0.0
        self._n_relevant = 0
        self._n_users = 0

    def add(self, rows: pl.DataFrame) -> None:
        """rows: user_id, is_relevant and the features."""
        sizes = pl.col("is_relevant").sum().over("user_id"), (~pl.col("is_relevant")).sum().over("user_id")
        mixed = rows.with_columns(n_relevant=sizes[0], n_other=sizes[1])
        mixed = mixed.filter((pl.col("n_relevant") > 0) & (pl.col("n_other") > 0))
        if mixed.is_empty():
            return
        users = mixed.group_by("user_id").agg(pl.col("n_relevant", "n_other").first().cast(pl.Float64))
        self._n_pairs += float((users["n_relevant"] * users["n_other"]).sum())
        # Mann and Whitney: the pairs won are the relevant items' ranks less those that they have among themselves.
        own = float((users["n_relevant"] * (users["n_relevant"] + 1) / 2).sum())
        self._n_relevant += int(users["n_relevant"].sum())
        self._n_users += len(users)
        for place, missing in enumerate((-np.inf, np.inf)):
            ranks = [
                pl.col(name)
                .cast(pl.Float64)
                .fill_nan(None)
                .fill_null(missing)
                .rank("average")
                .over("user_id")
                .alias(name)
                for name in self.features
            ]
            sums = mixed.select("is_relevant", *ranks).filter("is_relevant").select(pl.col(self.features).sum())
            self._won[place] += np.array(sums.row(0)) - own

    def telling(
        self, *, max_auc: float = MAX_AUC, min_relevant: int = MIN_RELEVANT, min_users: int = MIN_USERS
    ) -> pl.DataFrame:
        """TELLING_SCHEMA: features whose AUC is above max_auc or below 1 - max_auc, on enough items and users."""
        if self._n_relevant < min_relevant or self._n_users < min_users:
            return pl.DataFrame(schema=TELLING_SCHEMA)
        areas = self._won / self._n_pairs
        strongest = np.take_along_axis(areas, np.abs(areas - 0.5).argmax(axis=0)[None], axis=0)[0]
        rows = [
            (name, float(auc), self._n_relevant, self._n_users)
            for name, auc in zip(self.features, strongest, strict=True)
            if auc > max_auc or auc < 1.0 - max_auc
        ]
        return pl.DataFrame(rows, schema=TELLING_SCHEMA, orient="row")
