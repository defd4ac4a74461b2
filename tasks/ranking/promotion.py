"""Champion and challenger: a new model takes the old one's place unless it is worse on the same users.

Both are compared by their auditions: fits on training users alone. The users of the comparison, a fixed half of the
validation users (see splits.is_comparison), were neither learnt from nor used to stop or to tune an audition, today's or
an earlier night's. The models that are served have learnt from these users too, so it is the way of making them that is
compared, on today's labels and features.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.contracts.recommending import RankingConfig
from tasks.ranking.gains import ndcg_by_user
from tasks.ranking.lambdamart import feature_matrix, predict
from tasks.ranking.model import TrainedRanker, split_settings
from tasks.ranking.splits import is_comparison
from tasks.ranking.training_rows import drop_flat_queries

MIN_USERS = 10
"""Below, a percentile interval is much too narrow: a few users would keep a model back."""
N_RESAMPLES = 2000
BLOCK_CELLS = 8_000_000


@dataclass(frozen=True)
class Interval:
    """A mean over users with its percentile bootstrap interval (Efron, 1979)."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class Comparison:
    """NDCG@10 of both on the same users, and that of the challenger less the champion's, paired; level of all intervals."""

    n_users: int
    challenger: Interval
    champion: Interval
    difference: Interval
    level: float


@dataclass(frozen=True)
class Decision:
    """Whether the challenger takes the champion's place, why, and the comparison where there was one."""

    is_promoted: bool
    reason: str
    comparison: Comparison | None = None


def set_apart(validation: pl.DataFrame, *, seed: int) -> tuple[pl.DataFrame, pl.DataFrame | None]:
    """(rows that stop and tune, rows that compare), by user; all and None where a half would be too few users.

    The ranker needs every user in a small catalog, and MIN_USERS that hold an order to be compared at all.
    """
    apart = is_comparison(validation["user_id"], seed=seed)
    stopping, comparison = validation.filter(~apart), validation.filter(apart)
    sizes = [drop_flat_queries(half)["user_id"].n_unique() for half in (stopping, comparison)]
    return (validation, None) if min(sizes) < MIN_USERS else (stopping, comparison)


def decide_promotion(
    challenger: TrainedRanker,
    champion: TrainedRanker | None,
    rows: pl.DataFrame | None,
    *,
    config: RankingConfig,
    n_threads: int = 1,
) -> Decision:
    """Keep the challenger back if the whole interval of the difference is below zero, at config.promotion_level.

    rows: of the users of the comparison (see set_apart), as train_ranker's. Where no honest comparison is possible the
    challenger is promoted and the reason says why. A model that is a little worse each night passes each night: watch
    the metrics of `evaluate`. O(rows * trees + N_RESAMPLES * users).
    """
    if champion is None:
        return Decision(is_promoted=True, reason="the catalog's first model")
    if rows is None:
        few = f"half of the validation users holds fewer than {MIN_USERS} who have labels of two grades"
        return Decision(is_promoted=True, reason=f"not compared with the champion: {few}")
    obstacle = _obstacle(champion, rows, config)
    if obstacle:
        return Decision(is_promoted=True, reason=f"not compared with the champion: {obstacle}")
    found = compare(challenger, champion, rows, level=config.promotion_level, seed=config.seed, n_threads=n_threads)
    gap = found.difference
    told = f"NDCG@10 {gap.mean:+.3f} [{gap.low:+.3f}, {gap.high:+.3f}] against the champion on {found.n_users} users"
    return Decision(is_promoted=not gap.high < 0, reason=told, comparison=found)


def compare(
    challenger: TrainedRanker,
    champion: TrainedRanker,
    rows: pl.DataFrame,
    *,
    level: float,
    seed: int,
    n_threads: int = 1,
) -> Comparison:
    """Both auditions on the same rows, with intervals of the given level over the same resamples of users."""
    usable = drop_flat_queries(rows)
    ours, theirs = (_audition(ranker, usable, n_threads=n_threads) for ranker in (challenger, champion))
    columns = np.column_stack([ours, theirs, ours - theirs])
    challenging, reigning, difference = bootstrap(columns, level=level, seed=seed)
    return Comparison(len(ours), challenging, reigning, difference, level)


def bootstrap(values: NDArray[np.float64], *, level: float, seed: int) -> list[Interval]:
    """The mean of each column of values (users, columns) with its interval; NaN without users."""
    n_users, n_columns = values.shape
    if not n_users:
        return [Interval(np.nan, np.nan, np.nan)] * n_columns
    draw = np.random.default_rng(seed)
    step = max(1, BLOCK_CELLS // n_users)
    means = []
    for start in range(0, N_RESAMPLES, step):
        places = draw.integers(0, n_users, size=(min(step, N_RESAMPLES - start), n_users))
        means.append(np.stack([values[:, column][places].mean(axis=1) for column in range(n_columns)], axis=1))
    tail = (1.0 - level) / 2.0
    low, high = np.quantile(np.concatenate(means), [tail, 1.0 - tail], axis=0)
    return [Interval(float(mean), float(low[i]), float(high[i])) for i, mean in enumerate(values.mean(axis=0))]


def _obstacle(champion: TrainedRanker, rows: pl.DataFrame, config: RankingConfig) -> str:
    """Why the champion can't be compared on these rows; "" if it can."""
    missing = [name for name in champion.feature_names if name not in rows.columns]
    if missing:
        return f"it needs features that are no more ({', '.join(missing[:3])}{', …' if len(missing) > 3 else ''})"
    if not champion.audition_texts:
        return "it was made by an earlier version, which kept no fit without the users of the comparison"
    if dict(champion.split) != split_settings(config):
        return "it was made with other shares or another seed in [ranking], so it may have learnt from these users"
    return ""


def _audition(ranker: TrainedRanker, rows: pl.DataFrame, *, n_threads: int) -> NDArray[np.float64]:
    """NDCG@10 of each user, in the order of their ids."""
    scores = predict(ranker.audition_texts, feature_matrix(rows, ranker.feature_names), n_threads=n_threads)
    return np.asarray(ndcg_by_user(rows, scores)["ndcg"].to_numpy(), dtype=np.float64)
