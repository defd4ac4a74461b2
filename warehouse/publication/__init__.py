"""The Parquet that other teams build on: its contract, and publishing it whole or not at all.

published/
  latest.json                                      the pointer, replaced last and in one step
  latest -> runs/<id>                              the same as a link, for exploring by hand
  runs/<id>/manifest.json, <table> -> ../../…      what a publication holds, and links to its tables
  <table>/v1/run=<id>/<catalog>-<id>-00000.parquet the rows, sorted, one or more files a catalog
"""

from warehouse.publication.manifest import CatalogFacts, Publication, RunFacts
from warehouse.publication.publish import (
    TableRows,
    list_publications,
    point_latest,
    publish,
    resolve_latest,
    sweep_publications,
    verify_publication,
)
from warehouse.publication.tables import SCHEMA_VERSION, TABLES

__all__ = [
    "SCHEMA_VERSION",
    "TABLES",
    "CatalogFacts",
    "Publication",
    "RunFacts",
    "TableRows",
    "list_publications",
    "point_latest",
    "publish",
    "resolve_latest",
    "sweep_publications",
    "verify_publication",
]
