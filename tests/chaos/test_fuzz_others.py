"""Broken catalogs, settings, answers of people and backups: an error of ours that says so, and nothing else."""

from __future__ import annotations

import io
import json
import os
import random
import tarfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest

from flows.settings import load_settings
from tasks.contracts.catalog_file import load_catalog
from tasks.contracts.errors import NightjarError
from tasks.reviewing.answer_file import open_answers
from tests.chaos.fuzz_inputs import mutate
from warehouse.archive import MANIFEST, Source, check_archive, unpack_archive, write_archive
from warehouse.errors import ArchiveError, WarehouseError

ROOT = Path(__file__).resolve().parents[2]
SHORT, LONG = 40, 1000
OURS = (NightjarError, WarehouseError)


@dataclass(frozen=True)
class Input:
    """A sound file, and what reads it."""

    name: str
    content: bytes
    read: Callable[[Path], object]
    file: str


def read_settings(path: Path) -> object:
    before = Path.cwd()
    os.chdir(path.parent)
    try:
        return load_settings()
    finally:
        os.chdir(before)


def read_answers(path: Path) -> object:
    with open_answers(path, ["news"]) as answers:
        return list(answers.rows)


def unpack(path: Path) -> object:
    target = path.parent / "unpacked"
    target.mkdir(exist_ok=True)
    return unpack_archive(path, target)


def small_archive(folder: Path) -> bytes:
    (folder / "a.txt").write_text("text " * 100)
    (folder / "b.bin").write_bytes(bytes(range(256)) * 10)
    (folder / "latest").symlink_to("a.txt")
    sources = [Source(f"warehouse/{name}", folder / name) for name in ("a.txt", "b.bin", "latest")]
    write_archive(folder / "backup.tar", sources, facts={"made": date(2026, 1, 1).isoformat()})
    return (folder / "backup.tar").read_bytes()


OURS_CSV = (
    b"\xef\xbb\xbfcatalog,task,question_key,item_id,title,text,why,labels,confidence,answer,note,reviewer\r\n"
    b'news,topics,k1,i1,"A ""title""",text,audit,sport,0.5,sport,fine,ann\r\nnews,topics,k2,i2,t,x,audit,,,none,,bob\r\n'
)
STUDIO = json.dumps(
    [
        {"id": 1, "data": {"catalog": "news", "task": "topics", "question_key": "k1"}, "annotations": [
            {"completed_by": {"email": "a@example.org"}, "created_at": "2026-01-01T00:00:00Z",
             "result": [{"from_name": "answer", "type": "choices", "value": {"choices": ["sport"]}}]}]}
    ] * 3
).encode()  # fmt: skip


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Input]:
    folder = tmp_path_factory.mktemp("sound")
    catalog = (ROOT / "examples/sample/news.toml").read_bytes()
    settings = (ROOT / "nightjar.toml.example").read_bytes().replace(b"\n# ", b"\n")
    lists = [
        Input("catalog", catalog, load_catalog, "news.toml"),
        Input("settings", settings, read_settings, "nightjar.toml"),
        Input("answers csv", OURS_CSV, read_answers, "a.csv"),
        Input("answers json", STUDIO, read_answers, "a.json"),
        Input(
            "gold",
            (ROOT / "examples/sample/gold/news_topics.csv").read_bytes(),
            read_answers,
            "g.csv",
        ),
        Input("backup", small_archive(folder), unpack, "b.tar"),
    ]
    return {one.name: one for one in lists}


NAMES = ("catalog", "settings", "answers csv", "answers json", "gold", "backup")


def read_mutants(one: Input, folder: Path, seeds: range) -> Counter[str]:
    found: Counter[str] = Counter()
    for seed in seeds:
        place = folder / str(seed)
        place.mkdir()
        path = place / one.file
        path.write_bytes(mutate(one.content, random.Random(f"{one.name} {seed}")))
        try:
            one.read(path)
        except OURS as error:
            found["refused"] += 1
            said = str(error)
            found["silent"] += not said
        else:
            found["read"] += 1
        for left in place.rglob("*"):
            found["led out"] += not left.resolve().is_relative_to(folder.resolve())
    return found


