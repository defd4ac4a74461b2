"""The gate before a publication shows: the suite `publication` over its files, for each catalog that it holds.

Reads the warehouse, the files, and the publication that was the latest; writes nothing. Time O(rows log rows), memory
as DuckDB's limit says; DuckDB spills to disk beyond.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from statistics import median
from typing import Any

import polars as pl

from tasks.contracts.catalog import Catalog, GatesConfig
from tasks.contracts.catalog_file import declared_parameters, load_catalog
from tasks.contracts.errors import ConfigError
from tasks.gates import ExpectationResult
from tasks.gates.publication_suite import COMPARISON
from tasks.gating.check import evaluate_suite
from warehouse.connection import Warehouse
from warehouse.errors import WarehouseError
from warehouse.publication import Publication, list_publications, read_history

TABLE = "recommendations"
MIN_COMPARED = 30
"""Of fewer recommendations a share says nothing."""
MIN_EARLIER = 3
"""After fewer nights nobody knows what is usual."""
ANY_LENGTH = 1_000_000
SCHEMA = pl.Schema({
    "against": pl.String(), "covered_share_before": pl.Float64(), "covered_share": pl.Float64(), "coverage_drop": pl.Float64(),
    "n_lost": pl.Int64(), "lost_users": pl.List(pl.String), "n_compared": pl.Int64(), "n_kept": pl.Int64(),
    "overlap": pl.Float64(), "usual_overlap": pl.Float64(), "overlap_drop": pl.Float64(), "changed_users": pl.List(pl.String),
})  # fmt: skip


@dataclass(frozen=True)
class Findings:
    """What the gate found for one catalog: its results, and rows for `coverage` and `comparison` of the manifest.

    comparison is None where there is nothing to compare with; notes say what was not checked, and why.
    """

    catalog: str
    results: Sequence[ExpectationResult]
    coverage: Mapping[str, Any]
    comparison: Mapping[str, Any] | None
    notes: tuple[str, ...]


def inspect_publication(
    warehouse: Warehouse, publication: Publication, *, before: Publication | None, known: Mapping[str, Catalog]
) -> list[Findings]:
    """The findings for each catalog of a publication, staged or published, beside the one before it if there is one.

    known are the catalogs whose thresholds are at hand; the others' files are read.
    """
    return [
        _inspect_catalog(warehouse, publication, name, before=before, catalog=known.get(name))
        for name in publication.catalogs
    ]


def find_before(published: Path, run_id: str) -> Publication | None:
    """The publication that was the latest before this run's, with all its files; None if there is none."""
    found = {one.publication_id: one for one in list_publications(published)}
    for stay in read_history(published):
        one = found.get(stay.publication_id)
        if stay.run_id != run_id and one is not None and all(path.exists() for path in one.files(TABLE)):
            return one
    return None


def _inspect_catalog(
    warehouse: Warehouse, publication: Publication, name: str, *, before: Publication | None, catalog: Catalog | None
) -> Findings:
    gates, top_n, notes = _thresholds(warehouse, name, catalog)
    files = [str(path) for path in publication.files(TABLE, catalog=name)]
    values = {"catalog": name, "files": files, "as_of_end": _end_of(_day_of(files) or publication.as_of)}
    summary = warehouse.query("audits/recommendation_summary", catalog=name, files=files)
    told = summary.row(0, named=True)
    coverage = {"catalog": name, **{key: told[key] for key in ("n_users", "n_covered", "covered_share")}}
    comparison = None
    if before is None or name not in before.catalogs:
        notes += (f"no earlier publication of {name} to compare with: coverage and overlap are not checked",)
    else:
        comparison, more = _compare(warehouse, publication, before, coverage, values)
        notes += more
    compared = pl.DataFrame([comparison] if comparison else [{}], schema=SCHEMA)
    results = evaluate_suite(
        "publication",
        warehouse,
        gates=gates,
        topics=(),
        top_n=top_n,
        frames={COMPARISON: compared, "recommendation_summary": summary},
        values=values,
    )
    return Findings(name, results, coverage, comparison, notes)


