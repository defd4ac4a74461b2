"""The traps of the real data sets, counted. Needs ../shared/data, and is skipped without it."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

BBC = "BBC News Summary/News Articles"


def test_bbc_one_file_is_not_utf8_and_numbers_repeat(real_data: Path, read: Any) -> None:
    result = read("text-folder", real_data / "bbc-news-summary.zip", member=BBC)
    assert (len(result.records), result.bad) == (2225, [])
    ids = result.column("item_id")
    assert len(set(ids)) == 2225
    assert len({item_id.split("/")[1] for item_id in ids}) < 600
    decoded = [i for i, text in zip(ids, result.column("attributes"), strict=True) if "cp1252" in text]
    assert decoded == ["sport/199"]
    assert "a £15.8m signing" in result.records.row(ids.index("sport/199"), named=True)["text"]
    assert Counter(result.column("category")).keys() == {"business", "entertainment", "politics", "sport", "tech"}
    assert not any("&#" in text for text in result.column("text"))


def test_bbc_duplicates_are_left_to_the_warehouse(real_data: Path, read: Any) -> None:
    records = read("text-folder", real_data / "bbc-news-summary.zip", member=BBC).records
    assert 2225 - records.select("title", "text").unique().height >= 98


def test_movielens_is_latin_1_and_film_267_is_a_placeholder(real_data: Path, read: Any) -> None:
    films = read("movielens-100k", real_data / "ml-100k.zip")
    assert len(films.records) == 1681
    assert [(row.line, row.reason.split(":")[0]) for row in films.bad] == [(267, "title is the placeholder 'unknown'")]
    assert any("é" in title for title in films.column("title"))
    assert 1681 - len(set(films.column("title"))) == 18


def test_movielens_people_and_ratings(real_data: Path, read: Any) -> None:
    people = read("movielens-100k", real_data / "ml-100k.zip", "users")
    ratings = read("movielens-100k", real_data / "ml-100k.zip", "interactions", events=["rating"])
    assert (len(people.records), len(ratings.records), people.bad + ratings.bad) == (943, 100_000, [])
    assert Counter(ratings.column("value")) == {1.0: 6110, 2.0: 11370, 3.0: 27145, 4.0: 34174, 5.0: 21201}


def test_mind_row_one_is_data_and_null_abstracts_survive(real_data: Path, read: Any) -> None:
    news = read("mind", real_data / "mind-sample.zip")
    assert (len(news.records), news.bad) == (2000, [])
    assert news.column("item_id")[0] == "N34700"
    assert news.column("text").count("") == 99


def test_mind_impressions_become_clicks_and_skips(real_data: Path, read: Any) -> None:
    result = read("mind", real_data / "mind-sample.zip", "interactions", events=["click", "skip"])
    assert not result.bad
    assert Counter(result.column("event")) == {"click": 167_344, "skip": 181_817}
    assert result.records["line"].max() == 5000


def test_adidas_line_breaks_in_quotes_and_prices_as_text(real_data: Path, read: Any) -> None:
    columns = {"item_id": "sku", "title": "name", "text": "description", "price": "selling_price"}
    types = {"original_price": "number"}
    result = read("csv", real_data / "adidas_usa.csv", columns=columns, attributes=["original_price"], types=types)
    assert (len(result.records), result.bad) == (845, [])
    assert len(set(result.column("item_id"))) == 845
    assert len(set(result.column("text"))) <= 560
    assert any("\n\n" in text for text in result.column("text"))
    originals = [json.loads(text).get("original_price") for text in result.column("attributes")]
    assert (originals.count(None), originals[1]) == (16, None)


def test_magazines_with_scraped_titles_are_kept_where_a_description_serves(real_data: Path, read: Any) -> None:
    result = read("amazon-metadata", real_data / "meta_Magazine_Subscriptions.json.gz")
    attributes = [json.loads(text) for text in result.column("attributes")]
    assert (len(result.records), len(result.bad)) == (3098, 287)
    assert Counter(values.get("title_from") for values in attributes) == {"description": 2876, None: 222}
    assert {row.reason for row in result.bad} == {"title is empty after markup was removed, and so is the description"}
    assert sum(values.get("price_unread", False) for values in attributes) + count_unread(result) == 18
    assert sum(isinstance(values.get("rank"), int) for values in attributes) > 1700
    assert not any("<span" in title or "/>" in title for title in result.column("title"))


def count_unread(result: Any) -> int:
    """Bad rows whose price is no amount either."""
    return sum(bool(json.loads(row.raw)["price"]) for row in result.bad if "[cut;" not in row.raw[-40:])


def test_beauty_reviews_as_all_three_kinds(real_data: Path, read: Any) -> None:
    path = real_data / "All_Beauty_5.json.gz"
    reviews = read("amazon-reviews", path, "interactions")
    assert (len(reviews.records), reviews.bad) == (5269, [])
    assert Counter(reviews.column("value"))[5.0] == 4649
    assert len(read("amazon-reviews", path, "users").records) == 991
    assert len(read("amazon-reviews", path, "items").records) == 85


def test_sts_tab_separated_without_header_and_with_odd_quotes(real_data: Path, read: Any) -> None:
    columns = {"item_id": "3", "title": "5", "text": "6"}
    config = {"columns": columns, "separator": "\t", "has_header": False, "has_quotes": False}
    result = read("csv", real_data / "sts-dev.csv.gz", attributes=["4"], types={"4": "number"}, **config)
    assert len(result.records) + len(result.bad) == 1500
    assert not result.bad
