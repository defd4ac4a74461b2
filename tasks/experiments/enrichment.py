"""Experiment `enrichment`: which text of an item makes the better vector, its raw fields or what enriching says of it?

Each input is embedded anew for at most MAX_ITEMS items; every measure uses these vectors and nothing else. Time: embedding
inputs x items texts, and items² x d.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.contracts.errors import MissingInputError
from tasks.evaluation.bootstrap import Interval
from tasks.evaluation.metrics import evaluate_lists
from tasks.experiments.figures import figure_table, mean_of, show
from tasks.experiments.findings import Bars, Findings
from tasks.experiments.next_items import NextItems, config_with, fit_sources, read_next_items, top_list
from tasks.experiments.setting import Setting, Topics, read_topics, sample_by_hash, topic_matrix
from tasks.experiments.title_queries import top_positions
from tasks.retrieval.item_index import unit_rows

RAW, ENRICHED = "title and category", "enriched"
INPUTS: Mapping[str, tuple[str, ...]] = {
    "title": ("title",),
    RAW: ("title", "category"),
    ENRICHED: ("enriched",),
    "title, category and enriched": ("title", "category", "enriched"),
    "title and text": ("title", "text"),
    "title, text and enriched": ("title", "text", "enriched"),
}
"""The fields that each input joins, in order."""

MAX_ITEMS = 3000
K = 10
METRICS = ("same topic: precision@10", "next item: ndcg@10", "next item: recall@10")
FloatMatrix = NDArray[np.float32]
Figures = dict[str, list[Interval | None]]


def run(setting: Setting) -> Findings:
    """Compare the inputs on one catalog. Raises MissingInputError where nothing was enriched."""
    texts = setting.warehouse.query("queries/experiment_texts", catalog=setting.catalog)
    if not texts["enriched"].count():
        raise MissingInputError(f"no item of catalog {setting.catalog!r} is enriched; run `nightjar enrich` first")
    texts = texts.filter(
        pl.col("item_id").is_in(sample_by_hash(texts["item_id"], n=MAX_ITEMS, seed=setting.seed).implode())
    )
    topics, next_items = read_topics(setting), _next_items(setting)
    figures: Figures = {}
    for name, fields in INPUTS.items():
        if "category" in fields and not texts["category"].count():
            continue
        vectors = _embed(setting, texts, fields)
        # A category in the text would be the answer to the question for it.
        is_told = "category" in fields and topics.is_stated
        same = None if is_told else _same_topic(texts["item_id"], vectors, topics, seed=setting.seed)
        figures[name] = [same, *_next(next_items, texts["item_id"], vectors, seed=setting.seed)]
    return Findings(
        question="Is an item found better by its raw title and category, or by what enriching says of it?",
        protocol=_protocol(setting, len(texts), next_items, topics),
        tables=(figure_table(f"{len(texts)} items", figures, first="embedded text", columns=METRICS),),
        plots=(Bars("inputs", "By the text that is embedded", "value", METRICS, figures),),
        reading=READING,
        verdicts=_verdicts(figures),
        seed=setting.seed,
        packages=("numpy", "polars", "sentence-transformers", "faiss-cpu"),
    )


def _next_items(setting: Setting) -> NextItems | None:
    """None where the catalog holds out no interaction: then topics alone are measured."""
    try:
        return read_next_items(setting)
    except MissingInputError:
        return None


def _embed(setting: Setting, texts: pl.DataFrame, fields: tuple[str, ...]) -> FloatMatrix:
    """(n, d) unit rows; zero where all fields are empty."""
    joined = texts.select(pl.concat_str(fields, separator="\n", ignore_nulls=True).alias("text"))["text"].fill_null("")
    limit = setting.context.catalog.text.max_chars
    vectors = setting.embedder.encode([text.replace("|", ", ")[:limit] for text in joined])
    has_text = (joined.str.strip_chars() != "").to_numpy()
    return unit_rows(np.where(has_text[:, None], vectors, np.float32(0)))[0]


def _same_topic(item_ids: pl.Series, vectors: FloatMatrix, topics: Topics, *, seed: int) -> Interval | None:
    """precision@10: of each item's nearest items, how many share its topic."""
    _, member = topic_matrix(item_ids, topics.rows)
    asked = np.flatnonzero(member.any(axis=1) & ((member @ member.T).sum(axis=1) > 1) & vectors.any(axis=1))
    cosines = (vectors[asked] @ vectors.T).astype(np.float64)
    cosines[np.arange(len(asked)), asked] = -np.inf
    top = top_positions(cosines, K)
    found = np.take_along_axis(member[asked] @ member.T, top, axis=1)
    return mean_of(found.mean(axis=1), seed=seed)


def _next(of: NextItems | None, item_ids: pl.Series, vectors: FloatMatrix, *, seed: int) -> list[Interval | None]:
    """What dense_history finds of the held-out items, with these vectors for histories and items alike."""
    if of is None:
        return [None, None]
    places = of.index.locate(item_ids)
    known = places >= 0
    matrix = np.zeros((len(of.index), vectors.shape[1]), np.float32)
    matrix[places[known]] = vectors[known]
    has_vector = np.asarray(matrix.any(axis=1), dtype=np.bool_)
    index = replace(of.index, vectors=matrix, has_vector=has_vector)
    history = of.shard.history_items[of.shard.history_items >= 0]
    rows = of.shard.history_rows[of.shard.history_items >= 0]
    pool = np.zeros((len(of.shard.item_vectors), vectors.shape[1]), np.float32)
    pool[rows] = matrix[history]
    seen = replace(of, index=index, shard=replace(of.shard, item_vectors=pool))
    source = fit_sources(seen, config_with(of, {"dense_history": 1.0}))["dense_history"]
    truth = of.truth.filter(pl.col("item_id").is_in(item_ids.implode()))
    values = evaluate_lists(top_list(source, seen, k=K), truth, cutoffs=(K,), relevant_grade=1).per_user
    return [mean_of(values[metric].to_numpy(), seed=seed) for metric in (f"ndcg@{K}", f"recall@{K}")]


def _verdicts(figures: Figures) -> tuple[str, ...]:
    raw = RAW if RAW in figures else "title"
    return tuple(
        f"{metric}: {ENRICHED} {show(figures[ENRICHED][place])}, {raw} {show(figures[raw][place])}"
        for place, metric in enumerate(METRICS)
        if figures[ENRICHED][place] is not None
    )


READING = (
    "The rows differ in nothing but the text that was embedded. Compare `enriched` with the raw fields to see what enriching"
    " adds where items have no text of their own, and the last two rows to see whether it adds anything to a text.",
)


def _protocol(setting: Setting, n_items: int, of: NextItems | None, topics: Topics) -> tuple[str, ...]:
    made = setting.warehouse.query("queries/active_labelers", catalogs=[setting.catalog])
    who = made.filter(pl.col("task") == "enrich")["labeler"].to_list()
    measured = (
        "The catalog holds out no interaction, so that next items are not measured."
        if of is None
        else f"Next item: {len(of.shard)} users; the source `dense_history` ranks all unseen items by the user's history without"
        " the held-out interactions, of which those of grade 1 or more are relevant."
    )
    return (
        f"{n_items} items are embedded under each input with the installation's model, which reads at most 256 word pieces of it."
        f" Enriched by {', '.join(who) or 'the catalog’s labeler'}: summary, themes, mood and keywords.",
        f"Same topic: the {K} nearest items of each item by cosine; relevant are those that share its topic, which is"
        f" {topics.origin}. An input that states the category is not asked for it.",
        measured + " Intervals are percentile bootstraps (1,000 draws, 95 %).",
    )
