"""The judge's sample: known probabilities, one coin a pair, and totals that come out right on average."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.judge_sampling import Population, simulate
from tasks.contracts.labels import JudgeConfig
from tasks.labeling.sampling import Drawn, Pool, draw_pairs, pool_depth, strata_of

N_USERS, N_ITEMS, DIMENSION = 12, 200, 8
CONFIG = JudgeConfig(pairs_per_user=20, near_share=0.5, middle_share=0.25)
SOURCES = CONFIG.sources


def unit(rows: int, *, seed: int) -> NDArray[np.float32]:
    vectors = np.random.default_rng(seed).standard_normal((rows, DIMENSION))
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), dtype=np.float32)


USERS, ITEMS = unit(N_USERS, seed=1), unit(N_ITEMS, seed=2)
SCORES = {
    "dense_profile": USERS @ ITEMS.T,
    "bm25": np.random.default_rng(5).random((N_USERS, N_ITEMS)) + (USERS @ ITEMS.T),
    "popularity": np.broadcast_to(np.random.default_rng(6).random(N_ITEMS), (N_USERS, N_ITEMS)),
}


def keys(count: int, *, seed: int) -> NDArray[np.uint64]:
    return np.random.default_rng(seed).integers(0, 2**63, count).astype(np.uint64)


def make_pool(*, users: int, items: int, without: tuple[str, ...] = ()) -> Pool:
    """Each source's whole order, but for those that have no data."""
    pool = Pool(SOURCES, (users, items))
    for name in SOURCES:
        if name not in without:
            rank = np.argsort(np.argsort(-SCORES[name][:users, :items], axis=1), axis=1) + 1
            user, item = np.indices(rank.shape).reshape(2, -1)
            pool.add(name, user=user, item=item, rank=rank.ravel())
    return pool


def draw(
    *, users: int = N_USERS, items: int = N_ITEMS, seed: int = 20, without: tuple[str, ...] = (), **more: Any
) -> Drawn:
    given = {
        "user_keys": keys(N_USERS, seed=3)[:users],
        "item_keys": keys(N_ITEMS, seed=4)[:items],
        "n_pairs": np.full(users, 20),
        "is_open": np.ones((users, items), dtype=bool),
        "is_seen": np.zeros((users, items), dtype=bool),
        "config": CONFIG.model_copy(update={"seed": seed}),
    }
    return draw_pairs(make_pool(users=users, items=items, without=without), **{**given, **more})


def pairs(drawn: Drawn) -> set[tuple[int, int]]:
    return set(zip(drawn.user.tolist(), drawn.item.tolist(), strict=True))


def names(drawn: Drawn) -> NDArray[np.str_]:
    return np.array(strata_of(SOURCES))[drawn.stratum]


def test_top_of_each_source_is_taken() -> None:
    drawn = draw()
    is_top = np.char.startswith(names(drawn), "top:")
    assert np.bincount(drawn.user[is_top]).tolist() == [10] * N_USERS
    assert set(drawn.probability[is_top]) == {1.0}
    for scores in SCORES.values():
        best = {(user, int(item)) for user in range(N_USERS) for item in np.argsort(-scores[user])[:3]}
        assert best <= pairs(drawn)


def test_stratum_names_the_source_that_has_the_pair_first() -> None:
    drawn = draw()
    [places] = np.nonzero(names(drawn) == "top:popularity")
    assert len(places) > N_USERS
    popular = np.argsort(-SCORES["popularity"][0])[:10]
    assert set(drawn.item[places].tolist()) <= set(popular.tolist())


def test_probability_is_the_share_of_the_stratum_that_is_wanted() -> None:
    drawn = draw()
    found = {name: set(drawn.probability[names(drawn) == name].tolist()) for name in ("middle", "rest")}
    # 20 pairs: 10 at the tops, 5 of the 50 after them, 5 of the 140 that are left.
    assert found == {"middle": {5 / 50}, "rest": {5 / 140}}


@pytest.mark.parametrize("without", [(), ("bm25",), ("dense_profile", "popularity"), SOURCES], ids=str)
def test_share_of_a_source_without_data_goes_to_the_others_or_the_rest(without: tuple[str, ...]) -> None:
    sizes = [len(draw(seed=seed, without=without).user) / N_USERS for seed in range(60)]
    assert np.mean(sizes) == pytest.approx(20, abs=0.4)
    drawn = draw(without=without)
    tops = {name for name in names(drawn).tolist() if name.startswith("top:")}
    assert tops == {f"top:{name}" for name in SOURCES if name not in without}
    if set(without) == set(SOURCES):
        assert set(drawn.probability.tolist()) == {20 / N_ITEMS}


