"""Delimited text: quotes, line breaks, encodings, headers, and damage that costs one row only."""

from __future__ import annotations

import gzip
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tasks.contracts.errors import SourceError
from tasks.readers import delimited, lines

COLUMNS = {"item_id": "id", "title": "title", "text": "body"}


def write(folder: Path, content: str | bytes, name: str = "items.csv") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_quoted_line_breaks_mixed_endings_and_a_byte_order_mark_survive(tmp_path: Path, read: Any) -> None:
    content = b'\xef\xbb\xbfid,title,body\r\n1,One,"a\nb\r\n\r\nc"\n2,"Two ""2""",x\r\n\r\n3,Three,y'
    result = read("csv", write(tmp_path, content), columns=COLUMNS)
    assert result.column("text") == ["a\nb\n\nc", "x", "y"]
    assert result.column("title") == ["One", 'Two "2"', "Three"]
    assert result.column("line") == [2, 6, 8]
    assert not result.bad


def test_an_unbalanced_quote_costs_its_own_line_only(tmp_path: Path, read: Any) -> None:
    content = 'id,title,body\n1,One,a\n2,"Two,b\n3,Three,c\n4,Four,d\n'
    result = read("csv", write(tmp_path, content), columns=COLUMNS)
    assert result.column("item_id") == ["1", "3", "4"]
    (bad,) = result.bad
    assert (bad.line, bad.raw) == (3, '2,"Two,b')
    assert "set has_quotes = false" in bad.reason


def test_quotes_mean_nothing_when_switched_off(tmp_path: Path, read: Any) -> None:
    content = 'id\ttitle\tbody\n1\t"One\ta "b\n2\tTwo"\tb\rc\n'
    result = read("csv", write(tmp_path, content), columns=COLUMNS, separator="\t", has_quotes=False)
    assert result.column("title") == ['"One', 'Two"']
    assert result.column("text") == ['a "b', "b\nc"]


def test_without_a_header_columns_are_called_by_position_and_row_one_is_data(tmp_path: Path, read: Any) -> None:
    columns = {"item_id": "0", "title": "2"}
    result = read("csv", write(tmp_path, "1,x,One\n2,y,Two,more\n3,z\n"), columns=columns, has_header=False)
    assert result.column("title") == ["One", "Two"]
    assert result.reasons == ["row has 2 fields, so no column '2'"]


def test_a_row_with_too_few_or_too_many_fields_is_bad(tmp_path: Path, read: Any) -> None:
    result = read("csv", write(tmp_path, "id,title,body\n1,One\n2,Two,b,c\n3,Three,c,,\n"), columns=COLUMNS)
    assert result.column("item_id") == ["3"]
    assert [reason[:16] for reason in result.reasons] == ["row has 2 fields", "row has 4 fields"]


def test_a_byte_of_another_encoding_costs_its_own_row_only(tmp_path: Path, read: Any) -> None:
    path = write(tmp_path, b"id,title,body\n1,One,\xa315\n2,Two,b\n")
    result = read("csv", path, columns=COLUMNS)
    assert result.column("item_id") == ["2"]
    assert "not utf-8: byte 0xa3" in result.reasons[0]
    assert read("csv", path, columns=COLUMNS, encoding="latin-1").column("text") == ["£15", "b"]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "cp1252"])
def test_other_encodings_are_read(tmp_path: Path, read: Any, encoding: str) -> None:
    path = write(tmp_path, "id,title,body\n1,Café,é\n".encode(encoding))
    assert read("csv", path, columns=COLUMNS, encoding=encoding).column("title") == ["Café"]


def test_gz_zip_and_folder_read_alike(tmp_path: Path, read: Any) -> None:
    content = b"id,title,body\n1,One,a\n"
    folder = tmp_path / "many"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub" / "a.csv").write_bytes(content)
    (folder / "b.csv.gz").write_bytes(gzip.compress(content))
    (folder / ".hidden.csv").write_bytes(b"nonsense")
    with zipfile.ZipFile(tmp_path / "z.zip", "w") as archive:
        archive.writestr("in/a.csv", content)
        archive.writestr("__MACOSX/in/a.csv", "nonsense")
    assert read("csv", folder, columns=COLUMNS).column("file") == ["many/b.csv.gz", "many/sub/a.csv"]
    assert read("csv", tmp_path / "z.zip", columns=COLUMNS).column("file") == ["z.zip!in/a.csv"]


def test_a_column_that_is_not_there_names_the_nearest(tmp_path: Path, read: Any) -> None:
    with pytest.raises(SourceError, match=r"no column 'titel'.*did you mean 'title'.*columns found: 'id', 'title'"):
        read("csv", write(tmp_path, "id,title\n1,One\n"), columns={"item_id": "id", "title": "titel"})


def test_a_position_that_is_not_there_is_an_error(tmp_path: Path, read: Any) -> None:
    with pytest.raises(SourceError, match=r"no column '9'; without a header"):
        read("csv", write(tmp_path, "1,One\n"), columns={"item_id": "0", "title": "9"}, has_header=False)


def test_a_column_name_that_occurs_twice_is_an_error(tmp_path: Path, read: Any) -> None:
    with pytest.raises(SourceError, match="2 columns called 'title'"):
        read("csv", write(tmp_path, "id,title,title\n1,a,b\n"), columns={"item_id": "id", "title": "title"})


def test_an_empty_file_is_an_error_and_a_header_alone_is_no_rows(tmp_path: Path, read: Any) -> None:
    assert read("csv", write(tmp_path, "id,title,body\n"), columns=COLUMNS).records.is_empty()
    with pytest.raises(SourceError, match="is empty; it needs a header"):
        read("csv", write(tmp_path, ""), columns=COLUMNS)


@pytest.mark.parametrize(
    ("config", "message"),
    [({"encoding": "utf-9"}, "unknown encoding 'utf-9'"), ({"separator": "||"}, "separator '||' is not one character")],
)
def test_wrong_settings_are_errors(tmp_path: Path, read: Any, config: dict[str, str], message: str) -> None:
    with pytest.raises(SourceError, match=message.replace("|", r"\|")):
        read("csv", write(tmp_path, "id,title,body\n"), columns=COLUMNS, **config)


def test_a_quote_that_never_closes_does_not_fill_the_memory(
    tmp_path: Path, read: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delimited, "MAX_FIELD", 50)
    rows = "".join(f"{n},Title {n},text\n" for n in range(30))
    result = read("csv", write(tmp_path, f'id,title,body\nx,"Open,b\n{rows}'), columns=COLUMNS)
    assert len(result.records) == 30
    assert "field larger than field limit" in result.reasons[0]


def test_a_line_without_end_is_one_bad_row(tmp_path: Path, read: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "MAX_LINE", 100)
    content = "id\ttitle\tbody\n1\tOne\t" + "x" * 1000 + "\n2\tTwo\tb\n"
    result = read("csv", write(tmp_path, content), columns=COLUMNS, separator="\t", has_quotes=False)
    assert result.column("item_id") == ["2"]
    assert "line is longer than 100 characters" in result.reasons[0]


def test_raw_is_capped_with_a_marker(tmp_path: Path, read: Any) -> None:
    (bad,) = read("csv", write(tmp_path, f"id,title,body\n,One,{'x' * 20_000}\n"), columns=COLUMNS).bad
    assert len(bad.raw) == 10_000
    assert bad.raw.endswith("[cut; 20005 characters in all]")
