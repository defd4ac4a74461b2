"""Reads Amazon product metadata (JSON Lines, .gz): asin, title, description, category, brand, price, rank.

The pages were scraped, and badly: most titles of some sets are the same cut tag. So that a product with a description
isn't lost, the first sentence of the description takes the place of an empty title, and attributes say so
("title_from": "description"). A product with neither goes to quarantine. A price that is not one amount (script, CSS, a
range) is left empty, and attributes say so ("price_unread": true). The category is the level below the department,
which all products of such a file share; all levels are in attributes as "categories".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from tasks.contracts.catalog import Kind, SourceConfig
from tasks.readers.clean import clean_line, clean_markup_line, clean_prose
from tasks.readers.jsonl import read_objects
from tasks.readers.plan import Layout, Plan
from tasks.readers.rows import RawRow
from tasks.readers.values import to_text

TITLE_LENGTH = 100
LAYOUTS: Mapping[Kind, Layout] = {
    "items": Layout(
        columns={
            "item_id": "asin", "title": "title", "text": "description", "author": "brand", "category": "category",
            "price": "price",
        },
        attributes=("categories", "rank", "title_from", "price_unread"),
        open_columns=True,
    )
}  # fmt: skip
_PRICE = re.compile(r"\$?\s?(\d{1,3}(?:,\d{3})*|\d+)(\.\d{1,2})?")
_RANK = re.compile(r"#?\s*(\d{1,3}(?:,\d{3})*|\d+) in ")
# A help link of the shop, which stands in as a paragraph of every second description.
_HELP_LINK = re.compile(r"\s*<a\s[^<>]*href=\"/gp/help/")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s|\n")
# What ends sooner is an abbreviation or a heading ("Dr. Dobb's Journal"), not a sentence.
_LEAST_SENTENCE = 20


def read_rows(source: SourceConfig, plan: Plan) -> Iterator[RawRow]:
    """One row a product."""
    for row in read_objects(source, {"asin", "title", *plan.asked}):
        yield row if row.problem else _to_product(row)


def _to_product(row: RawRow) -> RawRow:
    values: dict[str, Any] = dict(row.values)
    description = _join_description(values.get("description"))
    title = clean_markup_line(to_text(values.get("title")))
    title_from = None
    if not title and description:
        title, title_from = first_sentence(description), "description"
    problem = "" if title else "title is empty after markup was removed, and so is the description"
    categories = [clean_markup_line(to_text(level)) for level in _as_list(values.get("category"))]
    categories = [level for level in categories if level]
    price_text = to_text(values.get("price")).strip()
    price = parse_price(price_text)
    values |= {
        "title": title,
        "title_from": title_from,
        "description": description,
        "brand": clean_markup_line(to_text(values.get("brand"))),
        "category": categories[1] if len(categories) > 1 else "".join(categories),
        "categories": categories,
        "price": price,
        "price_unread": True if price is None and price_text else None,
        "rank": parse_rank(values.get("rank")),
    }
    return RawRow(row.file, row.line, values, row.raw, problem)


def first_sentence(text: str) -> str:
    """The first sentence of a text, cut at a word to 100 characters at most."""
    ends = (found.start() for found in _SENTENCE_END.finditer(text) if found.start() >= _LEAST_SENTENCE)
    sentence = clean_line(text[: next(ends, None)])
    if len(sentence) <= TITLE_LENGTH:
        return sentence
    return sentence[: TITLE_LENGTH - 1].rsplit(" ", 1)[0].rstrip(",;:– ") + "…"


def parse_price(text: str) -> float | None:
    """The amount of "$1,299.00"; None for anything that is not exactly one amount."""
    found = _PRICE.fullmatch(text.strip()) if len(text) < 40 else None
    return float(found.group().lstrip("$ ").replace(",", "")) if found else None


def parse_rank(value: object) -> int | None:
    """The first number of a sales rank, which is "629 in Magazine Subscriptions (" or a list of such texts."""
    for text in _as_list(value):
        if found := _RANK.search(to_text(text)):
            return int(found.group(1).replace(",", ""))
    return None


def _join_description(value: object) -> str:
    parts = [to_text(part) for part in _as_list(value)]
    cleaned = (clean_prose(part) for part in parts if not _HELP_LINK.match(part))
    return "\n\n".join(part for part in cleaned if part)


def _as_list(value: object) -> list[object]:
    return list(value) if isinstance(value, list) else [] if value is None else [value]
