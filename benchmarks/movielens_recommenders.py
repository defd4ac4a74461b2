"""MovieLens 100k by the protocol of the recommenders project: textbook systems and Nightjar's two stages, over five seeds.

    python -m benchmarks.movielens_recommenders --data ../shared/data [--seeds 42 1 2 3 4] [--output FILE]

A quarter of each film's ratings, drawn at random, is the test part; all of them are relevant. Writes
benchmarks/results/movielens_recommenders.md. About ten minutes on two cores.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from benchmarks.movielens.data import MovieLens, after_all, load_movielens, split_stratified_by_item
from benchmarks.movielens.embedding import embed_films
from benchmarks.movielens.stages import (
    Part,
    assign_folds,
    build_rows,
    fit_part,
    label_rows,
    learn,
    list_source,
    rank,
    rank_rows,
)
from benchmarks.movielens.tables import K, describe_machine, format_interval, lead_of, mean_by_user, measure, table_of
from tasks.contracts.recommending import CandidatesConfig, RankingConfig
from tasks.ranking.model import TrainedRanker
from tasks.retrieval.als import fit_als
from tasks.retrieval.choices import choice_matrix
from tasks.retrieval.collaborative import Collaborative
from tasks.retrieval.ease import fit_ease
from tasks.retrieval.fusion import RankedList, fuse_ranks, join_lists
from tasks.retrieval.item_to_item import ItemToItem, fit_neighbours
from tasks.retrieval.popularity import Popularity
from tasks.retrieval.source import Source

SEEDS = (42, 1, 2, 3, 4)
EASE = "EASE"
NIGHTJAR = "Nightjar, two stages"
FIRST_STAGE = "Nightjar's source collaborative"
FOLDS, FOLD_SHARE, FOLD_SEED = 5, 0.1, 1001
N_MODELS = 1
CANDIDATES = CandidatesConfig(
    sources={"collaborative": 1.0, "item_to_item": 1.0, "popularity": 1.0, "recent_popularity": 1.0},
    per_source=100,
    total=100,
    history_half_life_days=3650.0,
)
RANKING = RankingConfig(
    learning_rate=0.05, num_leaves=16, min_data_in_leaf=500, max_rounds=200, early_stopping_rounds=40
)


def textbook_lists(part: Part, users: pl.Series) -> dict[str, pl.DataFrame]:
    """The lists of the textbook's systems, fitted to the part's ratings, and of their plain fusion by reciprocal rank."""
    choices = choice_matrix(part.history, part.index)
    near = fit_neighbours(part.history, part.index, neighbours=100, shrinkage=10.0)
    ease = fit_ease(choices, regularization=300.0, max_items=20_000)
    systems: dict[str, Source] = {
        "popularity": Popularity(part.index),
        "item kNN": ItemToItem(part.index, near),
        "ALS": Collaborative(part.index, fit_als(choices, factors=64)),
        EASE: Collaborative(part.index, ease),
    }
    deep = {name: list_source(part, source, users, k=100) for name, source in systems.items()}
    fused = [name for name in deep if name != "popularity"]
    return {
        **{name: found.filter(pl.col("rank") <= K) for name, found in deep.items()},
        "rank fusion of item kNN, ALS and EASE": fuse({name: deep[name] for name in fused}),
    }


def fuse(lists: dict[str, pl.DataFrame]) -> pl.DataFrame:
    """Reciprocal rank fusion, k = 60, equal weights."""
    users, items = (
        pl.concat([found[name] for found in lists.values()]).unique().sort() for name in ("user_id", "item_id")
    )
    pairs = join_lists([
        RankedList(
            users.search_sorted(found["user_id"]).cast(pl.Int64).to_numpy(),
            items.search_sorted(found["item_id"]).cast(pl.Int64).to_numpy(),
            found["rank"].cast(pl.Int64).to_numpy(),
        )
        for found in lists.values()
    ])  # fmt: skip
    scores = pl.Series("fused_score", fuse_ranks(pairs.ranks, weights=[1.0] * len(lists), rrf_k=60))
    order = pl.DataFrame([users.gather(pairs.users), items.gather(pairs.items), scores])
    ranked = order.with_columns(fused_rank=pl.col("fused_score").rank("ordinal", descending=True).over("user_id"))
    return rank(ranked, ranked["fused_score"].to_numpy(), k=K)


def train_two_stages(
    movielens: MovieLens, train: pl.DataFrame, *, as_of: datetime, vectors: NDArray[np.float32]
) -> TrainedRanker:
    """LambdaMART from the training part alone: each fold's ratings are labels for models that never saw them."""
    folded = assign_folds(train, folds=FOLDS, share=FOLD_SHARE, seed=FOLD_SEED)
    rows = []
    for fold in range(FOLDS):
        held_out = folded.filter(pl.col("fold") == fold)
        known = folded.filter(~pl.col("fold").eq_missing(fold))
        part = fit_part(movielens, known, as_of=as_of, config=CANDIDATES, vectors=vectors)
        _, features = build_rows(part, held_out["user_id"].unique())
        rows.append(label_rows(features, held_out, fold=fold, seed=RANKING.seed))
    return learn(rows, config=RANKING, n_threads=1, n_models=N_MODELS)


