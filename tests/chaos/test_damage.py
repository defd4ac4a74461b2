"""Files that are not what was written: found before a row of them is used, named, and the message says the mend."""

from __future__ import annotations

import logging
import random
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tasks.backup import check_backup, make_backup, restore_backup
from tasks.contracts.errors import ModelFileError
from tasks.embedding.model_files import PACKAGED_MODEL, find_model_folder, verify_packaged_weights
from tasks.health import check_warehouse
from tests.chaos.damage import count_found, cut, flip, read_dump
from tests.chaos.nights import copy_of
from tests.night import Nights
from warehouse.connection import DATABASE, Warehouse, open_warehouse
from warehouse.errors import ArchiveError, DamagedError, PublicationError, WarehouseError
from warehouse.models import latest_model
from warehouse.outputs import latest_output
from warehouse.publication import resolve_latest, verify_publication
from warehouse.replies import REPLIES, StoredRow, open_replies

KEY = "ab" * 32
N_FLIPS = 12


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, yesterday: Nights) -> Nights:
    """A warehouse to read from; a test that damages one takes a copy of a part of it."""
    return copy_of(yesterday, tmp_path_factory.mktemp("whole"))


@pytest.fixture(scope="module")
def dump(whole: Nights) -> str:
    """A checksum of every value that the whole warehouse holds."""
    with open_warehouse(whole.folder, read_only=True) as warehouse:
        return read_dump(warehouse)


def test_bytes_that_turned_in_the_database_are_found_or_held_nothing(whole: Nights, dump: str, tmp_path: Path) -> None:
    size = (whole.folder / DATABASE).stat().st_size
    chance = random.Random(7)
    places = [0, 12, 4100, 8200, 12300, *(chance.randrange(size) for _ in range(N_FLIPS))]
    assert count_found(whole, dump, tmp_path, places) >= 5


@pytest.mark.parametrize("share", [0.0, 0.0006, 0.3])
def test_database_that_was_cut_short_is_found(whole: Nights, tmp_path: Path, share: float) -> None:
    shutil.copyfile(whole.folder / DATABASE, tmp_path / DATABASE)
    cut(tmp_path / DATABASE, int((tmp_path / DATABASE).stat().st_size * share))
    check = check_warehouse(tmp_path)
    assert not check.is_ok
    assert "is damaged: " in check.message
    with pytest.raises(DamagedError, match="is damaged, and not backed up"):
        make_backup(tmp_path, tmp_path.parent / f"{share}.tar", has_published=False, code_version="1")


WRITER = """
import os, sys
from pathlib import Path
from warehouse.connection import open_warehouse
with open_warehouse(Path(sys.argv[1])) as warehouse:
    for number in range(40):
        warehouse.connection.execute("create table if not exists many (number integer, text text)")
        warehouse.connection.execute("insert into many select ?, md5(range::text) from range(50)", [number])
    os._exit(0)
"""


