"""MovieLens 100k as frames, read straight from the zip: no warehouse, so that any split of the ratings can be made."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from datetime import datetime, timedelta
from io import BytesIO
from pathlib import Path

import numpy as np
import polars as pl

from tasks.readers.movielens_100k import GENRES

ARCHIVE = "ml-100k.zip"
AGES = (25, 45)
"""Ages at which a new segment of users begins; a segment is a gender and such a band."""
EPOCH = datetime(1970, 1, 1)


@dataclass(frozen=True)
class MovieLens:
    """items: item_id, title, text (the genres), published_at, is_active, group_id. users: user_id, segment, profile_text.

    genres: item_id, label. ratings: user_id, item_id, value (1 to 5), occurred_at; in the order of u.data. Ids are
    padded with zeros, so that their order as texts is their order as numbers.
    """

    items: pl.DataFrame
    users: pl.DataFrame
    genres: pl.DataFrame
    ratings: pl.DataFrame


def load_movielens(data: Path) -> MovieLens:
    """The data set in `data`, a folder with ml-100k.zip."""
    with zipfile.ZipFile(data / ARCHIVE) as archive:
        ratings = _read(archive, "u.data", separator="\t", columns=["user", "item", "value", "seconds"])
        users = _read(archive, "u.user", separator="|", columns=["user", "age", "gender", "job", "zip"])
        flags = [f"genre_{place}" for place in range(len(GENRES))]
        films = _read(archive, "u.item", separator="|", columns=["item", "title", "released", "video", "url", *flags])
    marks = films.select(pl.col(flags).cast(pl.Int8)).to_numpy() > 0
    named = [[name for name, mark in zip(GENRES, row, strict=True) if mark] for row in marks]
    items = films.select(
        _padded("item"),
        "title",
        pl.Series("text", [" ".join(names) for names in named]),
        pl.col("released").str.to_datetime("%d-%b-%Y", strict=False).alias("published_at"),
        is_active=pl.lit(value=True),
        group_id=pl.lit(None, dtype=pl.String),
    )
    genres = pl.DataFrame({"item_id": items["item_id"], "label": named}).explode("label").drop_nulls()
    bands = pl.Series("band", np.searchsorted(AGES, users["age"].cast(pl.Int64).to_numpy(), side="right"))
    people = users.with_columns(bands).select(
        _padded("user"), segment=pl.format("{} {}", "gender", "band"), profile_text=pl.col("job")
    )
    at = pl.lit(EPOCH) + pl.duration(seconds=pl.col("seconds").cast(pl.Int64))
    rated = ratings.select(
        _padded("user"), _padded("item"), pl.col("value").cast(pl.Float64), occurred_at=at.cast(pl.Datetime("us"))
    )
    return MovieLens(items=items, users=people, genres=genres, ratings=rated)


def split_stratified_by_item(
    ratings: pl.DataFrame, *, seed: int, share: float = 0.75
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """(training, test) as recommenders' python_stratified_split makes them with filter_by="item".

    A uniform number is drawn for each rating in the order of u.data by NumPy's legacy generator; of an item's ratings,
    sorted by it, those whose place over their count is at most the share are training.
    """
    draws = np.random.RandomState(seed).rand(len(ratings))
    place = pl.col("draw").rank("ordinal").over("item_id") / pl.len().over("item_id")
    marked = ratings.with_columns(draw=draws).with_columns(is_train=place <= share)
    return tuple(marked.filter(pl.col("is_train") == side).drop("draw", "is_train") for side in (True, False))  # type: ignore[return-value]


def split_by_time(ratings: pl.DataFrame, *, share: float) -> tuple[pl.DataFrame, pl.DataFrame, datetime]:
    """(before, from then on, the time): the last `share` of all ratings by time, those of one second together."""
    ordered = ratings["occurred_at"].sort()
    cut = ordered[len(ordered) - int(len(ordered) * share)]
    is_before = pl.col("occurred_at") < cut
    return ratings.filter(is_before), ratings.filter(~is_before), cut


def after_all(ratings: pl.DataFrame) -> datetime:
    """A second after the last rating: the day's end for a benchmark without one."""
    last = ratings["occurred_at"].max()
    if not isinstance(last, datetime):
        raise ValueError(f"the ratings have no time, but {last!r}")
    return last + timedelta(seconds=1)


def _read(archive: zipfile.ZipFile, member: str, *, separator: str, columns: list[str]) -> pl.DataFrame:
    text = archive.read(f"ml-100k/{member}").decode("latin-1").encode()
    return pl.read_csv(
        BytesIO(text), separator=separator, has_header=False, new_columns=columns, quote_char=None, infer_schema=False
    )


def _padded(column: str) -> pl.Expr:
    return pl.col(column).str.zfill(4).alias(f"{column}_id")
