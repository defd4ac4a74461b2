"""similar: embeddings -> similar_pairs -> similarity_labels -> item_groups (near-duplicates).

Only contents whose neighbours were never looked up are searched for, only pairs without a verdict are verified; groups
are the connected components of the verified pairs and are written anew each time. Where many are searched for among many
the index looks instead of exact search, and its recall is measured and told (see tasks/retrieval/neighbours.py).
Time O(new contents x contents), by the index O(new contents x its share of the contents); memory O(contents x dimension),
pairs land block by block.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import polars as pl
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from tasks.contracts.catalog import hash_config
from tasks.contracts.context import StepContext
from tasks.contracts.plan import PlanLine
from tasks.contracts.report import StepReport
from tasks.labelers.protocol import ItemText, Labeler, PairQuestion, SimilarAnswer
from tasks.labeling import land_replies, make_labeler
from tasks.labeling.activate import activate
from tasks.labeling.combining import combine_labels
from tasks.labeling.estimate import estimate_line
from tasks.labeling.panel import ask_panel
from tasks.retrieval.neighbours import NearPairs, find_near_pairs, make_search, measure_pair_recall
from tasks.running import task
from warehouse.connection import Warehouse, open_warehouse
from warehouse.vectors import read_vectors

SCHEMA = {
    "hash_a": pl.String,
    "hash_b": pl.String,
    "is_similar": pl.Boolean,
    "is_same_topic": pl.Boolean,
    "cosine": pl.Float64,
    "confidence": pl.Float64,
    "reason": pl.String,
}


@task(name="similar", hours=24)
def similar(context: StepContext) -> StepReport:
    """Find near pairs of new contents, verify those without a verdict, and group the near-duplicates."""
    catalog = context.catalog
    with open_warehouse(context.folder, memory_limit_mb=context.memory_limit_mb) as warehouse:
        of_pairs = _pairs_fingerprint(warehouse, context)
        activate(warehouse, context, task="similar_pairs", fingerprint=of_pairs, labeler="cosine")
        n_scanned, told = _scan(warehouse, context, of_pairs)
        report = ask_panel("similar", context, warehouse, lambda labeler: _ask(warehouse, context, labeler, of_pairs))
        combined = combine_labels("similar", context, warehouse)
        groups = group_items(warehouse.query("queries/similar_edges", catalog=catalog.name))
        with warehouse.transaction():
            warehouse.run("queries/forget_groups", catalog=catalog.name)
            warehouse.insert(
                "item_groups",
                groups.select(
                    pl.lit(catalog.name).alias("catalog"),
                    "item_id",
                    "group_id",
                    "n_items",
                    pl.lit(context.run_id).alias("run_id"),
                ),
            )
    n_groups = groups["group_id"].n_unique()
    notes = (
        *report.notes,
        *combined,
        *told,
        f"{n_scanned} contents scanned; {n_groups} groups hold {groups.height} near-duplicates",
    )
    return replace(report, notes=notes)


def plan_similar(context: StepContext) -> list[PlanLine]:
    """What verifying would take, from the pairs known so far, a line a labeler; asks nothing."""
    with open_warehouse(context.folder) as warehouse:
        of_pairs = _pairs_fingerprint(warehouse, context)
        new = warehouse.query("queries/items_to_scan", catalog=context.catalog.name, fingerprint=of_pairs).height
        note = f"pairs of {new} new contents are known when they are embedded" if new else ""
        lines = []
        for wanted in context.catalog.labelers.panel("similar"):
            labeler = make_labeler("similar", context, warehouse, wanted=wanted)
            due = _questions(warehouse, context, of_pairs, labeler.fingerprint("similar"), {})
            lines.append(estimate_line("similar", context, labeler, due, note=note))
        return lines


def _ask(warehouse: Warehouse, context: StepContext, labeler: Labeler, of_pairs: str) -> StepReport:
    """Land the labeler's verdicts on the pairs that it has not seen."""
    cosines: dict[str, float] = {}
    fingerprint = labeler.fingerprint("similar")
    return land_replies(
        labeler.verify_similar(_questions(warehouse, context, of_pairs, fingerprint, cosines)),
        warehouse,
        context=context,
        labeler=labeler,
        task="similar",
        table="similarity_labels",
        schema=SCHEMA,
        row_of=lambda key, answer: _row(key, answer, cosines),
        count_due=lambda: _count_due(warehouse, context, of_pairs, fingerprint),
    )


def group_items(edges: pl.DataFrame) -> pl.DataFrame:
    """Connected components of edges (item_a, item_b): one row per item that has a near-duplicate.

    Columns item_id, group_id (the smallest item id of the group), n_items. Time O(edges log edges).
    """
    if edges.is_empty():
        return pl.DataFrame(schema={"item_id": pl.String, "group_id": pl.String, "n_items": pl.Int64})
    ids = pl.concat([edges["item_a"], edges["item_b"]]).unique().sort()
    places = pl.DataFrame({"id": ids}).with_row_index("place")
    ends = [
        edges.select(pl.col(side).alias("id"))
        .join(places, on="id", how="left", maintain_order="left")["place"]
        .to_numpy()
        for side in ("item_a", "item_b")
    ]
    graph = coo_array((np.ones(edges.height), (ends[0], ends[1])), shape=(len(ids), len(ids)))
    _, labels = connected_components(graph, directed=False)
    grouped = pl.DataFrame({"item_id": ids, "component": labels}).with_columns(
        group_id=pl.col("item_id").min().over("component"), n_items=pl.len().over("component").cast(pl.Int64)
    )
    return grouped.filter(pl.col("n_items") > 1).drop("component").sort("item_id")


