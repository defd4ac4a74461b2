"""The second half of the retrieval experiment: a title as query, its own text as the one relevant item, titles not indexed.

Time O(queries x items x d) and the embedding of the texts without their titles; memory O(block x items).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.evaluation.bootstrap import Interval
from tasks.experiments.figures import mean_of
from tasks.experiments.fusions import Chosen, System, choose_weights, fuse, named_values
from tasks.experiments.setting import Setting, half_of, index_texts, sample_by_hash
from tasks.experiments.title_queries import TitleQueries, score_blocks, search_sources

KNOWN_ITEMS = 2500
"""Texts that are searched at most, drawn by hash: each is embedded anew, without its title."""


@dataclass(frozen=True)
class OwnText:
    """n_texts searched; figures: system to MRR and the share of queries whose text came first."""

    n_texts: int
    figures: dict[str, tuple[Interval | None, Interval | None]]
    chosen: list[Chosen]


def find_own_text(setting: Setting, items: pl.DataFrame, queries: TitleQueries) -> OwnText:
    """How high each search puts a title's own text. A text that another item shares word for word counts as its own."""
    worded = items.filter(pl.col("text").fill_null("").str.strip_chars() != "")
    ids = sample_by_hash(worded["item_id"], n=KNOWN_ITEMS, seed=setting.seed)
    worded = worded.filter(pl.col("item_id").is_in(ids.implode()))
    limit = setting.context.catalog.text.max_chars
    vectors = setting.embedder.encode([text[:limit] for text in worded["text"]])
    index = index_texts(worded, vectors, texts=pl.col("text"))
    asked = queries.take(np.flatnonzero(queries.item_ids.is_in(worded["item_id"].implode()).to_numpy()))
    codes = pl.Series(index.texts).rank("dense").to_numpy()
    own = codes[index.locate(asked.item_ids)][:, None] == codes[None, :]
    ranks: dict[System, list[NDArray[np.float64]]] = {}
    for rows, scores in score_blocks(index, asked, search_sources(index)):
        nobody = np.zeros((len(rows), len(index)), dtype=np.bool_)
        for system, fused in fuse(scores, nobody):
            ranks.setdefault(system, []).append(_reciprocal_rank(fused, own[rows]))
    values = {system: np.concatenate(parts) for system, parts in ranks.items()}
    half = half_of(asked.item_ids, seed=setting.seed)
    chosen = choose_weights(values, half)
    named = named_values(values, chosen, half)
    figures = {
        name: (mean_of(found, seed=setting.seed), mean_of((found == 1.0).astype(np.float64), seed=setting.seed))
        for name, found in named.items()
    }
    return OwnText(len(index), figures, chosen)


def _reciprocal_rank(scores: NDArray[np.float64], own: NDArray[np.bool_]) -> NDArray[np.float64]:
    """1 / rank of the best own text of each row; ties go against it, an own text that was not scored counts 0."""
    best = np.where(own, scores, -np.inf).max(axis=1, keepdims=True)
    rank = 1 + ((scores >= best) & ~own).sum(axis=1)
    return np.where(np.isfinite(best[:, 0]), 1.0 / rank, 0.0)
