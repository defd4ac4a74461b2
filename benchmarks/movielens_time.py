"""MovieLens 100k cut by time: the last fifth of all ratings, for people who had rated before.

    python -m benchmarks.movielens_time --data ../shared/data [--output FILE]

Popularity is hard to beat under such a split: tastes are known from months ago, and what is shown changes. Writes
benchmarks/results/movielens_time.md. About two minutes on two cores.
"""

from __future__ import annotations

from datetime import datetime

import polars as pl

from benchmarks.movielens.data import MovieLens, split_by_time
from benchmarks.movielens.stages import Part, build_rows, fit_part, label_rows, learn, list_source, rank, rank_rows
from benchmarks.movielens.tables import K, measure
from tasks.contracts.recommending import CandidatesConfig, RankingConfig
from tasks.ranking.model import TrainedRanker
from tasks.retrieval.choices import choice_matrix
from tasks.retrieval.collaborative import Collaborative
from tasks.retrieval.ease import fit_ease
from tasks.retrieval.popularity import Popularity
from tasks.retrieval.recent_popularity import RecentPopularity

TEST_SHARE = 0.2
CUTS = (0.15, 0.25, 0.35, 0.45, 0.55, 0.65)
"""The training part is cut by time at these shares from its end: what comes after is the truth of a fold."""

POPULARITY, NIGHTJAR = "popularity", "Nightjar, two stages"
N_MODELS = 5
CANDIDATES = CandidatesConfig(
    sources={"collaborative": 1.0, "item_to_item": 1.0, "popularity": 1.0, "recent_popularity": 1.0},
    per_source=100,
    total=150,
    history_half_life_days=3650.0,
)
RANKING = RankingConfig(
    learning_rate=0.03, num_leaves=8, min_data_in_leaf=200, max_rounds=200, early_stopping_rounds=50
)


def users_of_both(before: pl.DataFrame, after: pl.DataFrame) -> pl.Series:
    """Ids of users with ratings in both parts, in order."""
    return after.filter(pl.col("user_id").is_in(before["user_id"].unique().implode()))["user_id"].unique().sort()


def train_two_stages(movielens: MovieLens, train: pl.DataFrame) -> TrainedRanker:
    """LambdaMART from earlier cuts of the training part; each fold's sources and features end at its cut."""
    rows = []
    for fold, share in enumerate(CUTS):
        before, after, cut = split_by_time(train, share=share)
        part = fit_part(movielens, before, as_of=cut, config=CANDIDATES)
        _, features = build_rows(part, users_of_both(before, after))
        rows.append(label_rows(features, after, fold=fold, seed=RANKING.seed))
    return learn(rows, config=RANKING, n_threads=1, n_models=N_MODELS)


def run_systems(
    movielens: MovieLens, train: pl.DataFrame, test: pl.DataFrame, *, cut: datetime
) -> tuple[dict[str, pl.DataFrame], TrainedRanker]:
    """Each system's metrics of the users who are in both parts."""
    users = users_of_both(train, test)
    part = fit_part(movielens, train, as_of=cut, config=CANDIDATES)
    ranker = train_two_stages(movielens, train)
    candidates, features = build_rows(part, users)
    sources = {source.name: source for source in part.sources}
    lists = {
        POPULARITY: list_source(part, Popularity(part.index), users, k=K),
        "popularity of the last 14 days": list_source(
            part, RecentPopularity(part.index, part.history, recent_days=14.0), users, k=K
        ),
        "EASE": list_source(part, plain_ease(part), users, k=K),
        "item kNN": list_source(part, sources["item_to_item"], users, k=K),
        "Nightjar's source collaborative": list_source(part, sources["collaborative"], users, k=K),
        "rank fusion of Nightjar's sources": rank(candidates, candidates["fused_score"].to_numpy(), k=K),
        NIGHTJAR: rank_rows(ranker, candidates, features, k=K),
    }
    relevant = test.filter(pl.col("user_id").is_in(users.implode()))
    return {name: measure(found, relevant) for name, found in lists.items()}, ranker


def plain_ease(part: Part) -> Collaborative:
    """EASE by the textbook: ones and zeros, regularization 300."""
    model = fit_ease(choice_matrix(part.history, part.index), regularization=300.0, max_items=20_000)
    return Collaborative(part.index, model)
