"""Does the ranker beat every single source? MovieLens 100k, users that it never met in training.

    python -m benchmarks.ranking_movielens --data ../shared/data [--split validation] [--output results.md]

Reads ml-100k.zip from --data and embeds the films' titles and genres with the packaged model; writes a Markdown report.
Of each user the latest 25 % of the ratings are hidden and are the truth (5 stars: grade 3, 4: 2, 3: 1, below: 0); the
rest is the history that sources, item statistics and features may know. The ranker learns from the hidden ratings of
training and validation users and is measured on those of test users. Choices of design are made with --split validation,
which leaves the validation users out of training too; the test users are for the final figure only.
"""

from __future__ import annotations

import argparse
import platform
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import lightgbm
import numpy as np
import polars as pl

from tasks.contracts.catalog import CandidatesConfig, RankingConfig, RelevanceConfig
from tasks.embedding.sentence import load_embedder
from tasks.evaluation.table import compare_systems, draw_random_lists, lists_of_sources, to_markdown
from tasks.ranking.features import build_features
from tasks.ranking.inputs import ItemFacts, build_item_facts
from tasks.ranking.model import TrainedRanker, score_rows, train_ranker
from tasks.ranking.splits import check_splits, split_of
from tasks.ranking.top_n import take_top
from tasks.ranking.training_rows import select_training_rows
from tasks.ranking.truth import grade_interactions, merge_truth, split_history
from tasks.retrieval.candidates import add_pairs, build_sources, candidates_for_shard, similarity_of
from tasks.retrieval.item_index import ItemIndex, build_item_index, decay_popularity
from tasks.retrieval.source import Source
from tasks.retrieval.user_shard import build_user_shard

CANDIDATES = CandidatesConfig(
    sources={"dense_history": 1.0, "bm25": 1.0, "popularity": 1.0, "collaborative": 1.0},
    history_half_life_days=3650.0,
)
RANKING = RankingConfig(learning_rate=0.03, min_data_in_leaf=100, max_rounds=400, early_stopping_rounds=200)
RELEVANCE = RelevanceConfig(
    truth=("interactions",), grades={"rating>=5": 3, "rating>=4": 2, "rating>=3": 1, "rating": 0}, holdout_share=0.25
)
SHARD_USERS = 250
SEED = 7
LENGTH = 10
METRICS = ("ndcg@10", "map@10", "mrr@10", "precision@10", "recall@10", "hit_rate@10", "coverage@10")
GENRES = (
    "unknown", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime", "Documentary", "Drama", "Fantasy",
    "Film-Noir", "Horror", "Musical", "Mystery", "Romance", "Sci-Fi", "Thriller", "War", "Western",
)  # fmt: skip


@dataclass(frozen=True)
class Films:
    """items as build_item_index wants them, genres as item_id and label, ratings with weight and age_days."""

    items: pl.DataFrame
    genres: pl.DataFrame
    ratings: pl.DataFrame
    as_of: datetime


@dataclass(frozen=True)
class Prepared:
    """Everything that a shard needs and that is built once, from the history part only."""

    index: ItemIndex
    sources: list[Source]
    facts: ItemFacts
    history: pl.DataFrame
    truth: pl.DataFrame
    splits: pl.DataFrame


