"""Which recommendations are to be explained, what is known of each, and what the answers make of the lists.

Reads shards `scored`, rerank_orders and explanations. The facts of a recommendation are the template's reasons: an
explanation counts only as long as they are what it was asked with. Memory O(block of users).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import polars as pl

from tasks.contracts.context import StepContext
from tasks.contracts.recommending import ExplainConfig
from tasks.labelers.protocol import ExplainQuestion, explain_key
from tasks.loading.judging import BLOCK_USERS, read_item_texts, read_user_texts
from tasks.serving.lists import read_blocks
from tasks.serving.orders import apply_orders
from warehouse.connection import Warehouse

FIELDS = ("content", "popularity", "diversity", "time")


def facts_of(row: Mapping[str, Any]) -> dict[str, str]:
    """What is known of a recommendation, by name."""
    facts = {"reason": row["reason"], **{name: row[f"reason_{name}"] for name in FIELDS}}
    return {name: said for name, said in facts.items() if said}


def find_explained(lists: pl.DataFrame, config: ExplainConfig) -> pl.DataFrame:
    """The rows of a block with keys that are to be explained, with their question_key."""
    can_be = pl.col("content_hash").is_not_null() & pl.col("profile_hash").is_not_null()
    rows = lists.filter((pl.col("rank") <= config.top) & can_be)
    keys = [explain_key(row["profile_hash"], row["content_hash"], facts_of(row)) for row in rows.iter_rows(named=True)]
    return rows.with_columns(pl.Series("question_key", keys, dtype=pl.String))


def due_rows(
    warehouse: Warehouse, context: StepContext, fingerprint: str, *, orders: str | None
) -> Iterator[pl.DataFrame]:
    """A block at a time, the rows without an answer; orders is the fingerprint of rerank's answers, None without them."""
    catalog = context.catalog
    for block in read_blocks(warehouse, context, users=catalog.explain.users):
        lists = block
        if orders is not None:
            order = block.select(pl.col("user_id").unique(maintain_order=True)).with_row_index("place")
            ordered, _ = apply_orders(warehouse, block, catalog.rerank, fingerprint=orders)
            lists = ordered.join(order, on="user_id", how="left").sort("place", "rank")
        rows = find_explained(lists, catalog.explain)
        known = read_explanations(warehouse, rows, fingerprint)
        yield rows.unique("question_key", keep="first", maintain_order=True).join(
            known, on="question_key", how="anti", maintain_order="left"
        )


def make_explain_questions(
    warehouse: Warehouse, context: StepContext, fingerprint: str, *, orders: str | None
) -> Iterator[ExplainQuestion]:
    """The questions that are due, a user's one behind the other."""
    for rows in due_rows(warehouse, context, fingerprint, orders=orders):
        users = rows["user_id"].unique(maintain_order=True)
        for start in range(0, len(users), BLOCK_USERS):
            part = users.slice(start, BLOCK_USERS)
            asked = rows.join(part.to_frame(), on="user_id", how="semi", maintain_order="left")
            profiles = read_user_texts(warehouse, context, part.to_list())
            items = read_item_texts(warehouse, context, asked["content_hash"].unique())
            for row in asked.iter_rows(named=True):
                item, topics = items[row["content_hash"]]
                topic = max(sorted(topics), key=lambda name: topics[name]) if topics else ""
                yield ExplainQuestion(profiles[row["user_id"]], replace(item, topic=topic), facts_of(row))


def read_explanations(warehouse: Warehouse, rows: pl.DataFrame, fingerprint: str) -> pl.DataFrame:
    """The answers to questions about the users of rows: question_key, explanation, FIELDS, is_grounded, labeler."""
    profiles = rows["profile_hash"].unique().to_list()
    return warehouse.query("queries/explanations_of", fingerprint=fingerprint, profile_hashes=profiles)


def apply_explanations(
    warehouse: Warehouse, lists: pl.DataFrame, config: ExplainConfig, *, fingerprint: str
) -> tuple[pl.DataFrame, int]:
    """The lists of a block with keys, with the explanations that hold, and how many rows have one.

    A field that an explanation leaves empty keeps the template's.
    """
    rows = find_explained(lists, config)
    known = read_explanations(warehouse, rows, fingerprint).filter("is_grounded")
    found = rows.select("user_id", "item_id", "question_key").join(
        known.unique("question_key", keep="first").select(
            "question_key", "explanation", "labeler", *(pl.col(name).alias(f"said_{name}") for name in FIELDS)
        ),
        on="question_key",
    )
    told = lists.join(found.drop("question_key"), on=["user_id", "item_id"], how="left", maintain_order="left")
    fields = [pl.coalesce(f"said_{name}", f"reason_{name}").alias(f"reason_{name}") for name in FIELDS]
    explained = told.with_columns(
        pl.coalesce("explanation", "reason").alias("reason"),
        pl.coalesce("labeler", "reason_source").alias("reason_source"),
        *fields,
    )
    return explained.select(lists.columns), found.height
