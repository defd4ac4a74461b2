"""The Parquet that other teams build on: its contract, and publishing it whole or not at all.

published/
  latest.json                                      the pointer and its history, replaced last and in one step
  latest -> runs/<id>                              the same as a link, for exploring by hand
  runs/<id>/manifest.json, <table> -> ../../…      what a publication holds, and links to its tables
  <table>/v1/run=<id>/<catalog>-<id>-00000.parquet the rows, sorted, one or more files a catalog
"""

from warehouse.publication.manifest import CatalogFacts, Publication, RunFacts
from warehouse.publication.manifest import read_manifest as read_publication
from warehouse.publication.pointer import (
    LATEST,
    Confirmation,
    Stay,
    confirm_pointer,
    confirmed_as_of,
    find_latest,
    list_publications,
    point_latest,
    read_history,
    resolve_latest,
)
from warehouse.publication.publish import TableRows, publish, verify_publication
from warehouse.publication.records import record_history
from warehouse.publication.retention import remove_publication, sweep_publications
from warehouse.publication.row_checks import Fault
from warehouse.publication.tables import SCHEMA_VERSION, TABLES
from warehouse.publication.verify import find_faults

__all__ = [
    "LATEST",
    "SCHEMA_VERSION",
    "TABLES",
    "CatalogFacts",
    "Confirmation",
    "Fault",
    "Publication",
    "RunFacts",
    "Stay",
    "TableRows",
    "confirm_pointer",
    "confirmed_as_of",
    "find_faults",
    "find_latest",
    "list_publications",
    "point_latest",
    "publish",
    "read_history",
    "read_publication",
    "record_history",
    "remove_publication",
    "resolve_latest",
    "sweep_publications",
    "verify_publication",
]
