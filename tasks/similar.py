"""similar: embeddings -> similar_pairs -> similarity_labels -> item_groups (near-duplicates).

Only contents whose neighbours were never looked up are searched for, only pairs without a verdict are verified; groups
are the connected components of the verified pairs and are written anew each time.
Time O(new contents x contents), memory O(contents x dimension).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
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
from tasks.retrieval.neighbours import find_near_pairs
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
        n_scanned = _scan(warehouse, context, of_pairs)
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
    return hash_config(embedding, context.catalog.similar)


def _scan(warehouse: Warehouse, context: StepContext, fingerprint: str) -> int:
    catalog = context.catalog
    warehouse.run("queries/forget_scans", catalog=catalog.name)
    due = set(warehouse.query("queries/items_to_scan", catalog=catalog.name, fingerprint=fingerprint)["content_hash"])
    if not due:
        return 0
    frame, vectors = read_vectors(warehouse, "queries/item_vectors", catalog=catalog.name)
    hashes = frame["content_hash"].to_numpy()
    queries = np.flatnonzero([content in due for content in hashes])
    scope = {"catalog": catalog.name, "fingerprint": fingerprint, "run_id": context.run_id}
    for found in find_near_pairs(
        vectors, queries, min_cosine=catalog.similar.min_cosine, max_neighbours=catalog.similar.max_neighbours
    ):
        a, b = hashes[found.query], hashes[found.neighbour]
        pairs = pl.DataFrame(
            {"hash_a": np.minimum(a, b), "hash_b": np.maximum(a, b), "cosine": found.cosine.astype(float)}
        )
        with warehouse.transaction():
            if len(a):
                warehouse.insert(
                    "similar_pairs", _scoped(pairs.unique(["hash_a", "hash_b"]), scope), on_conflict="ignore"
                )
            scanned = pl.DataFrame({"content_hash": hashes[found.queries]})
            warehouse.insert("neighbour_scans", _scoped(scanned, scope), on_conflict="ignore")
    return len(queries)


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
