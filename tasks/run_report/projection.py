"""Items on a plane, so that near ones lie near: PCA to 50 dimensions, then t-SNE (van der Maaten & Hinton 2008). Pure, seeded.

The same vectors give the same picture. Time O(n log n) of at most MOST_ITEMS items, some 10 seconds on one core for all
of them; memory O(n * d). With fewer than MIN_TSNE items the first two principal components are drawn as they are.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.contracts.blas import require_blas_room
from tasks.run_report.measured import ItemMap, Point
from tasks.run_report.texts import plain

MOST_ITEMS = 3000
MIN_TSNE = 30
PCA_DIMENSIONS = 50
LEAST_PERPLEXITY, MOST_PERPLEXITY = 8.0, 30.0
FEW_ITEMS = 1000
SEED = 7
NO_TOPIC = "(no topic)"

Floats = NDArray[np.float64]


def make_map(catalog: str, rows: pl.DataFrame, *, n_items: int) -> ItemMap:
    """The map of a catalog. rows: those of sql/queries/report_map.sql; n_items: its active items."""
    if rows.is_empty():
        what = "has no active items" if not n_items else "has no embeddings yet; run `nightjar embed`"
        return ItemMap(catalog, (), n_items, f"{catalog} {what}.")
    places = project(np.stack([np.asarray(vector, dtype=np.float64) for vector in rows["vector"]]))
    points = tuple(
        Point(round(float(x), 4), round(float(y), 4), plain(title) or plain(item), plain(topic, most=40) or NO_TOPIC)
        for (x, y), item, title, topic in zip(places, rows["item_id"], rows["title"], rows["topic"], strict=True)
    )
    of = (
        f"{len(points)} of {n_items} active items, chosen by their ids"
        if len(points) < n_items
        else f"All {n_items} items"
    )
    return ItemMap(catalog, points, n_items, f"{of}.")


def project(vectors: Floats) -> Floats:
    """(n, d) vectors as (n, 2) places in [-1, 1]; n at least 1. Two items, or items all alike, lie in a row."""
    centred = vectors - vectors.mean(axis=0)
    if len(vectors) < 3 or not np.any(np.abs(centred) > 1e-9):
        return _in_a_row(len(vectors))
    reduced = _principal(centred)
    places = _embed(reduced) if len(vectors) >= MIN_TSNE else reduced[:, :2]
    if places.shape[1] < 2:
        places = np.pad(places, ((0, 0), (0, 2 - places.shape[1])))
    middle = (places.max(axis=0) + places.min(axis=0)) / 2
    reach = np.abs(places - middle).max() or 1.0
    return np.asarray((places - middle) / reach, dtype=np.float64)


def _in_a_row(n: int) -> Floats:
    across = np.linspace(-0.5, 0.5, n) if n > 1 else np.zeros(1)
    return np.stack([across, np.zeros(n)], axis=1)


def _principal(centred: Floats) -> Floats:
    # scikit-learn takes seconds to import, which only the report should pay.
    from sklearn.decomposition import PCA

    require_blas_room()
    n = min(PCA_DIMENSIONS, *centred.shape)
    return np.asarray(PCA(n, svd_solver="full", random_state=SEED).fit_transform(centred), dtype=np.float64)


def _embed(reduced: Floats) -> Floats:
    from sklearn.manifold import TSNE

    # A tenth of the items: with 30 neighbours a small catalog would be one cloud.
    perplexity = min(MOST_PERPLEXITY, max(LEAST_PERPLEXITY, len(reduced) / 10))
    # Few items settle late and cost little; with half the steps some of them lie far out.
    n_steps = 1000 if len(reduced) <= FEW_ITEMS else 500
    fitted = TSNE(2, perplexity=perplexity, init="pca", random_state=SEED, n_jobs=1, max_iter=n_steps)
    return np.asarray(fitted.fit_transform(reduced.astype(np.float32)), dtype=np.float64)
