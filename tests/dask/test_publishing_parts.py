"""Files of lists that workers write: the bytes that this process writes, whatever the shards; and nothing wrong gets by."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tasks.sharding.dask_pool import DaskPool
from tasks.sharding.publishing import SpreadFiles
from tests.dask.worker_here import WorkerHere
from tests.night import Nights
from tests.warehouse.published import facts, recommendations
from warehouse.errors import PublicationError
from warehouse.publication import TABLES, Publication, TableRows, publish, resolve_latest
from warehouse.publication import files as files_module
from warehouse.publication import verify as verify_module

ROWS_PER_FILE = 40


@pytest.fixture(autouse=True)
def small_files(monkeypatch: pytest.MonkeyPatch) -> None:
    for function in (files_module.write_table, files_module.split_files):
        given = dict(function.__kwdefaults__ or {})
        if "rows_per_file" in given:
            monkeypatch.setattr(function, "__kwdefaults__", {**given, "rows_per_file": ROWS_PER_FILE})
        else:
            monkeypatch.setattr(function, "__defaults__", (ROWS_PER_FILE,))


@pytest.fixture
def worker(tmp_path: Path) -> WorkerHere:
    return WorkerHere(tmp_path / "shared")


def lists(seed: int = 1) -> pl.DataFrame:
    """Some 200 rows of 30 users, each with 1 to 17 items."""
    chance = random.Random(seed)
    frame = recommendations(n_users=30, n_items=17)
    lengths = {user: chance.randint(1, 17) for user in frame["user_id"].unique().sort()}
    longest = pl.col("user_id").replace_strict(lengths, return_dtype=pl.Int64)
    return frame.filter(pl.col("rank") <= longest)


def write_shards(folder: Path, frame: pl.DataFrame, *, users: int) -> list[Path]:
    """Shards of so many users, an empty one among them."""
    folder.mkdir()
    ids = frame["user_id"].unique(maintain_order=True)
    groups = [ids[start : start + users] for start in range(0, len(ids), users)]
    frames = [frame.filter(pl.col("user_id").is_in(group.implode())) for group in groups]
    frames.insert(1, frame.clear())
    for number, shard in enumerate(frames):
        shard.write_parquet(folder / f"shard-{number:05d}.parquet")
    return sorted(folder.iterdir())


def publish_shards(published: Path, shards: list[Path], pool: Any) -> Publication:
    frames = (pl.read_parquet(path) for path in shards)
    writer = SpreadFiles(shards, pool=pool) if pool is not None else None
    rows = [TableRows("recommendations", "news", frames, is_ordered=True, writer=writer)]
    return publish(published, rows, facts=facts())


def sums(publication: Publication) -> list[tuple[Any, ...]]:
    return [
        (file.path, file.rows, file.bytes, file.sha256, file.first, file.last)
        for file in publication.table("recommendations").files
    ]


@pytest.mark.parametrize("users", [1, 4, 7, 30])
def test_files_of_workers_are_those_of_this_process(users: int, tmp_path: Path, worker: WorkerHere) -> None:
    frame = lists()
    here = publish_shards(tmp_path / "here", write_shards(tmp_path / "shards", frame, users=3), None)
    there = publish_shards(tmp_path / "there", write_shards(tmp_path / "others", frame, users=users), worker)
    assert sums(there) == sums(here)
    assert worker.n_parts == len(sums(here)) > 4
    assert there.manifest["tables"] == here.manifest["tables"]


def test_lists_of_nobody_are_one_empty_file_as_here(tmp_path: Path, worker: WorkerHere) -> None:
    frame = lists().clear()
    (tmp_path / "shards").mkdir()
    frame.write_parquet(tmp_path / "shards" / "shard-00000.parquet")
    shards = sorted((tmp_path / "shards").iterdir())
    there = publish_shards(tmp_path / "there", shards, worker)
    assert sums(there) == sums(publish_shards(tmp_path / "here", shards, None))
    assert [file.rows for file in there.table("recommendations").files] == [0]


def test_rows_that_a_worker_has_checked_are_not_read_again(
    tmp_path: Path, worker: WorkerHere, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_at: list[str] = []
    check = verify_module.check_rows

    def watched(table: Any, *rest: Any) -> Any:
        looked_at.append(table.name)
        return check(table, *rest)

    monkeypatch.setattr(verify_module, "check_rows", watched)
    publish_shards(tmp_path / "there", write_shards(tmp_path / "shards", lists(), users=3), worker)
    assert sorted(looked_at) == sorted(set(TABLES) - {"recommendations"})


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (pl.when(pl.col("user_id") == "u07").then(pl.col("rank") + 1).otherwise("rank").alias("rank"), "gap in 'rank' of user_id 'u07'"),
        (pl.lit(float("nan")).alias("score"), "has nan in 'score'"),
        (pl.lit("books").alias("catalog"), "name catalog 'books'"),
    ],
)  # fmt: skip
def test_what_breaks_the_contract_stops_the_publication(
    wrong: pl.Expr, said: str, tmp_path: Path, worker: WorkerHere
) -> None:
    shards = write_shards(tmp_path / "shards", lists().with_columns(wrong), users=3)
    with pytest.raises(PublicationError, match=said):
        publish_shards(tmp_path / "there", shards, worker)
    assert not (tmp_path / "there" / "latest.json").exists()


def test_files_that_do_not_follow_one_another_stop_it(tmp_path: Path, worker: WorkerHere) -> None:
    """Each file is in order by itself: the coordinator looks at their borders."""
    shards = write_shards(tmp_path / "shards", lists(), users=6)
    with pytest.raises(PublicationError, match="is not sorted by 'user_id' near 'u"):
        publish_shards(tmp_path / "there", [*shards[3:], *shards[:3]], worker)


def test_file_that_is_not_what_the_worker_wrote_is_found(tmp_path: Path, worker: WorkerHere) -> None:
    take = worker.take

    def changed(done: Any, target: Path) -> None:
        take(done, target)
        target.write_bytes(target.read_bytes()[:-1] + b"?")

    worker.take = changed  # type: ignore[method-assign]
    with pytest.raises(PublicationError, match="has changed since it was published"):
        publish_shards(tmp_path / "there", write_shards(tmp_path / "shards", lists(), users=3), worker)


@pytest.fixture
def scored(nights: Nights) -> Nights:
    nights.run("candidates", "score")
    return nights


def latest_lists(nights: Nights) -> tuple[list[tuple[Any, ...]], pl.DataFrame]:
    """The files of lists, by their rows, and all rows."""
    latest = resolve_latest(nights.folder / "published")
    files = [(file.rows, file.first, file.last) for file in latest.table("recommendations").files]
    return files, pl.concat([pl.read_parquet(path) for path in latest.files("recommendations")])


def test_two_real_workers_publish_the_same_rows(scored: Nights, pool: DaskPool) -> None:
    scored.run("publish")
    files, rows = latest_lists(scored)
    scored.changes["pool"] = pool
    notes = scored.run("publish")["publish"].notes
    assert latest_lists(scored)[0] == files
    assert len(files) > 1
    assert latest_lists(scored)[1].equals(rows, null_equal=True)
    assert any(note.startswith("shards by worker: tcp://") for note in notes)