def _compare(
    warehouse: Warehouse,
    publication: Publication,
    before: Publication,
    coverage: Mapping[str, Any],
    values: Mapping[str, Any],
) -> tuple[dict[str, Any] | None, tuple[str, ...]]:
    name = coverage["catalog"]
    files = {**values, "files_before": [str(path) for path in before.files(TABLE, catalog=name)]}
    try:
        covered_before = _covered_before(warehouse, before, name)
        losses = _one_row(warehouse, "published_losses", files)
        overlaps = _one_row(warehouse, "published_overlap", files)
    except WarehouseError as error:
        # A damaged publication must not stand in the way of the next.
        return None, (f"publication {before.publication_id} can't be compared with: {str(error).splitlines()[0]}",)
    notes: tuple[str, ...] = ()
    overlap = usual = None
    if overlaps["n_compared"] < MIN_COMPARED:
        notes = (
            f"{name}: overlap is not checked, for only {overlaps['n_compared']} recommendations of"
            f" {before.publication_id} could be given again",
        )
    else:
        overlap = overlaps["n_kept"] / overlaps["n_compared"]
        usual = _usual_overlap(warehouse, name, run_id=publication.run_id)
    return {
        "against": before.publication_id,
        "covered_share_before": covered_before,
        "covered_share": coverage["covered_share"],
        "coverage_drop": 1 - coverage["covered_share"] / covered_before if covered_before else None,
        **losses,
        **overlaps,
        "overlap": overlap,
        "usual_overlap": usual,
        "overlap_drop": 1 - overlap / usual if overlap is not None and usual else None,
    }, notes


def _one_row(warehouse: Warehouse, audit: str, values: Mapping[str, Any]) -> dict[str, Any]:
    needed = {key: values[key] for key in ("catalog", "files", "files_before")}
    if audit == "published_overlap":
        needed["as_of_end"] = values["as_of_end"]
    return warehouse.query(f"audits/{audit}", **needed).row(0, named=True)


def _covered_before(warehouse: Warehouse, before: Publication, name: str) -> float:
    """The share of users that it covered, as its manifest says; of an old manifest that does not, by today's users."""
    for row in before.manifest.get("coverage", []):
        if row["catalog"] == name:
            return float(row["covered_share"])
    files = [str(path) for path in before.files(TABLE, catalog=name)]
    return float(warehouse.query("audits/recommendation_summary", catalog=name, files=files)["covered_share"][0])


def _usual_overlap(warehouse: Warehouse, name: str, *, run_id: str) -> float | None:
    earlier = warehouse.query("queries/earlier_overlaps", catalog=name, run_id=run_id)["overlap"].to_list()
    return float(median(earlier)) if len(earlier) >= MIN_EARLIER else None


def _thresholds(warehouse: Warehouse, name: str, catalog: Catalog | None) -> tuple[GatesConfig, int, tuple[str, ...]]:
    if catalog is None:
        rows = warehouse.query("queries/known_catalogs").filter(pl.col("catalog") == name)
        try:
            catalog = _load_known(rows)
        except ConfigError as error:
            note = f"{name}: {error}; its gate uses the default thresholds"
            return GatesConfig(), ANY_LENGTH, (note,)
    return catalog.gates, catalog.recommend.top_n, ()


def _load_known(rows: pl.DataFrame) -> Catalog:
    if rows.is_empty():
        raise ConfigError("the warehouse knows no catalog of that name")
    file, given = Path(rows["file"][0]), json.loads(rows["parameters"][0])
    declared = declared_parameters(file)
    return load_catalog(file, {key: value for key, value in given.items() if key in declared})


def _day_of(files: list[str]) -> date | None:
    """The day that the lists were made for, which for a catalog that did not run tonight is an earlier one."""
    found = pl.scan_parquet(files).select(pl.col("as_of").max()).collect()["as_of"][0]
    return found if isinstance(found, date) else None


def _end_of(day: date) -> datetime:
    return datetime.combine(day, time()) + timedelta(days=1)
