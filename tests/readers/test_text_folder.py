"""A folder of texts: ids, categories, titles and files in another encoding."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tasks.contracts.errors import SourceError
from tasks.readers import text_folder


def make_folder(folder: Path) -> Path:
    files = {
        "News/art/001.txt": b"\xef\xbb\xbfTitle &amp; one\r\n\r\nFirst.\r\n\r\nSecond.",
        "News/tech/001.txt": b"\n\nTitle two\nbody \xa315",
        "News/tech/002.txt": b"",
        "News/tech/003.txt": b"binary\x00\x01",
        "Summaries/art/001.txt": b"Elsewhere\nx",
    }
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def test_folder_and_zip_read_alike(tmp_path: Path, read: Any) -> None:
    folder = make_folder(tmp_path / "texts")
    with zipfile.ZipFile(tmp_path / "texts.zip", "w") as archive:
        for path in folder.rglob("*.txt"):
            archive.write(path, path.relative_to(folder).as_posix())
    from_folder = read("text-folder", folder, member="News")
    from_zip = read("text-folder", tmp_path / "texts.zip", member="News/")
    assert from_folder.records.drop("file").equals(from_zip.records.drop("file"))
    assert from_folder.reasons == from_zip.reasons


def test_title_text_category_and_id(tmp_path: Path, read: Any) -> None:
    records = read("text-folder", make_folder(tmp_path), member="News").records
    assert records.select("item_id", "title", "text", "category").rows() == [
        ("art/001", "Title & one", "First.\n\nSecond.", "art"),
        ("tech/001", "Title two", "body £15", "tech"),
    ]


def test_a_file_in_another_encoding_says_how_it_was_read(tmp_path: Path, read: Any) -> None:
    records = read("text-folder", make_folder(tmp_path), member="News").records
    assert [json.loads(text) for text in records["attributes"]] == [{}, {"decoded_as": "cp1252"}]


def test_a_byte_that_cp1252_does_not_know_is_read_as_latin_1(tmp_path: Path, read: Any) -> None:
    (tmp_path / "a.txt").write_bytes(b"Title\nx \x81 \xff")
    assert read("text-folder", tmp_path).column("attributes") == ['{"decoded_as": "latin-1"}']


def test_empty_and_binary_files_are_bad_rows(tmp_path: Path, read: Any) -> None:
    result = read("text-folder", make_folder(tmp_path), member="News")
    assert result.reasons == ["title is empty", "file holds NUL bytes; is it text?"]
    assert result.bad[0].file.endswith("News/tech/002.txt")


def test_a_member_that_is_the_category_itself_names_it(tmp_path: Path, read: Any) -> None:
    result = read("text-folder", make_folder(tmp_path), member="News/art")
    assert result.records.select("item_id", "category").rows() == [("001", "art")]


def test_a_huge_file_is_a_bad_row(tmp_path: Path, read: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_folder, "MAX_BYTES", 100)
    (tmp_path / "a.txt").write_bytes(b"Title\n" + b"x" * 200)
    assert read("text-folder", tmp_path).reasons == ["file is larger than 100 bytes; split it"]


def test_a_wrong_member_names_the_nearest(tmp_path: Path, read: Any) -> None:
    with zipfile.ZipFile(tmp_path / "t.zip", "w") as archive:
        archive.writestr("News Articles/a.txt", "T")
    with pytest.raises(SourceError, match=r"under member 'News Article' does not hold.*did you mean 'News Articles'"):
        read("text-folder", tmp_path / "t.zip", member="News Article")
    with pytest.raises(SourceError, match=r"under member 'News' does not hold a file ending in \.txt"):
        read("text-folder", tmp_path, member="News")


def test_texts_hold_items_only(tmp_path: Path, read: Any) -> None:
    with pytest.raises(SourceError, match="'text-folder' holds no users; it holds items"):
        read("text-folder", tmp_path, "users")
