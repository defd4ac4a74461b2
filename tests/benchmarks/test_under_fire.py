"""A publisher that is killed again and again, and the benchmark's reader: what it calls torn is torn, and nothing ever is."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from benchmarks.nights_under_fire import EDITIONS, STAGES, mark_of, read_marks
from benchmarks.under_fire.catalog import is_json, write_edition
from benchmarks.under_fire.provider import Answered, CountingProvider
from benchmarks.under_fire.reader import TornError, read_once
from tasks.contracts.catalog_file import load_catalog
from warehouse.publication import resolve_latest, verify_publication

ROOT = Path(__file__).resolve().parents[2]
KILLS, READS = 4, 300
PUBLISHER = """
import itertools, sys
from pathlib import Path
from published import facts, rows_of_all_tables
from warehouse.lock import hold_run_lock
from warehouse.publication import publish

folder, first = Path(sys.argv[1]), int(sys.argv[2])
with hold_run_lock(folder):
    for night in itertools.count(first):
        publish(folder / "published", rows_of_all_tables(mark=f"r{night}"), facts=facts(f"r{night}", night=night), keep=2)
        print(night, flush=True)
"""


def start_publisher(folder: Path, first: int) -> subprocess.Popen[str]:
    paths = os.pathsep.join([str(ROOT), str(ROOT / "tests/warehouse")])
    return subprocess.Popen(
        [sys.executable, "-c", PUBLISHER, str(folder), str(first)],
        env={**os.environ, "PYTHONPATH": paths},
        stdout=subprocess.PIPE,
        text=True,
    )


def test_reader_sees_a_whole_run_while_publishers_are_killed(tmp_path: Path) -> None:
    chance, n_reads, first, seen = random.Random(7), 0, 0, set()
    for _ in range(KILLS):
        process = start_publisher(tmp_path, first)
        assert process.stdout is not None
        first = int(process.stdout.readline()) + 1000
        until = time.monotonic() + chance.uniform(0.05, 0.6)
        while time.monotonic() < until or n_reads < READS * (first // 1000) / KILLS:
            publication, n_bytes = read_once(tmp_path / "published")
            seen.add(publication)
            n_reads += 1
            assert n_bytes > 1000
        process.kill()
        assert process.wait(10) == -signal.SIGKILL
        process.stdout.close()
        # What the dead process left stands in no reader's way, and the next one takes the lock at once.
        read_once(tmp_path / "published")
    assert n_reads >= READS
    assert len(seen) > KILLS
    verify_publication(tmp_path / "published")


@pytest.fixture(scope="module")
def once_published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One publication."""
    published = tmp_path_factory.mktemp("once")
    process = start_publisher(published, 1)
    assert process.stdout is not None
    process.stdout.readline()
    process.kill()
    process.wait(10)
    process.stdout.close()
    return published / "published"


@pytest.fixture
def published(once_published: Path, tmp_path: Path) -> Path:
    """A publication to damage."""
    return Path(shutil.copytree(once_published, tmp_path / "published", symlinks=True))


def flip_a_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def change_manifest(published: Path) -> None:
    """Say another number of rows, and point at the changed manifest."""
    manifest = resolve_latest(published)
    path = published / "runs" / manifest.publication_id / "manifest.json"
    path.write_text(path.read_text(encoding="utf-8").replace('"rows": 12', '"rows": 13'), encoding="utf-8")


def drop_a_rank(published: Path) -> None:
    """A list with a gap, with right checksums."""
    publication = resolve_latest(published)
    [file] = publication.files("recommendations")
    pl.read_parquet(file).filter(pl.col("rank") != 2).write_parquet(file)
    path = published / "runs" / publication.publication_id / "manifest.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    table = manifest["tables"]["recommendations"]
    content = file.read_bytes()
    table["rows"] = table["files"][0]["rows"] = 9
    table["files"][0] |= {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    path.write_text(json.dumps(manifest), encoding="utf-8")
    pointer = json.loads((published / "latest.json").read_text(encoding="utf-8"))
    pointer["manifest_sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    (published / "latest.json").write_text(json.dumps(pointer), encoding="utf-8")


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (lambda at: flip_a_byte(resolve_latest(at).files("labels")[0]), "is not what its manifest says"),
        (change_manifest, "is not the one that latest.json names"),
        (drop_a_rank, "holds lists that are not whole"),
    ],
)
def test_torn_publication_is_called_torn(published: Path, damage: Callable[[Path], None], problem: str) -> None:
    read_once(published)
    damage(published)
    with pytest.raises(TornError, match=problem):
        read_once(published)


def test_file_that_is_gone_is_an_error(published: Path) -> None:
    resolve_latest(published).files("metrics")[0].unlink()
    with pytest.raises(FileNotFoundError):
        read_once(published)


def test_answer_that_was_on_its_way_at_a_kill_is_not_paid_twice() -> None:
    provider = CountingProvider(latency_s=0.0)
    provider.questions = {
        "lost": Answered(asked_at=[1.0, 9.0], ready_at=[2.0, 9.1]),
        "stored": Answered(asked_at=[1.0, 9.0], ready_at=[1.5, 9.1]),
        "once": Answered(asked_at=[1.0], ready_at=[1.1]),
    }
    assert provider.asked_again() == 2
    assert provider.paid_twice([2.05]) == 1
    assert provider.paid_twice([]) == 2


def test_every_stage_is_killed_on_some_night() -> None:
    assert sorted(stage for stages in EDITIONS.values() for stage in stages) == sorted(STAGES)


def test_stage_is_told_from_its_marks(tmp_path: Path) -> None:
    (tmp_path / "stages.log").write_text(
        "1.5 7 ingest begin\n2.0 7 ingest gate begin\n2.5 7 ingest gate end\n", encoding="utf-8"
    )
    assert read_marks(tmp_path / "stages.log")[1] == (2.0, 7, "ingest gate", "begin")
    assert mark_of(tmp_path / "stages.log", 0, "ingest gate", "end") == (2.5, 7)
    assert mark_of(tmp_path / "stages.log", 1, "ingest", "begin") is None


def test_editions_grow_change_and_shrink(tmp_path: Path) -> None:
    stories = []
    for number in (1, 2, 3):
        file = write_edition(tmp_path, number)
        lines = (tmp_path / "news.jsonl").read_text(encoding="utf-8").splitlines()
        assert all(is_json(line) for line in lines)
        read = [json.loads(line) for line in lines]
        stories.append({story["id"]: story["body"] for story in read if "id" in story and "body" in story})
    first, second, third = stories
    assert set(first) < set(second)
    assert set(third) < set(second)
    assert sum(first[name] != second[name] for name in first) == 10
    assert load_catalog(file).rerank.labeler == "openai"
