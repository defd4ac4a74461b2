"""What every experiment is given, and the parts of the warehouse that several need. Reads items, vectors and topics."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.contracts.context import StepContext
from tasks.contracts.errors import MissingInputError
from tasks.contracts.hashing import hash_ids
from tasks.embedding.protocol import Embedder
from tasks.labeling.embedder import embedder_for
from tasks.retrieval.item_index import ItemIndex, build_item_index
from warehouse.connection import Warehouse
from warehouse.vectors import read_vectors

FloatMatrix = NDArray[np.float32]


@dataclass(frozen=True)
class Setting:
    """One catalog in an open warehouse; seed draws halves, samples and resamples."""

    context: StepContext
    warehouse: Warehouse

    @property
    def seed(self) -> int:
        """The catalog's own."""
        return self.context.catalog.ranking.seed

    @property
    def catalog(self) -> str:
        """The catalog's name."""
        return self.context.catalog.name

    @property
    def embedder(self) -> Embedder:
        """The embedder of the installation, loaded when it is first asked for."""
        return embedder_for(self.context)


@dataclass(frozen=True)
class Topics:
    """The topics of items: rows item_id, label; origin says whose word it is, is_stated whether the source's own."""

    rows: pl.DataFrame
    origin: str
    is_stated: bool


def read_items(setting: Setting) -> tuple[pl.DataFrame, FloatMatrix]:
    """The catalog's active items that have a vector, in the order of their ids, and their vectors (n, d).

    Raises MissingInputError where there is none.
    """
    scope = {"catalog": setting.catalog, "as_of_end": setting.context.as_of_end}
    items = setting.warehouse.query("queries/index_items", **scope).filter("is_active")
    found, vectors = read_vectors(setting.warehouse, "queries/index_vectors", catalog=setting.catalog)
    places = found.select("item_id").with_row_index("row")
    kept = items.join(places, on="item_id", maintain_order="left")
    if kept.is_empty():
        raise MissingInputError(
            f"catalog {setting.catalog!r} has no embedded item; run `nightjar ingest` and `nightjar embed` first"
        )
    return kept.drop("row"), vectors[kept["row"].to_numpy()]


def index_texts(items: pl.DataFrame, vectors: FloatMatrix, *, texts: pl.Expr) -> ItemIndex:
    """An index of the items whose words are those of `texts` alone: titles are left out, so that no source reads them."""
    worded = items.with_columns(texts.fill_null("").alias("text"), pl.lit("").alias("title"))
    return build_item_index(worded, vectors)


def read_topics(setting: Setting) -> Topics:
    """The source's categories, or else the first topic labels. Raises MissingInputError where there is neither."""
    scope = {"catalog": setting.catalog}
    categories = setting.warehouse.query("queries/item_categories", **scope)
    if not categories.is_empty():
        return Topics(categories, "the category that the source states", is_stated=True)
    shares = setting.warehouse.query("queries/item_topic_shares", **scope)
    if shares.is_empty():
        raise MissingInputError(
            f"items of catalog {setting.catalog!r} have neither a category nor a topic label; run `nightjar label topics`"
        )
    first = shares.sort("item_id", "share", "label", descending=[False, True, False]).unique("item_id", keep="first")
    origin = "the first topic label of the labeler, as no source states a category"
    return Topics(first.select("item_id", "label"), origin, is_stated=False)


def topic_matrix(item_ids: pl.Series, topics: pl.DataFrame) -> tuple[list[str], NDArray[np.bool_]]:
    """The names of the topics, and (n, t) whether an item has the topic."""
    names = topics["label"].unique().sort()
    places = pl.DataFrame({"item_id": item_ids}).with_row_index("row").join(topics, on="item_id")
    member = np.zeros((len(item_ids), len(names)), dtype=np.bool_)
    codes = places["label"].replace_strict(names, np.arange(len(names)), return_dtype=pl.Int64)
    member[places["row"].to_numpy(), codes.to_numpy()] = True
    return names.to_list(), member


def sample_by_hash(ids: pl.Series, *, n: int, seed: int) -> pl.Series:
    """At most n of the ids, those of the smallest hashes, in their order."""
    if len(ids) <= n:
        return ids
    hashes = hash_ids(ids, seed)
    chosen = np.sort(np.argsort(hashes, kind="stable")[:n])
    return ids.gather(chosen)


def half_of(ids: pl.Series, *, seed: int) -> NDArray[np.int64]:
    """0 or 1 for each id, by its hash."""
    return np.asarray(hash_ids(ids, seed) % np.uint64(2), dtype=np.int64)
