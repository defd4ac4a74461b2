"""The gate between writing and showing: what is about to be published against the warehouse and the last publication."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tasks.contracts.errors import GateFailedError
from tasks.gating import inspect_publication
from tests.night import DAY, Nights
from tests.tasks.tampering import change_rows, edit_manifest, execute, tamper
from warehouse.connection import open_warehouse
from warehouse.publication import list_publications, read_history, resolve_latest

BACK = date(2026, 10, 28)


def latest_of(nights: Nights) -> str:
    return resolve_latest(nights.folder / "published").publication_id


def results_of(nights: Nights) -> dict[str, tuple[bool, str]]:
    """Expectation, whether it held, what was observed: the suite `publication` of the present run."""
    query = "select expectation, is_success, observed from quality_results where suite = 'publication' and run_id = "
    return {name: (is_success, observed) for name, is_success, observed in nights.rows(f"{query}'{nights.run_id}'")}


def swap_lists(nights: Nights, share: float) -> None:
    """Change the published lists of a share of the users into items that they are not given now but could be."""
    now = nights.published("recommendations")
    users = sorted(set(now["user_id"]))[: round(share * 20)]
    met = set(nights.rows("select user_id, item_id from interactions"))
    items = nights.column("select item_id from items order by item_id")
    given = set(now.select("user_id", "item_id").iter_rows())
    other = {user: [item for item in items if (user, item) not in met and (user, item) not in given] for user in users}

    def swap(rows: pl.DataFrame) -> pl.DataFrame:
        fresh = [
            other[user][(rank - 1) % len(other[user])] if user in other else item
            for user, rank, item in rows.select("user_id", "rank", "item_id").iter_rows()
        ]
        return rows.with_columns(item_id=pl.Series(fresh, dtype=pl.String))

    tamper(nights.folder / "published", change_rows(swap))


def test_first_night_has_nothing_to_compare_with_and_says_so(finished: Nights) -> None:
    results = results_of(finished)
    assert len(results) == 11
    assert all(is_success for is_success, _ in results.values())
    assert results["lists_overlap_enough"] == (True, "no value")
    manifest = resolve_latest(finished.folder / "published").manifest
    assert manifest["coverage"] == [{"catalog": "news", "n_users": 20, "n_covered": 20, "covered_share": 1.0}]
    assert manifest["comparison"] == []
    assert {gate["suite"] for gate in manifest["gates"]} >= {"recommendations", "publication"}
    assert finished.rows("select publication_id, until, reason from latest_publications") == [
        ("r001", None, "published")
    ]


def test_second_night_is_compared_with_the_first(finished: Nights) -> None:
    report = finished.run("publish")["publish"]
    assert not [note for note in report.notes if "no earlier publication" in note]
    [compared] = resolve_latest(finished.folder / "published").manifest["comparison"]
    assert compared["n_compared"] == compared["n_kept"] == finished.published("recommendations").height
    told = {key: compared[key] for key in ("catalog", "against", "against_as_of", "covered_share_before", "overlap")}
    assert told == {
        "catalog": "news", "against": "r001", "against_as_of": "2026-11-01", "covered_share_before": 1.0, "overlap": 1.0,
    }  # fmt: skip
    assert finished.rows("select run_id, against, overlap from publication_comparisons") == [("r002", "r001", 1.0)]
    assert finished.column("select publication_id from latest_publications where until is null") == ["r002"]


def test_run_that_publishes_twice_is_compared_with_the_one_before_it(finished: Nights) -> None:
    finished.run("publish")
    # The same run, whose first publication is no longer whole.
    resolve_latest(finished.folder / "published").files("labels")[0].unlink()
    execute(finished.folder, "delete from runs where run_id = 'r002'")
    finished.n_runs -= 1
    finished.run("publish")
    assert latest_of(finished) == "r002.2"
    assert resolve_latest(finished.folder / "published").manifest["comparison"][0]["against"] == "r001"


def test_item_that_went_after_scoring_stops_the_publication(finished: Nights) -> None:
    [victim] = finished.published("recommendations")["item_id"].mode(maintain_order=True).head(1)
    execute(finished.folder, f"update items set is_active = false where item_id = '{victim}'")
    with pytest.raises(
        GateFailedError, match=rf"'publication' stopped the run: unavailable_.*{victim}.*Run from the stage"
    ):
        finished.run("publish")
    assert latest_of(finished) == "r001"
    assert not results_of(finished)["unavailable_recommendations"][0]
    assert not list((finished.folder / "published").glob(".staging*"))
    # A gate that is tried anew each time does not stay closed.
    execute(finished.folder, f"update items set is_active = true where item_id = '{victim}'")
    finished.run("publish")
    assert latest_of(finished) == "r003"


def test_lists_that_have_hardly_anything_in_common_stop_the_night(finished: Nights) -> None:
    swap_lists(finished, 1.0)
    with pytest.raises(
        GateFailedError, match=r"lists_overlap_enough observed overlap 0, .*changed_users.*u00.*min_overlap = 0 for"
    ):
        finished.run("publish")
    assert latest_of(finished) == "r001"
    finished.catalogs[0].more = "[gates]\nmin_overlap = 0.0"
    finished.run("publish")
    assert latest_of(finished) == "r003"


def remember_overlaps(nights: Nights, *overlaps: float, as_of: str = "2026-10-31") -> None:
    for number, overlap in enumerate(overlaps):
        execute(
            nights.folder,
            f"insert into publication_comparisons values ('old{number}', 'news', 'x', '{as_of}', '2026-10-30', 1, 1, 100, 9,"
            f" {overlap}, timestamp '2026-10-30 03:00:0{number}')",
        )


def test_overlap_far_below_the_usual_stops_the_night(finished: Nights) -> None:
    remember_overlaps(finished, 0.9, 1.0, 0.1)
    swap_lists(finished, 0.6)
    with pytest.raises(
        GateFailedError, match=r"overlap_is_usual observed overlap_drop 0\.5\d*, expected overlap_drop at most 0\.5"
    ):
        finished.run("publish")
    assert results_of(finished)["lists_overlap_enough"][0]
    finished.catalogs[0].more = "[gates]\nmax_overlap_drop = 0.6"
    finished.run("publish")
    assert latest_of(finished) == "r003"


@pytest.mark.parametrize("as_of", ["2026-10-31", "2026-10-30"])
def test_what_is_usual_takes_three_nights_of_different_days(finished: Nights, as_of: str) -> None:
    """Two nights, or three publications within one day, which say nothing of how lists change from day to day."""
    remember_overlaps(finished, *([1.0] * (2 if as_of == "2026-10-31" else 3)), as_of=as_of)
    swap_lists(finished, 0.6)
    finished.run("publish")
    assert results_of(finished)["overlap_is_usual"] == (True, "no value")


def test_too_few_comparable_lists_are_not_judged(finished: Nights) -> None:
    published = finished.folder / "published"
    tamper(published, change_rows(lambda rows: rows.head(20).with_columns(item_id=pl.lit("gone"))))
    report = finished.run("publish")["publish"]
    assert "news: overlap is not checked, for only 0 recommendations of r001 could be given again" in report.notes


def test_publication_before_that_can_not_be_read_does_not_stop_the_night(finished: Nights) -> None:
    path = resolve_latest(finished.folder / "published").files("recommendations")[0]
    path.write_bytes(b"PAR1 no more")
    report = finished.run("publish")["publish"]
    assert [note for note in report.notes if note.startswith("publication r001 can't be compared with")]
    assert latest_of(finished) == "r002"


def test_coverage_of_an_old_manifest_is_counted_anew(finished: Nights) -> None:
    def forget(manifest: dict[str, Any]) -> None:
        del manifest["coverage"]

    edit_manifest(resolve_latest(finished.folder / "published"), forget)
    finished.run("publish")
    assert resolve_latest(finished.folder / "published").manifest["comparison"][0]["covered_share_before"] == 1.0


def test_catalog_whose_file_is_gone_is_held_to_the_defaults(finished: Nights, tmp_path: Path) -> None:
    execute(finished.folder, f"update catalogs set file = '{tmp_path}/gone.toml'")
    with open_warehouse(finished.folder, read_only=True) as warehouse:
        publication = resolve_latest(finished.folder / "published")
        [found] = inspect_publication(warehouse, publication, before=None, known={})
    assert all(one.is_success for one in found.results)
    assert (
        "gone.toml' does not exist; give the path of a TOML file; its gate uses the default thresholds"
        in found.notes[0]
    )


def test_past_day_is_published_beside_the_latest_and_does_not_come_back(finished: Nights) -> None:
    finished.run("candidates", "score", "publish", as_of=BACK, is_backfill=True)
    published = finished.folder / "published"
    assert latest_of(finished) == "r001"
    archive = next(one for one in list_publications(published) if one.is_backfill)
    assert (archive.publication_id, archive.as_of, archive.manifest["comparison"]) == ("r002", BACK, [])
    assert [stay.publication_id for stay in read_history(published)] == ["r001"]
    execute(finished.folder, "update runs set is_backfill = true where run_id = 'r002'")
    finished.run("publish")
    assert latest_of(finished) == "r003"
    assert set(finished.published("recommendations")["as_of"]) == {DAY}
    assert finished.rows("select publication_id from publications where is_backfill") == [("r002",)]


def test_plain_run_of_an_earlier_day_becomes_the_latest(finished: Nights) -> None:
    finished.run("candidates", "score", "publish", as_of=BACK)
    assert latest_of(finished) == "r002"
    content = json.loads((finished.folder / "published" / "latest.json").read_text(encoding="utf-8"))
    assert content["as_of"] == "2026-10-28"
