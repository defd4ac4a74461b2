"""Which users the ranker learns from, which decide when it stops, and which it never meets."""

from __future__ import annotations

import numpy as np
import polars as pl

from tasks.contracts.errors import TooFewLabelsError
from tasks.ranking.hashing import hash_ids

SPLITS = ("train", "validation", "test")


def split_of(user_ids: pl.Series, *, seed: int, validation_share: float, test_share: float) -> pl.Series:
    """ "train", "validation" or "test" for each user, by the hash of the id alone.

    A user's split never depends on who else is there, so tomorrow's new users move nobody from test to train; in return
    the shares hold only on average, and in a small catalog a split may be empty: see check_splits.
    """
    place = hash_ids(user_ids, seed).astype(np.float64) / 2.0**64
    codes = np.where(place < test_share, 2, np.where(place < test_share + validation_share, 1, 0))
    return pl.Series("split", np.array(SPLITS)[codes], dtype=pl.String)


def is_comparison(user_ids: pl.Series, *, seed: int) -> pl.Series:
    """Whether a validation user belongs to the half that compares models and decides nothing else, by the id alone.

    The lowest bit of the hash whose height is the split, so that the two are independent.
    """
    return pl.Series("is_comparison", (hash_ids(user_ids, seed) & np.uint64(1)).astype(bool))


def check_splits(splits: pl.Series) -> None:
    """Raise TooFewLabelsError when a split has no user; splits holds one value a user."""
    counts = {name: int((splits == name).sum()) for name in SPLITS}
    empty = [name for name, count in counts.items() if not count]
    if empty:
        sizes = ", ".join(f"{count} {name}" for name, count in counts.items())
        raise TooFewLabelsError(
            f"split {empty[0]!r} has none of the {len(splits)} users ({sizes});"
            " add users, raise its share in [ranking], or change ranking.seed"
        )
