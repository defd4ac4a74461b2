"""Arranging lists: held against a greedy pass written out one user and one item at a time."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
from scipy import sparse

from tasks.contracts.recommending import RecommendConfig
from tasks.ranking.arrange import arrange_lists
from tasks.ranking.greedy import SMOOTHING, divergence
from tasks.ranking.inputs import LabelMatrix
from tasks.ranking.top_n import take_top

N_ITEMS, N_USERS, N_TOPICS = 60, 5, 4
IDS = [f"i{number:02d}" for number in range(N_ITEMS)]
USERS = [f"u{number}" for number in range(N_USERS)]


class World:
    """Items with vectors, topics and groups of near-duplicates; users with a history; all by a seed."""

    def __init__(self, seed: int = 1) -> None:
        chance = np.random.default_rng(seed)
        vectors = chance.normal(size=(N_ITEMS, 6)).astype(np.float32)
        vectors[7] = 0
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        self.vectors = np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)
        self.groups = np.arange(N_ITEMS)
        self.groups[11] = self.groups[10]
        self.shares = np.zeros((N_ITEMS, N_TOPICS))
        for item in range(N_ITEMS - 5):
            first, second = chance.choice(N_TOPICS, 2, replace=False)
            self.shares[item, [first, second]] = 0.7, 0.2
        self.history = [chance.choice(N_ITEMS, 6, replace=False) for _ in range(N_USERS - 1)] + [np.array([], int)]
        self.scores = chance.normal(size=(N_USERS, N_ITEMS))

    @property
    def catalog(self) -> SimpleNamespace:
        return SimpleNamespace(item_ids=pl.Series(IDS), vectors=self.vectors, group_codes=self.groups)

    @property
    def shard(self) -> SimpleNamespace:
        items = np.concatenate(self.history).astype(np.int64)
        return SimpleNamespace(
            user_ids=pl.Series(USERS),
            indptr=np.cumsum([0, *(len(one) for one in self.history)]),
            history_items=items,
            history_weights=np.ones(len(items)),
        )

    @property
    def topics(self) -> LabelMatrix:
        return LabelMatrix([f"t{number}" for number in range(N_TOPICS)], sparse.csr_matrix(self.shares))

    @property
    def scored(self) -> pl.DataFrame:
        rows = [(user, item, float(self.scores[u, i])) for u, user in enumerate(USERS) for i, item in enumerate(IDS)]
        return pl.DataFrame(rows, schema=["user_id", "item_id", "score"], orient="row")

    def arrange(self, scored: pl.DataFrame | None = None, **config) -> object:
        return arrange_lists(
            self.scored if scored is None else scored,
            catalog=self.catalog,
            shard=self.shard,
            topics=self.topics,
            config=RecommendConfig(**config),
            seed=3,
        )

    def mix(self, items) -> np.ndarray:
        """The mean of the items' topics, each a distribution; an item without topics adds nothing."""
        rows = self.shares[np.asarray(items, dtype=int)]
        totals = rows.sum(axis=1, keepdims=True)
        return np.divide(rows, totals, out=np.zeros_like(rows), where=totals > 0).sum(axis=0) / max(len(items), 1)

    def wanted(self, user: int) -> np.ndarray:
        total = self.mix(self.history[user])
        return total / total.sum() if total.sum() else total

    def brute(self, user: int, *, n: int, d: float, c: float) -> list[str]:
        """The greedy pass as it is defined, without any array of users."""
        pool = sorted((i for i in range(N_ITEMS)), key=lambda i: (-self.scores[user, i], i))
        pool = [i for place, i in enumerate(pool) if self.groups[i] not in {self.groups[j] for j in pool[:place]}]
        low, high = min(self.scores[user, pool]), max(self.scores[user, pool])
        chosen: list[int] = []
        while len(chosen) < n:
            gains = []
            for item in pool:
                relevance = (self.scores[user, item] - low) / (high - low)
                nearest = max((max(0.0, float(self.vectors[item] @ self.vectors[j])) for j in chosen), default=0.0)
                p, q = self.wanted(user), self.mix([*chosen, item])
                away = sum(
                    a * math.log(a / ((1 - SMOOTHING) * b + SMOOTHING * a)) for a, b in zip(p, q, strict=True) if a > 0
                )
                gains.append(round((1 - c) * ((1 - d) * relevance - d * nearest) - c * away, 9))
            best = max(
                range(len(pool)), key=lambda place: (gains[place] if pool[place] not in chosen else -9e9, -place)
            )
            chosen.append(pool[best])
        return [IDS[item] for item in chosen]


def lists(frame: pl.DataFrame) -> dict[str, list[str]]:
    grouped = frame.sort("user_id", "rank").group_by("user_id", maintain_order=True).agg("item_id")
    return dict(grouped.iter_rows())


@pytest.mark.parametrize(("d", "c"), [(0.5, 0.0), (0.0, 0.5), (0.3, 0.2), (1.0, 0.0), (0.0, 1.0)])
def test_lists_are_those_of_the_greedy_pass_written_out(d: float, c: float) -> None:
    world = World()
    found = lists(world.arrange(top_n=12, diversity=d, calibration=c).frame)
    assert found == {user: world.brute(u, n=12, d=d, c=c) for u, user in enumerate(USERS)}


