from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from tasks.retrieval.id_table import IdTable


@pytest.mark.parametrize("n", [0, 1, 2, 3, 1000, 70_000])
def test_every_known_id_is_found_where_it_stands_and_no_other(n):
    ids = pl.Series([f"item {number * 7919 % 1_000_003}" for number in range(n)], dtype=pl.String)
    table = IdTable(ids)
    draw = np.random.default_rng(n).permutation(n)
    assert np.array_equal(table.locate(ids.gather(draw)), draw)
    strange = pl.Series(["", "item", "Item 0", None, "item 1000003"], dtype=pl.String)
    assert table.locate(strange).tolist() == [-1] * 5
    assert len(table.locate(ids.head(0))) == 0


def test_texts_of_one_hash_are_told_apart(monkeypatch):
    honest = pl.Series.hash
    monkeypatch.setattr(pl.Series, "hash", lambda series: honest(series) % 3)
    ids = pl.Series([f"item {number}" for number in range(50)])
    table = IdTable(ids)
    assert table.locate(ids.reverse()).tolist() == list(range(49, -1, -1))
    assert table.locate(pl.Series(["item 50", "item 7", None])).tolist() == [-1, 7, -1]
