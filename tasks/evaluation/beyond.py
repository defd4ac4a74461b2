"""Beyond accuracy: how much of the catalog is shown, and how varied, new, calibrated and popular each list is.

Of all lists together, over the first k places, where c_i counts the lists that hold item i and s_i = c_i / sum of c:

    coverage@k            share of the n recommendable items with c_i > 0
    entropy@k             -sum of s_i log2 s_i, in bits; 0: one item for all, log2 n: all items equally often
    entropy_normalised@k  entropy@k / log2 n, in [0, 1]
    gini@k                of the counts of all n items: 0: all equally often, near 1: few items take all

Of one user's list:

    diversity@k           1 - mean cosine over the pairs of its items (Ziegler et al. 2005); items without a vector
                          are left out; undefined with fewer than two
    novelty@k             mean of -log2((a_i + 1) / (A + 1)) over its items, in bits, where a_i of the A users with a
                          history chose item i (Zhou et al. 2010); undefined where nobody chose anything
    popularity_ratio@k    mean a_i of its items / mean a_i of the user's history (Abdollahpouri et al. 2019); above 1:
                          more popular than what the user likes; undefined without a history
    calibration_kl@k      KL(p || q'), in bits: p is the topic mix of the user's history, q of the list and
                          q' = 0.99 q + 0.01 p (Steck 2018); 0: the same mix; undefined where either has no topic
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.contracts.errors import StepError

SMOOTHING = 0.01
LIST_MEASURES = ("diversity", "novelty", "popularity_ratio", "calibration_kl")
CATALOGUE_MEASURES = ("coverage", "entropy", "entropy_normalised", "gini")


@dataclass(frozen=True)
class Surroundings:
    """What lists are compared with; all of it is known before what was held out.

    item_ids: (n,) and vectors: (n, d) of length 1, or 0 where an item has none. n_choosers: item_id, n_users who chose
    it. n_users: users with a history. topics: item_id, label, share. history: user_id, item_id, weight > 0 of what
    the user liked.
    """

    item_ids: pl.Series
    vectors: NDArray[np.float32]
    n_choosers: pl.DataFrame
    n_users: int
    topics: pl.DataFrame
    history: pl.DataFrame


def measure_catalogue(lists: pl.DataFrame, *, n_items: int, k: int) -> dict[str, float]:
    """CATALOGUE_MEASURES of all lists (user_id, item_id, rank) together. Raises StepError if they hold over n_items."""
    counts = np.sort(lists.filter(pl.col("rank") <= k)["item_id"].value_counts()["count"].to_numpy().astype(np.float64))
    if len(counts) > n_items:
        raise StepError(f"the lists hold {len(counts)} items of {n_items}; count every item that may be recommended")
    if not len(counts):
        return dict.fromkeys(CATALOGUE_MEASURES, 0.0) | {"gini": float("nan")}
    shares = counts / counts.sum()
    entropy = float(-(shares * np.log2(shares)).sum())
    # Gini = sum of (2 i - n - 1) s_i / n over all items in rising order; those that nobody gets add nothing.
    places = np.arange(n_items - len(counts) + 1, n_items + 1)
    return {
        "coverage": len(counts) / n_items,
        "entropy": max(entropy, 0.0),
        "entropy_normalised": max(entropy, 0.0) / np.log2(n_items) if n_items > 1 else 0.0,
        "gini": float(((2 * places - n_items - 1) * shares).sum() / n_items),
    }


def measure_lists(lists: pl.DataFrame, users: pl.Series, around: Surroundings, *, k: int) -> pl.DataFrame:
    """user_id and LIST_MEASURES as `<name>@<k>`, one row for each of `users` in their order; null: undefined.

    O(users * k * d); memory O(rows of the lists).
    """
    top = lists.filter(pl.col("rank") <= k).select("user_id", "item_id")
    top = top.join(pl.DataFrame({"user_id": users}), on="user_id", how="semi")
    frame = pl.DataFrame({"user_id": users})
    parts = (_diversity(top, around), _popularity(top, around), _calibration(top, around))
    for part in parts:
        frame = frame.join(part, on="user_id", how="left", maintain_order="left")
    return frame.select("user_id", *(pl.col(name).fill_nan(None).alias(f"{name}@{k}") for name in LIST_MEASURES))


def _diversity(top: pl.DataFrame, around: Surroundings) -> pl.DataFrame:
    """The sum of all cosines of m items is the squared length of their summed vectors, of which m are with themselves."""
    places = pl.DataFrame({"item_id": around.item_ids}).with_row_index("row")
    has_vector = np.einsum("nd,nd->n", around.vectors, around.vectors) > 0.5
    known = places.filter(pl.Series(has_vector))
    rows = top.join(known, on="item_id").sort("user_id")
    sizes = rows.group_by("user_id", maintain_order=True).len("m")
    if rows.is_empty():
        return pl.DataFrame(schema={"user_id": top.schema["user_id"], "diversity": pl.Float64})
    begins = np.concatenate([[0], np.cumsum(sizes["m"].to_numpy().astype(np.int64))])
    squares, step = [], 4096
    for start in range(0, len(sizes), step):
        bounds = begins[start : start + step + 1]
        vectors = around.vectors[rows["row"][int(bounds[0]) : int(bounds[-1])].to_numpy()].astype(np.float64)
        summed = np.add.reduceat(vectors, bounds[:-1] - bounds[0])
        squares.append(np.einsum("nd,nd->n", summed, summed))
    m = sizes["m"].to_numpy().astype(np.float64)
    cosine = (np.concatenate(squares) - m) / np.maximum(m * (m - 1), 1)
    return sizes.select("user_id", diversity=pl.Series(np.where(m > 1, 1.0 - cosine, np.nan)))


def _popularity(top: pl.DataFrame, around: Surroundings) -> pl.DataFrame:
    chosen = around.n_choosers.select("item_id", pl.col("n_users").cast(pl.Float64))

    def mean_choosers(pairs: pl.DataFrame, name: str) -> pl.DataFrame:
        counted = pairs.join(chosen, on="item_id", how="left").with_columns(pl.col("n_users").fill_null(0.0))
        counted = counted.sort("user_id", "item_id")
        information = -((pl.col("n_users") + 1.0) / (around.n_users + 1.0)).log(2.0)
        return counted.group_by("user_id", maintain_order=True).agg(
            pl.col("n_users").mean().alias(name), information.mean().alias("novelty")
        )

    liked = mean_choosers(around.history.select("user_id", "item_id"), "liked").drop("novelty")
    listed = mean_choosers(top, "listed").join(liked, on="user_id", how="left")
    ratio = pl.when(pl.col("liked") > 0).then(pl.col("listed") / pl.col("liked"))
    novelty = pl.col("novelty") if around.n_users else pl.lit(None, dtype=pl.Float64)
    return listed.select("user_id", novelty.alias("novelty"), popularity_ratio=ratio)


def _calibration(top: pl.DataFrame, around: Surroundings) -> pl.DataFrame:
    liked = _topic_mix(around.history.select("user_id", "item_id", "weight"), around.topics, "p")
    listed = _topic_mix(top.with_columns(weight=pl.lit(1.0)), around.topics, "q")
    both = liked.join(listed.select("user_id").unique(), on="user_id", how="semi")
    mixed = both.join(listed, on=["user_id", "label"], how="left").with_columns(pl.col("q").fill_null(0.0))
    smooth = (1.0 - SMOOTHING) * pl.col("q") + SMOOTHING * pl.col("p")
    divergence = (pl.col("p") * (pl.col("p") / smooth).log(2.0)).sum()
    ordered = mixed.filter(pl.col("p") > 0).sort("user_id", "label")
    return ordered.group_by("user_id", maintain_order=True).agg(calibration_kl=divergence)


def _topic_mix(pairs: pl.DataFrame, topics: pl.DataFrame, name: str) -> pl.DataFrame:
    """user_id, label and the label's share of the user's items; each item's own shares sum to 1. Summed in order of ids."""
    topics = topics.sort("item_id", "label")
    whole = pl.col("share") / pl.col("share").sum().over("item_id")
    shares = topics.filter(pl.col("share") > 0).select("item_id", "label", whole.alias("share"))
    rows = pairs.join(shares, on="item_id").with_columns(amount=pl.col("weight") * pl.col("share"))
    rows = rows.sort("user_id", "label", "item_id")
    mix = rows.group_by("user_id", "label", maintain_order=True).agg(pl.col("amount").sum())
    return mix.select("user_id", "label", (pl.col("amount") / pl.col("amount").sum().over("user_id")).alias(name))