def test_without_diversity_and_calibration_the_rankers_order_stays() -> None:
    world = World()
    groups = pl.DataFrame({"item_id": IDS, "group_code": world.groups})
    expected = take_top(world.scored, n=10, groups=groups)
    found = world.arrange(top_n=10)
    assert found.frame.drop("propensity").equals(expected)
    assert found.frame["propensity"].is_null().all()
    assert (found.n_short, found.n_unfilled) == (0, 0)


def test_a_list_is_the_same_in_whatever_company(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(seed=5)
    whole = world.arrange(top_n=9, diversity=0.4, calibration=0.3).frame
    monkeypatch.setattr("tasks.ranking.arrange.BLOCK_CELLS", 1)
    assert world.arrange(top_n=9, diversity=0.4, calibration=0.3).frame.equals(whole)
    for user in USERS:
        alone = world.arrange(world.scored.filter(pl.col("user_id") == user), top_n=9, diversity=0.4, calibration=0.3)
        assert alone.frame.equals(whole.filter(pl.col("user_id") == user))


def test_diversity_makes_lists_less_alike() -> None:
    world = World(seed=2)

    def likeness(frame: pl.DataFrame) -> float:
        places = {item: place for place, item in enumerate(IDS)}
        total = 0.0
        for items in lists(frame).values():
            rows = world.vectors[[places[item] for item in items]]
            total += float((rows @ rows.T)[np.triu_indices(len(items), 1)].mean())
        return total

    assert likeness(world.arrange(top_n=10, diversity=0.6).frame) < likeness(world.arrange(top_n=10).frame) - 0.2


def test_calibration_moves_the_mix_towards_the_users() -> None:
    world = World(seed=3)

    def distance(frame: pl.DataFrame, user: int) -> float:
        places = {item: place for place, item in enumerate(IDS)}
        shown = [places[item] for item in lists(frame)[USERS[user]]]
        return float(divergence(world.wanted(user), world.mix(shown)))

    plain, drawn = world.arrange(top_n=10).frame, world.arrange(top_n=10, calibration=0.8).frame
    assert all(distance(drawn, user) < distance(plain, user) for user in range(N_USERS - 1))


def test_calibration_leaves_a_user_without_history_alone() -> None:
    world = World()
    plain, drawn = world.arrange(top_n=10).frame, world.arrange(top_n=10, calibration=0.8).frame
    assert lists(drawn)[USERS[-1]] == lists(plain)[USERS[-1]]


@pytest.mark.parametrize("config", [{}, {"diversity": 0.5}, {"exploration_slots": 4}])
def test_near_duplicates_never_stand_in_one_list(config: dict[str, float]) -> None:
    world = World()
    world.groups[:] = np.arange(N_ITEMS) // 3
    scored = world.scored.with_columns(propensity=pl.lit(0.5))
    codes = dict(zip(IDS, world.groups.tolist(), strict=True))
    for items in lists(world.arrange(scored, top_n=12, **config).frame).values():
        assert len({codes[item] for item in items}) == len(items) == 12


def explored(world: World, items: list[str]) -> pl.DataFrame:
    """Candidates of which the source exploration drew `items` for everybody, with the chance .1."""
    chance = pl.when(pl.col("item_id").is_in(items)).then(0.1)
    return world.scored.with_columns(propensity=chance)


def test_the_last_slots_go_to_drawn_items_with_their_chance() -> None:
    world = World()
    drawn = [item for item in IDS if item not in set(world.arrange(top_n=8).frame["item_id"])][:5]
    found = world.arrange(explored(world, drawn), top_n=10, exploration_slots=2)
    plain = lists(world.arrange(top_n=8).frame)
    for user, items in lists(found.frame).items():
        assert items[:8] == plain[user]
        assert set(items[8:]) <= set(drawn)
    rows = found.frame.filter(pl.col("propensity").is_not_null())
    assert set(rows["rank"]) == {9, 10}
    # Two of five are taken.
    assert rows["propensity"].to_list() == pytest.approx([0.1 * 2 / 5] * len(rows))
    assert found.n_unfilled == 0
    assert rows.sort("user_id", "rank").group_by("user_id").agg("item_id")["item_id"].n_unique() > 1


def test_slots_without_an_item_stay_the_rankers_and_are_told() -> None:
    world = World()
    best = lists(world.arrange(top_n=10).frame)
    found = world.arrange(explored(world, [best[USERS[0]][0]]), top_n=10, exploration_slots=3)
    assert lists(found.frame)[USERS[0]] == best[USERS[0]]
    assert found.n_unfilled >= 3
    assert found.frame.group_by("user_id").len()["len"].to_list() == [10] * N_USERS


def test_an_item_in_a_slot_keeps_no_second_place() -> None:
    world = World()
    ninth = lists(world.arrange(top_n=10).frame)[USERS[0]][8]
    found = lists(world.arrange(explored(world, [ninth]), top_n=10, exploration_slots=2).frame)[USERS[0]]
    assert found[-1] == ninth
    assert len(set(found)) == 10


def test_short_lists_are_counted() -> None:
    world = World()
    few = world.scored.filter((pl.col("user_id") != "u1") | pl.col("item_id").is_in(IDS[:4]))
    found = world.arrange(few, top_n=10, diversity=0.5)
    assert found.n_short == 1
    assert len(lists(found.frame)["u1"]) == 4


def test_nobody_gets_nothing() -> None:
    world = World()
    found = world.arrange(world.scored.clear(), top_n=10, diversity=0.5, exploration_slots=2)
    assert found.frame.is_empty()
    assert found.n_short == 0