@pytest.fixture(scope="module")
def logged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A warehouse whose last commits are in the write-ahead log only, for its process died."""
    folder = tmp_path_factory.mktemp("logged")
    with open_warehouse(folder):
        pass
    subprocess.run([sys.executable, "-c", WRITER, str(folder)], check=True)
    assert (folder / f"{DATABASE}.wal").stat().st_size > 10_000
    return folder


def read_numbers(folder: Path) -> list[int]:
    with open_warehouse(folder) as warehouse:
        return [
            number
            for (number,) in warehouse.connection.execute("select distinct number from many order by 1").fetchall()
        ]


def test_log_whose_bytes_turned_is_found(logged: Path, tmp_path: Path) -> None:
    size, chance = (logged / f"{DATABASE}.wal").stat().st_size, random.Random(3)
    for number in range(N_FLIPS):
        folder = tmp_path / str(number)
        shutil.copytree(logged, folder)
        flip(folder / f"{DATABASE}.wal", chance.randrange(size))
        with pytest.raises(DamagedError, match=r"is damaged: .*\.wal' is, then moving it away"):
            read_numbers(folder)
        (folder / f"{DATABASE}.wal").rename(folder / "moved away")
        with open_warehouse(folder) as warehouse:
            assert warehouse.value("queries/newest_time") is None


def test_log_that_ends_early_holds_whole_transactions(logged: Path, tmp_path: Path) -> None:
    size, chance = (logged / f"{DATABASE}.wal").stat().st_size, random.Random(3)
    for number in range(N_FLIPS // 2):
        folder = tmp_path / str(number)
        shutil.copytree(logged, folder)
        cut(folder / f"{DATABASE}.wal", chance.randrange(size // 4, size))
        numbers = read_numbers(folder)
        assert numbers == list(range(len(numbers)))
        with open_warehouse(folder) as warehouse:
            counts = warehouse.connection.execute("select distinct count(*) from many group by number").fetchall()
        assert counts == [(50,)]


@pytest.fixture
def copied(whole: Nights, tmp_path: Path) -> Iterator[Warehouse]:
    shutil.copytree(whole.folder, tmp_path / "copied", symlinks=True)
    with open_warehouse(tmp_path / "copied") as warehouse:
        yield warehouse


@pytest.mark.parametrize(
    "damage", [lambda path: flip(path, path.stat().st_size // 2), lambda path: cut(path, 100), Path.unlink],
    ids=["turned", "cut", "gone"],
)  # fmt: skip
@pytest.mark.parametrize(
    ("stage", "needs"), [("candidates", "candidates"), ("features-holdout", "train"), ("recommendations", "score")]
)
def test_damaged_shard_is_named_before_it_is_read(
    copied: Warehouse, damage: Callable[[Path], None], stage: str, needs: str
) -> None:
    shards = latest_output(copied, catalog="news", stage=stage, needs=needs)
    damage(shards[-1])
    with pytest.raises(WarehouseError, match=f"{shards[-1].name}' .*; run `nightjar {needs}` to make it anew"):
        latest_output(copied, catalog="news", stage=stage, needs=needs)


def test_shard_of_no_stage_is_not_taken_for_one(copied: Warehouse) -> None:
    first, *_ = latest_output(copied, catalog="news", stage="candidates", needs="candidates")
    shutil.copyfile(first, first.with_name("shard-00099.parquet"))
    with pytest.raises(WarehouseError, match="shard-00099.parquet' was not written by the stage; run `nightjar candid"):
        latest_output(copied, catalog="news", stage="candidates", needs="candidates")


def test_damaged_model_is_named_before_it_ranks(copied: Warehouse) -> None:
    [file] = copied.query("queries/latest_model", catalog="news")["file"].to_list()
    path = copied.folder / file
    path.write_text(path.read_text(encoding="utf-8").replace("1", "2", 1), encoding="utf-8")
    with pytest.raises(WarehouseError, match=f"{path.name}' was changed; run `nightjar train` to make a new one"):
        latest_model(copied, catalog="news")
    path.write_bytes(b"\xff\xfe" + path.read_bytes())
    with pytest.raises(WarehouseError, match=f"{path.name}' was changed; run `nightjar train` to make a new one"):
        latest_model(copied, catalog="news")


def test_damaged_manifest_pointer_and_published_file_are_named(copied: Warehouse) -> None:
    published = copied.folder / "published"
    publication = verify_publication(published)
    shard = published / publication.table("recommendations").files[0].path
    flip(shard, shard.stat().st_size // 2)
    with pytest.raises(PublicationError, match=f"{shard.name}' .*"):
        verify_publication(published)
    manifest = published / "runs" / publication.publication_id / "manifest.json"
    manifest.write_text(manifest.read_text(encoding="utf-8").replace(": 1", ": 2", 1), encoding="utf-8")
    with pytest.raises(PublicationError, match=r"the manifest of 'r001' has changed since; publish again"):
        resolve_latest(published)
    (published / "latest.json").write_bytes(b"\0" * 100)
    with pytest.raises(PublicationError, match=r"latest.json' is not JSON .*; publish again"):
        resolve_latest(published)


def store_reply(folder: Path) -> None:
    with open_replies(folder) as replies:
        replies.put("judge", [(KEY, StoredRow('{"answers":[{"grade":3}]}', "m", 1, 1, 0))])


@pytest.mark.parametrize("change", ["text = replace(text, '3', '0')", "model = 'another'", "tokens_in = 2"])
def test_stored_reply_that_changed_is_asked_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, change: str
) -> None:
    store_reply(tmp_path)
    with sqlite3.connect(tmp_path / REPLIES) as connection:
        connection.execute(f"update replies set {change}")
    connection.close()
    with caplog.at_level(logging.WARNING), open_replies(tmp_path) as replies:
        assert replies.get([KEY]) == {}
    assert "1 stored replies in " in caplog.text
    assert "are damaged; these questions are asked again" in caplog.text
    store_reply(tmp_path)
    with open_replies(tmp_path) as replies:
        assert list(replies.get([KEY])) == [KEY]


def test_reply_of_an_older_version_counts_without_a_checksum(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / REPLIES)
    connection.execute(
        "create table replies (key blob primary key, task text not null, model text not null, text text not null,"
        " tokens_in integer not null, tokens_out integer not null, tokens_cached integer not null, stored_at text not null)"
        " without rowid"
    )
    connection.execute(
        "insert into replies values (?, 'judge', 'm', 'said', 1, 1, 0, '2026-01-01')", [bytes.fromhex(KEY)]
    )
    connection.commit()
    connection.close()
    with open_replies(tmp_path) as replies:
        assert replies.get([KEY])[KEY].text == "said"


@pytest.mark.parametrize("place", [20, 100, 4096])
def test_damaged_file_of_replies_is_named(tmp_path: Path, place: int) -> None:
    store_reply(tmp_path)
    path = tmp_path / REPLIES
    with path.open("r+b") as file:
        file.seek(place)
        file.write(b"\xa5" * 64)
    assert read_reply(tmp_path) in (f"{str(path)!r} is named", "absent", '{"answers":[{"grade":3}]}')


def read_reply(folder: Path) -> str:
    """The stored reply's text; that there is none; or that the file is named as damaged."""
    try:
        with open_replies(folder) as replies:
            found = replies.get([KEY])
    except WarehouseError as error:
        return f"{str(folder / REPLIES)!r} is named" if str(folder / REPLIES) in str(error) else str(error)
    return found[KEY].text if found else "absent"


