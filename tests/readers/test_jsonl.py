"""JSON Lines: bad lines are rows, wrong mappings and arrays are errors."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from tasks.contracts.errors import SourceError

COLUMNS = {"item_id": "id", "title": "title"}


def write(folder: Path, *rows: str) -> Path:
    path = folder / "items.jsonl"
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


def test_each_kind_of_bad_line_says_what_is_wrong(tmp_path: Path, read: Any) -> None:
    path = write(
        tmp_path, '{"id": 1, "title": "One"}', '{"id": 2', '"text"', "", "[" * 100_000, '{"id": 3, "title": null}'
    )
    result = read("jsonl", path, columns=COLUMNS)
    assert result.column("item_id") == ["1"]
    assert [row.line for row in result.bad] == [2, 3, 5, 6]
    expected = ["not JSON", "not a JSON object but a str", "not JSON", "title is empty"]
    assert [reason[: len(start)] for reason, start in zip(result.reasons, expected, strict=True)] == expected


def test_a_key_that_one_object_lacks_is_empty_there(tmp_path: Path, read: Any) -> None:
    path = write(tmp_path, '{"id": 1, "title": "One"}', '{"id": 2, "title": "Two", "url": "u"}')
    assert read("jsonl", path, columns={**COLUMNS, "url": "url"}).column("url") == ["", "u"]


def test_a_key_that_all_objects_lack_is_a_wrong_mapping(tmp_path: Path, read: Any) -> None:
    path = write(tmp_path, *['{"id": 1, "name": "One", "titles": "x"}'] * 3)
    with pytest.raises(SourceError, match=r"no column 'title' in its first 3 rows; did you mean 'titles'"):
        read("jsonl", path, columns=COLUMNS)


def test_a_key_that_one_file_of_several_lacks_is_empty_there(tmp_path: Path, read: Any) -> None:
    (tmp_path / "a.jsonl").write_text('{"id": 1, "title": "One"}\n')
    (tmp_path / "b.jsonl").write_text('{"id": 2, "title": "Two", "url": "u"}\n')
    assert read("jsonl", tmp_path, columns={**COLUMNS, "url": "url"}).column("url") == ["", "u"]


def test_a_wrong_mapping_is_found_before_the_first_batch(tmp_path: Path, read: Any) -> None:
    path = write(tmp_path, *['{"id": 1, "name": "One"}'] * 1500)
    with pytest.raises(SourceError, match="in its first 1000 rows"):
        read("jsonl", path, columns=COLUMNS, batch_rows=10)


def test_a_json_array_is_an_error_with_the_mend(tmp_path: Path, read: Any) -> None:
    with pytest.raises(SourceError, match="one object a line"):
        read("jsonl", write(tmp_path, "", "[", '{"id": 1}', "]"), columns=COLUMNS)


def test_half_a_surrogate_pair_and_nul_do_not_break_the_frame(tmp_path: Path, read: Any) -> None:
    rows = [r'{"id": "1", "title": "a\ud83d", "x": "\ud83d"}', r'{"id": "2\ud83d", "title": "b\u0000"}']
    result = read("jsonl", write(tmp_path, *rows), columns=COLUMNS, attributes=["x"])
    assert result.column("title") == ["a\ufffd"]
    assert json.loads(result.column("attributes")[0]) == {"x": "\\ud83d"}
    assert result.reasons[0].startswith("item_id is not an id: '2")
    result.bad[0].raw.encode("utf-8")


def test_attributes_keep_their_json_types_with_sorted_keys(tmp_path: Path, read: Any) -> None:
    path = write(
        tmp_path, '{"id": 1, "title": "One", "z": [1, {"k": NaN}], "b": true, "a": 1.5, "none": null, "e": ""}'
    )
    result = read("jsonl", path, columns=COLUMNS, attributes=["z", "b", "a", "none", "e"])
    assert result.column("attributes") == ['{"a": 1.5, "b": true, "z": [1, {"k": null}]}']


def test_gzip_is_streamed_and_a_cut_file_is_an_error(tmp_path: Path, read: Any) -> None:
    rows = "".join(json.dumps({"id": n, "title": f"Title {n * 7919}"}) + "\n" for n in range(5000))
    path = tmp_path / "items.jsonl.gz"
    path.write_bytes(gzip.compress(rows.encode()))
    assert len(read("jsonl", path, columns=COLUMNS).records) == 5000
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(SourceError, match=r"items\.jsonl\.gz' can't be read on.*cut short"):
        read("jsonl", path, columns=COLUMNS)
