"""The windows in which lists are shown, which of them have an answer, and what the answers make of the lists.

Reads shards `scored` and rerank_orders. Of a list the first `rerank.top` items take part, but those in a slot of
exploration and those that are gone. A list of which any window has no answer stays as it was. Memory O(block of users).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from tasks.contracts.context import StepContext
from tasks.contracts.recommending import RerankConfig
from tasks.labelers.protocol import RankQuestion
from tasks.loading.judging import make_rank_questions
from tasks.ranking.reranking import Span, merge_windows, overlapping_windows
from tasks.serving.lists import read_blocks
from warehouse.connection import Warehouse

Shown = tuple[str, ...]
Orders = Mapping[tuple[str, Shown], Sequence[int]]
"""By profile and contents as they were shown, the ranks of these."""


@dataclass(frozen=True)
class ShownList:
    """What of a user's list is to be put in order: the rows of the block that take part, and their contents, in order."""

    user_id: str
    profile_hash: str
    rows: tuple[int, ...]
    contents: Shown
    spans: tuple[Span, ...]

    def windows(self) -> list[Shown]:
        """The windows as they are shown: first all of them as the list goes, then all the other way round."""
        forward = [self.contents[start:stop] for start, stop in self.spans]
        return list(dict.fromkeys([*forward, *(window[::-1] for window in forward)]))

    def reorder(self, orders: Orders) -> list[int] | None:
        """Positions of the rows in their new order; None where a window has no answer."""
        answers: dict[Span, tuple[Sequence[int], Sequence[int]]] = {}
        for start, stop in self.spans:
            window = self.contents[start:stop]
            forward, backward = orders.get((self.profile_hash, window)), orders.get((self.profile_hash, window[::-1]))
            if forward is None or backward is None:
                return None
            answers[start, stop] = (forward, backward[::-1])
        return merge_windows(len(self.rows), answers)


def find_shown(lists: pl.DataFrame, config: RerankConfig) -> list[ShownList]:
    """The lists of a block with keys of which two items or more take part."""
    takes_part = (
        (pl.col("rank") <= config.top)
        & pl.col("propensity").is_null()
        & pl.col("content_hash").is_not_null()
        & pl.col("profile_hash").is_not_null()
    )
    rows = lists.with_row_index("row").filter(takes_part).sort("user_id", "rank")
    grouped = rows.group_by("user_id", "profile_hash", maintain_order=True).agg("row", "content_hash")
    return [
        ShownList(
            user_id, profile, tuple(numbers), tuple(contents), tuple(overlapping_windows(len(numbers), config.window))
        )
        for user_id, profile, numbers, contents in grouped.iter_rows()
        if len(numbers) > 1
    ]


def due_windows(warehouse: Warehouse, context: StepContext, fingerprint: str) -> Iterator[list[tuple[str, Shown]]]:
    """A block at a time, (user id, contents as shown) of the windows without an answer, a user's one behind the other."""
    config = context.catalog.rerank
    for block in read_blocks(warehouse, context, users=config.users):
        shown = find_shown(block, config)
        known = read_orders(warehouse, shown, fingerprint)
        places = {user_id: place for place, user_id in enumerate(block["user_id"].unique(maintain_order=True))}
        yield [
            (one.user_id, window)
            for one in sorted(shown, key=lambda one: places[one.user_id])
            for window in one.windows()
            if (one.profile_hash, window) not in known
        ]


def make_order_questions(warehouse: Warehouse, context: StepContext, fingerprint: str) -> Iterator[RankQuestion]:
    """The questions that are due."""
    for windows in due_windows(warehouse, context, fingerprint):
        yield from make_rank_questions(warehouse, context, windows)


def read_orders(warehouse: Warehouse, shown: Sequence[ShownList], fingerprint: str) -> Orders:
    """The answers to windows of these users."""
    rows = warehouse.query(
        "queries/rerank_orders_of", fingerprint=fingerprint, profile_hashes=[one.profile_hash for one in shown]
    )
    return {(profile, tuple(contents)): ranks for profile, contents, ranks in rows.iter_rows()}


def apply_orders(
    warehouse: Warehouse, lists: pl.DataFrame, config: RerankConfig, *, fingerprint: str
) -> tuple[pl.DataFrame, int]:
    """The lists of a block with keys in their new order, and how many lists have one. Only rank changes."""
    shown = find_shown(lists, config)
    known = read_orders(warehouse, shown, fingerprint)
    ranks = lists["rank"].to_list()
    n_ordered = 0
    for one in shown:
        order = one.reorder(known)
        if order is None:
            continue
        n_ordered += 1
        places = [ranks[row] for row in one.rows]
        for place, position in zip(places, order, strict=True):
            ranks[one.rows[position]] = place
    return lists.with_columns(pl.Series("rank", ranks, dtype=lists["rank"].dtype)).sort("user_id", "rank"), n_ordered
