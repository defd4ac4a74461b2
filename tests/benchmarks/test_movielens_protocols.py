"""What the MovieLens benchmarks stand on: the splits, folds, metrics and both stages, on a small made-up data set."""

from __future__ import annotations

import zipfile
from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest

from benchmarks.movielens.data import after_all, load_movielens, split_by_time, split_stratified_by_item
from benchmarks.movielens.stages import assign_folds, build_rows, fit_part, label_rows, learn, list_source, rank_rows
from benchmarks.movielens.tables import lead_of, mean_by_user, measure, table_of
from benchmarks.movielens_recommenders import textbook_lists
from tasks.contracts.recommending import CandidatesConfig, RankingConfig

N_USERS, N_FILMS = 30, 25
CONFIG = CandidatesConfig(
    sources={"collaborative": 1.0, "popularity": 1.0}, per_source=15, total=15, ease_regularization=5.0
)


@pytest.fixture(scope="module")
def movielens(tmp_path_factory):
    """People of two tastes, films of two genres; a zip in the format of ml-100k."""
    draw = np.random.default_rng(4)
    films = [f"{n + 1}|Film {n} (1995)|01-Jan-1995||http://x|" + _flags(n % 2) for n in range(N_FILMS)]
    people = [f"{n + 1}|{20 + n}|{'MF'[n % 2]}|writer|12345" for n in range(N_USERS)]
    ratings = []
    for user in range(N_USERS):
        taste = np.where(np.arange(N_FILMS) % 2 == user % 2, 6.0, 1.0)
        seen = draw.choice(N_FILMS, size=12, replace=False, p=taste / taste.sum())
        start = 880_000_000 + user * 90_000
        ratings += [f"{user + 1}\t{film + 1}\t{draw.integers(1, 6)}\t{start + 60 * n}" for n, film in enumerate(seen)]
    folder = tmp_path_factory.mktemp("movielens")
    with zipfile.ZipFile(folder / "ml-100k.zip", "w") as archive:
        for name, lines in (("u.item", films), ("u.user", people), ("u.data", ratings)):
            archive.writestr(f"ml-100k/{name}", "\n".join(lines) + "\n")
    return load_movielens(folder)


def _flags(genre):
    return "|".join("1" if place == genre + 1 else "0" for place in range(19))


def test_the_files_are_read(movielens):
    assert len(movielens.items) == N_FILMS
    assert movielens.items["text"][:2].to_list() == ["Action", "Adventure"]
    assert movielens.items["published_at"][0] == datetime(1995, 1, 1)
    assert movielens.users["segment"][:2].to_list() == ["M 0", "F 0"]
    assert movielens.ratings["occurred_at"].min() > datetime(1997, 11, 1)
    assert set(movielens.ratings["value"]) <= {1.0, 2.0, 3.0, 4.0, 5.0}


def test_three_quarters_of_each_films_ratings_are_training(movielens):
    train, test = split_stratified_by_item(movielens.ratings, seed=42)
    sizes = movielens.ratings["item_id"].value_counts()
    kept = dict(train["item_id"].value_counts().iter_rows())
    assert all(kept.get(item, 0) == int(count * 0.75) for item, count in sizes.iter_rows())
    assert len(train) + len(test) == len(movielens.ratings)
    assert not train.equals(split_stratified_by_item(movielens.ratings, seed=43)[0])


def test_the_split_is_that_of_the_recommenders_project():
    """Two items, four ratings each: the one with the highest draw of NumPy's legacy generator goes to the test part."""
    ratings = pl.DataFrame({"user_id": list("abcdefgh"), "item_id": ["1", "2"] * 4})
    draws = np.random.RandomState(42).rand(8)
    _, test = split_stratified_by_item(ratings, seed=42)
    expected = {list("abcdefgh")[first + 2 * int(np.argmax(draws[first::2]))] for first in (0, 1)}
    assert set(test["user_id"]) == expected


def test_nothing_after_the_cut_is_before_it(movielens):
    before, after, cut = split_by_time(movielens.ratings, share=0.2)
    assert before["occurred_at"].max() < cut == after["occurred_at"].min()
    assert len(after) >= int(0.2 * len(movielens.ratings))


def test_folds_are_disjoint_parts_of_each_users_ratings(movielens):
    folded = assign_folds(movielens.ratings, folds=3, share=0.25, seed=1)
    sizes = folded.group_by("user_id", "fold").len().filter(pl.col("fold").is_not_null())
    assert set(sizes["len"]) == {3}
    assert set(sizes["fold"]) == {0, 1, 2}


def test_average_precision_is_over_all_relevant_items():
    test = pl.DataFrame({"user_id": ["u"] * 20, "item_id": [f"i{n}" for n in range(20)]})
    lists = pl.DataFrame({"user_id": ["u"] * 10, "item_id": [f"i{n}" for n in range(10)], "rank": range(1, 11)})
    found = measure(lists, test).row(0, named=True)
    assert found == pytest.approx({"user_id": "u", "map": 0.5, "ndcg": 1.0, "precision": 1.0, "recall": 0.5})


def test_both_stages_learn_the_tastes(movielens):
    train, test = split_stratified_by_item(movielens.ratings, seed=1)
    as_of, users = after_all(movielens.ratings), movielens.users["user_id"]
    part = fit_part(movielens, train, as_of=as_of, config=CONFIG)
    systems = {name: measure(found, test) for name, found in textbook_lists(part, users).items()}
    rows = []
    folded = assign_folds(train, folds=3, share=0.2, seed=9)
    for fold in range(3):
        held_out = folded.filter(pl.col("fold") == fold)
        known = fit_part(movielens, folded.filter(~pl.col("fold").eq_missing(fold)), as_of=as_of, config=CONFIG)
        _, features = build_rows(known, held_out["user_id"].unique())
        rows.append(label_rows(features, held_out, fold=fold, seed=1))
    config = RankingConfig(num_leaves=4, min_data_in_leaf=5, max_rounds=10, early_stopping_rounds=5)
    ranker = learn(rows, config=config, n_threads=1, n_models=1)
    lists = rank_rows(ranker, *build_rows(part, users), k=10)
    assert lists.join(train, on=["user_id", "item_id"], how="semi").is_empty()
    systems["ours"] = measure(lists, test)
    assert mean_by_user([systems["ours"]])["ndcg"].mean() > 0.4
    assert "| ours |" in table_of(systems, reference="EASE")
    assert lead_of(systems["EASE"], systems["EASE"]).mean == 0.0
    own = list_source(part, part.sources[0], users, k=10)
    assert own.join(train, on=["user_id", "item_id"], how="semi").is_empty()


def test_the_end_of_the_data_is_after_its_last_rating(movielens):
    assert after_all(movielens.ratings) - timedelta(seconds=1) == movielens.ratings["occurred_at"].max()
