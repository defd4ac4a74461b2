"""Questions go where they help: doubtful first, spread out when cold, never two copies, the same every time."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.contracts.errors import LabelerError
from tasks.student.choosing import choose_items, draw_audit


@pytest.fixture
def vectors() -> np.ndarray:
    """Forty items around four centres; then the first ten again, as copies."""
    generator = np.random.default_rng(0)
    rows = np.repeat(np.eye(4, 8), 10, axis=0) + 0.2 * generator.normal(size=(40, 8))
    rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return np.concatenate([rows, rows[:10]])


@pytest.fixture
def probabilities() -> np.ndarray:
    best = np.concatenate([np.linspace(0.51, 0.99, 40), np.linspace(0.505, 0.985, 40)[:10]])
    return np.column_stack([best, 1 - best])


@pytest.mark.parametrize("is_cold", [True, False])
@pytest.mark.parametrize("has_probabilities", [True, False])
def test_copies_are_never_both_chosen_and_all_is_repeatable(vectors, probabilities, is_cold, has_probabilities) -> None:
    given = {"probabilities": probabilities if has_probabilities else None, "is_cold": is_cold, "near_copy": 0.999}
    chosen = choose_items(vectors, k=50, seed=4, **given)
    assert len(chosen) == len(set(chosen % 40)) == 40
    assert np.array_equal(chosen, choose_items(vectors, k=50, seed=4, **given))


def test_smallest_margins_go_first_when_warm(vectors, probabilities) -> None:
    chosen = choose_items(vectors, k=5, probabilities=probabilities, near_copy=0.999, seed=0)
    assert chosen.tolist() == [40, 41, 42, 43, 44]


def test_labeled_items_and_their_copies_are_left_alone(vectors, probabilities) -> None:
    chosen = choose_items(vectors, k=50, probabilities=probabilities, labeled=np.arange(10), near_copy=0.999, seed=0)
    assert sorted(chosen) == list(range(10, 40))


def test_cold_choice_shows_every_region(vectors) -> None:
    regions = [{int(row % 40) // 10 for row in choose_items(vectors, k=6, seed=seed)} for seed in range(20)]
    assert np.mean([len(found) for found in regions]) > 3.5


def test_cold_choice_leans_towards_doubt(vectors) -> None:
    doubtful = np.arange(50) % 2 == 0
    probabilities = np.column_stack([np.where(doubtful, 0.5, 0.999), np.where(doubtful, 0.5, 0.001)])
    chosen = [choose_items(vectors, k=4, probabilities=probabilities, is_cold=True, seed=seed) for seed in range(20)]
    assert doubtful[np.concatenate(chosen)].mean() > 0.8


def test_audit_draws_every_item_alike() -> None:
    counts = np.zeros(20)
    for seed in range(2_000):
        sample = draw_audit(20, size=5, seed=seed)
        counts[sample.rows] += 1
    assert sample.probability == 0.25
    assert np.abs(counts / 2_000 - 0.25).max() < 0.05
    assert draw_audit(3, size=9, seed=0).rows.tolist() == [0, 1, 2]


def test_impossible_requests_are_refused(vectors) -> None:
    with pytest.raises(LabelerError, match="k is -1"):
        choose_items(vectors, k=-1, seed=0)
    with pytest.raises(LabelerError, match="labeled holds row 99 of 50"):
        choose_items(vectors, k=1, labeled=np.array([99]), seed=0)