def main() -> None:
    """Run the benchmark and print its report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with ml-100k.zip")
    parser.add_argument("--split", choices=("validation", "test"), default="test", help="whose lists are measured")
    parser.add_argument("--output", type=Path, help="also write the report to this file")
    arguments = parser.parse_args()
    started = time.perf_counter()
    films = read_films(arguments.data / "ml-100k.zip")
    texts = films.items["text"].to_list()
    prepared = prepare(films, load_embedder().encode(texts))
    candidates, features = build_rows(prepared, films.as_of)
    ranker = learn(prepared, features, split=arguments.split)
    report = measure(prepared, candidates, features, ranker=ranker, split=arguments.split)
    report += f"\n\n{describe(ranker)}\nWhole run: {time.perf_counter() - started:.0f} s.\n"
    print(report)
    if arguments.output:
        arguments.output.write_text(report, encoding="utf-8")


def read_films(path: Path) -> Films:
    """Films, genres and ratings of MovieLens 100k."""
    with zipfile.ZipFile(path) as archive:
        films = [line.split("|") for line in archive.read("ml-100k/u.item").decode("latin-1").splitlines()]
        ratings = [line.split("\t") for line in archive.read("ml-100k/u.data").decode().splitlines()]
    tags = [[name for name, flag in zip(GENRES, film[5:], strict=True) if flag == "1"] for film in films]
    items = pl.DataFrame(
        {
            "item_id": [film[0] for film in films],
            "title": [film[1] for film in films],
            "text": [f"{film[1]}\n{', '.join(tag)}" for film, tag in zip(films, tags, strict=True)],
            "published_at": pl.Series([film[2] or None for film in films]).str.to_datetime("%d-%b-%Y"),
        }
    ).with_columns(is_active=pl.lit(True), group_id=pl.lit(None, dtype=pl.String))
    genres = pl.DataFrame({"item_id": items["item_id"], "label": tags}).explode("label")
    rated = pl.DataFrame(
        {
            "user_id": [rating[0] for rating in ratings],
            "item_id": [rating[1] for rating in ratings],
            "event": "rating",
            "value": [float(rating[2]) for rating in ratings],
            "seconds": [int(rating[3]) for rating in ratings],
        }
    )
    last = rated["seconds"].max()
    rated = rated.with_columns(
        occurred_at=pl.from_epoch("seconds"),
        weight=(pl.col("value") - 2.0) / 3.0,
        age_days=(last - pl.col("seconds")) / 86_400.0,
    )
    return Films(items, genres, rated, datetime.fromtimestamp(float(str(last)), UTC))


def prepare(films: Films, vectors: np.ndarray[tuple[int, int], np.dtype[np.float32]]) -> Prepared:
    """Hide the truth, then build index, sources and item facts from what is left."""
    parts = split_history(films.ratings, config=RELEVANCE, seed=SEED)
    item_ids = films.items["item_id"]
    popularity = decay_popularity(parts.history, item_ids, half_life_days=CANDIDATES.popularity_half_life_days)
    index = build_item_index(films.items, vectors, popularity=popularity)
    blank = pl.DataFrame(schema={"item_id": pl.String, "label": pl.String, "share": pl.Float64})
    sources = build_sources(index, CANDIDATES, interactions=parts.history)
    facts = build_item_facts(
        index,
        topics=blank,
        categories=films.genres,
        authors=blank.drop("share"),
        interactions=parts.history,
        neighbours=similarity_of(sources),
    )
    graded = grade_interactions(parts.held_out, RELEVANCE.grades)
    judged = graded.head(0).with_columns(sampling_probability=pl.lit(1.0))
    users = films.ratings["user_id"].unique().sort()
    splits = split_of(
        users, seed=RANKING.seed, validation_share=RANKING.validation_share, test_share=RANKING.test_share
    )
    check_splits(splits)
    return Prepared(
        index=index,
        sources=sources,
        facts=facts,
        history=parts.history,
        truth=merge_truth(judge=judged, interactions=graded, order=RELEVANCE.truth),
        splits=pl.DataFrame({"user_id": users, "split": splits}),
    )


def build_rows(prepared: Prepared, as_of: datetime) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Candidates of all users, and features of the candidates and of the labelled pairs, shard by shard."""
    candidates, features = [], []
    for users in _shards(prepared.splits["user_id"]):
        frame = pl.DataFrame({"user_id": users}).with_columns(profile_text=pl.lit(""))
        shard = build_user_shard(
            frame,
            np.zeros((len(users), prepared.index.vectors.shape[1]), dtype=np.float32),
            index=prepared.index,
            history=prepared.history,
            half_life_days=CANDIDATES.history_half_life_days,
        )
        found = candidates_for_shard(prepared.index, shard, sources=prepared.sources, config=CANDIDATES).frame
        learning = prepared.splits.filter(pl.col("split") != "test").select("user_id")
        pairs = prepared.truth.join(learning, on="user_id", how="semi").select("user_id", "item_id")
        rows = add_pairs(found, pairs, index=prepared.index, shard=shard, sources=prepared.sources)
        candidates.append(found)
        features.append(build_features(rows, catalog=prepared.index, shard=shard, facts=prepared.facts, as_of=as_of))
    return pl.concat(candidates), pl.concat(features)


