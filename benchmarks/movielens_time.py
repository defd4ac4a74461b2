"""MovieLens 100k cut by time: the last fifth of all ratings, for people who had rated before.

    python -m benchmarks.movielens_time --data ../shared/data [--output FILE]

Popularity is hard to beat under such a split: tastes are known from months ago, and what is shown changes. Writes
benchmarks/results/movielens_time.md. About two minutes on two cores.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import polars as pl

from benchmarks.movielens.data import MovieLens, load_movielens, split_by_time
from benchmarks.movielens.stages import Part, build_rows, fit_part, label_rows, learn, list_source, rank, rank_rows
from benchmarks.movielens.tables import K, describe_machine, format_interval, lead_of, measure, table_of
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

POPULARITY, RECENT, NIGHTJAR = "popularity", "popularity of the last 14 days", "Nightjar, two stages"
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
        RECENT: list_source(part, RecentPopularity(part.index, part.history, recent_days=14.0), users, k=K),
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


PROTOCOL = """\
# MovieLens 100k cut by time

`python -m benchmarks.movielens_time --data DATA`. {machine} {seconds:.0f} s.

**Protocol.** All ratings in the order of their time: the last fifth, from {cut:%Y-%m-%d %H:%M} UTC on, is the test part.
Measured are the {n_users} people with ratings in both parts, on their {n_test:,} ratings of the test part, all of them
relevant; what they had rated before is left out of the lists; k = 10. Metrics as in movielens_recommenders.md; intervals
are 95 % bootstrap intervals over users of the paired difference.

**Systems.** Popularity counts all training ratings, or those of the last 14 days. EASE: regularization 300. Nightjar's
second stage is LambdaMART over {total} candidates. It is trained inside the training part, which is cut at {n_cuts} earlier
times: at each, sources, features and popularity end at the cut, and what users rate after it is the truth. Its parameters
were chosen on such a cut of the training part; the test part is read once, by the metrics.

"""


def write_page(results: dict[str, pl.DataFrame], ranker: TrainedRanker, *, head: str) -> str:
    """The table, and the lead over both kinds of popularity in words."""
    ours = results[NIGHTJAR]
    most = ", ".join(f"`{name}`" for name in list(ranker.importances)[:6])
    lines = [
        head + table_of(results, reference=POPULARITY),
        "",
        f"Less the popularity of the last 14 days: {format_interval(lead_of(ours, results[RECENT]))}.",
        f"Less EASE: {format_interval(lead_of(ours, results['EASE']))}.",
        f"The ranker ({ranker.n_trees} trees, {ranker.n_users} users) looked most at {most}.",
    ]
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with ml-100k.zip")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "results/movielens_time.md")
    options = parser.parse_args(arguments)
    clock = time.monotonic()
    movielens = load_movielens(options.data)
    train, test, cut = split_by_time(movielens.ratings, share=TEST_SHARE)
    results, ranker = run_systems(movielens, train, test, cut=cut)
    users = users_of_both(train, test)
    head = PROTOCOL.format(
        machine=describe_machine(),
        seconds=time.monotonic() - clock,
        cut=cut,
        n_users=len(users),
        n_test=len(test.filter(pl.col("user_id").is_in(users.implode()))),
        total=CANDIDATES.total,
        n_cuts=len(CUTS),
    )
    options.output.write_text(write_page(results, ranker, head=head))


if __name__ == "__main__":
    main()
