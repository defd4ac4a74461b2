"""The map: as many places as items, in bounds, the same every time, and near where vectors are near."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from tasks.run_report.projection import make_map, project


def blobs(n: int, *, seed: int = 0) -> np.ndarray:
    """n unit vectors around three centres, in turn."""
    chance = np.random.default_rng(seed)
    centres = chance.standard_normal((3, 24)) * 4
    vectors = centres[np.arange(n) % 3] + chance.standard_normal((n, 24)) * 0.3
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 29, 30, 90])
def test_every_item_has_a_place_and_the_same_again(n: int) -> None:
    places = project(blobs(n))
    assert places.shape == (n, 2)
    assert np.isfinite(places).all()
    assert np.abs(places).max() <= 1
    assert (places == project(blobs(n))).all()


def test_items_alike_lie_together() -> None:
    places, kind = project(blobs(90)), np.arange(90) % 3
    distance = np.linalg.norm(places[:, None] - places[None], axis=2)
    np.fill_diagonal(distance, np.inf)
    assert (kind[distance.argmin(axis=1)] == kind).mean() > 0.95


def test_items_with_one_vector_do_not_fail() -> None:
    places = project(np.ones((40, 8)))
    assert places.shape == (40, 2)
    assert np.isfinite(places).all()


def rows(n: int) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "item_id": [f"i{place}" for place in range(n)],
            "title": ["", *["T"] * (n - 1)],
            "topic": ["", *["sport"] * (n - 1)],
            "vector": blobs(n).tolist(),
        }
    )


def test_map_names_items_without_title_or_topic() -> None:
    made = make_map("news", rows(4), n_items=9)
    assert [(point.title, point.topic) for point in made.points[:2]] == [("i0", "(no topic)"), ("T", "sport")]
    assert made.note == "4 of 9 active items, chosen by their ids."


def test_map_without_vectors_says_what_to_run() -> None:
    empty = rows(3).clear()
    assert make_map("news", empty, n_items=9).note == "news has no embeddings yet; run `nightjar embed`."
    assert make_map("news", empty, n_items=0).note == "news has no active items."
