"""What people filed the nearest items under: examples that a prompt shows beside an item. Reads, writes nothing.

People's labels are few: they are read once with the vectors of their items, at most MAX_GOLD of them, the latest first.
Memory O(gold x dimension), time O(gold x dimension) an item.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tasks.labelers.protocol import GoldExample, Vector
from warehouse.connection import Warehouse
from warehouse.vectors import read_vectors

MAX_GOLD = 20_000


@dataclass(frozen=True, eq=False)
class GoldShelf:
    """Items that people filed: their content hashes, unit vectors, shape (n, d), and what a prompt shows of each."""

    keys: tuple[str, ...]
    vectors: NDArray[np.float32]
    examples: tuple[GoldExample, ...]

    def nearest(self, key: str, vector: Vector | None, *, n: int) -> tuple[GoldExample, ...]:
        """The n examples nearest to a vector by cosine, the nearest first; never the item itself. () without a vector.

        A vector of another dimension has no neighbours here either: it is from a model that the shelf does not know.
        """
        if n == 0 or vector is None or not self.keys or len(vector) != self.vectors.shape[1]:
            return ()
        order = np.argsort(-(self.vectors @ vector), kind="stable")[: n + 1]
        return tuple(self.examples[place] for place in order if self.keys[place] != key)[:n]


def read_shelf(warehouse: Warehouse, *, catalog: str) -> GoldShelf:
    """People's topics of a catalog's items that have a vector today; empty where nobody has filed any."""
    frame, vectors = read_vectors(warehouse, "queries/gold_items", catalog=catalog, most=MAX_GOLD)
    examples = tuple(GoldExample(title, topic or "") for title, topic in frame.select("title", "topic").iter_rows())
    return GoldShelf(tuple(frame["content_hash"]), vectors, examples)