def run_seed(
    movielens: MovieLens, seed: int, *, vectors: NDArray[np.float32]
) -> tuple[dict[str, pl.DataFrame], TrainedRanker]:
    """Each system's metrics of every user under one split."""
    train, test = split_stratified_by_item(movielens.ratings, seed=seed)
    as_of, users = after_all(movielens.ratings), movielens.users["user_id"]
    part = fit_part(movielens, train, as_of=as_of, config=CANDIDATES, vectors=vectors)
    lists = textbook_lists(part, users)
    first = next(source for source in part.sources if source.name == "collaborative")
    lists[FIRST_STAGE] = list_source(part, first, users, k=K)
    ranker = train_two_stages(movielens, train, as_of=as_of, vectors=vectors)
    lists[NIGHTJAR] = rank_rows(ranker, *build_rows(part, users), k=K)
    return {name: measure(found, test) for name, found in lists.items()}, ranker


PROTOCOL = """\
# MovieLens 100k by the recommenders project's protocol

`python -m benchmarks.movielens_recommenders --data DATA`, seeds {seeds}. {machine} {seconds:.0f} s.

**Protocol.** 100,000 ratings of 943 people. Of each film's ratings three quarters, drawn at random, are the training part,
as `python_stratified_split(ratio=0.75, filter_by="item")` of recommenders-team draws them (uniform numbers of NumPy's
legacy generator in the order of `u.data`, {n_train:,} and {n_test:,} ratings with seed 42). Every rating of the rest is
relevant, whatever its value; what a user rated in the training part is left out of the lists; k = 10. Means are over the
users with a rating in the test part. `ndcg` is binary. `map` divides the average precision by the number of all relevant
items of the user, and not by at most k. A user's values are means over the seeds;
intervals are 95 % bootstrap intervals over users of the paired difference.

**Systems.** popularity: number of training ratings. item kNN: cosine with shrinkage 10, 100 neighbours. ALS: 64 factors.
EASE: closed form, regularization 300, on ones and zeros. All of them know only who rated what. Nightjar also reads when:
its source `collaborative` is EASE whose co-occurrence counts ratings of one sitting (ten minutes) more, with dropout and
a little weight for the embeddings of title and genres. Its second stage is LambdaMART over {total} candidates, with the
features of docs/features.md; title, genres, release date, and gender with age band as the segment are the only facts
beside the ratings. It is trained inside the training part: {folds} disjoint folds of {share:.0%} of each user's training
ratings are labels in turn, for candidates and features of sources that were fitted without them. The test part is read
once, by the metrics. What was tuned (sittings, dropout, weight of content, features, LightGBM's parameters) was chosen on
quarters held out of seed 42's training part. The test parts of the other seeds hold ratings of that part, so for seed 42
alone nothing at all was chosen on what it is measured by.

"""


def write_page(
    results: dict[int, dict[str, pl.DataFrame]],
    rankers: dict[int, TrainedRanker],
    *,
    sizes: tuple[int, int],
    seconds: float,
) -> str:
    """The page: means over seeds, each seed's lead, and what the ranker looked at."""
    head = PROTOCOL.format(
        seeds=", ".join(map(str, results)),
        machine=describe_machine(),
        seconds=seconds,
        n_train=sizes[0],
        n_test=sizes[1],
        total=CANDIDATES.total,
        folds=FOLDS,
        share=FOLD_SHARE,
    )
    names = list(next(iter(results.values())))
    means = {name: mean_by_user([result[name] for result in results.values()]) for name in names}
    second = format_interval(lead_of(means[NIGHTJAR], means[FIRST_STAGE]))
    lines = [head + f"## Means over {len(results)} seeds\n", table_of(means, reference=EASE)]
    lines += [f"\nThe two stages less the source `collaborative` alone: {second}.", "\n## Seed by seed\n"]
    lines += ["| seed | EASE | Nightjar | difference in ndcg | trees | looked at most |", "|---|---|---|---|---|---|"]
    for seed, result in results.items():
        ours, ease, ranker = result[NIGHTJAR], result[EASE], rankers[seed]
        most = ", ".join(f"`{name}`" for name in list(ranker.importances)[:4])
        cells = [_mean(ease), _mean(ours), format_interval(lead_of(ours, ease)), str(ranker.n_trees), most]
        lines.append(f"| {seed} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _mean(per_user: pl.DataFrame) -> str:
    return f"{np.mean(per_user['ndcg'].to_numpy()):.4f}"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with ml-100k.zip")
    parser.add_argument("--seeds", type=int, nargs="+", default=list(SEEDS))
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "results/movielens_recommenders.md")
    options = parser.parse_args(arguments)
    clock = time.monotonic()
    movielens = load_movielens(options.data)
    vectors = embed_films(movielens)
    results: dict[int, dict[str, pl.DataFrame]] = {}
    rankers: dict[int, TrainedRanker] = {}
    for seed in options.seeds:
        results[seed], rankers[seed] = run_seed(movielens, seed, vectors=vectors)
        lead = lead_of(results[seed][NIGHTJAR], results[seed][EASE])
        print(f"seed {seed}: {format_interval(lead)}, {time.monotonic() - clock:.0f} s", flush=True)
    sizes = split_stratified_by_item(movielens.ratings, seed=42)
    page = write_page(results, rankers, sizes=(len(sizes[0]), len(sizes[1])), seconds=time.monotonic() - clock)
    options.output.write_text(page)


if __name__ == "__main__":
    main()