def _pairs_fingerprint(warehouse: Warehouse, context: StepContext) -> str:
    embedding = warehouse.value("queries/active_fingerprint", catalog=context.catalog.name, task="embed_items")
    # How deep is looked is no part of what a near pair is.
    return hash_config(embedding, context.catalog.similar.model_dump(mode="json", exclude={"exact_up_to"}))


def _scan(warehouse: Warehouse, context: StepContext, fingerprint: str) -> tuple[int, tuple[str, ...]]:
    """How many contents were looked up, and what is to be told of the search; each block is committed with its pairs."""
    catalog, config = context.catalog, context.catalog.similar
    warehouse.run("queries/forget_scans", catalog=catalog.name)
    due = warehouse.query("queries/items_to_scan", catalog=catalog.name, fingerprint=fingerprint)["content_hash"]
    if due.is_empty():
        return 0, ()
    frame, vectors = read_vectors(warehouse, "queries/item_vectors", catalog=catalog.name)
    hashes = frame["content_hash"]
    queries = np.flatnonzero(hashes.is_in(due.implode()).to_numpy())
    scope = {"catalog": catalog.name, "fingerprint": fingerprint, "run_id": context.run_id}
    search = make_search(vectors, queries, exact_up_to=config.exact_up_to, max_neighbours=config.max_neighbours)
    look = partial(
        find_near_pairs,
        vectors,
        min_cosine=config.min_cosine,
        max_neighbours=config.max_neighbours,
    )
    told: tuple[str, ...] = ()
    if search.index_recall is not None:
        told = (f"the approximate index {measure_pair_recall(look, queries, search=search).describe()}",)
    n_done = 0
    for found in look(queries, search=search):
        with warehouse.transaction():
            _land_pairs(warehouse, found, hashes, scope)
            scanned = pl.DataFrame({"content_hash": hashes.gather(found.queries)})
            warehouse.insert("neighbour_scans", _scoped(scanned, scope))
        n_done += len(found.queries)
        context.progress(n_done, len(queries))
    return len(queries), told


def _land_pairs(warehouse: Warehouse, found: NearPairs, hashes: pl.Series, scope: Mapping[str, str]) -> None:
    """The pairs of a block that are not known yet: a pair is found from both of its sides."""
    if not len(found.query):
        return
    a, b = hashes.gather(found.query), hashes.gather(found.neighbour)
    is_first = a < b
    pairs = pl.DataFrame(
        {"hash_a": a.zip_with(is_first, b), "hash_b": b.zip_with(is_first, a), "cosine": found.cosine}
    ).unique(["hash_a", "hash_b"], keep="first", maintain_order=True)
    warehouse.run("queries/make_found_pairs")
    warehouse.insert("found_pairs", pairs)
    warehouse.run("queries/store_pairs", **scope)


def _scoped(frame: pl.DataFrame, scope: Mapping[str, str]) -> pl.DataFrame:
    return frame.with_columns(pl.lit(value).alias(name) for name, value in scope.items())


def _count_due(warehouse: Warehouse, context: StepContext, of_pairs: str, fingerprint: str) -> int:
    due = warehouse.stream(
        "queries/pairs_to_verify", catalog=context.catalog.name, pairs_fingerprint=of_pairs, fingerprint=fingerprint
    )
    return sum(frame.height for frame in due)


def _questions(
    warehouse: Warehouse, context: StepContext, of_pairs: str, fingerprint: str, cosines: dict[str, float]
) -> Iterator[PairQuestion]:
    for frame in warehouse.stream(
        "queries/pairs_to_verify", catalog=context.catalog.name, pairs_fingerprint=of_pairs, fingerprint=fingerprint
    ):
        for row in frame.to_dicts():
            question = PairQuestion(
                a=_item(row, "a"),
                b=_item(row, "b"),
                cosine=row["cosine"],
            )
            cosines[question.key] = question.cosine
            yield question


def _item(row: Mapping[str, Any], side: str) -> ItemText:
    return ItemText(
        key=row[f"hash_{side}"],
        title=row[f"title_{side}"],
        text=row[f"text_{side}"],
        author=row[f"author_{side}"],
        topic=row[f"topic_{side}"],
    )


def _row(key: str, answer: SimilarAnswer, cosines: dict[str, float]) -> Mapping[str, Any]:
    hash_a, hash_b = key.split("|")
    return {
        "hash_a": hash_a,
        "hash_b": hash_b,
        "cosine": cosines.pop(key),
        "is_similar": answer.is_similar,
        "is_same_topic": answer.is_same_topic,
        "confidence": answer.confidence,
        "reason": answer.reason,
    }
