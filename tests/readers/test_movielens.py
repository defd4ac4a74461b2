"""MovieLens in both layouts, on small made-up files."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tasks.contracts.errors import SourceError

FLAGS = "|0|0|0|1|1|1" + "|0" * 13


@pytest.fixture
def ml_100k(tmp_path: Path) -> Path:
    folder = tmp_path / "ml-100k"
    folder.mkdir()
    unknown = "267|unknown||||1" + "|0" * 18
    films = f"1|Caf\xe9 Story (1995)|01-Jan-1995||http://x{FLAGS}\n{unknown}\n2|Short|row\n"
    (folder / "u.item").write_bytes(films.encode("latin-1"))
    (folder / "u.user").write_text("1|24|M|technician|85711\n2|old|F|other|94043\n")
    (folder / "u.data").write_text("1\t1\t4\t881250949\n1\t267\t3\t881250950\n")
    return tmp_path


def test_films_of_100k(ml_100k: Path, read: Any) -> None:
    result = read("movielens-100k", ml_100k)
    film = result.records.row(0, named=True)
    assert (film["title"], film["text"]) == ("Café Story (1995)", "Animation, Children's, Comedy")
    assert film["category"] == "Animation|Children's|Comedy"
    assert film["published_at"] == datetime(1995, 1, 1, tzinfo=UTC)
    assert json.loads(film["attributes"]) == {"genres": ["Animation", "Children's", "Comedy"], "year": 1995}
    assert [reason.split(":")[0] for reason in result.reasons] == [
        "title is the placeholder 'unknown'",
        "row has 3 fields, not the 24 of u.item",
    ]


def test_people_of_100k(ml_100k: Path, read: Any) -> None:
    result = read("movielens-100k", ml_100k, "users")
    assert result.records.select("user_id", "age", "job").rows() == [("1", 24, "technician")]
    assert json.loads(result.column("attributes")[0]) == {"gender": "M", "zip_code": "85711"}
    assert result.reasons[0].startswith("age is not a whole number: 'old'")


def test_ratings_of_100k(ml_100k: Path, read: Any) -> None:
    result = read("movielens-100k", ml_100k, "interactions", events=["rating"])
    assert result.records.select("user_id", "item_id", "event", "value").row(0) == ("1", "1", "rating", 4.0)
    assert result.column("occurred_at")[0] == datetime(1997, 12, 4, 15, 55, 49, tzinfo=UTC)


@pytest.fixture
def ml_csv(tmp_path: Path) -> Path:
    (tmp_path / "movies.csv").write_text(
        'movieId,title,genres\n1,"American President, The (1995)",Comedy|Drama\n2,Nothing,(no genres listed)\n3,x\n'
    )
    (tmp_path / "ratings.csv").write_text(
        "userId,movieId,rating,timestamp\n1,1,4.5,964982703\n1,2,x,964982703\n2,1,1,9\n"
    )
    return tmp_path


def test_films_of_the_newer_sets(ml_csv: Path, read: Any) -> None:
    result = read("movielens-csv", ml_csv)
    assert result.column("title") == ["American President, The (1995)", "Nothing"]
    assert result.column("text") == ["Comedy, Drama", ""]
    assert [json.loads(text) for text in result.column("attributes")] == [
        {"genres": ["Comedy", "Drama"], "year": 1995},
        {},
    ]
    assert result.reasons == ["row has 2 fields, not the 3 of the header"]


def test_ratings_and_people_of_the_newer_sets(ml_csv: Path, read: Any) -> None:
    ratings = read("movielens-csv", ml_csv, "interactions")
    assert ratings.column("value") == [4.5]
    assert [reason.split(":")[0] for reason in ratings.reasons] == [
        "value is not a number",
        "occurred_at is not a timestamp",
    ]
    assert read("movielens-csv", ml_csv, "users").column("user_id") == ["1", "2"]


def test_a_set_without_its_file_is_an_error(tmp_path: Path, read: Any) -> None:
    with pytest.raises(SourceError, match=r"does not hold 'u\.item'"):
        read("movielens-100k", tmp_path)


def test_a_file_of_another_layout_is_an_error(tmp_path: Path, read: Any) -> None:
    (tmp_path / "movies.csv").write_text("id,name\n1,x\n")
    with pytest.raises(SourceError, match="no column 'movieId'"):
        read("movielens-csv", tmp_path)
