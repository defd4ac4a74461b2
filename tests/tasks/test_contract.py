"""`nightjar contract check` fails on each break of the contract, names what broke it, and tells all of them at once."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest

from tests.flows.conftest import Nightjar, nightjar
from tests.night import Nights
from tests.tasks.tampering import Change, change_rows, edit_manifest, execute, tamper
from warehouse.publication import resolve_latest

__all__ = ["nightjar"]
IS_CHOSEN = (pl.col("user_id") == "u03") & (pl.col("rank") == 2)


@pytest.fixture
def published(finished: Nights) -> Path:
    """What one whole night has published; `nightjar` of this test stands on the same warehouse."""
    return finished.folder / "published"


def lines(printed: str, mark: str) -> list[str]:
    """The printed lines of one mark, without it."""
    return [" ".join(line.split()[1:]) for line in printed.splitlines() if line.split()[:1] == [mark]]


def set_null(table: pa.Table) -> pa.Table:
    """A title is null, which takes a column that allows it."""
    place = table.column_names.index("title")
    titles = pl.DataFrame(pl.from_arrow(table)).select(pl.when(~IS_CHOSEN).then("title")).to_series()
    return table.set_column(place, pa.field("title", pa.string()), titles.to_arrow().cast(pa.string()))


def retype(table: pa.Table) -> pa.Table:
    place = table.column_names.index("rank")
    return table.set_column(place, pa.field("rank", pa.int64(), nullable=False), table["rank"].cast(pa.int64()))


BREAKS = {
    "a dropped column": (lambda table: table.drop_columns(["title"]), ["columns", "'title' is absent, should be string not null"]),
    "a changed type": (retype, ["columns", "'rank' is int64 not null, should be int32 not null"]),
    "a null where none may be": (set_null, ["values", "a null in 'title'", "user_id 'u03'"]),
    "a duplicate rank": (
        change_rows(lambda rows: rows.with_columns(rank=pl.when(IS_CHOSEN).then(1).otherwise("rank"))),
        ["keys", "share user_id 'u03', rank 1", "ranks", "news: rank_gaps 1 bad rows"],
    ),
    "an item that is none": (
        change_rows(lambda rows: rows.with_columns(item_id=pl.when(IS_CHOSEN).then(pl.lit("i99")).otherwise("item_id"))),
        ["news: unavailable_recommendations 1 bad rows", '"item_id": "i99"', "no such item"],
    ),
    "an item that the user has met": (
        change_rows(lambda rows: rows.with_columns(item_id=pl.when(IS_CHOSEN).then(pl.lit("MET")).otherwise("item_id"))),
        ["news: seen_recommendations 1 bad rows", '"user_id": "u03"'],
    ),
    "a score that is no number": (
        change_rows(lambda rows: rows.with_columns(score=pl.when(IS_CHOSEN).then(float("inf")).otherwise("score"))),
        ["values", "inf in 'score'", "news: unscored_recommendations 1 bad rows"],
    ),
    "half of the users": (
        change_rows(lambda rows: rows.filter(pl.col("user_id") < "u10")),
        ["news: users_are_covered covered_share 0.5"],
    ),
}  # fmt: skip


def with_met_item(finished: Nights, change: Change) -> Change:
    """The change with "MET" as an item that u03 has read."""
    met = finished.value("select item_id from interactions where user_id = 'u03' order by item_id limit 1")

    def apply(table: pa.Table) -> pa.Table:
        rows = pl.DataFrame(pl.from_arrow(change(table)))
        return rows.with_columns(pl.col("item_id").replace("MET", met)).to_arrow().cast(table.schema)

    return apply


def test_whole_publication_holds_the_contract(nightjar: Nightjar, published: Path) -> None:
    shown = nightjar("contract", "check")
    assert (shown.code, lines(shown.out, "BREAK")) == (0, [])
    assert len(lines(shown.out, "ok")) > 15
    assert "readers there is no earlier publication to compare with" in lines(shown.out, "-")
    assert "publication r001 holds the contract" in shown.out


@pytest.mark.parametrize("what", BREAKS)
def test_break_is_found_even_where_the_checksums_fit(
    nightjar: Nightjar, finished: Nights, published: Path, what: str
) -> None:
    change, told = BREAKS[what]
    tamper(published, with_met_item(finished, change) if "met" in what else change)
    shown = nightjar("contract", "check")
    assert shown.code == 3
    broken = "\n".join(lines(shown.out, "BREAK"))
    for words in told:
        assert words in broken
    assert "files" not in [line.split()[0] for line in lines(shown.out, "BREAK")]
    assert "publication r001 breaks the contract" in shown.err


@pytest.mark.parametrize("what", ["a null where none may be", "half of the users"])
def test_checksum_finds_the_same_break_otherwise(nightjar: Nightjar, published: Path, what: str) -> None:
    tamper(published, BREAKS[what][0], reseals=False)
    shown = nightjar("contract", "check")
    assert shown.code == 3
    assert any("has changed since it was published" in line for line in lines(shown.out, "BREAK"))
    refused = nightjar("verify")
    assert (refused.code, "has changed since it was published" in refused.err) == (1, True)


def test_inactive_item_is_found_by_name(nightjar: Nightjar, finished: Nights, published: Path) -> None:
    [victim] = finished.published("recommendations")["item_id"].mode(maintain_order=True).head(1)
    execute(finished.folder, f"update items set is_active = false where item_id = '{victim}'")
    shown = nightjar("contract", "check")
    assert shown.code == 3
    (line,) = lines(shown.out, "BREAK")
    assert line.startswith("news: unavailable_recommendations 1 bad rows")
    assert f'"item_id": "{victim}"' in line
    assert "not active" in line


def test_halved_coverage_is_a_fall_from_the_publication_before(
    nightjar: Nightjar, finished: Nights, published: Path
) -> None:
    finished.run("publish")
    tamper(published, change_rows(lambda rows: rows.filter(pl.col("user_id") < "u10")))
    shown = nightjar("contract", "check")
    assert shown.code == 3
    (line,) = [line for line in lines(shown.out, "BREAK") if "users_are_covered" not in line]
    assert line.startswith("news: coverage_holds coverage_drop 0.5; expected coverage_drop at most 0.2")
    assert '"lost_users": ["u10", "u11", "u12", "u13", "u14"]' in line
    assert '"against": "r001"' in line
    held = nightjar("contract", "check", "r001")
    assert held.code == 0


def test_all_breaks_are_told_at_once(nightjar: Nightjar, published: Path) -> None:
    for what in ("an item that is none", "a score that is no number", "a duplicate rank"):
        tamper(published, BREAKS[what][0])
    shown = nightjar("contract", "check")
    names = [line.split()[0] if line[:5] != "news:" else line.split()[1] for line in lines(shown.out, "BREAK")]
    assert names == [
        "values", "keys", "ranks", "rank_gaps", "unavailable_recommendations", "unscored_recommendations"
    ]  # fmt: skip
    assert f"{len(names)} of " in shown.err


def test_readers_of_the_publication_before_are_thought_of(
    nightjar: Nightjar, finished: Nights, published: Path
) -> None:
    before = resolve_latest(published)
    finished.run("publish")

    def had_more(manifest: dict[str, object]) -> None:
        tables = manifest["tables"]
        assert isinstance(tables, dict)
        tables["item_groups"]["columns"].append({"name": "size", "type": "string", "nullable": False})

    edit_manifest(before, had_more)
    shown = nightjar("contract", "check", "--against", "r001")
    assert shown.code == 3
    (line,) = lines(shown.out, "BREAK")
    assert line.startswith("readers against r001 (schema 1.2.0): column 'size' of table 'item_groups' is gone")


def test_manifest_that_states_other_columns_breaks_the_contract(nightjar: Nightjar, published: Path) -> None:
    def loosen(manifest: dict[str, object]) -> None:
        tables = manifest["tables"]
        assert isinstance(tables, dict)
        tables["recommendations"]["columns"][2]["nullable"] = True

    edit_manifest(resolve_latest(published), loosen)
    shown = nightjar("contract", "check")
    (line,) = lines(shown.out, "BREAK")
    assert line.startswith("contract the manifest: column 'user_id' of table 'recommendations' may be null")


def test_changed_manifest_is_a_break(nightjar: Nightjar, published: Path) -> None:
    path = published / "runs" / "r001" / "manifest.json"
    path.write_text(path.read_text(encoding="utf-8").replace("CC0-1.0", "MIT"), encoding="utf-8")
    shown = nightjar("contract", "check")
    assert shown.code == 3
    (line,) = lines(shown.out, "BREAK")
    assert line.startswith("pointer the manifest of 'r001' has changed since")


@pytest.mark.parametrize("words", [("r9",), ("--against", "r9")])
def test_publication_that_is_not_there_is_told(nightjar: Nightjar, published: Path, words: tuple[str, ...]) -> None:
    shown = nightjar("contract", "check", *words)
    assert shown.code == 1
    assert "there is no publication 'r9'" in shown.err


def test_nothing_published_says_what_to_run(nightjar: Nightjar) -> None:
    shown = nightjar("contract", "check")
    assert (shown.code, "run `nightjar publish`" in shown.err) == (1, True)