def learn(prepared: Prepared, features: pl.DataFrame, *, split: str) -> TrainedRanker:
    """Train for a measurement on the users of `split`, of whom no row is passed on.

    For "test", the ranker learns from train and stops by validation; for "validation", a quarter of train takes the
    place of validation, and the test users are left out as well.
    """
    splits = prepared.splits
    if split == "validation":
        splits = splits.filter(pl.col("split") == "train")
        inner = split_of(splits["user_id"], seed=RANKING.seed + 1, validation_share=0.25, test_share=0.0)
        splits = splits.with_columns(inner)
    rows = {}
    for part in ("train", "validation"):
        users = splits.filter(pl.col("split") == part)
        own_features = features.join(users, on="user_id", how="semi", maintain_order="left")
        own_truth = prepared.truth.join(users, on="user_id", how="semi")
        rows[part] = select_training_rows(own_features, own_truth, seed=SEED).frame
    return train_ranker(rows["train"], rows["validation"], config=RANKING, n_threads=2)


def measure(
    prepared: Prepared, candidates: pl.DataFrame, features: pl.DataFrame, *, ranker: TrainedRanker, split: str
) -> str:
    """The comparison on the users of one split, as Markdown."""
    users = prepared.splits.filter(pl.col("split") == split).select("user_id")
    own = candidates.join(users, on="user_id", how="semi")
    rows = own.select("user_id", "item_id", "fused_rank").join(
        features.drop("fused_rank"), on=["user_id", "item_id"], maintain_order="left"
    )
    scored = rows.with_columns(score=pl.Series(score_rows(ranker, rows)))
    names = [source.name for source in prepared.sources]
    random = draw_random_lists(
        users["user_id"],
        prepared.index.item_ids,
        seen=prepared.history.select("user_id", "item_id"),
        k=LENGTH,
        seed=SEED,
    )
    systems = {"random": random, **lists_of_sources(own, names), "lambdamart": take_top(scored, n=LENGTH)}
    qrels = prepared.truth.join(users, on="user_id", how="semi")
    table = compare_systems(
        systems,
        qrels,
        reference="lambdamart",
        n_items=len(prepared.index),
        seed=SEED,
        relevant_grade=RELEVANCE.relevant_grade,
        n_resamples=2000,
    )
    gaps = table.filter((pl.col("metric") == "ndcg@10") & pl.col("difference").is_not_null())
    lines = [
        f"| {row['system']} | {row['difference']:+.4f} [{row['difference_low']:+.4f}, {row['difference_high']:+.4f}] |"
        for row in gaps.iter_rows(named=True)
    ]
    head = (
        f"# LambdaMART against its sources: MovieLens 100k, {gaps['n_users'][0]} {split} users\n\n"
        "Made by `python -m benchmarks.ranking_movielens`. Means over users with a 95 % bootstrap interval.\n\n"
    )
    gap_table = "| lambdamart less | ndcg@10 |\n|---|---|\n" + "\n".join(lines)
    return f"{head}{to_markdown(table, METRICS)}\n\n{gap_table}"


def describe(ranker: TrainedRanker) -> str:
    """How the ranker came about, and on which machine."""
    top = ", ".join(f"{name} {gain:.0f}" for name, gain in list(ranker.importances.items())[:12])
    return (
        f"{ranker.n_users} training and validation users, {ranker.n_rows} rows, {ranker.best_iteration} trees,"
        f" validation NDCG@10 (labelled rows) {ranker.validation_ndcg:.4f}.\n"
        f"Gain: {top}.\n"
        f"Python {platform.python_version()}, LightGBM {lightgbm.__version__}, {platform.machine()}."
    )


def _shards(user_ids: pl.Series) -> Iterator[pl.Series]:
    for start in range(0, len(user_ids), SHARD_USERS):
        yield user_ids.slice(start, SHARD_USERS)


if __name__ == "__main__":
    main()