@pytest.mark.parametrize("name", NAMES)
def test_mutants_of_other_inputs(name: str, inputs: dict[str, Input], tmp_path: Path) -> None:
    found = read_mutants(inputs[name], tmp_path, range(SHORT))
    assert found["read"] + found["refused"] == SHORT
    assert found["silent"] == found["led out"] == 0


@pytest.mark.chaos_long
@pytest.mark.parametrize("name", NAMES)
def test_very_many_mutants_of_other_inputs(name: str, inputs: dict[str, Input], tmp_path: Path) -> None:
    found = read_mutants(inputs[name], tmp_path, range(1000, 1000 + LONG))
    print(f"{name}: {dict(found)}")  # noqa: T201 - the long form's result
    assert found["read"] + found["refused"] == LONG
    assert found["silent"] == found["led out"] == 0


@pytest.mark.parametrize("lines", [
    "parameters = 3", "items = 5", "items = [1]", 'parameters = {p = "x"}\n[[items]]\nformat = "csv"\npath = "{p.__class__}"',
    '[[items]]\nformat = "csv"\npath = "a\\u0000b"', '[[items]]\nformat = "csv"\npath = "{}"', "x = " + "[" * 5000 + "]" * 5000,
    'parameters = {p = [1]}\n[[items]]\nformat = "csv"\npath = "{p[0]}"', '[[items]]\nformat = "csv"\npath = "~nobody-of-this-name/a"', "items = {path = 1}",
    'parameters = {p = "x"}\n[[items]]\nformat = "csv"\npath = "{p:>99999999999}"',
], ids=range(11))  # fmt: skip
def test_odd_catalogs_are_refused(lines: str, tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_text(f'name = "a"\n{lines}\n')
    with pytest.raises(NightjarError, match="catalog file .*a.toml"):
        load_catalog(path)


def hostile_members() -> Iterator[tuple[str, tarfile.TarInfo, bytes]]:
    def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
        info = tarfile.TarInfo(name)
        info.type, info.linkname = kind, link
        return info

    for name in (
        "../out.txt",
        "/tmp/nightjar-out.txt",
        "a/../../out.txt",
        "..",
        "a/b/../../../out",
        "\x00",
        "x" * 5000,
    ):
        yield f"name {name[:20]!r}", member(name), b"x"
    for link in ("../../out", "/etc/passwd", "a/../../.."):
        yield f"link {link}", member("l", tarfile.SYMTYPE, link), b""
        yield f"hard {link}", member("h", tarfile.LNKTYPE, link), b""
    for kind in (tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE):
        yield f"kind {kind!r}", member("d", kind), b""


@pytest.mark.parametrize("name", [name for name, _, _ in hostile_members()])
def test_a_backup_that_leads_out_is_refused(name: str, tmp_path: Path) -> None:
    chosen, content = next((info, content) for one, info, content in hostile_members() if one == name)
    file = tmp_path / "b.tar"
    manifest = {"format": "nightjar-backup", "version": 1, "facts": {}, "files": {}}
    with tarfile.open(file, "w", format=tarfile.PAX_FORMAT) as tar:
        chosen.size = len(content)
        tar.addfile(chosen, io.BytesIO(content))
        text = json.dumps(manifest).encode()
        last = tarfile.TarInfo(MANIFEST)
        last.size = len(text)
        tar.addfile(last, io.BytesIO(text))
    target = tmp_path / "deep" / "er"
    target.mkdir(parents=True)
    with pytest.raises(ArchiveError):
        check_archive(file)
    with pytest.raises(ArchiveError):
        unpack_archive(file, target)
    assert not [path for path in tmp_path.rglob("*") if path.name.startswith("out") or path.name == "nightjar-out.txt"]
    assert not Path("/tmp/nightjar-out.txt").exists()


def test_a_backup_with_a_link_and_a_file_through_it_is_refused(tmp_path: Path) -> None:
    file, outside, target = tmp_path / "b.tar", tmp_path / "outside", tmp_path / "in"
    outside.mkdir()
    target.mkdir()
    (target / "way").symlink_to(outside)
    with tarfile.open(file, "w") as tar:
        info = tarfile.TarInfo("way/file.txt")
        info.size = 1
        tar.addfile(info, io.BytesIO(b"x"))
    with pytest.raises(ArchiveError):
        unpack_archive(file, target)
    assert list(outside.iterdir()) == []
