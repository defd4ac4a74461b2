"""What a model has learnt from, told by a sample of its pairs."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
import pytest

from tasks.ranking.learnt import SKETCH_PAIRS, Learnt, changed_share, read_learnt, sketch_pairs

DAY = date(2026, 11, 1)


def pairs(n: int, *, first: int = 0, grade: int = 2, truth: str = "judge", fold: int = 0) -> pl.DataFrame:
    numbers = np.arange(first, first + n)
    return pl.DataFrame({
        "user_id": [f"u{number % 50}" for number in numbers], "item_id": [f"i{number}" for number in numbers],
        "fold": np.full(n, fold), "grade": np.full(n, grade), "truth": [truth] * n,
    })  # fmt: skip


def sketch(*frames: pl.DataFrame) -> Learnt:
    return sketch_pairs(frames, as_of=DAY, settings="s")


def test_few_pairs_are_told_exactly() -> None:
    before = sketch(pairs(90), pairs(10, first=90))
    assert before.n_pairs == 100
    assert changed_share(before, sketch(pairs(100).reverse())) == 0
    assert changed_share(before, sketch(pairs(104))) == 4 / 104
    assert changed_share(before, sketch(pairs(96))) == 4 / 100
    regraded = sketch(pairs(98), pairs(2, first=98, grade=0))
    assert changed_share(before, regraded) == 4 / 102
    assert changed_share(before, sketch(pairs(98), pairs(2, first=98, fold=1))) == 4 / 102


def test_pairs_that_nobody_labelled_do_not_count() -> None:
    assert sketch(pairs(10), pairs(1000, first=10, grade=0, truth="unobserved")) == sketch(pairs(10))
    nothing = sketch(pairs(10, truth="unobserved"))
    assert changed_share(nothing, nothing) == 0


@pytest.mark.parametrize("share", [0.01, 0.05, 0.5])
def test_many_pairs_are_told_by_a_sample(share: float) -> None:
    n = 200_000
    found = changed_share(sketch(pairs(n)), sketch(pairs(n, first=round(n * share / (2 - share)))))
    error = (share * (1 - share) / SKETCH_PAIRS) ** 0.5
    assert found == pytest.approx(share, abs=3 * error)


def test_what_is_written_is_read_and_anything_else_is_not() -> None:
    learnt = sketch(pairs(20))
    assert read_learnt(learnt.text()) == learnt
    for text in ("", "{}", "[1]", "nonsense", learnt.text().replace("2026-11-01", "soon"), b"\xff"):
        assert read_learnt(text) is None
