"""The judge's sample: known probabilities, one coin a pair, and totals that come out right on average."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tasks.contracts.catalog import JudgeConfig
from tasks.labeling.sampling import STRATA, Drawn, draw_pairs

N_USERS, N_ITEMS, DIMENSION = 12, 200, 8
CONFIG = JudgeConfig(pairs_per_user=20, near_share=0.5, middle_share=0.25)


def unit(rows: int, *, seed: int) -> NDArray[np.float32]:
    vectors = np.random.default_rng(seed).standard_normal((rows, DIMENSION))
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), dtype=np.float32)


USERS, ITEMS = unit(N_USERS, seed=1), unit(N_ITEMS, seed=2)


def keys(count: int, *, seed: int) -> NDArray[np.uint64]:
    return np.random.default_rng(seed).integers(0, 2**63, count).astype(np.uint64)


def draw(*, users: NDArray[np.float32] = USERS, items: slice = slice(None), seed: int = 20, **more: Any) -> Drawn:
    given = {
        "user_keys": keys(N_USERS, seed=3)[: len(users)],
        "item_keys": keys(N_ITEMS, seed=4)[items],
        "n_pairs": np.full(len(users), 20),
        "is_open": np.ones((len(users), len(ITEMS[items])), dtype=bool),
        "config": CONFIG.model_copy(update={"seed": seed}),
    }
    return draw_pairs(users, ITEMS[items], **{**given, **more})


def pairs(drawn: Drawn) -> set[tuple[int, int]]:
    return set(zip(drawn.user.tolist(), drawn.item.tolist(), strict=True))


def test_nearest_items_are_all_taken() -> None:
    drawn = draw()
    near = drawn.stratum == STRATA.index("near")
    assert np.bincount(drawn.user[near]).tolist() == [10] * N_USERS
    assert set(drawn.probability[near]) == {1.0}
    nearest = {(user, int(item)) for user in range(N_USERS) for item in np.argsort(-(USERS @ ITEMS.T)[user])[:10]}
    assert nearest <= pairs(drawn)


def test_probability_is_the_share_of_the_stratum_that_is_wanted() -> None:
    drawn = draw()
    by_stratum = {STRATA[s]: set(drawn.probability[drawn.stratum == s].tolist()) for s in np.unique(drawn.stratum)}
    # 20 pairs: 10 near, 5 of the 50 after them, 5 of the 140 that are left.
    assert by_stratum == {"near": {1.0}, "middle": {5 / 50}, "rest": {5 / 140}}


def test_number_of_pairs_is_right_on_average() -> None:
    sizes = [len(draw(seed=seed).user) / N_USERS for seed in range(60)]
    assert np.mean(sizes) == pytest.approx(20, abs=0.3)


@pytest.mark.parametrize("vectors", [USERS, np.zeros_like(USERS)], ids=["with profiles", "without profiles"])
def test_weighted_total_is_unbiased(vectors: NDArray[np.float32]) -> None:
    # What is counted goes with the cosine, as relevance does: an unweighted mean of the sample would be far off.
    values = np.exp(2 * (USERS @ ITEMS.T))
    totals, means = [], []
    for seed in range(300):
        drawn = draw(users=vectors, seed=seed)
        found = values[drawn.user, drawn.item]
        totals.append((found / drawn.probability).sum())
        means.append(found.mean())
    error = np.std(totals) / np.sqrt(len(totals))
    assert np.mean(totals) == pytest.approx(values.sum(), abs=3.5 * error)
    if vectors.any():
        assert np.mean(means) > 1.5 * values.mean()


def test_pair_keeps_its_coin_whoever_else_is_there() -> None:
    alone = draw(users=USERS[:1])
    assert pairs(alone) == {pair for pair in pairs(draw()) if pair[0] == 0}


def test_new_item_moves_no_old_coin() -> None:
    half = slice(0, N_ITEMS // 2)
    before = pairs(draw(items=half))
    is_open = np.zeros((N_USERS, N_ITEMS), dtype=bool)
    is_open[:, N_ITEMS // 2 :] = True
    added = pairs(draw(is_open=is_open))
    assert len(added) > 0
    assert all(item >= N_ITEMS // 2 for _, item in added)
    assert before.isdisjoint(added)


def test_closed_pair_is_never_drawn() -> None:
    is_open = np.ones((N_USERS, N_ITEMS), dtype=bool)
    closed = pairs(draw())
    is_open[tuple(zip(*closed, strict=True))] = False
    assert pairs(draw(is_open=is_open)) == set()


def test_same_seed_draws_the_same_and_another_one_does_not() -> None:
    assert pairs(draw(seed=1)) == pairs(draw(seed=1))
    assert pairs(draw(seed=1)) != pairs(draw(seed=2))


def test_more_pairs_than_items_takes_them_all() -> None:
    drawn = draw(items=slice(0, 5))
    assert len(drawn.user) == N_USERS * 5
    assert set(drawn.probability) == {1.0}


def test_users_may_want_different_numbers() -> None:
    drawn = draw(n_pairs=np.array([0] + [40] * (N_USERS - 1)))
    counts = np.bincount(drawn.user, minlength=N_USERS)
    assert counts[0] == 0
    assert counts[1:].min() >= 20
