"""Semantic versions: the contract as it was committed, what breaks its readers, and older versions published beside it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from published import facts, rows_of_all_tables

from warehouse.errors import PublicationError
from warehouse.publication import (
    SCHEMA_VERSION,
    TABLES,
    Publication,
    list_publications,
    publish,
    verify_publication,
)
from warehouse.publication import older as older_module
from warehouse.publication.compatibility import (
    Shape,
    find_breaks,
    shape_of_contract,
    shape_of_publication,
    shape_of_snapshot,
    snapshot_contract,
)
from warehouse.publication.contract import render_contract
from warehouse.publication.older import OlderTable
from warehouse.publication.tables import Column, parse_version

SNAPSHOT = Path(__file__).with_name("contract-1.json")


def committed() -> dict[str, Any]:
    content: dict[str, Any] = json.loads(SNAPSHOT.read_text(encoding="utf-8"))
    return content


def test_contract_keeps_its_promises() -> None:
    """Fails for a change without its version: a column gone, retyped or null (major), a column more (minor)."""
    assert find_breaks(shape_of_snapshot(committed()), shape_of_contract()) == []


def test_snapshot_is_of_this_version() -> None:
    assert committed() == snapshot_contract(), (
        "the contract has changed: raise SCHEMA_VERSION as docs/contract.md says, then write the snapshot anew with "
        "`python -m warehouse.publication.contract --snapshot > tests/warehouse/contract-1.json`"
    )


def changed(change: Callable[[dict[str, Any]], None], version: str = SCHEMA_VERSION) -> Shape:
    """The contract after a change, as version `version`."""
    content = committed()
    change(content["tables"]["item_groups"])
    return shape_of_snapshot({**content, "version": version})


def set_column(name: str, **values: Any) -> Callable[[dict[str, Any]], None]:
    def change(table: dict[str, Any]) -> None:
        table["columns"] = [one | values if one["name"] == name else one for one in table["columns"]]

    return change


def drop_column(table: dict[str, Any]) -> None:
    table["columns"] = table["columns"][:-1]


def add_column(table: dict[str, Any]) -> None:
    table["columns"].append({"name": "is_main", "type": "bool", "nullable": True, "since": "1.9.0"})


def drop_key(table: dict[str, Any]) -> None:
    table["unique"] = []


def sort_otherwise(table: dict[str, Any]) -> None:
    table["sorted_by"] = ["group_id"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (drop_column, "column 'n_items' of table 'item_groups' is gone"),
        (set_column("n_items", type="int32"), "column 'n_items' of table 'item_groups' has type int32, it had int64"),
        (set_column("group_id", nullable=True), "column 'group_id' of table 'item_groups' may be null"),
        (drop_key, "rows of table 'item_groups' are no longer unique by item_id"),
        (sort_otherwise, "table 'item_groups' is sorted by group_id, it was by item_id"),
    ],
)
@pytest.mark.parametrize("version", [SCHEMA_VERSION, "1.99.0"])
def test_a_break_takes_a_new_major_version(change: Callable[[dict[str, Any]], None], told: str, version: str) -> None:
    (found,) = find_breaks(shape_of_contract(), changed(change, version))
    assert found.startswith(told)
    assert found.endswith(f"this takes a new major version after {SCHEMA_VERSION}, not {version}")


def test_a_new_column_takes_a_new_minor_version() -> None:
    (found,) = find_breaks(shape_of_contract(), changed(add_column))
    assert found.startswith("column 'is_main' of table 'item_groups' is new: this takes a new minor version")
    assert find_breaks(shape_of_contract(), changed(add_column, "1.99.0")) == []


def test_a_table_that_is_gone_is_a_break() -> None:
    content = committed()
    del content["tables"]["item_groups"]
    (found,) = find_breaks(shape_of_contract(), shape_of_snapshot(content))
    assert found.startswith("table 'item_groups' is gone")


def test_a_promise_of_no_nulls_may_be_added() -> None:
    assert find_breaks(changed(set_column("group_id", nullable=True)), shape_of_contract()) == []


def test_a_new_major_version_must_have_the_old_one_beside_it() -> None:
    (found,) = find_breaks(shape_of_contract(), changed(drop_column, "2.0.0"))
    assert found.endswith("is gone, and v1 is not published beside it")

    def kept(table: dict[str, Any]) -> None:
        drop_column(table)
        table["older"] = {"v1": {}}

    assert find_breaks(shape_of_contract(), changed(kept, "2.0.0")) == []


def test_manifest_states_the_contract(tmp_path: Path) -> None:
    publication = publish(tmp_path, rows_of_all_tables(), facts=facts())
    assert shape_of_publication(publication) == shape_of_contract()


def test_earlier_version_of_a_table_is_without_the_later_columns() -> None:
    later = [one.name for one in TABLES["recommendations"].columns if parse_version(one.since) > (1, 1, 0)]
    assert len(later) == 6
    assert set(TABLES["recommendations"].names) - set(TABLES["recommendations"].at("1.1.0").names) == set(later)


@pytest.mark.parametrize("version", ["1", "one.two", ""])
def test_version_must_be_numbers(version: str) -> None:
    if version == "1":
        assert parse_version(version) == (1,)
        return
    with pytest.raises(PublicationError, match="is none; write it like"):
        parse_version(version)


COUNTED = replace(
    TABLES["item_groups"],
    columns=(*TABLES["item_groups"].columns[:-1], Column("size", pa.string(), "how many items, in words")),
    version="0.9.0",
)


@pytest.fixture
def older(monkeypatch: pytest.MonkeyPatch) -> OlderTable:
    """A version 0 of item_groups, whose count of items had another name and type."""
    made = OlderTable(
        COUNTED, published_until=date(2026, 11, 30),
        convert=lambda rows: rows.rename({"n_items": "size"}).cast({"size": pl.String}),
    )  # fmt: skip
    monkeypatch.setattr(older_module, "OLDER", (made,))
    return made


def publish_older(published: Path, run_id: str = "r1", *, night: int = 0) -> Publication:
    return publish(published, rows_of_all_tables(mark=run_id), facts=facts(run_id, night=night), keep=2)


def test_older_version_is_published_beside_the_current_one(tmp_path: Path, older: OlderTable) -> None:
    publication = publish_older(tmp_path)
    (table,) = publication.older_tables("item_groups")
    assert table.folder == "item_groups/v0/run=r1"
    rows = pl.read_parquet(tmp_path / table.folder, hive_partitioning=False)
    assert rows.rows() == [("news", "i1", "i1", "2")]
    entry = publication.manifest["tables"]["item_groups"]["older"]["v0"]
    assert (entry["schema_version"], entry["published_until"], entry["rows"]) == ("0.9.0", "2026-11-30", 1)
    pointer = json.loads((tmp_path / "latest.json").read_text(encoding="utf-8"))
    assert pointer["older_tables"] == {"item_groups": {"v0": "item_groups/v0/run=r1/*.parquet"}}
    assert publication.n_files == len(TABLES) + 1
    assert publication.n_rows == 18


def test_older_version_is_verified(tmp_path: Path, older: OlderTable) -> None:
    publication = publish_older(tmp_path)
    (table,) = publication.older_tables("item_groups")
    path = tmp_path / table.files[0].path
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(PublicationError, match="has changed since it was published"):
        verify_publication(tmp_path, "r1")


def test_older_version_is_held_to_its_sums_when_its_time_is_over(
    tmp_path: Path, older: OlderTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    publication = publish_older(tmp_path)
    monkeypatch.setattr(older_module, "OLDER", ())
    verify_publication(tmp_path, "r1")
    (tmp_path / publication.older_tables("item_groups")[0].files[0].path).unlink()
    with pytest.raises(PublicationError, match="lacks file"):
        verify_publication(tmp_path, "r1")


def test_older_version_is_retired_with_its_publication_and_ends_on_its_day(tmp_path: Path, older: OlderTable) -> None:
    for night in (0, 1, 2, 40):
        publish_older(tmp_path, f"r{night}", night=night)
    assert [one.publication_id for one in list_publications(tmp_path)] == ["r40", "r2"]
    assert [path.name for path in sorted((tmp_path / "item_groups" / "v0").iterdir())] == ["run=r2"]


def test_rows_that_the_conversion_gets_wrong_are_not_published(
    tmp_path: Path, older: OlderTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = replace(older, convert=lambda rows: rows.rename({"n_items": "count"}))
    monkeypatch.setattr(older_module, "OLDER", (wrong,))
    with pytest.raises(PublicationError, match="lack column 'size'"):
        publish_older(tmp_path)
    assert list_publications(tmp_path) == []


def test_contract_page_tells_of_older_versions(older: OlderTable) -> None:
    page = render_contract()
    assert "`item_groups/v0`" in page
    assert "Published until 2026-11-30" in page
    assert "| `size` | `string` |" in page


def restate(publication: Publication, version: str) -> None:
    """Make a publication look as if an earlier version of the schema had written it."""
    path = publication.published / "runs" / publication.publication_id / "manifest.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    manifest["schema_version"] = version
    for name, table in TABLES.items():
        (file,) = publication.files(name)
        rows = pq.ParquetFile(file).read()
        pq.write_table(rows.select(table.at(version).names), file)
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        manifest["tables"][name]["files"][0] |= {"bytes": file.stat().st_size, "sha256": digest}
    path.write_text(json.dumps(manifest), encoding="utf-8")


def test_publication_of_an_earlier_minor_version_is_verified_as_that(tmp_path: Path) -> None:
    """Else nobody could roll back over an upgrade."""
    restate(publish(tmp_path, rows_of_all_tables(), facts=facts()), "1.0.0")
    assert verify_publication(tmp_path, "r1").schema_version == "1.0.0"


@pytest.mark.parametrize("version", ["1.99.0", "2.0.0", "0.9.0"])
def test_publication_of_an_unknown_version_is_left_to_its_own_nightjar(tmp_path: Path, version: str) -> None:
    publication = publish(tmp_path, rows_of_all_tables(), facts=facts())
    path = tmp_path / "runs" / "r1" / "manifest.json"
    path.write_text(
        path.read_text(encoding="utf-8").replace(
            f'"schema_version": "{SCHEMA_VERSION}"', f'"schema_version": "{version}"'
        ),
        encoding="utf-8",
    )
    with pytest.raises(PublicationError, match=f"schema version {version}, this Nightjar checks {SCHEMA_VERSION}"):
        verify_publication(tmp_path, publication.publication_id)
