"""Amazon metadata and reviews, on small made-up rows."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tasks.contracts.errors import SourceError
from tasks.readers.amazon_metadata import first_sentence, parse_price, parse_rank

SPAN = '<span class="a-size-medium a-color-secondary"'
HELP = '<a href="/gp/help/customer/x" target="_blank">Learn more</a> about auto-renewal'


def write(folder: Path, *rows: dict[str, Any]) -> Path:
    path = folder / "rows.json.gz"
    path.write_bytes(gzip.compress("".join(json.dumps(row) + "\n" for row in rows).encode()))
    return path


def test_a_scraped_title_is_replaced_by_the_description_and_says_so(tmp_path: Path, read: Any) -> None:
    row = {"asin": "A", "title": SPAN, "description": ["<i>Vogue</i> is the authority. It is old.", HELP, "More."]}
    record = read("amazon-metadata", write(tmp_path, row)).records.row(0, named=True)
    assert record["title"] == "Vogue is the authority."
    assert record["text"] == "Vogue is the authority. It is old.\n\nMore."
    assert json.loads(record["attributes"]) == {"title_from": "description"}


def test_a_product_without_title_and_description_is_bad(tmp_path: Path, read: Any) -> None:
    rows = [
        {"asin": "A", "title": ' Magazines" />', "description": [HELP, ""]},
        {"asin": "B", "title": "Bop", "description": []},
    ]
    result = read("amazon-metadata", write(tmp_path, *rows))
    assert result.column("title") == ["Bop"]
    assert result.reasons == ["title is empty after markup was removed, and so is the description"]


def test_the_rest_of_a_product(tmp_path: Path, read: Any) -> None:
    row = {
        "asin": "A", "title": "Disney &amp; Me", "description": [], "brand": "F&amp;W", "price": "$1,299.00",
        "category": ["Magazines", "Children &amp; Teen", "Fun"], "rank": [">#1,234 in Fun (See top 100)"],
        "fit": "tight",
    }  # fmt: skip
    record = read("amazon-metadata", write(tmp_path, row), attributes=["fit"]).records.row(0, named=True)
    assert (record["title"], record["author"], record["price"]) == ("Disney & Me", "F&W", 1299.0)
    assert record["category"] == "Children & Teen"
    assert json.loads(record["attributes"]) == {
        "categories": ["Magazines", "Children & Teen", "Fun"], "fit": "tight", "rank": 1234,
    }  # fmt: skip


def test_a_price_of_css_is_left_empty_and_says_so(tmp_path: Path, read: Any) -> None:
    row = {"asin": "A", "title": "T", "price": ".a-box-inner{background-color:#fff}"}
    record = read("amazon-metadata", write(tmp_path, row)).records.row(0, named=True)
    assert record["price"] is None
    assert json.loads(record["attributes"]) == {"price_unread": True}


@pytest.mark.parametrize(
    ("text", "price"),
    [("$5", 5.0), ("12.50", 12.5), ("$5.00 - $9.00", None), ("", None), ("<script", None), ("1,2", None)],
)
def test_a_price_is_one_amount_or_none(text: str, price: float | None) -> None:
    assert parse_price(text) == price


@pytest.mark.parametrize(
    ("rank", "number"), [("629 in Magazines (", 629), ([], None), (None, None), (["#7 in A", "#9 in B"], 7)]
)
def test_the_first_rank_counts(rank: object, number: int | None) -> None:
    assert parse_rank(rank) == number


def test_a_first_sentence_is_cut_at_a_word_and_not_at_an_abbreviation() -> None:
    assert (
        first_sentence("Dr. Dobb's Journal is for programmers. It is old.") == "Dr. Dobb's Journal is for programmers."
    )
    long = first_sentence("word " * 50)
    assert len(long) <= 100
    assert long.endswith("word…")


def test_reviews_as_interactions_users_and_items(tmp_path: Path, read: Any) -> None:
    review = {"reviewerID": "U", "reviewerName": "Ann", "asin": "A", "overall": 5.0, "unixReviewTime": 1472688000}
    path = write(tmp_path, review, {**review, "asin": "B", "overall": "many"}, {**review, "reviewerID": None})
    ratings = read("amazon-reviews", path, "interactions")
    assert ratings.records.drop("file", "line").rows() == [("U", "A", "review", 5.0, datetime(2016, 9, 1, tzinfo=UTC))]
    assert [reason.split(":")[0] for reason in ratings.reasons] == ["value is not a number", "user_id is empty"]
    assert read("amazon-reviews", path, "users").records.select("user_id", "name").rows() == [("U", "Ann")]
    items = read("amazon-reviews", path)
    assert items.column("title") == ["A", "B"]
    assert items.column("attributes") == ['{"title_from": "asin"}'] * 2


def test_a_file_of_another_layout_is_an_error(tmp_path: Path, read: Any) -> None:
    with pytest.raises(SourceError, match=r"no column 'asin'.*columns found: 'id'"):
        read("amazon-metadata", write(tmp_path, {"id": 1}))
