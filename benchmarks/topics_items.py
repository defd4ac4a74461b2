"""Generated items for the labeling of a million: texts of words as frequent as in a language, vectors near their topic's.

The author of an item names its true topic, which a simulated labeler reads and the embedded one does not. From a seed, a block at a
time: memory O(block), and the words.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from tasks.contracts.catalog import Catalog
from tasks.embedding.sentence import load_embedder
from tasks.labelers.protocol import ItemText, Reply, ScoredTopic, Task, TopicAnswer, TopicDefinition, Usage
from tasks.labelers.prototypes import embed_topics
from tasks.labeling import build
from warehouse.connection import Warehouse, open_warehouse

CATALOG = "library"
SEED = 23
BLOCK = 25_000
N_WORDS, ZIPF = 60_000, 1.1
TITLE_WORDS, TEXT_WORDS = 5, 40
PULL = 0.55
"""How strongly an item's vector is drawn to its topic, beside noise of length one."""

TOPICS = {
    "business": "companies, markets, banks and the economy",
    "sport": "matches, athletes, cups and leagues",
    "politics": "governments, elections and laws",
    "tech": "computers, software and gadgets",
    "entertainment": "films, music and television",
    "travel": "countries, cities and journeys",
    "cooking": "recipes, ingredients and kitchens",
    "gardening": "plants, soil and seasons in the garden",
}
_SYLLABLES = [consonant + vowel for consonant in "bdfghklmnprst" for vowel in "aeio"]


def make_catalog() -> Catalog:
    """The catalog of the generated items."""
    return Catalog.model_validate({
        "name": CATALOG,
        "user_space": "readers",
        "items": [{"format": "csv", "path": "items.csv", "columns": {"item_id": "id", "title": "title", "text": "text"}}],
        "taxonomy": [{"name": name, "description": text} for name, text in TOPICS.items()],
    })  # fmt: skip


def fill_warehouse(folder: Path, *, n_items: int) -> None:
    """Catalog, items and their vectors, as `embed` would leave them. O(items x d)."""
    topics = embed_topics([TopicDefinition(name, text) for name, text in TOPICS.items()], load_embedder())
    words = _make_words()
    with open_warehouse(folder, memory_limit_mb=2048) as warehouse:
        run = warehouse.connection.execute
        run(
            "insert into catalogs by name select $name as catalog, 'readers' as user_space, '' as title, '' as licence,"
            " '' as config_hash, '' as file, '{}' as parameters, 'r0' as last_seen_run",
            {"name": CATALOG},
        )
        run(
            "insert into active_fingerprints by name select $name as catalog, 'embed_items' as task, 'made' as fingerprint,"
            " 'made' as labeler, '' as prompt_hash, 'r0' as run_id, timestamp '2026-10-01' as set_at",
            {"name": CATALOG},
        )
        for start in range(0, n_items, BLOCK):
            _insert(warehouse, start, min(BLOCK, n_items - start), topics, words)


def count_right(folder: Path) -> dict[str, float]:
    """The share of items whose current label is the topic that they were made for."""
    with open_warehouse(folder) as warehouse:
        found = warehouse.connection.sql(
            "select avg((labels.primary_topic is not distinct from items.author)::int) from items"
            " left join current_topic_labels as labels using (catalog, item_id)"
        ).fetchall()
    return {"right": found[0][0]}


@contextmanager
def plug_strong(*, error: float) -> Iterator[None]:
    """A strong labeler that reads an item's true topic, in the place of an endpoint."""
    real, simulated = build.make_labeler, _Simulated(error)

    def make(task: Task, context: Any, warehouse: Any, *, wanted: str | None = None, **more: Any) -> Any:
        return simulated if wanted == "openai:strong" else real(task, context, warehouse, wanted=wanted, **more)

    build.make_labeler = make
    try:
        yield
    finally:
        build.make_labeler = real


class _Simulated:
    """Right but for a share of the items, on which it is always wrong in the same way."""

    name = "simulated:strong"

    def __init__(self, error: float) -> None:
        self._error = error

    def fingerprint(self, task: Task) -> str:
        """Of the task alone."""
        return hashlib.sha256(f"{self.name}|{task}".encode()).hexdigest()[:16]

    def label_topics(self, items: Iterable[ItemText]) -> Iterator[Reply[TopicAnswer]]:
        """One topic an item."""
        names = list(TOPICS)
        for item in items:
            coin = int(hashlib.sha256(f"coin|{item.key}".encode()).hexdigest()[:8], 16)
            place = names.index(item.author) + (1 + coin % (len(names) - 1) if coin / 16**8 < self._error else 0)
            yield Reply(
                item.key, TopicAnswer((ScoredTopic(names[place % len(names)], 0.9),), "simulated"), usage=Usage()
            )


def _make_words() -> NDArray[np.str_]:
    rng = np.random.default_rng(SEED)
    drawn = rng.integers(0, len(_SYLLABLES), size=(2 * N_WORDS, 3))
    words = dict.fromkeys("".join(_SYLLABLES[one] for one in row) for row in drawn.tolist())
    return np.array(list(words)[:N_WORDS])


def _insert(warehouse: Warehouse, start: int, n: int, topics: NDArray[np.float32], words: NDArray[np.str_]) -> None:
    rng = np.random.default_rng((SEED, start))
    codes = rng.integers(0, len(TOPICS), size=n)
    noise = rng.standard_normal((n, topics.shape[1]), dtype=np.float32)
    vectors = PULL * topics[codes] + noise / np.linalg.norm(noise, axis=1, keepdims=True)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    share = 1 / np.arange(1, len(words) + 1) ** ZIPF
    drawn = words[rng.choice(len(words), size=(n, TITLE_WORDS + TEXT_WORDS), p=share / share.sum())].tolist()
    names = list(TOPICS)
    made = pl.DataFrame({
        "n": np.arange(start, start + n),
        "title": [" ".join(row[:TITLE_WORDS]) for row in drawn],
        "text": [" ".join(row[TITLE_WORDS:]) + "." for row in drawn],
        "author": [names[code] for code in codes],
    }).to_arrow()  # fmt: skip
    made = made.append_column("vector", pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), vectors.shape[1]))
    warehouse.connection.register("made", made)
    warehouse.connection.execute(
        "insert into items by name select $name as catalog, printf('i%08d', n) as item_id, title, text, author, '' as url,"
        " '' as category, 'en' as language, '{}' as attributes, sha256(n::text) as content_hash, true as is_active,"
        " timestamp '2026-10-01' as first_seen_at, timestamp '2026-10-01' as changed_at, 'r0' as last_seen_run from made",
        {"name": CATALOG},
    )
    warehouse.connection.execute(
        "insert into embeddings by name select sha256(n::text) as content_hash, 'made' as fingerprint,"
        " vector::float[] as vector, 'r0' as run_id, timestamp '2026-10-01' as created_at from made"
    )
    warehouse.connection.unregister("made")