def test_recorded_probability_is_how_often_a_pair_is_drawn() -> None:
    """Over many seeds each pair turns up as often as its probability says."""
    counts, recorded, n_seeds = np.zeros((N_USERS, N_ITEMS)), np.zeros((N_USERS, N_ITEMS)), 400
    for seed in range(n_seeds):
        drawn = draw(seed=seed)
        counts[drawn.user, drawn.item] += 1
        recorded[drawn.user, drawn.item] = drawn.probability
    met = recorded > 0
    error = np.sqrt(recorded * (1 - recorded) / n_seeds)
    assert (counts[recorded == 1] == n_seeds).all()
    off = np.abs(counts / n_seeds - recorded)[met & (recorded < 1)] / error[met & (recorded < 1)]
    assert (off > 2).mean() < 0.08
    assert (counts / n_seeds).sum() == pytest.approx(recorded.sum(), rel=0.02)


@pytest.mark.parametrize("without", [(), SOURCES], ids=["with profiles", "without profiles"])
def test_weighted_total_is_unbiased(without: tuple[str, ...]) -> None:
    # What is counted goes with the cosine, as relevance does: an unweighted mean of the sample would be far off.
    values = np.exp(2 * (USERS @ ITEMS.T))
    totals, means = [], []
    for seed in range(300):
        drawn = draw(seed=seed, without=without)
        found = values[drawn.user, drawn.item]
        totals.append((found / drawn.probability).sum())
        means.append(found.mean())
    error = np.std(totals) / np.sqrt(len(totals))
    assert np.mean(totals) == pytest.approx(values.sum(), abs=3.5 * error)
    if not without:
        assert np.mean(means) > 1.3 * values.mean()


def test_interval_covers_the_truth_and_the_unweighted_one_does_not() -> None:
    found = simulate(Population.make(n_users=30, n_items=300, seed=1), n_draws=60, seed=1)
    assert found["mean grade"].coverage >= 0.85
    assert found["mean grade"].unweighted_coverage <= 0.2
    assert found["mean grade"].mean == pytest.approx(found["mean grade"].truth, rel=0.1)


def test_pair_keeps_its_coin_whoever_else_is_there() -> None:
    assert pairs(draw(users=1)) == {pair for pair in pairs(draw()) if pair[0] == 0}


def test_new_item_moves_no_old_coin() -> None:
    half = N_ITEMS // 2
    before = pairs(draw(items=half))
    is_open = np.zeros((N_USERS, N_ITEMS), dtype=bool)
    is_open[:, half:] = True
    added = pairs(draw(is_open=is_open))
    assert len(added) > 0
    assert all(item >= half for _, item in added)
    assert before.isdisjoint(added)


def test_closed_pair_is_never_drawn() -> None:
    is_open = np.ones((N_USERS, N_ITEMS), dtype=bool)
    closed = pairs(draw())
    is_open[tuple(zip(*closed, strict=True))] = False
    assert pairs(draw(is_open=is_open)) == set()


def test_what_was_seen_takes_no_place_at_the_tops() -> None:
    is_seen = np.zeros((N_USERS, N_ITEMS), dtype=bool)
    is_seen[tuple(zip(*pairs(draw()), strict=True))] = True
    drawn = draw(is_seen=is_seen)
    assert not is_seen[drawn.user, drawn.item].any()
    is_top = np.char.startswith(names(drawn), "top:")
    assert np.bincount(drawn.user[is_top]).tolist() == [10] * N_USERS


def test_same_seed_draws_the_same_and_another_one_does_not() -> None:
    assert pairs(draw(seed=1)) == pairs(draw(seed=1))
    assert pairs(draw(seed=1)) != pairs(draw(seed=2))


def test_more_pairs_than_items_takes_them_all() -> None:
    drawn = draw(items=5)
    assert len(drawn.user) == N_USERS * 5
    assert set(drawn.probability) == {1.0}


def test_users_may_want_different_numbers() -> None:
    drawn = draw(n_pairs=np.array([0] + [40] * (N_USERS - 1)))
    counts = np.bincount(drawn.user, minlength=N_USERS)
    assert counts[0] == 0
    assert counts[1:].min() >= 20


def test_sources_are_read_as_deep_as_the_pool_may_need_one_alone() -> None:
    assert pool_depth(CONFIG, np.array([20, 0])).tolist() == [10 + 50, 0]
