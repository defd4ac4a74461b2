"""MovieLens 100k with cold films: a tenth of the films have no rating at all, and only their content can find them.

    python -m benchmarks.movielens_cold --data ../shared/data [--seeds 1 2 3 4 5] [--output FILE]

Writes benchmarks/results/movielens_cold.md. About three minutes on two cores, most of it embedding 1,682 short texts.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from benchmarks.movielens.data import MovieLens, after_all, load_movielens
from benchmarks.movielens.embedding import MODEL, embed_films
from benchmarks.movielens.stages import Part, fit_part, list_source, make_shard
from benchmarks.movielens.tables import describe_machine, format_interval
from tasks.contracts.recommending import CandidatesConfig
from tasks.evaluation.bootstrap import bootstrap_differences, bootstrap_means
from tasks.evaluation.metrics import evaluate_lists
from tasks.ranking.affinity import label_lift, user_shares
from tasks.ranking.hashing import hash_ids, hash_pairs
from tasks.ranking.inputs import PairRows
from tasks.retrieval.source import Pairs

K = 50
COLD_SHARE = 0.1
SEEDS = (1, 2, 3, 4, 5)
RANDOM = "random order"
FUSED = "rank fusion of dense_history, genre lift and newest"
CONTENT = CandidatesConfig(
    sources={"dense_history": 1.0, "bm25": 1.0, "popularity": 1.0, "collaborative": 1.0},
    per_source=K,
    total=K,
    history_items=100,
    history_half_life_days=3650.0,
)
PROTOCOL = """\
# MovieLens 100k with cold films

`python -m benchmarks.movielens_cold --data DATA`, seeds {seeds}. {machine} {seconds:.0f} s.

**Protocol.** A tenth of the films, by the hash of id and seed, loses all ratings: nothing in training knows that anybody
chose them. All their ratings are relevant, whatever the value. recall@{k} is the share of a user's cold films that stand
among the first {k}; means are over users with a rating of a cold film, each user's values being means over the seeds;
intervals are 95 % bootstrap intervals over users. Nothing is trained but EASE, nothing was tuned.

**Content.** The text of a film is its title, which holds the year, and its genres, embedded by {model}. `dense_history`:
nearness to the user's interests. `bm25`: words. genre lift: how much more of the user's history than of everybody's is in
the film's genres. newest: by release.

