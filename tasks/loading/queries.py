"""Users as questions to rewrite, and the search texts that came back. Reads users, items, pair_history and user_queries.

A user has two questions where they differ: one with all that is known as of the day, for serving; and, if there is truth of
them, one without the pairs of any fold, for learning and evaluation. One such question serves all folds: with several folds
it knows less than a fold's other sources, never more. user_questions and users_to_rewrite are temporary tables of this
connection, made anew by each call; pair_history must be there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import polars as pl

from tasks.contracts.context import StepContext
from tasks.contracts.errors import MissingInputError
from tasks.labelers.protocol import ItemText, RewriteQuestion, UserText
from tasks.retrieval.user_shard import UserQueries
from warehouse.connection import Warehouse
from warehouse.vectors import read_vectors

PAGE_USERS = 2000
SOURCE = "rewritten_query"


def make_user_questions(
    warehouse: Warehouse, context: StepContext, *, user_ids: Sequence[str] | None, holdout_ids: Sequence[str]
) -> None:
    """Build user_questions of some users (None: of all active ones), for holdout_ids of both kinds.

    Time O(interactions) in DuckDB, which spills to disk.
    """
    catalog = context.catalog
    warehouse.run(
        "queries/make_user_questions",
        catalog=catalog.name,
        user_space=catalog.user_space,
        as_of_end=context.as_of_end,
        depth=catalog.rewrite.history_items,
        is_everybody=user_ids is None,
        user_ids=list(user_ids or ()),
        holdout_ids=list(holdout_ids),
    )


def due_questions(warehouse: Warehouse, context: StepContext, fingerprint: str) -> Iterator[RewriteQuestion]:
    """Questions of user_questions without an answer under the fingerprint, by user. Memory O(PAGE_USERS profiles and histories)."""
    n_due = count_due(warehouse, fingerprint)
    space = context.catalog.user_space
    for after in range(0, n_due, PAGE_USERS):
        page = warehouse.query("queries/due_users", user_space=space, after=after, limit=PAGE_USERS)
        liked = _liked_texts(warehouse, context, page)
        for row in page.iter_rows(named=True):
            user = UserText(
                key=row["profile_hash"],
                summary=row["summary"],
                interests=tuple(row["interests"]),
                hobbies=tuple(row["hobbies"]),
                skills=tuple(row["skills"]),
                job=row["job"],
                history=tuple(liked[one["catalog"], one["item_id"]] for one in row["contents"]),
            )
            yield RewriteQuestion(row["question_key"], user)


def count_due(warehouse: Warehouse, fingerprint: str) -> int:
    """How many questions of user_questions have no answer under the fingerprint now; they are in users_to_rewrite then."""
    warehouse.run("queries/users_to_rewrite", fingerprint=fingerprint)
    return int(warehouse.value("queries/count_users_to_rewrite"))


def load_user_queries(
    warehouse: Warehouse, context: StepContext, user_ids: Sequence[str], *, fold: int | None
) -> UserQueries | None:
    """Today's search texts of some users as vectors; users[i] is a place in user_ids. None without the source, or any text.

    fold None: what all of the history made; else what a history without any held-out pair made, the same for each fold.
    Raises MissingInputError where the source is wanted and the stage has never run. Time O(interactions) in DuckDB.
    """
    catalog = context.catalog
    if SOURCE not in catalog.candidates.sources:
        return None
    if warehouse.value("queries/active_fingerprint", catalog=catalog.name, task="rewrite") is None:
        raise MissingInputError(
            f"catalog {catalog.name!r} has the source {SOURCE!r} but no search texts; run `nightjar rewrite` first"
        )
    ids = list(user_ids)
    make_user_questions(warehouse, context, user_ids=ids, holdout_ids=[] if fold is None else ids)
    found, vectors = read_vectors(warehouse, "queries/shard_queries", catalog=catalog.name, is_holdout=fold is not None)
    if found.is_empty():
        return None
    places = pl.DataFrame({"user_id": ids}).with_row_index("place")
    placed = found.join(places, on="user_id", how="left", maintain_order="left")
    order = np.argsort(placed["place"].to_numpy(), kind="stable")
    return UserQueries(
        users=placed["place"].to_numpy().astype(np.int64)[order],
        vectors=vectors[order],
        is_avoided=placed["is_avoided"].to_numpy()[order],
    )


def _liked_texts(warehouse: Warehouse, context: StepContext, page: pl.DataFrame) -> Mapping[tuple[str, str], ItemText]:
    wanted = [one for contents in page["contents"].to_list() for one in contents]
    if not wanted:
        return {}
    model = warehouse.value("queries/embedding_model", catalog=context.catalog.name)
    rows = warehouse.query("queries/liked_contents", contents=wanted, model=model)
    return {
        (row["catalog"], row["item_id"]): ItemText(
            row["content_hash"],
            row["title"],
            row["text"],
            vector=None if row["vector"] is None else np.asarray(row["vector"], dtype=np.float32),
        )
        for row in rows.iter_rows(named=True)
    }