def test_damaged_model_of_the_embedder_is_refused(tmp_path: Path) -> None:
    folder = find_model_folder(PACKAGED_MODEL)
    shutil.copyfile(folder / "model.safetensors", tmp_path / "model.safetensors")
    flip(tmp_path / "model.safetensors", 1_000_000)
    with pytest.raises(ModelFileError, match=r"has sha256 .*; reinstall the package"):
        verify_packaged_weights(tmp_path)


def test_what_a_backup_holds_takes_the_place_of_what_is_damaged(whole: Nights, dump: str, tmp_path: Path) -> None:
    file = tmp_path / "backup.tar"
    made = make_backup(whole.folder, file, has_published=True, code_version="1")
    restored, _ = restore_backup(file, tmp_path / "restored")
    assert restored == made
    with open_warehouse(tmp_path / "restored", read_only=True) as warehouse:
        assert read_dump(warehouse) == dump
    verify_publication(tmp_path / "restored" / "published")
    chance = random.Random(5)
    for _ in range(N_FLIPS // 2):
        damaged = tmp_path / "damaged.tar"
        shutil.copyfile(file, damaged)
        flip(damaged, chance.randrange(file.stat().st_size - 20_000))
        # A byte of a tar's padding, or of a file's time, changes no file.
        with suppress(ArchiveError):
            assert check_backup(damaged).n_bytes == made.n_bytes