"""


def choose_cold(movielens: MovieLens, *, seed: int) -> pl.Series:
    """Ids of the films that lose their ratings."""
    rated = movielens.ratings["item_id"].unique().sort()
    return rated.gather(np.argsort(hash_ids(rated, seed))[: round(len(rated) * COLD_SHARE)]).sort()


def score_cold(part: Part, users: pl.Series, cold: pl.Series, *, seed: int) -> dict[str, pl.DataFrame]:
    """Lists of cold films alone: user_id, item_id, rank, by each way to score them."""
    shard, positions = make_shard(part, users), part.index.locate(cold)
    n_users = len(shard)
    pairs = Pairs(np.repeat(np.arange(n_users), len(cold)), np.tile(positions, n_users))
    rows = PairRows(pairs.users, pairs.items)
    named = pl.DataFrame(
        {"user_id": shard.user_ids.gather(pairs.users), "item_id": cold.gather(np.tile(np.arange(len(cold)), n_users))}
    )
    sources = {source.name: source for source in part.sources}
    shares = user_shares(shard, part.facts.categories)
    scores = {
        RANDOM: np.zeros(len(pairs)),
        "dense_history": sources["dense_history"].score_pairs(shard, pairs),
        "bm25": sources["bm25"].score_pairs(shard, pairs),
        "genre lift": label_lift(shares, part.facts.categories, part.facts.n_interactions, rows),
        "newest": part.index.published_days[pairs.items],
    }
    coins = pl.Series("coin", hash_pairs(named["user_id"], named["item_id"], seed=seed))
    lists = {name: order(named, values, coins) for name, values in scores.items()}
    fused = sum(1.0 / (60.0 + lists[name]["rank"].to_numpy()) for name in ("dense_history", "genre lift", "newest"))
    lists[FUSED] = order(named, np.asarray(fused), coins)
    return lists


def order(named: pl.DataFrame, scores: NDArray[np.float64], coins: pl.Series) -> pl.DataFrame:
    """All pairs, in the order of named, with their rank; equal scores by the coin, unknown ones last."""
    place = pl.struct(-pl.col("score").fill_nan(-1e9), "coin").rank("ordinal").over("user_id").cast(pl.UInt32)
    return named.with_columns(coins, score=scores).with_columns(rank=place).select("user_id", "item_id", "rank")


def recall_of(lists: pl.DataFrame, test: pl.DataFrame) -> pl.DataFrame:
    """user_id, recall."""
    relevant = test.select("user_id", "item_id", grade=pl.lit(1))
    found = evaluate_lists(lists.filter(pl.col("rank") <= K), relevant, cutoffs=(K,), relevant_grade=1)
    return found.per_user.select("user_id", pl.col(f"recall@{K}").alias("recall"))


def run_seed(
    movielens: MovieLens, vectors: NDArray[np.float32], seed: int
) -> tuple[dict[str, pl.DataFrame], dict[str, pl.DataFrame]]:
    """recall of each user: by the order of cold films alone, and by lists from the whole catalog."""
    cold = choose_cold(movielens, seed=seed)
    is_cold = pl.col("item_id").is_in(cold.implode())
    train, test = movielens.ratings.filter(~is_cold), movielens.ratings.filter(is_cold)
    part = fit_part(movielens, train, as_of=after_all(movielens.ratings), config=CONTENT, vectors=vectors)
    users = movielens.users["user_id"]
    alone = {name: recall_of(found, test) for name, found in score_cold(part, users, cold, seed=seed).items()}
    whole = {source.name: recall_of(list_source(part, source, users, k=K), test) for source in part.sources}
    return alone, whole


def table_of(results: Sequence[dict[str, pl.DataFrame]], *, reference: str) -> str:
    """A row a system: mean recall over users with its interval, and the paired difference to the reference."""
    means = {
        name: pl.concat([result[name] for result in results])
        .group_by("user_id")
        .agg(pl.col("recall").mean())
        .sort("user_id")
        for name in results[0]
    }
    lines = [f"| ordered by | recall@{K} | less that of {reference} |", "|---|---|---|"]
    for name, per_user in means.items():
        value = bootstrap_means(per_user, ["recall"], seed=7)["recall"]
        lead = bootstrap_differences(per_user, means[reference], ["recall"], seed=7)["recall"]
        shown = f"{value.mean:.4f} [{value.low:.4f}, {value.high:.4f}]"
        lines.append(f"| {name} | {shown} | {'' if name == reference else format_interval(lead)} |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with ml-100k.zip")
    parser.add_argument("--seeds", type=int, nargs="+", default=list(SEEDS))
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "results/movielens_cold.md")
    options = parser.parse_args(arguments)
    clock = time.monotonic()
    movielens = load_movielens(options.data)
    vectors = embed_films(movielens)
    runs = [run_seed(movielens, vectors, seed) for seed in options.seeds]
    n_cold = len(choose_cold(movielens, seed=options.seeds[0]))
    head = PROTOCOL.format(
        seeds=", ".join(map(str, options.seeds)),
        machine=describe_machine(("numpy", "polars", "sentence-transformers")),
        seconds=time.monotonic() - clock,
        k=K,
        model=MODEL,
    )
    page = [
        head + f"## The {n_cold} cold films put in order\n\nPopularity is 0 for each of them: a random order.\n",
        table_of([alone for alone, _ in runs], reference=RANDOM),
        f"\n## Lists of {K} from the whole catalog\n\nCold films compete with all others.\n",
        table_of([whole for _, whole in runs], reference="popularity"),
    ]
    options.output.write_text("\n".join(page) + "\n")


if __name__ == "__main__":
    main()
