"""Reads Amazon reviews (JSON Lines, .gz): who rated which product how, and when.

As interactions, each line is one, its value the stars. As users, each reviewer is one. As items, each product is one; a
file of reviews holds nothing about a product but its asin, so that is its title, and attributes say so ("title_from":
"asin"). Only the ids seen are remembered.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tasks.contracts.catalog import Kind, SourceConfig
from tasks.readers.jsonl import read_objects
from tasks.readers.plan import Layout, Plan
from tasks.readers.rows import RawRow, first_of_each

LAYOUTS: Mapping[Kind, Layout] = {
    "items": Layout(columns={"item_id": "asin", "title": "title"}, attributes=("title_from",)),
    "users": Layout(columns={"user_id": "reviewerID", "name": "reviewerName"}),
    "interactions": Layout(
        columns={"user_id": "reviewerID", "item_id": "asin", "value": "overall", "occurred_at": "unixReviewTime"},
        default_event="review",
    ),
}
_NEEDED: Mapping[Kind, tuple[str, ...]] = {
    "items": ("asin",),
    "users": ("reviewerID",),
    "interactions": ("reviewerID", "asin", "overall"),
}


def read_rows(source: SourceConfig, plan: Plan) -> Iterator[RawRow]:
    """One row a review, a reviewer or a product, by the plan's kind."""
    rows = read_objects(source, _NEEDED[plan.kind])
    if plan.kind == "items":
        yield from (_to_item(row) for row in first_of_each(rows, "asin"))
    else:
        yield from first_of_each(rows, "reviewerID") if plan.kind == "users" else rows


def _to_item(row: RawRow) -> RawRow:
    if row.problem:
        return row
    asin = row.values.get("asin")
    return RawRow(row.file, row.line, {"asin": asin, "title": asin, "title_from": "asin"}, row.raw)
