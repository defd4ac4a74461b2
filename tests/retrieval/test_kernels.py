"""The compiled loops alone, against NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.contracts.copy_kernel import AHEAD, copy_rows
from tasks.retrieval.cell_kernel import take_largest


@pytest.mark.parametrize("n_rows", [0, 1, AHEAD, AHEAD + 1, 40])
@pytest.mark.parametrize("width", [1, 7, 384])
def test_rows_are_copied_in_any_order(n_rows, width):
    draw = np.random.default_rng(n_rows)
    vectors = draw.normal(size=(50, width)).astype(np.float32)
    rows, target = draw.integers(50, size=n_rows), np.full((n_rows + 1, width), 9.0, np.float32)
    copy_rows(vectors, rows, target)
    assert np.array_equal(target[:-1], vectors[rows])
    assert (target[-1] == 9.0).all()


def test_rows_of_a_part_of_a_matrix_are_its_own():
    vectors = np.arange(60, dtype=np.float32).reshape(10, 6)
    target = np.empty((4, 6), np.float32)
    copy_rows(vectors[::2], np.array([4, 0, 3, 1]), target)
    assert np.array_equal(target, vectors[::2][[4, 0, 3, 1]])


@pytest.mark.parametrize("n_wanted", [1, 3, 9])
def test_largest_of_all_visits_are_taken_and_of_equals_the_first(n_wanted):
    draw = np.random.default_rng(n_wanted)
    starts = np.array([0, 4, 9, 15, 16, 25])
    members = draw.permutation(25)
    cells = np.array([[1, 4], [4, 2], [2, 1]])
    sizes = np.diff(starts)[cells]
    ends = np.cumsum(sizes.ravel()).reshape(sizes.shape)
    begins = ends - sizes
    # Few different scores, so that equal ones are met.
    scores = draw.integers(6, size=ends[-1, -1]).astype(np.float32)
    found = np.empty((3, n_wanted), np.int64)
    take_largest(scores, begins, cells, members, starts, found)
    for row in range(3):
        places = np.concatenate([np.arange(begins[row, v], ends[row, v]) for v in range(2)])
        of_place = np.concatenate([members[starts[c] : starts[c + 1]] for c in cells[row]])
        order = np.argsort(-scores[places], kind="stable")[:n_wanted]
        assert found[row].tolist() == of_place[order].tolist()
